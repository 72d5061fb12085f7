//! Structural schemas against small objects.

use schema::{Schema, default, drop_nulls, parse_strict, prune, validate};
use serde_json::{Value, json};

fn compiled() -> Schema {
    Schema::compile(
        &json!({"type": "object", "properties": {"spec": {"type": "object", "required": ["name"], "properties": {
            "name": {"type": "string", "minLength": 2, "pattern": "^[a-z]+$"},
            "size": {"type": "integer", "minimum": 1, "default": 3},
            "port": {"x-kubernetes-int-or-string": true},
            "mode": {"type": "string", "enum": ["A", "B"]},
            "maybe": {"type": "string", "nullable": true},
            "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
            "map": {"type": "object", "additionalProperties": {"type": "integer"}},
            "items": {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["k"],
                "items": {"type": "object", "required": ["k"], "properties": {"k": {"type": "string"}}}},
        }}}}),
        "schema",
    )
    .expect("a structural schema")
}

fn check(spec: Value, wanted: &[&str]) {
    let found: Vec<String> = validate(&compiled(), &json!({"spec": spec}), None).iter().map(schema::Violation::sentence).collect();
    assert_eq!(found, wanted);
}

#[test]
fn violations_are_named_as_kubernetes_does() {
    check(json!({"name": "ab", "port": 1, "maybe": null, "free": {"x": 1}}), &[]);
    check(json!({}), &["spec.name: Required value"]);
    check(json!({"name": 1}), &[r#"spec.name: Invalid value: "integer": spec.name in body must be of type string: "integer""#]);
    check(json!({"name": "a"}), &[r#"spec.name: Invalid value: "a": spec.name in body should be at least 2 chars long"#]);
    check(json!({"name": "ab", "size": 0}), &["spec.size: Invalid value: 0: spec.size in body should be greater than or equal to 1"]);
    check(json!({"name": "ab", "mode": "C"}), &[r#"spec.mode: Unsupported value: "C": supported values: "A", "B""#]);
    check(json!({"name": "ab", "items": [{"k": "x"}, {"k": "x"}]}), &[r#"spec.items[1]: Duplicate value: {"k":"x"}"#]);
}

#[test]
fn unchanged_faults_are_let_pass() {
    let old = json!({"spec": {"name": "a", "map": {"x": 1}}});
    let new = json!({"spec": {"name": "a", "map": {"x": 2}}});
    assert!(validate(&compiled(), &new, Some(&old)).is_empty());
}

#[test]
fn unknown_fields_go_and_are_named() {
    let mut value =
        json!({"apiVersion": "v1", "kind": "X", "metadata": {}, "spec": {"bogus": 1, "free": {"x": 1}, "items": [{"k": "a", "z": 1}]}});
    assert_eq!(prune(&compiled(), &mut value, true), ["spec.bogus", "spec.items[0].z"]);
    assert_eq!(value["spec"], json!({"free": {"x": 1}, "items": [{"k": "a"}]}));
}

#[test]
fn defaults_fill_what_is_absent_or_null() {
    let mut value = json!({"spec": {"name": "ab", "size": null, "mode": null}});
    drop_nulls(&compiled(), &mut value);
    default(&compiled(), &mut value);
    assert_eq!(value["spec"], json!({"name": "ab", "size": 3}));
}

#[test]
fn nodes_without_a_type_are_refused() {
    assert!(Schema::compile(&json!({"type": "object", "properties": {"a": {}}}), "s").is_err());
}

#[test]
fn repeated_fields_are_found() {
    let parsed = parse_strict(br#"{"a": {"b": 1, "b": 2}, "c": [{"d": 1, "d": 1}]}"#).expect("JSON");
    assert_eq!(parsed.duplicates, ["a.b", "c[0].d"]);
    assert_eq!(parsed.value["a"]["b"], 2);
    assert!(parse_strict("[".repeat(100_000).as_bytes()).is_err());
}
