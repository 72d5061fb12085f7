//! What the server itself writes into an object: what a create sets, what an update may not touch, generation, status.

use serde_json::{Value, json};

use crate::catalog::Resource;
use crate::crd;
use crate::kinds::Generation;
use crate::object::{self, meta, meta_mut};
use crate::{gates, pods, reset, services};

/// Metadata that only the server writes.
const SYSTEM: &[&str] = &["uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "selfLink", "resourceVersion"];

/// Takes away what a client wrote of the server's own fields.
pub(crate) fn clear(resource: &Resource, object: &mut Value, namespace: &str) {
    let metadata = meta_mut(object);
    for name in SYSTEM {
        metadata.remove(*name);
    }
    if resource.namespaced {
        metadata.insert("namespace".to_owned(), json!(namespace));
    } else {
        metadata.remove("namespace");
    }
    if resource.custom.is_none() {
        // What upstream fills in before it notes who owns which field belongs to who creates the object.
        match (resource.group.as_str(), resource.kind.as_str()) {
            ("", "Namespace") => label_namespace(object),
            ("apps", "DaemonSet") => template_generation(object, 1),
            _ => {}
        }
    }
}

/// Fills in what upstream fills in before it notes who owns which field of an update.
pub(crate) fn complete(resource: &Resource, object: &mut Value) {
    if resource.custom.is_some() {
        return;
    }
    match (resource.group.as_str(), resource.kind.as_str()) {
        ("", "Namespace") => label_namespace(object),
        ("apps", "DaemonSet") if template_number(object).is_none() => template_generation(object, 0),
        ("batch", "Job") => drop(lend_labels(object)),
        _ => {}
    }
}

/// A Job without labels has those of its Pods. Tells whether it got them.
pub(crate) fn lend_labels(object: &mut Value) -> bool {
    if object::pairs(object, "labels").is_some_and(|own| !own.is_empty()) {
        return false;
    }
    let labels = object.pointer("/spec/template/metadata/labels").filter(|labels| labels.as_object().is_some_and(|all| !all.is_empty()));
    let Some(labels) = labels.cloned() else { return false };
    meta_mut(object).insert("labels".to_owned(), labels);
    true
}

/// Gives a new object its identity.
pub(crate) fn identify(object: &mut Value, now: &str) {
    let metadata = meta_mut(object);
    metadata.insert("uid".to_owned(), json!(object::uid()));
    metadata.insert("creationTimestamp".to_owned(), json!(now));
}

/// Prepares a new object of its kind.
pub(crate) fn prepare_create(resource: &Resource, object: &mut Value, now: &str) {
    if !matches!(resource.generation, Generation::Never | Generation::Later) {
        meta_mut(object).insert("generation".to_owned(), json!(1));
    }
    if resource.subresources.status
        && !(resource.kind == "Node" && resource.custom.is_none())
        && let Value::Object(map) = object
    {
        map.remove("status");
    }
    if resource.custom.is_some() {
        return;
    }
    gates::drop_disabled(resource, object, None);
    reset::on_create(resource, object);
    match (resource.group.as_str(), resource.kind.as_str()) {
        ("", "Namespace") => {
            // A name that was made up is known only now.
            label_namespace(object);
            let mut keepers = object.pointer("/spec/finalizers").and_then(Value::as_array).cloned().unwrap_or_default();
            if !keepers.contains(&json!("kubernetes")) {
                keepers.push(json!("kubernetes"));
            }
            object["spec"] = json!({"finalizers": keepers});
            object["status"] = json!({"phase": "Active"});
        }
        ("", "Pod") => {
            object["status"] = json!({"phase": "Pending", "qosClass": quality(object)});
            pods::prepare(object, now);
        }
        ("", "LimitRange") if meta(object, "name").is_empty() => {
            meta_mut(object).insert("name".to_owned(), json!(object::uid()));
        }
        ("", "Service") => {
            object["status"] = json!({"loadBalancer": {}});
            services::complete(None, object);
        }
        ("", "PersistentVolumeClaim") => {
            object["status"] = json!({"phase": "Pending"});
            protect(object, crate::protection::CLAIM);
        }
        ("", "PersistentVolume") => {
            object["status"] = json!({"phase": "Pending", "lastPhaseTransitionTime": now});
            protect(object, crate::protection::VOLUME);
        }
        ("storage.k8s.io", "VolumeAttributesClass") => protect(object, crate::protection::ATTRIBUTES),
        ("", "Node") => {
            taint(object);
            return;
        }
        ("batch", "Job") => job(object),
        ("apiextensions.k8s.io", _) => crd::begin(object),
        _ => {}
    }
    if resource.subresources.status && object.get("status").is_none() {
        object["status"] = json!({});
    }
}

/// A claim or volume stays while it is used (admission plugin StorageObjectInUseProtection).
fn protect(object: &mut Value, finalizer: &str) {
    let metadata = meta_mut(object);
    let list = metadata.entry("finalizers").or_insert_with(|| json!([]));
    if let Value::Array(list) = list
        && !list.contains(&json!(finalizer))
    {
        list.push(json!(finalizer));
    }
}

/// A new node takes nothing until somebody says that it is ready (admission plugin TaintNodesByCondition).
fn taint(node: &mut Value) {
    let taint = json!({"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"});
    match node.pointer_mut("/spec/taints").and_then(Value::as_array_mut) {
        Some(list) if list.iter().any(|one| one["key"] == taint["key"] && one["effect"] == taint["effect"]) => {}
        Some(list) => list.push(taint),
        None => node["spec"]["taints"] = json!([taint]),
    }
}

/// Which template of a DaemonSet this is, counted in an annotation as older versions counted it in the spec
/// (kubernetes `pkg/apis/apps/v1/conversion.go`).
fn template_generation(object: &mut Value, number: i64) {
    let metadata = meta_mut(object);
    if !metadata.get("annotations").is_some_and(Value::is_object) {
        metadata.insert("annotations".to_owned(), json!({}));
    }
    metadata["annotations"]["deprecated.daemonset.template.generation"] = json!(number.to_string());
}

/// The label with the namespace's own name, put back on every write.
pub(crate) fn label_namespace(namespace: &mut Value) {
    let name = meta(namespace, "name").to_owned();
    let metadata = meta_mut(namespace);
    let labels = metadata.entry("labels").or_insert_with(|| json!({}));
    if let Value::Object(labels) = labels
        && !name.is_empty()
    {
        labels.insert("kubernetes.io/metadata.name".to_owned(), json!(name));
    }
}

/// Returns how much a Pod may count on what it asks for: what the whole of it is given says so, or what its containers are
/// (kubernetes `pkg/apis/core/helper/qos/qos.go`).
pub(crate) fn quality(pod: &Value) -> &'static str {
    let given = |of: &Value| {
        ["requests", "limits"].iter().any(|part| of["resources"][*part].as_object().is_some_and(|amounts| !amounts.is_empty()))
    };
    let containers: Vec<&Value> = match pod.get("spec") {
        Some(spec) if given(spec) => vec![spec],
        _ => ["containers", "initContainers"].iter().filter_map(|list| pod.get("spec")?.get(list)?.as_array()).flatten().collect(),
    };
    let part = |container: &Value, name: &str| {
        container.pointer(&format!("/resources/{name}")).and_then(Value::as_object).cloned().unwrap_or_default()
    };
    if containers.iter().all(|one| part(one, "limits").is_empty() && part(one, "requests").is_empty()) {
        return "BestEffort";
    }
    let guaranteed = containers.iter().all(|one| {
        let (limits, requests) = (part(one, "limits"), part(one, "requests"));
        ["cpu", "memory"].iter().all(|name| limits.get(*name).is_some_and(|limit| requests.get(*name) == Some(limit)))
    });
    if guaranteed { "Guaranteed" } else { "Burstable" }
}

