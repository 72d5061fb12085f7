//! What Kubernetes fills into Pods and into the templates of Pods.
//! Follows kubernetes `pkg/apis/core/v1/defaults.go` and `zz_generated.defaults.go`.
//!
//! Read first: [`pod`], [`spec`].

use serde_json::{Map, Value, json};

use crate::image_name;
use crate::pod_resources::{aggregate, amount};
use crate::quantity;

type Fields = Map<String, Value>;

/// Fills in a field that is left out or null.
pub(crate) fn fill(map: &mut Fields, name: &str, value: Value) {
    if map.get(name).is_none_or(Value::is_null) {
        map.insert(name.to_owned(), value);
    }
}

/// Returns an object inside another.
pub(crate) fn object<'a>(parent: &'a mut Value, name: &str) -> Option<&'a mut Fields> {
    parent.get_mut(name)?.as_object_mut()
}

fn inside<'a>(parent: &'a mut Fields, name: &str) -> Option<&'a mut Fields> {
    parent.get_mut(name)?.as_object_mut()
}

fn each<'a>(parent: &'a mut Fields, name: &str) -> impl Iterator<Item = &'a mut Fields> {
    parent.get_mut(name).and_then(Value::as_array_mut).into_iter().flatten().filter_map(Value::as_object_mut)
}

/// Fills in a Pod.
pub(crate) fn pod(value: &mut Value) {
    if let Some(spec) = object(value, "spec") {
        self::spec(spec);
        for list in ["containers", "initContainers"] {
            each(spec, list).for_each(limits_to_requests);
        }
    }
    if let Some(spec) = value.get_mut("spec").filter(|spec| spec.is_object()) {
        of_pod(spec);
    }
    if let Some(spec) = object(value, "spec") {
        fill(spec, "enableServiceLinks", json!(true));
        // Less than nothing is as little as there is (kubernetes `pkg/apis/core/v1/conversion.go`).
        if spec.get("terminationGracePeriodSeconds").and_then(Value::as_i64).is_some_and(|seconds| seconds < 0) {
            spec.insert("terminationGracePeriodSeconds".to_owned(), json!(1));
        }
        if spec.get("hostNetwork") == Some(&json!(true)) {
            for list in ["containers", "initContainers"] {
                each(spec, list).for_each(host_ports);
            }
        }
    }
    if let Some(status) = object(value, "status") {
        addresses(status);
    }
}

/// The first of a Pod's addresses and the address alone are the same (kubernetes `pkg/apis/core/v1/conversion.go`). Those of
/// its node are not brought together, only checked.
fn addresses(status: &mut Fields) {
    let alone = status.get("podIP").filter(|ip| ip.as_str().is_some_and(|ip| !ip.is_empty())).cloned();
    let first = status.get("podIPs").and_then(|all| all.get(0)).and_then(|first| first.get("ip")).cloned();
    match (alone, first) {
        (Some(alone), first) if first.as_ref() != Some(&alone) => {
            status.insert("podIPs".to_owned(), json!([{"ip": alone}]));
        }
        (None, Some(first)) => {
            status.insert("podIP".to_owned(), first);
        }
        _ => {}
    }
}

/// A limit without a request is also the request.
fn limits_to_requests(container: &mut Fields) {
    let Some(resources) = inside(container, "resources") else { return };
    let Some(Value::Object(limits)) = resources.get("limits").cloned() else { return };
    if let Some(requests) = ensure(resources, "requests") {
        limits.into_iter().for_each(|(name, amount)| fill(requests, &name, amount));
    }
}

fn ensure<'a>(map: &'a mut Fields, name: &str) -> Option<&'a mut Fields> {
    fill(map, name, json!({}));
    inside(map, name)
}

/// On the host's network the port of a container is the host's.
fn host_ports(container: &mut Fields) {
    for port in each(container, "ports") {
        if let Some(number) = port.get("containerPort").cloned() {
            fill(port, "hostPort", number);
        }
    }
}

