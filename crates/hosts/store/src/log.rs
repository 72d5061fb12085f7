use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};

use bytes::Bytes;
use tokio::sync::watch;

use crate::StoreError;
use crate::disk::{Content, Disk};

/// How many changes are kept in memory for [`Store::changes_after`]. A reader further behind starts over with a scan.
const HISTORY: usize = 10_000;

/// Values by key, with one counter for the whole store and an ordered log of changes. Cloning shares it.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Mutex<Inner>>,
    latest: Arc<watch::Sender<u64>>,
}

struct Inner {
    entries: BTreeMap<String, Entry>,
    history: VecDeque<Change>,
    revision: u64,
    /// The changes up to this revision are no longer in `history`.
    forgotten: u64,
    disk: Option<Disk>,
}

/// A value and the revision that wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The value.
    pub value: Bytes,
    /// The revision of the commit that wrote it.
    pub revision: u64,
}

/// One key's change in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The revision of the commit. Several keys of one batch share it.
    pub revision: u64,
    /// The key.
    pub key: String,
    /// What was there before.
    pub before: Option<Entry>,
    /// What is there now; `None` when the key was deleted.
    pub after: Option<Entry>,
}

/// The reader is so far behind that the log has forgotten; it starts over with a scan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Compacted {
    /// Changes after this revision are still known.
    pub oldest: u64,
}

/// Writes that happen all together or not at all.
#[derive(Debug, Default)]
pub struct Batch {
    expected: Vec<(String, u64)>,
    writes: Vec<(String, Option<Bytes>)>,
}

impl Batch {
    /// Starts with nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Demands that the key is still at this revision; 0 demands that it is absent.
    #[must_use]
    pub fn expect(mut self, key: impl Into<String>, revision: u64) -> Self {
        self.expected.push((key.into(), revision));
        self
    }

    /// Writes a value.
    #[must_use]
    pub fn put(mut self, key: impl Into<String>, value: impl Into<Bytes>) -> Self {
        self.writes.push((key.into(), Some(value.into())));
        self
    }

    /// Deletes a key; deleting an absent key changes nothing.
    #[must_use]
    pub fn delete(mut self, key: impl Into<String>) -> Self {
        self.writes.push((key.into(), None));
        self
    }

    /// Tells whether nothing would be written.
    pub fn is_empty(&self) -> bool {
        self.writes.is_empty()
    }
}

impl Store {
    /// Opens the store in this file, or makes it. The file belongs to one process at a time: a second one is refused. So is one
    /// that is damaged, or that a newer release has made; one of an older release is brought to the present form.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let (disk, content) = Disk::open(path)?;
        Ok(Self::with(content.entries, content.revision, Some(disk)))
    }

    /// Writes everything as it is at one moment to a new file, which [`Store::open`] reads. Nobody waits for it.
    pub fn save(&self, path: &Path) -> Result<(), StoreError> {
        let content = {
            let inner = self.lock();
            Content { entries: inner.entries.clone(), revision: inner.revision }
        };
        Disk::create(path, &content)
    }

    /// Makes a store that lives as long as somebody holds it.
    pub fn memory() -> Self {
        Self::with(BTreeMap::new(), 0, None)
    }

    /// Returns a store in memory with this content at this revision, without its history. From then on the two are separate.
    pub fn copy(&self) -> Self {
        let inner = self.lock();
        Self::with(inner.entries.clone(), inner.revision, None)
    }

    fn with(entries: BTreeMap<String, Entry>, revision: u64, disk: Option<Disk>) -> Self {
        let inner = Inner { entries, history: VecDeque::new(), revision, forgotten: revision, disk };
        Self { inner: Arc::new(Mutex::new(inner)), latest: Arc::new(watch::channel(revision).0) }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().expect("no holder of the store's lock panics")
    }

    /// Returns the revision of the newest commit; 0 before the first.
    pub fn revision(&self) -> u64 {
        self.lock().revision
    }

    /// Returns what is at this key.
    pub fn get(&self, key: &str) -> Option<Entry> {
        self.lock().entries.get(key).cloned()
    }

    /// Returns everything whose key starts with the prefix, in key order, and the store's revision at that moment.
    pub fn scan(&self, prefix: &str) -> (Vec<(String, Entry)>, u64) {
        let inner = self.lock();
        let found = inner
            .entries
            .range::<str, _>((Bound::Included(prefix), Bound::Unbounded))
            .take_while(|(key, _)| key.starts_with(prefix))
            .map(|(key, entry)| (key.clone(), entry.clone()))
            .collect();
        (found, inner.revision)
    }

    /// Writes a batch if its expectations hold and returns its revision. What is returned is durable.
    ///
    /// An empty batch checks the expectations and returns the present revision.
    pub fn commit(&self, batch: Batch) -> Result<u64, StoreError> {
        let revision = {
            let mut inner = self.lock();
            for (key, expected) in &batch.expected {
                let found = inner.entries.get(key).map_or(0, |entry| entry.revision);
                if found != *expected {
                    return Err(StoreError::Conflict { key: key.clone(), expected: *expected, found });
                }
            }
            if batch.is_empty() {
                return Ok(inner.revision);
            }
            let revision = inner.revision + 1;
            if let Some(disk) = &mut inner.disk {
                disk.persist(&batch.writes, revision)?;
            }
            inner.apply(batch.writes, revision);
            revision
        };
        self.latest.send_if_modified(|latest| {
            let newer = revision > *latest;
            *latest = revision.max(*latest);
            newer
        });
        Ok(revision)
    }

    /// Returns the changes after a revision, oldest first.
    pub fn changes_after(&self, revision: u64) -> Result<Vec<Change>, Compacted> {
        let inner = self.lock();
        if revision < inner.forgotten {
            return Err(Compacted { oldest: inner.forgotten });
        }
        let start = inner.history.partition_point(|change| change.revision <= revision);
        Ok(inner.history.range(start..).cloned().collect())
    }

    /// Returns a receiver that wakes at every commit and holds the newest revision.
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.latest.subscribe()
    }
}

