//! PersistentVolume. Follows kubernetes `pkg/apis/core/validation/validation.go` `ValidatePersistentVolume` and
//! `pkg/volume/validation/pv_validation.go`.

use serde_json::{Map, Value, json};

use super::Subject;
use super::faults::{Faults, child, list, set, text};
use super::{inner, node_selector, resources, volume_sources};
use crate::names::Rule;
use crate::object::{meta, pairs};
use crate::typed::Type;

const MODES: &[&str] = &["ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"];
const SOURCE: Type = Type::Struct("core.v1.PersistentVolumeSource");
/// Volumes of these types are mounted with options.
const WITH_OPTIONS: &[&str] = &[
    "gcePersistentDisk",
    "awsElasticBlockStore",
    "glusterfs",
    "nfs",
    "rbd",
    "quobyte",
    "iscsi",
    "cinder",
    "cephfs",
    "azureFile",
    "vsphereVolume",
    "azureDisk",
    "photonPersistentDisk",
];

/// Where a volume's spec stands: in a PersistentVolume, or in a VolumeAttachment, where less of it makes sense.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Volume,
    Attachment,
}

/// Checks a PersistentVolume.
pub(crate) fn check(subject: &Subject<'_>, faults: &mut Faults) {
    let any_value = subject.old.and_then(|old| old.pointer("/spec/nodeAffinity/required")).is_some_and(node_selector::has_wrong_value);
    let whole = |faults: &mut Faults| {
        subject.metadata(faults);
        spec(subject.spec(), meta(subject.object, "name"), Place::Volume, "spec", any_value, faults);
    };
    whole(faults);
    mount_options(subject, faults);
    if let Some(old) = subject.old {
        whole(faults);
        changed(subject.spec(), old.get("spec").unwrap_or(&Value::Null), faults);
    }
}

fn mount_options(subject: &Subject<'_>, faults: &mut Faults) {
    const OPTIONS: &str = "volume.beta.kubernetes.io/mount-options";
    let taken = WITH_OPTIONS.iter().any(|name| set(subject.spec(), name).is_some());
    if !taken && pairs(subject.object, "annotations").is_some_and(|all| all.contains_key(OPTIONS)) {
        faults.forbidden(&format!("metadata.annotations.{OPTIONS}"), "may not specify mount options for this volume type");
    }
}

/// Checks the ways in which a volume is used.
pub(crate) fn modes(spec: &Value, path: &str, faults: &mut Faults) {
    let (mut alone, mut others) = (false, false);
    for mode in list(spec, "accessModes") {
        let name = mode.as_str().unwrap_or_default();
        if !MODES.contains(&name) {
            faults.not_supported(&child(path, "accessModes"), mode, MODES);
        }
        alone |= name == "ReadWriteOncePod";
        others |= name != "ReadWriteOncePod" && MODES.contains(&name);
    }
    if alone && others {
        faults.forbidden(&child(path, "accessModes"), "may not use ReadWriteOncePod with other access modes");
    }
}

/// Checks that an amount is one.
pub(crate) fn positive(field: &str, amount: &Value, faults: &mut Faults) {
    if amount.as_str().and_then(crate::quantity::nanos).is_some_and(|nanos| nanos <= 0) {
        faults.invalid(field, amount, "must be greater than zero");
    }
}

