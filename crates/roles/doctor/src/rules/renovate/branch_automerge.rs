//! Merging by branch where code owners must review.

use crate::rules::{Fix, Look, Report, Repository, Rule, Upstream, Warning};

pub(crate) const RULE: Rule = Rule {
    id: "renovate/branch-automerge",
    severity: Warning,
    scope: Upstream,
    upstream: "The bot pushes to the branch itself: it needs the right to, and a status on its own branch; where reviews are required it falls back to a pull request.",
    ours: "The bot's lane says what it may push, in which shape.",
    check,
};

fn check(repository: &Repository<'_>, report: &mut Report<'_>) {
    let Some((path, Ok(root))) = &repository.renovate else { return };
    if !review::PLACES.iter().any(|(place, _)| repository.tree.get(place).is_some()) {
        return;
    }
    for (_, value) in
        super::blocks(root).filter_map(|block| block.pair("automergeType")).filter(|(_, value)| value.text() == Some("branch"))
    {
        let fix = Fix::advice("let the bot push to the branch for these paths, or merge by pull request");
        report.add(path, value.start(), "merging by branch passes by the review that CODEOWNERS asks for", fix);
    }
}
