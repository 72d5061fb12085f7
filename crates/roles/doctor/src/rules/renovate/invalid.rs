//! A configuration of Renovate that cannot be read.

use crate::rules::{Error, Everybody, Fix, Look, Report, Repository, Rule};

pub(crate) const RULE: Rule = Rule {
    id: "renovate/invalid",
    severity: Error,
    scope: Everybody,
    upstream: "Renovate stops for this repository and opens an issue.",
    ours: "Nothing is updated until it can be read; the status says why.",
    check,
};

fn check(repository: &Repository<'_>, report: &mut Report<'_>) {
    let Some((path, read)) = &repository.renovate else { return };
    match read {
        Err(error) => report.add(path, error.offset, error.text.clone(), Fix::advice("mend the JSON")),
        Ok(root) if root.pairs().is_empty() && !matches!(root.content, yaml::Content::Map(..)) => {
            report.add(path, root.start(), "the configuration is no map", Fix::advice("write a map"));
        }
        Ok(root) => {
            for (key, value) in [("packageRules", root.get("packageRules"))].iter().filter_map(|(key, value)| Some((key, (*value)?))) {
                if !matches!(value.content, yaml::Content::List(..)) {
                    report.add(path, value.start(), format!("{key} is no list"), Fix::advice("write a list"));
                }
            }
            for flag in ["automerge", "enabled", "platformAutomerge", "ignoreTests", "pinDigests"] {
                for (_, value) in super::blocks(root).filter_map(|block| block.pair(flag)) {
                    if value.flag().is_none() && value.text() != Some("null") {
                        report.add(path, value.start(), format!("{flag} is neither true nor false"), Fix::advice("write true or false"));
                    }
                }
            }
        }
    }
}
