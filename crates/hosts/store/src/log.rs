use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};

use bytes::Bytes;
use rusqlite::{Connection, params};
use tokio::sync::watch;

use crate::StoreError;

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
    database: Option<Connection>,
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
    /// Opens the store in this file, or makes it. The file belongs to one process at a time: a second one is refused.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let database = Connection::open(path)?;
        database.execute_batch(
            "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
             CREATE TABLE IF NOT EXISTS entries (key TEXT PRIMARY KEY, value BLOB NOT NULL, revision INTEGER NOT NULL) WITHOUT ROWID;
             CREATE TABLE IF NOT EXISTS counter (id INTEGER PRIMARY KEY CHECK (id = 1), revision INTEGER NOT NULL);
             INSERT OR IGNORE INTO counter VALUES (1, 0);",
        )?;
        let revision: i64 = database.query_row("SELECT revision FROM counter", [], |row| row.get(0))?;
        let mut entries = BTreeMap::new();
        let mut select = database.prepare("SELECT key, value, revision FROM entries")?;
        let mut rows = select.query([])?;
        while let Some(row) = rows.next()? {
            let value: Vec<u8> = row.get(1)?;
            entries.insert(row.get(0)?, Entry { value: value.into(), revision: row.get::<_, i64>(2)?.unsigned_abs() });
        }
        drop(rows);
        drop(select);
        Ok(Self::with(entries, revision.unsigned_abs(), Some(database)))
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

    fn with(entries: BTreeMap<String, Entry>, revision: u64, database: Option<Connection>) -> Self {
        let inner = Inner { entries, history: VecDeque::new(), revision, forgotten: revision, database };
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
            inner.persist(&batch.writes, revision)?;
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
    fn persist(&mut self, writes: &[(String, Option<Bytes>)], revision: u64) -> Result<(), StoreError> {
        let Some(database) = &mut self.database else { return Ok(()) };
        let revision = i64::try_from(revision).expect("a store never sees 2^63 commits");
        let transaction = database.transaction()?;
        for (key, value) in writes {
            match value {
                Some(value) => transaction.prepare_cached("INSERT OR REPLACE INTO entries VALUES (?1, ?2, ?3)")?.execute(params![
                    key,
                    value.as_ref(),
                    revision
                ])?,
                None => transaction.prepare_cached("DELETE FROM entries WHERE key = ?1")?.execute(params![key])?,
            };
        }
        transaction.prepare_cached("UPDATE counter SET revision = ?1")?.execute(params![revision])?;
        transaction.commit()?;
        Ok(())
    }

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
