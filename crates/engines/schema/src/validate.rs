use std::collections::HashSet;

use serde_json::{Value, json};

use crate::{Cause, DEPTH, Limits, ListType, Schema, Type, Violation, format};

/// Returns everything that is wrong with an object, in the words of Kubernetes.
///
/// With `old`, the object before the change, a wrong value that did not change is let pass.
pub fn validate(schema: &Schema, value: &Value, old: Option<&Value>) -> Vec<Violation> {
    let mut found = Vec::new();
    node(schema, value, old, "", 0, &mut found);
    // Lists that had items twice before may have them still.
    let mut before = Vec::new();
    if let Some(old) = old {
        lists(schema, old, None, "", &mut before);
    }
    if before.is_empty() {
        lists(schema, value, old, "", &mut found);
    }
    found
}

/// The same, with what else was found wrong, and what the rules say when nothing stands in their way; warnings tell what they
/// let pass.
///
/// Follows apiextensions-apiserver `pkg/registry/customresource/strategy.go`.
pub fn validate_all(schema: &Schema, value: &Value, old: Option<&Value>, others: Vec<Violation>) -> (Vec<Violation>, Vec<String>) {
    let mut found = validate(schema, value, old);
    found.extend(others);
    if !schema.has_rules {
        return (found, Vec::new());
    }
    let blocks =
        |cause: Cause| matches!(cause, Cause::NotSupported | Cause::Required | Cause::TooLong | Cause::TooMany | Cause::TypeInvalid);
    if found.iter().any(|violation| blocks(violation.cause)) {
        let why =
            "some validation rules were not checked because the object was invalid; correct the existing errors to complete validation";
        found.push(Violation { field: "<nil>".to_owned(), cause: Cause::Invalid, text: format!("Invalid value: null: {why}") });
        return (found, Vec::new());
    }
    let (failed, warnings) = crate::check_rules(schema, value, old);
    found.extend(failed);
    (found, warnings)
}

/// Returns the word for a value's type in messages.
pub fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() && number.as_f64().is_some_and(|float| float.fract() != 0.0) => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

