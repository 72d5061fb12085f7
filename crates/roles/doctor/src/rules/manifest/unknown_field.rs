//! A field that the definition of a custom resource does not have.

use crate::rules::{Error, Everybody, Fix, Report, Repository, Rule};
use crate::schemas::faults;

pub(crate) const RULE: Rule = Rule {
    id: "manifest/unknown-field",
    severity: Error,
    scope: Everybody,
    upstream: "kubectl drops it with a warning; an apply on the server, as Flux does it, is refused.",
    ours: "The API server refuses the object and names the field.",
    check,
};

fn check(repository: &Repository<'_>, report: &mut Report<'_>) {
    for document in &repository.documents {
        for fault in faults(repository, document).into_iter().filter(|fault| fault.why.is_none()) {
            let message = format!("{} has no field {}", document.kind, fault.field);
            report.add(&document.path, fault.at, message, Fix::advice("correct the name, or take the field out"));
        }
    }
}
