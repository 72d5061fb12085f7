//! Lease. Follows kubernetes `pkg/apis/coordination/validation/validation.go`. What a new Lease says of coordinated elections is dropped
//! before, as Kubernetes drops it where that feature is off.

use serde_json::{Value, json};

use super::Subject;
use super::faults::{Faults, set, text};
use crate::names;

/// Checks a Lease.
pub(crate) fn check(subject: &Subject<'_>, faults: &mut Faults) {
    match subject.old {
        Some(_) => subject.metadata_update(faults),
        None => subject.metadata(faults),
    }
    let spec = subject.spec();
    if let Some(seconds) = set(spec, "leaseDurationSeconds").filter(|value| value.as_i64().is_some_and(|number| number <= 0)) {
        faults.invalid("spec.leaseDurationSeconds", seconds, "must be greater than 0");
    }
    faults.not_negative(spec, "spec", "leaseTransitions");
    if let Some(strategy) = set(spec, "strategy").and_then(Value::as_str) {
        election(strategy, faults);
    }
    if !text(spec, "preferredHolder").is_empty() && text(spec, "strategy").is_empty() {
        faults.forbidden("spec.preferredHolder", "may only be specified if `strategy` is defined");
    }
}

fn election(strategy: &str, faults: &mut Faults) {
    // Upstream names the field twice.
    let field = "spec.strategy.strategy";
    if strategy.contains('/') {
        names::key_faults(strategy).iter().for_each(|why| faults.invalid(field, &json!(strategy), why));
    } else if strategy != "OldestEmulationVersion" {
        faults.not_supported(field, &json!(strategy), &["OldestEmulationVersion"]);
    }
}
