//! What autoscalers and disruption budgets must satisfy, each fault as a Kubernetes 1.36 server tells it.

use super::cases::{created, updated};

#[tokio::test]
async fn autoscalers() {
    created(
        "/apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers",
        r#"{"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "t-h"}, "spec": {"maxReplicas": 3, "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "d"}}}"#,
        &[
            ("{}", ""),
            (r#"{"spec": {"minReplicas": 0}}"#, "[spec.minReplicas: Invalid value: 0: must be greater than or equal to 1, spec.metrics: Forbidden: must specify at least one Object or External metric to support scaling to zero replicas]"),
            (r#"{"spec": {"maxReplicas": 0}}"#, "[spec.maxReplicas: Required value: must be set and greater than 0, spec.maxReplicas: Invalid value: 0: must be greater than or equal to `minReplicas`]"),
            (r#"{"spec": {"maxReplicas": -1}}"#, "[spec.maxReplicas: Invalid value: -1: must be greater than or equal to 1, spec.maxReplicas: Invalid value: -1: must be greater than or equal to `minReplicas`]"),
            (r#"{"spec": {"minReplicas": 4}}"#, "spec.maxReplicas: Invalid value: 3: must be greater than or equal to `minReplicas`"),
            (r#"{"spec": {"scaleTargetRef": {"kind": "", "name": "a/b"}}}"#, r#"[spec.scaleTargetRef.kind: Required value, spec.scaleTargetRef.name: Invalid value: "a/b": may not contain '/']"#),
            (r#"{"spec": {"scaleTargetRef": {"apiVersion": "v1"}}}"#, r#"spec.scaleTargetRef.apiVersion: Invalid value: "v1": apiVersion must specify API group"#),
            (r#"{"spec": {"scaleTargetRef": {"apiVersion": "v1", "kind": "ReplicationController"}}}"#, ""),
            (r#"{"spec": {"scaleTargetRef": {"apiVersion": "a/b/c"}}}"#, r#"spec.scaleTargetRef.apiVersion: Invalid value: "a/b/c": unexpected GroupVersion string: a/b/c"#),
            (r#"{"spec": {"behavior": {"scaleUp": {"stabilizationWindowSeconds": -1, "selectPolicy": "Mean"}, "scaleDown": {"stabilizationWindowSeconds": 3601, "policies": [{"type": "Pod", "value": 0, "periodSeconds": 1801}, {"type": "Pods", "value": 1, "periodSeconds": 0}]}}}}"#, r#"[spec.behavior.scaleUp.stabilizationWindowSeconds: Invalid value: -1: must be greater than or equal to zero, spec.behavior.scaleUp.selectPolicy: Unsupported value: "Mean": supported values: "Disabled", "Max", "Min", spec.behavior.scaleDown.stabilizationWindowSeconds: Invalid value: 3601: must be less than or equal to 3600, spec.behavior.scaleDown.policies[0].type: Unsupported value: "Pod": supported values: "Percent", "Pods", spec.behavior.scaleDown.policies[0].value: Invalid value: 0: must be greater than zero, spec.behavior.scaleDown.policies[0].periodSeconds: Invalid value: 1801: must be less than or equal to 1800, spec.behavior.scaleDown.policies[1].periodSeconds: Invalid value: 0: must be greater than zero]"#),
            (r#"{"spec": {"behavior": {"scaleUp": {"policies": [], "tolerance": "-1"}}}}"#, r#"[spec.behavior.scaleUp.policies: Required value: must specify at least one Policy, spec.behavior.scaleUp.tolerance: Invalid value: "-1": must be greater than or equal to 0]"#),
        ],
    )
    .await;
}

#[tokio::test]
async fn metrics() {
    created(
        "/apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers",
        r#"{"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "t-h"}, "spec": {"maxReplicas": 3, "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "d"}}}"#,
        &[
            (r#"{"spec": {"metrics": [{"type": "Mem"}]}}"#, r#"spec.metrics[0].type: Unsupported value: "Mem": supported values: "ContainerResource", "External", "Object", "Pods", "Resource""#),
            (r#"{"spec": {"metrics": [{"type": ""}]}}"#, r#"[spec.metrics[0].type: Required value: must specify a metric source type, spec.metrics[0].type: Unsupported value: "": supported values: "ContainerResource", "External", "Object", "Pods", "Resource"]"#),
            (r#"{"spec": {"metrics": [{"type": "Pods"}]}}"#, "spec.metrics[0].pods: Required value: must populate information for the given metric source"),
            (r#"{"spec": {"metrics": [{"type": "Pods", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}}}]}}"#, "spec.metrics[0].pods: Required value: must populate information for the given metric source"),
            (r#"{"spec": {"metrics": [{"type": "Pods", "pods": {"metric": {"name": "m"}, "target": {"type": "AverageValue", "averageValue": "1"}}, "resource": {"name": "cpu", "target": {"type": "Utilization"}}}]}}"#, "spec.metrics[0].resource: Forbidden: must populate the given metric source only"),
            (r#"{"spec": {"metrics": [{"type": "Resource", "resource": {"name": "", "target": {"type": "Half"}}}]}}"#, r#"[spec.metrics[0].resource.name: Required value: must specify a resource name, spec.metrics[0].resource.target.type: Invalid value: "Half": must be either Utilization, Value, or AverageValue, spec.metrics[0].resource.target.averageUtilization: Required value: must set either a target raw value or a target utilization]"#),
            (r#"{"spec": {"metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Value", "averageValue": "0", "averageUtilization": 0}}}]}}"#, r#"[spec.metrics[0].resource.target.averageValue: Invalid value: "0": must be positive, spec.metrics[0].resource.target.averageUtilization: Invalid value: 0: must be greater than 0, spec.metrics[0].resource.target.averageValue: Forbidden: may not set both a target raw value and a target utilization]"#),
            (r#"{"spec": {"metrics": [{"type": "ContainerResource", "containerResource": {"name": "x", "container": "A", "target": {"type": "Utilization", "averageUtilization": 5}}}]}}"#, r#"[spec.metrics[0].containerResource.name: Invalid value: "x": must be a standard resource type or fully qualified, spec.metrics[0].containerResource.name: Invalid value: "x": must be a standard resource for containers, spec.metrics[0].containerResource.container: Invalid value: "A": <label>]"#),
            (r#"{"spec": {"metrics": [{"type": "Object", "object": {"describedObject": {"kind": "Service", "name": "s", "apiVersion": "a/b/c"}, "metric": {"name": "a/b"}, "target": {"type": "Value"}}}]}}"#, r#"[spec.metrics[0].object.describedObject.apiVersion: Invalid value: "a/b/c": unexpected GroupVersion string: a/b/c, spec.metrics[0].object.metric.name: Invalid value: "a/b": may not contain '/', spec.metrics[0].object.target.averageValue: Required value: must set either a target value or averageValue]"#),
            (r#"{"spec": {"metrics": [{"type": "External", "external": {"metric": {"name": ""}, "target": {"type": "Value", "value": "-1", "averageValue": "1"}}}]}}"#, r#"[spec.metrics[0].external.metric.name: Required value: must specify a metric name, spec.metrics[0].external.target.value: Invalid value: "-1": must be positive, spec.metrics[0].external.target.value: Forbidden: may not set both a target value for metric and a per-pod target]"#),
            (r#"{"spec": {"metrics": [{"type": "Pods", "pods": {"metric": {"name": "m"}, "target": {"type": "AverageValue"}}}]}}"#, "spec.metrics[0].pods.target.averageValue: Required value: must specify a positive target averageValue"),
        ],
    )
    .await;
}

#[tokio::test]
async fn changed_autoscalers() {
    updated(
        "/apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers",
        r#"{"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "t-uh"}, "spec": {"maxReplicas": 3, "scaleTargetRef": {"apiVersion": "a.b/v1", "kind": "Deployment", "name": "d"}}}"#,
        &[
            (r#"{"spec": {"maxReplicas": 5}}"#, ""),
            (r#"{"spec": {"scaleTargetRef": {"apiVersion": ""}}}"#, r#"spec.scaleTargetRef.apiVersion: Invalid value: "": apiVersion must specify API group"#),
            (r#"{"spec": {"metrics": []}}"#, ""),
        ],
    )
    .await;
}

#[tokio::test]
async fn autoscalers_of_version_1() {
    created(
        "/apis/autoscaling/v1/namespaces/default/horizontalpodautoscalers",
        r#"{"apiVersion": "autoscaling/v1", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "t-h1"}, "spec": {"maxReplicas": 3, "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "d"}}}"#,
        &[
            ("{}", ""),
            (r#"{"spec": {"targetCPUUtilizationPercentage": 0}}"#, "spec.metrics[0].resource.target.averageUtilization: Invalid value: 0: must be greater than 0"),
            (r#"{"spec": {"minReplicas": 0}}"#, "[spec.minReplicas: Invalid value: 0: must be greater than or equal to 1, spec.metrics: Forbidden: must specify at least one Object or External metric to support scaling to zero replicas]"),
            (r#"{"spec": {"scaleTargetRef": {"apiVersion": null}}}"#, r#"spec.scaleTargetRef.apiVersion: Invalid value: "": apiVersion must specify API group"#),
        ],
    )
    .await;
}

#[tokio::test]
async fn disruption_budgets() {
    created(
        "/apis/policy/v1/namespaces/default/poddisruptionbudgets",
        r#"{"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "t-p"}, "spec": {"minAvailable": 1, "selector": {"matchLabels": {"a": "b"}}}}"#,
        &[
            ("{}", ""),
            (r#"{"spec": {"maxUnavailable": "101%"}}"#, r#"[spec: Invalid value: {"MinAvailable":1,"Selector":{"matchLabels":{"a":"b"}},"MaxUnavailable":"101%","UnhealthyPodEvictionPolicy":null}: minAvailable and maxUnavailable cannot be both set, spec.maxUnavailable: Invalid value: "101%": must not be greater than 100%]"#),
            (r#"{"spec": {"minAvailable": "x"}}"#, r#"spec.minAvailable: Invalid value: "x": a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')"#),
            (r#"{"spec": {"minAvailable": -1}}"#, "spec.minAvailable: Invalid value: -1: must be greater than or equal to 0"),
            (r#"{"spec": {"unhealthyPodEvictionPolicy": "Never"}}"#, r#"spec.unhealthyPodEvictionPolicy: Unsupported value: "Never": supported values: "AlwaysAllow", "IfHealthyBudget""#),
        ],
    )
    .await;
}
