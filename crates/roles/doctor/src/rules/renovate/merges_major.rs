//! An automatic merge of major versions.

use crate::rules::{Everybody, Fix, Look, Report, Repository, Rule, Warning};

pub(crate) const RULE: Rule = Rule {
    id: "renovate/merges-major",
    severity: Warning,
    scope: Everybody,
    upstream: "Major versions are merged without a person.",
    ours: "The same.",
    check,
};

fn check(repository: &Repository<'_>, report: &mut Report<'_>) {
    let Some((path, Ok(root))) = &repository.renovate else { return };
    for block in super::blocks(root).filter(|block| block.get("automerge").and_then(Look::flag) == Some(true)) {
        let kinds = block.get("matchUpdateTypes").map(|kinds| kinds.texts()).unwrap_or_default();
        if let Some(major) = kinds.iter().find(|kind| kind.text() == Some("major")) {
            report.add(path, major.start(), "major versions are merged without a person", Fix::advice("leave major out of this rule"));
        }
    }
}
