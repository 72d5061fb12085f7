//! PersistentVolumeClaim. Follows kubernetes `pkg/apis/core/validation/validation.go` `ValidatePersistentVolumeClaim`.

use serde_json::{Value, json};

use super::Subject;
use super::faults::{Faults, child, list, set, text};
use super::{inner, volume};
use crate::names::Rule;
use crate::object::pairs;
use crate::typed::Type;

const CLASS: &str = "volume.beta.kubernetes.io/storage-class";
const SPEC: Type = Type::Struct("core.v1.PersistentVolumeClaimSpec");

/// Checks a PersistentVolumeClaim.
pub(crate) fn check(subject: &Subject<'_>, faults: &mut Faults) {
    subject.metadata_update(faults);
    subject.metadata(faults);
    let old = subject.old.map(|old| old.get("spec").unwrap_or(&Value::Null));
    let grouped =
        |spec: &Value| ["dataSource", "dataSourceRef"].iter().any(|name| spec.get(*name).is_some_and(|one| set(one, "apiGroup").is_some()));
    spec(subject.spec(), "spec", old.is_some_and(grouped), faults);
    if let Some(old) = subject.old {
        changed(subject, old, faults);
    }
}

/// Checks what a claim asks for; a source of another group is not looked at where there was one before.
pub(crate) fn spec(spec: &Value, path: &str, any_group: bool, faults: &mut Faults) {
    if list(spec, "accessModes").is_empty() {
        faults.required(&child(path, "accessModes"), "at least 1 access mode is required");
    }
    faults.selector(&child(path, "selector"), set(spec, "selector"));
    volume::modes(spec, path, faults);
    let field = format!("{path}.resources[storage]");
    match spec.pointer("/resources/requests/storage") {
        None => faults.required(&field, ""),
        Some(amount) => volume::positive(&field, amount, faults),
    }
    class(spec, "storageClassName", path, faults);
    let modes = &["Block", "Filesystem"];
    if let Some(mode) = set(spec, "volumeMode").filter(|mode| !modes.contains(&mode.as_str().unwrap_or_default())) {
        faults.not_supported(&child(path, "volumeMode"), mode, modes);
    }
    sources(spec, path, any_group, faults);
    class(spec, "volumeAttributesClassName", path, faults);
}

fn class(spec: &Value, field: &str, path: &str, faults: &mut Faults) {
    if !text(spec, field).is_empty() {
        faults.name(&child(path, field), Rule::Subdomain, text(spec, field));
    }
}

fn sources(spec: &Value, path: &str, any_group: bool, faults: &mut Faults) {
    let (source, reference) = (set(spec, "dataSource"), set(spec, "dataSourceRef"));
    for (field, one) in [("dataSource", source), ("dataSourceRef", reference)] {
        if let Some(one) = one {
            data_source(one, &child(path, field), any_group, faults);
        }
    }
    let (Some(source), Some(reference)) = (source, reference) else { return };
    // Upstream shows the path where it means the value.
    let shown = json!({});
    if !text(reference, "namespace").is_empty() {
        faults.invalid(path, &shown, "may not be specified when dataSourceRef.namespace is specified");
    } else if ["apiGroup", "kind", "name"].iter().any(|field| set(source, field) != set(reference, field)) {
        faults.invalid(path, &shown, "must match dataSourceRef");
    }
}

fn data_source(one: &Value, path: &str, any_group: bool, faults: &mut Faults) {
    for field in ["name", "kind"] {
        if text(one, field).is_empty() {
            faults.required(&child(path, field), "");
        }
    }
    let (group, kind) = (text(one, "apiGroup"), text(one, "kind"));
    if group.is_empty() && kind != "PersistentVolumeClaim" {
        faults.invalid(path, &json!(kind), "must be 'PersistentVolumeClaim' when referencing the default apiGroup");
    }
    if !group.is_empty() && !any_group {
        faults.name(&child(path, "apiGroup"), Rule::Subdomain, group);
    }
    if !text(one, "namespace").is_empty() {
        faults.name(&child(path, "namespace"), Rule::Label, text(one, "namespace"));
    }
}

