//! Whole objects inside of custom resources (`x-kubernetes-embedded-resource`): they say what they are, and their metadata is
//! like any other. Follows apiextensions-apiserver `pkg/apiserver/schema/objectmeta/validation.go`.

use schema::Schema;
use serde_json::{Map, Value, json};

use super::faults::Faults;
use super::metadata;
use crate::names::{self, Rule};

/// Checks every embedded object of a custom resource.
pub(crate) fn check(schema: &Schema, value: &Value, path: &str, faults: &mut Faults) {
    match value {
        Value::Object(map) => {
            if schema.embedded {
                object(map, path, faults);
            }
            for (name, inner) in map {
                match (schema.properties.get(name), &schema.additional) {
                    (Some(field), _) => check(field, inner, &child(path, name), faults),
                    (None, Some(field)) => check(field, inner, &format!("{path}[{name}]"), faults),
                    (None, None) => {}
                }
            }
        }
        Value::Array(list) => {
            let Some(items) = &schema.items else { return };
            list.iter().enumerate().for_each(|(index, inner)| check(items, inner, &format!("{path}[{index}]"), faults));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn child(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

fn object(map: &Map<String, Value>, path: &str, faults: &mut Faults) {
    for field in ["apiVersion", "kind"] {
        let here = child(path, field);
        match map.get(field) {
            None => faults.required(&here, ""),
            Some(Value::String(text)) if text.is_empty() => faults.invalid(&here, &json!(""), "must not be empty"),
            Some(Value::String(text)) if field == "apiVersion" => {
                if text.matches('/').count() > 1 {
                    faults.invalid(&here, &json!(text), &format!("unexpected GroupVersion string: {text}"));
                }
            }
            Some(Value::String(text)) => {
                let wrong = names::faults(Rule::Label1035, &text.to_lowercase());
                if !wrong.is_empty() {
                    let why = format!("may have mixed case, but should otherwise match: {}", wrong.join(","));
                    faults.invalid(&here, &json!(text), &why);
                }
            }
            Some(other) => faults.invalid(&here, other, "must be a string"),
        }
    }
    let Some(found) = map.get("metadata").filter(|found| found.is_object()) else { return };
    let mut whole = json!({"metadata": found});
    if whole["metadata"].get("name").is_none_or(|name| name == "") {
        // It may be without a name.
        whole["metadata"]["name"] = json!("fakename");
    }
    let namespaced = whole["metadata"].get("namespace").is_some_and(|namespace| namespace != "");
    let mut wrong = Faults::default();
    metadata::any(namespaced, &whole, Rule::Segment, &mut wrong);
    faults.0.extend(wrong.0.into_iter().map(|one| schema::Violation { field: child(path, &one.field), ..one }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_inside_says_what_it_is() {
        let schema = json!({"type": "object", "properties": {"inner": {
            "type": "object", "x-kubernetes-embedded-resource": true, "x-kubernetes-preserve-unknown-fields": true,
        }}});
        let schema = Schema::compile(&schema, "openAPIV3Schema").expect("a schema");
        let told = |inner: Value| {
            let mut faults = Faults::default();
            check(&schema, &json!({"inner": inner}), "", &mut faults);
            faults.0.into_iter().map(|one| format!("{}: {}", one.field, one.text)).collect::<Vec<_>>()
        };
        assert!(told(json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "labels": {"a": "b"}}})).is_empty());
        assert!(told(json!({"apiVersion": "v1", "kind": "ConfigMap"})).is_empty());
        assert_eq!(told(json!({})), ["inner.apiVersion: Required value", "inner.kind: Required value"]);
        let found = told(json!({"apiVersion": "a/b/c", "kind": "X Y", "metadata": {"name": "a/b", "namespace": "N", "labels": {"!": ""}}}));
        let fields: Vec<&str> = found.iter().filter_map(|one| one.split_once(':')).map(|(field, _)| field).collect();
        let wanted = ["inner.apiVersion", "inner.kind", "inner.metadata.name", "inner.metadata.namespace", "inner.metadata.labels"];
        assert_eq!(fields, wanted, "{found:?}");
    }
}
