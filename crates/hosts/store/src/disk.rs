//! The file of a store: SQLite in WAL mode with one writer. Read first: [`Disk::open`], [`Disk::persist`].
//!
//! Every row carries a checksum, and the counter says how many rows there are: SQLite checks how its pages hang together, not
//! what is in them. What does not add up is refused whole, for a store that answers with a part of the truth is worse than none.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::{Connection, ErrorCode, params};

use crate::form::{Counter, UPGRADES, change_sum, sum};
use crate::state::Prepared;
use crate::{Change, Entry, StoreError};

/// So many commits that nobody remembers any more may lie in the file before they are deleted together.
const FORGOTTEN: i64 = 256;

/// An open file.
pub(crate) struct Disk {
    database: Connection,
    path: PathBuf,
    counter: Counter,
    /// The place of the newest change in the log.
    place: i64,
    /// Why nothing can be written any more.
    broken: Option<String>,
}

/// What a file holds.
#[derive(Default)]
pub(crate) struct Content {
    pub entries: BTreeMap<String, Entry>,
    pub history: VecDeque<Change>,
    pub revision: u64,
    pub forgotten: u64,
}

impl Disk {
    /// Opens the file, or makes it, brings it to the present form and checks it. The file belongs to one process at a time.
    pub(crate) fn open(path: &Path) -> Result<(Self, Content), StoreError> {
        let refuse = |error| refusal(path, error);
        let mut database = Connection::open(path).map_err(refuse)?;
        database.execute_batch("PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;").map_err(refuse)?;
        upgrade(&mut database, path)?;
        let (counter, place, content) = read(&database, path)?;
        Ok((Self { database, path: path.to_owned(), counter, place, broken: None }, content))
    }

    /// Makes a new file with these entries and no history. It is durable when this returns; one that is already there is refused.
    pub(crate) fn create(path: &Path, content: &Content) -> Result<(), StoreError> {
        let refuse = |error| refusal(path, error);
        let file_error = |source| StoreError::File { path: path.display().to_string(), source: Arc::new(source) };
        std::fs::File::create_new(path).map_err(file_error)?;
        let mut database = Connection::open(path).map_err(refuse)?;
        database.execute_batch("PRAGMA synchronous = OFF; PRAGMA journal_mode = MEMORY;").map_err(refuse)?;
        upgrade(&mut database, path)?;
        let transaction = database.transaction().map_err(refuse)?;
        for (key, entry) in &content.entries {
            put(&transaction, key, entry).map_err(refuse)?;
        }
        let entries = i64::try_from(content.entries.len()).unwrap_or(i64::MAX);
        let revision = number(content.revision);
        Counter { revision, entries, forgotten: revision, changes: 0 }.write(&transaction).map_err(refuse)?;
        transaction.commit().map_err(refuse)?;
        drop(database);
        std::fs::File::open(path).and_then(|file| file.sync_all()).map_err(file_error)
    }

    /// Writes batches in one transaction. When this returns an error nothing of them is there. Changes up to `forgotten` may go.
    pub(crate) fn persist(&mut self, group: &[Prepared], forgotten: u64) -> Result<(), StoreError> {
        if let Some(why) = &self.broken {
            return Err(StoreError::ReadOnly { path: self.path.display().to_string(), why: why.clone() });
        }
        match self.write(group, number(forgotten)) {
            Ok((counter, place)) => {
                (self.counter, self.place) = (counter, place);
                Ok(())
            }
            Err(error) => {
                let refused = refusal(&self.path, error);
                // Space comes back; a disk that failed cannot be trusted with what comes next.
                if !matches!(refused, StoreError::Full { .. }) {
                    self.broken = Some(refused.to_string());
                }
                Err(refused)
            }
        }
    }

