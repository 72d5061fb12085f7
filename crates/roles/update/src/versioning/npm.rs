//! `npm` and `helm`: semantic versions, and npm's ranges. Read first: [`Npm`].

use std::cmp::Ordering;

use super::npm_value;
use super::semver::{Semver, extreme};
use super::semver_range::Range;
use super::semver_version::SemVer;
use super::{Change, Part, VersionError, Versioning};

/// See the module.
#[derive(Debug)]
pub(crate) struct Npm;

impl Versioning for Npm {
    fn is_valid(&self, text: &str) -> bool {
        Range::npm(text).is_some()
    }

    fn is_version(&self, text: &str) -> bool {
        Semver.is_version(text)
    }

    fn is_single_version(&self, text: &str) -> bool {
        self.is_version(text) || text.strip_prefix('=').is_some_and(|rest| self.is_version(rest.trim()))
    }

    fn is_stable(&self, version: &str) -> bool {
        Semver.is_stable(version)
    }

    fn number(&self, version: &str, part: Part) -> Result<Option<u64>, VersionError> {
        Semver.number(version, part)
    }

    fn compare(&self, a: &str, b: &str) -> Result<Ordering, VersionError> {
        Semver.compare(a, b)
    }

    fn equals(&self, a: &str, b: &str) -> Result<bool, VersionError> {
        Semver.equals(a, b)
    }

    fn is_greater(&self, a: &str, b: &str) -> Result<bool, VersionError> {
        Semver.is_greater(a, b)
    }

    fn matches(&self, version: &str, range: &str) -> bool {
        SemVer::parse(version).is_some_and(|version| Range::npm(range).is_some_and(|range| range.contains(&version)))
    }

    fn newest(&self, versions: &[&str], range: &str) -> Result<Option<String>, VersionError> {
        Ok(extreme(versions, Range::npm(range).as_ref(), Ordering::Greater).map(str::to_owned))
    }

    fn oldest(&self, versions: &[&str], range: &str) -> Result<Option<String>, VersionError> {
        Ok(extreme(versions, Range::npm(range).as_ref(), Ordering::Less).map(str::to_owned))
    }

    fn new_value(&self, change: &Change<'_>) -> Result<Option<String>, VersionError> {
        npm_value::new_value(change)
    }
}

/// What schemes with npm's versions and other ranges have in common with it.
macro_rules! npm_versions {
    () => {
        fn is_version(&self, text: &str) -> bool {
            $crate::versioning::npm::Npm.is_version(text)
        }

        fn number(&self, version: &str, part: $crate::versioning::Part) -> Result<Option<u64>, $crate::versioning::VersionError> {
            $crate::versioning::npm::Npm.number(version, part)
        }

        fn compare(&self, a: &str, b: &str) -> Result<std::cmp::Ordering, $crate::versioning::VersionError> {
            $crate::versioning::npm::Npm.compare(a, b)
        }

        fn equals(&self, a: &str, b: &str) -> Result<bool, $crate::versioning::VersionError> {
            $crate::versioning::npm::Npm.equals(a, b)
        }

        fn is_greater(&self, a: &str, b: &str) -> Result<bool, $crate::versioning::VersionError> {
            $crate::versioning::npm::Npm.is_greater(a, b)
        }
    };
}

pub(crate) use npm_versions;
