//! Package rules: which of them hold for a dependency, and what they make of its settings. Read first: [`PackageRules`].

use std::collections::HashMap;

use model::Timestamp;
use serde_json::{Map, Value};

use crate::branch_name::slugify;
use crate::facts::Facts;
use crate::matchers::{INDEXED, Matchers};
use crate::template::render;

/// Most rules.
const RULES: usize = 5_000;

/// Lists that grow where other settings are replaced.
const GROWING: [&str; 12] = [
    "addLabels",
    "additionalReviewers",
    "commitTrailers",
    "customManagers",
    "description",
    "hostRules",
    "ignoreDeps",
    "logLevelRemap",
    "managerFilePatterns",
    "postUpdateOptions",
    "prBodyNotes",
    "suppressNotifications",
];

/// Maps that are replaced where others are merged.
const REPLACED: [&str; 4] = ["customEnvVariables", "env", "postUpgradeTasks", "userStrings"];

/// Fields that later rules are held against.
const FIELDS: [&str; 19] = [
    "baseBranch",
    "categories",
    "currentValue",
    "currentVersion",
    "datasource",
    "depName",
    "depType",
    "depTypes",
    "force",
    "lockFiles",
    "lockedVersion",
    "manager",
    "newValue",
    "packageFile",
    "packageName",
    "registryUrls",
    "sourceUrl",
    "updateType",
    "versioning",
];

/// All rules of a configuration, compiled.
#[derive(Debug, Clone, Default)]
pub struct PackageRules {
    rules: Vec<Rule>,
    /// Rules that may hold for anything, by their places.
    always: Vec<usize>,
    /// Rules that hold only where a field has a certain value: most of those that presets bring are about one package or source.
    listed: [HashMap<String, Vec<usize>>; INDEXED.len()],
}

#[derive(Debug, Clone)]
struct Rule {
    matchers: Matchers,
    set: Map<String, Value>,
    /// Whether it changes what later rules are held against.
    moves: bool,
}

/// A rule that is not understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("packageRules[{at}]{}{field}: {why}", if field.is_empty() { "" } else { "." })]
pub struct RuleError {
    /// Which rule.
    pub at: usize,
    /// Which of its fields; empty when it is the rule itself.
    pub field: String,
    /// What is wrong.
    pub why: String,
}

impl PackageRules {
    /// Compiles rules. A condition that is not known is refused, because a rule that ignores it would hold too often.
    pub fn parse(rules: &[Value]) -> Result<Self, RuleError> {
        if rules.len() > RULES {
            return Err(RuleError { at: RULES, field: String::new(), why: format!("there are more than {RULES} rules") });
        }
        let rules: Vec<Rule> = rules.iter().enumerate().map(|(at, rule)| Rule::parse(at, rule)).collect::<Result<_, _>>()?;
        let mut all = Self { rules, ..Self::default() };
        for (at, rule) in all.rules.iter().enumerate() {
            match rule.matchers.listed().and_then(|(field, texts)| Some((INDEXED.iter().position(|known| *known == field)?, texts))) {
                Some((field, texts)) => texts.iter().for_each(|text| {
                    let places = all.listed[field].entry((*text).to_owned()).or_default();
                    // A text may be listed twice.
                    if places.last() != Some(&at) {
                        places.push(at);
                    }
                }),
                None => all.always.push(at),
            }
        }
        Ok(all)
    }

    /// Returns what each rule sets, with its place.
    pub(crate) fn settings(&self) -> impl Iterator<Item = (usize, &Map<String, Value>)> {
        self.rules.iter().map(|rule| &rule.set).enumerate()
    }

    /// Lets all rules that hold change the settings of a dependency or update, in their order.
    pub fn apply(&self, settings: &mut Map<String, Value>, now: Timestamp) {
        let mut from = 0;
        while from < self.rules.len() {
            let facts = Facts::of(settings);
            let listed = self.listed(&facts, from);
            let always = self.always[self.always.partition_point(|at| *at < from)..].iter().copied();
            // Behind a rule that has changed a field the others are held against the new value.
            let moved = in_order(always, listed.into_iter()).find(|at| {
                let rule = &self.rules[*at];
                let holds = rule.matchers.hold(&facts, now);
                if holds {
                    rule.apply(settings);
                }
                holds && rule.moves
            });
            from = moved.map_or(self.rules.len(), |at| at + 1);
        }
    }

