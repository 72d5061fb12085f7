//! Reads a type with its constraints, as it stands after a field's name. Read first: [`shape`].

use serde_json::Value;

use crate::definitions::library::{Base, Choice, Merge, Shape};

/// Reads a type with its constraints.
pub(super) fn shape(text: &str) -> Result<Shape, String> {
    let mut words = text.split_whitespace().peekable();
    let first = words.next().ok_or("a type is missing")?;
    let mut shape = Shape { base: base(first)?, default: None, bounds: Vec::new(), merge: None, only: Vec::new(), needed: false };
    if let Base::Enumeration(choices) = &mut shape.base {
        while words.next_if_eq(&"|").is_some() {
            choices.push(choice(words.next().unwrap_or_default())?);
        }
    }
    while let Some(word) = words.next() {
        match word {
            "=" => {
                let value = words.next().unwrap_or_default();
                shape.default = Some(serde_json::from_str(value).map_err(|_| format!("a default is JSON without spaces, not {value:?}"))?);
            }
            "atomic" => shape.merge = Some(Merge::Atomic),
            "set" => shape.merge = Some(Merge::Set),
            "needed" => shape.needed = true,
            _ => constraint(&mut shape, word)?,
        }
    }
    Ok(shape)
}

fn base(word: &str) -> Result<Base, String> {
    let inner = |from, to| word.strip_prefix(from).and_then(|rest: &str| rest.strip_suffix(to));
    if let Some(item) = inner('[', ']') {
        return Ok(Base::List(Box::new(base(item)?)));
    }
    if let Some(item) = inner('{', '}') {
        return Ok(Base::Map(Box::new(base(item)?)));
    }
    Ok(match word {
        "string" => Base::String,
        "time" => Base::Time,
        "boolean" => Base::Boolean,
        "integer" => Base::Integer,
        "int32" => Base::Int32,
        "int64" => Base::Int64,
        "intOrString" => Base::IntOrString,
        "object" => Base::Object,
        "anyObject" => Base::AnyObject,
        "any" => Base::Any,
        _ if word.starts_with(['"', '-']) => Base::Enumeration(vec![choice(word)?]),
        _ if word.starts_with(|first: char| first.is_ascii_uppercase()) => Base::Named(word.to_owned()),
        _ => return Err(format!("no type: {word:?}")),
    })
}

fn choice(word: &str) -> Result<Choice, String> {
    let (supported, quoted) = word.strip_prefix('-').map_or((true, word), |quoted| (false, quoted));
    let value = serde_json::from_str(quoted).map_err(|_| format!("a value stands in quotation marks, unlike {word:?}"))?;
    Ok(Choice { value, supported })
}

fn constraint(shape: &mut Shape, word: &str) -> Result<(), String> {
    if let Some(pattern) = word.strip_prefix('/').and_then(|rest| rest.strip_suffix('/')) {
        shape.bounds.push(("pattern", pattern.into()));
        return Ok(());
    }
    let unknown = || format!("no constraint: {word:?}");
    let (name, inside) = word.strip_suffix(')').and_then(|word| word.split_once('(')).ok_or_else(unknown)?;
    match name {
        "length" => range(shape, inside, ["minLength", "maxLength"]),
        "items" => range(shape, inside, ["minItems", "maxItems"]),
        "value" => range(shape, inside, ["minimum", "maximum"]),
        "format" => {
            shape.bounds.push(("format", inside.into()));
            Ok(())
        }
        "map" => {
            shape.merge = Some(Merge::Map(inside.split(',').map(str::to_owned).collect()));
            Ok(())
        }
        "only" => {
            for value in inside.split(',') {
                shape.only.push(choice(value)?.value);
            }
            Ok(())
        }
        _ => Err(unknown()),
    }
}

/// Reads `LEAST..MOST`, either of which may be missing.
fn range(shape: &mut Shape, text: &str, [least, most]: [&'static str; 2]) -> Result<(), String> {
    let (from, to) = text.split_once("..").ok_or_else(|| format!("a range is LEAST..MOST, not {text:?}"))?;
    for (name, number) in [(least, from), (most, to)] {
        if !number.is_empty() {
            let number: i64 = number.parse().map_err(|_| format!("{number:?} is no whole number"))?;
            shape.bounds.push((name, Value::from(number)));
        }
    }
    Ok(())
}
