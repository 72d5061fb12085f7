//! Files, manifests and kustomizations. One rule each; this file lists them.

mod duplicate;
mod image_latest;
mod image_registry;
mod invalid_field;
mod repeated_key;
mod resource_missing;
mod secret_missing;
mod secret_plain;
mod unknown_field;
mod unreadable;
mod unsupported_field;

/// The rules of this folder.
pub(super) const RULES: &[&super::Rule] = &[
    &duplicate::RULE,
    &image_latest::RULE,
    &image_registry::RULE,
    &invalid_field::RULE,
    &repeated_key::RULE,
    &resource_missing::RULE,
    &secret_missing::RULE,
    &secret_plain::RULE,
    &unknown_field::RULE,
    &unreadable::RULE,
    &unsupported_field::RULE,
];

/// Kinds with Pods.
const WORKLOADS: [&str; 8] = ["Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job", "CronJob", "Pod", "Rollout"];

/// Every image of a container in the workloads.
pub(super) fn images<'a>(repository: &'a crate::repository::Repository<'_>) -> Vec<(&'a crate::repository::Document, &'a yaml::Node)> {
    use crate::look::Look as _;
    let mut found = Vec::new();
    for document in repository.documents.iter().filter(|document| WORKLOADS.contains(&document.kind.as_str())) {
        let pod = match document.kind.as_str() {
            "Pod" => "spec",
            "CronJob" => "spec.jobTemplate.spec.template.spec",
            _ => "spec.template.spec",
        };
        let Some(pod) = document.root.at(pod) else { continue };
        let containers = ["containers", "initContainers"].iter().flat_map(|list| pod.items_at(list));
        found.extend(
            containers.filter_map(|container| container.get("image")).filter(|image| image.text().is_some()).map(|image| (document, image)),
        );
    }
    found
}

/// The names of images in whose place kustomizations put another name or version.
fn overridden<'a>(repository: &'a crate::repository::Repository<'_>) -> std::collections::HashSet<&'a str> {
    use crate::look::Look as _;
    let kustomizations = repository
        .documents
        .iter()
        .filter(|document| document.path.ends_with("kustomization.yaml") || document.path.ends_with("kustomization.yml"));
    let entries = kustomizations.flat_map(|document| document.root.items_at("images"));
    entries
        .filter(|entry| ["newTag", "newName", "digest"].iter().any(|key| entry.get(key).is_some()))
        .map(|entry| entry.text_at("name"))
        .collect()
}

/// An image's name without tag and digest.
fn name_of(image: &str) -> &str {
    let slash = image.rfind('/').map_or(0, |at| at + 1);
    image[slash..].find([':', '@']).map_or(image, |at| &image[..slash + at])
}

/// Names a kustomization file may have, as kustomize has them.
const KUSTOMIZATIONS: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];
