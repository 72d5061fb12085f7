//! The four patch forms and field ownership, by small cases.

use std::sync::LazyLock;

use patch::{ApplyError, FieldSet, Shape, TypeRef, Writer, apply, json_merge, json_patch, same_but_for_times, strategic, track_update};
use proptest::prelude::*;
use schema::Schema;
use serde_json::{Value, json};

fn shape() -> Shape {
    let schema = json!({"type": "object", "properties": {
        "data": {"type": "object", "additionalProperties": {"type": "string"}},
        "list": {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"],
            "items": {"type": "object", "properties": {"name": {"type": "string"}, "v": {"type": "string"}, "w": {"type": "string"}}}},
        "set": {"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"}},
        "whole": {"type": "array", "items": {"type": "string"}}}});
    Shape::resource(&Schema::compile(&schema, "s").expect("structural"))
}

static EMPTY: LazyLock<Value> = LazyLock::new(|| json!({}));

fn by(manager: &str) -> Writer<'_> {
    Writer { manager, api_version: "v1", subresource: "", now: "2026-01-01T00:00:00Z", empty: &EMPTY, reset: FieldSet::nothing() }
}

fn object(mut fields: Value) -> Value {
    fields["apiVersion"] = json!("v1");
    fields["kind"] = json!("X");
    fields["metadata"] = json!({"name": "a"});
    fields
}

fn applied(live: Option<&Value>, fields: Value, manager: &str, force: bool) -> Result<Value, ApplyError> {
    apply(live, &object(fields), by(manager), force, &shape())
}

#[test]
fn merge_and_json_patches() {
    let mut value = json!({"a": {"b": 1, "c": 2}});
    json_merge(&mut value, &json!({"a": {"b": null, "d": {"e": null}}}));
    assert_eq!(value, json!({"a": {"c": 2, "d": {}}}));
    let patched = json_patch(
        &json!({"a": [1, 2]}),
        &json!([
        {"op": "add", "path": "/a/-", "value": 3}, {"op": "remove", "path": "/a/0"}, {"op": "test", "path": "/a/0", "value": 2},
        {"op": "copy", "from": "/a", "path": "/b~1c"}, {"op": "move", "from": "/a", "path": "/d"}, {"op": "replace", "path": "/d/0", "value": 9}]),
    );
    assert_eq!(patched, Ok(json!({"b/c": [2, 3], "d": [9, 3]})));
    // What an object has not yet is replaced, too.
    assert_eq!(json_patch(&json!({}), &json!([{"op": "replace", "path": "/a", "value": 1}])), Ok(json!({"a": 1})));
    for bad in [
        json!([{"op": "test", "path": "/a", "value": 1}]),
        json!([{"op": "replace", "path": "/a/0", "value": 1}]),
        json!([{"op": "replace", "path": "/b/c", "value": 1}]),
        json!([{"op": "remove", "path": "/x"}]),
        json!([{"op": "add", "path": "/a/7", "value": 1}]),
        json!({}),
    ] {
        assert!(json_patch(&json!({"a": []}), &bad).is_err(), "{bad}");
    }
}

#[test]
fn strategic_merge_knows_the_keys_of_builtin_kinds() {
    let deployment = TypeRef::new("apps/v1", "Deployment");
    let spec = |containers: Value| json!({"spec": {"template": {"spec": {"containers": containers}}}});
    let live = spec(json!([{"name": "a", "image": "1", "env": [{"name": "X", "value": "1"}], "args": ["p"]}, {"name": "b"}]));
    let change =
        spec(json!([{"name": "a", "image": "2", "env": [{"name": "Y", "value": "2"}], "args": ["q"]}, {"name": "b", "$patch": "delete"}]));
    let result = strategic(&live, &change, &deployment).expect("merges");
    assert_eq!(
        result,
        spec(json!([{"name": "a", "image": "2", "env": [{"name": "Y", "value": "2"}, {"name": "X", "value": "1"}], "args": ["q"]}]))
    );
    // A list that is not merged is taken as it is, directives and all: whoever reads the object finds them strange.
    let other = strategic(&live, &change, &TypeRef::new("x/v1", "Y")).expect("merges");
    assert_eq!(other["spec"]["template"]["spec"]["containers"][1], json!({"name": "b", "$patch": "delete"}));
    let retained = strategic(
        &json!({"spec": {"strategy": {"type": "RollingUpdate", "rollingUpdate": {}}}}),
        &json!({"spec": {"strategy": {"$retainKeys": ["type"], "type": "Recreate"}}}),
        &deployment,
    );
    assert_eq!(retained, Ok(json!({"spec": {"strategy": {"type": "Recreate"}}})));
    let missing_key = strategic(&live, &spec(json!([{"image": "3"}])), &deployment);
    assert!(missing_key.is_err());
    let finalizers = strategic(
        &json!({"metadata": {"finalizers": ["a/x", "b/y"]}}),
        &json!({"metadata": {"$deleteFromPrimitiveList/finalizers": ["a/x"], "$setElementOrder/finalizers": ["b/y"]}}),
        &deployment,
    );
    assert_eq!(finalizers, Ok(json!({"metadata": {"finalizers": ["b/y"]}})));
}

