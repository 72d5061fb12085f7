//! An automatic merge that leaves out digests although images are pinned.

use crate::rules::{Fix, Look, Report, Repository, Rule, Upstream, Warning};

pub(crate) const RULE: Rule = Rule {
    id: "renovate/digest-updates",
    severity: Warning,
    scope: Upstream,
    upstream: "Updates of kind digest, pin and pinDigest are not covered: these wait for a person.",
    ours: "The same.",
    check,
};

fn check(repository: &Repository<'_>, report: &mut Report<'_>) {
    let Some((path, Ok(root))) = &repository.renovate else { return };
    let presets = root.get("extends").map(|extends| extends.texts()).unwrap_or_default();
    let pins = presets.iter().any(|preset| matches!(preset.text(), Some("docker:pinDigests" | "config:best-practices")))
        || super::blocks(root).any(|block| block.get("pinDigests").and_then(Look::flag) == Some(true));
    for block in super::blocks(root).filter(|block| pins && block.get("automerge").and_then(Look::flag) == Some(true)) {
        let Some((key, kinds)) = block.pair("matchUpdateTypes") else { continue };
        if !kinds.texts().iter().any(|kind| matches!(kind.text(), Some("digest" | "pin" | "pinDigest"))) {
            report.add(
                path,
                key.start(),
                "images are pinned, but updates of digests are not in the list",
                Fix::advice("add digest, pin and pinDigest"),
            );
        }
    }
}
