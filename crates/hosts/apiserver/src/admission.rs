//! Admission webhooks: which are asked about a change, what they are sent, and what their answer does.
//!
//! Read first: [`mutate`], [`validate`], [`Ask`]. What deletes in consequence of another deletion is not sent to webhooks.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header;
use model::Caller;
use schema::Violation;
use serde_json::{Value, json};
use store::Store;

use crate::Server;
use crate::catalog::Resource;
use crate::object::{self, meta, pairs};
use crate::request::WriteOptions;
use crate::selector::label_selector_matches;
use crate::status::{ApiError, ApiResult};
use crate::write::Call;

const GROUP: &str = "admissionregistration.k8s.io";
/// The largest answer that is read.
const LARGEST: usize = 3 * 1024 * 1024;

/// The webhooks of a moment, in the order in which they are asked.
#[derive(Debug, Default)]
pub(crate) struct Webhooks {
    mutating: Vec<Webhook>,
    validating: Vec<Webhook>,
}

#[derive(Debug)]
struct Webhook {
    name: String,
    url: String,
    rules: Vec<Value>,
    namespaces: Value,
    objects: Value,
    ignore: bool,
    timeout: u64,
    again: bool,
}

impl Webhooks {
    /// Reads all configurations from the store.
    pub fn read(store: &Store) -> Self {
        let all = |plural: &str| -> Vec<Webhook> {
            let entries = store.scan(&format!("/registry/{GROUP}/{plural}/")).0;
            let configurations = entries.iter().filter_map(|(_, entry)| serde_json::from_slice::<Value>(&entry.value).ok());
            configurations
                .flat_map(|one| one.get("webhooks").and_then(Value::as_array).cloned().unwrap_or_default())
                .map(|hook| webhook(&hook))
                .collect()
        };
        Self { mutating: all("mutatingwebhookconfigurations"), validating: all("validatingwebhookconfigurations") }
    }
}

fn text<'a>(value: &'a Value, path: &str) -> &'a str {
    value.pointer(path).and_then(Value::as_str).unwrap_or_default()
}

fn webhook(hook: &Value) -> Webhook {
    let url = match hook.pointer("/clientConfig/service") {
        None => text(hook, "/clientConfig/url").to_owned(),
        Some(service) => {
            let port = service.get("port").and_then(Value::as_u64).unwrap_or(443);
            let path = text(service, "/path").trim_start_matches('/');
            format!("https://{}.{}.svc:{port}/{path}", text(service, "/name"), text(service, "/namespace"))
        }
    };
    Webhook {
        name: text(hook, "/name").to_owned(),
        url,
        rules: hook.get("rules").and_then(Value::as_array).cloned().unwrap_or_default(),
        namespaces: hook.get("namespaceSelector").cloned().unwrap_or_else(|| json!({})),
        objects: hook.get("objectSelector").cloned().unwrap_or_else(|| json!({})),
        ignore: text(hook, "/failurePolicy") == "Ignore",
        timeout: hook.get("timeoutSeconds").and_then(Value::as_u64).unwrap_or(10).clamp(1, 30),
        again: text(hook, "/reinvocationPolicy") == "IfNeeded",
    }
}

