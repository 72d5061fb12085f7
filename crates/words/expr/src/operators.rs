//! What operators do to values, by Go's rules. Source: expr-lang/expr vm/runtime.

use std::cmp::Ordering;

use crate::Value;
use crate::ast::Binary;
use crate::builtins::{float_of, int_of, not};
use crate::golike::shown;

/// Deepest value that is compared.
const DEPTH: usize = 200;

/// Converts a float as Go does on the machines Kargo runs on: what does not fit is the smallest number.
#[expect(clippy::cast_possible_truncation, reason = "what does not fit is caught before")]
pub(crate) fn go_int(value: f64) -> i64 {
    if value > -9.3e18 && value < 9.223_372_036_854_776e18 { value as i64 } else { i64::MIN }
}

/// A pair of operands, when both are numbers.
enum Numbers {
    Whole(i64, i64),
    Floats(f64, f64),
}

fn numbers(a: &Value, b: &Value) -> Option<Numbers> {
    match (a, b) {
        (Value::Int(a), Value::Int(b)) => Some(Numbers::Whole(*a, *b)),
        (Value::Int(_) | Value::Byte(_), Value::Int(_) | Value::Byte(_)) => Some(Numbers::Whole(int_of(a).ok()?, int_of(b).ok()?)),
        (Value::Int(_) | Value::Byte(_) | Value::Float(_), Value::Int(_) | Value::Byte(_) | Value::Float(_)) => {
            Some(Numbers::Floats(float_of(a).ok()?, float_of(b).ok()?))
        }
        _ => None,
    }
}

/// Tells whether two values are equal: numbers by their value, lists by their elements, the rest as Go's `DeepEqual`.
pub(crate) fn equal(a: &Value, b: &Value) -> bool {
    equal_at(a, b, 0)
}

fn equal_at(a: &Value, b: &Value, depth: usize) -> bool {
    match (a, b) {
        (Value::Text(a), Value::Text(b)) => a == b,
        (Value::List(a), Value::List(b)) => {
            depth < DEPTH && a.len() == b.len() && a.iter().zip(b.iter()).all(|(a, b)| equal_at(a, b, depth + 1))
        }
        (Value::Time(a), Value::Time(b)) => a.order(b) == Ordering::Equal,
        // Upstream compares the names of months and days with texts only; their numbers are what its manual shows.
        (Value::Named(_, a, _), Value::Int(b)) | (Value::Int(b), Value::Named(_, a, _)) => a == b,
        _ => match numbers(a, b) {
            Some(Numbers::Whole(a, b)) => a == b,
            #[expect(clippy::float_cmp, reason = "Go compares them exactly")]
            Some(Numbers::Floats(a, b)) => a == b,
            None => same_at(a, b, depth),
        },
    }
}

/// Tells whether two values are the same to Go: of one type, and equal.
pub(crate) fn same(a: &Value, b: &Value) -> bool {
    same_at(a, b, 0)
}

fn same_at(a: &Value, b: &Value, depth: usize) -> bool {
    if depth > DEPTH {
        return false;
    }
    match (a, b) {
        (Value::Nil, Value::Nil) => true,
        (Value::Bool(a), Value::Bool(b)) => a == b,
        (Value::Int(a), Value::Int(b)) | (Value::Duration(a), Value::Duration(b)) => a == b,
        (Value::Byte(a), Value::Byte(b)) => a == b,
        #[expect(clippy::float_cmp, reason = "Go compares them exactly")]
        (Value::Float(a), Value::Float(b)) => a == b,
        (Value::Text(a), Value::Text(b)) => a == b,
        (Value::Bytes(a), Value::Bytes(b)) => a == b,
        (Value::List(a), Value::List(b)) => a.len() == b.len() && a.iter().zip(b.iter()).all(|(a, b)| same_at(a, b, depth + 1)),
        (Value::Map(a), Value::Map(b)) => {
            let both = a.entries.iter().zip(&b.entries);
            a.of_texts == b.of_texts
                && a.entries.len() == b.entries.len()
                && both.into_iter().all(|((k, v), (l, w))| k == l && same_at(v, w, depth + 1))
        }
        (Value::Pairs(a), Value::Pairs(b)) => {
            let has = |key: &Value, value: &Value| b.iter().any(|(k, v)| same_at(k, key, depth + 1) && same_at(v, value, depth + 1));
            a.len() == b.len() && a.len() < 1_000 && a.iter().all(|(key, value)| has(key, value))
        }
        (Value::Time(a), Value::Time(b)) => a.order(b) == Ordering::Equal && a.zone == b.zone,
        (Value::Zone(a), Value::Zone(b)) => a == b,
        (Value::Named(of, a, _), Value::Named(other, b, _)) => of == other && a == b,
        (Value::Struct(a), Value::Struct(b)) => a.of == b.of && a.values.iter().zip(&b.values).all(|(a, b)| same_at(a, b, depth + 1)),
        (Value::Version(a), Value::Version(b)) => a.original() == b.original(),
        _ => false,
    }
}

