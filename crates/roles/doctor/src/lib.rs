//! Looks through a deployment repository for places where upstream tools refuse, misread or half do what was meant, and for
//! ordinary mistakes; says what upstream does, what Supercargo does, and how to mend it.
//!
//! One rule is one file under `rules/` and one line in the list of its folder. Every file is parsed once. Read first: [`examine`],
//! [`Finding`], then any file under `rules/`.

mod cluster;
mod diff;
mod edits;
mod finding;
mod fix;
mod jsonc;
mod look;
mod patterns;
mod read;
mod repository;
mod rules;
mod schemas;
mod scripts;
mod steps;

pub use cluster::examine_cluster;
pub use diff::patch;
pub use finding::{Audience, Edit, Finding, Fix, Severity};
pub use fix::apply_fixes;

use std::collections::HashSet;

use finding::Report;
use model::Tree;
use repository::Repository;

/// Returns what is wrong with a repository, by place.
///
/// A repository with a file `policy/main.json`, which only Supercargo's forge reads, is served by Supercargo in every role:
/// what upstream tools alone would stumble over is no finding there. [`examine_for`] chooses.
pub fn examine(tree: &Tree) -> Vec<Finding> {
    examine_for(tree, Audience::of(tree))
}

/// Returns what is wrong with a repository that is read by these tools, by place.
pub fn examine_for(tree: &Tree, audience: Audience) -> Vec<Finding> {
    look(tree, audience, rules::all())
}

/// Returns which files Supercargo cannot read as they stand, in whatever role, by place: a part of what [`examine_for`] finds.
pub fn malformed(tree: &Tree) -> Vec<Finding> {
    look(tree, Audience::Supercargo, rules::malformed())
}

fn look(tree: &Tree, audience: Audience, rules: impl Iterator<Item = &'static finding::Rule>) -> Vec<Finding> {
    let repository = Repository::read(tree, audience);
    let mut findings = Vec::new();
    for rule in rules {
        if audience == Audience::Supercargo && rule.scope == finding::Scope::Upstream {
            continue;
        }
        let mut report = Report::new(&repository, rule);
        (rule.check)(&repository, &mut report);
        findings.extend(report.into_findings());
    }
    // A rule of its own tells better what is wrong than the definition does.
    let told: HashSet<(String, usize)> = findings
        .iter()
        .filter(|finding| !finding.rule.starts_with("manifest/"))
        .map(|finding| (finding.path.clone(), finding.line))
        .collect();
    findings.retain(|finding| finding.rule != "manifest/invalid-field" || !told.contains(&(finding.path.clone(), finding.line)));
    findings.sort_by(|a, b| (&a.path, a.line, a.column, a.rule).cmp(&(&b.path, b.line, b.column, b.rule)));
    findings
}

/// Returns every rule's id with what upstream does, in the order in which they are tried.
pub fn rule_texts() -> Vec<(&'static str, &'static str)> {
    rules::all().map(|rule| (rule.id, rule.upstream)).collect()
}