/// Returns what is wrong with a configuration.
pub(crate) fn check(configuration: &Value) -> Vec<Violation> {
    let mut found = Vec::new();
    let mut names = Vec::new();
    for (index, hook) in configuration.get("webhooks").and_then(Value::as_array).into_iter().flatten().enumerate() {
        let here = format!("webhooks[{index}]");
        let name = text(hook, "/name");
        if name.split('.').count() < 3 || !crate::names::is_subdomain(name) {
            found.push(Violation::invalid(
                &format!("{here}.name"),
                &json!(name),
                "should be a domain with at least three segments separated by dots",
            ));
        }
        if names.contains(&name) {
            found.push(Violation::duplicate(&format!("{here}.name"), &json!(name)));
        }
        names.push(name);
        let (url, service) = (hook.pointer("/clientConfig/url"), hook.pointer("/clientConfig/service"));
        if url.is_some() == service.is_some() {
            found.push(Violation::required(&format!("{here}.clientConfig"), "exactly one of url or service is required"));
        }
        if let Some(url) = url.filter(|url| !url.as_str().is_some_and(|url| url.starts_with("https://") || url.starts_with("http://"))) {
            found.push(Violation::invalid(&format!("{here}.clientConfig.url"), url, "'https' is the only allowed URL scheme"));
        }
        if hook.get("matchConditions").and_then(Value::as_array).is_some_and(|list| !list.is_empty()) {
            let why = "this server does not carry out match conditions; use rules, namespaceSelector or objectSelector";
            found.push(Violation::forbidden(&format!("{here}.matchConditions"), why));
        }
        let effects = hook.get("sideEffects");
        match effects.and_then(Value::as_str) {
            None => found.push(Violation::required(&format!("{here}.sideEffects"), "must specify one of None, NoneOnDryRun")),
            Some("None" | "NoneOnDryRun") => {}
            Some(other) => {
                found.push(Violation::not_supported(
                    &format!("{here}.sideEffects"),
                    &json!(other),
                    &["None".to_owned(), "NoneOnDryRun".to_owned()],
                ));
            }
        }
        let versions = hook.get("admissionReviewVersions").and_then(Value::as_array).cloned().unwrap_or_default();
        if !versions.contains(&json!("v1")) {
            let field = format!("{here}.admissionReviewVersions");
            found.push(match versions.is_empty() {
                true => Violation::required(&field, "must specify one of v1, v1beta1"),
                false => Violation::invalid(&field, &json!(versions), "must include at least one of v1"),
            });
        }
        for (field, allowed) in [("failurePolicy", ["Fail", "Ignore"]), ("matchPolicy", ["Equivalent", "Exact"])] {
            if let Some(value) = hook.get(field).filter(|value| !value.as_str().is_some_and(|value| allowed.contains(&value))) {
                found.push(Violation::not_supported(&format!("{here}.{field}"), value, &allowed.map(str::to_owned)));
            }
        }
        if let Some(seconds) =
            hook.get("timeoutSeconds").filter(|seconds| !seconds.as_i64().is_some_and(|seconds| (1..=30).contains(&seconds)))
        {
            found.push(Violation::invalid(
                &format!("{here}.timeoutSeconds"),
                seconds,
                "the timeout value must be between 1 and 30 seconds",
            ));
        }
    }
    found
}

/// What webhooks are asked about.
pub(crate) struct Ask<'a> {
    pub resource: &'a Resource,
    pub subresource: &'a str,
    pub namespace: &'a str,
    pub name: &'a str,
    pub operation: &'static str,
    pub caller: &'a Caller,
    pub dry_run: bool,
    pub options: Value,
}

impl<'a> Ask<'a> {
    /// Asks about a create or update.
    pub fn of(call: &'a Call, operation: &'static str, options: &WriteOptions) -> Self {
        let kind = match (operation, call.body.is_empty()) {
            ("CREATE", _) => "CreateOptions",
            _ if crate::decode::media_type(&call.headers).contains("patch") => "PatchOptions",
            _ => "UpdateOptions",
        };
        let mut sent = json!({"kind": kind, "apiVersion": "meta.k8s.io/v1", "fieldManager": options.manager});
        if options.dry_run {
            sent["dryRun"] = json!(["All"]);
        }
        Self { operation, options: sent, ..Self::deletion(call, &Value::Null, options.dry_run) }
    }

    /// Asks about a deletion.
    pub fn deletion(call: &'a Call, options: &Value, dry_run: bool) -> Self {
        let mut options = options.clone();
        if let Value::Object(map) = &mut options {
            map.insert("kind".to_owned(), json!("DeleteOptions"));
            map.insert("apiVersion".to_owned(), json!("meta.k8s.io/v1"));
        }
        Self {
            resource: &call.resource,
            subresource: &call.place.subresource,
            namespace: &call.place.namespace,
            name: &call.place.name,
            operation: "DELETE",
            caller: &call.caller,
            dry_run,
            options,
        }
    }

    fn review(&self, object: Option<&Value>, old: Option<&Value>) -> Value {
        let resource = self.resource;
        let kind = json!({"group": resource.group, "version": resource.version, "kind": resource.kind});
        let place = json!({"group": resource.group, "version": resource.version, "resource": resource.plural});
        let mut user = json!({"username": self.caller.name});
        if !self.caller.groups.is_empty() {
            user["groups"] = json!(self.caller.groups);
        }
        let mut request = json!({
            "uid": object::uid(), "kind": kind, "resource": place, "requestKind": kind, "requestResource": place,
            "operation": self.operation, "userInfo": user, "object": object, "oldObject": old, "dryRun": self.dry_run, "options": self.options,
        });
        let name = if self.name.is_empty() { object.map_or("", |object| meta(object, "name")) } else { self.name };
        let texts =
            [("name", name), ("namespace", self.namespace), ("subResource", self.subresource), ("requestSubResource", self.subresource)];
        for (field, value) in texts.into_iter().filter(|(_, value)| !value.is_empty()) {
            request[field] = json!(value);
        }
        json!({"kind": "AdmissionReview", "apiVersion": "admission.k8s.io/v1", "request": request})
    }
}

