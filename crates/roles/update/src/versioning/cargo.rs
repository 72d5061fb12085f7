//! `cargo`: npm's ranges with commas between, where a plain version means what a caret means. Read first: [`Cargo`].

use super::npm::{Npm, npm_versions};
use super::{Change, LONGEST, Strategy, VersionError, Versioning, npm_value};

/// See the module.
#[derive(Debug)]
pub(crate) struct Cargo;

fn to_npm(range: &str) -> String {
    let terms = range.split(',').take(LONGEST).map(|term| {
        let plain = ["", ".0", ".0.0"].iter().any(|end| Npm.is_version(&format!("{term}{end}")));
        format!("{}{}", if plain { "^" } else { "" }, term.trim())
    });
    terms.collect::<Vec<_>>().join(" ")
}

/// Writes an npm range as cargo does: commas between, operators where they belong.
fn from_npm(range: &str) -> String {
    let mut terms: Vec<String> = Vec::new();
    // A comma separates only where a blank is beside it.
    for term in range.split_whitespace().map(|term| term.trim_matches(',')).filter(|term| !term.is_empty()) {
        match terms.last_mut() {
            Some(last) if matches!(last.as_str(), "^" | "~" | "=" | ">" | "<" | "<=" | ">=") => last.push_str(&format!(" {term}")),
            _ => terms.push(term.to_owned()),
        }
    }
    terms.join(", ")
}

/// Cuts a version to as many numbers as another text has.
fn cut(text: &str, like: &str) -> String {
    text.split('.').take(like.split('.').count()).collect::<Vec<_>>().join(".")
}

impl Versioning for Cargo {
    npm_versions!();

    fn is_valid(&self, text: &str) -> bool {
        Npm.is_valid(&to_npm(text))
    }

    fn is_single_version(&self, text: &str) -> bool {
        text.trim().strip_prefix('=').is_some_and(|rest| Npm.is_version(rest.trim()))
    }

    fn is_stable(&self, version: &str) -> bool {
        Npm.is_stable(version)
    }

    fn matches(&self, version: &str, range: &str) -> bool {
        Npm.matches(version, &to_npm(range))
    }

    fn newest(&self, versions: &[&str], range: &str) -> Result<Option<String>, VersionError> {
        Npm.newest(versions, &to_npm(range))
    }

    fn oldest(&self, versions: &[&str], range: &str) -> Result<Option<String>, VersionError> {
        Npm.oldest(versions, &to_npm(range))
    }

    fn new_value(&self, change: &Change<'_>) -> Result<Option<String>, VersionError> {
        let (current, new) = (change.current_value, change.new_version);
        if current.is_empty() || current == "*" {
            return Ok(Some(current.to_owned()));
        }
        let numbers = current.split('.').all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()));
        if change.strategy == Strategy::Bump && numbers {
            return Ok(Some(new.to_owned()));
        }
        if self.is_single_version(current) {
            return Ok(Some(format!("={}{new}", if current.starts_with("= ") { " " } else { "" })));
        }
        if change.strategy == Strategy::Replace && self.matches(new, current) {
            return Ok(Some(current.to_owned()));
        }
        let npm = to_npm(current);
        let value = npm_value::new_value(&Change { current_value: &npm, ..*change })?.filter(|value| !value.is_empty());
        let Some(mut value) = value.map(|value| from_npm(&value)).filter(|value| !value.is_empty()) else {
            return Ok(Some(current.to_owned()));
        };
        let longer = value.split('.').count() > current.split('.').count();
        if current.starts_with(['~', '^']) && change.strategy == Strategy::Replace && longer {
            value = cut(&value, current);
        }
        if let Some(plain) = value.strip_prefix('^').filter(|_| !current.starts_with('^')) {
            value = cut(plain, current);
        }
        Ok(Some(value))
    }
}
