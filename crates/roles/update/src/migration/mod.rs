//! Old names and forms of options, turned into today's, so that a file of years ago still means what it meant.
//! Read first: [`migrate`]. One option is one line in [`names`] or [`options`]. What concerns package managers of programming
//! languages alone is not known here, and is refused by its name afterwards.

mod names;
mod options;
mod rules;
mod schedule;

use serde_json::{Map, Value};

use crate::package_rules::merge;

/// How often a file is gone through: a new form may hold an old one again.
const PASSES: usize = 8;
/// Deeper ones stay as they are.
const DEPTH: usize = 20;

/// A configuration in today's form.
#[derive(Debug, Clone, PartialEq)]
pub struct Migrated {
    /// All of it.
    pub config: Map<String, Value>,
    /// What was changed, for people.
    pub notes: Vec<String>,
}

/// Turns a configuration into today's form.
pub fn migrate(config: &Map<String, Value>) -> Migrated {
    let mut migrated = Migrated { config: config.clone(), notes: Vec::new() };
    for _ in 0..PASSES {
        let next = pass(&migrated.config, "", &mut migrated.notes, DEPTH);
        if next == migrated.config {
            break;
        }
        migrated.config = next;
    }
    migrated.notes.dedup();
    migrated
}

/// One map on its way into another.
struct Change<'a> {
    old: &'a Map<String, Value>,
    new: Map<String, Value>,
}

impl Change<'_> {
    /// Sets an option, unless it is set already.
    fn set_if_free(&mut self, key: &str, value: Value) {
        let free = |map: &Map<String, Value>| map.get(key).is_none_or(Value::is_null);
        if free(self.old) && free(&self.new) {
            self.new.insert(key.to_owned(), value);
        }
    }

    /// Returns a map to change, as it is so far.
    fn block(&self, key: &str) -> Map<String, Value> {
        self.new.get(key).or(self.old.get(key)).and_then(Value::as_object).cloned().unwrap_or_default()
    }

    /// Returns a list to change, as it is so far.
    fn list(&self, key: &str) -> Vec<Value> {
        self.new.get(key).or(self.old.get(key)).and_then(Value::as_array).cloned().unwrap_or_default()
    }
}

fn pass(old: &Map<String, Value>, path: &str, notes: &mut Vec<String>, depth: usize) -> Map<String, Value> {
    let mut change = Change { old, new: Map::new() };
    for (key, value) in old {
        let note = |what: String| format!("{path}{key}: {what}");
        if names::REMOVED.contains(&key.as_str()) {
            notes.push(note("is no option any more".to_owned()));
        } else if let Some((_, name)) = names::RENAMED.iter().find(|(known, _)| known == key) {
            notes.push(note(format!("the old name of {name}")));
            change.set_if_free(name, value.clone());
        } else {
            match options::change(key, value, &mut change) {
                options::Found::Nothing => drop(change.new.entry(key.clone()).or_insert_with(|| value.clone())),
                options::Found::Name(name) => notes.push(note(format!("the old name of {name}"))),
                options::Found::Form => notes.push(note("an old form".to_owned())),
            }
        }
    }
    let mut new = Map::new();
    for (key, value) in change.new {
        let value = names::value(&key, value);
        let value = if depth == 0 { value } else { inside(&key, value, path, notes, depth - 1) };
        new.insert(key, value);
    }
    languages(&mut new);
    flatten(&mut new);
    new
}

fn inside(key: &str, value: Value, path: &str, notes: &mut Vec<String>, depth: usize) -> Value {
    match value {
        Value::Object(map) => Value::Object(pass(&map, &format!("{path}{key}."), notes, depth)),
        Value::Array(items) => {
            let item = |(at, item)| match item {
                Value::Object(map) => Value::Object(pass(&map, &format!("{path}{key}[{at}]."), notes, depth)),
                other => other,
            };
            Value::Array(items.into_iter().enumerate().map(item).collect())
        }
        other => other,
    }
}

/// Settings of a language are those of a rule about its category.
fn languages(config: &mut Map<String, Value>) {
    for language in names::LANGUAGES {
        let Some(Value::Object(block)) =
            config.get(language).filter(|block| block.as_object().is_some_and(|block| !block.is_empty())).cloned()
        else {
            continue;
        };
        config.remove(language);
        let mut rule = Map::new();
        rule.insert("matchCategories".to_owned(), vec![language].into());
        rule.extend(block);
        let rules = config.entry("packageRules").or_insert_with(|| Value::Array(Vec::new()));
        if let Value::Array(rules) = rules {
            rules.insert(0, Value::Object(rule));
        }
    }
}

/// Rules in a rule each become one with the conditions of both.
fn flatten(config: &mut Map<String, Value>) {
    let Some(Value::Array(rules)) = config.get_mut("packageRules") else { return };
    let nested = |rule: &Value| rule.get("packageRules").is_some_and(Value::is_array);
    if !rules.iter().any(nested) {
        return;
    }
    let mut flat = Vec::new();
    for rule in rules.drain(..) {
        let Value::Object(mut outer) = rule else { continue };
        match outer.remove("packageRules") {
            Some(Value::Array(inner)) => flat.extend(inner.iter().filter_map(Value::as_object).map(|inner| {
                let mut both = outer.clone();
                merge(&mut both, inner);
                Value::Object(both)
            })),
            other => {
                outer.extend(other.map(|other| ("packageRules".to_owned(), other)));
                flat.push(Value::Object(outer));
            }
        }
    }
    *rules = flat;
}

#[cfg(test)]
mod tests;
