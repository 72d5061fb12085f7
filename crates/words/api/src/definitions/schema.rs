//! Makes CustomResourceDefinitions of types. Read first: [`definitions`].

use serde_json::{Map, Value, json};

use super::library::{Base, Body, Field, Kind, Library, Merge, Rule, Shape, Type};

/// Makes the definition of every kind.
pub(super) fn definitions(library: &Library) -> Vec<Value> {
    library.kinds.iter().map(|kind| definition(library, kind)).collect()
}

fn definition(library: &Library, kind: &Kind) -> Value {
    let mut names = json!({
        "kind": kind.name, "listKind": format!("{}List", kind.name), "plural": kind.plural, "singular": kind.name.to_lowercase(),
    });
    for (word, list) in [("shortNames", &kind.short), ("categories", &kind.categories)] {
        if !list.is_empty() {
            names[word] = json!(list);
        }
    }
    let mut versions = Vec::new();
    for name in &kind.versions {
        let stored = versions.is_empty();
        versions.push(version(library, kind, name, stored));
    }
    let mut spec = json!({"group": kind.group, "names": names, "scope": kind.scope});
    spec["versions"] = Value::Array(versions);
    let mut definition = json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("{}.{}", kind.plural, kind.group)},
    });
    definition["spec"] = spec;
    definition
}

fn version(library: &Library, kind: &Kind, name: &str, stored: bool) -> Value {
    let mut version = json!({"name": name, "served": true, "storage": stored, "schema": {}});
    version["schema"]["openAPIV3Schema"] = root(library, kind);
    if kind.status {
        version["subresources"] = json!({"status": {}});
    }
    if !kind.columns.is_empty() {
        let columns = kind.columns.iter().map(|column| json!({"name": column.name, "type": column.kind, "jsonPath": column.path}));
        version["additionalPrinterColumns"] = columns.collect();
    }
    version
}

fn root(library: &Library, kind: &Kind) -> Value {
    let mut node = object(library, &kind.fields);
    describe(&mut node, &kind.about);
    let mut root = Value::Object(node);
    let properties = &mut root["properties"];
    properties["apiVersion"] = json!({"type": "string", "description": "Group and version of this form of the object."});
    properties["kind"] = json!({"type": "string", "description": "What the object is."});
    properties["metadata"] = json!({"type": "object"});
    root
}

fn object(library: &Library, fields: &[Field]) -> Map<String, Value> {
    let mut node = typed("object");
    let properties = fields.iter().map(|field| (field.name.clone(), property(library, field)));
    node.insert("properties".to_owned(), properties.collect());
    let required: Vec<&str> = fields.iter().filter(|field| field.required).map(|field| field.name.as_str()).collect();
    if !required.is_empty() {
        node.insert("required".to_owned(), json!(required));
    }
    node
}

fn property(library: &Library, field: &Field) -> Value {
    let mut node = shaped(library, &field.shape);
    describe(&mut node, &field.about);
    add_rules(&mut node, &field.rules);
    Value::Object(node)
}

fn shaped(library: &Library, shape: &Shape) -> Map<String, Value> {
    let mut node = based(library, &shape.base);
    if let Some(default) = &shape.default {
        node.insert("default".to_owned(), default.clone());
    }
    for (word, bound) in &shape.bounds {
        node.insert((*word).to_owned(), bound.clone());
    }
    match &shape.merge {
        None => {}
        Some(Merge::Atomic) => {
            let word = if node.get("type") == Some(&json!("array")) { "x-kubernetes-list-type" } else { "x-kubernetes-map-type" };
            node.insert(word.to_owned(), json!("atomic"));
        }
        Some(Merge::Set) => {
            node.insert("x-kubernetes-list-type".to_owned(), json!("set"));
        }
        Some(Merge::Map(keys)) => {
            node.insert("x-kubernetes-list-type".to_owned(), json!("map"));
            node.insert("x-kubernetes-list-map-keys".to_owned(), json!(keys));
        }
    }
    node
}

fn based(library: &Library, base: &Base) -> Map<String, Value> {
    match base {
        Base::String => typed("string"),
        Base::Boolean => typed("boolean"),
        Base::Integer => typed("integer"),
        Base::Object => typed("object"),
        Base::Time => with(typed("string"), "format", json!("date-time")),
        Base::Int32 => with(typed("integer"), "format", json!("int32")),
        Base::Int64 => with(typed("integer"), "format", json!("int64")),
        Base::Any => with(Map::new(), "x-kubernetes-preserve-unknown-fields", json!(true)),
        Base::AnyObject => with(typed("object"), "x-kubernetes-preserve-unknown-fields", json!(true)),
        Base::IntOrString => {
            let either = with(Map::new(), "anyOf", json!([{"type": "integer"}, {"type": "string"}]));
            with(either, "x-kubernetes-int-or-string", json!(true))
        }
        Base::Enumeration(choices) => {
            with(typed("string"), "enum", choices.iter().map(|choice| Value::from(choice.value.as_str())).collect())
        }
        Base::List(item) => with(typed("array"), "items", Value::Object(based(library, item))),
        Base::Map(item) => with(typed("object"), "additionalProperties", Value::Object(based(library, item))),
        Base::Named(name) => named(library, &library.types[name]),
    }
}

fn named(library: &Library, found: &Type) -> Map<String, Value> {
    let mut node = match &found.body {
        Body::Shape(shape) => shaped(library, shape),
        // Anything at all, so not even an object.
        Body::Fields(fields) if fields.open => based(library, &Base::Any),
        Body::Fields(fields) => {
            let mut node = object(library, &fields.list);
            if fields.atomic {
                node.insert("x-kubernetes-map-type".to_owned(), json!("atomic"));
            }
            node
        }
    };
    describe(&mut node, &found.about);
    add_rules(&mut node, &found.rules);
    node
}

fn typed(name: &str) -> Map<String, Value> {
    with(Map::new(), "type", json!(name))
}

fn with(mut node: Map<String, Value>, word: &str, value: Value) -> Map<String, Value> {
    node.insert(word.to_owned(), value);
    node
}

fn describe(node: &mut Map<String, Value>, about: &str) {
    if !about.is_empty() {
        node.insert("description".to_owned(), json!(about));
    }
}

fn add_rules(node: &mut Map<String, Value>, rules: &[Rule]) {
    if rules.is_empty() {
        return;
    }
    let all = node.entry("x-kubernetes-validations").or_insert_with(|| json!([]));
    if let Some(all) = all.as_array_mut() {
        all.extend(rules.iter().map(|rule| json!({"rule": rule.expression, "message": rule.message})));
    }
}
