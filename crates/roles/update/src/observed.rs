//! What the role looks at, asks and answers. Read first: [`Observed`].

use std::collections::BTreeMap;

use model::{Decision, Timestamp, Tree};
use serde_json::Value;

/// Everything that is looked at.
#[derive(Debug, Clone)]
pub struct Observed {
    /// The repository's clone URL.
    pub repository: String,
    /// Its name, `owner/name`.
    pub name: String,
    /// The present moment.
    pub now: Timestamp,
    /// Why the last pass's action failed.
    pub failure: Option<String>,
    /// As whom to act: name of an identity that the git port knows.
    pub identity: String,
    /// Who the bot is in [`Branch::author`] and [`Pull::author`].
    pub author: String,
    /// The default branch: its name, tip and content; `None` when it is not there.
    pub base: Option<(String, String, Tree)>,
    /// All branches below `renovate/`, with their tips.
    pub branches: BTreeMap<String, String>,
    /// What the world has answered so far.
    pub answers: BTreeMap<Question, Answer>,
}

/// What has to be known first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Question {
    /// All tags of a repository of a registry.
    Tags {
        /// `host/name`.
        repository: String,
    },
    /// The digest that a tag has.
    Digest {
        /// `host/name:tag`.
        image: String,
    },
    /// When an image was made, as its manifest or config says it.
    Created {
        /// `host/name:tag`.
        image: String,
    },
    /// A branch of the repository.
    Branch {
        /// Its name.
        name: String,
    },
    /// The pull request of a branch into the default branch: an open one first, else the newest.
    Pull {
        /// The source branch.
        branch: String,
    },
    /// What the checks say about a commit.
    Statuses {
        /// The commit.
        commit: String,
    },
    /// The messages of the newest 20 commits of a branch that are no merges, newest first.
    History {
        /// The branch.
        branch: String,
    },
}

/// What the world answers. A failed look-up in a registry is an answer: it holds one update and not the others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// To [`Question::Tags`].
    Tags(Result<Vec<String>, String>),
    /// To [`Question::Digest`].
    Digest(Result<String, String>),
    /// To [`Question::Created`]; `None` when nothing tells it.
    Created(Result<Option<Timestamp>, String>),
    /// To [`Question::Branch`]; `None` when the branch is not there.
    Branch(Option<Branch>),
    /// To [`Question::Pull`].
    Pull(Option<Pull>),
    /// To [`Question::Statuses`].
    Statuses(Statuses),
    /// To [`Question::History`].
    History(Vec<String>),
}

/// A branch and its newest commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Branch {
    /// The newest commit.
    pub tip: String,
    /// The commit's first parent.
    pub parent: Option<String>,
    /// The commit's message.
    pub message: String,
    /// Who made the commit, to be compared with [`Observed::author`].
    pub author: String,
    /// The content.
    pub tree: Tree,
}

/// A pull request as far as this role needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pull {
    /// Its number.
    pub number: u64,
    /// Its page.
    pub url: String,
    /// Whether it is open.
    pub open: bool,
    /// Whether it was merged.
    pub merged: bool,
    /// Its title.
    pub title: String,
    /// Who opened it.
    pub author: String,
    /// Its head commit.
    pub head: String,
    /// Its source branch.
    pub branch: String,
    /// The commit that merged it.
    pub merge_commit: Option<String>,
    /// Whether its target has moved on since.
    pub behind: bool,
    /// Whether it will be merged as soon as its checks are green.
    pub auto_merge: bool,
    /// What holds it, for a person.
    pub waits_for: String,
}

/// What all checks of a commit say together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statuses {
    /// The sum.
    pub combined: Combined,
    /// Names of the checks that are not green.
    pub names: Vec<String>,
}

/// The sum of a commit's checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Combined {
    /// There is one at least, and all are good.
    Green,
    /// One has not ended, and none is bad.
    Pending,
    /// One is bad.
    Failed,
    /// There is none.
    None,
}

/// What looking gives: a decision, or something that must be known first. The status is a summary: dependencies, updates
/// and what holds each.
#[derive(Debug)]
pub enum Outcome {
    /// The decision.
    Decided(Box<Decision<Value>>),
    /// The driver answers and lets decide again.
    Ask(Question),
}

/// Makes a reader of one kind of answer: the question itself is the error when it was not answered yet.
macro_rules! answered {
    ($name:ident, $kind:ident, $answer:ty) => {
        pub(crate) fn $name(&self, question: Question) -> Result<&$answer, Question> {
            match self.answers.get(&question) {
                Some(Answer::$kind(answer)) => Ok(answer),
                _ => Err(question),
            }
        }
    };
}

impl Observed {
    answered!(tags, Tags, Result<Vec<String>, String>);
    answered!(digest, Digest, Result<String, String>);
    answered!(created, Created, Result<Option<Timestamp>, String>);
    answered!(branch, Branch, Option<Branch>);
    answered!(pull, Pull, Option<Pull>);
    answered!(statuses, Statuses, Statuses);
    answered!(history, History, Vec<String>);
}
