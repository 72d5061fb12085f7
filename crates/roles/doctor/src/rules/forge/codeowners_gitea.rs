//! CODEOWNERS in the style of GitHub on Gitea.

use crate::Audience;
use crate::rules::{Error, Everybody, Fix, Report, Repository, Rule};

pub(crate) const RULE: Rule = Rule {
    id: "codeowners/gitea",
    severity: Error,
    scope: Everybody,
    upstream: "Gitea takes each pattern for a regular expression over the whole path: patterns as in gitignore never match, and nobody is asked for a review.",
    ours: "The dialect is told by the file's place and look; at the root patterns as in gitignore are read as such.",
    check,
};

fn check(repository: &Repository<'_>, report: &mut Report<'_>) {
    // In its own folder the file is Gitea's for us as well; elsewhere only Gitea itself minds.
    let gitea = repository.has_folder(".gitea") || repository.has_folder(".forgejo");
    let places: &[&str] = if repository.audience == Audience::Supercargo || !gitea {
        &[".gitea/CODEOWNERS"]
    } else {
        &[".gitea/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS"]
    };
    for path in places {
        let Some(text) = repository.text(path) else { continue };
        if text.lines().any(|line| line.replace(' ', "").starts_with("#codeowners:gitea")) {
            continue;
        }
        let file = crate::edits::File { path, text };
        let mut start = 0;
        for line in text.split_inclusive('\n') {
            let pattern = line.split_whitespace().next().unwrap_or_default();
            let at = start + line.find(pattern).unwrap_or(0);
            start += line.len();
            if pattern.starts_with('#') || pattern.is_empty() || !(pattern.starts_with('/') || pattern.ends_with('/') || pattern == "*") {
                continue;
            }
            let edit = file.splice(at, at + pattern.len(), regular(pattern));
            report.add(
                path,
                at,
                format!("the pattern {pattern} never matches a path on Gitea"),
                Fix::edit("write it as a regular expression", [edit]),
            );
        }
    }
}

/// A pattern as in gitignore as Gitea's regular expression.
fn regular(pattern: &str) -> String {
    if pattern == "*" {
        return ".*".to_owned();
    }
    let body = pattern.trim_matches('/').replace('.', "\\.").replace("**", "\u{0}").replace('*', "[^/]*").replace('\u{0}', ".*");
    let anchored = pattern.starts_with('/') || pattern.trim_end_matches('/').contains('/');
    let front = if anchored { "" } else { "(.*/)?" };
    let back = if pattern.ends_with('/') { "/.*" } else { "(/.*)?" };
    format!("{front}{body}{back}")
}
