//! Events go an hour after they were last written.

use std::sync::{Arc, Mutex};

use apiserver::{ApiServer, Options};
use model::{Clock, Timestamp};
use serde_json::{Value, json};
use store::Store;

use super::{World, lines, ok};

const EVENTS: &str = "/api/v1/namespaces/default/events";

#[derive(Clone)]
struct Hands(Arc<Mutex<Timestamp>>);

impl Hands {
    fn set(&self, time: &str) {
        *self.0.lock().expect("not poisoned") = time.parse().expect("a time");
    }
}

impl Clock for Hands {
    fn now(&self) -> Timestamp {
        *self.0.lock().expect("not poisoned")
    }
}

fn event(name: &str) -> Value {
    json!({
        "metadata": {"name": name, "namespace": "default"}, "reason": "Tested", "message": "x", "type": "Normal",
        "involvedObject": {"kind": "Pod", "namespace": "default", "name": "p"},
    })
}

#[tokio::test]
async fn events_go_an_hour_after_they_were_written_last() {
    let clock = Hands(Arc::new(Mutex::new("2026-01-01T00:00:00Z".parse().expect("a time"))));
    let store = Store::memory();
    let options = || Options {
        name: "test".to_owned(),
        clock: Arc::new(clock.clone()),
        store: store.clone(),
        outgoing: Arc::new(|_| Box::pin(async { Err("nothing is called".to_owned()) })),
        kubelet: None,
        tokens: Vec::new(),
    };
    let server = ApiServer::new(options()).expect("starts");
    let world = World::of(server.clone(), store.clone());
    for name in ["a", "b"] {
        ok(world.post(EVENTS, event(name)).await);
    }
    assert_eq!(server.expire().expect("a store").to_string(), "2026-01-01T01:00:00Z");
    clock.set("2026-01-01T00:30:00Z");
    ok(world.merge(&format!("{EVENTS}/b"), json!({"count": 2})).await);
    clock.set("2026-01-01T00:59:59Z");
    assert_eq!(server.expire().expect("a store").to_string(), "2026-01-01T01:00:00Z");
    assert_eq!(world.get(&format!("{EVENTS}/a")).await.0, 200);
    clock.set("2026-01-01T01:00:00Z");
    let path = format!("{EVENTS}?watch=true");
    let (seen, ()) = tokio::join!(lines(&world, &path, 3), async {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        assert_eq!(server.expire().expect("a store").to_string(), "2026-01-01T01:30:00Z");
    });
    assert_eq!((&seen[2]["type"], &seen[2]["object"]["metadata"]["name"]), (&json!("DELETED"), &json!("a")));
    // A server that begins anew knows when they were written.
    clock.set("2026-01-01T01:30:00Z");
    let again = ApiServer::new(options()).expect("starts");
    assert_eq!(again.expire().expect("a store").to_string(), "2026-01-01T02:30:00Z");
    assert_eq!(world.get(&format!("{EVENTS}/b")).await.0, 404);
}
