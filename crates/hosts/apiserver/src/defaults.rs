//! What Kubernetes fills into its own kinds when a field is left out.

use serde_json::{Map, Value, json};

use crate::catalog::Resource;

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
        ("", "Pod") => {
            if let Some(spec) = object(value, "spec") {
                pod_spec(spec);
                fill(spec, "enableServiceLinks", json!(true));
            }
            if let Some(status) = object(value, "status") {
                addresses(status);
            }
        }
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
                if let Some(Value::Object(path)) = spec.get_mut("hostPath") {
                    fill(path, "type", json!(""));
                }
            }
        }
        ("", "Node") => {
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
        ("", "ReplicationController") => controller(value),
        ("", "PodTemplate") => {
            if let Some(spec) = value.get_mut("template").and_then(|template| object(template, "spec")) {
                pod_spec(spec);
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
        ("autoscaling", _) if resource.version == "v1" => {
            if let Some(spec) = object(value, "spec") {
                fill(spec, "minReplicas", json!(1));
            }
        }
        ("autoscaling", _) => {
            if let Some(spec) = object(value, "spec") {
                fill(spec, "minReplicas", json!(1));
                let cpu =
                    json!([{"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}}}]);
                fill(spec, "metrics", cpu);
            }
        }
        ("rbac.authorization.k8s.io", "RoleBinding" | "ClusterRoleBinding") => binding(value),
        ("networking.k8s.io", "IngressClass") => {
            if let Some(Value::Object(parameters)) = value.pointer_mut("/spec/parameters") {
                fill(parameters, "scope", json!("Cluster"));
            }
        }
        ("discovery.k8s.io", _) => endpoint_slice(value),
        ("scheduling.k8s.io", _) => fill_in(value, "preemptionPolicy", json!("PreemptLowerPriority")),
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

fn fill_in(value: &mut Value, name: &str, default: Value) {
    if let Value::Object(map) = value {
        fill(map, name, default);
    }
}

fn each<'a>(value: &'a mut Value, name: &str) -> impl Iterator<Item = &'a mut Value> {
    value.get_mut(name).and_then(Value::as_array_mut).into_iter().flatten()
}

/// The first of a Pod's addresses and the address alone are the same (kubernetes `pkg/apis/core/v1/conversion.go`).
fn addresses(status: &mut Map<String, Value>) {
    for (one, all) in [("podIP", "podIPs"), ("hostIP", "hostIPs")] {
        let alone = status.get(one).filter(|ip| ip.as_str().is_some_and(|ip| !ip.is_empty())).cloned();
        let first = status.get(all).and_then(|all| all.get(0)).and_then(|first| first.get("ip")).cloned();
        match (alone, first) {
            (Some(alone), first) if first.as_ref() != Some(&alone) => {
                status.insert(all.to_owned(), json!([{"ip": alone}]));
            }
            (None, Some(first)) => {
                status.insert(one.to_owned(), first);
            }
            _ => {}
        }
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

fn controller(value: &mut Value) {
    let labels =
        value.pointer("/spec/template/metadata/labels").filter(|labels| labels.as_object().is_some_and(|map| !map.is_empty())).cloned();
    if let Some(labels) = labels {
        let metadata = crate::object::meta_mut(value);
        fill(metadata, "labels", labels.clone());
        if let Some(spec) = object(value, "spec") {
            fill(spec, "selector", labels);
        }
    }
    let Some(spec) = object(value, "spec") else { return };
    fill(spec, "replicas", json!(1));
    if let Some(template) = spec.get_mut("template").and_then(|template| object(template, "spec")) {
        pod_spec(template);
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
            for template in spec.get_mut("volumeClaimTemplates").and_then(Value::as_array_mut).into_iter().flatten() {
                fill_in(template, "apiVersion", json!("v1"));
                fill_in(template, "kind", json!("PersistentVolumeClaim"));
                claim(template);
            }
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
    // Where each index has a limit of its own, the sum of all has none.
    let limit = if spec.get("backoffLimitPerIndex").is_some_and(|limit| !limit.is_null()) { i32::MAX } else { 6 };
    fill(spec, "backoffLimit", json!(limit));
    fill(spec, "completionMode", json!("NonIndexed"));
    fill(spec, "suspend", json!(false));
    fill(spec, "manualSelector", json!(false));
    fill(spec, "podReplacementPolicy", json!(if spec.contains_key("podFailurePolicy") { "Failed" } else { "TerminatingOrFailed" }));
    failure_policy(spec);
    if let Some(template) = spec.get_mut("template").and_then(|template| object(template, "spec")) {
        pod_spec(template);
    }
}

/// A condition that a rule names without a status is one that holds.
fn failure_policy(job: &mut Map<String, Value>) {
    let Some(policy) = job.get_mut("podFailurePolicy") else { return };
    for rule in each(policy, "rules") {
        for pattern in each(rule, "onPodConditions").filter_map(Value::as_object_mut) {
            // The field is no pointer in Go: left out, it is there and empty.
            if pattern.get("status").and_then(Value::as_str).is_none_or(str::is_empty) {
                pattern.insert("status".to_owned(), json!("True"));
            }
        }
    }
}

fn cron_job(value: &mut Value) {
    let Some(spec) = object(value, "spec") else { return };
    fill(spec, "concurrencyPolicy", json!("Allow"));
    fill(spec, "suspend", json!(false));
    fill(spec, "successfulJobsHistoryLimit", json!(3));
    fill(spec, "failedJobsHistoryLimit", json!(1));
    let Some(job) = spec.get_mut("jobTemplate").and_then(|template| object(template, "spec")) else { return };
    failure_policy(job);
    if let Some(pod) = job.get_mut("template").and_then(|template| object(template, "spec")) {
        pod_spec(pod);
    }
}

fn pod_spec(spec: &mut Map<String, Value>) {
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
