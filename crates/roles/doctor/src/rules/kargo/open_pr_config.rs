//! A git-open-pr step with a path in place of the repository.

use crate::rules::{Error, Everybody, Fix, Look, Report, Repository, Rule};
use crate::steps::{clone_url, steps, value_in};

pub(crate) const RULE: Rule = Rule {
    id: "kargo/open-pr-config",
    severity: Error,
    scope: Everybody,
    upstream: "repoURL is required and path is no key: the step fails while the promotion runs.",
    ours: "The repository is that of the checkout at path.",
    check,
};

fn check(repository: &Repository<'_>, report: &mut Report<'_>) {
    for stage in repository.stages() {
        let file = repository.edit(&stage.path);
        for step in steps(stage).into_iter().filter(|step| step.uses == "git-open-pr") {
            let Some(config) = step.config else { continue };
            let url = clone_url(stage).map(|url| value_in(config, file.raw(url)));
            let (at, message, edit) = match (config.pair("path"), config.get("repoURL")) {
                (None, Some(_)) => continue,
                (Some((key, _)), Some(_)) => (key.start(), "git-open-pr has no key path", file.remove(config, "path")),
                (Some((key, value)), None) => {
                    let edit = url.map(|url| file.splice(key.start(), value.span.end, format!("repoURL: {url}")));
                    (key.start(), "git-open-pr has path where repoURL belongs", edit)
                }
                (None, None) => (config.start(), "git-open-pr has no repoURL", url.and_then(|url| file.insert(config, "repoURL", &url))),
            };
            report.add(&stage.path, at, message, Fix::edit("name the repository", edit));
        }
    }
}
