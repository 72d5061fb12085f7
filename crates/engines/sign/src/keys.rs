//! PEM blocks and signature checks with any key that sigstore knows: ECDSA P-256 and P-384, Ed25519, RSA from 2048 bits.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sigstore_types::{DerPublicKey, HashAlgorithm, SignatureBytes};
use sigstore_verify::crypto::{KeyAlgorithm, VerificationKey};

/// No certificate or key that anybody uses is longer.
const LONGEST_PEM: usize = 64 << 10;

/// Why a key or signature cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The text is no PEM block of one of the labels that are expected.
    #[error("expected one PEM block {0}")]
    Pem(String),
    /// The key is of a kind that is not supported, or malformed.
    #[error("the public key cannot be used: {0}")]
    Key(String),
    /// The signature is not by this key over these bytes.
    #[error("the signature does not verify with the public key")]
    Signature,
}

/// Writes a PEM block.
pub fn to_pem(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let mut out = format!("-----BEGIN {label}-----\n");
    for line in text.as_bytes().chunks(64) {
        out.extend(line.iter().map(|byte| char::from(*byte)));
        out.push('\n');
    }
    out.push_str(&format!("-----END {label}-----\n"));
    out
}

/// Reads a text that is exactly one PEM block of one of these labels, and returns which and its content.
pub fn from_pem<'a>(text: &str, labels: &[&'a str]) -> Result<(&'a str, Vec<u8>), KeyError> {
    let refuse = || KeyError::Pem(labels.join(" or "));
    let text = text.trim();
    if text.len() > LONGEST_PEM {
        return Err(refuse());
    }
    for label in labels {
        let Some(rest) = text.strip_prefix(&format!("-----BEGIN {label}-----")) else { continue };
        let body = rest.strip_suffix(&format!("-----END {label}-----")).ok_or_else(refuse)?;
        let packed: String = body.chars().filter(|character| !character.is_ascii_whitespace()).collect();
        return Ok((label, STANDARD.decode(packed).map_err(|_| refuse())?));
    }
    Err(refuse())
}

/// Checks a signature over a message with a public key (SubjectPublicKeyInfo in DER) and the hash that goes with its kind.
pub fn check_signature(public_key: &[u8], message: &[u8], signature: &[u8]) -> Result<(), KeyError> {
    let key = VerificationKey::from_spki(&DerPublicKey::new(public_key.to_vec())).map_err(|error| KeyError::Key(error.to_string()))?;
    key.verify(message, &SignatureBytes::from_bytes(signature)).map_err(|_| KeyError::Signature)
}

/// Checks a signature of which only the message's hash is known; `algorithm` is `sha256`, `sha384` or `sha512`.
pub fn check_prehashed(public_key: &[u8], algorithm: &str, hash: &[u8], signature: &[u8]) -> Result<(), KeyError> {
    let unusable = |error: &dyn std::fmt::Display| KeyError::Key(error.to_string());
    let (algorithm, length) = match algorithm {
        "sha256" => (HashAlgorithm::Sha2256, 32),
        "sha384" => (HashAlgorithm::Sha2384, 48),
        "sha512" => (HashAlgorithm::Sha2512, 64),
        other => return Err(KeyError::Key(format!("the hash algorithm {other:?} is not supported"))),
    };
    if hash.len() != length {
        return Err(KeyError::Key("the hash has another length than its algorithm".to_owned()));
    }
    let spki = DerPublicKey::new(public_key.to_vec());
    let scheme =
        KeyAlgorithm::from_spki(&spki).and_then(|kind| kind.resolve_signing_scheme(algorithm)).map_err(|error| unusable(&error))?;
    let key = VerificationKey::from_spki_with_scheme(&spki, scheme).map_err(|error| unusable(&error))?;
    key.verify_prehashed(hash, &SignatureBytes::from_bytes(signature)).map_err(|_| KeyError::Signature)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{EphemeralKey, Signer as _};

    #[test]
    fn a_block_is_read_back_and_nothing_else_is() {
        let pem = to_pem("PUBLIC KEY", &[7; 100]);
        assert_eq!(from_pem(&pem, &["CERTIFICATE", "PUBLIC KEY"]), Ok(("PUBLIC KEY", vec![7; 100])));
        assert_eq!(from_pem(&pem.replace('\n', "\r\n"), &["PUBLIC KEY"]), Ok(("PUBLIC KEY", vec![7; 100])));
        for bad in [format!("{pem}{pem}"), format!("x{pem}"), pem.replace("END", "EN"), pem.replace("Bw", "!!"), String::new()] {
            assert!(from_pem(&bad, &["PUBLIC KEY"]).is_err(), "{bad}");
        }
        assert!(from_pem(&pem, &["CERTIFICATE"]).is_err());
    }

    #[test]
    fn signatures_verify_with_their_key_only() {
        let key = EphemeralKey::from_randomness(&[3; 32]).expect("a scalar");
        let other = EphemeralKey::from_randomness(&[4; 32]).expect("a scalar");
        let signature = key.sign(b"message");
        let spki = |key: &EphemeralKey| from_pem(&key.public_key_pem(), &["PUBLIC KEY"]).expect("PEM").1;
        assert_eq!(check_signature(&spki(&key), b"message", &signature), Ok(()));
        assert_eq!(check_signature(&spki(&key), b"massage", &signature), Err(KeyError::Signature));
        assert_eq!(check_signature(&spki(&other), b"message", &signature), Err(KeyError::Signature));
        let hash = hex::decode(model::Digest::of(b"message").hex()).expect("hex");
        assert_eq!(check_prehashed(&spki(&key), "sha256", &hash, &signature), Ok(()));
        assert!(check_prehashed(&spki(&key), "md5", &hash, &signature).is_err());
        assert!(check_prehashed(&spki(&key), "sha512", &hash, &signature).is_err());
    }
}