/// Checks what a volume is.
pub(crate) fn spec(spec: &Value, name: &str, place: Place, path: &str, any_value: bool, faults: &mut Faults) {
    let within = place == Place::Attachment;
    if within {
        only_csi(spec, path, faults);
    }
    if list(spec, "accessModes").is_empty() {
        faults.required(&child(path, "accessModes"), "");
    }
    modes(spec, path, faults);
    if !within {
        capacity(spec, path, faults);
    }
    reclaim_policy(spec, place, path, faults);
    let affinity = set(spec, "nodeAffinity");
    match (affinity, within) {
        (Some(_), true) => faults.forbidden(&child(path, "nodeAffinity"), NOT_INLINE),
        (Some(affinity), false) => node_affinity(affinity, &child(path, "nodeAffinity"), any_value, faults),
        (None, _) => {}
    }
    volume_sources::check(spec, name, path, affinity.is_some() && !within, faults);
    if spec.pointer("/hostPath/path").and_then(Value::as_str).is_some_and(is_root)
        && text(spec, "persistentVolumeReclaimPolicy") == "Recycle"
    {
        faults.forbidden(&child(path, "persistentVolumeReclaimPolicy"), "may not be 'recycle' for a hostPath mount of '/'");
    }
    class_and_mode(spec, place, path, faults);
    if !within {
        attributes_class(spec, path, faults);
    }
}

const NOT_INLINE: &str = "may not be specified in the context of inline volumes";

fn only_csi(spec: &Value, path: &str, faults: &mut Faults) {
    if set(spec, "claimRef").is_some() {
        faults.forbidden(&child(path, "claimRef"), NOT_INLINE);
    }
    if spec.get("capacity").and_then(Value::as_object).is_some_and(|map| !map.is_empty()) {
        faults.forbidden(&child(path, "capacity"), NOT_INLINE);
    }
    if set(spec, "csi").is_none() {
        faults.required(&child(path, "csi"), "has to be specified in the context of inline volumes");
    }
}

fn capacity(spec: &Value, path: &str, faults: &mut Faults) {
    let field = child(path, "capacity");
    let amounts = spec.get("capacity").and_then(Value::as_object).filter(|map| !map.is_empty());
    if amounts.is_none() {
        faults.required(&field, "");
    }
    if amounts.is_none_or(|map| !map.contains_key("storage") || map.len() > 1) {
        faults.not_supported(&field, spec.get("capacity").unwrap_or(&Value::Null), &["storage"]);
    }
    for (name, amount) in amounts.into_iter().flatten() {
        let field = format!("{field}[{name}]");
        resources::basic(amount, &field, faults);
        positive(&field, amount, faults);
    }
}

fn reclaim_policy(spec: &Value, place: Place, path: &str, faults: &mut Faults) {
    let field = "persistentVolumeReclaimPolicy";
    match place {
        Place::Volume => faults.one_of_if_set(spec, path, field, &["Delete", "Recycle", "Retain"]),
        Place::Attachment if matches!(text(spec, field), "" | "Retain") => {}
        Place::Attachment => faults.forbidden(&child(path, field), "may only be Retain in the context of inline volumes"),
    }
}

fn node_affinity(affinity: &Value, path: &str, any_value: bool, faults: &mut Faults) {
    match set(affinity, "required") {
        Some(required) => node_selector::check(required, &child(path, "required"), any_value, faults),
        None => faults.required(&child(path, "required"), "must specify required node constraints"),
    }
}

/// Tells whether a path is the root, however it is written.
fn is_root(path: &str) -> bool {
    let mut depth = 0_i32;
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => depth = (depth - 1).max(0),
            _ => depth += 1,
        }
    }
    path.starts_with('/') && depth == 0
}

fn class_and_mode(spec: &Value, place: Place, path: &str, faults: &mut Faults) {
    let class = text(spec, "storageClassName");
    match place {
        _ if class.is_empty() => {}
        Place::Attachment => faults.forbidden(&child(path, "storageClassName"), NOT_INLINE),
        Place::Volume => faults.name(&child(path, "storageClassName"), Rule::Subdomain, class),
    }
    let Some(mode) = set(spec, "volumeMode") else { return };
    let (field, name) = (child(path, "volumeMode"), mode.as_str().unwrap_or_default());
    match place {
        Place::Attachment if name != "Filesystem" => {
            faults.forbidden(&field, "may not specify volumeMode other than Filesystem in the context of inline volumes");
        }
        Place::Volume if !matches!(name, "Block" | "Filesystem") => faults.not_supported(&field, mode, &["Block", "Filesystem"]),
        Place::Attachment | Place::Volume => {}
    }
}

