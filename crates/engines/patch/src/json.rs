use serde_json::{Map, Value};

use crate::PatchError;

/// Most operations in one JSON patch, as in Kubernetes.
const MOST_OPERATIONS: usize = 10_000;
/// Most values that the copies of one patch may add.
const MOST_COPIED: usize = 200_000;

/// Merges a JSON merge patch (RFC 7396) into a value.
pub fn json_merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Value::Object(target) = target else { return };
    for (name, change) in patch {
        if change.is_null() {
            target.remove(name);
        } else {
            json_merge(target.entry(name.clone()).or_insert(Value::Null), change);
        }
    }
}

/// Carries out a JSON patch (RFC 6902) and returns the changed document.
pub fn json_patch(document: &Value, operations: &Value) -> Result<Value, PatchError> {
    let Value::Array(operations) = operations else {
        return Err(PatchError::Malformed("a JSON patch must be a list of operations".to_owned()));
    };
    if operations.len() > MOST_OPERATIONS {
        return Err(PatchError::Malformed(format!(
            "The allowed maximum operations in a JSON patch is {MOST_OPERATIONS}, got {}",
            operations.len()
        )));
    }
    let mut document = document.clone();
    let mut budget = MOST_COPIED;
    for operation in operations {
        perform(&mut document, operation, &mut budget)?;
    }
    Ok(document)
}

fn perform(document: &mut Value, operation: &Value, budget: &mut usize) -> Result<(), PatchError> {
    let text = |name: &str| {
        operation.get(name).and_then(Value::as_str).ok_or_else(|| PatchError::Failed(format!("operation lacks {name}: {operation}")))
    };
    let value = || operation.get("value").cloned().ok_or_else(|| PatchError::Failed(format!("operation lacks value: {operation}")));
    let path = parse(text("path")?)?;
    match text("op")? {
        "add" => add(document, &path, value()?),
        "remove" => remove(document, &path).map(drop),
        "replace" => {
            let value = value()?;
            match path.split_last() {
                // Of an object any field is replaced, also one that is not there yet, as evanphx/json-patch v4 has it.
                Some((last, parents)) if matches!(find(document, parents), Some(Value::Object(_))) => {
                    if let Some(Value::Object(map)) = find(document, parents) {
                        map.insert(last.clone(), value);
                    }
                }
                _ => *find(document, &path).ok_or_else(|| missing(&path))? = value,
            }
            Ok(())
        }
        "move" => {
            let from = parse(text("from")?)?;
            if path.len() > from.len() && path.starts_with(&from) {
                return Err(PatchError::Failed("a value cannot be moved into itself".to_owned()));
            }
            let moved = remove(document, &from)?;
            add(document, &path, moved)
        }
        "copy" => {
            let from = parse(text("from")?)?;
            let copied = find(document, &from).ok_or_else(|| missing(&from))?.clone();
            *budget =
                budget.checked_sub(size(&copied)).ok_or_else(|| PatchError::Failed("the copies of this patch are too large".to_owned()))?;
            add(document, &path, copied)
        }
        "test" => {
            let wanted = operation.get("value").unwrap_or(&Value::Null);
            let found = find(document, &path);
            let holds = found.as_deref().map_or(wanted.is_null(), |found| found == wanted);
            if holds { Ok(()) } else { Err(PatchError::Failed(format!("testing value {} failed", pointer(&path)))) }
        }
        other => Err(PatchError::Failed(format!("unexpected kind of operation: {other}"))),
    }
}

fn size(value: &Value) -> usize {
    match value {
        Value::Array(list) => 1 + list.iter().map(size).sum::<usize>(),
        Value::Object(map) => 1 + map.values().map(size).sum::<usize>(),
        Value::String(text) => 1 + text.len() / 32,
        Value::Null | Value::Bool(_) | Value::Number(_) => 1,
    }
}

fn parse(pointer: &str) -> Result<Vec<String>, PatchError> {
    if pointer.is_empty() {
        return Ok(Vec::new());
    }
    let rest =
        pointer.strip_prefix('/').ok_or_else(|| PatchError::Failed(format!("{pointer:?} is no JSON pointer: it must start with /")))?;
    Ok(rest.split('/').map(|part| part.replace("~1", "/").replace("~0", "~")).collect())
}

fn pointer(path: &[String]) -> String {
    path.iter().map(|part| format!("/{part}")).collect()
}

fn missing(path: &[String]) -> PatchError {
    PatchError::Failed(format!("the path {} does not exist", pointer(path)))
}

/// Returns the place in a list that has so many; `-1` is the last one, as evanphx/json-patch counts.
fn index(part: &str, length: usize) -> Option<usize> {
    if let Some(back) = part.strip_prefix('-') {
        return length.checked_sub(back.parse().ok().filter(|back| *back > 0)?);
    }
    let canonical = part == "0" || !part.starts_with(['0', '+']);
    part.parse().ok().filter(|index| canonical && *index < length)
}

fn find<'a>(document: &'a mut Value, path: &[String]) -> Option<&'a mut Value> {
    path.iter().try_fold(document, |place, part| match place {
        Value::Object(map) => map.get_mut(part),
        Value::Array(list) => index(part, list.len()).and_then(|index| list.get_mut(index)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    })
}

fn add(document: &mut Value, path: &[String], value: Value) -> Result<(), PatchError> {
    let Some((last, parents)) = path.split_last() else {
        *document = value;
        return Ok(());
    };
    match find(document, parents) {
        Some(Value::Object(map)) => {
            map.insert(last.clone(), value);
            Ok(())
        }
        Some(Value::Array(list)) => {
            let at = if last == "-" { Some(list.len()) } else { index(last, list.len() + 1) };
            list.insert(at.ok_or_else(|| missing(path))?, value);
            Ok(())
        }
        _ => Err(missing(path)),
    }
}

fn remove(document: &mut Value, path: &[String]) -> Result<Value, PatchError> {
    let Some((last, parents)) = path.split_last() else {
        return Err(PatchError::Failed("the whole document cannot be removed".to_owned()));
    };
    match find(document, parents) {
        Some(Value::Object(map)) => map.remove(last).ok_or_else(|| missing(path)),
        Some(Value::Array(list)) => match index(last, list.len()) {
            Some(index) => Ok(list.remove(index)),
            None => Err(missing(path)),
        },
        _ => Err(missing(path)),
    }
}