/// Compares two values; `operator` is for the error.
pub(crate) fn compare(a: &Value, b: &Value, operator: &str) -> Result<Option<Ordering>, String> {
    match (a, b) {
        (Value::Text(a), Value::Text(b)) => Ok(Some(a.cmp(b))),
        (Value::Time(a), Value::Time(b)) => Ok(Some(a.order(b))),
        (Value::Duration(a), Value::Duration(b)) => Ok(Some(a.cmp(b))),
        _ => match numbers(a, b) {
            Some(Numbers::Whole(a, b)) => Ok(Some(a.cmp(&b))),
            Some(Numbers::Floats(a, b)) => Ok(a.partial_cmp(&b)),
            None => Err(format!("invalid operation: {} {operator} {}", a.type_name(), b.type_name())),
        },
    }
}

/// Tells whether one value is less than another.
pub(crate) fn less(a: &Value, b: &Value) -> Result<bool, String> {
    compare(a, b, "<").map(|order| order == Some(Ordering::Less))
}

/// Applies an operator whose both sides are there.
pub(crate) fn apply(operator: Binary, a: &Value, b: &Value) -> Result<Value, String> {
    let ordered = |fits: fn(Ordering) -> bool| Ok(Value::Bool(compare(a, b, operator.text())?.is_some_and(fits)));
    match operator {
        Binary::Equal => Ok(Value::Bool(equal(a, b))),
        Binary::NotEqual => Ok(Value::Bool(!equal(a, b))),
        Binary::Less => ordered(Ordering::is_lt),
        Binary::More => ordered(Ordering::is_gt),
        Binary::LessOrEqual => ordered(Ordering::is_le),
        Binary::MoreOrEqual => ordered(Ordering::is_ge),
        Binary::In => contained(a, b).map(Value::Bool),
        Binary::Contains => of_texts(a, b, |a, b| a.contains(b)),
        Binary::StartsWith => of_texts(a, b, |a, b| a.starts_with(b)),
        Binary::EndsWith => of_texts(a, b, |a, b| a.ends_with(b)),
        Binary::Matches => matches(a, b),
        Binary::Power => Ok(Value::Float(power(float_of(a)?, float_of(b)?))),
        Binary::Add | Binary::Subtract | Binary::Multiply | Binary::Divide | Binary::Modulo => arithmetic(operator, a, b),
        // These decide for themselves what they evaluate.
        Binary::Or | Binary::And | Binary::Coalesce | Binary::Range => Ok(b.clone()),
    }
}

/// Raises to a power by Go's way, squaring step by step: its last digits differ from other ways.
fn power(x: f64, y: f64) -> f64 {
    let plain = x == 0.0 || !x.is_finite() || !y.is_finite() || (x < 0.0 && y.fract() != 0.0) || y.abs() >= 9.2e18;
    if plain || x.is_subnormal() || y == 0.0 || y.abs() == 0.5 {
        return x.powf(y);
    }
    let (mut whole, mut part) = (y.abs().trunc(), y.abs().fract());
    let (mut result, mut exponent) = (1.0, 0_i64);
    if part != 0.0 {
        if part > 0.5 {
            part -= 1.0;
            whole += 1.0;
        }
        result = (part * x.ln()).exp();
    }
    let (mut base, mut base_exponent) = mantissa(x);
    let mut left = go_int(whole);
    while left != 0 {
        if !(-4_096..4_096).contains(&base_exponent) {
            // What is this large or small is decided whatever else there is to multiply.
            return x.powf(y);
        }
        if left & 1 == 1 {
            result *= base;
            exponent += base_exponent;
        }
        base *= base;
        base_exponent *= 2;
        if base < 0.5 {
            base += base;
            base_exponent -= 1;
        }
        left >>= 1;
    }
    if y < 0.0 {
        result = 1.0 / result;
        exponent = -exponent;
    }
    // In two steps, as one alone may leave what a float holds.
    let half = i32::try_from(exponent / 2).unwrap_or(0);
    let rest = i32::try_from(exponent).unwrap_or(0) - half;
    result * 2_f64.powi(half) * 2_f64.powi(rest)
}