impl Webhook {
    fn wants(&self, server: &Server, ask: &Ask<'_>, object: Option<&Value>, old: Option<&Value>) -> bool {
        if !self.rules.iter().any(|rule| rule_matches(rule, ask)) {
            return false;
        }
        let labels = |object: &Value| label_selector_matches(&self.objects, pairs(object, "labels"));
        if !object.is_some_and(labels) && !old.is_some_and(labels) {
            return false;
        }
        let namespace = ask.resource.kind == "Namespace" && ask.resource.custom.is_none();
        if namespace {
            return object.or(old).is_some_and(|object| label_selector_matches(&self.namespaces, pairs(object, "labels")));
        }
        if !ask.resource.namespaced {
            return true;
        }
        let entry = server.store.get(&format!("/registry/core/namespaces/{}", ask.namespace));
        let found: Value = entry.and_then(|entry| serde_json::from_slice(&entry.value).ok()).unwrap_or_default();
        label_selector_matches(&self.namespaces, pairs(&found, "labels"))
    }

    /// Calls the webhook; `None` when it may be passed over.
    async fn call(&self, server: &Server, review: &Value, warnings: &mut Vec<String>) -> ApiResult<Option<Value>> {
        match self.answer(server, review).await {
            Ok(response) => {
                let list = response.get("warnings").and_then(Value::as_array);
                warnings.extend(list.into_iter().flatten().filter_map(|one| one.as_str().map(str::to_owned)));
                if response.get("allowed") == Some(&json!(true)) { Ok(Some(response)) } else { Err(self.denial(&response)) }
            }
            Err(why) if self.ignore => {
                tracing::warn!(webhook = self.name, why, "a webhook that may fail did not answer");
                Ok(None)
            }
            Err(why) => Err(ApiError::internal(format!("failed calling webhook {:?}: {why}", self.name))),
        }
    }

    async fn answer(&self, server: &Server, review: &Value) -> Result<Value, String> {
        let sign = if self.url.contains('?') { '&' } else { '?' };
        let url = format!("{}{sign}timeout={}s", self.url, self.timeout);
        let request = http::Request::post(&url)
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::ACCEPT, "application/json, */*")
            .body(Bytes::from(review.to_string()))
            .map_err(|error| format!("failed to call webhook: {error}"))?;
        let failed = |why: &str| format!("failed to call webhook: Post {url:?}: {why}");
        let answer = tokio::time::timeout(Duration::from_secs(self.timeout), (server.outgoing)(request)).await;
        let response = answer.map_err(|_| failed("context deadline exceeded"))?.map_err(|why| failed(&why))?;
        if !response.status().is_success() {
            return Err(format!("failed to call webhook: the server responded with {}", response.status()));
        }
        if response.body().len() > LARGEST {
            return Err("failed to call webhook: the response is too large".to_owned());
        }
        let mut body: Value = serde_json::from_slice(response.body()).map_err(|error| format!("failed to call webhook: {error}"))?;
        if text(&body, "/kind") != "AdmissionReview" || text(&body, "/apiVersion") != "admission.k8s.io/v1" {
            return Err(format!(
                "expected webhook response of admission.k8s.io/v1, Kind=AdmissionReview, got {}, Kind={}",
                text(&body, "/apiVersion"),
                text(&body, "/kind")
            ));
        }
        let (sent, got) = (text(review, "/request/uid"), text(&body, "/response/uid"));
        if sent != got {
            return Err(format!("received invalid webhook response: expected response.uid={sent:?}, got {got:?}"));
        }
        Ok(body["response"].take())
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
        error
    }

    fn patched(&self, ask: &Ask<'_>, object: Value, response: &Value) -> ApiResult<Value> {
        let Some(patch) = response.get("patch").and_then(Value::as_str).filter(|patch| !patch.is_empty()) else { return Ok(object) };
        let failed = |why: String| ApiError::internal(format!("failed calling webhook {:?}: {why}", self.name));
        if text(response, "/patchType") != "JSONPatch" {
            return Err(failed("webhook returned response.patch but not response.patchType=JSONPatch".to_owned()));
        }
        let bytes = STANDARD.decode(patch).map_err(|error| failed(format!("the patch is no base64: {error}")))?;
        let operations = serde_json::from_slice(&bytes).map_err(|error| failed(format!("the patch is no JSON: {error}")))?;
        let patched = patch::json_patch(&object, &operations).map_err(|error| failed(error.to_string()))?;
        if !patched.is_object() || patched.get("kind") != Some(&json!(ask.resource.kind)) {
            return Err(failed(format!("the patch does not leave a {}", ask.resource.kind)));
        }
        Ok(patched)
    }
}

