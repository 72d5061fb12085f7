//! The objects that every cluster has: its first namespaces with their accounts, the roles that clients expect, the classes of
//! what the cluster itself needs, the addresses of Services, and the Service of the server itself.

mod roles;

use model::Clock;
use serde_json::{Value, json};
use store::{Batch, Store, StoreError};

use crate::object::{self, meta};
use crate::{builtin, services, token};

const NAMESPACES: &[&str] = &["default", "kube-node-lease", "kube-public", "kube-system"];
const RBAC: &str = "rbac.authorization.k8s.io";
/// Names and values of the classes (kubernetes `pkg/apis/scheduling/v1/helpers.go`).
const CLASSES: [(&str, i64, &str); 2] = [
    ("system-node-critical", 2_000_001_000, "For Pods that the cluster needs on the node they run on."),
    ("system-cluster-critical", 2_000_000_000, "For Pods that the cluster needs, on whichever node."),
];
/// The addresses of Services, those that kubeadm has where nobody says others.
const ADDRESSES: &str = "10.96.0.0/12";
const SERVER: &str = "/registry/core/services/default/kubernetes";
/// As whom upstream's programs write these objects.
const SERVERS: &str = "kube-apiserver";
const CONTROLLERS: &str = "kube-controller-manager";

/// Writes what is missing; what is there stays as somebody made it, but for roles that lack something.
pub(crate) fn fill(store: &Store, clock: &dyn Clock) -> Result<(), StoreError> {
    token::keys::ensure(store, clock.now().as_second())?;
    let now = object::seconds(clock.now());
    for name in NAMESPACES {
        let namespace = json!({
            "apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": {"kubernetes.io/metadata.name": name}},
        });
        let rest = json!({"spec": {"finalizers": ["kubernetes"]}, "status": {"phase": "Active"}});
        put(store, &format!("/registry/core/namespaces/{name}"), || made(SERVERS, namespace, rest, &now))?;
        furnish(store, name, &now)?;
    }
    for object in roles::all() {
        let plural = format!("{}s", object["kind"].as_str().unwrap_or_default().to_lowercase());
        let name = [meta(&object, "namespace"), meta(&object, "name")].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>();
        let key = format!("/registry/{RBAC}/{plural}/{}", name.join("/"));
        match store.get(&key) {
            None => put(store, &key, || made(SERVERS, object, json!({}), &now))?,
            Some(entry) => {
                let stands: Value = serde_json::from_slice(&entry.value).unwrap_or_default();
                if let Some(mended) = roles::mended(&stands, &object) {
                    replace(store, &key, entry.revision, &mended)?;
                }
            }
        }
    }
    for (name, value, about) in CLASSES {
        let class = json!({
            "apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": {"name": name},
            "value": value, "description": about, "preemptionPolicy": "PreemptLowerPriority",
        });
        put(store, &format!("/registry/scheduling.k8s.io/priorityclasses/{name}"), || {
            let mut class = made(SERVERS, class, json!({}), &now);
            object::meta_mut(&mut class).insert("generation".to_owned(), json!(1));
            class
        })?;
    }
    let ready = json!({
        "type": "Ready", "status": "True", "reason": "", "message": "Kubernetes default Service CIDR is ready", "lastTransitionTime": now,
    });
    let range = json!({
        "apiVersion": "networking.k8s.io/v1", "kind": "ServiceCIDR", "metadata": {"name": "kubernetes"}, "spec": {"cidrs": [ADDRESSES]},
    });
    let status = json!({"status": {"conditions": [ready]}});
    put(store, "/registry/networking.k8s.io/servicecidrs/kubernetes", || made(SERVERS, range, status, &now))?;
    services::restore(store, &now)?;
    put_server(store, &now)
}

/// The Service under whose name Pods look for the server. Nobody answers there.
fn put_server(store: &Store, now: &str) -> Result<(), StoreError> {
    if store.get(SERVER).is_some() {
        return Ok(());
    }
    let of = |address: Option<&str>| {
        let mut service = json!({
            "apiVersion": "v1", "kind": "Service",
            "metadata": {
                "name": "kubernetes", "namespace": "default", "labels": {"component": "apiserver", "provider": "kubernetes"},
            },
            "spec": {
                "type": "ClusterIP", "ipFamilyPolicy": "SingleStack", "internalTrafficPolicy": "Cluster", "sessionAffinity": "None",
                "ports": [{"name": "https", "port": 443, "protocol": "TCP", "targetPort": 6443}],
            },
        });
        if let Some(address) = address {
            service["spec"]["clusterIP"] = json!(address);
        }
        let mut service = made(SERVERS, service, json!({"status": {"loadBalancer": {}}}), now);
        services::complete(None, &mut service);
        service
    };
    // Where somebody has the first address, any will do; where there is none, there is none.
    for address in [Some("10.96.0.1"), None] {
        let mut service = of(address);
        if let Ok(claims) = services::claim(store, None, &mut service, now) {
            let batch = claims.write(Batch::new().expect(SERVER, 0).put(SERVER, object::encode(&service, "v1")));
            return store.commit(batch).map(drop);
        }
    }
    Ok(())
}

/// Gives a namespace what each has: the account that Pods run as, and the ConfigMap they mount.
pub(crate) fn furnish(store: &Store, namespace: &str, now: &str) -> Result<(), StoreError> {
    let account = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default", "namespace": namespace}});
    put(store, &format!("/registry/core/serviceaccounts/{namespace}/default"), || made(CONTROLLERS, account, json!({}), now))?;
    // Nothing of the server is reached over TLS, so there is no certificate to tell.
    let about = "Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the internal service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes clusters.";
    let bundle = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "data": {"ca.crt": ""},
        "metadata": {"name": "kube-root-ca.crt", "namespace": namespace, "annotations": {"kubernetes.io/description": about}},
    });
    put(store, &format!("/registry/core/configmaps/{namespace}/kube-root-ca.crt"), || made(CONTROLLERS, bundle, json!({}), now))
}

/// Makes an object of what one of the cluster's programs sends, and of what the server adds to it.
fn made(manager: &str, mut object: Value, rest: Value, now: &str) -> Value {
    builtin::sent_by(manager, &mut object, now);
    let metadata = object::meta_mut(&mut object);
    metadata.insert("uid".to_owned(), json!(object::uid()));
    metadata.insert("creationTimestamp".to_owned(), json!(now));
    if let (Value::Object(object), Value::Object(rest)) = (&mut object, rest) {
        object.extend(rest);
    }
    object
}

/// Makes and writes an object, if nothing stands there.
fn put(store: &Store, key: &str, make: impl FnOnce() -> Value) -> Result<(), StoreError> {
    if store.get(key).is_some() { Ok(()) } else { replace(store, key, 0, &make()) }
}

/// Writes an object over what stands there at this revision; if somebody has written meanwhile, that stays.
fn replace(store: &Store, key: &str, revision: u64, object: &Value) -> Result<(), StoreError> {
    let version = object["apiVersion"].as_str().unwrap_or_default();
    match store.commit(Batch::new().expect(key, revision).put(key, object::encode(object, version))) {
        Ok(_) | Err(StoreError::Conflict { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}
