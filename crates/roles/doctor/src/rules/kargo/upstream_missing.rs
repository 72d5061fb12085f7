//! A Stage that takes Freight from a Stage that is not there.

use crate::rules::{Error, Everybody, Fix, Look, Report, Repository, Rule};

pub(crate) const RULE: Rule = Rule {
    id: "kargo/upstream-missing",
    severity: Error,
    scope: Everybody,
    upstream: "The Stage waits for ever: no Freight is verified in a Stage that does not exist.",
    ours: "The same.",
    check,
};

fn check(repository: &Repository<'_>, report: &mut Report<'_>) {
    for stage in repository.stages() {
        for source in stage.root.items_at("spec.requestedFreight").iter().flat_map(|request| request.items_at("sources.stages")) {
            let name = source.text().unwrap_or_default();
            let there = repository.named("Stage", name).any(|other| other.namespace == stage.namespace);
            if !there && !name.is_empty() {
                report.add(&stage.path, source.start(), format!("there is no Stage {name:?}"), Fix::advice("name a Stage of this Project"));
            }
        }
    }
}
