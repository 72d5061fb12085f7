use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Digest, Timestamp};

/// Which cluster is meant: `management`, `dev`, … Maps to an embedded API server or to a kubeconfig.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ClusterName(pub String);

/// Names one object of a cluster.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ObjectRef {
    /// `v1`, `apps/v1`, …
    pub api_version: String,
    /// `Deployment`, …
    pub kind: String,
    /// Empty for cluster-scoped kinds.
    pub namespace: String,
    /// The object's name.
    pub name: String,
}

/// What a commit status says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CheckState {
    /// Not known yet.
    Pending,
    /// Good.
    Success,
    /// Bad.
    Failure,
    /// Could not be found out.
    Error,
}

/// A file's new content in a commit; `None` deletes the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEdit {
    /// Path inside the repository.
    pub path: String,
    /// New content.
    pub content: Option<Vec<u8>>,
}

/// Everything the system can do to the world outside a role. Closed: one executor, one audit record. Each variant is safe
/// to repeat: it names an expected old value, a digest, or a deterministic name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Action {
    /// Applies an object server-side, under a field manager, taking fields over from others.
    Apply {
        /// Where.
        cluster: ClusterName,
        /// As whom.
        manager: String,
        /// The wanted fields.
        object: Value,
    },
    /// Creates an object with a deterministic name; that it exists already counts as done.
    Create {
        /// Where.
        cluster: ClusterName,
        /// As whom.
        manager: String,
        /// The whole object.
        object: Value,
    },
    /// Patches an object's main endpoint with a merge patch.
    Patch {
        /// Where.
        cluster: ClusterName,
        /// As whom.
        manager: String,
        /// Which.
        object: ObjectRef,
        /// The merge patch; with `metadata.resourceVersion` it is a compare-and-swap.
        patch: Value,
        /// `None` for the main endpoint, `Some("status")` for the status.
        subresource: Option<String>,
    },
    /// Deletes an object in the background; that it is gone counts as done.
    Delete {
        /// Where.
        cluster: ClusterName,
        /// Which.
        object: ObjectRef,
        /// Only if it still is this very object.
        uid: Option<String>,
    },
    /// Records an Event about an object; the same again counts one more.
    Emit {
        /// Where.
        cluster: ClusterName,
        /// About which object.
        about: ObjectRef,
        /// `Normal` or `Warning`.
        severity: String,
        /// One word.
        reason: String,
        /// A sentence.
        message: String,
        /// What else is said, for programs.
        annotations: BTreeMap<String, String>,
        /// When.
        at: Timestamp,
    },
    /// Commits edits onto a branch, if its tip is still the expected one.
    PushCommit {
        /// Clone URL.
        repository: String,
        /// Branch to move.
        branch: String,
        /// The commit the edits are made on, and (for an existing branch) its present tip.
        base: String,
        /// The branch's expected tip; `None` when the branch must not exist.
        expected: Option<String>,
        /// The edits.
        edits: Vec<FileEdit>,
        /// Commit message.
        message: String,
        /// As whom: name of an identity that the git port knows.
        identity: String,
        /// Author and committer time, so that a repeat gives the same commit.
        at: Timestamp,
    },
    /// Opens a pull request; an open one with the same head and base counts as done.
    OpenPull {
        /// Clone URL.
        repository: String,
        /// Source branch.
        head: String,
        /// Target branch.
        base: String,
        /// Title.
        title: String,
        /// Body.
        body: String,
        /// As whom.
        identity: String,
    },
    /// Merges a pull request now, or as soon as its checks are green, if its head is still the expected one.
    MergePull {
        /// Clone URL.
        repository: String,
        /// Number.
        number: u64,
        /// Expected head commit.
        head: String,
        /// `fast-forward-only`, `merge`, …
        method: String,
        /// Whether to wait for checks.
        when_green: bool,
        /// As whom.
        identity: String,
    },
    /// Takes back that a pull request merges by itself once its checks are green.
    CancelMerge {
        /// Clone URL.
        repository: String,
        /// Number.
        number: u64,
        /// As whom.
        identity: String,
    },
    /// Closes a pull request without a merge.
    ClosePull {
        /// Clone URL.
        repository: String,
        /// Number.
        number: u64,
        /// As whom.
        identity: String,
    },
    /// Moves a branch forward to a commit that exists, if its tip is still the expected one.
    MoveBranch {
        /// Clone URL.
        repository: String,
        /// Branch to move.
        branch: String,
        /// Expected tip; `None` when it must not exist.
        expected: Option<String>,
        /// New tip; `None` deletes the branch.
        target: Option<String>,
        /// As whom.
        identity: String,
    },
    /// Reports a commit status.
    SetCheck {
        /// Clone URL.
        repository: String,
        /// Commit.
        commit: String,
        /// Name of the check.
        context: String,
        /// Its state.
        state: CheckState,
        /// One line.
        description: String,
        /// As whom.
        identity: String,
    },
    /// Pushes a manifest whose blobs are given, under a tag that must not exist with another digest.
    PushArtifact {
        /// `host/name`.
        repository: String,
        /// The tag.
        tag: String,
        /// Expected digest of the manifest.
        digest: Digest,
        /// The manifest.
        manifest: Vec<u8>,
        /// The blobs.
        blobs: Vec<Vec<u8>>,
        /// As whom.
        identity: String,
    },
}
