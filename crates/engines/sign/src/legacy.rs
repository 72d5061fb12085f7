//! cosign's legacy signature: a small document that names a digest, signed as it is, as one layer of a manifest under the tag
//! `sha256-<hex>.sig`, with certificate and log entry in the layer's annotations. Follows sigstore/cosign
//! `specs/SIGNATURE_SPEC.md` and `pkg/cosign/verify.go`.
//!
//! To check one, it is put into a sigstore bundle 0.1, which may hold a promise of the log in place of a proof; so both forms
//! meet the same checks. Read first: [`Legacy::verify`].

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use model::Digest;
use oci::{Descriptor, Manifest, media_type};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sigstore_types::Bundle;
use sigstore_verify::{Error, VerificationPolicy};

use crate::assemble::{AssembleError, entry};
use crate::evidence::text;
use crate::verify::{MAX_BUNDLES, Verified, conclude};
use crate::{Policy, Refusal, Signer, TrustRoot, from_pem};

const SIGNATURE: &str = "dev.cosignproject.cosign/signature";
const CERTIFICATE: &str = "dev.sigstore.cosign/certificate";
const LOG: &str = "dev.sigstore.cosign/bundle";
const TIMESTAMP: &str = "dev.sigstore.cosign/rfc3161timestamp";
const TYPE: &str = "cosign container image signature";
/// cosign's are some 250 bytes.
const LONGEST: usize = 64 << 10;
const BUNDLE: &str = "application/vnd.dev.sigstore.bundle+json;version=0.1";

/// The tag under which a digest's legacy signatures lie.
pub fn signature_tag(digest: &Digest) -> String {
    format!("sha256-{}.sig", digest.hex())
}

/// One layer of a manifest under a `.sig` tag, as it lies there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Legacy {
    /// The layer: the document that is signed.
    #[serde(with = "text")]
    payload: Vec<u8>,
    /// The layer's annotations.
    annotations: BTreeMap<String, String>,
}

/// The document. A key that stands twice is refused, for two readers could take a different one each.
#[derive(Deserialize)]
struct Payload {
    critical: Critical,
    #[serde(rename = "optional", default)]
    _optional: Option<BTreeMap<String, Value>>,
}

#[derive(Deserialize)]
struct Critical {
    #[serde(rename = "identity")]
    _identity: Value,
    image: Image,
    r#type: String,
}

#[derive(Deserialize)]
struct Image {
    // The specification spells it with a capital, all programs without.
    #[serde(rename = "docker-manifest-digest", alias = "Docker-manifest-digest")]
    digest: String,
}

