//! Strategic merge as kyaml does it. Its oddities are kept: new list items come first, a key that one of two ports lacks
//! confuses them, a merge drops fields that were written without a value.
//! Read first: [`strategic`]. Source: kustomize `kyaml/yaml/merge2`, `kyaml/yaml/walk`.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::elements::{combined, find, put, texts_of, usable};
use crate::error::{BuildError, Result, fail};
use crate::schema::{Place, Table};
use crate::value::{absent, in_place_of, is_empty, is_null, is_unwritten, text, text_at, typed};

/// Most items of two lists that are merged: every item is looked for among all others.
const MOST: usize = 5_000;

/// Merges a patch into an object. `None`: nothing is left of it.
pub(crate) fn strategic(object: Value, patch: Value, table: &Table) -> Result<Option<Value>> {
    let merged = Walker { table }.walk(Some(object), Some(patch), None, false)?;
    Ok(merged.filter(|value| !is_empty(value)))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Directive {
    Merge,
    Replace,
    Delete,
}

struct Walker<'a> {
    table: &'a Table,
}

impl Walker<'_> {
    /// `same` tells that both sides are one value, which happens to what a patch adds or replaces: it is walked once more to
    /// lose its directives and nulls.
    fn walk(&self, dest: Option<Value>, patch: Option<Value>, place: Option<Place>, same: bool) -> Result<Option<Value>> {
        let place = place.or_else(|| self.detect(dest.as_ref())).or_else(|| self.detect(patch.as_ref()));
        let leading = [dest.as_ref(), patch.as_ref()].into_iter().flatten().find(|value| !is_null(value));
        match leading {
            None => Ok(dest.filter(|value| patch.is_none() && !is_unwritten(value))),
            Some(Value::Object(_)) => {
                expect_kind(&dest, &patch, "MappingNode", Value::is_object)?;
                self.maps(dest, patch, place.as_ref(), same)
            }
            Some(Value::Array(_)) => {
                expect_kind(&dest, &patch, "SequenceNode", Value::is_array)?;
                match place.as_ref().filter(|place| place.merge) {
                    Some(place) => self.lists(dest, patch, place, same),
                    None => Ok(patch.or(dest).filter(|value| !is_null(value))),
                }
            }
            Some(_) => {
                expect_kind(&dest, &patch, "ScalarNode", crate::value::is_scalar)?;
                let merged = match (dest, patch) {
                    (Some(old), Some(new)) if !same => Some(in_place_of(&old, new)),
                    (old, new) => new.or(old).map(typed),
                };
                Ok(merged.filter(|value| !is_null(value)))
            }
        }
    }

    /// An object that names its own kind is merged by that kind, wherever it stands.
    fn detect(&self, value: Option<&Value>) -> Option<Place> {
        let value = value.filter(|value| value.is_object())?;
        let (api_version, kind) = (text_at(value, &["apiVersion"]), text_at(value, &["kind"]));
        if kind.is_empty() || api_version.is_empty() {
            return None;
        }
        self.table.kind(&api_version, &kind)
    }

    fn maps(&self, dest: Option<Value>, patch: Option<Value>, place: Option<&Place>, same: bool) -> Result<Option<Value>> {
        let mut patch = patch;
        let (dest, same) = if absent(dest.as_ref()) {
            let directive = patch.as_mut().and_then(|patch| map_directive(patch).ok());
            if directive == Some(Directive::Delete) {
                return Ok(None);
            }
            (patch.clone(), true)
        } else {
            if patch.as_ref().is_some_and(is_null) {
                return Ok(None);
            }
            match patch.as_mut().map_or(Ok(Directive::Merge), map_directive)? {
                Directive::Delete => return Ok(None),
                Directive::Replace => (patch.clone(), true),
                Directive::Merge => (if same { patch.clone() } else { dest }, same),
            }
        };
        let (Some(Value::Object(mut dest)), patch) = (dest, patch.as_ref().and_then(Value::as_object)) else { return Ok(None) };
        let names: BTreeSet<String> = dest.keys().chain(patch.into_iter().flat_map(Map::keys)).cloned().collect();
        for name in names {
            let inner = place.and_then(|place| self.table.field(place, &name));
            if let Some(value) = self.walk(dest.remove(&name), patch.and_then(|patch| patch.get(&name)).cloned(), inner, same)? {
                dest.insert(name, value);
            }
        }
        Ok(Some(Value::Object(dest)))
    }

    fn lists(&self, dest: Option<Value>, patch: Option<Value>, place: &Place, same: bool) -> Result<Option<Value>> {
        let mut patch = patch;
        let (dest, same) = if absent(dest.as_ref()) {
            (patch.clone(), true)
        } else {
            if patch.as_ref().is_some_and(is_null) {
                return Ok(None);
            }
            match patch.as_mut().map_or(Ok(Directive::Merge), list_directive)? {
                Directive::Delete => return Ok(None),
                Directive::Replace => (patch.clone(), true),
                Directive::Merge => (if same { patch.clone() } else { dest }, same),
            }
        };
        let Some(Value::Array(dest)) = dest else { return Ok(None) };
        let patch = match patch {
            Some(Value::Array(items)) => Some(items),
            _ => None,
        };
        self.items(dest, patch, place, same).map(|items| Some(Value::Array(items)))
    }

    fn items(&self, mut dest: Vec<Value>, patch: Option<Vec<Value>>, place: &Place, same: bool) -> Result<Vec<Value>> {
        if dest.len() + patch.as_ref().map_or(0, Vec::len) > MOST {
            return Err(BuildError::Limit("5,000 items of lists that are merged"));
        }
        let mut keys = place.keys.clone();
        let mut wanted: Vec<Vec<String>> = Vec::new();
        for source in [patch.as_ref(), Some(&dest)].into_iter().flatten() {
            let found = if keys.is_empty() { source.iter().map(|item| vec![text(item)]).collect() } else { texts_of(source, &keys) };
            for values in found {
                if !wanted.contains(&values) {
                    wanted.push(values);
                }
            }
        }
        if keys.is_empty() {
            keys.push(String::new());
        }
        if keys.len() > 1 {
            combined(&mut wanted);
        }
        let inner = Table::items(place);
        let mut added: Vec<Value> = Vec::new();
        let mut valid_keys = keys.clone();
        for values in &wanted {
            let (these_keys, these_values) = usable(&wanted, values, &keys);
            let (own_keys, own_values) = usable(std::slice::from_ref(&these_values), &these_values, &these_keys);
            let at = find(&dest, &own_keys, &own_values);
            let old = at.map(|at| dest[at].clone());
            let new = patch.as_ref().and_then(|patch| find(patch, &own_keys, &own_values).map(|at| patch[at].clone()));
            let replaced = new.as_ref().is_some_and(|new| text_at(new, &["$patch"]) == "replace");
            let item_same = same && at.is_some() && new.is_some();
            let mut item = self.walk(old, new, inner.clone(), item_same)?;
            valid_keys.clone_from(&these_keys);
            if item.as_ref().is_none_or(is_empty) {
                put(&mut dest, &these_keys, &these_values, None)?;
                continue;
            }
            let Some(item) = item.as_mut() else { continue };
            if let Value::Object(map) = item {
                for (key, value) in these_keys.iter().zip(&these_values) {
                    if !map.contains_key(key) && !value.is_empty() {
                        map.insert(key.clone(), crate::value::plain(value));
                    }
                }
            }
            // The old item is changed where it stands, unless the patch stands in for it.
            if let Some(at) = at.filter(|_| !replaced || item_same) {
                dest[at] = item.clone();
            }
            put(&mut added, &these_keys, &these_values, Some(item))?;
        }
        if wanted.is_empty() { Ok(dest) } else { append(added, &dest, &valid_keys) }
    }
}

