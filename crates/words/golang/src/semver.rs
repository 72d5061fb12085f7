//! Versions and constraints as github.com/Masterminds/semver/v3 has them (`version.go`, `constraints.go`).

use std::cmp::Ordering;
use std::fmt;

/// A semantic version; the text it was read from is kept.
#[derive(Debug, Clone)]
pub struct Version {
    /// Major number.
    pub major: u64,
    /// Minor number.
    pub minor: u64,
    /// Patch number.
    pub patch: u64,
    /// What stands behind `-`, without it.
    pub pre: String,
    /// What stands behind `+`, without it.
    pub metadata: String,
    original: String,
}

impl Version {
    /// Reads leniently: a leading `v`, missing parts and leading zeros are allowed.
    pub fn lenient(text: &str) -> Option<Self> {
        Self::parse(text, text.strip_prefix('v').unwrap_or(text), false)
    }

    /// Reads leniently, and says why a text is no version, in upstream's words.
    pub fn parse_lenient(text: &str) -> Result<Self, &'static str> {
        Self::lenient(text).ok_or("Invalid Semantic Version")
    }

    /// Reads strictly: three numbers without leading zeros, no `v`.
    pub fn strict(text: &str) -> Option<Self> {
        Self::parse(text, text, true)
    }

    /// Returns the next major version, without pre-release and metadata.
    pub fn next_major(&self) -> Self {
        self.with(self.major.saturating_add(1), 0, 0)
    }

    /// Returns the next minor version, without pre-release and metadata.
    pub fn next_minor(&self) -> Self {
        self.with(self.major, self.minor.saturating_add(1), 0)
    }

    /// Returns the next patch version; that of a pre-release is the release itself.
    pub fn next_patch(&self) -> Self {
        let patch = if self.pre.is_empty() { self.patch.saturating_add(1) } else { self.patch };
        self.with(self.major, self.minor, patch)
    }

    fn with(&self, major: u64, minor: u64, patch: u64) -> Self {
        let prefix = if self.original.starts_with('v') { "v" } else { "" };
        let original = format!("{prefix}{major}.{minor}.{patch}");
        Self { major, minor, patch, pre: String::new(), metadata: String::new(), original }
    }

    /// Returns the text this version was read from.
    pub fn original(&self) -> &str {
        &self.original
    }

    fn parse(original: &str, text: &str, strict: bool) -> Option<Self> {
        if text.is_empty() || text.len() > 256 {
            return None;
        }
        let (text, metadata) = text.split_once('+').map_or((text, None), |(text, metadata)| (text, Some(metadata)));
        let (core, pre) = text.split_once('-').map_or((text, None), |(core, pre)| (core, Some(pre)));
        let mut numbers = [0; 3];
        let parts: Vec<&str> = core.split('.').collect();
        if parts.len() > 3 || (strict && parts.len() != 3) {
            return None;
        }
        for (number, part) in numbers.iter_mut().zip(&parts) {
            let leading_zero = part.len() > 1 && part.starts_with('0');
            if part.is_empty() || !part.bytes().all(|b| b.is_ascii_digit()) || (strict && leading_zero) {
                return None;
            }
            *number = part.parse().ok()?;
        }
        let identifiers =
            |text: &str| text.split('.').all(|id| !id.is_empty() && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'));
        let no_leading_zero =
            |text: &str| text.split('.').all(|id| id.len() < 2 || !id.starts_with('0') || !id.bytes().all(|b| b.is_ascii_digit()));
        if !pre.is_none_or(|pre| identifiers(pre) && no_leading_zero(pre)) || !metadata.is_none_or(identifiers) {
            return None;
        }
        let [major, minor, patch] = numbers;
        let (pre, metadata) = (pre.unwrap_or_default().to_owned(), metadata.unwrap_or_default().to_owned());
        Some(Self { major, minor, patch, pre, metadata, original: original.to_owned() })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)?;
        if !self.pre.is_empty() {
            write!(f, "-{}", self.pre)?;
        }
        if !self.metadata.is_empty() {
            write!(f, "+{}", self.metadata)?;
        }
        Ok(())
    }
}

