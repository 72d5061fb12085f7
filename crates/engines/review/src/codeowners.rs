use regex::Regex;

use crate::{Approval, Identity};

/// Where CODEOWNERS is looked for, in order, with the dialect of the place; at the root the content decides.
pub const PLACES: [(&str, Option<Dialect>); 4] = [
    (".github/CODEOWNERS", Some(Dialect::GitHub)),
    (".gitea/CODEOWNERS", Some(Dialect::Gitea)),
    ("CODEOWNERS", None),
    ("docs/CODEOWNERS", None),
];

/// Most lines that are read.
const LINES: usize = 5_000;

/// How patterns are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// Like gitignore; the last line that matches decides.
    GitHub,
    /// Regular expressions over the whole path; all lines that match count; `!` turns a pattern round.
    Gitea,
}

/// One owner.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Owner {
    /// `@login`.
    User(String),
    /// `@org/team`.
    Team(String),
    /// An address.
    Email(String),
}

/// Who owns which path.
#[derive(Debug, Clone)]
pub struct Codeowners {
    dialect: Dialect,
    rules: Vec<Rule>,
}

#[derive(Debug, Clone)]
struct Rule {
    pattern: Regex,
    negated: bool,
    owners: Vec<Owner>,
}

/// Why a line cannot be used. A file with such a line protects nothing by accident: it is refused as a whole.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("CODEOWNERS, line {line}: {text}")]
pub struct CodeownersError {
    /// Counted from 1.
    pub line: usize,
    /// What is wrong.
    pub text: String,
}

impl Codeowners {
    /// Reads a file. Without a dialect a comment `# codeowners: github` (or `gitea`) decides, else the patterns' look.
    pub fn parse(text: &str, dialect: Option<Dialect>) -> Result<Self, CodeownersError> {
        let dialect = dialect.unwrap_or_else(|| detect(text));
        let mut rules = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let wrong = |text: String| CodeownersError { line: index + 1, text };
            if index >= LINES {
                return Err(wrong(format!("more than {LINES} lines")));
            }
            let mut words = words(line, dialect).into_iter();
            let Some(pattern) = words.next() else { continue };
            let (pattern, negated) = match (dialect, pattern.strip_prefix('!')) {
                (Dialect::Gitea, Some(rest)) => (rest.to_owned(), true),
                (Dialect::GitHub, Some(_)) => return Err(wrong("GitHub knows no pattern that starts with !".to_owned())),
                (_, None) => (pattern, false),
            };
            let expression = match dialect {
                Dialect::Gitea => format!("^(?:{pattern})$"),
                Dialect::GitHub => gitignore(&pattern).map_err(&wrong)?,
            };
            let pattern = regex::RegexBuilder::new(&expression).size_limit(1 << 20).build().map_err(|error| wrong(error.to_string()))?;
            let owners = words.map(|word| owner(&word)).collect::<Result<_, String>>().map_err(wrong)?;
            rules.push(Rule { pattern, negated, owners });
        }
        Ok(Self { dialect, rules })
    }

    /// Returns who owns a path; nobody when no line covers it.
    pub fn owners(&self, path: &str) -> Vec<Owner> {
        let mut fitting = self.rules.iter().filter(|rule| rule.pattern.is_match(path) != rule.negated);
        match self.dialect {
            Dialect::GitHub => fitting.next_back().map(|rule| rule.owners.clone()).unwrap_or_default(),
            Dialect::Gitea => {
                let mut all: Vec<Owner> = fitting.flat_map(|rule| rule.owners.clone()).collect();
                all.sort();
                all.dedup();
                all
            }
        }
    }

    /// Returns how patterns were read.
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }
}

impl Owner {
    /// Tells whether an approval is this owner's.
    pub fn gave(&self, approval: &Approval) -> bool {
        match self {
            Self::Email(email) => email.eq_ignore_ascii_case(&approval.email),
            Self::User(_) | Self::Team(_) => self.is(&approval.who),
        }
    }

