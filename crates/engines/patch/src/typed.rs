//! Walks over objects by shape: which paths they have, how two differ, how one is laid over another.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde_json::{Map, Value};

use crate::check::{TypedError, check};
use crate::fields::FieldSet;
use crate::shape::{Scalar, Shape};

/// How a later state differs from an earlier one.
#[derive(Debug, Default)]
pub(crate) struct Comparison {
    pub added: FieldSet,
    pub modified: FieldSet,
    pub removed: FieldSet,
    /// Whether something that is new does not fit the shape: then nothing can be said of the whole.
    pub misfit: bool,
}

impl Comparison {
    /// Returns what is beyond these paths and all below them.
    pub fn beyond(mut self, ignored: &FieldSet) -> Self {
        for set in [&mut self.added, &mut self.modified, &mut self.removed] {
            set.subtract_deep(ignored);
        }
        self
    }
}

const FREE: Shape = Shape::Free;

fn field_step(name: &str) -> String {
    ["f:", name].concat()
}

/// A list item's step, `k:{…}`; `None` when it has none of the keys.
pub(crate) fn item_step(keys: &[(String, Option<Value>)], item: &Value) -> Option<String> {
    let mut found = Map::new();
    for (key, default) in keys {
        if let Some(value) = item.get(key).filter(|value| !value.is_null()).or(default.as_ref()) {
            found.insert(key.clone(), value.clone());
        }
    }
    (!found.is_empty()).then(|| format!("k:{}", Value::Object(found)))
}

/// Returns the paths of an applied configuration.
pub(crate) fn set_of(value: &Value, shape: &Shape) -> Result<FieldSet, TypedError> {
    check(value, shape)?;
    let mut set = FieldSet::default();
    collect(value, shape, &mut set);
    Ok(set)
}

fn collect(value: &Value, shape: &Shape, set: &mut FieldSet) {
    match (shape, value) {
        (Shape::Map { .. } | Shape::Free, Value::Object(map)) => {
            for (name, inner) in map {
                let (field, declared) = shape.field(name).unwrap_or((&FREE, false));
                let mut below = FieldSet::default();
                collect(inner, field, &mut below);
                let bare = inner.is_null() || inner.as_object().is_some_and(Map::is_empty);
                below.member |= bare || !declared;
                set.put(&field_step(name), below);
            }
        }
        (Shape::List { keys, item }, Value::Array(list)) => {
            for one in list {
                let Some(step) = item_step(keys, one) else { continue };
                let mut below = FieldSet::default();
                collect(one, item, &mut below);
                below.member = true;
                set.children.insert(step, below);
            }
        }
        (Shape::Set, Value::Array(list)) => {
            for one in list {
                set.children.insert(format!("v:{one}"), FieldSet { member: true, children: BTreeMap::new() });
            }
        }
        _ => set.member = true,
    }
}

/// Compares two states of an object.
pub(crate) fn compare(old: Option<&Value>, new: Option<&Value>, shape: &Shape) -> Comparison {
    let mut found = Comparison::default();
    if old == new {
        return found;
    }
    found.misfit = new.is_some_and(|new| !fits(new, shape));
    let inside = match shape {
        Shape::Map { .. } | Shape::Free => both_maps(old, new).map(|(old, new)| compare_maps(old, new, shape, &mut found)),
        Shape::List { keys, item } => both_lists(old, new).map(|(old, new)| {
            let step = |one: &Value| item_step(keys, one);
            let (old, new) = (by_step(old, step), by_step(new, step));
            compare_items(&old, &new, item, &mut found);
        }),
        Shape::Set => both_lists(old, new).map(|(old, new)| {
            let step = |one: &Value| Some(format!("v:{one}"));
            compare_items(&by_step(old, step), &by_step(new, step), &Shape::Scalar(Scalar::Any), &mut found);
        }),
        Shape::Scalar(_) | Shape::Atomic(_) => None,
    };
    match (old, new) {
        (None, _) => found.added.member = true,
        (_, None) => found.removed.member = true,
        (Some(old), Some(new)) if inside.is_none() => {
            found.modified.member = true;
            if matches!(shape, Shape::Free) {
                // A map that becomes a single value takes its fields along, and the other way round.
                compare_maps(old.as_object(), new.as_object(), shape, &mut found);
            }
        }
        _ => {}
    }
    found
}

