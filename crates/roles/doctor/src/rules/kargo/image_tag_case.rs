//! A field of an image in lower case.

use crate::rules::{Error, Everybody, Fix, Report, Repository, Rule};
use crate::steps::occurrences;

pub(crate) const RULE: Rule = Rule {
    id: "kargo/image-tag-case",
    severity: Error,
    scope: Everybody,
    upstream: "Fields are compared with their case: the promotion fails.",
    ours: "The same.",
    check,
};

fn check(repository: &Repository<'_>, report: &mut Report<'_>) {
    for stage in repository.stages() {
        let file = repository.edit(&stage.path);
        for (wrong, right) in [(").tag", ").Tag"), (").digest", ").Digest")] {
            for at in occurrences(stage, file.text, wrong) {
                let fix = Fix::edit(format!("write {}", &right[1..]), [file.splice(at, at + wrong.len(), right)]);
                report.add(&stage.path, at, format!("an image has no field {}", &wrong[2..]), fix);
            }
        }
    }
}
