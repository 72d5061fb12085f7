//! Pods, and what of one may change once it is there. Follows kubernetes `pkg/apis/core/validation/validation.go`
//! `ValidatePodUpdate`.

use serde_json::Value;

use super::Subject;
use super::faults::{Faults, list, set};
use super::pod;

/// What may change without further question.
const FREE: &[&str] = &["activeDeadlineSeconds", "tolerations", "terminationGracePeriodSeconds", "schedulingGates"];
const WHY: &str = "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)";

/// Checks a Pod.
pub(crate) fn check(subject: &Subject<'_>, faults: &mut Faults) {
    let Subject { object, old, .. } = *subject;
    subject.metadata_update(faults);
    subject.metadata(faults);
    let spec = subject.spec();
    pod::spec(spec, "spec", faults);
    if old.is_none() && !list(spec, "ephemeralContainers").is_empty() {
        faults.forbidden("spec.ephemeralContainers", "cannot be set on create");
    }
    if let Some(old) = old
        && subject.subresource.is_empty()
    {
        changed(object, old, faults);
    }
}

fn changed(object: &Value, old: &Value, faults: &mut Faults) {
    for (name, what) in
        [("containers", "pod updates may not add or remove containers"), ("initContainers", "pod updates may not add or remove containers")]
    {
        let count = |pod: &Value| pod.get("spec").map_or(0, |spec| list(spec, name).len());
        if count(object) != count(old) {
            return faults.forbidden(&format!("spec.{name}"), what);
        }
    }
    let seconds = |pod: &Value| pod.get("spec").and_then(|spec| set(spec, "activeDeadlineSeconds")).and_then(Value::as_i64);
    match (seconds(old), seconds(object)) {
        (Some(before), Some(now)) if now > before => {
            faults.invalid(
                "spec.activeDeadlineSeconds",
                &Value::from(now),
                &format!("must be less than or equal to previous value {before}"),
            );
        }
        (Some(_), None) => {
            faults.invalid("spec.activeDeadlineSeconds", &Value::Null, "must not update from a positive integer to nil value")
        }
        _ => {}
    }
    tolerations(object, old, faults);
    if fixed(object) != fixed(old) {
        faults.forbidden("spec", WHY);
    }
}

/// Tolerations may be added, not taken away.
fn tolerations(object: &Value, old: &Value, faults: &mut Faults) {
    let all = |pod: &Value| pod.get("spec").map(|spec| list(spec, "tolerations").to_vec()).unwrap_or_default();
    let now = all(object);
    if all(old).iter().any(|one| !now.contains(one)) {
        faults.forbidden("spec.tolerations", "existing toleration can not be modified except its tolerationSeconds");
    }
}

fn fixed(pod: &Value) -> Value {
    let mut spec = pod.get("spec").cloned().unwrap_or_default();
    if let Value::Object(map) = &mut spec {
        map.retain(|name, _| !FREE.contains(&name.as_str()));
    }
    for list in ["containers", "initContainers"] {
        for container in spec.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
            if let Value::Object(map) = container {
                map.remove("image");
            }
        }
    }
    spec
}
