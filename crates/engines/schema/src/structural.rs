//! Whether a schema is structural: every node typed, nothing but bounds inside `allOf`, `anyOf`, `oneOf` and `not`.
//! apiextensions-apiserver `pkg/apiserver/schema/{validation,complete}.go`.

use serde_json::{Map, Value, json};

use crate::{DEPTH, Violation};

/// Where a node stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Level {
    Root,
    Item,
    Field,
}

/// Returns everything that keeps a schema from being structural, sorted by the sentences.
pub(crate) fn check(raw: &Value, path: &str) -> Vec<Violation> {
    let mut found = Vec::new();
    invariants(raw, Level::Root, path, 0, &mut found);
    completeness(raw, path, 0, &mut found);
    found.sort_by_key(Violation::sentence);
    found
}

fn text<'a>(node: &'a Value, name: &str) -> &'a str {
    node.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn flag(node: &Value, name: &str) -> bool {
    node.get(name) == Some(&json!(true))
}

fn map<'a>(node: &'a Value, name: &str) -> impl Iterator<Item = (&'a String, &'a Value)> {
    node.get(name).and_then(Value::as_object).into_iter().flatten()
}

fn list<'a>(node: &'a Value, name: &str) -> &'a [Value] {
    node.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// The schema of additional fields; `true` and `false` are none.
pub(crate) fn additional(node: &Value) -> Option<&Value> {
    node.get("additionalProperties").filter(|value| value.is_object())
}

fn invariants(node: &Value, level: Level, path: &str, depth: usize, found: &mut Vec<Violation>) {
    if depth > DEPTH {
        found.push(Violation::invalid(path, &Value::Null, "the schema nests too deeply"));
        return;
    }
    let at = |name: &str| format!("{path}.{name}");
    let property = |name: &str| format!("{path}.properties[{name}]");
    let kind = text(node, "type");
    if kind == "array" && node.get("items").is_none() {
        found.push(Violation::required(&at("items"), "must be specified"));
    }
    if let Some(items) = node.get("items").filter(|items| items.is_object()) {
        invariants(items, Level::Item, &at("items"), depth + 1, found);
    }
    for (name, inner) in map(node, "properties") {
        invariants(inner, Level::Field, &property(name), depth + 1, found);
    }
    if node.get("additionalProperties").is_some_and(|value| !value.is_null()) {
        if level == Level::Root {
            found.push(Violation::forbidden(&at("additionalProperties"), "must not be used at the root"));
        }
        if let Some(inner) = additional(node) {
            invariants(inner, Level::Field, &at("additionalProperties"), depth + 1, found);
        }
    }
    let (whole_or_text, free, embedded) = (
        flag(node, "x-kubernetes-int-or-string"),
        flag(node, "x-kubernetes-preserve-unknown-fields"),
        flag(node, "x-kubernetes-embedded-resource"),
    );
    for (set, name) in [(free, "x-kubernetes-preserve-unknown-fields"), (embedded, "x-kubernetes-embedded-resource")] {
        if whole_or_text && set {
            found.push(Violation::invalid(&at(name), &json!(true), "must be false if x-kubernetes-int-or-string is true"));
        }
    }
    bounds(node, is_int_or_string(list(node, "anyOf")), first_is_int_or_string(node), path, depth, found);
    let typed = "must be object if x-kubernetes-embedded-resource is true";
    if embedded && kind != "object" {
        found.push(match kind {
            "" => Violation::required(&at("type"), typed),
            kind => Violation::invalid(&at("type"), &json!(kind), typed),
        });
    } else if kind.is_empty() && !whole_or_text && !free {
        let why = match level {
            Level::Root => "must not be empty at the root",
            Level::Item => "must not be empty for specified array items",
            Level::Field => "must not be empty for specified object fields",
        };
        found.push(Violation::required(&at("type"), why));
    }
    if embedded && node.get("additionalProperties").is_some_and(|value| !value.is_null()) {
        found.push(Violation::forbidden(&at("additionalProperties"), "must not be used if x-kubernetes-embedded-resource is set"));
    }
    if level == Level::Root && !kind.is_empty() && kind != "object" {
        found.push(Violation::invalid(&at("type"), &json!(kind), "must be object at the root"));
    }
    resource(node, level, embedded, path, found);
    if embedded && !free && map(node, "properties").next().is_none() {
        let why = "must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields";
        found.push(Violation::required(&at("properties"), why));
    }
}

