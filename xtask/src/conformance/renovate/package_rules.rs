//! What package rules make of a dependency's settings.

use serde_json::{Map, Value};
use update::package_rules::PackageRules;

/// Answers a case anew: what is changed or added.
pub fn check(case: &Value) -> Option<String> {
    let expected = &case["set"]["ok"];
    let rules = case["packageRules"].as_array().map_or(&[][..], Vec::as_slice);
    let rules = match PackageRules::parse(rules) {
        Ok(rules) => rules,
        Err(error) => return Some(format!("{error}: {}", case["ruleset"])),
    };
    let before: Map<String, Value> = case["dep"].as_object().cloned().unwrap_or_default();
    let mut after = before.clone();
    rules.apply(&mut after, super::RECORDED.parse().expect("a time"));
    after.retain(|key, value| before.get(key) != Some(value));
    (Value::Object(after.clone()) != *expected).then(|| format!("{}, expected {expected}: {}", Value::Object(after), case["ruleset"]))
}
