//! A promotion step that edits a document behind the first.

use crate::rules::{Error, Fix, Report, Repository, Rule, Upstream};
use crate::steps::held;

pub(crate) const RULE: Rule = Rule {
    id: "kargo/update-later-document",
    severity: Error,
    scope: Upstream,
    upstream: "yaml-update sees the first document of a file alone: key path not found.",
    ours: "The document that has the value is edited.",
    check,
};

fn check(repository: &Repository<'_>, report: &mut Report<'_>) {
    for target in &repository.targets {
        let documents: Vec<_> = repository.of_file(&target.file).collect();
        for (key, place, _) in &target.updates {
            let at = documents.iter().position(|document| held(document, key).is_some());
            if at.is_some_and(|at| documents[at].at > 0) {
                let stage = &repository.documents[target.stage];
                let message = format!("{key} is not in the first document of {}", target.file);
                report.add(&stage.path, *place, message, Fix::advice("move the document to the top of its file"));
            }
        }
    }
}
