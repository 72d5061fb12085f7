//! The form of a store's file: its tables, what a file of an earlier release is turned into, and the checksums.

use rusqlite::{Connection, params};
use sha2::{Digest as _, Sha256};

use crate::Entry;

/// What is done to a file of the release before, in order; a file's `user_version` says how many were done.
pub(crate) const UPGRADES: [fn(&Connection) -> rusqlite::Result<()>; 3] = [tables, checksums, history];

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
    database.execute("UPDATE counter SET entries = ?1, sum = ?2", params![count, numbers_sum(&[revision, count])])?;
    Ok(())
}

/// The changes, each with what it replaced: what it wrote is what the next change of the key replaced, or is there now.
fn history(database: &Connection) -> rusqlite::Result<()> {
    database.execute_batch(
        "CREATE TABLE changes (place INTEGER PRIMARY KEY, revision INTEGER NOT NULL, key TEXT NOT NULL, before BLOB, since INTEGER NOT NULL,
                               sum INTEGER NOT NULL);
         ALTER TABLE counter ADD COLUMN forgotten INTEGER NOT NULL DEFAULT 0;
         ALTER TABLE counter ADD COLUMN changes INTEGER NOT NULL DEFAULT 0;",
    )?;
    let (revision, count): (i64, i64) =
        database.query_row("SELECT revision, entries FROM counter", [], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let counter = Counter { revision, entries: count, forgotten: revision, changes: 0 };
    counter.write(database)
}

/// The one row that says how far the file is and how many rows there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Counter {
    pub revision: i64,
    pub entries: i64,
    /// Changes up to this revision are not in the file.
    pub forgotten: i64,
    pub changes: i64,
}

impl Counter {
    fn sum(self) -> i64 {
        numbers_sum(&[self.revision, self.entries, self.forgotten, self.changes])
    }

    /// Writes it.
    pub(crate) fn write(self, database: &Connection) -> rusqlite::Result<()> {
        let mut update =
            database.prepare_cached("UPDATE counter SET revision = ?1, entries = ?2, forgotten = ?3, changes = ?4, sum = ?5")?;
        update.execute(params![self.revision, self.entries, self.forgotten, self.changes, self.sum()])?;
        Ok(())
    }

    /// Reads it; `None` when its checksum is wrong.
    pub(crate) fn read(database: &Connection) -> rusqlite::Result<Option<Self>> {
        database.query_row("SELECT revision, entries, forgotten, changes, sum FROM counter", [], |row| {
            let found = Self { revision: row.get(0)?, entries: row.get(1)?, forgotten: row.get(2)?, changes: row.get(3)? };
            let told: i64 = row.get(4)?;
            Ok((found.sum() == told).then_some(found))
        })
    }
}

/// The checksum of an entry.
pub(crate) fn sum(key: &str, value: &[u8], revision: i64) -> i64 {
    let mut hash = Sha256::new();
    hash.update(revision.to_be_bytes());
    hash.update((key.len() as u64).to_be_bytes());
    hash.update(key);
    hash.update(value);
    first(hash)
}

/// The checksum of a change at this place of the log.
pub(crate) fn change_sum(place: i64, revision: i64, key: &str, before: Option<&Entry>) -> i64 {
    let mut hash = Sha256::new();
    hash.update(place.to_be_bytes());
    hash.update(revision.to_be_bytes());
    hash.update((key.len() as u64).to_be_bytes());
    hash.update(key);
    if let Some(entry) = before {
        hash.update(entry.revision.to_be_bytes());
        hash.update(&entry.value);
    }
    first(hash)
}

fn numbers_sum(numbers: &[i64]) -> i64 {
    let mut hash = Sha256::new();
    numbers.iter().for_each(|number| hash.update(number.to_be_bytes()));
    first(hash)
}

fn first(hash: Sha256) -> i64 {
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&hash.finalize()[..8]);
    i64::from_be_bytes(bytes)
}
