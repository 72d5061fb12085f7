//! Two stars inside a part of a name.

use crate::rules::{Fix, Look, Report, Repository, Rule, Upstream, Warning};

pub(crate) const RULE: Rule = Rule {
    id: "renovate/stars-in-segment",
    severity: Warning,
    scope: Upstream,
    upstream: "Two stars that are not a whole part between slashes are one star: nothing below it matches.",
    ours: "The same.",
    check,
};

fn check(repository: &Repository<'_>, report: &mut Report<'_>) {
    let Some((path, Ok(root))) = &repository.renovate else { return };
    for names in super::blocks(root).filter_map(|block| block.get("matchPackageNames")) {
        let texts = names.texts();
        for name in &texts {
            let text = name.text().unwrap_or_default();
            let inside = !text.starts_with('/') && text.split('/').any(|part| part.contains("**") && part != "**");
            let base = text.trim_end_matches('*');
            let below = format!("{base}*/**");
            if inside && !texts.iter().any(|other| other.text() == Some(&below)) {
                let edit =
                    text.ends_with("**").then(|| repository.edit(path).splice(name.span.end, name.span.end, format!(", \"{below}\"")));
                let edit = edit.filter(|_| !base.contains('*') && !base.contains(['"', '\\']));
                report.add(path, name.start(), format!("{text} does not match what lies below"), Fix::edit(format!("add {below}"), edit));
            }
        }
    }
}
