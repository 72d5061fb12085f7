//! The same object twice in one environment.

use crate::rules::{Error, Everybody, Fix, Report, Repository, Rule};
use std::collections::BTreeMap;

pub(crate) const RULE: Rule = Rule {
    id: "manifest/duplicate",
    severity: Error,
    scope: Everybody,
    upstream: "Whichever is applied later wins, again and again.",
    ours: "The same.",
    check,
};

fn check(repository: &Repository<'_>, report: &mut Report<'_>) {
    let mut seen: BTreeMap<(&str, &str, &str, &str, &str), &str> = BTreeMap::new();
    for document in repository.documents.iter().filter(|document| !document.kind.is_empty() && !document.name.is_empty()) {
        let mut parts = document.path.split('/');
        let place = match (parts.next(), parts.next()) {
            (Some("clusters"), Some(environment)) => environment,
            (Some("kargo"), _) => "",
            _ => continue,
        };
        let key = (place, document.group.as_str(), document.kind.as_str(), document.namespace.as_str(), document.name.as_str());
        // A kustomization below may give the two different names or namespaces.
        let folder = document.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        if super::KUSTOMIZATIONS.iter().any(|name| repository.tree.get(&format!("{folder}/{name}")).is_some()) {
            continue;
        }
        if let Some(first) = seen.insert(key, &document.path) {
            report.add(
                &document.path,
                document.place("metadata.name"),
                format!("{} is also in {first}", document.title()),
                Fix::advice("keep one of them"),
            );
        }
    }
}
