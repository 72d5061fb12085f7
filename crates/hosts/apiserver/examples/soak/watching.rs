//! A long watch: it resumes from the last revision that it saw, lists anew when that is forgotten, and keeps a picture.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http::Method;
use http_body_util::BodyExt as _;
use serde_json::Value;

use crate::client::{Client, Place};
use crate::journal::Shared;

/// Objects by namespace and name.
pub type Picture = BTreeMap<String, Value>;

pub fn key(object: &Value) -> String {
    let text = |name: &str| object["metadata"][name].as_str().unwrap_or_default();
    format!("{}/{}", text("namespace"), text("name"))
}

fn revision(object: &Value) -> u64 {
    object["metadata"]["resourceVersion"].as_str().and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// Items of a list do not say their kind.
pub fn bare(object: &Value) -> Value {
    let mut object = object.clone();
    for field in ["kind", "apiVersion"] {
        if let Some(map) = object.as_object_mut() {
            map.remove(field);
        }
    }
    object
}

pub fn picture(list: &Value) -> Picture {
    list["items"].as_array().into_iter().flatten().map(|item| (key(item), bare(item))).collect()
}

/// One watch.
pub struct Watch {
    pub path: String,
    picture: Picture,
    seen: u64,
    client: Client,
    journal: Arc<Shared>,
    pub relists: u64,
    pub resumes: u64,
    pub events: u64,
}

impl Watch {
    pub fn new(path: &str, place: &Place, journal: &Arc<Shared>) -> Self {
        let (client, journal) = (Client::new(place), journal.clone());
        Self { path: path.to_owned(), picture: Picture::new(), seen: 0, client, journal, relists: 0, resumes: 0, events: 0 }
    }

    fn also(&self, query: &str) -> String {
        format!("{}{}{query}", self.path, if self.path.contains('?') { '&' } else { '?' })
    }

    /// Watches until `over`, then as long as it takes to have seen this revision; returns itself.
    pub async fn run(mut self, over: Arc<AtomicBool>) -> Self {
        while !over.load(Ordering::SeqCst) {
            if self.seen == 0 {
                let list = self.client.get(&self.path).await;
                if !list.is_good() {
                    tokio::time::sleep(Duration::from_millis(200)).await;
                    continue;
                }
                self.relists += 1;
                (self.picture, self.seen) = (picture(&list.value), list.revision());
            }
            self.follow(&over).await;
            self.resumes += 1;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        self
    }

    async fn follow(&mut self, over: &AtomicBool) {
        let path = self.also(&format!("watch=true&allowWatchBookmarks=true&resourceVersion={}", self.seen));
        let Ok(response) = self.client.open(Method::GET, &path, "", Value::Null).await else { return };
        if response.status().as_u16() == 410 {
            self.seen = 0;
        }
        if !response.status().is_success() {
            tokio::time::sleep(Duration::from_millis(200)).await;
            // The rest of the answer is not read, so the connection is of no use.
            self.client = self.client.again();
            return;
        }
        let (mut body, mut rest) = (response.into_body(), Vec::new());
        while !over.load(Ordering::SeqCst) {
            match tokio::time::timeout(Duration::from_millis(500), body.frame()).await {
                Err(_) => continue,
                Ok(Some(Ok(frame))) => {
                    rest.extend_from_slice(frame.data_ref().map(|data| data.as_ref()).unwrap_or_default());
                }
                Ok(_) => break,
            }
            while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = rest.drain(..=end).collect();
                match serde_json::from_slice::<Value>(&line) {
                    Ok(event) => self.tell(&event),
                    Err(error) => self.journal.fault(format!("{}: a line that is no event: {error}", self.path)),
                }
            }
        }
        self.client = self.client.again();
    }

    fn tell(&mut self, event: &Value) {
        let object = &event["object"];
        if event["type"] == "ERROR" {
            if object["code"] != 410 {
                self.journal.fault(format!("{}: {object}", self.path));
            }
            self.seen = 0;
            return;
        }
        let at = revision(object);
        if at < self.seen || (at == self.seen && event["type"] != "BOOKMARK" && event["type"] != "DELETED") {
            self.journal.fault(format!("{}: {} at {at} after {}", self.path, event["type"], self.seen));
        }
        self.seen = at.max(self.seen);
        self.events += 1;
        let (name, known) = (key(object), self.picture.contains_key(&key(object)));
        let fits = match event["type"].as_str() {
            Some("BOOKMARK") => true,
            Some("ADDED") => self.picture.insert(name.clone(), bare(object)).is_none(),
            Some("MODIFIED") => self.picture.insert(name.clone(), bare(object)).is_some(),
            Some("DELETED") => self.picture.remove(&name).is_some(),
            _ => false,
        };
        if !fits {
            self.journal.fault(format!("{}: {} of {name}, known: {known}, at {at}", self.path, event["type"]));
        }
    }

    /// Tells what differs from what is listed, after everything was told.
    pub async fn compare(&mut self) -> Vec<String> {
        for _ in 0..100 {
            let list = self.client.get(&self.path).await;
            let listed = picture(&list.value);
            if self.picture == listed {
                return Vec::new();
            }
            // One more second of events, from where it stands.
            let over = Arc::new(AtomicBool::new(false));
            let stop = over.clone();
            let timer = tokio::spawn(async move {
                tokio::time::sleep(Duration::from_secs(1)).await;
                stop.store(true, Ordering::SeqCst);
            });
            if self.seen == 0 {
                return vec![format!("{}: it had to list and was not given the time", self.path)];
            }
            self.follow(&over).await;
            let _ = timer.await;
        }
        let listed = picture(&self.client.get(&self.path).await.value);
        let all: std::collections::BTreeSet<&String> = listed.keys().chain(self.picture.keys()).collect();
        let differs = all.into_iter().filter(|name| listed.get(*name) != self.picture.get(*name));
        differs
            .take(3)
            .map(|name| format!("{}: {name} is {:?}, pictured {:?}", self.path, listed.get(name), self.picture.get(name)))
            .collect()
    }
}