#[test]
fn a_budgets_selector_is_taken_as_a_whole() {
    let live = json!({"spec": {"maxUnavailable": 1, "selector": {"matchLabels": {"a": "1", "b": "2"}}}});
    let change = json!({"spec": {"selector": {"matchLabels": {"c": "3"}}}});
    let merged = strategic(&live, &change, &TypeRef::new("policy/v1", "PodDisruptionBudget")).expect("merges");
    assert_eq!(merged, json!({"spec": {"maxUnavailable": 1, "selector": {"matchLabels": {"c": "3"}}}}));
}

#[test]
fn apply_owns_conflicts_forces_and_prunes() {
    let first = applied(None, json!({"data": {"x": "1", "y": "1"}}), "alice", false).expect("applies");
    assert_eq!(first["metadata"]["managedFields"][0]["fieldsV1"], json!({"f:data": {"f:x": {}, "f:y": {}}}));
    let shared = applied(Some(&first), json!({"data": {"x": "1"}}), "bob", false).expect("equal values are shared");
    let error = applied(Some(&shared), json!({"data": {"x": "2", "y": "2"}}), "carl", false).expect_err("conflicts");
    assert_eq!(
        error.to_string(),
        "Apply failed with 3 conflicts: conflicts with \"alice\":\n- .data.x\n- .data.y\nconflicts with \"bob\":\n- .data.x"
    );
    let pruned = applied(Some(&shared), json!({}), "alice", false).expect("applies");
    assert_eq!(pruned["data"], json!({"x": "1"}), "y goes, x is still bob's");
    let forced = applied(Some(&shared), json!({"data": {"x": "2"}}), "carl", true).expect("forced");
    assert_eq!((&forced["data"], forced["metadata"]["managedFields"].as_array().map(Vec::len)), (&json!({"x": "2", "y": "1"}), Some(2)));
    let again = applied(Some(&forced), json!({"data": {"x": "2"}}), "carl", false).expect("applies");
    assert!(same_but_for_times(&forced, &again));
}

#[test]
fn lists_merge_by_key_and_refuse_unknown_fields() {
    let first = applied(None, json!({"list": [{"name": "a", "v": "1"}, {"name": "b"}], "set": ["p"]}), "alice", false).expect("applies");
    let second =
        applied(Some(&first), json!({"list": [{"name": "c"}, {"name": "a", "w": "2"}], "set": ["q"]}), "bob", false).expect("applies");
    assert_eq!(second["list"], json!([{"name": "c"}, {"name": "a", "v": "1", "w": "2"}, {"name": "b"}]));
    assert_eq!(second["set"], json!(["p", "q"]));
    let gone = applied(Some(&second), json!({"list": [{"name": "b"}]}), "alice", false).expect("applies");
    assert_eq!(gone["list"], json!([{"name": "c"}, {"name": "a", "w": "2"}, {"name": "b"}]));
    let error = applied(None, json!({"bogus": 1}), "alice", false).expect_err("refused");
    assert_eq!(error.to_string(), ".bogus: field not declared in schema");
}

