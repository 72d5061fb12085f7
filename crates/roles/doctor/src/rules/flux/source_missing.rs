//! A Kustomization whose source is in another namespace, or not there.

use crate::rules::{Error, Everybody, Fix, Look, Report, Repository, Rule};

pub(crate) const RULE: Rule = Rule {
    id: "flux/source-missing",
    severity: Error,
    scope: Everybody,
    upstream: "The Kustomization waits for ever: its source is not found.",
    ours: "The same.",
    check,
};

fn check(repository: &Repository<'_>, report: &mut Report<'_>) {
    for kustomization in repository.kind("kustomize.toolkit.fluxcd.io", "Kustomization") {
        let Some(source) = kustomization.root.at("spec.sourceRef") else { continue };
        let (kind, name) = (source.text_at("kind"), source.text_at("name"));
        let own = source.text_at("namespace");
        let namespace = if own.is_empty() { kustomization.namespace.as_str() } else { own };
        let mut all = repository.named(kind, name).peekable();
        // What the bootstrap makes is often in no file; and a namespace may come from a kustomization.
        if namespace.is_empty() || name.contains("${") || (all.peek().is_none() && (name == "flux-system" || kind != "OCIRepository")) {
            continue;
        }
        let elsewhere = all.peek().map(|other| other.namespace.clone());
        if all.any(|other| other.namespace == namespace || other.namespace.is_empty()) {
            continue;
        }
        let message = match elsewhere {
            Some(other) => format!("the {kind} {name:?} is in the namespace {other:?}, not in {namespace:?}"),
            None => format!("there is no {kind} {name:?}"),
        };
        report.add(&kustomization.path, source.start(), message, Fix::advice("name a source that is there, with its namespace"));
    }
}
