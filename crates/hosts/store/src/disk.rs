//! The file of a store: SQLite in WAL mode with one writer, and what a file of an earlier release is turned into.
//! Read first: [`Disk::open`].
//!
//! Every row carries a checksum, and the counter says how many rows there are: SQLite checks how its pages hang together, not
//! what is in them. What does not add up is refused whole, for a store that answers with a part of the truth is worse than none.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use rusqlite::{Connection, ErrorCode, params};
use sha2::{Digest as _, Sha256};

use crate::{Entry, StoreError};

/// What is done to a file of the release before, in order; a file's `user_version` says how many were done.
const UPGRADES: [fn(&Connection) -> rusqlite::Result<()>; 2] = [tables, checksums];

/// An open file.
pub(crate) struct Disk {
    database: Connection,
    path: PathBuf,
    count: i64,
    /// Why nothing can be written any more.
    broken: Option<String>,
}

/// What a file holds.
pub(crate) struct Content {
    pub entries: BTreeMap<String, Entry>,
    pub revision: u64,
}

/// As the first release made them.
fn tables(database: &Connection) -> rusqlite::Result<()> {
    database.execute_batch(
        "CREATE TABLE IF NOT EXISTS entries (key TEXT PRIMARY KEY, value BLOB NOT NULL, revision INTEGER NOT NULL) WITHOUT ROWID;
         CREATE TABLE IF NOT EXISTS counter (id INTEGER PRIMARY KEY CHECK (id = 1), revision INTEGER NOT NULL);
         INSERT OR IGNORE INTO counter VALUES (1, 0);",
    )
}

