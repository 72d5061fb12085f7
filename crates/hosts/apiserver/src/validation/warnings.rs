//! What is said of nodes and volumes that are taken and yet not as they should be. Follows kubernetes `pkg/api/node/util.go`,
//! `pkg/api/storage/util.go`, `pkg/api/persistentvolume/util.go`, `pkg/api/persistentvolumeclaim/util.go`, and the strategies of Nodes
//! and CSIDrivers in `pkg/registry`.

use serde_json::Value;

use super::Subject;
use super::cidr;
use super::faults::{list, set, text};
use crate::object::pairs;

const LABELS: &[(&str, &str)] = &[
    ("beta.kubernetes.io/arch", "deprecated since v1.14; use \"kubernetes.io/arch\" instead"),
    ("beta.kubernetes.io/os", "deprecated since v1.14; use \"kubernetes.io/os\" instead"),
    ("failure-domain.beta.kubernetes.io/region", "deprecated since v1.17; use \"topology.kubernetes.io/region\" instead"),
    ("failure-domain.beta.kubernetes.io/zone", "deprecated since v1.17; use \"topology.kubernetes.io/zone\" instead"),
    ("beta.kubernetes.io/instance-type", "deprecated since v1.17; use \"node.kubernetes.io/instance-type\" instead"),
    ("app.kubernetes.io/created-by", "deprecated since v1.9"),
    ("scheduler.alpha.kubernetes.io/preferAvoidPods", "deprecated since v1.22; use Taints and Tolerations instead"),
    ("node-role.kubernetes.io/master", "use \"node-role.kubernetes.io/control-plane\" instead"),
];
const VOLUMES: &[(&str, &str, &str)] = &[
    ("cephfs", "cephfs", "deprecated in v1.28, non-functional in v1.31+"),
    ("photonPersistentDisk", "photonPersistentDisk", "deprecated in v1.11, non-functional in v1.16+"),
    ("scaleIO", "scaleIO", "deprecated in v1.16, non-functional in v1.22+"),
    ("storageos", "storageOS", "deprecated in v1.22, non-functional in v1.25+"),
    ("glusterfs", "glusterfs", "deprecated in v1.25, non-functional in v1.26+"),
    ("rbd", "rbd", "deprecated in v1.28, non-functional in v1.31+"),
];

/// Returns the warnings about a valid object.
pub(crate) fn of(subject: &Subject<'_>) -> Vec<String> {
    match (subject.resource.group.as_str(), subject.resource.kind.as_str()) {
        ("", "Node") => node(subject.spec()),
        ("", "PersistentVolume") => volume(subject.object),
        ("", "PersistentVolumeClaim") => claim(subject.object),
        ("node.k8s.io", "RuntimeClass") => selected(subject.object),
        ("storage.k8s.io", "StorageClass") => class(subject.object),
        ("storage.k8s.io", "CSIDriver") => driver(subject),
        ("storage.k8s.io", "CSIStorageCapacity") => capacity(subject.object),
        _ => Vec::new(),
    }
}

/// Returns what is said of a label of nodes that has had its day.
fn deprecated(label: &str) -> Option<&'static str> {
    LABELS.iter().find(|(name, _)| *name == label).map(|(_, why)| *why)
}

fn node(spec: &Value) -> Vec<String> {
    let mut found = Vec::new();
    if set(spec, "configSource").is_some() {
        found.push("spec.configSource: the feature is removed".to_owned());
    }
    if !text(spec, "externalID").is_empty() {
        found.push("spec.externalID: this field is deprecated, and is unused by Kubernetes".to_owned());
    }
    let ranges = list(spec, "podCIDRs").iter().enumerate();
    found.extend(ranges.flat_map(|(index, one)| cidr::warnings(&format!("spec.podCIDRs[{index}]"), one.as_str().unwrap_or_default())));
    found
}

fn annotations(object: &Value, known: &[(&str, &str)]) -> Vec<String> {
    let Some(all) = pairs(object, "annotations") else { return Vec::new() };
    let given = known.iter().filter(|(name, _)| all.contains_key(*name));
    given.map(|(name, why)| format!("metadata.annotations[{name}]: {why}")).collect()
}

