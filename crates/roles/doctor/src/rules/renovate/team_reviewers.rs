//! A team as reviewer on Gitea.

use crate::rules::{Fix, Look, Report, Repository, Rule, Upstream, Warning};

pub(crate) const RULE: Rule = Rule {
    id: "renovate/team-reviewers",
    severity: Warning,
    scope: Upstream,
    upstream: "Renovate before 44.121 sends the name with team: to Gitea as a user's: the request for review fails.",
    ours: "Teams are asked.",
    check,
};

fn check(repository: &Repository<'_>, report: &mut Report<'_>) {
    let Some((path, Ok(root))) = &repository.renovate else { return };
    if !repository.has_folder(".gitea") && !repository.has_folder(".forgejo") {
        return;
    }
    for list in super::blocks(root).flat_map(|block| [block.get("reviewers"), block.get("additionalReviewers")]).flatten() {
        for team in list.texts().into_iter().filter(|name| name.text().is_some_and(|text| text.starts_with("team:"))) {
            report.add(
                path,
                team.start(),
                format!("{} is a team", team.text().unwrap_or_default()),
                Fix::advice("name people, or use Renovate 44.121 or newer"),
            );
        }
    }
}
