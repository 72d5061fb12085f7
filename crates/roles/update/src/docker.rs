//! The versioning `docker`: which tag is a version, which is greater, which may follow which. Read first: [`Version`].

use std::cmp::Ordering;

/// How far an update goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum UpdateType {
    Patch,
    Minor,
    Major,
}

impl UpdateType {
    /// Returns the word that `matchUpdateTypes` uses.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Patch => "patch",
            Self::Minor => "minor",
            Self::Major => "major",
        }
    }
}

/// A tag that is a version: `[v]numbers[word][-suffix]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Version {
    /// The tag as it is.
    pub tag: String,
    numbers: Vec<u64>,
    /// Word characters behind the numbers: `rc1` of `1.25rc1`.
    pre: String,
    suffix: String,
}

impl Version {
    /// Reads a tag; `None` when it is no version.
    pub(crate) fn parse(tag: &str) -> Option<Self> {
        let hash = (7..=40).contains(&tag.len()) && tag.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
        if tag.is_empty() || tag.len() > 128 || (hash && !tag.bytes().all(|byte| byte.is_ascii_digit())) {
            return None;
        }
        let plain = tag.strip_prefix('v').unwrap_or(tag);
        let (release, suffix) = plain.split_once('-').unwrap_or((plain, ""));
        let end = release.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(release.len());
        let (numbers, pre) = release.split_at(end);
        if !pre.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            return None;
        }
        let numbers = numbers.split('.').map(|number| number.parse().ok()).collect::<Option<Vec<u64>>>()?;
        Some(Self { tag: tag.to_owned(), numbers, pre: pre.to_owned(), suffix: suffix.to_owned() })
    }

    pub(crate) fn major(&self) -> u64 {
        self.numbers[0]
    }

    fn number(&self, at: usize) -> Option<u64> {
        self.numbers.get(at).copied()
    }

    pub(crate) fn stable(&self) -> bool {
        self.pre.is_empty()
    }

    /// Tells whether a tag may follow another one: the same suffix, as many numbers.
    pub(crate) fn compatible(&self, current: &Self) -> bool {
        self.suffix == current.suffix && self.numbers.len() == current.numbers.len()
    }

    /// Tells whether a prerelease may follow another one: it is of the same release.
    pub(crate) fn same_release(&self, other: &Self) -> bool {
        (0..3).all(|at| self.number(at) == other.number(at))
    }

    /// Says how far it is from one version to another.
    pub(crate) fn step_to(&self, new: &Self) -> UpdateType {
        if new.major() > self.major() {
            UpdateType::Major
        } else if new.number(1) > self.number(1) {
            UpdateType::Minor
        } else {
            UpdateType::Patch
        }
    }

    /// Returns the version as titles show it: without suffix, with a `v`.
    pub(crate) fn shown(&self) -> String {
        format!("v{}", self.tag.split('-').next().unwrap_or_default().trim_start_matches('v'))
    }
}

impl Ord for Version {
    /// Where one has no number any more, it is the greater one: `1.4` stands for all of `1.4.x`.
    fn cmp(&self, other: &Self) -> Ordering {
        for at in 0..self.numbers.len().max(other.numbers.len()) {
            let order = match (self.number(at), other.number(at)) {
                (Some(mine), Some(theirs)) => mine.cmp(&theirs),
                (None, Some(_)) => Ordering::Greater,
                (Some(_), None) => Ordering::Less,
                (None, None) => Ordering::Equal,
            };
            if order.is_ne() {
                return order;
            }
        }
        let words = match (self.pre.is_empty(), other.pre.is_empty()) {
            (true, false) => Ordering::Greater,
            (false, true) => Ordering::Less,
            _ => collate(&self.pre, &other.pre),
        };
        words.then_with(|| collate(&other.suffix, &self.suffix))
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The root collation on the characters of tags: punctuation before digits before letters; case counts last, small first.
fn collate(a: &str, b: &str) -> Ordering {
    let rank = |c: char| match c {
        '_' => (0, 0),
        '-' => (0, 1),
        c if !c.is_ascii_alphanumeric() => (0, 2),
        c if c.is_ascii_digit() => (1, c as u32),
        c => (2, c.to_ascii_lowercase() as u32),
    };
    let small = |text: &str| text.chars().map(|c| c.is_ascii_uppercase()).collect::<Vec<_>>();
    a.chars().map(rank).cmp(b.chars().map(rank)).then_with(|| small(a).cmp(&small(b)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_follow_each_other() {
        // The tag that is there, a tag that is offered, and what it would be.
        for (current, new, expected) in [
            ("1.4.2", "1.4.3", Some(UpdateType::Patch)),
            ("1.4.2", "1.5.0", Some(UpdateType::Minor)),
            ("1.4.2", "2.0.0", Some(UpdateType::Major)),
            ("1.4.2", "1.4.1", None),
            ("1.4.2", "1.4.2", None),
            ("1.4.2", "1.5", None),
            ("1.4.2", "1.6.0-rc.1", None),
            ("1.4.2", "v1.4.9", Some(UpdateType::Patch)),
            ("1.4.2", "1.5.0rc1", None),
            ("1.5.0rc1", "1.5.0rc2", Some(UpdateType::Patch)),
            ("1.5.0rc1", "1.5.0", Some(UpdateType::Patch)),
            ("1.5.0rc1", "1.6.0rc1", None),
            ("3.18.0-alpine", "3.19.1-alpine", Some(UpdateType::Minor)),
            ("3.18.0-alpine", "3.20.0-debian", None),
            ("1.2.3.4", "1.2.3.5", Some(UpdateType::Patch)),
            ("9", "10", Some(UpdateType::Major)),
        ] {
            let (from, to) = (Version::parse(current).expect(current), Version::parse(new).expect(new));
            let offered = to > from && to.compatible(&from) && (to.stable() || (!from.stable() && to.same_release(&from)));
            assert_eq!(offered.then(|| from.step_to(&to)), expected, "{current} {new}");
        }
        for bad in ["latest", "", "abcdef1", "r5", "1.", "1..2", "RELEASE.2024", "99999999999999999999999"] {
            assert!(Version::parse(bad).is_none(), "{bad}");
        }
        assert!(Version::parse("1.4") > Version::parse("1.4.3") && Version::parse("1234567").is_some());
        assert_eq!(Version::parse("3.19.1-alpine").map(|version| version.shown()).as_deref(), Some("v3.19.1"));
    }
}
