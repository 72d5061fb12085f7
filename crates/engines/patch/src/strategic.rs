//! Strategic merge patch. Follows apimachinery `pkg/util/strategicpatch`.

use serde_json::{Map, Value};

use crate::PatchError;
use crate::builtin::{self, Field, Type, TypeRef};

const DIRECTIVE: &str = "$patch";
const RETAIN: &str = "$retainKeys";
const ORDER: &str = "$setElementOrder/";
const DELETE_FROM: &str = "$deleteFromPrimitiveList/";

/// Merges a strategic merge patch into an object and returns the result.
///
/// The lists of kinds that are not Kubernetes' own are replaced, their maps merged.
pub fn strategic(original: &Value, patch: &Value, kind: &TypeRef) -> Result<Value, PatchError> {
    let (Value::Object(original), Value::Object(patch)) = (original, patch) else {
        return Err(PatchError::Malformed("a strategic merge patch must be an object".to_owned()));
    };
    Ok(Value::Object(merge_map(original.clone(), patch, builtin::of(kind))?))
}

fn failed<T>(text: String) -> Result<T, PatchError> {
    Err(PatchError::Failed(text))
}

/// A directive that is not as it must be.
fn malformed<T>(what: &str) -> Result<T, PatchError> {
    Err(PatchError::Malformed(format!("invalid patch format of {what}")))
}

fn unknown(directive: &str, patch: &Map<String, Value>) -> String {
    format!("unknown patch type: {directive} in map: {}", golang::printed(&Value::Object(patch.clone())))
}

fn merge_map(mut original: Map<String, Value>, patch: &Map<String, Value>, kind: Option<&Type>) -> Result<Map<String, Value>, PatchError> {
    match patch.get(DIRECTIVE).map(|directive| directive.as_str().unwrap_or_default()) {
        None => {}
        Some("replace") => {
            return Ok(patch.iter().filter(|(name, _)| *name != DIRECTIVE).map(|(name, value)| (name.clone(), value.clone())).collect());
        }
        Some("delete") => return Ok(Map::new()),
        Some(other) => return failed(unknown(other, patch)),
    }
    retain(&mut original, patch)?;
    // A list whose order is given is merged before anything is taken out of it.
    let (ordered, others): (Vec<_>, Vec<_>) = patch.iter().partition(|(name, _)| patch.contains_key(&format!("{ORDER}{name}")));
    for (name, value) in &ordered {
        in_order(value, &patch[&format!("{ORDER}{name}")], kind.and_then(|kind| kind.field(name)).and_then(|field| field.key))?;
    }
    for (name, value) in ordered.into_iter().chain(others) {
        if let Some(field) = name.strip_prefix(DELETE_FROM) {
            delete_from(&mut original, field, value)?;
        } else if let Some(field) = name.strip_prefix(ORDER) {
            if !patch.contains_key(field) {
                reorder(&mut original, field, value, kind.and_then(|kind| kind.field(field)))?;
            }
        } else if name.starts_with('$') && (name == DIRECTIVE || name == RETAIN) {
            continue;
        } else {
            merge_field(&mut original, name, value, patch, kind.and_then(|kind| kind.field(name)))?;
        }
    }
    Ok(original)
}

fn merge_field(
    original: &mut Map<String, Value>,
    name: &str,
    value: &Value,
    patch: &Map<String, Value>,
    field: Option<&Field>,
) -> Result<(), PatchError> {
    if value.is_null() {
        original.remove(name);
        return Ok(());
    }
    let merged = match (original.remove(name), value) {
        (Some(Value::Object(_)), Value::Object(_)) if field.is_some_and(|field| field.replace) => value.clone(),
        (Some(Value::Object(before)), Value::Object(change)) => Value::Object(merge_map(before, change, field.and_then(Field::inner))?),
        (Some(Value::Array(before)), Value::Array(change)) if field.is_some_and(|field| field.key.is_some() || field.merge) => {
            let order = patch.get(&format!("{ORDER}{name}")).and_then(Value::as_array);
            Value::Array(merge_list(before, change, order, field)?)
        }
        (_, value) => without_nulls(value),
    };
    original.insert(name.to_owned(), merged);
    Ok(())
}

/// `$retainKeys` lists the only fields that may be left of the original.
fn retain(original: &mut Map<String, Value>, patch: &Map<String, Value>) -> Result<(), PatchError> {
    let Some(keys) = patch.get(RETAIN) else { return Ok(()) };
    let Some(keys) = keys.as_array() else { return malformed("retainKeys") };
    let listed = |name: &String| keys.iter().any(|key| key.as_str() == Some(name));
    if patch.iter().any(|(name, value)| !name.starts_with('$') && !value.is_null() && !listed(name)) {
        return malformed("retainKeys");
    }
    original.retain(|name, _| listed(name));
    Ok(())
}

