//! Items of lists that are told apart by keys. Source: kustomize `kyaml/yaml/fns.go` `ElementSetter`, `ElementMatcher`, and
//! `kyaml/yaml/walk/associative_sequence.go`.

use serde_json::Value;

use crate::error::{Result, fail};
use crate::value::{is_empty, is_null, text};

/// The key fields of every item; empty where one is missing.
pub(crate) fn texts_of(items: &[Value], keys: &[String]) -> Vec<Vec<String>> {
    let part = |item: &Value, key: &String| item.as_object().and_then(|map| map.get(key)).filter(|value| !is_empty(value)).map(text);
    items.iter().map(|item| keys.iter().map(|key| part(item, key).unwrap_or_default()).collect()).collect()
}

/// Fills gaps of one set of values from another that agrees with it elsewhere.
pub(crate) fn combined(wanted: &mut [Vec<String>]) {
    for first in 0..wanted.len() {
        for second in 0..wanted.len() {
            if let Some(both) = agreed(&wanted[first], &wanted[second]) {
                wanted[first].clone_from(&both);
                wanted[second] = both;
            }
        }
    }
}

fn agreed(left: &[String], right: &[String]) -> Option<Vec<String>> {
    if left.len() != right.len() {
        return None;
    }
    let mut common = false;
    let mut both = Vec::new();
    for (one, other) in left.iter().zip(right) {
        common |= one == other;
        if one != other && !one.is_empty() && !other.is_empty() {
            return None;
        }
        both.push(if one.is_empty() { other.clone() } else { one.clone() });
    }
    common.then_some(both)
}

/// The keys that any item has, and this item's values for them.
pub(crate) fn usable(all: &[Vec<String>], values: &[String], keys: &[String]) -> (Vec<String>, Vec<String>) {
    let used = |at: usize| all.iter().any(|values| values.get(at).is_some_and(|value| !value.is_empty()));
    let places: Vec<usize> = (0..keys.len()).filter(|at| used(*at)).collect();
    if places.is_empty() {
        return (keys.to_vec(), values.to_vec());
    }
    let mine = places.iter().filter_map(|at| values.get(*at).cloned()).collect();
    (places.iter().map(|at| keys[*at].clone()).collect(), mine)
}

/// The first item with these values.
pub(crate) fn find(items: &[Value], keys: &[String], values: &[String]) -> Option<usize> {
    if keys.first().is_none_or(String::is_empty) {
        let wanted = values.first().map_or("", String::as_str);
        return items.iter().position(|item| text(item) == wanted);
    }
    items.iter().position(|item| {
        let Some(map) = item.as_object() else { return false };
        keys.len() == values.len() && keys.iter().zip(values).all(|(key, value)| map.get(key).is_some_and(|found| text(found) == *value))
    })
}

/// Puts an item in place of those with these values, or at the end; without an item those are removed.
///
/// Where no value is given, every other item is lost: so does upstream.
pub(crate) fn put(list: &mut Vec<Value>, keys: &[String], values: &[String], item: Option<&Value>) -> Result<()> {
    let mapping = keys.first().is_some_and(|key| !key.is_empty()) && values.first().is_some_and(|value| !value.is_empty());
    let mut found = false;
    let mut kept = Vec::with_capacity(list.len() + 1);
    for old in list.drain(..) {
        if is_null(&old) || old.as_object().is_some_and(serde_json::Map::is_empty) {
            continue;
        }
        if !old.is_object() && mapping {
            kept.push(old);
            continue;
        }
        if matches(&old, keys, values)? {
            found = true;
            kept.extend(item.cloned());
        } else if !values.is_empty() {
            kept.push(old);
        }
    }
    *list = kept;
    if let Some(item) = item.filter(|item| !found && !is_null(item)) {
        list.push(item.clone());
    }
    Ok(())
}

fn matches(item: &Value, keys: &[String], values: &[String]) -> Result<bool> {
    let mut found = false;
    for (at, key) in keys.iter().enumerate() {
        if let Some(value) = values.get(at) {
            found = if key.is_empty() {
                !item.is_object() && !item.is_array() && text(item) == *value
            } else {
                let Some(map) = item.as_object() else { return fail("wrong node kind: expected MappingNode but got ScalarNode") };
                map.get(key).is_some_and(|field| value.is_empty() || text(field) == *value)
            };
        }
        if !found {
            return Ok(false);
        }
    }
    Ok(found)
}
