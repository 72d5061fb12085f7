//! A Kustomization that follows a folder of this repository that is not there.

use crate::repository::normal;
use crate::rules::{Error, Everybody, Fix, Look, Report, Repository, Rule};

pub(crate) const RULE: Rule = Rule {
    id: "flux/path-missing",
    severity: Error,
    scope: Everybody,
    upstream: "The Kustomization fails: path not found.",
    ours: "The same.",
    check,
};

fn check(repository: &Repository<'_>, report: &mut Report<'_>) {
    for kustomization in repository.kind("kustomize.toolkit.fluxcd.io", "Kustomization") {
        let Some(node) =
            kustomization.root.at("spec.path").filter(|_| kustomization.root.text_at("spec.sourceRef.kind") == "GitRepository")
        else {
            continue;
        };
        let path = normal(node.text().unwrap_or_default());
        // Another repository may be meant: it is this one where the path's first folder is here.
        let ours = path
            .split_once('/')
            .is_some_and(|(first, _)| matches!(first, "clusters" | "kargo" | "flux-system") && repository.has_folder(first));
        if ours && !repository.has_folder(&path) && !path.contains("${") {
            report.add(&kustomization.path, node.start(), format!("there is no folder {path}"), Fix::advice("name a folder that is there"));
        }
    }
}
