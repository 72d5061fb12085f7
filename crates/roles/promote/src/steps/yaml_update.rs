use serde_json::json;

use super::{Input, Kind, Step};

pub(super) const KIND: Kind = Kind { keys: &["path", "updates"], required: &["path", "updates"], lasting: false, run };

/// Sets scalars of a YAML file; every other byte stays.
fn run(input: &mut Input<'_>) -> Step {
    let path = input.text("path").unwrap_or_default().to_owned();
    let Some(updates) = input.config["updates"].as_array().cloned() else { return Step::Failed("updates must be a list".into()) };
    let (root, inside) = match input.locate(&path) {
        Ok(found) => found,
        Err(why) => return Step::Failed(why),
    };
    let Some(checkout) = input.work.get_mut(&root) else { return Step::Failed(format!("{path} is in no checkout")) };
    let Some(bytes) = checkout.now.bytes(&inside) else { return Step::Failed(format!("{path}: no such file")) };
    let Ok(mut text) = String::from_utf8(bytes.to_vec()) else { return Step::Failed(format!("{path} is not UTF-8")) };
    let mut lines = Vec::new();
    for update in &updates {
        let Some(key) = update["key"].as_str() else { return Step::Failed("updates[].key is missing".into()) };
        if update.get("value").is_none_or(serde_json::Value::is_null) {
            return Step::Failed(format!("updates[]: {key} has no value"));
        }
        text = match yaml::set_scalar(&text, key, &update["value"]) {
            Ok(text) => text,
            Err(error) => return Step::Failed(format!("{path}: {error}")),
        };
        lines.push(format!("- {key}: {}", update["value"]));
    }
    checkout.now.put(inside, text);
    Step::Done(json!({"commitMessage": format!("Updated {path}\n\n{}", lines.join("\n"))}))
}
