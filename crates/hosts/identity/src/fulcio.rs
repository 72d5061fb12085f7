//! The certificate authority: an identity token and the proof of a key become a certificate. Fulcio's API v2, for this
//! host's own issuer only. Read first: [`certify`].

use std::collections::BTreeMap;

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use sign::{check_signature, from_pem, to_pem};
use x509_cert::der::{Decode as _, Encode as _};
use x509_cert::request::CertReq;
use x509_cert::spki::SubjectPublicKeyInfoOwned;

use crate::answer::{Answer, Refusal, bearer, json_response, read_json};
use crate::certificate::{self, Issuing, Signer};
use crate::{Identity, Inner, token};

/// The audience of tokens that ask for a certificate.
const AUDIENCE: &str = "sigstore";
/// A claim that goes into a certificate; a path and a ref together are shorter.
const LONGEST_CLAIM: usize = 1024;
/// What stands before the name of a workload that is no job; no owner can be called `-`.
const WORKLOADS: &str = "-/workloads/";

pub(crate) fn router(identity: Identity) -> Router {
    Router::new()
        .route("/api/v2/signingCert", post(signing_certificate))
        .route("/api/v2/trustBundle", get(trust_bundle))
        .route("/api/v2/configuration", get(configuration))
        .with_state(identity)
}

async fn signing_certificate(State(identity): State<Identity>, headers: HeaderMap, body: Body) -> Answer {
    let request = read_json(body).await?;
    certify(&identity, bearer(&headers), &request)
}

async fn trust_bundle(State(identity): State<Identity>) -> Json<Value> {
    Json(json!({ "chains": [{ "certificates": [authority_pem(&identity.0)] }] }))
}

async fn configuration(State(identity): State<Identity>) -> Json<Value> {
    Json(json!({ "issuers": [{
        "issuerUrl": identity.0.options.issuer_url,
        "audience": AUDIENCE,
        "challengeClaim": "sub",
        "spiffeTrustDomain": "",
        "issuerType": "github-workflow",
        "subjectDomain": "",
    }] }))
}

fn authority_pem(inner: &Inner) -> String {
    to_pem("CERTIFICATE", &inner.keys.authority_certificate)
}

/// Checks token and key, and issues.
fn certify(identity: &Identity, header: Option<&str>, request: &Value) -> Answer {
    let inner = &identity.0;
    // cosign sends the header, others the field; both at once is one token twice or an attempt to confuse.
    let field = request["credentials"]["oidcIdentityToken"].as_str();
    let token = match (header, field) {
        (Some(one), Some(other)) if one != other => return Err(Refusal::invalid("the request carries two different identity tokens")),
        (one, other) => one.or(other),
    };
    let refuse = |why: String| {
        tracing::info!(why, "no certificate was issued");
        Refusal::invalid(format!("There was an error processing the identity token: {why}"))
    };
    let token = token.ok_or_else(|| refuse("it is missing".to_owned()))?;
    let claims = token::verify(inner, token, AUDIENCE).map_err(refuse)?;
    let challenge = claim(&claims, "sub").ok_or_else(|| refuse("the claim sub is empty".to_owned()))?;
    let spki = proven_key(request, &challenge)?;
    let key =
        SubjectPublicKeyInfoOwned::from_der(&spki).map_err(|_| Refusal::invalid("The public key supplied in the request is malformed"))?;
    let uri = subject(inner, &claims).map_err(refuse)?;
    let signer = Signer {
        spki: &spki,
        key_bits: key.subject_public_key.raw_bytes(),
        uri: &uri,
        issuer: &inner.options.issuer_url,
        claims: &extensions(inner, &claims).map_err(refuse)?,
    };
    let issuing = Issuing {
        authority: &inner.keys.authority,
        authority_name: &inner.keys.authority_name,
        certificate_log: &inner.keys.certificate_log,
    };
    Ok(issued(&certificate::signer(&signer, &issuing, identity.now()), inner))
}

fn issued(certificate: &[u8], inner: &Inner) -> Response {
    let chain = json!({ "certificates": [to_pem("CERTIFICATE", certificate), authority_pem(inner)] });
    json_response(StatusCode::OK, &json!({ "signedCertificateEmbeddedSct": { "chain": chain } }))
}

