//! PriorityClass. Follows kubernetes `pkg/apis/scheduling/validation/validation.go`.

use serde_json::{Value, json};

use super::Subject;
use super::faults::{Faults, set};
use crate::object::meta;

/// Those of the system, with their values.
const SYSTEM: &[(&str, i64)] = &[("system-node-critical", 2_000_001_000), ("system-cluster-critical", 2_000_000_000)];
/// The highest value that others may have.
const HIGHEST: i64 = 1_000_000_000;

/// Checks a PriorityClass.
pub(crate) fn check(subject: &Subject<'_>, faults: &mut Faults) {
    let object = subject.object;
    let Some(old) = subject.old else {
        subject.metadata(faults);
        return created(object, faults);
    };
    subject.metadata_update(faults);
    if object.get("value") != old.get("value") {
        faults.forbidden("value", "may not be changed in an update.");
    }
    faults.immutable(object, old, &["preemptionPolicy"]);
}

fn created(object: &Value, faults: &mut Faults) {
    let name = meta(object, "name");
    let value = object.get("value").and_then(Value::as_i64).unwrap_or(0);
    if name.starts_with("system-") {
        let why = "priority class names with 'system-' prefix are reserved for system use only. error: ";
        if let Some(wrong) = system(object, name, value) {
            faults.forbidden("metadata.name", &format!("{why}{wrong}"));
        }
    } else if value > HIGHEST {
        faults.forbidden("value", &format!("maximum allowed value of a user defined priority is {HIGHEST}"));
    }
    match set(object, "preemptionPolicy").and_then(Value::as_str) {
        None | Some("PreemptLowerPriority" | "Never") => {}
        Some("") => faults.required("preemptionPolicy", ""),
        Some(other) => faults.not_supported("preemptionPolicy", &json!(other), &["PreemptLowerPriority", "Never"]),
    }
}

fn system(object: &Value, name: &str, value: i64) -> Option<String> {
    let Some((_, own)) = SYSTEM.iter().find(|(known, _)| *known == name) else {
        return Some(format!("{name} is not a known system priority class"));
    };
    if *own != value {
        return Some(format!("value of {name} PriorityClass must be {own}"));
    }
    let default = object.get("globalDefault") == Some(&json!(true));
    default.then(|| format!("globalDefault of {name} PriorityClass must be false"))
}
