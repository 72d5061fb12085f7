//! A webhook is called and its answer is read, with what Kubernetes' own client says when it fails. Kubernetes
//! `apiserver/pkg/util/webhook/client.go`, client-go `rest/request.go`, apimachinery `pkg/api/errors/errors.go`.

use std::time::Duration;

use bytes::Bytes;
use http::{StatusCode, header};
use serde_json::{Value, json};

use crate::webhook_client::Client;
use crate::{Authorities, Server};

/// The largest answer that is read.
const LARGEST: usize = 3 * 1024 * 1024;
/// The form into which Go reads what an object says it is.
const IDENTITY: &str = r#"struct { APIVersion string "json:\"apiVersion,omitempty\""; Kind string "json:\"kind,omitempty\"" }"#;

/// A kind of review, in the version that was sent.
pub(crate) struct Review<'a> {
    pub group: &'a str,
    pub kind: &'a str,
    pub version: &'a str,
}

/// Sends a review and returns the body of the answer; `most` bounds its size.
pub(crate) async fn post(server: &Server, client: &Client, seconds: u64, body: Vec<u8>, most: usize) -> Result<Bytes, String> {
    let sign = if client.url.contains('?') { '&' } else { '?' };
    let url = format!("{}{sign}timeout={seconds}s", client.url);
    let mut request = http::Request::post(&url)
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::ACCEPT, "application/json, */*")
        .body(Bytes::from(body))
        .map_err(|error| error.to_string())?;
    request.extensions_mut().insert(Authorities(client.authorities.clone()));
    let failed = |why: &str| format!("Post {url:?}: {why}");
    let answer = tokio::time::timeout(Duration::from_secs(seconds), (server.outgoing)(request)).await;
    let response = answer.map_err(|_| failed("context deadline exceeded"))?.map_err(|why| failed(&why))?;
    if !response.status().is_success() {
        return Err(unsuccessful(response.status(), response.body()));
    }
    if response.body().len() > LARGEST.max(most) {
        return Err(failed("the answer is too large"));
    }
    Ok(response.into_body())
}

/// Reads an answer as Kubernetes does, which takes YAML for JSON's sake.
pub(crate) fn read(body: &[u8], wanted: &Review<'_>) -> Result<Value, String> {
    let answer: Value = match serde_json::from_slice(body) {
        Ok(answer) => answer,
        Err(error) => {
            let text = std::str::from_utf8(body).map_err(|_| format!("couldn't get version/kind; json parse error: {error}"))?;
            yaml::read(text, yaml::Dialect::Sigs).map_err(|why| format!("couldn't get version/kind; json parse error: {why}"))?
        }
    };
    let word = match &answer {
        Value::Object(_) => None,
        Value::Null => return Err(format!("Object 'Kind' is missing in '{}'", String::from_utf8_lossy(body))),
        Value::Bool(_) => Some("bool"),
        Value::Number(_) => Some("number"),
        Value::String(_) => Some("string"),
        Value::Array(_) => Some("array"),
    };
    if let Some(word) = word {
        return Err(format!("couldn't get version/kind; json parse error: json: cannot unmarshal {word} into Go value of type {IDENTITY}"));
    }
    let text = |name: &str| answer.get(name).and_then(Value::as_str).unwrap_or_default();
    let (api_version, kind) = (text("apiVersion"), text("kind"));
    let missing = |what: &str| Err(format!("Object '{what}' is missing in '{}'", String::from_utf8_lossy(body)));
    if kind.is_empty() {
        return missing("Kind");
    }
    if api_version.is_empty() {
        return missing("apiVersion");
    }
    let version = api_version.strip_prefix(wanted.group).and_then(|rest| rest.strip_prefix('/'));
    match version {
        Some(version @ ("v1" | "v1beta1")) if kind == wanted.kind => {
            if version == wanted.version {
                return Ok(answer);
            }
            Err(format!("converting ({version}.{kind}) to ({}.{kind}): unknown conversion", wanted.version))
        }
        _ => Err(format!("no kind {kind:?} is registered for version {api_version:?} in scheme \"pkg/runtime/scheme.go:111\"")),
    }
}

/// What a client says of an answer that is no success.
fn unsuccessful(code: StatusCode, body: &[u8]) -> String {
    if let Ok(status) = serde_json::from_slice::<Value>(body)
        && status.get("kind").is_some_and(|kind| kind == "Status")
        && let Some(message) = status.get("message").and_then(Value::as_str).filter(|message| !message.is_empty())
    {
        return message.to_owned();
    }
    let said = String::from_utf8_lossy(&body[..body.len().min(2048)]).trim().to_owned();
    match code.as_u16() {
        400 => "the server rejected our request for an unknown reason".to_owned(),
        401 => "the server has asked for the client to provide credentials".to_owned(),
        403 => {
            if said.is_empty() {
                "unknown".to_owned()
            } else {
                said
            }
        }
        404 => "the server could not find the requested resource".to_owned(),
        405 => "the server does not allow this method on the requested resource".to_owned(),
        409 => "the server reported a conflict".to_owned(),
        422 => "the server rejected our request due to an error in our request".to_owned(),
        429 => "the server has received too many requests and has asked us to try again later".to_owned(),
        503 => "the server is currently unable to handle the request".to_owned(),
        504 => "the server was unable to return a response in the time allotted, but may still be processing the request".to_owned(),
        code if code >= 500 => {
            let said = if said.is_empty() { "unknown".to_owned() } else { said };
            format!("an error on the server ({}) has prevented the request from succeeding", json!(said))
        }
        code => format!("the server responded with the status code {code} but did not return more information"),
    }
}
