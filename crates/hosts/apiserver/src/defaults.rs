//! What Kubernetes fills into its own kinds when a field is left out.

use serde_json::{Map, Value, json};

use crate::catalog::Resource;
use crate::{pod_defaults, workload_defaults};

fn fill(map: &mut Map<String, Value>, name: &str, value: Value) {
    let field = map.entry(name).or_insert(Value::Null);
    if field.is_null() {
        *field = value;
    }
}

fn object<'a>(parent: &'a mut Value, name: &str) -> Option<&'a mut Map<String, Value>> {
    parent.get_mut(name)?.as_object_mut()
}

fn ensure<'a>(map: &'a mut Map<String, Value>, name: &str) -> Option<&'a mut Map<String, Value>> {
    map.entry(name).or_insert_with(|| json!({})).as_object_mut()
}

/// Fills in the defaults of one of Kubernetes' own kinds.
pub(crate) fn native(resource: &Resource, value: &mut Value) {
    match (resource.group.as_str(), resource.kind.as_str()) {
        ("", "Pod") => pod_defaults::pod(value),
        ("", "Service") => service(value),
        ("", "ServiceAccount") => account(value),
        ("", "Secret") => {
            if let Value::Object(map) = value {
                fill(map, "type", json!("Opaque"));
            }
        }
        ("", "PersistentVolumeClaim") => claim(value),
        ("", "PersistentVolume") => {
            if let Some(status) = object(value, "status") {
                fill(status, "phase", json!("Pending"));
            }
            if let Some(spec) = object(value, "spec") {
                fill(spec, "persistentVolumeReclaimPolicy", json!("Retain"));
                fill(spec, "volumeMode", json!("Filesystem"));
                volume_sources(spec);
            }
        }
        ("", "Node") => {
            if let Some(spec) = object(value, "spec") {
                ranges(spec);
            }
            if let Some(status) = object(value, "status")
                && let Some(capacity) = status.get("capacity").cloned()
            {
                fill(status, "allocatable", capacity);
            }
        }
        ("", "Endpoints") => {
            for subset in each(value, "subsets") {
                each(subset, "ports").for_each(|port| fill_in(port, "protocol", json!("TCP")));
            }
        }
        ("", "LimitRange") => limit_range(value),
        ("", "PodTemplate" | "ReplicationController") | ("apps" | "batch", _) => workload_defaults::fill_in(&resource.kind, value),
        ("networking.k8s.io", "NetworkPolicy") => network_policy(value),
        ("autoscaling", "HorizontalPodAutoscaler") => autoscaler(resource, value),
        ("rbac.authorization.k8s.io", "RoleBinding" | "ClusterRoleBinding") => binding(value),
        ("networking.k8s.io", "IngressClass") => {
            if let Some(Value::Object(parameters)) = value.pointer_mut("/spec/parameters") {
                fill(parameters, "scope", json!("Cluster"));
            }
        }
        ("discovery.k8s.io", _) => endpoint_slice(value),
        ("scheduling.k8s.io", _) => fill_in(value, "preemptionPolicy", json!("PreemptLowerPriority")),
        ("storage.k8s.io", "VolumeAttachment") => {
            if let Some(Value::Object(spec)) = value.pointer_mut("/spec/source/inlineVolumeSpec") {
                volume_sources(spec);
            }
        }
        ("storage.k8s.io", "CSIDriver") => {
            if let Some(spec) = object(value, "spec") {
                fill(spec, "attachRequired", json!(true));
                fill(spec, "podInfoOnMount", json!(false));
                fill(spec, "storageCapacity", json!(false));
                fill(spec, "fsGroupPolicy", json!("ReadWriteOnceWithFSType"));
                fill(spec, "volumeLifecycleModes", json!(["Persistent"]));
                fill(spec, "requiresRepublish", json!(false));
                fill(spec, "seLinuxMount", json!(false));
            }
        }
        ("admissionregistration.k8s.io", "ValidatingAdmissionPolicy") => {
            if let Some(spec) = object(value, "spec") {
                fill(spec, "failurePolicy", json!("Fail"));
                matched(spec.get_mut("matchConstraints"));
            }
        }
        ("admissionregistration.k8s.io", "ValidatingAdmissionPolicyBinding") => matched(value.pointer_mut("/spec/matchResources")),
        ("admissionregistration.k8s.io", "ValidatingWebhookConfiguration" | "MutatingWebhookConfiguration") => webhooks(resource, value),
        ("apiextensions.k8s.io", _) => crate::crd::default(value),
        ("storage.k8s.io", "StorageClass") => {
            if let Value::Object(map) = value {
                fill(map, "reclaimPolicy", json!("Delete"));
                fill(map, "volumeBindingMode", json!("Immediate"));
            }
        }
        _ => {}
    }
}

