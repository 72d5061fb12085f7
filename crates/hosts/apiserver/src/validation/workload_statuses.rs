//! What controllers may say of workloads: no count below zero, and none above the count that it is part of.
//! Follows kubernetes `pkg/apis/apps/validation/validation.go` and `pkg/apis/core/validation/validation.go`, the functions
//! `Validate…Status`.

use serde_json::{Value, json};

use super::Subject;
use super::faults::Faults;

/// Checks the status of a workload of these kinds.
pub(super) fn check(subject: &Subject<'_>, faults: &mut Faults) {
    let status = subject.object.get("status").unwrap_or(&Value::Null);
    let ready = if subject.resource.kind == "StatefulSet" { "status.readyReplicas" } else { "readyReplicas" };
    let (counts, parts): (&[&str], &[&str]) = match subject.resource.kind.as_str() {
        "StatefulSet" => (
            &[
                "replicas",
                "readyReplicas",
                "currentReplicas",
                "updatedReplicas",
                "availableReplicas",
                "observedGeneration",
                "collisionCount",
            ],
            &["readyReplicas", "currentReplicas", "updatedReplicas", "availableReplicas"],
        ),
        "DaemonSet" => (
            &[
                "currentNumberScheduled",
                "numberMisscheduled",
                "desiredNumberScheduled",
                "numberReady",
                "observedGeneration",
                "updatedNumberScheduled",
                "numberAvailable",
                "numberUnavailable",
                "collisionCount",
            ],
            &[],
        ),
        "Deployment" => (
            &[
                "observedGeneration",
                "replicas",
                "updatedReplicas",
                "readyReplicas",
                "availableReplicas",
                "unavailableReplicas",
                "terminatingReplicas",
                "collisionCount",
            ],
            &["updatedReplicas", "readyReplicas", "availableReplicas"],
        ),
        _ => (
            &["replicas", "fullyLabeledReplicas", "readyReplicas", "availableReplicas", "observedGeneration", "terminatingReplicas"],
            &["fullyLabeledReplicas", "readyReplicas", "availableReplicas"],
        ),
    };
    counts.iter().for_each(|field| faults.not_negative(status, "status", field));
    for field in parts {
        not_above(status, field, "replicas", "status.replicas", faults);
    }
    if !parts.is_empty() {
        not_above(status, "availableReplicas", "readyReplicas", ready, faults);
    }
    not_decremented(status, subject.old.and_then(|old| old.get("status")).unwrap_or(&Value::Null), faults);
}

fn count(status: &Value, field: &str) -> i64 {
    status.get(field).and_then(Value::as_i64).unwrap_or(0)
}

fn not_above(status: &Value, field: &str, whole: &str, told: &str, faults: &mut Faults) {
    if count(status, field) > count(status, whole) {
        faults.invalid(&format!("status.{field}"), &json!(count(status, field)), &format!("cannot be greater than {told}"));
    }
}

/// How often names collided is never forgotten.
fn not_decremented(status: &Value, old: &Value, faults: &mut Faults) {
    let before = old.get("collisionCount").and_then(Value::as_i64);
    let after = status.get("collisionCount").and_then(Value::as_i64);
    if before.is_some_and(|before| after.is_none_or(|after| after < before)) {
        faults.invalid("status.collisionCount", &json!(after.unwrap_or(0)), "cannot be decremented");
    }
}
