//! What Nodes, RuntimeClasses, PriorityClasses, Leases and CertificateSigningRequests must satisfy, each fault as a Kubernetes 1.36
//! server tells it.

use super::cases::{created, updated};

#[tokio::test]
async fn nodes() {
    created(
        "/api/v1/nodes",
        r#"{"apiVersion": "v1", "kind": "Node", "metadata": {"name": "t-n"}, "spec": {"podCIDR": "10.1.0.0/24", "providerID": "x"}}"#,
        &[
            ("{}", ""),
            (r#"{"spec": {"taints": [{"key": "a", "effect": "NoSchedule"}, {"key": "a", "effect": "NoSchedule", "value": "x"}, {"key": "", "effect": "", "value": "a b"}, {"key": "a", "effect": "Never"}]}}"#, r#"[metadata.taints[1]: Duplicate value: {"Key":"a","Value":"x","Effect":"NoSchedule","TimeAdded":null}: taints must be unique by key and effect pair, metadata.taints[2].key: Invalid value: "": name part must be non-empty, metadata.taints[2].key: Invalid value: "": name part must consist of <key>, metadata.taints[2].value: Invalid value: "a b": <value>, metadata.taints[2].effect: Required value, metadata.taints[3].effect: Unsupported value: "Never": supported values: "NoSchedule", "PreferNoSchedule", "NoExecute"]"#),
            (r#"{"spec": {"podCIDR": "10.1.0.0/33"}}"#, r#"spec.podCIDRs[0]: Invalid value: "10.1.0.0/33": must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"#),
            (r#"{"spec": {"podCIDR": null, "podCIDRs": ["10.1.0.0/24", "10.2.0.0/24"]}}"#, r#"spec.podCIDRs: Invalid value: ["10.1.0.0/24","10.2.0.0/24"]: may specify no more than one CIDR for each IP family"#),
            (r#"{"spec": {"podCIDR": null, "podCIDRs": ["10.1.0.0/24", "fd00::/64"]}}"#, ""),
            (r#"{"spec": {"externalID": "x", "configSource": {"configMap": {}}}}"#, ""),
            (r#"{"status": {"capacity": {"cpu": "-1", "pods": "500m"}, "declaredFeatures": ["B", "A", "A", "x"]}}"#, r#"[status.capacity.cpu: Invalid value: "-1": must be greater than or equal to 0, status.capacity.pods: Invalid value: "500m": must be an integer, status.allocatable.cpu: Invalid value: "-1": must be greater than or equal to 0, status.allocatable.pods: Invalid value: "500m": must be an integer, status.declaredFeatures[1]: Invalid value: "A": list must be sorted alphabetically, status.declaredFeatures[2]: Duplicate value: "A", status.declaredFeatures[3]: Invalid value: "x": invalid feature name "x": must start with an UpperCamelCase segment, with subsequent segments separated by '/' (e.g., MyFeature or MyFeature/mySubFeature), and contain only alphanumeric characters and slashes]"#),
        ],
    )
    .await;
}

#[tokio::test]
async fn changed_nodes() {
    updated(
        "/api/v1/nodes",
        r#"{"apiVersion": "v1", "kind": "Node", "metadata": {"name": "t-un"}, "spec": {"podCIDR": "10.1.0.0/24", "providerID": "x"}}"#,
        &[
            (r#"{"spec": {"unschedulable": true}}"#, ""),
            (r#"{"spec": {"podCIDR": null, "podCIDRs": null}}"#, r#"spec.podCIDRs: Forbidden: node updates may not change podCIDR except from "" to valid"#),
            (r#"{"spec": {"podCIDR": "10.2.0.0/24", "podCIDRs": ["10.2.0.0/24"]}}"#, r#"spec.podCIDRs: Forbidden: node updates may not change podCIDR except from "" to valid"#),
            (r#"{"spec": {"providerID": "y", "externalID": "z"}}"#, r#"[spec.providerID: Forbidden: node updates may not change providerID except from "" to valid, spec.externalID: Forbidden: may not be updated]"#),
        ],
    )
    .await;
}

#[tokio::test]
async fn runtime_classes() {
    created(
        "/apis/node.k8s.io/v1/runtimeclasses",
        r#"{"apiVersion": "node.k8s.io/v1", "kind": "RuntimeClass", "metadata": {"name": "t-r"}, "handler": "h"}"#,
        &[
            ("{}", ""),
            (r#"{"handler": ""}"#, "handler: Required value"),
            (r#"{"handler": "a.b"}"#, r#"handler: Invalid value: "a.b": must not contain dots"#),
            (r#"{"handler": "/a.b"}"#, r#"handler: Invalid value: "/a.b": <label>"#),
            (r#"{"overhead": {"podFixed": {"cpu": "1m", "x": "1", "a.b/c": "1500m"}}}"#, r#"[overhead.limits[a.b/c]: Invalid value: "1500m": must be an integer, overhead.limits[x]: Invalid value: "x": must be a standard resource type or fully qualified, overhead.limits[x]: Invalid value: "x": must be a standard resource for containers]"#),
            (r#"{"overhead": {"podFixed": {"hugepages-2Mi": "3Mi"}}}"#, r#"[overhead.limits[hugepages-2Mi]: Invalid value: "3Mi": 3Mi is not positive integer multiple of hugepages-2Mi, overhead: Forbidden: HugePages require cpu or memory]"#),
            (r#"{"scheduling": {"nodeSelector": {"a": "?"}}}"#, r#"scheduling.nodeSelector: Invalid value: "?": <value>"#),
            (r#"{"scheduling": {"tolerations": [{"key": "a", "operator": "Exists"}, {"key": "a", "operator": "Exists"}]}}"#, r#"scheduling.tolerations[1]: Duplicate value: {"Key":"a","Operator":"Exists","Value":"","Effect":"","TolerationSeconds":null}"#),
            (r#"{"scheduling": {"tolerations": [{"operator": "Equal", "value": "b"}, {"key": "a", "operator": "Exists", "value": "x"}, {"key": "a", "operator": "Gt"}, {"key": "a", "operator": "Half"}, {"key": "a b", "effect": "Never", "tolerationSeconds": 5}]}}"#, r#"[scheduling.tolerations[0].operator: Invalid value: "Equal": operator must be Exists when `key` is empty, which means "match all values and all keys", scheduling.tolerations[1].operator: Invalid value: "x": value must be empty when `operator` is 'Exists', scheduling.tolerations[2].operator: Unsupported value: "Gt": supported values: "Equal", "Exists", "Lt", "Gt", scheduling.tolerations[3].operator: Unsupported value: "Half": supported values: "Equal", "Exists", scheduling.tolerations[4].key: Invalid value: "a b": name part must consist of <key>, scheduling.tolerations[4].effect: Invalid value: "Never": effect must be 'NoExecute' when `tolerationSeconds` is set, scheduling.tolerations[4].effect: Unsupported value: "Never": supported values: "NoSchedule", "PreferNoSchedule", "NoExecute"]"#),
        ],
    )
    .await;
}

#[tokio::test]
async fn changed_runtime_classes() {
    updated(
        "/apis/node.k8s.io/v1/runtimeclasses",
        r#"{"apiVersion": "node.k8s.io/v1", "kind": "RuntimeClass", "metadata": {"name": "t-ur"}, "handler": "h"}"#,
        &[
            ("{}", ""),
            (r#"{"handler": "i"}"#, r#"handler: Invalid value: "i": field is immutable"#),
            (r#"{"handler": ""}"#, r#"[handler: Required value, handler: Invalid value: "": field is immutable]"#),
        ],
    )
    .await;
}

#[tokio::test]
async fn priority_classes() {
    created(
        "/apis/scheduling.k8s.io/v1/priorityclasses",
        r#"{"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": {"name": "t-pc"}, "value": 5}"#,
        &[
            ("{}", ""),
            (r#"{"value": 1000000001}"#, "value: Forbidden: maximum allowed value of a user defined priority is 1000000000"),
            (r#"{"preemptionPolicy": ""}"#, "preemptionPolicy: Required value"),
            (
                r#"{"preemptionPolicy": "Always"}"#,
                r#"preemptionPolicy: Unsupported value: "Always": supported values: "PreemptLowerPriority", "Never""#,
            ),
        ],
    )
    .await;
}

#[tokio::test]
async fn changed_priority_classes() {
    updated(
        "/apis/scheduling.k8s.io/v1/priorityclasses",
        r#"{"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": {"name": "t-upc"}, "value": 5}"#,
        &[
            (r#"{"description": "x"}"#, ""),
            (
                r#"{"value": 6, "preemptionPolicy": "Never"}"#,
                r#"[value: Forbidden: may not be changed in an update., preemptionPolicy: Invalid value: "Never": field is immutable]"#,
            ),
        ],
    )
    .await;
}

#[tokio::test]
async fn leases() {
    created(
        "/apis/coordination.k8s.io/v1/namespaces/default/leases",
        r#"{"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "t-l"}, "spec": {"holderIdentity": "h"}}"#,
        &[
            (r#"{"spec": {"strategy": "nothing known", "preferredHolder": "x"}}"#, ""),
            (r#"{"spec": {"leaseDurationSeconds": 0, "leaseTransitions": -1}}"#, "[spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0, spec.leaseTransitions: Invalid value: -1: must be greater than or equal to 0]"),
        ],
    )
    .await;
}

#[tokio::test]
async fn certificate_requests() {
    created(
        "/apis/certificates.k8s.io/v1/certificatesigningrequests",
        r#"{"apiVersion": "certificates.k8s.io/v1", "kind": "CertificateSigningRequest", "metadata": {"name": "t-csr"}, "spec": {"request": "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURSBSRVFVRVNULS0tLS0KTUlJQ1hqQ0NBVVlDQVFBd0dURUtNQWdHQTFVRUNnd0JlREVMTUFrR0ExVUVBd3dDYldVd2dnRWlNQTBHQ1NxRwpTSWIzRFFFQkFRVUFBNElCRHdBd2dnRUtBb0lCQVFESGVQRGJMdmhkeXJweTdPOHhJTHYzSHE0UWMwdllmUmJmCjdXU01HMUpoN05GQVlYYXY5VzEwMU9NVFBXOHBJZ2Y0T1Z5KzBRRGNqa0czMjJyQkNmSHo1T1ZXc21iU3IxWVkKdTBkNTdpT2Y3cmhnNDREb3Y4L3pPYzllTnlHQS84UmVLdysyZXRwOFF2cVBqSVJYQWlOMDBmR0NsMmJiUGpYQwpOTUxJZi9ENU43aG5YdC92NmJINHl0UnF4SG9mblgweE5YN1VDUHpGcGdJYVp0cGVvUmx4QTN1OHg5L2I0SVR0CmoyTmJhYmtQbDE1RVB6UER4NHFQMzJKWEVZVmx1Y1hPenkrVXdpcUpIRWlrUFI4dWJ3dnJ6d2hiU1BQWGxaVG8KYUhRRXFQSmc4d2dmckZzcGx2a0NnYjczZ1lrV0YyVHF6Mm9vcmhtL2FxaXNXY2QveDJjTkFnTUJBQUdnQURBTgpCZ2txaGtpRzl3MEJBUXNGQUFPQ0FRRUFZb3RWNEMreHN6NmlJNGxIa2Y0UU9hQXRyNURZSDZsNjZSUnZEakdsCnNiSDM3a0l4bUlHdXBLQndlU1hYWnlzTlhMR3g0dUxVejhOdm1vOEd3Uk9NZUt3aUI1b2dQZjdtdCtqdDBDR0sKdHJ5U2JrbE5tRzlPbXZmNEZZcGNuQTBJOVBpUkdiT1h3MldLUEUvQjRMSllwazZMekhFS2lhTmpURERDVkM1dgowOHBVOWdick9jajhtU0wwQXA2and1TVJIdTFFVHl4SXA2Z1BtdnJtTFNQVmZmbkltZXhia0hndHNHbEdTajZJCmdWa2xFbHBZbSt6VmlJaGlkWWh3RHNwYXpFZ0VrcEc4b3lXaWM0cHl3bmlMTW9NMjVod05jM1Y1dGM0RUFqQXcKOVhWb1g0TU5hUFk0Yk9rb3dnV2l4WTYxRjhwOGdDZGtqWjJTU0tHMkowM1I5dz09Ci0tLS0tRU5EIENFUlRJRklDQVRFIFJFUVVFU1QtLS0tLQo=", "signerName": "example.com/a", "usages": ["client auth"]}}"#,
        &[
            ("{}", ""),
            (r#"{"spec": {"request": "YWJj"}}"#, r#"spec.request: Invalid value: "YWJj": PEM block type must be CERTIFICATE REQUEST"#),
            (r#"{"spec": {"usages": ["client auth", "any thing", "client auth"]}}"#, r#"[spec.usages[1]: Unsupported value: "any thing": supported values: "any", "cert sign", "client auth", "code signing", "content commitment", "crl sign", "data encipherment", "decipher only", "digital signature", "email protection", "encipher only", "ipsec end system", "ipsec tunnel", "ipsec user", "key agreement", "key encipherment", "microsoft sgc", "netscape sgc", "ocsp signing", "s/mime", "server auth", "signing", "timestamping", spec.usages[2]: Duplicate value: "client auth"]"#),
            (r#"{"spec": {"usages": null}}"#, "spec.usages: Required value"),
            (r#"{"spec": {"signerName": "a"}}"#, r#"spec.signerName: Invalid value: "a": must be a fully qualified domain and path of the form 'example.com/signer-name'"#),
            (r#"{"spec": {"signerName": "a/b"}}"#, r#"spec.signerName: Invalid value: "a": should be a domain with at least two segments separated by dots"#),
            (r#"{"spec": {"signerName": "A.b/C"}}"#, r#"[spec.signerName: Invalid value: "A.b": validating label "A": <label>, spec.signerName: Invalid value: "C": validating label "C": <subdomain>]"#),
            (r#"{"spec": {"signerName": "kubernetes.io/legacy-unknown"}}"#, r#"spec.signerName: Invalid value: "kubernetes.io/legacy-unknown": the legacy signerName is not allowed via this API version"#),
            (r#"{"spec": {"expirationSeconds": 599}}"#, "spec.expirationSeconds: Invalid value: 599: may not specify a duration less than 600 seconds (10 minutes)"),
        ],
    )
    .await;
}
