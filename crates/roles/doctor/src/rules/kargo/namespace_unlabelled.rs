//! The namespace of a Project without the label that lets the Project adopt it.

use crate::rules::{Error, Everybody, Fix, Look, Report, Repository, Rule};

pub(crate) const RULE: Rule = Rule {
    id: "kargo/namespace-unlabelled",
    severity: Error,
    scope: Everybody,
    upstream: "The Project cannot adopt a namespace without its label: it is refused as a conflict.",
    ours: "Accepted: the objects of one namespace belong together.",
    check,
};

fn check(repository: &Repository<'_>, report: &mut Report<'_>) {
    for project in repository.kind("kargo.akuity.io", "Project") {
        for namespace in repository.named("Namespace", &project.name) {
            let labels = namespace.root.at("metadata.labels");
            if labels.is_some_and(|labels| labels.get("kargo.akuity.io/project").is_some()) {
                continue;
            }
            let file = repository.edit(&namespace.path);
            let label = "kargo.akuity.io/project";
            let edit = match labels.filter(|labels| !labels.pairs().is_empty()) {
                Some(labels) => file.insert(labels, label, "\"true\""),
                None => {
                    namespace.root.get("metadata").and_then(|metadata| file.insert(metadata, "labels", &format!("{{{label}: \"true\"}}")))
                }
            };
            let message = format!("the namespace {:?} has no label {label}", project.name);
            report.add(&namespace.path, namespace.place("metadata"), message, Fix::edit("add the label", edit));
        }
    }
}
