//! What a kind's registry sets back or fills in before an object is looked at: fields of features that are off, what only the server
//! may say, and both ways of naming a claim's source. Follows the `strategy.go` files in kubernetes `pkg/registry`, and
//! `pkg/api/persistentvolumeclaim/util.go`.

use std::collections::{HashMap, VecDeque};

use model::Caller;
use serde_json::{Map, Value, json};

use crate::autoscalers;
use crate::catalog::Resource;

/// Sets back what a new object may not say.
pub(crate) fn on_create(resource: &Resource, object: &mut Value) {
    match (resource.group.as_str(), resource.kind.as_str()) {
        ("", "Node") => {
            drop_fields(object, "spec", &["configSource"], None);
            drop_fields(object, "status", &["config"], None);
        }
        ("", "PersistentVolumeClaim") => claim_sources(object, None),
        ("autoscaling", _) if resource.version == "v1" => autoscalers::tidy(object),
        ("coordination.k8s.io", "Lease") => drop_fields(object, "spec", &["strategy", "preferredHolder"], None),
        ("storage.k8s.io", "CSIDriver") => drop_fields(object, "spec", &["preventPodSchedulingIfMissing"], None),
        ("storage.k8s.io", "CSINode") => empty_lists(object),
        _ => {}
    }
}

/// Sets back what a changed object may not say, unless it said so before.
pub(crate) fn on_update(resource: &Resource, subresource: &str, old: &Value, object: &mut Value) {
    match (resource.group.as_str(), resource.kind.as_str()) {
        ("", "Node") => {
            drop_fields(object, "spec", &["configSource"], Some(old));
            drop_fields(object, "status", &["config"], Some(old));
        }
        ("autoscaling", _) if resource.version == "v1" => autoscalers::tidy(object),
        ("autoscaling", _) => empty_list(object, "/status/currentMetrics"),
        ("", "PersistentVolumeClaim") => claim_sources(object, Some(old)),
        ("coordination.k8s.io", "Lease") => drop_fields(object, "spec", &["strategy", "preferredHolder"], Some(old)),
        ("storage.k8s.io", "CSIDriver") => drop_fields(object, "spec", &["preventPodSchedulingIfMissing"], Some(old)),
        ("storage.k8s.io", "CSINode") => empty_lists(object),
        ("certificates.k8s.io", "CertificateSigningRequest") => keep_request(subresource, old, object),
        ("", "Pod") if subresource == "status" => keep_of_pod(old, object),
        ("", "Namespace") if subresource == "status" => default_phase(object),
        _ => {}
    }
}

/// Writes into a new CertificateSigningRequest who asks.
pub(crate) fn name_requester(resource: &Resource, caller: &Caller, object: &mut Value) {
    if resource.kind != "CertificateSigningRequest" || resource.custom.is_some() {
        return;
    }
    let Some(Value::Object(spec)) = object.get_mut("spec") else { return };
    for (name, value, given) in [
        ("username", json!(caller.name), !caller.name.is_empty()),
        ("uid", json!(caller.uid), !caller.uid.is_empty()),
        ("groups", json!(caller.groups), !caller.groups.is_empty()),
        ("extra", json!(caller.extra), !caller.extra.is_empty()),
    ] {
        if given {
            spec.insert(name.to_owned(), value);
        } else {
            spec.remove(name);
        }
    }
}

fn drop_fields(object: &mut Value, part: &str, names: &[&str], old: Option<&Value>) {
    let Some(Value::Object(map)) = object.get_mut(part) else { return };
    let before = old.and_then(|old| old.get(part));
    for name in names {
        if before.and_then(|before| before.get(name)).is_none_or(Value::is_null) {
            map.remove(*name);
        }
    }
}

/// A list that is there and empty is told as none.
fn empty_list(object: &mut Value, place: &str) {
    if let Some(list) = object.pointer_mut(place).filter(|list| list.as_array().is_some_and(Vec::is_empty)) {
        *list = Value::Null;
    }
}

