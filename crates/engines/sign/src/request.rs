//! What a signer sends to the certificate authority, the log and the timestamp authority.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::{Envelope, Signer};

/// Returns the body for Fulcio's `POST /api/v2/signingCert`; the identity token goes into `Authorization: Bearer`.
///
/// `challenge` is the token's `sub`: signing it proves that whoever asks holds the key.
pub fn certificate_request(signer: &dyn Signer, challenge: &str) -> Value {
    json!({
        "publicKeyRequest": {
            "publicKey": { "algorithm": "ECDSA", "content": signer.public_key_pem() },
            "proofOfPossession": STANDARD.encode(signer.sign(challenge.as_bytes())),
        }
    })
}

/// Returns the body for Rekor's `POST /api/v1/log/entries`: a `dsse` 0.0.1 entry.
pub fn dsse_entry(envelope: &Envelope, certificate_pem: &str) -> Value {
    json!({
        "apiVersion": "0.0.1",
        "kind": "dsse",
        "spec": { "proposedContent": {
            "envelope": envelope.to_json().to_string(),
            "verifiers": [STANDARD.encode(certificate_pem)],
        } },
    })
}

/// Returns the body for Rekor's `POST /api/v1/log/entries`: a `hashedrekord` 0.0.1 entry, for a signature over plain bytes.
pub fn hashed_entry(message: &[u8], signature: &[u8], certificate_pem: &str) -> Value {
    json!({
        "apiVersion": "0.0.1",
        "kind": "hashedrekord",
        "spec": {
            "data": { "hash": { "algorithm": "sha256", "value": hex::encode(Sha256::digest(message)) } },
            "signature": { "content": STANDARD.encode(signature), "publicKey": { "content": STANDARD.encode(certificate_pem) } },
        },
    })
}

/// Returns the RFC 3161 request for a timestamp of a signature, the same 56 bytes that cosign sends (no nonce, no certificate).
pub fn timestamp_request(signature: &[u8]) -> Vec<u8> {
    const BEFORE_HASH: [u8; 24] = [
        0x30, 0x36, 0x02, 0x01, 0x01, // SEQUENCE, version 1
        0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, // SHA-256
        0x04, 0x20,
    ];
    let mut out = BEFORE_HASH.to_vec();
    out.extend_from_slice(&Sha256::digest(signature));
    out
}