/// What a patch has of a list stands there as in the order that is given for the whole list.
fn in_order(list: &Value, order: &Value, key: Option<&str>) -> Result<(), PatchError> {
    if list.is_null() {
        return Ok(());
    }
    let (Some(items), Some(order_items)) = (list.as_array(), order.as_array()) else { return malformed("setElementOrder list") };
    let identity = |one: &Value| key.map_or_else(|| Some(one.clone()), |key| one.get(key).cloned());
    let mut left = items.iter().filter(|one| one.get(DIRECTIVE).and_then(Value::as_str) != Some("delete")).peekable();
    for one in order_items {
        if left.peek().is_some_and(|next| identity(next) == identity(one)) {
            left.next();
        }
    }
    if left.peek().is_none() {
        return Ok(());
    }
    failed(format!(
        "The order in patch list:\n{}\n doesn't match $setElementOrder list:\n{}\n",
        golang::printed(list),
        golang::printed(order)
    ))
}

fn delete_from(original: &mut Map<String, Value>, field: &str, gone: &Value) -> Result<(), PatchError> {
    let Some(gone) = gone.as_array() else { return malformed("primitive list") };
    if let Some(Value::Array(list)) = original.get_mut(field) {
        list.retain(|one| !gone.contains(one));
    }
    Ok(())
}

fn reorder(original: &mut Map<String, Value>, name: &str, order: &Value, field: Option<&Field>) -> Result<(), PatchError> {
    let Some(order) = order.as_array() else { return malformed("setElementOrder list") };
    if let Some(Value::Array(list)) = original.get(name) {
        let sorted = normalize(list.clone(), order, list, field.and_then(|field| field.key));
        original.insert(name.to_owned(), Value::Array(sorted));
    }
    Ok(())
}

fn merge_list(original: Vec<Value>, patch: &[Value], order: Option<&Vec<Value>>, field: Option<&Field>) -> Result<Vec<Value>, PatchError> {
    let key = field.and_then(|field| field.key);
    let before = original.clone();
    let mut merged = original;
    let mut wanted = Vec::new();
    let Some(key) = key else {
        for one in patch {
            if !merged.contains(one) {
                merged.push(one.clone());
            }
        }
        return Ok(normalize(merged, order.map_or(patch, Vec::as_slice), &before, None));
    };
    let mut replace = false;
    for one in patch {
        let Value::Object(item) = one else {
            return Err(PatchError::Malformed(format!("an item of a list that is merged by {key:?} must be an object")));
        };
        match item.get(DIRECTIVE).map(|directive| directive.as_str().unwrap_or_default()) {
            Some("delete") => {
                let Some(value) = item.get(key) else { return failed(format!("delete patch type with no merge key defined: {key}")) };
                merged.retain(|other| other.get(key) != Some(value));
            }
            // Whatever else such an item has does not count.
            Some("replace") => replace = true,
            None => wanted.push(item),
            Some("merge") => return failed("merging lists cannot yet be specified in the patch".to_owned()),
            Some(other) => return failed(unknown(other, item)),
        }
    }
    if replace {
        return Ok(wanted.into_iter().cloned().map(Value::Object).collect());
    }
    for item in &wanted {
        let Some(value) = item.get(key) else {
            let item = golang::printed(&Value::Object((*item).clone()));
            return failed(format!("map: {item} does not contain declared merge key: {key}"));
        };
        match merged.iter_mut().find(|other| other.get(key) == Some(value)) {
            Some(Value::Object(other)) => {
                let inner = merge_map(std::mem::take(other), item, field.and_then(Field::inner))?;
                *other = inner;
            }
            _ => merged.push(Value::Object((*item).clone())),
        }
    }
    let patched: Vec<Value> = wanted.into_iter().cloned().map(Value::Object).collect();
    Ok(normalize(merged, order.unwrap_or(&patched), &before, Some(key)))
}

/// Orders a merged list: items that `order` names by it, the others as they were, laid together by their old places.
fn normalize(merged: Vec<Value>, order: &[Value], before: &[Value], key: Option<&str>) -> Vec<Value> {
    let identity = |one: &Value| key.map_or_else(|| Some(one.clone()), |key| one.get(key).cloned());
    let place = |list: &[Value], one: &Value| list.iter().position(|other| identity(other) == identity(one));
    let (mut named, mut others): (Vec<Value>, Vec<Value>) = merged.into_iter().partition(|one| place(order, one).is_some());
    named.sort_by_key(|one| place(order, one));
    others.sort_by_key(|one| place(before, one));
    let mut result = Vec::with_capacity(named.len() + others.len());
    let (mut named, mut others) = (named.into_iter().peekable(), others.into_iter().peekable());
    loop {
        let first = match (others.peek(), named.peek()) {
            (None, None) => return result,
            (Some(_), None) => true,
            (None, Some(_)) => false,
            (Some(other), Some(name)) => matches!((place(before, other), place(before, name)), (Some(left), Some(right)) if left < right),
        };
        result.extend(if first { others.next() } else { named.next() });
    }
}

/// What is new is taken over as it is, directives and all, without the nulls of its maps: whoever reads it says what is
/// strange about it (apimachinery `pkg/util/strategicpatch/patch.go` `mergeMap`).
fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(map) => Value::Object(
            map.iter().filter(|(_, inner)| !inner.is_null()).map(|(name, inner)| (name.clone(), without_nulls(inner))).collect(),
        ),
        other => other.clone(),
    }
}
