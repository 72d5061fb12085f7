//! What a new cluster holds before anybody has written to it: one line an object in `beginning.txt`, which `cargo xtask record
//! kubernetes` writes anew. What differs from server to server (times, uids, ports) is left out.

use serde_json::{Value, json};

/// Kinds that the server itself makes objects of.
pub const PLACES: [&str; 9] = [
    "/api/v1/namespaces",
    "/api/v1/services",
    "/apis/networking.k8s.io/v1/ipaddresses",
    "/apis/networking.k8s.io/v1/servicecidrs",
    "/apis/scheduling.k8s.io/v1/priorityclasses",
    "/apis/rbac.authorization.k8s.io/v1/clusterroles",
    "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
    "/apis/rbac.authorization.k8s.io/v1/roles",
    "/apis/rbac.authorization.k8s.io/v1/rolebindings",
];

/// The last thing that a new server makes.
pub const LAST: &str = "/api/v1/namespaces/default/services/kubernetes";

/// How the original names itself in `managedFields`: by its file, which is built under another name.
const FILE: &str = "original";

/// Returns the lines of a list. The roles of controllers are left out, which have other ones here, and so are rules that a
/// controller gathers, as none runs beside the original.
pub fn lines(list: &Value) -> Vec<String> {
    let kind = list["kind"].as_str().and_then(|kind| kind.strip_suffix("List")).unwrap_or_default().to_owned();
    let items = list["items"].as_array().into_iter().flatten().cloned();
    let name = |item: &Value| item["metadata"]["name"].as_str().unwrap_or_default().to_owned();
    let items = items.filter(|item| !name(item).starts_with("system:controller:"));
    items.map(|item| format!("{kind} {} {}", name(&item), kept(item))).collect()
}

fn kept(mut item: Value) -> Value {
    if let Value::Object(metadata) = &mut item["metadata"] {
        for field in ["uid", "creationTimestamp", "resourceVersion"] {
            metadata.remove(field);
        }
    }
    for entry in item["metadata"]["managedFields"].as_array_mut().into_iter().flatten() {
        entry["time"] = Value::Null;
        if entry["manager"] == FILE {
            entry["manager"] = json!("kube-apiserver");
        }
    }
    for condition in item.pointer_mut("/status/conditions").and_then(Value::as_array_mut).into_iter().flatten() {
        condition["lastTransitionTime"] = Value::Null;
    }
    for port in item.pointer_mut("/spec/ports").and_then(Value::as_array_mut).into_iter().flatten() {
        port["targetPort"] = Value::Null;
    }
    // Descriptions are our own words.
    if item.get("description").is_some() {
        item["description"] = Value::Null;
    }
    if item.get("aggregationRule").is_some() {
        item["rules"] = Value::Null;
    }
    item
}
