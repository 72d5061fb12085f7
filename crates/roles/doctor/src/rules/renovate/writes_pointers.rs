//! A pattern by which Renovate updates the pointers that Kargo edits.

use crate::rules::{Error, Everybody, Fix, Look, Report, Repository, Rule};
use golang::{glob, regexp};
use regex::Regex;

pub(crate) const RULE: Rule = Rule {
    id: "renovate/writes-pointers",
    severity: Error,
    scope: Everybody,
    upstream: "Renovate and Kargo write the same file; what Renovate merges is never tested.",
    ours: "The forge refuses: Renovate's lane does not include the pointers.",
    check,
};

fn check(repository: &Repository<'_>, report: &mut Report<'_>) {
    let Some((path, Ok(root))) = &repository.renovate else { return };
    let off = root.items_at("packageRules").iter().filter(|rule| rule.get("enabled").and_then(Look::flag) == Some(false));
    let off: Vec<&str> = off
        .filter(|rule| rule.pairs().iter().filter(|(key, _)| key.text().is_some_and(|key| key.starts_with("match"))).count() == 1)
        .flat_map(|rule| rule.get("matchFileNames").map(|names| names.texts()).unwrap_or_default())
        .filter_map(|name| name.text())
        .collect();
    let files: Vec<&str> = repository
        .targets
        .iter()
        .map(|target| target.file.as_str())
        .filter(|file| !off.iter().any(|pattern| glob(pattern, file)))
        .collect();
    for (manager, block) in
        root.pairs().iter().filter(|(key, _)| key.text().is_some_and(|key| matches!(key, "kubernetes" | "flux" | "argocd" | "helm-values")))
    {
        for (key, old) in [("fileMatch", true), ("managerFilePatterns", false)] {
            for node in block.get(key).map(|patterns| patterns.texts()).unwrap_or_default() {
                let text = node.text().unwrap_or_default();
                let expression = if old { Some(text) } else { text.strip_prefix('/').and_then(|rest| rest.strip_suffix('/')) };
                let pattern: Option<Regex> = expression.and_then(|expression| regexp(expression).ok());
                let hit = files.iter().find(|file| {
                    pattern.as_ref().map_or_else(|| expression.is_none() && glob(text, file), |pattern| pattern.is_match(file))
                });
                if let Some(file) = hit {
                    let message = format!("the manager {} reads {file}, which Kargo edits", manager.text().unwrap_or_default());
                    report.add(path, node.start(), message, Fix::advice("match apps/ alone, or disable clusters/** by a rule"));
                }
            }
        }
    }
}
