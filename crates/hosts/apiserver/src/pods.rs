//! What only Pods have: a binding, an eviction, containers added to a running Pod; logs and connections are in `connections`.
//! Follows kubernetes/kubernetes `pkg/registry/core/pod/{rest,storage}`.

use axum::response::Response;
use http::{Method, StatusCode};
use schema::Violation;
use serde_json::{Map, Value, json};

use crate::admission::{self, Ask};
use crate::delete::Removal;
use crate::object::{self, meta, meta_mut};
use crate::request::WriteOptions;
use crate::selector::label_selector_matches;
use crate::status::{ApiError, ApiResult, json_response};
use crate::typed;
use crate::write::{self, Call, Made, Ownership};
use crate::{connections, decode, delete, garbage, patches, read, validation};

/// Answers a request to a subresource of a Pod; `None` when Pods have none of that name.
pub(crate) async fn answer(call: &Call, method: &Method) -> Option<ApiResult<Response>> {
    let wrong = || Some(Err(ApiError::method_not_allowed()));
    match (call.place.subresource.as_str(), method.as_str()) {
        ("binding", "POST") => Some(write::bind(call).await),
        ("eviction", "POST") => Some(evict(call).await),
        ("log", "GET") => Some(connections::log(call).await),
        ("exec" | "attach" | "portforward", "GET" | "POST") => Some(connections::connect(call, method).await),
        ("proxy", "GET" | "POST" | "PUT" | "PATCH" | "DELETE") => Some(connections::connect(call, method).await),
        ("ephemeralcontainers" | "resize", "GET") => Some(read::get(call).await),
        ("ephemeralcontainers" | "resize", "PUT") => Some(write::update(call).await),
        ("ephemeralcontainers" | "resize", "PATCH") => Some(patches::answer(call).await),
        ("binding" | "eviction" | "log" | "exec" | "attach" | "portforward" | "proxy" | "ephemeralcontainers" | "resize", _) => wrong(),
        _ => None,
    }
}

pub(crate) fn live(call: &Call) -> ApiResult<Value> {
    let entry = call.server.store.get(&call.key()).ok_or_else(|| ApiError::not_found(&call.resource, &call.place.name))?;
    Ok(object::decode(&entry, &call.resource))
}

pub(crate) fn list<'a>(object: &'a Value, path: &str) -> &'a [Value] {
    object.pointer(path).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

pub(crate) fn node(pod: &Value) -> &str {
    pod.pointer("/spec/nodeName").and_then(Value::as_str).unwrap_or_default()
}

/// Deletes a Pod as far as the budgets allow it. Follows kubernetes/kubernetes `pkg/registry/core/pod/storage/eviction.go`.
async fn evict(call: &Call) -> ApiResult<Response> {
    let options = call.options("CreateOptions", false)?;
    let eviction = decode::spoken(call, options.validation, "policy/v1", "Eviction")?;
    if meta(&eviction, "name") != call.place.name {
        return Err(ApiError::bad_request("name in URL does not match name in Eviction object"));
    }
    let pod = live(call)?;
    let wished = eviction.get("deleteOptions").cloned().unwrap_or_else(|| json!({}));
    let removal = Removal::of(call, &wished)?;
    let dry_run = options.dry_run || list(&wished, "/dryRun").iter().any(|one| one == "All");
    let ask = Ask::of(call, "CREATE", &WriteOptions { dry_run, ..options }, &call.place.name);
    let ask = Ask { kind: Some(("policy", "v1", "Eviction")), ..ask };
    let eviction = admission::mutate(&call.server, &ask, eviction, None, &mut Vec::new()).await?;
    admission::validate(&call.server, &ask, Some(&eviction), None, &mut Vec::new()).await?;
    if !passes(&pod) {
        spend(call, &pod, dry_run).await?;
    }
    let removal = Removal { dry_run, ..removal };
    let (server, resource, key) = (&call.server, &call.resource, call.key());
    delete::check(resource, &call.place.name, &pod, &removal)?;
    let outcome = delete::remove(server, resource, &key, &call.place.name, &removal).await?;
    if !dry_run {
        garbage::follow(server, resource, &key, &outcome).await?;
    }
    let status = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201});
    Ok(json_response(StatusCode::CREATED, typed::encoded(&status)))
}

/// What has ended, not begun, or is going already disturbs nobody when it is evicted.
fn passes(pod: &Value) -> bool {
    let phase = pod.pointer("/status/phase").and_then(Value::as_str).unwrap_or_default();
    matches!(phase, "Succeeded" | "Failed" | "Pending") || !meta(pod, "deletionTimestamp").is_empty()
}

