//! Node. Follows kubernetes `pkg/apis/core/validation/validation.go` `ValidateNode`.

use serde_json::json;

use super::Subject;
use super::faults::{Faults, list, text};
use crate::names;

/// Checks a Node.
pub(crate) fn check(subject: &Subject<'_>, faults: &mut Faults) {
    subject.metadata_update(faults);
    if subject.old.is_none() {
        subject.metadata(faults);
    }
    let mut seen: Vec<(&str, &str)> = Vec::new();
    for (index, taint) in list(subject.spec(), "taints").iter().enumerate() {
        let here = format!("spec.taints[{index}]");
        let (key, value, effect) = (text(taint, "key"), text(taint, "value"), text(taint, "effect"));
        names::key_faults(key).iter().for_each(|why| faults.invalid(&format!("{here}.key"), &json!(key), why));
        if !value.is_empty() {
            names::value_faults(value).iter().for_each(|why| faults.invalid(&format!("{here}.value"), &json!(value), why));
        }
        match effect {
            "NoSchedule" | "PreferNoSchedule" | "NoExecute" => {}
            "" => faults.required(&format!("{here}.effect"), ""),
            other => faults.not_supported(&format!("{here}.effect"), &json!(other), &["NoSchedule", "PreferNoSchedule", "NoExecute"]),
        }
        if seen.contains(&(key, effect)) {
            let text = format!("Duplicate value: {taint}: taints must be unique by key and effect pair");
            faults.0.push(schema::Violation { field: here, cause: schema::Cause::Duplicate, text });
        }
        seen.push((key, effect));
    }
}
