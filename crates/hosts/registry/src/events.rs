//! Notifications about pushes, in docker-registry's shape. They are queued in the transaction of the push, so none is ever lost;
//! one may be sent twice.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use http::header;
use oci::{AnyDigest, Name};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::{Batch, Store};

use crate::{Inner, keys};

/// A receiver that is away for longer looks by itself when it comes back.
const PATIENCE_SECONDS: i64 = 86_400;

/// One push that somebody may want to hear of.
pub(crate) struct News<'a> {
    pub name: &'a Name,
    pub kind: &'a str,
    pub digest: &'a AnyDigest,
    pub tag: Option<&'a str>,
    pub size: usize,
    pub by: Option<&'a str>,
}

#[derive(Serialize, Deserialize)]
struct Waiting {
    hook: String,
    since: i64,
    body: Value,
}

/// Adds the notifications to the transaction of their push.
pub(crate) fn queue<'a>(inner: &Inner, mut batch: Batch, news: impl Iterator<Item = News<'a>>) -> Batch {
    let now = inner.options.clock.now();
    for each in news {
        let number = inner.next_event.fetch_add(inner.options.system_hooks.len() as u64, Ordering::Relaxed);
        let mut target = json!({
            "mediaType": each.kind,
            "digest": each.digest.as_str(),
            "size": each.size,
            "length": each.size,
            "repository": each.name.as_str(),
            "url": format!("/v2/{}/manifests/{}", each.name, each.digest),
        });
        if let Some(tag) = each.tag {
            target["tag"] = tag.into();
        }
        let event = json!({ "id": format!("push-{number}"), "timestamp": now.to_string(), "action": "push", "target": target, "actor": { "name": each.by.unwrap_or_default() } });
        let body = json!({ "events": [event] });
        for (hook, number) in inner.options.system_hooks.iter().zip(number..) {
            let waiting = Waiting { hook: hook.clone(), since: now.as_second(), body: body.clone() };
            batch = batch.put(keys::event(number), serde_json::to_vec(&waiting).expect("texts and numbers serialise"));
        }
    }
    batch
}

/// Tells waiters that something was queued and tries at once, if a runtime is there.
pub(crate) fn wake(inner: &Arc<Inner>) {
    if inner.options.system_hooks.is_empty() {
        return;
    }
    inner.events.send_replace(inner.next_event.load(Ordering::Relaxed));
    if let Ok(runtime) = tokio::runtime::Handle::try_current() {
        let inner = Arc::clone(inner);
        runtime.spawn(async move { deliver(&inner).await });
    }
}

/// Sends what waits and returns how many are left.
pub(crate) async fn deliver(inner: &Inner) -> usize {
    let _one_at_a_time = inner.delivering.lock().await;
    let now = inner.options.clock.now().as_second();
    let mut failed: Vec<String> = Vec::new();
    for (key, entry) in inner.options.store.scan(keys::EVENTS).0 {
        let Ok(waiting) = serde_json::from_slice::<Waiting>(&entry.value) else {
            forget(inner, key);
            continue;
        };
        if now - waiting.since > PATIENCE_SECONDS {
            tracing::warn!(hook = waiting.hook, "a push notification is given up after a day");
            forget(inner, key);
            continue;
        }
        if failed.contains(&waiting.hook) {
            continue;
        }
        match send(inner, &waiting).await {
            Ok(()) => forget(inner, key),
            Err(why) => {
                tracing::warn!(hook = waiting.hook, why, "a push notification was not taken; it stays queued");
                failed.push(waiting.hook);
            }
        }
    }
    inner.options.store.scan(keys::EVENTS).0.len()
}

async fn send(inner: &Inner, waiting: &Waiting) -> Result<(), String> {
    let request = http::Request::post(&waiting.hook)
        .header(header::CONTENT_TYPE, "application/vnd.docker.distribution.events.v1+json")
        .header(header::USER_AGENT, "supercargo-registry")
        .body(waiting.body.to_string().into())
        .map_err(|error| error.to_string())?;
    let response = (inner.options.outgoing)(request).await?;
    if response.status().is_success() { Ok(()) } else { Err(format!("it answered {}", response.status())) }
}

/// What cannot be forgotten now is sent once more, which receivers allow for.
fn forget(inner: &Inner, key: String) {
    if let Err(error) = inner.options.store.commit(Batch::new().delete(key)) {
        tracing::error!(error = &error as &dyn std::error::Error, "the registry's store failed");
    }
}

/// Returns the number that follows the last one that still waits.
pub(crate) fn first_free(store: &Store) -> u64 {
    let (waiting, _) = store.scan(keys::EVENTS);
    waiting.last().and_then(|(key, _)| key[keys::EVENTS.len()..].parse::<u64>().ok()).map_or(0, |number| number + 1)
}
