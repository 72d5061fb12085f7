//! Admission webhooks: what one is sent, and what its answer does. Kubernetes
//! `apiserver/pkg/admission/plugin/webhook/{generic/webhook,request/admissionreview,errors/statuserror}.go`,
//! `{mutating,validating}/dispatcher.go`.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::Ask;
use super::expression::{Conditions, Input, Match};
use super::matching::{in_version, matched, selected};
use crate::Server;
use crate::catalog::Resource;
use crate::status::{ApiError, ApiResult};
use crate::webhook_call::{self, Review};
use crate::webhook_client::Client;

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
    pub async fn wants(
        &self,
        server: &Server,
        ask: &Ask<'_>,
        object: Option<&Value>,
        old: Option<&Value>,
    ) -> ApiResult<Option<Arc<Resource>>> {
        let Some(resource) = matched(server, &self.rules, self.exact, ask) else { return Ok(None) };
        if !selected(server, &self.namespaces, &self.objects, ask, object, old) {
            return Ok(None);
        }
        if self.conditions.is_empty() {
            return Ok(Some(resource));
        }
        let (object, old) = (in_version(server, &resource, object).await?, in_version(server, &resource, old).await?);
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
        let review = self.review(server, ask, resource, object, old).await?;
        match self.answer(server, &review, mutating).await {
            Ok(response) => {
                let list = response.get("warnings").and_then(Value::as_array);
                warnings.extend(list.into_iter().flatten().filter_map(|one| one.as_str().map(str::to_owned)));
                for (key, value) in response.get("auditAnnotations").and_then(Value::as_object).into_iter().flatten() {
                    ask.note(format!("{}/{key}", self.name), value.as_str().unwrap_or_default());
                }
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

    async fn review(
        &self,
        server: &Server,
        ask: &Ask<'_>,
        resource: &Resource,
        object: Option<&Value>,
        old: Option<&Value>,
    ) -> ApiResult<Value> {
        let mut request = ask.request(resource);
        request["uid"] = json!(crate::object::uid());
        request["object"] = in_version(server, resource, object).await?.unwrap_or_default();
        request["oldObject"] = in_version(server, resource, old).await?.unwrap_or_default();
        Ok(json!({"kind": "AdmissionReview", "apiVersion": format!("admission.k8s.io/{}", self.version), "request": request}))
    }

    async fn answer(&self, server: &Server, review: &Value, mutating: bool) -> Result<Value, String> {
        let failed = |why: String| format!("failed to call webhook: {why}");
        let body = webhook_call::post(server, &self.client, self.timeout, review.to_string().into_bytes(), 0).await.map_err(failed)?;
        let wanted = Review { group: "admission.k8s.io", kind: "AdmissionReview", version: self.version };
        let answer = webhook_call::read(&body, &wanted).map_err(failed)?;
        self.verified(&answer, text(review, "/request/uid"), mutating).map_err(|why| format!("received invalid webhook response: {why}"))
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
    pub async fn patched(&self, server: &Server, resource: &Resource, object: &Value, response: &Value) -> ApiResult<Value> {
        let patch = text(response, "/patch");
        if patch.is_empty() {
            return Ok(object.clone());
        }
        let bytes = STANDARD.decode(patch).map_err(|error| self.failed(&format!("the patch is no base64: {error}")))?;
        let operations = serde_json::from_slice(&bytes).map_err(|error| ApiError::internal(format!("error decoding patch: {error}")))?;
        let sent = in_version(server, resource, Some(object)).await?.unwrap_or_default();
        let mut patched = patch::json_patch(&sent, &operations).map_err(|error| ApiError::internal(error.to_string()))?;
        if !patched.is_object() || patched.get("kind") != object.get("kind") {
            return Err(ApiError::internal(format!("the patch of webhook {:?} does not leave a {}", self.name, resource.kind)));
        }
        if resource.converter().is_some() {
            let version = object["apiVersion"].as_str().unwrap_or_default();
            return crate::converter::object(server, resource, &patched, version).await.map_err(|error| ApiError::internal(error.message));
        }
        patched["apiVersion"] = object["apiVersion"].clone();
        Ok(patched)
    }
}
