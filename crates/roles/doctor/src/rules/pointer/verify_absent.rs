//! A pointer without signature check.

use crate::rules::{Error, Everybody, Fix, Look, Report, Repository, Rule};

pub(crate) const RULE: Rule = Rule {
    id: "pointer/verify-absent",
    severity: Error,
    scope: Everybody,
    upstream: "Whoever can push to the registry can deploy: nothing asks for a signature.",
    ours: "The same.",
    check,
};

fn check(repository: &Repository<'_>, report: &mut Report<'_>) {
    // A pointer beside it that is checked shows how.
    let example = repository.pointers().find_map(|pointer| {
        let verify = pointer.root.at("spec.verify")?;
        let file = repository.edit(&pointer.path);
        Some(file.text[file.line_start(verify.start())..file.content_end(verify)].to_owned())
    });
    for pointer in repository.pointers().filter(|pointer| pointer.root.at("spec.verify").is_none()) {
        let file = repository.edit(&pointer.path);
        let reference =
            pointer.root.at("spec").and_then(|spec| spec.pair("ref")).filter(|(key, _)| key.start() - file.line_start(key.start()) == 2);
        let edit = reference.zip(example.as_ref()).filter(|(_, text)| text.starts_with("    ")).map(|((key, _), text)| {
            let line = file.line_start(key.start());
            file.splice(line, line, format!("  verify:\n{text}\n"))
        });
        report.add(
            &pointer.path,
            pointer.place("spec"),
            format!("{} is not verified", pointer.title()),
            Fix::edit("add spec.verify with the identity of the workflow that signs", edit),
        );
    }
}
