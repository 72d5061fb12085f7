//! `github-actions`: tags that move, `v4` and `v4.1`, beside full versions. Read first: [`GithubActions`].

use std::cmp::Ordering;

use super::collate::collate_numbers;
use super::semver_version::{SemVer, coerce};
use super::sort::stable;
use super::{Change, LONGEST, Part, Strategy, VersionError, Versioning};

/// See the module.
#[derive(Debug)]
pub(crate) struct GithubActions;

/// What a moving tag takes in: a major version, or a minor one.
type Moving = (u64, Option<u64>);

fn plain(text: &str) -> &str {
    let text = text.trim();
    text.strip_prefix(['v', 'V']).unwrap_or(text)
}

/// Reads a full version; `1.2-rc.1` counts as one.
fn full(text: &str) -> Option<SemVer> {
    let text = plain(text);
    SemVer::parse(text).or_else(|| {
        let (main, pre) = text.split_once('-')?;
        let (major, minor) = main.split_once('.')?;
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        (digits(major) && digits(minor) && !pre.is_empty()).then(|| SemVer::parse(&format!("{main}.0-{pre}"))).flatten()
    })
}

fn moving(text: &str) -> Option<Moving> {
    let text = plain(text);
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let whole = text.split('.').count() <= 2 && text.split('.').all(digits);
    let version = whole.then(|| coerce(text)).flatten()?;
    Some((version.major, text.contains('.').then_some(version.minor)))
}

fn any(text: &str) -> Option<SemVer> {
    if text.len() > LONGEST {
        return None;
    }
    full(text).or_else(|| {
        let text = plain(text);
        text.starts_with(|c: char| c.is_ascii_digit()).then(|| coerce(text)).flatten()
    })
}

/// Tells whether a version is the text of a range, or is in what a moving tag takes in.
fn within(version: &str, range: &str) -> bool {
    if any(version).is_some() && plain(version) == plain(range) {
        return true;
    }
    let Some(version) = full(version) else { return false };
    if let Some(range) = full(range) {
        return version == range || version.cmp(&range).is_eq();
    }
    let fits = |(major, minor): Moving| version.major == major && minor.is_none_or(|minor| version.minor == minor);
    version.pre.is_empty() && moving(range).is_some_and(fits)
}

fn order(a: &str, b: &str) -> Ordering {
    match (any(a), any(b)) {
        (Some(first), Some(second)) => first.cmp(&second).then_with(|| collate_numbers(a, b)),
        _ => Ordering::Equal,
    }
}

fn ordered<'a>(versions: &[&'a str]) -> Result<Vec<&'a str>, VersionError> {
    stable(versions.to_vec(), &|a: &&str, b: &&str| Ok(order(a, b)))
}

impl Versioning for GithubActions {
    fn is_valid(&self, text: &str) -> bool {
        text.len() <= LONGEST && (full(text).is_some() || moving(text).is_some())
    }

    fn is_single_version(&self, text: &str) -> bool {
        text.len() <= LONGEST && full(text).is_some()
    }

    fn is_stable(&self, version: &str) -> bool {
        any(version).is_some_and(|version| version.pre.is_empty())
    }

    fn number(&self, version: &str, part: Part) -> Result<Option<u64>, VersionError> {
        Ok(any(version).map(|version| version.part(part)))
    }

    fn compare(&self, a: &str, b: &str) -> Result<Ordering, VersionError> {
        Ok(order(a, b))
    }

    fn equals(&self, a: &str, b: &str) -> Result<bool, VersionError> {
        Ok(any(a).zip(any(b)).is_some_and(|(a, b)| a.cmp(&b).is_eq()))
    }

    fn is_greater(&self, a: &str, b: &str) -> Result<bool, VersionError> {
        Ok(any(a).zip(any(b)).is_some_and(|(a, b)| a > b))
    }

    fn matches(&self, version: &str, range: &str) -> bool {
        range.len() <= LONGEST && within(version, range)
    }

    fn newest(&self, versions: &[&str], range: &str) -> Result<Option<String>, VersionError> {
        Ok(ordered(versions)?.into_iter().rev().find(|version| self.matches(version, range)).map(str::to_owned))
    }

    fn oldest(&self, versions: &[&str], range: &str) -> Result<Option<String>, VersionError> {
        Ok(ordered(versions)?.into_iter().find(|version| self.matches(version, range)).map(str::to_owned))
    }

    /// A moving tag stays one, as long as before.
    fn new_value(&self, change: &Change<'_>) -> Result<Option<String>, VersionError> {
        let (current, new) = (change.current_value, change.new_version);
        let Some((_, minor)) = moving(current).filter(|_| change.strategy != Strategy::Pin) else { return Ok(Some(new.to_owned())) };
        let Some(version) = full(new) else { return Ok(Some(new.to_owned())) };
        let marks = &current[..current.find(plain(current)).unwrap_or(0)];
        Ok(Some(match minor {
            None => format!("{marks}{}", version.major),
            Some(_) => format!("{marks}{}.{}", version.major, version.minor),
        }))
    }
}
