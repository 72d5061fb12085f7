//! What every object's metadata must satisfy. Follows AM `pkg/api/validation/objectmeta.go`, AS
//! `pkg/registry/rest/create.go` and `update.go`: each kind checks its metadata by its own rule of names, and an update
//! checks them once more by the general rule, so that a fault is told as often as it is found.

use serde_json::{Value, json};

use super::faults::{Faults, set};
use crate::catalog::Resource;
use crate::names::{self, Rule};
use crate::object::{finalizers, meta};
use crate::typed;

/// Checks the metadata of a new object.
pub(crate) fn create(resource: &Resource, object: &Value, rule: Rule, faults: &mut Faults) {
    any(resource.namespaced, object, rule, faults);
}

/// Checks the metadata of an object that lives in a namespace or not.
pub(crate) fn any(namespaced: bool, object: &Value, rule: Rule, faults: &mut Faults) {
    let generate = meta(object, "generateName");
    if !generate.is_empty() {
        // What is made up ends differently.
        let whole = if matches!(rule, Rule::Segment | Rule::Address) {
            generate.to_owned()
        } else {
            format!("{}x", generate.trim_end_matches('-'))
        };
        names::faults(rule, &whole).iter().for_each(|why| faults.invalid("metadata.generateName", &json!(generate), why));
    }
    let name = meta(object, "name");
    if name.is_empty() {
        faults.required("metadata.name", "name or generateName is required");
    } else {
        faults.name("metadata.name", rule, name);
    }
    let namespace = meta(object, "namespace");
    if namespaced {
        if namespace.is_empty() {
            faults.required("metadata.namespace", "");
        } else {
            faults.name("metadata.namespace", Rule::Label, namespace);
        }
    } else if !namespace.is_empty() {
        faults.forbidden("metadata.namespace", "not allowed on this type");
    }
    let metadata = object.get("metadata").unwrap_or(&Value::Null);
    if let Some(generation) = set(metadata, "generation").filter(|value| value.as_i64().is_some_and(|number| number < 0)) {
        faults.invalid("metadata.generation", generation, "must be greater than or equal to 0");
    }
    faults.labels("metadata.labels", set(metadata, "labels"));
    faults.annotations("metadata.annotations", set(metadata, "annotations"));
    owners(metadata, faults);
    keepers(object, faults);
}

/// Checks that finalizers have a domain in front, as the kinds of Kubernetes' core demand it (kubernetes
/// `pkg/apis/core/validation/validation.go` `validateKubeFinalizerName`).
pub(crate) fn domains(resource: &Resource, object: &Value, faults: &mut Faults) {
    let takes_any = matches!(
        resource.group.as_str(),
        "admissionregistration.k8s.io" | "apiextensions.k8s.io" | "apiregistration.k8s.io" | "coordination.k8s.io" | "node.k8s.io"
    );
    if takes_any || resource.custom.is_some() {
        return;
    }
    for (index, one) in finalizers(object).iter().enumerate() {
        if !one.contains('/') && !matches!(*one, "orphan" | "foregroundDeletion" | "kubernetes") {
            let why = "name is neither a standard finalizer name nor is it fully qualified";
            faults.invalid(&format!("metadata.finalizers[{index}]"), &json!(one), why);
        }
    }
}

/// Checks the metadata of a changed object against what it was.
pub(crate) fn update(object: &Value, old: &Value, faults: &mut Faults) {
    if !meta(old, "deletionTimestamp").is_empty() {
        let before = finalizers(old);
        let mut added: Vec<&str> = finalizers(object).into_iter().filter(|one| !before.contains(one)).collect();
        if !added.is_empty() {
            added.sort_unstable();
            let shown: Vec<String> = added.iter().map(|one| format!("{one:?}")).collect();
            let why = format!(
                "no new finalizers can be added if the object is being deleted, found new finalizers []string{{{}}}",
                shown.join(", ")
            );
            faults.forbidden("metadata.finalizers", &why);
        }
    }
    let metadata = object.get("metadata").unwrap_or(&Value::Null);
    let before = old.get("metadata").unwrap_or(&Value::Null);
    for field in ["name", "namespace", "uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds"] {
        if metadata.get(field) != before.get(field) {
            faults.immutable(object, old, &["metadata", field]);
        }
    }
    faults.labels("metadata.labels", set(metadata, "labels"));
    faults.annotations("metadata.annotations", set(metadata, "annotations"));
    owners(metadata, faults);
}

fn owners(metadata: &Value, faults: &mut Faults) {
    let list = super::faults::list(metadata, "ownerReferences");
    let form = typed::by_name("meta.v1.ObjectMeta").and_then(|one| one.field("ownerReferences"));
    let mut first: Option<String> = None;
    for owner in list {
        let text = |name: &str| super::faults::text(owner, name);
        let version = text("apiVersion");
        if version.rsplit('/').next().unwrap_or_default().is_empty() {
            faults.invalid("metadata.ownerReferences.apiVersion", &json!(version), "version must not be empty");
        }
        for field in ["kind", "name", "uid"] {
            if text(field).is_empty() {
                faults.invalid(&format!("metadata.ownerReferences.{field}"), &json!(""), "must not be empty");
            }
        }
        if version == "v1"
            && text("kind") == "Event"
            && let Some(typed::Type::List(inner)) = form.map(|field| &field.form)
        {
            faults.invalid_struct("metadata.ownerReferences", inner, owner, "/v1, Kind=Event is disallowed from being an owner");
        }
        if owner.get("controller") != Some(&json!(true)) {
            continue;
        }
        let named = format!("{}/{}", text("kind"), text("name"));
        match (&first, form) {
            (Some(before), Some(field)) => {
                let why =
                    format!("Only one reference can have Controller set to true. Found \"true\" in references for {before} and {named}");
                faults.invalid_struct("metadata.ownerReferences", &field.form, &metadata["ownerReferences"], &why);
            }
            _ => first = Some(named),
        }
    }
}

fn keepers(object: &Value, faults: &mut Faults) {
    let list = finalizers(object);
    for one in &list {
        names::key_faults(one).iter().for_each(|why| faults.invalid("metadata.finalizers", &json!(one), why));
    }
    if list.contains(&"orphan") && list.contains(&"foregroundDeletion") {
        faults.invalid("metadata.finalizers", &json!(list), "finalizer orphan and foregroundDeletion cannot be both set");
    }
}