/// Returns the lists that are there and empty, and that for this reason are not filled in, by the objects they stand in.
pub(crate) fn chosen_none(resource: &Resource, value: &Value) -> Vec<(String, &'static str)> {
    if resource.group != "autoscaling" || resource.custom.is_some() {
        return Vec::new();
    }
    let places = ["scaleUp", "scaleDown"].into_iter().map(|direction| format!("/spec/behavior/{direction}"));
    let empty = |place: &String| value.pointer(place).and_then(|rules| rules.get("policies")).is_some_and(|list| *list == json!([]));
    places.filter(empty).map(|place| (place, "policies")).collect()
}

/// Takes out again what was filled into those.
pub(crate) fn clear(chosen: &[(String, &'static str)], value: &mut Value) {
    for (place, name) in chosen {
        if let Some(Value::Object(map)) = value.pointer_mut(place) {
            map.remove(*name);
        }
    }
}

fn fill_in(value: &mut Value, name: &str, default: Value) {
    if let Value::Object(map) = value {
        fill(map, name, default);
    }
}

fn each<'a>(value: &'a mut Value, name: &str) -> impl Iterator<Item = &'a mut Value> {
    value.get_mut(name).and_then(Value::as_array_mut).into_iter().flatten()
}

/// The first of a Node's ranges and the range alone are the same (kubernetes `pkg/apis/core/v1/conversion.go`).
fn ranges(spec: &mut Map<String, Value>) {
    let alone = spec.get("podCIDR").filter(|range| range.as_str().is_some_and(|range| !range.is_empty())).cloned();
    let first = spec.get("podCIDRs").and_then(|all| all.get(0)).cloned();
    match (alone, first) {
        (Some(alone), first) if first.as_ref() != Some(&alone) => drop(spec.insert("podCIDRs".to_owned(), json!([alone]))),
        (None, Some(first)) => drop(spec.insert("podCIDR".to_owned(), first)),
        _ => {}
    }
}

/// What a volume's place leaves open (kubernetes `pkg/apis/core/v1/zz_generated.defaults.go`).
fn volume_sources(spec: &mut Map<String, Value>) {
    const OPEN: &[(&str, &[(&str, &str)])] = &[
        ("hostPath", &[("type", "")]),
        ("rbd", &[("pool", "rbd"), ("user", "admin"), ("keyring", "/etc/ceph/keyring")]),
        ("iscsi", &[("iscsiInterface", "default")]),
        ("azureDisk", &[("cachingMode", "ReadWrite"), ("fsType", "ext4"), ("kind", "Shared")]),
        ("scaleIO", &[("storageMode", "ThinProvisioned"), ("fsType", "xfs")]),
    ];
    for (source, fields) in OPEN {
        let Some(Value::Object(map)) = spec.get_mut(*source) else { continue };
        fields.iter().for_each(|(name, value)| fill(map, name, json!(value)));
        if *source == "azureDisk" {
            fill(map, "readOnly", json!(false));
        }
    }
}

