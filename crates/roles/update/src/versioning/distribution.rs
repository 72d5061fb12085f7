//! Releases of Debian and Ubuntu: numbers, names, and the days on which something happened to them. Read first: [`Distribution`].
//! The days are those of the distro-info-data that both projects keep.

use model::Timestamp;

/// One release.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Release {
    pub version: &'static str,
    pub name: &'static str,
    /// When work on it began.
    pub created: &'static str,
    /// When it came out; empty while nobody knows.
    pub released: &'static str,
    /// When its support ends, the long-term one where there is one; empty while nobody knows.
    pub ends: &'static str,
}

/// All releases of one distribution, old ones first, as they look at some moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Distribution {
    pub releases: &'static [Release],
    pub now: Timestamp,
}

/// Returns the start of a day, `2026-01-31`, in UTC.
pub(crate) fn midnight(day: &str) -> Option<Timestamp> {
    format!("{day}T00:00:00Z").parse().ok()
}

impl Distribution {
    pub(crate) fn by_name(&self, name: &str) -> Option<&'static Release> {
        self.releases.iter().find(|release| release.name == name)
    }

    pub(crate) fn by_version(&self, version: &str) -> Option<&'static Release> {
        self.releases.iter().find(|release| release.version == version)
    }

    /// Returns the number that a name stands for; any other text stays.
    pub(crate) fn version<'a>(&self, text: &'a str) -> &'a str {
        self.by_name(text).map_or(text, |release| release.version)
    }

    /// Returns the name of a number; any other text stays.
    pub(crate) fn name<'a>(&self, text: &'a str) -> &'a str {
        self.by_version(text).map_or(text, |release| release.name)
    }

    fn passed(&self, day: &str, days_later: i64) -> bool {
        let later = jiff::SignedDuration::from_hours(24 * days_later);
        midnight(day).and_then(|day| day.checked_add(later).ok()).is_some_and(|day| day < self.now)
    }

    /// Tells whether a release has been out for a day.
    pub(crate) fn is_released(&self, version: &str) -> bool {
        self.by_version(self.version(version)).is_some_and(|release| self.passed(release.released, 1))
    }

    /// Tells whether there has been work on a release for a day.
    pub(crate) fn is_created(&self, version: &str) -> bool {
        self.by_version(self.version(version)).is_some_and(|release| self.passed(release.created, 1))
    }

    /// Tells whether nobody supports a release any more; of an unknown end that is said too.
    pub(crate) fn is_ended(&self, version: &str) -> bool {
        self.by_version(self.version(version)).is_none_or(|release| release.ends.is_empty() || self.passed(release.ends, 0))
    }

    /// Returns the newest release that is out, or the n-th before it.
    pub(crate) fn newest(&self, before: usize) -> Option<&'static Release> {
        let known: Vec<&'static Release> = self.releases.iter().filter(|release| !release.released.is_empty()).collect();
        let at = known.iter().rposition(|release| self.is_released(release.version))?;
        at.checked_sub(before).map(|at| known[at])
    }
}

/// `bookworm-20240101.1`: an image of a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Dated<'a> {
    pub name: &'a str,
    pub day: u64,
    /// `.1`; compared as the text or number that it is.
    pub suffix: Option<&'a str>,
}

impl<'a> Dated<'a> {
    pub(crate) fn parse(text: &'a str) -> Option<Self> {
        let (name, day) = text.split_once('-')?;
        let (day, suffix) = day.find('.').map_or((day, None), |at| (&day[..at], Some(&day[at..])));
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let word = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        let suffix_fits = suffix.is_none_or(|suffix| (2..=3).contains(&suffix.len()) && digits(&suffix[1..]));
        if !word || day.len() != 8 || !digits(day) || !suffix_fits {
            return None;
        }
        Some(Self { name, day: day.parse().ok()?, suffix })
    }
}

/// What two versions are compared by where one may be an image of a day.
pub(crate) type Key = (u64, u64, u64, f64, u64);

/// Returns the key of a version whose numbers are known.
pub(crate) fn key(text: &str, numbers: [u64; 3]) -> Key {
    let dated = Dated::parse(text);
    let suffix = dated.and_then(|dated| dated.suffix).and_then(|suffix| format!("0{suffix}").parse().ok());
    (numbers[0], numbers[1], dated.map_or(0, |dated| dated.day), suffix.unwrap_or(0.0), numbers[2])
}