/// Splits a float into a fraction from a half to one and a power of two.
fn mantissa(value: f64) -> (f64, i64) {
    let bits = value.to_bits();
    let exponent = i64::try_from((bits >> 52) & 0x7ff).unwrap_or(0) - 1_022;
    (f64::from_bits((bits & !(0x7ff << 52)) | (1_022 << 52)), exponent)
}

fn of_texts(a: &Value, b: &Value, fits: fn(&str, &str) -> bool) -> Result<Value, String> {
    match (a, b) {
        (Value::Nil, _) | (_, Value::Nil) => Ok(Value::Bool(false)),
        (Value::Text(a), Value::Text(b)) => Ok(Value::Bool(fits(a, b))),
        (Value::Text(_), other) | (other, _) => Err(not(other, "string")),
    }
}

/// What is left of `matches` when both sides are not texts.
fn matches(a: &Value, b: &Value) -> Result<Value, String> {
    match (a, b) {
        (Value::Nil, _) | (_, Value::Nil) => Ok(Value::Bool(false)),
        (Value::Text(_), other) => Err(not(other, "string")),
        (other, _) => Err(not(other, "[]uint8")),
    }
}

fn arithmetic(operator: Binary, a: &Value, b: &Value) -> Result<Value, String> {
    use Binary::{Add, Divide, Modulo, Multiply, Subtract};
    let wrong = || Err(format!("invalid operation: {} {} {}", a.type_name(), operator.text(), b.type_name()));
    let moved = |moment: &golang::time::Moment, by: i64| {
        moment.later(by).map(|moment| Value::Time(moment.into())).ok_or_else(|| "the time is too far away".to_owned())
    };
    match (operator, numbers(a, b)) {
        (Add, Some(Numbers::Whole(a, b))) => Ok(Value::Int(a.wrapping_add(b))),
        (Add, Some(Numbers::Floats(a, b))) => Ok(Value::Float(a + b)),
        (Subtract, Some(Numbers::Whole(a, b))) => Ok(Value::Int(a.wrapping_sub(b))),
        (Subtract, Some(Numbers::Floats(a, b))) => Ok(Value::Float(a - b)),
        (Multiply, Some(Numbers::Whole(a, b))) => Ok(Value::Int(a.wrapping_mul(b))),
        (Multiply, Some(Numbers::Floats(a, b))) => Ok(Value::Float(a * b)),
        (Divide, Some(_)) => Ok(Value::Float(float_of(a)? / float_of(b)?)),
        (Modulo, Some(Numbers::Whole(_, 0))) => Err("runtime error: integer divide by zero".to_owned()),
        (Modulo, Some(Numbers::Whole(a, b))) => Ok(Value::Int(a.wrapping_rem(b))),
        _ => match (operator, a, b) {
            (Add, Value::Text(a), Value::Text(b)) => Ok(Value::Text([&**a, &**b].concat().into())),
            (Add, Value::Time(a), Value::Duration(b)) | (Add, Value::Duration(b), Value::Time(a)) => moved(a, *b),
            (Add, Value::Duration(a), Value::Duration(b)) => Ok(Value::Duration(a.wrapping_add(*b))),
            (Subtract, Value::Time(a), Value::Time(b)) => Ok(Value::Duration(a.since(b))),
            (Subtract, Value::Time(a), Value::Duration(b)) => moved(a, b.wrapping_neg()),
            (Subtract, Value::Duration(a), Value::Duration(b)) => Ok(Value::Duration(a.wrapping_sub(*b))),
            (Multiply, Value::Duration(a), Value::Duration(b)) => Ok(Value::Duration(a.wrapping_mul(*b))),
            (Multiply, Value::Duration(a), other) | (Multiply, other, Value::Duration(a)) => match other {
                Value::Int(_) | Value::Byte(_) => Ok(Value::Duration(a.wrapping_mul(int_of(other)?))),
                #[expect(clippy::cast_precision_loss, reason = "Go multiplies floats here as well")]
                Value::Float(by) => Ok(Value::Float(*a as f64 * by)),
                _ => wrong(),
            },
            _ => wrong(),
        },
    }
}