/// Returns the public key (SubjectPublicKeyInfo) that the caller has proven to hold.
fn proven_key(request: &Value, challenge: &str) -> Result<Vec<u8>, Refusal> {
    let decode = |text: &str, what: &str| STANDARD.decode(text).map_err(|_| Refusal::invalid(format!("{what} is no base64")));
    if let Some(text) = request["certificateSigningRequest"].as_str() {
        let text = String::from_utf8(decode(text, "certificateSigningRequest")?);
        let text = text.map_err(|_| Refusal::invalid("certificateSigningRequest is no PEM"))?;
        return key_of_request(&text);
    }
    let wanted = &request["publicKeyRequest"];
    let Some(pem) = wanted["publicKey"]["content"].as_str() else {
        return Err(Refusal::invalid("The public key supplied in the request could not be parsed: it is missing"));
    };
    let (_, spki) = from_pem(pem, &["PUBLIC KEY"])
        .map_err(|error| Refusal::invalid(format!("The public key supplied in the request could not be parsed: {error}")))?;
    let proof = decode(wanted["proofOfPossession"].as_str().unwrap_or_default(), "proofOfPossession")?;
    check_signature(&spki, challenge.as_bytes(), &proof)
        .map_err(|error| Refusal::invalid(format!("The signature supplied in the request could not be verified: {error}")))?;
    Ok(spki)
}

/// A certificate request proves itself; the names in it are ignored.
fn key_of_request(pem: &str) -> Result<Vec<u8>, Refusal> {
    let refuse = |why: &dyn std::fmt::Display| Refusal::invalid(format!("The certificate signing request could not be parsed: {why}"));
    let (_, der) = from_pem(pem, &["CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST"]).map_err(|error| refuse(&error))?;
    let request = CertReq::from_der(&der).map_err(|error| refuse(&error))?;
    let spki = request.info.public_key.to_der().map_err(|error| refuse(&error))?;
    let message = request.info.to_der().map_err(|error| refuse(&error))?;
    check_signature(&spki, &message, request.signature.raw_bytes())
        .map_err(|error| Refusal::invalid(format!("The signature supplied in the request could not be verified: {error}")))?;
    Ok(spki)
}

/// The subject alternative name: the workflow file at its ref, or the workload's own name.
fn subject(inner: &Inner, claims: &BTreeMap<String, Value>) -> Result<String, String> {
    let path = match claims.get("job_workflow_ref") {
        Some(_) => {
            let path = claim(claims, "job_workflow_ref").ok_or("the claim job_workflow_ref is empty")?;
            if path.starts_with('-') || path.starts_with('/') {
                return Err("the claim job_workflow_ref names no workflow".to_owned());
            }
            path
        }
        None => format!("{WORKLOADS}{}", claim(claims, "sub").ok_or("the claim sub is empty")?),
    };
    let plain = path.bytes().all(|byte| byte.is_ascii_graphic());
    let climbs = path.split(['/', '@']).any(|part| part == "..");
    if !plain || climbs || path.len() > LONGEST_CLAIM {
        return Err(format!("{path:?} cannot stand in a certificate: it may only have printable ASCII characters and no `..`"));
    }
    Ok(format!("{}/{path}", inner.options.issuer_url))
}

/// Fulcio's extensions, as its GitHub template fills them; what a token does not say is left out.
fn extensions(inner: &Inner, claims: &BTreeMap<String, Value>) -> Result<Vec<(u8, String)>, String> {
    let url = &inner.options.issuer_url;
    let plain = |name: &str| claim(claims, name);
    let below = |name: &str| claim(claims, name).map(|path| format!("{url}/{path}"));
    let run = match (plain("repository"), plain("run_id"), plain("run_attempt")) {
        (Some(repository), Some(run), Some(attempt)) => Some(format!("{url}/{repository}/actions/runs/{run}/attempts/{attempt}")),
        _ => None,
    };
    let all = [
        (2, plain("event_name")),
        (3, plain("sha")),
        (4, plain("workflow")),
        (5, plain("repository")),
        (6, plain("ref")),
        (9, below("job_workflow_ref")),
        (10, plain("job_workflow_sha")),
        (11, plain("runner_environment")),
        (12, below("repository")),
        (13, plain("sha")),
        (14, plain("ref")),
        (15, plain("repository_id")),
        (16, below("repository_owner")),
        (17, plain("repository_owner_id")),
        (18, below("workflow_ref")),
        (19, plain("workflow_sha")),
        (20, plain("event_name")),
        (21, run),
        (22, plain("repository_visibility")),
        (23, plain("environment")),
        (24, plain("sub")),
    ];
    let present: Vec<(u8, String)> = all.into_iter().filter_map(|(number, text)| text.map(|text| (number, text))).collect();
    match present.iter().find(|(_, text)| text.len() > LONGEST_CLAIM) {
        Some((number, _)) => Err(format!("the text of the certificate's extension {number} is longer than {LONGEST_CLAIM} bytes")),
        None => Ok(present),
    }
}

/// A claim as text, numbers included; `None` if it is missing or empty.
fn claim(claims: &BTreeMap<String, Value>, name: &str) -> Option<String> {
    match claims.get(name)? {
        Value::String(text) => Some(text.clone()).filter(|text| !text.is_empty()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}
