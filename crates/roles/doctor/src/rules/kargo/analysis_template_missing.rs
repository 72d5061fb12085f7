//! A Stage that names an AnalysisTemplate that is not there.

use crate::rules::{Error, Everybody, Fix, Look, Report, Repository, Rule};

pub(crate) const RULE: Rule = Rule {
    id: "kargo/analysis-template-missing",
    severity: Error,
    scope: Everybody,
    upstream: "The verification ends in an error, so nothing is promoted further.",
    ours: "The same.",
    check,
};

fn check(repository: &Repository<'_>, report: &mut Report<'_>) {
    for stage in repository.stages() {
        for template in stage.root.items_at("spec.verification.analysisTemplates") {
            let Some(name) = template.get("name") else { continue };
            let kind = if template.text_at("kind").is_empty() { "AnalysisTemplate" } else { template.text_at("kind") };
            let text = name.text().unwrap_or_default();
            let mut all = repository.named(kind, text).peekable();
            let elsewhere = all.peek().map(|other| other.namespace.clone());
            let here = all.any(|t| {
                kind != "AnalysisTemplate" || t.namespace == stage.namespace || t.namespace.is_empty() || stage.namespace.is_empty()
            });
            if here || text.contains("${{") {
                continue;
            }
            let message = match elsewhere {
                Some(other) => format!("the {kind} {text:?} is in the namespace {other:?}, the Stage in {:?}", stage.namespace),
                None => format!("there is no {kind} {text:?}"),
            };
            report.add(&stage.path, name.start(), message, Fix::advice("add it in the Stage's namespace, or take its name out"));
        }
    }
}
