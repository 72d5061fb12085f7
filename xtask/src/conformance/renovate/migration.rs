//! What becomes of options in an old form.

use serde_json::{Map, Value};
use update::migration::migrate;

/// Answers a case anew.
pub fn check(case: &Value) -> Option<String> {
    let none = Map::new();
    let config = case["config"].as_object().unwrap_or(&none);
    let found = Value::Object(migrate(config).config);
    let expected = &case["result"]["ok"];
    let changed = expected["isMigrated"].as_bool() == Some(found != case["config"]);
    (found != expected["migratedConfig"] || !changed).then(|| format!("{found}: {case}"))
}
