//! What a container finds in its environment.
//! Follows kubernetes `pkg/apis/core/validation/validation.go` `ValidateEnv`, `ValidateEnvFrom`, `validateFileKeyRefVolumes`.

use serde_json::{Value, json};

use super::super::faults::{Faults, at, list, set, text};
use super::{every_container, paths, required, required_name};
use crate::names::{self, Rule};

/// What the downward API gives of a Pod by itself.
const FIELDS: &[&str] = &[
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "spec.nodeName",
    "spec.serviceAccountName",
    "status.hostIP",
    "status.hostIPs",
    "status.podIP",
    "status.podIPs",
];
/// What is a field of a Pod, but not given everywhere.
const OTHERS: &[&str] = &["metadata.annotations", "metadata.labels", "spec.restartPolicy", "spec.schedulerName", "status.phase"];
/// What of its resources a container may know.
const RESOURCES: &[&str] =
    &["limits.cpu", "limits.ephemeral-storage", "limits.memory", "requests.cpu", "requests.ephemeral-storage", "requests.memory"];
const SOURCES: &[&str] = &["fieldRef", "resourceFieldRef", "configMapKeyRef", "secretKeyRef", "fileKeyRef"];

/// Checks the variables of a container, and from where it takes more.
pub(super) fn check(container: &Value, path: &str, faults: &mut Faults) {
    for (index, entry) in list(container, "env").iter().enumerate() {
        let (here, name) = (format!("{path}.env[{index}]"), text(entry, "name"));
        if name.is_empty() {
            faults.required(&format!("{here}.name"), "");
        } else {
            variable(name, &format!("{here}.name"), faults);
        }
        if let Some(from) = set(entry, "valueFrom") {
            value_from(from, !text(entry, "value").is_empty(), &format!("{here}.valueFrom"), faults);
        }
    }
    for (index, from) in list(container, "envFrom").iter().enumerate() {
        env_from(from, &format!("{path}.envFrom"), index, faults);
    }
}

/// The name of a variable.
fn variable(name: &str, field: &str, faults: &mut Faults) {
    if !name.bytes().all(|byte| (0x20..0x7f).contains(&byte) && byte != b'=') {
        let why = "a valid environment variable name must consist only of printable ASCII characters other than '='";
        faults.invalid(field, &json!(name), why);
    }
}

fn value_from(from: &Value, has_value: bool, path: &str, faults: &mut Faults) {
    let mut count = 0;
    for kind in SOURCES {
        let Some(source) = set(from, kind) else { continue };
        let here = format!("{path}.{kind}");
        count += 1;
        match *kind {
            "fieldRef" => field_ref(source, FIELDS, &here, faults),
            "resourceFieldRef" => resource_ref(source, false, &here, faults),
            "fileKeyRef" => file_ref(source, &here, faults),
            _ => key_ref(source, &here, faults),
        }
    }
    let why = match count {
        0 => "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`",
        _ if has_value => "may not be specified when `value` is not empty",
        1 => return,
        _ => "may not have more than one field specified at a time",
    };
    faults.invalid(path, &json!(""), why);
}

fn env_from(from: &Value, path: &str, index: usize, faults: &mut Faults) {
    let here = format!("{path}[{index}]");
    variable(text(from, "prefix"), &format!("{here}.prefix"), faults);
    let mut count = 0;
    for kind in ["configMapRef", "secretRef"] {
        if let Some(source) = set(from, kind) {
            count += 1;
            prefix_name(source, &format!("{here}.{kind}"), faults);
        }
    }
    match count {
        0 => faults.invalid(path, &json!(""), "must specify one of: `configMapRef` or `secretRef`"),
        1 => {}
        _ => faults.invalid(path, &json!(""), "may not have more than one field specified at a time"),
    }
}

/// A name that upstream takes for the beginning of one: it may end with a hyphen.
fn prefix_name(source: &Value, path: &str, faults: &mut Faults) {
    let name = text(source, "name");
    required(source, &["name"], path, faults);
    if !name.is_empty() {
        // What stands before the hyphen is not looked at either.
        let whole = match name.strip_suffix('-') {
            Some(start) if !start.is_empty() => {
                let mut start = start.to_owned();
                start.pop();
                start + "a"
            }
            _ => name.to_owned(),
        };
        names::faults(Rule::Subdomain, &whole).iter().for_each(|why| faults.invalid(&format!("{path}.name"), &json!(name), why));
    }
}

/// A key of a ConfigMap or Secret.
fn key_ref(source: &Value, path: &str, faults: &mut Faults) {
    faults.name(&format!("{path}.name"), Rule::Subdomain, text(source, "name"));
    let key = text(source, "key");
    required(source, &["key"], path, faults);
    if !key.is_empty() {
        names::config_key_faults(key).iter().for_each(|why| faults.invalid(&format!("{path}.key"), &json!(key), why));
    }
}

