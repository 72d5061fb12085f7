//! What a store holds in memory: the values, and the changes that led to them.

use std::collections::{BTreeMap, HashMap, VecDeque};

use bytes::Bytes;

use crate::{Batch, Change, Compacted, Entry, StoreError};

/// How many changes are kept. A reader further behind starts over with a scan.
const HISTORY: usize = 10_000;
/// How many bytes the values that are no longer there may hold, so that a few large objects that change often do not fill the
/// memory.
const HISTORY_BYTES: usize = 64 << 20;

/// The values at the newest revision and what is remembered of the way there.
#[derive(Default)]
pub(crate) struct State {
    pub entries: BTreeMap<String, Entry>,
    pub history: VecDeque<Change>,
    /// Bytes of the former values in `history`.
    held: usize,
    pub revision: u64,
    /// The changes up to this revision are no longer in `history`.
    pub forgotten: u64,
}

/// A batch whose expectations hold, as it will be.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub revision: u64,
    pub changes: Vec<Change>,
}

/// Batches that are written together, each on what those before it leave.
pub(crate) struct Group<'a> {
    state: &'a State,
    /// What the batches before write.
    above: HashMap<String, Option<Entry>>,
    revision: u64,
}

impl<'a> Group<'a> {
    /// Starts a group on what is there.
    pub(crate) fn new(state: &'a State) -> Self {
        Self { state, above: HashMap::new(), revision: state.revision }
    }

    fn at(&self, key: &str) -> Option<&Entry> {
        match self.above.get(key) {
            Some(entry) => entry.as_ref(),
            None => self.state.entries.get(key),
        }
    }

    /// Checks what a batch expects and says what it changes; `None` when it writes nothing.
    pub(crate) fn add(&mut self, batch: Batch) -> Result<Option<Prepared>, StoreError> {
        for (key, expected) in &batch.expected {
            let found = self.at(key).map_or(0, |entry| entry.revision);
            if found != *expected {
                return Err(StoreError::Conflict { key: key.clone(), expected: *expected, found });
            }
        }
        if batch.is_empty() {
            return Ok(None);
        }
        self.revision += 1;
        let revision = self.revision;
        let mut changes = Vec::with_capacity(batch.writes.len());
        for (key, value) in batch.writes {
            let after = value.map(|value| Entry { value, revision });
            let before = self.at(&key).cloned();
            self.above.insert(key.clone(), after.clone());
            if before.is_some() || after.is_some() {
                changes.push(Change { revision, key, before, after });
            }
        }
        Ok(Some(Prepared { revision, changes }))
    }

    /// The revision after everything that was added.
    pub(crate) fn revision(&self) -> u64 {
        self.revision
    }
}

impl State {
    /// Makes a state of what a file holds.
    pub(crate) fn new(entries: BTreeMap<String, Entry>, history: VecDeque<Change>, revision: u64, forgotten: u64) -> Self {
        let held = history.iter().map(held).sum();
        let mut state = Self { entries, history, held, revision, forgotten };
        state.forget();
        state
    }

    /// Makes a batch's changes visible.
    pub(crate) fn apply(&mut self, prepared: Prepared) {
        self.revision = prepared.revision;
        for change in prepared.changes {
            match &change.after {
                Some(entry) => self.entries.insert(change.key.clone(), entry.clone()),
                None => self.entries.remove(&change.key),
            };
            self.held += held(&change);
            self.history.push_back(change);
        }
        self.forget();
    }

    fn forget(&mut self) {
        while self.history.len() > HISTORY || self.held > HISTORY_BYTES {
            let Some(gone) = self.history.pop_front() else { break };
            self.held -= held(&gone);
            self.forgotten = gone.revision;
        }
    }

    /// The changes after a revision under a prefix, oldest first, and the present revision.
    pub(crate) fn changes_under(&self, prefix: &str, revision: u64) -> Result<(Vec<Change>, u64), Compacted> {
        if revision < self.forgotten {
            return Err(Compacted { oldest: self.forgotten });
        }
        let start = self.history.partition_point(|change| change.revision <= revision);
        let found = self.history.range(start..).filter(|change| change.key.starts_with(prefix)).cloned().collect();
        Ok((found, self.revision.max(revision)))
    }
}

fn held(change: &Change) -> usize {
    change.before.as_ref().map_or(0, |entry| Bytes::len(&entry.value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn commit(state: &mut State, batch: Batch) {
        let prepared = Group::new(state).add(batch).expect("holds").expect("writes");
        state.apply(prepared);
    }

    #[test]
    fn a_group_sees_what_its_batches_leave_to_each_other() {
        let mut state = State::default();
        commit(&mut state, Batch::new().put("a", "1"));
        let mut group = Group::new(&state);
        let second = group.add(Batch::new().expect("a", 1).put("a", "2").delete("none")).expect("holds").expect("writes");
        let lost = group.add(Batch::new().expect("a", 1).put("a", "3"));
        assert!(matches!(lost, Err(StoreError::Conflict { expected: 1, found: 2, .. })));
        let third = group.add(Batch::new().expect("a", 2).delete("a")).expect("holds").expect("writes");
        assert!(group.add(Batch::new().expect("a", 0)).expect("holds").is_none());
        assert_eq!((group.revision(), second.changes.len()), (3, 1));
        state.apply(second);
        state.apply(third);
        assert!(state.entries.is_empty());
        let befores: Vec<u64> = state.history.iter().map(|change| change.before.as_ref().map_or(0, |entry| entry.revision)).collect();
        assert_eq!(befores, [0, 1, 2]);
    }

    #[test]
    fn former_values_do_not_fill_the_memory() {
        let mut state = State::default();
        let large = Bytes::from(vec![7; 1 << 20]);
        for _ in 0..100 {
            commit(&mut state, Batch::new().put("a", large.clone()));
        }
        assert!(state.held <= HISTORY_BYTES && state.history.len() == 64, "{} changes", state.history.len());
        assert_eq!(state.changes_under("", state.forgotten - 1), Err(Compacted { oldest: state.forgotten }));
        let (known, revision) = state.changes_under("", state.forgotten).expect("is known");
        assert_eq!((known.len(), revision), (64, 100));
        assert_eq!(state.changes_under("b", 90), Ok((Vec::new(), 100)));
    }
}
