//! Which artifact an environment runs. One rule each; this file lists them.

mod address;
mod health;
mod identity_missing;
mod moving_tag;
mod path;
mod semver_range;
mod verify_absent;
mod wrong_overlay;

/// The rules of this folder.
pub(super) const RULES: &[&super::Rule] = &[
    &address::RULE,
    &health::RULE,
    &identity_missing::RULE,
    &moving_tag::RULE,
    &path::RULE,
    &semver_range::RULE,
    &verify_absent::RULE,
    &wrong_overlay::RULE,
];

/// The pointer that a Kustomization applies.
fn pointer_of<'a>(
    repository: &'a crate::repository::Repository<'_>,
    kustomization: &crate::repository::Document,
) -> Option<&'a crate::repository::Document> {
    use crate::look::Look as _;
    let source = kustomization.root.at("spec.sourceRef")?;
    let namespace = Some(source.text_at("namespace")).filter(|text| !text.is_empty()).unwrap_or(&kustomization.namespace);
    let found = repository
        .named("OCIRepository", source.text_at("name"))
        .filter(|document| document.namespace == namespace && source.text_at("kind") == "OCIRepository");
    // The same name may be used in several clusters: the one in the same file, then in the same folder, is meant.
    fn folder(path: &str) -> &str {
        path.rsplit_once('/').map_or("", |(folder, _)| folder)
    }
    let nearest =
        found.min_by_key(|document| (document.path != kustomization.path, folder(&document.path) != folder(&kustomization.path)))?;
    repository.pointers.iter().map(|at| &repository.documents[*at]).find(|pointer| std::ptr::eq(*pointer, nearest))
}
