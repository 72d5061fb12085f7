//! ConfigMap, Secret, ServiceAccount, Namespace, ResourceQuota, LimitRange, Endpoints.
//! Follows kubernetes `pkg/apis/core/validation/validation.go`.

use base64::Engine as _;
use schema::Violation;
use serde_json::{Map, Value, json};

use super::Subject;
use super::faults::{Faults, list, set, text};
use crate::names;
use crate::object::pairs;

/// The most that a ConfigMap or Secret may hold.
const MOST: usize = 1024 * 1024;

/// Checks an object of these kinds.
pub(crate) fn check(subject: &Subject<'_>, faults: &mut Faults) {
    let Subject { object, old, .. } = *subject;
    subject.metadata_update(faults);
    match subject.resource.kind.as_str() {
        "ConfigMap" => {
            frozen(object, old, &["data", "binaryData"], faults);
            subject.metadata(faults);
            config_map(object, faults);
        }
        "Secret" => {
            if let Some(old) = old {
                faults.immutable(object, old, &["type"]);
            }
            frozen(object, old, &["data"], faults);
            subject.metadata(faults);
            secret(object, faults);
        }
        "Namespace" if old.is_some() => {}
        "Endpoints" => {
            subject.metadata(faults);
            endpoints(object, faults);
        }
        "ResourceQuota" => {
            subject.metadata(faults);
            quota(subject, faults);
        }
        "LimitRange" => {
            subject.metadata(faults);
            limits(object, faults);
        }
        _ => subject.metadata(faults),
    }
}

fn frozen(object: &Value, old: Option<&Value>, fields: &[&str], faults: &mut Faults) {
    const WHY: &str = "field is immutable when `immutable` is set";
    let Some(old) = old.filter(|old| old.get("immutable") == Some(&json!(true))) else { return };
    if object.get("immutable") != Some(&json!(true)) {
        faults.forbidden("immutable", WHY);
    }
    for field in fields {
        if object.get(*field) != old.get(*field) {
            faults.forbidden(field, WHY);
        }
    }
}

fn key(field: &str, key: &str, faults: &mut Faults) {
    if let Some(why) = names::config_key_fault(key) {
        faults.invalid(&format!("{field}[{key}]"), &json!(key), &why);
    }
}

fn config_map(object: &Value, faults: &mut Faults) {
    let empty = Map::new();
    let map = |name: &str| object.get(name).and_then(Value::as_object).unwrap_or(&empty);
    let mut size = 0;
    for (name, value) in map("data") {
        key("data", name, faults);
        if map("binaryData").contains_key(name) {
            faults.invalid(&format!("data[{name}]"), &json!(name), "duplicate of key present in binaryData");
        }
        size += value.as_str().map_or(0, str::len);
    }
    for (name, value) in map("binaryData") {
        key("binaryData", name, faults);
        size += decoded(value);
    }
    if size > MOST {
        faults.0.push(Violation::too_long("", MOST as u64));
    }
}

/// Returns how many bytes a text of base64 stands for.
fn decoded(value: &Value) -> usize {
    value.as_str().and_then(|text| base64::engine::general_purpose::STANDARD.decode(text).ok()).map_or(0, |bytes| bytes.len())
}

fn secret(object: &Value, faults: &mut Faults) {
    let mut size = 0;
    for (name, value) in object.get("data").and_then(Value::as_object).into_iter().flatten() {
        key("data", name, faults);
        size += decoded(value);
    }
    if size > MOST {
        faults.0.push(Violation::too_long("data", MOST as u64));
    }
    let has = |key: &str| object.get("data").is_some_and(|data| data.get(key).is_some());
    let mut needs = |key: &str| {
        if !has(key) {
            faults.required(&format!("data[{key}]"), "");
        }
    };
    match text(object, "type") {
        "kubernetes.io/service-account-token" => {
            let account =
                pairs(object, "annotations").and_then(|all| all.get("kubernetes.io/service-account.name")).and_then(Value::as_str);
            if account.unwrap_or_default().is_empty() {
                faults.required("metadata.annotations[kubernetes.io/service-account.name]", "");
            }
        }
        "kubernetes.io/dockerconfigjson" => docker(object, ".dockerconfigjson", faults),
        "kubernetes.io/dockercfg" => docker(object, ".dockercfg", faults),
        "kubernetes.io/ssh-auth" => needs("ssh-privatekey"),
        "kubernetes.io/tls" => {
            needs("tls.crt");
            needs("tls.key");
        }
        "kubernetes.io/basic-auth" if !has("username") && !has("password") => {
            faults.required("data[username]", "");
            faults.required("data[password]", "");
        }
        _ => {}
    }
}

