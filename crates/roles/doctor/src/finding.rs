//! What the doctor says, and the frame of a rule. Read first: [`Finding`], [`Rule`].

use model::Tree;

use crate::repository::Repository;

/// The file that says that Supercargo's forge serves a repository.
const POLICY: &str = "policy/main.json";
/// Most findings of one rule.
const PER_RULE: usize = 1_000;
/// Longest message, in characters.
const MESSAGE: usize = 500;

/// One place where something is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Stable id of the rule, such as `kargo/semver-constraint`.
    pub rule: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// The file.
    pub path: String,
    /// Line, counted from 1.
    pub line: usize,
    /// Column in characters, counted from 1.
    pub column: usize,
    /// What is wrong.
    pub message: String,
    /// What the upstream tools do with it.
    pub upstream: String,
    /// What Supercargo does with it.
    pub ours: String,
    /// How to mend it. Without edits it is advice that only a person can follow.
    pub fix: Option<Fix>,
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// It does not do what was meant, or a defence is open.
    Error,
    /// It works but not as well as it looks.
    Warning,
}

/// How to mend a finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fix {
    /// What to do, in one sentence.
    pub description: String,
    /// The bytes to replace; empty where the doctor cannot know them.
    pub edits: Vec<Edit>,
}

/// One replacement of bytes. A path that does not exist is a new file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Edit {
    /// The file.
    pub path: String,
    /// First byte that goes.
    pub start: usize,
    /// The byte behind the last that goes.
    pub end: usize,
    /// What comes in their place.
    pub replacement: String,
}

/// Whose tools read the repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// The original tools, all or some: everything counts.
    Upstream,
    /// Supercargo in every role: what it reads rightly is right.
    Supercargo,
}

impl Audience {
    /// Returns who reads this repository, as far as it says so itself.
    pub fn of(tree: &Tree) -> Self {
        if tree.get(POLICY).is_some() { Self::Supercargo } else { Self::Upstream }
    }
}

impl std::fmt::Display for Severity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Error => "error",
            Self::Warning => "warning",
        })
    }
}

/// For whom a rule's findings matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    /// For everybody.
    Everybody,
    /// Only where an original tool reads the repository.
    Upstream,
}

/// One rule.
pub(crate) struct Rule {
    pub id: &'static str,
    pub severity: Severity,
    pub scope: Scope,
    pub upstream: &'static str,
    pub ours: &'static str,
    pub check: fn(&Repository<'_>, &mut Report<'_>),
}

/// Where a rule puts what it finds.
pub(crate) struct Report<'a> {
    repository: &'a Repository<'a>,
    rule: &'static Rule,
    findings: Vec<Finding>,
}

impl<'a> Report<'a> {
    pub(crate) fn new(repository: &'a Repository<'a>, rule: &'static Rule) -> Self {
        Self { repository, rule, findings: Vec::new() }
    }

    /// Adds a finding at a byte of a file.
    pub(crate) fn add(&mut self, path: &str, offset: usize, message: impl Into<String>, fix: Fix) {
        if self.findings.len() >= PER_RULE {
            return;
        }
        let (line, column) = self.repository.place(path, offset);
        let fix = (!fix.description.is_empty()).then_some(fix);
        let (upstream, ours) = (self.rule.upstream.to_owned(), self.rule.ours.to_owned());
        let message = short(&message.into());
        self.findings.push(Finding {
            rule: self.rule.id,
            severity: self.rule.severity,
            path: path.to_owned(),
            line,
            column,
            message,
            upstream,
            ours,
            fix,
        });
    }

    pub(crate) fn into_findings(self) -> Vec<Finding> {
        self.findings
    }
}

impl Fix {
    /// Advice without bytes.
    pub(crate) fn advice(description: impl Into<String>) -> Self {
        Self { description: short(&description.into()), edits: Vec::new() }
    }

    /// Bytes to replace; advice where there are none.
    pub(crate) fn edit(description: impl Into<String>, edits: impl IntoIterator<Item = Edit>) -> Self {
        Self { description: short(&description.into()), edits: edits.into_iter().collect() }
    }
}

/// A text from a file on one line without control characters: it goes to terminals.
fn short(text: &str) -> String {
    let clean = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    let mut out: String = clean.take(MESSAGE + 1).collect();
    if out.chars().count() > MESSAGE {
        out.pop();
        out.push('…');
    }
    out
}
