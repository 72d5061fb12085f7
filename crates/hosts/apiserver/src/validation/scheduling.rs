//! PriorityClass and RuntimeClass. Follows kubernetes `pkg/apis/scheduling/validation/validation.go` and
//! `pkg/apis/node/validation/validation.go`.

use serde_json::{Value, json};

use super::Subject;
use super::faults::{Faults, text};
use crate::names::Rule;
use crate::object::meta;

/// Checks an object of these kinds.
pub(crate) fn check(subject: &Subject<'_>, faults: &mut Faults) {
    let Subject { object, old, .. } = *subject;
    if old.is_some() {
        subject.metadata_update(faults);
    } else {
        subject.metadata(faults);
    }
    if subject.resource.kind == "RuntimeClass" {
        return runtime(object, old, faults);
    }
    let name = meta(object, "name");
    let value = object.get("value").and_then(Value::as_i64).unwrap_or(0);
    if old.is_none() {
        if name.starts_with("system-") && !matches!(name, "system-node-critical" | "system-cluster-critical") {
            let why = format!(
                "priority class names with 'system-' prefix are reserved for system use only. error: {name} is not a known system priority class"
            );
            faults.forbidden("metadata.name", &why);
        } else if value > 1_000_000_000 && !name.starts_with("system-") {
            faults.forbidden("value", "maximum allowed value of a user defined priority is 1000000000");
        }
    }
    if let Some(old) = old {
        if object.get("value") != old.get("value") {
            faults.forbidden("value", "may not be changed in an update.");
        }
        faults.immutable(object, old, &["preemptionPolicy"]);
    }
    let policy = text(object, "preemptionPolicy");
    if old.is_none() && !matches!(policy, "" | "PreemptLowerPriority" | "Never") {
        faults.not_supported("preemptionPolicy", &json!(policy), &["Never", "PreemptLowerPriority"]);
    }
}

fn runtime(object: &Value, old: Option<&Value>, faults: &mut Faults) {
    let handler = text(object, "handler");
    if let Some(old) = old {
        return faults.immutable(object, old, &["handler"]);
    }
    if handler.is_empty() {
        faults.required("handler", "");
    } else {
        faults.name("handler", Rule::Label, handler);
    }
}
