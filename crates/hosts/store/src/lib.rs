//! What every host keeps its state in: values by key with one ordered change log, and blobs by digest, on one disk.
//!
//! A [`Store`] is one file with one writer. Reads are served from memory, the file is the log. What [`Store::commit`] has
//! acknowledged survives `kill -9` and power loss. [`Store::memory`] keeps the same promises against a simulated crash:
//! whoever still holds the handle holds the "disk".
//! Read first: [`Store`], [`Batch`], [`Blobs`].

mod blobs;
mod log;

pub use blobs::{BlobWriter, Blobs};
pub use log::{Batch, Change, Compacted, Entry, Store};

/// Why a store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
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
    Database(#[from] rusqlite::Error),
    /// The file system refused.
    #[error("the store cannot use {path}")]
    File {
        /// Which file or folder.
        path: String,
        /// What the system said.
        #[source]
        source: std::io::Error,
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
