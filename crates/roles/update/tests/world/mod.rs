//! A registry and a forge with one repository, in memory, that answer the role and do what it wants.

use std::collections::BTreeMap;

use model::{Action, Timestamp, Tree};
use update::{Answer, Branch, Combined, Observed, Outcome, Pull, Question, Statuses, decide};

/// The bot's login.
pub const BOT: &str = "renovate-bot";
const REPOSITORY: &str = "https://gitea.internal/org/deployment";

/// Everything outside the role.
pub struct World {
    pub base: Branch,
    pub branches: BTreeMap<String, Branch>,
    pub pulls: Vec<Pull>,
    pub checks: BTreeMap<String, Combined>,
    pub tags: BTreeMap<String, Result<Vec<String>, String>>,
    pub created: BTreeMap<String, Timestamp>,
    pub history: Vec<String>,
    pub now: Timestamp,
    commits: usize,
    next: model::Next,
}

impl World {
    /// A repository with these files.
    pub fn new(files: &[(&str, &str)]) -> Self {
        let mut tree = Tree::default();
        files.iter().for_each(|(path, text)| tree.put(*path, *text));
        let base = Branch { tip: "base0".to_owned(), parent: None, message: String::new(), author: "a person".to_owned(), tree };
        Self {
            base,
            branches: BTreeMap::new(),
            pulls: Vec::new(),
            checks: BTreeMap::new(),
            tags: BTreeMap::new(),
            created: BTreeMap::new(),
            history: vec!["fix: a".to_owned()],
            now: "2026-01-10T00:00:00.5Z".parse().expect("a time"),
            commits: 0,
            next: model::Next::OnChange,
        }
    }

    /// A registry with these tags.
    pub fn tags(mut self, repository: &str, tags: &[&str]) -> Self {
        self.tags.insert(repository.to_owned(), Ok(tags.iter().map(|tag| (*tag).to_owned()).collect()));
        self
    }

    /// A file of the default branch.
    pub fn file(&self, path: &str) -> String {
        String::from_utf8_lossy(self.base.tree.bytes(path).unwrap_or_default()).into_owned()
    }

    /// Lets the role decide once and does what it wants; returns what it did and found.
    pub fn pass(&mut self) -> String {
        self.pass_with_status().0
    }

    /// When the last pass wants to look again.
    pub fn next(&self) -> Option<String> {
        match self.next {
            model::Next::At(at) => Some(at.to_string()),
            model::Next::OnChange => None,
        }
    }

    /// The same as [`World::pass`], with the summary.
    pub fn pass_with_status(&mut self) -> (String, serde_json::Value) {
        let mut seen = Observed {
            repository: REPOSITORY.to_owned(),
            name: "org/deployment".to_owned(),
            now: self.now,
            failure: None,
            identity: "renovate".to_owned(),
            author: BOT.to_owned(),
            base: Some(("main".to_owned(), self.base.tip.clone(), self.base.tree.clone())),
            branches: self.branches.iter().map(|(name, branch)| (name.clone(), branch.tip.clone())).collect(),
            answers: BTreeMap::new(),
        };
        let decision = loop {
            match decide(&seen) {
                Outcome::Decided(decision) => break decision,
                Outcome::Ask(question) => {
                    let answer = self.answer(&question);
                    assert!(seen.answers.insert(question, answer).is_none(), "asks twice");
                }
            }
        };
        self.next = decision.next;
        let mut told = String::new();
        for action in &decision.actions {
            told.push_str(&self.perform(action));
        }
        for reason in &decision.because {
            let code = reason.code.map_or_else(String::new, |code| format!("{code:?}: "));
            told.push_str(&format!("{code}{}\n", reason.text));
        }
        (told, decision.status.clone())
    }

    fn answer(&self, question: &Question) -> Answer {
        match question {
            Question::Tags { repository } => Answer::Tags(self.tags.get(repository).cloned().unwrap_or_else(|| Err("HTTP 404".to_owned()))),
            Question::Digest { image } => Answer::Digest(Ok(model::Digest::of(image.as_bytes()).to_string())),
            Question::Created { image } => Answer::Created(Ok(self.created.get(image).copied())),
            Question::Branch { name } => Answer::Branch(self.branches.get(name).cloned()),
            Question::Pull { branch } => {
                let own = || self.pulls.iter().rev().filter(|pull| pull.branch == *branch);
                Answer::Pull(own().find(|pull| pull.open).or_else(|| own().next()).cloned())
            }
            Question::Statuses { commit } => {
                let combined = self.checks.get(commit).copied().unwrap_or(Combined::None);
                let names =
                    if matches!(combined, Combined::Pending | Combined::Failed) { vec!["forge/yaml".to_owned()] } else { Vec::new() };
                Answer::Statuses(Statuses { combined, names })
            }
            Question::History { .. } => Answer::History(self.history.clone()),
        }
    }

    fn perform(&mut self, action: &Action) -> String {
        match action {
            Action::PushCommit { branch, base, expected, edits, message, at, identity, .. } => {
                assert_eq!((base, identity.as_str()), (&self.base.tip, "renovate"));
                assert_eq!(self.branches.get(branch).map(|there| &there.tip), expected.as_ref());
                self.commits += 1;
                let mut tree = self.base.tree.clone();
                edits.iter().for_each(|edit| tree.put(edit.path.clone(), edit.content.clone().unwrap_or_default()));
                let new = Branch {
                    tip: format!("c{}", self.commits),
                    parent: Some(base.clone()),
                    message: message.clone(),
                    author: BOT.to_owned(),
                    tree,
                };
                let paths: Vec<&str> = edits.iter().map(|edit| edit.path.as_str()).collect();
                let told = format!("push {branch} {} on {base} at {at}: {message} {paths:?}\n", new.tip);
                self.branches.insert(branch.clone(), new);
                told
            }
            Action::MoveBranch { branch, expected, target, .. } => {
                match target {
                    Some(target) => {
                        assert_eq!((branch.as_str(), expected.as_ref()), ("main", Some(&self.base.tip)));
                        let merged = self.branches.values().find(|there| there.tip == *target).expect("is there");
                        assert_eq!(merged.parent.as_ref(), Some(&self.base.tip), "moves forward");
                        self.base = merged.clone();
                    }
                    None => {
                        let gone = self.branches.remove(branch).expect("is there");
                        assert_eq!(Some(&gone.tip), expected.as_ref());
                    }
                }
                format!("move {branch} from {} to {}\n", expected.as_deref().unwrap_or("-"), target.as_deref().unwrap_or("-"))
            }
            Action::OpenPull { head, base, title, body, .. } => {
                assert!(body.contains("| Package |"));
                let number = self.pulls.len() as u64 + 1;
                self.pulls.push(Pull {
                    number,
                    url: String::new(),
                    open: true,
                    merged: false,
                    title: title.clone(),
                    author: BOT.to_owned(),
                    head: self.branches[head].tip.clone(),
                    branch: head.clone(),
                    merge_commit: None,
                    behind: false,
                    auto_merge: false,
                    waits_for: String::new(),
                });
                format!("open {number} {head} into {base}: {title}\n")
            }
            Action::ClosePull { number, .. } => {
                self.pulls[*number as usize - 1].open = false;
                format!("close {number}\n")
            }
            Action::MergePull { number, head, method, when_green, .. } => {
                self.pulls[*number as usize - 1].auto_merge = *when_green;
                format!("merge {number} at {head} by {method}, when green: {when_green}\n")
            }
            other => panic!("{other:?} is not expected"),
        }
    }
}