/// What the log said.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Logged {
    signed_entry_timestamp: String,
    payload: LoggedPayload,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LoggedPayload {
    body: String,
    integrated_time: i64,
    log_index: u64,
    #[serde(rename = "logID")]
    log_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Stamp {
    #[serde(rename = "SignedRFC3161Timestamp")]
    reply: String,
}

impl Legacy {
    /// Tells whether a layer of a manifest under a `.sig` tag is a signature. cosign does not ask for its media type.
    pub fn is_one(layer: &Descriptor) -> bool {
        layer.annotations.contains_key(SIGNATURE) && layer.size <= LONGEST as u64
    }

    /// Returns a layer as evidence; its bytes are those that its descriptor names.
    pub fn new(payload: Vec<u8>, annotations: BTreeMap<String, String>) -> Self {
        Self { payload, annotations }
    }

    /// Returns the document that says "this digest, in this repository", which is what a signature covers.
    pub fn payload(repository: &str, digest: &Digest) -> Vec<u8> {
        // Names of repositories and digests need no escaping; cosign's order of keys is kept.
        format!(
            r#"{{"critical":{{"identity":{{"docker-reference":"{repository}"}},"image":{{"docker-manifest-digest":"{digest}"}},"type":"{TYPE}"}},"optional":null}}"#
        )
        .into_bytes()
    }

    /// Puts a signature together: `log_answer` is the log's JSON map of one entry, `timestamp` the authority's whole reply.
    pub fn assemble(
        payload: Vec<u8>,
        signature: &[u8],
        certificate_pem: &str,
        log_answer: &[u8],
        timestamp: Option<&[u8]>,
    ) -> Result<Self, AssembleError> {
        let entry = entry(log_answer)?;
        let log = json!({
            "SignedEntryTimestamp": entry.verification.signed_entry_timestamp,
            "Payload": {
                "body": entry.body,
                "integratedTime": entry.integrated_time,
                "logIndex": entry.log_index,
                "logID": entry.log_id,
            },
        });
        let mut annotations = BTreeMap::from([
            (SIGNATURE.to_owned(), STANDARD.encode(signature)),
            (CERTIFICATE.to_owned(), certificate_pem.to_owned()),
            (LOG.to_owned(), log.to_string()),
        ]);
        if let Some(reply) = timestamp {
            annotations.insert(TIMESTAMP.to_owned(), json!({ "SignedRFC3161Timestamp": STANDARD.encode(reply) }).to_string());
        }
        Ok(Self { payload, annotations })
    }

    /// Returns the manifest for the `.sig` tag that holds the signatures already there and this one, and the bytes of its
    /// config; payload and config have to be pushed before it. Of very many the oldest go: no verifier looks at more.
    pub fn manifest(&self, present: Option<Manifest>) -> (Vec<u8>, Vec<u8>) {
        let mut layers = present.map(|manifest| manifest.layers).unwrap_or_default();
        let mut layer = Descriptor::of(media_type::SIMPLE_SIGNING, &self.payload);
        layer.annotations = self.annotations.clone();
        layers.retain(|each| *each != layer);
        layers.push(layer);
        let surplus = layers.len().saturating_sub(MAX_BUNDLES);
        layers.drain(..surplus);
        let ids: Vec<String> = layers.iter().map(|layer| layer.digest.to_string()).collect();
        let config = json!({
            "architecture": "", "config": {}, "created": "0001-01-01T00:00:00Z", "os": "",
            "history": ids.iter().map(|_| json!({ "created": "0001-01-01T00:00:00Z" })).collect::<Vec<_>>(),
            "rootfs": { "type": "layers", "diff_ids": ids },
        })
        .to_string()
        .into_bytes();
        (Manifest::new(Descriptor::of(media_type::CONFIG, &config), layers).to_bytes(), config)
    }

    /// Returns the layer's bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.payload
    }

    /// Signs a digest in a repository, and returns document and signature.
    pub fn sign(signer: &dyn Signer, repository: &str, digest: &Digest) -> (Vec<u8>, Vec<u8>) {
        let payload = Self::payload(repository, digest);
        let signature = signer.sign(&payload);
        (payload, signature)
    }

    /// Checks it as [`crate::verify_bundle`] checks a bundle: certificate, log, time and signature against the trust root, the
    /// document against the digest, the signer against the policy.
    pub fn verify(&self, root: &TrustRoot, subject: &Digest, policy: &Policy) -> Result<Verified, Refusal> {
        if policy.identities.is_empty() {
            return Err(Refusal::NoPolicy);
        }
        let document = self.document()?;
        let bundle = self.bundle()?;
        let result =
            root.verifier.verify(self.payload.as_slice(), &bundle, &VerificationPolicy::any_identity()).map_err(|error| match error {
                // What the library calls the artifact is the document here, so it is the log entry that is about something else.
                Error::ArtifactMismatch(why) => Refusal::ForeignEntry(why.to_string()),
                error => Refusal::of(error, subject, &document.critical.image.digest),
            })?;
        let verified = conclude(root, &bundle, &result, subject, policy)?;
        if document.critical.r#type != TYPE {
            let found = document.critical.r#type.chars().take(200).collect();
            return Err(Refusal::WrongPredicate { found });
        }
        if document.critical.image.digest != subject.as_str() {
            let found = document.critical.image.digest.chars().take(80).collect();
            return Err(Refusal::WrongDigest { wanted: subject.clone(), found });
        }
        Ok(verified)
    }

    fn document(&self) -> Result<Payload, Refusal> {
        if self.payload.len() > LONGEST {
            return Err(Refusal::Malformed(format!("the signed document is longer than {LONGEST} bytes")));
        }
        serde_json::from_slice(&self.payload).map_err(|error| Refusal::Malformed(format!("the signed document: {error}")))
    }

    /// Returns the same evidence as a bundle.
    fn bundle(&self) -> Result<Bundle, Refusal> {
        let malformed = |what: &str, error: &dyn std::fmt::Display| Refusal::Malformed(format!("{what}: {error}"));
        let signature = self.annotations.get(SIGNATURE).ok_or_else(|| Refusal::Malformed(format!("it has no {SIGNATURE}")))?;
        let certificate = self
            .annotations
            .get(CERTIFICATE)
            .filter(|text| !text.is_empty())
            .ok_or_else(|| Refusal::Unsupported("it has no certificate; only keyless signatures are read".to_owned()))?;
        let (_, certificate) = from_pem(certificate, &["CERTIFICATE"]).map_err(|error| malformed(CERTIFICATE, &error))?;
        let log = self.annotations.get(LOG).ok_or_else(|| Refusal::NotLogged("there is no log entry".to_owned()))?;
        let logged: Logged = serde_json::from_str(log).map_err(|error| malformed(LOG, &error))?;
        let body = STANDARD.decode(&logged.payload.body).map_err(|error| malformed("the log entry", &error))?;
        let body: Value = serde_json::from_slice(&body).map_err(|error| malformed("the log entry", &error))?;
        if body["kind"] != "hashedrekord" {
            return Err(Refusal::ForeignEntry(format!("it is of the kind {}", body["kind"])));
        }
        let log_id = hex::decode(&logged.payload.log_id).map_err(|error| malformed("logID", &error))?;
        let digest = Digest::of(&self.payload);
        let hash = hex::decode(digest.hex()).map_err(|error| malformed("the digest", &error))?;
        let mut material = json!({
            "x509CertificateChain": { "certificates": [{ "rawBytes": STANDARD.encode(certificate) }] },
            "tlogEntries": [{
                "logIndex": logged.payload.log_index.to_string(),
                "logId": { "keyId": STANDARD.encode(log_id) },
                "kindVersion": { "kind": body["kind"], "version": body["apiVersion"] },
                "integratedTime": logged.payload.integrated_time.to_string(),
                "inclusionPromise": { "signedEntryTimestamp": logged.signed_entry_timestamp },
                "canonicalizedBody": logged.payload.body,
            }],
        });
        if let Some(stamp) = self.annotations.get(TIMESTAMP) {
            let stamp: Stamp = serde_json::from_str(stamp).map_err(|error| malformed(TIMESTAMP, &error))?;
            material["timestampVerificationData"] = json!({ "rfc3161Timestamps": [{ "signedTimestamp": stamp.reply }] });
        }
        let bundle = json!({
            "mediaType": BUNDLE,
            "verificationMaterial": material,
            "messageSignature": {
                "messageDigest": { "algorithm": "SHA2_256", "digest": STANDARD.encode(hash) },
                "signature": signature,
            },
        });
        Bundle::from_json(&bundle.to_string()).map_err(|error| Refusal::Malformed(error.to_string()))
    }
}
