//! A Stage that requests Freight of a Warehouse that is not there.

use crate::rules::{Error, Everybody, Fix, Look, Report, Repository, Rule};

pub(crate) const RULE: Rule = Rule {
    id: "kargo/origin-missing",
    severity: Error,
    scope: Everybody,
    upstream: "The Stage never gets Freight.",
    ours: "The same.",
    check,
};

fn check(repository: &Repository<'_>, report: &mut Report<'_>) {
    for stage in repository.stages() {
        for origin in stage.root.items_at("spec.requestedFreight").iter().filter_map(|request| request.at("origin.name")) {
            let name = origin.text().unwrap_or_default();
            if !repository.named("Warehouse", name).any(|other| other.namespace == stage.namespace) {
                report.add(
                    &stage.path,
                    origin.start(),
                    format!("there is no Warehouse {name:?}"),
                    Fix::advice("name a Warehouse of this Project"),
                );
            }
        }
    }
}
