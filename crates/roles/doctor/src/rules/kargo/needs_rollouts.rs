//! Verification without Argo Rollouts.

use crate::rules::{Fix, Look, Report, Repository, Rule, Upstream, Warning};

pub(crate) const RULE: Rule = Rule {
    id: "kargo/needs-rollouts",
    severity: Warning,
    scope: Upstream,
    upstream: "Verification needs the resource types and the controller of Argo Rollouts beside Kargo; without them it ends in an error.",
    ours: "The analysis engine is built in.",
    check,
};

fn check(repository: &Repository<'_>, report: &mut Report<'_>) {
    let installed = repository
        .documents
        .iter()
        .any(|d| d.path.contains("rollouts") || d.name.contains("rollouts") || d.root.text_at("spec.chart.spec.chart") == "argo-rollouts");
    let first = repository.stages().find_map(|stage| Some((stage, stage.root.at("spec.verification.analysisTemplates")?)));
    if let Some((stage, templates)) = first.filter(|_| !installed) {
        report.add(
            &stage.path,
            templates.start(),
            "nothing in this repository installs Argo Rollouts",
            Fix::advice("install Argo Rollouts in Kargo's cluster"),
        );
    }
}
