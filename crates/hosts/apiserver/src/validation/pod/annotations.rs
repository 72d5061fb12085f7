//! Annotations that mean something to a Pod.
//! Follows kubernetes `pkg/apis/core/validation/validation.go` `ValidatePodSpecificAnnotations` and what checks fields against them.

use serde_json::{Map, Value, json};

use super::super::faults::{Faults, at, set, text};
use super::{every_container, paths, scheduling};
use crate::app_armor::ANNOTATION as APP_ARMOR;

/// A Pod that stands for a file on a node.
pub(super) const MIRROR: &str = "kubernetes.io/config.mirror";
const TOLERATIONS: &str = "scheduler.alpha.kubernetes.io/tolerations";
const COST: &str = "controller.kubernetes.io/pod-deletion-cost";
/// The old name of a Pod's seccomp profile.
pub(crate) const SECCOMP_POD: &str = "seccomp.security.alpha.kubernetes.io/pod";
/// Begin of the old names of seccomp profiles of containers.
pub(crate) const SECCOMP_CONTAINER: &str = "container.seccomp.security.alpha.kubernetes.io/";

fn all(metadata: &Value) -> impl Iterator<Item = (&str, &str)> {
    let annotations = metadata.get("annotations").and_then(Value::as_object).map(Map::iter);
    annotations.into_iter().flatten().map(|(key, value)| (key.as_str(), value.as_str().unwrap_or_default()))
}

fn one<'a>(metadata: &'a Value, key: &str) -> Option<&'a str> {
    metadata.get("annotations")?.get(key)?.as_str()
}

/// Checks the annotations of a Pod or template.
pub(super) fn check(metadata: &Value, spec: &Value, path: &str, faults: &mut Faults) {
    if let Some(value) = one(metadata, MIRROR).filter(|_| text(spec, "nodeName").is_empty()) {
        faults.invalid(&format!("{path}[{MIRROR}]"), &json!(value), "must set spec.nodeName if mirror pod annotation is set");
    }
    if let Some(value) = one(metadata, TOLERATIONS).filter(|value| !value.is_empty()) {
        match serde_json::from_str::<Value>(value) {
            Ok(list @ Value::Array(_)) => scheduling::tolerations(&json!({"tolerations": list}), &format!("{path}.{TOLERATIONS}"), faults),
            Ok(_) => {}
            Err(error) => faults.invalid(path, &json!(TOLERATIONS), &error.to_string()),
        }
    }
    if let Some(value) = one(metadata, COST).filter(|value| !is_cost(value)) {
        faults.invalid(&format!("{path}[{COST}]"), &json!(value), "must be a 32bit integer");
    }
    if let Some(value) = one(metadata, SECCOMP_POD) {
        seccomp(value, &format!("{path}.{SECCOMP_POD}"), faults);
    }
    for (key, value) in all(metadata).filter(|(key, _)| key.starts_with(SECCOMP_CONTAINER)) {
        seccomp(value, &format!("{path}.{key}"), faults);
    }
    for (key, value) in all(metadata) {
        let Some(name) = key.strip_prefix(APP_ARMOR) else { continue };
        let field = format!("{path}[{key}]");
        if !every_container(spec, "").any(|(container, _)| text(container, "name") == name) {
            faults.invalid(&field, &json!(name), "container not found");
        }
        if !matches!(value, "" | "runtime/default" | "unconfined") && !value.starts_with("localhost/") {
            faults.invalid(&field, &json!(value), &format!("invalid AppArmor profile name: {value:?}"));
        }
    }
}

/// A number of 32 bits that begins with no plus and, but for 0 itself, with no zero.
fn is_cost(value: &str) -> bool {
    (value == "0" || value.starts_with(|first| matches!(first, '-' | '1'..='9'))) && value.parse::<i32>().is_ok()
}

fn seccomp(value: &str, field: &str, faults: &mut Faults) {
    match value.strip_prefix("localhost/") {
        Some(file) => paths::descending(file, field, faults),
        None if matches!(value, "runtime/default" | "docker/default" | "unconfined") => {}
        None => faults.invalid(field, &json!(value), "must be a valid seccomp profile"),
    }
}

/// Fields and the annotations that were there before them must say the same.
pub(super) fn agree(metadata: &Value, spec: &Value, path: &str, faults: &mut Faults) {
    let kinds = ("seccompProfile", "seccomp");
    if let (Some(profile), Some(value)) = (at(spec, &["securityContext", "seccompProfile"]), one(metadata, SECCOMP_POD)) {
        same(profile, value, kinds, &format!("{path}.securityContext"), faults);
    }
    for (container, here) in every_container(spec, path) {
        let value = one(metadata, &format!("{SECCOMP_CONTAINER}{}", text(container, "name")));
        if let (Some(profile), Some(value)) = (at(container, &["securityContext", "seccompProfile"]), value) {
            same(profile, value, kinds, &format!("{here}.securityContext"), faults);
        }
    }
    if at(spec, &["os", "name"]).is_some_and(|name| name == "windows") {
        return;
    }
    let place = ["securityContext", "appArmorProfile"];
    for (container, here) in every_container(spec, path) {
        let profile = at(container, &place).or_else(|| at(spec, &place));
        let value = one(metadata, &format!("{APP_ARMOR}{}", text(container, "name")));
        if let (Some(profile), Some(value)) = (profile, value) {
            same(profile, value, ("appArmorProfile", "apparmor"), &format!("{here}.securityContext"), faults);
        }
    }
}

fn same(profile: &Value, value: &str, (field, word): (&str, &str), path: &str, faults: &mut Faults) {
    let file = value.strip_prefix("localhost/");
    let fits = match text(profile, "type") {
        "Unconfined" => value == "unconfined",
        "RuntimeDefault" => value == "runtime/default" || word == "seccomp" && value == "docker/default",
        "Localhost" => file.is_some(),
        _ => true,
    };
    if !fits {
        faults.forbidden(&format!("{path}.{field}.type"), &format!("{word} type in annotation and field must match"));
    } else if text(profile, "type") == "Localhost" && set(profile, "localhostProfile").and_then(Value::as_str) != file {
        faults.forbidden(&format!("{path}.{field}.localhostProfile"), &format!("{word} profile in annotation and field must match"));
    }
}

/// What of the annotations of a Pod may not change.
pub(super) fn changed(metadata: &Value, old: &Value, faults: &mut Faults) {
    let field = |key: &str| format!("metadata.annotations[{key}]");
    for (key, _) in all(old).filter(|(key, value)| one(metadata, key) != Some(value)) {
        if key.starts_with(APP_ARMOR) {
            faults.forbidden(&field(key), "may not remove or update AppArmor annotations");
        }
        if key == MIRROR {
            faults.forbidden(&field(key), "may not remove or update mirror pod annotation");
        }
    }
    for (key, _) in all(metadata).filter(|(key, _)| one(old, key).is_none()) {
        if key.starts_with(APP_ARMOR) {
            faults.forbidden(&field(key), "may not add AppArmor annotations");
        }
        if key == MIRROR {
            faults.forbidden(&field(key), "may not add mirror pod annotation");
        }
    }
}