/// Takes one disruption from the budget that covers a Pod, or refuses.
async fn spend(call: &Call, pod: &Value, dry_run: bool) -> ApiResult<()> {
    let catalog = call.server.catalog();
    let Some(budgets) = catalog.find("policy", "v1", "poddisruptionbudgets").cloned() else { return Ok(()) };
    loop {
        let entries = call.server.store.scan(&budgets.prefix(Some(&call.place.namespace))).0;
        let labels: Map<String, Value> = object::pairs(pod, "labels").cloned().unwrap_or_default();
        let mut covering: Vec<(String, u64, Value)> = entries
            .into_iter()
            .map(|(key, entry)| (key, entry.revision, object::decode(&entry, &budgets)))
            .filter(|(_, _, budget)| {
                budget.pointer("/spec/selector").is_some_and(|selector| label_selector_matches(selector, Some(&labels)))
            })
            .collect();
        if covering.len() > 1 {
            let message = "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.";
            return Err(ApiError::new(500, "InternalError", format!("Internal error occurred: {message}"))
                .with(json!({"causes": [{"message": message}]})));
        }
        let Some((key, revision, mut budget)) = covering.pop() else { return Ok(()) };
        let ready = list(pod, "/status/conditions").iter().any(|one| one["type"] == "Ready" && one["status"] == "True");
        let count = |field: &str| budget.pointer(&format!("/status/{field}")).and_then(Value::as_i64).unwrap_or(0);
        let policy = budget.pointer("/spec/unhealthyPodEvictionPolicy").and_then(Value::as_str);
        let healthy = count("currentHealthy") >= count("desiredHealthy") && count("desiredHealthy") > 0;
        if !ready && (policy == Some("AlwaysAllow") || healthy) {
            // What serves nobody is missed by nobody.
            return Ok(());
        }
        let generation = budget.pointer("/metadata/generation").and_then(Value::as_i64).unwrap_or(0);
        if count("observedGeneration") < generation {
            let why = format!("The disruption budget {} is still being processed by the server.", meta(&budget, "name"));
            let mut refused = refusal(&why);
            refused.retry_after = Some(10);
            if let Some(details) = &mut refused.details {
                details["retryAfterSeconds"] = json!(10);
            }
            return Err(refused);
        }
        let allowed = count("disruptionsAllowed");
        if allowed <= 0 {
            return Err(refusal(&format!("The disruption budget {} does not allow evicting pods currently", meta(&budget, "name"))));
        }
        if dry_run {
            return Ok(());
        }
        budget["status"]["disruptionsAllowed"] = json!(allowed - 1);
        if !budget["status"]["disruptedPods"].is_object() {
            budget["status"]["disruptedPods"] = json!({});
        }
        budget["status"]["disruptedPods"][meta(pod, "name")] = json!(call.server.now());
        meta_mut(&mut budget).remove("resourceVersion");
        let batch = store::Batch::new().expect(&key, revision).put(&key, object::encode(&budget, &budgets.storage_version()));
        match call.server.store.commit_async(batch).await {
            Ok(_) => return Ok(()),
            // Somebody else was faster; what is left now is looked at again.
            Err(store::StoreError::Conflict { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

fn refusal(why: &str) -> ApiError {
    ApiError::new(429, "TooManyRequests", "Cannot evict pod as it would violate the pod's disruption budget.")
        .with(json!({"causes": [{"reason": "DisruptionBudget", "message": why}]}))
}

/// Takes from an update of `ephemeralcontainers` only these.
pub(crate) fn with_added(old: &Value, new: &Value) -> Value {
    let mut result = old.clone();
    for field in ["resourceVersion", "managedFields"] {
        if let Some(value) = new.pointer(&format!("/metadata/{field}")) {
            meta_mut(&mut result).insert(field.to_owned(), value.clone());
        }
    }
    match new.pointer("/spec/ephemeralContainers") {
        Some(list) => result["spec"]["ephemeralContainers"] = list.clone(),
        None => {
            if let Some(Value::Object(spec)) = result.get_mut("spec") {
                spec.remove("ephemeralContainers");
            }
        }
    }
    result
}

/// Returns what a change is compared with: what its way may change counts as it is already.
pub(crate) fn compared(subresource: &str, old: &Value, new: &Value) -> Option<Value> {
    let field = match subresource {
        "ephemeralcontainers" => "ephemeralContainers",
        _ => return None,
    };
    let mut old = old.clone();
    if let Some(value) = new.pointer(&format!("/spec/{field}")) {
        old["spec"][field] = value.clone();
    }
    Some(old)
}

/// Checks that none of the containers that were added to a running Pod changes.
pub(crate) fn check_added(new: &Value, old: &Value) -> Vec<Violation> {
    let (old, place) = (list(old, "/spec/ephemeralContainers"), "spec.ephemeralContainers");
    let added = list(new, "/spec/ephemeralContainers");
    let mut found = Vec::new();
    for before in old {
        let name = before["name"].as_str().unwrap_or_default();
        match added.iter().find(|one| one["name"] == name) {
            None => found.push(Violation::forbidden(place, &format!("existing ephemeral containers {name:?} may not be removed\n"))),
            Some(now) if now != before => {
                let changes = validation::container_changes(before, now);
                found.push(Violation::forbidden(place, &format!("existing ephemeral containers {name:?} may not be changed\n{changes}")));
            }
            Some(_) => {}
        }
    }
    found
}

/// Completes a new Pod: that it waits for its gates, and selectors that select by the Pod's own labels.
pub(crate) fn prepare(pod: &mut Value, now: &str) {
    if !list(pod, "/spec/schedulingGates").is_empty() {
        pod["status"]["conditions"] = json!([{
            "type": "PodScheduled", "status": "False", "reason": "SchedulingGated", "lastProbeTime": null, "lastTransitionTime": now,
            "message": "Scheduling is blocked due to non-empty scheduling gates",
        }]);
    }
    let labels = object::pairs(pod, "labels").cloned().unwrap_or_default();
    for kind in ["podAffinity", "podAntiAffinity"] {
        let place = format!("/spec/affinity/{kind}");
        for term in list_mut(pod, &format!("{place}/requiredDuringSchedulingIgnoredDuringExecution")) {
            select_own(term, &labels);
        }
        for term in list_mut(pod, &format!("{place}/preferredDuringSchedulingIgnoredDuringExecution")) {
            select_own(&mut term["podAffinityTerm"], &labels);
        }
    }
    list_mut(pod, "/spec/topologySpreadConstraints").for_each(|term| select_own(term, &labels));
}

fn list_mut<'a>(object: &'a mut Value, path: &str) -> impl Iterator<Item = &'a mut Value> {
    object.pointer_mut(path).and_then(Value::as_array_mut).into_iter().flatten()
}

/// Adds to a selector the values that the Pod has of the keys beside it.
fn select_own(term: &mut Value, labels: &Map<String, Value>) {
    let mut more = Vec::new();
    for (field, operator) in [("matchLabelKeys", "In"), ("mismatchLabelKeys", "NotIn")] {
        for key in list(term, &format!("/{field}")).iter().filter_map(Value::as_str) {
            more.extend(labels.get(key).map(|value| json!({"key": key, "operator": operator, "values": [value]})));
        }
    }
    let Some(Value::Object(selector)) = term.get_mut("labelSelector").filter(|_| !more.is_empty()) else { return };
    match selector.get_mut("matchExpressions").and_then(Value::as_array_mut) {
        Some(list) => list.extend(more),
        None => drop(selector.insert("matchExpressions".to_owned(), json!(more))),
    }
}

/// Says on which node a Pod runs.
pub(crate) fn bound(call: &Call, live: &Value, node: &str, now: &str) -> ApiResult<Made> {
    let already = self::node(live);
    let name = meta(live, "name");
    if !already.is_empty() {
        let message = format!("Operation cannot be fulfilled on pods/binding {name:?}: pod {name} is already assigned to node {already:?}");
        return Err(ApiError::new(409, "Conflict", message).with(json!({"kind": "pods/binding", "name": call.place.name})));
    }
    let mut object = live.clone();
    object["spec"]["nodeName"] = json!(node);
    let condition = json!({"type": "PodScheduled", "status": "True", "lastProbeTime": null, "lastTransitionTime": now});
    match object.pointer_mut("/status/conditions").and_then(Value::as_array_mut) {
        Some(list) => {
            list.retain(|one| one["type"] != "PodScheduled");
            list.push(condition);
        }
        None => object["status"]["conditions"] = json!([condition]),
    }
    meta_mut(&mut object).insert("resourceVersion".to_owned(), json!(""));
    Ok(Made { object, ownership: Ownership::Track, warnings: Vec::new() })
}
