//! Git's objects and wire formats as values: what a host and a client of smart HTTP are made of. Pure: no file, no socket.
//!
//! Objects live behind [`Objects`]; [`MemoryObjects`] is the one in memory, [`Overlay`] keeps what is new apart until it is
//! accepted. SHA-1 repositories only. Read first: [`Objects`], [`Commit`], [`apply_edits`], [`client`], [`server`].

pub mod client;
mod delta;
mod history;
mod id;
mod merge;
mod object;
pub mod pack;
pub mod pktline;
pub mod server;
pub mod signature;
mod store;
mod tree;

pub use history::{count_touching, is_ancestor, merge_base, rev_list};
pub use id::{NotAnId, ObjectId};
pub use merge::{Conflict, merge_trees};
pub use object::{Commit, Kind, NewCommit, Object, Person, Tag, parse_commit, parse_tag};
pub use signature::SigningKey;
pub use store::{MemoryObjects, Objects, Overlay, missing_from};
pub use tree::{
    ChangedPath, Mode, TreeEntry, apply_edits, changed_paths, entry_at, flatten, parse_tree, read_file, tree_of_commit, walk_tree,
    write_tree,
};

/// Most folders that may lie inside each other.
pub(crate) const DEPTH: usize = 100;

/// Why Git data cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    /// The bytes do not follow the format.
    #[error("malformed {what}: {text}")]
    Malformed {
        /// Which format.
        what: &'static str,
        /// What is wrong.
        text: String,
    },
    /// An object that something refers to is not there.
    #[error("object {0} is missing")]
    Missing(ObjectId),
    /// The object is there and is of another kind.
    #[error("object {id} is a {found}, expected a {expected}")]
    WrongKind {
        /// Which object.
        id: ObjectId,
        /// What it is.
        found: Kind,
        /// What was needed.
        expected: Kind,
    },
    /// More than is accepted.
    #[error("{what} exceeds the limit of {limit}")]
    TooLarge {
        /// What.
        what: &'static str,
        /// The limit.
        limit: u64,
    },
    /// Something that Git knows and this does not.
    #[error("{0} is not supported")]
    Unsupported(String),
    /// The other side answered with an error.
    #[error("the other side refused: {0}")]
    Remote(String),
    /// A key cannot be used.
    #[error("the key cannot be used: {0}")]
    Key(String),
    /// The place where objects are kept failed.
    #[error("the object store failed: {0}")]
    Store(String),
}

impl GitError {
    pub(crate) fn malformed(what: &'static str, text: impl Into<String>) -> Self {
        Self::Malformed { what, text: text.into() }
    }
}
