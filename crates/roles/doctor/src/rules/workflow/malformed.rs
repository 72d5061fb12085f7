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
    let inside = |path: &str| path.starts_with(".gitea/workflows/") && (path.ends_with(".yml") || path.ends_with(".yaml"));
    for (path, file) in repository.tree.iter().filter(|(path, _)| inside(path)) {
        let Err(WorkflowError::Key { line, key, text: why, .. }) = workflow::parse(path, &file.bytes) else { continue };
        let text = repository.text(path).unwrap_or_default();
        let start: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
        let at = start + text[start..].find(|character| !matches!(character, ' ' | '-')).unwrap_or(0);
        let what = if key.is_empty() { why } else { format!("{key}: {why}") };
        report.add(path, at, what, Fix::advice("correct the key, or take it out"));
    }
}
