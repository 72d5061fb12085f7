//! The permission for identity tokens on a forge that has none.

use crate::rules::{Fix, Look, Report, Repository, Rule, Upstream, Warning};
use yaml::Node;

pub(crate) const RULE: Rule = Rule {
    id: "workflow/gitea-id-token",
    severity: Warning,
    scope: Upstream,
    upstream: "Gitea ignores the permission and issues no identity tokens: keyless signing fails there.",
    ours: "Jobs get tokens of the built-in issuer.",
    check,
};

fn check(repository: &Repository<'_>, report: &mut Report<'_>) {
    for workflow in repository.workflows().filter(|workflow| workflow.path.starts_with(".gitea/") || workflow.path.starts_with(".forgejo/"))
    {
        let jobs = workflow.root.get("jobs").map_or(&[][..], |jobs| jobs.pairs()).iter().map(|(_, job)| job);
        let holders: Vec<&Node> = std::iter::once(&workflow.root).chain(jobs).collect();
        for (key, _) in holders.into_iter().filter_map(|holder| holder.get("permissions")?.pair("id-token")) {
            let fix = Fix::advice("sign with a key there, or with the token of an issuer outside");
            report.add(&workflow.path, key.start(), "Gitea has no identity tokens", fix);
        }
    }
}
