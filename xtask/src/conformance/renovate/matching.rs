//! Whether a pattern, or a list of them, matches a text.

use serde_json::Value;
use update::pattern::{Pattern, Patterns, Subject};

/// Answers a case anew. A pattern that is refused matches nothing.
pub fn check(case: &Value) -> Option<String> {
    let input = case["input"].as_str().unwrap_or_default();
    let found = match case["pattern"].as_str() {
        Some(pattern) => Pattern::parse(pattern).is_ok_and(|pattern| pattern.matches(&Subject::new(input))),
        None => {
            let texts: Vec<String> =
                case["patterns"].as_array().into_iter().flatten().filter_map(|text| text.as_str().map(str::to_owned)).collect();
            Patterns::parse(&texts).is_ok_and(|patterns| patterns.match_text(input))
        }
    };
    let expected = case["match"]["ok"].as_bool();
    (expected != Some(found)).then(|| format!("{input:?}: {found}, expected {expected:?}; {case}"))
}
