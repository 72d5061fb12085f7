//! A command over several lines that YAML joins into one.

use crate::rules::{Error, Everybody, Fix, Look, Report, Repository, Rule};
use crate::scripts::scripts;
use yaml::{Content, Style};

pub(crate) const RULE: Rule = Rule {
    id: "workflow/login-folded",
    severity: Error,
    scope: Everybody,
    upstream: "YAML folds the lines: the backslash then keeps a blank, the password ends in two blanks, and the login fails.",
    ours: "The password is trimmed.",
    check,
};

fn check(repository: &Repository<'_>, report: &mut Report<'_>) {
    for script in scripts(repository) {
        let file = repository.edit(&script.workflow.path);
        let raw = file.raw(script.run);
        if !matches!(script.run.content, Content::Scalar(_, Style::Plain)) || !raw.contains("\\\n") {
            continue;
        }
        let line = file.line_start(script.run.start());
        let before = &file.text[line..script.run.start()];
        let blanks = before.chars().take_while(|c| *c == ' ' || *c == '-').count() + 2;
        let mut text = String::from("|");
        for (at, line) in raw.lines().enumerate() {
            text.push_str(&format!("\n{}{}", " ".repeat(blanks + if at > 0 { 2 } else { 0 }), line.trim()));
        }
        let edit = file.splice(script.run.span.start, script.run.span.end, text);
        let at = script.run.start() + raw.find("\\\n").unwrap_or(0);
        report.add(
            &script.workflow.path,
            at,
            "the backslash stands in the middle of a line once YAML has folded it",
            Fix::edit("write the command as a block", [edit]),
        );
    }
}
