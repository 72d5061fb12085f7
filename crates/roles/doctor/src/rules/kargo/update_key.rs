//! A promotion step that edits a value that is not in the file.

use crate::rules::{Error, Everybody, Fix, Report, Repository, Rule};
use crate::steps::held;

pub(crate) const RULE: Rule = Rule {
    id: "kargo/update-key",
    severity: Error,
    scope: Everybody,
    upstream: "The step fails while the promotion runs: key path not found.",
    ours: "The same.",
    check,
};

fn check(repository: &Repository<'_>, report: &mut Report<'_>) {
    for target in &repository.targets {
        let mut documents = repository.of_file(&target.file).peekable();
        if documents.peek().is_none() {
            continue;
        }
        let documents: Vec<_> = documents.collect();
        for (key, place, _) in &target.updates {
            if !documents.iter().any(|document| held(document, key).is_some()) {
                let stage = &repository.documents[target.stage];
                report.add(
                    &stage.path,
                    *place,
                    format!("{} has no value {key}", target.file),
                    Fix::advice("name a value that is in the file"),
                );
            }
        }
    }
}
