//! The option fileMatch.

use crate::rules::{Fix, Look, Report, Repository, Rule, Upstream, Warning};

pub(crate) const RULE: Rule = Rule {
    id: "renovate/file-match",
    severity: Warning,
    scope: Upstream,
    upstream: "The old name of managerFilePatterns; it works, but is found anywhere in a path: my-apps/x.yaml matches too.",
    ours: "Read with the same meaning.",
    check,
};

fn check(repository: &Repository<'_>, report: &mut Report<'_>) {
    let Some((path, Ok(root))) = &repository.renovate else { return };
    let file = repository.edit(path);
    for (key, value) in super::blocks(root)
        .flat_map(|block| std::iter::once(block).chain(block.pairs().iter().map(|(_, value)| value)))
        .filter_map(|block| block.pair("fileMatch"))
    {
        let patterns = value.texts().into_iter().filter_map(|pattern| {
            let text = pattern.text()?;
            let anchor = if text.starts_with(['^', '(']) { "" } else { "^" };
            file.set(pattern, &format!("/{anchor}{text}/"))
        });
        let edits = file.set(key, "managerFilePatterns").into_iter().chain(patterns);
        report.add(
            path,
            key.start(),
            "fileMatch is the old name of managerFilePatterns",
            Fix::edit("write managerFilePatterns with patterns between slashes", edits),
        );
    }
}
