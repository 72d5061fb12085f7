//! Valid objects of many kinds, with where they are posted.

use serde_json::{Value, json};

/// A kind's collection and an object for it.
pub fn all() -> Vec<(&'static str, Value)> {
    let meta = json!({
        "name": "a", "labels": {"app": "a", "example.com/tier": "x"}, "annotations": {"note": "n"}, "finalizers": ["example.com/held"],
    });
    let container = json!({
        "name": "c", "image": "i:1", "args": ["x"], "env": [{"name": "A", "value": "1"}, {"name": "B", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}],
        "ports": [{"containerPort": 80, "name": "http"}], "resources": {"requests": {"cpu": "100m", "memory": "1Gi"}, "limits": {"cpu": "1"}},
        "livenessProbe": {"httpGet": {"path": "/", "port": "http"}, "periodSeconds": 5}, "volumeMounts": [{"name": "v", "mountPath": "/v"}],
        "securityContext": {"runAsNonRoot": true, "capabilities": {"drop": ["ALL"]}},
    });
    let pod = json!({
        "containers": [container], "volumes": [{"name": "v", "emptyDir": {}}, {"name": "w", "projected": {"sources": [{"configMap": {"name": "m"}}]}}],
        "nodeSelector": {"a": "b"}, "tolerations": [{"key": "k", "operator": "Exists"}], "terminationGracePeriodSeconds": 5,
        "affinity": {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 1, "podAffinityTerm": {"topologyKey": "z", "labelSelector": {"matchExpressions": [{"key": "a", "operator": "In", "values": ["b"]}]}}}]}},
    });
    let template = json!({"metadata": {"labels": {"app": "a"}}, "spec": pod});
    let selector = json!({"matchLabels": {"app": "a"}});
    let mut job = template.clone();
    job["spec"]["restartPolicy"] = json!("Never");
    let of = |api_version: &str, kind: &str, mut rest: Value| {
        rest["apiVersion"] = json!(api_version);
        rest["kind"] = json!(kind);
        rest["metadata"] = meta.clone();
        rest
    };
    vec![
        (
            "/api/v1/namespaces/default/configmaps",
            of("v1", "ConfigMap", json!({"data": {"a": "1"}, "binaryData": {"b": "AAE="}, "immutable": false})),
        ),
        (
            "/api/v1/namespaces/default/secrets",
            of("v1", "Secret", json!({"data": {"a": "YQ=="}, "stringData": {"c": "d"}, "type": "Opaque"})),
        ),
        (
            "/api/v1/namespaces/default/services",
            of(
                "v1",
                "Service",
                json!({"spec": {"selector": {"app": "a"}, "ports": [{"name": "p", "port": 80, "targetPort": "http"}, {"name": "q", "port": 81, "protocol": "UDP", "targetPort": 8081}], "sessionAffinity": "ClientIP"}}),
            ),
        ),
        ("/api/v1/namespaces/default/pods", of("v1", "Pod", json!({"spec": pod}))),
        (
            "/apis/apps/v1/namespaces/default/deployments",
            of(
                "apps/v1",
                "Deployment",
                json!({"spec": {"replicas": 2, "selector": selector, "template": template, "strategy": {"rollingUpdate": {"maxSurge": "25%", "maxUnavailable": 1}}}}),
            ),
        ),
        (
            "/apis/apps/v1/namespaces/default/statefulsets",
            of(
                "apps/v1",
                "StatefulSet",
                json!({"spec": {"serviceName": "s", "selector": selector, "template": template, "volumeClaimTemplates": [{"metadata": {"name": "v"}, "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}}]}}),
            ),
        ),
        (
            "/apis/batch/v1/namespaces/default/jobs",
            of("batch/v1", "Job", json!({"spec": {"template": job, "backoffLimit": 2, "completions": 3, "parallelism": 1}})),
        ),
        (
            "/apis/batch/v1/namespaces/default/cronjobs",
            of("batch/v1", "CronJob", json!({"spec": {"schedule": "*/5 * * * *", "jobTemplate": {"spec": {"template": job}}}})),
        ),
        (
            "/apis/networking.k8s.io/v1/namespaces/default/ingresses",
            of(
                "networking.k8s.io/v1",
                "Ingress",
                json!({"spec": {"rules": [{"host": "a.example.com", "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": {"service": {"name": "s", "port": {"number": 80}}}}]}}]}}),
            ),
        ),
        (
            "/apis/networking.k8s.io/v1/namespaces/default/networkpolicies",
            of(
                "networking.k8s.io/v1",
                "NetworkPolicy",
                json!({"spec": {"podSelector": selector, "ingress": [{"from": [{"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16"]}}], "ports": [{"port": 80, "endPort": 90}]}]}}),
            ),
        ),
        (
            "/api/v1/namespaces/default/persistentvolumeclaims",
            of(
                "v1",
                "PersistentVolumeClaim",
                json!({"spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}}),
            ),
        ),
        (
            "/apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers",
            of(
                "autoscaling/v2",
                "HorizontalPodAutoscaler",
                json!({"spec": {"maxReplicas": 3, "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "a"}, "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}}}]}}),
            ),
        ),
        (
            "/apis/policy/v1/namespaces/default/poddisruptionbudgets",
            of("policy/v1", "PodDisruptionBudget", json!({"spec": {"minAvailable": "50%", "selector": selector}})),
        ),
        (
            "/apis/rbac.authorization.k8s.io/v1/namespaces/default/roles",
            of(
                "rbac.authorization.k8s.io/v1",
                "Role",
                json!({"rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"], "resourceNames": ["a"]}]}),
            ),
        ),
        (
            "/apis/rbac.authorization.k8s.io/v1/namespaces/default/rolebindings",
            of(
                "rbac.authorization.k8s.io/v1",
                "RoleBinding",
                json!({"roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "a"}, "subjects": [{"kind": "User", "name": "u", "apiGroup": "rbac.authorization.k8s.io"}]}),
            ),
        ),
        (
            "/apis/coordination.k8s.io/v1/namespaces/default/leases",
            of(
                "coordination.k8s.io/v1",
                "Lease",
                json!({"spec": {"holderIdentity": "h", "leaseDurationSeconds": 5, "renewTime": "2026-01-01T00:00:00.000001Z"}}),
            ),
        ),
        (
            "/api/v1/namespaces/default/limitranges",
            of("v1", "LimitRange", json!({"spec": {"limits": [{"type": "Container", "default": {"cpu": "1"}, "max": {"cpu": "2"}}]}})),
        ),
        (
            "/apis/storage.k8s.io/v1/storageclasses",
            of("storage.k8s.io/v1", "StorageClass", json!({"provisioner": "p", "parameters": {"a": "b"}, "reclaimPolicy": "Retain"})),
        ),
        (
            "/api/v1/nodes",
            of("v1", "Node", json!({"spec": {"taints": [{"key": "k", "effect": "NoSchedule"}]}, "status": {"capacity": {"cpu": "4"}}})),
        ),
        (
            "/apis/example.com/v1/namespaces/default/widgets",
            of(
                "example.com/v1",
                "Widget",
                json!({"spec": {"size": 3, "tags": ["a"], "parts": [{"name": "x", "n": 1}], "free": {"x": [1, {"y": null}]}, "port": "http"}}),
            ),
        ),
    ]
}

