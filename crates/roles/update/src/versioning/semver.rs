//! `semver` and `gomod`: strict semantic versions, one leading `v` allowed. Read first: [`Semver`].

use std::cmp::Ordering;

use super::semver_range::Range;
use super::semver_version::SemVer;
use super::{Change, Part, VersionError, Versioning, plain_value};

/// See the module.
#[derive(Debug)]
pub(crate) struct Semver;

/// Reads a version that has to be one.
pub(crate) fn version(text: &str) -> Result<SemVer, VersionError> {
    SemVer::parse(text).ok_or_else(|| VersionError::version(text))
}

impl SemVer {
    pub(crate) fn part(&self, part: Part) -> u64 {
        match part {
            Part::Major => self.major,
            Part::Minor => self.minor,
            Part::Patch => self.patch,
        }
    }
}

/// Returns the greatest version that is in a range, or the smallest one; of equal ones the first.
pub(crate) fn extreme<'a>(versions: &[&'a str], range: Option<&Range>, wanted: Ordering) -> Option<&'a str> {
    let mut best: Option<(SemVer, &str)> = None;
    for text in versions {
        let Some(version) = SemVer::parse(text).filter(|version| range.is_some_and(|range| range.contains(version))) else { continue };
        if best.as_ref().is_none_or(|(best, _)| version.cmp(best) == wanted) {
            best = Some((version, text));
        }
    }
    best.map(|(_, text)| text)
}

impl Versioning for Semver {
    fn is_valid(&self, text: &str) -> bool {
        SemVer::parse(text).is_some()
    }

    /// Blanks around a version make it unstable.
    fn is_stable(&self, version: &str) -> bool {
        version.trim().len() == version.len() && SemVer::parse(version).is_some_and(|version| version.pre.is_empty())
    }

    fn number(&self, text: &str, part: Part) -> Result<Option<u64>, VersionError> {
        version(text).map(|version| Some(version.part(part)))
    }

    fn compare(&self, a: &str, b: &str) -> Result<Ordering, VersionError> {
        Ok(version(a)?.cmp(&version(b)?))
    }

    fn equals(&self, a: &str, b: &str) -> Result<bool, VersionError> {
        self.compare(a, b).map(Ordering::is_eq)
    }

    fn is_greater(&self, a: &str, b: &str) -> Result<bool, VersionError> {
        self.compare(a, b).map(Ordering::is_gt)
    }

    fn matches(&self, version: &str, range: &str) -> bool {
        SemVer::parse(version).is_some_and(|version| Range::parse(range).is_some_and(|range| range.contains(&version)))
    }

    fn newest(&self, versions: &[&str], range: &str) -> Result<Option<String>, VersionError> {
        Ok(extreme(versions, Range::parse(range).as_ref(), Ordering::Greater).map(str::to_owned))
    }

    fn oldest(&self, versions: &[&str], range: &str) -> Result<Option<String>, VersionError> {
        Ok(extreme(versions, Range::parse(range).as_ref(), Ordering::Less).map(str::to_owned))
    }

    fn new_value(&self, change: &Change<'_>) -> Result<Option<String>, VersionError> {
        Ok(Some(plain_value(change)))
    }
}