/// An item goes with what somebody else only changed inside of it; before, it stayed without its name. sigs.k8s.io/
/// structured-merge-diff `merge/multiple_appliers_test.go` `remove_one_with_dangling_subitem_keep_one`.
#[test]
fn an_item_that_nobody_applies_goes_whole() {
    let two = json!({"list": [{"name": "a", "v": "1"}, {"name": "b", "v": "1"}]});
    let first = applied(None, two, "alice", false).expect("applies");
    let mut changed = first.clone();
    changed["list"][1]["w"] = json!("2");
    track_update(Some(&first), &mut changed, by("controller"), &shape());
    let without = applied(Some(&changed), json!({"list": [{"name": "a", "v": "1"}]}), "alice", false).expect("applies");
    assert_eq!(without["list"], json!([{"name": "a", "v": "1"}]));
    assert_eq!(without["metadata"]["managedFields"].as_array().map(Vec::len), Some(1), "the controller owns nothing that is gone");
    // Who applied the item as well keeps it.
    let shared = applied(Some(&changed), json!({"list": [{"name": "b", "w": "2"}]}), "bob", false).expect("applies");
    let without = applied(Some(&shared), json!({"list": [{"name": "a", "v": "1"}]}), "alice", false).expect("applies");
    assert_eq!(without["list"], json!([{"name": "a", "v": "1"}, {"name": "b", "w": "2"}]));
}

#[test]
fn updates_own_what_they_change_and_take_it_from_others() {
    let mut created = object(json!({"data": {"x": "1"}, "whole": ["a"]}));
    track_update(None, &mut created, by("maker"), &shape());
    assert_eq!(created["metadata"]["managedFields"][0]["fieldsV1"], json!({"f:data": {".": {}, "f:x": {}}, "f:whole": {}}));
    let mut same = created.clone();
    track_update(Some(&created), &mut same, by("other"), &shape());
    assert!(same_but_for_times(&created, &same));
    let mut changed = created.clone();
    changed["data"]["x"] = json!("2");
    track_update(Some(&created), &mut changed, by("other"), &shape());
    let owners: Vec<&Value> =
        changed["metadata"]["managedFields"].as_array().expect("a list").iter().map(|entry| &entry["fieldsV1"]).collect();
    assert_eq!(owners, [&json!({"f:data": {}, "f:whole": {}}), &json!({"f:data": {"f:x": {}}})]);
    let error = applied(Some(&changed), json!({"data": {"x": "3"}}), "alice", false).expect_err("conflicts");
    assert_eq!(error.to_string(), "Apply failed with 1 conflict: conflict with \"other\" using v1: .data.x");
}

proptest! {
    #[test]
    fn apply_is_idempotent_and_disjoint_managers_commute(left in "[a-c]{0,3}", right in "[d-f]{0,3}") {
        let data = |keys: &str| json!({"data": keys.chars().map(|key| (key.to_string(), json!("1"))).collect::<serde_json::Map<_, _>>()});
        let base = applied(None, json!({"whole": ["z"]}), "base", false).expect("applies");
        let one = applied(Some(&applied(Some(&base), data(&left), "l", false).expect("applies")), data(&right), "r", false).expect("applies");
        let two = applied(Some(&applied(Some(&base), data(&right), "r", false).expect("applies")), data(&left), "l", false).expect("applies");
        prop_assert!(same_but_for_times(&one, &two));
        let again = applied(Some(&one), data(&right), "r", false).expect("applies");
        prop_assert!(same_but_for_times(&one, &again));
    }
}

/// Pods whose lists have items with keys of their own.
fn pods() -> impl Strategy<Value = Value> {
    let texts = || proptest::collection::btree_map("[a-c]{1,2}", "[a-z]{0,3}", 0..3);
    let containers = proptest::collection::btree_map("[a-c]", (texts(), texts()), 1..3);
    (containers, texts()).prop_map(|(containers, labels)| {
        let container = |(name, (variables, limits)): (&String, &(_, _))| {
            let variables: &std::collections::BTreeMap<String, String> = variables;
            let env: Vec<Value> = variables.iter().map(|(name, value)| json!({"name": name, "value": value})).collect();
            let limits: &std::collections::BTreeMap<String, String> = limits;
            json!({"name": name, "env": env, "resources": {"limits": limits}, "args": ["x", name]})
        };
        let containers: Vec<Value> = containers.iter().map(container).collect();
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "labels": labels}, "spec": {"containers": containers}})
    })
}

proptest! {
    #[test]
    fn a_strategic_merge_with_itself_is_identity(pod in pods()) {
        let merged = strategic(&pod, &pod, &TypeRef::new("v1", "Pod")).expect("merges");
        prop_assert_eq!(merged, pod.clone());
    }
}