pub(crate) fn child(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

fn has_type(kind: Type, value: &Value) -> bool {
    match kind {
        Type::Object => value.is_object(),
        Type::Array => value.is_array(),
        Type::String => value.is_string(),
        Type::Integer => matches!(type_name(value), "integer"),
        Type::Number => value.is_number(),
        Type::Boolean => value.is_boolean(),
    }
}

fn node(schema: &Schema, value: &Value, old: Option<&Value>, path: &str, depth: usize, found: &mut Vec<Violation>) {
    // What was stored before is let be: otherwise a tightened schema would lock objects.
    if old == Some(value) {
        return;
    }
    if depth > DEPTH {
        found.push(Violation::invalid(path, &Value::Null, "the object nests too deeply"));
        return;
    }
    if value.is_null() && schema.nullable {
        return;
    }
    if schema.int_or_string {
        if !(value.is_string() || matches!(type_name(value), "integer")) {
            found.push(Violation::wrong_type(path, type_name(value), "integer,string"));
            return;
        }
    } else if let Some(kind) = schema.kind
        && !has_type(kind, value)
    {
        found.push(Violation::wrong_type(path, type_name(value), kind.word()));
        return;
    }
    bounds(&schema.limits, schema.format.as_deref(), value, path, found);
    junctors(&schema.limits, value, path, depth, found);
    match value {
        Value::Object(map) => {
            for name in &schema.required {
                if !map.contains_key(name) {
                    found.push(Violation::required(&child(path, name), ""));
                }
            }
            for (name, inner) in map {
                if let Some(field) = schema.field(name) {
                    let before = old.and_then(|old| old.get(name));
                    node(field, inner, before, &child(path, name), depth + 1, found);
                }
            }
        }
        Value::Array(list) => {
            let Some(items) = &schema.items else { return };
            for (index, inner) in list.iter().enumerate() {
                node(items, inner, counterpart(schema, inner, old), &format!("{path}[{index}]"), depth + 1, found);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The old item that a list item continues: by key in a list of type map, else none.
pub(crate) fn counterpart<'a>(schema: &Schema, item: &Value, old: Option<&'a Value>) -> Option<&'a Value> {
    let ListType::Map(keys) = &schema.list else { return None };
    old?.as_array()?.iter().find(|before| keys.iter().all(|key| before.get(key) == item.get(key)))
}

fn float(value: &serde_json::Number) -> f64 {
    value.as_f64().unwrap_or(f64::NAN)
}

fn bounds(limits: &Limits, format: Option<&str>, value: &Value, path: &str, found: &mut Vec<Violation>) {
    match value {
        Value::String(text) => {
            let length = text.chars().count() as u64;
            if let Some(most) = limits.max_length.filter(|most| length > *most) {
                // Of a text only the first of these faults is told.
                found.push(Violation::too_long(path, most));
            } else if let Some(least) = limits.min_length.filter(|least| length < *least) {
                found.push(Violation::invalid(path, value, &format!("{path} in body should be at least {least} chars long")));
            } else if let Some((text_of, regex)) = &limits.pattern
                && !regex.is_match(text)
            {
                found.push(Violation::invalid(path, value, &format!("{path} in body should match '{text_of}'")));
            }
            if let Some(format) = format
                && !format::holds(format, text)
            {
                let text = format!("Invalid value: {value}: {path} in body must be of type {format}: {value}");
                found.push(Violation { field: path.to_owned(), cause: Cause::TypeInvalid, text });
            }
        }
        Value::Number(number) => numbers(limits, format, number, path, found),
        Value::Array(list) => {
            if let Some(most) = limits.max_items.filter(|most| list.len() as u64 > *most) {
                found.push(Violation::too_many(path, list.len(), most));
            }
            if let Some(least) = limits.min_items.filter(|least| (list.len() as u64) < *least) {
                found.push(Violation::invalid(path, &json!(list.len()), &format!("{path} in body should have at least {least} items")));
            }
        }
        Value::Object(map) => {
            if let Some(most) = limits.max_properties.filter(|most| map.len() as u64 > *most) {
                found.push(Violation::too_many(path, map.len(), most));
            }
            if let Some(least) = limits.min_properties.filter(|least| (map.len() as u64) < *least) {
                found.push(Violation::invalid(path, &json!(map.len()), &format!("{path} in body should have at least {least} properties")));
            }
        }
        Value::Null | Value::Bool(_) => {}
    }
    if let Some(allowed) = &limits.one_of_values
        && !allowed.contains(value)
    {
        let words: Vec<String> = allowed.iter().map(|one| one.as_str().map_or_else(|| one.to_string(), str::to_owned)).collect();
        found.push(Violation::not_supported(path, value, &words));
    }
}

fn numbers(limits: &Limits, format: Option<&str>, number: &serde_json::Number, path: &str, found: &mut Vec<Violation>) {
    let value = Value::Number(number.clone());
    let here = float(number);
    if let Some(least) = &limits.minimum {
        let wrong = if limits.exclusive_minimum { here <= float(least) } else { here < float(least) };
        if wrong {
            let words = if limits.exclusive_minimum { "greater than" } else { "greater than or equal to" };
            found.push(Violation::invalid(path, &value, &format!("{path} in body should be {words} {least}")));
        }
    }
    if let Some(most) = &limits.maximum {
        let wrong = if limits.exclusive_maximum { here >= float(most) } else { here > float(most) };
        if wrong {
            let words = if limits.exclusive_maximum { "less than" } else { "less than or equal to" };
            found.push(Violation::invalid(path, &value, &format!("{path} in body should be {words} {most}")));
        }
    }
    if let Some(factor) = &limits.multiple_of {
        let quotient = here / float(factor);
        if (quotient - quotient.round()).abs() > 1e-9 {
            found.push(Violation::invalid(path, &value, &format!("{path} in body should be a multiple of {factor}")));
        }
    }
    let fits = match format {
        Some("int32") => number.as_i64().is_some_and(|whole| i32::try_from(whole).is_ok()) || number.is_f64(),
        Some("int64") => number.as_i64().is_some() || number.is_f64(),
        _ => true,
    };
    if !fits {
        let format = format.unwrap_or_default();
        found.push(Violation::invalid(path, &value, &format!("{path} in body must be of type {format}: {}", json!(type_name(&value)))));
    }
}

fn junctors(limits: &Limits, value: &Value, path: &str, depth: usize, found: &mut Vec<Violation>) {
    let check = |branch: &Schema| {
        let mut inner = Vec::new();
        node(branch, value, None, path, depth + 1, &mut inner);
        inner
    };
    let whole = |text: String| Violation { field: "<nil>".to_owned(), cause: Cause::Invalid, text: format!("Invalid value: \"\": {text}") };
    for branch in &limits.all_of {
        found.extend(check(branch));
    }
    if !limits.any_of.is_empty() {
        let mut tried: Vec<Vec<Violation>> = limits.any_of.iter().map(check).collect();
        if tried.iter().all(|wrong| !wrong.is_empty()) {
            found.push(whole(format!("\"{path}\" must validate at least one schema (anyOf)")));
            tried.sort_by_key(Vec::len);
            found.extend(tried.swap_remove(0));
        }
    }
    if !limits.one_of.is_empty() {
        let mut tried: Vec<Vec<Violation>> = limits.one_of.iter().map(check).collect();
        match tried.iter().filter(|wrong| wrong.is_empty()).count() {
            1 => {}
            0 => {
                found.push(whole(format!("\"{path}\" must validate one and only one schema (oneOf). Found none valid")));
                found.append(&mut tried[0]);
            }
            many => found.push(whole(format!("\"{path}\" must validate one and only one schema (oneOf). Found {many} valid alternatives"))),
        }
    }
    if let Some(branch) = &limits.not
        && check(branch).is_empty()
    {
        found.push(whole(format!("\"{path}\" must not validate the schema (not)")));
    }
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
