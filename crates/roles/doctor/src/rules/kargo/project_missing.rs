//! Kargo objects in a namespace for which there is no Project anywhere.

use crate::Edit;
use crate::rules::{Error, Everybody, Fix, Look, Report, Repository, Rule};

pub(crate) const RULE: Rule = Rule {
    id: "kargo/project-missing",
    severity: Error,
    scope: Everybody,
    upstream: "Every Kargo object is refused in a namespace that is no Project.",
    ours: "Accepted: the objects of one namespace belong together.",
    check,
};

fn check(repository: &Repository<'_>, report: &mut Report<'_>) {
    if repository.kind("kargo.akuity.io", "Project").next().is_some() {
        return;
    }
    let labelled = |namespace: &str| {
        repository
            .named("Namespace", namespace)
            .any(|n| n.root.at("metadata.labels").is_some_and(|l| l.get("kargo.akuity.io/project").is_some()))
    };
    let mut seen = std::collections::BTreeSet::new();
    for document in repository.documents.iter().filter(|document| document.group == "kargo.akuity.io") {
        if document.namespace.is_empty() || labelled(&document.namespace) || !seen.insert(document.namespace.as_str()) {
            continue;
        }
        let folder = document.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let path = format!("{folder}/project.yaml").trim_start_matches('/').to_owned();
        let safe = crate::edits::plain(&document.namespace);
        let text = format!("apiVersion: kargo.akuity.io/v1alpha1\nkind: Project\nmetadata:\n  name: {}\n", document.namespace);
        let edit = (safe && seen.len() == 1 && repository.tree.get(&path).is_none()).then_some(Edit {
            path: path.clone(),
            start: 0,
            end: 0,
            replacement: text,
        });
        let message = format!("there is no Project {:?}", document.namespace);
        report.add(&document.path, document.place("metadata.namespace"), message, Fix::edit("add the Project", edit));
    }
}
