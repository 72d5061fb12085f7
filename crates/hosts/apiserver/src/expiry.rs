//! Events go by themselves, one hour after they were last written: upstream keeps them by a lease of `--event-ttl`
//! (`kubernetes/kubernetes:pkg/registry/core/event/storage/storage.go`). When an Event was last written stands in it, so a
//! server that begins anew knows as much as the one before. Follows the store's log from one expiry to the next.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use model::Timestamp;
use serde_json::Value;
use store::{Batch, Change, Entry, StoreError};

use crate::admission::quota;
use crate::object::parse_time;
use crate::{ApiServer, Server};

/// How long an Event lasts, in seconds.
const LASTS: i64 = 3600;
/// Where both groups keep them.
const PREFIX: &str = "/registry/core/events/";
/// So many go in one write.
const TOGETHER: usize = 200;
/// After a failure, and at the shortest, so long is waited.
const SHORTEST: Duration = Duration::from_secs(1);

/// When each Event goes, as of a revision.
#[derive(Default)]
pub(crate) struct Expiry {
    position: Option<u64>,
    by_time: BTreeSet<(i64, String)>,
    /// Second and revision of each.
    known: HashMap<String, (i64, u64)>,
}

/// Returns the second at which an Event goes.
fn end(entry: &Entry) -> Option<i64> {
    let event: Value = serde_json::from_slice(&entry.value).ok()?;
    let metadata = event.get("metadata")?;
    let writes = metadata.get("managedFields").and_then(Value::as_array).into_iter().flatten().filter_map(|one| one.get("time"));
    let times = metadata.get("creationTimestamp").into_iter().chain(writes);
    let last = times.filter_map(Value::as_str).filter_map(parse_time).max()?;
    Some(last.as_second().saturating_add(LASTS))
}

impl Expiry {
    fn set(&mut self, key: &str, entry: Option<&Entry>) {
        if let Some((second, _)) = self.known.remove(key) {
            self.by_time.remove(&(second, key.to_owned()));
        }
        if let Some((entry, second)) = entry.and_then(|entry| Some((entry, end(entry)?))) {
            self.known.insert(key.to_owned(), (second, entry.revision));
            self.by_time.insert((second, key.to_owned()));
        }
    }

    fn follow(&mut self, server: &Server) {
        let changes = self.position.and_then(|position| server.store.changes_after(position).ok());
        let Some(changes) = changes else {
            *self = Self::default();
            let (entries, revision) = server.store.scan(PREFIX);
            entries.iter().for_each(|(key, entry)| self.set(key, Some(entry)));
            self.position = Some(revision);
            return;
        };
        for Change { revision, key, after, .. } in changes {
            if key.starts_with(PREFIX) {
                self.set(&key, after.as_ref());
            }
            self.position = Some(revision);
        }
    }

    /// Removes what is over and returns when to look again. An Event that is written meanwhile goes an hour later.
    pub fn expire(&mut self, server: &Server) -> Result<Timestamp, StoreError> {
        self.follow(server);
        let now = server.clock.now();
        let due: Vec<String> =
            self.by_time.iter().take_while(|(second, _)| *second <= now.as_second()).map(|(_, key)| key.clone()).collect();
        for keys in due.chunks(TOGETHER) {
            let batch = |keys: &[String]| {
                keys.iter().fold(Batch::new(), |batch, key| {
                    let revision = self.known.get(key).map_or(0, |(_, revision)| *revision);
                    batch.expect(key, revision).delete(key)
                })
            };
            match server.store.commit(batch(keys)) {
                Ok(_) => {}
                // Somebody wrote one of them just now: it stays, and the others go one by one.
                Err(StoreError::Conflict { .. }) => {
                    for key in keys {
                        match server.store.commit(batch(std::slice::from_ref(key))) {
                            Ok(_) | Err(StoreError::Conflict { .. }) => {}
                            Err(error) => return Err(error),
                        }
                    }
                }
                Err(error) => return Err(error),
            }
        }
        let namespaces: BTreeSet<&str> = due.iter().filter_map(|key| key[PREFIX.len()..].split('/').next()).collect();
        for namespace in namespaces {
            if let Err(error) = quota::settle(server, namespace) {
                tracing::warn!(namespace, error = error.message, "quotas were not counted again");
            }
        }
        self.follow(server);
        let latest = now.as_second().saturating_add(LASTS);
        let next = self.by_time.first().map_or(latest, |(second, _)| (*second).min(latest));
        Ok(Timestamp::from_second(next).unwrap_or(now))
    }
}

/// Removes Events when their time is over, as long as it is polled.
pub(crate) async fn run(server: &ApiServer) {
    loop {
        let wait = match server.expire() {
            Ok(next) => {
                let left = next.as_millisecond().saturating_sub(server.server.clock.now().as_millisecond());
                Duration::from_millis(u64::try_from(left).unwrap_or(0)).max(SHORTEST)
            }
            Err(error) => {
                tracing::warn!(cluster = server.server.name, %error, "Events that are over were not removed");
                SHORTEST * 60
            }
        };
        tokio::time::sleep(wait).await;
    }
}
