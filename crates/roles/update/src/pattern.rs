//! Renovate's string matching: `*`, globs as minimatch has them, `/regular expressions/`, and `!` in front of either.
//! Read first: [`Patterns`], [`Subject`]. Compiled once for a configuration, then cheap: a glob without special characters is a
//! comparison, and any other one is asked only about texts that begin as it does.

use golang::glob::{Glob, MinimatchOptions, minimatch};
use regex::Regex;

use crate::expression::expression;

/// Longest pattern, and most patterns of one list.
const LONGEST: usize = 4_000;
const PATTERNS: usize = 20_000;

/// A text to be matched, prepared for many patterns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    text: String,
    /// In small letters, each row of slashes as one: as globs see it.
    pub(crate) folded: String,
}

impl Subject {
    /// Prepares a text.
    pub fn new(text: &str) -> Self {
        Self { text: text.to_owned(), folded: fold(text) }
    }

    /// Returns the text as it was given.
    pub fn text(&self) -> &str {
        &self.text
    }
}

fn fold(text: &str) -> String {
    if text.is_ascii() && !text.contains("//") {
        return text.to_ascii_lowercase();
    }
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        if character != '/' || !out.ends_with('/') {
            out.extend(character.to_lowercase());
        }
    }
    out
}

/// A list of patterns: with positive ones at least one has to match, and no negative one may fail.
#[derive(Debug, Clone, Default)]
pub struct Patterns(Vec<Pattern>);

/// One pattern.
#[derive(Debug, Clone)]
pub struct Pattern {
    /// Whether it begins with `!`.
    negative: bool,
    kind: Kind,
}

#[derive(Debug, Clone)]
enum Kind {
    /// `*`: everything.
    All,
    Expression(Regex),
    /// A glob without anything special in it, as [`Subject::folded`].
    Text(String),
    /// Any other glob, with what a match begins with. A glob knows its own negation.
    Glob {
        start: String,
        whole_folder: bool,
        glob: Glob,
    },
}

impl Patterns {
    /// Compiles a list.
    pub fn parse(texts: &[String]) -> Result<Self, String> {
        if texts.len() > PATTERNS {
            return Err(format!("a list of more than {PATTERNS} patterns"));
        }
        texts.iter().map(|text| Pattern::parse(text)).collect::<Result<_, _>>().map(Self)
    }

    /// Tells whether the list matches a text; an empty list matches nothing.
    pub fn matches(&self, subject: &Subject) -> bool {
        let (mut positives, mut hit) = (false, false);
        for pattern in self.0.iter().filter(|pattern| !pattern.negative) {
            positives = true;
            if pattern.matches(subject) {
                hit = true;
                break;
            }
        }
        let negatives = || self.0.iter().filter(|pattern| pattern.negative);
        !self.0.is_empty() && (hit || !positives) && negatives().all(|pattern| pattern.matches(subject))
    }

    /// Tells whether the list matches one of several texts.
    pub fn match_any(&self, subjects: &[Subject]) -> bool {
        subjects.iter().any(|subject| self.matches(subject))
    }

    /// Returns all texts that the list matches, as [`Subject::folded`]; `None` when they are not simply listed.
    pub(crate) fn listed(&self) -> Option<Vec<&str>> {
        let text = |pattern: &'_ Pattern| !pattern.negative && matches!(pattern.kind, Kind::Text(_));
        let texts = self.0.iter().map(|pattern| match &pattern.kind {
            Kind::Text(text) => text.as_str(),
            Kind::All | Kind::Expression(_) | Kind::Glob { .. } => "",
        });
        self.0.iter().all(text).then(|| texts.collect())
    }

    /// As [`Patterns::matches`], for a text that is asked about once.
    pub fn match_text(&self, text: &str) -> bool {
        self.matches(&Subject::new(text))
    }

    /// Tells whether any pattern by itself matches.
    pub(crate) fn any(&self, text: &str) -> bool {
        let subject = Subject::new(text);
        self.0.iter().any(|pattern| pattern.matches(&subject))
    }
}

impl Pattern {
    /// Compiles a pattern.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.len() > LONGEST {
            return Err(format!("{:?}… is longer than {LONGEST} bytes", text.chars().take(100).collect::<String>()));
        }
        let negative = text.starts_with('!');
        if text == "*" {
            return Ok(Self { negative, kind: Kind::All });
        }
        if let Some(expression) = slashed(text.strip_prefix('!').unwrap_or(text)) {
            return Ok(Self { negative, kind: Kind::Expression(expression?) });
        }
        let special = special(text);
        // Dots between slashes are taken out of globs.
        let dots = text.split('/').any(|part| part == "." || part == "..");
        if special.is_none() && !text.is_empty() && !dots {
            return Ok(Self { negative, kind: Kind::Text(fold(text)) });
        }
        let glob = minimatch(text, MinimatchOptions { dot: true, nocase: true }).map_err(|error| error.to_string())?;
        let start = if dots { "" } else { &text[..special.unwrap_or(0)] };
        let whole_folder = start.ends_with('/') && &text[start.len()..] == "**";
        Ok(Self { negative, kind: Kind::Glob { start: fold(start), whole_folder, glob } })
    }

    /// Tells whether it is a regular expression.
    pub(crate) fn is_expression(&self) -> bool {
        matches!(self.kind, Kind::Expression(_))
    }

    /// Tells whether it matches; a negative one does where the rest of it does not.
    pub fn matches(&self, subject: &Subject) -> bool {
        match &self.kind {
            Kind::All => true,
            Kind::Expression(expression) => expression.is_match(&subject.text) != self.negative,
            Kind::Text(text) => subject.folded == *text,
            Kind::Glob { start, whole_folder, glob } => {
                begins(subject, start) && ((*whole_folder && plainly_in(subject, start)) || glob.matches(&subject.text))
            }
        }
    }
}

