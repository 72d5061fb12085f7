//! A workflow that builds the artifact on every push, also on Kargo's own.

use crate::rules::{Error, Everybody, Fix, Look, Report, Repository, Rule};
use crate::scripts::scripts;

pub(crate) const RULE: Rule = Rule {
    id: "workflow/paths-missing",
    severity: Error,
    scope: Everybody,
    upstream: "Every promotion is a push: it builds an artifact, which is promoted, which is a push.",
    ours: "The same.",
    check,
};

fn check(repository: &Repository<'_>, report: &mut Report<'_>) {
    if repository.targets.is_empty() {
        return;
    }
    let mut seen = std::collections::BTreeSet::new();
    for script in scripts(repository).iter().filter(|script| script.text.contains("flux push artifact")) {
        let root = &script.workflow.root;
        let Some((on, events)) = root.pair("on").filter(|_| seen.insert(&script.workflow.path)) else { continue };
        let (at, edit) = match events.get("push") {
            Some(push) => {
                let filtered = ["paths", "paths-ignore"].iter().any(|key| push.get(key).is_some());
                let tags_only = push.get("tags").is_some() && push.get("branches").is_none();
                if filtered || tags_only {
                    continue;
                }
                (push.start(), repository.edit(&script.workflow.path).insert(push, "paths", "['apps/**']"))
            }
            None if events.texts().iter().any(|event| event.text() == Some("push")) => (on.start(), None),
            None => continue,
        };
        let fix = Fix::edit("add paths: ['apps/**']", edit);
        report.add(&script.workflow.path, at, "the artifact is built on every push, also on those that change pointers alone", fix);
    }
}
