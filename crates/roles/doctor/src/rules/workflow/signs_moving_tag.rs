//! A signature for a tag that moves.

use super::{Signed, signed};
use crate::rules::{Error, Everybody, Fix, Report, Repository, Rule};

pub(crate) const RULE: Rule = Rule {
    id: "workflow/signs-moving-tag",
    severity: Error,
    scope: Everybody,
    upstream: "The tag may name other bytes by then: those are signed.",
    ours: "The same.",
    check,
};

fn check(repository: &Repository<'_>, report: &mut Report<'_>) {
    for (workflow, at, reference, kind) in signed(repository) {
        if kind == Signed::MovingTag {
            report.add(&workflow.path, at, format!("{reference} is signed, and its tag moves"), Fix::advice("sign name@digest"));
        }
    }
}
