//! What Kubernetes fills into its own kinds when a field is left out.

use serde_json::{Map, Value, json};

use crate::catalog::Resource;

fn fill(map: &mut Map<String, Value>, name: &str, value: Value) {
    map.entry(name).or_insert(value);
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
        ("", "Pod") => {
            if let Some(spec) = object(value, "spec") {
                pod_spec(spec);
                fill(spec, "enableServiceLinks", json!(true));
            }
        }
        ("", "Service") => service(value),
        ("", "Secret") => {
            if let Value::Object(map) = value {
                fill(map, "type", json!("Opaque"));
            }
        }
        ("", "PersistentVolumeClaim") => {
            if let Some(spec) = object(value, "spec") {
                fill(spec, "volumeMode", json!("Filesystem"));
            }
        }
        ("apps", kind) => apps(kind, value),
        ("batch", "Job") => {
            if let Some(spec) = object(value, "spec") {
                job_spec(spec);
            }
        }
        ("batch", "CronJob") => cron_job(value),
        ("networking.k8s.io", "NetworkPolicy") => network_policy(value),
        ("autoscaling", _) => {
            if let Some(spec) = object(value, "spec") {
                fill(spec, "minReplicas", json!(1));
                let cpu =
                    json!([{"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}}}]);
                fill(spec, "metrics", cpu);
            }
        }
        ("rbac.authorization.k8s.io", "RoleBinding" | "ClusterRoleBinding") => binding(value),
        ("admissionregistration.k8s.io", "ValidatingWebhookConfiguration" | "MutatingWebhookConfiguration") => webhooks(resource, value),
        ("admissionregistration.k8s.io", "ValidatingAdmissionPolicy") => {
            if let Some(spec) = object(value, "spec") {
                fill(spec, "failurePolicy", json!("Fail"));
                match_resources(spec, "matchConstraints");
            }
        }
        ("admissionregistration.k8s.io", "ValidatingAdmissionPolicyBinding") => {
            if let Some(spec) = object(value, "spec") {
                match_resources(spec, "matchResources");
            }
        }
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

fn apps(kind: &str, value: &mut Value) {
    let Some(spec) = object(value, "spec") else { return };
    if let Some(template) = spec.get_mut("template").and_then(|template| object(template, "spec")) {
        pod_spec(template);
    }
    match kind {
        "Deployment" => {
            fill(spec, "replicas", json!(1));
            fill(spec, "revisionHistoryLimit", json!(10));
            fill(spec, "progressDeadlineSeconds", json!(600));
            if let Some(strategy) = ensure(spec, "strategy") {
                fill(strategy, "type", json!("RollingUpdate"));
                if strategy.get("type") == Some(&json!("RollingUpdate"))
                    && let Some(rolling) = ensure(strategy, "rollingUpdate")
                {
                    fill(rolling, "maxUnavailable", json!("25%"));
                    fill(rolling, "maxSurge", json!("25%"));
                }
            }
        }
        "ReplicaSet" => fill(spec, "replicas", json!(1)),
        "StatefulSet" => {
            fill(spec, "replicas", json!(1));
            fill(spec, "revisionHistoryLimit", json!(10));
            fill(spec, "podManagementPolicy", json!("OrderedReady"));
            fill(spec, "persistentVolumeClaimRetentionPolicy", json!({"whenDeleted": "Retain", "whenScaled": "Retain"}));
            if let Some(strategy) = ensure(spec, "updateStrategy") {
                fill(strategy, "type", json!("RollingUpdate"));
                if strategy.get("type") == Some(&json!("RollingUpdate")) {
                    fill(strategy, "rollingUpdate", json!({"partition": 0}));
                }
            }
        }
        "DaemonSet" => {
            fill(spec, "revisionHistoryLimit", json!(10));
            if let Some(strategy) = ensure(spec, "updateStrategy") {
                fill(strategy, "type", json!("RollingUpdate"));
                if strategy.get("type") == Some(&json!("RollingUpdate")) {
                    fill(strategy, "rollingUpdate", json!({"maxUnavailable": 1, "maxSurge": 0}));
                }
            }
        }
        _ => {}
    }
}

fn job_spec(spec: &mut Map<String, Value>) {
    if !spec.contains_key("completions") && !spec.contains_key("parallelism") {
        fill(spec, "completions", json!(1));
    }
    fill(spec, "parallelism", json!(1));
    fill(spec, "backoffLimit", json!(6));
    fill(spec, "completionMode", json!("NonIndexed"));
    fill(spec, "suspend", json!(false));
    fill(spec, "manualSelector", json!(false));
    fill(spec, "podReplacementPolicy", json!(if spec.contains_key("podFailurePolicy") { "Failed" } else { "TerminatingOrFailed" }));
    if let Some(template) = spec.get_mut("template").and_then(|template| object(template, "spec")) {
        pod_spec_with(template, None);
    }
}

fn cron_job(value: &mut Value) {
    let Some(spec) = object(value, "spec") else { return };
    fill(spec, "concurrencyPolicy", json!("Allow"));
    fill(spec, "suspend", json!(false));
    fill(spec, "successfulJobsHistoryLimit", json!(3));
    fill(spec, "failedJobsHistoryLimit", json!(1));
    let template = spec.get_mut("jobTemplate").and_then(|template| template.get_mut("spec"));
    if let Some(pod) = template.and_then(|spec| spec.get_mut("template")).and_then(|template| object(template, "spec")) {
        pod_spec_with(pod, None);
    }
}

fn pod_spec(spec: &mut Map<String, Value>) {
    pod_spec_with(spec, Some("Always"));
}

/// Jobs have no default restart policy: they must name one.
fn pod_spec_with(spec: &mut Map<String, Value>, restart: Option<&str>) {
    if let Some(policy) = restart {
        fill(spec, "restartPolicy", json!(policy));
    }
    fill(spec, "dnsPolicy", json!("ClusterFirst"));
    fill(spec, "schedulerName", json!("default-scheduler"));
    fill(spec, "securityContext", json!({}));
    fill(spec, "terminationGracePeriodSeconds", json!(30));
    // Both names of the account are kept alike.
    if let Some(name) = spec.get("serviceAccountName").or_else(|| spec.get("serviceAccount")).cloned() {
        spec.insert("serviceAccountName".to_owned(), name.clone());
        spec.insert("serviceAccount".to_owned(), name);
    }
    let host_network = spec.get("hostNetwork") == Some(&json!(true));
    for list in ["initContainers", "containers", "ephemeralContainers"] {
        for one in spec.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
            if let Value::Object(container_map) = one {
                container(container_map, host_network);
            }
        }
    }
    for volume in spec.get_mut("volumes").and_then(Value::as_array_mut).into_iter().flatten() {
        volume_defaults(volume);
    }
}

fn container(map: &mut Map<String, Value>, host_network: bool) {
    let image = map.get("image").and_then(Value::as_str).unwrap_or_default();
    let name = image.rsplit('/').next().unwrap_or_default();
    let moving = !image.contains('@') && (!name.contains(':') || name.ends_with(":latest"));
    fill(map, "imagePullPolicy", json!(if moving { "Always" } else { "IfNotPresent" }));
    fill(map, "terminationMessagePath", json!("/dev/termination-log"));
    fill(map, "terminationMessagePolicy", json!("File"));
    fill(map, "resources", json!({}));
    limits_to_requests(map);
    for port in map.get_mut("ports").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Value::Object(port) = port {
            fill(port, "protocol", json!("TCP"));
            if let (true, Some(number)) = (host_network, port.get("containerPort").cloned()) {
                fill(port, "hostPort", number);
            }
        }
    }
    for one in ["livenessProbe", "readinessProbe", "startupProbe"] {
        if let Some(Value::Object(probe)) = map.get_mut(one) {
            fill(probe, "timeoutSeconds", json!(1));
            fill(probe, "periodSeconds", json!(10));
            fill(probe, "successThreshold", json!(1));
            fill(probe, "failureThreshold", json!(3));
            http_get(probe);
            if let Some(Value::Object(grpc)) = probe.get_mut("grpc") {
                fill(grpc, "service", json!(""));
            }
        }
    }
    for one in ["postStart", "preStop"] {
        if let Some(Value::Object(hook)) = map.get_mut("lifecycle").and_then(|lifecycle| lifecycle.get_mut(one)) {
            http_get(hook);
        }
    }
    for one in map.get_mut("env").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(Value::Object(reference)) = one.pointer_mut("/valueFrom/fieldRef") {
            fill(reference, "apiVersion", json!("v1"));
        }
    }
}

fn http_get(parent: &mut Map<String, Value>) {
    if let Some(Value::Object(get)) = parent.get_mut("httpGet") {
        fill(get, "path", json!("/"));
        fill(get, "scheme", json!("HTTP"));
    }
}

/// A limit without a request is also the request.
fn limits_to_requests(container: &mut Map<String, Value>) {
    let Some(Value::Object(resources)) = container.get_mut("resources") else { return };
    let Some(Value::Object(limits)) = resources.get("limits").cloned() else { return };
    if let Some(requests) = ensure(resources, "requests") {
        for (name, amount) in limits {
            fill(requests, &name, amount);
        }
    }
}

fn volume_defaults(volume: &mut Value) {
    let Value::Object(map) = volume else { return };
    if map.len() == 1 && map.contains_key("name") {
        map.insert("emptyDir".to_owned(), json!({}));
    }
    for one in ["secret", "configMap", "downwardAPI", "projected"] {
        if let Some(Value::Object(source)) = map.get_mut(one) {
            fill(source, "defaultMode", json!(420));
        }
    }
    if let Some(Value::Object(path)) = map.get_mut("hostPath") {
        fill(path, "type", json!(""));
    }
    for source in
        map.get_mut("projected").and_then(|projected| projected.get_mut("sources")).and_then(Value::as_array_mut).into_iter().flatten()
    {
        if let Some(Value::Object(token)) = source.get_mut("serviceAccountToken") {
            fill(token, "expirationSeconds", json!(3600));
        }
    }
}

fn service(value: &mut Value) {
    let Some(spec) = object(value, "spec") else { return };
    fill(spec, "type", json!("ClusterIP"));
    fill(spec, "sessionAffinity", json!("None"));
    let kind = spec.get("type").and_then(Value::as_str).unwrap_or_default().to_owned();
    if kind != "ExternalName" {
        fill(spec, "ipFamilies", json!(["IPv4"]));
        fill(spec, "ipFamilyPolicy", json!("SingleStack"));
        fill(spec, "internalTrafficPolicy", json!("Cluster"));
    }
    if kind == "NodePort" || kind == "LoadBalancer" {
        fill(spec, "externalTrafficPolicy", json!("Cluster"));
    }
    if kind == "LoadBalancer" {
        fill(spec, "allocateLoadBalancerNodePorts", json!(true));
    }
    for port in spec.get_mut("ports").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Value::Object(port) = port {
            fill(port, "protocol", json!("TCP"));
            if let Some(number) = port.get("port").cloned() {
                fill(port, "targetPort", number);
            }
        }
    }
}

