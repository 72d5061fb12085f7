//! A branch policy that cannot be read.

use crate::rules::{Error, Everybody, Fix, Report, Repository, Rule};

pub(crate) const RULE: Rule = Rule {
    id: "policy/malformed",
    severity: Error,
    scope: Everybody,
    upstream: "No tool but Supercargo's forge reads it.",
    ours: "The forge keeps the policy that it has, and refuses this one.",
    check,
};

fn check(repository: &Repository<'_>, report: &mut Report<'_>) {
    let path = "policy/main.json";
    if let Some(text) = repository.text(path)
        && let Err(error) = review::parse_policies(text)
    {
        report.add(path, 0, error.to_string(), Fix::advice("mend the policy"));
    }
}
