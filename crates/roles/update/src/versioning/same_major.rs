//! `same-major`: a version stands for itself and everything later of its major version. Read first: [`SameMajor`].

use std::cmp::Ordering;

use super::semver_coerced::SemverCoerced;
use super::{Change, Part, VersionError, Versioning};

/// See the module.
#[derive(Debug)]
pub(crate) struct SameMajor;

/// `1.2.3` means `>=1.2.3 <2`; a range stays.
fn range(text: &str) -> String {
    if !SemverCoerced.is_single_version(text) {
        return text.to_owned();
    }
    let major = SemverCoerced.number(text, Part::Major).ok().flatten().unwrap_or(0);
    format!(">={text} <{}", major + 1)
}

impl Versioning for SameMajor {
    fn is_valid(&self, text: &str) -> bool {
        SemverCoerced.is_valid(text)
    }

    fn is_single_version(&self, text: &str) -> bool {
        SemverCoerced.is_single_version(text)
    }

    fn is_stable(&self, version: &str) -> bool {
        SemverCoerced.is_stable(version)
    }

    fn number(&self, version: &str, part: Part) -> Result<Option<u64>, VersionError> {
        SemverCoerced.number(version, part)
    }

    fn compare(&self, a: &str, b: &str) -> Result<Ordering, VersionError> {
        SemverCoerced.compare(a, b)
    }

    fn equals(&self, a: &str, b: &str) -> Result<bool, VersionError> {
        SemverCoerced.equals(a, b)
    }

    /// Only another major version is greater; major version 0 never takes part.
    fn is_greater(&self, a: &str, b: &str) -> Result<bool, VersionError> {
        let major = |text: &str| SemverCoerced.number(text, Part::Major).ok().flatten().filter(|major| *major > 0);
        Ok(major(a).zip(major(b)).is_some_and(|(a, b)| a > b))
    }

    fn matches(&self, version: &str, text: &str) -> bool {
        SemverCoerced.matches(version, &range(text))
    }

    fn newest(&self, versions: &[&str], text: &str) -> Result<Option<String>, VersionError> {
        SemverCoerced.newest(versions, &range(text))
    }

    fn oldest(&self, versions: &[&str], text: &str) -> Result<Option<String>, VersionError> {
        SemverCoerced.oldest(versions, &range(text))
    }

    fn new_value(&self, change: &Change<'_>) -> Result<Option<String>, VersionError> {
        SemverCoerced.new_value(change)
    }
}
