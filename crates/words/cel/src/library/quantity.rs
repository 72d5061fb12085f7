//! Amounts. kubernetes `apiserver/pkg/cel/library/quantity.go`.

use golang::Quantity;

use crate::library::Outcome;
use crate::value::{EvalError, Value};

const NANO: i128 = 1_000_000_000;

pub(crate) fn call(function: &str, _member: bool, values: &[Value]) -> Option<Outcome> {
    let whole = |number: &Quantity| (number.nanos() % NANO == 0).then(|| i64::try_from(number.nanos() / NANO).ok()).flatten();
    let sum = |left: &Quantity, nanos: i128| Ok(Value::Quantity(Quantity::of_nanos(left.nanos().saturating_add(nanos), left.format)));
    Some(match (function, values) {
        ("quantity", [Value::String(text)]) => {
            Quantity::parse(text).map(Value::Quantity).map_err(|error| EvalError::new(error.to_string()))
        }
        ("isQuantity", [Value::String(text)]) => Ok(Value::Bool(Quantity::parse(text).is_ok())),
        ("sign", [Value::Quantity(one)]) => Ok(Value::Int(one.nanos().signum() as i64)),
        ("isGreaterThan", [Value::Quantity(left), Value::Quantity(right)]) => Ok(Value::Bool(left.nanos() > right.nanos())),
        ("isLessThan", [Value::Quantity(left), Value::Quantity(right)]) => Ok(Value::Bool(left.nanos() < right.nanos())),
        ("compareTo", [Value::Quantity(left), Value::Quantity(right)]) => Ok(Value::Int(left.nanos().cmp(&right.nanos()) as i64)),
        ("asApproximateFloat", [Value::Quantity(one)]) => Ok(Value::Double(one.nanos() as f64 / NANO as f64)),
        ("asInteger", [Value::Quantity(one)]) => {
            whole(one).map(Value::Int).ok_or_else(|| EvalError::new("cannot convert value to integer"))
        }
        ("isInteger", [Value::Quantity(one)]) => Ok(Value::Bool(whole(one).is_some())),
        ("add", [Value::Quantity(left), Value::Quantity(right)]) => sum(left, right.nanos()),
        ("add", [Value::Quantity(left), Value::Int(right)]) => sum(left, i128::from(*right) * NANO),
        ("sub", [Value::Quantity(left), Value::Quantity(right)]) => sum(left, -right.nanos()),
        ("sub", [Value::Quantity(left), Value::Int(right)]) => sum(left, -i128::from(*right) * NANO),
        _ => return None,
    })
}
