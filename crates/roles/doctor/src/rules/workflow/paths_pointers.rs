//! A workflow whose paths include the pointers that Kargo edits.

use crate::rules::{Error, Everybody, Fix, Look, Report, Repository, Rule};
use crate::scripts::scripts;
use golang::glob;

pub(crate) const RULE: Rule = Rule {
    id: "workflow/paths-pointers",
    severity: Error,
    scope: Everybody,
    upstream: "A promotion starts the build of the next artifact, without end.",
    ours: "The same.",
    check,
};

fn check(repository: &Repository<'_>, report: &mut Report<'_>) {
    let files: Vec<&str> = repository
        .targets
        .iter()
        .map(|target| target.file.as_str())
        .chain(repository.pointers().map(|pointer| pointer.path.as_str()))
        .collect();
    let mut seen = std::collections::BTreeSet::new();
    for script in scripts(repository).iter().filter(|script| script.text.contains("flux push artifact")) {
        let Some(paths) = script.workflow.root.at("on.push.paths").filter(|_| seen.insert(&script.workflow.path)) else { continue };
        let patterns: Vec<&str> = paths.items().iter().filter_map(|path| path.text()).take(200).collect();
        // The last pattern that matches decides; `!` in front takes away.
        let included = |file: &&&str| {
            patterns.iter().fold(false, |matched, pattern| match pattern.strip_prefix('!') {
                Some(pattern) => matched && !glob(pattern, file),
                None => matched || glob(pattern, file),
            })
        };
        if let Some(file) = files.iter().find(included) {
            report.add(
                &script.workflow.path,
                paths.start(),
                format!("the paths include {file}, which Kargo edits"),
                Fix::advice("name apps/** alone"),
            );
        }
    }
}