/// A definition that uses most of what there is.
pub fn definition() -> Value {
    let spec = json!({
        "type": "object", "required": ["size"],
        "x-kubernetes-validations": [{"rule": "self.size < 100 || self.size == oldSelf.size", "message": "too large", "fieldPath": ".size"}],
        "properties": {
            "size": {"type": "integer", "minimum": 1, "maximum": 1000, "format": "int32"},
            "color": {"type": "string", "default": "red", "enum": ["red", "green"], "x-kubernetes-validations": [{"rule": "self != 'blue'"}]},
            "tags": {"type": "array", "maxItems": 10, "x-kubernetes-list-type": "set", "items": {"type": "string", "pattern": "^[a-z]+$", "maxLength": 20}},
            "parts": {"type": "array", "maxItems": 10, "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"], "items": {
                "type": "object", "required": ["name"], "properties": {"name": {"type": "string", "maxLength": 20}, "n": {"type": "integer", "default": 1}}}},
            "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
            "texts": {"type": "object", "additionalProperties": {"type": "string", "nullable": true}},
            "port": {"x-kubernetes-int-or-string": true},
            "template": {"type": "object", "x-kubernetes-embedded-resource": true, "x-kubernetes-preserve-unknown-fields": true},
            "choice": {"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "string"}}, "oneOf": [{"required": ["a"]}, {"required": ["b"]}]},
        },
    });
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": "widgets.example.com"},
        "spec": {
            "group": "example.com", "scope": "Namespaced",
            "names": {"plural": "widgets", "singular": "widget", "kind": "Widget", "listKind": "WidgetList", "shortNames": ["wd"]},
            "versions": [{
                "name": "v1", "served": true, "storage": true,
                "subresources": {"status": {}, "scale": {"specReplicasPath": ".spec.size", "statusReplicasPath": ".status.size"}},
                "additionalPrinterColumns": [{"name": "Size", "type": "integer", "jsonPath": ".spec.size"}],
                "selectableFields": [{"jsonPath": ".spec.color"}],
                "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": spec, "status": {"type": "object", "properties": {"size": {"type": "integer"}}}}}},
            }],
        },
    })
}
