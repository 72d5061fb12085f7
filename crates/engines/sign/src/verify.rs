//! The check of a signature: cryptography by `sigstore-verify`, and what it leaves open by us. Read first: [`verify_bundle`];
//! signatures of cosign's legacy format come the same way from [`crate::legacy`].

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use model::{Digest, Timestamp};
use serde_json::Value;
use sigstore_types::{Bundle, Sha256Hash, SignatureContent};
use sigstore_verify::{VerificationPolicy, VerificationResult};
use x509_cert::Certificate;
use x509_cert::der::Decode as _;

use crate::{Evidence, PREDICATE_TYPE, Policy, Refusal, TrustRoot, chain, shape};

/// How many signatures of one digest are looked at: anybody who can push can add some.
pub const MAX_BUNDLES: usize = 50;
/// cosign's bundles are 6 to 9 kB.
const LONGEST_BUNDLE: usize = 1 << 20;
/// As many as cosign reads.
const MOST_ENTRIES: usize = 32;
const MEDIA_TYPES: [&str; 2] = ["application/vnd.dev.sigstore.bundle.v0.3+json", "application/vnd.dev.sigstore.bundle+json;version=0.3"];
/// cosign wrote the first before version 3.
const STATEMENT_TYPES: [&str; 2] = ["https://in-toto.io/Statement/v0.1", "https://in-toto.io/Statement/v1"];
/// The issuer as raw text, written for old verifiers only.
const OLD_ISSUER: &str = "1.3.6.1.4.1.57264.1.1";

/// A good signature. Only the verifier can make one.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Verified {
    /// What is signed.
    pub digest: Digest,
    /// Who vouches for the signer.
    pub issuer: String,
    /// Who signed.
    pub subject: String,
    /// The entry's place in its log.
    pub log_index: u64,
    /// The log's id in base64, as the trust root writes it.
    pub log_id: String,
    /// When the log took the entry in, if it has signed that time.
    pub integrated_time: Option<Timestamp>,
    /// All times that the log and timestamp authorities have signed; there is at least one.
    pub times: Vec<Timestamp>,
}

/// Accepts the first good signature. A bad one never hides a good one, in whatever form the two are.
pub fn choose<E: std::borrow::Borrow<Evidence>>(
    root: &TrustRoot,
    evidence: impl IntoIterator<Item = E>,
    subject: &Digest,
    policy: &Policy,
) -> Result<Verified, Refusal> {
    let mut reasons = Vec::new();
    for each in evidence {
        if reasons.len() == MAX_BUNDLES {
            return Err(Refusal::TooMany { limit: MAX_BUNDLES });
        }
        let verified = match each.borrow() {
            Evidence::Bundle(bundle) => verify_bundle(root, bundle, subject, policy),
            Evidence::Legacy(signature) => signature.verify(root, subject, policy),
        };
        match verified {
            Ok(verified) => return Ok(verified),
            Err(reason) => reasons.push(reason),
        }
    }
    match reasons.len() {
        0 => Err(Refusal::NoSignature(subject.clone())),
        1 => Err(reasons.remove(0)),
        count => {
            reasons.truncate(3);
            Err(Refusal::NoneGood { count, reasons })
        }
    }
}

/// Checks one bundle: certificate, log, time and signature against the trust root, the statement against the digest, the
/// signer against the policy.
pub fn verify_bundle(root: &TrustRoot, bundle: &[u8], subject: &Digest, policy: &Policy) -> Result<Verified, Refusal> {
    if policy.identities.is_empty() {
        return Err(Refusal::NoPolicy);
    }
    let bundle = parse(bundle)?;
    let statement = Statement::of(&bundle)?;
    let artifact = Sha256Hash::from_hex(subject.hex()).map_err(|error| Refusal::Malformed(error.to_string()))?;
    let result = root
        .verifier
        .verify(artifact, &bundle, &VerificationPolicy::any_identity())
        .map_err(|error| Refusal::of(error, subject, &statement.digests()))?;
    let verified = conclude(root, &bundle, &result, subject, policy)?;
    statement.check(subject)?;
    Ok(verified)
}

