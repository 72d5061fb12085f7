//! What every host keeps its state in: values by key with one ordered change log, and blobs by digest, on one disk.
//!
//! A [`Store`] is one file with one writer. Reads are served from memory, the file is the log. What [`Store::commit`] has
//! acknowledged survives `kill -9` and power loss; what waits at the same time is made durable together. [`Store::memory`] keeps the same promises against a simulated crash:
//! whoever still holds the handle holds the "disk".
//! Read first: [`Store`], [`Batch`], [`Blobs`].

mod blobs;
mod disk;
mod form;
mod log;
mod page;
mod state;
mod writer;

use std::sync::Arc;

pub use blobs::{BlobWriter, Blobs};
pub use log::{Batch, Change, Compacted, Entry, Store};
pub use page::Page;

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(Arc::new(error))
    }
}

/// Why a store did not do what it was asked.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// A precondition of the batch did not hold: somebody else wrote first. Nothing was written.
    #[error("{key} is at revision {found}, not at {expected}")]
    Conflict {
        /// The key that moved.
        key: String,
        /// What the batch expected; 0 means absent.
        expected: u64,
        /// What is there; 0 means absent.
        found: u64,
    },
    /// The database file refused.
    #[error("the store's database failed")]
    Database(#[source] Arc<rusqlite::Error>),
    /// There is no space. Nothing was written; everything can be read, and the next commit tries again.
    #[error("there is no space left for {path}: nothing is written until there is")]
    Full {
        /// Which file.
        path: String,
    },
    /// A write failed before, and so nothing more is written. Everything can be read.
    #[error("{path} is read-only since a write failed ({why}): mend the disk and start again")]
    ReadOnly {
        /// Which file.
        path: String,
        /// What failed.
        why: String,
    },
    /// The file does not hold what was written.
    #[error("{path} is damaged ({why}): nothing is served from it; put a backup in its place with `supercargo restore`")]
    Damaged {
        /// Which file.
        path: String,
        /// What is wrong.
        why: String,
    },
    /// The file is of a form that this release does not know.
    #[error("{path} has form {found}, and this release knows forms up to {known}: start a newer release")]
    Newer {
        /// Which file.
        path: String,
        /// Its form.
        found: i64,
        /// The newest form that is known.
        known: u64,
    },
    /// The file system refused.
    #[error("the store cannot use {path}")]
    File {
        /// Which file or folder.
        path: String,
        /// What the system said.
        #[source]
        source: Arc<std::io::Error>,
    },
    /// The bytes do not have the digest they were announced with.
    #[error("the content has digest {found}, not {expected}")]
    WrongDigest {
        /// What was announced.
        expected: String,
        /// What came.
        found: String,
    },
}
