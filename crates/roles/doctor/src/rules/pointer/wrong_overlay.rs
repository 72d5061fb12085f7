//! A pointer that takes another environment's overlay.

use crate::rules::{Error, Everybody, Fix, Look, Report, Repository, Rule};

pub(crate) const RULE: Rule = Rule {
    id: "pointer/wrong-overlay",
    severity: Error,
    scope: Everybody,
    upstream: "This environment runs with another environment's settings.",
    ours: "The same.",
    check,
};

fn check(repository: &Repository<'_>, report: &mut Report<'_>) {
    for kustomization in repository.kind("kustomize.toolkit.fluxcd.io", "Kustomization") {
        let Some(environment) =
            kustomization.path.strip_prefix("clusters/").and_then(|rest| rest.split_once('/')).map(|(environment, _)| environment)
        else {
            continue;
        };
        let Some(pointer) = super::pointer_of(repository, kustomization) else { continue };
        let Some(root) = repository.artifact_folder(pointer.root.text_at("spec.url")) else { continue };
        let Some(node) = kustomization.root.at("spec.path") else { continue };
        let path = crate::repository::normal(node.text().unwrap_or_default());
        let (parent, last) = path.rsplit_once('/').unwrap_or(("", &path));
        let own = crate::repository::normal(&format!("{parent}/{environment}"));
        // Only where both are there has somebody chosen the wrong one.
        let both = repository.has_folder(&format!("{root}/{own}")) && repository.has_folder(&format!("{root}/{path}"));
        if last != environment && both && repository.has_folder(&format!("clusters/{last}")) {
            let edit = repository.edit(&kustomization.path).set(node, &format!("./{own}"));
            let message = format!("clusters/{environment} takes the overlay {path}");
            report.add(&kustomization.path, node.start(), message, Fix::edit(format!("take ./{own}"), edit));
        }
    }
}
