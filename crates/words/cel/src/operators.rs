//! Equality, order and arithmetic. cel-go `common/types/*.go`.

use std::cmp::Ordering;
use std::sync::Arc;

use jiff::SignedDuration;

use crate::value::{EvalError, Key, ListKind, Map, Value};

type Outcome = Result<Value, EvalError>;

/// Tells whether two values are equal; values of different sorts are not.
pub(crate) fn equal(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Null, Value::Null) => true,
        (Value::Bool(left), Value::Bool(right)) => left == right,
        (Value::String(left), Value::String(right)) => left == right,
        (Value::Bytes(left), Value::Bytes(right)) => left == right,
        (Value::Duration(left), Value::Duration(right)) => left == right,
        (Value::Timestamp(left), Value::Timestamp(right)) => left == right,
        (Value::Type(left), Value::Type(right)) => left == right,
        (Value::List(left, kind), Value::List(right, _)) => lists_equal(left, right, kind),
        (Value::Map(left), Value::Map(right)) => {
            left.len() == right.len() && left.iter().all(|(key, value)| right.get(key).is_some_and(|other| equal(value, other)))
        }
        (Value::Optional(left), Value::Optional(right)) => match (left, right) {
            (Some(left), Some(right)) => equal(left, right),
            (None, None) => true,
            _ => false,
        },
        (Value::Quantity(left), Value::Quantity(right)) => left.nanos() == right.nanos(),
        (Value::Ip(left), Value::Ip(right)) => left == right,
        (Value::Cidr(left, bits), Value::Cidr(right, bits2)) => left == right && bits == bits2,
        (Value::Url(left), Value::Url(right)) => left.text == right.text,
        (Value::Format(left), Value::Format(right)) => left == right,
        (Value::Semver(left), Value::Semver(right)) => left.order(right) == Ordering::Equal,
        _ => number_order(left, right) == Some(Ordering::Equal),
    }
}

fn lists_equal(left: &[Value], right: &[Value], kind: &ListKind) -> bool {
    if left.len() != right.len() {
        return false;
    }
    match kind {
        ListKind::Plain => left.iter().zip(right).all(|(left, right)| equal(left, right)),
        ListKind::Set => left.iter().all(|one| right.iter().any(|other| equal(one, other))),
        ListKind::Keyed(_) => left.iter().all(|one| right.iter().any(|other| same_key(kind, one, other) && equal(one, other))),
    }
}

/// Tells whether two items of a keyed list have the same key.
fn same_key(kind: &ListKind, left: &Value, right: &Value) -> bool {
    let ListKind::Keyed(keys) = kind else { return equal(left, right) };
    let (Value::Map(left), Value::Map(right)) = (left, right) else { return false };
    keys.iter().all(|key| {
        let key = Key::from(crate::escape(key).unwrap_or_default().as_str());
        match (left.get(&key), right.get(&key)) {
            (Some(left), Some(right)) => equal(left, right),
            (None, None) => true,
            _ => false,
        }
    })
}

/// Compares numbers of whatever sorts.
fn number_order(left: &Value, right: &Value) -> Option<Ordering> {
    match (left, right) {
        (Value::Int(left), Value::Int(right)) => Some(left.cmp(right)),
        (Value::Uint(left), Value::Uint(right)) => Some(left.cmp(right)),
        (Value::Int(left), Value::Uint(right)) => Some(i128::from(*left).cmp(&i128::from(*right))),
        (Value::Uint(left), Value::Int(right)) => Some(i128::from(*left).cmp(&i128::from(*right))),
        (Value::Double(left), Value::Double(right)) => left.partial_cmp(right),
        (Value::Double(left), Value::Int(right)) => left.partial_cmp(&(*right as f64)),
        (Value::Int(left), Value::Double(right)) => (*left as f64).partial_cmp(right),
        (Value::Double(left), Value::Uint(right)) => left.partial_cmp(&(*right as f64)),
        (Value::Uint(left), Value::Double(right)) => (*left as f64).partial_cmp(right),
        _ => None,
    }
}

/// Compares two values of one sort.
pub(crate) fn order(left: &Value, right: &Value) -> Result<Ordering, EvalError> {
    match (left, right) {
        (Value::Bool(left), Value::Bool(right)) => Ok(left.cmp(right)),
        (Value::String(left), Value::String(right)) => Ok(left.as_bytes().cmp(right.as_bytes())),
        (Value::Bytes(left), Value::Bytes(right)) => Ok(left.cmp(right)),
        (Value::Duration(left), Value::Duration(right)) => Ok(left.cmp(right)),
        (Value::Timestamp(left), Value::Timestamp(right)) => Ok(left.cmp(right)),
        (Value::Double(number), _) | (_, Value::Double(number)) if number.is_nan() => Err(EvalError::new("NaN values cannot be ordered")),
        _ => number_order(left, right).ok_or_else(EvalError::no_overload),
    }
}

fn overflow(what: &str) -> EvalError {
    EvalError::new(format!("{what} overflow"))
}

