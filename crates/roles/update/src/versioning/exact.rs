//! `exact`: any text; only the same text is compatible with it.

use std::cmp::Ordering;

use super::{Change, Part, VersionError, Versioning};

/// See the module.
#[derive(Debug)]
pub(crate) struct Exact;

impl Versioning for Exact {
    fn is_valid(&self, text: &str) -> bool {
        !text.is_empty()
    }

    fn is_stable(&self, _: &str) -> bool {
        true
    }

    fn is_compatible(&self, version: &str, current: &str) -> bool {
        version == current
    }

    fn number(&self, _: &str, _: Part) -> Result<Option<u64>, VersionError> {
        Ok(None)
    }

    fn compare(&self, _: &str, _: &str) -> Result<Ordering, VersionError> {
        Ok(Ordering::Equal)
    }

    fn equals(&self, a: &str, b: &str) -> Result<bool, VersionError> {
        Ok(a == b)
    }

    fn is_greater(&self, _: &str, _: &str) -> Result<bool, VersionError> {
        Ok(false)
    }

    fn matches(&self, version: &str, range: &str) -> bool {
        version == range
    }

    fn newest(&self, versions: &[&str], range: &str) -> Result<Option<String>, VersionError> {
        Ok(versions.contains(&range).then(|| range.to_owned()))
    }

    fn oldest(&self, versions: &[&str], range: &str) -> Result<Option<String>, VersionError> {
        self.newest(versions, range)
    }

    fn new_value(&self, change: &Change<'_>) -> Result<Option<String>, VersionError> {
        Ok(Some(change.current_value.to_owned()))
    }
}
