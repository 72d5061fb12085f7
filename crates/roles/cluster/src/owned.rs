use std::collections::BTreeMap;
use std::time::Duration;

use model::{Action, ClusterName, ObjectRef, Timestamp};
use serde_json::{Value, json};

/// Field manager of everything that these controllers write.
pub(crate) const MANAGER: &str = "kube-controller-manager";

/// The letters of Kubernetes' generated names: no vowels, so that no words come out.
pub(crate) const LETTERS: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";

/// Tells whether this object's controller is that one.
pub fn owned_by(object: &Value, owner: &Value) -> bool {
    let owners = object["metadata"]["ownerReferences"].as_array();
    owners.into_iter().flatten().any(|reference| reference["controller"] == true && reference["uid"] == api::uid(owner))
}

/// Returns the reference with which an object names its controller.
pub(crate) fn owner_reference(owner: &Value) -> Value {
    json!([{
        "apiVersion": owner["apiVersion"], "kind": owner["kind"], "name": api::name(owner), "uid": api::uid(owner),
        "controller": true, "blockOwnerDeletion": true,
    }])
}

/// Returns `count` letters that depend on the seed alone, so that the same wish has the same name.
pub(crate) fn letters(seed: &str, count: usize) -> String {
    let digest = model::Digest::of(seed.as_bytes());
    let bytes = digest.hex().as_bytes();
    bytes
        .chunks(2)
        .take(count)
        .map(|pair| {
            let value = pair.iter().fold(0usize, |all, byte| all * 31 + usize::from(*byte));
            char::from(LETTERS[value % LETTERS.len()])
        })
        .collect()
}

/// Makes a Pod of a template.
pub(crate) fn pod(template: &Value, owner: &Value, name: &str) -> Value {
    let mut pod = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {
            "name": name, "generateName": format!("{}-", api::name(owner)), "namespace": api::namespace(owner),
            "ownerReferences": owner_reference(owner),
        },
        "spec": template["spec"],
    });
    for part in ["labels", "annotations"] {
        if template["metadata"][part].is_object() {
            pod["metadata"][part] = template["metadata"][part].clone();
        }
    }
    pod
}

/// Deletes exactly this object.
pub(crate) fn delete(cluster: &ClusterName, object: &Value) -> Action {
    Action::Delete { cluster: cluster.clone(), object: api::reference(object), uid: Some(api::uid(object).to_owned()) }
}

/// Tells whether a Pod says it is Ready.
pub(crate) fn is_ready(pod: &Value) -> bool {
    api::is_true(pod, "Ready")
}

/// When a Pod that is ready counts as available.
pub(crate) fn ripe_at(pod: &Value, min_ready: i64) -> Option<Timestamp> {
    let wait = u64::try_from(min_ready).ok().filter(|wait| *wait > 0)?;
    let since: Timestamp = api::text(api::find_condition(pod, "Ready")?, &["lastTransitionTime"]).parse().ok()?;
    since.checked_add(Duration::from_secs(wait)).ok()
}

/// Tells whether an object is being deleted.
pub(crate) fn is_leaving(object: &Value) -> bool {
    object["metadata"]["deletionTimestamp"].is_string()
}

/// Names an object for a patch.
pub(crate) fn reference(object: &Value) -> ObjectRef {
    api::reference(object)
}

/// Makes exactly this object.
pub(crate) fn create(cluster: &ClusterName, object: Value) -> Action {
    Action::Create { cluster: cluster.clone(), manager: MANAGER.into(), object }
}

/// Changes this object, if nobody else has changed it meanwhile.
pub(crate) fn change(cluster: &ClusterName, object: &Value, mut patch: Value) -> Action {
    patch["metadata"]["resourceVersion"] = object["metadata"]["resourceVersion"].clone();
    Action::Patch { cluster: cluster.clone(), manager: MANAGER.into(), object: reference(object), patch, subresource: None }
}

/// Says something about an object.
pub(crate) fn tell(cluster: &ClusterName, about: &Value, severity: &str, reason: &str, message: String, at: Timestamp) -> Action {
    Action::Emit {
        cluster: cluster.clone(),
        about: reference(about),
        severity: severity.to_owned(),
        reason: reason.to_owned(),
        message,
        annotations: BTreeMap::new(),
        at,
    }
}

/// Returns the time at which an object was made.
pub(crate) fn created(object: &Value) -> Option<Timestamp> {
    api::text(object, &["metadata", "creationTimestamp"]).parse().ok()
}

/// Writes a time in whole seconds, as Kubernetes does.
pub(crate) fn seconds(at: Timestamp) -> String {
    Timestamp::from_second(at.as_second()).unwrap_or(at).to_string()
}

/// Reads a count; what is absent or no number is the default.
pub(crate) fn count(value: &Value, default: i64) -> i64 {
    value.as_i64().unwrap_or(default)
}

/// Leaves out the counts that are zero, as Kubernetes does with those that are no pointers.
pub(crate) fn sparse(mut status: Value, counts: &[&str]) -> Value {
    if let Value::Object(map) = &mut status {
        map.retain(|name, value| !(counts.contains(&name.as_str()) && *value == 0));
    }
    status
}