/// Asks what the library leaves open of a signature whose cryptography is good: when, and by whom.
pub(crate) fn conclude(
    root: &TrustRoot,
    bundle: &Bundle,
    result: &VerificationResult,
    subject: &Digest,
    policy: &Policy,
) -> Result<Verified, Refusal> {
    check_times(root, bundle, result, policy.now)?;
    let (issuer, signer) = identity(bundle, result)?;
    if !policy.allows(&issuer, &signer) {
        return Err(Refusal::WrongIdentity { issuer, subject: signer, wanted: policy.wanted() });
    }
    let entry = bundle.verification_material.tlog_entries.first().ok_or_else(|| Refusal::NotLogged("there is no log entry".to_owned()))?;
    Ok(Verified {
        digest: subject.clone(),
        issuer,
        subject: signer,
        log_index: entry.log_index.get(),
        log_id: STANDARD.encode(entry.log_id.key_id.as_bytes()),
        integrated_time: result.integrated_time(),
        times: result.verified_timestamps().to_vec(),
    })
}

/// Reads the bundle and refuses every form that is not the one we know.
fn parse(bytes: &[u8]) -> Result<Bundle, Refusal> {
    if bytes.len() > LONGEST_BUNDLE {
        return Err(Refusal::Malformed(format!("it is longer than {LONGEST_BUNDLE} bytes")));
    }
    let malformed = |error: &dyn std::fmt::Display| Refusal::Malformed(error.to_string());
    let text = std::str::from_utf8(bytes).map_err(|error| malformed(&error))?;
    let document: Value = serde_json::from_str(text).map_err(|error| malformed(&error))?;
    let Some(media_type) = document["mediaType"].as_str() else {
        return Err(Refusal::Malformed("it has no mediaType".to_owned()));
    };
    if !MEDIA_TYPES.contains(&media_type) {
        let media_type: String = media_type.chars().take(100).collect();
        return Err(Refusal::Unsupported(format!("mediaType is {media_type:?}, only bundle version 0.3 is read")));
    }
    shape::check(&document, shape::BUNDLE).map_err(Refusal::Malformed)?;
    if !document["messageSignature"].is_null() {
        return Err(Refusal::Unsupported("it holds a messageSignature, not a statement".to_owned()));
    }
    let material = &document["verificationMaterial"];
    if material["certificate"].is_null() {
        return Err(Refusal::Unsupported("verificationMaterial.certificate is missing; only keyless signatures are read".to_owned()));
    }
    check_entries(material["tlogEntries"].as_array().map_or(&[], Vec::as_slice))?;
    Bundle::from_json(text).map_err(|error| malformed(&error))
}

fn check_entries(entries: &[Value]) -> Result<(), Refusal> {
    if entries.is_empty() {
        return Err(Refusal::NotLogged("there is no log entry".to_owned()));
    }
    if entries.len() > MOST_ENTRIES {
        return Err(Refusal::Malformed(format!("there are more than {MOST_ENTRIES} log entries")));
    }
    if entries.iter().any(|entry| entry["inclusionProof"].is_null()) {
        return Err(Refusal::NotLogged("the log entry has no inclusion proof".to_owned()));
    }
    let place = |entry: &Value| (entry["logId"]["keyId"].clone(), entry["logIndex"].clone());
    let twice = entries.iter().enumerate().any(|(index, entry)| entries[..index].iter().any(|other| place(other) == place(entry)));
    if twice { Err(Refusal::Malformed("the same log entry stands twice".to_owned())) } else { Ok(()) }
}

/// What the library leaves open: the whole chain, the log's key and our own clock, at every proven time.
fn check_times(root: &TrustRoot, bundle: &Bundle, result: &VerificationResult, now: Timestamp) -> Result<(), Refusal> {
    let leaf = leaf(bundle)?;
    for &time in result.verified_timestamps() {
        if time > now {
            return Err(Refusal::Future(format!("{time} is after {now}")));
        }
        chain::issued(&leaf, &root.authorities, time).map_err(Refusal::UntrustedCertificate)?;
        if bundle.verification_material.tlog_entries.iter().any(|entry| !root.log_counts(&entry.log_id, time)) {
            return Err(Refusal::NotLogged(format!("the log's key does not count at {time}")));
        }
    }
    Ok(())
}

