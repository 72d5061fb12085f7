//! The promotion steps: one file each, one line in [`find`].
//!
//! A step is a function of what it sees to what it wants. It is entered again, from the start, until it is done; so it
//! keeps nothing, and what it wants is safe to want twice.

mod git_clone;
mod git_commit;
mod git_open_pr;
mod git_push;
mod git_wait_for_pr;
mod yaml_update;

use std::collections::BTreeMap;

use model::{Action, FileEdit, Timestamp, Tree, Verdict};
use serde_json::{Map, Value};

/// What a step gives.
pub enum Step {
    /// It is over; the value is its output.
    Done(Value),
    /// There was nothing to do; the value is its output.
    Skipped(Value),
    /// It needs to know something first.
    Ask(Question),
    /// It wants something done, and is entered again afterwards.
    Act(Box<Action>),
    /// It waits.
    Wait(Verdict),
    /// It failed for good.
    Failed(String),
}

/// What a step may ask. The answer is read from the world and given when the step is entered again.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Question {
    /// Tip and content of a branch.
    Checkout {
        /// Clone URL.
        repository: String,
        /// Branch.
        branch: String,
    },
    /// The commit on a branch that a Promotion made, if it is there: by its message and time.
    Landed {
        /// Clone URL.
        repository: String,
        /// Branch.
        branch: String,
        /// The whole message.
        message: String,
        /// The author time, in seconds.
        second: i64,
    },
    /// The pull request of a source branch into a target branch, in any state.
    Pull {
        /// Clone URL.
        repository: String,
        /// Source branch.
        head: String,
        /// Target branch.
        base: String,
    },
    /// A pull request by its number.
    PullNumber {
        /// Clone URL.
        repository: String,
        /// Number.
        number: u64,
    },
}

/// What the world answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// To [`Question::Checkout`]; `None` when the branch is not there.
    Checkout(Option<(String, Tree)>),
    /// To [`Question::Landed`].
    Landed(Option<String>),
    /// To [`Question::Pull`] and [`Question::PullNumber`].
    Pull(Option<Pull>),
}

/// A pull request as far as steps need it.
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
    /// Its head commit.
    pub head: String,
    /// Its source branch.
    pub branch: String,
    /// The commit that merged it.
    pub merge_commit: Option<String>,
    /// Whether its target has moved, so that it cannot be merged by moving the target forward.
    pub behind: bool,
    /// Whether it will be merged as soon as its checks are green.
    pub auto_merge: bool,
    /// What holds it, for a person.
    pub waits_for: String,
}

/// One repository that a Promotion has checked out.
#[derive(Debug, Clone)]
pub struct Checkout {
    /// Clone URL.
    pub repository: String,
    /// The branch.
    pub branch: String,
    /// The branch's tip.
    pub base: String,
    /// The content at the tip.
    pub before: Tree,
    /// The content as the steps left it.
    pub now: Tree,
    /// Message of the commit that is wanted.
    pub message: Option<String>,
}

impl Checkout {
    /// Returns what was edited.
    pub fn edits(&self) -> Vec<FileEdit> {
        let mut edits = Vec::new();
        for (path, file) in self.now.iter() {
            if self.before.get(path).is_none_or(|old| old.bytes != file.bytes) {
                edits.push(FileEdit { path: path.to_owned(), content: Some(file.bytes.to_vec()) });
            }
        }
        for (path, _) in self.before.iter() {
            if self.now.get(path).is_none() {
                edits.push(FileEdit { path: path.to_owned(), content: None });
            }
        }
        edits
    }
}

/// The work directory: checkouts by path.
pub type Work = BTreeMap<String, Checkout>;

/// What a step sees.
pub struct Input<'a> {
    /// Its config, with expressions evaluated.
    pub config: &'a Map<String, Value>,
    /// The work directory, which it may change.
    pub work: &'a mut Work,
    /// What the world has answered.
    pub answers: &'a BTreeMap<Question, Answer>,
    /// The Promotion's name.
    pub promotion: &'a str,
    /// When the Promotion started: the author time of its commits.
    pub started: Timestamp,
    /// As whom to act.
    pub identity: &'a str,
    /// Whether somebody has paused the Promotion: what goes on by itself is stopped, and nothing new begins.
    pub held: bool,
}

/// One kind of step.
pub struct Kind {
    /// The config keys it knows.
    pub keys: &'static [&'static str],
    /// The keys it needs.
    pub required: &'static [&'static str],
    /// Whether it changes the world; its output is then kept and the step is not entered again.
    pub lasting: bool,
    /// What it does.
    pub run: fn(&mut Input<'_>) -> Step,
}

/// Returns the kind of step with this name.
pub fn find(uses: &str) -> Option<&'static Kind> {
    Some(match uses {
        "git-clone" => &git_clone::KIND,
        "yaml-update" => &yaml_update::KIND,
        "git-commit" => &git_commit::KIND,
        "git-push" => &git_push::KIND,
        "git-open-pr" => &git_open_pr::KIND,
        "git-wait-for-pr" => &git_wait_for_pr::KIND,
        _ => return None,
    })
}

impl Input<'_> {
    pub(crate) fn text(&self, key: &str) -> Option<&str> {
        self.config.get(key).and_then(Value::as_str)
    }

    pub(crate) fn answer(&self, question: Question) -> Result<&Answer, Box<Step>> {
        self.answers.get(&question).ok_or_else(|| Box::new(Step::Ask(question)))
    }

    /// Finds the checkout that a path lies in, and the path inside it.
    pub(crate) fn locate(&self, path: &str) -> Result<(String, String), String> {
        let path = normal(path)?;
        let found = self.work.keys().filter(|root| path == **root || path.starts_with(&format!("{root}/"))).max_by_key(|root| root.len());
        let root = found.ok_or_else(|| format!("{path} is in no checkout"))?;
        Ok((root.clone(), path[root.len()..].trim_start_matches('/').to_owned()))
    }
}

/// Resolves `.` and `..`; refuses what leads out of the work directory.
pub(crate) fn normal(path: &str) -> Result<String, String> {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop().ok_or_else(|| format!("{path} leads out of the work directory"))?;
            }
            part => parts.push(part),
        }
    }
    Ok(parts.join("/"))
}