/// Tells whether a value is of the shape, as far as it can be told without looking into the fields of maps and items of lists,
/// which are looked at on their own.
fn fits(value: &Value, shape: &Shape) -> bool {
    match (shape, value) {
        (_, Value::Null) | (Shape::Free, _) => true,
        (Shape::Map { .. }, Value::Object(map)) => map.keys().all(|name| shape.field(name).is_some()),
        (Shape::List { keys, .. }, Value::Array(list)) => list.iter().all(|one| one.is_object() && item_step(keys, one).is_some()),
        (Shape::Set, Value::Array(list)) => list.iter().all(|one| !(one.is_null() || one.is_object() || one.is_array())),
        (Shape::Map { .. } | Shape::List { .. } | Shape::Set, _) => false,
        (Shape::Scalar(_) | Shape::Atomic(_), _) => check(value, shape).map_or_else(|error| error.tells_only_duplicates(), |()| true),
    }
}

/// Both as maps, unless one is something else or both are empty.
fn both_maps<'a>(
    old: Option<&'a Value>,
    new: Option<&'a Value>,
) -> Option<(Option<&'a Map<String, Value>>, Option<&'a Map<String, Value>>)> {
    let fits = |value: Option<&Value>| value.is_none_or(|value| value.is_object() || value.is_null());
    let pair = (old.and_then(Value::as_object), new.and_then(Value::as_object));
    let empty = pair.0.is_none_or(Map::is_empty) && pair.1.is_none_or(Map::is_empty);
    (fits(old) && fits(new) && !empty).then_some(pair)
}

fn both_lists<'a>(old: Option<&'a Value>, new: Option<&'a Value>) -> Option<(&'a [Value], &'a [Value])> {
    let fits = |value: Option<&Value>| value.is_none_or(|value| value.is_array() || value.is_null());
    let list = |value: Option<&'a Value>| value.and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let pair = (list(old), list(new));
    (fits(old) && fits(new) && !(pair.0.is_empty() && pair.1.is_empty())).then_some(pair)
}

fn compare_maps(old: Option<&Map<String, Value>>, new: Option<&Map<String, Value>>, shape: &Shape, found: &mut Comparison) {
    let mut child = |name: &str, before: Option<&Value>, after: Option<&Value>| {
        if before == after {
            return;
        }
        let field = shape.field(name).map_or(&FREE, |(field, _)| field);
        join(found, &field_step(name), compare(before, after, field));
    };
    for (name, before) in old.into_iter().flatten() {
        child(name, Some(before), new.and_then(|new| new.get(name)));
    }
    for (name, after) in new.into_iter().flatten() {
        if old.is_none_or(|old| !old.contains_key(name)) {
            child(name, None, Some(after));
        }
    }
}

fn by_step(list: &[Value], step: impl Fn(&Value) -> Option<String>) -> BTreeMap<String, &Value> {
    list.iter().filter_map(|one| Some((step(one)?, one))).collect()
}

fn compare_items(old: &BTreeMap<String, &Value>, new: &BTreeMap<String, &Value>, item: &Shape, found: &mut Comparison) {
    for (step, before) in old {
        join(found, step, compare(Some(before), new.get(step).copied(), item));
    }
    for (step, after) in new {
        if !old.contains_key(step) {
            join(found, step, compare(None, Some(after), item));
        }
    }
}

fn join(found: &mut Comparison, step: &str, inner: Comparison) {
    found.added.put(step, inner.added);
    found.modified.put(step, inner.modified);
    found.removed.put(step, inner.removed);
    found.misfit |= inner.misfit;
}

