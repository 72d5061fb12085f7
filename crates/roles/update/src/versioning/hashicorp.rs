//! `hashicorp`: Terraform's constraints, `~> 1.2` and `>= 1.0, != 1.1, < 2.0`. Read first: [`Hashicorp`].

use super::npm::{Npm, npm_versions};
use super::semver_version::{number, word};
use super::{Change, LONGEST, VersionError, Versioning, npm_value};

/// See the module.
#[derive(Debug)]
pub(crate) struct Hashicorp;

/// Most terms of a constraint.
const TERMS: usize = 100;

/// Takes a term apart into its operator and a version that may be cut short; a `v` before the version is dropped.
fn term<'a>(text: &'a str, operators: &[&'static str]) -> Option<(&'static str, &'a str)> {
    let operator = operators.iter().find(|operator| text.starts_with(**operator)).copied().unwrap_or("");
    let rest = text[operator.len()..].trim();
    let rest = rest.strip_prefix('v').unwrap_or(rest);
    version(rest).then_some((operator, rest))
}

/// One to three numbers, a prerelease, a build.
fn version(text: &str) -> bool {
    let (text, build) = text.split_once('+').map_or((text, None), |(text, build)| (text, Some(build)));
    let (main, pre) = text.split_once('-').map_or((text, None), |(main, pre)| (main, Some(pre)));
    let identifier = |part: &str| word(part) && (number(part).is_some() || !part.bytes().all(|byte| byte.is_ascii_digit()));
    main.split('.').count() <= 3
        && main.split('.').all(|part| number(part).is_some())
        && pre.is_none_or(|pre| pre.split('.').all(identifier))
        && build.is_none_or(|build| build.split('.').all(word))
}

/// Writes a constraint as npm does.
fn to_npm(constraint: &str) -> Result<String, VersionError> {
    if constraint.is_empty() {
        return Ok(String::new());
    }
    if constraint.len() > LONGEST || constraint.split(',').count() > TERMS {
        return Err(VersionError::range(constraint));
    }
    let terms = constraint.split(',').map(|text| {
        let found = term(text.trim(), &["<=", ">=", "~>", "<", ">", "="]).ok_or_else(|| VersionError::range(constraint))?;
        Ok(match found {
            ("=", version) => version.to_owned(),
            ("~>", version) => {
                let digits = version.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
                match version.split('.').count() {
                    1 if digits => format!(">={version}"),
                    2 if digits => format!("^{version}"),
                    _ => format!("~{version}"),
                }
            }
            (operator, version) => format!("{operator}{version}"),
        })
    });
    Ok(terms.collect::<Result<Vec<_>, _>>()?.join(" "))
}

/// Writes an npm range as a constraint; not every range can be.
fn from_npm(range: &str) -> Result<String, VersionError> {
    let terms = range.split(' ').map(|text| {
        // Nothing stands between an operator and its version here.
        let found = term(text, &["<=", ">=", "<", ">", "~", "^"]).filter(|_| !text.contains(char::is_whitespace));
        let (operator, version) = found.ok_or_else(|| VersionError::range(range))?;
        let digits = version.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        let numbers: Vec<&str> = version.split('.').collect();
        Ok(match (operator, numbers.as_slice()) {
            ("^" | "~", [_]) if digits => format!("~> {version}.0"),
            ("^", [major, minor, _]) if digits => format!("~> {major}.{minor}"),
            ("~", [_, _]) if digits => format!("~> {version}.0"),
            ("^" | "~", _) => format!("~> {version}"),
            ("", _) => version.to_owned(),
            (operator, _) => format!("{operator} {version}"),
        })
    });
    Ok(terms.collect::<Result<Vec<_>, _>>()?.join(", "))
}

/// Separates the versions that a constraint takes out from the rest of it.
fn excluded(constraint: &str) -> (Vec<&str>, String) {
    let (out, kept): (Vec<&str>, Vec<&str>) = constraint.split(',').map(str::trim).partition(|term| term.starts_with("!="));
    (out.into_iter().map(|term| term[2..].trim()).collect(), kept.join(","))
}

impl Versioning for Hashicorp {
    npm_versions!();

    fn is_valid(&self, text: &str) -> bool {
        !text.is_empty() && to_npm(text).is_ok_and(|range| Npm.is_valid(&range))
    }

    fn is_single_version(&self, text: &str) -> bool {
        Npm.is_single_version(text)
    }

    fn is_stable(&self, version: &str) -> bool {
        Npm.is_stable(version)
    }

    fn matches(&self, version: &str, range: &str) -> bool {
        let (out, kept) = excluded(range);
        !out.contains(&version) && self.is_valid(&kept) && to_npm(&kept).is_ok_and(|range| Npm.matches(version, &range))
    }

    fn newest(&self, versions: &[&str], range: &str) -> Result<Option<String>, VersionError> {
        let (out, kept) = excluded(range);
        let versions: Vec<&str> = versions.iter().copied().filter(|version| !out.contains(version)).collect();
        Npm.newest(&versions, &to_npm(&kept)?)
    }

    fn oldest(&self, versions: &[&str], range: &str) -> Result<Option<String>, VersionError> {
        let (out, kept) = excluded(range);
        let versions: Vec<&str> = versions.iter().copied().filter(|version| !out.contains(version)).collect();
        Npm.oldest(&versions, &to_npm(&kept)?)
    }

    fn new_value(&self, change: &Change<'_>) -> Result<Option<String>, VersionError> {
        let current = to_npm(change.current_value)?;
        let Some(value) = npm_value::new_value(&Change { current_value: &current, ..*change })? else { return Ok(None) };
        if value.is_empty() {
            return Ok(Some(value));
        }
        let value = from_npm(&value)?;
        let marked = change.current_value.starts_with('v') && !value.starts_with('v');
        Ok(Some(if marked { format!("v{value}") } else { value }))
    }
}
