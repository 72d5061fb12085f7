//! What a load with random kills has found: what a crash leaves halfway, what many do at the same moment, what deletions leave.

use store::Batch;

use super::*;

/// Writes an object's metadata as a crash may leave it.
fn leave(world: &World, name: &str, change: Value) {
    let key = format!("/registry/core/configmaps/default/{name}");
    let entry = world.store.get(&key).expect("is there");
    let mut object: Value = serde_json::from_slice(&entry.value).expect("an object");
    for (field, value) in change.as_object().expect("fields") {
        object["metadata"][field] = value.clone();
    }
    world.store.commit(Batch::new().put(&key, object.to_string().into_bytes())).expect("commits");
}

#[tokio::test]
async fn what_a_crash_left_on_its_way_out_goes_with_the_next_start() {
    let world = World::new();
    let on_its_way =
        |keeper: &str| json!({"deletionTimestamp": "2026-01-01T00:00:00Z", "deletionGracePeriodSeconds": 0, "finalizers": [keeper]});
    let owned = |uid: &Value, owner: &str| json!([{"apiVersion": "v1", "kind": "ConfigMap", "name": owner, "uid": uid}]);
    for name in ["alone", "foreground", "orphaning", "held"] {
        ok(world.post(MAPS, map(name, "1")).await);
    }
    let orphaning = ok(world.get(&format!("{MAPS}/orphaning")).await);
    let mut child = map("child", "1");
    child["metadata"]["ownerReferences"] = owned(&orphaning["metadata"]["uid"], "orphaning");
    ok(world.post(MAPS, child).await);
    let mut lost = map("lost", "1");
    lost["metadata"]["ownerReferences"] = owned(&ok(world.get(&format!("{MAPS}/foreground")).await)["metadata"]["uid"], "foreground");
    ok(world.post(MAPS, lost).await);
    leave(&world, "alone", on_its_way("orphan"));
    leave(&world, "orphaning", on_its_way("orphan"));
    leave(&world, "foreground", on_its_way("foregroundDeletion"));
    leave(&world, "lost", on_its_way("foregroundDeletion"));
    leave(&world, "held", on_its_way("example.com/held"));
    let again = World::over(world.store.clone());
    assert_eq!(names(&ok(again.get(MAPS).await)), ["child", "held", "kube-root-ca.crt"]);
    assert_eq!(ok(again.get(&format!("{MAPS}/child")).await)["metadata"].get("ownerReferences"), None);
}

#[tokio::test]
async fn nobody_owns_a_reference_that_was_taken_out() {
    let world = World::new();
    let (one, two) = (ok(world.post(MAPS, map("one", "1")).await), ok(world.post(MAPS, map("two", "1")).await));
    let mut child = map("child", "1");
    let owner = |of: &Value| json!({"apiVersion": "v1", "kind": "ConfigMap", "name": of["metadata"]["name"], "uid": of["metadata"]["uid"]});
    child["metadata"]["ownerReferences"] = json!([owner(&one), owner(&two)]);
    ok(world.post(MAPS, child).await);
    for (gone, policy, left) in [("one", "Background", 1), ("two", "Orphan", 0)] {
        ok(world.delete(&format!("{MAPS}/{gone}"), json!({"propagationPolicy": policy})).await);
        let child = ok(world.get(&format!("{MAPS}/child")).await);
        let fields = &child["metadata"]["managedFields"][0]["fieldsV1"]["f:metadata"]["f:ownerReferences"];
        let owned = fields.as_object().into_iter().flatten().filter(|(step, _)| step.starts_with("k:")).count();
        assert_eq!((child["metadata"]["ownerReferences"].as_array().map_or(0, Vec::len), owned), (left, left), "{child}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_two_at_once_get_the_last_place_of_a_quota() {
    let world = World::new();
    let quota = json!({"metadata": {"name": "q"}, "spec": {"hard": {"count/configmaps": "20"}}});
    ok(world.post("/api/v1/namespaces/default/resourcequotas", quota).await);
    let tasks: Vec<_> = (0..8)
        .map(|task| {
            let world = world.clone();
            tokio::spawn(async move {
                let mut refused = 0;
                for number in 0..10 {
                    let (code, answer) = world.post(MAPS, map(&format!("m-{task}-{number}"), "1")).await;
                    assert!(code == 201 || code == 403, "{answer}");
                    refused += usize::from(code == 403);
                }
                refused
            })
        })
        .collect();
    let mut refused = 0;
    for task in tasks {
        refused += task.await.expect("ends well");
    }
    // The root certificates count.
    assert_eq!((names(&ok(world.get(MAPS).await)).len(), refused), (20, 61));
    let used = ok(world.get("/api/v1/namespaces/default/resourcequotas/q").await)["status"]["used"]["count/configmaps"].clone();
    assert_eq!(used, "20");
}

/// Upstream looks at the metadata of what is created whatever the kind, after the kind's own rules.
#[tokio::test]
async fn kinds_that_do_not_look_at_their_metadata_have_it_looked_at() {
    let world = World::new();
    let budgets = "/apis/policy/v1/namespaces/default/poddisruptionbudgets";
    let budget = |metadata: Value| json!({"metadata": metadata, "spec": {"minAvailable": 1}});
    refused(world.post(budgets, budget(json!({"name": "a/b"}))).await, 422, "metadata.name: Invalid value: \"a/b\": may not contain '/'");
    refused(world.post(budgets, budget(json!({"name": "a", "labels": {"x": "y."}}))).await, 422, "metadata.labels: Invalid value: \"y.\"");
    ok(world.post(budgets, budget(json!({"name": "a", "labels": {"x": "y"}}))).await);
}
