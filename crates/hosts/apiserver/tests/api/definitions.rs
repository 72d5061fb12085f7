//! CustomResourceDefinitions: their names, their rules, their conversion.

use serde_json::{Value, json};

use super::{CRDS, WIDGETS, World, definition, ok, refused, widget};

fn with_rules(rules: Value) -> Value {
    let mut definition = definition();
    let spec = &mut definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"];
    spec["x-kubernetes-validations"] = rules;
    spec["properties"]["size"]["maximum"] = json!(1000);
    definition
}

#[tokio::test]
async fn names_that_are_taken_are_not_accepted_until_they_are_free() {
    let world = World::new();
    ok(world.post(CRDS, definition()).await);
    let mut other = definition();
    other["metadata"]["name"] = json!("gadgets.example.com");
    other["spec"]["names"] = json!({"plural": "gadgets", "kind": "Widget", "listKind": "GadgetList"});
    ok(world.post(CRDS, other).await);
    let condition = |object: &Value, kind: &str| -> (String, String) {
        let all = object["status"]["conditions"].as_array().cloned().unwrap_or_default();
        let found = all.into_iter().find(|one| one["type"] == kind).unwrap_or_default();
        (found["status"].as_str().unwrap_or_default().to_owned(), found["reason"].as_str().unwrap_or_default().to_owned())
    };
    let place = format!("{CRDS}/gadgets.example.com");
    let conflict = ok(world.get(&place).await);
    assert_eq!(condition(&conflict, "NamesAccepted"), ("False".to_owned(), "KindConflict".to_owned()));
    assert_eq!(condition(&conflict, "Established"), ("False".to_owned(), "NotAccepted".to_owned()));
    ok(world.delete(&format!("{CRDS}/widgets.example.com"), Value::Null).await);
    let free = ok(world.get(&place).await);
    assert_eq!(condition(&free, "Established"), ("True".to_owned(), "InitialNamesAccepted".to_owned()));
}

#[tokio::test]
async fn rules_judge_objects_in_their_own_words() {
    let world = World::new();
    let wrong = with_rules(json!([{"rule": "self.sise > 1"}]));
    refused(world.post(CRDS, wrong).await, 422, "undefined field 'sise'");
    let rules = json!([
        {"rule": "self.size % 2 == 0", "messageExpression": "self.size > 10 ? 'large and odd' : 'small and odd'", "reason": "FieldValueForbidden", "fieldPath": ".size"},
        {"rule": "self.size >= oldSelf.size", "message": "never smaller"},
    ]);
    ok(world.post(CRDS, with_rules(rules)).await);
    let (code, told) = world.post(WIDGETS, widget("a", 3)).await;
    assert_eq!(
        (code, told["details"]["causes"][0].clone()),
        (422, json!({"reason": "FieldValueForbidden", "field": "spec.size", "message": "Forbidden: small and odd"}))
    );
    ok(world.post(WIDGETS, widget("a", 4)).await);
    let place = format!("{WIDGETS}/a");
    refused(world.merge(&place, json!({"spec": {"size": 2}})).await, 422, "never smaller");
    ok(world.merge(&place, json!({"spec": {"size": 6}})).await);
}

#[tokio::test]
async fn what_was_wrong_before_a_rule_may_stay_as_it_is() {
    let world = World::new();
    ok(world.post(CRDS, definition()).await);
    ok(world.post(WIDGETS, widget("a", 3)).await);
    let mut live = ok(world.get(&format!("{CRDS}/widgets.example.com")).await);
    live["spec"] = with_rules(json!([{"rule": "self.size > 5", "message": "too small"}]))["spec"].clone();
    ok(world.put(&format!("{CRDS}/widgets.example.com"), live).await);
    let place = format!("{WIDGETS}/a");
    ok(world.merge(&place, json!({"metadata": {"labels": {"seen": "yes"}}})).await);
    refused(world.merge(&place, json!({"spec": {"size": 4}})).await, 422, "too small");
    refused(world.post(WIDGETS, widget("b", 4)).await, 422, "too small");
}

#[tokio::test]
async fn a_rule_that_costs_too_much_is_refused() {
    let world = World::new();
    let mut dear = definition();
    dear["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]["all"] = json!({
        "type": "array", "items": {"type": "string"},
        "x-kubernetes-validations": [{"rule": "self.all(a, self.all(b, self.exists(c, c == a + b)))"}],
    });
    refused(world.post(CRDS, dear).await, 422, "estimated rule cost exceeds budget");
}
