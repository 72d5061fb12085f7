//! What a request gets that takes too long. Time stands still here but for what is waited for.

use super::*;

/// A server whose webhooks never answer, and two of them who are asked before a ConfigMap is made.
async fn silent() -> World {
    let world = World::calling(Store::memory(), Arc::new(|_| Box::pin(std::future::pending())));
    let hook = |name: &str| {
        let rules = json!([{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["configmaps"]}]);
        json!({"name": name, "clientConfig": {"url": "https://hook.example.com/"}, "rules": rules, "timeoutSeconds": 30,
            "failurePolicy": "Ignore", "sideEffects": "None", "admissionReviewVersions": ["v1"]})
    };
    let hooks = json!({"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": "silent"}, "webhooks": [hook("one.example.com"), hook("two.example.com")]});
    ok(world.post("/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations", hooks).await);
    world
}

fn timeout(message: &str) -> (u16, Value) {
    let status = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message,
        "reason": "Timeout", "details": {}, "code": 504});
    (504, status)
}

const WRITE: &str = "Timeout: request did not complete within requested timeout - context deadline exceeded";
const READ: &str = "Timeout: request did not complete within the allotted timeout";
/// A revision that is waited for, for three seconds.
const LATER: &str = "resourceVersion=1000000&resourceVersionMatch=NotOlderThan";

#[tokio::test(start_paused = true)]
async fn a_write_that_nobody_lets_through_is_given_up() {
    let world = silent().await;
    assert_eq!(world.post(MAPS, map("a", "1")).await, timeout(WRITE));
    assert_eq!(world.post(&format!("{MAPS}?timeout=5s"), map("a", "1")).await, timeout(WRITE));
    refused(world.get(&format!("{MAPS}/a")).await, 404, "not found");
    // One silent webhook alone is passed over in time.
    let path = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/silent";
    let mut hooks = ok(world.get(path).await);
    hooks["webhooks"].as_array_mut().expect("two").truncate(1);
    ok(world.put(path, hooks).await);
    ok(world.post(MAPS, map("a", "1")).await);
}

#[tokio::test(start_paused = true)]
async fn a_request_may_ask_for_less_time_and_the_server_may_give_less() {
    let world = World::new();
    refused(world.get(&format!("{MAPS}?{LATER}")).await, 504, "Timeout: Too large resource version: 1000000");
    assert_eq!(world.get(&format!("{MAPS}?{LATER}&timeout=1s")).await, timeout(READ));
    refused(
        world.get(&format!("{MAPS}?timeout=soon")).await,
        400,
        "invalid timeout specified in the request URL - time: invalid duration \"soon\"",
    );
    let hasty = World::of(world.server.clone().with_request_timeout(Duration::from_secs(2)), world.store.clone());
    assert_eq!(hasty.get(&format!("{MAPS}?{LATER}&timeout=1m")).await, timeout(READ));
    ok(hasty.post(MAPS, map("a", "1")).await);
}

#[tokio::test(start_paused = true)]
async fn a_watch_goes_on_beyond_any_deadline() {
    let world = World::new();
    let world = World::of(world.server.clone().with_request_timeout(Duration::from_secs(1)), world.store.clone());
    let path = format!("{MAPS}?watch=true&resourceVersion=1&fieldSelector=metadata.name=late&timeout=1s");
    let response = world.router.clone().oneshot(world.request(Method::GET, &path, "", Value::Null)).await.expect("infallible");
    tokio::time::sleep(Duration::from_secs(120)).await;
    ok(world.post(MAPS, map("late", "1")).await);
    let frame = response.into_body().frame().await.expect("it goes on").expect("a frame");
    let event: Value = serde_json::from_slice(&frame.into_data().expect("data")).expect("a line");
    assert_eq!(event["object"]["metadata"]["name"], "late");
}