fn leaf(bundle: &Bundle) -> Result<Certificate, Refusal> {
    let der = bundle.signing_certificate().ok_or_else(|| Refusal::Malformed("there is no certificate".to_owned()))?;
    Certificate::from_der(der.as_bytes()).map_err(|error| Refusal::Malformed(format!("the certificate is malformed: {error}")))
}

fn identity(bundle: &Bundle, result: &VerificationResult) -> Result<(String, String), Refusal> {
    let missing = |what: &str| Refusal::UntrustedCertificate(format!("the certificate names no {what}"));
    let issuer = result.issuer().filter(|issuer| !issuer.is_empty()).ok_or_else(|| missing("issuer"))?;
    let subject = result.identity().map(|name| name.as_str()).filter(|name| !name.is_empty()).ok_or_else(|| missing("subject"))?;
    // A pattern with (?m) could take one line of several for the whole.
    if let Some(name) = [issuer, subject].into_iter().find(|name| name.chars().any(|each| each.is_whitespace() || each.is_control())) {
        return Err(Refusal::UntrustedCertificate(format!("the certificate names {name:?}, which no address is")));
    }
    let leaf = leaf(bundle)?;
    let old = leaf.tbs_certificate.extensions.iter().flatten().find(|extension| extension.extn_id.to_string() == OLD_ISSUER);
    if let Some(old) = old.filter(|old| old.extn_value.as_bytes() != issuer.as_bytes()) {
        let first = String::from_utf8_lossy(old.extn_value.as_bytes()).into_owned();
        return Err(Refusal::TwoIssuers { first, second: issuer.to_owned() });
    }
    Ok((issuer.to_owned(), subject.to_owned()))
}

/// The statement, as its author wrote it.
struct Statement(Value);

impl Statement {
    fn of(bundle: &Bundle) -> Result<Self, Refusal> {
        let SignatureContent::DsseEnvelope(envelope) = &bundle.content else {
            return Err(Refusal::Unsupported("it holds no statement".to_owned()));
        };
        let malformed = |why: &dyn std::fmt::Display| Refusal::Malformed(format!("the statement is malformed: {why}"));
        let value: Value = serde_json::from_slice(envelope.payload.as_bytes()).map_err(|error| malformed(&error))?;
        if !value.is_object() {
            return Err(malformed(&"it is no object"));
        }
        // A signature that somebody can read two ways is none.
        serde_json::from_slice::<sigstore_types::Statement>(envelope.payload.as_bytes()).map_err(|error| malformed(&error))?;
        shape::check(&value, shape::STATEMENT).map_err(|why| malformed(&why))?;
        Ok(Self(value))
    }

    fn check(&self, subject: &Digest) -> Result<(), Refusal> {
        let kind = self.0["_type"].as_str().unwrap_or_default();
        if !STATEMENT_TYPES.contains(&kind) {
            return Err(Refusal::Unsupported(format!("the statement's _type is {kind:?}")));
        }
        let predicate = self.0["predicateType"].as_str().unwrap_or_default();
        if predicate != PREDICATE_TYPE {
            return Err(Refusal::WrongPredicate { found: predicate.chars().take(200).collect() });
        }
        // Compared as text: the library also takes upper-case hex, which names no digest.
        if self.hexes().any(|hex| hex == subject.hex()) {
            return Ok(());
        }
        Err(Refusal::WrongDigest { wanted: subject.clone(), found: self.digests() })
    }

    fn hexes(&self) -> impl Iterator<Item = &str> {
        self.0["subject"].as_array().into_iter().flatten().filter_map(|each| each["digest"]["sha256"].as_str())
    }

    fn digests(&self) -> String {
        let named: Vec<String> = self.hexes().take(3).map(|hex| format!("sha256:{}", hex.chars().take(64).collect::<String>())).collect();
        if named.is_empty() { "no SHA-256 digest".to_owned() } else { named.join(", ") }
    }
}