    /// Returns the places of the rules that are listed under a dependency's values, from one on, in order.
    fn listed(&self, facts: &Facts, from: usize) -> Vec<usize> {
        let mut places = Vec::new();
        for (field, listed) in INDEXED.iter().zip(&self.listed) {
            let found = facts.get(*field).iter().filter_map(|subject| listed.get(&subject.folded));
            places.extend(found.flatten().filter(|at| **at >= from));
        }
        places.sort_unstable();
        places
    }
}

/// Merges two rising rows.
fn in_order(a: impl Iterator<Item = usize>, b: impl Iterator<Item = usize>) -> impl Iterator<Item = usize> {
    let (mut a, mut b) = (a.peekable(), b.peekable());
    std::iter::from_fn(move || match (a.peek(), b.peek()) {
        (Some(first), Some(second)) if second < first => b.next(),
        (Some(_), _) => a.next(),
        (None, _) => b.next(),
    })
}

impl Rule {
    fn parse(at: usize, rule: &Value) -> Result<Self, RuleError> {
        let wrong = |field: &str, why: String| RuleError { at, field: field.chars().take(200).collect(), why };
        let map = rule.as_object().ok_or_else(|| wrong("", "a rule must be a map".to_owned()))?;
        let (mut matchers, mut set) = (Matchers::default(), Map::new());
        for (key, value) in map {
            if matchers.take(key, value).map_err(|why| wrong(key, why))? {
                continue;
            }
            if key.starts_with("match") || key.starts_with("exclude") {
                return Err(wrong(key, "is not supported".to_owned()));
            }
            set.insert(key.clone(), value.clone());
        }
        let moves = set.keys().any(|key| FIELDS.contains(&key.as_str()) || key.starts_with("override"));
        Ok(Self { matchers, set, moves })
    }

    fn apply(&self, settings: &mut Map<String, Value>) {
        let mut set = self.set.clone();
        let flag = |map: &Map<String, Value>, key: &str| map.get(key).and_then(Value::as_bool);
        let forced = set.get("force").and_then(Value::as_object).and_then(|force| flag(force, "enabled"));
        let enabled = flag(&set, "enabled");
        if let (Some(group), true, false) =
            (set.get("groupName").and_then(Value::as_str), holds(settings, "groupSlug"), holds(&set, "groupSlug"))
        {
            set.insert("groupSlug".to_owned(), slugify(group).into());
        }
        if forced == Some(false) || (enabled == Some(false) && flag(settings, "enabled") != Some(false)) {
            settings.insert("skipReason".to_owned(), "package-rules".into());
        }
        if forced == Some(true) || enabled == Some(true) {
            settings.remove("skipReason");
        }
        for (key, target) in [("overrideDatasource", "datasource"), ("overrideDepName", "depName"), ("overridePackageName", "packageName")]
        {
            let Some(Value::String(text)) = set.remove(key) else { continue };
            // A datasource is a name, the others are templates; one that fails changes nothing.
            let value = if target == "datasource" { Ok(text) } else { render(&text, &Value::Object(settings.clone())) };
            if let Ok(value) = value {
                settings.insert(target.to_owned(), value.into());
            }
        }
        merge(settings, &set);
    }
}

fn holds(map: &Map<String, Value>, key: &str) -> bool {
    map.get(key).and_then(Value::as_str).is_some_and(|text| !text.is_empty())
}

