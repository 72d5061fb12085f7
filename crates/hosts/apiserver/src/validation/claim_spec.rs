//! The spec of a claim inside another object: in a StatefulSet, or for a volume that lives as long as its Pod.
//! Follows kubernetes `pkg/apis/core/validation/validation.go` `ValidatePersistentVolumeClaimSpec`.

use serde_json::{Value, json};

use super::faults::{Faults, at, list, set, text};
use crate::names::{self, Rule};

const MODES: &[&str] = &["ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"];

/// Checks the spec of a claim.
pub(crate) fn check(spec: &Value, path: &str, faults: &mut Faults) {
    let modes = list(spec, "accessModes");
    let here = format!("{path}.accessModes");
    if modes.is_empty() {
        faults.required(&here, "at least 1 access mode is required");
    }
    faults.selector(&format!("{path}.selector"), set(spec, "selector"));
    for mode in modes.iter().filter(|mode| !MODES.contains(&mode.as_str().unwrap_or_default())) {
        faults.not_supported(&here, mode, MODES);
    }
    let other = |mode: &Value| MODES[..3].contains(&mode.as_str().unwrap_or_default());
    if modes.contains(&json!("ReadWriteOncePod")) && modes.iter().any(other) {
        faults.forbidden(&here, "may not use ReadWriteOncePod with other access modes");
    }
    size(spec, &format!("{path}.resources[storage]"), faults);
    class(spec, "storageClassName", path, faults);
    if let Some(mode) = set(spec, "volumeMode").filter(|mode| !matches!(mode.as_str(), Some("Block" | "Filesystem"))) {
        faults.not_supported(&format!("{path}.volumeMode"), mode, &["Block", "Filesystem"]);
    }
    sources(spec, path, faults);
    class(spec, "volumeAttributesClassName", path, faults);
}

fn class(spec: &Value, field: &str, path: &str, faults: &mut Faults) {
    let class = text(spec, field);
    if !class.is_empty() {
        faults.name(&format!("{path}.{field}"), Rule::Subdomain, class);
    }
}

fn size(spec: &Value, field: &str, faults: &mut Faults) {
    match at(spec, &["resources", "requests", "storage"]) {
        None => faults.required(field, ""),
        Some(amount) if amount.as_str().and_then(crate::quantity::nanos).is_some_and(|nanos| nanos <= 0) => {
            faults.invalid(field, amount, "must be greater than zero");
        }
        Some(_) => {}
    }
}

/// What a claim is filled from.
fn sources(spec: &Value, path: &str, faults: &mut Faults) {
    for field in ["dataSource", "dataSourceRef"] {
        if let Some(source) = set(spec, field) {
            self::source(source, &format!("{path}.{field}"), faults);
        }
    }
    let (Some(source), Some(reference)) = (set(spec, "dataSource"), set(spec, "dataSourceRef")) else { return };
    let same = ["apiGroup", "kind", "name"].iter().all(|field| set(source, field) == set(reference, field));
    // Upstream shows the path, not the value.
    if !text(reference, "namespace").is_empty() {
        faults.invalid(path, &json!({}), "may not be specified when dataSourceRef.namespace is specified");
    } else if !same {
        faults.invalid(path, &json!({}), "must match dataSourceRef");
    }
}

fn source(source: &Value, path: &str, faults: &mut Faults) {
    for field in ["name", "kind"].iter().filter(|field| text(source, field).is_empty()) {
        faults.required(&format!("{path}.{field}"), "");
    }
    let (group, kind) = (text(source, "apiGroup"), text(source, "kind"));
    if group.is_empty() && kind != "PersistentVolumeClaim" {
        faults.invalid(path, &json!(kind), "must be 'PersistentVolumeClaim' when referencing the default apiGroup");
    }
    if !group.is_empty() {
        faults.name(&format!("{path}.apiGroup"), Rule::Subdomain, group);
    }
    let namespace = text(source, "namespace");
    let why = if namespace.is_empty() { Vec::new() } else { names::faults(Rule::Label, namespace) };
    why.iter().for_each(|why| faults.invalid(&format!("{path}.namespace"), &json!(namespace), why));
}
