use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::signatures::{count, named, overloads, refused};
use super::{ANY, Builtin, Input, not, type_of};
use crate::golike::{bounded, json, shown};
use crate::types::Type;
use crate::{Value, json::from_text};

const TEXT: fn() -> Type = || Type::Text;
const INT: fn() -> Type = || Type::Int;
const BOOL: fn() -> Type = || Type::Bool;
const TEXTS: fn() -> Type = Type::texts;
const LIST: fn() -> Type = || Type::list(Type::Any);

macro_rules! of_texts {
    ($name:literal, $gives:ident, $run:expr) => {
        Builtin { name: $name, check: |name, given| overloads(name, &[(&[TEXT, TEXT], $gives)], given), run: $run }
    };
}

pub(super) const ALL: &[Builtin] = &[
    Builtin {
        name: "len",
        check: |_, given| {
            count(given, 1)?;
            match &given[0] {
                Type::Text | Type::Map(..) => Ok(Type::Int),
                other if other.is_list() || other.is_unknown() => Ok(Type::Int),
                other => refused(format!("invalid argument for len (type {})", named(other))),
            }
        },
        run: |input| length(&input.arguments[0]).map(Value::from),
    },
    Builtin {
        name: "type",
        check: |name, given| overloads(name, &[(&[ANY], TEXT)], given),
        run: |input| Ok(Value::from(type_of(&input.arguments[0]))),
    },
    Builtin {
        name: "string",
        check: |name, given| overloads(name, &[(&[ANY], TEXT)], given),
        run: |input| bounded(&input.arguments[0]).map(|()| Value::from(shown(&input.arguments[0]))),
    },
    Builtin {
        name: "trim",
        check: |name, given| overloads(name, &[(&[TEXT], TEXT), (&[TEXT, TEXT], TEXT)], given),
        run: |input| {
            let text = input.text(0)?;
            if input.arguments.len() == 1 {
                return Ok(Value::from(text.trim()));
            }
            let set = input.text(1)?;
            Ok(Value::from(text.trim_matches(|c| set.contains(c))))
        },
    },
    Builtin {
        name: "trimPrefix",
        check: |name, given| overloads(name, &[(&[TEXT, TEXT], TEXT), (&[TEXT], TEXT)], given),
        run: |input| {
            let prefix = if input.arguments.len() == 2 { input.text(1)? } else { " " };
            Ok(Value::from(input.text(0)?.strip_prefix(prefix).unwrap_or(input.text(0)?)))
        },
    },
    Builtin {
        name: "trimSuffix",
        check: |name, given| overloads(name, &[(&[TEXT, TEXT], TEXT), (&[TEXT], TEXT)], given),
        run: |input| {
            let suffix = if input.arguments.len() == 2 { input.text(1)? } else { " " };
            Ok(Value::from(input.text(0)?.strip_suffix(suffix).unwrap_or(input.text(0)?)))
        },
    },
    Builtin {
        name: "upper",
        check: |name, given| overloads(name, &[(&[TEXT], TEXT)], given),
        run: |input| Ok(Value::from(input.text(0)?.chars().map(|c| one(c, c.to_uppercase())).collect::<String>())),
    },
    Builtin {
        name: "lower",
        check: |name, given| overloads(name, &[(&[TEXT], TEXT)], given),
        run: |input| Ok(Value::from(input.text(0)?.chars().map(|c| one(c, c.to_lowercase())).collect::<String>())),
    },
    Builtin {
        name: "split",
        check: |name, given| overloads(name, &[(&[TEXT, TEXT], TEXTS), (&[TEXT, TEXT, INT], TEXTS)], given),
        run: |input| split(input, false),
    },
    Builtin {
        name: "splitAfter",
        check: |name, given| overloads(name, &[(&[TEXT, TEXT], TEXTS), (&[TEXT, TEXT, INT], TEXTS)], given),
        run: |input| split(input, true),
    },
    Builtin {
        name: "replace",
        check: |name, given| overloads(name, &[(&[TEXT, TEXT, TEXT, INT], TEXT), (&[TEXT, TEXT, TEXT], TEXT)], given),
        run: replace,
    },
    Builtin {
        name: "repeat",
        check: |name, given| overloads(name, &[(&[TEXT, INT], TEXT)], given),
        run: |input| {
            let (text, times) = (input.text(0)?, input.whole(1)?);
            let Ok(count) = usize::try_from(times) else {
                return Err(format!("invalid argument for repeat (expected positive integer, got {times})"));
            };
            if count > 1_000_000 || text.len().saturating_mul(count) >= input.budget {
                return Err("memory budget exceeded".to_owned());
            }
            Ok(Value::from(text.repeat(count)))
        },
    },
    Builtin {
        name: "join",
        check: |name, given| {
            overloads(
                name,
                &[(&[TEXTS, TEXT], TEXT), (&[LIST, TEXT], TEXT), (&[LIST], TEXT), (&[TEXTS, TEXT], TEXT), (&[TEXTS], TEXT)],
                given,
            )
        },
        run: |input| {
            let glue = if input.arguments.len() == 2 { input.text(1)? } else { "" };
            let Value::List(items) = &input.arguments[0] else {
                let given = if input.arguments[0].is_nil() { "%!s(<nil>)" } else { input.arguments[0].type_name() };
                return Err(format!("invalid argument for join (type {given})"));
            };
            let texts = items.iter().map(|item| item.as_text().ok_or_else(|| not(item, "string"))).collect::<Result<Vec<_>, _>>()?;
            let length: usize = texts.iter().map(|text| text.len() + glue.len()).sum();
            input.room(length)?;
            Ok(Value::from(texts.join(glue)))
        },
    },
    of_texts!("indexOf", INT, |input| Ok(place(input.text(0)?.find(input.text(1)?)))),
    of_texts!("lastIndexOf", INT, |input| Ok(place(input.text(0)?.rfind(input.text(1)?)))),
    of_texts!("hasPrefix", BOOL, |input| Ok(Value::from(input.text(0)?.starts_with(input.text(1)?)))),
    of_texts!("hasSuffix", BOOL, |input| Ok(Value::from(input.text(0)?.ends_with(input.text(1)?)))),
    Builtin {
        name: "toJSON",
        check: |name, given| overloads(name, &[(&[ANY], TEXT)], given),
        run: |input| json(&input.arguments[0], true).map(Value::from),
    },
    Builtin { name: "fromJSON", check: |name, given| overloads(name, &[(&[TEXT], ANY)], given), run: |input| from_text(input.text(0)?) },
    Builtin {
        name: "toBase64",
        check: |name, given| overloads(name, &[(&[TEXT], TEXT)], given),
        run: |input| Ok(Value::from(STANDARD.encode(input.text(0)?))),
    },
    Builtin {
        name: "fromBase64",
        check: |name, given| overloads(name, &[(&[TEXT], TEXT)], given),
        run: |input| {
            // Go steps over line ends.
            let text: String = input.text(0)?.chars().filter(|c| !matches!(c, '\r' | '\n')).collect();
            let bytes =
                STANDARD.decode(&text).map_err(|error| format!("illegal base64 data at input byte {}", bad_place(&error, &text)))?;
            String::from_utf8(bytes).map(Value::from).map_err(|_| "the decoded bytes are no UTF-8 text".to_owned())
        },
    },
];