/// A Job finds its Pods by labels that the server makes up.
fn job(object: &mut Value) {
    let (uid, name) = (meta(object, "uid").to_owned(), meta(object, "name").to_owned());
    object["status"] = json!({});
    let Some(Value::Object(spec)) = object.get_mut("spec") else { return };
    if spec.get("manualSelector") == Some(&json!(true)) {
        return;
    }
    if let Some(template) = spec.get_mut("template") {
        let metadata = meta_mut(template);
        if let Value::Object(labels) = metadata.entry("labels").or_insert_with(|| json!({})) {
            for (key, value) in [
                ("controller-uid", &uid),
                ("batch.kubernetes.io/controller-uid", &uid),
                ("job-name", &name),
                ("batch.kubernetes.io/job-name", &name),
            ] {
                labels.entry(key).or_insert_with(|| json!(value));
            }
        }
    }
    let labels = spec.get("template").and_then(|template| template["metadata"].get("labels")).cloned();
    let selector = spec.entry("selector").or_insert_with(|| json!({}));
    if !selector.get("matchLabels").is_some_and(Value::is_object) {
        selector["matchLabels"] = json!({});
    }
    selector["matchLabels"]["batch.kubernetes.io/controller-uid"] = json!(uid);
    if let (None, Some(labels)) = (object::pairs(object, "labels").filter(|own| !own.is_empty()), labels) {
        meta_mut(object).insert("labels".to_owned(), labels);
    }
}

