//! A version constraint that admits nothing, or is none.

use crate::rules::{Error, Everybody, Fix, Look, Report, Repository, Rule};
use golang::{Constraint, Version};

pub(crate) const RULE: Rule = Rule {
    id: "kargo/constraint",
    severity: Error,
    scope: Everybody,
    upstream: "Nothing is discovered, or one version alone: ^0.0.N means exactly that patch.",
    ours: "The literal ^0.0.0 is read as all of major version 0; every other constraint is taken by its word.",
    check,
};

/// Most numbers of a constraint for which every combination is tried.
const NUMBERS: usize = 6;

fn check(repository: &Repository<'_>, report: &mut Report<'_>) {
    for warehouse in repository.kind("kargo.akuity.io", "Warehouse") {
        for subscription in warehouse.root.items_at("spec.subscriptions") {
            for path in ["image.constraint", "image.semverConstraint", "git.semverConstraint", "chart.semverConstraint"] {
                let Some(node) = subscription.at(path) else { continue };
                let Some(text) = node.text() else { continue };
                let Some((message, wanted)) = wrong(text) else { continue };
                let edit = wanted.and_then(|wanted| repository.edit(&warehouse.path).set(node, wanted));
                let fix = Fix::edit("write a range such as >=0.0.0 <1.0.0", edit);
                report.add(&warehouse.path, node.start(), message, fix);
            }
        }
    }
}

fn wrong(text: &str) -> Option<(String, Option<&'static str>)> {
    let constraint = match Constraint::parse(text) {
        Ok(constraint) => constraint,
        Err(error) => return Some((error.to_string(), None)),
    };
    if let Some(patch) = text.trim().strip_prefix("^0.0.")
        && patch.bytes().all(|b| b.is_ascii_digit())
    {
        return Some((format!("{text:?} admits 0.0.{patch} and no other version"), Some(">=0.0.0 <1.0.0")));
    }
    let mut numbers: Vec<u64> = text.split(|c: char| !c.is_ascii_digit()).filter_map(|number| number.parse().ok()).collect();
    if numbers.len() > NUMBERS || text.contains('-') {
        return None;
    }
    numbers = numbers.iter().flat_map(|n| [n.saturating_sub(1), *n, n.saturating_add(1)]).chain([0, 1]).collect();
    numbers.sort_unstable();
    numbers.dedup();
    let admits = |major: &u64| {
        let of = |minor: &u64| {
            numbers.iter().any(|patch| Version::strict(&format!("{major}.{minor}.{patch}")).is_some_and(|v| constraint.matches(&v)))
        };
        numbers.iter().any(of)
    };
    (!numbers.iter().any(admits)).then(|| (format!("no version satisfies {text:?}"), None))
}
