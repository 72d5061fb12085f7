//! What a template writes.

use serde_json::Value;
use update::template::render;

/// Answers a case anew.
pub fn check(case: &Value) -> Option<String> {
    let found = render(case["template"].as_str().unwrap_or_default(), &case["fields"]);
    let expected = &case["result"];
    let agrees = match &found {
        Ok(text) => expected["ok"].as_str() == Some(text),
        Err(_) => expected["error"] == true,
    };
    (!agrees).then(|| format!("{found:?}: {}, expected {}", case["template"], case["result"]))
}