/// Lays the old items behind the new ones; those that are merged already stand among the new.
fn append(mut list: Vec<Value>, old: &[Value], keys: &[String]) -> Result<Vec<Value>> {
    for item in old {
        if keys.first().is_none_or(String::is_empty) {
            put(&mut list, &[String::new()], &[text(item)], Some(item))?;
            continue;
        }
        let mut values = Vec::new();
        for key in keys {
            match item.as_object().and_then(|map| map.get(key)) {
                Some(value) if !is_null(value) => values.push(text(value)),
                _ => list.push(item.clone()),
            }
        }
        if keys.len() > 1 {
            put(&mut list, keys, &values, None)?;
        }
        put(&mut list, keys, &values, Some(item))?;
    }
    Ok(list)
}

fn expect_kind(dest: &Option<Value>, patch: &Option<Value>, kind: &str, fits: impl Fn(&Value) -> bool) -> Result<()> {
    for value in [dest, patch].into_iter().flatten() {
        if !is_null(value) && !fits(value) {
            let found = match value {
                Value::Object(_) => "MappingNode",
                Value::Array(_) => "SequenceNode",
                _ => "ScalarNode",
            };
            return fail(format!("wrong node kind: expected {kind} but got {found}: node contents:\n{}", yaml::write(value)));
        }
    }
    Ok(())
}

fn directive(text: &str) -> Result<Directive> {
    match text {
        "merge" => Ok(Directive::Merge),
        "replace" => Ok(Directive::Replace),
        "delete" => Ok(Directive::Delete),
        other => fail(format!("unknown patch strategy '{other}'")),
    }
}

/// Takes `$patch` out of a mapping.
fn map_directive(patch: &mut Value) -> Result<Directive> {
    let Some(map) = patch.as_object_mut() else { return fail("no implemented strategic merge patch strategy") };
    let Some(value) = map.get("$patch").filter(|value| !is_null(value)) else { return Ok(Directive::Merge) };
    let found = directive(&text(value))?;
    map.remove("$patch");
    Ok(found)
}

/// Takes the item that holds nothing but `$patch` out of a list.
fn list_directive(patch: &mut Value) -> Result<Directive> {
    let Some(items) = patch.as_array_mut() else { return fail("no implemented strategic merge patch strategy") };
    let item = items.iter().filter_map(Value::as_object).find(|item| item.contains_key("$patch"));
    let Some(value) = item.filter(|item| item.len() == 1).and_then(|item| item.get("$patch")) else { return Ok(Directive::Merge) };
    let word = text(value);
    let found = directive(&word)?;
    put(items, &["$patch".to_owned()], &[word], None)?;
    Ok(found)
}
