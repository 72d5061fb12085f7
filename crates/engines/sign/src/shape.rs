//! Which fields a document may have. A field that nobody knows is refused, as cosign does: it may change what the others mean.
//! Read first: [`check`].

use serde_json::Value;

/// The fields of the object at a path; a path that is not listed may hold anything.
pub(crate) type Shape = &'static [(&'static str, &'static [&'static str])];

const WINDOW: &[&str] = &["start", "end"];
const KEY: &[&str] = &["rawBytes", "keyDetails", "validFor"];
const LOG: &[&str] = &["baseUrl", "hashAlgorithm", "publicKey", "logId", "checkpointKeyId", "operator"];
const AUTHORITY: &[&str] = &["subject", "uri", "certChain", "validFor", "operator"];

/// A sigstore bundle 0.3.
pub(crate) const BUNDLE: Shape = &[
    ("", &["mediaType", "verificationMaterial", "messageSignature", "dsseEnvelope"]),
    (".verificationMaterial", &["certificate", "publicKey", "x509CertificateChain", "tlogEntries", "timestampVerificationData"]),
    (".verificationMaterial.certificate", &["rawBytes"]),
    (
        ".verificationMaterial.tlogEntries",
        &["logIndex", "logId", "kindVersion", "integratedTime", "inclusionPromise", "inclusionProof", "canonicalizedBody"],
    ),
    (".verificationMaterial.tlogEntries.logId", &["keyId"]),
    (".verificationMaterial.tlogEntries.kindVersion", &["kind", "version"]),
    (".verificationMaterial.tlogEntries.inclusionPromise", &["signedEntryTimestamp"]),
    (".verificationMaterial.tlogEntries.inclusionProof", &["logIndex", "rootHash", "treeSize", "hashes", "checkpoint"]),
    (".verificationMaterial.tlogEntries.inclusionProof.checkpoint", &["envelope"]),
    (".verificationMaterial.timestampVerificationData", &["rfc3161Timestamps"]),
    (".verificationMaterial.timestampVerificationData.rfc3161Timestamps", &["signedTimestamp"]),
    (".dsseEnvelope", &["payload", "payloadType", "signatures"]),
    (".dsseEnvelope.signatures", &["sig", "keyid"]),
];

/// An in-toto statement.
pub(crate) const STATEMENT: Shape = &[
    ("", &["_type", "subject", "predicateType", "predicate"]),
    (".subject", &["name", "uri", "digest", "content", "downloadLocation", "mediaType", "annotations"]),
];

/// A trusted_root.json.
pub(crate) const TRUST_ROOT: Shape = &[
    ("", &["mediaType", "tlogs", "certificateAuthorities", "ctlogs", "timestampAuthorities"]),
    (".tlogs", LOG),
    (".tlogs.publicKey", KEY),
    (".tlogs.publicKey.validFor", WINDOW),
    (".ctlogs", LOG),
    (".ctlogs.publicKey", KEY),
    (".ctlogs.publicKey.validFor", WINDOW),
    (".certificateAuthorities", AUTHORITY),
    (".certificateAuthorities.certChain", &["certificates"]),
    (".certificateAuthorities.certChain.certificates", &["rawBytes"]),
    (".certificateAuthorities.validFor", WINDOW),
    (".timestampAuthorities", AUTHORITY),
    (".timestampAuthorities.certChain", &["certificates"]),
    (".timestampAuthorities.certChain.certificates", &["rawBytes"]),
    (".timestampAuthorities.validFor", WINDOW),
];

/// Finds the first field that the shape does not know.
pub(crate) fn check(document: &Value, shape: Shape) -> Result<(), String> {
    walk(document, "", shape)
}

fn walk(value: &Value, path: &str, shape: Shape) -> Result<(), String> {
    match value {
        Value::Array(items) => items.iter().try_for_each(|item| walk(item, path, shape)),
        Value::Object(fields) => {
            let Some((_, known)) = shape.iter().find(|(place, _)| *place == path) else { return Ok(()) };
            fields.iter().try_for_each(|(name, value)| {
                if !known.contains(&name.as_str()) {
                    let name: String = name.chars().take(60).collect();
                    return Err(format!("the field {path}.{name} is not known"));
                }
                walk(value, &format!("{path}.{name}"), shape)
            })
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(()),
    }
}
