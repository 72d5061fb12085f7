//! A pointer with a range of versions in place of one.

use crate::rules::{Error, Everybody, Fix, Look, Report, Repository, Rule};

pub(crate) const RULE: Rule = Rule {
    id: "pointer/semver-range",
    severity: Error,
    scope: Everybody,
    upstream: "Flux follows the newest version that fits by itself: it is in the cluster before any test has run, and Kargo's edits do nothing.",
    ours: "The same, so the range is refused: a pointer names one version.",
    check,
};

fn check(repository: &Repository<'_>, report: &mut Report<'_>) {
    for pointer in repository.pointers() {
        if let Some((key, value)) = pointer.root.at("spec.ref").and_then(|reference| reference.pair("semver")) {
            let message = format!("the pointer follows the range {:?}", value.text().unwrap_or_default());
            report.add(&pointer.path, key.start(), message, Fix::advice("name one version in spec.ref.tag"));
        }
    }
}
