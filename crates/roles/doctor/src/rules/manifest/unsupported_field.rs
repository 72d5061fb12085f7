//! A field, a value or a whole kind that the originals carry out and Supercargo does not yet.

use crate::rules::{Error, Everybody, Fix, Report, Repository, Rule};
use crate::schemas::unsupported;

pub(crate) const RULE: Rule = Rule {
    id: "manifest/unsupported-field",
    severity: Error,
    scope: Everybody,
    upstream: "The object is accepted and does what it says.",
    ours: "The API server refuses the object and names the field: nobody acts on it yet.",
    check,
};

fn check(repository: &Repository<'_>, report: &mut Report<'_>) {
    for document in &repository.documents {
        for fault in unsupported(repository, document) {
            let remedy = if fault.field == "kind" {
                "leave it out, or let the original tools look after it"
            } else {
                "write only what is supported, or let the original tools look after the object"
            };
            report.add(&document.path, fault.at, fault.why.unwrap_or(fault.field), Fix::advice(remedy));
        }
    }
}
