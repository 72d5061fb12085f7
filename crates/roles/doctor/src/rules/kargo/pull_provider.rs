//! A pull request step for a host that does not tell its kind.

use crate::rules::{Fix, Look, Report, Repository, Rule, Upstream, Warning};
use crate::steps::{resolved, steps};

pub(crate) const RULE: Rule = Rule {
    id: "kargo/pull-provider",
    severity: Warning,
    scope: Upstream,
    upstream: "The forge's kind is told by the host's name; here it cannot be, and the step fails.",
    ours: "The forge that serves the repository is asked.",
    check,
};

fn check(repository: &Repository<'_>, report: &mut Report<'_>) {
    for stage in repository.stages() {
        for step in steps(stage).into_iter().filter(|step| matches!(step.uses, "git-open-pr" | "git-wait-for-pr")) {
            let Some(url) = step.config.filter(|config| config.get("provider").is_none()).and_then(|config| config.get("repoURL")) else {
                continue;
            };
            let Some(text) = url.text().and_then(|text| resolved(stage, text)) else { continue };
            let known = ["github", "gitlab", "gitea", "bitbucket", "azure", "visualstudio"];
            let host = text.split("://").nth(1).unwrap_or(&text).split('/').next().unwrap_or_default().to_owned();
            if !known.iter().any(|name| host.contains(name)) {
                report.add(
                    &stage.path,
                    url.start(),
                    format!("the host {host:?} does not tell which forge it is"),
                    Fix::advice("name the provider"),
                );
            }
        }
    }
}
