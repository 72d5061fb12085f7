//! Values in fields of a custom resource, each field with a schema of its own (`values.yaml`), and what is said of them. What the
//! original says is in `values.txt`, a line each: `cargo xtask record kubernetes` writes it anew.

use serde_json::{Value, json};

/// Where the objects live.
pub const PATH: &str = "/apis/values.example.com/v1/namespaces/recorded/values";

/// Returns the definition of the kind.
pub fn definition() -> Value {
    let fields = read()["fields"].clone();
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "values.values.example.com"},
        "spec": {
            "group": "values.example.com",
            "scope": "Namespaced",
            "names": {"plural": "values", "singular": "value", "kind": "Value", "listKind": "ValueList"},
            "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": {
                "type": "object", "properties": {"spec": {"type": "object", "properties": fields}},
            }}}],
        },
    })
}

/// Returns every object that is asked about, with a few words on it.
pub fn objects() -> Vec<(String, Value)> {
    let all = read();
    let mut found = Vec::new();
    for name in all["fields"].as_object().into_iter().flatten().map(|(name, _)| name) {
        for value in all["values"].as_array().into_iter().flatten() {
            let spec = json!({ name.as_str(): value });
            let object = json!({"apiVersion": "values.example.com/v1", "kind": "Value", "metadata": {"name": "a"}, "spec": spec});
            found.push((format!("{name} {value}"), object));
        }
    }
    found
}

fn read() -> Value {
    let nodes = yaml::nodes(include_str!("values.yaml")).expect("values.yaml is YAML");
    yaml::value_of(&nodes[0], yaml::Dialect::Sigs).expect("values.yaml is a map")
}

/// Returns the line that is kept: what is taken, or all that is wrong, sorted as the original has no order.
pub fn line(told: &str, status: u16, body: &Value) -> String {
    const LATER: &str = "some validation rules were not checked because";
    if status < 300 {
        return format!("{told} {}", body["spec"]);
    }
    let causes = body["details"]["causes"].as_array().cloned().unwrap_or_default();
    let mut said: Vec<String> = causes
        .iter()
        .map(|cause| format!("{}: {}", cause["field"].as_str().unwrap_or_default(), cause["message"].as_str().unwrap_or_default()))
        .filter(|text| !text.contains(LATER))
        .collect();
    if causes.is_empty() {
        said.push(body["message"].as_str().unwrap_or_default().to_owned());
    }
    said.sort();
    format!("{told} {status} {}", said.join(" & ").replace('\n', " "))
}
