//! Answers that Renovate's own code gave. Read first: [`score`]. One group of families is one file and one line in [`checker`].

mod branch_name;
mod matching;
mod migration;
mod package_rules;
mod schedule;
mod template;
mod versioning;

use serde_json::Value;

use crate::conformance::Family;

/// The recordings were made in the autumn of 2026; which releases are out depends on the day.
const RECORDED: &str = "2026-10-10T00:00:00Z";

/// Says what is wrong with a case; `None` when it agrees.
type Check = fn(&Value) -> Option<String>;

/// Scores all families of a file.
pub fn score(content: &Value) -> Vec<Family> {
    content.as_object().into_iter().flatten().map(|(name, family)| one(name, family)).collect()
}

fn one(name: &str, family: &Value) -> Family {
    let cases = family["cases"].as_array().map_or(&[][..], Vec::as_slice);
    let Some(check) = checker(name) else {
        let failed = vec!["the family is not built".to_owned(); cases.len()];
        return Family { name: name.to_owned(), failed, missing: true, passed: 0 };
    };
    let failed: Vec<String> = cases.iter().filter_map(check).collect();
    Family { name: name.to_owned(), passed: cases.len() - failed.len(), failed, missing: false }
}

fn checker(family: &str) -> Option<Check> {
    match family {
        "branch-name" => Some(branch_name::check),
        "template" => Some(template::check),
        "migration" => Some(migration::check),
        "package-rules" => Some(package_rules::check),
        "schedule" => Some(schedule::check),
        "match" => Some(matching::check),
        name if name.starts_with("versioning-") => Some(versioning::check),
        _ => None,
    }
}
