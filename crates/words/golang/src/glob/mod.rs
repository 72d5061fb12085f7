//! Globs in named dialects: who wrote a pattern decides what it means, so there is no glob without a dialect.
//! Read first: [`Glob`], [`minimatch`], [`doublestar`], [`Ignore`], [`codeowners`]. Every dialect is bounded: matching is linear or works on sets of positions, and never
//! backtracks.

mod braces;
mod codeowners;
mod doublestar;
mod ignore;
mod minimatch;
mod parse;
mod segment;

pub use codeowners::{Forge, codeowners};
pub use doublestar::doublestar;
pub use ignore::Ignore;
pub use minimatch::{MinimatchOptions, minimatch};

use regex::Regex;
use segment::Part;

/// Longest pattern that is read.
const LONGEST: usize = 64 << 10;

/// A compiled pattern of one dialect.
#[derive(Debug, Clone)]
pub struct Glob(Kind);

#[derive(Debug, Clone)]
enum Kind {
    /// Matches no path.
    Nothing,
    /// Compiled to a regular expression.
    Regex(Regex),
    /// Matches what a regular expression does not.
    NotRegex(Regex),
    /// minimatch, whose negation needs more than a regular expression has.
    Segments { negated: bool, alternatives: Vec<Vec<Part>>, dot: bool, nocase: bool },
    /// minimatch's empty pattern.
    Empty { negated: bool },
}

/// A pattern that its dialect, or our bounds, refuse.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{pattern:?} is no {dialect} pattern: {why}")]
pub struct GlobError {
    pattern: String,
    dialect: &'static str,
    why: String,
}

impl GlobError {
    fn new(dialect: &'static str, pattern: &str, why: impl Into<String>) -> Self {
        Self { pattern: pattern.chars().take(200).collect(), dialect, why: why.into() }
    }
}

impl Glob {
    /// Tells whether a path, with `/` between its parts, is matched as a whole. One that would take too much work is not.
    pub fn matches(&self, path: &str) -> bool {
        match &self.0 {
            Kind::Nothing => false,
            Kind::Empty { negated } => path.is_empty() != *negated,
            Kind::Regex(regex) => regex.is_match(path),
            Kind::NotRegex(regex) => !regex.is_match(path),
            Kind::Segments { negated, alternatives, dot, nocase } => {
                minimatch::any_matches(alternatives, path, *dot, *nocase).is_some_and(|hit| hit != *negated)
            }
        }
    }
}
