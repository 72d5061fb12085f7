//! An image without registry.

use super::{images, name_of, overridden};
use crate::rules::{Everybody, Fix, Look, Report, Repository, Rule, Warning};

pub(crate) const RULE: Rule = Rule {
    id: "apps/image-registry",
    severity: Warning,
    scope: Everybody,
    upstream: "It is taken from Docker Hub, or from wherever the node's settings say.",
    ours: "The same.",
    check,
};

fn check(repository: &Repository<'_>, report: &mut Report<'_>) {
    let overridden = overridden(repository);
    for (document, node) in images(repository) {
        let text = node.text().unwrap_or_default();
        let named = text.split_once('/').is_some_and(|(host, _)| host.contains(['.', ':']) || host == "localhost");
        if !named && !text.contains('$') && !text.contains("{{") && !overridden.contains(name_of(text)) {
            report.add(
                &document.path,
                node.start(),
                format!("the image {text} names no registry"),
                Fix::advice("write the registry in front"),
            );
        }
    }
}