fn checksums(database: &Connection) -> rusqlite::Result<()> {
    database.execute_batch(
        "ALTER TABLE entries ADD COLUMN sum INTEGER NOT NULL DEFAULT 0;
         ALTER TABLE counter ADD COLUMN entries INTEGER NOT NULL DEFAULT 0;
         ALTER TABLE counter ADD COLUMN sum INTEGER NOT NULL DEFAULT 0;",
    )?;
    let mut select = database.prepare("SELECT key, value, revision FROM entries")?;
    let mut update = database.prepare("UPDATE entries SET sum = ?2 WHERE key = ?1")?;
    let mut rows = select.query([])?;
    let mut sums = Vec::new();
    while let Some(row) = rows.next()? {
        let (key, value, revision): (String, Vec<u8>, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let sum = sum(&key, &value, revision);
        sums.push((key, sum));
    }
    for (key, sum) in &sums {
        update.execute(params![key, sum])?;
    }
    let count = i64::try_from(sums.len()).unwrap_or(i64::MAX);
    let revision: i64 = database.query_row("SELECT revision FROM counter", [], |row| row.get(0))?;
    database.execute("UPDATE counter SET entries = ?1, sum = ?2", params![count, counter_sum(revision, count)])?;
    Ok(())
}

impl Disk {
    /// Opens the file, or makes it, brings it to the present form and checks it. The file belongs to one process at a time.
    pub(crate) fn open(path: &Path) -> Result<(Self, Content), StoreError> {
        let refuse = |error| refusal(path, error);
        let mut database = Connection::open(path).map_err(refuse)?;
        database.execute_batch("PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;").map_err(refuse)?;
        upgrade(&mut database, path)?;
        let content = read(&database, path)?;
        let count = i64::try_from(content.entries.len()).unwrap_or(i64::MAX);
        Ok((Self { database, path: path.to_owned(), count, broken: None }, content))
    }

    /// Makes a new file with this content. It is durable when this returns; one that is already there is refused.
    pub(crate) fn create(path: &Path, content: &Content) -> Result<(), StoreError> {
        let refuse = |error| refusal(path, error);
        let file_error = |source| StoreError::File { path: path.display().to_string(), source };
        std::fs::File::create_new(path).map_err(file_error)?;
        let mut database = Connection::open(path).map_err(refuse)?;
        database.execute_batch("PRAGMA synchronous = OFF; PRAGMA journal_mode = MEMORY;").map_err(refuse)?;
        upgrade(&mut database, path)?;
        let transaction = database.transaction().map_err(refuse)?;
        for (key, entry) in &content.entries {
            put(&transaction, key, &entry.value, number(entry.revision)).map_err(refuse)?;
        }
        let count = i64::try_from(content.entries.len()).unwrap_or(i64::MAX);
        tell(&transaction, number(content.revision), count).map_err(refuse)?;
        transaction.commit().map_err(refuse)?;
        drop(database);
        std::fs::File::open(path).and_then(|file| file.sync_all()).map_err(file_error)
    }

    /// Writes a commit. When this returns an error nothing of it is there.
    pub(crate) fn persist(&mut self, writes: &[(String, Option<Bytes>)], revision: u64) -> Result<(), StoreError> {
        if let Some(why) = &self.broken {
            return Err(StoreError::ReadOnly { path: self.path.display().to_string(), why: why.clone() });
        }
        match self.write(writes, number(revision)) {
            Ok(count) => {
                self.count = count;
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

    fn write(&mut self, writes: &[(String, Option<Bytes>)], revision: i64) -> rusqlite::Result<i64> {
        let transaction = self.database.transaction()?;
        let mut count = self.count;
        for (key, value) in writes {
            let gone = transaction.prepare_cached("DELETE FROM entries WHERE key = ?1")?.execute(params![key])?;
            count -= i64::from(gone > 0);
            if let Some(value) = value {
                put(&transaction, key, value, revision)?;
                count += 1;
            }
        }
        tell(&transaction, revision, count)?;
        transaction.commit()?;
        Ok(count)
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

fn read(database: &Connection, path: &Path) -> Result<Content, StoreError> {
    let refuse = |error| refusal(path, error);
    let damaged = |why: String| StoreError::Damaged { path: path.display().to_string(), why };
    let told: String = database.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)).map_err(refuse)?;
    if told != "ok" {
        return Err(damaged(told));
    }
    let counter = "SELECT revision, entries, sum FROM counter";
    let (revision, count, told): (i64, i64, i64) =
        database.query_row(counter, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).map_err(refuse)?;
    if told != counter_sum(revision, count) {
        return Err(damaged("the counter's checksum is wrong".to_owned()));
    }
    let mut entries = BTreeMap::new();
    let mut select = database.prepare("SELECT key, value, revision, sum FROM entries").map_err(refuse)?;
    let mut rows = select.query([]).map_err(refuse)?;
    while let Some(row) = rows.next().map_err(refuse)? {
        let row = || Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?));
        let (key, value, at, told): (String, Vec<u8>, i64, i64) = row().map_err(refuse)?;
        if told != sum(&key, &value, at) || at > revision {
            return Err(damaged(format!("the checksum of {key:?} is wrong")));
        }
        entries.insert(key, Entry { value: value.into(), revision: at.unsigned_abs() });
    }
    if entries.len() as u64 != count.unsigned_abs() {
        return Err(damaged(format!("it has {} entries, not {count}", entries.len())));
    }
    Ok(Content { entries, revision: revision.unsigned_abs() })
}

fn put(database: &Connection, key: &str, value: &[u8], revision: i64) -> rusqlite::Result<()> {
    let mut insert = database.prepare_cached("INSERT INTO entries (key, value, revision, sum) VALUES (?1, ?2, ?3, ?4)")?;
    insert.execute(params![key, value, revision, sum(key, value, revision)])?;
    Ok(())
}

fn tell(database: &Connection, revision: i64, count: i64) -> rusqlite::Result<()> {
    let mut update = database.prepare_cached("UPDATE counter SET revision = ?1, entries = ?2, sum = ?3")?;
    update.execute(params![revision, count, counter_sum(revision, count)])?;
    Ok(())
}

fn number(revision: u64) -> i64 {
    i64::try_from(revision).expect("a store never sees 2^63 commits")
}

fn sum(key: &str, value: &[u8], revision: i64) -> i64 {
    let mut hash = Sha256::new();
    hash.update(revision.to_be_bytes());
    hash.update((key.len() as u64).to_be_bytes());
    hash.update(key);
    hash.update(value);
    first(hash)
}

fn counter_sum(revision: i64, count: i64) -> i64 {
    let mut hash = Sha256::new();
    hash.update(revision.to_be_bytes());
    hash.update(count.to_be_bytes());
    first(hash)
}

fn first(hash: Sha256) -> i64 {
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&hash.finalize()[..8]);
    i64::from_be_bytes(bytes)
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
            error => StoreError::Database(error),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_takes_nothing_loses_nothing_and_goes_on_when_there_is_space() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("a.db");
        let (mut disk, _) = Disk::open(&path).expect("opens");
        let big = || vec![("big".to_owned(), Some(Bytes::from(vec![7; 1 << 20])))];
        disk.persist(&[("small".to_owned(), Some(Bytes::from_static(b"1")))], 1).expect("is written");
        disk.limit(20);
        let full = disk.persist(&big(), 2).expect_err("there is no space");
        assert!(matches!(full, StoreError::Full { .. }), "{full}");
        assert!(matches!(disk.persist(&big(), 2), Err(StoreError::Full { .. })));
        disk.limit(100_000);
        disk.persist(&big(), 2).expect("there is space");
        drop(disk);
        let (_, content) = Disk::open(&path).expect("opens");
        assert_eq!((content.revision, content.entries.keys().map(String::as_str).collect::<Vec<_>>()), (2, vec!["big", "small"]));
    }

    #[test]
    fn after_a_failed_write_nothing_more_is_written() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (mut disk, _) = Disk::open(&folder.path().join("a.db")).expect("opens");
        disk.database.execute_batch("DROP TABLE counter").expect("is dropped");
        let write = [("a".to_owned(), Some(Bytes::from_static(b"1")))];
        assert!(matches!(disk.persist(&write, 1), Err(StoreError::Database(_))));
        let error = disk.persist(&write, 1).expect_err("is read-only").to_string();
        assert!(error.contains("is read-only since a write failed") && error.contains("start again"), "{error}");
    }
}
