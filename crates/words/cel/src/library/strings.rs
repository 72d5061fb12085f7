//! Texts. cel-go `ext/strings.go`, kubernetes `apiserver/pkg/cel/library/regex.go`. Places are counted in characters.

use crate::library::{Outcome, format};
use crate::value::{EvalError, Value};

/// A text made by an expression is not longer than this.
const LONGEST: usize = 16 * 1024 * 1024;

pub(crate) fn call(function: &str, member: bool, values: &[Value]) -> Option<Outcome> {
    if function == "strings.quote" {
        let [Value::String(text)] = values else { return Some(Err(EvalError::no_overload())) };
        return Some(Ok(Value::text(&format::quoted(text))));
    }
    if function == "join" {
        return Some(join(values));
    }
    if !member && function != "matches" {
        return None;
    }
    let (Some(Value::String(text)), rest) = (values.first(), values.get(1..).unwrap_or_default()) else { return None };
    Some(match (function, rest) {
        ("contains", [Value::String(part)]) => Ok(Value::Bool(text.contains(part.as_ref()))),
        ("startsWith", [Value::String(part)]) => Ok(Value::Bool(text.starts_with(part.as_ref()))),
        ("endsWith", [Value::String(part)]) => Ok(Value::Bool(text.ends_with(part.as_ref()))),
        ("matches", [Value::String(pattern)]) => match golang::regexp(pattern) {
            Ok(regex) => Ok(Value::Bool(regex.is_match(text))),
            Err(error) => Err(EvalError::new(error.as_go())),
        },
        ("find", [Value::String(pattern)]) => {
            illegal(pattern).map(|regex| Value::text(regex.find(text).map_or("", |found| found.as_str())))
        }
        ("findAll", [Value::String(pattern)]) => find_all(text, pattern, -1),
        ("findAll", [Value::String(pattern), Value::Int(most)]) => find_all(text, pattern, *most),
        ("lowerAscii", []) => Ok(Value::text(&text.to_ascii_lowercase())),
        ("upperAscii", []) => Ok(Value::text(&text.to_ascii_uppercase())),
        ("trim", []) => Ok(Value::text(text.trim())),
        ("charAt", [Value::Int(at)]) => char_at(text, *at),
        ("indexOf", [Value::String(part)]) => index_of(text, part, 0),
        ("indexOf", [Value::String(part), Value::Int(from)]) => index_of(text, part, *from),
        ("lastIndexOf", [Value::String(part)]) => last_index_of(text, part, None),
        ("lastIndexOf", [Value::String(part), Value::Int(from)]) => last_index_of(text, part, Some(*from)),
        ("replace", [Value::String(from), Value::String(to)]) => replace(text, from, to, -1),
        ("replace", [Value::String(from), Value::String(to), Value::Int(most)]) => replace(text, from, to, *most),
        ("split", [Value::String(separator)]) => Ok(split(text, separator, -1)),
        ("split", [Value::String(separator), Value::Int(most)]) => Ok(split(text, separator, *most)),
        ("substring", [Value::Int(from)]) => substring(text, *from, None),
        ("substring", [Value::Int(from), Value::Int(to)]) => substring(text, *from, Some(*to)),
        ("format", [Value::List(arguments, _)]) => format::format(text, arguments).map(|text| Value::text(&text)),
        _ => return None,
    })
}

fn out_of_range(at: i64) -> EvalError {
    EvalError::new(format!("index out of range: {at}"))
}

fn illegal(pattern: &str) -> Result<regex::Regex, EvalError> {
    golang::regexp(pattern).map_err(|error| EvalError::new(format!("Illegal regex: {}", error.as_go())))
}

fn find_all(text: &str, pattern: &str, most: i64) -> Outcome {
    let regex = illegal(pattern)?;
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    Ok(Value::list(regex.find_iter(text).take(most).map(|found| Value::text(found.as_str())).collect()))
}

fn char_at(text: &str, at: i64) -> Outcome {
    let length = text.chars().count();
    match usize::try_from(at) {
        Ok(at) if at < length => Ok(Value::text(&text.chars().skip(at).take(1).collect::<String>())),
        Ok(at) if at == length => Ok(Value::text("")),
        _ => Err(out_of_range(at)),
    }
}