/// What a schema may say of apiVersion, kind and metadata.
fn resource(node: &Value, level: Level, embedded: bool, path: &str, found: &mut Vec<Violation>) {
    let metadata = level == Level::Root || embedded;
    let properties = node.get("properties").unwrap_or(&Value::Null);
    for name in ["kind", "apiVersion"] {
        if let Some(field) = properties.get(name).filter(|field| metadata && text(field, "type") != "string") {
            found.push(Violation::invalid(&format!("{path}.properties[{name}].type"), &json!(text(field, "type")), "must be string"));
        }
    }
    let Some(field) = properties.get("metadata") else { return };
    let here = format!("{path}.properties[metadata]");
    if metadata && text(field, "type") != "object" {
        found.push(Violation::invalid(&format!("{here}.type"), &json!(text(field, "type")), "must be object"));
    }
    if level != Level::Root {
        return;
    }
    let names: Vec<&String> = map(field, "properties").map(|(name, _)| name).collect();
    let only_names = names.iter().all(|name| matches!(name.as_str(), "name" | "generateName"));
    let others = field.as_object().into_iter().flatten().any(|(name, value)| {
        let said = !(value.is_null() || *value == json!(false) || *value == json!("") || *value == json!([]));
        said && !matches!(name.as_str(), "type" | "default" | "properties")
    });
    if !only_names || others {
        let why = "must not specify anything other than name and generateName, but metadata is implicitly specified";
        found.push(Violation::forbidden(&here, why));
    }
}

/// The way in which older definitions write int-or-string.
fn is_int_or_string(any_of: &[Value]) -> bool {
    *any_of == [json!({"type": "integer"}), json!({"type": "string"})]
}

fn first_is_int_or_string(node: &Value) -> bool {
    list(node, "allOf").first().is_some_and(|first| is_int_or_string(list(first, "anyOf")))
}

fn bounds(node: &Value, skip_any: bool, skip_first: bool, path: &str, depth: usize, found: &mut Vec<Violation>) {
    if depth > DEPTH {
        return;
    }
    if !skip_any {
        for (index, one) in list(node, "anyOf").iter().enumerate() {
            nested(one, false, &format!("{path}.anyOf[{index}]"), depth + 1, found);
        }
    }
    for (index, one) in list(node, "allOf").iter().enumerate() {
        nested(one, skip_first && index == 0, &format!("{path}.allOf[{index}]"), depth + 1, found);
    }
    for (index, one) in list(node, "oneOf").iter().enumerate() {
        nested(one, false, &format!("{path}.oneOf[{index}]"), depth + 1, found);
    }
    if let Some(one) = node.get("not").filter(|one| one.is_object()) {
        nested(one, false, &format!("{path}.not"), depth + 1, found);
    }
    let pattern = text(node, "pattern");
    if let Err(error) = golang::regexp(pattern) {
        let why = format!("must be a valid regular expression, but isn't: {}", error.as_go());
        found.push(Violation::invalid(&format!("{path}.pattern"), &json!(pattern), &why));
    }
}

