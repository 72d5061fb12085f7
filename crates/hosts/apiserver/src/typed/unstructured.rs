//! Objects as Go's converter of maps to structs takes them, which strategic merge patches go through: it names neither field
//! nor line (AM `pkg/runtime/converter.go`).

use serde_json::Value;

use super::table::{Struct, Type, by_name};

/// Returns what the converter says of the first value that does not fit, in the order of Go's fields. What types with a
/// reader of their own say is left to [`super::read`].
pub(crate) fn fault(form: &'static Struct, value: &Value) -> Option<String> {
    let Value::Object(map) = value else { return Some(format!("cannot restore struct from: {}", kind(value))) };
    form.members().iter().find_map(|field| map.get(field.name).and_then(|inner| fault_of(&field.form, inner)))
}

fn fault_of(form: &Type, value: &Value) -> Option<String> {
    if value.is_null() {
        return None;
    }
    let simple = |fits: bool, convertible: bool, name: &str| match (fits, convertible) {
        (true, _) => None,
        (false, true) => Some(format!("cannot convert {} to {}", type_name(value), form.go_name())),
        (false, false) => Some(format!("unrecognized type: {name}")),
    };
    match form.base() {
        // Go can make a text of a number, so the converter has to say that it does not want to.
        Type::Text => simple(value.is_string(), value.is_i64() || value.is_u64(), "string"),
        Type::Flag => simple(value.is_boolean(), false, "bool"),
        Type::Whole(_) | Type::Float => {
            let whole = value.as_f64().is_some_and(|number| matches!(form.base(), Type::Float) || number.fract() == 0.0);
            simple(whole, value.is_number(), &form.base().go_name())
        }
        Type::Bytes => (!value.is_string() && !value.is_array()).then(|| format!("cannot restore slice from {}", kind(value))),
        Type::List(inner) => match value {
            Value::Array(items) => items.iter().find_map(|item| fault_of(inner, item)),
            other => Some(format!("cannot restore slice from {}", kind(other))),
        },
        Type::Map(inner) => match value {
            Value::Object(map) => map.values().find_map(|item| fault_of(inner, item)),
            other => Some(format!("cannot restore map from {}", kind(other))),
        },
        Type::Time | Type::MicroTime | Type::Duration => {
            let word = match value {
                Value::Bool(_) => "bool",
                Value::Number(_) => "number",
                Value::Array(_) => "array",
                Value::Object(_) => "object",
                Value::Null | Value::String(_) => return None,
            };
            Some(format!("json: cannot unmarshal {word} into Go value of type string"))
        }
        Type::Struct(name) => by_name(name).and_then(|form| fault(form, value)),
        _ => None,
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Object(_) => "map",
        Value::Array(_) => "slice",
        other => type_name(other),
    }
}

fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "nil",
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_f64() => "float64",
        Value::Number(_) => "int64",
        Value::String(_) => "string",
        Value::Array(_) => "[]interface {}",
        Value::Object(_) => "map[string]interface {}",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_converter_names_kinds_only() {
        let check = |kind: &str, value: Value, wanted: Option<&str>| {
            let form = super::super::by_kind("apps/v1", kind).or_else(|| super::super::by_kind("v1", kind)).expect("a kind");
            assert_eq!(fault(form, &value).as_deref(), wanted, "{value}");
        };
        check("ConfigMap", json!({"data": {"a": "1"}}), None);
        check("ConfigMap", json!({"data": {"a": 1}}), Some("cannot convert int64 to string"));
        check("ConfigMap", json!({"data": "x"}), Some("cannot restore map from string"));
        check("Deployment", json!({"spec": {"replicas": "3"}}), Some("unrecognized type: int32"));
        check("Deployment", json!({"spec": {"replicas": 1.5}}), Some("cannot convert float64 to int32"));
        check("Deployment", json!({"spec": {"replicas": 3.0, "paused": true}}), None);
        check("Deployment", json!({"spec": {"paused": "yes"}}), Some("unrecognized type: bool"));
        check("Deployment", json!({"spec": 1}), Some("cannot restore struct from: int64"));
        check("Pod", json!({"spec": {"containers": {}}}), Some("cannot restore slice from map"));
        let why = "json: cannot unmarshal number into Go value of type string";
        check("Deployment", json!({"metadata": {"creationTimestamp": 7}}), Some(why));
    }
}