/// A key of a file in a volume.
fn file_ref(source: &Value, path: &str, faults: &mut Faults) {
    required(source, &["key"], path, faults);
    variable(text(source, "key"), &format!("{path}.key"), faults);
    required_name(source, "volumeName", Rule::Label, path, faults);
    required(source, &["path"], path, faults);
    paths::no_backsteps(text(source, "path"), &format!("{path}.path"), faults);
}

/// The volumes in which files with variables lie. Follows `validateFileKeyRefVolumes`.
pub(super) fn file_volumes(spec: &Value, path: &str, faults: &mut Faults) {
    for (container, path) in every_container(spec, path) {
        for (index, entry) in list(container, "env").iter().enumerate() {
            let Some(file) = at(entry, &["valueFrom", "fileKeyRef"]) else { continue };
            let (name, field) = (json!(text(file, "volumeName")), format!("{path}.env[{index}].valueFrom.fileKeyRef.volumeName"));
            match list(spec, "volumes").iter().rfind(|volume| volume.get("name") == Some(&name)) {
                None => faults.not_found(&field, &name),
                Some(volume) if set(volume, "emptyDir").is_none() => {
                    faults.invalid(&field, &name, "referenced volume must be of type emptyDir");
                }
                Some(_) => {}
            }
        }
    }
}

/// A field of the Pod. Follows `validateObjectFieldSelector`.
pub(super) fn field_ref(from: &Value, given: &[&str], path: &str, faults: &mut Faults) {
    let (version, field) = (text(from, "apiVersion"), text(from, "fieldPath"));
    if version.is_empty() {
        return faults.required(&format!("{path}.apiVersion"), "");
    }
    let here = format!("{path}.fieldPath");
    if field.is_empty() {
        return faults.required(&here, "");
    }
    let wrong = |why: String, faults: &mut Faults| faults.invalid(&here, &json!(field), &format!("error converting fieldPath: {why}"));
    if version != "v1" {
        return wrong(format!("unsupported pod version: {version}"), faults);
    }
    let split = field.strip_suffix("']").and_then(|rest| rest.split_once("['")).filter(|(whole, _)| !whole.is_empty());
    if let Some((whole, key)) = split {
        let key = match whole {
            "metadata.annotations" => key.to_lowercase(),
            "metadata.labels" => key.to_owned(),
            _ => return wrong(format!("field label does not support subscript: {field}"), faults),
        };
        return names::key_faults(&key).iter().for_each(|why| faults.invalid(path, &json!(key), why));
    }
    let field = if field == "spec.host" { "spec.nodeName" } else { field };
    if !FIELDS.contains(&field) && !OTHERS.contains(&field) {
        wrong(format!("field label not supported: {field}"), faults);
    } else if !given.contains(&field) {
        faults.not_supported(&here, &json!(field), given);
    }
}

/// A resource of a container. Follows `validateContainerResourceFieldSelector`.
pub(super) fn resource_ref(from: &Value, in_volume: bool, path: &str, faults: &mut Faults) {
    let resource = text(from, "resource");
    let huge = resource.starts_with("limits.hugepages-") || resource.starts_with("requests.hugepages-");
    if in_volume && text(from, "containerName").is_empty() {
        faults.required(&format!("{path}.containerName"), "");
    } else if resource.is_empty() {
        faults.required(&format!("{path}.resource"), "");
    } else if !RESOURCES.contains(&resource) && !huge {
        faults.not_supported(&format!("{path}.resource"), &json!(resource), RESOURCES);
    }
    let what = match resource {
        "limits.cpu" | "requests.cpu" => "cpu",
        "limits.memory" | "requests.memory" => "memory",
        "limits.ephemeral-storage" | "requests.ephemeral-storage" => "local ephemeral storage",
        _ if huge => "hugepages",
        _ => return,
    };
    divisor(text(from, "divisor"), resource, what, &format!("{path}.divisor"), faults);
}

fn divisor(divisor: &str, resource: &str, what: &str, field: &str, faults: &mut Faults) {
    const SIZES: &str = "1, 1k, 1M, 1G, 1T, 1P, 1E, 1Ki, 1Mi, 1Gi, 1Ti, 1Pi, 1Ei";
    if crate::quantity::nanos(divisor).is_none_or(|nanos| nanos == 0) {
        return;
    }
    let (right, allowed) = match what {
        "cpu" => (matches!(divisor, "1" | "1m"), "1m and 1"),
        _ => (SIZES.split(", ").any(|size| size == divisor), SIZES),
    };
    if !right {
        let why = format!("only divisor's values {allowed} are supported with the {what} resource");
        faults.invalid(field, &json!(resource), &why);
    }
}
