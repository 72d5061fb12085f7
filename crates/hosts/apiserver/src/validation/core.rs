//! The kinds of the core group that are neither Pods, Services nor Nodes: when they check their metadata, and what beyond them.
//! Follows kubernetes `pkg/apis/core/validation/validation.go`.

use serde_json::{Value, json};

use super::faults::{Faults, list};
use super::{Subject, config_map, endpoints, limit_range, pod, quota, secret};
use crate::names;

pub(crate) use super::resource_names::standard as resource_name;

/// Checks an object of these kinds.
pub(crate) fn check(subject: &Subject<'_>, faults: &mut Faults) {
    let Subject { object, old, .. } = *subject;
    let kind = subject.resource.kind.as_str();
    if kind != "LimitRange" {
        subject.metadata_update(faults);
    }
    match (kind, old) {
        ("ConfigMap", _) => config_map::check(subject, faults),
        ("Secret", _) => secret::check(subject, faults),
        ("Namespace", Some(_)) => {}
        ("ResourceQuota", Some(_)) => quota::check(subject, faults),
        _ => {
            subject.metadata(faults);
            beyond_metadata(kind, subject, object, faults);
        }
    }
}

fn beyond_metadata(kind: &str, subject: &Subject<'_>, object: &Value, faults: &mut Faults) {
    match kind {
        "PodTemplate" => pod::template(object.get("template").unwrap_or(&Value::Null), "template", faults),
        "Endpoints" => endpoints::check(subject, faults),
        "ResourceQuota" => quota::check(subject, faults),
        "LimitRange" => limit_range::check(subject.spec(), faults),
        "Namespace" => keepers(subject.spec(), faults),
        _ => {}
    }
}

/// Who keeps a namespace from going.
fn keepers(spec: &Value, faults: &mut Faults) {
    const FIELD: &str = "spec.finalizers";
    for one in list(spec, "finalizers") {
        let name = one.as_str().unwrap_or_default();
        names::key_faults(name).iter().for_each(|why| faults.invalid(FIELD, one, why));
        if !name.contains('/') && !matches!(name, "kubernetes" | "orphan" | "foregroundDeletion") {
            faults.invalid(FIELD, &json!(name), "name is neither a standard finalizer name nor is it fully qualified");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keepers_of_a_namespace_are_qualified() {
        let told = |name: &str| {
            let mut faults = Faults::default();
            keepers(&json!({"finalizers": [name]}), &mut faults);
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
