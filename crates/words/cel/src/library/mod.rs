//! What the functions do, sorted by what they work on.

mod convert;
mod format;
mod lists;
mod named;
mod net;
mod quantity;
pub mod semver;
mod strings;
pub(crate) mod time;
pub mod url;

use std::sync::Arc;

use crate::value::{EvalError, Value};

pub(crate) type Outcome = Result<Value, EvalError>;

/// Calls a function; a method's target is the first argument.
pub(crate) fn call(function: &str, member: bool, values: &[Value]) -> Outcome {
    let tries: [fn(&str, bool, &[Value]) -> Option<Outcome>; 9] =
        [convert::call, strings::call, lists::call, time::call, net::call, quantity::call, url::call, semver::call, named::call];
    for one in tries {
        if let Some(outcome) = one(function, member, values) {
            return outcome;
        }
    }
    optional(function, values)
}

fn optional(function: &str, values: &[Value]) -> Outcome {
    match (function, values) {
        ("optional.of", [value]) => Ok(Value::Optional(Some(Arc::new(value.clone())))),
        ("optional.ofNonZeroValue", [value]) => {
            Ok(if value.is_zero() { Value::Optional(None) } else { Value::Optional(Some(Arc::new(value.clone()))) })
        }
        ("optional.none", []) => Ok(Value::Optional(None)),
        ("hasValue", [Value::Optional(inner)]) => Ok(Value::Bool(inner.is_some())),
        ("value", [Value::Optional(inner)]) => {
            inner.as_ref().map(|one| one.as_ref().clone()).ok_or_else(|| EvalError::new("optional.none() dereference"))
        }
        ("optional.unwrap" | "unwrapOpt", [Value::List(items, _)]) => Ok(Value::list(
            items
                .iter()
                .filter_map(|one| match one {
                    Value::Optional(inner) => inner.as_ref().map(|inner| inner.as_ref().clone()),
                    other => Some(other.clone()),
                })
                .collect(),
        )),
        _ => Err(EvalError::no_overload()),
    }
}
