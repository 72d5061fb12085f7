use super::signatures::{count, element, list, named, overloads, refused};
use std::cmp::Ordering;

use super::{Builtin, Input, float_of, int_of, kind_name};
use crate::Value;
use crate::operators::{equal, fetch, less};
use crate::types::Type;

const TEXT: fn() -> Type = || Type::Text;
const TEXTS: fn() -> Type = Type::texts;
const LIST: fn() -> Type = || Type::list(Type::Any);

pub(super) const ALL: &[Builtin] = &[
    Builtin {
        name: "first",
        check: |_, given| end("first", given),
        run: |input| Ok(fetch(&input.arguments[0], &Value::Int(0)).unwrap_or(Value::Nil)),
    },
    Builtin {
        name: "last",
        check: |_, given| end("last", given),
        run: |input| Ok(fetch(&input.arguments[0], &Value::Int(-1)).unwrap_or(Value::Nil)),
    },
    Builtin {
        name: "get",
        check: |_, _| Ok(Type::Unknown),
        run: |input| Ok(fetch(&input.arguments[0], &input.arguments[1]).unwrap_or(Value::Nil)),
    },
    Builtin {
        name: "take",
        check: |_, given| {
            count(given, 2)?;
            if !given[0].is_list() && !given[0].is_unknown() {
                return refused(format!("cannot take from {}", named(&given[0])));
            }
            if given[1] != Type::Int && !given[1].is_unknown() {
                return refused(format!("cannot take {} elements", named(&given[1])));
            }
            Ok(match &given[0] {
                Type::List(name, _) => Type::List(name, Box::new(element(&given[0]))),
                other => other.clone(),
            })
        },
        run: |input| {
            let items = input.list(0, "take from")?;
            let Value::Int(wanted) = input.arguments[1] else {
                return Err(format!("cannot take {} elements", kind_name(&input.arguments[1])));
            };
            let wanted = usize::try_from(wanted).map_err(|_| "reflect.Value.Slice: slice index out of bounds".to_owned())?;
            Ok(Value::list(items.into_iter().take(wanted).collect()))
        },
    },
    Builtin {
        name: "reverse",
        check: |_, given| list("reverse", given).map(|_| LIST()),
        run: |input| {
            let mut items = input.list(0, "reverse")?;
            items.reverse();
            Ok(Value::list(items))
        },
    },
    Builtin { name: "uniq", check: |_, given| list("uniq", given).map(|_| LIST()), run: uniq },
    Builtin {
        name: "concat",
        check: |_, given| {
            if given.is_empty() {
                return refused("invalid number of arguments (expected at least 1, got 0)".to_owned());
            }
            match given.iter().find(|given| !given.is_list() && !given.is_unknown()) {
                Some(other) => refused(format!("cannot concat {}", named(other))),
                None => Ok(LIST()),
            }
        },
        run: |input| {
            let mut all = Vec::new();
            for at in 0..input.arguments.len() {
                all.extend(input.list(at, "concat")?);
                if all.len() >= input.budget {
                    return Err("memory budget exceeded".to_owned());
                }
            }
            Ok(Value::list(all))
        },
    },
    Builtin { name: "flatten", check: |_, given| list("flatten", given).map(|_| LIST()), run: flatten },
    Builtin {
        name: "sort",
        check: |name, given| overloads(name, &[(&[LIST, TEXT], LIST), (&[TEXTS, TEXT], LIST), (&[TEXTS], LIST), (&[LIST], LIST)], given),
        run: |input| {
            let items = match &input.arguments[0] {
                Value::List(items) => items.to_vec(),
                _ => Vec::new(),
            };
            let descending = match input.arguments.get(1) {
                None => false,
                Some(Value::Text(order)) => match &**order {
                    "asc" => false,
                    "desc" => true,
                    other => return Err(format!("invalid order {other}, expected asc or desc")),
                },
                Some(other) => return Err(format!("sort order argument must be a string (got {})", other.type_name())),
            };
            sorted(items, descending, |item| item).map(Value::list)
        },
    },
];

fn end(which: &str, given: &[Type]) -> super::Checked {
    count(given, 1)?;
    match &given[0] {
        other if other.is_unknown() => Ok(Type::Any),
        other if other.is_list() => Ok(element(other)),
        other => refused(format!("cannot get {which} element from {}", named(other))),
    }
}

/// Sorts by a key; two keys that cannot be compared are an error.
pub(crate) fn sorted<T>(mut items: Vec<T>, descending: bool, key: impl Fn(&T) -> &Value) -> Result<Vec<T>, String> {
    if let Some(pair) = items.windows(2).find(|pair| less(key(&pair[0]), key(&pair[1])).is_err()) {
        let (a, b) = (key(&pair[0]), key(&pair[1]));
        return Err(format!("invalid operation: {} < {}", b.type_name(), a.type_name()));
    }
    items.sort_by(|a, b| if descending { total(key(b), key(a)) } else { total(key(a), key(b)) });
    Ok(items)
}

/// An order without the holes that Go's has: what is no number comes first, and equal floats go by their whole numbers.
fn total(a: &Value, b: &Value) -> Ordering {
    match (a, b) {
        (Value::Text(a), Value::Text(b)) => a.cmp(b),
        (Value::Time(a), Value::Time(b)) => a.order(b),
        (Value::Duration(a), Value::Duration(b)) => a.cmp(b),
        _ => {
            let of = |value: &Value| (float_of(value).unwrap_or(f64::NAN), int_of(value).unwrap_or(0));
            let ((a, whole_a), (b, whole_b)) = (of(a), of(b));
            let floats = a.partial_cmp(&b).unwrap_or_else(|| b.is_nan().cmp(&a.is_nan()));
            floats.then(whole_a.cmp(&whole_b))
        }
    }
}

fn uniq(input: &mut Input<'_>) -> Result<Value, String> {
    let items = input.list(0, "uniq")?;
    let mut kept: Vec<Value> = Vec::new();
    let mut work = 0;
    for item in items {
        work += kept.len() * item.bulk(100_000);
        if work > 10_000_000 {
            return Err("memory budget exceeded".to_owned());
        }
        if !kept.iter().any(|known| equal(&item, known)) {
            kept.push(item);
        }
    }
    Ok(Value::list(kept))
}

fn flatten(input: &mut Input<'_>) -> Result<Value, String> {
    let items = input.list(0, "flatten")?;
    let mut flat = Vec::new();
    let mut work = 0;
    let mut open = vec![items.into_iter()];
    while let Some(top) = open.last_mut() {
        match top.next() {
            None => drop(open.pop()),
            Some(Value::List(inner)) => {
                work += inner.len();
                open.push(Vec::clone(&inner).into_iter());
            }
            Some(Value::Bytes(bytes)) => flat.extend(bytes.iter().map(|byte| Value::Byte(*byte))),
            Some(other) => flat.push(other),
        }
        if flat.len() + open.len() >= input.budget || work >= 4_000_000 {
            return Err("memory budget exceeded".to_owned());
        }
    }
    Ok(Value::list(flat))
}
