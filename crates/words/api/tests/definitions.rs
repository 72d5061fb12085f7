//! Every definition is one that a Kubernetes API server accepts, as far as its form goes.

use std::collections::BTreeSet;

use serde_json::Value;

#[test]
fn there_is_one_for_every_kind() {
    let names: BTreeSet<&str> = api::definitions().iter().map(api::name).collect();
    assert_eq!((names.len(), api::definitions().len()), (27, 27), "{names:?}");
}

#[test]
fn heads_are_whole() {
    for definition in api::definitions() {
        let spec = &definition["spec"];
        let names = &spec["names"];
        let (kind, plural) = (api::text(names, &["kind"]), api::text(names, &["plural"]));
        assert_eq!(api::name(definition), format!("{plural}.{}", api::text(spec, &["group"])));
        assert_eq!((names["listKind"] == format!("{kind}List"), names["singular"] == kind.to_lowercase()), (true, true), "{names}");
        assert!(matches!(api::text(spec, &["scope"]), "Namespaced" | "Cluster"), "{kind}");
        let versions: Vec<&Value> = spec["versions"].as_array().into_iter().flatten().collect();
        assert_eq!(versions.iter().filter(|version| version["storage"] == true).count(), 1, "{kind}");
        assert!(versions.iter().all(|version| version["served"] == true), "{kind}");
    }
}

#[test]
fn schemas_are_structural() {
    for definition in api::definitions() {
        for version in definition["spec"]["versions"].as_array().into_iter().flatten() {
            let root = &version["schema"]["openAPIV3Schema"];
            assert_eq!(root["properties"]["metadata"], serde_json::json!({"type": "object"}));
            let name = format!("{} {}", api::text(definition, &["spec", "names", "kind"]), api::text(version, &["name"]));
            let mut wrong = Vec::new();
            look(root, &name, &mut wrong);
            assert!(wrong.is_empty(), "{wrong:#?}");
        }
    }
}

/// Notes what a structural schema may not be.
fn look(node: &Value, path: &str, wrong: &mut Vec<String>) {
    let mut check = |holds: bool, why: &str| {
        if !holds {
            wrong.push(format!("{path}: {why}"));
        }
    };
    let kind = node["type"].as_str();
    let untyped = node["x-kubernetes-preserve-unknown-fields"] == true || node["x-kubernetes-int-or-string"] == true;
    check(kind.is_some() || untyped, "has no type");
    check((kind == Some("array")) == node["items"].is_object(), "a list has items, and nothing else has");
    check(node["properties"].is_null() || node["additionalProperties"].is_null(), "has known and unknown fields");
    check(kind != Some("string") || node["default"].is_null() || node["default"].is_string(), "the default has another type");
    let required = api::texts(&node["required"]);
    check(required.iter().all(|name| node["properties"][name].is_object()), "requires what is not there");
    let item = &node["items"];
    for key in api::texts(&node["x-kubernetes-list-map-keys"]) {
        let present = api::texts(&item["required"]).contains(&key) || !item["properties"][&key]["default"].is_null();
        check(present, "a key is neither required nor has it a default");
    }
    check(
        node["x-kubernetes-list-type"] != "set" || !matches!(item["type"].as_str(), Some("object" | "array")),
        "a set of what is no scalar",
    );
    for (name, inner) in node["properties"].as_object().into_iter().flatten() {
        look(inner, &format!("{path}.{name}"), wrong);
    }
    for (word, mark) in [("items", "[]"), ("additionalProperties", "{}")] {
        if node[word].is_object() {
            look(&node[word], &format!("{path}{mark}"), wrong);
        }
    }
}

/// What `kubectl explain` prints: whatever users write has a word of explanation, but for the pods of Jobs, which Kubernetes explains.
#[test]
fn what_users_write_is_explained() {
    for definition in api::definitions() {
        let kind = api::text(definition, &["spec", "names", "kind"]);
        let spec = &definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"];
        for (name, field) in spec["properties"].as_object().into_iter().flatten() {
            assert!(field["description"].is_string(), "{kind}: spec.{name}");
        }
    }
}