fn empty_lists(node: &mut Value) {
    empty_list(node, "/spec/drivers");
    for driver in node.pointer_mut("/spec/drivers").and_then(Value::as_array_mut).into_iter().flatten() {
        if driver.get("topologyKeys").and_then(Value::as_array).is_some_and(Vec::is_empty) {
            driver["topologyKeys"] = Value::Null;
        }
    }
}

/// What is asked for does not change, and what became of it is said elsewhere.
fn keep_request(subresource: &str, old: &Value, object: &mut Value) {
    let parts: &[&str] = if subresource.is_empty() { &["spec", "status"] } else { &["spec"] };
    let Value::Object(map) = object else { return };
    for part in parts {
        match old.get(*part) {
            Some(value) => map.insert((*part).to_owned(), value.clone()),
            None => map.remove(*part),
        };
    }
}

/// Takes only the decisions about a CertificateSigningRequest.
pub(crate) fn with_decisions_of(old: &Value, mut new: Value) -> Value {
    let decisions = new.pointer("/status/conditions").cloned();
    let mut status = old.get("status").cloned().unwrap_or_else(|| json!({}));
    if let Value::Object(map) = &mut status {
        match decisions {
            Some(decisions) => map.insert("conditions".to_owned(), decisions),
            None => map.remove("conditions"),
        };
    }
    new["status"] = status;
    new
}

/// Fills in when what a status says came about.
pub(crate) fn date(resource: &Resource, subresource: &str, old: &Value, object: &mut Value, now: &str) {
    match resource.kind.as_str() {
        _ if resource.custom.is_some() => {}
        "CertificateSigningRequest" => date_conditions(subresource, old, object, now),
        "PersistentVolume" if subresource == "status" => date_phase(old, object, now),
        _ => {}
    }
}

/// When a volume came into its phase, unless somebody says it (kubernetes `pkg/registry/core/persistentvolume/strategy.go`).
fn date_phase(old: &Value, object: &mut Value, now: &str) {
    const SINCE: &str = "lastPhaseTransitionTime";
    let since = |of: &Value| of["status"].get(SINCE).filter(|time| !time.is_null()).cloned();
    let (before, after) = (since(old), since(object));
    let same = old["status"]["phase"] == object["status"]["phase"];
    let filled = match after {
        None if same => before,
        None => Some(json!(now)),
        Some(said) if !same && Some(&said) == before.as_ref() => Some(json!(now)),
        Some(_) => return,
    };
    if let (Some(filled), Some(Value::Object(status))) = (filled, object.get_mut("status")) {
        status.insert(SINCE.to_owned(), filled);
    }
}

/// A namespace of which nothing is said is there.
fn default_phase(namespace: &mut Value) {
    if let Some(Value::Object(status)) = namespace.get_mut("status")
        && status.get("phase").is_none_or(|phase| phase.as_str().is_none_or(str::is_empty))
    {
        status.insert("phase".to_owned(), json!("Active"));
    }
}

/// What a Pod's status leaves out and has always said (kubernetes `pkg/registry/core/pod/strategy.go`).
fn keep_of_pod(old: &Value, object: &mut Value) {
    let before = old.get("status").cloned().unwrap_or_default();
    let Some(Value::Object(status)) = object.get_mut("status") else { return };
    let left_out = |value: Option<&Value>| value.is_none_or(|value| value.is_null() || *value == json!("") || *value == json!(0));
    for field in ["qosClass", "observedGeneration"] {
        if let (true, Some(value)) = (left_out(status.get(field)), before.get(field)) {
            status.insert(field.to_owned(), value.clone());
        }
    }
    let kind = |one: &Value| one["type"].as_str().unwrap_or_default().to_owned();
    let mut known: HashMap<String, VecDeque<Option<Value>>> = HashMap::new();
    for one in before.get("conditions").and_then(Value::as_array).into_iter().flatten() {
        known.entry(kind(one)).or_default().push_back(one.get("observedGeneration").cloned());
    }
    for one in status.get_mut("conditions").and_then(Value::as_array_mut).into_iter().flatten() {
        let Some(generation) = known.get_mut(&kind(one)).and_then(VecDeque::pop_front) else { continue };
        if let (true, Some(generation), Value::Object(condition)) = (left_out(one.get("observedGeneration")), generation, &mut *one) {
            condition.insert("observedGeneration".to_owned(), generation);
        }
    }
}

