//! Strategic merge as kyaml does it, with the merge keys of Kubernetes 1.21. Source: kustomize `kyaml/yaml/merge2`,
//! `kyaml/yaml/walk`, `kyaml/openapi/kubernetesapi`.

use serde_json::{Map, Value};

/// Merges a patch into an object of any kind. Lists of kinds that Kubernetes does not know are replaced.
pub(crate) fn strategic(object: &mut Value, patch: &Value) {
    let known = builtin(object["apiVersion"].as_str().unwrap_or_default());
    merge(object, patch, "", known);
}

fn builtin(api_version: &str) -> bool {
    let group = api_version.split_once('/').map_or("", |(group, _)| group);
    group.is_empty() || matches!(group, "apps" | "batch" | "extensions" | "autoscaling" | "policy") || group.ends_with(".k8s.io")
}

fn merge(target: &mut Value, patch: &Value, field: &str, known: bool) {
    match (target, patch) {
        (Value::Object(target), Value::Object(patch)) => maps(target, patch, known),
        (Value::Array(target), Value::Array(patch)) => lists(target, patch, field, known),
        (target, patch) => *target = stripped(patch),
    }
}

fn maps(target: &mut Map<String, Value>, patch: &Map<String, Value>, known: bool) {
    if patch.get("$patch").is_some_and(|directive| directive == "replace") {
        target.clear();
    }
    for (key, value) in patch {
        match value {
            _ if key == "$patch" => {}
            Value::Null => {
                target.remove(key);
            }
            Value::Object(inner) if inner.get("$patch").is_some_and(|directive| directive == "delete") => {
                target.remove(key);
            }
            value => match target.get_mut(key) {
                Some(existing) => merge(existing, value, key, known),
                None => {
                    target.insert(key.clone(), stripped(value));
                }
            },
        }
    }
}

/// A new value without directives and nulls.
fn stripped(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let kept = map.iter().filter(|(key, value)| *key != "$patch" && !value.is_null());
            Value::Object(kept.map(|(key, value)| (key.clone(), stripped(value))).collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(stripped).collect()),
        other => other.clone(),
    }
}

/// The fields that tell items of a list apart, where the list merges.
fn merge_keys(field: &str) -> Option<&'static [&'static str]> {
    Some(match field {
        "containers" | "initContainers" | "ephemeralContainers" | "env" | "volumes" | "imagePullSecrets" => &["name"],
        "ports" => &["containerPort", "protocol"],
        "volumeMounts" => &["mountPath"],
        "volumeDevices" => &["devicePath"],
        "hostAliases" => &["ip"],
        "topologySpreadConstraints" => &["topologyKey", "whenUnsatisfiable"],
        "ownerReferences" => &["uid"],
        "conditions" => &["type"],
        "secrets" => &["name"],
        "webhooks" => &["name"],
        _ => return None,
    })
}

fn lists(target: &mut Vec<Value>, patch: &[Value], field: &str, known: bool) {
    if field == "finalizers" && known {
        let new: Vec<Value> = patch.iter().filter(|item| !target.contains(item)).cloned().collect();
        target.splice(0..0, new);
        return;
    }
    let mut keys = merge_keys(field).filter(|_| known);
    if field == "ports" && target.iter().chain(patch).any(|item| item.get("containerPort").is_none()) {
        // A Service's ports merge by their own key.
        keys = Some(&["port"]);
    }
    let Some(keys) = keys.filter(|_| patch.iter().all(Value::is_object)) else {
        *target = patch.iter().map(stripped).collect();
        return;
    };
    if patch.iter().any(|item| item["$patch"] == "replace" && item.as_object().is_some_and(|map| map.len() == 1)) {
        *target = patch.iter().filter(|item| item.get("$patch").is_none()).map(stripped).collect();
        return;
    }
    let same = |a: &Value, b: &Value| keys.iter().all(|key| part(a, key) == part(b, key));
    // Items of the patch come first, in its order; the others keep theirs.
    let mut merged = Vec::new();
    for item in patch {
        let existing = target.iter().position(|old| same(old, item)).map(|at| target.remove(at));
        match (item["$patch"] == "delete", existing) {
            (true, _) => {}
            (false, Some(mut old)) => {
                merge(&mut old, item, "", known);
                merged.push(old);
            }
            (false, None) => merged.push(stripped(item)),
        }
    }
    merged.append(target);
    *target = merged;
}

/// The value of a key field; a port without protocol is a TCP port.
fn part(item: &Value, key: &str) -> Value {
    match &item[key] {
        Value::Null if key == "protocol" => Value::from("TCP"),
        value => value.clone(),
    }
}
