//! A YAML file that cannot be read.

use crate::rules::{Error, Everybody, Fix, Report, Repository, Rule};

pub(crate) const RULE: Rule = Rule {
    id: "yaml/unreadable",
    severity: Error,
    scope: Everybody,
    upstream: "No tool reads the file.",
    ours: "The same; the error names file, line and column.",
    check,
};

fn check(repository: &Repository<'_>, report: &mut Report<'_>) {
    for (path, offset, why) in &repository.unreadable {
        report.add(path, *offset, why.clone(), Fix::advice("mend the file"));
    }
}
