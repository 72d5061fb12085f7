//! A comment on the line that Kargo edits.

use crate::rules::{Fix, Look, Report, Repository, Rule, Upstream, Warning};
use crate::steps::held;

pub(crate) const RULE: Rule = Rule {
    id: "kargo/comment-lost",
    severity: Warning,
    scope: Upstream,
    upstream: "yaml-update drops the comment behind the value that it edits, at the first promotion.",
    ours: "Every byte but the value's stays.",
    check,
};

fn check(repository: &Repository<'_>, report: &mut Report<'_>) {
    for target in &repository.targets {
        for document in repository.of_file(&target.file) {
            for (key, _, _) in &target.updates {
                let Some(node) = held(document, key) else { continue };
                let file = repository.edit(&target.file);
                let end = file.text[node.span.end..].find('\n').map_or(file.text.len(), |at| node.span.end + at);
                let rest = file.text[node.span.end..end].trim();
                if !rest.starts_with('#') {
                    continue;
                }
                let line = file.line_start(node.start());
                let before = &file.text[line..node.start()];
                let indent = &before[..before.len() - before.trim_start().len()];
                let edits = [file.splice(line, line, format!("{indent}{rest}\n")), file.splice(node.span.end, end, "")];
                let at = node.span.end + file.text[node.span.end..end].find('#').unwrap_or(0);
                report.add(
                    &target.file,
                    at,
                    "the comment stands on the line that Kargo edits",
                    Fix::edit("move it to a line of its own", edits),
                );
            }
        }
    }
}
