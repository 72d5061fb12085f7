//! A Kustomization of a pointer that does not look at health.

use crate::rules::{Everybody, Fix, Look, Report, Repository, Rule, Warning};

pub(crate) const RULE: Rule = Rule {
    id: "pointer/health",
    severity: Warning,
    scope: Everybody,
    upstream: "Ready means applied, not running: what never starts is promoted all the same.",
    ours: "The same.",
    check,
};

fn check(repository: &Repository<'_>, report: &mut Report<'_>) {
    for kustomization in
        repository.kind("kustomize.toolkit.fluxcd.io", "Kustomization").filter(|k| super::pointer_of(repository, k).is_some())
    {
        let spec = |path: &str| kustomization.root.at(path);
        let waits = spec("spec.wait").and_then(Look::flag) == Some(true);
        let checks =
            ["spec.healthChecks", "spec.healthCheckExprs"].iter().any(|path| spec(path).is_some_and(|list| !list.items().is_empty()));
        if waits || checks {
            continue;
        }
        let file = repository.edit(&kustomization.path);
        let edit = match spec("spec.wait") {
            Some(wait) => file.set(wait, "true").map(|edit| file.splice(edit.start, edit.end, "true")),
            None => spec("spec").and_then(|spec| file.insert(spec, "wait", "true")),
        };
        let message = format!("{} neither waits nor has healthChecks", kustomization.title());
        report.add(&kustomization.path, kustomization.place("spec"), message, Fix::edit("add wait: true", edit));
    }
}
