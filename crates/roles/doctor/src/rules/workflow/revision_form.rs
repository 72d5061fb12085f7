//! An artifact whose revision is a bare commit.

use crate::rules::{Fix, Look, Report, Repository, Rule, Upstream, Warning};
use crate::scripts::scripts;

pub(crate) const RULE: Rule = Rule {
    id: "workflow/revision-form",
    severity: Warning,
    scope: Upstream,
    upstream: "Accepted, but tools that show where an artifact comes from look for BRANCH@sha1:COMMIT.",
    ours: "Both forms are read.",
    check,
};

fn check(repository: &Repository<'_>, report: &mut Report<'_>) {
    for script in scripts(repository).iter().filter(|script| !script.calls(&["flux", "push", "artifact"]).is_empty()) {
        let file = repository.edit(&script.workflow.path);
        let raw = file.raw(script.run);
        let Some(option) = raw.find("--revision=") else { continue };
        let value = option + "--revision=".len();
        let value = value + usize::from(raw[value..].starts_with(['"', '\'']));
        let rest = raw[value..].lines().next().unwrap_or_default();
        let bare = rest.starts_with("${{") && rest.contains("sha") && !rest.contains("sha1:");
        if bare {
            let at = script.run.start() + value;
            let branch = script
                .workflow
                .root
                .items_at("on.push.branches")
                .first()
                .and_then(|branch| branch.text())
                .filter(|name| crate::edits::plain(name))
                .unwrap_or("main");
            let fix = Fix::edit("write the branch and sha1: before it", [file.splice(at, at, format!("{branch}@sha1:"))]);
            report.add(&script.workflow.path, script.run.start() + option, "the revision is a bare commit", fix);
        }
    }
}
