//! A pointer to a tag that moves.

use crate::rules::{Error, Everybody, Fix, Look, Report, Repository, Rule};

pub(crate) const RULE: Rule = Rule {
    id: "pointer/moving-tag",
    severity: Error,
    scope: Everybody,
    upstream: "What runs changes whenever somebody pushes the tag, without a promotion.",
    ours: "The same.",
    check,
};

/// Tags that by custom move.
const MOVING: [&str; 8] = ["latest", "main", "master", "stable", "edge", "dev", "nightly", "HEAD"];

fn check(repository: &Repository<'_>, report: &mut Report<'_>) {
    for pointer in repository.pointers() {
        if let Some(tag) = pointer.root.at("spec.ref.tag").filter(|tag| tag.text().is_some_and(|text| MOVING.contains(&text))) {
            let message = format!("the tag {:?} moves", tag.text().unwrap_or_default());
            report.add(&pointer.path, tag.start(), message, Fix::advice("name one version"));
        }
        if pointer.root.at("spec.ref").is_none() {
            let message = "the pointer names no version, which means the tag latest";
            report.add(&pointer.path, pointer.place("spec"), message, Fix::advice("name one version in spec.ref.tag"));
        }
    }
}
