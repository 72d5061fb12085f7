//! What controllers may say of objects: their `status`, kind by kind.
//! Follows the `Validate…StatusUpdate` functions in kubernetes `pkg/apis/*/validation/validation.go`, and apimachinery
//! `pkg/apis/meta/v1/validation/validation.go` `ValidateConditions`.

use serde_json::{Value, json};

use super::Subject;
use super::faults::{Faults, child, list, set, text};
use super::{certificates, core, job_status, load_balancer, node, pod_status, quota, resources, storage, workload_statuses};
use crate::{crd, names};

/// Checks the status of an object of these kinds.
pub(crate) fn check(subject: &Subject<'_>, faults: &mut Faults) {
    let status = subject.object.get("status").unwrap_or(&Value::Null);
    match (subject.resource.group.as_str(), subject.resource.kind.as_str()) {
        ("autoscaling", _) => counts(status, &["currentReplicas", "desiredReplicas"], faults),
        ("policy", _) => {
            conditions(status, "status.conditions", faults);
            counts(status, &["disruptionsAllowed", "currentHealthy", "desiredHealthy", "expectedPods"], faults);
        }
        ("apps", _) | ("", "ReplicationController") => workload_statuses::check(subject, faults),
        ("batch", "Job") => job_status::check(subject, faults),
        ("", "Pod") => pod_status::check(subject, faults),
        ("", "Namespace") => core::phase(subject.object, faults),
        ("", "ResourceQuota") => quota::status(subject.object, faults),
        ("", "Service") => load_balancer::of_service(subject, faults),
        ("networking.k8s.io", "Ingress") => load_balancer::of_ingress(subject, faults),
        ("admissionregistration.k8s.io", "ValidatingAdmissionPolicy") => policy(status, faults),
        ("apiextensions.k8s.io", _) => {
            crd::check_names(status.get("acceptedNames").unwrap_or(&Value::Null), "status.acceptedNames", &mut faults.0);
        }
        ("", "PersistentVolumeClaim") => claim(status, faults),
        ("", "Node") => {
            if let Some(old) = subject.old {
                node::changed(subject, old, faults);
            }
        }
        ("storage.k8s.io", "VolumeAttachment") => {
            storage::attachment(subject, faults);
        }
        ("certificates.k8s.io", _) => certificates::check(subject, faults),
        _ => {}
    }
}

/// What is wrong with a policy's expressions, and its conditions.
fn policy(status: &Value, faults: &mut Faults) {
    let warnings = status.get("typeChecking").map(|checked| list(checked, "expressionWarnings")).unwrap_or_default();
    for (index, one) in warnings.iter().enumerate() {
        let place = format!("status.typeChecking.expressionWarnings[{index}]");
        if text(one, "warning").is_empty() {
            faults.required(&child(&place, "warning"), "");
        }
        let field = text(one, "fieldRef");
        if field.trim().is_empty() {
            faults.required(&child(&place, "fieldRef"), "");
        }
    }
    conditions(status, "status.conditions", faults);
}

fn counts(status: &Value, fields: &[&str], faults: &mut Faults) {
    fields.iter().for_each(|field| faults.not_negative(status, "status", field));
}

/// Checks conditions of the common form.
fn conditions(status: &Value, path: &str, faults: &mut Faults) {
    let mut seen = std::collections::HashSet::new();
    for (index, one) in list(status, "conditions").iter().enumerate() {
        let here = format!("{path}[{index}]");
        let kind = text(one, "type");
        if !seen.insert(kind) {
            faults.duplicate(&child(&here, "type"), &json!(kind));
        }
        condition(one, &here, faults);
    }
}

fn condition(one: &Value, path: &str, faults: &mut Faults) {
    let (kind, status, reason) = (text(one, "type"), text(one, "status"), text(one, "reason"));
    names::key_faults(kind).iter().for_each(|why| faults.invalid(&child(path, "type"), &json!(kind), why));
    let known = &["False", "True", "Unknown"];
    if !known.contains(&status) {
        faults.not_supported(&child(path, "status"), &json!(status), known);
    }
    if let Some(number) = set(one, "observedGeneration").filter(|number| number.as_i64().is_some_and(|number| number < 0)) {
        faults.invalid(&child(path, "observedGeneration"), number, "must be greater than or equal to zero");
    }
    if set(one, "lastTransitionTime").is_none() {
        faults.required(&child(path, "lastTransitionTime"), "");
    }
    if reason.is_empty() {
        faults.required(&child(path, "reason"), "");
    } else if !is_reason(reason) {
        faults.invalid(&child(path, "reason"), &json!(reason), REASON);
    }
    if reason.len() > 1024 {
        faults.too_long(&child(path, "reason"), 1024);
    }
    if text(one, "message").len() > 32 * 1024 {
        faults.too_long(&child(path, "message"), 32 * 1024);
    }
}

const REASON: &str = "a condition reason must start with alphabetic character, optionally followed by a string of alphanumeric characters or '_,:', and must end with an alphanumeric character or '_' (e.g. 'my_name',  or 'MY_NAME',  or 'MyName',  or 'ReasonA,ReasonB',  or 'ReasonA:ReasonB', regex used for validation is '[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?')";

fn is_reason(text: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let bytes = text.as_bytes();
    bytes.first().is_some_and(u8::is_ascii_alphabetic)
        && bytes.last().is_some_and(|last| word(*last))
        && bytes.iter().all(|byte| word(*byte) || matches!(byte, b',' | b':'))
}

fn claim(status: &Value, faults: &mut Faults) {
    const RESIZES: &[&str] =
        &["ControllerResizeInProgress", "ControllerResizeInfeasible", "NodeResizeInProgress", "NodeResizeInfeasible", "NodeResizePending"];
    let part = |name: &str| status.get(name).and_then(Value::as_object).into_iter().flatten();
    for (name, amount) in part("capacity") {
        resources::basic(amount, &format!("status.capacity[{name}]"), faults);
    }
    for (name, state) in part("allocatedResourceStatuses") {
        let field = "status.allocatedResourceStatuses";
        resource_key(name, field, faults);
        if !RESIZES.contains(&state.as_str().unwrap_or_default()) {
            let mut known = RESIZES.to_vec();
            known.sort_unstable();
            faults.not_supported(field, &json!(name), &known);
        }
    }
    for (name, amount) in part("allocatedResources") {
        if resource_key(name, "status.allocatedResources", faults) {
            resources::basic(amount, &format!("status.allocatedResources[{name}]"), faults);
        }
    }
}

fn resource_key(name: &str, field: &str, faults: &mut Faults) -> bool {
    let wrong = names::key_faults(name);
    wrong.iter().for_each(|why| faults.invalid(field, &json!(name), why));
    let strange = wrong.is_empty() && resources::is_native(name) && name != "storage";
    if strange {
        faults.not_supported(field, &json!(name), &["storage"]);
    }
    wrong.is_empty() && !strange
}
