//! An expression without quotes inside braces or brackets.

use crate::rules::{Error, Everybody, Fix, Report, Repository, Rule};

pub(crate) const RULE: Rule = Rule {
    id: "kargo/flow-expression",
    severity: Error,
    scope: Everybody,
    upstream: "No YAML: a brace may not stand inside a plain text in braces. kubectl refuses the whole file.",
    ours: "The expression is read as one text.",
    check,
};

fn check(repository: &Repository<'_>, report: &mut Report<'_>) {
    for (path, range) in &repository.expressions {
        let file = repository.edit(path);
        let raw = &file.text[range.clone()];
        let edits = match (raw.contains('\''), raw.contains('"')) {
            (false, _) => vec![file.splice(range.start, range.start, "'"), file.splice(range.end, range.end, "'")],
            (true, false) => vec![file.splice(range.start, range.start, "\""), file.splice(range.end, range.end, "\"")],
            (true, true) => vec![file.splice(range.start, range.end, format!("'{}'", raw.replace('\'', "''")))],
        };
        report.add(path, range.start, format!("{raw} stands without quotes inside braces"), Fix::edit("put it in quotes", edits));
    }
}
