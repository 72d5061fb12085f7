//! Random resources. Their names come from few words, so that references meet.

use serde_json::{Map, Value, json};

use super::dice::Dice;
use super::text::{any_scalar, any_text};

/// Names of resources.
pub const NAMES: [&str; 6] = ["web", "api", "db", "cache", "job-1", "web-config"];
/// Names of containers.
pub const CONTAINERS: [&str; 3] = ["main", "side", "init"];
/// Images, as the tool reads them.
pub const IMAGES: [&str; 7] = [
    "nginx",
    "nginx:1.25",
    "registry.internal/app:1.0.0",
    "registry.internal:5000/team/app",
    "busybox@sha256:aaaa",
    "app:v1@sha256:bbbb",
    "docker.io/library/redis:7",
];
const KEYS: [&str; 8] = ["app", "tier", "example.com/owner", "k1", "k10", "k9", "_u", "Z"];

/// What one resource is called.
#[derive(Debug, Clone)]
pub struct Known {
    /// `apiVersion`.
    pub api_version: String,
    /// `kind`.
    pub kind: String,
    /// `metadata.name`.
    pub name: String,
    /// `metadata.namespace`, empty where there is none.
    pub namespace: String,
    /// The whole.
    pub value: Value,
}

impl Known {
    /// Returns the group, which may be empty.
    pub fn group(&self) -> &str {
        self.api_version.split_once('/').map_or("", |(group, _)| group)
    }

    /// Returns the version.
    pub fn version(&self) -> &str {
        self.api_version.rsplit('/').next().unwrap_or_default()
    }

    /// Tells whether its kind has no namespace.
    pub fn is_cluster_scoped(&self) -> bool {
        self.kind.starts_with("Cluster")
            || matches!(self.kind.as_str(), "Namespace" | "CustomResourceDefinition" | "ValidatingWebhookConfiguration")
    }

    /// Tells whether it has a Pod template in the usual place.
    pub fn is_workload(&self) -> bool {
        matches!(self.kind.as_str(), "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet" | "Job")
    }
}

/// Makes a resource of any kind.
pub fn any(dice: &mut Dice) -> Known {
    let name = dice.word(&NAMES);
    let (api_version, kind, mut value) = match dice.below(26) {
        0..=5 => workload(dice, &name),
        6 | 7 => ("v1", "Service", service(dice, &name)),
        8 | 9 => ("v1", "ConfigMap", json!({"data": texts(dice, 4)})),
        10 => ("v1", "Secret", json!({"type": "Opaque", "stringData": texts(dice, 2)})),
        11 => {
            ("v1", "ServiceAccount", json!({"secrets": [{"name": dice.word(&NAMES)}], "imagePullSecrets": [{"name": dice.word(&NAMES)}]}))
        }
        12 => ("rbac.authorization.k8s.io/v1", "RoleBinding", binding(dice, "Role")),
        13 => ("rbac.authorization.k8s.io/v1", "ClusterRoleBinding", binding(dice, "ClusterRole")),
        14 => ("rbac.authorization.k8s.io/v1", "Role", role(dice)),
        15 => ("rbac.authorization.k8s.io/v1", "ClusterRole", role(dice)),
        16 if !dice.calm || dice.one_in(2) => ("v1", "Namespace", json!({})),
        17 => ("networking.k8s.io/v1", "Ingress", ingress(dice)),
        18 => (
            "v1",
            "PersistentVolumeClaim",
            json!({"spec": {"storageClassName": dice.word(&NAMES), "volumeName": dice.word(&NAMES), "accessModes": ["ReadWriteOnce"]}}),
        ),
        19 => (
            "autoscaling/v2",
            "HorizontalPodAutoscaler",
            json!({"spec": {"maxReplicas": 3, "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": dice.word(&NAMES)}}}),
        ),
        20 => ("policy/v1", "PodDisruptionBudget", json!({"spec": {"minAvailable": 1, "selector": {"matchLabels": labels(dice)}}})),
        21 => (
            "networking.k8s.io/v1",
            "NetworkPolicy",
            json!({"spec": {"podSelector": {"matchLabels": labels(dice)}, "ingress": [{"from": [{"podSelector": {"matchLabels": labels(dice)}}]}]}}),
        ),
        22 => {
            ("apiextensions.k8s.io/v1", "CustomResourceDefinition", json!({"spec": {"group": "example.com", "names": {"kind": "Thing"}}}))
        }
        23 => (
            "admissionregistration.k8s.io/v1",
            "ValidatingWebhookConfiguration",
            json!({"webhooks": [{"name": "a.example.com", "clientConfig": {"service": {"name": dice.word(&NAMES), "namespace": "default"}}}]}),
        ),
        _ => ("example.com/v1", "Thing", json!({"spec": spec(dice)})),
    };
    let cluster =
        kind.starts_with("Cluster") || matches!(kind, "Namespace" | "CustomResourceDefinition" | "ValidatingWebhookConfiguration");
    let namespace = if dice.one_in(4) && !cluster { dice.word(&["default", "other"]) } else { String::new() };
    value["apiVersion"] = json!(api_version);
    value["kind"] = json!(kind);
    value["metadata"] = metadata(dice, &name, &namespace);
    let known = |text: &str| text.to_owned();
    Known { api_version: known(api_version), kind: known(kind), name, namespace, value }
}

