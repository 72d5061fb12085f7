//! An automatic merge without checks.

use crate::rules::{Error, Everybody, Fix, Look, Report, Repository, Rule};

pub(crate) const RULE: Rule = Rule {
    id: "renovate/ignore-tests",
    severity: Error,
    scope: Everybody,
    upstream: "Updates are merged without waiting for any check.",
    ours: "Refused by name.",
    check,
};

fn check(repository: &Repository<'_>, report: &mut Report<'_>) {
    let Some((path, Ok(root))) = &repository.renovate else { return };
    let merges = super::blocks(root).any(|block| block.get("automerge").and_then(Look::flag) == Some(true));
    for (key, value) in super::blocks(root).filter_map(|block| block.pair("ignoreTests")) {
        if merges && value.flag() == Some(true) {
            let edit = repository.edit(path).splice(value.span.start, value.span.end, "false");
            report.add(path, key.start(), "updates are merged without checks", Fix::edit("let it wait for the checks", [edit]));
        }
    }
}
