//! What a server of smart HTTP sends and reads, over [`crate::Objects`] and a list of refs. Values only.

mod receive;
mod upload;

pub use receive::{PushCommand, PushRequest, advertise_receive, parse_push, report};
pub use upload::{Fetch, LsRefs, Request, advertise_v2, fetch, ls_refs, parse_request};

use std::collections::BTreeMap;

use crate::ObjectId;

/// What this server calls itself.
pub(crate) const AGENT: &str = concat!("agent=supercargo/", env!("CARGO_PKG_VERSION"));

/// The refs of a repository, as one moment shows them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Refs {
    /// By full name.
    pub all: BTreeMap<String, ObjectId>,
    /// The ref that `HEAD` stands for, such as `refs/heads/main`. It need not exist.
    pub head: String,
}
