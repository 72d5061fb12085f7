//! Eviction: a deletion that asks the budgets of the Pod first. Follows kubernetes
//! `pkg/registry/core/pod/storage/eviction.go`.

use axum::response::Response;
use http::StatusCode;
use serde_json::{Value, json};

use crate::decode;
use crate::delete::{self, Removal};
use crate::object::{self, meta};
use crate::selector::label_selector_matches;
use crate::status::{ApiError, ApiResult, json_response};
use crate::write::Call;

const REFUSED: &str = "Cannot evict pod as it would violate the pod's disruption budget.";

/// Answers POST on a Pod's `eviction`.
pub(crate) async fn answer(call: &Call) -> ApiResult<Response> {
    let options = call.options("CreateOptions", false)?;
    let eviction = decode::body(&call.headers, &call.body, "Eviction")?.value();
    if eviction.get("kind").and_then(Value::as_str).is_some_and(|kind| kind != "Eviction") {
        return Err(ApiError::bad_request("not an Eviction: the body of the request must be a policy/v1 Eviction"));
    }
    let named = meta(&eviction, "name");
    if named != call.place.name {
        return Err(ApiError::bad_request("name in URL does not match name in Eviction object"));
    }
    let entry = call.server.store.get(&call.key()).ok_or_else(|| ApiError::not_found(&call.resource, &call.place.name))?;
    let pod = object::decode(&entry, &call.resource);
    if !harmless(&pod) {
        budget(call, &pod)?;
    }
    let text = |path: &str| eviction.pointer(path).and_then(Value::as_str).map(str::to_owned);
    let removal = Removal {
        grace: eviction.pointer("/deleteOptions/gracePeriodSeconds").and_then(Value::as_i64),
        uid: text("/deleteOptions/preconditions/uid"),
        revision: text("/deleteOptions/preconditions/resourceVersion"),
        dry_run: options.dry_run,
        ..Removal::default()
    };
    delete::evicted(call, &removal).await?;
    let status = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201});
    Ok(json_response(StatusCode::CREATED, status.to_string().into_bytes()))
}

/// A Pod that does nothing needs no budget.
fn harmless(pod: &Value) -> bool {
    let phase = pod.pointer("/status/phase").and_then(Value::as_str).unwrap_or_default();
    matches!(phase, "Succeeded" | "Failed" | "Pending") || !meta(pod, "deletionTimestamp").is_empty()
}

fn budget(call: &Call, pod: &Value) -> ApiResult<()> {
    let prefix = format!("/registry/policy/poddisruptionbudgets/{}/", call.place.namespace);
    let labels = object::pairs(pod, "labels");
    let budgets: Vec<Value> = call
        .server
        .store
        .scan(&prefix)
        .0
        .iter()
        .filter_map(|(_, entry)| serde_json::from_slice::<Value>(&entry.value).ok())
        .filter(|budget| budget.pointer("/spec/selector").is_some_and(|selector| label_selector_matches(selector, labels)))
        .collect();
    let budget = match budgets.as_slice() {
        [] => return Ok(()),
        [one] => one,
        _ => {
            return Err(ApiError::internal(
                "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.",
            ));
        }
    };
    let allowed = budget.pointer("/status/disruptionsAllowed").and_then(Value::as_i64).unwrap_or(0);
    if allowed > 0 {
        return Ok(());
    }
    let (wanted, now) = (
        budget.pointer("/status/desiredHealthy").and_then(Value::as_i64).unwrap_or(0),
        budget.pointer("/status/currentHealthy").and_then(Value::as_i64).unwrap_or(0),
    );
    let name = meta(budget, "name");
    let why = format!("The disruption budget {name} needs {wanted} healthy pods and has {now} currently");
    Err(ApiError::new(429, "TooManyRequests", REFUSED).with(json!({"causes": [{"reason": "DisruptionBudget", "message": why}]})))
}
