//! An identity pattern that accepts every branch of a workflow, or every workflow.

use crate::Edit;
use crate::patterns::{Half, Pattern, patterns};
use crate::rules::{Error, Everybody, Fix, Look, Report, Repository, Rule};
use crate::scripts::scripts;

pub(crate) const RULE: Rule = Rule {
    id: "verify/any-branch",
    severity: Error,
    scope: Everybody,
    upstream: "Whoever can push any branch signs with an identity that is trusted: review of the main branch is passed by.",
    ours: "The same.",
    check,
};

fn check(repository: &Repository<'_>, report: &mut Report<'_>) {
    for pattern in patterns(repository).iter().filter(|pattern| pattern.half == Half::Subject && any(pattern.text)) {
        let edit = narrowed(repository, pattern);
        let message = format!("the pattern {} accepts every branch", pattern.text);
        let fix = Fix::edit("name the workflow and the branch, as in …/\\.gitea/workflows/build\\.yml@refs/heads/main$", edit);
        report.add(&pattern.document.path, pattern.node.start(), message, fix);
    }
}

fn any(text: &str) -> bool {
    let body = text.strip_suffix('$').unwrap_or(text);
    let wild = |rest: &str| matches!(rest, "" | ".*" | ".+" | "[^/]*" | "[^/]+" | "(.*)" | "(.+)");
    if body.contains("refs/tags/") {
        return false;
    }
    if let Some((_, rest)) = body.rsplit_once("refs/heads/") {
        return wild(rest);
    }
    if let Some((_, rest)) = body.rsplit_once("@refs/").or_else(|| body.rsplit_once('@')) {
        return wild(rest);
    }
    let body = body.trim_start_matches('^');
    body.starts_with("http") || matches!(body, ".*" | ".+" | "")
}

/// The pattern with the workflow of this repository that it means, at the branch that the workflow builds.
fn narrowed(repository: &Repository<'_>, pattern: &Pattern<'_>) -> Option<Edit> {
    // Only what this repository builds is signed by its workflows.
    if !repository.builds(pattern.document.root.text_at("spec.url")) {
        return None;
    }
    let file = repository.edit(&pattern.document.path);
    let raw = file.raw(pattern.node);
    let (double, quote) = (raw.starts_with('"'), raw.starts_with(['"', '\'']));
    let end = raw.len() - usize::from(quote);
    let escaped = |text: &str| text.replace('.', if double { "\\\\." } else { "\\." });
    let signing: Vec<_> =
        scripts(repository).into_iter().filter(|script| script.text.contains("cosign sign")).map(|script| script.workflow).collect();
    let named = signing.iter().find_map(|workflow| {
        let name = escaped(workflow.path.rsplit('/').next()?);
        let at = raw.find(&name)?;
        let start = raw[..at].strip_suffix(".*").map_or(at, str::len);
        Some((*workflow, start))
    });
    let (workflow, start) = match (named, signing.as_slice()) {
        (Some(found), _) => found,
        (None, [only]) => (*only, raw[..end].trim_end_matches('$').strip_suffix("/.*").map(|rest| rest.len() + 1)?),
        _ => return None,
    };
    // Where the folder stands before the file's name already, only what is behind it is replaced.
    let whole = escaped(&workflow.path);
    let start = raw.find(&whole).unwrap_or(start);
    let branch = workflow.root.items_at("on.push.branches").first().and_then(|branch| branch.text()).unwrap_or("main");
    let text = format!("{whole}@refs/heads/{}$", escaped(branch));
    let plain_branch = branch.chars().all(|c| c.is_ascii_alphanumeric() || "-_./".contains(c));
    plain_branch.then(|| file.splice(pattern.node.span.start + start, pattern.node.span.start + end, text))
}
