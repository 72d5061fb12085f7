//! The transformers, in kustomize's order.

use model::Tree;
use serde_json::{Value, json};

use crate::file::{File, Image};
use crate::{BuildError, labels, patches};

/// Cluster-scoped kinds of Kubernetes: they get no namespace.
const CLUSTER_SCOPED: [&str; 22] = [
    "Namespace", "Node", "PersistentVolume", "ClusterRole", "ClusterRoleBinding", "CustomResourceDefinition", "APIService", "StorageClass", "PriorityClass",
    "RuntimeClass", "IngressClass", "ValidatingWebhookConfiguration", "MutatingWebhookConfiguration", "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding", "CSIDriver", "CSINode", "VolumeAttachment", "CertificateSigningRequest", "FlowSchema", "PriorityLevelConfiguration",
    "PodSecurityPolicy",
];

pub(crate) fn all(objects: &mut Vec<Value>, file: &File, _tree: &Tree, _folder: &str) -> Result<(), BuildError> {
    for patch in &file.patches {
        patches::apply(objects, patch)?;
    }
    if let Some(namespace) = &file.namespace {
        objects.iter_mut().for_each(|object| set_namespace(object, namespace));
    }
    for labels in &file.labels {
        objects.iter_mut().for_each(|object| labels::add(object, labels));
    }
    if !file.common_annotations.is_empty() {
        objects.iter_mut().for_each(|object| labels::annotate(object, &file.common_annotations));
    }
    for (name, count) in &file.replicas {
        set_replicas(objects, name, *count, &file.path)?;
    }
    for image in &file.images {
        objects.iter_mut().filter(|object| object["kind"] != "CustomResourceDefinition").for_each(|object| set_images(object, image));
    }
    Ok(())
}

fn set_namespace(object: &mut Value, namespace: &str) {
    let kind = object["kind"].as_str().unwrap_or_default().to_owned();
    if kind == "Namespace" {
        object["metadata"]["name"] = json!(namespace);
        return;
    }
    if kind == "RoleBinding" || kind == "ClusterRoleBinding" {
        for subject in object["subjects"].as_array_mut().into_iter().flatten() {
            if subject["kind"] == "ServiceAccount" && subject["name"] == "default" {
                subject["namespace"] = json!(namespace);
            }
        }
    }
    if !CLUSTER_SCOPED.contains(&kind.as_str()) {
        object["metadata"]["namespace"] = json!(namespace);
    }
}

fn set_replicas(objects: &mut [Value], name: &str, count: i64, path: &str) -> Result<(), BuildError> {
    const KINDS: [&str; 4] = ["Deployment", "ReplicationController", "ReplicaSet", "StatefulSet"];
    let mut found = false;
    for object in objects {
        if object["metadata"]["name"] == name && object["kind"].as_str().is_some_and(|kind| KINDS.contains(&kind)) {
            object["spec"]["replicas"] = json!(count);
            found = true;
        }
    }
    if found {
        return Ok(());
    }
    let text = format!("replicas: resource with name {name} does not match a config with the following GVK [{}]", KINDS.join(", "));
    Err(BuildError::Field { path: path.to_owned(), text })
}

/// Changes every `image` of containers and init containers, wherever they stand.
fn set_images(value: &mut Value, image: &Image) {
    match value {
        Value::Object(map) => {
            for (key, inner) in map {
                if matches!(key.as_str(), "containers" | "initContainers") {
                    for container in inner.as_array_mut().into_iter().flatten() {
                        if let Some(changed) = container["image"].as_str().and_then(|old| changed(old, image)) {
                            container["image"] = json!(changed);
                        }
                    }
                }
                set_images(inner, image);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| set_images(item, image)),
        _ => {}
    }
}

/// Source: kustomize `api/internal/image/image.go`, where the name is put into a regular expression as it is. Here a name
/// is a name: `registry.internal/x` does not match `registry-internal/x`.
fn changed(old: &str, image: &Image) -> Option<String> {
    let (rest, digest) = old.split_once('@').map_or((old, None), |(rest, digest)| (rest, Some(digest)));
    let (name, tag) = match rest.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => (name, Some(tag)),
        _ => (rest, None),
    };
    if name != image.name {
        return None;
    }
    let mut new = image.new_name.clone().unwrap_or_else(|| name.to_owned());
    let (tag, digest) = match (&image.new_tag, &image.digest) {
        (None, None) => (tag, digest),
        (tag, digest) => (tag.as_deref(), digest.as_deref()),
    };
    if let Some(tag) = tag {
        new.push_str(&format!(":{tag}"));
    }
    if let Some(digest) = digest {
        new.push_str(&format!("@{digest}"));
    }
    Some(new)
}
