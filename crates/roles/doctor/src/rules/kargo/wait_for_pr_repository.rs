//! A git-wait-for-pr step without repository.

use crate::rules::{Error, Everybody, Fix, Look, Report, Repository, Rule};
use crate::steps::{clone_url, steps, value_in};

pub(crate) const RULE: Rule = Rule {
    id: "kargo/wait-for-pr-repository",
    severity: Error,
    scope: Everybody,
    upstream: "repoURL is required: the step fails while the promotion runs.",
    ours: "The repository of the checkout is taken.",
    check,
};

fn check(repository: &Repository<'_>, report: &mut Report<'_>) {
    for stage in repository.stages() {
        let file = repository.edit(&stage.path);
        for step in steps(stage).into_iter().filter(|step| step.uses == "git-wait-for-pr") {
            let Some(config) = step.config.filter(|config| config.get("repoURL").is_none()) else { continue };
            let edit = clone_url(stage).and_then(|url| file.insert(config, "repoURL", &value_in(config, file.raw(url))));
            report.add(&stage.path, config.start(), "git-wait-for-pr has no repoURL", Fix::edit("name the repository", edit));
        }
    }
}
