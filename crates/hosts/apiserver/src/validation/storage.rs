//! PersistentVolume, PersistentVolumeClaim, and the kinds of `storage.k8s.io`. Follows kubernetes
//! `pkg/apis/storage/validation/validation.go`; read on in `volume`, `claim` and `csi`.

use serde_json::{Value, json};

use super::Subject;
use super::faults::{Faults, list, set, text};
use super::{claim, csi, inner, node_selector, volume};
use crate::names::{self, Rule};
use crate::typed::Type;

/// Parameters may be so many, and with their names so many bytes.
const MOST_PARAMETERS: usize = 512;
const PARAMETER_BYTES: usize = 256 * 1024;

/// Checks an object of these kinds.
pub(crate) fn check(subject: &Subject<'_>, faults: &mut Faults) {
    match subject.resource.kind.as_str() {
        "PersistentVolume" => volume::check(subject, faults),
        "PersistentVolumeClaim" => claim::check(subject, faults),
        "StorageClass" => class(subject, faults),
        "VolumeAttachment" => attachment(subject, faults),
        "VolumeAttributesClass" => attributes_class(subject, faults),
        "CSIDriver" => csi::driver(subject, faults),
        "CSINode" => csi::node(subject, faults),
        "CSIStorageCapacity" => capacity(subject, faults),
        _ => {
            subject.metadata_update(faults);
            subject.metadata(faults);
        }
    }
}

fn provisioner(object: &Value, field: &str, faults: &mut Faults) {
    let name = text(object, field).to_lowercase();
    if name.is_empty() {
        return faults.required(field, "");
    }
    names::key_faults(&name).iter().for_each(|why| faults.invalid(field, &json!(name), why));
}

fn parameters(object: &Value, faults: &mut Faults) {
    let all = object.get("parameters").and_then(Value::as_object);
    if all.is_some_and(|all| all.len() > MOST_PARAMETERS) {
        return faults.too_long("parameters", MOST_PARAMETERS as u64);
    }
    let mut size = 0;
    for (name, value) in all.into_iter().flatten() {
        if name.is_empty() {
            faults.invalid("parameters", &json!(""), "field can not be empty.");
        }
        size += name.len() + value.as_str().map_or(0, str::len);
    }
    if size > PARAMETER_BYTES {
        faults.too_long("parameters", PARAMETER_BYTES as u64);
    }
}

fn class(subject: &Subject<'_>, faults: &mut Faults) {
    let object = subject.object;
    subject.metadata(faults);
    provisioner(object, "provisioner", faults);
    parameters(object, faults);
    faults.one_of_if_set(object, "", "reclaimPolicy", &["Delete", "Retain"]);
    let modes = &["Immediate", "WaitForFirstConsumer"];
    match set(object, "volumeBindingMode") {
        None => faults.required("volumeBindingMode", ""),
        Some(mode) if !modes.contains(&mode.as_str().unwrap_or_default()) => faults.not_supported("volumeBindingMode", mode, modes),
        Some(_) => {}
    }
    node_selector::topologies(list(object, "allowedTopologies"), "allowedTopologies", faults);
    let Some(old) = subject.old else { return };
    subject.metadata_update(faults);
    for field in ["parameters", "provisioner", "reclaimPolicy", "volumeBindingMode"] {
        faults.immutable(object, old, &[field]);
    }
}

fn attributes_class(subject: &Subject<'_>, faults: &mut Faults) {
    let object = subject.object;
    subject.metadata_update(faults);
    for field in ["driverName", "parameters"] {
        if subject.old.is_some_and(|old| old.get(field) != object.get(field)) {
            faults.forbidden(field, &format!("updates to {field} are forbidden."));
        }
    }
    subject.metadata(faults);
    provisioner(object, "driverName", faults);
    parameters(object, faults);
    if object.get("parameters").and_then(Value::as_object).is_none_or(serde_json::Map::is_empty) {
        faults.required("parameters", "must contain at least one key/value pair");
    }
}

fn capacity(subject: &Subject<'_>, faults: &mut Faults) {
    let object = subject.object;
    subject.metadata(faults);
    faults.selector("nodeTopology", set(object, "nodeTopology"));
    faults.name("storageClassName", Rule::Subdomain, text(object, "storageClassName"));
    if let Some(amount) = set(object, "capacity").filter(|one| one.as_str().and_then(crate::quantity::nanos).is_some_and(|nanos| nanos < 0))
    {
        faults.invalid("capacity", amount, "must be greater than or equal to 0");
    }
    let Some(old) = subject.old else { return };
    subject.metadata_update(faults);
    let (was, is) = (set(old, "nodeTopology"), set(object, "nodeTopology"));
    if was != is {
        let form = Type::Struct("meta.v1.LabelSelector");
        faults.invalid_struct("nodeTopology", &form, is.unwrap_or(&Value::Null), "field is immutable");
    }
    faults.immutable(object, old, &["storageClassName"]);
}

/// Checks a VolumeAttachment.
pub(crate) fn attachment(subject: &Subject<'_>, faults: &mut Faults) {
    let spec = subject.spec();
    subject.metadata(faults);
    csi::driver_name(text(spec, "attacher"), "spec.attacher", faults);
    let source = spec.get("source").unwrap_or(&Value::Null);
    let (named, inline) = (set(source, "persistentVolumeName").and_then(Value::as_str), set(source, "inlineVolumeSpec"));
    match (named, inline) {
        (None, None) => faults.required("spec.source", "must specify exactly one of inlineVolumeSpec and persistentVolumeName"),
        (Some(_), Some(_)) => faults.forbidden("spec.source", "must specify exactly one of inlineVolumeSpec and persistentVolumeName"),
        (Some(""), None) => faults.required("spec.source.persistentVolumeName", "must specify non empty persistentVolumeName"),
        (Some(_), None) => {}
        (None, Some(inline)) => {
            volume::spec(inline, "", volume::Place::Attachment, "spec.source.inlineVolumeSpec", false, faults);
        }
    }
    faults.name("spec.nodeName", Rule::Subdomain, text(spec, "nodeName"));
    attached(subject.object.get("status").unwrap_or(&Value::Null), faults);
    if let Some(name) = named {
        faults.name("spec.source.persistentVolumeName", Rule::Subdomain, name);
    }
    if let Some(old) = subject.old
        && old.get("spec").unwrap_or(&Value::Null) != spec
    {
        let shown = inner::shown(&Type::Struct("storage.v1.VolumeAttachmentSpec"), spec);
        faults.wrong("spec", &format!("{shown}: field is immutable"));
    }
}

/// What the attaching has come to.
fn attached(status: &Value, faults: &mut Faults) {
    const MOST: usize = 256 * 1024;
    let told = status.get("attachmentMetadata").and_then(Value::as_object).into_iter().flatten();
    let size: usize = told.map(|(name, value)| name.len() + value.as_str().map_or(0, str::len)).sum();
    if size > MOST {
        faults.too_long("status.attachmentMetadata", MOST as u64);
    }
    for field in ["attachError", "detachError"] {
        let Some(error) = set(status, field) else { continue };
        if text(error, "message").len() > 1024 {
            // Upstream tells another bound than it keeps.
            faults.too_long(&format!("status.{field}.message"), MOST as u64);
        }
        if let Some(code) = set(error, "errorCode").filter(|code| code.as_i64().is_some_and(|code| code < 0)) {
            faults.invalid(&format!("status.{field}.errorCode"), code, "must be between 0 and 2147483647, inclusive");
        }
    }
}
