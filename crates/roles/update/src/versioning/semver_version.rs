//! Semantic versions as node-semver reads them. Read first: [`SemVer`].

use std::cmp::Ordering;
use std::fmt;

/// Longest version.
const LONGEST: usize = 256;
/// Greatest number: what JavaScript counts exactly.
const GREATEST: u64 = (1 << 53) - 1;
/// Most digits that [`coerce`] takes for one number.
const DIGITS: usize = 16;

/// A semantic version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SemVer {
    pub major: u64,
    pub minor: u64,
    pub patch: u64,
    pub pre: Vec<Identifier>,
}

/// One part of a prerelease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Identifier {
    Number(u64),
    Word(String),
}

impl SemVer {
    pub(crate) fn new(major: u64, minor: u64, patch: u64) -> Self {
        Self { major, minor, patch, pre: Vec::new() }
    }

    /// Reads `v1.2.3-rc.1+build`; blanks around it do not count.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if text.len() > LONGEST {
            return None;
        }
        let text = text.trim();
        Self::exact(text.strip_prefix('v').unwrap_or(text))
    }

    /// Reads `1.2.3-rc.1+build`.
    fn exact(text: &str) -> Option<Self> {
        let (text, build) = text.split_once('+').map_or((text, None), |(text, build)| (text, Some(build)));
        if build.is_some_and(|build| !build.split('.').all(word)) {
            return None;
        }
        let (main, pre) = text.split_once('-').map_or((text, None), |(main, pre)| (main, Some(pre)));
        let mut numbers = main.split('.').map(number);
        let (major, minor, patch) = (numbers.next()??, numbers.next()??, numbers.next()??);
        if numbers.next().is_some() {
            return None;
        }
        let pre = pre.map_or(Some(Vec::new()), |pre| pre.split('.').map(Identifier::parse).collect())?;
        Some(Self { major, minor, patch, pre })
    }

    pub(crate) fn same_numbers(&self, other: &Self) -> bool {
        (self.major, self.minor, self.patch) == (other.major, other.minor, other.patch)
    }
}

impl fmt::Display for SemVer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}.{}.{}", self.major, self.minor, self.patch)?;
        for (at, part) in self.pre.iter().enumerate() {
            write!(out, "{}{part}", if at == 0 { '-' } else { '.' })?;
        }
        Ok(())
    }
}

impl Ord for SemVer {
    fn cmp(&self, other: &Self) -> Ordering {
        let numbers = (self.major, self.minor, self.patch).cmp(&(other.major, other.minor, other.patch));
        numbers.then_with(|| match (self.pre.is_empty(), other.pre.is_empty()) {
            (false, false) => self.pre.cmp(&other.pre),
            (release, other) => release.cmp(&other),
        })
    }
}

impl PartialOrd for SemVer {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Identifier {
    fn parse(text: &str) -> Option<Self> {
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        if !word(text) || (digits && text.len() > 1 && text.starts_with('0')) {
            return None;
        }
        Some(match text.parse() {
            Ok(number) if digits && number < GREATEST => Self::Number(number),
            _ => Self::Word(text.to_owned()),
        })
    }

    /// Digits that are too many for a number still count as one.
    fn key(&self) -> (bool, usize, &str) {
        match self {
            Self::Number(_) => (false, 0, ""),
            Self::Word(text) if text.bytes().all(|byte| byte.is_ascii_digit()) => (false, text.len(), text),
            Self::Word(text) => (true, 0, text),
        }
    }
}

impl fmt::Display for Identifier {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(out, "{number}"),
            Self::Word(text) => out.write_str(text),
        }
    }
}

impl Ord for Identifier {
    /// Numbers come before words.
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Number(a), Self::Number(b)) => a.cmp(b),
            _ => self.key().cmp(&other.key()),
        }
    }
}

impl PartialOrd for Identifier {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Reads a number without leading zeros.
pub(crate) fn number(text: &str) -> Option<u64> {
    let plain = text == "0" || (!text.starts_with('0') && !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()));
    text.parse().ok().filter(|number| plain && *number <= GREATEST)
}

/// Letters, digits and dashes, at least one.
pub(crate) fn word(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// Finds the first thing in a text that could be a version: up to three numbers with dots between.
pub(crate) fn coerce(text: &str) -> Option<SemVer> {
    let bytes = text.as_bytes();
    let run = |from: usize| bytes[from..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let mut at = 0;
    while at < bytes.len() {
        let length = run(at);
        if (1..=DIGITS).contains(&length) {
            let mut parts = vec![&text[at..at + length]];
            let mut end = at + length;
            while parts.len() < 3 && bytes.get(end) == Some(&b'.') && (1..=DIGITS).contains(&run(end + 1)) {
                let next = end + 1;
                end = next + run(next);
                parts.push(&text[next..end]);
            }
            parts.resize(3, "0");
            return Some(SemVer::new(number(parts[0])?, number(parts[1])?, number(parts[2])?));
        }
        at += length.max(1);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read() {
        for (text, expected) in [
            ("1.2.3", Some("1.2.3")),
            (" v1.2.3-rc.1+b.5 ", Some("1.2.3-rc.1")),
            ("1.2.3--", Some("1.2.3--")),
            ("1.2.3-01", None),
            ("1.2.3-0a", Some("1.2.3-0a")),
            ("1.2.3+", None),
            ("1.2.3-", None),
            ("01.2.3", None),
            ("1.2", None),
            ("1.2.3.4", None),
            ("vv1.2.3", None),
            ("=1.2.3", None),
            ("9007199254740992.0.0", None),
        ] {
            assert_eq!(SemVer::parse(text).map(|version| version.to_string()).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn versions_are_found_in_texts() {
        for (text, expected) in [
            ("v1", Some("1.0.0")),
            ("release-1.2.3", Some("1.2.3")),
            ("1.2.3.4-rc.1", Some("1.2.3")),
            ("1.2rc3", Some("1.2.0")),
            ("sha-0a1b2c3", Some("0.0.0")),
            ("01.2", None),
            ("12345678901234567-4", Some("4.0.0")),
            ("1.12345678901234567", Some("1.0.0")),
            ("main", None),
            ("", None),
            ("\u{e9}7", Some("7.0.0")),
        ] {
            assert_eq!(coerce(text).map(|version| version.to_string()).as_deref(), expected, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn what_is_printed_is_read_again(text in "v?[0-9]{1,3}\\.[0-9]{1,17}\\.[0-9](-[0-9a-z-]{1,4}(\\.[0-9]{1,18}){0,2})?(\\+[a-z]{1,3})?") {
            if let Some(version) = SemVer::parse(&text) {
                proptest::prop_assert_eq!(SemVer::parse(&version.to_string()), Some(version));
            }
        }
    }

    #[test]
    fn prereleases_come_before_their_release() {
        let order = ["1.0.0-1", "1.0.0-2", "1.0.0-9007199254740993", "1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-beta", "1.0.0", "1.0.1-0"];
        let versions: Vec<SemVer> = order.iter().filter_map(|text| SemVer::parse(text)).collect();
        assert!(versions.len() == order.len() && versions.is_sorted());
    }
}
