//! Stages that wait for each other.

use crate::rules::{Error, Everybody, Fix, Look, Report, Repository, Rule};
use std::collections::BTreeMap;

pub(crate) const RULE: Rule = Rule {
    id: "kargo/upstream-circle",
    severity: Error,
    scope: Everybody,
    upstream: "No Freight ever enters the circle.",
    ours: "The same.",
    check,
};

fn check(repository: &Repository<'_>, report: &mut Report<'_>) {
    // A Stage that takes Freight straight from a Warehouse starts a line; what is reached from there is no circle.
    let mut waits: BTreeMap<(&str, &str), Vec<(&str, &str)>> = BTreeMap::new();
    let mut open: Vec<(&str, &str)> = Vec::new();
    let mut reached: BTreeMap<(&str, &str), bool> = BTreeMap::new();
    for stage in repository.stages() {
        let own = (stage.namespace.as_str(), stage.name.as_str());
        reached.insert(own, false);
        let requests = stage.root.items_at("spec.requestedFreight");
        let sources: Vec<&str> =
            requests.iter().flat_map(|request| request.items_at("sources.stages")).filter_map(|source| source.text()).collect();
        let missing = sources.iter().any(|source| !repository.named("Stage", source).any(|other| other.namespace == stage.namespace));
        if sources.is_empty() || missing || requests.iter().any(|request| request.at("sources.direct").and_then(Look::flag) == Some(true)) {
            open.push(own);
        }
        for source in sources {
            waits.entry((own.0, source)).or_default().push(own);
        }
    }
    while let Some(stage) = open.pop() {
        if reached.insert(stage, true) == Some(true) {
            continue;
        }
        open.extend(waits.get(&stage).into_iter().flatten());
    }
    for stage in repository.stages().filter(|stage| reached.get(&(stage.namespace.as_str(), stage.name.as_str())) == Some(&false)) {
        let message = format!("no Freight can reach the Stage {:?}: the Stages before it wait for each other", stage.name);
        report.add(
            &stage.path,
            stage.place("spec.requestedFreight"),
            message,
            Fix::advice("let one of them take Freight from the Warehouse"),
        );
    }
}
