//! An image without version.

use super::{images, name_of, overridden};
use crate::rules::{Error, Everybody, Fix, Look, Report, Repository, Rule};

pub(crate) const RULE: Rule = Rule {
    id: "apps/image-latest",
    severity: Error,
    scope: Everybody,
    upstream: "What runs changes without a commit, and Renovate has no version to raise.",
    ours: "The same.",
    check,
};

fn check(repository: &Repository<'_>, report: &mut Report<'_>) {
    let overridden = overridden(repository);
    for (document, node) in images(repository) {
        let text = node.text().unwrap_or_default();
        let name = text.rsplit('/').next().unwrap_or_default();
        let moving = match name.split_once(':') {
            _ if text.contains('@') || text.contains('$') || text.contains("{{") => false,
            Some((_, tag)) => tag == "latest",
            None => true,
        };
        if moving && !overridden.contains(name_of(text)) {
            report.add(
                &document.path,
                node.start(),
                format!("the image {text} has no version"),
                Fix::advice("name a version, or a digest"),
            );
        }
    }
}
