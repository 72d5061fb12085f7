//! A pointer that shares its file with other documents.

use crate::rules::{Fix, Look, Report, Repository, Rule, Upstream, Warning};
use crate::steps::held;

pub(crate) const RULE: Rule = Rule {
    id: "kargo/pointer-documents",
    severity: Warning,
    scope: Upstream,
    upstream: "yaml-update sees the first document alone: this works only as long as nobody puts another one in front.",
    ours: "Any document is edited, whichever has the value.",
    check,
};

fn check(repository: &Repository<'_>, report: &mut Report<'_>) {
    let mut seen = std::collections::BTreeSet::new();
    for target in &repository.targets {
        let documents: Vec<_> = repository.of_file(&target.file).collect();
        let first = documents.first().is_some_and(|document| target.updates.iter().any(|(key, _, _)| held(document, key).is_some()));
        if let Some(second) = documents.get(1).filter(|_| first && seen.insert(&target.file)) {
            let message = format!("{} shares its file with the pointer that Kargo edits", second.title());
            report.add(&second.path, second.root.start(), message, Fix::advice("keep the pointer first, or give it a file of its own"));
        }
    }
}