fn contained(needle: &Value, within: &Value) -> Result<bool, String> {
    match within {
        Value::Nil => Ok(false),
        Value::List(items) => Ok(items.iter().any(|item| equal(item, needle))),
        Value::Bytes(bytes) => Ok(bytes.iter().any(|byte| equal(&Value::Byte(*byte), needle))),
        Value::Map(map) => key_of(needle).map(|key| map.entries.contains_key(key)),
        Value::Pairs(pairs) => Ok(pairs.iter().any(|(key, _)| same(key, needle))),
        Value::Struct(value) => match needle {
            Value::Text(name) => Ok(value.field(name).is_some()),
            other => Err(format!("cannot use {} as field name of {}", other.type_name(), within.type_name())),
        },
        other => Err(format!("operator \"in\" not defined on {}", other.type_name())),
    }
}

/// Returns a key of a map of texts; nil is the empty text.
fn key_of(key: &Value) -> Result<&str, String> {
    match key {
        Value::Text(key) => Ok(key),
        Value::Nil => Ok(""),
        other => Err(format!("reflect.Value.MapIndex: value of type {} is not assignable to type string", other.type_name())),
    }
}

/// Returns a place that may be counted from the end.
fn index(at: &Value, length: usize) -> Result<usize, String> {
    let at = match at {
        Value::Named(..) | Value::Duration(_) => return Err(format!("invalid operation: int({})", at.type_name())),
        other => int_of(other)?,
    };
    let signed = i64::try_from(length).unwrap_or(i64::MAX);
    let place = if at < 0 { signed.wrapping_add(at) } else { at };
    let found = usize::try_from(place).ok().filter(|place| *place < length);
    found.ok_or_else(|| format!("index out of range: {place} (array length is {length})"))
}

/// Fetches a member of a value.
pub(crate) fn fetch(of: &Value, name: &Value) -> Result<Value, String> {
    let nothing = || Err(format!("cannot fetch {} from {}", shown(name), of.type_name()));
    match of {
        Value::List(items) => Ok(items[index(name, items.len())?].clone()),
        Value::Text(text) => Ok(Value::Byte(text.as_bytes()[index(name, text.len())?])),
        Value::Bytes(bytes) => Ok(Value::Byte(bytes[index(name, bytes.len())?])),
        Value::Map(map) => key_of(name).map(|key| map.get(key)),
        Value::Pairs(pairs) => Ok(pairs.iter().find(|(key, _)| same(key, name)).map_or(Value::Nil, |(_, value)| value.clone())),
        Value::Struct(value) => match name {
            Value::Text(text) => value.field(text).cloned().map_or_else(nothing, Ok),
            other => Err(not(other, "string")),
        },
        _ => nothing(),
    }
}

/// Cuts a piece out of a list or a text; places may be counted from the end and go beyond it.
pub(crate) fn slice(of: &Value, from: Option<&Value>, to: Option<&Value>) -> Result<Value, String> {
    let length = match of {
        Value::List(items) => items.len(),
        Value::Text(text) => text.len(),
        Value::Bytes(bytes) => bytes.len(),
        other if to.is_none() && !matches!(other, Value::Map(_) | Value::Pairs(_)) => {
            return Err(format!("invalid argument for len (type {})", other.type_name()));
        }
        _ => return Err(format!("cannot slice {}", from.map_or("0".to_owned(), shown))),
    };
    let place = |at: Option<&Value>, default: usize| -> Result<usize, String> {
        let Some(at) = at else { return Ok(default) };
        let at = int_of(at)?;
        let signed = i64::try_from(length).unwrap_or(i64::MAX);
        Ok(usize::try_from(if at < 0 { signed.saturating_add(at).max(0) } else { at }).unwrap_or(0).min(length))
    };
    let (from, to) = (place(from, 0)?, place(to, length)?);
    let from = from.min(to);
    match of {
        Value::List(items) => Ok(Value::list(items[from..to].to_vec())),
        Value::Text(_) if from == to => Ok(Value::from("")),
        Value::Text(text) => {
            text.get(from..to).map(Value::from).ok_or_else(|| "the slice cuts through a character: places count bytes".to_owned())
        }
        Value::Bytes(bytes) => Ok(Value::Bytes(bytes[from..to].into())),
        other => Ok(other.clone()),
    }
}
