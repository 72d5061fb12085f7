//! A tag without quotes that YAML reads as a number.

use crate::repository::no_text;
use crate::rules::{Error, Everybody, Fix, Look, Report, Repository, Rule};

pub(crate) const RULE: Rule = Rule {
    id: "flux/tag-number",
    severity: Error,
    scope: Everybody,
    upstream: "YAML reads a number, not a text: the API server refuses the object.",
    ours: "The same.",
    check,
};

fn check(repository: &Repository<'_>, report: &mut Report<'_>) {
    for source in repository.kind("source.toolkit.fluxcd.io", "OCIRepository") {
        for path in ["spec.ref.tag", "spec.ref.semver"] {
            if let Some(node) = source.root.at(path).filter(|node| node.text().is_some() && no_text(node)) {
                let text = node.text().unwrap_or_default();
                let edit = repository.edit(&source.path).splice(node.span.start, node.span.end, format!("\"{text}\""));
                report.add(&source.path, node.start(), format!("{text} is no text in YAML"), Fix::edit("put it in quotes", [edit]));
            }
        }
    }
}
