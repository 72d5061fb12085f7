//! JSON as expressions see it, by its schema. Kubernetes `apiserver/pkg/cel/common/values.go` (UnstructuredToVal).

use std::sync::Arc;

use base64::Engine as _;
use cel::{ListKind, Map, Value, escape};
use serde_json::Value as Json;

use crate::{ListType, Schema, Type, format};

/// Converts a value of this node; what its type does not know is left out, what does not fit is null.
pub(crate) fn value(schema: &Schema, json: &Json, root: bool) -> Value {
    if json.is_null() {
        return Value::Null;
    }
    if schema.int_or_string {
        return Value::of_json(json);
    }
    match json {
        Json::Object(map) => object(schema, map, root),
        Json::Array(items) => {
            let Some(item) = &schema.items else { return Value::of_json(json) };
            let values = items.iter().map(|one| value(item, one, item.embedded)).collect();
            let kind = match &schema.list {
                ListType::Atomic => ListKind::Plain,
                ListType::Set => ListKind::Set,
                ListType::Map(keys) => ListKind::Keyed(Arc::new(keys.clone())),
            };
            Value::List(Arc::new(values), kind)
        }
        Json::String(text) => string(schema, text),
        Json::Number(number) if schema.kind == Some(Type::Number) => Value::Double(number.as_f64().unwrap_or(f64::NAN)),
        Json::Number(number) if schema.kind == Some(Type::Integer) => {
            number.as_i64().or_else(|| number.as_f64().map(|float| float as i64)).map_or(Value::Null, Value::Int)
        }
        other => Value::of_json(other),
    }
}

fn object(schema: &Schema, map: &serde_json::Map<String, Json>, root: bool) -> Value {
    let mut found = Map::new();
    if let Some(additional) = &schema.additional
        && schema.properties.is_empty()
    {
        for (name, inner) in map {
            found.insert(name.as_str().into(), value(additional, inner, additional.embedded));
        }
        return Value::Map(Arc::new(found));
    }
    for (name, inner) in map {
        let seen = match (name.as_str(), schema.properties.get(name)) {
            ("apiVersion" | "kind", _) if root => Value::of_json(inner),
            ("metadata", _) if root => metadata(inner),
            (_, Some(field)) => value(field, inner, field.embedded),
            (_, None) => continue,
        };
        if let Some(known_as) = escape(name) {
            found.insert(known_as.as_str().into(), seen);
        }
    }
    Value::Map(Arc::new(found))
}

/// Of the metadata, only the name is seen.
fn metadata(json: &Json) -> Value {
    let names = ["name", "generateName"].into_iter().filter_map(|name| Some((name.into(), Value::of_json(json.get(name)?))));
    Value::Map(Arc::new(names.collect()))
}

fn string(schema: &Schema, text: &str) -> Value {
    let plain = || Value::String(Arc::from(text));
    match schema.format.as_deref() {
        Some("duration") => format::nanoseconds(text).map_or_else(plain, Value::Duration),
        Some("date") => {
            let midnight = text.parse::<jiff::civil::Date>().ok().and_then(|day| day.to_zoned(jiff::tz::TimeZone::UTC).ok());
            midnight.map_or_else(plain, |at| Value::Timestamp(at.timestamp()))
        }
        Some("date-time") => text.parse().map_or_else(|_| plain(), Value::Timestamp),
        Some("byte") => {
            base64::engine::general_purpose::STANDARD.decode(text).map_or_else(|_| plain(), |bytes| Value::Bytes(Arc::from(bytes)))
        }
        _ => plain(),
    }
}
