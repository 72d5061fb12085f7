//! From one type to another, and sizes.

use std::sync::Arc;

use crate::library::{Outcome, time};
use crate::price::size;
use crate::value::{EvalError, Value};

pub(crate) fn call(function: &str, member: bool, values: &[Value]) -> Option<Outcome> {
    let [value] = values else { return None };
    if function == "size" {
        return Some(match value {
            Value::String(_) | Value::Bytes(_) | Value::List(..) | Value::Map(_) => {
                Ok(Value::Int(i64::try_from(size(value)).unwrap_or(i64::MAX)))
            }
            _ => Err(EvalError::no_overload()),
        });
    }
    if member {
        return None;
    }
    Some(match function {
        "dyn" => Ok(value.clone()),
        "type" => Ok(Value::Type(Arc::from(value.type_name()))),
        "bool" => boolean(value),
        "int" => whole(value),
        "uint" => unsigned(value),
        "double" => double(value),
        "string" => string(value),
        "bytes" => bytes(value),
        "duration" => time::to_duration(value),
        "timestamp" => time::to_timestamp(value),
        _ => return None,
    })
}

fn wrong(value: &Value, wanted: &str) -> EvalError {
    EvalError::new(format!("type conversion error from '{}' to '{wanted}'", value.type_name()))
}

fn syntax(function: &str, text: &str) -> EvalError {
    EvalError::new(format!("strconv.{function}: parsing {}: invalid syntax", serde_json::json!(text)))
}

fn boolean(value: &Value) -> Outcome {
    match value {
        Value::Bool(_) => Ok(value.clone()),
        Value::String(text) => match text.as_ref() {
            "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(Value::Bool(true)),
            "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(Value::Bool(false)),
            text => Err(syntax("ParseBool", text)),
        },
        _ => Err(wrong(value, "bool")),
    }
}

fn whole(value: &Value) -> Outcome {
    let overflow = || EvalError::new("integer overflow");
    match value {
        Value::Int(_) => Ok(value.clone()),
        Value::Uint(number) => i64::try_from(*number).map(Value::Int).map_err(|_| overflow()),
        Value::Double(number) if number.is_finite() && number.abs() < 9_223_372_036_854_774_784.0 => Ok(Value::Int(*number as i64)),
        Value::Double(_) => Err(overflow()),
        Value::String(text) => text.parse().map(Value::Int).map_err(|_| syntax("ParseInt", text)),
        Value::Timestamp(time) => Ok(Value::Int(time.as_second())),
        Value::Duration(nanos) => Ok(Value::Int(*nanos)),
        _ => Err(wrong(value, "int")),
    }
}

fn unsigned(value: &Value) -> Outcome {
    let overflow = || EvalError::new("unsigned integer overflow");
    match value {
        Value::Uint(_) => Ok(value.clone()),
        Value::Int(number) => u64::try_from(*number).map(Value::Uint).map_err(|_| overflow()),
        Value::Double(number) if (0.0..18_446_744_073_709_549_568.0).contains(number) => Ok(Value::Uint(*number as u64)),
        Value::Double(_) => Err(overflow()),
        Value::String(text) => text.parse().map(Value::Uint).map_err(|_| syntax("ParseUint", text)),
        _ => Err(wrong(value, "uint")),
    }
}

fn double(value: &Value) -> Outcome {
    match value {
        Value::Double(_) => Ok(value.clone()),
        Value::Int(number) => Ok(Value::Double(*number as f64)),
        Value::Uint(number) => Ok(Value::Double(*number as f64)),
        Value::String(text) => text.parse().map(Value::Double).map_err(|_| syntax("ParseFloat", text)),
        _ => Err(wrong(value, "double")),
    }
}

/// Writes a value as `string()` does.
pub(crate) fn string(value: &Value) -> Outcome {
    let text = match value {
        Value::String(_) => return Ok(value.clone()),
        Value::Bool(one) => one.to_string(),
        Value::Int(number) => number.to_string(),
        Value::Uint(number) => number.to_string(),
        Value::Double(number) => golang::format_float(*number),
        Value::Bytes(bytes) => {
            std::str::from_utf8(bytes).map_err(|_| EvalError::new("invalid UTF-8 in bytes, cannot convert to string"))?.to_owned()
        }
        Value::Duration(nanos) => time::seconds(*nanos),
        Value::Timestamp(at) => at.to_string(),
        Value::Ip(address) => address.to_string(),
        Value::Cidr(address, bits) => format!("{address}/{bits}"),
        Value::Type(name) => name.to_string(),
        _ => return Err(wrong(value, "string")),
    };
    Ok(Value::text(&text))
}

fn bytes(value: &Value) -> Outcome {
    match value {
        Value::Bytes(_) => Ok(value.clone()),
        Value::String(text) => Ok(Value::Bytes(Arc::from(text.as_bytes()))),
        _ => Err(wrong(value, "bytes")),
    }
}
