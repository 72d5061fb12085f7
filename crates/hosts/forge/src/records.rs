use std::collections::BTreeMap;

use git::ObjectId;
use model::Timestamp;
use review::BranchPolicy;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A user as an administrator describes them: the body of `PUT /api/v1/admin/users/{login}`, which makes it so.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct User {
    /// Login name.
    #[serde(alias = "username", alias = "login_name")]
    pub login: String,
    /// The address in their commits.
    pub email: String,
    /// Full name.
    pub full_name: String,
    /// May do anything.
    #[serde(alias = "is_admin")]
    pub admin: bool,
    /// `NAME` or `ORG/NAME`.
    pub teams: Vec<String>,
    /// What they authenticate with. Kept as hashes.
    pub tokens: Vec<String>,
    /// What they sign commits with.
    pub signing_keys: Vec<Key>,
}

/// A public key that signs a user's commits.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Key {
    /// A line of `authorized_keys`.
    pub key: String,
    /// Globs of the paths that commits signed with it may change; empty: all.
    #[serde(default)]
    pub paths: Vec<String>,
}

/// What somebody may do with a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Access {
    /// Not even know of it.
    None,
    /// Read it.
    Read,
    /// Push, report statuses, open and merge pull requests.
    Write,
    /// Change its settings.
    Admin,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct UserRow {
    pub id: u64,
    pub login: String,
    pub email: String,
    pub full_name: String,
    pub admin: bool,
    pub teams: Vec<String>,
    pub signing_keys: Vec<Key>,
    pub tokens: Vec<String>,
    pub created_at: Timestamp,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Org {
    pub id: u64,
    pub name: String,
}

/// Whose a token is. The row's key is the token's hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Token {
    User(String),
    Job { job: u64, attempt: u32 },
    Identity { job: u64, attempt: u32 },
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Repo {
    pub id: u64,
    pub owner: String,
    pub name: String,
    pub private: bool,
    pub archived: bool,
    pub default_branch: String,
    pub description: String,
    pub policies: Vec<BranchPolicy>,
    /// By login or `team:NAME`.
    pub collaborators: BTreeMap<String, Access>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Status {
    pub id: u64,
    pub state: String,
    pub context: String,
    pub description: String,
    pub target_url: String,
    pub creator: String,
    pub created_at: Timestamp,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Pull {
    pub number: u64,
    pub head_branch: String,
    pub head: ObjectId,
    pub base_branch: String,
    /// The newest commit that both branches had when it was merged or last pushed to.
    pub merge_base: Option<ObjectId>,
    pub merged: Option<Merged>,
    pub auto_merge: Option<AutoMerge>,
    pub reviewers: Vec<String>,
    pub team_reviewers: Vec<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Merged {
    pub commit: ObjectId,
    /// Where the base branch was before.
    pub onto: ObjectId,
    pub by: String,
    pub at: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AutoMerge {
    pub doer: String,
    pub how: MergeHow,
    pub head: ObjectId,
    /// Why it has not happened yet.
    pub waits_for: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct MergeHow {
    pub method: Method,
    pub title: Option<String>,
    pub message: Option<String>,
    pub delete_branch: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Method {
    Merge,
    Rebase,
    Squash,
    FastForwardOnly,
}

/// An issue; pull requests are issues too, with a [`Pull`] of the same number.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Issue {
    pub id: u64,
    pub number: u64,
    pub author: String,
    pub title: String,
    pub body: String,
    pub open: bool,
    pub labels: Vec<u64>,
    pub assignees: Vec<String>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub closed_at: Option<Timestamp>,
    pub is_pull: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Comment {
    pub id: u64,
    pub issue: u64,
    pub author: String,
    pub body: String,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ReviewRow {
    pub id: u64,
    pub author: String,
    /// `APPROVED`, `REQUEST_CHANGES`, `COMMENT`.
    pub state: String,
    pub body: String,
    pub commit: ObjectId,
    pub at: Timestamp,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Label {
    pub id: u64,
    pub name: String,
    pub color: String,
    pub description: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Hook {
    pub id: u64,
    pub url: String,
    pub secret: String,
    pub events: Vec<String>,
    pub branch_filter: String,
    pub active: bool,
    pub created_at: Timestamp,
}

/// Something that is to be sent, until it has arrived.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Delivery {
    pub number: u64,
    pub uuid: String,
    pub url: String,
    pub secret: String,
    pub event: String,
    pub body: String,
    pub attempts: u32,
    pub not_before: Timestamp,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Run {
    pub id: u64,
    pub number: u64,
    pub repo: u64,
    pub path: String,
    pub name: String,
    pub content: String,
    pub sha: ObjectId,
    pub reference: String,
    pub event: Value,
    pub actor: String,
    pub state: RunState,
    pub jobs: Vec<u64>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum RunState {
    Queued,
    Running,
    Success,
    Failure,
    /// A job that it needs has failed.
    Skipped,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Job {
    pub id: u64,
    pub repo: u64,
    pub run: u64,
    pub job_id: String,
    pub name: String,
    pub context: String,
    pub needs: Vec<String>,
    pub id_token: bool,
    pub state: RunState,
    pub runner: Option<String>,
    pub attempt: u32,
    pub outputs: BTreeMap<String, String>,
    /// Hashes of the present attempt's tokens.
    pub tokens: Vec<String>,
    pub created_at: Timestamp,
    pub started_at: Option<Timestamp>,
    pub finished_at: Option<Timestamp>,
}

impl Repo {
    pub(crate) fn full_name(&self) -> String {
        format!("{}/{}", self.owner, self.name)
    }

    pub(crate) fn key(&self) -> String {
        format!("repo/{}/{}", self.owner, self.name)
    }

    pub(crate) fn default_ref(&self) -> String {
        format!("refs/heads/{}", self.default_branch)
    }
}

impl Method {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Merge => "merge",
            Self::Rebase => "rebase",
            Self::Squash => "squash",
            Self::FastForwardOnly => "fast-forward-only",
        }
    }
}

/// A draft is an open pull request whose title says so.
pub(crate) fn is_draft(title: &str) -> bool {
    ["WIP:", "[WIP]", "Draft:"].iter().any(|prefix| title.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix)))
}
