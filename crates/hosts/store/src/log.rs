use std::collections::VecDeque;
use std::path::Path;
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, RwLock, RwLockReadGuard};

use bytes::Bytes;
use tokio::sync::{oneshot, watch};

use crate::StoreError;
use crate::disk::{Content, Disk};
use crate::page::Page;
use crate::state::{Group, State};
use crate::writer::{Order, Writer};

/// Values by key, with one counter for the whole store and an ordered log of changes. Cloning shares it.
#[derive(Clone)]
pub struct Store {
    state: Arc<RwLock<State>>,
    latest: Arc<watch::Sender<u64>>,
    /// `None` in memory.
    writer: Option<Arc<Writer>>,
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
    pub(crate) expected: Vec<(String, u64)>,
    pub(crate) writes: Vec<(String, Option<Bytes>)>,
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
        let state = State::new(content.entries, content.history, content.revision, content.forgotten);
        let mut store = Self::with(state);
        let writer = Writer::start(disk, store.state.clone(), store.latest.clone());
        let failed = |source| StoreError::File { path: path.display().to_string(), source: Arc::new(source) };
        store.writer = Some(Arc::new(writer.map_err(failed)?));
        Ok(store)
    }

    /// Writes everything as it is at one moment to a new file, which [`Store::open`] reads. Its history begins there.
    pub fn save(&self, path: &Path) -> Result<(), StoreError> {
        let content = {
            let state = self.read();
            let (revision, forgotten) = (state.revision, state.revision);
            Content { entries: state.entries.clone(), history: VecDeque::new(), revision, forgotten }
        };
        Disk::create(path, &content)
    }

    /// Makes a store that lives as long as somebody holds it.
    pub fn memory() -> Self {
        Self::with(State::default())
    }

    /// Returns a store in memory with this content at this revision, without its history. From then on the two are separate.
    pub fn copy(&self) -> Self {
        let state = self.read();
        Self::with(State::new(state.entries.clone(), VecDeque::new(), state.revision, state.revision))
    }

    fn with(state: State) -> Self {
        let latest = Arc::new(watch::channel(state.revision).0);
        Self { state: Arc::new(RwLock::new(state)), latest, writer: None }
    }

    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().expect("no holder of the store's lock panics")
    }

    /// Tells whether commits go to a disk, and so take a while.
    pub fn is_durable(&self) -> bool {
        self.writer.is_some()
    }

    /// Returns the revision of the newest commit; 0 before the first.
    pub fn revision(&self) -> u64 {
        self.read().revision
    }

    /// Returns what is at this key.
    pub fn get(&self, key: &str) -> Option<Entry> {
        self.read().entries.get(key).cloned()
    }

    /// Returns everything whose key starts with the prefix, in key order, and the store's revision at that moment.
    pub fn scan(&self, prefix: &str) -> (Vec<(String, Entry)>, u64) {
        let page = self.page(prefix, "", usize::MAX, None).expect("the newest revision is never forgotten");
        (page.entries, page.revision)
    }

    /// Returns at most `limit` entries under the prefix from the key `start` on, and how many come after them; as they were `at` an
    /// earlier revision, or as they are.
    pub fn page(&self, prefix: &str, start: &str, limit: usize, at: Option<u64>) -> Result<Page, Compacted> {
        self.read().page(prefix, start, limit, at)
    }

    /// Writes a batch if its expectations hold and returns its revision. What is returned is durable, and nobody sees it before.
    /// The calling thread waits for the disk; see [`Store::commit_async`].
    ///
    /// An empty batch checks the expectations and returns the present revision.
    pub fn commit(&self, batch: Batch) -> Result<u64, StoreError> {
        let Some(writer) = &self.writer else { return self.commit_in_memory(batch) };
        let (told, answer) = sync_channel(1);
        let reply = Box::new(move |result| drop(told.send(result)));
        writer.order(Order { batch, reply });
        answer.recv().expect("the thread answers every order")
    }

    /// Does what [`Store::commit`] does without holding a thread: many that wait at once cost one write to the disk. Given up while
    /// it waits, the batch is written all the same.
    pub async fn commit_async(&self, batch: Batch) -> Result<u64, StoreError> {
        let Some(writer) = &self.writer else { return self.commit_in_memory(batch) };
        let (told, answer) = oneshot::channel();
        let reply = Box::new(move |result| drop(told.send(result)));
        writer.order(Order { batch, reply });
        answer.await.expect("the thread answers every order")
    }

    fn commit_in_memory(&self, batch: Batch) -> Result<u64, StoreError> {
        let revision = {
            let mut state = self.state.write().expect("no holder of the store's lock panics");
            if let Some(prepared) = Group::new(&state).add(batch)? {
                state.apply(prepared);
            }
            state.revision
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
        Ok(self.read().changes_under("", revision)?.0)
    }

    /// Returns the changes after a revision whose keys start with the prefix, oldest first, and the revision up to which these are
    /// all.
    pub fn changes_under(&self, prefix: &str, revision: u64) -> Result<(Vec<Change>, u64), Compacted> {
        self.read().changes_under(prefix, revision)
    }

    /// Returns a receiver that wakes at every commit and holds the newest revision.
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.latest.subscribe()
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
        let changes = store.changes_after(0).expect("is remembered");
        let keys: Vec<(u64, &str)> = changes.iter().map(|change| (change.revision, change.key.as_str())).collect();
        assert_eq!(keys, [(1, "a"), (1, "b"), (2, "b")]);
        assert_eq!((&changes[1].after, &changes[2].after), (&changes[2].before, &None));
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