/// Lays a configuration over the live object.
pub(crate) fn merge(live: Option<&Value>, config: &Value, shape: &Shape) -> Value {
    match (shape, live, config) {
        (Shape::Map { .. } | Shape::Free, Some(Value::Object(live)), Value::Object(config)) => {
            let field = |name: &str| shape.field(name).map_or(&FREE, |(field, _)| field);
            let kept = live.iter().map(|(name, value)| {
                let merged = config.get(name).map_or_else(|| value.clone(), |wanted| merge(Some(value), wanted, field(name)));
                (name.clone(), merged)
            });
            let mut merged: Map<String, Value> = kept.collect();
            for (name, wanted) in config.iter().filter(|(name, _)| !live.contains_key(*name)) {
                merged.insert(name.clone(), merge(None, wanted, field(name)));
            }
            Value::Object(merged)
        }
        (Shape::List { keys, item }, Some(Value::Array(live)), Value::Array(config)) => {
            merge_lists(live, config, |one| item_step(keys, one), item)
        }
        (Shape::Set, Some(Value::Array(live)), Value::Array(config)) => {
            merge_lists(live, config, |one| Some(format!("v:{one}")), &Shape::Scalar(Scalar::Any))
        }
        (Shape::Map { .. } | Shape::List { .. } | Shape::Set, Some(live), Value::Null) => live.clone(),
        _ => config.clone(),
    }
}

/// Items of the configuration come in its order; the others stay where their live neighbours are.
fn merge_lists(live: &[Value], config: &[Value], step: impl Fn(&Value) -> Option<String>, item: &Shape) -> Value {
    let steps = |list: &[Value]| -> Vec<String> { list.iter().map(|one| step(one).unwrap_or_default()).collect() };
    let (left, right) = (steps(live), steps(config));
    let on_left: HashMap<&str, usize> = left.iter().enumerate().rev().map(|(index, step)| (step.as_str(), index)).collect();
    let on_right: HashSet<&str> = right.iter().map(String::as_str).collect();
    let mut shared = right.iter().filter(|step| on_left.contains_key(step.as_str()));
    let mut next = shared.next();
    let mut merged_right = HashSet::new();
    let mut out = Vec::with_capacity(live.len() + config.len());
    let (mut l, mut r) = (0, 0);
    while l < left.len() || r < right.len() {
        if l < left.len() && r < right.len() {
            if left[l] == right[r] {
                out.push(merge(Some(&live[l]), &config[r], item));
                merged_right.insert(right[r].as_str());
                (l, r) = (l + 1, r + 1);
                if next.is_some_and(|next| *next == right[r - 1]) {
                    next = shared.next();
                }
                continue;
            }
            if on_right.contains(left[l].as_str()) && next.is_some_and(|next| *next != left[l]) {
                l += 1;
                continue;
            }
        }
        if l < left.len() {
            if !on_right.contains(left[l].as_str()) {
                out.push(live[l].clone());
                l += 1;
                continue;
            }
            if merged_right.contains(left[l].as_str()) {
                l += 1;
                continue;
            }
        }
        if r < right.len() {
            let before = on_left.get(right[r].as_str()).map(|index| &live[*index]);
            out.push(merge(before, &config[r], item));
            merged_right.insert(right[r].as_str());
            if next.is_some_and(|next| *next == right[r]) {
                next = shared.next();
            }
            r += 1;
        } else {
            l += 1;
        }
    }
    Value::Array(out)
}

/// Removes what was applied before (`last`) and nobody owns any more (`owned`, the new configuration among it): in three steps,
/// as sigs.k8s.io/structured-merge-diff `merge/update.go` `prune` does, because items go with what is in them and come back
/// alone when nobody applied them. Where everything was taken is nothing, even if the new configuration has an empty map there;
/// the next apply of the same puts it back.
pub(crate) fn prune(merged: &mut Value, shape: &Shape, last: &FieldSet, owned: &FieldSet) {
    let named = |set: &FieldSet| with_named(set, shape);
    let (last, all) = (named(last), named(&paths(merged, shape)));
    let bare = without(merged, shape, &last);
    let mut kept = named(&paths(&bare, shape));
    kept.union(&named(owned));
    let mut gone = all.clone();
    gone.subtract(&kept);
    let bare = without(merged, shape, &gone);
    let mut gone = all;
    gone.subtract(&named(&paths(&bare, shape)));
    *merged = without(merged, shape, &gone.intersection(&last));
}