const CLASS: (&str, &str) =
    ("volume.beta.kubernetes.io/storage-class", "deprecated since v1.8; use \"storageClassName\" attribute instead");
const OPTIONS: (&str, &str) = ("volume.beta.kubernetes.io/mount-options", "deprecated since v1.31; use \"mountOptions\" attribute instead");

fn volume(object: &Value) -> Vec<String> {
    let mut found = annotations(object, &[CLASS, OPTIONS]);
    let spec = object.get("spec").unwrap_or(&Value::Null);
    if text(spec, "persistentVolumeReclaimPolicy") == "Recycle" {
        found.push("spec.persistentVolumeReclaimPolicy: The Recycle reclaim policy is deprecated. Instead, the recommended approach is to use dynamic provisioning.".to_owned());
    }
    let terms = spec.pointer("/nodeAffinity/required").map(|required| list(required, "nodeSelectorTerms")).unwrap_or_default();
    for (index, term) in terms.iter().enumerate() {
        found.extend(expressions(term, &format!("spec.nodeAffinity.required.nodeSelectorTerms[{index}]")));
    }
    let used = VOLUMES.iter().filter(|(field, ..)| set(spec, field).is_some());
    found.extend(used.map(|(_, told, why)| format!("spec.{told}: {why}")));
    found
}

fn expressions(term: &Value, path: &str) -> Vec<String> {
    let told = |(index, one): (usize, &Value)| {
        let key = text(one, "key");
        Some(format!("{path}.matchExpressions[{index}].key: {key} is {}", deprecated(key)?))
    };
    list(term, "matchExpressions").iter().enumerate().filter_map(told).collect()
}

fn claim(object: &Value) -> Vec<String> {
    let mut found = annotations(object, &[CLASS]);
    for part in ["requests", "limits"] {
        let amount = object.pointer(&format!("/spec/resources/{part}/storage")).and_then(Value::as_str).unwrap_or("0");
        if crate::quantity::nanos(amount).is_some_and(|nanos| nanos % 1_000_000_000 != 0) {
            found.push(format!("spec.resources.{part}[storage]: fractional byte value {amount:?} is invalid, must be an integer"));
        }
    }
    found
}

fn selected(object: &Value) -> Vec<String> {
    let labels = object.pointer("/scheduling/nodeSelector").and_then(Value::as_object);
    let told = labels.into_iter().flat_map(serde_json::Map::keys).filter_map(|label| deprecated(label));
    told.map(|why| format!("scheduling.nodeSelector: {why}")).collect()
}

fn class(object: &Value) -> Vec<String> {
    let mut found = Vec::new();
    for (index, term) in list(object, "allowedTopologies").iter().enumerate() {
        for (at, one) in list(term, "matchLabelExpressions").iter().enumerate() {
            let told = deprecated(text(one, "key"));
            found.extend(told.map(|why| format!("allowedTopologies[{index}].matchLabelExpressions[{at}].key: {why}")));
        }
    }
    found
}

fn capacity(object: &Value) -> Vec<String> {
    let Some(topology) = set(object, "nodeTopology") else { return Vec::new() };
    let mut found = expressions(topology, "nodeTopology");
    let labels = topology.get("matchLabels").and_then(Value::as_object);
    let told = labels.into_iter().flat_map(serde_json::Map::keys);
    found.extend(told.filter_map(|label| Some(format!("nodeTopology.matchLabels.{label}: {}", deprecated(label)?))));
    found
}

fn driver(subject: &Subject<'_>) -> Vec<String> {
    let requests = |object: &Value| object.pointer("/spec/tokenRequests").cloned().unwrap_or_default();
    let now = requests(subject.object);
    let given = now.as_array().is_some_and(|list| !list.is_empty());
    let moved = subject.old.is_none_or(|old| requests(old) != now);
    if given && moved && set(subject.spec(), "serviceAccountTokenInSecrets").is_none() {
        return vec!["spec.serviceAccountTokenInSecrets is unset; if supported by this CSI driver, set to true to prevent possible logging of tokens in volume attributes".to_owned()];
    }
    Vec::new()
}
