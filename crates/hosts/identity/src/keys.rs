//! The keys and certificates that are made once and kept. Read first: [`Keys`].

use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{self, KeySize};
use aws_lc_rs::signature::{self, ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use model::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use store::{Batch, Store};

use crate::{IdentityError, certificate};

/// Where they lie.
const KEY: &str = "identity/keys";
/// What stands before the point in a P-256 public key (SubjectPublicKeyInfo).
const P256_PREFIX: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01,
    0x07, 0x03, 0x42, 0x00,
];

/// Everything that signs, and the certificates that say what for.
pub(crate) struct Keys {
    pub created: Timestamp,
    /// Signs identity tokens; RS256, because cosign takes a token of another kind for a file's name.
    pub issuer: RsaKey,
    pub authority: Key,
    pub authority_certificate: Vec<u8>,
    /// The authority's name in DER.
    pub authority_name: Vec<u8>,
    /// Signs the promise that a certificate will be in the certificate log.
    pub certificate_log: Key,
    pub log: Key,
    /// The log's number, part of its name.
    pub log_number: u64,
    pub timestamp_root_certificate: Vec<u8>,
    pub timestamp: Key,
    pub timestamp_certificate: Vec<u8>,
    /// Issuer and serial number of the former in DER.
    pub timestamp_signer: Vec<u8>,
}

/// As stored: everything binary in base64.
#[derive(Serialize, Deserialize)]
struct Stored {
    created: Timestamp,
    issuer: String,
    authority: String,
    authority_certificate: String,
    certificate_log: String,
    log: String,
    log_number: u64,
    timestamp_root_certificate: String,
    timestamp: String,
    timestamp_certificate: String,
}

impl Keys {
    /// Reads the keys, or makes and stores them all in one commit.
    pub(crate) fn open(store: &Store, host: &str, now: Timestamp) -> Result<Self, IdentityError> {
        let stored = match store.get(KEY) {
            Some(entry) => serde_json::from_slice(&entry.value).map_err(|_| unusable("keys"))?,
            None => {
                let stored = Stored::make(host, now)?;
                let bytes = serde_json::to_vec(&stored).expect("texts and numbers serialise");
                store.commit(Batch::new().expect(KEY, 0).put(KEY, bytes))?;
                stored
            }
        };
        stored.load()
    }
}

impl Stored {
    fn make(host: &str, now: Timestamp) -> Result<Self, IdentityError> {
        // Certificates count whole seconds; a key that counts from a fraction later would be younger than what it signs.
        let created = Timestamp::from_second(now.as_second()).unwrap_or(now);
        let issuer = rsa::KeyPair::generate(KeySize::Rsa2048).map_err(|_| unusable("random numbers"))?;
        let issuer: Pkcs8V1Der<'_> = issuer.as_der().map_err(|_| unusable("new issuer key"))?;
        let (authority, authority_key) = Key::make()?;
        // The timestamp root's key is not kept: it signs one certificate and never again.
        let (_, timestamp_root_key) = Key::make()?;
        let (timestamp, timestamp_key) = Key::make()?;
        let root = certificate::timestamp_root(&timestamp_root_key, host, created);
        let leaf = certificate::timestamp(&timestamp_key, &timestamp_root_key, host, created);
        Ok(Self {
            created,
            issuer: STANDARD.encode(issuer.as_ref()),
            authority: STANDARD.encode(&authority),
            authority_certificate: STANDARD.encode(certificate::authority(&authority_key, host, created)),
            certificate_log: STANDARD.encode(Key::make()?.0),
            log: STANDARD.encode(Key::make()?.0),
            log_number: rand::random::<u64>() >> 1,
            timestamp_root_certificate: STANDARD.encode(root),
            timestamp: STANDARD.encode(&timestamp),
            timestamp_certificate: STANDARD.encode(leaf),
        })
    }