fn index_of(text: &str, part: &str, from: i64) -> Outcome {
    let characters: Vec<char> = text.chars().collect();
    let part: Vec<char> = part.chars().collect();
    let start = usize::try_from(from).ok().filter(|from| *from <= characters.len()).ok_or_else(|| out_of_range(from))?;
    if part.is_empty() {
        return Ok(Value::Int(from));
    }
    let found = characters[start..].windows(part.len()).position(|window| window == part).map(|at| at + start);
    Ok(Value::Int(found.and_then(|at| i64::try_from(at).ok()).unwrap_or(-1)))
}

fn last_index_of(text: &str, part: &str, from: Option<i64>) -> Outcome {
    let characters: Vec<char> = text.chars().collect();
    let part: Vec<char> = part.chars().collect();
    let length = i64::try_from(characters.len()).unwrap_or(i64::MAX);
    if let Some(from) = from.filter(|from| *from < 0 || *from >= length.max(1)) {
        return if length == 0 && from == 0 { Ok(Value::Int(-1)) } else { Err(out_of_range(from)) };
    }
    if part.is_empty() {
        return Ok(Value::Int(from.unwrap_or(length)));
    }
    let last = from.unwrap_or(length);
    let found = characters
        .windows(part.len())
        .enumerate()
        .rev()
        .find(|(at, window)| i64::try_from(*at).is_ok_and(|at| at <= last) && *window == part);
    Ok(Value::Int(found.and_then(|(at, _)| i64::try_from(at).ok()).unwrap_or(-1)))
}

fn replace(text: &str, from: &str, to: &str, most: i64) -> Outcome {
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let count = if from.is_empty() { text.chars().count() + 1 } else { text.matches(from).count() }.min(most);
    if text.len().saturating_add(count.saturating_mul(to.len())) > LONGEST {
        return Err(EvalError::new("the text would be too long"));
    }
    Ok(Value::text(&text.replacen(from, to, most)))
}

fn split(text: &str, separator: &str, most: i64) -> Value {
    let parts: Vec<String> = match usize::try_from(most) {
        Ok(0) => Vec::new(),
        _ if separator.is_empty() => {
            let characters: Vec<String> = text.chars().map(String::from).collect();
            match usize::try_from(most) {
                Ok(most) if most < characters.len() => {
                    let mut parts = characters[..most - 1].to_vec();
                    parts.push(characters[most - 1..].concat());
                    parts
                }
                _ => characters,
            }
        }
        Ok(most) => text.splitn(most, separator).map(str::to_owned).collect(),
        Err(_) => text.split(separator).map(str::to_owned).collect(),
    };
    Value::list(parts.iter().map(|part| Value::text(part)).collect())
}

fn substring(text: &str, from: i64, to: Option<i64>) -> Outcome {
    let length = i64::try_from(text.chars().count()).unwrap_or(i64::MAX);
    let end = to.unwrap_or(length);
    if to.is_some() && from > end {
        return Err(EvalError::new(format!("invalid substring range. start: {from}, end: {end}")));
    }
    if from < 0 || from > length {
        return Err(out_of_range(from));
    }
    if end < 0 || end > length {
        return Err(out_of_range(end));
    }
    let (skip, take) = (usize::try_from(from).unwrap_or(0), usize::try_from(end - from).unwrap_or(0));
    Ok(Value::text(&text.chars().skip(skip).take(take).collect::<String>()))
}

fn join(values: &[Value]) -> Outcome {
    let (items, separator) = match values {
        [Value::List(items, _)] => (items, ""),
        [Value::List(items, _), Value::String(separator)] => (items, separator.as_ref()),
        _ => return Err(EvalError::no_overload()),
    };
    let mut parts = Vec::with_capacity(items.len());
    for item in items.iter() {
        match item {
            Value::String(text) => parts.push(text.as_ref()),
            other => return Err(EvalError::new(format!("join: invalid input: {}", crate::operators::shown(other)))),
        }
    }
    if parts.iter().map(|part| part.len() + separator.len()).sum::<usize>() > LONGEST {
        return Err(EvalError::new("the text would be too long"));
    }
    Ok(Value::text(&parts.join(separator)))
}
