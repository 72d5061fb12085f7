//! `pep440`: Python's versions and specifiers. Read first: [`Pep440`], [`Version`], [`Specifier`].

use std::cmp::Ordering;
use std::sync::LazyLock;

use regex::Regex;

use super::sort::stable;
use super::{Change, LONGEST, Part, VersionError, Versioning, pep440_value};

/// Most specifiers of a range.
const SPECIFIERS: usize = 100;

/// The version pattern of PEP 440, with `NAME` where a group's name differs.
fn pattern(named: bool) -> String {
    let group = |name: &str| if named { format!("(?P<{name}>") } else { "(?:".to_owned() };
    format!(
        "v?(?:{epoch}[0-9]+)!)?{release}[0-9]+(?:\\.[0-9]+)*)(?:[-_.]?{pre}a|b|c|rc|alpha|beta|pre|preview)[-_.]?{pre_number}[0-9]+)?)?(?:-{post_plain}[0-9]+)|[-_.]?{post}post|rev|r)[-_.]?{post_number}[0-9]+)?)?(?:[-_.]?{dev}dev)[-_.]?{dev_number}[0-9]+)?)?(?:\\+{local}[a-z0-9]+(?:[-_.][a-z0-9]+)*))?",
        epoch = group("epoch"),
        release = group("release"),
        pre = group("pre"),
        pre_number = group("pre_number"),
        post_plain = group("post_plain"),
        post = group("post"),
        post_number = group("post_number"),
        dev = group("dev"),
        dev_number = group("dev_number"),
        local = group("local"),
    )
}

static VERSION: LazyLock<Regex> = LazyLock::new(|| Regex::new(&format!("^(?i-u:{})$", pattern(true))).expect("the pattern is fixed"));

static SPECIFIER: LazyLock<Regex> = LazyLock::new(|| {
    let version = pattern(false);
    let pattern = format!("^(===|~=|==|!=|<=|>=|<|>)\\s*(?:((?i-u:{version}))(\\.\\*)?|([^,;\\s)]+))$");
    Regex::new(&pattern).expect("the pattern is fixed")
});

/// See the module.
#[derive(Debug)]
pub(crate) struct Pep440;

/// A version taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Version {
    pub epoch: u64,
    pub release: Vec<u64>,
    pre: Option<(&'static str, u64)>,
    post: Option<u64>,
    dev: Option<u64>,
    local: Option<Vec<Local>>,
}

/// A part behind the plus sign; words come before numbers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Local {
    Word(String),
    Number(u64),
}

impl Version {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if text.len() > LONGEST {
            return None;
        }
        let found = VERSION.captures(text)?;
        let group = |name: &str| found.name(name).map(|group| group.as_str());
        // More digits than a number holds are as large as it gets.
        let number = |text: &str| text.parse().unwrap_or(u64::MAX);
        let pre = group("pre").map(|word| match word.to_ascii_lowercase().as_str() {
            "a" | "alpha" => "a",
            "b" | "beta" => "b",
            _ => "rc",
        });
        let post = group("post_plain").map(number).or_else(|| group("post").map(|_| group("post_number").map_or(0, number)));
        let local = |part: &str| match part.bytes().all(|byte| byte.is_ascii_digit()) {
            true => Local::Number(number(part)),
            false => Local::Word(part.to_ascii_lowercase()),
        };
        Some(Self {
            epoch: group("epoch").map_or(0, number),
            release: group("release")?.split('.').map(number).collect(),
            pre: pre.map(|word| (word, group("pre_number").map_or(0, number))),
            post,
            dev: group("dev").map(|_| group("dev_number").map_or(0, number)),
            local: group("local").map(|text| text.split(['.', '-', '_']).map(local).collect()),
        })
    }

    pub(crate) fn is_prerelease(&self) -> bool {
        self.pre.is_some() || self.dev.is_some()
    }

    /// The version without what stands behind the plus sign.
    fn public(&self) -> Self {
        Self { local: None, ..self.clone() }
    }

    fn plain_release(&self) -> &[u64] {
        let end = self.release.iter().rposition(|number| *number != 0).map_or(0, |at| at + 1);
        &self.release[..end]
    }

    /// A development release comes before a prerelease, that before the release, that before what is posted behind it.
    fn key(&self) -> impl Ord + '_ {
        let pre = match (self.pre, self.post, self.dev) {
            (Some(pre), ..) => (1, Some(pre)),
            (None, None, Some(_)) => (0, None),
            _ => (2, None),
        };
        (self.epoch, self.plain_release(), pre, self.post, (self.dev.is_none(), self.dev), self.local.as_ref())
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key().cmp(&other.key())
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// One comparison of a range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Specifier {
    pub operator: String,
    /// As it is written.
    pub version: String,
    /// Taken apart; only `===` may be followed by something that is no version.
    pub parsed: Option<Version>,
    /// Whether `.*` follows.
    pub prefix: bool,
}

impl Specifier {
    /// Reads a range; `None` when it is none. An empty text is a range of nothing but good will.
    pub(crate) fn parse_all(range: &str) -> Option<Vec<Self>> {
        if range.trim().is_empty() {
            return Some(Vec::new());
        }
        if range.len() > LONGEST || range.split(',').count() > SPECIFIERS {
            return None;
        }
        range.split(',').map(|text| Self::parse(text.trim())).collect()
    }

