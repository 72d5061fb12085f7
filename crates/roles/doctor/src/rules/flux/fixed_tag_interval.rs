//! A short interval where a version is named and promotions come by Git.

use crate::rules::{Fix, Look, Report, Repository, Rule, Upstream, Warning};

pub(crate) const RULE: Rule = Rule {
    id: "flux/fixed-tag-interval",
    severity: Warning,
    scope: Upstream,
    upstream: "A version's tag does not move, so looking often finds nothing; what delays a promotion is the interval of the Git source.",
    ours: "Nothing waits for an interval.",
    check,
};

/// Below this an interval looks as if it were meant to be quick.
const SHORT: std::time::Duration = std::time::Duration::from_secs(300);

fn check(repository: &Repository<'_>, report: &mut Report<'_>) {
    if repository.kind("notification.toolkit.fluxcd.io", "Receiver").next().is_some() {
        return;
    }
    for pointer in repository.pointers() {
        let Some(interval) = pointer.root.at("spec.interval") else { continue };
        let short = golang::parse_duration(interval.text().unwrap_or_default()).is_ok_and(|interval| interval < SHORT);
        if short && pointer.root.at("spec.ref.tag").is_some() {
            let fix = Fix::advice("add a Receiver for the pushes of the forge, and look here rarely");
            report.add(&pointer.path, interval.start(), "the tag is fixed, so a short interval gains nothing", fix);
        }
    }
}
