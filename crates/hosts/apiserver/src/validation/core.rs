//! The kinds of the core group that are neither Pods, Services nor Nodes: when they check their metadata, and what beyond them.
//! Follows kubernetes `pkg/apis/core/validation/validation.go`.

use serde_json::{Value, json};

use super::faults::{Faults, list, text};
use super::{Subject, config_map, endpoints, limit_range, quota, secret};
use crate::names;
use crate::object::meta;

const KEEPERS: &str = "spec.finalizers";

/// Checks an object of these kinds.
pub(crate) fn check(subject: &Subject<'_>, faults: &mut Faults) {
    let old = subject.old;
    let kind = subject.resource.kind.as_str();
    if kind != "LimitRange" {
        subject.metadata_update(faults);
    }
    match (kind, old) {
        ("ConfigMap", _) => config_map::check(subject, faults),
        ("Secret", _) => secret::check(subject, faults),
        ("Namespace", Some(_)) if subject.subresource == "finalize" => {
            keepers(subject.spec(), |index| format!("{KEEPERS}[{index}]"), faults)
        }
        ("Namespace", Some(_)) => {}
        ("ResourceQuota", Some(_)) => quota::check(subject, faults),
        _ => {
            subject.metadata(faults);
            beyond_metadata(kind, subject, faults);
        }
    }
}

fn beyond_metadata(kind: &str, subject: &Subject<'_>, faults: &mut Faults) {
    match kind {
        "Endpoints" => endpoints::check(subject, faults),
        "ResourceQuota" => quota::check(subject, faults),
        "LimitRange" => limit_range::check(subject.spec(), faults),
        "Namespace" => keepers(subject.spec(), |_| KEEPERS.to_owned(), faults),
        _ => {}
    }
}

/// Checks the status of a namespace: it goes when it is being deleted, and only then.
pub(super) fn phase(object: &Value, faults: &mut Faults) {
    let phase = object.get("status").map(|status| text(status, "phase")).unwrap_or_default();
    let (wanted, when) =
        if meta(object, "deletionTimestamp").is_empty() { ("Active", "is empty") } else { ("Terminating", "is not empty") };
    if phase != wanted {
        // Upstream writes the field like this.
        faults.invalid("status.Phase", &json!(phase), &format!("may only be '{wanted}' if `deletionTimestamp` {when}"));
    }
}

/// Who keeps a namespace from going.
fn keepers(spec: &Value, field: impl Fn(usize) -> String, faults: &mut Faults) {
    for (index, one) in list(spec, "finalizers").iter().enumerate() {
        let (name, field) = (one.as_str().unwrap_or_default(), field(index));
        names::key_faults(name).iter().for_each(|why| faults.invalid(&field, one, why));
        if !name.contains('/') && !matches!(name, "kubernetes" | "orphan" | "foregroundDeletion") {
            faults.invalid(&field, &json!(name), "name is neither a standard finalizer name nor is it fully qualified");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_namespace_goes_when_it_is_deleted() {
        let told = |object: Value| {
            let mut faults = Faults::default();
            phase(&object, &mut faults);
            faults.0.iter().map(schema::Violation::sentence).collect::<Vec<_>>()
        };
        assert!(told(json!({"status": {"phase": "Active"}})).is_empty());
        assert!(told(json!({"metadata": {"deletionTimestamp": "t"}, "status": {"phase": "Terminating"}})).is_empty());
        let early = "status.Phase: Invalid value: \"Terminating\": may only be 'Active' if `deletionTimestamp` is empty";
        assert_eq!(told(json!({"status": {"phase": "Terminating"}})), [early]);
    }

    #[test]
    fn keepers_of_a_namespace_are_qualified() {
        let told = |name: &str| {
            let mut faults = Faults::default();
            keepers(&json!({"finalizers": [name]}), |_| KEEPERS.to_owned(), &mut faults);
            faults.0.iter().map(schema::Violation::sentence).collect::<Vec<_>>()
        };
        assert!(told("kubernetes").is_empty() && told("example.com/a").is_empty());
        assert_eq!(
            told("Foo"),
            ["spec.finalizers: Invalid value: \"Foo\": name is neither a standard finalizer name nor is it fully qualified"]
        );
        assert_eq!(told("Bad Name").len(), 2);
    }
}
