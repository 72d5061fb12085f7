//! What is signed: the in-toto statement about a digest, in a DSSE envelope. Follows sigstore/cosign `cmd/cosign/cli/sign`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use model::Digest;
use serde_json::json;

use crate::Signer;

/// The media type of an in-toto statement.
pub const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";
/// The kind of statement that is an image's or artifact's signature, and no other attestation.
pub const PREDICATE_TYPE: &str = "https://sigstore.dev/cosign/sign/v1";

/// Returns the statement that says "I signed this digest"; equal digests give equal bytes.
pub fn statement(digest: &Digest) -> Vec<u8> {
    // Digests and the two constants need no escaping; a map's order would depend on the features of serde_json.
    format!(
        r#"{{"_type":"https://in-toto.io/Statement/v1","subject":[{{"digest":{{"sha256":"{}"}}}}],"predicateType":"{PREDICATE_TYPE}","predicate":{{}}}}"#,
        digest.hex()
    )
    .into_bytes()
}

/// Returns the bytes that a DSSE signature covers.
pub fn pae(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let mut out = format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len()).into_bytes();
    out.extend_from_slice(payload);
    out
}

/// A signed statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// The statement.
    pub payload: Vec<u8>,
    /// The signature over the [`pae`] of the payload, in DER.
    pub signature: Vec<u8>,
}

impl Envelope {
    /// Signs a statement.
    pub fn sign(signer: &dyn Signer, payload: Vec<u8>) -> Self {
        let signature = signer.sign(&pae(PAYLOAD_TYPE, &payload));
        Self { payload, signature }
    }

    /// Returns the envelope as JSON. There is no `keyid`: cosign refuses one that it does not know.
    pub fn to_json(&self) -> serde_json::Value {
        json!({
            "payload": STANDARD.encode(&self.payload),
            "payloadType": PAYLOAD_TYPE,
            "signatures": [{ "sig": STANDARD.encode(&self.signature) }],
        })
    }
}