fn docker(object: &Value, name: &str, faults: &mut Faults) {
    let field = format!("data[{name}]");
    let Some(value) = object.get("data").and_then(|data| data.get(name)) else { return faults.required(&field, "") };
    let bytes = value.as_str().and_then(|text| base64::engine::general_purpose::STANDARD.decode(text).ok()).unwrap_or_default();
    match crate::typed::json::parse(&bytes) {
        Ok(crate::typed::json::Node::Map(_) | crate::typed::json::Node::Null) => {}
        Ok(other) => {
            let why = format!("json: cannot unmarshal {} into Go value of type map[string]interface {{}}", other.word());
            faults.invalid(&field, &json!("<secret contents redacted>"), &why);
        }
        Err(why) => faults.invalid(&field, &json!("<secret contents redacted>"), &why),
    }
}

fn endpoints(object: &Value, faults: &mut Faults) {
    for (index, subset) in list(object, "subsets").iter().enumerate() {
        let here = format!("subsets[{index}]");
        if list(subset, "addresses").is_empty() && list(subset, "notReadyAddresses").is_empty() {
            faults.required(&here, "must specify `addresses` or `notReadyAddresses`");
        }
        for name in ["addresses", "notReadyAddresses"] {
            for (at, address) in list(subset, name).iter().enumerate() {
                super::discovery::address(&format!("{here}.{name}[{at}].ip"), text(address, "ip"), faults);
            }
        }
        let ports = list(subset, "ports");
        for (at, port) in ports.iter().enumerate() {
            let here = format!("{here}.ports[{at}]");
            let name = text(port, "name");
            if ports.len() > 1 && name.is_empty() {
                faults.required(&format!("{here}.name"), "");
            } else if !name.is_empty() {
                faults.name(&format!("{here}.name"), names::Rule::Label, name);
            }
            faults.port_number(&format!("{here}.port"), port.get("port").unwrap_or(&Value::Null));
            faults.one_of(port, &here, "protocol", &["SCTP", "TCP", "UDP"]);
        }
    }
}

const QUOTA_SCOPES: &[&str] =
    &["Terminating", "NotTerminating", "BestEffort", "NotBestEffort", "PriorityClass", "CrossNamespacePodAffinity"];

fn quota(subject: &Subject<'_>, faults: &mut Faults) {
    let spec = subject.spec();
    for (name, amount) in spec.get("hard").and_then(Value::as_object).into_iter().flatten() {
        let field = format!("spec.hard[{name}]");
        resource_name(name, &field, faults);
        if amount.as_str().is_some_and(|text| text.starts_with('-')) {
            faults.invalid(&field, amount, "must be greater than or equal to 0");
        }
    }
    for scope in list(spec, "scopes") {
        if !QUOTA_SCOPES.contains(&scope.as_str().unwrap_or_default()) {
            faults.invalid("spec.scopes", spec.get("scopes").unwrap_or(&Value::Null), "unsupported scope");
        }
    }
    if let Some(old) = subject.old
        && old.pointer("/spec/scopes") != spec.get("scopes")
    {
        faults.invalid("spec.scopes", spec.get("scopes").unwrap_or(&Value::Null), "field is immutable");
    }
}

/// The name of something that is counted or measured.
pub(crate) fn resource_name(name: &str, field: &str, faults: &mut Faults) {
    let wrong = names::key_faults(name);
    wrong.iter().for_each(|why| faults.invalid(field, &json!(name), why));
    if wrong.is_empty()
        && !name.contains('/')
        && !STANDARD.contains(&name)
        && !name.starts_with("hugepages-")
        && !name.starts_with("requests.hugepages-")
    {
        faults.invalid(field, &json!(name), "must be a standard resource type or fully qualified");
    }
}

const STANDARD: &[&str] = &[
    "cpu",
    "memory",
    "ephemeral-storage",
    "requests.cpu",
    "requests.memory",
    "requests.ephemeral-storage",
    "limits.cpu",
    "limits.memory",
    "limits.ephemeral-storage",
    "pods",
    "resourcequotas",
    "services",
    "replicationcontrollers",
    "secrets",
    "configmaps",
    "persistentvolumeclaims",
    "storage",
    "requests.storage",
    "services.nodeports",
    "services.loadbalancers",
];

fn limits(object: &Value, faults: &mut Faults) {
    let mut seen: Vec<&str> = Vec::new();
    for (index, limit) in object.pointer("/spec/limits").and_then(Value::as_array).into_iter().flatten().enumerate() {
        let here = format!("spec.limits[{index}]");
        let kind = text(limit, "type");
        names::key_faults(kind).iter().for_each(|why| faults.invalid(&format!("{here}.type"), &json!(kind), why));
        if seen.contains(&kind) {
            faults.duplicate(&format!("{here}.type"), &json!(kind));
        }
        seen.push(kind);
        if kind == "Pod" {
            for (name, field) in [("default", "default"), ("defaultRequest", "defaultRequest")] {
                if set(limit, name).is_some() {
                    faults.forbidden(&format!("{here}.{field}"), "may not be specified when `type` is 'Pod'");
                }
            }
        }
        if kind == "PersistentVolumeClaim" && limit.pointer("/min/storage").is_none() && limit.pointer("/max/storage").is_none() {
            faults.required(&format!("{here}.limits"), "either minimum or maximum storage value is required, but neither was provided");
        }
    }
}