/// Tells whether a text lies in a folder for sure: what is behind has no part that a glob would look at twice.
fn plainly_in(subject: &Subject, folder: &str) -> bool {
    let rest = subject.folded.strip_prefix(folder);
    rest.is_some_and(|rest| rest.split('/').all(|part| part.starts_with(|c: char| c.is_ascii_alphanumeric())))
}

/// Returns where the first character stands that may mean something else than itself.
fn special(text: &str) -> Option<usize> {
    if text.starts_with(['!', '#']) {
        return Some(0);
    }
    let at = text.find(|c: char| "*?[]{}()\\|".contains(c) || !c.is_ascii())?;
    // These mean something only before a parenthesis.
    let before = text[..at].ends_with(['@', '+', '!']) && text[at..].starts_with('(');
    Some(at - usize::from(before))
}

/// A slash at the end of the start may be where the text already ends.
fn begins(subject: &Subject, start: &str) -> bool {
    subject.folded.starts_with(start.strip_suffix('/').unwrap_or(start))
}

/// Reads `/…/` and `/…/i`.
fn slashed(text: &str) -> Option<Result<Regex, String>> {
    let rest = text.strip_prefix('/')?;
    let ends = text.ends_with('/') || text.ends_with("/i");
    let body = rest.strip_suffix('/').or_else(|| rest.strip_suffix("/i")).unwrap_or(rest);
    let flag = if text.ends_with('i') { "(?i)" } else { "" };
    ends.then(|| expression(&format!("{flag}{body}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_lists() {
        for (patterns, text, expected) in [
            (&["registry.internal/**"][..], "registry.internal/myapp", true),
            (&["registry.internal/**"], "Registry.Internal/team/MyApp", true),
            (&["registry.internal/**"], "registry.internal", false),
            (&["registry.internal/**"], "registry.internal:5000/x", false),
            (&["Registry.internal/a"], "registry.Internal/A", true),
            (&["registry.internal/a"], "registry.internal/a/", false),
            (&["https://forge.example/a/b{/,}**"], "https://forge.example/a/b", true),
            (&["https://forge.example/a/b"], "https://forge.example/A/b", true),
            (&["https://forge.example/a/b"], "https:/forge.example/a/b", true),
            (&["ghcr.io/akuity/kargo**"], "ghcr.io/akuity/kargo-x", true),
            (&["ghcr.io/akuity/kargo**"], "ghcr.io/akuity/kargo-charts/kargo", false),
            (&["apps/**/deployment.{yaml,yml}"], "apps/deployment.yml", true),
            (&["apps/*/base/*"], "apps/a/base/.hidden", true),
            (&["?pps/[a-c]*"], "apps/b1", true),
            (&["+(a|b)pps"], "bapps", true),
            (&["/^apps\\/.+\\.ya?ml$/"], "apps/x.yml", true),
            (&["/^APPS/"], "apps/x.yml", false),
            (&["/^APPS/i"], "apps/x.yml", true),
            (&["/"], "anything", true),
            (&["/a"], "/a", true),
            (&["!/^apps/"], "b", true),
            (&["!apps/**"], "apps/x", false),
            (&["!apps/**"], "b/x", true),
            (&["*", "!/x$/"], "apps/x", false),
            (&["a", "b"], "b", true),
            (&["!a", "!b"], "b", false),
            (&["@types/node"], "@Types/node", true),
            (&["@types/**"], "@types/node", true),
            (&["@(a|b)/c"], "b/c", true),
            (&["c++/+(x)"], "c++/xx", true),
            (&["#a"], "#a", false),
            (&["./a"], "a", false),
            (&[""], "", true),
            (&[""], "x", false),
            (&[], "x", false),
        ] {
            let texts: Vec<String> = patterns.iter().map(|text| (*text).to_owned()).collect();
            assert_eq!(Patterns::parse(&texts).expect(text).match_text(text), expected, "{patterns:?} {text}");
        }
    }

    #[test]
    fn what_is_no_pattern_or_too_much_is_refused() {
        for bad in ["/[/", "/(?=x)/", "/a{1000}{1000}/", &"{a,b}".repeat(40), &"a".repeat(5_000)] {
            assert!(Pattern::parse(bad).is_err(), "{}", &bad[..bad.len().min(40)]);
        }
        assert!(Patterns::parse(&vec!["a".to_owned(); PATTERNS + 1]).is_err());
    }
}
