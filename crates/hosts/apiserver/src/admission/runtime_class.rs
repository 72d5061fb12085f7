//! What the class of its runtime adds to a Pod: what it costs, and where it may go.
//! Follows kubernetes/kubernetes `plugin/pkg/admission/runtimeclass/admission.go`.

use serde_json::{Map, Value, json};

use super::Ask;
use crate::Server;
use crate::status::{ApiError, ApiResult};

/// Fills in a Pod that is being created.
pub(super) fn fill(server: &Server, ask: &Ask<'_>, pod: &mut Value) -> ApiResult<()> {
    let Some(class) = class(server, ask, pod)? else { return Ok(()) };
    if let Some(fixed) = class.get("overhead") {
        let fixed = fixed.get("podFixed").cloned().unwrap_or_else(|| json!({}));
        let given = pod.pointer("/spec/overhead").filter(|given| given.as_object().is_some_and(|given| !given.is_empty()));
        if given.is_some_and(|given| *given != fixed) {
            return Err(rejected(ask, "Pod's Overhead doesn't match RuntimeClass's defined Overhead"));
        }
        pod["spec"]["overhead"] = fixed;
    }
    if let Some(scheduling) = class.get("scheduling") {
        labels(ask, scheduling, pod)?;
        let wanted = scheduling.get("tolerations").and_then(Value::as_array).cloned().unwrap_or_default();
        let mut all = pod.pointer("/spec/tolerations").and_then(Value::as_array).cloned().unwrap_or_default();
        for one in wanted {
            if !all.contains(&one) {
                all.push(one);
            }
        }
        pod["spec"]["tolerations"] = json!(all);
    }
    Ok(())
}

/// Checks that a Pod that is being created costs what its class says.
pub(super) fn validate(server: &Server, ask: &Ask<'_>, pod: &Value) -> ApiResult<()> {
    if ask.resource.kind != "Pod" || ask.resource.custom.is_some() || !ask.subresource.is_empty() || ask.operation != "CREATE" {
        return Ok(());
    }
    let class = class(server, ask, pod)?;
    let overhead = pod.pointer("/spec/overhead");
    match class.as_ref().and_then(|class| class.get("overhead")) {
        Some(fixed) if fixed.get("podFixed") != overhead => {
            Err(rejected(ask, "Pod's Overhead doesn't match RuntimeClass's defined Overhead"))
        }
        None if overhead.is_some() => Err(rejected(ask, "Pod Overhead set without corresponding RuntimeClass defined Overhead")),
        _ => Ok(()),
    }
}

/// Returns the class that a Pod names.
fn class(server: &Server, ask: &Ask<'_>, pod: &Value) -> ApiResult<Option<Value>> {
    let Some(name) = pod.pointer("/spec/runtimeClassName").and_then(Value::as_str) else { return Ok(None) };
    let entry = server.catalog().find("node.k8s.io", "v1", "runtimeclasses").and_then(|classes| server.store.get(&classes.key("", name)));
    match entry {
        Some(entry) => Ok(serde_json::from_slice(&entry.value).ok()),
        None => Err(rejected(ask, &format!("RuntimeClass {name:?} not found"))),
    }
}

fn rejected(ask: &Ask<'_>, why: &str) -> ApiError {
    ApiError::forbidden(ask.resource, ask.name, &format!("pod rejected: {why}"))
}

fn labels(ask: &Ask<'_>, scheduling: &Value, pod: &mut Value) -> ApiResult<()> {
    let Some(wanted) = scheduling.get("nodeSelector").and_then(Value::as_object) else { return Ok(()) };
    let mut all: Map<String, Value> = pod.pointer("/spec/nodeSelector").and_then(Value::as_object).cloned().unwrap_or_default();
    for (key, value) in wanted {
        if let Some(other) = all.get(key).filter(|other| *other != value) {
            let (value, other) = (value.as_str().unwrap_or_default(), other.as_str().unwrap_or_default());
            let why = format!("conflict: runtimeClass.scheduling.nodeSelector[{key}] = {value}; pod.spec.nodeSelector[{key}] = {other}");
            return Err(ApiError::forbidden(ask.resource, ask.name, &why));
        }
        all.insert(key.clone(), value.clone());
    }
    pod["spec"]["nodeSelector"] = Value::Object(all);
    Ok(())
}
