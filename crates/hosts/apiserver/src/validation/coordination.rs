//! Lease. Follows kubernetes `pkg/apis/coordination/validation/validation.go`.

use serde_json::{Value, json};

use super::Subject;
use super::faults::{Faults, set, text};

/// Checks a Lease.
pub(crate) fn check(subject: &Subject<'_>, faults: &mut Faults) {
    subject.metadata_update(faults);
    if subject.old.is_none() {
        subject.metadata(faults);
    }
    let spec = subject.spec();
    if let Some(seconds) = set(spec, "leaseDurationSeconds").filter(|value| value.as_i64().is_some_and(|number| number <= 0)) {
        faults.invalid("spec.leaseDurationSeconds", seconds, "must be greater than 0");
    }
    if let Some(count) = set(spec, "leaseTransitions").filter(|value| value.as_i64().is_some_and(|number| number < 0)) {
        faults.invalid("spec.leaseTransitions", count, "must be greater than or equal to 0");
    }
    let strategy = text(spec, "strategy");
    if !strategy.is_empty() && strategy.contains('/') {
        crate::names::key_faults(strategy).iter().for_each(|why| faults.invalid("spec.strategy", &json!(strategy), why));
    }
    let preferred = text(spec, "preferredHolder");
    if !preferred.is_empty() && spec.get("strategy").is_none_or(Value::is_null) {
        faults.forbidden("spec.preferredHolder", "may only be specified if `strategy` is defined");
    }
}
