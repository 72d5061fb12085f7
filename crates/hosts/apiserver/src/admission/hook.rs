//! Admission webhooks: what one is sent, and what its answer does. Kubernetes
//! `apiserver/pkg/admission/plugin/webhook/{generic/webhook,request/admissionreview,errors/statuserror}.go`,
//! `{mutating,validating}/dispatcher.go`.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header;
use serde_json::{Value, json};

use super::Ask;
use super::expression::{Conditions, Input, Match};
use super::matching::{in_version, matched, selected};
use crate::Server;
use crate::catalog::Resource;
use crate::status::{ApiError, ApiResult};
use crate::webhook_client::Client;

/// The largest answer that is read.
const LARGEST: usize = 3 * 1024 * 1024;
/// The form into which Go reads what an object says it is.
const IDENTITY: &str = r#"struct { APIVersion string "json:\"apiVersion,omitempty\""; Kind string "json:\"kind,omitempty\"" }"#;

#[derive(Debug)]
pub(crate) struct Webhook {
    pub name: String,
    client: Client,
    rules: Vec<Value>,
    namespaces: Value,
    objects: Value,
    conditions: Conditions,
    exact: bool,
    ignore: bool,
    timeout: u64,
    /// Whether it is asked once more when others changed what it has seen.
    pub again: bool,
    /// The version of the review that it understands.
    version: &'static str,
}

fn text<'a>(value: &'a Value, path: &str) -> &'a str {
    value.pointer(path).and_then(Value::as_str).unwrap_or_default()
}

impl Webhook {
    /// Reads a webhook of a configuration.
    pub fn read(hook: &Value) -> Self {
        let understood = hook.get("admissionReviewVersions").and_then(Value::as_array).into_iter().flatten();
        let first = understood.filter_map(Value::as_str).find(|version| matches!(*version, "v1" | "v1beta1"));
        Self {
            name: text(hook, "/name").to_owned(),
            client: Client::read(hook.get("clientConfig").unwrap_or(&Value::Null)),
            rules: hook.get("rules").and_then(Value::as_array).cloned().unwrap_or_default(),
            namespaces: hook.get("namespaceSelector").cloned().unwrap_or_else(|| json!({})),
            objects: hook.get("objectSelector").cloned().unwrap_or_else(|| json!({})),
            conditions: Conditions::compile(hook.get("matchConditions").unwrap_or(&Value::Null), false),
            exact: text(hook, "/matchPolicy") == "Exact",
            ignore: text(hook, "/failurePolicy") == "Ignore",
            timeout: hook.get("timeoutSeconds").and_then(Value::as_u64).unwrap_or(10).clamp(1, 30),
            again: text(hook, "/reinvocationPolicy") == "IfNeeded",
            version: if first == Some("v1beta1") { "v1beta1" } else { "v1" },
        }
    }

    /// Returns the version of the kind in which the webhook wants to be asked; `None` when it does not want to.
    pub fn wants(&self, server: &Server, ask: &Ask<'_>, object: Option<&Value>, old: Option<&Value>) -> ApiResult<Option<Arc<Resource>>> {
        let Some(resource) = matched(server, &self.rules, self.exact, ask) else { return Ok(None) };
        if !selected(server, &self.namespaces, &self.objects, ask, object, old) {
            return Ok(None);
        }
        if self.conditions.is_empty() {
            return Ok(Some(resource));
        }
        let (object, old) = (in_version(&resource, object), in_version(&resource, old));
        let request = ask.request(&resource);
        let input = Input { object: object.as_ref(), old: old.as_ref(), request: &request, namespace: None, params: None, variables: &[] };
        match self.conditions.ask(&input) {
            Match::Yes => Ok(Some(resource)),
            Match::No => Ok(None),
            Match::Error(_) if self.ignore => Ok(None),
            Match::Error(why) => Err(ApiError::forbidden(ask.resource, ask.name, &why)),
        }
    }