fn network_policy(value: &mut Value) {
    let Some(spec) = object(value, "spec") else { return };
    if !spec.contains_key("policyTypes") {
        let mut types = vec!["Ingress"];
        if spec.contains_key("egress") {
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

fn match_resources(spec: &mut Map<String, Value>, name: &str) {
    let Some(Value::Object(constraints)) = spec.get_mut(name) else { return };
    fill(constraints, "matchPolicy", json!("Equivalent"));
    fill(constraints, "namespaceSelector", json!({}));
    fill(constraints, "objectSelector", json!({}));
    for field in ["resourceRules", "excludeResourceRules"] {
        for rule in constraints.get_mut(field).and_then(Value::as_array_mut).into_iter().flatten() {
            if let Value::Object(rule) = rule {
                fill(rule, "scope", json!("*"));
            }
        }
    }
}

/// An Event as the other of its two groups shows it.
pub(crate) fn convert_event(event: &mut Value, new: bool) {
    const NAMES: &[(&str, &str)] = &[
        ("involvedObject", "regarding"),
        ("message", "note"),
        ("reportingComponent", "reportingController"),
        ("source", "deprecatedSource"),
        ("firstTimestamp", "deprecatedFirstTimestamp"),
        ("lastTimestamp", "deprecatedLastTimestamp"),
        ("count", "deprecatedCount"),
    ];
    let Value::Object(map) = event else { return };
    for (old_name, new_name) in NAMES {
        let (from, to) = if new { (old_name, new_name) } else { (new_name, old_name) };
        if let Some(value) = map.remove(*from) {
            map.insert((*to).to_owned(), value);
        }
    }
}