    fn write(&mut self, group: &[Prepared], forgotten: i64) -> rusqlite::Result<(Counter, i64)> {
        let transaction = self.database.transaction()?;
        let (mut counter, mut place) = (self.counter, self.place);
        for prepared in group {
            counter.revision = number(prepared.revision);
            for change in &prepared.changes {
                place += 1;
                remember(&transaction, place, change)?;
                counter.changes += 1;
                match &change.after {
                    Some(entry) => put(&transaction, &change.key, entry)?,
                    None => take(&transaction, &change.key)?,
                }
                counter.entries += i64::from(change.after.is_some()) - i64::from(change.before.is_some());
            }
        }
        // What was forgotten a while ago goes in one sweep; each sweep looks only at what it deletes.
        if forgotten - counter.forgotten >= FORGOTTEN {
            let oldest = "SELECT place FROM changes WHERE revision > ?1 ORDER BY place LIMIT 1";
            let kept: i64 = transaction.prepare_cached(oldest)?.query_row([forgotten], |row| row.get(0)).unwrap_or(place + 1);
            counter.changes -= transaction.prepare_cached("DELETE FROM changes WHERE place < ?1")?.execute([kept])? as i64;
            counter.forgotten = forgotten;
        }
        counter.write(&transaction)?;
        transaction.commit()?;
        Ok((counter, place))
    }

    /// Lets the file grow to so many pages and no further.
    #[cfg(test)]
    pub(crate) fn limit(&self, pages: u32) {
        self.database.execute_batch(&format!("PRAGMA max_page_count = {pages}")).expect("the limit is set");
    }
}

fn upgrade(database: &mut Connection, path: &Path) -> Result<(), StoreError> {
    let refuse = |error| refusal(path, error);
    let known = UPGRADES.len();
    let found: i64 = database.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(refuse)?;
    let done = usize::try_from(found).ok().filter(|done| *done <= known);
    let Some(done) = done else {
        return Err(StoreError::Newer { path: path.display().to_string(), found, known: known as u64 });
    };
    for (at, step) in UPGRADES.iter().enumerate().skip(done) {
        let transaction = database.transaction().map_err(refuse)?;
        step(&transaction).map_err(refuse)?;
        transaction.execute_batch(&format!("PRAGMA user_version = {}", at + 1)).map_err(refuse)?;
        transaction.commit().map_err(refuse)?;
    }
    Ok(())
}

fn read(database: &Connection, path: &Path) -> Result<(Counter, i64, Content), StoreError> {
    let refuse = |error| refusal(path, error);
    let damaged = |why: String| StoreError::Damaged { path: path.display().to_string(), why };
    let told: String = database.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)).map_err(refuse)?;
    if told != "ok" {
        return Err(damaged(told));
    }
    let counter = Counter::read(database).map_err(refuse)?.ok_or_else(|| damaged("the counter's checksum is wrong".to_owned()))?;
    let entries = entries(database, counter.revision).map_err(refuse)?.map_err(damaged)?;
    if entries.len() as u64 != counter.entries.unsigned_abs() {
        return Err(damaged(format!("it has {} entries, not {}", entries.len(), counter.entries)));
    }
    let (history, place) = history(database, &counter, &entries).map_err(refuse)?.map_err(damaged)?;
    let (revision, forgotten) = (counter.revision.unsigned_abs(), counter.forgotten.unsigned_abs());
    Ok((counter, place, Content { entries, history, revision, forgotten }))
}

fn entries(database: &Connection, revision: i64) -> rusqlite::Result<Result<BTreeMap<String, Entry>, String>> {
    let mut entries = BTreeMap::new();
    let mut select = database.prepare("SELECT key, value, revision, sum FROM entries")?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        let (key, value, at, told): (String, Vec<u8>, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
        if told != sum(&key, &value, at) || at > revision {
            return Ok(Err(format!("the checksum of {key:?} is wrong")));
        }
        entries.insert(key, Entry { value: value.into(), revision: at.unsigned_abs() });
    }
    Ok(Ok(entries))
}

/// Reads the changes from the newest to the oldest: what is at a key after each is what the one before it in this order replaced.
fn history(
    database: &Connection,
    counter: &Counter,
    entries: &BTreeMap<String, Entry>,
) -> rusqlite::Result<Result<(VecDeque<Change>, i64), String>> {
    let mut later: HashMap<String, Option<Entry>> = HashMap::new();
    let (mut history, mut newest) = (VecDeque::new(), 0);
    let mut select = database.prepare("SELECT place, revision, key, before, since, sum FROM changes ORDER BY place DESC")?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        let (place, revision, key): (i64, i64, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let (before, since, told): (Option<Vec<u8>>, i64, i64) = (row.get(3)?, row.get(4)?, row.get(5)?);
        let before = before.map(|value| Entry { value: value.into(), revision: since.unsigned_abs() });
        if told != change_sum(place, revision, &key, before.as_ref()) {
            return Ok(Err(format!("the checksum of a change of {key:?} is wrong")));
        }
        newest = newest.max(place);
        let after = later.get(&key).cloned().unwrap_or_else(|| entries.get(&key).cloned());
        later.insert(key.clone(), before.clone());
        history.push_front(Change { revision: revision.unsigned_abs(), key, before, after });
    }
    if history.len() as u64 != counter.changes.unsigned_abs() {
        return Ok(Err(format!("it has {} changes, not {}", history.len(), counter.changes)));
    }
    Ok(Ok((history, newest)))
}