fn bad_place(error: &base64::DecodeError, text: &str) -> usize {
    match error {
        base64::DecodeError::InvalidByte(at, _) | base64::DecodeError::InvalidLastSymbol(at, _) => *at,
        base64::DecodeError::InvalidLength(_) | base64::DecodeError::InvalidPadding => text.len() / 4 * 4,
    }
}

/// Go changes the case of letters one by one: `ß` stays.
fn one(letter: char, mut changed: impl Iterator<Item = char>) -> char {
    match (changed.next(), changed.next()) {
        (Some(changed), None) => changed,
        _ => letter,
    }
}

pub(super) fn length(value: &Value) -> Result<usize, String> {
    match value {
        Value::Text(text) => Ok(text.chars().count()),
        Value::Bytes(bytes) => Ok(bytes.len()),
        Value::List(items) => Ok(items.len()),
        Value::Map(map) => Ok(map.entries.len()),
        Value::Pairs(pairs) => Ok(pairs.len()),
        other => Err(format!("invalid argument for len (type {})", other.type_name())),
    }
}

fn place(at: Option<usize>) -> Value {
    at.map_or(Value::Int(-1), Value::from)
}

/// Splits at each separator, or at each character for an empty one, into at most `count` parts.
fn split(input: &mut Input<'_>, after: bool) -> Result<Value, String> {
    let (text, by) = (input.text(0)?, input.text(1)?);
    let count = if input.arguments.len() == 3 { input.whole(2)? } else { -1 };
    let most = usize::try_from(count).unwrap_or(usize::MAX);
    if most == 0 {
        return Ok(Value::list(Vec::new()));
    }
    if text.len() > input.budget {
        return Err("memory budget exceeded".to_owned());
    }
    let parts: Vec<&str> = if by.is_empty() {
        let mut parts: Vec<&str> = Vec::new();
        let mut rest = text;
        while let Some(character) = rest.chars().next() {
            if parts.len() + 1 == most {
                parts.push(rest);
                break;
            }
            let (head, tail) = rest.split_at(character.len_utf8());
            parts.push(head);
            rest = tail;
        }
        parts
    } else if after {
        let mut parts: Vec<&str> = text.splitn(most, by).collect();
        let last = parts.len() - 1;
        let mut start = 0;
        for part in &mut parts[..last] {
            let end = start + part.len() + by.len();
            *part = &text[start..end];
            start = end;
        }
        parts
    } else {
        text.splitn(most, by).collect()
    };
    Ok(Value::list(parts.into_iter().map(Value::from).collect()))
}

fn replace(input: &mut Input<'_>) -> Result<Value, String> {
    let (text, from, to) = (input.text(0)?, input.text(1)?, input.text(2)?);
    let count = if input.arguments.len() == 4 { input.whole(3)? } else { -1 };
    let most = usize::try_from(count).unwrap_or(usize::MAX);
    let hits = if from.is_empty() { text.chars().count() + 1 } else { text.matches(from).count() }.min(most);
    input.room(text.len() + hits.saturating_mul(to.len()))?;
    Ok(Value::from(text.replacen(from, to, hits)))
}
