//! A rule for Flux that misses its images.

use crate::rules::{Fix, Look, Report, Repository, Rule, Upstream, Warning};

pub(crate) const RULE: Rule = Rule {
    id: "renovate/fluxcd-images",
    severity: Warning,
    scope: Upstream,
    upstream: "The pattern matches the releases on GitHub; Flux's images and charts are named ghcr.io/fluxcd/…, which it does not.",
    ours: "The same.",
    check,
};

fn check(repository: &Repository<'_>, report: &mut Report<'_>) {
    let Some((path, Ok(root))) = &repository.renovate else { return };
    for names in super::blocks(root).filter_map(|block| block.get("matchPackageNames")) {
        let texts = names.texts();
        let Some(flux) = texts.iter().find(|name| name.text() == Some("fluxcd/**")) else { continue };
        if !texts.iter().any(|name| name.text().is_some_and(|text| text.starts_with("ghcr.io/fluxcd"))) {
            let edit = repository.edit(path).splice(flux.span.end, flux.span.end, ", \"ghcr.io/fluxcd/**\"");
            report.add(path, flux.start(), "fluxcd/** does not match ghcr.io/fluxcd/…", Fix::edit("add ghcr.io/fluxcd/**", [edit]));
        }
    }
}