/// A decision stays as it was taken where a signer tells it again.
fn date_conditions(subresource: &str, old: &Value, object: &mut Value, now: &str) {
    if !matches!(subresource, "approval" | "status") {
        return;
    }
    let before = old.pointer("/status/conditions").and_then(Value::as_array).cloned().unwrap_or_default();
    let Some(all) = object.pointer_mut("/status/conditions").and_then(Value::as_array_mut) else { return };
    if subresource == "status" {
        ["Approved", "Denied"].iter().for_each(|kind| keep_conditions(&before, all, kind));
    }
    for one in all.iter_mut().filter_map(Value::as_object_mut) {
        let same = before.iter().find(|other| other.get("type") == one.get("type") && other.get("status") == one.get("status"));
        let since = same.and_then(|other| other.get("lastTransitionTime")).filter(|time| !time.is_null()).cloned();
        for (field, time) in [("lastUpdateTime", json!(now)), ("lastTransitionTime", since.unwrap_or_else(|| json!(now)))] {
            if one.get(field).is_none_or(Value::is_null) {
                one.insert(field.to_owned(), time);
            }
        }
    }
}

fn keep_conditions(before: &[Value], all: &mut [Value], kind: &str) {
    let old: Vec<&Value> = before.iter().filter(|one| one["type"] == kind).collect();
    let new: Vec<&mut Value> = all.iter_mut().filter(|one| one["type"] == kind).collect();
    if old.len() == new.len() {
        new.into_iter().zip(old).for_each(|(new, old)| *new = old.clone());
    }
}

/// A claim's source has two names that say the same, but for sources in other namespaces, which are off, and for kinds that the older
/// name never took.
fn claim_sources(claim: &mut Value, old: Option<&Value>) {
    let Some(Value::Object(spec)) = claim.get_mut("spec") else { return };
    let before = |name: &str| old.and_then(|old| old.pointer(&format!("/spec/{name}"))).is_some_and(|one| !one.is_null());
    spec.retain(|name, value| !(value.is_null() && matches!(name.as_str(), "dataSource" | "dataSourceRef")));
    if namespace(spec).is_some() && !before("dataSourceRef") {
        spec.remove("dataSourceRef");
    }
    let (source, reference) = (spec.get("dataSource").cloned(), spec.get("dataSourceRef").cloned());
    match (source, reference) {
        (Some(source), None) if before("dataSource") || before("dataSourceRef") || is_old_kind(&source) => {
            spec.insert("dataSourceRef".to_owned(), only_local(&source));
        }
        (Some(_), None) => drop(spec.remove("dataSource")),
        (None, Some(reference)) if namespace(spec).is_none() => {
            spec.insert("dataSource".to_owned(), only_local(&reference));
        }
        _ => {}
    }
}

fn namespace(spec: &Map<String, Value>) -> Option<&str> {
    spec.get("dataSourceRef")?.get("namespace")?.as_str().filter(|name| !name.is_empty())
}

fn only_local(source: &Value) -> Value {
    let fields = ["apiGroup", "kind", "name"].into_iter().filter_map(|name| Some((name.to_owned(), source.get(name)?.clone())));
    Value::Object(fields.collect())
}

fn is_old_kind(source: &Value) -> bool {
    let text = |name: &str| source.get(name).and_then(Value::as_str).unwrap_or_default();
    matches!((text("apiGroup"), text("kind")), ("", "PersistentVolumeClaim") | ("snapshot.storage.k8s.io", "VolumeSnapshot"))
}
