//! A Kustomization that waits for one that is not there.

use crate::rules::{Error, Everybody, Fix, Look, Report, Repository, Rule};

pub(crate) const RULE: Rule = Rule {
    id: "flux/depends-on-missing",
    severity: Error,
    scope: Everybody,
    upstream: "The Kustomization waits for ever: its dependency is not found.",
    ours: "The same.",
    check,
};

fn check(repository: &Repository<'_>, report: &mut Report<'_>) {
    for kustomization in repository.kind("kustomize.toolkit.fluxcd.io", "Kustomization") {
        for dependency in kustomization.root.items_at("spec.dependsOn") {
            let name = dependency.text_at("name");
            if name.contains("${") || repository.named("Kustomization", name).any(|other| other.group == kustomization.group) {
                continue;
            }
            report.add(
                &kustomization.path,
                dependency.start(),
                format!("there is no Kustomization {name:?}"),
                Fix::advice("name one that is there"),
            );
        }
    }
}