fn changed(subject: &Subject<'_>, old: &Value, faults: &mut Faults) {
    let object = subject.object;
    let null = &Value::Null;
    let (was, is) = (old.get("spec").unwrap_or(null), subject.spec());
    let (mut before, mut after) = (was.clone(), is.clone());
    if text(was, "volumeName").is_empty() {
        // A claim is bound once.
        put(&mut before, "volumeName", is.get("volumeName"));
    }
    storage_class(object, old, &mut after, faults);
    if object.pointer("/status/phase") == Some(&json!("Bound")) {
        if let Some(Value::Object(requests)) = after.pointer_mut("/resources/requests") {
            requests.insert("storage".to_owned(), was.pointer("/resources/requests/storage").cloned().unwrap_or_else(|| json!("0")));
        }
        put(&mut after, "volumeAttributesClassName", was.get("volumeAttributesClassName"));
    }
    if before != after {
        let why = "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims";
        faults.forbidden("spec", &format!("{why}\n{}", inner::diff(&SPEC, &before, &after)));
    }
    let amount = |value: Option<&Value>| value.and_then(Value::as_str).and_then(crate::quantity::nanos).unwrap_or(0);
    let wanted = amount(is.pointer("/resources/requests/storage"));
    if wanted < amount(was.pointer("/resources/requests/storage")) && wanted <= amount(old.pointer("/status/capacity/storage")) {
        faults.forbidden("spec.resources.requests.storage", "field can not be less than status.capacity");
    }
    if was.get("volumeMode") != is.get("volumeMode") {
        faults.invalid("volumeMode", is.get("volumeMode").unwrap_or(null), "field is immutable");
    }
    attributes_class(is, old, faults);
}

fn attributes_class(spec: &Value, old: &Value, faults: &mut Faults) {
    if old.pointer("/status/currentVolumeAttributesClassName").is_none_or(Value::is_null) {
        return;
    }
    let (field, told) = ("spec.volumeAttributesClassName", "when status.currentVolumeAttributesClassName is not nil");
    match set(spec, "volumeAttributesClassName").and_then(Value::as_str) {
        None => faults.forbidden(field, &format!("update to nil is forbidden {told}")),
        Some("") => faults.forbidden(field, &format!("update to empty string is forbidden {told}")),
        Some(_) => {}
    }
}

fn put(spec: &mut Value, field: &str, value: Option<&Value>) {
    let Value::Object(map) = spec else { return };
    match value {
        Some(value) => map.insert(field.to_owned(), value.clone()),
        None => map.remove(field),
    };
}

/// A class may be named where there was none, and where there was one by annotation.
fn storage_class(object: &Value, old: &Value, after: &mut Value, faults: &mut Faults) {
    let annotated = |object: &Value| pairs(object, "annotations").and_then(|all| all.get(CLASS)).and_then(Value::as_str).map(str::to_owned);
    let named = |object: &Value| object.pointer("/spec/storageClassName").and_then(Value::as_str).map(str::to_owned);
    let (by_annotation, was, is) = (annotated(old), named(old), named(object));
    let upgrade = by_annotation.is_some() && was.is_none() && is == by_annotation;
    if upgrade && annotated(object).is_none_or(|now| Some(now) == by_annotation) {
        return put(after, "storageClassName", None);
    }
    if annotated(object).unwrap_or_default() != by_annotation.clone().unwrap_or_default() {
        let shown = json!(annotated(object).unwrap_or_default());
        faults.invalid(&format!("metadata.annotations.{CLASS}"), &shown, "field is immutable");
    }
    if is.is_some() && was.is_none() && (by_annotation.is_none() || is == by_annotation) {
        put(after, "storageClassName", None);
    }
}