/// Follows kubernetes `pkg/apis/autoscaling/v2/defaults.go`; version 1 knows only how busy the processors may be.
fn autoscaler(resource: &Resource, value: &mut Value) {
    let others = crate::autoscalers::has_other_metrics(value);
    let Some(spec) = object(value, "spec") else { return };
    fill(spec, "minReplicas", json!(1));
    if resource.version == "v1" {
        if !others {
            fill(spec, "targetCPUUtilizationPercentage", json!(80));
        }
        return;
    }
    let cpu = json!([{"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}}}]);
    fill(spec, "metrics", cpu);
    let Some(Value::Object(behavior)) = spec.get_mut("behavior") else { return };
    let policy = |kind: &str, value: i32| json!({"type": kind, "value": value, "periodSeconds": 15});
    for (direction, window, policies) in
        [("scaleUp", Some(0), json!([policy("Pods", 4), policy("Percent", 100)])), ("scaleDown", None, json!([policy("Percent", 100)]))]
    {
        let Some(rules) = ensure(behavior, direction) else { continue };
        if let Some(window) = window {
            fill(rules, "stabilizationWindowSeconds", json!(window));
        }
        fill(rules, "selectPolicy", json!("Max"));
        fill(rules, "policies", policies);
    }
}

fn claim(value: &mut Value) {
    if let Some(spec) = object(value, "spec") {
        fill(spec, "volumeMode", json!("Filesystem"));
    }
    if let Some(status) = object(value, "status") {
        fill(status, "phase", json!("Pending"));
    }
}

/// What a container may have at most is also what it gets, unless something else is said.
fn limit_range(value: &mut Value) {
    let Some(spec) = value.get_mut("spec") else { return };
    for limit in each(spec, "limits") {
        let Value::Object(limit) = limit else { continue };
        if limit.get("type") != Some(&json!("Container")) {
            continue;
        }
        for (from, to) in [("max", "default"), ("default", "defaultRequest"), ("min", "defaultRequest")] {
            let Some(Value::Object(amounts)) = limit.get(from).cloned() else { continue };
            if let Some(target) = ensure(limit, to) {
                amounts.into_iter().for_each(|(name, amount)| fill(target, &name, amount));
            }
        }
    }
}

fn matched(constraints: Option<&mut Value>) {
    let Some(Value::Object(map)) = constraints else { return };
    fill(map, "matchPolicy", json!("Equivalent"));
    fill(map, "namespaceSelector", json!({}));
    fill(map, "objectSelector", json!({}));
    for rules in ["resourceRules", "excludeResourceRules"] {
        for rule in map.get_mut(rules).and_then(Value::as_array_mut).into_iter().flatten() {
            fill_in(rule, "scope", json!("*"));
        }
    }
}

fn service(value: &mut Value) {
    let Some(spec) = object(value, "spec") else { return };
    fill(spec, "type", json!("ClusterIP"));
    fill(spec, "sessionAffinity", json!("None"));
    affinity(spec);
    let kind = spec.get("type").and_then(Value::as_str).unwrap_or_default().to_owned();
    let outside = spec.get("externalIPs").and_then(Value::as_array).is_some_and(|list| !list.is_empty());
    if matches!(kind.as_str(), "ClusterIP" | "NodePort" | "LoadBalancer") {
        fill(spec, "internalTrafficPolicy", json!("Cluster"));
    }
    if kind == "NodePort" || kind == "LoadBalancer" || (kind == "ClusterIP" && outside) {
        fill(spec, "externalTrafficPolicy", json!("Cluster"));
    }
    if kind == "LoadBalancer" {
        fill(spec, "allocateLoadBalancerNodePorts", json!(true));
    }
    for port in spec.get_mut("ports").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Value::Object(port) = port {
            fill(port, "protocol", json!("TCP"));
            if port.get("targetPort").is_none_or(|target| *target == json!(0) || *target == json!("")) {
                let number = port.get("port").cloned().unwrap_or(json!(0));
                port.insert("targetPort".to_owned(), number);
            }
        }
    }
    if kind == "LoadBalancer" {
        for ingress in value.pointer_mut("/status/loadBalancer/ingress").and_then(Value::as_array_mut).into_iter().flatten() {
            if ingress.get("ip").is_some() {
                fill_in(ingress, "ipMode", json!("VIP"));
            }
        }
    }
}

/// Clients are remembered for three hours, or not at all.
fn affinity(spec: &mut Map<String, Value>) {
    let remembered = spec.get("sessionAffinityConfig").and_then(|config| config.get("clientIP")?.get("timeoutSeconds")).cloned();
    match spec.get("sessionAffinity").and_then(Value::as_str) {
        Some("None") => drop(spec.remove("sessionAffinityConfig")),
        Some("ClientIP") if remembered.is_none_or(|time| time.is_null()) => {
            spec.insert("sessionAffinityConfig".to_owned(), json!({"clientIP": {"timeoutSeconds": 10800}}));
        }
        _ => {}
    }
}

/// An account names the Secrets of its own namespace.
fn account(value: &mut Value) {
    for secret in each(value, "secrets").filter_map(Value::as_object_mut) {
        secret.retain(|field, _| field == "name");
    }
}

fn endpoint_slice(value: &mut Value) {
    for port in each(value, "ports") {
        fill_in(port, "name", json!(""));
        fill_in(port, "protocol", json!("TCP"));
    }
    // A field of the first version, which nobody may write in this one.
    each(value, "endpoints").filter_map(Value::as_object_mut).for_each(|endpoint| drop(endpoint.remove("deprecatedTopology")));
}

fn network_policy(value: &mut Value) {
    let Some(spec) = object(value, "spec") else { return };
    let empty = |spec: &Map<String, Value>, name: &str| spec.get(name).and_then(Value::as_array).is_none_or(Vec::is_empty);
    if empty(spec, "policyTypes") {
        let mut types = vec!["Ingress"];
        if !empty(spec, "egress") {
            types.push("Egress");
        }
        spec.insert("policyTypes".to_owned(), json!(types));
    }
    for rules in ["ingress", "egress"] {
        for rule in spec.get_mut(rules).and_then(Value::as_array_mut).into_iter().flatten() {
            for port in rule.get_mut("ports").and_then(Value::as_array_mut).into_iter().flatten() {
                if let Value::Object(port) = port {
                    fill(port, "protocol", json!("TCP"));
                }
            }
        }
    }
}

fn binding(value: &mut Value) {
    if let Some(reference) = object(value, "roleRef")
        && reference.get("apiGroup").and_then(Value::as_str).unwrap_or_default().is_empty()
    {
        reference.insert("apiGroup".to_owned(), json!("rbac.authorization.k8s.io"));
    }
    for subject in value.get_mut("subjects").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Value::Object(subject) = subject
            && matches!(subject.get("kind").and_then(Value::as_str), Some("User" | "Group"))
        {
            fill(subject, "apiGroup", json!("rbac.authorization.k8s.io"));
        }
    }
}

fn webhooks(resource: &Resource, value: &mut Value) {
    for hook in value.get_mut("webhooks").and_then(Value::as_array_mut).into_iter().flatten() {
        let Value::Object(hook) = hook else { continue };
        fill(hook, "failurePolicy", json!("Fail"));
        fill(hook, "matchPolicy", json!("Equivalent"));
        fill(hook, "namespaceSelector", json!({}));
        fill(hook, "objectSelector", json!({}));
        fill(hook, "timeoutSeconds", json!(10));
        if let Some(Value::Object(service)) = hook.get_mut("clientConfig").and_then(|config| config.get_mut("service")) {
            fill(service, "port", json!(443));
        }
        if resource.kind == "MutatingWebhookConfiguration" {
            fill(hook, "reinvocationPolicy", json!("Never"));
        }
        for rule in hook.get_mut("rules").and_then(Value::as_array_mut).into_iter().flatten() {
            if let Value::Object(rule) = rule {
                fill(rule, "scope", json!("*"));
            }
        }
    }
}
