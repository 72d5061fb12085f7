//! Schemas of all forms, and values that fit them.

use serde_json::{Map, Value, json};

use super::chance::Dice;

/// Returns a schema of one of all forms.
pub fn schema(dice: &mut Dice, depth: usize) -> Value {
    let text = || json!({"type": "string"});
    let object = |dice: &mut Dice| {
        let properties: Map<String, Value> =
            (0..1 + dice.below(3)).map(|index| (format!("p{index}"), schema(dice, depth.saturating_sub(1)))).collect();
        json!({"type": "object", "properties": properties})
    };
    match dice.below(if depth == 0 { 5 } else { 11 }) {
        0 | 1 => text(),
        2 => json!({"type": "integer"}),
        3 => json!({"type": "array", "x-kubernetes-list-type": "set", "items": text()}),
        4 => json!({"type": "array", "x-kubernetes-list-type": "atomic", "items": text()}),
        5 => object(dice),
        6 => json!({"type": "object", "additionalProperties": schema(dice, depth - 1)}),
        7 => json!({"type": "object", "x-kubernetes-map-type": "atomic", "additionalProperties": text()}),
        8 => json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true}),
        _ => {
            let mut items = object(dice);
            items["properties"]["name"] = text();
            let mut keys = vec!["name"];
            if dice.one_in(3) {
                items["properties"]["zone"] = json!({"type": "string", "default": "z"});
                keys.push("zone");
            }
            items["required"] = json!(["name"]);
            json!({"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": keys, "items": items})
        }
    }
}

/// Returns the schema of a whole object.
pub fn root(dice: &mut Dice) -> Value {
    let properties: Map<String, Value> = (0..4).map(|index| (format!("q{index}"), schema(dice, 2))).collect();
    json!({"type": "object", "properties": properties})
}

/// Returns the keys of a list whose items are known by them.
pub fn keys(schema: &Value) -> Vec<&str> {
    schema["x-kubernetes-list-map-keys"].as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

pub fn is(schema: &Value, extension: &str, value: &str) -> bool {
    schema.get(format!("x-kubernetes-{extension}")).is_some_and(|found| found == value)
}

/// Returns a value that fits a schema; the fewer words, the more often two of them meet.
pub fn value(dice: &mut Dice, schema: &Value) -> Value {
    let word = |dice: &mut Dice| json!(*dice.pick(&["a", "b", "c"]));
    if schema.get("x-kubernetes-preserve-unknown-fields").is_some() {
        return free(dice, 2);
    }
    match schema["type"].as_str() {
        Some("integer") => json!(dice.below(3)),
        Some("string") => word(dice),
        Some("array") if !keys(schema).is_empty() => {
            let mut names: Vec<(&str, Option<&str>)> = Vec::new();
            for name in ["a", "b", "c", "d"] {
                for zone in [None, Some("y"), Some("z")] {
                    let fits = zone.is_none()
                        || (keys(schema).len() > 1
                            && !names.iter().any(|(taken, other)| *taken == name && other.is_none() && zone == Some("z")));
                    if fits && dice.one_in(3) {
                        names.push((name, zone));
                    }
                }
            }
            dice.shuffle(&mut names);
            names
                .into_iter()
                .map(|(name, zone)| {
                    let mut item = value(dice, &schema["items"]);
                    let map = item.as_object_mut().expect("an object");
                    map.remove("zone");
                    map.insert("name".to_owned(), json!(name));
                    zone.map(|zone| map.insert("zone".to_owned(), json!(zone)));
                    item
                })
                .collect()
        }
        Some("array") => {
            let set = is(schema, "list-type", "set");
            let mut list: Vec<Value> = Vec::new();
            for _ in 0..dice.below(4) {
                let one = word(dice);
                if !set || !list.contains(&one) {
                    list.push(one);
                }
            }
            Value::Array(list)
        }
        _ => {
            let mut map = Map::new();
            for (name, field) in schema["properties"].as_object().into_iter().flatten() {
                if !dice.one_in(3) {
                    map.insert(name.clone(), value(dice, field));
                }
            }
            if let Some(field) = schema.get("additionalProperties") {
                for name in ["x", "y", "z"] {
                    if dice.one_in(2) {
                        map.insert(name.to_owned(), value(dice, field));
                    }
                }
            }
            Value::Object(map)
        }
    }
}

/// A value of which no schema says anything: maps by field, all else as a whole.
fn free(dice: &mut Dice, depth: usize) -> Value {
    if depth == 0 {
        return json!(*dice.pick(&["a", "b"]));
    }
    let names = ["x", "y", "z"];
    Value::Object(
        names
            .iter()
            .filter_map(|name| {
                let inner = match dice.below(5) {
                    0 | 1 => return None,
                    2 => json!([*dice.pick(&["a", "b"])]),
                    3 => json!(*dice.pick(&["a", "b"])),
                    _ => free(dice, depth - 1),
                };
                Some(((*name).to_owned(), inner))
            })
            .collect(),
    )
}

/// Returns some of a value that fits a schema: what is there is as it was, less of it.
pub fn some(dice: &mut Dice, whole: &Value, schema: &Value) -> Value {
    match whole {
        Value::Object(map) if !is(schema, "map-type", "atomic") => {
            let kept = map.iter().filter_map(|(name, inner)| {
                let inside = schema["properties"].get(name).or_else(|| schema.get("additionalProperties")).unwrap_or(&Value::Null);
                (!dice.one_in(3)).then(|| (name.clone(), some(dice, inner, inside)))
            });
            Value::Object(kept.collect())
        }
        Value::Array(list) if !keys(schema).is_empty() => {
            let mut kept = Vec::new();
            for one in list.iter() {
                if dice.one_in(3) {
                    continue;
                }
                let mut item = some(dice, one, &schema["items"]);
                for key in keys(schema) {
                    if let Some(value) = one.get(key) {
                        item[key] = value.clone();
                    }
                }
                kept.push(item);
            }
            Value::Array(kept)
        }
        Value::Array(list) if is(schema, "list-type", "set") => list.iter().filter(|_| !dice.one_in(3)).cloned().collect(),
        other => other.clone(),
    }
}