fn rule_matches(rule: &Value, ask: &Ask<'_>) -> bool {
    let listed = |field: &str, wanted: &str| {
        rule.get(field).and_then(Value::as_array).is_some_and(|list| list.iter().any(|one| one == "*" || one == wanted))
    };
    let scope = match rule.get("scope").and_then(Value::as_str) {
        Some("Namespaced") => ask.resource.namespaced,
        Some("Cluster") => !ask.resource.namespaced,
        _ => true,
    };
    // A rule for one version is meant for all versions in which the kind is served (matchPolicy Equivalent).
    let version = rule.get("apiVersions").and_then(Value::as_array).is_some_and(|list| !list.is_empty());
    scope && version && listed("operations", ask.operation) && listed("apiGroups", &ask.resource.group) && resource_matches(rule, ask)
}

fn resource_matches(rule: &Value, ask: &Ask<'_>) -> bool {
    let list = rule.get("resources").and_then(Value::as_array);
    list.into_iter().flatten().filter_map(Value::as_str).any(|one| {
        let (resource, subresource) = one.split_once('/').unwrap_or((one, ""));
        (resource == "*" || resource == ask.resource.plural) && (subresource == ask.subresource || (subresource == "*"))
    })
}

/// Webhooks are not asked about themselves, or nobody could mend them.
fn exempt(ask: &Ask<'_>) -> bool {
    ask.resource.group == GROUP
}

/// Asks the mutating webhooks one after the other; each sees what those before it made.
pub(crate) async fn mutate(
    server: &Server,
    ask: &Ask<'_>,
    object: Value,
    old: Option<&Value>,
    warnings: &mut Vec<String>,
) -> ApiResult<Value> {
    let webhooks = server.webhooks();
    if exempt(ask) || webhooks.mutating.is_empty() {
        return Ok(object);
    }
    let mut object = object;
    // Those that want it are asked once more when somebody changed what they had seen.
    let mut seen: Vec<Option<Value>> = vec![None; webhooks.mutating.len()];
    for round in 0..2 {
        for (index, hook) in webhooks.mutating.iter().enumerate() {
            let due = round == 0 || (hook.again && seen[index].as_ref().is_some_and(|seen| *seen != object));
            if !due || !hook.wants(server, ask, Some(&object), old) {
                continue;
            }
            if let Some(response) = hook.call(server, &ask.review(Some(&object), old), warnings).await? {
                object = hook.patched(ask, object, &response)?;
            }
            seen[index] = Some(object.clone());
        }
    }
    Ok(object)
}

/// Asks the mutating webhooks about a deletion, of which there is nothing to change.
pub(crate) async fn mutate_deletion(server: &Server, ask: &Ask<'_>, old: &Value, warnings: &mut Vec<String>) -> ApiResult<()> {
    ask_all(server, ask, &server.webhooks().mutating, None, Some(old), warnings).await
}

/// Asks the validating webhooks.
pub(crate) async fn validate(
    server: &Server,
    ask: &Ask<'_>,
    object: Option<&Value>,
    old: Option<&Value>,
    warnings: &mut Vec<String>,
) -> ApiResult<()> {
    ask_all(server, ask, &server.webhooks().validating, object, old, warnings).await
}

async fn ask_all(
    server: &Server,
    ask: &Ask<'_>,
    hooks: &[Webhook],
    object: Option<&Value>,
    old: Option<&Value>,
    warnings: &mut Vec<String>,
) -> ApiResult<()> {
    if exempt(ask) {
        return Ok(());
    }
    for hook in hooks {
        if hook.wants(server, ask, object, old) {
            hook.call(server, &ask.review(object, old), warnings).await?;
        }
    }
    Ok(())
}
