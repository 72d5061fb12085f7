//! What verifiers and signers have to know: `trusted_root.json` and `signing_config.json`. Follows sigstore's protobuf-specs.

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use serde_json::{Value, json};

use crate::answer::response;
use crate::keys::Key;
use crate::{Identity, Inner};

pub(crate) fn router(identity: Identity) -> Router {
    let root = |State(identity): State<Identity>| async move { document(trusted_root(&identity.0)) };
    let config = |State(identity): State<Identity>| async move { document(signing_config(&identity.0)) };
    Router::new().route("/trusted_root.json", get(root)).route("/signing_config.json", get(config)).with_state(identity)
}

fn document(bytes: Vec<u8>) -> Response {
    response(StatusCode::OK, "application/json", bytes)
}

pub(crate) fn trusted_root(inner: &Inner) -> Vec<u8> {
    let (keys, url) = (&inner.keys, &inner.options.external_url);
    let window = json!({ "start": keys.created.to_string() });
    let log = |key: &Key| {
        json!({
            "baseUrl": url,
            "hashAlgorithm": "SHA2_256",
            "publicKey": { "rawBytes": STANDARD.encode(&key.spki), "keyDetails": "PKIX_ECDSA_P256_SHA_256", "validFor": window },
            "logId": { "keyId": STANDARD.encode(key.id) },
        })
    };
    let authority = |name: &str, uri: &str, certificates: &[&Vec<u8>]| {
        let certificates: Vec<Value> = certificates.iter().map(|each| json!({ "rawBytes": STANDARD.encode(each) })).collect();
        json!({
            "subject": { "organization": inner.host, "commonName": name },
            "uri": uri,
            "certChain": { "certificates": certificates },
            "validFor": window,
        })
    };
    let stamping = [&keys.timestamp_certificate, &keys.timestamp_root_certificate];
    let root = json!({
        "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
        "tlogs": [log(&keys.log)],
        "certificateAuthorities": [authority("certificate authority", url, &[&keys.authority_certificate])],
        "ctlogs": [log(&keys.certificate_log)],
        "timestampAuthorities": [authority("timestamp authority", &format!("{url}/api/v1/timestamp"), &stamping)],
    });
    root.to_string().into_bytes()
}

pub(crate) fn signing_config(inner: &Inner) -> Vec<u8> {
    let url = &inner.options.external_url;
    let service = |url: &str| json!([{ "url": url, "majorApiVersion": 1, "validFor": { "start": inner.keys.created.to_string() }, "operator": inner.host }]);
    let config = json!({
        "mediaType": "application/vnd.dev.sigstore.signingconfig.v0.2+json",
        "caUrls": service(url),
        "oidcUrls": service(&inner.options.issuer_url),
        "rekorTlogUrls": service(url),
        "rekorTlogConfig": { "selector": "ANY" },
        "tsaUrls": service(&format!("{url}/api/v1/timestamp")),
        "tsaConfig": { "selector": "ANY" },
    });
    config.to_string().into_bytes()
}