/// A node inside `allOf` and the like: bounds only.
fn nested(node: &Value, skip_any: bool, path: &str, depth: usize, found: &mut Vec<Violation>) {
    bounds(node, skip_any, false, path, depth, found);
    let at = |name: &str| format!("{path}.{name}");
    if let Some(items) = node.get("items").filter(|items| items.is_object()) {
        nested(items, false, &at("items"), depth + 1, found);
    }
    for (name, inner) in map(node, "properties") {
        nested(inner, false, &format!("{path}.properties[{name}]"), depth + 1, found);
    }
    const EMPTY: &str = "must be empty to be structural";
    const UNDEFINED: &str = "must be undefined to be structural";
    const FALSE: &str = "must be false to be structural";
    let mut forbid = |name: &str, set: bool, why: &str| {
        if set {
            found.push(Violation::forbidden(&at(name), why));
        }
    };
    let there = |name: &str| node.get(name).is_some_and(|value| !value.is_null());
    let filled = |name: &str| node.get(name).and_then(Value::as_array).is_some_and(|list| !list.is_empty());
    forbid("type", !text(node, "type").is_empty(), EMPTY);
    forbid(
        "additionalProperties",
        node.get("additionalProperties").is_some_and(|value| value.is_object() || *value == json!(true)),
        UNDEFINED,
    );
    forbid("default", there("default"), UNDEFINED);
    forbid("title", !text(node, "title").is_empty(), EMPTY);
    forbid("description", !text(node, "description").is_empty(), EMPTY);
    for name in ["nullable", "x-kubernetes-preserve-unknown-fields", "x-kubernetes-embedded-resource", "x-kubernetes-int-or-string"] {
        forbid(name, flag(node, name), FALSE);
    }
    forbid("x-kubernetes-list-map-keys", filled("x-kubernetes-list-map-keys"), EMPTY);
    forbid("x-kubernetes-list-type", there("x-kubernetes-list-type"), UNDEFINED);
    forbid("x-kubernetes-map-type", there("x-kubernetes-map-type"), UNDEFINED);
    forbid("x-kubernetes-validations", filled("x-kubernetes-validations"), EMPTY);
    if node.get("properties").and_then(|properties| properties.get("metadata")).is_some() {
        found.push(Violation::forbidden(&format!("{path}.properties[metadata]"), "must not be specified in a nested context"));
    }
}

/// What `allOf` and the like speak of must be declared.
fn completeness(node: &Value, path: &str, depth: usize, found: &mut Vec<Violation>) {
    if depth > DEPTH {
        return;
    }
    if let Some(items) = node.get("items").filter(|items| items.is_object()) {
        completeness(items, &format!("{path}.items"), depth + 1, found);
    }
    if let Some(inner) = additional(node) {
        completeness(inner, &format!("{path}.additionalProperties"), depth + 1, found);
    }
    for (name, inner) in map(node, "properties") {
        completeness(inner, &format!("{path}.properties[{name}]"), depth + 1, found);
    }
    declared(node, node, path, path, depth, found);
}

fn declared(bounds: &Value, node: &Value, path: &str, from: &str, depth: usize, found: &mut Vec<Violation>) {
    for name in ["allOf", "anyOf", "oneOf"] {
        for (index, one) in list(bounds, name).iter().enumerate() {
            declared_nested(one, node, path, &format!("{from}.{name}[{index}]"), depth + 1, found);
        }
    }
    if let Some(one) = bounds.get("not").filter(|one| one.is_object()) {
        declared_nested(one, node, path, &format!("{from}.not"), depth + 1, found);
    }
}

fn declared_nested(bounds: &Value, node: &Value, path: &str, from: &str, depth: usize, found: &mut Vec<Violation>) {
    if depth > DEPTH {
        return;
    }
    declared(bounds, node, path, from, depth, found);
    let undeclared = |path: &str, from: &str| Violation::required(path, &format!("because it is defined in {from}"));
    if let Some(items) = bounds.get("items").filter(|items| items.is_object()) {
        let (path, from) = (format!("{path}.items"), format!("{from}.items"));
        match node.get("items") {
            Some(node) => declared_nested(items, node, &path, &from, depth + 1, found),
            None => found.push(undeclared(&path, &from)),
        }
    }
    let properties: Option<&Map<String, Value>> = node.get("properties").and_then(Value::as_object);
    for (name, inner) in map(bounds, "properties") {
        let (path, from) = (format!("{path}.properties[{name}]"), format!("{from}.properties[{name}]"));
        match properties.and_then(|properties| properties.get(name)) {
            Some(node) => declared_nested(inner, node, &path, &from, depth + 1, found),
            None => found.push(undeclared(&path, &from)),
        }
    }
}
