//! IPAddress: which object an address belongs to. Follows kubernetes `pkg/apis/networking/validation/validation.go`.

use serde_json::Value;

use super::Subject;
use super::faults::{Faults, at, set, text};
use crate::names::Rule;
use crate::typed::Type;

const FIELD: &str = "spec.parentRef";

/// Checks an IPAddress.
pub(crate) fn check(subject: &Subject<'_>, faults: &mut Faults) {
    subject.metadata(faults);
    let parent = set(subject.spec(), "parentRef");
    match parent {
        Some(parent) => reference(parent, faults),
        None => faults.required(FIELD, ""),
    }
    subject.metadata_update(faults);
    let Some(before) = subject.old.map(|old| at(old, &["spec", "parentRef"])) else { return };
    match parent {
        _ if before == parent => {}
        Some(parent) => faults.invalid_inner(FIELD, &Type::Struct("networking.v1.ParentReference"), parent, "field is immutable"),
        None => faults.invalid(FIELD, &Value::Null, "field is immutable"),
    }
}

fn reference(parent: &Value, faults: &mut Faults) {
    let group = text(parent, "group");
    if !group.is_empty() {
        faults.name(&format!("{FIELD}.group"), Rule::Subdomain, group);
    }
    for (part, needed) in [("resource", true), ("name", true), ("namespace", false)] {
        let field = format!("{FIELD}.{part}");
        match text(parent, part) {
            "" if needed => faults.required(&field, ""),
            value => faults.name(&field, Rule::Segment, value),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_parent_is_named_whole() {
        for (parent, wanted) in [
            (json!({"resource": "services", "namespace": "n", "name": "s"}), vec![]),
            (json!({}), vec!["spec.parentRef.resource: Required value", "spec.parentRef.name: Required value"]),
            (json!({"resource": "services", "name": "a/b"}), vec!["spec.parentRef.name: Invalid value: \"a/b\": may not contain '/'"]),
        ] {
            let mut faults = Faults::default();
            reference(&parent, &mut faults);
            assert_eq!(faults.0.iter().map(schema::Violation::sentence).collect::<Vec<_>>(), wanted);
        }
    }
}
