//! A signature for a tag in place of a digest.

use super::{Signed, signed};
use crate::rules::{Fix, Report, Repository, Rule, Upstream, Warning};

pub(crate) const RULE: Rule = Rule {
    id: "workflow/signs-tag",
    severity: Warning,
    scope: Upstream,
    upstream: "What is signed is what the tag names at that moment, which may be another push than this job's.",
    ours: "The digest that this job has pushed is signed; version tags never move.",
    check,
};

fn check(repository: &Repository<'_>, report: &mut Report<'_>) {
    for (workflow, at, reference, kind) in signed(repository) {
        if kind == Signed::Tag {
            let fix = Fix::advice("sign name@digest, with the digest that flux push artifact --output json prints");
            report.add(&workflow.path, at, format!("{reference} is signed by its tag"), fix);
        }
    }
}
