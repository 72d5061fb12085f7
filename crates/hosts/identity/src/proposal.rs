//! What may be logged: a proposed entry is checked, its signature verified, and its canonical body made. Follows
//! sigstore/rekor `pkg/types/dsse` and `pkg/types/hashedrekord`, version 0.0.1 of both. Read first: [`body_of`].

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use sign::{check_prehashed, check_signature, from_pem, pae, to_pem};
use x509_cert::der::{Decode as _, Encode as _};

/// Returns the body that the log keeps, or what is wrong with the proposal.
pub(crate) fn body_of(proposal: &Value) -> Result<Vec<u8>, String> {
    match (proposal["kind"].as_str(), proposal["apiVersion"].as_str()) {
        (Some("dsse"), Some("0.0.1")) => dsse(&proposal["spec"]),
        (Some("hashedrekord"), Some("0.0.1")) => hashed(&proposal["spec"]),
        (kind, version) => {
            let shown = |text: Option<&str>| text.unwrap_or_default().chars().take(40).collect::<String>();
            Err(format!("the entry is {:?} {:?}; only dsse 0.0.1 and hashedrekord 0.0.1 are logged", shown(kind), shown(version)))
        }
    }
}

fn dsse(spec: &Value) -> Result<Vec<u8>, String> {
    let content = &spec["proposedContent"];
    let text = content["envelope"].as_str().ok_or("spec.proposedContent.envelope is missing")?;
    let envelope: Value = serde_json::from_str(text).map_err(|_| "spec.proposedContent.envelope is no JSON")?;
    let payload_type = envelope["payloadType"].as_str().ok_or("the envelope has no payloadType")?;
    let payload = decode(&envelope["payload"], "the envelope's payload")?;
    let signature = match envelope["signatures"].as_array().map(Vec::as_slice) {
        Some([one]) => decode(&one["sig"], "the envelope's signature")?,
        _ => return Err("the envelope must have exactly one signature".to_owned()),
    };
    let verifier = match content["verifiers"].as_array().map(Vec::as_slice) {
        Some([one]) => Verifier::read(&decode(one, "spec.proposedContent.verifiers")?)?,
        _ => return Err("spec.proposedContent.verifiers must have exactly one member".to_owned()),
    };
    check_signature(&verifier.spki, &pae(payload_type, &payload), &signature).map_err(|error| error.to_string())?;
    // Canonical JSON: names in order, and nothing in the values needs an escape.
    let body = format!(
        r#"{{"apiVersion":"0.0.1","kind":"dsse","spec":{{"envelopeHash":{{"algorithm":"sha256","value":"{}"}},"payloadHash":{{"algorithm":"sha256","value":"{}"}},"signatures":[{{"signature":"{}","verifier":"{}"}}]}}}}"#,
        hex::encode(Sha256::digest(text)),
        hex::encode(Sha256::digest(&payload)),
        STANDARD.encode(&signature),
        STANDARD.encode(&verifier.pem),
    );
    Ok(body.into_bytes())
}

fn hashed(spec: &Value) -> Result<Vec<u8>, String> {
    let hash = &spec["data"]["hash"];
    let algorithm = hash["algorithm"].as_str().ok_or("spec.data.hash.algorithm is missing")?;
    let digest = hash["value"].as_str().and_then(|text| hex::decode(text).ok()).ok_or("spec.data.hash.value is missing or no hex")?;
    let signature = decode(&spec["signature"]["content"], "spec.signature.content")?;
    let verifier = Verifier::read(&decode(&spec["signature"]["publicKey"]["content"], "spec.signature.publicKey.content")?)?;
    check_prehashed(&verifier.spki, algorithm, &digest, &signature).map_err(|error| error.to_string())?;
    // `algorithm` is one of three known words by now.
    let body = format!(
        r#"{{"apiVersion":"0.0.1","kind":"hashedrekord","spec":{{"data":{{"hash":{{"algorithm":"{algorithm}","value":"{}"}}}},"signature":{{"content":"{}","publicKey":{{"content":"{}"}}}}}}}}"#,
        hex::encode(&digest),
        STANDARD.encode(&signature),
        STANDARD.encode(&verifier.pem),
    );
    Ok(body.into_bytes())
}

fn decode(value: &Value, what: &str) -> Result<Vec<u8>, String> {
    value.as_str().and_then(|text| STANDARD.decode(text).ok()).ok_or_else(|| format!("{what} is missing or no base64"))
}

/// Whoever signed: a certificate or a bare key, written again in one way.
struct Verifier {
    spki: Vec<u8>,
    pem: String,
}

impl Verifier {
    /// Takes bytes, never an address: a log that fetches keys can be sent anywhere.
    fn read(pem: &[u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(pem).map_err(|_| "the verifier is no PEM")?;
        let (label, der) = from_pem(text, &["CERTIFICATE", "PUBLIC KEY"]).map_err(|error| format!("the verifier is malformed: {error}"))?;
        let spki = match label {
            "CERTIFICATE" => x509_cert::Certificate::from_der(&der)
                .and_then(|certificate| certificate.tbs_certificate.subject_public_key_info.to_der())
                .map_err(|_| "the verifier's certificate is malformed")?,
            _ => der.clone(),
        };
        Ok(Self { spki, pem: to_pem(label, &der) })
    }
}
