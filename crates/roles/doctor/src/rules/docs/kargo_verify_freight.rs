//! A runbook that judges Freight by a command that Kargo does not have.

use super::commands;
use crate::rules::{Fix, Report, Repository, Rule, Upstream, Warning};

pub(crate) const RULE: Rule = Rule {
    id: "docs/kargo-verify-freight",
    severity: Warning,
    scope: Upstream,
    upstream: "There is no such command: Freight cannot be rejected by hand.",
    ours: "The command works; such Freight is never eligible again.",
    check,
};

fn check(repository: &Repository<'_>, report: &mut Report<'_>) {
    for (path, at, line) in commands(repository, &["kargo verify-freight"]) {
        report.add(path, at, format!("{line}: kargo has no such command"), Fix::advice("use kargo verify stage, or supercargo kargo"));
    }
}
