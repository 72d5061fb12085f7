//! A promotion policy for a Stage that is not there.

use crate::rules::{Error, Everybody, Fix, Look, Report, Repository, Rule};

pub(crate) const RULE: Rule = Rule {
    id: "kargo/policy-stage-missing",
    severity: Error,
    scope: Everybody,
    upstream: "The policy holds for nobody.",
    ours: "The same.",
    check,
};

fn check(repository: &Repository<'_>, report: &mut Report<'_>) {
    for config in repository.kind("kargo.akuity.io", "ProjectConfig") {
        if !repository.stages().any(|stage| stage.namespace == config.namespace) {
            continue;
        }
        for policy in config.root.items_at("spec.promotionPolicies") {
            let Some(node) = policy.at("stageSelector.name").or_else(|| policy.get("stage")) else { continue };
            let name = node.text().unwrap_or_default();
            let pattern = ["regex:", "regexp:", "glob:"].iter().any(|prefix| name.starts_with(prefix));
            if !pattern && !repository.named("Stage", name).any(|stage| stage.namespace == config.namespace) {
                report.add(&config.path, node.start(), format!("there is no Stage {name:?}"), Fix::advice("name a Stage of this Project"));
            }
        }
    }
}
