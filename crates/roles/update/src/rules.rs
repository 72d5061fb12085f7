//! Settings, and the package rules that change them. Read first: [`Settings`], [`Rule`].

use std::time::Duration;

use serde_json::{Map, Value};

use crate::docker::UpdateType;
use crate::kubernetes::Dependency;
use crate::pattern::Patterns;

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
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            enabled: true,
            automerge: false,
            by_branch: false,
            platform: true,
            age: None,
            age_optional: false,
            reviewers: Vec::new(),
            labels: Vec::new(),
        }
    }
}

/// Changes of some settings; later ones win.
#[derive(Debug, Clone, Default)]
pub(crate) struct Changes {
    enabled: Option<bool>,
    automerge: Option<bool>,
    by_branch: Option<bool>,
    platform: Option<bool>,
    age: Option<Option<Duration>>,
    age_optional: Option<bool>,
    reviewers: Option<Vec<String>>,
    labels: Option<Vec<String>>,
}

impl Changes {
    /// Takes an option if it is a setting; tells whether it was one.
    pub(crate) fn take(&mut self, key: &str, value: &Value) -> Result<bool, String> {
        match key {
            "enabled" => self.enabled = Some(flag(value)?),
            "automerge" => self.automerge = Some(flag(value)?),
            "platformAutomerge" => self.platform = Some(flag(value)?),
            "automergeType" => {
                self.by_branch = Some(match value.as_str() {
                    Some("branch") => true,
                    Some("pr") => false,
                    _ => return Err(format!("the value {value} is not supported: only \"branch\" and \"pr\" are")),
                });
            }
            "minimumReleaseAge" => {
                self.age = Some(match value {
                    Value::Null => None,
                    Value::String(text) => Some(age(text).ok_or_else(|| format!("{value} is no age: expected a form like \"7 days\""))?),
                    _ => return Err(format!("{value} is no age: expected a form like \"7 days\"")),
                });
            }
            "minimumReleaseAgeBehaviour" => {
                self.age_optional = Some(match value.as_str() {
                    Some("timestamp-optional") => true,
                    Some("timestamp-required") => false,
                    _ => {
                        return Err(format!(
                            "the value {value} is not supported: only \"timestamp-required\" and \"timestamp-optional\" are"
                        ));
                    }
                });
            }
            "reviewers" => self.reviewers = Some(texts(value)?),
            "labels" => self.labels = Some(texts(value)?),
            _ => return Ok(false),
        }
        Ok(true)
    }

    pub(crate) fn apply(&self, settings: &mut Settings) {
        set(&mut settings.enabled, self.enabled.as_ref());
        set(&mut settings.automerge, self.automerge.as_ref());
        set(&mut settings.by_branch, self.by_branch.as_ref());
        set(&mut settings.platform, self.platform.as_ref());
        set(&mut settings.age, self.age.as_ref());
        set(&mut settings.age_optional, self.age_optional.as_ref());
        set(&mut settings.reviewers, self.reviewers.as_ref());
        set(&mut settings.labels, self.labels.as_ref());
    }
}

fn set<T: Clone>(place: &mut T, value: Option<&T>) {
    if let Some(value) = value {
        place.clone_from(value);
    }
}

/// One of the package rules.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rule {
    files: Option<Patterns>,
    packages: Option<Patterns>,
    managers: Option<Patterns>,
    datasources: Option<Patterns>,
    types: Option<Patterns>,
    changes: Changes,
}

impl Rule {
    pub(crate) fn read(value: &Value) -> Result<Self, (String, String)> {
        let map: &Map<String, Value> = value.as_object().ok_or_else(|| (String::new(), "a rule must be a map".to_owned()))?;
        let mut rule = Self::default();
        for (key, value) in map {
            rule.take(key, value).map_err(|why| (key.clone(), why))?;
        }
        Ok(rule)
    }

    fn take(&mut self, key: &str, value: &Value) -> Result<(), String> {
        let patterns = || Patterns::parse(&texts(value)?).map(Some);
        match key {
            "description" => {}
            "matchFileNames" => self.files = patterns()?,
            "matchPackageNames" => self.packages = patterns()?,
            "matchManagers" => self.managers = patterns()?,
            "matchDatasources" => self.datasources = patterns()?,
            "matchUpdateTypes" => self.types = patterns()?,
            _ => {
                if !self.changes.take(key, value)? {
                    return Err("is not supported".to_owned());
                }
            }
        }
        Ok(())
    }

    /// A rule with update types matches nothing before there is an update.
    fn matches(&self, dependency: &Dependency, update: Option<UpdateType>) -> bool {
        let fits = |patterns: &Option<Patterns>, text: &str| patterns.as_ref().is_none_or(|patterns| patterns.match_text(text));
        fits(&self.files, &dependency.file)
            && fits(&self.packages, &dependency.package)
            && fits(&self.managers, "kubernetes")
            && fits(&self.datasources, "docker")
            && self.types.as_ref().is_none_or(|types| update.is_some_and(|update| types.match_text(update.word())))
    }
}

/// Lets all rules that match change the settings, in their order.
pub(crate) fn settle(base: &Settings, rules: &[Rule], dependency: &Dependency, update: Option<UpdateType>) -> Settings {
    let mut settings = base.clone();
    rules.iter().filter(|rule| rule.matches(dependency, update)).for_each(|rule| rule.changes.apply(&mut settings));
    settings
}

pub(crate) fn flag(value: &Value) -> Result<bool, String> {
    value.as_bool().ok_or_else(|| format!("expected true or false, found {value}"))
}

/// Reads a list of texts; a lonely text is a list of one.
pub(crate) fn texts(value: &Value) -> Result<Vec<String>, String> {
    let wrong = || format!("expected a list of texts, found {}", value.to_string().chars().take(100).collect::<String>());
    match value {
        Value::String(text) => Ok(vec![text.clone()]),
        Value::Array(items) => items.iter().map(|item| item.as_str().map(str::to_owned)).collect::<Option<_>>().ok_or_else(wrong),
        _ => Err(wrong()),
    }
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
