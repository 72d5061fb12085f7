//! The objects that every cluster has: its first namespaces with their accounts, and the roles that clients expect.

use model::Clock;
use serde_json::{Value, json};
use store::{Batch, Store, StoreError};

use crate::object::{self, meta};
use crate::token;

const NAMESPACES: &[&str] = &["default", "kube-node-lease", "kube-public", "kube-system"];
const READ: &[&str] = &["get", "list", "watch"];
const WRITE: &[&str] = &["create", "delete", "deletecollection", "patch", "update"];
/// The role that may ask how tokens are checked.
const ISSUER: &str = "system:service-account-issuer-discovery";
const RBAC: &str = "rbac.authorization.k8s.io";

/// Writes what is missing; what is there stays as somebody made it.
pub(crate) fn fill(store: &Store, clock: &dyn Clock) -> Result<(), StoreError> {
    token::ensure_key(store)?;
    let now = object::seconds(clock.now());
    for name in NAMESPACES {
        let namespace = json!({
            "apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": {"kubernetes.io/metadata.name": name}},
            "spec": {"finalizers": ["kubernetes"]}, "status": {"phase": "Active"},
        });
        put(store, &format!("/registry/core/namespaces/{name}"), namespace, &now)?;
        furnish(store, name, &now)?;
    }
    for object in roles().into_iter().chain(bindings()) {
        let plural = if object["kind"] == "ClusterRole" { "clusterroles" } else { "clusterrolebindings" };
        put(store, &format!("/registry/{RBAC}/{plural}/{}", meta(&object, "name")), object, &now)?;
    }
    Ok(())
}

/// Gives a namespace what each has: the account that Pods run as, and the ConfigMap they mount.
pub(crate) fn furnish(store: &Store, namespace: &str, now: &str) -> Result<(), StoreError> {
    let account = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default", "namespace": namespace}});
    put(store, &format!("/registry/core/serviceaccounts/{namespace}/default"), account, now)?;
    // Nothing of the server is reached over TLS, so there is no certificate to tell.
    let about = "Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the internal service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes clusters.";
    let bundle = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "data": {"ca.crt": ""},
        "metadata": {"name": "kube-root-ca.crt", "namespace": namespace, "annotations": {"kubernetes.io/description": about}},
    });
    put(store, &format!("/registry/core/configmaps/{namespace}/kube-root-ca.crt"), bundle, now)
}

