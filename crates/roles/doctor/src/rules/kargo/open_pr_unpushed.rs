//! A git-open-pr step whose source branch nobody has pushed.

use crate::Edit;
use crate::edits::File;
use crate::rules::{Error, Everybody, Fix, Look, Report, Repository, Rule};
use crate::steps::{Step, steps};

pub(crate) const RULE: Rule = Rule {
    id: "kargo/open-pr-unpushed",
    severity: Error,
    scope: Everybody,
    upstream: "The source branch is not on the remote: the step fails while the promotion runs.",
    ours: "With path the branch is pushed first, from that checkout.",
    check,
};

fn check(repository: &Repository<'_>, report: &mut Report<'_>) {
    for stage in repository.stages() {
        let all = steps(stage);
        for (at, step) in all.iter().enumerate().filter(|(_, step)| step.uses == "git-open-pr") {
            let source = step.config.map_or("", |config| config.text_at("sourceBranch"));
            if source.is_empty() || all[..at].iter().any(|earlier| pushes(earlier, source)) {
                continue;
            }
            let file = repository.edit(&stage.path);
            let path =
                all[..at].iter().rev().find(|step| step.uses == "git-commit").map_or("./out", |step| step.node.text_at("config.path"));
            let fix = Fix::edit("push the branch before", push(file, step, path, source));
            report.add(&stage.path, step.node.start(), format!("no step before has pushed the branch {source}"), fix);
        }
    }
}

fn pushes(step: &Step<'_>, source: &str) -> bool {
    if step.uses != "git-push" {
        return false;
    }
    let alias = step.node.text_at("as");
    let target = step.config.map_or("", |config| config.text_at("targetBranch"));
    target == source || (!alias.is_empty() && source.contains(&format!("outputs.{alias}."))) || source.starts_with("kargo/promotion/")
}

fn push(file: File<'_>, step: &Step<'_>, path: &str, source: &str) -> Option<Edit> {
    let (line, blanks) = file.dash(step.node)?;
    let indent = " ".repeat(blanks);
    let branch = source.replace("ctx.freight.", "ctx.targetFreight.");
    if path.is_empty() || branch.contains(['\n', '#', '\'', '"']) || branch.contains(": ") {
        return None;
    }
    let text = format!("{indent}- uses: git-push\n{indent}  config:\n{indent}    path: {path}\n{indent}    targetBranch: {branch}\n");
    Some(file.splice(line, line, text))
}
