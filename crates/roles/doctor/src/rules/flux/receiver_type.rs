//! A Receiver of a type that does not exist.

use crate::rules::{Error, Everybody, Fix, Look, Report, Repository, Rule};

pub(crate) const RULE: Rule = Rule {
    id: "flux/receiver-type",
    severity: Error,
    scope: Everybody,
    upstream: "The API server refuses the type; Gitea's deliveries are read by the type github.",
    ours: "Receivers are not needed: the forge tells every push at once.",
    check,
};

/// The types that exist.
const TYPES: [&str; 14] = [
    "generic",
    "generic-hmac",
    "github",
    "gitlab",
    "bitbucket",
    "harbor",
    "dockerhub",
    "quay",
    "gcr",
    "nexus",
    "acr",
    "cdevents",
    "azuredevops",
    "oci",
];

fn check(repository: &Repository<'_>, report: &mut Report<'_>) {
    for receiver in repository.kind("notification.toolkit.fluxcd.io", "Receiver") {
        let Some(node) = receiver.root.at("spec.type") else { continue };
        let text = node.text().unwrap_or_default();
        if TYPES.contains(&text) {
            continue;
        }
        let edit = matches!(text, "gitea" | "forgejo").then(|| repository.edit(&receiver.path).set(node, "github")).flatten();
        report.add(&receiver.path, node.start(), format!("there is no Receiver type {text:?}"), Fix::edit("write github for Gitea", edit));
    }
}