/// What a Pod has as a whole, when something of that is said: what its containers have, or else its limits.
fn of_pod(spec: &mut Value) {
    const HUGE: &str = "hugepages-";
    let given = |spec: &Value, kind: &str| spec.get("resources").and_then(|all| all.get(kind)).and_then(Value::as_object).cloned();
    let (limits, requests) = (given(spec, "limits"), given(spec, "requests"));
    if limits.is_none() && requests.is_none() {
        return;
    }
    let (mut limits, mut requests) = (limits.unwrap_or_default(), requests.unwrap_or_default());
    for (name, sum) in aggregate(spec, "limits").iter().filter(|(name, _)| name.starts_with(HUGE)) {
        if !requests.contains_key(name) {
            fill(&mut limits, name, json!(amount(sum)));
        }
    }
    if !limits.is_empty() {
        for (name, sum) in aggregate(spec, "requests").iter().filter(|(name, _)| matches!(name.as_str(), "cpu" | "memory")) {
            fill(&mut requests, name, json!(amount(sum)));
        }
        for (name, limit) in limits.iter().filter(|(name, _)| matches!(name.as_str(), "cpu" | "memory") || name.starts_with(HUGE)) {
            fill(&mut requests, name, limit.clone());
        }
    }
    for (kind, amounts) in [("limits", limits), ("requests", requests)] {
        if !amounts.is_empty() {
            spec["resources"][kind] = Value::Object(amounts);
        }
    }
}

/// Fills in a spec, wherever it stands.
pub(crate) fn spec(spec: &mut Fields) {
    fill(spec, "restartPolicy", json!("Always"));
    fill(spec, "dnsPolicy", json!("ClusterFirst"));
    fill(spec, "schedulerName", json!("default-scheduler"));
    fill(spec, "securityContext", json!({}));
    fill(spec, "terminationGracePeriodSeconds", json!(30));
    // Both names of the account are kept alike.
    if let Some(name) = spec.get("serviceAccountName").or_else(|| spec.get("serviceAccount")).cloned() {
        spec.insert("serviceAccountName".to_owned(), name.clone());
        spec.insert("serviceAccount".to_owned(), name);
    }
    for list in ["initContainers", "containers", "ephemeralContainers"] {
        each(spec, list).for_each(container);
    }
    each(spec, "volumes").for_each(volume);
    rounded(spec, "overhead");
    resources(spec);
}

/// Amounts smaller than a thousandth are rounded up to one.
fn rounded(map: &mut Fields, name: &str) {
    const MILLI: i128 = 1_000_000;
    for amount in inside(map, name).into_iter().flat_map(Map::values_mut) {
        let Some(nanos) = amount.as_str().and_then(quantity::nanos).filter(|nanos| nanos % MILLI != 0) else { continue };
        let thousandths = nanos / MILLI + i128::from(nanos > 0) - i128::from(nanos < 0);
        if let Some(text) = quantity::canonical(&format!("{thousandths}m")) {
            *amount = json!(text);
        }
    }
}

fn resources(holder: &mut Fields) {
    if let Some(resources) = inside(holder, "resources") {
        rounded(resources, "limits");
        rounded(resources, "requests");
    }
}

fn container(map: &mut Fields) {
    let policy = image_name::pull_policy(map.get("image").and_then(Value::as_str).unwrap_or_default());
    fill(map, "imagePullPolicy", json!(policy));
    fill(map, "terminationMessagePath", json!("/dev/termination-log"));
    fill(map, "terminationMessagePolicy", json!("File"));
    fill(map, "resources", json!({}));
    resources(map);
    each(map, "ports").for_each(|port| fill(port, "protocol", json!("TCP")));
    for one in ["livenessProbe", "readinessProbe", "startupProbe"] {
        if let Some(probe) = inside(map, one) {
            self::probe(probe);
        }
    }
    for one in ["postStart", "preStop"] {
        if let Some(hook) = inside(map, "lifecycle").and_then(|lifecycle| inside(lifecycle, one)) {
            http_get(hook);
        }
    }
    for variable in each(map, "env") {
        if let Some(from) = inside(variable, "valueFrom") {
            field_ref(from);
        }
    }
}

