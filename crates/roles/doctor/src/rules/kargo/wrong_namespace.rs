//! A Kargo object outside the namespaces of the Projects.

use crate::rules::{Error, Everybody, Fix, Look, Report, Repository, Rule};
use std::collections::BTreeSet;

pub(crate) const RULE: Rule = Rule {
    id: "kargo/wrong-namespace",
    severity: Error,
    scope: Everybody,
    upstream: "The object is refused, or belongs to another Project than those it is meant for.",
    ours: "Accepted, but objects of different namespaces do not see each other.",
    check,
};

fn check(repository: &Repository<'_>, report: &mut Report<'_>) {
    let projects: BTreeSet<&str> = repository.kind("kargo.akuity.io", "Project").map(|project| project.name.as_str()).collect();
    if projects.is_empty() {
        return;
    }
    let only = projects.first().filter(|_| projects.len() == 1);
    let kinds = ["Stage", "Warehouse", "ProjectConfig", "PromotionTask", "Promotion", "Freight"];
    for document in
        repository.documents.iter().filter(|document| document.group == "kargo.akuity.io" && kinds.contains(&document.kind.as_str()))
    {
        if document.namespace.is_empty() || projects.contains(document.namespace.as_str()) {
            continue;
        }
        let Some(node) = document.root.at("metadata.namespace") else { continue };
        let edit = only.and_then(|only| repository.edit(&document.path).set(node, only));
        let message = format!("{} is in the namespace {:?}, which is no Project", document.title(), document.namespace);
        report.add(&document.path, node.start(), message, Fix::edit("put it in the Project's namespace", edit));
    }
}
