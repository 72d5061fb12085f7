//! Lists, sets and the insertion of two-variable loops. kubernetes `apiserver/pkg/cel/library/lists.go`, cel-go
//! `ext/{lists,sets,comprehensions}.go`.

use std::cmp::Ordering;
use std::sync::Arc;

use crate::library::Outcome;
use crate::operators::{arithmetic, equal, order, shown};
use crate::value::{EvalError, Key, Value};

/// A list made by `lists.range` or `flatten` is not longer than this.
const LONGEST: i64 = 1_000_000;

pub(crate) fn call(function: &str, _member: bool, values: &[Value]) -> Option<Outcome> {
    Some(match (function, values) {
        ("isSorted", [Value::List(items, _)]) => sorted(items),
        ("sum", [Value::List(items, _)]) => sum(items),
        ("max", [Value::List(items, _)]) => extreme(items, "max", Ordering::Greater),
        ("min", [Value::List(items, _)]) => extreme(items, "min", Ordering::Less),
        ("indexOf", [Value::List(items, _), wanted]) => Ok(place(items.iter().position(|one| equal(one, wanted)))),
        ("lastIndexOf", [Value::List(items, _), wanted]) => Ok(place(items.iter().rposition(|one| equal(one, wanted)))),
        ("sets.contains", [Value::List(list, _), Value::List(part, _)]) => Ok(Value::Bool(contains(list, part))),
        ("sets.equivalent", [Value::List(left, _), Value::List(right, _)]) => {
            Ok(Value::Bool(contains(left, right) && contains(right, left)))
        }
        ("sets.intersects", [Value::List(left, _), Value::List(right, _)]) => {
            Ok(Value::Bool(left.iter().any(|one| right.iter().any(|other| equal(one, other)))))
        }
        ("slice", [Value::List(items, _), Value::Int(from), Value::Int(to)]) => slice(items, *from, *to),
        ("flatten", [Value::List(items, _)]) => flatten(items, 1),
        ("flatten", [Value::List(_, _), Value::Int(depth)]) if *depth < 0 => Err(EvalError::new("level must be non-negative")),
        ("flatten", [Value::List(items, _), Value::Int(depth)]) => flatten(items, *depth),
        ("lists.range", [Value::Int(count)]) if *count > LONGEST => Err(EvalError::new("the list would be too long")),
        ("lists.range", [Value::Int(count)]) => Ok(Value::list((0..*count).map(Value::Int).collect())),
        ("reverse", [Value::List(items, _)]) => Ok(Value::list(items.iter().rev().cloned().collect())),
        ("distinct", [Value::List(items, _)]) => Ok(distinct(items)),
        ("sort", [Value::List(items, _)]) => sort(items, items),
        ("@sortByAssociatedKeys", [Value::List(items, _), Value::List(keys, _)]) => sort(items, keys),
        ("cel.@mapInsert", [Value::Map(map), key, value]) => {
            let mut map = map.as_ref().clone();
            insert(&mut map, key, value).map(|()| Value::Map(Arc::new(map)))
        }
        ("cel.@mapInsert", [Value::Map(map), Value::Map(more)]) => {
            let mut map = map.as_ref().clone();
            more.iter().try_for_each(|(key, value)| insert(&mut map, &key.value(), value)).map(|()| Value::Map(Arc::new(map)))
        }
        _ => return None,
    })
}

fn place(found: Option<usize>) -> Value {
    Value::Int(found.and_then(|at| i64::try_from(at).ok()).unwrap_or(-1))
}

fn sorted(items: &[Value]) -> Outcome {
    for pair in items.windows(2) {
        if order(&pair[0], &pair[1])? == Ordering::Greater {
            return Ok(Value::Bool(false));
        }
    }
    Ok(Value::Bool(true))
}

fn sum(items: &[Value]) -> Outcome {
    let Some(first) = items.first() else { return Ok(Value::Int(0)) };
    items[1..].iter().try_fold(first.clone(), |sum, one| arithmetic("_+_", &sum, one))
}

fn extreme(items: &[Value], name: &str, wanted: Ordering) -> Outcome {
    let Some(first) = items.first() else { return Err(EvalError::new(format!("{name} called on empty list"))) };
    items[1..].iter().try_fold(first.clone(), |best, one| Ok(if order(one, &best)? == wanted { one.clone() } else { best }))
}

fn contains(list: &[Value], part: &[Value]) -> bool {
    part.iter().all(|one| list.iter().any(|other| equal(one, other)))
}

fn slice(items: &[Value], from: i64, to: i64) -> Outcome {
    let refuse = |why: String| Err(EvalError::new(format!("cannot slice({from}, {to}), {why}")));
    let (Ok(start), Ok(end)) = (usize::try_from(from), usize::try_from(to)) else {
        return refuse("negative indexes not supported".to_owned());
    };
    if start > end {
        return refuse("start index must be less than or equal to end index".to_owned());
    }
    if end > items.len() {
        return refuse(format!("list is length {}", items.len()));
    }
    Ok(Value::list(items[start..end].to_vec()))
}

fn flatten(items: &[Value], depth: i64) -> Outcome {
    let mut found = Vec::new();
    for item in items {
        match item {
            Value::List(inner, _) if depth > 0 => {
                if let Value::List(inner, _) = flatten(inner, depth - 1)? {
                    found.extend(inner.iter().cloned());
                }
            }
            other => found.push(other.clone()),
        }
    }
    Ok(Value::list(found))
}

fn distinct(items: &[Value]) -> Value {
    let mut found: Vec<Value> = Vec::new();
    for item in items {
        if !found.iter().any(|one| equal(one, item)) {
            found.push(item.clone());
        }
    }
    Value::list(found)
}

fn sort(items: &[Value], keys: &[Value]) -> Outcome {
    if items.len() != keys.len() {
        return Err(EvalError::new(format!(
            "@sortByAssociatedKeys() expected a list of the same size as the associated keys list, but got {} and {} elements respectively",
            items.len(),
            keys.len()
        )));
    }
    for pair in keys.windows(2) {
        if pair[0].type_name() != pair[1].type_name() {
            return Err(EvalError::new("list elements must have the same type"));
        }
    }
    if let [only] = keys {
        order(only, only).map_err(|_| EvalError::new("list elements must be comparable"))?;
    }
    let mut places: Vec<usize> = (0..items.len()).collect();
    let mut failed = None;
    places.sort_by(|left, right| {
        order(&keys[*left], &keys[*right]).unwrap_or_else(|error| {
            failed = Some(error);
            Ordering::Equal
        })
    });
    match failed {
        Some(_) => Err(EvalError::new("list elements must be comparable")),
        None => Ok(Value::list(places.into_iter().map(|place| items[place].clone()).collect())),
    }
}

fn insert(map: &mut crate::value::Map, key: &Value, value: &Value) -> Result<(), EvalError> {
    let Some(found) = Key::of(key) else { return Err(EvalError::new("unsupported key type")) };
    if map.contains_key(&found) {
        return Err(EvalError::new(format!("insert failed: key {} already exists", shown(key))));
    }
    map.insert(found, value.clone());
    Ok(())
}
