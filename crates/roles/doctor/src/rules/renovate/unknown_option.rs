//! An option that Renovate does not have.

use crate::rules::{Error, Everybody, Fix, Look, Report, Repository, Rule};

pub(crate) const RULE: Rule = Rule {
    id: "renovate/unknown-option",
    severity: Error,
    scope: Everybody,
    upstream: "Renovate refuses the configuration, or ignores what it does not know.",
    ours: "Refused by name: nothing is updated until it is gone.",
    check,
};

/// Every option and manager of Renovate 44.
const OPTIONS: &str = include_str!("options.txt");
/// Older names, which Renovate still reads.
const OLD: [&str; 45] = [
    "$schema",
    "aliases",
    "automergeMajor",
    "automergeMinor",
    "automergePatch",
    "azureAutoComplete",
    "baseBranches",
    "commitMessage",
    "docker",
    "excludeDepNames",
    "excludePackageNames",
    "excludePackagePatterns",
    "excludePackagePrefixes",
    "excludeRepositories",
    "fileMatch",
    "gitLabAutomerge",
    "golang",
    "ignoreNodeModules",
    "java",
    "js",
    "languages",
    "masterIssue",
    "matchDepPatterns",
    "matchDepPrefixes",
    "matchLanguages",
    "matchPackagePatterns",
    "matchPackagePrefixes",
    "matchPaths",
    "node",
    "packageNames",
    "packagePatterns",
    "pathRules",
    "paths",
    "php",
    "python",
    "rebaseConflictedPrs",
    "rebaseStalePrs",
    "recreateClosed",
    "regexManagers",
    "ruby",
    "semanticPrefix",
    "separateMajorReleases",
    "stabilityDays",
    "transitiveRemediation",
    "versionScheme",
];

fn check(repository: &Repository<'_>, report: &mut Report<'_>) {
    let Some((path, Ok(root))) = &repository.renovate else { return };
    let known: std::collections::HashSet<&str> = OPTIONS.lines().chain(OLD).collect();
    for (key, _) in super::blocks(root).flat_map(|block| block.pairs()) {
        let name = key.text().unwrap_or_default();
        if !known.contains(name) {
            let near = known.iter().filter(|option| near(option, name)).min().copied();
            let edit = near.and_then(|option| repository.edit(path).set(key, option));
            let hint = near.map_or_else(|| "take it out".to_owned(), |option| format!("write {option}"));
            report.add(path, key.start(), format!("there is no option {name:?}"), Fix::edit(hint, edit));
        }
    }
}

/// Tells whether two names differ by one letter more, less or other, or by case.
fn near(a: &str, b: &str) -> bool {
    if a.eq_ignore_ascii_case(b) {
        return true;
    }
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let front = a.iter().zip(&b).take_while(|(a, b)| a == b).count();
    let back = a[front..].iter().rev().zip(b[front..].iter().rev()).take_while(|(a, b)| a == b).count();
    a.len() - front - back <= 1 && b.len() - front - back <= 1
}
