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
        Self::parse_lenient(text).ok()
    }

    /// Reads strictly: three numbers without leading zeros, no `v`.
    pub fn strict(text: &str) -> Option<Self> {
        Self::parse_strict(text).ok()
    }

    /// Reads leniently, and says why a text is no version.
    pub fn parse_lenient(text: &str) -> Result<Self, VersionError> {
        if text.len() > LONGEST {
            return Err(VersionError::TooLong);
        }
        let bare = text.strip_prefix('v').unwrap_or(text);
        let end = bare.find(['-', '+']).unwrap_or(bare.len());
        let (core, tail) = bare.split_at(end);
        let (pre, metadata) = match tail.split_once('+') {
            Some((pre, metadata)) => (pre.strip_prefix('-'), Some(metadata)),
            None => (tail.strip_prefix('-'), None),
        };
        let parts: Vec<&str> = core.split('.').collect();
        let digits = |part: &&str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        if parts.len() > 3 || !parts.iter().all(digits) || !pre.is_none_or(identifiers) || !metadata.is_none_or(identifiers) {
            return Err(VersionError::Invalid);
        }
        Self::build(text, &parts, pre.unwrap_or_default(), metadata.unwrap_or_default())
    }

    /// Reads strictly, and says why a text is no version.
    pub fn parse_strict(text: &str) -> Result<Self, VersionError> {
        if text.is_empty() {
            return Err(VersionError::Empty);
        }
        if text.len() > LONGEST {
            return Err(VersionError::TooLong);
        }
        let parts: Vec<&str> = text.splitn(3, '.').collect();
        let [major, minor, rest] = parts[..] else { return Err(VersionError::Invalid) };
        let (rest, metadata) = rest.split_once('+').map_or((rest, None), |(rest, metadata)| (rest, Some(metadata)));
        if !metadata.is_none_or(identifiers) {
            return Err(VersionError::Metadata);
        }
        let (patch, pre) = rest.split_once('-').map_or((rest, None), |(patch, pre)| (patch, Some(pre)));
        if let Some(pre) = pre {
            check_pre(pre)?;
        }
        for part in [major, minor, patch] {
            if !part.bytes().all(|b| b.is_ascii_digit()) {
                return Err(VersionError::Characters);
            }
            if part.len() > 1 && part.starts_with('0') {
                return Err(VersionError::LeadingZero);
            }
        }
        if [major, minor, patch].contains(&"") {
            return Err(VersionError::Segment("invalid syntax", String::new()));
        }
        let built = Self::build(text, &[major, minor, patch], pre.unwrap_or_default(), metadata.unwrap_or_default());
        built.map_err(|error| match error {
            VersionError::Number(why, part) => VersionError::Segment(why, part),
            other => other,
        })
    }

    fn build(original: &str, parts: &[&str], pre: &str, metadata: &str) -> Result<Self, VersionError> {
        let mut numbers = [0; 3];
        for (number, part) in numbers.iter_mut().zip(parts) {
            *number = part.parse().map_err(|_| VersionError::Number("value out of range", (*part).to_owned()))?;
        }
        if !pre.is_empty() {
            check_pre(pre)?;
        }
        let [major, minor, patch] = numbers;
        Ok(Self { major, minor, patch, pre: pre.to_owned(), metadata: metadata.to_owned(), original: original.to_owned() })
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
}

/// Longest text that is a version.
const LONGEST: usize = 256;

/// Why a text is no version, in upstream's words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VersionError {
    /// Nothing is there.
    #[error("version string empty")]
    Empty,
    /// Too much is there.
    #[error("version string is too long (max 256 bytes)")]
    TooLong,
    /// The form is wrong.
    #[error("invalid semantic version")]
    Invalid,
    /// A number has other characters than digits.
    #[error("invalid characters in version")]
    Characters,
    /// A number, or a number of the pre-release, begins with 0.
    #[error("version segment starts with 0")]
    LeadingZero,
    /// The metadata has other characters than letters, digits, hyphens.
    #[error("invalid metadata string")]
    Metadata,
    /// The pre-release has other characters than letters, digits, hyphens.
    #[error("invalid prerelease string")]
    Prerelease,
    /// A number is none that 64 bits hold.
    #[error("error parsing version segment: strconv.ParseUint: parsing \"{1}\": {0}")]
    Number(&'static str, String),
    /// The same, as the strict reading words it.
    #[error("strconv.ParseUint: parsing \"{1}\": {0}")]
    Segment(&'static str, String),
}

fn identifiers(text: &str) -> bool {
    text.split('.').all(|id| !id.is_empty() && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'))
}

fn check_pre(pre: &str) -> Result<(), VersionError> {
    for id in pre.split('.') {
        if !id.is_empty() && id.bytes().all(|b| b.is_ascii_digit()) {
            if id.len() > 1 && id.starts_with('0') {
                return Err(VersionError::LeadingZero);
            }
        } else if !identifiers(id) {
            return Err(VersionError::Prerelease);
        }
    }
    Ok(())
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

pub(super) fn pre_order(a: &str, b: &str) -> Ordering {
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
