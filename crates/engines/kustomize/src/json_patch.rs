//! JSON patches as evanphx/json-patch v4 carries them out: negative indices count from the end, a key that is missing can be
//! replaced but not removed. Source: evanphx/json-patch `patch.go`.

use serde_json::Value;

use crate::error::{BuildError, Result, fail};
use crate::value::size;

/// Most operations of one patch.
const MOST: usize = 10_000;
/// Most values that the copies of one patch may make.
const MOST_COPIED: usize = 100_000;

/// Reads a patch. What starts with `[` must be JSON, all else is YAML, as upstream has it.
pub(crate) fn parse(text: &str) -> Result<Vec<Value>> {
    let value = match text.starts_with('[') {
        true => serde_json::from_str(text).map_err(|error| error.to_string()),
        false => crate::read::settings(text).map_err(|error| error.to_string()),
    };
    let value = match value {
        Ok(value) => value,
        Err(error) => return fail(error),
    };
    match value {
        Value::Array(operations) if operations.len() > MOST => fail("a JSON patch may have at most 10,000 operations"),
        Value::Array(operations) if operations.iter().all(Value::is_object) => Ok(operations),
        Value::Null => Ok(Vec::new()),
        Value::Array(_) => fail("json: cannot unmarshal into Go value of type jsonpatch.Operation"),
        _ => fail("json: cannot unmarshal object into Go value of type jsonpatch.Patch"),
    }
}

pub(crate) fn apply(document: &mut Value, operations: &[Value]) -> Result<()> {
    let mut copied = 0;
    operations.iter().try_for_each(|operation| perform(document, operation, &mut copied))
}

fn perform(document: &mut Value, operation: &Value, copied: &mut usize) -> Result<()> {
    let kind = operation["op"].as_str().unwrap_or("unknown");
    let Some(path) = operation["path"].as_str() else { return fail(format!("missing path in {kind} operation")) };
    let steps = steps(path);
    let value = || operation.get("value").cloned().unwrap_or(Value::Null);
    match kind {
        "add" => add(document, &steps, value(), path, "add"),
        "remove" => remove(document, &steps, path).map(drop),
        "replace" => {
            if steps.is_empty() {
                *document = value();
                return Ok(());
            }
            let Some((last, parents)) = steps.split_last() else { return Ok(()) };
            let missing = |what: &str| fail(format!("replace operation does not apply: doc is missing {what}: {path}: missing value"));
            match find(document, parents) {
                // A mapping takes the value even where it had none.
                Some(Value::Object(map)) => {
                    map.insert(last.clone(), value());
                    Ok(())
                }
                Some(Value::Array(items)) => match index(last, items.len()).and_then(|at| items.get_mut(at)) {
                    Some(place) => {
                        *place = value();
                        Ok(())
                    }
                    None => missing("key"),
                },
                _ => missing("path"),
            }
        }
        "move" | "copy" => {
            let Some(from) = operation["from"].as_str() else { return fail(format!("missing from in {kind} operation")) };
            let source = self::steps(from);
            let moved = if kind == "move" {
                remove(document, &source, from)?
            } else {
                // What a mapping does not have is null.
                let mapping =
                    source.split_last().is_some_and(|(_, parents)| find(document, parents).is_some_and(|parent| parent.is_object()));
                match find(document, &source) {
                    Some(value) => {
                        // A copy into what is copied doubles it.
                        *copied += size(value);
                        if *copied > MOST_COPIED {
                            return Err(BuildError::Limit("100,000 values copied by one JSON patch"));
                        }
                        value.clone()
                    }
                    None if mapping => Value::Null,
                    None => return fail(format!("copy operation does not apply: doc is missing from path: {from}: missing value")),
                }
            };
            add(document, &steps, moved, path, kind)
        }
        "test" => {
            let found = find(document, &steps).map_or(Value::Null, |value| value.clone());
            if same(&found, &value()) { Ok(()) } else { fail(format!("testing value {path} failed: test failed")) }
        }
        other => fail(format!("Unexpected kind: {other}")),
    }
}

fn same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(one), Value::Number(other)) => one.as_f64() == other.as_f64(),
        (Value::Array(one), Value::Array(other)) => one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other)),
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len() && one.iter().all(|(key, value)| other.get(key).is_some_and(|other| same(value, other)))
        }
        (one, other) => one == other,
    }
}

fn steps(path: &str) -> Vec<String> {
    path.split('/').skip(1).map(|step| step.replace("~1", "/").replace("~0", "~")).collect()
}

/// An index into a list of this length; negative ones count from the end.
fn index(step: &str, length: usize) -> Option<usize> {
    let number: i64 = step.parse().ok()?;
    if number >= 0 { usize::try_from(number).ok() } else { length.checked_sub(usize::try_from(-number).ok()?) }
}

fn find<'a>(document: &'a mut Value, steps: &[String]) -> Option<&'a mut Value> {
    steps.iter().try_fold(document, |place, step| match place {
        Value::Object(map) => map.get_mut(step),
        Value::Array(items) => index(step, items.len()).and_then(|index| items.get_mut(index)),
        _ => None,
    })
}

fn add(document: &mut Value, steps: &[String], value: Value, path: &str, kind: &str) -> Result<()> {
    let Some((last, parents)) = steps.split_last() else {
        *document = value;
        return Ok(());
    };
    match find(document, parents) {
        Some(Value::Object(map)) => {
            map.insert(last.clone(), value);
            Ok(())
        }
        Some(Value::Array(items)) if last == "-" => {
            items.push(value);
            Ok(())
        }
        Some(Value::Array(items)) => {
            // A negative index names the place behind the item that it counts to.
            let at = if last.starts_with('-') { index(last, items.len() + 1) } else { index(last, items.len()) };
            match at.filter(|at| *at <= items.len()) {
                Some(at) => {
                    items.insert(at, value);
                    Ok(())
                }
                None => {
                    fail(format!("error in {kind} for path: '{path}': Unable to access invalid index: {last}: invalid index referenced"))
                }
            }
        }
        _ => fail(format!("{kind} operation does not apply: doc is missing path: \"{path}\": missing value")),
    }
}

fn remove(document: &mut Value, steps: &[String], path: &str) -> Result<Value> {
    let missing = || format!("remove operation does not apply: doc is missing path: \"{path}\": missing value");
    let Some((last, parents)) = steps.split_last() else { return fail(missing()) };
    match find(document, parents) {
        Some(Value::Object(map)) => match map.remove(last) {
            Some(value) => Ok(value),
            None => fail(format!("error in remove for path: '{path}': Unable to remove nonexistent key: {last}: missing value")),
        },
        Some(Value::Array(items)) => match index(last, items.len()).filter(|at| *at < items.len()) {
            Some(at) => Ok(items.remove(at)),
            None => fail(format!("error in remove for path: '{path}': Unable to access invalid index: {last}: invalid index referenced")),
        },
        _ => fail(missing()),
    }
}