    /// Calls the webhook; `None` when it may be passed over.
    #[allow(clippy::too_many_arguments, reason = "one step of three callers, not an interface")]
    pub async fn call(
        &self,
        server: &Server,
        ask: &Ask<'_>,
        resource: &Resource,
        object: Option<&Value>,
        old: Option<&Value>,
        warnings: &mut Vec<String>,
        mutating: bool,
    ) -> ApiResult<Option<Value>> {
        let review = self.review(ask, resource, object, old);
        match self.answer(server, &review, mutating).await {
            Ok(response) => {
                let list = response.get("warnings").and_then(Value::as_array);
                warnings.extend(list.into_iter().flatten().filter_map(|one| one.as_str().map(str::to_owned)));
                if response.get("allowed") == Some(&json!(true)) { Ok(Some(response)) } else { Err(self.denial(&response)) }
            }
            Err(why) if self.ignore => {
                tracing::warn!(webhook = self.name, why, "a webhook that may fail did not answer");
                Ok(None)
            }
            Err(why) => Err(self.failed(&why)),
        }
    }

    fn failed(&self, why: &str) -> ApiError {
        ApiError::internal(format!("failed calling webhook {:?}: {why}", self.name))
    }

    fn review(&self, ask: &Ask<'_>, resource: &Resource, object: Option<&Value>, old: Option<&Value>) -> Value {
        let mut request = ask.request(resource);
        request["uid"] = json!(crate::object::uid());
        request["object"] = in_version(resource, object).unwrap_or_default();
        request["oldObject"] = in_version(resource, old).unwrap_or_default();
        json!({"kind": "AdmissionReview", "apiVersion": format!("admission.k8s.io/{}", self.version), "request": request})
    }

