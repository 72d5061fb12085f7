//! A field of a custom resource whose value cannot be, or that is missing.

use crate::rules::{Error, Everybody, Fix, Report, Repository, Rule};
use crate::schemas::faults;

pub(crate) const RULE: Rule = Rule {
    id: "manifest/invalid-field",
    severity: Error,
    scope: Everybody,
    upstream: "The API server refuses the object.",
    ours: "The API server refuses the object, with these words.",
    check,
};

fn check(repository: &Repository<'_>, report: &mut Report<'_>) {
    for document in &repository.documents {
        for fault in faults(repository, document) {
            let Some(why) = fault.why else { continue };
            report.add(&document.path, fault.at, format!("{}: {why}", fault.field), Fix::advice("write what the definition asks for"));
        }
    }
}
