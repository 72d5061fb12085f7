use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;
use store::{Batch, Store};

use crate::ForgeError;

/// Everything of the forge lies below this.
const ROOT: &str = "forge/";
/// Prefix of the repositories' rows.
pub(crate) const REPOS: &str = "repo/";
/// Prefix of the users' rows.
pub(crate) const USERS: &str = "user/";
/// Prefix of the deliveries that wait.
pub(crate) const DELIVERIES: &str = "delivery/";

/// The forge's rows at one moment. In a writer's hands: with the changes so far, written together by [`Rows::commit`].
pub(crate) struct Rows {
    store: Store,
    writing: bool,
    seen: RefCell<BTreeMap<String, u64>>,
    changes: RefCell<BTreeMap<String, Option<Bytes>>>,
    after: RefCell<After>,
}

/// What is left to do once the rows are written.
#[derive(Debug, Default)]
pub(crate) struct After {
    /// Something is to be delivered.
    pub events: bool,
    /// Repositories whose refs moved.
    pub moved: BTreeSet<u64>,
    /// Repositories whose scheduled merges may be ready.
    pub recheck: BTreeSet<u64>,
    /// Object rows that also belong into a folder.
    pub objects: Vec<(u64, git::ObjectId)>,
}

impl Rows {
    pub(crate) fn new(store: Store, writing: bool) -> Self {
        Self { store, writing, seen: RefCell::default(), changes: RefCell::default(), after: RefCell::default() }
    }

    pub(crate) fn raw(&self, key: &str) -> Option<Bytes> {
        if let Some(change) = self.changes.borrow().get(key) {
            return change.clone();
        }
        let entry = self.store.get(&format!("{ROOT}{key}"));
        if self.writing {
            self.seen.borrow_mut().entry(key.to_owned()).or_insert(entry.as_ref().map_or(0, |entry| entry.revision));
        }
        entry.map(|entry| entry.value)
    }

    /// Returns what this writer is about to write.
    pub(crate) fn pending(&self, key: &str) -> Option<Bytes> {
        self.changes.borrow().get(key).cloned().flatten()
    }

    /// Returns what is stored, for values that never change: the write does not depend on it.
    pub(crate) fn peek(&self, key: &str) -> Option<Bytes> {
        self.store.get(&format!("{ROOT}{key}")).map(|entry| entry.value)
    }

    pub(crate) fn scan(&self, prefix: &str) -> BTreeMap<String, Bytes> {
        let (found, _) = self.store.scan(&format!("{ROOT}{prefix}"));
        let mut all: BTreeMap<String, Bytes> = found.into_iter().map(|(key, entry)| (key[ROOT.len()..].to_owned(), entry.value)).collect();
        for (key, change) in self.changes.borrow().range(prefix.to_owned()..).take_while(|(key, _)| key.starts_with(prefix)) {
            match change {
                Some(value) => drop(all.insert(key.clone(), value.clone())),
                None => drop(all.remove(key)),
            }
        }
        all
    }

    /// Tells whether there is anything below a prefix.
    pub(crate) fn any(&self, prefix: &str) -> bool {
        !self.scan(prefix).is_empty()
    }

    pub(crate) fn get<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, ForgeError> {
        self.raw(key).map(|bytes| read(key, &bytes)).transpose()
    }

    /// Returns everything below a prefix, in key order.
    pub(crate) fn list<T: DeserializeOwned>(&self, prefix: &str) -> Result<Vec<T>, ForgeError> {
        self.scan(prefix).iter().map(|(key, bytes)| read(key, bytes)).collect()
    }

    pub(crate) fn put<T: Serialize>(&self, key: &str, value: &T) {
        let bytes = serde_json::to_vec(value).expect("the forge's records are plain JSON");
        self.put_raw(key, bytes);
    }

    pub(crate) fn put_raw(&self, key: &str, bytes: impl Into<Bytes>) {
        self.changes.borrow_mut().insert(key.to_owned(), Some(bytes.into()));
    }

    pub(crate) fn delete(&self, key: &str) {
        self.changes.borrow_mut().insert(key.to_owned(), None);
    }

    /// Returns the next number of a series, from 1.
    pub(crate) fn next(&self, series: &str) -> Result<u64, ForgeError> {
        let key = format!("next/{series}");
        let number = self.get::<u64>(&key)?.unwrap_or(0) + 1;
        self.put(&key, &number);
        Ok(number)
    }

    /// Notes what is left to do afterwards.
    pub(crate) fn after(&self, note: impl FnOnce(&mut After)) {
        note(&mut self.after.borrow_mut());
    }

    /// Notes that refs of a repository move.
    pub(crate) fn moved(&self, repo: u64) {
        self.after.borrow_mut().moved.insert(repo);
    }

    /// Notes that the scheduled merges of a repository are to be looked at again.
    pub(crate) fn recheck(&self, repo: u64) {
        self.after.borrow_mut().recheck.insert(repo);
    }

    pub(crate) fn commit(self) -> Result<After, ForgeError> {
        let mut batch = Batch::new();
        for (key, revision) in self.seen.into_inner() {
            batch = batch.expect(format!("{ROOT}{key}"), revision);
        }
        for (key, change) in self.changes.into_inner() {
            let key = format!("{ROOT}{key}");
            batch = match change {
                Some(value) => batch.put(key, value),
                None => batch.delete(key),
            };
        }
        self.store.commit(batch)?;
        Ok(self.after.into_inner())
    }
}

fn read<T: DeserializeOwned>(key: &str, bytes: &[u8]) -> Result<T, ForgeError> {
    serde_json::from_slice(bytes).map_err(|error| ForgeError::Row { key: key.to_owned(), text: error.to_string() })
}
