//! ConfigMap, and what Secrets have in common with it. Follows kubernetes `pkg/apis/core/validation/validation.go`.

use base64::Engine as _;
use schema::Violation;
use serde_json::{Map, Value, json};

use super::Subject;
use super::faults::Faults;
use crate::names;

/// The most that a ConfigMap or Secret may hold.
pub(super) const MOST: usize = 1024 * 1024;

/// Checks a ConfigMap.
pub(crate) fn check(subject: &Subject<'_>, faults: &mut Faults) {
    let object = subject.object;
    frozen(object, subject.old, &["data", "binaryData"], faults);
    subject.metadata(faults);
    let empty = Map::new();
    let map = |name: &str| object.get(name).and_then(Value::as_object).unwrap_or(&empty);
    let mut size = 0;
    for (name, value) in map("data") {
        key("data", name, faults);
        if map("binaryData").contains_key(name) {
            faults.invalid(&format!("data[{name}]"), &json!(name), "duplicate of key present in binaryData");
        }
        size += value.as_str().map_or(0, str::len);
    }
    for (name, value) in map("binaryData") {
        key("binaryData", name, faults);
        size += decoded(value).len();
    }
    if size > MOST {
        // Upstream writes the whole object like this.
        faults.0.push(Violation::too_long("[]", MOST as u64));
    }
}

/// What says that it does not change may not.
pub(super) fn frozen(object: &Value, old: Option<&Value>, fields: &[&str], faults: &mut Faults) {
    const WHY: &str = "field is immutable when `immutable` is set";
    let Some(old) = old.filter(|old| old.get("immutable") == Some(&json!(true))) else { return };
    if object.get("immutable") != Some(&json!(true)) {
        faults.forbidden("immutable", WHY);
    }
    for field in fields {
        if object.get(*field) != old.get(*field) {
            faults.forbidden(field, WHY);
        }
    }
}

/// Checks a key of the data.
pub(super) fn key(field: &str, key: &str, faults: &mut Faults) {
    if key.len() > 253 {
        faults.invalid(&format!("{field}[{key}]"), &json!(key), "must be no more than 253 characters");
    }
    // The length is a fault of its own.
    if let Some(why) = names::config_key_fault(key.get(..253).unwrap_or(key)) {
        faults.invalid(&format!("{field}[{key}]"), &json!(key), &why);
    }
}

/// Returns the bytes that a text of base64 stands for.
pub(super) fn decoded(value: &Value) -> Vec<u8> {
    value.as_str().and_then(|text| base64::engine::general_purpose::STANDARD.decode(text).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_have_a_form_and_a_length() {
        let told = |key: &str| {
            let mut faults = Faults::default();
            super::key("data", key, &mut faults);
            faults.0.into_iter().map(|one| one.text).collect::<Vec<_>>()
        };
        assert!(told("a.b-c_D").is_empty());
        assert_eq!(told("..a"), ["Invalid value: \"..a\": must not start with '..'"]);
        let long = "x".repeat(254);
        assert_eq!(told(&long), [format!("Invalid value: {long:?}: must be no more than 253 characters")]);
        assert_eq!(told("a b").len(), 1);
    }
}