/// Carries out `+`, `-`, `*`, `/`, `%`.
pub(crate) fn arithmetic(function: &str, left: &Value, right: &Value) -> Outcome {
    match (function, left, right) {
        (_, Value::Int(left), Value::Int(right)) => whole(function, *left, *right),
        (_, Value::Uint(left), Value::Uint(right)) => unsigned(function, *left, *right),
        ("_+_", Value::Double(left), Value::Double(right)) => Ok(Value::Double(left + right)),
        ("_-_", Value::Double(left), Value::Double(right)) => Ok(Value::Double(left - right)),
        ("_*_", Value::Double(left), Value::Double(right)) => Ok(Value::Double(left * right)),
        ("_/_", Value::Double(left), Value::Double(right)) => Ok(Value::Double(left / right)),
        ("_+_", Value::String(left), Value::String(right)) => Ok(Value::String(Arc::from([left.as_ref(), right.as_ref()].concat()))),
        ("_+_", Value::Bytes(left), Value::Bytes(right)) => Ok(Value::Bytes(Arc::from([left.as_ref(), right.as_ref()].concat()))),
        ("_+_", Value::List(left, kind), Value::List(right, _)) => Ok(joined(left, right, kind)),
        ("_+_", Value::Duration(left), Value::Duration(right)) => {
            left.checked_add(*right).map(Value::Duration).ok_or_else(|| overflow("duration"))
        }
        ("_-_", Value::Duration(left), Value::Duration(right)) => {
            left.checked_sub(*right).map(Value::Duration).ok_or_else(|| overflow("duration"))
        }
        ("_+_", Value::Timestamp(time), Value::Duration(span)) | ("_+_", Value::Duration(span), Value::Timestamp(time)) => {
            time.checked_add(SignedDuration::from_nanos(*span)).map(Value::Timestamp).map_err(|_| overflow("timestamp"))
        }
        ("_-_", Value::Timestamp(time), Value::Duration(span)) => {
            time.checked_sub(SignedDuration::from_nanos(*span)).map(Value::Timestamp).map_err(|_| overflow("timestamp"))
        }
        ("_-_", Value::Timestamp(left), Value::Timestamp(right)) => {
            let nanos = left.as_nanosecond() - right.as_nanosecond();
            i64::try_from(nanos).map(Value::Duration).map_err(|_| overflow("duration"))
        }
        _ => Err(EvalError::no_overload()),
    }
}

fn whole(function: &str, left: i64, right: i64) -> Outcome {
    let result = match function {
        "_+_" => left.checked_add(right),
        "_-_" => left.checked_sub(right),
        "_*_" => left.checked_mul(right),
        "_/_" if right == 0 => return Err(EvalError::new("division by zero")),
        "_/_" => left.checked_div(right),
        "_%_" if right == 0 => return Err(EvalError::new("modulus by zero")),
        "_%_" => left.checked_rem(right),
        _ => return Err(EvalError::no_overload()),
    };
    result.map(Value::Int).ok_or_else(|| overflow("integer"))
}

fn unsigned(function: &str, left: u64, right: u64) -> Outcome {
    let result = match function {
        "_+_" => left.checked_add(right),
        "_-_" => left.checked_sub(right),
        "_*_" => left.checked_mul(right),
        "_/_" if right == 0 => return Err(EvalError::new("division by zero")),
        "_/_" => left.checked_div(right),
        "_%_" if right == 0 => return Err(EvalError::new("modulus by zero")),
        "_%_" => left.checked_rem(right),
        _ => return Err(EvalError::no_overload()),
    };
    result.map(Value::Uint).ok_or_else(|| overflow("unsigned integer"))
}

/// Adds lists: sets unite, keyed items replace each other where they stand.
fn joined(left: &Arc<Vec<Value>>, right: &[Value], kind: &ListKind) -> Value {
    let mut items = left.as_ref().clone();
    for one in right {
        let before = if *kind == ListKind::Plain { None } else { items.iter().position(|other| same_key(kind, other, one)) };
        match before {
            Some(index) if *kind != ListKind::Set => items[index] = one.clone(),
            Some(_) => {}
            None => items.push(one.clone()),
        }
    }
    Value::List(Arc::new(items), kind.clone())
}

/// Negates a number.
pub(crate) fn negate(value: &Value) -> Outcome {
    match value {
        Value::Int(number) => number.checked_neg().map(Value::Int).ok_or_else(|| overflow("integer")),
        Value::Double(number) => Ok(Value::Double(-number)),
        Value::Duration(nanos) => nanos.checked_neg().map(Value::Duration).ok_or_else(|| overflow("duration")),
        _ => Err(EvalError::no_overload()),
    }
}

/// Returns an item or entry.
pub(crate) fn index(operand: &Value, index: &Value) -> Outcome {
    match operand {
        Value::Map(map) => {
            let found = Key::of(index).and_then(|key| map.get(&key));
            found.cloned().ok_or_else(|| EvalError::new(format!("no such key: {}", shown(index))))
        }
        Value::List(items, _) => {
            let at = match index {
                Value::Int(at) => *at,
                Value::Uint(at) => i64::try_from(*at).unwrap_or(i64::MAX),
                Value::Double(at) if at.fract() == 0.0 => *at as i64,
                _ => return Err(EvalError::new(format!("unsupported index type '{}' in list", index.type_name()))),
            };
            let found = usize::try_from(at).ok().and_then(|at| items.get(at));
            found.cloned().ok_or_else(|| EvalError::new(format!("index out of bounds: {at}")))
        }
        Value::Optional(Some(inner)) => self::index(inner, index).map(|found| Value::Optional(Some(Arc::new(found)))),
        Value::Optional(None) => Ok(Value::Optional(None)),
        _ => Err(EvalError::no_overload()),
    }
}

/// Returns a field; `None` when it is not there.
pub(crate) fn field(map: &Map, name: &str) -> Option<Value> {
    map.get(&Key::from(name)).cloned()
}

/// Writes a value as Go's `%v` does in messages.
pub(crate) fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.to_string(),
        Value::Int(number) => number.to_string(),
        Value::Uint(number) => number.to_string(),
        Value::Bool(one) => one.to_string(),
        Value::Double(number) => golang::format_float(*number),
        other => other.type_name().to_owned(),
    }
}
