//! In which order objects are applied. Source: fluxcd/pkg `ssa/sort.go`.

use api::{name, namespace, text};
use serde_json::Value;

const FIRST: [&str; 22] = [
    "CustomResourceDefinition",
    "Namespace",
    "ClusterRole",
    "ClusterClass",
    "RuntimeClass",
    "PriorityClass",
    "StorageClass",
    "VolumeSnapshotClass",
    "IngressClass",
    "GatewayClass",
    "ClusterRoleBinding",
    "ResourceQuota",
    "ServiceAccount",
    "Role",
    "RoleBinding",
    "ConfigMap",
    "Secret",
    "Service",
    "LimitRange",
    "Deployment",
    "StatefulSet",
    "CronJob",
];
const LAST: [&str; 2] = ["MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"];

/// Sorts objects into the order of application.
pub(crate) fn sort(objects: &mut [Value]) {
    objects.sort_by_key(key);
}

fn key(object: &Value) -> (usize, String, String, String, String) {
    let kind = text(object, &["kind"]);
    let rank = FIRST.iter().position(|first| *first == kind).or_else(|| LAST.iter().position(|last| *last == kind).map(|at| 1_000 + at));
    let group = text(object, &["apiVersion"]).rsplit_once('/').map_or("", |(group, _)| group);
    let (group, kind) = if rank.is_some() { (String::new(), String::new()) } else { (group.to_owned(), kind.to_owned()) };
    (rank.unwrap_or(500), group, kind, namespace(object).to_owned(), name(object).to_owned())
}
