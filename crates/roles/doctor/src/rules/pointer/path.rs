//! A Kustomization whose path is no folder of the artifact.

use crate::rules::{Error, Everybody, Fix, Look, Report, Repository, Rule};

pub(crate) const RULE: Rule = Rule {
    id: "pointer/path",
    severity: Error,
    scope: Everybody,
    upstream: "The artifact has no such folder: kustomization path not found.",
    ours: "The same.",
    check,
};

fn check(repository: &Repository<'_>, report: &mut Report<'_>) {
    for kustomization in repository.kind("kustomize.toolkit.fluxcd.io", "Kustomization") {
        let Some(pointer) = super::pointer_of(repository, kustomization) else { continue };
        let Some(root) = repository.artifact_folder(pointer.root.text_at("spec.url")) else { continue };
        let path = crate::repository::normal(kustomization.root.text_at("spec.path"));
        let whole = crate::repository::normal(&format!("{root}/{path}"));
        if repository.has_folder(&whole) {
            continue;
        }
        let parent = whole.rsplit_once('/').map_or("", |(parent, _)| parent);
        let there: Vec<&str> = repository.folders_in(parent).take(10).collect();
        let hint = if there.is_empty() {
            "add the overlay".to_owned()
        } else {
            format!("add the overlay, or name one that is there: {}", there.join(", "))
        };
        report.add(&kustomization.path, kustomization.place("spec.path"), format!("there is no folder {whole}"), Fix::advice(hint));
    }
}
