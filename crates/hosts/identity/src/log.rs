//! The transparency log: append only, durable before it is answered. Read first: [`Log`].

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use model::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::{Batch, Store, StoreError};

use crate::merkle::{self, Hash, Tree};
use crate::{IdentityError, Inner};

/// Entries by number; 20 digits, so that key order is log order.
const ENTRIES: &str = "identity/log/";

/// The log in memory: the tree and where each leaf is. The entries themselves stay in the store.
pub(crate) struct Log {
    store: Store,
    tree: Tree,
    places: HashMap<Hash, usize>,
}

/// As stored.
#[derive(Serialize, Deserialize)]
struct Stored {
    /// The canonical body in base64.
    body: String,
    /// When it was taken in, in seconds.
    time: i64,
    /// The log's signature over body, time and place, in base64.
    promise: String,
}

/// What came of adding an entry.
pub(crate) enum Added {
    /// It has this place now.
    New(usize),
    /// It was there already.
    Known(usize),
}

impl Log {
    /// Reads the whole log and rebuilds its tree; a gap is refused.
    pub(crate) fn open(store: &Store) -> Result<Self, IdentityError> {
        let mut log = Self { store: store.clone(), tree: Tree::default(), places: HashMap::new() };
        for (key, entry) in store.scan(ENTRIES).0 {
            let unusable = || IdentityError::Stored(format!("log entry {key}"));
            if key != place(log.tree.size()) {
                return Err(unusable());
            }
            let stored: Stored = serde_json::from_slice(&entry.value).map_err(|_| unusable())?;
            let body = STANDARD.decode(&stored.body).map_err(|_| unusable())?;
            log.grow(merkle::leaf(&body));
        }
        Ok(log)
    }

    fn grow(&mut self, leaf: Hash) {
        self.places.insert(leaf, self.tree.size());
        self.tree.push(leaf);
    }

    /// Appends a body. When this returns, it is on disk.
    pub(crate) fn append(&mut self, inner: &Inner, body: &[u8], now: Timestamp) -> Result<Added, StoreError> {
        let leaf = merkle::leaf(body);
        if let Some(index) = self.places.get(&leaf) {
            return Ok(Added::Known(*index));
        }
        let index = self.tree.size();
        let (body, time) = (STANDARD.encode(body), now.as_second());
        let promise = STANDARD.encode(inner.keys.log.sign(promise(&body, time, index, &inner.keys.log.id).as_bytes()));
        let bytes = serde_json::to_vec(&Stored { body, time, promise }).expect("texts and numbers serialise");
        let key = place(index);
        self.store.commit(Batch::new().expect(&key, 0).put(&key, Bytes::from(bytes)))?;
        self.grow(leaf);
        Ok(Added::New(index))
    }

    pub(crate) fn size(&self) -> usize {
        self.tree.size()
    }

    pub(crate) fn root(&self, size: usize) -> Hash {
        self.tree.root(size)
    }

    pub(crate) fn consistency(&self, old: usize, size: usize) -> Vec<Hash> {
        self.tree.consistency(old, size)
    }

    pub(crate) fn find(&self, leaf: &Hash) -> Option<usize> {
        self.places.get(leaf).copied()
    }

    /// Returns an entry's name and the entry as Rekor answers it, proven against the present tree.
    pub(crate) fn entry(&self, inner: &Inner, index: usize) -> Option<(String, Value)> {
        let stored: Stored = serde_json::from_slice(&self.store.get(&place(index))?.value).ok()?;
        let size = self.size();
        let leaf = merkle::leaf(&STANDARD.decode(&stored.body).ok()?);
        let hashes: Vec<String> = self.tree.inclusion(index, size).iter().map(hex::encode).collect();
        let value = json!({
            "body": stored.body,
            "integratedTime": stored.time,
            "logID": hex::encode(inner.keys.log.id),
            "logIndex": index,
            "verification": {
                "inclusionProof": {
                    "checkpoint": self.checkpoint(inner),
                    "hashes": hashes,
                    "logIndex": index,
                    "rootHash": hex::encode(self.root(size)),
                    "treeSize": size,
                },
                "signedEntryTimestamp": stored.promise,
            },
        });
        Some((name(inner, &leaf), value))
    }

    /// Returns the signed tree head. Its first line ends in the log's number: that is how cosign knows a log of version 1.
    pub(crate) fn checkpoint(&self, inner: &Inner) -> String {
        let size = self.size();
        let text = format!("{} - {}\n{size}\n{}\n", inner.host, inner.keys.log_number, STANDARD.encode(self.root(size)));
        let signature = [&inner.keys.log.id[..4], &inner.keys.log.sign(text.as_bytes())].concat();
        format!("{text}\n\u{2014} {} {}\n", inner.host, STANDARD.encode(signature))
    }
}

fn place(index: usize) -> String {
    format!("{ENTRIES}{index:020}")
}

/// An entry's name: the log's number and the leaf's hash.
pub(crate) fn name(inner: &Inner, leaf: &Hash) -> String {
    format!("{:016x}{}", inner.keys.log_number, hex::encode(leaf))
}

/// The text that a promise signs: canonical JSON, whose order must not depend on a map. Base64 and hex need no escapes.
fn promise(body: &str, time: i64, index: usize, log: &Hash) -> String {
    format!(r#"{{"body":"{body}","integratedTime":{time},"logID":"{}","logIndex":{index}}}"#, hex::encode(log))
}
