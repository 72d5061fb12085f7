//! A Stage that is verified without waiting for Flux.

use crate::rules::{Fix, Look, Report, Repository, Rule, Upstream, Warning};
use crate::steps::steps;

pub(crate) const RULE: Rule = Rule {
    id: "kargo/verification-race",
    severity: Warning,
    scope: Upstream,
    upstream: "Kargo starts the tests when the promotion has succeeded and never looks at Flux: they run against what ran before.",
    ours: "Verification starts when the target's Kustomization reports the promoted digest applied and Ready.",
    check,
};

fn check(repository: &Repository<'_>, report: &mut Report<'_>) {
    for stage in repository.stages() {
        let Some(verification) = stage.root.at("spec.verification.analysisTemplates").filter(|list| !list.items().is_empty()) else {
            continue;
        };
        let known = [
            "git-clone",
            "git-clear",
            "yaml-update",
            "yaml-parse",
            "git-commit",
            "git-push",
            "git-open-pr",
            "git-wait-for-pr",
            "copy",
            "delete",
        ];
        let all = steps(stage);
        if !all.is_empty() && all.iter().all(|step| known.contains(&step.uses)) {
            let message = format!("the tests of the Stage {:?} start before Flux has applied what was promoted", stage.name);
            report.add(
                &stage.path,
                verification.start(),
                message,
                Fix::advice("let the tests, or a step of the promotion, wait until the new revision is applied"),
            );
        }
    }
}
