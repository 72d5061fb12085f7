//! A runbook that names a Git source that is in no file.

use super::commands;
use crate::rules::{Fix, Report, Repository, Rule, Upstream, Warning};

pub(crate) const RULE: Rule = Rule {
    id: "docs/flux-source",
    severity: Warning,
    scope: Upstream,
    upstream: "Bootstrap names the source flux-system: in an emergency the command finds nothing.",
    ours: "The source is found by the name that the repository gives it.",
    check,
};

fn check(repository: &Repository<'_>, report: &mut Report<'_>) {
    for (path, at, line) in commands(repository, &["flux suspend source git ", "flux resume source git ", "flux reconcile source git "]) {
        let name = line.split_whitespace().nth(4).unwrap_or_default();
        if !name.is_empty()
            && name != "flux-system"
            && name.starts_with(|c: char| c.is_ascii_alphanumeric())
            && repository.named("GitRepository", name).next().is_none()
        {
            report.add(
                path,
                at,
                format!("no GitRepository is named {name:?}"),
                Fix::advice("write flux-system, or the name that the source has"),
            );
        }
    }
}