    fn load(self) -> Result<Keys, IdentityError> {
        let bytes = |text: &str, what: &str| STANDARD.decode(text).map_err(|_| unusable(what));
        let key = |text: &str, what: &str| bytes(text, what).and_then(|pkcs8| Key::load(&pkcs8).ok_or_else(|| unusable(what)));
        let authority_certificate = bytes(&self.authority_certificate, "certificate authority's certificate")?;
        let timestamp_certificate = bytes(&self.timestamp_certificate, "timestamp certificate")?;
        let names = |certificate: &[u8], what: &str| certificate::names_of(certificate).ok_or_else(|| unusable(what));
        Ok(Keys {
            created: self.created,
            issuer: RsaKey::load(&bytes(&self.issuer, "issuer key")?).ok_or_else(|| unusable("issuer key"))?,
            authority: key(&self.authority, "certificate authority's key")?,
            authority_name: names(&authority_certificate, "certificate authority's certificate")?.0,
            authority_certificate,
            certificate_log: key(&self.certificate_log, "certificate log's key")?,
            log: key(&self.log, "log's key")?,
            log_number: self.log_number,
            timestamp_root_certificate: bytes(&self.timestamp_root_certificate, "timestamp root certificate")?,
            timestamp: key(&self.timestamp, "timestamp key")?,
            timestamp_signer: names(&timestamp_certificate, "timestamp certificate")?.1,
            timestamp_certificate,
        })
    }
}

fn unusable(what: &str) -> IdentityError {
    IdentityError::Stored(what.to_owned())
}

/// A P-256 key.
pub(crate) struct Key {
    pair: EcdsaKeyPair,
    /// SubjectPublicKeyInfo in DER.
    pub spki: Vec<u8>,
    /// SHA-256 of the former: a log's id.
    pub id: [u8; 32],
}

impl Key {
    fn make() -> Result<(Vec<u8>, Self), IdentityError> {
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &SystemRandom::new())
            .map_err(|_| unusable("random numbers"))?
            .as_ref()
            .to_vec();
        let key = Self::load(&pkcs8).ok_or_else(|| unusable("new key"))?;
        Ok((pkcs8, key))
    }

    fn load(pkcs8: &[u8]) -> Option<Self> {
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, pkcs8).ok()?;
        let spki = [&P256_PREFIX, pair.public_key().as_ref()].concat();
        let id = Sha256::digest(&spki).into();
        Some(Self { pair, spki, id })
    }

    /// Signs with SHA-256, the signature in DER.
    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        let signature = self.pair.sign(&SystemRandom::new(), message).expect("the system always has randomness");
        signature.as_ref().to_vec()
    }

    /// The point, as the key's identifiers are taken from it.
    pub(crate) fn point(&self) -> &[u8] {
        self.pair.public_key().as_ref()
    }
}

/// An RSA key of 2048 bits.
pub(crate) struct RsaKey {
    pair: rsa::KeyPair,
    /// The key's name in tokens.
    pub id: String,
}

impl RsaKey {
    fn load(pkcs8: &[u8]) -> Option<Self> {
        let pair = rsa::KeyPair::from_pkcs8(pkcs8).ok()?;
        let id = URL_SAFE_NO_PAD.encode(Sha256::digest(pair.public_key().as_ref()));
        Some(Self { pair, id })
    }

    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        let mut out = vec![0; self.pair.public_modulus_len()];
        self.pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut out).expect("the buffer is as long as the modulus");
        out
    }

    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        let key = UnparsedPublicKey::new(&signature::RSA_PKCS1_2048_8192_SHA256, self.pair.public_key().as_ref());
        key.verify(message, signature).is_ok()
    }

    /// Returns modulus and exponent as a JSON web key writes them.
    pub(crate) fn numbers(&self) -> (String, String) {
        let key = self.pair.public_key();
        let text = |number: &[u8]| URL_SAFE_NO_PAD.encode(number);
        (text(key.modulus().big_endian_without_leading_zero()), text(key.exponent().big_endian_without_leading_zero()))
    }
}
