//! A runbook that pauses or resumes by a command that Kargo does not have.

use super::commands;
use crate::rules::{Fix, Report, Repository, Rule, Upstream, Warning};

pub(crate) const RULE: Rule = Rule {
    id: "docs/kargo-pause",
    severity: Warning,
    scope: Upstream,
    upstream: "There is no such command: nothing can be paused in Kargo.",
    ours: "The command works, and every role obeys.",
    check,
};

fn check(repository: &Repository<'_>, report: &mut Report<'_>) {
    for (path, at, line) in commands(repository, &["kargo pause ", "kargo resume "]) {
        report.add(
            path,
            at,
            format!("{line}: kargo has no such command"),
            Fix::advice("turn auto-promotion off in the ProjectConfig, or use supercargo kargo"),
        );
    }
}
