//! Two templates of one Stage with metrics of one name.

use crate::rules::{Error, Everybody, Fix, Look, Report, Repository, Rule};
use std::collections::BTreeMap;

pub(crate) const RULE: Rule = Rule {
    id: "kargo/metric-names",
    severity: Error,
    scope: Everybody,
    upstream: "All templates of a Stage become one AnalysisRun; metrics of one name make it an error.",
    ours: "The same.",
    check,
};

fn check(repository: &Repository<'_>, report: &mut Report<'_>) {
    for stage in repository.stages() {
        let mut seen: BTreeMap<&str, &str> = BTreeMap::new();
        for reference in stage.root.items_at("spec.verification.analysisTemplates") {
            let name = reference.text_at("name");
            let Some(template) = repository.named("AnalysisTemplate", name).find(|template| template.namespace == stage.namespace) else {
                continue;
            };
            for metric in template.root.items_at("spec.metrics").iter().filter_map(|metric| metric.get("name")) {
                let text = metric.text().unwrap_or_default();
                if let Some(other) = seen.insert(text, name).filter(|other| *other != name) {
                    let message = format!("the metric {text:?} is also in the AnalysisTemplate {other:?} of the Stage {:?}", stage.name);
                    report.add(&template.path, metric.start(), message, Fix::advice("give it a name of its own"));
                }
            }
        }
    }
}
