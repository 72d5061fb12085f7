use model::Timestamp;
use serde_json::{Value, json};

/// Longest message of a condition, in characters, as the definitions have it.
const MESSAGE: usize = 32_768;

/// One condition to set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition<'a> {
    /// `Ready`, …
    pub kind: &'a str,
    /// `True`, `False` or `Unknown`.
    pub status: &'a str,
    /// One word.
    pub reason: &'a str,
    /// A sentence.
    pub message: &'a str,
}

/// Sets a condition in a status. The transition time moves only when the condition's status changes.
pub fn set_condition(status: &mut Value, condition: &Condition<'_>, generation: i64, now: Timestamp) {
    if !status["conditions"].is_array() {
        status["conditions"] = json!([]);
    }
    let mut fresh = json!({
        "type": condition.kind,
        "status": condition.status,
        "reason": condition.reason,
        "message": condition.message.chars().take(MESSAGE).collect::<String>(),
        "observedGeneration": generation,
        "lastTransitionTime": seconds(now),
    });
    let Some(all) = status["conditions"].as_array_mut() else { return };
    match all.iter_mut().find(|existing| existing["type"] == condition.kind) {
        Some(existing) => {
            if existing["status"] == condition.status {
                fresh["lastTransitionTime"] = existing["lastTransitionTime"].clone();
            }
            *existing = fresh;
        }
        None => all.push(fresh),
    }
}

/// Removes a condition.
pub fn remove_condition(status: &mut Value, kind: &str) {
    if let Some(all) = status["conditions"].as_array_mut() {
        all.retain(|existing| existing["type"] != kind);
    }
}

/// Returns an object's condition of this type.
pub fn find_condition<'a>(object: &'a Value, kind: &str) -> Option<&'a Value> {
    object["status"]["conditions"].as_array()?.iter().find(|condition| condition["type"] == kind)
}

/// Tells whether an object's condition of this type is `True`.
pub fn is_true(object: &Value, kind: &str) -> bool {
    find_condition(object, kind).is_some_and(|condition| condition["status"] == "True")
}

/// Prints a time as Kubernetes does, in whole seconds.
fn seconds(at: Timestamp) -> String {
    Timestamp::from_second(at.as_second()).unwrap_or(at).to_string()
}