/// Makes a written object one that may follow the old one: the endpoint's part from it, the rest from the old.
pub(crate) fn prepare_update(resource: &Resource, subresource: &str, old: &Value, mut new: Value) -> Value {
    let metadata = meta_mut(&mut new);
    for name in ["uid", "creationTimestamp", "generation", "selfLink", "resourceVersion"] {
        match old.get("metadata").and_then(|metadata| metadata.get(name)) {
            Some(value) => metadata.insert(name.to_owned(), value.clone()),
            None => metadata.remove(name),
        };
    }
    // What is being deleted stays so; that something else is may not be said by an update, which validation finds.
    for name in ["deletionTimestamp", "deletionGracePeriodSeconds"] {
        if let Some(value) = old.get("metadata").and_then(|metadata| metadata.get(name)) {
            metadata.insert(name.to_owned(), value.clone());
        }
    }
    if resource.namespaced {
        metadata.insert("namespace".to_owned(), json!(meta(old, "namespace")));
    } else {
        metadata.remove("namespace");
    }
    new = match subresource {
        "status" => with_status_of(resource, old, new),
        "finalize" => with_finalizers_of(old, new),
        "approval" => reset::with_decisions_of(old, new),
        "binding" => new,
        "ephemeralcontainers" => pods::with_added(old, &new),
        "resize" => with_resources_of(old, &new),
        _ => with_spec_of(resource, old, new),
    };
    if resource.custom.is_none() {
        gates::drop_disabled(resource, &mut new, Some(old));
        reset::on_update(resource, subresource, old, &mut new);
        match (resource.group.as_str(), resource.kind.as_str()) {
            ("", "Namespace") => label_namespace(&mut new),
            ("", "Service") if subresource.is_empty() => {
                services::carry_over(old, &mut new);
                services::complete(Some(old), &mut new);
                services::drop_unused(old, &mut new);
            }
            ("", "Pod") => keep(
                old,
                &mut new,
                "spec",
                &["nodeName", "serviceAccountName", "serviceAccount", "enableServiceLinks", "preemptionPolicy", "priority"],
            ),
            ("apps", "DaemonSet") => {
                let before = template_number(old).unwrap_or(1);
                let changed = old.pointer("/spec/template") != new.pointer("/spec/template");
                template_generation(&mut new, if changed { before + 1 } else { before });
            }
            ("apiextensions.k8s.io", _) => {
                let empty = |list: &Value| list.as_array().is_none_or(Vec::is_empty);
                if subresource.is_empty() || new.pointer("/status/storedVersions").is_none_or(empty) {
                    crd::store(&mut new);
                }
            }
            _ => {}
        }
    }
    // What a controller tells of an object is no new wish.
    if subresource != "status" && counts(resource, old, &new) {
        let generation = old.pointer("/metadata/generation").and_then(Value::as_i64).unwrap_or(0);
        meta_mut(&mut new).insert("generation".to_owned(), json!(generation + 1));
    }
    new
}

fn template_number(daemon_set: &Value) -> Option<i64> {
    object::pairs(daemon_set, "annotations")?.get("deprecated.daemonset.template.generation")?.as_str()?.parse().ok()
}

fn with_status_of(resource: &Resource, old: &Value, mut new: Value) -> Value {
    let mut result = old.clone();
    let status = new.as_object_mut().and_then(|map| map.remove("status"));
    if resource.kind == "Deployment" && resource.custom.is_none() {
        // The labels of a Deployment are not its status' to change.
        match old["metadata"].get("labels") {
            Some(labels) => meta_mut(&mut new).insert("labels".to_owned(), labels.clone()),
            None => meta_mut(&mut new).remove("labels"),
        };
    }
    if resource.resets.keeps_metadata() {
        // All of it is as it was, but for who owns which field.
        let owned = new["metadata"].get("managedFields").cloned();
        match owned {
            Some(owned) => meta_mut(&mut result).insert("managedFields".to_owned(), owned),
            None => meta_mut(&mut result).remove("managedFields"),
        };
    } else {
        result["metadata"] = new["metadata"].take();
    }
    if let Value::Object(map) = &mut result {
        match status {
            Some(status) => map.insert("status".to_owned(), status),
            None => map.remove("status"),
        };
    }
    result
}