/// Returns the paths of an object that is there, whatever it is: nothing is refused.
fn paths(value: &Value, shape: &Shape) -> FieldSet {
    let item = |below: FieldSet| FieldSet { member: true, ..below };
    let mut set = FieldSet::default();
    match (shape, value) {
        (Shape::Map { .. } | Shape::Free, Value::Object(map)) => {
            for (name, inner) in map {
                let (field, declared) = shape.field(name).unwrap_or((&FREE, false));
                let mut below = paths(inner, field);
                below.member |= !declared || inner.is_null() || inner.as_object().is_some_and(Map::is_empty);
                set.put(&field_step(name), below);
            }
        }
        (Shape::List { keys, item: inner }, Value::Array(list)) => {
            for one in list {
                let Some(step) = item_step(keys, one) else { continue };
                let twice = set.children.contains_key(&step);
                set.children.insert(step, item(if twice { FieldSet::default() } else { paths(one, inner) }));
            }
        }
        (Shape::Set, Value::Array(list)) => {
            set.children.extend(list.iter().map(|one| (format!("v:{one}"), item(FieldSet::default()))));
        }
        _ => set.member = true,
    }
    set
}

/// Returns the set with every declared field on the way to its paths.
fn with_named(set: &FieldSet, shape: &Shape) -> FieldSet {
    let child = |(step, below): (&String, &FieldSet)| {
        let (inner, declared) = match (shape, step.strip_prefix("f:")) {
            (Shape::List { item, .. }, None) => (item.as_ref(), false),
            (_, Some(name)) => shape.field(name).unwrap_or((&FREE, false)),
            (_, None) => (&FREE, false),
        };
        let mut below = with_named(below, inner);
        below.member |= declared;
        (step.clone(), below)
    };
    FieldSet { member: set.member, children: set.children.iter().map(child).collect() }
}

/// Returns the value without these paths; where everything was taken nothing is left.
fn without(value: &Value, shape: &Shape, gone: &FieldSet) -> Value {
    if gone.children.is_empty() {
        return value.clone();
    }
    match (shape, value) {
        (_, Value::Object(map)) if map.is_empty() => value.clone(),
        (_, Value::Array(list)) if list.is_empty() => value.clone(),
        (Shape::Map { .. } | Shape::Free, Value::Object(map)) => {
            let left: Map<String, Value> = map
                .iter()
                .filter_map(|(name, inner)| {
                    let field = shape.field(name).map_or(&FREE, |(field, _)| field);
                    Some((name.clone(), left(inner, field, gone.children.get(&format!("f:{name}")))?))
                })
                .collect();
            if left.is_empty() { Value::Null } else { Value::Object(left) }
        }
        (Shape::List { keys, item }, Value::Array(list)) => {
            items_left(list.iter().filter_map(|one| left(one, item, item_step(keys, one).and_then(|step| gone.children.get(&step)))))
        }
        (Shape::Set, Value::Array(list)) => {
            items_left(list.iter().filter_map(|one| left(one, &Shape::Scalar(Scalar::Any), gone.children.get(&format!("v:{one}")))))
        }
        (Shape::Atomic(_) | Shape::Free, Value::Object(_) | Value::Array(_)) => Value::Null,
        _ => value.clone(),
    }
}

fn left(value: &Value, shape: &Shape, gone: Option<&FieldSet>) -> Option<Value> {
    match gone {
        None => Some(value.clone()),
        Some(gone) if gone.member => None,
        Some(gone) => Some(without(value, shape, gone)),
    }
}

fn items_left(items: impl Iterator<Item = Value>) -> Value {
    let list: Vec<Value> = items.collect();
    if list.is_empty() { Value::Null } else { Value::Array(list) }
}