/// Merges settings into others: values replace, some lists grow, maps are merged, and what is forced comes last.
pub(crate) fn merge(settings: &mut Map<String, Value>, other: &Map<String, Value>) {
    for (key, value) in other {
        match (settings.get_mut(key), value) {
            (Some(Value::Array(list)), Value::Array(more)) if GROWING.contains(&key.as_str()) => list.extend(more.iter().cloned()),
            (Some(Value::Object(map)), Value::Object(more)) if !REPLACED.contains(&key.as_str()) => merge(map, more),
            _ => drop(settings.insert(key.clone(), value.clone())),
        }
    }
    if let Some(Value::Object(force)) = settings.get("force").cloned() {
        settings.extend(force);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn apply(rules: &Value, dependency: Value) -> String {
        let rules = PackageRules::parse(rules.as_array().expect("a list")).expect("rules");
        let Value::Object(before) = dependency else { return String::new() };
        let mut after = before.clone();
        rules.apply(&mut after, Timestamp::UNIX_EPOCH);
        after.retain(|key, value| before.get(key) != Some(value));
        Value::Object(after).to_string()
    }

    #[test]
    fn rules_change_settings() {
        let image = |name: &str| {
            json!({"depName": name, "packageName": name, "manager": "kubernetes", "datasource": "docker",
            "currentValue": "1.4.2", "versioning": "docker", "packageFile": "apps/a.yaml", "categories": ["kubernetes"]})
        };
        for (rules, name, expected) in [
            (json!([{"automerge": true}]), "a", r#"{"automerge":true}"#),
            (json!([{"matchPackageNames": ["b*"], "automerge": true}]), "a", "{}"),
            (json!([{"matchPackageNames": [], "automerge": true}]), "a", "{}"),
            (json!([{"addLabels": ["x"]}, {"addLabels": ["y"], "labels": ["z"]}]), "a", r#"{"addLabels":["x","y"],"labels":["z"]}"#),
            (json!([{"labels": ["x"]}, {"labels": ["y"]}]), "a", r#"{"labels":["y"]}"#),
            (json!([{"enabled": false}]), "a", r#"{"enabled":false,"skipReason":"package-rules"}"#),
            (json!([{"enabled": false}, {"matchDepNames": ["a"], "enabled": true}]), "a", r#"{"enabled":true}"#),
            (json!([{"minor": {"automerge": true}}, {"minor": {"labels": ["n"]}}]), "a", r#"{"minor":{"automerge":true,"labels":["n"]}}"#),
            (json!([{"matchCurrentVersion": "<2", "x": 1}, {"matchCurrentVersion": "1.4.2", "y": 1}]), "a", r#"{"y":1}"#),
            (json!([{"matchCurrentVersion": "!/^1/", "x": 1}, {"matchCurrentValue": "/^1/", "y": 1}]), "a", r#"{"y":1}"#),
            (json!([{"versioning": "npm"}, {"matchCurrentVersion": "<2", "x": 1}]), "a", r#"{"versioning":"npm","x":1}"#),
            (json!([{"matchNewValue": "*", "x": 1}, {"matchSourceUrls": ["*"], "x": 1}, {"matchUpdateTypes": ["*"], "x": 1}]), "a", "{}"),
            (
                json!([{"matchCategories": ["kube*"], "matchFileNames": ["apps/**"], "matchManagers": ["kubernetes"], "x": 1}]),
                "a",
                r#"{"x":1}"#,
            ),
            (
                json!([{"overrideDepName": "o/{{depName}}", "overrideDatasource": "git-tags"}, {"matchDepNames": ["o/*"], "x": 1}]),
                "a",
                r#"{"datasource":"git-tags","depName":"o/a","x":1}"#,
            ),
            (json!([{"groupName": "A & B", "groupSlug": "s"}, {"groupName": "C D"}]), "a", r#"{"groupName":"C D","groupSlug":"c-d"}"#),
            (json!([{"force": {"automerge": true}}, {"automerge": false}]), "a", r#"{"automerge":true,"force":{"automerge":true}}"#),
        ] {
            assert_eq!(apply(&rules, image(name)), expected, "{rules}");
        }
    }

    #[test]
    fn what_is_not_understood_is_named() {
        for (rule, expected) in [
            (json!(3), "packageRules[0]: a rule must be a map"),
            (json!({"matchConfidence": ["high"]}), "packageRules[0].matchConfidence: is not supported"),
            (json!({"matchJsonata": ["x"]}), "packageRules[0].matchJsonata: is not supported"),
            (json!({"excludePackageNames": ["x"]}), "packageRules[0].excludePackageNames: is not supported"),
            (json!({"matchPackageNames": 3}), "packageRules[0].matchPackageNames: expected a list of texts, found 3"),
            (json!({"matchCurrentValue": ["x"]}), "packageRules[0].matchCurrentValue: expected a text, found [\"x\"]"),
        ] {
            assert_eq!(PackageRules::parse(&[rule]).expect_err(expected).to_string(), expected);
        }
    }
}