fn metadata(dice: &mut Dice, name: &str, namespace: &str) -> Value {
    let mut metadata = json!({"name": name});
    if !namespace.is_empty() {
        metadata["namespace"] = json!(namespace);
    }
    if dice.one_in(2) {
        metadata["labels"] = labels(dice);
    }
    if dice.one_in(3) {
        metadata["annotations"] = texts(dice, 3);
    }
    if dice.one_in(12) {
        metadata["finalizers"] = json!(["example.com/hold"]);
    }
    if dice.one_in(30) {
        metadata["annotations"] = json!({"config.kubernetes.io/local-config": dice.word(&["true", "false"])});
    }
    metadata
}

/// Makes labels.
pub fn labels(dice: &mut Dice) -> Value {
    let keys = dice.some(&KEYS, 3);
    Value::Object(keys.into_iter().map(|key| (key.to_owned(), json!(dice.word(&["web", "api", "x", "v1"])))).collect())
}

/// Makes a mapping of texts.
pub fn texts(dice: &mut Dice, most: usize) -> Value {
    let keys = dice.some(&["a", "b", "config.yaml", "k2", "k10", "UPPER", "with space", "ümlaut"], most);
    Value::Object(keys.into_iter().map(|key| (key.to_owned(), json!(any_text(dice)))).collect())
}

fn workload(dice: &mut Dice, name: &str) -> (&'static str, &'static str, Value) {
    let (api_version, kind) = *dice.pick(&[
        ("apps/v1", "Deployment"),
        ("apps/v1", "Deployment"),
        ("apps/v1", "StatefulSet"),
        ("apps/v1", "DaemonSet"),
        ("batch/v1", "Job"),
        ("batch/v1", "CronJob"),
        ("v1", "Pod"),
    ]);
    let labels = json!({"app": name});
    let template = json!({"metadata": {"labels": labels.clone()}, "spec": pod(dice)});
    let mut spec = match kind {
        "Pod" => return (api_version, kind, json!({"spec": pod(dice)})),
        "CronJob" => json!({"schedule": "0 1 * * *", "jobTemplate": {"spec": {"template": template}}}),
        "Job" => json!({"template": template}),
        _ => json!({"selector": {"matchLabels": labels}, "template": template}),
    };
    if matches!(kind, "Deployment" | "StatefulSet") && dice.one_in(2) {
        spec["replicas"] = json!(dice.below(4));
    }
    if kind == "StatefulSet" {
        spec["serviceName"] = json!(dice.word(&NAMES));
        spec["volumeClaimTemplates"] = json!([{"metadata": {"name": "data"}, "spec": {"accessModes": ["ReadWriteOnce"]}}]);
    }
    (api_version, kind, json!({"spec": spec}))
}

