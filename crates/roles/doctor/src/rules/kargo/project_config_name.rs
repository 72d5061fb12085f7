//! A ProjectConfig with a name of its own.

use crate::rules::{Error, Everybody, Fix, Look, Report, Repository, Rule};

pub(crate) const RULE: Rule = Rule {
    id: "kargo/project-config-name",
    severity: Error,
    scope: Everybody,
    upstream: "The webhook refuses a ProjectConfig that is not named like its namespace.",
    ours: "Accepted; it counts for its namespace.",
    check,
};

fn check(repository: &Repository<'_>, report: &mut Report<'_>) {
    for config in repository.kind("kargo.akuity.io", "ProjectConfig") {
        let Some(name) = config.root.at("metadata.name") else { continue };
        if config.namespace.is_empty() || config.namespace == config.name {
            continue;
        }
        let message = format!("the ProjectConfig is named {:?} in the namespace {:?}", config.name, config.namespace);
        let fix = Fix::edit(format!("name it {}", config.namespace), repository.edit(&config.path).set(name, &config.namespace));
        report.add(&config.path, name.start(), message, fix);
    }
}
