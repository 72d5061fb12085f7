//! A workflow that the forge cannot read.

use workflow::WorkflowError;

use crate::Audience;
use crate::rules::{Error, Everybody, Fix, Report, Repository, Rule};

pub(crate) const RULE: Rule = Rule {
    id: "workflow/malformed",
    severity: Error,
    scope: Everybody,
    upstream: "A key that no forge knows is refused or ignored; one that only Supercargo does not know works there.",
    ours: "Refused by name: no job of the file starts.",
    check,
};

fn check(repository: &Repository<'_>, report: &mut Report<'_>) {
    // Other forges know keys that ours does not.
    if repository.audience != Audience::Supercargo {
        return;
    }
    for document in repository.workflows().filter(|document| document.path.starts_with(".gitea/")) {
        let Some(text) = repository.text(&document.path) else { continue };
        let Err(WorkflowError::Key { line, key, text: why, .. }) = workflow::parse(&document.path, text.as_bytes()) else { continue };
        let start: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
        let at = start + text[start..].find(|character| !matches!(character, ' ' | '-')).unwrap_or(0);
        report.add(&document.path, at, format!("{key}: {why}"), Fix::advice("correct the key, or take it out"));
    }
}
