//! A Promotion kept in Git.

use crate::rules::{Fix, Report, Repository, Rule, Upstream, Warning};

pub(crate) const RULE: Rule = Rule {
    id: "kargo/promotion-in-git",
    severity: Warning,
    scope: Upstream,
    upstream: "The webhook gives every Promotion a new name: applying the file again promotes again.",
    ours: "A Promotion keeps its name, so applying it again changes nothing.",
    check,
};

fn check(repository: &Repository<'_>, report: &mut Report<'_>) {
    for promotion in repository.kind("kargo.akuity.io", "Promotion") {
        report.add(
            &promotion.path,
            promotion.place("metadata.name"),
            "a Promotion is kept in Git",
            Fix::advice("create Promotions with kargo promote"),
        );
    }
}