fn attributes_class(spec: &Value, path: &str, faults: &mut Faults) {
    let Some(class) = set(spec, "volumeAttributesClassName").and_then(Value::as_str) else { return };
    let field = child(path, "volumeAttributesClassName");
    if class.is_empty() {
        faults.required(&field, "an empty string is disallowed");
    } else {
        faults.name(&field, Rule::Subdomain, class);
    }
    if set(spec, "csi").is_none() {
        faults.required(&child(path, "csi"), "has to be specified when using volumeAttributesClassName");
    }
}

fn changed(spec: &Value, old: &Value, faults: &mut Faults) {
    let (before, mut after) = (source(old), source(spec));
    // The secret for growing may be named later.
    if before.pointer("/csi").is_some_and(|csi| set(csi, "controllerExpandSecretRef").is_none())
        && let Some(Value::Object(csi)) = after.pointer_mut("/csi")
    {
        csi.remove("controllerExpandSecretRef");
    }
    if before != after {
        let what = inner::diff(&SOURCE, &before, &after);
        faults.forbidden("spec.persistentvolumesource", &format!("spec.persistentvolumesource is immutable after creation\n{what}"));
    }
    if old.get("volumeMode") != spec.get("volumeMode") {
        faults.invalid("volumeMode", spec.get("volumeMode").unwrap_or(&Value::Null), "field is immutable");
    }
    if let Some(affinity) = set(old, "nodeAffinity")
        && !same_affinity(affinity, set(spec, "nodeAffinity"))
    {
        let form = Type::Struct("core.v1.VolumeNodeAffinity");
        let shown = inner::shown(&form, set(spec, "nodeAffinity").unwrap_or(&Value::Null));
        faults.wrong("nodeAffinity", &format!("{shown}: field is immutable, except for updating from beta label to GA"));
    }
    if set(old, "volumeAttributesClassName").is_some() && set(spec, "volumeAttributesClassName").is_none() {
        faults.forbidden("spec.volumeAttributesClassName", "update from non-nil value to nil is forbidden");
    }
}

/// Returns the part of a spec that says where the volume lies.
fn source(spec: &Value) -> Value {
    let fields = volume_sources::FIELDS.iter();
    let found: Map<String, Value> = fields.filter_map(|name| Some(((*name).to_owned(), set(spec, name)?.clone()))).collect();
    Value::Object(found)
}

/// Tells whether two affinities are the same but for keys that have got their lasting names.
fn same_affinity(old: &Value, new: Option<&Value>) -> bool {
    const LASTING: &[(&str, &str)] = &[
        ("beta.kubernetes.io/os", "kubernetes.io/os"),
        ("beta.kubernetes.io/arch", "kubernetes.io/arch"),
        ("failure-domain.beta.kubernetes.io/zone", "topology.kubernetes.io/zone"),
        ("failure-domain.beta.kubernetes.io/region", "topology.kubernetes.io/region"),
        ("beta.kubernetes.io/instance-type", "node.kubernetes.io/instance-type"),
    ];
    let Some(new) = new else { return false };
    let mut old = old.clone();
    let terms = old.pointer_mut("/required/nodeSelectorTerms").and_then(Value::as_array_mut).into_iter().flatten().enumerate();
    for (index, term) in terms {
        for list in ["matchExpressions", "matchFields"] {
            for (at, one) in term.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten().enumerate() {
                let now = new.pointer(&format!("/required/nodeSelectorTerms/{index}/{list}/{at}/key")).and_then(Value::as_str);
                if LASTING.iter().any(|(beta, lasting)| one["key"] == *beta && now == Some(lasting)) {
                    one["key"] = json!(now);
                }
            }
        }
    }
    old == *new
}
