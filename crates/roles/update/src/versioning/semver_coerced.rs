//! `semver-coerced`: a semantic version is looked for in any text. The default for Git tags. Read first: [`SemverCoerced`].

use std::cmp::Ordering;

use super::semver::{Semver, extreme};
use super::semver_range::Range;
use super::semver_version::{SemVer, coerce};
use super::{Change, LONGEST, Part, VersionError, Versioning, plain_value};

/// See the module.
#[derive(Debug)]
pub(crate) struct SemverCoerced;

fn found(text: &str) -> Option<SemVer> {
    (text.len() <= LONGEST).then(|| coerce(text)).flatten()
}

fn both(a: &str, b: &str) -> Option<Ordering> {
    Some(found(a)?.cmp(&found(b)?))
}

impl Versioning for SemverCoerced {
    fn is_valid(&self, text: &str) -> bool {
        found(text).is_some()
    }

    fn is_single_version(&self, text: &str) -> bool {
        text.starts_with(|c: char| c == 'v' || c.is_ascii_digit()) && self.is_valid(text)
    }

    /// Missing numbers are filled in, then it is a semantic version without a prerelease, or it is not stable.
    fn is_stable(&self, version: &str) -> bool {
        let mut rest = version.strip_prefix('v').unwrap_or(version);
        let mut fixed = String::new();
        for at in 0..3 {
            let part = if at == 0 { Some(rest) } else { rest.strip_prefix('.') };
            let end = part.map_or(0, |part| part.find(|c: char| !c.is_ascii_digit()).unwrap_or(part.len()));
            match part {
                Some(part) if end > 0 => {
                    fixed.push_str(&format!("{}{}", if at == 0 { "" } else { "." }, &part[..end]));
                    rest = &part[end..];
                }
                _ if at == 0 => return false,
                _ => fixed.push_str(".0"),
            }
        }
        Semver.is_stable(&(fixed + rest))
    }

    fn number(&self, version: &str, part: Part) -> Result<Option<u64>, VersionError> {
        Ok(found(version).map(|version| version.part(part)))
    }

    /// What no version is found in is equal to everything.
    fn compare(&self, a: &str, b: &str) -> Result<Ordering, VersionError> {
        Ok(both(a, b).unwrap_or(Ordering::Equal))
    }

    fn equals(&self, a: &str, b: &str) -> Result<bool, VersionError> {
        Ok(both(a, b).is_some_and(Ordering::is_eq))
    }

    fn is_greater(&self, a: &str, b: &str) -> Result<bool, VersionError> {
        Ok(both(a, b).is_some_and(Ordering::is_gt))
    }

    fn matches(&self, version: &str, range: &str) -> bool {
        found(version).is_some_and(|version| Range::parse(range).is_some_and(|range| range.contains(&version)))
    }

    /// Versions that are semantic already stay as they are written.
    fn newest(&self, versions: &[&str], range: &str) -> Result<Option<String>, VersionError> {
        let plain =
            |text: &&str| SemVer::parse(text).map(|_| (*text).to_owned()).or_else(|| found(text).map(|version| version.to_string()));
        let all: Vec<String> = versions.iter().filter_map(plain).collect();
        let all: Vec<&str> = all.iter().map(String::as_str).collect();
        Ok(extreme(&all, Range::parse(range).as_ref(), Ordering::Greater).map(str::to_owned))
    }

    fn oldest(&self, versions: &[&str], range: &str) -> Result<Option<String>, VersionError> {
        let all: Vec<String> = versions.iter().filter_map(|text| found(text)).map(|version| version.to_string()).collect();
        let all: Vec<&str> = all.iter().map(String::as_str).collect();
        Ok(extreme(&all, Range::parse(range).as_ref(), Ordering::Less).map(str::to_owned))
    }

    fn new_value(&self, change: &Change<'_>) -> Result<Option<String>, VersionError> {
        Ok(Some(plain_value(change)))
    }
}