    fn parse(text: &str) -> Option<Self> {
        let found = SPECIFIER.captures(text)?;
        let group = |at: usize| found.get(at).map(|group| group.as_str());
        let operator = group(1)?.to_owned();
        let Some(version) = group(2) else {
            let version = group(4)?.to_owned();
            return (operator == "===").then_some(Self { operator, version, parsed: None, prefix: false });
        };
        let (parsed, prefix) = (Version::parse(version)?, group(3).is_some());
        let equality = matches!(operator.as_str(), "==" | "!=" | "===");
        let refused = (operator == "~=" && parsed.release.len() < 2)
            || (!equality && parsed.local.is_some())
            || (prefix && (!equality || parsed.dev.is_some() || parsed.local.is_some()));
        (!refused).then(|| Self { operator, version: version.to_owned(), parsed: Some(parsed), prefix })
    }

    /// Tells whether a version is in it; whether prereleases are may be said, else it is as the specifier's own version is one.
    fn contains(&self, text: &str, version: &Version, prereleases: Option<bool>) -> bool {
        let own = self.parsed.as_ref().is_some_and(Version::is_prerelease);
        let prereleases = prereleases.unwrap_or(own);
        if version.is_prerelease() && !prereleases {
            return false;
        }
        let (operator, Some(limit)) = (self.operator.as_str(), &self.parsed) else {
            return text.eq_ignore_ascii_case(&self.version);
        };
        let starts = |release: &[u64]| version.epoch == limit.epoch && version.release.starts_with(release);
        if operator == "~=" {
            return version.cmp(limit).is_ge() && starts(&limit.release[..limit.release.len() - 1]);
        }
        if self.prefix {
            return starts(&limit.release) == (operator != "!=");
        }
        if operator == "===" {
            return text.eq_ignore_ascii_case(&self.version);
        }
        // A local part counts only where the specifier has one.
        let public = if limit.local.is_none() { version.public() } else { version.clone() };
        let order = public.cmp(limit);
        let same_release = version.plain_release() == limit.plain_release();
        match operator {
            "<" => !same_release && order.is_lt(),
            ">" => !same_release && order.is_gt(),
            "<=" => order.is_le(),
            ">=" => order.is_ge(),
            "!=" => order.is_ne(),
            _ => order.is_eq(),
        }
    }
}

/// Tells whether a version is in a range.
pub(crate) fn satisfies(text: &str, range: &str, prereleases: Option<bool>) -> bool {
    let Some((version, specifiers)) = Version::parse(text).zip(Specifier::parse_all(range)) else { return false };
    if specifiers.is_empty() {
        return !version.is_prerelease() || prereleases == Some(true);
    }
    specifiers.iter().all(|specifier| specifier.contains(text, &version, prereleases))
}

/// Reads a version that has to be one.
pub(crate) fn version(text: &str) -> Result<Version, VersionError> {
    Version::parse(text).ok_or_else(|| VersionError::version(text))
}

fn within<'a>(versions: &[&'a str], range: &str) -> Result<Vec<&'a str>, VersionError> {
    let parsed = versions.iter().map(|text| Ok((version(text)?, *text))).collect::<Result<Vec<_>, VersionError>>()?;
    let pick = |prereleases| parsed.iter().filter(|(_, text)| satisfies(text, range, prereleases)).collect::<Vec<_>>();
    let mut found = pick(None);
    if found.is_empty() {
        found = pick(Some(true));
    }
    let sorted = stable(found, &|a: &&(Version, &str), b: &&(Version, &str)| Ok(a.0.cmp(&b.0)))?;
    Ok(sorted.into_iter().map(|(_, text)| *text).collect())
}

impl Versioning for Pep440 {
    fn is_valid(&self, text: &str) -> bool {
        Specifier::parse_all(text).is_some() || self.is_version(text)
    }

    fn is_version(&self, text: &str) -> bool {
        Version::parse(text).is_some()
    }

    fn is_single_version(&self, text: &str) -> bool {
        self.is_version(text) || text.strip_prefix("==").is_some_and(|rest| self.is_version(rest.trim()))
    }

    fn is_stable(&self, version: &str) -> bool {
        Version::parse(version).is_some_and(|version| !version.is_prerelease())
    }

    fn number(&self, text: &str, part: Part) -> Result<Option<u64>, VersionError> {
        Ok(Some(version(text)?.release.get(part.at()).copied().unwrap_or(0)))
    }

    fn compare(&self, a: &str, b: &str) -> Result<Ordering, VersionError> {
        Ok(version(a)?.cmp(&version(b)?))
    }

    fn equals(&self, a: &str, b: &str) -> Result<bool, VersionError> {
        Ok(Version::parse(a).zip(Version::parse(b)).is_some_and(|(a, b)| a.cmp(&b).is_eq()))
    }

    fn is_greater(&self, a: &str, b: &str) -> Result<bool, VersionError> {
        self.compare(a, b).map(Ordering::is_gt)
    }

    fn matches(&self, version: &str, range: &str) -> bool {
        if self.is_version(range) { self.equals(version, range) == Ok(true) } else { satisfies(version, range, Some(true)) }
    }

    fn newest(&self, versions: &[&str], range: &str) -> Result<Option<String>, VersionError> {
        Ok(within(versions, range)?.last().map(|text| (*text).to_owned()))
    }

    fn oldest(&self, versions: &[&str], range: &str) -> Result<Option<String>, VersionError> {
        Ok(within(versions, range)?.first().map(|text| (*text).to_owned()))
    }

    fn new_value(&self, change: &Change<'_>) -> Result<Option<String>, VersionError> {
        pep440_value::new_value(change)
    }
}