impl Ord for Version {
    /// Precedence by the specification; build metadata does not count.
    fn cmp(&self, other: &Self) -> Ordering {
        let numbers = (self.major, self.minor, self.patch).cmp(&(other.major, other.minor, other.patch));
        numbers.then_with(|| pre_order(&self.pre, &other.pre))
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Version {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Version {}

fn pre_order(a: &str, b: &str) -> Ordering {
    match (a.is_empty(), b.is_empty()) {
        (true, true) => return Ordering::Equal,
        (true, false) => return Ordering::Greater,
        (false, true) => return Ordering::Less,
        (false, false) => {}
    }
    let (mut left, mut right) = (a.split('.'), b.split('.'));
    loop {
        let order = match (left.next(), right.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some(x), Some(y)) => match (x.parse::<u64>(), y.parse::<u64>()) {
                (Ok(x), Ok(y)) => x.cmp(&y),
                (Ok(_), Err(_)) => Ordering::Less,
                (Err(_), Ok(_)) => Ordering::Greater,
                (Err(_), Err(_)) => x.cmp(y),
            },
        };
        if order != Ordering::Equal {
            return order;
        }
    }
}

/// A constraint: groups joined by `||`, of comparisons joined by commas or blanks.
#[derive(Debug, Clone)]
pub struct Constraint {
    groups: Vec<Vec<Comparison>>,
}

/// A text that is no constraint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("improper constraint: {0}")]
pub struct ConstraintError(String);

#[derive(Debug, Clone)]
struct Comparison {
    operator: Operator,
    version: Version,
    /// Whether any part was left out or a wildcard; and which.
    major_dirty: bool,
    minor_dirty: bool,
    patch_dirty: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Equal,
    NotEqual,
    Greater,
    Less,
    GreaterOrEqual,
    LessOrEqual,
    Tilde,
    Caret,
}

impl Constraint {
    /// Parses a constraint; an empty text is refused, as upstream does.
    pub fn parse(text: &str) -> Result<Self, ConstraintError> {
        let refuse = || ConstraintError(text.chars().take(100).collect());
        let groups = text.split("||").map(|group| Self::group(group).ok_or_else(refuse)).collect::<Result<_, _>>()?;
        Ok(Self { groups })
    }

    /// Tells whether a version satisfies this. A pre-release does only where the group names a pre-release itself.
    pub fn matches(&self, version: &Version) -> bool {
        self.groups.iter().any(|group| {
            let allows_pre = group.iter().any(|comparison| !comparison.version.pre.is_empty());
            (version.pre.is_empty() || allows_pre) && group.iter().all(|comparison| comparison.matches(version))
        })
    }

    fn group(text: &str) -> Option<Vec<Comparison>> {
        let words: Vec<&str> = text.split([',', ' ', '\t']).filter(|word| !word.is_empty()).collect();
        let mut comparisons = Vec::new();
        let mut at = 0;
        while at < words.len() {
            // `1.2 - 2.3` is a range.
            if words.get(at + 1) == Some(&"-") {
                comparisons.push(Comparison::parse(&format!(">={}", words[at]))?);
                comparisons.push(Comparison::parse(&format!("<={}", words.get(at + 2)?))?);
                at += 3;
                continue;
            }
            let operator_alone = words[at].chars().all(|c| "=!<>~^".contains(c));
            if operator_alone {
                comparisons.push(Comparison::parse(&format!("{}{}", words[at], words.get(at + 1)?))?);
                at += 2;
            } else {
                comparisons.push(Comparison::parse(words[at])?);
                at += 1;
            }
        }
        (!comparisons.is_empty()).then_some(comparisons)
    }
}

impl Comparison {
    fn parse(text: &str) -> Option<Self> {
        let end = text.find(|c: char| !"=!<>~^".contains(c)).unwrap_or(text.len());
        let operator = match &text[..end] {
            "" | "=" => Operator::Equal,
            "!=" => Operator::NotEqual,
            ">" => Operator::Greater,
            "<" => Operator::Less,
            ">=" | "=>" => Operator::GreaterOrEqual,
            "<=" | "=<" => Operator::LessOrEqual,
            "~" | "~>" => Operator::Tilde,
            "^" => Operator::Caret,
            _ => return None,
        };
        let rest = &text[end..];
        let rest = rest.strip_prefix('v').unwrap_or(rest);
        let core_end = rest.find(['-', '+']).unwrap_or(rest.len());
        let (core, tail) = rest.split_at(core_end);
        let parts: Vec<&str> = core.split('.').collect();
        if parts.len() > 3 {
            return None;
        }
        let wild = |at: usize| parts.get(at).is_none_or(|part| matches!(*part, "x" | "X" | "*"));
        if core.is_empty() {
            return None;
        }
        let (major_dirty, minor_dirty, patch_dirty) = (wild(0), wild(0) || wild(1), wild(0) || wild(1) || wild(2));
        let number = |at: usize, dirty: bool| if dirty { "0" } else { parts[at] };
        let full = format!("{}.{}.{}{tail}", number(0, major_dirty), number(1, minor_dirty), number(2, patch_dirty));
        let version = Version::lenient(&full)?;
        Some(Self { operator, version, major_dirty, minor_dirty, patch_dirty })
    }

    fn dirty(&self) -> bool {
        self.major_dirty || self.minor_dirty || self.patch_dirty
    }

    fn matches(&self, version: &Version) -> bool {
        let wanted = &self.version;
        match self.operator {
            Operator::Equal if self.dirty() => self.tilde(version),
            Operator::Equal => version == wanted,
            Operator::NotEqual => self.not_equal(version),
            Operator::Greater => self.greater(version),
            Operator::Less => version < wanted,
            Operator::GreaterOrEqual => version >= wanted,
            Operator::LessOrEqual => self.less_or_equal(version),
            Operator::Tilde => self.tilde(version),
            Operator::Caret => self.caret(version),
        }
    }

    fn not_equal(&self, version: &Version) -> bool {
        if !self.dirty() {
            return *version != self.version;
        }
        if self.version.major != version.major {
            return true;
        }
        if self.version.minor != version.minor && !self.minor_dirty {
            return true;
        }
        if self.minor_dirty {
            return false;
        }
        self.version.patch != version.patch && !self.patch_dirty
    }

    fn greater(&self, version: &Version) -> bool {
        if !self.dirty() {
            return *version > self.version;
        }
        if version.major != self.version.major {
            return version.major > self.version.major;
        }
        if self.minor_dirty {
            return false;
        }
        if self.patch_dirty {
            return version.minor > self.version.minor;
        }
        false
    }

    fn less_or_equal(&self, version: &Version) -> bool {
        if !self.dirty() {
            return *version <= self.version;
        }
        if version.major != self.version.major {
            return version.major < self.version.major || self.major_dirty;
        }
        self.minor_dirty || version.minor <= self.version.minor
    }

    fn tilde(&self, version: &Version) -> bool {
        if *version < self.version {
            return false;
        }
        // Upstream: ~0.0.0 is a special case, where all versions are accepted.
        let wanted = &self.version;
        if (wanted.major, wanted.minor, wanted.patch) == (0, 0, 0) && wanted.pre.is_empty() && !self.minor_dirty && !self.patch_dirty {
            return true;
        }
        if self.major_dirty {
            return true;
        }
        if version.major != wanted.major {
            return false;
        }
        version.minor == wanted.minor || self.minor_dirty
    }

    fn caret(&self, version: &Version) -> bool {
        let wanted = &self.version;
        if version < wanted {
            return false;
        }
        if self.major_dirty {
            return true;
        }
        if wanted.major > 0 || self.minor_dirty {
            return version.major == wanted.major;
        }
        if version.major > 0 {
            return false;
        }
        if wanted.minor > 0 || self.patch_dirty {
            return version.minor == wanted.minor;
        }
        if version.minor > 0 {
            return false;
        }
        version.patch == wanted.patch
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(constraint: &str, version: &str, expected: bool) {
        let parsed = Constraint::parse(constraint).expect(constraint);
        assert_eq!(parsed.matches(&Version::lenient(version).expect(version)), expected, "{constraint} {version}");
    }

    #[test]
    fn constraints_are_masterminds() {
        for (constraint, version, expected) in [
            ("^0.0.0", "0.5.123", false),
            ("^0.0.0", "0.0.0", true),
            ("^0.0", "0.5.123", false),
            ("^0.5.0", "0.5.123", true),
            ("^0.5.0", "0.6.0", false),
            ("~0", "0.5.123", true),
            ("0.x", "0.5.123", true),
            ("^0", "0.5.123", true),
            (">=0.0.0", "0.5.123", true),
            ("*", "0.5.123", true),
            ("*", "1.0.0-rc.1", false),
            ("~0.0.0", "1.2.3", true),
            ("^1.2.3", "1.9.0", true),
            ("^1.2.3", "2.0.0", false),
            ("~1.2.3", "1.2.9", true),
            ("~1.2.3", "1.3.0", false),
            ("1.2 - 1.4.5", "1.4.5", true),
            (">1.0, <2", "0.5.123", false),
            (">1.0, <2", "1.5.0", true),
            ("!=1.2", "1.2.3", false),
            ("=> 1.0 || < 0.5", "0.4.0", true),
            (">=1.0.0-0", "1.1.0-rc.1", true),
            ("<=1.2", "1.2.9", true),
            (">1.2", "1.2.9", false),
            ("1.2.3", "v1.2.3", true),
        ] {
            check(constraint, version, expected);
        }
        for bad in ["", "nonsense", "^^1", "1.2.3.4", ">", "1.x-"] {
            assert!(Constraint::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn versions_order_by_precedence() {
        let mut versions: Vec<_> =
            ["1.0.0", "1.0.0-rc.2", "1.0.0-rc.10", "0.9.9", "1.0.0-alpha"].iter().filter_map(|v| Version::strict(v)).collect();
        versions.sort();
        assert_eq!(
            versions.iter().map(Version::original).collect::<Vec<_>>(),
            ["0.9.9", "1.0.0-alpha", "1.0.0-rc.2", "1.0.0-rc.10", "1.0.0"]
        );
        assert!(Version::strict("1.2").is_none() && Version::strict("v1.2.3").is_none() && Version::strict("01.2.3").is_none());
        assert_eq!(Version::lenient("v1.2").expect("lenient").to_string(), "1.2.0");
    }
}
