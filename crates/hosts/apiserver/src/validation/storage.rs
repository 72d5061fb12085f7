//! PersistentVolume, PersistentVolumeClaim, and the kinds of `storage.k8s.io`.
//! Follows kubernetes `pkg/apis/core/validation/validation.go` and `pkg/apis/storage/validation/validation.go`.

use serde_json::{Value, json};

use super::Subject;
use super::faults::{Faults, list, set, text};
use crate::names::Rule;

const MODES: &[&str] = &["ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"];
/// What of a volume's spec is no place where it lies.
const PLAIN: &[&str] = &[
    "capacity",
    "accessModes",
    "claimRef",
    "persistentVolumeReclaimPolicy",
    "storageClassName",
    "mountOptions",
    "volumeMode",
    "nodeAffinity",
    "volumeAttributesClassName",
];

/// Checks an object of these kinds.
pub(crate) fn check(subject: &Subject<'_>, faults: &mut Faults) {
    subject.metadata_update(faults);
    if subject.old.is_none() || subject.resource.group.is_empty() {
        subject.metadata(faults);
    }
    match subject.resource.kind.as_str() {
        "PersistentVolume" => volume(subject, faults),
        "PersistentVolumeClaim" => claim(subject, faults),
        "StorageClass" => class(subject, faults),
        "VolumeAttachment" => {
            if text(subject.spec(), "attacher").is_empty() {
                faults.required("spec.attacher", "");
            }
            if text(subject.spec(), "nodeName").is_empty() {
                faults.required("spec.nodeName", "");
            }
        }
        "VolumeAttributesClass" => {
            if text(subject.object, "driverName").is_empty() {
                faults.required("driverName", "");
            }
            if subject.object.get("parameters").and_then(Value::as_object).is_none_or(serde_json::Map::is_empty) {
                faults.required("parameters", "must contain at least one key/value pair");
            }
        }
        "CSIStorageCapacity" if text(subject.object, "storageClassName").is_empty() => faults.required("storageClassName", ""),
        _ => {}
    }
}

fn modes(spec: &Value, why: &str, faults: &mut Faults) {
    let modes = list(spec, "accessModes");
    if modes.is_empty() {
        faults.required("spec.accessModes", why);
    }
    let (mut alone, mut others) = (false, false);
    for mode in modes {
        let name = mode.as_str().unwrap_or_default();
        if !MODES.contains(&name) {
            faults.not_supported("spec.accessModes", mode, MODES);
        }
        alone |= name == "ReadWriteOncePod";
        others |= name != "ReadWriteOncePod";
    }
    if alone && others {
        faults.forbidden("spec.accessModes", "may not use ReadWriteOncePod with other access modes");
    }
}

fn positive(field: &str, amount: &Value, faults: &mut Faults) {
    if amount.as_str().and_then(crate::quantity::nanos).is_some_and(|nanos| nanos <= 0) {
        faults.invalid(field, amount, "must be greater than zero");
    }
}