fn probe(probe: &mut Fields) {
    for (name, number) in [("timeoutSeconds", 1), ("periodSeconds", 10), ("successThreshold", 1), ("failureThreshold", 3)] {
        fill(probe, name, json!(number));
    }
    http_get(probe);
    if let Some(grpc) = inside(probe, "grpc") {
        fill(grpc, "service", json!(""));
    }
}

fn http_get(parent: &mut Fields) {
    if let Some(get) = inside(parent, "httpGet") {
        fill(get, "path", json!("/"));
        fill(get, "scheme", json!("HTTP"));
    }
}

fn field_ref(holder: &mut Fields) {
    if let Some(reference) = inside(holder, "fieldRef") {
        fill(reference, "apiVersion", json!("v1"));
    }
    // An amount is a struct in Go, which is written though it is empty.
    if let Some(reference) = inside(holder, "resourceFieldRef") {
        fill(reference, "divisor", json!("0"));
    }
    if let Some(reference) = inside(holder, "fileKeyRef") {
        fill(reference, "optional", json!(false));
    }
}

/// What is filled into each sort of volume.
const OF_VOLUMES: &[(&str, &[(&str, &str)])] = &[
    ("hostPath", &[("type", "")]),
    ("iscsi", &[("iscsiInterface", "default")]),
    ("rbd", &[("pool", "rbd"), ("user", "admin"), ("keyring", "/etc/ceph/keyring")]),
    ("azureDisk", &[("cachingMode", "ReadWrite"), ("fsType", "ext4"), ("kind", "Shared")]),
    ("scaleIO", &[("storageMode", "ThinProvisioned"), ("fsType", "xfs")]),
];

fn volume(volume: &mut Fields) {
    if volume.iter().all(|(name, value)| name == "name" || value.is_null()) {
        volume.insert("emptyDir".to_owned(), json!({}));
    }
    for (source, fields) in OF_VOLUMES {
        if let Some(source) = inside(volume, source) {
            fields.iter().for_each(|(name, text)| fill(source, name, json!(text)));
        }
    }
    if let Some(disk) = inside(volume, "azureDisk") {
        fill(disk, "readOnly", json!(false));
    }
    for one in ["secret", "configMap", "downwardAPI", "projected"] {
        if let Some(source) = inside(volume, one) {
            fill(source, "defaultMode", json!(420));
        }
    }
    if let Some(image) = inside(volume, "image") {
        let policy = image_name::pull_policy(image.get("reference").and_then(Value::as_str).unwrap_or_default());
        fill(image, "pullPolicy", json!(policy));
    }
    if let Some(downward) = inside(volume, "downwardAPI") {
        each(downward, "items").for_each(field_ref);
    }
    for source in inside(volume, "projected").into_iter().flat_map(|projected| each(projected, "sources")) {
        if let Some(downward) = inside(source, "downwardAPI") {
            each(downward, "items").for_each(field_ref);
        }
        if let Some(token) = inside(source, "serviceAccountToken") {
            fill(token, "expirationSeconds", json!(3600));
        }
    }
    let template = inside(volume, "ephemeral").and_then(|ephemeral| inside(ephemeral, "volumeClaimTemplate"));
    if let Some(claim) = template.and_then(|template| inside(template, "spec")) {
        claim_spec(claim);
    }
}

/// Fills in the spec of a claim inside another object.
pub(crate) fn claim_spec(claim: &mut Fields) {
    fill(claim, "volumeMode", json!("Filesystem"));
    resources(claim);
}
