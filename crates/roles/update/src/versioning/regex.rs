//! `regex:…`: an expression of one's own, whose groups say what is what. Read first: [`Expression`].

use std::cmp::Ordering;

use super::generic::{by_zeros, digits, prereleases, told};
use super::sort::stable;
use super::{Change, LONGEST, Part, VersionError, Versioning, plain_value};
use crate::expression::expression;

/// Most comparisons of a range.
const COMPARISONS: usize = 50;
/// The longer ones first, so that none is cut short.
const OPERATORS: [&str; 6] = ["<=", ">=", "==", "<", ">", "="];

/// See the module. Besides single versions it knows ranges of comparisons: `>=1.0 <2.0`.
#[derive(Debug)]
pub(crate) struct Expression {
    expression: ::regex::Regex,
}

struct Groups<'a> {
    release: Vec<u128>,
    prerelease: Option<&'a str>,
    compatibility: Option<&'a str>,
}

impl Expression {
    pub(crate) fn new(setting: Option<&str>) -> Result<Self, String> {
        let text = setting.unwrap_or("^(?<major>\\d+)?$");
        if !["<major>", "<minor>", "<patch>"].iter().any(|group| text.contains(group)) {
            return Err("it needs a group major, minor or patch".to_owned());
        }
        expression(text).map(|expression| Self { expression })
    }

    fn parse<'a>(&self, text: &'a str) -> Option<Groups<'a>> {
        if text.len() > LONGEST {
            return None;
        }
        let captures = self.expression.captures(text)?;
        let group = |name: &str| captures.name(name).map(|group| group.as_str());
        let mut release: Vec<u128> = ["major", "minor", "patch"].iter().map(|name| number(group(name).unwrap_or("0"))).collect();
        if let Some(build) = group("build").filter(|build| !build.is_empty()) {
            release.push(number(build));
            release.extend(group("revision").filter(|revision| !revision.is_empty()).map(number));
        }
        Some(Groups { release, prerelease: group("prerelease"), compatibility: group("compatibility") })
    }

    /// Reads `>=1.0 <2.0`; `None` when it is no such range.
    fn range<'a>(&self, text: &'a str) -> Option<Vec<(&'static str, &'a str)>> {
        let terms: Vec<&str> = text.trim().split(|c: char| c.is_whitespace() || c == ',').collect();
        // Blanks and commas in a row are one separator, at the ends they are not.
        let empty_end = terms.first().is_none_or(|term| term.is_empty()) || terms.last().is_none_or(|term| term.is_empty());
        if text.len() > LONGEST || terms.len() > COMPARISONS || empty_end {
            return None;
        }
        let comparison = |term: &&'a str| {
            let operator = OPERATORS.into_iter().find(|operator| term.starts_with(operator))?;
            let version = &term[operator.len()..];
            self.is_version(version).then_some((operator, version))
        };
        terms.iter().filter(|term| !term.is_empty()).map(comparison).collect()
    }

    fn in_range(&self, version: &str, range: &[(&str, &str)]) -> bool {
        range.iter().all(|(operator, limit)| {
            let order = self.order(version, limit);
            match *operator {
                "<" => order.is_lt(),
                "<=" => order.is_le(),
                ">" => order.is_gt(),
                ">=" => order.is_ge(),
                _ => order.is_eq(),
            }
        })
    }

    fn order(&self, a: &str, b: &str) -> Ordering {
        match (self.parse(a), self.parse(b)) {
            (Some(a), Some(b)) => by_zeros(&a.release, &b.release)
                .then_with(|| prereleases(a.prerelease.unwrap_or_default(), b.prerelease.unwrap_or_default())),
            _ => Ordering::Greater,
        }
    }

    fn within<'a>(&self, versions: &[&'a str], range: &str) -> Option<Vec<&'a str>> {
        let range = self.range(range)?;
        let found = versions.iter().copied().filter(|version| self.in_range(version, &range)).collect();
        stable(found, &|a: &&str, b: &&str| Ok(self.order(a, b))).ok()
    }
}

/// Reads the digits at the start, as JavaScript does.
fn number(text: &str) -> u128 {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    digits(&text[..end])
}

impl Versioning for Expression {
    fn is_valid(&self, text: &str) -> bool {
        self.is_version(text) || self.range(text).is_some()
    }

    fn is_version(&self, text: &str) -> bool {
        self.parse(text).is_some()
    }

    fn is_single_version(&self, text: &str) -> bool {
        match self.range(text) {
            Some(range) => matches!(range.as_slice(), [("=" | "==", _)]),
            None => self.is_version(text),
        }
    }

    fn is_stable(&self, version: &str) -> bool {
        self.parse(version).is_some_and(|groups| groups.prerelease.unwrap_or_default().is_empty())
    }

    fn is_compatible(&self, version: &str, current: &str) -> bool {
        self.parse(version).is_some_and(|version| version.compatibility == self.parse(current).and_then(|groups| groups.compatibility))
    }

    fn number(&self, version: &str, part: Part) -> Result<Option<u64>, VersionError> {
        Ok(self.parse(version).map(|groups| told(groups.release[part.at()])))
    }

    fn compare(&self, a: &str, b: &str) -> Result<Ordering, VersionError> {
        Ok(self.order(a, b))
    }

    fn equals(&self, a: &str, b: &str) -> Result<bool, VersionError> {
        Ok(self.order(a, b).is_eq())
    }

    fn is_greater(&self, a: &str, b: &str) -> Result<bool, VersionError> {
        Ok(self.order(a, b).is_gt())
    }

    fn matches(&self, version: &str, range: &str) -> bool {
        match self.range(range) {
            Some(range) => self.in_range(version, &range),
            None => self.order(version, range).is_eq(),
        }
    }

    fn newest(&self, versions: &[&str], range: &str) -> Result<Option<String>, VersionError> {
        let found = match self.within(versions, range) {
            Some(sorted) => sorted.last().copied(),
            None => versions.iter().copied().find(|version| self.order(version, range).is_eq()),
        };
        Ok(found.map(str::to_owned))
    }

    fn oldest(&self, versions: &[&str], range: &str) -> Result<Option<String>, VersionError> {
        let found = match self.within(versions, range) {
            Some(sorted) => sorted.first().copied(),
            None => versions.iter().copied().find(|version| self.order(version, range).is_eq()),
        };
        Ok(found.map(str::to_owned))
    }

    fn new_value(&self, change: &Change<'_>) -> Result<Option<String>, VersionError> {
        Ok(Some(plain_value(change)))
    }
}
