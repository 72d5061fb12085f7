//! What is compared of an object: not what only a cluster writes, and of Secrets only whether values are equal.

use serde_json::{Value, json};

const SERVER: [&str; 7] =
    ["managedFields", "resourceVersion", "uid", "creationTimestamp", "generation", "selfLink", "deletionGracePeriodSeconds"];
/// Holds a whole earlier object, Secrets included.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Returns both objects as they may be shown.
pub(super) fn pair(before: Option<&Value>, after: Option<&Value>) -> (Option<Value>, Option<Value>) {
    let (mut before, mut after) = (before.map(plain), after.map(plain));
    for field in ["data", "stringData"] {
        let secret = |object: &Option<Value>| object.as_ref().filter(|object| is_secret(object)).map(|object| object[field].clone());
        let (old, new) = (secret(&before), secret(&after));
        mask(before.as_mut(), field, new.as_ref(), "*** (before)");
        mask(after.as_mut(), field, old.as_ref(), "*** (after)");
    }
    (before, after)
}

fn is_secret(object: &Value) -> bool {
    object["kind"] == "Secret" && object["apiVersion"] == "v1"
}

/// Hides the values of a Secret; equal ones look equal.
fn mask(object: Option<&mut Value>, field: &str, other: Option<&Value>, changed: &str) {
    let Some(object) = object.filter(|object| is_secret(object)) else { return };
    match object.get_mut(field) {
        Some(Value::Object(map)) => map.iter_mut().for_each(|(key, value)| {
            let same = other.is_some_and(|other| other.get(key) == Some(&*value));
            *value = json!(if same { "***" } else { changed });
        }),
        Some(other) => *other = json!(changed),
        None => {}
    }
}

fn plain(object: &Value) -> Value {
    let mut object = object.clone();
    if let Some(fields) = object.as_object_mut() {
        fields.remove("status");
    }
    if let Some(metadata) = object["metadata"].as_object_mut() {
        SERVER.iter().for_each(|field| drop(metadata.remove(*field)));
        if let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) {
            annotations.remove(LAST_APPLIED);
            if annotations.is_empty() {
                metadata.remove("annotations");
            }
        }
    }
    object
}