impl Inner {
    fn apply(&mut self, writes: Vec<(String, Option<Bytes>)>, revision: u64) {
        self.revision = revision;
        for (key, value) in writes {
            let after = value.map(|value| Entry { value, revision });
            let before = match &after {
                Some(entry) => self.entries.insert(key.clone(), entry.clone()),
                None => self.entries.remove(&key),
            };
            if before.is_some() || after.is_some() {
                self.history.push_back(Change { revision, key, before, after });
            }
        }
        while self.history.len() > HISTORY {
            if let Some(gone) = self.history.pop_front() {
                self.forgotten = gone.revision;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_acknowledged_is_there_after_reopening() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = folder.path().join("a.db");
        let store = Store::open(&file).expect("opens");
        store.commit(Batch::new().expect("a", 0).put("a", "1").put("b", "2")).expect("commits");
        store.commit(Batch::new().delete("b")).expect("commits");
        drop(store);
        let store = Store::open(&file).expect("opens again");
        assert_eq!(store.revision(), 2);
        assert_eq!(store.scan("").0, [("a".to_owned(), Entry { value: "1".into(), revision: 1 })]);
        assert_eq!(store.changes_after(1), Err(Compacted { oldest: 2 }));
    }

    #[test]
    fn a_second_process_is_refused() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = folder.path().join("a.db");
        let _first = Store::open(&file).expect("opens");
        assert!(Store::open(&file).is_err());
    }

    #[test]
    fn the_second_writer_of_one_revision_loses() {
        let store = Store::memory();
        store.commit(Batch::new().expect("a", 0).put("a", "1")).expect("commits");
        let lost = store.commit(Batch::new().expect("a", 0).put("a", "2").put("c", "3"));
        assert!(matches!(lost, Err(StoreError::Conflict { found: 1, .. })));
        assert_eq!(store.get("c"), None);
        assert_eq!(store.changes_after(0).expect("known").len(), 1);
    }

    #[test]
    fn a_copy_goes_its_own_way() {
        let store = Store::memory();
        store.commit(Batch::new().put("a", "1")).expect("commits");
        let copy = store.copy();
        copy.commit(Batch::new().expect("a", 1).put("a", "2")).expect("commits");
        assert_eq!((store.revision(), copy.revision()), (1, 2));
        assert_eq!(store.get("a").expect("there").value, "1");
        assert_eq!(copy.changes_after(1).expect("known").len(), 1);
    }
}
