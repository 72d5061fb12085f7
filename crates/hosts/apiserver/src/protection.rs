//! Claims, volumes, and classes of attributes that are still in use stay until they are not, as Kubernetes' protection controllers have it
//! (`kubernetes/kubernetes:pkg/controller/volume/pvcprotection`, `…/pvprotection`, `…/vacprotection`).

use serde_json::Value;
use store::Store;

use crate::object::meta;

/// What keeps a claim that a Pod uses.
pub(crate) const CLAIM: &str = "kubernetes.io/pvc-protection";
/// What keeps a volume that a claim is bound to.
pub(crate) const VOLUME: &str = "kubernetes.io/pv-protection";
/// What keeps a class of attributes that a claim or volume has.
pub(crate) const ATTRIBUTES: &str = "kubernetes.io/vac-protection";

const PODS: &str = "/registry/core/pods/";
const CLAIMS: &str = "/registry/core/persistentvolumeclaims/";
const VOLUMES: &str = "/registry/core/persistentvolumes/";
const CLASSES: &str = "/registry/storage.k8s.io/volumeattributesclasses/";
/// Where claims and volumes name a class.
const NAMED: &[&str] = &[
    "/spec/volumeAttributesClassName",
    "/status/currentVolumeAttributesClassName",
    "/status/modifyVolumeStatus/targetVolumeAttributesClassName",
];

/// Says whether no Pod on a node uses a claim; one that no node has seen yet does not count.
pub(crate) fn claim_is_free(store: &Store, claim: &Value) -> bool {
    let (namespace, name) = (meta(claim, "namespace"), meta(claim, "name"));
    let (pods, _) = store.scan(&format!("{PODS}{namespace}/"));
    !pods.iter().filter_map(|(_, entry)| serde_json::from_slice::<Value>(&entry.value).ok()).any(|pod| {
        let placed = pod.pointer("/spec/nodeName").and_then(Value::as_str).is_some_and(|node| !node.is_empty());
        placed && claims(&pod).iter().any(|one| one == name)
    })
}

/// Says whether no claim is bound to a volume.
pub(crate) fn volume_is_free(volume: &Value) -> bool {
    volume.pointer("/status/phase").and_then(Value::as_str) != Some("Bound")
}

/// Says whether no claim and no volume has a class of attributes.
pub(crate) fn class_is_free(store: &Store, class: &Value) -> bool {
    let name = meta(class, "name");
    let users = [CLAIMS, VOLUMES].into_iter().flat_map(|prefix| store.scan(prefix).0);
    let mut users = users.filter_map(|(_, entry)| serde_json::from_slice::<Value>(&entry.value).ok());
    !users.any(|user| NAMED.iter().any(|place| user.pointer(place).and_then(Value::as_str) == Some(name)))
}

/// Gives the keys of the classes that may be free once this claim or volume is another one or gone.
pub(crate) fn class_keys(store: &Store, key: &str) -> Vec<String> {
    if !key.starts_with(CLAIMS) && !key.starts_with(VOLUMES) {
        return Vec::new();
    }
    store.scan(CLASSES).0.into_iter().map(|(key, _)| key).collect()
}

/// Gives the keys of the claims that a Pod used.
pub(crate) fn claim_keys(pod: &Value) -> Vec<String> {
    claims(pod).into_iter().map(|name| format!("{CLAIMS}{}/{name}", meta(pod, "namespace"))).collect()
}

/// A volume made for the Pod alone has a claim named after both.
fn claims(pod: &Value) -> Vec<String> {
    let volumes = pod.pointer("/spec/volumes").and_then(Value::as_array);
    volumes
        .into_iter()
        .flatten()
        .filter_map(|volume| {
            let named = volume.pointer("/persistentVolumeClaim/claimName").and_then(Value::as_str).map(str::to_owned);
            let own = || volume.get("ephemeral").map(|_| format!("{}-{}", meta(pod, "name"), meta_name(volume)));
            named.or_else(own)
        })
        .collect()
}

fn meta_name(volume: &Value) -> &str {
    volume.get("name").and_then(Value::as_str).unwrap_or_default()
}
