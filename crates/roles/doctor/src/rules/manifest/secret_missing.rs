//! A Secret that is named in a template and nowhere defined.

use crate::Audience;
use crate::rules::{Everybody, Fix, Look, Report, Repository, Rule, Warning};
use std::collections::BTreeSet;
use yaml::{Content, Node};

pub(crate) const RULE: Rule = Rule {
    id: "secret/missing",
    severity: Warning,
    scope: Everybody,
    upstream: "The Pod does not start until somebody has made the Secret; a verification Job fails.",
    ours: "The same.",
    check,
};

fn check(repository: &Repository<'_>, report: &mut Report<'_>) {
    let mut defined: BTreeSet<&str> = BTreeSet::new();
    for document in &repository.documents {
        match document.kind.as_str() {
            "Secret" | "SealedSecret" | "SopsSecret" | "OnePasswordItem" => drop(defined.insert(&document.name)),
            "ExternalSecret" | "ClusterExternalSecret" | "VaultStaticSecret" | "VaultDynamicSecret" | "Certificate" => {
                let inner = [
                    "spec.target.name",
                    "spec.externalSecretSpec.target.name",
                    "spec.destination.name",
                    "spec.secretName",
                    "metadata.name",
                    "spec.externalSecretName",
                ];
                defined.extend(inner.iter().map(|path| document.root.text_at(path)).filter(|name| !name.is_empty()));
            }
            _ => {}
        }
        defined.extend(document.root.items_at("secretGenerator").iter().map(|generator| generator.text_at("name")));
    }
    for document in &repository.documents {
        if !super::WORKLOADS.contains(&document.kind.as_str())
            && document.kind != "AnalysisTemplate"
            && document.kind != "ClusterAnalysisTemplate"
        {
            continue;
        }
        named(&document.root, &mut |name| {
            let text = name.text().unwrap_or_default();
            // The world on one machine makes these itself, one for each environment that is tested.
            let own = repository.audience == Audience::Supercargo
                && text.strip_suffix("-test-credentials").is_some_and(|stage| repository.named("Stage", stage).next().is_some());
            if !own && !text.is_empty() && !text.contains(['$', '{']) && !defined.contains(text) {
                report.add(
                    &document.path,
                    name.start(),
                    format!("nothing in this repository makes the Secret {text:?}"),
                    Fix::advice("add an ExternalSecret or a sealed Secret, or make it by hand"),
                );
            }
        });
    }
}

/// Calls a function with every name of a Secret that a Pod cannot do without.
fn named<'a>(node: &'a Node, found: &mut dyn FnMut(&'a Node)) {
    match &node.content {
        Content::Map(pairs, _) => {
            for (key, value) in pairs {
                let name = match key.text() {
                    Some("secretRef" | "secretKeyRef") => value.get("name"),
                    Some("secret") => value.get("secretName"),
                    _ => None,
                };
                match name.filter(|_| value.get("optional").and_then(Look::flag) != Some(true)) {
                    Some(name) => found(name),
                    None => named(value, found),
                }
            }
        }
        Content::List(items, _) => items.iter().for_each(|item| named(item, found)),
        Content::Scalar(..) | Content::Alias(_) => {}
    }
}
