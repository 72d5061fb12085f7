//! The removed output `prNumber` of git-open-pr.

use crate::rules::{Error, Everybody, Fix, Report, Repository, Rule};
use crate::steps::occurrences;

pub(crate) const RULE: Rule = Rule {
    id: "kargo/pr-number-output",
    severity: Error,
    scope: Everybody,
    upstream: "The output is called pr.id; prNumber was removed in 1.7, so the step gets null and fails.",
    ours: "The step gives both names.",
    check,
};

fn check(repository: &Repository<'_>, report: &mut Report<'_>) {
    for stage in repository.stages() {
        let file = repository.edit(&stage.path);
        for at in occurrences(stage, file.text, ".prNumber") {
            let raw = &file.text[..at];
            let alias = raw.rsplit(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '-').next().unwrap_or_default();
            if !raw.ends_with(&format!("outputs.{alias}")) {
                continue;
            }
            let fix = Fix::edit(format!("write outputs.{alias}.pr.id"), [file.splice(at, at + ".prNumber".len(), ".pr.id")]);
            report.add(
                &stage.path,
                at - alias.len() - "outputs.".len(),
                format!("outputs.{alias}.prNumber is no output of git-open-pr"),
                fix,
            );
        }
    }
}
