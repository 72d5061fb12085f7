//! The conditions of a package rule. Read first: [`Matchers`].

use model::Timestamp;
use serde_json::Value;

use crate::facts::{Facts, Field};
use crate::pattern::{Pattern, Patterns, Subject};
use crate::versioning::scheme;

/// The names of list conditions. In this order they are looked at, those that sort out most first.
const LISTS: [(&str, Field); 12] = [
    ("matchUpdateTypes", Field::UpdateType),
    ("matchDatasources", Field::Datasource),
    ("matchManagers", Field::Manager),
    ("matchPackageNames", Field::PackageName),
    ("matchSourceUrls", Field::SourceUrl),
    ("matchDepNames", Field::DepName),
    ("matchFileNames", Field::FileName),
    ("matchDepTypes", Field::DepType),
    ("matchCategories", Field::Category),
    ("matchRepositories", Field::Repository),
    ("matchBaseBranches", Field::BaseBranch),
    ("matchRegistryUrls", Field::RegistryUrl),
];

/// Fields with one value, by which rules can be found.
pub(crate) const INDEXED: [Field; 3] = [Field::PackageName, Field::SourceUrl, Field::DepName];

/// The default scheme, where a dependency names none.
const SCHEME: &str = "semver-coerced";

/// All conditions of a rule: each has to hold, and a rule with none always does.
#[derive(Debug, Clone, Default)]
pub(crate) struct Matchers {
    lists: Vec<(usize, Field, Patterns)>,
    current_value: Option<Pattern>,
    new_value: Option<Pattern>,
    current_version: Option<CurrentVersion>,
}

#[derive(Debug, Clone)]
enum CurrentVersion {
    Expression(Pattern),
    Range(String),
}

impl Matchers {
    /// Takes a condition; tells whether it was one.
    pub(crate) fn take(&mut self, key: &str, value: &Value) -> Result<bool, String> {
        if let Some((at, (_, field))) = LISTS.iter().enumerate().find(|(_, (name, _))| *name == key) {
            self.lists.push((at, *field, Patterns::parse(&texts(value)?)?));
            self.lists.sort_by_key(|(at, ..)| *at);
            return Ok(true);
        }
        let text = || value.as_str().ok_or_else(|| format!("expected a text, found {}", short(value)));
        match key {
            "matchCurrentValue" => self.current_value = Some(Pattern::parse(text()?)?),
            "matchNewValue" => self.new_value = Some(Pattern::parse(text()?)?),
            "matchCurrentVersion" => {
                let text = text()?;
                let pattern = Pattern::parse(text)?;
                let range = || CurrentVersion::Range(text.to_owned());
                self.current_version = Some(if pattern.is_expression() { CurrentVersion::Expression(pattern) } else { range() });
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Returns a field and all the values with which the conditions can hold; `None` when no list says so.
    pub(crate) fn listed(&self) -> Option<(Field, Vec<&str>)> {
        let lists = self.lists.iter().filter(|(_, field, _)| INDEXED.contains(field));
        lists.filter_map(|(_, field, patterns)| Some((*field, patterns.listed()?))).next()
    }

    /// Tells whether all conditions hold. What is not known of a dependency matches no condition about it.
    pub(crate) fn hold(&self, facts: &Facts, now: Timestamp) -> bool {
        let value = |pattern: &Option<Pattern>, value: &Option<String>| {
            pattern.as_ref().is_none_or(|pattern| value.as_ref().is_some_and(|value| pattern.matches(&Subject::new(value))))
        };
        self.lists.iter().all(|(_, field, patterns)| patterns.match_any(facts.get(*field)))
            && value(&self.current_value, &facts.current_value)
            && value(&self.new_value, &facts.new_value)
            && self.current_version.as_ref().is_none_or(|wanted| wanted.holds(facts, now))
    }
}

impl CurrentVersion {
    fn holds(&self, facts: &Facts, now: Timestamp) -> bool {
        let (value, version) = (facts.current_value.as_deref(), facts.current_version.as_deref());
        let locked = facts.locked_version.as_deref();
        let wanted = match self {
            Self::Expression(pattern) => {
                return locked.or(version).or(value).is_some_and(|version| pattern.matches(&Subject::new(version)));
            }
            Self::Range(wanted) => wanted,
        };
        let Ok(scheme) = scheme(facts.versioning.as_deref().unwrap_or(SCHEME), now) else { return false };
        if scheme.is_version(wanted) {
            // One version is wanted: does what the file says take it in?
            let unconstrained = locked.is_some() && value.is_none();
            return unconstrained || value.is_some_and(|value| scheme.is_valid(value) && scheme.matches(wanted, value));
        }
        let version = value.filter(|value| scheme.is_version(value)).or(locked).or(version);
        version.is_some_and(|version| scheme.is_version(version) && scheme.matches(version, wanted))
    }
}

/// Reads a list of texts; a lonely text is a list of one.
pub(crate) fn texts(value: &Value) -> Result<Vec<String>, String> {
    let wrong = || format!("expected a list of texts, found {}", short(value));
    match value {
        Value::String(text) => Ok(vec![text.clone()]),
        Value::Array(items) => items.iter().map(|item| item.as_str().map(str::to_owned)).collect::<Option<_>>().ok_or_else(wrong),
        _ => Err(wrong()),
    }
}

pub(crate) fn short(value: &Value) -> String {
    value.to_string().chars().take(100).collect()
}
