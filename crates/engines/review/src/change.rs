use bytes::Bytes;
use model::CheckState;

use crate::Codeowners;

/// Who wants to make the change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Login name.
    pub login: String,
    /// Teams, as `NAME` or `ORG/NAME`.
    pub teams: Vec<String>,
}

/// A wanted move of a branch, with everything that is known about it.
#[derive(Debug, Clone)]
pub struct Change<'a> {
    /// The branch's short name, such as `main`.
    pub branch: &'a str,
    /// Who moves it.
    pub who: &'a Identity,
    /// How it moves.
    pub update: Update,
    /// The files that differ between its old and new state.
    pub files: &'a [ChangedFile],
    /// The commits that it does not have yet.
    pub commits: &'a [NewCommit],
    /// The newest status of each context of the commit whose checks count.
    pub statuses: &'a [StatusEvidence],
    /// Approvals given so far.
    pub approvals: &'a [Approval],
    /// Who wrote the change: that approval does not count.
    pub author: &'a str,
    /// The commit whose approvals are fresh.
    pub head: &'a str,
    /// Who owns what, as the branch says before the change.
    pub codeowners: Option<&'a Codeowners>,
}

/// How a branch moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Update {
    /// It does not exist yet.
    Create,
    /// The old state is in the new one's history.
    FastForward,
    /// The old state would be lost.
    Forced,
    /// It goes away.
    Delete,
}

/// A file that differs. `None` where it does not exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangedFile {
    /// Where.
    pub path: String,
    /// Its content before.
    pub old: Option<Bytes>,
    /// Its content after.
    pub new: Option<Bytes>,
    /// Whether it became executable, a link, …
    pub mode_changed: bool,
}

/// A commit that the branch does not have yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewCommit {
    /// Its name.
    pub id: String,
    /// How many parents it has.
    pub parents: usize,
    /// What its signature is worth.
    pub signature: Signature,
}

/// What a commit's signature is worth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Signature {
    /// A registered key made it, for this committer and these paths.
    Good,
    /// There is none.
    Missing,
    /// There is one that is worth nothing, because …
    Bad(String),
}

/// One context's newest status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusEvidence {
    /// Its name.
    pub context: String,
    /// What it says.
    pub state: CheckState,
}

/// Somebody's approval.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approval {
    /// Who.
    pub who: Identity,
    /// The address by which CODEOWNERS may name them.
    pub email: String,
    /// Which commit was looked at.
    pub commit: String,
}

impl Identity {
    /// Tells whether they are in a team, named with or without its organisation.
    pub fn in_team(&self, team: &str) -> bool {
        let short = |name: &str| name.rsplit('/').next().unwrap_or_default().to_owned();
        self.teams.iter().any(|own| own == team || ((!own.contains('/') || !team.contains('/')) && short(own) == short(team)))
    }
}
