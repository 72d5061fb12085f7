//! A promotion step that edits a file that is not there.

use crate::rules::{Error, Everybody, Fix, Report, Repository, Rule};

pub(crate) const RULE: Rule = Rule {
    id: "kargo/pointer-missing",
    severity: Error,
    scope: Everybody,
    upstream: "The step fails while the promotion runs: there is no such file.",
    ours: "The same.",
    check,
};

fn check(repository: &Repository<'_>, report: &mut Report<'_>) {
    for target in &repository.targets {
        // Another repository may be checked out: this one is meant where the file's first folder is here.
        let ours = target.file.split_once('/').is_some_and(|(first, _)| repository.has_folder(first));
        if ours && repository.tree.get(&target.file).is_none() {
            let stage = &repository.documents[target.stage];
            report.add(
                &stage.path,
                target.place,
                format!("there is no file {}", target.file),
                Fix::advice("add the file, or name the one that is meant"),
            );
        }
    }
}
