//! `node`: npm's scheme, where a version is stable once its line has long-term support, and a line's name is a range.
//! Read first: [`Node`], [`LINES`].

use model::Timestamp;

use super::npm::{Npm, npm_versions};
use super::semver::version;
use super::semver_version::SemVer;
use super::{Change, Part, Strategy, VersionError, Versioning};

/// See the module.
#[derive(Debug)]
pub(crate) struct Node {
    pub now: Timestamp,
}

/// A line of Node.js: its major version, the day on which its long-term support starts, its name.
type Line = (u64, &'static str, &'static str);

/// All lines with long-term support, from the schedule that the project publishes.
const LINES: [Line; 13] = [
    (4, "2015-10-12", "Argon"),
    (6, "2016-10-18", "Boron"),
    (8, "2017-10-31", "Carbon"),
    (10, "2018-10-30", "Dubnium"),
    (12, "2019-10-21", "Erbium"),
    (14, "2020-10-27", "Fermium"),
    (16, "2021-10-26", "Gallium"),
    (18, "2022-10-25", "Hydrogen"),
    (20, "2023-10-24", "Iron"),
    (22, "2024-10-29", "Jod"),
    (24, "2025-10-28", "Krypton"),
    (26, "2026-10-28", ""),
    // From here on every line has long-term support, and has it after half a year.
    (27, "2027-10-20", ""),
];

fn named(name: &str) -> Option<&'static Line> {
    LINES.iter().find(|line| !line.2.is_empty() && line.2.eq_ignore_ascii_case(name))
}

/// The name of a line means its range.
fn range(text: &str) -> String {
    named(text).map_or_else(|| text.to_owned(), |line| format!("^{}", line.0))
}

impl Versioning for Node {
    npm_versions!();

    fn is_valid(&self, text: &str) -> bool {
        Npm.is_valid(&range(text))
    }

    fn is_single_version(&self, text: &str) -> bool {
        Npm.is_single_version(text)
    }

    fn is_stable(&self, version: &str) -> bool {
        let Some(version) = SemVer::parse(version).filter(|version| version.pre.is_empty()) else { return false };
        let line = LINES.iter().find(|line| line.0 == version.major);
        line.and_then(|line| super::distribution::midnight(line.1)).is_some_and(|start| self.now > start)
    }

    fn matches(&self, version: &str, text: &str) -> bool {
        Npm.matches(version, &range(text))
    }

    fn newest(&self, versions: &[&str], text: &str) -> Result<Option<String>, VersionError> {
        Npm.newest(versions, &range(text))
    }

    fn oldest(&self, versions: &[&str], text: &str) -> Result<Option<String>, VersionError> {
        Npm.oldest(versions, &range(text))
    }

    fn new_value(&self, change: &Change<'_>) -> Result<Option<String>, VersionError> {
        if change.strategy != Strategy::Pin && named(change.current_value).is_some() {
            let major = version(change.new_version)?.part(Part::Major);
            if let Some(line) = LINES.iter().find(|line| line.0 == major && !line.2.is_empty()) {
                return Ok(Some(line.2.to_ascii_lowercase()));
            }
        }
        let current = range(change.current_value);
        let value = Npm.new_value(&Change { current_value: &current, ..*change })?;
        Ok(value.map(|value| SemVer::parse(&value).map_or(value, |version| version.to_string())))
    }
}