fn volume(subject: &Subject<'_>, faults: &mut Faults) {
    let spec = subject.spec();
    modes(spec, "", faults);
    let capacity = spec.get("capacity").and_then(Value::as_object).filter(|map| !map.is_empty());
    if capacity.is_none() {
        faults.required("spec.capacity", "");
    }
    if capacity.is_none_or(|map| !map.contains_key("storage") || map.len() > 1) {
        let shown = spec.get("capacity").unwrap_or(&Value::Null);
        faults.not_supported("spec.capacity", shown, &["storage"]);
    }
    for (name, amount) in capacity.into_iter().flatten() {
        positive(&format!("spec.capacity[{name}]"), amount, faults);
    }
    faults.one_of_if_set(spec, "spec", "persistentVolumeReclaimPolicy", &["Delete", "Recycle", "Retain"]);
    let places: Vec<&String> = spec
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(name, value)| !PLAIN.contains(&name.as_str()) && !value.is_null())
        .map(|(name, _)| name)
        .collect();
    for more in places.iter().skip(1) {
        faults.forbidden(&format!("spec.{more}"), "may not specify more than 1 volume type");
    }
    match places.first().map(|name| name.as_str()) {
        None => faults.required("spec", "must specify a volume type"),
        Some(name @ ("hostPath" | "local")) if text(&spec[name], "path").is_empty() => faults.required(&format!("spec.{name}.path"), ""),
        Some("csi") => {
            for field in ["driver", "volumeHandle"] {
                if text(&spec["csi"], field).is_empty() {
                    faults.required(&format!("spec.csi.{field}"), "");
                }
            }
        }
        Some(_) => {}
    }
    storage_class(spec, faults);
    faults.one_of_if_set(spec, "spec", "volumeMode", &["Block", "Filesystem"]);
    let Some(old) = subject.old.and_then(|old| old.get("spec")) else { return };
    let source = |spec: &Value| {
        let map = spec.as_object().cloned().unwrap_or_default();
        map.into_iter().filter(|(name, _)| !PLAIN.contains(&name.as_str())).collect::<serde_json::Map<_, _>>()
    };
    if source(old) != source(spec) {
        faults.forbidden("spec.persistentvolumesource", "spec.persistentvolumesource is immutable after creation");
    }
    if old.get("volumeMode") != spec.get("volumeMode") {
        faults.invalid("volumeMode", spec.get("volumeMode").unwrap_or(&Value::Null), "field is immutable");
    }
}

fn storage_class(spec: &Value, faults: &mut Faults) {
    let class = text(spec, "storageClassName");
    if !class.is_empty() {
        faults.name("spec.storageClassName", Rule::Subdomain, class);
    }
}

fn claim(subject: &Subject<'_>, faults: &mut Faults) {
    let spec = subject.spec();
    modes(spec, "at least 1 access mode is required", faults);
    faults.selector("spec.selector", set(spec, "selector"));
    match spec.pointer("/resources/requests/storage") {
        None => faults.required("spec.resources[storage]", ""),
        Some(amount) => positive("spec.resources[storage]", amount, faults),
    }
    storage_class(spec, faults);
    faults.one_of_if_set(spec, "spec", "volumeMode", &["Block", "Filesystem"]);
    let Some(old) = subject.old.and_then(|old| old.get("spec")) else { return };
    let fixed = |spec: &Value| {
        let mut spec = spec.clone();
        if let Value::Object(map) = &mut spec {
            map.remove("resources");
            map.remove("volumeAttributesClassName");
            // A claim is bound once.
            if text(old, "volumeName").is_empty() {
                map.remove("volumeName");
            }
        }
        spec
    };
    if fixed(spec) != fixed(old) {
        let why = "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims";
        faults.forbidden("spec", why);
    }
    let amount = |spec: &Value| spec.pointer("/resources/requests/storage").and_then(Value::as_str).and_then(crate::quantity::nanos);
    if amount(spec) < amount(old) {
        faults.forbidden("spec.resources.requests.storage", "field can not be less than status.capacity");
    }
}

fn class(subject: &Subject<'_>, faults: &mut Faults) {
    let object = subject.object;
    let provisioner = text(object, "provisioner");
    if provisioner.is_empty() {
        faults.required("provisioner", "");
    } else {
        let why = crate::names::key_faults(&provisioner.to_lowercase());
        why.iter().for_each(|why| faults.invalid("provisioner", &json!(provisioner), why));
    }
    faults.one_of_if_set(object, "", "reclaimPolicy", &["Delete", "Retain"]);
    match text(object, "volumeBindingMode") {
        "" => faults.required("volumeBindingMode", ""),
        "Immediate" | "WaitForFirstConsumer" => {}
        other => faults.not_supported("volumeBindingMode", &json!(other), &["Immediate", "WaitForFirstConsumer"]),
    }
    let Some(old) = subject.old else { return };
    for (field, what) in [
        ("parameters", "updates to parameters are forbidden."),
        ("provisioner", "updates to provisioner are forbidden."),
        ("reclaimPolicy", "updates to reclaimPolicy are forbidden."),
    ] {
        if object.get(field) != old.get(field) {
            faults.forbidden(field, what);
        }
    }
    faults.immutable(object, old, &["volumeBindingMode"]);
}
