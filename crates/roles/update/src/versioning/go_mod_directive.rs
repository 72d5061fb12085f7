//! `go-mod-directive`: the `go` line of a `go.mod`; `1.21` takes in every later Go 1. Read first: [`GoModDirective`].

use super::npm::{Npm, npm_versions};
use super::{Change, Strategy, VersionError, Versioning};

/// See the module.
#[derive(Debug)]
pub(crate) struct GoModDirective;

fn caret(range: &str) -> String {
    format!("^{range}")
}

impl Versioning for GoModDirective {
    npm_versions!();

    fn is_valid(&self, text: &str) -> bool {
        let numbers = text.split('.').filter(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()));
        let parts = text.split('.').count();
        (2..=3).contains(&parts) && numbers.count() == parts
    }

    fn is_single_version(&self, text: &str) -> bool {
        Npm.is_single_version(text)
    }

    fn is_stable(&self, version: &str) -> bool {
        Npm.is_stable(version)
    }

    fn matches(&self, version: &str, range: &str) -> bool {
        Npm.matches(version, &caret(range))
    }

    fn newest(&self, versions: &[&str], range: &str) -> Result<Option<String>, VersionError> {
        Npm.newest(versions, &caret(range))
    }

    fn oldest(&self, versions: &[&str], range: &str) -> Result<Option<String>, VersionError> {
        Npm.oldest(versions, &caret(range))
    }

    /// Since Go 1.20 the line may name a patch version.
    fn new_value(&self, change: &Change<'_>) -> Result<Option<String>, VersionError> {
        let (current, new) = (change.current_value, change.new_version);
        Ok(Some(match change.strategy {
            Strategy::Bump if Npm.matches(new, ">=1.20.0") => new.to_owned(),
            Strategy::Bump => new.split('.').take(2).collect::<Vec<_>>().join("."),
            Strategy::Replace if !self.matches(new, current) => new.to_owned(),
            _ => current.to_owned(),
        }))
    }
}
