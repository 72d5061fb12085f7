//! What of its volumes a container sees, and where.
//! Follows kubernetes `pkg/apis/core/validation/validation.go` `ValidateVolumeMounts`, `ValidateVolumeDevices`.

use std::collections::{HashMap, HashSet};

use serde_json::{Value, json};

use super::super::faults::{Faults, at, list, set, text};
use super::volumes::Volumes;
use super::{is_true, paths};

const PROPAGATIONS: &[&str] = &["Bidirectional", "HostToContainer", "None"];

/// Checks the mounts and devices of a container.
pub(super) fn check(container: &Value, volumes: &Volumes<'_>, path: &str, faults: &mut Faults) {
    let places = |field: &str, place: &str| -> HashMap<&str, &str> {
        list(container, field).iter().map(|one| (text(one, "name"), text(one, place))).collect()
    };
    let (mounted, blocks) = (places("volumeMounts", "mountPath"), places("volumeDevices", "devicePath"));
    let privileged = at(container, &["securityContext", "privileged"]) == Some(&json!(true));
    mounts(list(container, "volumeMounts"), &blocks, volumes, privileged, &format!("{path}.volumeMounts"), faults);
    devices(list(container, "volumeDevices"), &mounted, volumes, &format!("{path}.volumeDevices"), faults);
}

fn mounts(mounts: &[Value], blocks: &HashMap<&str, &str>, volumes: &Volumes<'_>, privileged: bool, path: &str, faults: &mut Faults) {
    let mut seen = HashSet::new();
    for (index, mount) in mounts.iter().enumerate() {
        let (here, name, place) = (format!("{path}[{index}]"), text(mount, "name"), text(mount, "mountPath"));
        if name.is_empty() {
            faults.required(&format!("{here}.name"), "");
        }
        if !volumes.contains_key(name) {
            faults.not_found(&format!("{here}.name"), &json!(name));
        }
        if place.is_empty() {
            faults.required(&format!("{here}.mountPath"), "");
        }
        if !seen.insert(place) {
            faults.invalid(&format!("{here}.mountPath"), &json!(place), "must be unique");
        }
        if blocks.contains_key(name) {
            faults.invalid(&format!("{here}.name"), &json!(name), "must not already exist in volumeDevices");
        }
        if blocks.values().any(|block| *block == place) {
            faults.invalid(&format!("{here}.mountPath"), &json!(place), "must not already exist as a path in volumeDevices");
        }
        inside(mount, path, &here, faults);
        propagation(mount, privileged, &format!("{path}.mountPropagation"), faults);
        recursive(mount, &format!("{path}.recursiveReadOnly"), faults);
    }
}

/// What is wrong inside a mount is mostly told as something of all of them.
fn inside(mount: &Value, path: &str, here: &str, faults: &mut Faults) {
    let (part, expression) = (text(mount, "subPath"), text(mount, "subPathExpr"));
    if !part.is_empty() {
        paths::descending(part, &format!("{path}.subPath"), faults);
    }
    if expression.is_empty() {
        return;
    }
    if !part.is_empty() {
        faults.invalid(&format!("{here}.subPathExpr"), &json!(expression), "subPathExpr and subPath are mutually exclusive");
    }
    paths::descending(expression, &format!("{path}.subPathExpr"), faults);
}

fn propagation(mount: &Value, privileged: bool, field: &str, faults: &mut Faults) {
    let Some(value) = set(mount, "mountPropagation") else { return };
    if !PROPAGATIONS.contains(&value.as_str().unwrap_or_default()) {
        faults.not_supported(field, value, PROPAGATIONS);
    }
    if value == "Bidirectional" && !privileged {
        faults.forbidden(field, "Bidirectional mount propagation is available only to privileged containers");
    }
}

fn recursive(mount: &Value, field: &str, faults: &mut Faults) {
    match set(mount, "recursiveReadOnly").map(|value| value.as_str().unwrap_or_default()) {
        None | Some("Disabled") => {}
        Some("Enabled" | "IfPossible") => {
            if !is_true(mount, "readOnly") {
                faults.forbidden(field, "may only be specified when readOnly is true");
            }
            if set(mount, "mountPropagation").is_some_and(|value| value != "None") {
                faults.forbidden(field, "may only be specified when mountPropagation is None or not specified");
            }
        }
        Some(other) => faults.not_supported(field, &json!(other), &["Disabled", "Enabled", "IfPossible"]),
    }
}

fn devices(devices: &[Value], mounted: &HashMap<&str, &str>, volumes: &Volumes<'_>, path: &str, faults: &mut Faults) {
    let (mut names, mut places) = (HashSet::new(), HashSet::new());
    for (index, device) in devices.iter().enumerate() {
        let (name, place) = (text(device, "name"), text(device, "devicePath"));
        let (name_field, place_field) = (format!("{path}[{index}].name"), format!("{path}[{index}].devicePath"));
        if name.is_empty() {
            faults.required(&name_field, "");
        }
        if names.contains(name) {
            faults.invalid(&name_field, &json!(name), "must be unique");
        }
        match volumes.get(name) {
            None => faults.not_found(&name_field, &json!(name)),
            Some(volume) if set(volume, "persistentVolumeClaim").or(set(volume, "ephemeral")).is_none() => {
                let why = "can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode";
                faults.invalid(&name_field, &json!(name), why);
            }
            Some(_) => {}
        }
        if place.is_empty() {
            faults.required(&place_field, "");
        }
        if places.contains(place) {
            faults.invalid(&place_field, &json!(place), "must be unique");
        }
        if paths::climbs(place) {
            faults.invalid(&place_field, &json!(place), "can not contain backsteps ('..')");
        } else {
            places.insert(place);
        }
        if mounted.contains_key(name) {
            faults.invalid(&name_field, &json!(name), "must not already exist in volumeMounts");
        }
        if mounted.values().any(|mount| *mount == place) {
            faults.invalid(&place_field, &json!(place), "must not already exist as a path in volumeMounts");
        }
        if !name.is_empty() {
            names.insert(name);
        }
    }
}
