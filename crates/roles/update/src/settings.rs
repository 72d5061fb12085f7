//! The options that this role keeps to. Read first: [`Settings`], [`check`]. One option is one line in [`check`] and in [`Settings::of`].

use std::time::Duration;

use model::Timestamp;
use serde_json::{Map, Value};

use crate::branch_name::Naming;
use crate::matchers::{short, texts};
use crate::schedule::{Schedule, Zone};
use crate::template::Template;
use crate::versioning::scheme;

/// What holds for one dependency or one update of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Settings {
    pub enabled: bool,
    pub automerge: bool,
    /// Whether to merge by moving the base branch, without a pull request.
    pub by_branch: bool,
    /// Whether the forge merges a pull request, rather than we.
    pub platform: bool,
    /// How old a release has to be.
    pub age: Option<Duration>,
    /// Whether a release whose age nobody knows is old enough.
    pub age_optional: bool,
    pub reviewers: Vec<String>,
    pub labels: Vec<String>,
    /// The scheme of the versions; the manager's own where none is named.
    pub versioning: Option<String>,
    /// Which versions may come at all: an expression, or a range.
    pub allowed_versions: Option<String>,
    /// When branches may be made.
    pub schedule: Timing,
    /// When they may be merged without a person.
    pub automerge_schedule: Timing,
    /// Whether a branch that is there is kept up to date at any time.
    pub update_not_scheduled: bool,
    pub naming: Naming,
}

/// A schedule and the zone it is meant in, by their names.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Timing {
    entries: Vec<String>,
    zone: Option<String>,
}

impl Timing {
    /// Returns when it opens next if it is closed now; the inner `None` is never.
    pub(crate) fn closed_until(&self, now: Timestamp) -> Option<Option<Timestamp>> {
        // Both were read when the configuration was.
        let schedule = Schedule::parse(&self.entries).ok()?;
        let zone = self.zone.as_deref().map_or_else(|| Some(Zone::default()), Zone::parse)?;
        (!schedule.is_open(now, &zone)).then(|| schedule.opens(now, &zone))
    }
}

/// The update types that have settings of their own.
pub(crate) const BLOCKS: [&str; 3] = ["major", "minor", "patch"];

/// Checks an option's value; tells whether it is an option that is kept to.
pub(crate) fn check(key: &str, value: &Value) -> Result<bool, String> {
    let only = |words: [&str; 2]| match value.as_str() {
        Some(word) if words.contains(&word) => Ok(()),
        _ => Err(format!("the value {value} is not supported: only {:?} and {:?} are", words[0], words[1])),
    };
    match key {
        "enabled" | "automerge" | "platformAutomerge" | "branchNameStrict" | "updateNotScheduled" => drop(flag(value)?),
        "automergeType" => only(["branch", "pr"])?,
        "minimumReleaseAge" => {
            if !value.is_null() && value.as_str().and_then(age).is_none() {
                return Err(format!("{} is no age: expected a form like \"7 days\"", short(value)));
            }
        }
        "minimumReleaseAgeBehaviour" => only(["timestamp-required", "timestamp-optional"])?,
        "reviewers" | "labels" | "addLabels" => drop(texts(value)?),
        "versioning" => {
            if !value.is_null() {
                scheme(text(value)?, Timestamp::UNIX_EPOCH).map_err(|error| error.to_string())?;
            }
        }
        "allowedVersions" => drop(Template::parse(text(value)?).map_err(|error| error.to_string())?),
        "schedule" | "automergeSchedule" => drop(Schedule::parse(&texts(value)?).map_err(|error| error.to_string())?),
        "timezone" => drop(Zone::parse(text(value)?).ok_or_else(|| format!("{} is no time zone", short(value)))?),
        "groupName" | "groupSlug" if value.is_null() => {}
        "additionalBranchPrefix" | "branchTopic" | "groupName" | "groupSlug" => {
            drop(Template::parse(text(value)?).map_err(|error| error.to_string())?)
        }
        "hashedBranchLength" => {
            if !value.is_null() && value.as_u64().is_none_or(|length| length > 200) {
                return Err(format!("expected a number up to 200, found {}", short(value)));
            }
        }
        block if BLOCKS.contains(&block) => {
            let map = value.as_object().ok_or_else(|| format!("expected a map, found {}", short(value)))?;
            for (key, value) in map {
                // A block has none in it.
                let known = !BLOCKS.contains(&key.as_str()) && check(key, value).map_err(|why| format!("{key}: {why}"))?;
                if !known && key != "description" {
                    return Err(format!("{key}: is not supported"));
                }
            }
        }
        _ => return Ok(false),
    }
    Ok(true)
}

impl Settings {
    /// Reads checked options.
    pub(crate) fn of(options: &Map<String, Value>) -> Self {
        let flag = |key: &str, usual: bool| options.get(key).and_then(Value::as_bool).unwrap_or(usual);
        let word = |key: &str| options.get(key).and_then(Value::as_str).map(str::to_owned);
        let list = |key: &str| options.get(key).and_then(|value| texts(value).ok()).unwrap_or_default();
        let timing = |key: &str| Timing { entries: list(key), zone: word("timezone") };
        Self {
            enabled: flag("enabled", true),
            automerge: flag("automerge", false),
            by_branch: word("automergeType").as_deref() == Some("branch"),
            platform: flag("platformAutomerge", true),
            age: word("minimumReleaseAge").as_deref().and_then(age),
            age_optional: word("minimumReleaseAgeBehaviour").as_deref() == Some("timestamp-optional"),
            reviewers: list("reviewers"),
            labels: [list("labels"), list("addLabels")].concat(),
            versioning: word("versioning"),
            allowed_versions: word("allowedVersions"),
            schedule: timing("schedule"),
            automerge_schedule: timing("automergeSchedule"),
            update_not_scheduled: flag("updateNotScheduled", true),
            naming: Naming {
                additional_prefix: word("additionalBranchPrefix").unwrap_or_default(),
                topic: word("branchTopic").unwrap_or_default(),
                group: word("groupName").filter(|name| !name.is_empty()),
                group_slug: word("groupSlug"),
                strict: flag("branchNameStrict", false),
                hashed_length: options.get("hashedBranchLength").and_then(Value::as_u64).map(|length| length as usize),
                ..Naming::default()
            },
        }
    }
}

/// Reads a flag.
pub(crate) fn flag(value: &Value) -> Result<bool, String> {
    value.as_bool().ok_or_else(|| format!("expected true or false, found {}", short(value)))
}

fn text(value: &Value) -> Result<&str, String> {
    value.as_str().ok_or_else(|| format!("expected a text, found {}", short(value)))
}

/// Reads `7 days`, `3d`, `1 week`, `12 hours`, …
fn age(text: &str) -> Option<Duration> {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(end);
    let seconds = match unit.trim() {
        "s" | "second" | "seconds" => 1,
        "m" | "min" | "minute" | "minutes" => 60,
        "h" | "hour" | "hours" => 3_600,
        "d" | "day" | "days" => 86_400,
        "w" | "week" | "weeks" => 604_800,
        _ => return None,
    };
    let number: u64 = number.parse::<u32>().ok()?.into();
    Some(Duration::from_secs(number.checked_mul(seconds)?.min(100 * 366 * 86_400)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_read() {
        for (text, seconds) in [
            ("7 days", Some(604_800)),
            ("1 week", Some(604_800)),
            ("12h", Some(43_200)),
            ("7", None),
            ("days", None),
            ("-1 day", None),
            ("1 fortnight", None),
            ("", None),
        ] {
            assert_eq!(age(text).map(|age| age.as_secs()), seconds, "{text}");
        }
    }
}
