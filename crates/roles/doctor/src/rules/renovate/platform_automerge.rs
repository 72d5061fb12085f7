//! The option platformAutomerge beside merging by branch.

use crate::rules::{Fix, Look, Report, Repository, Rule, Upstream, Warning};

pub(crate) const RULE: Rule = Rule {
    id: "renovate/platform-automerge",
    severity: Warning,
    scope: Upstream,
    upstream: "With automergeType branch the branch is pushed straight to its target: platformAutomerge does nothing.",
    ours: "The same.",
    check,
};

fn check(repository: &Repository<'_>, report: &mut Report<'_>) {
    let Some((path, Ok(root))) = &repository.renovate else { return };
    for block in super::blocks(root).filter(|block| block.text_at("automergeType") == "branch") {
        if let Some((key, _)) = block.pair("platformAutomerge").filter(|(_, value)| value.flag() == Some(true)) {
            let fix = Fix::edit("take it out", repository.edit(path).remove(block, "platformAutomerge"));
            report.add(path, key.start(), "platformAutomerge does nothing beside automergeType branch", fix);
        }
    }
}
