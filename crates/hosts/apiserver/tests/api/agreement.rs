//! List, watch and pages agree: whoever lists at one moment and watches from there knows what is listed later.

use std::collections::BTreeMap;

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

use super::*;

type State = BTreeMap<String, Value>;

fn state(list: &Value) -> State {
    let items = list["items"].as_array().expect("items").iter();
    let bare = |item: &Value| {
        let mut item = item.clone();
        for field in ["kind", "apiVersion"] {
            item.as_object_mut().expect("an object").remove(field);
        }
        item
    };
    items.map(|item| (item["metadata"]["name"].as_str().expect("a name").to_owned(), bare(item))).collect()
}

/// Does what a watch tells, and checks that it tells nothing impossible.
fn tell(state: &mut State, event: &Value) {
    let mut object = event["object"].clone();
    let name = object["metadata"]["name"].as_str().expect("a name").to_owned();
    for field in ["kind", "apiVersion"] {
        object.as_object_mut().expect("an object").remove(field);
    }
    let before = match event["type"].as_str() {
        Some("DELETED") => state.remove(&name).is_some(),
        Some("ADDED") => state.insert(name.clone(), object).is_none(),
        Some("MODIFIED") => state.insert(name.clone(), object).is_some(),
        other => panic!("{other:?}"),
    };
    assert!(before, "{} of {name}", event["type"]);
}

async fn step(world: &World, random: &mut StdRng) {
    let name = format!("map-{}", random.random_range(0..7));
    let path = format!("{MAPS}/{name}");
    let label = json!({"metadata": {"labels": {"x": if random.random_bool(0.5) { json!("1") } else { Value::Null }}}});
    match random.random_range(0..6) {
        0 => drop(world.post(MAPS, map(&name, "new")).await),
        1 => drop(world.delete(&path, Value::Null).await),
        2 => drop(world.merge(&path, label).await),
        3 => drop(world.merge(&path, json!({"data": {"a": random.random_range(0..3).to_string()}})).await),
        4 => drop(world.apply(&path, "one", map(&name, &random.random_range(0..3).to_string())).await),
        // It stays until nobody holds it any more.
        _ => {
            let held = random.random_bool(0.3).then(|| json!(["example.com/held"]));
            drop(world.merge(&path, json!({"metadata": {"finalizers": held}})).await);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_lists_and_watches_from_there_knows_what_is_listed_later() {
    for seed in 0..3 {
        let world = World::new();
        let mut random = StdRng::seed_from_u64(seed);
        for selector in ["", "&labelSelector=x", "&labelSelector=x!=1", "&fieldSelector=metadata.name=map-3"] {
            let mut cuts = Vec::new();
            for _ in 0..20 {
                let list = ok(world.get(&format!("{MAPS}?a=b{selector}")).await);
                cuts.push((list["metadata"]["resourceVersion"].as_str().expect("a revision").to_owned(), state(&list)));
                step(&world, &mut random).await;
            }
            let last = state(&ok(world.get(&format!("{MAPS}?a=b{selector}")).await));
            for (revision, mut seen) in cuts {
                // A page at that revision shows what was listed then.
                let exact = format!("{MAPS}?resourceVersion={revision}&resourceVersionMatch=Exact&limit=500{selector}");
                assert_eq!(state(&ok(world.get(&exact).await)), seen, "seed {seed} at {revision}");
                let path = format!("{MAPS}?watch=true&resourceVersion={revision}&timeoutSeconds=1{selector}");
                for event in lines(&world, &path, usize::MAX).await {
                    tell(&mut seen, &event);
                }
                assert_eq!(seen, last, "seed {seed} from {revision}{selector}");
            }
        }
    }
}

/// The releases before wrote the fields of an object by their names.
#[tokio::test]
async fn what_an_earlier_release_has_stored_reads_like_the_rest() {
    let world = World::new();
    let stored = r#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"annotations":{"note":"\"uid\":\"no\""},"creationTimestamp":"2025-01-01T00:00:00Z","name":"old","namespace":"default","uid":"1-2"},"data":{"a":"1"}}"#;
    let revision = world.store.commit(store::Batch::new().put("/registry/core/configmaps/default/old", stored)).expect("commits");
    ok(world.post(MAPS, map("new", "1")).await);
    let old = ok(world.get(&format!("{MAPS}/old")).await);
    assert_eq!((&old["metadata"]["resourceVersion"], &old["data"]["a"]), (&json!(revision.to_string()), &json!("1")));
    let list = ok(world.get(MAPS).await);
    let mut item =
        list["items"].as_array().expect("items").iter().find(|item| item["metadata"]["name"] == "old").expect("is listed").clone();
    item["apiVersion"] = json!("v1");
    item["kind"] = json!("ConfigMap");
    assert_eq!(item, old);
    let told = lines(&world, &format!("{MAPS}?watch=true&fieldSelector=metadata.name=old&timeoutSeconds=1"), 1).await;
    assert_eq!(told[0]["object"], old);
    // A new one with such a text in its annotations is read as well.
    let note = json!({"metadata": {"annotations": {"note": "\"uid\":\"no\""}}});
    ok(world.merge(&format!("{MAPS}/new"), note).await);
    let new = ok(world.get(&format!("{MAPS}/new")).await);
    assert_eq!(new["metadata"]["annotations"]["note"], "\"uid\":\"no\"");
    ok(world.merge(&format!("{MAPS}/old"), json!({"data": {"a": "2"}})).await);
    assert_eq!(ok(world.get(&format!("{MAPS}/old")).await)["data"]["a"], "2");
}
