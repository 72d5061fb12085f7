//! What a branch is called.

use serde_json::{Map, Value};
use update::branch_name::{Naming, branch_name, sanitized};

/// Answers a case anew: of an update's fields some are options.
pub fn check(case: &Value) -> Option<String> {
    let none = Map::new();
    let input = case["input"].as_object().unwrap_or(&none);
    let text = |key: &str| input.get(key).and_then(Value::as_str).map(str::to_owned);
    let flag = |key: &str, usual: bool| input.get(key).and_then(Value::as_bool).unwrap_or(usual);
    let usual = Naming::default();
    let naming = Naming {
        prefix: text("branchPrefix").unwrap_or(usual.prefix),
        additional_prefix: text("additionalBranchPrefix").unwrap_or_default(),
        topic: text("branchTopic").unwrap_or_default(),
        name: text("branchName").unwrap_or_default(),
        group: text("groupName"),
        group_slug: text("groupSlug"),
        separate_major_minor: flag("separateMajorMinor", true),
        separate_multiple_major: flag("separateMultipleMajor", false),
        separate_multiple_minor: flag("separateMultipleMinor", false),
        separate_minor_patch: flag("separateMinorPatch", false),
        strict: flag("branchNameStrict", false),
        hashed_length: input.get("hashedBranchLength").and_then(Value::as_u64).map(|length| length as usize),
    };
    let name = sanitized(&text("depName").unwrap_or_default());
    let found = branch_name(&naming, input);
    let agrees = match &found {
        Ok(found) => case["branchName"]["ok"].as_str() == Some(found),
        Err(_) => case["branchName"]["error"] == true,
    };
    (!agrees || case["depNameSanitized"].as_str() != Some(&name)).then(|| format!("{found:?}, {name}: {case}"))
}
