//! A Kustomization with both `wait` and `healthChecks`.

use crate::rules::{Fix, Look, Report, Repository, Rule, Upstream, Warning};

pub(crate) const RULE: Rule = Rule {
    id: "flux/wait-and-health-checks",
    severity: Warning,
    scope: Upstream,
    upstream: "With wait: true the healthChecks are ignored.",
    ours: "With wait every object is waited for, so the list adds nothing.",
    check,
};

fn check(repository: &Repository<'_>, report: &mut Report<'_>) {
    for kustomization in repository.kind("kustomize.toolkit.fluxcd.io", "Kustomization") {
        let Some(spec) = kustomization.root.get("spec") else { continue };
        let waits = spec.get("wait").and_then(Look::flag) == Some(true);
        if let Some((key, _)) = spec.pair("healthChecks").filter(|(_, list)| waits && !list.items().is_empty()) {
            let fix = Fix::edit("take healthChecks out", repository.edit(&kustomization.path).remove(spec, "healthChecks"));
            report.add(&kustomization.path, key.start(), "healthChecks stand beside wait: true", fix);
        }
    }
}
