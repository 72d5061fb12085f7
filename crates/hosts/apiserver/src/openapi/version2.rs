//! The same documents in OpenAPI 2, all in one: what clients before OpenAPI 3 read.

use serde_json::{Map, Value, json};

use crate::builtin::REFERENCE;

/// Puts documents of OpenAPI 3 together into one of OpenAPI 2.
pub(super) fn join<'a>(documents: impl Iterator<Item = &'a Value>) -> Value {
    let (mut paths, mut definitions) = (Map::new(), Map::new());
    for document in documents {
        for (path, item) in document.get("paths").and_then(Value::as_object).into_iter().flatten() {
            paths.insert(path.clone(), path_item(item));
        }
        let schemas = document.pointer("/components/schemas").and_then(Value::as_object);
        for (name, schema) in schemas.into_iter().flatten() {
            definitions.entry(name.clone()).or_insert_with(|| self::schema(schema));
        }
    }
    json!({
        "swagger": "2.0", "info": {"title": "Kubernetes", "version": super::RELEASE}, "paths": paths, "definitions": definitions,
        "securityDefinitions": {"BearerToken": {"type": "apiKey", "name": "authorization", "in": "header", "description": "Bearer Token authentication"}},
        "security": [{"BearerToken": []}],
    })
}

fn path_item(item: &Value) -> Value {
    let mut found = Map::new();
    for (name, inner) in item.as_object().into_iter().flatten() {
        let written = if name == "parameters" { parameters(inner) } else { operation(inner) };
        found.insert(name.clone(), written);
    }
    Value::Object(found)
}

fn parameters(list: &Value) -> Value {
    list.as_array()
        .into_iter()
        .flatten()
        .map(|one| {
            let mut flat = one.clone();
            if let Value::Object(map) = &mut flat
                && let Some(Value::Object(schema)) = map.remove("schema")
            {
                map.extend(schema);
            }
            flat
        })
        .collect()
}

fn operation(operation: &Value) -> Value {
    let mut found = operation.clone();
    let mut all = parameters(operation.get("parameters").unwrap_or(&Value::Null)).as_array().cloned().unwrap_or_default();
    let body = operation.get("requestBody");
    let contents = body.and_then(|body| body.get("content")).and_then(Value::as_object);
    if let Some(contents) = contents {
        let inner = contents.values().next().and_then(|one| one.get("schema")).map(schema).unwrap_or_default();
        let mut written = json!({"name": "body", "in": "body", "schema": inner});
        if let Some(required) = body.and_then(|body| body.get("required")) {
            written["required"] = required.clone();
        }
        all.insert(0, written);
    }
    let mut produces: Vec<&str> = Vec::new();
    let mut responses = Map::new();
    for (code, answer) in operation.get("responses").and_then(Value::as_object).into_iter().flatten() {
        let mut written = json!({"description": answer.get("description").cloned().unwrap_or_default()});
        if let Some(content) = answer.get("content").and_then(Value::as_object) {
            produces = in_order(content);
            if let Some(inner) = content.values().next().and_then(|one| one.get("schema")) {
                written["schema"] = schema(inner);
            }
        }
        responses.insert(code.clone(), written);
    }
    found["consumes"] = json!(match contents {
        Some(contents) => in_order(contents),
        None if operation.get("x-kubernetes-action").is_none() || produces == ["application/json", "application/yaml"] => produces.clone(),
        None => vec!["*/*"],
    });
    found["produces"] = json!(produces);
    found["schemes"] = json!(["https"]);
    found["responses"] = Value::Object(responses);
    if let Value::Object(map) = &mut found {
        map.remove("requestBody");
        if all.is_empty() {
            map.remove("parameters")
        } else {
            map.insert("parameters".to_owned(), Value::Array(all))
        };
    }
    found
}

/// Media in the order in which Kubernetes tells them.
fn in_order(content: &Map<String, Value>) -> Vec<&str> {
    const ORDER: &[&str] = &[
        "text/plain",
        "application/json",
        "application/yaml",
        "application/vnd.kubernetes.protobuf",
        "application/json;stream=watch",
        "application/vnd.kubernetes.protobuf;stream=watch",
        "application/json-patch+json",
        "application/merge-patch+json",
        "application/strategic-merge-patch+json",
        "application/apply-patch+yaml",
    ];
    let mut found: Vec<&str> = content.keys().map(String::as_str).collect();
    found.sort_by_key(|media| ORDER.iter().position(|known| known == media));
    found
}

/// A reference stands alone here, and points elsewhere.
fn schema(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let alone = map.get("allOf").and_then(Value::as_array).filter(|all| all.len() == 1).and_then(|all| all[0].get("$ref"));
            let mut found = Map::new();
            // Of what may be several things nothing is said, but of amounts and ports, which come as texts.
            let several = ["nullable", "x-kubernetes-preserve-unknown-fields"].iter().any(|word| map.get(*word) == Some(&json!(true)));
            if map.contains_key("oneOf") && !map.contains_key("type") && !several {
                found.insert("type".to_owned(), json!("string"));
            }
            for (name, inner) in map {
                match name.as_str() {
                    "type" | "items" if several => {}
                    "allOf" if alone.is_some() => {
                        if let Some(place) = alone.and_then(Value::as_str) {
                            found.insert("$ref".to_owned(), json!(place.replace(REFERENCE, "#/definitions/")));
                        }
                    }
                    "$ref" => {
                        found.insert(name.clone(), json!(inner.as_str().unwrap_or_default().replace(REFERENCE, "#/definitions/")));
                    }
                    // Names are no keywords.
                    "properties" if !several => {
                        let inner = inner.as_object().into_iter().flatten();
                        found.insert(name.clone(), inner.map(|(name, inner)| (name.clone(), schema(inner))).collect());
                    }
                    // Version 2 knows none of them.
                    "nullable" | "anyOf" | "oneOf" | "not" | "default" | "properties" => {}
                    _ => {
                        found.insert(name.clone(), schema(inner));
                    }
                }
            }
            Value::Object(found)
        }
        Value::Array(list) => Value::Array(list.iter().map(schema).collect()),
        other => other.clone(),
    }
}
