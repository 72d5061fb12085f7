//! What schemes of the form "numbers, then a word" share. Read first: [`Generic`].

use std::cmp::Ordering;

use super::collate::collate_numbers;
use super::sort::stable;
use super::{Change, Part, VersionError, Versioning, plain_value};

/// A version taken apart.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Parsed<'a> {
    /// Its numbers.
    pub release: Vec<u128>,
    /// The word that makes it a prerelease; empty when it is none.
    pub prerelease: &'a str,
    /// What has to stay the same.
    pub suffix: Option<&'a str>,
}

/// A scheme whose versions are numbers and a word.
pub(crate) trait Generic: std::fmt::Debug + Send + Sync {
    fn parse<'a>(&self, text: &'a str) -> Option<Parsed<'a>>;

    /// Missing numbers are zeros; a prerelease comes before its release.
    fn order(&self, a: &Parsed<'_>, b: &Parsed<'_>) -> Ordering {
        by_zeros(&a.release, &b.release).then_with(|| prereleases(a.prerelease, b.prerelease))
    }

    fn compatible(&self, _version: &Parsed<'_>, _current: Option<&Parsed<'_>>) -> bool {
        true
    }

    fn title(&self, value: &str) -> String {
        value.to_owned()
    }
}

/// Compares numbers; a missing one is a zero.
pub(crate) fn by_zeros(a: &[u128], b: &[u128]) -> Ordering {
    let at = |list: &[u128], at: usize| list.get(at).copied().unwrap_or(0);
    (0..a.len().max(b.len())).map(|i| at(a, i).cmp(&at(b, i))).find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
}

/// Compares prereleases; none is the greatest.
pub(crate) fn prereleases(a: &str, b: &str) -> Ordering {
    match (a.is_empty(), b.is_empty()) {
        (false, false) => collate_numbers(a, b),
        (no_a, no_b) => no_a.cmp(&no_b),
    }
}

/// Reads a number made of digits; more than 38 of them are as large as it gets.
pub(crate) fn digits(text: &str) -> u128 {
    text.parse().unwrap_or(if text.is_empty() { 0 } else { u128::MAX })
}

/// Returns a number as it is told.
pub(crate) fn told(number: u128) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

/// Returns the numbers of `1.2.3`; `None` when something else is in it.
pub(crate) fn dotted(text: &str) -> Option<Vec<u128>> {
    let number = |part: &str| (!part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit())).then(|| digits(part));
    text.split('.').map(number).collect()
}

/// Tells whether a text looks like the start of a commit's name rather than a version.
pub(crate) fn commit(text: &str) -> bool {
    let hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    (7..=40).contains(&text.len()) && text.bytes().all(hex) && !text.bytes().all(|byte| byte.is_ascii_digit())
}

impl<T: Generic> Versioning for T {
    fn is_valid(&self, text: &str) -> bool {
        self.parse(text).is_some()
    }

    fn is_stable(&self, version: &str) -> bool {
        self.parse(version).is_some_and(|parsed| parsed.prerelease.is_empty())
    }

    fn is_compatible(&self, version: &str, current: &str) -> bool {
        self.parse(version).is_some_and(|version| self.compatible(&version, self.parse(current).as_ref()))
    }

    fn number(&self, version: &str, part: Part) -> Result<Option<u64>, VersionError> {
        Ok(self.parse(version).and_then(|parsed| parsed.release.get(part.at()).map(|number| told(*number))))
    }

    /// What is no version is greater than everything.
    fn compare(&self, a: &str, b: &str) -> Result<Ordering, VersionError> {
        Ok(match (self.parse(a), self.parse(b)) {
            (Some(a), Some(b)) => self.order(&a, &b),
            _ => Ordering::Greater,
        })
    }

    fn equals(&self, a: &str, b: &str) -> Result<bool, VersionError> {
        self.compare(a, b).map(Ordering::is_eq)
    }

    fn is_greater(&self, a: &str, b: &str) -> Result<bool, VersionError> {
        self.compare(a, b).map(Ordering::is_gt)
    }

    fn matches(&self, version: &str, range: &str) -> bool {
        self.equals(version, range) == Ok(true)
    }

    fn newest(&self, versions: &[&str], range: &str) -> Result<Option<String>, VersionError> {
        Ok(versions.iter().find(|version| self.matches(version, range)).map(|version| (*version).to_owned()))
    }

    fn oldest(&self, versions: &[&str], range: &str) -> Result<Option<String>, VersionError> {
        self.newest(versions, range)
    }

    fn new_value(&self, change: &Change<'_>) -> Result<Option<String>, VersionError> {
        Ok(Some(plain_value(change)))
    }

    fn shown(&self, value: &str) -> String {
        self.title(value)
    }

    /// Takes each version apart once, and not at every comparison.
    fn sort(&self, versions: &mut Vec<String>) -> Result<(), VersionError> {
        let all = std::mem::take(versions);
        let keys: Vec<Option<Parsed<'_>>> = all.iter().map(|version| self.parse(version)).collect();
        // Places are sorted, because they are lighter than what is at them.
        let places = stable((0..all.len()).collect(), &|a: &usize, b: &usize| {
            Ok(match (&keys[*a], &keys[*b]) {
                (Some(a), Some(b)) => self.order(a, b),
                _ => Ordering::Greater,
            })
        })?;
        drop(keys);
        let mut all: Vec<Option<String>> = all.into_iter().map(Some).collect();
        versions.extend(places.into_iter().filter_map(|place| all[place].take()));
        Ok(())
    }
}