/// Makes the inside of a Pod.
pub fn pod(dice: &mut Dice) -> Value {
    let names = dice.some(&CONTAINERS[..2], 2);
    let mut pod = json!({"containers": names.iter().map(|name| container(dice, name)).collect::<Vec<_>>()});
    if dice.one_in(4) {
        pod["initContainers"] = json!([container(dice, "init")]);
    }
    if dice.one_in(3) {
        pod["serviceAccountName"] = json!(dice.word(&NAMES));
    }
    if dice.one_in(3) {
        pod["volumes"] = json!([volume(dice, "one"), volume(dice, "two")]);
    }
    if dice.one_in(5) {
        pod["tolerations"] = json!([{"key": "a", "operator": "Exists"}]);
    }
    if dice.one_in(5) {
        pod["imagePullSecrets"] = json!([{"name": dice.word(&NAMES)}]);
    }
    if dice.one_in(8) {
        pod["hostAliases"] = json!([{"ip": "127.0.0.1", "hostnames": ["a", "b"]}]);
    }
    if dice.one_in(8) {
        pod["topologySpreadConstraints"] = json!([{"topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule", "maxSkew": 1}]);
    }
    if dice.one_in(6) {
        pod["affinity"] = json!({"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [{"labelSelector": {"matchLabels": labels(dice)}, "topologyKey": "zone"}]}});
    }
    pod
}

/// Makes a volume.
pub fn volume(dice: &mut Dice, name: &str) -> Value {
    match dice.below(5) {
        0 => json!({"name": name, "emptyDir": {}}),
        1 => json!({"name": name, "secret": {"secretName": dice.word(&NAMES)}}),
        2 => json!({"name": name, "persistentVolumeClaim": {"claimName": dice.word(&NAMES)}}),
        3 => {
            json!({"name": name, "projected": {"sources": [{"configMap": {"name": dice.word(&NAMES)}}, {"secret": {"name": dice.word(&NAMES)}}]}})
        }
        _ => json!({"name": name, "configMap": {"name": dice.word(&NAMES), "items": [{"key": "a", "path": "a"}]}}),
    }
}

/// Makes a container.
pub fn container(dice: &mut Dice, name: &str) -> Value {
    let mut made = json!({"name": name, "image": dice.word(&IMAGES)});
    if dice.one_in(2) {
        let names = dice.some(&["A", "B", "C", "D"], 3);
        made["env"] = names.iter().map(|name| variable(dice, name)).collect();
    }
    if dice.one_in(3) {
        made["ports"] = json!([port(dice)]);
        if dice.one_in(3) {
            made["ports"] = json!([{"containerPort": 80, "protocol": "TCP"}, {"containerPort": 80, "protocol": "UDP"}, {"containerPort": 443, "name": "https"}]);
        }
    }
    if dice.one_in(4) {
        made["args"] = json!(["--flag", any_text(dice), "$(VAR)"]);
    }
    if dice.one_in(5) {
        made["envFrom"] = json!([{"configMapRef": {"name": dice.word(&NAMES)}}]);
    }
    if dice.one_in(5) {
        made["volumeMounts"] = json!([{"name": "one", "mountPath": "/one"}, {"name": "two", "mountPath": "/two"}]);
    }
    if dice.one_in(6) {
        made["resources"] = json!({"limits": {"cpu": any_scalar(dice), "memory": "64Mi"}});
    }
    if dice.one_in(8) {
        made["livenessProbe"] = json!({"httpGet": {"path": "/health", "port": 80}, "periodSeconds": 5});
    }
    made
}

/// Makes a port.
pub fn port(dice: &mut Dice) -> Value {
    let mut port = json!({"containerPort": *dice.pick(&[80, 443, 8080])});
    if dice.one_in(2) {
        port["protocol"] = json!(dice.word(&["TCP", "UDP"]));
    }
    if dice.one_in(3) {
        port["name"] = json!(dice.word(&["http", "https"]));
    }
    port
}

/// Makes an environment variable.
pub fn variable(dice: &mut Dice, name: &str) -> Value {
    match dice.below(5) {
        0 => json!({"name": name, "valueFrom": {"configMapKeyRef": {"name": dice.word(&NAMES), "key": "a"}}}),
        1 => json!({"name": name, "valueFrom": {"secretKeyRef": {"name": dice.word(&NAMES), "key": "a"}}}),
        2 => json!({"name": name, "value": dice.word(&["$(VAR)", "x-$(VAR)-y", "$$(VAR)", "$(OTHER)"])}),
        _ => json!({"name": name, "value": any_text(dice)}),
    }
}

fn service(dice: &mut Dice, name: &str) -> Value {
    let mut ports = vec![json!({"port": 80, "targetPort": 8080, "name": "http"})];
    if dice.one_in(3) {
        ports.push(json!({"port": 80, "protocol": "UDP", "name": "dns"}));
    }
    json!({"spec": {"selector": {"app": name}, "ports": ports}})
}

fn binding(dice: &mut Dice, kind: &str) -> Value {
    let mut subjects = vec![
        json!({"kind": "ServiceAccount", "name": dice.word(&["default", "web", "api"]), "namespace": dice.word(&["default", "other"])}),
    ];
    if dice.one_in(3) {
        subjects.push(json!({"kind": "User", "name": dice.word(&NAMES), "apiGroup": "rbac.authorization.k8s.io"}));
    }
    json!({"roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": dice.word(&NAMES)}, "subjects": subjects})
}

fn role(dice: &mut Dice) -> Value {
    json!({"rules": [{"apiGroups": [""], "resources": [dice.word(&["configmaps", "secrets"])], "resourceNames": [dice.word(&NAMES)], "verbs": ["get"]}]})
}

fn ingress(dice: &mut Dice) -> Value {
    let backend = json!({"service": {"name": dice.word(&NAMES), "port": {"number": 80}}});
    json!({"spec": {
        "ingressClassName": dice.word(&NAMES),
        "tls": [{"secretName": dice.word(&NAMES), "hosts": ["a.example.com"]}],
        "rules": [{"host": "a.example.com", "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]}}],
    }})
}

/// Makes the inside of a resource of one's own.
pub fn spec(dice: &mut Dice) -> Value {
    let mut spec = tree(dice, 3);
    if dice.calm && !spec.is_object() {
        spec = json!({"list": [spec], "image": dice.word(&IMAGES), "name": dice.word(&NAMES)});
    }
    spec
}

/// Makes a value of any form.
pub fn tree(dice: &mut Dice, depth: usize) -> Value {
    match dice.below(if depth == 0 { 3 } else { 7 }) {
        0..=2 => any_scalar(dice),
        3 | 4 => Value::Array((0..dice.below(4)).map(|_| tree(dice, depth - 1)).collect()),
        _ => {
            let all = ["a", "b2", "b10", "B", "list", "Nested", "x-y", "on", "1", "name", "image"];
            let keys = dice.some(if dice.calm { &all[..9] } else { &all }, 4);
            let pairs: Map<String, Value> = keys.into_iter().map(|key| (key.to_owned(), tree(dice, depth - 1))).collect();
            Value::Object(pairs)
        }
    }
}
