//! The eight words that every layer shares: what is named by a digest, what moves, what may hold it, and what is done.
//! Read first: [`Decision`], [`Verdict`], [`Action`]. Pure: no clock, no network, no file.

mod action;
mod caller;
mod decision;
mod digest;
mod error;
mod tree;
mod verdict;

pub use action::{Action, CheckState, ClusterName, FileEdit, ObjectRef};
pub use caller::{Caller, Clock};
pub use decision::{Decision, Next, Reason};
pub use digest::{Digest, DigestError};
pub use error::chain;
pub use jiff::Timestamp;
pub use tree::{Tree, TreeFile};
pub use verdict::{Code, Verdict};
