//! SSH signatures on commits, as `git commit -S` with `gpg.format = ssh` makes them and `git verify-commit` checks them.

use ssh_key::{HashAlg, LineEnding, PrivateKey, PublicKey, SshSig};

use crate::GitError;

const NAMESPACE: &str = "git";
const HEADER: &[u8] = b"gpgsig ";

/// A private SSH key that signs commits.
#[derive(Clone)]
pub struct SigningKey(PrivateKey);

/// What a check of a signature found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// The commit has no signature.
    Unsigned,
    /// It was signed with the key at this place of the list.
    SignedBy(usize),
    /// It has a signature that is good for none of the keys, or cannot be checked.
    Untrusted(String),
}

impl SigningKey {
    /// Reads an unencrypted private key in OpenSSH's format.
    pub fn from_openssh(text: &str) -> Result<Self, GitError> {
        let key = PrivateKey::from_openssh(text).map_err(|error| GitError::Key(error.to_string()))?;
        if key.is_encrypted() {
            return Err(GitError::Key("it is encrypted; give it without a passphrase".to_owned()));
        }
        Ok(Self(key))
    }

    /// Makes an Ed25519 key of 32 secret bytes.
    pub fn from_seed(seed: &[u8; 32], comment: &str) -> Result<Self, GitError> {
        let pair = ssh_key::private::Ed25519Keypair::from_seed(seed);
        PrivateKey::new(pair.into(), comment).map(Self).map_err(|error| GitError::Key(error.to_string()))
    }

    /// Returns the key in OpenSSH's format. This is a secret.
    pub fn to_openssh(&self) -> Result<String, GitError> {
        self.0.to_openssh(LineEnding::LF).map(|text| text.to_string()).map_err(|error| GitError::Key(error.to_string()))
    }

    /// Returns the public key as a line of `authorized_keys`.
    pub fn public_line(&self) -> String {
        self.0.public_key().to_openssh().unwrap_or_default()
    }

    /// Returns the public key's `SHA256:…` fingerprint.
    pub fn fingerprint(&self) -> String {
        self.0.fingerprint(HashAlg::Sha256).to_string()
    }
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SigningKey({})", self.fingerprint())
    }
}

/// Returns the `SHA256:…` fingerprint of a line of `authorized_keys`.
pub fn fingerprint(line: &str) -> Result<String, GitError> {
    let key = PublicKey::from_openssh(line.trim()).map_err(|error| GitError::Key(error.to_string()))?;
    Ok(key.fingerprint(HashAlg::Sha256).to_string())
}

/// Returns the bytes of an unsigned commit with a signature in its header.
pub fn sign(commit: &[u8], key: &SigningKey) -> Result<Vec<u8>, GitError> {
    let (None, payload) = split(commit)? else {
        return Err(GitError::malformed("commit", "it is signed already"));
    };
    let signature = key.0.sign(NAMESPACE, HashAlg::Sha512, &payload).map_err(|error| GitError::Key(error.to_string()))?;
    let armored = signature.to_pem(LineEnding::LF).map_err(|error| GitError::Key(error.to_string()))?;
    let headers_end = find(commit, b"\n\n").ok_or_else(|| GitError::malformed("commit", "its headers have no end"))? + 1;
    let mut signed = commit[..headers_end].to_vec();
    signed.extend_from_slice(HEADER);
    signed.extend_from_slice(armored.trim_end().replace('\n', "\n ").as_bytes());
    signed.push(b'\n');
    signed.extend_from_slice(&commit[headers_end..]);
    Ok(signed)
}

/// Splits a commit into its signature and the bytes that were signed.
pub fn split(commit: &[u8]) -> Result<(Option<String>, Vec<u8>), GitError> {
    let end = find(commit, b"\n\n").map_or(commit.len(), |at| at + 1);
    let (mut payload, mut signature) = (Vec::with_capacity(commit.len()), None::<Vec<u8>>);
    let mut inside = false;
    for line in commit[..end].split_inclusive(|byte| *byte == b'\n') {
        if let Some(value) = line.strip_prefix(HEADER) {
            if signature.is_some() {
                return Err(GitError::malformed("commit", "gpgsig is given twice"));
            }
            signature = Some(value.to_vec());
            inside = true;
        } else if let (true, Some(more), Some(signature)) = (inside, line.strip_prefix(b" "), signature.as_mut()) {
            signature.extend_from_slice(more);
        } else {
            inside = false;
            payload.extend_from_slice(line);
        }
    }
    payload.extend_from_slice(&commit[end..]);
    let signature = signature.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    Ok((signature, payload))
}

/// Checks a commit's signature against public keys, given as lines of `authorized_keys`.
pub fn verify(commit: &[u8], keys: &[&str]) -> Result<Finding, GitError> {
    let (Some(signature), payload) = split(commit)? else { return Ok(Finding::Unsigned) };
    if !signature.starts_with("-----BEGIN SSH SIGNATURE-----") {
        return Ok(Finding::Untrusted("it is no SSH signature; OpenPGP and X.509 signatures are not supported".to_owned()));
    }
    let signature = match SshSig::from_pem(signature.trim_end()) {
        Ok(signature) => signature,
        Err(error) => return Ok(Finding::Untrusted(format!("its signature cannot be read: {error}"))),
    };
    let signer = PublicKey::from(signature.public_key().clone());
    let known = keys.iter().position(|line| PublicKey::from_openssh(line.trim()).is_ok_and(|key| key.key_data() == signer.key_data()));
    let Some(index) = known else {
        return Ok(Finding::Untrusted(format!("it is signed with a key that nobody registered, {}", signer.fingerprint(HashAlg::Sha256))));
    };
    match signer.verify(NAMESPACE, &payload, &signature) {
        Ok(()) => Ok(Finding::SignedBy(index)),
        Err(error) => Ok(Finding::Untrusted(format!("its signature does not verify: {error}"))),
    }
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}
