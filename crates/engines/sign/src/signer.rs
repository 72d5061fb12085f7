//! Who signs: something that knows one key. Read first: [`Signer`].

use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{DerSignature, SigningKey};
use p256::pkcs8::EncodePublicKey as _;

use crate::keys::to_pem;

/// Signs with ECDSA on P-256 over SHA-256.
pub trait Signer {
    /// Returns the public key, a PEM block `PUBLIC KEY`.
    fn public_key_pem(&self) -> String;
    /// Returns the signature of the message in DER.
    fn sign(&self, message: &[u8]) -> Vec<u8>;
}

/// A key that is made for one signature and forgotten after it.
#[derive(Clone)]
pub struct EphemeralKey(SigningKey);

impl EphemeralKey {
    /// Makes the key from 32 random bytes; `None` for the few values (about one of 2^32) that are no scalar of the curve, where
    /// the caller takes other bytes.
    pub fn from_randomness(randomness: &[u8; 32]) -> Option<Self> {
        SigningKey::from_slice(randomness).ok().map(Self)
    }
}

impl Signer for EphemeralKey {
    fn public_key_pem(&self) -> String {
        let document = self.0.verifying_key().to_public_key_der().expect("a point of the curve always encodes");
        to_pem("PUBLIC KEY", document.as_bytes())
    }

    fn sign(&self, message: &[u8]) -> Vec<u8> {
        let signature: DerSignature = self.0.sign(message);
        signature.as_bytes().to_vec()
    }
}

/// The key itself is never shown.
impl std::fmt::Debug for EphemeralKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("EphemeralKey")
    }
}