    fn is(&self, who: &Identity) -> bool {
        match self {
            Self::User(login) => login.eq_ignore_ascii_case(&who.login),
            Self::Team(team) => who.in_team(team),
            Self::Email(_) => false,
        }
    }
}

impl std::fmt::Display for Owner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::User(name) | Self::Team(name) => write!(f, "@{name}"),
            Self::Email(email) => f.write_str(email),
        }
    }
}

fn detect(text: &str) -> Dialect {
    for line in text.lines() {
        let Some(comment) = line.trim().strip_prefix('#') else { continue };
        match comment.trim().strip_prefix("codeowners:").map(str::trim) {
            Some("gitea") => return Dialect::Gitea,
            Some("github") => return Dialect::GitHub,
            _ => {}
        }
    }
    let patterns: Vec<String> = text.lines().filter_map(|line| words(line, Dialect::GitHub).into_iter().next()).collect();
    let gitignore = |pattern: &String| pattern.starts_with('/') || pattern.ends_with('/') || pattern == "*";
    let regular = |pattern: &String| pattern.contains(".*") || pattern.contains('(') || pattern.contains('|') || pattern.contains("\\.");
    if !patterns.iter().any(gitignore) && patterns.iter().any(regular) { Dialect::Gitea } else { Dialect::GitHub }
}

/// The words of a line up to a comment. A backslash keeps a blank or `#` in a word; Gitea's patterns keep other backslashes.
fn words(line: &str, dialect: Dialect) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut rest = line.chars().peekable();
    while let Some(c) = rest.next() {
        let word = words.last_mut().expect("there is always one");
        match c {
            '\\' if matches!(rest.peek(), Some(' ' | '#')) => word.extend(rest.next()),
            '\\' if dialect == Dialect::Gitea => word.push('\\'),
            '\\' => word.extend(rest.next()),
            '#' if word.is_empty() => break,
            c if c.is_whitespace() => {
                if !word.is_empty() {
                    words.push(String::new());
                }
            }
            c => word.push(c),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

fn owner(word: &str) -> Result<Owner, String> {
    match word.strip_prefix('@') {
        Some("") => Err("@ names nobody".to_owned()),
        Some(team) if team.contains('/') => Ok(Owner::Team(team.to_owned())),
        Some(login) => Ok(Owner::User(login.to_owned())),
        None if word.contains('@') => Ok(Owner::Email(word.to_owned())),
        None => Err(format!("{word:?} is neither @user, @org/team nor an address")),
    }
}

/// Turns a pattern as in gitignore into a regular expression over paths without leading slash.
fn gitignore(pattern: &str) -> Result<String, String> {
    if pattern.contains('[') || pattern.contains(']') {
        return Err(format!("{pattern:?} has a character range, which GitHub does not know"));
    }
    let body = pattern.trim_end_matches('/');
    let folder = pattern.ends_with('/');
    let anchored = body.contains('/');
    let body = body.trim_start_matches('/');
    let mut out = String::from(if anchored { "^" } else { "^(?:.*/)?" });
    let mut rest = body;
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix("**/") {
            out.push_str("(?:.*/)?");
            rest = after;
        } else if let Some(after) = rest.strip_prefix("**") {
            out.push_str(".*");
            rest = after;
        } else {
            let c = rest.chars().next().expect("the rest is not empty");
            match c {
                '*' => out.push_str("[^/]*"),
                '?' => out.push_str("[^/]"),
                c => out.push_str(&regex::escape(&c.to_string())),
            }
            rest = &rest[c.len_utf8()..];
        }
    }
    // `docs/*` means the files in that folder alone, as GitHub documents; every other pattern covers what lies below.
    let flat = anchored && (body.ends_with("/*"));
    out.push_str(match (folder, flat) {
        (true, _) => "/.*$",
        (false, true) => "$",
        (false, false) => "(?:/.*)?$",
    });
    Ok(out)
}
