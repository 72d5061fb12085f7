use serde_json::Value;

use crate::Schema;

/// Fills in the defaults of fields that are not there.
pub fn default(schema: &Schema, value: &mut Value) {
    match value {
        Value::Object(map) => {
            for (name, field) in &schema.properties {
                let absent = match map.get(name) {
                    None => true,
                    // A null that is not allowed counts as absent when there is a default.
                    Some(Value::Null) => !field.nullable,
                    Some(_) => false,
                };
                if let (true, Some(wanted)) = (absent, &field.default) {
                    map.insert(name.clone(), wanted.clone());
                }
                if let Some(inner) = map.get_mut(name) {
                    default(field, inner);
                }
            }
            let Some(additional) = &schema.additional else { return };
            for (name, inner) in map.iter_mut() {
                if schema.properties.contains_key(name) {
                    continue;
                }
                if let (true, false, Some(wanted)) = (inner.is_null(), additional.nullable, &additional.default) {
                    *inner = wanted.clone();
                }
                default(additional, inner);
            }
        }
        Value::Array(list) => {
            let Some(items) = &schema.items else { return };
            for inner in list {
                if let (true, false, Some(wanted)) = (inner.is_null(), items.nullable, &items.default) {
                    *inner = wanted.clone();
                }
                default(items, inner);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Drops nulls from declared fields that do not allow them, as is done to custom resources before they are defaulted.
pub fn drop_nulls(schema: &Schema, value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.retain(|name, inner| match (schema.field(name), &inner) {
                (Some(field), Value::Null) => field.nullable,
                _ => true,
            });
            for (name, inner) in map.iter_mut() {
                if let Some(field) = schema.field(name) {
                    drop_nulls(field, inner);
                }
            }
        }
        Value::Array(list) => {
            let Some(items) = &schema.items else { return };
            list.iter_mut().for_each(|inner| drop_nulls(items, inner));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