fn put(database: &Connection, key: &str, entry: &Entry) -> rusqlite::Result<()> {
    let mut insert = database.prepare_cached("INSERT OR REPLACE INTO entries (key, value, revision, sum) VALUES (?1, ?2, ?3, ?4)")?;
    let (value, revision) = (entry.value.as_ref(), number(entry.revision));
    insert.execute(params![key, value, revision, sum(key, value, revision)])?;
    Ok(())
}

fn take(database: &Connection, key: &str) -> rusqlite::Result<()> {
    database.prepare_cached("DELETE FROM entries WHERE key = ?1")?.execute(params![key])?;
    Ok(())
}

fn remember(database: &Connection, place: i64, change: &Change) -> rusqlite::Result<()> {
    let insert = "INSERT INTO changes (place, revision, key, before, since, sum) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    let revision = number(change.revision);
    let (before, since) = change.before.as_ref().map_or((None, 0), |entry| (Some(entry.value.as_ref()), number(entry.revision)));
    let sum = change_sum(place, revision, &change.key, change.before.as_ref());
    database.prepare_cached(insert)?.execute(params![place, revision, change.key, before, since, sum])?;
    Ok(())
}

fn number(revision: u64) -> i64 {
    i64::try_from(revision).expect("a store never sees 2^63 commits")
}

/// Says what a database's error means for whoever runs the program.
fn refusal(path: &Path, error: rusqlite::Error) -> StoreError {
    let path = path.display().to_string();
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => StoreError::Full { path },
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => StoreError::Damaged { path, why: error.to_string() },
        _ => match error {
            rusqlite::Error::FromSqlConversionFailure(..)
            | rusqlite::Error::InvalidColumnType(..)
            | rusqlite::Error::QueryReturnedNoRows => StoreError::Damaged { path, why: error.to_string() },
            error => error.into(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(key: &str, value: Vec<u8>, revision: u64) -> Prepared {
        let after = Some(Entry { value: value.into(), revision });
        Prepared { revision, changes: vec![Change { revision, key: key.to_owned(), before: None, after }] }
    }

    #[test]
    fn a_full_disk_takes_nothing_loses_nothing_and_goes_on_when_there_is_space() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("a.db");
        let (mut disk, _) = Disk::open(&path).expect("opens");
        let big = || [written("big", vec![7; 1 << 20], 2)];
        disk.persist(&[written("small", vec![1], 1)], 0).expect("is written");
        disk.limit(20);
        let full = disk.persist(&big(), 0).expect_err("there is no space");
        assert!(matches!(full, StoreError::Full { .. }), "{full}");
        assert!(matches!(disk.persist(&big(), 0), Err(StoreError::Full { .. })));
        disk.limit(100_000);
        disk.persist(&big(), 0).expect("there is space");
        drop(disk);
        let (_, content) = Disk::open(&path).expect("opens");
        assert_eq!((content.revision, content.entries.keys().map(String::as_str).collect::<Vec<_>>()), (2, vec!["big", "small"]));
    }

    #[test]
    fn after_a_failed_write_nothing_more_is_written() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (mut disk, _) = Disk::open(&folder.path().join("a.db")).expect("opens");
        disk.database.execute_batch("DROP TABLE counter").expect("is dropped");
        let write = [written("a", vec![1], 1)];
        assert!(matches!(disk.persist(&write, 0), Err(StoreError::Database(_))));
        let error = disk.persist(&write, 0).expect_err("is read-only").to_string();
        assert!(error.contains("is read-only since a write failed") && error.contains("start again"), "{error}");
    }
}
