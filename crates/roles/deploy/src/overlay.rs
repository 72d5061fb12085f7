//! What a Kustomization's spec adds to the kustomization at its path.

use serde_json::{Value, json};

/// Fields of a Kustomization's spec, and what they are called in a kustomization.
const FIELDS: [(&str, &str); 5] = [
    ("targetNamespace", "namespace"),
    ("namePrefix", "namePrefix"),
    ("nameSuffix", "nameSuffix"),
    ("patches", "patches"),
    ("images", "images"),
];

/// Returns the kustomization that is laid around the path of a Kustomization with this spec; `{}` changes nothing.
/// Follows fluxcd/pkg `kustomize/kustomize_generator.go`.
pub fn overlay(spec: &Value) -> Value {
    let mut overlay = json!({});
    for (from, to) in FIELDS {
        if !spec[from].is_null() {
            overlay[to] = spec[from].clone();
        }
    }
    overlay
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_namespace_is_a_namespace_and_a_path_is_nothing() {
        let spec = json!({"path": "./k", "targetNamespace": "shop", "images": [{"name": "web", "newTag": "1"}], "patches": null});
        assert_eq!(overlay(&spec), json!({"namespace": "shop", "images": [{"name": "web", "newTag": "1"}]}));
        assert_eq!(overlay(&Value::Null), json!({}));
    }
}