fn put(store: &Store, key: &str, mut object: Value, now: &str) -> Result<(), StoreError> {
    if store.get(key).is_some() {
        return Ok(());
    }
    let metadata = object::meta_mut(&mut object);
    metadata.insert("uid".to_owned(), json!(object::uid()));
    metadata.insert("creationTimestamp".to_owned(), json!(now));
    let version = object["apiVersion"].as_str().unwrap_or_default().to_owned();
    match store.commit(Batch::new().expect(key, 0).put(key, object::encode(&object, &version))) {
        Ok(_) | Err(StoreError::Conflict { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}

fn rule(groups: &[&str], resources: &[&str], verbs: &[&str]) -> Value {
    json!({"apiGroups": groups, "resources": resources, "verbs": verbs})
}

fn paths(list: &[&str], verbs: &[&str]) -> Value {
    json!({"nonResourceURLs": list, "verbs": verbs})
}

fn role(name: &str, labels: &[(&str, &str)], rules: Vec<Value>) -> Value {
    let mut object = json!({
        "apiVersion": format!("{RBAC}/v1"), "kind": "ClusterRole", "rules": rules,
        "metadata": {"name": name, "labels": {"kubernetes.io/bootstrapping": "rbac-defaults"}, "annotations": {format!("{RBAC}/autoupdate"): "true"}},
    });
    for (key, value) in labels {
        object["metadata"]["labels"][format!("{RBAC}/{key}")] = json!(value);
    }
    object
}

fn aggregated(name: &str, from: &str, labels: &[(&str, &str)]) -> Value {
    let mut object = role(name, labels, Vec::new());
    object["aggregationRule"] = json!({"clusterRoleSelectors": [{"matchLabels": {format!("{RBAC}/{from}"): "true"}}]});
    object
}

fn roles() -> Vec<Value> {
    const CORE: &[&str] =
        &["configmaps", "endpoints", "persistentvolumeclaims", "pods", "replicationcontrollers", "serviceaccounts", "services"];
    const CORE_STATUS: &[&str] = &[
        "bindings",
        "events",
        "limitranges",
        "namespaces/status",
        "persistentvolumeclaims/status",
        "pods/log",
        "pods/status",
        "resourcequotas",
        "resourcequotas/status",
        "services/status",
    ];
    const APPS: &[&str] =
        &["daemonsets", "deployments", "deployments/scale", "replicasets", "replicasets/scale", "statefulsets", "statefulsets/scale"];
    const NETWORK: &[&str] = &["ingresses", "networkpolicies"];
    const SYSTEM: &[&str] =
        &["/api", "/api/*", "/apis", "/apis/*", "/healthz", "/livez", "/openapi", "/openapi/*", "/readyz", "/version", "/version/"];
    let view = vec![
        rule(&[""], CORE, READ),
        rule(&[""], CORE_STATUS, READ),
        rule(&[""], &["namespaces"], READ),
        rule(&["discovery.k8s.io"], &["endpointslices"], READ),
        rule(
            &["apps"],
            &[APPS, &["controllerrevisions", "daemonsets/status", "deployments/status", "replicasets/status", "statefulsets/status"]]
                .concat(),
            READ,
        ),
        rule(&["autoscaling"], &["horizontalpodautoscalers", "horizontalpodautoscalers/status"], READ),
        rule(&["batch"], &["cronjobs", "cronjobs/status", "jobs", "jobs/status"], READ),
        rule(&["policy"], &["poddisruptionbudgets", "poddisruptionbudgets/status"], READ),
        rule(&["networking.k8s.io"], &[NETWORK, &["ingresses/status"]].concat(), READ),
    ];
    let edit = vec![
        rule(&[""], &["secrets"], READ),
        rule(&[""], &["serviceaccounts"], &["impersonate"]),
        rule(&[""], &[CORE, &["secrets"]].concat(), WRITE),
        rule(&[""], &["serviceaccounts/token"], &["create"]),
        rule(&[""], &["events"], WRITE),
        rule(&["apps"], APPS, WRITE),
        rule(&["autoscaling"], &["horizontalpodautoscalers"], WRITE),
        rule(&["batch"], &["cronjobs", "jobs"], WRITE),
        rule(&["policy"], &["poddisruptionbudgets"], WRITE),
        rule(&["networking.k8s.io"], NETWORK, WRITE),
        rule(&["coordination.k8s.io"], &["leases"], &[WRITE, READ].concat()),
    ];
    let admin = vec![
        rule(&["authorization.k8s.io"], &["localsubjectaccessreviews"], &["create"]),
        rule(&[RBAC], &["rolebindings", "roles"], &[WRITE, READ].concat()),
    ];
    vec![
        role("cluster-admin", &[], vec![rule(&["*"], &["*"], &["*"]), paths(&["*"], &["*"])]),
        aggregated("admin", "aggregate-to-admin", &[]),
        aggregated("edit", "aggregate-to-edit", &[("aggregate-to-admin", "true")]),
        aggregated("view", "aggregate-to-view", &[("aggregate-to-edit", "true")]),
        role("system:aggregate-to-admin", &[("aggregate-to-admin", "true")], admin),
        role("system:aggregate-to-edit", &[("aggregate-to-edit", "true")], edit),
        role("system:aggregate-to-view", &[("aggregate-to-view", "true")], view),
        role(
            "system:basic-user",
            &[],
            vec![
                rule(&["authorization.k8s.io"], &["selfsubjectaccessreviews", "selfsubjectrulesreviews"], &["create"]),
                rule(&["authentication.k8s.io"], &["selfsubjectreviews"], &["create"]),
            ],
        ),
        role("system:discovery", &[], vec![paths(SYSTEM, &["get"])]),
        role(
            ISSUER,
            &[],
            vec![paths(
                &["/.well-known/openid-configuration", "/.well-known/openid-configuration/", "/openid/v1/jwks", "/openid/v1/jwks/"],
                &["get"],
            )],
        ),
        role(
            "system:monitoring",
            &[],
            vec![paths(&["/healthz", "/healthz/*", "/livez", "/livez/*", "/metrics", "/metrics/slis", "/readyz", "/readyz/*"], &["get"])],
        ),
        role("system:public-info-viewer", &[], vec![paths(&["/healthz", "/livez", "/readyz", "/version", "/version/"], &["get"])]),
    ]
}

fn bindings() -> Vec<Value> {
    let bind = |role: &str, groups: &[&str]| {
        let subjects: Vec<Value> = groups.iter().map(|group| json!({"apiGroup": RBAC, "kind": "Group", "name": group})).collect();
        json!({
            "apiVersion": format!("{RBAC}/v1"), "kind": "ClusterRoleBinding", "subjects": subjects,
            "metadata": {"name": role, "labels": {"kubernetes.io/bootstrapping": "rbac-defaults"}, "annotations": {format!("{RBAC}/autoupdate"): "true"}},
            "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": role},
        })
    };
    vec![
        bind("cluster-admin", &["system:masters"]),
        bind("system:basic-user", &["system:authenticated"]),
        bind("system:discovery", &["system:authenticated"]),
        bind(ISSUER, &["system:serviceaccounts"]),
        bind("system:monitoring", &["system:monitoring"]),
        bind("system:public-info-viewer", &["system:authenticated", "system:unauthenticated"]),
    ]
}
