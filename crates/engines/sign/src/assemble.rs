//! The bundle and its referrer manifest. Follows sigstore/cosign `specs/BUNDLE_SPEC.md` and `pkg/oci/remote/write.go`.
//! Read first: [`assemble`], [`referrer`].

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use model::Timestamp;
use oci::{Descriptor, Manifest, media_type};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{Envelope, PREDICATE_TYPE};

/// Why a bundle cannot be put together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AssembleError {
    /// The log's answer is not what `POST /api/v1/log/entries` answers.
    #[error("the log's answer is malformed at {0}")]
    Answer(&'static str),
}

/// One entry as Rekor's version 1 answers it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Entry {
    pub body: String,
    pub integrated_time: i64,
    #[serde(rename = "logID")]
    pub log_id: String,
    pub log_index: u64,
    pub verification: Verification,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Verification {
    pub signed_entry_timestamp: String,
    inclusion_proof: Proof,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Proof {
    checkpoint: String,
    hashes: Vec<String>,
    log_index: u64,
    root_hash: String,
    tree_size: u64,
}

/// Returns the bundle: certificate (DER), envelope, the log's answer (the JSON map of one entry) and, if there is one, the
/// timestamp authority's whole reply.
pub fn assemble(certificate: &[u8], envelope: &Envelope, log_answer: &[u8], timestamp: Option<&[u8]>) -> Result<Vec<u8>, AssembleError> {
    let entry = entry(log_answer)?;
    let body = STANDARD.decode(&entry.body).map_err(|_| AssembleError::Answer("body"))?;
    let body: Value = serde_json::from_slice(&body).map_err(|_| AssembleError::Answer("body"))?;
    let (Some(kind), Some(version)) = (body["kind"].as_str(), body["apiVersion"].as_str()) else {
        return Err(AssembleError::Answer("body.kind"));
    };
    let mut material = json!({
        "certificate": { "rawBytes": STANDARD.encode(certificate) },
        "tlogEntries": [log_entry(&entry, kind, version)?],
    });
    if let Some(reply) = timestamp {
        material["timestampVerificationData"] = json!({ "rfc3161Timestamps": [{ "signedTimestamp": STANDARD.encode(reply) }] });
    }
    let bundle = json!({
        "mediaType": media_type::BUNDLE,
        "verificationMaterial": material,
        "dsseEnvelope": envelope.to_json(),
    });
    Ok(bundle.to_string().into_bytes())
}

/// Reads the log's answer, which is a map of one entry.
pub(crate) fn entry(log_answer: &[u8]) -> Result<Entry, AssembleError> {
    let entries: std::collections::BTreeMap<String, Entry> =
        serde_json::from_slice(log_answer).map_err(|_| AssembleError::Answer("the entry"))?;
    let [entry] = entries.into_values().collect::<Vec<_>>().try_into().map_err(|_| AssembleError::Answer("the number of entries"))?;
    Ok(entry)
}

/// Rekor writes hex where a bundle has base64, and numbers where it has texts.
fn log_entry(entry: &Entry, kind: &str, version: &str) -> Result<Value, AssembleError> {
    let base64 =
        |hex: &str, place: &'static str| hex::decode(hex).map(|bytes| STANDARD.encode(bytes)).map_err(|_| AssembleError::Answer(place));
    let proof = &entry.verification.inclusion_proof;
    let hashes: Vec<String> = proof.hashes.iter().map(|hash| base64(hash, "inclusionProof.hashes")).collect::<Result<_, _>>()?;
    Ok(json!({
        "logIndex": entry.log_index.to_string(),
        "logId": { "keyId": base64(&entry.log_id, "logID")? },
        "kindVersion": { "kind": kind, "version": version },
        "integratedTime": entry.integrated_time.to_string(),
        "inclusionPromise": { "signedEntryTimestamp": entry.verification.signed_entry_timestamp },
        "inclusionProof": {
            "logIndex": proof.log_index.to_string(),
            "rootHash": base64(&proof.root_hash, "inclusionProof.rootHash")?,
            "treeSize": proof.tree_size.to_string(),
            "hashes": hashes,
            "checkpoint": { "envelope": proof.checkpoint },
        },
        "canonicalizedBody": entry.body,
    }))
}

/// Returns the manifest that attaches a bundle to a subject, and the bytes of its config, which have to be pushed before it.
pub fn referrer(subject: Descriptor, bundle: &[u8], created: Timestamp) -> (Vec<u8>, Vec<u8>) {
    let config_bytes = b"{}".to_vec();
    let mut config = Descriptor::of(media_type::EMPTY, &config_bytes);
    config.artifact_type = Some(media_type::BUNDLE.to_owned());
    let mut manifest = Manifest::new(config, vec![Descriptor::of(media_type::BUNDLE, bundle)]);
    manifest.artifact_type = Some(media_type::BUNDLE.to_owned());
    manifest.subject = Some(Descriptor::new(&subject.media_type, subject.digest, subject.size));
    let created = Timestamp::from_second(created.as_second()).unwrap_or(created);
    manifest.annotations = [
        ("dev.sigstore.bundle.content", "dsse-envelope".to_owned()),
        ("dev.sigstore.bundle.predicateType", PREDICATE_TYPE.to_owned()),
        ("org.opencontainers.image.created", created.to_string()),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect();
    (manifest.to_bytes(), config_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::Digest;

    #[test]
    fn the_referrer_is_what_cosign_writes() {
        let subject = Descriptor::of(media_type::MANIFEST, b"image");
        let (manifest, config) = referrer(subject.clone(), b"bundle", "2026-01-01T00:00:00.5Z".parse().expect("a time"));
        let manifest: Value = serde_json::from_slice(&manifest).expect("JSON");
        assert_eq!(config, b"{}");
        assert_eq!(manifest["artifactType"], media_type::BUNDLE);
        assert_eq!(manifest["config"]["digest"], "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a");
        assert_eq!(manifest["layers"][0]["digest"], Digest::of(b"bundle").as_str());
        assert_eq!(manifest["layers"].as_array().map(Vec::len), Some(1));
        assert_eq!(manifest["subject"]["digest"], subject.digest.as_str());
        assert_eq!(manifest["annotations"]["org.opencontainers.image.created"], "2026-01-01T00:00:00Z");
    }

    #[test]
    fn a_malformed_answer_names_the_place() {
        let envelope = Envelope { payload: Vec::new(), signature: Vec::new() };
        for (answer, place) in [("[]", "the entry"), ("{}", "the number of entries")] {
            assert_eq!(assemble(b"", &envelope, answer.as_bytes(), None), Err(AssembleError::Answer(place)));
        }
    }
}
