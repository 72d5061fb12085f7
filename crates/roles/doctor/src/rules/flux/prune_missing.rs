//! A Kustomization that does not say whether it prunes.

use crate::rules::{Error, Everybody, Fix, Look, Report, Repository, Rule};

pub(crate) const RULE: Rule = Rule {
    id: "flux/prune-missing",
    severity: Error,
    scope: Everybody,
    upstream: "The API server refuses a Kustomization without prune.",
    ours: "The same.",
    check,
};

fn check(repository: &Repository<'_>, report: &mut Report<'_>) {
    for kustomization in repository.kind("kustomize.toolkit.fluxcd.io", "Kustomization") {
        let Some(spec) = kustomization.root.get("spec").filter(|spec| spec.get("prune").is_none() && spec.get("sourceRef").is_some())
        else {
            continue;
        };
        let edit = repository.edit(&kustomization.path).insert(spec, "prune", "true");
        let message = format!("{} does not say whether it prunes", kustomization.title());
        report.add(&kustomization.path, spec.start(), message, Fix::edit("add prune: true", edit));
    }
}