    async fn answer(&self, server: &Server, review: &Value, mutating: bool) -> Result<Value, String> {
        let sign = if self.client.url.contains('?') { '&' } else { '?' };
        let url = format!("{}{sign}timeout={}s", self.client.url, self.timeout);
        let mut request = http::Request::post(&url)
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::ACCEPT, "application/json, */*")
            .body(Bytes::from(review.to_string()))
            .map_err(|error| format!("failed to call webhook: {error}"))?;
        request.extensions_mut().insert(crate::Authorities(self.client.authorities.clone()));
        let failed = |why: &str| format!("failed to call webhook: Post {url:?}: {why}");
        let answer = tokio::time::timeout(Duration::from_secs(self.timeout), (server.outgoing)(request)).await;
        let response = answer.map_err(|_| failed("context deadline exceeded"))?.map_err(|why| failed(&why))?;
        if !response.status().is_success() {
            return Err(format!("failed to call webhook: {}", unsuccessful(response.status(), response.body())));
        }
        if response.body().len() > LARGEST {
            return Err(failed("the answer is too large"));
        }
        let answer = self.read_answer(response.body()).map_err(|why| format!("failed to call webhook: {why}"))?;
        self.verified(&answer, text(review, "/request/uid"), mutating).map_err(|why| format!("received invalid webhook response: {why}"))
    }

    /// Reads an answer as Kubernetes does, which takes YAML for JSON's sake.
    fn read_answer(&self, body: &[u8]) -> Result<Value, String> {
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
            return Err(format!(
                "couldn't get version/kind; json parse error: json: cannot unmarshal {word} into Go value of type {IDENTITY}"
            ));
        }
        let (api_version, kind) = (text(&answer, "/apiVersion"), text(&answer, "/kind"));
        let shown = || String::from_utf8_lossy(body).into_owned();
        if kind.is_empty() {
            return Err(format!("Object 'Kind' is missing in '{}'", shown()));
        }
        if api_version.is_empty() {
            return Err(format!("Object 'apiVersion' is missing in '{}'", shown()));
        }
        match api_version.strip_prefix("admission.k8s.io/") {
            Some(version @ ("v1" | "v1beta1")) if kind == "AdmissionReview" => {
                if version == self.version {
                    return Ok(answer);
                }
                let own = self.version;
                Err(format!("converting ({version}.AdmissionReview) to ({own}.AdmissionReview): unknown conversion"))
            }
            _ => Err(format!("no kind {kind:?} is registered for version {api_version:?} in scheme \"pkg/runtime/scheme.go:111\"")),
        }
    }

    fn verified(&self, answer: &Value, uid: &str, mutating: bool) -> Result<Value, String> {
        let Some(response) = answer.get("response").filter(|response| response.is_object()) else {
            return Err("webhook response was absent".to_owned());
        };
        if self.version == "v1beta1" {
            return Ok(response.clone());
        }
        let given = text(response, "/uid");
        if given != uid {
            return Err(format!("expected response.uid={uid:?}, got {given:?}"));
        }
        let (patch, kind) = (text(response, "/patch"), text(response, "/patchType"));
        if !mutating {
            if !patch.is_empty() {
                return Err("validating webhook may not return response.patch".to_owned());
            }
            if !kind.is_empty() {
                return Err("validating webhook may not return response.patchType".to_owned());
            }
        } else if patch.is_empty() && !kind.is_empty() {
            return Err("webhook returned response.patchType but not response.patch".to_owned());
        } else if !patch.is_empty() && kind.is_empty() {
            return Err("webhook returned response.patch but not response.patchType".to_owned());
        } else if !patch.is_empty() && kind != "JSONPatch" {
            return Err(format!("webhook returned invalid response.patchType of {kind:?}"));
        }
        Ok(response.clone())
    }

    fn denial(&self, response: &Value) -> ApiError {
        let name = &self.name;
        let why = match (text(response, "/status/message"), text(response, "/status/reason")) {
            ("", "") => format!("admission webhook {name:?} denied the request without explanation"),
            ("", reason) => format!("admission webhook {name:?} denied the request: {reason}"),
            (message, _) => format!("admission webhook {name:?} denied the request: {message}"),
        };
        let code = response
            .pointer("/status/code")
            .and_then(Value::as_u64)
            .and_then(|code| u16::try_from(code).ok())
            .filter(|code| (400..600).contains(code));
        let mut error = ApiError::new(code.unwrap_or(400), text(response, "/status/reason").to_owned(), why);
        error.details = response.pointer("/status/details").filter(|details| details.is_object()).cloned();
        error.metadata = response.pointer("/status/metadata").filter(|metadata| metadata.is_object()).cloned().map(Box::new);
        error
    }

    /// Carries out the patch of an answer on an object in the version that was sent.
    pub fn patched(&self, resource: &Resource, object: &Value, response: &Value) -> ApiResult<Value> {
        let patch = text(response, "/patch");
        if patch.is_empty() {
            return Ok(object.clone());
        }
        let bytes = STANDARD.decode(patch).map_err(|error| self.failed(&format!("the patch is no base64: {error}")))?;
        let operations = serde_json::from_slice(&bytes).map_err(|error| ApiError::internal(format!("error decoding patch: {error}")))?;
        let sent = in_version(resource, Some(object)).unwrap_or_default();
        let mut patched = patch::json_patch(&sent, &operations).map_err(|error| ApiError::internal(error.to_string()))?;
        if !patched.is_object() || patched.get("kind") != object.get("kind") {
            return Err(ApiError::internal(format!("the patch of webhook {:?} does not leave a {}", self.name, resource.kind)));
        }
        patched["apiVersion"] = object["apiVersion"].clone();
        Ok(patched)
    }
}

/// What a client says of an answer that is no success. client-go `rest/request.go`, apimachinery `pkg/api/errors/errors.go`.
fn unsuccessful(code: http::StatusCode, body: &[u8]) -> String {
    if let Ok(status) = serde_json::from_slice::<Value>(body)
        && text(&status, "/kind") == "Status"
        && !text(&status, "/message").is_empty()
    {
        return text(&status, "/message").to_owned();
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
