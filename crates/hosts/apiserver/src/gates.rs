//! Fields that belong to features which this version of Kubernetes has switched off: they are dropped from what is written, unless
//! the object had them already.
//! Follows kubernetes `pkg/api/pod/util.go` `dropDisabledFields`, `pkg/registry/apps/statefulset/strategy.go`,
//! `pkg/features/kube_features.go`.

use serde_json::{Map, Value, json};

use crate::catalog::Resource;

/// Drops from an object what is switched off; the other is what it was before.
pub(crate) fn drop_disabled(resource: &Resource, object: &mut Value, old: Option<&Value>) {
    let Some(path) = pod_spec(resource) else { return };
    if resource.kind == "StatefulSet" {
        let place = "/spec/updateStrategy/rollingUpdate";
        let used = old.and_then(|old| old.pointer(place)).is_some_and(|rolling| rolling.get("maxUnavailable").is_some());
        if let Some(Value::Object(rolling)) = object.pointer_mut(place).filter(|_| !used) {
            rolling.remove("maxUnavailable");
        }
    }
    let old = old.and_then(|old| old.pointer(path));
    let Some(Value::Object(spec)) = object.pointer_mut(path) else { return };
    // Feature GenericWorkload.
    if old.is_none_or(|old| old.get("schedulingGroup").is_none()) {
        spec.remove("schedulingGroup");
    }
    // Features ClusterTrustBundleProjection and PodCertificateRequest.
    for kind in ["clusterTrustBundle", "podCertificate"] {
        if !old.is_some_and(|old| sources(old).any(|source| source.get(kind).is_some())) {
            sources_mut(spec).for_each(|source| drop(source.remove(kind)));
        }
    }
    // Feature ContainerStopSignals.
    if !old.is_some_and(|old| containers(old).any(|one| one.pointer("/lifecycle/stopSignal").is_some())) {
        stop_signals(spec);
    }
}

/// Returns where the spec of a Pod stands in a kind.
fn pod_spec(resource: &Resource) -> Option<&'static str> {
    match (resource.group.as_str(), resource.kind.as_str()) {
        _ if resource.custom.is_some() => None,
        ("", "Pod") => Some("/spec"),
        ("", "PodTemplate") => Some("/template/spec"),
        ("", "ReplicationController") | ("apps", "Deployment" | "ReplicaSet" | "StatefulSet" | "DaemonSet") | ("batch", "Job") => {
            Some("/spec/template/spec")
        }
        ("batch", "CronJob") => Some("/spec/jobTemplate/spec/template/spec"),
        _ => None,
    }
}

const CONTAINERS: [&str; 3] = ["initContainers", "containers", "ephemeralContainers"];

fn containers(spec: &Value) -> impl Iterator<Item = &Value> {
    CONTAINERS.into_iter().filter_map(|list| spec.get(list)?.as_array()).flatten()
}

fn sources(spec: &Value) -> impl Iterator<Item = &Value> {
    let volumes = spec.get("volumes").and_then(Value::as_array).into_iter().flatten();
    volumes.filter_map(|volume| volume.pointer("/projected/sources")?.as_array()).flatten()
}

fn sources_mut(spec: &mut Map<String, Value>) -> impl Iterator<Item = &mut Map<String, Value>> {
    let volumes = spec.get_mut("volumes").and_then(Value::as_array_mut).into_iter().flatten();
    volumes.filter_map(|volume| volume.pointer_mut("/projected/sources")?.as_array_mut()).flatten().filter_map(Value::as_object_mut)
}

fn stop_signals(spec: &mut Map<String, Value>) {
    for list in CONTAINERS {
        let containers = spec.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten();
        for container in containers.filter_map(Value::as_object_mut) {
            let Some(Value::Object(lifecycle)) = container.get_mut("lifecycle") else { continue };
            if lifecycle.remove("stopSignal").is_some() && container.get("lifecycle") == Some(&json!({})) {
                container.remove("lifecycle");
            }
        }
    }
}
