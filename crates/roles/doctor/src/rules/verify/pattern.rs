//! An identity pattern that is no regular expression.

use crate::patterns::patterns;
use crate::rules::{Error, Everybody, Fix, Look, Report, Repository, Rule};

pub(crate) const RULE: Rule = Rule {
    id: "verify/pattern",
    severity: Error,
    scope: Everybody,
    upstream: "The pattern does not compile: nothing verifies.",
    ours: "The same.",
    check,
};

fn check(repository: &Repository<'_>, report: &mut Report<'_>) {
    for pattern in patterns(repository) {
        if let Err(error) = golang::regexp(pattern.text) {
            report.add(
                &pattern.document.path,
                pattern.node.start(),
                error.to_string(),
                Fix::advice("write a pattern of Go's regexp package"),
            );
        }
    }
}
