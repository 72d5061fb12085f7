//! expr-lang's own functions. Source: expr-lang/expr builtin/builtin.go.

use serde_json::Value;

use crate::eval::kind;

/// Longest text a function may make.
const LENGTH: usize = 1 << 20;

pub(crate) fn call(name: &str, arguments: &[Value]) -> Option<Result<Value, String>> {
    let text = |at: usize| arguments.get(at).and_then(Value::as_str).ok_or_else(|| format!("argument {} must be a string", at + 1));
    let of = |result: Result<String, String>| result.map(Value::String);
    Some(match (name, arguments) {
        ("len", [value]) => length(value),
        ("upper", [_]) => of(text(0).map(str::to_uppercase)),
        ("lower", [_]) => of(text(0).map(str::to_lowercase)),
        ("trim", [_]) => of(text(0).map(|t| t.trim().to_owned())),
        ("trim", [_, _]) => of(two(arguments).map(|(t, set)| t.trim_matches(|c| set.contains(c)).to_owned())),
        ("trimPrefix", [_, _]) => of(two(arguments).map(|(t, prefix)| t.strip_prefix(prefix).unwrap_or(t).to_owned())),
        ("trimSuffix", [_, _]) => of(two(arguments).map(|(t, suffix)| t.strip_suffix(suffix).unwrap_or(t).to_owned())),
        ("hasPrefix", [_, _]) => two(arguments).map(|(t, prefix)| Value::Bool(t.starts_with(prefix))),
        ("hasSuffix", [_, _]) => two(arguments).map(|(t, suffix)| Value::Bool(t.ends_with(suffix))),
        ("indexOf", [_, _]) => two(arguments).map(|(t, part)| t.find(part).map_or(Value::from(-1), Value::from)),
        ("lastIndexOf", [_, _]) => two(arguments).map(|(t, part)| t.rfind(part).map_or(Value::from(-1), Value::from)),
        ("split", [_, _]) => two(arguments).map(|(t, by)| t.split(by).map(Value::from).collect()),
        ("replace", [_, _, _]) => replace(arguments),
        ("repeat", [_, count]) => text(0).and_then(|t| repeat(t, count)).map(Value::String),
        ("join", [Value::Array(items)]) => join(items, ""),
        ("join", [Value::Array(items), _]) => text(1).and_then(|by| join(items, by)),
        ("string", [value]) => Ok(Value::String(shown(value))),
        ("int", [value]) => int(value),
        ("float", [value]) => float(value),
        ("type", [value]) => Ok(Value::from(type_name(value))),
        ("toJSON", [value]) => serde_json::to_string_pretty(value).map(Value::String).map_err(|error| error.to_string()),
        ("fromJSON", [_]) => text(0).and_then(|t| serde_json::from_str(t).map_err(|error| error.to_string())),
        ("keys", [Value::Object(map)]) => Ok(map.keys().map(|key| Value::from(key.as_str())).collect()),
        ("values", [Value::Object(map)]) => Ok(map.values().cloned().collect()),
        ("first", [Value::Array(items)]) => Ok(items.first().cloned().unwrap_or(Value::Null)),
        ("last", [Value::Array(items)]) => Ok(items.last().cloned().unwrap_or(Value::Null)),
        ("get", [Value::Object(map), Value::String(key)]) => Ok(map.get(key).cloned().unwrap_or(Value::Null)),
        ("get", [Value::Array(items), Value::Number(at)]) => {
            Ok(at.as_u64().and_then(|at| items.get(usize::try_from(at).ok()?)).cloned().unwrap_or(Value::Null))
        }
        ("reverse", [Value::Array(items)]) => Ok(items.iter().rev().cloned().collect()),
        _ => return None,
    })
}

fn two(arguments: &[Value]) -> Result<(&str, &str), String> {
    match arguments {
        [Value::String(a), Value::String(b)] => Ok((a, b)),
        _ => Err("both arguments must be strings".to_owned()),
    }
}

fn length(value: &Value) -> Result<Value, String> {
    match value {
        Value::String(text) => Ok(Value::from(text.chars().count())),
        Value::Array(items) => Ok(Value::from(items.len())),
        Value::Object(map) => Ok(Value::from(map.len())),
        other => Err(format!("invalid argument for len (type {})", kind(other))),
    }
}

fn replace(arguments: &[Value]) -> Result<Value, String> {
    match arguments {
        [Value::String(text), Value::String(from), Value::String(to)] if text.len() * (to.len() + 1) <= LENGTH => {
            Ok(Value::String(text.replace(from.as_str(), to)))
        }
        [Value::String(_), Value::String(_), Value::String(_)] => Err("the result is too long".to_owned()),
        _ => Err("all arguments must be strings".to_owned()),
    }
}

fn repeat(text: &str, count: &Value) -> Result<String, String> {
    let count = count.as_u64().and_then(|count| usize::try_from(count).ok()).ok_or("the count must be a whole number")?;
    if text.len().saturating_mul(count) > LENGTH { Err("the result is too long".to_owned()) } else { Ok(text.repeat(count)) }
}

fn join(items: &[Value], by: &str) -> Result<Value, String> {
    let texts: Option<Vec<&str>> = items.iter().map(Value::as_str).collect();
    texts.map(|texts| Value::String(texts.join(by))).ok_or_else(|| "the list must hold strings".to_owned())
}

/// Prints a value as Go's `%v` does for texts, and as JSON otherwise.
pub(crate) fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => "<nil>".to_owned(),
        other => other.to_string(),
    }
}

fn int(value: &Value) -> Result<Value, String> {
    let parsed = match value {
        Value::Number(number) => number.as_i64().or_else(|| {
            #[expect(clippy::cast_possible_truncation, reason = "Go truncates as well")]
            number.as_f64().map(|value| value as i64)
        }),
        Value::String(text) => text.parse().ok(),
        _ => None,
    };
    parsed.map(Value::from).ok_or_else(|| format!("invalid operation: int({value})"))
}

fn float(value: &Value) -> Result<Value, String> {
    let parsed = match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    };
    let number = parsed.and_then(serde_json::Number::from_f64);
    number.map(Value::Number).ok_or_else(|| format!("invalid operation: float({value})"))
}

fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "nil",
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_f64() => "float",
        Value::Number(_) => "int",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "map",
    }
}