fn with_finalizers_of(old: &Value, mut new: Value) -> Value {
    new["spec"] = match new.pointer("/spec/finalizers").filter(|list| list.as_array().is_some_and(|list| !list.is_empty())) {
        Some(list) => json!({"finalizers": list}),
        None => json!({}),
    };
    new["status"] = old["status"].clone();
    new
}

/// Takes only what a Pod and its containers may use. Where the containers are others, all is taken, which validation refuses
/// (kubernetes `pkg/registry/core/pod/strategy.go` `dropNonResizeUpdates`).
fn with_resources_of(old: &Value, new: &Value) -> Value {
    let listed = |pod: &Value, list: &str| pod["spec"][list].as_array().cloned().unwrap_or_default();
    let lists = ["containers", "initContainers"];
    if lists.iter().any(|list| listed(old, list).len() != listed(new, list).len()) {
        return new.clone();
    }
    let mut result = old.clone();
    for field in ["resourceVersion", "managedFields"] {
        if let Some(value) = new["metadata"].get(field) {
            result["metadata"][field] = value.clone();
        }
    }
    let take = |place: &mut Value, from: &Value, field: &str| {
        let Value::Object(map) = place else { return };
        match from.get(field) {
            Some(value) => drop(map.insert(field.to_owned(), value.clone())),
            None => drop(map.remove(field)),
        }
    };
    take(&mut result["spec"], &new["spec"], "resources");
    for list in lists {
        let wanted = listed(new, list);
        let Some(containers) = result["spec"].get_mut(list).and_then(Value::as_array_mut) else { continue };
        if containers.iter().zip(&wanted).any(|(one, other)| one.get("name") != other.get("name")) {
            *containers = wanted;
            continue;
        }
        for (container, wanted) in containers.iter_mut().zip(&wanted) {
            ["resources", "resizePolicy"].iter().for_each(|field| take(container, wanted, field));
        }
    }
    result
}

fn with_spec_of(resource: &Resource, old: &Value, mut new: Value) -> Value {
    if resource.subresources.status
        && let Value::Object(map) = &mut new
    {
        match old.get("status") {
            Some(status) => map.insert("status".to_owned(), status.clone()),
            None => map.remove("status"),
        };
    }
    if resource.kind == "Namespace" && resource.custom.is_none() {
        new["spec"] = old.get("spec").cloned().unwrap_or_else(|| json!({}));
    }
    new
}

/// Fields that the server chose stay when an update leaves them out.
fn keep(old: &Value, new: &mut Value, parent: &str, names: &[&str]) {
    for name in names {
        if let (Some(value), Some(Value::Object(map))) = (old.get(parent).and_then(|parent| parent.get(*name)), new.get_mut(parent)) {
            map.entry(*name).or_insert_with(|| value.clone());
        }
    }
}

/// Tells whether a change counts in the generation.
fn counts(resource: &Resource, old: &Value, new: &Value) -> bool {
    let differs = |skip: &[&str]| {
        let part = |object: &Value| -> Vec<(String, Value)> {
            let map = object.as_object().cloned().unwrap_or_default();
            map.into_iter().filter(|(name, _)| !skip.contains(&name.as_str())).collect()
        };
        part(old) != part(new)
    };
    match resource.generation {
        Generation::Never | Generation::First => false,
        Generation::Spec | Generation::Later => differs(&["metadata", "status", "apiVersion"]),
        Generation::SpecAndLabels => {
            differs(&["metadata", "status", "apiVersion"]) || object::pairs(old, "labels") != object::pairs(new, "labels")
        }
        Generation::Everything => differs(&["metadata", "apiVersion"]),
        Generation::SpecAndAnnotations => {
            differs(&["metadata", "status", "apiVersion"]) || object::pairs(old, "annotations") != object::pairs(new, "annotations")
        }
    }
}
