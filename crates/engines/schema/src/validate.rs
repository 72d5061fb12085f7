use std::collections::HashSet;

use serde_json::Value;

use crate::{Cause, ListType, Schema, Violation, value};

/// Returns everything that is wrong with an object, in the words of Kubernetes.
///
/// With `old`, the object before the change, a wrong value that did not change is let pass.
pub fn validate(schema: &Schema, value: &Value, old: Option<&Value>) -> Vec<Violation> {
    let mut found = value::check(schema, value, old);
    all_lists(schema, value, old, &mut found);
    found
}

/// Lists that had items twice before may have them still.
fn all_lists(schema: &Schema, value: &Value, old: Option<&Value>, found: &mut Vec<Violation>) {
    let mut before = Vec::new();
    if let Some(old) = old {
        lists(schema, old, None, "", &mut before);
    }
    if before.is_empty() {
        lists(schema, value, old, "", found);
    }
}

/// Returns what is wrong with the status of an object: it is checked as if it were all there is, and its lists with the whole.
pub fn validate_status(schema: &Schema, value: &Value, old: Option<&Value>) -> Vec<Violation> {
    const PART: &str = "status";
    let mut found = Vec::new();
    if let (Some(part), Some(inner)) = (schema.field(PART), value.get(PART)) {
        found = value::check(part, inner, old.and_then(|old| old.get(PART)));
        for one in &mut found {
            one.field = match one.field.as_str() {
                "" | "<nil>" => PART.to_owned(),
                field => child(PART, field.trim_start_matches('.')),
            };
        }
    }
    all_lists(schema, value, old, &mut found);
    found
}

/// Adds what the rules say when nothing stands in their way; warnings tell what they let pass.
///
/// Follows apiextensions-apiserver `pkg/registry/customresource/strategy.go`.
pub fn validate_rules(schema: &Schema, value: &Value, old: Option<&Value>, found: &mut Vec<Violation>) -> Vec<String> {
    if !schema.has_rules {
        return Vec::new();
    }
    let blocks =
        |cause: Cause| matches!(cause, Cause::NotSupported | Cause::Required | Cause::TooLong | Cause::TooMany | Cause::TypeInvalid);
    if found.iter().any(|violation| blocks(violation.cause)) {
        let why =
            "some validation rules were not checked because the object was invalid; correct the existing errors to complete validation";
        found.push(Violation { field: "<nil>".to_owned(), cause: Cause::Invalid, text: format!("Invalid value: null: {why}") });
        return Vec::new();
    }
    let (failed, warnings) = crate::check_rules(schema, value, old);
    found.extend(failed);
    warnings
}

pub(crate) fn child(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

/// The old item that a list item continues: by key in a list of type map, else none.
pub(crate) fn counterpart<'a>(schema: &Schema, item: &Value, old: Option<&'a Value>) -> Option<&'a Value> {
    let ListType::Map(keys) = &schema.list else { return None };
    old?.as_array()?.iter().find(|before| keys.iter().all(|key| before.get(key) == item.get(key)))
}

/// Lists of type set and map must not hold an item twice.
fn lists(schema: &Schema, value: &Value, old: Option<&Value>, path: &str, found: &mut Vec<Violation>) {
    if old == Some(value) {
        return;
    }
    match value {
        Value::Object(map) => {
            for (name, inner) in map {
                if let Some(field) = schema.field(name) {
                    lists(field, inner, old.and_then(|old| old.get(name)), &child(path, name), found);
                }
            }
        }
        Value::Array(list) => {
            let mut seen = HashSet::new();
            let other = list.iter().enumerate().find(|(_, item)| !item.is_object());
            if let (ListType::Map(_), Some((index, other))) = (&schema.list, other) {
                let why = "must be an object for an array of list-type map";
                found.push(Violation::invalid(&format!("{path}[{index}]"), other, why));
                return;
            }
            for (index, item) in list.iter().enumerate() {
                let key = match &schema.list {
                    ListType::Atomic => break,
                    ListType::Set => item.clone(),
                    ListType::Map(keys) => {
                        Value::Object(keys.iter().filter_map(|key| Some((key.clone(), item.get(key)?.clone()))).collect())
                    }
                };
                if !seen.insert(key.to_string()) {
                    found.push(Violation::duplicate(&format!("{path}[{index}]"), &key));
                }
            }
            let Some(items) = &schema.items else { return };
            for (index, inner) in list.iter().enumerate() {
                lists(items, inner, counterpart(schema, inner, old), &format!("{path}[{index}]"), found);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
