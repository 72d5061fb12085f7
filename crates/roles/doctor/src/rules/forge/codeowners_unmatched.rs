//! A folder in CODEOWNERS that is not there.

use crate::rules::{Everybody, Fix, Report, Repository, Rule, Warning};
use review::PLACES;

pub(crate) const RULE: Rule = Rule {
    id: "codeowners/unmatched",
    severity: Warning,
    scope: Everybody,
    upstream: "The line protects nothing.",
    ours: "The same.",
    check,
};

fn check(repository: &Repository<'_>, report: &mut Report<'_>) {
    let Some((path, text)) = PLACES.iter().find_map(|(path, _)| Some((*path, repository.text(path)?))) else { return };
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let pattern = line.split_whitespace().next().unwrap_or_default();
        let at = start + line.find(pattern).unwrap_or(0);
        start += line.len();
        let plain =
            pattern.starts_with('/') && pattern.ends_with('/') && pattern.len() > 1 && !pattern.contains(['*', '?', '[', '\\', '(']);
        let folder = pattern.trim_matches('/');
        // A folder that is yet to come is fine; a name that is nearly that of one that is there is a slip.
        if plain && !repository.has_folder(folder) && repository.folders_near(folder) {
            report.add(path, at, format!("there is no folder {folder}"), Fix::advice("name a folder that is there"));
        }
    }
}
