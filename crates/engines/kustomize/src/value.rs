//! Reading JSON values as kyaml reads its nodes.
//!
//! A null keeps the text it was written with, because a merge drops `a:` and keeps `a: null` (kustomize
//! `kyaml/yaml/merge2/merge2.go` `VisitMap`); so does whatever else means something other than its text, such as `1.10` or
//! `0755`, because upstream often takes the text of a node; and texts in quotes, because what takes their place is quoted as
//! well. Such scalars live in a string that no YAML file can hold: one that starts with NUL. Read first: [`is_null`], [`text`], [`settle`].

use std::borrow::Cow;

use serde_json::{Map, Value};

const NUL: char = '\0';
/// Stands behind NUL where the text was in quotes, or a block.
const QUOTE: char = '"';
/// Stands behind NUL where the text was folded.
const FOLDED: char = '>';
/// Stands behind NUL where upstream has written a text without saying that it is one.
const UNTYPED: char = '?';
/// The text of a null that `{…}` or `[…]` leaves empty.
const FLOW: &str = "''";

/// Makes a null that remembers its text: empty or `~`.
pub(crate) fn null_written(text: &str) -> Value {
    if text == "null" { Value::Null } else { Value::String(format!("{NUL}{text}")) }
}

/// Makes the null that `{a: }` holds.
pub(crate) fn null_in_flow() -> Value {
    null_written(FLOW)
}

/// Tells whether a null was written as nothing at all.
pub(crate) fn is_unwritten(value: &Value) -> bool {
    value.as_str().and_then(|text| text.strip_prefix(NUL)).is_some_and(|text| text.is_empty() || text == FLOW)
}

/// What stands for a scalar until the end: the value, or its text where that says more.
pub(crate) fn remembered(written: yaml::Written<'_>, value: Value) -> Value {
    match (written.style, &value) {
        (yaml::Style::Plain, Value::Null) if written.in_flow && written.text.is_empty() => null_in_flow(),
        (yaml::Style::Plain, Value::Null) => null_written(written.text),
        (yaml::Style::Plain, Value::Number(_) | Value::Bool(_) | Value::String(_)) if !written.tagged => of_text(written.text, value),
        (yaml::Style::Plain, _) => value,
        (yaml::Style::Folded, Value::String(text)) => Value::String(format!("{NUL}{FOLDED}{text}")),
        (_, Value::String(text)) => quoted(text),
        _ => value,
    }
}

/// A text in quotes.
fn quoted(text: &str) -> Value {
    Value::String(format!("{NUL}{QUOTE}{text}"))
}

/// A scalar that upstream has written without a type: what it is shows when it is read again.
pub(crate) fn untyped(text: &str) -> Value {
    Value::String(format!("{NUL}{UNTYPED}{text}"))
}

/// A text as generators write it, and whatever else makes texts anew: in a block, in quotes, or plain. Source: go-yaml v3
/// `yaml.go` `SetString`.
pub(crate) fn generated(text: String) -> Value {
    if text.contains('\n') { quoted(&text) } else { typed(Value::String(text)) }
}

/// Tells whether a scalar was written without a type.
pub(crate) fn is_untyped(value: &Value) -> bool {
    value.as_str().is_some_and(|text| text.strip_prefix(NUL).is_some_and(|text| text.starts_with(UNTYPED)))
}

/// What a strategic merge makes of a scalar that it passes: what has no type and what YAML 1.1 would not take for a text gets
/// quotes. Source: kustomize `kyaml/yaml/fns.go` `FieldSetter`, `compatibility.go`.
pub(crate) fn typed(value: Value) -> Value {
    match &value {
        value if is_untyped(value) && is_no_text(&text(value)) => quoted(&text(value)),
        Value::String(plain) if !plain.starts_with(NUL) && is_no_text(plain) => quoted(plain),
        _ => value,
    }
}

/// Tells whether a reader of YAML 1.1 would make something other than a text of this one line.
fn is_no_text(text: &str) -> bool {
    if text.is_empty() || text.contains('\n') {
        return false;
    }
    if yaml::plain_scalar(text, yaml::Dialect::Sigs).is_some() {
        return true;
    }
    let marks = |byte: u8| matches!(byte, b':' | b'#' | b'[' | b'{' | b'-' | b'?' | b'&' | b'*' | b'!' | b'|' | b'>' | b'"' | b'\'');
    text.bytes().any(marks) && yaml::read(text, yaml::Dialect::Sigs).is_ok_and(|value| !value.is_string())
}

fn is_quoted(value: &Value) -> bool {
    value.as_str().is_some_and(|text| text.strip_prefix(NUL).is_some_and(|text| text.starts_with([QUOTE, FOLDED])))
}

/// A value that was written as this text.
fn of_text(written: &str, value: Value) -> Value {
    let same = match &value {
        Value::String(text) => text == written,
        other => text(other) == written,
    };
    if same { value } else { Value::String(format!("{NUL}{written}")) }
}

/// Tells whether a scalar is a text and nothing else.
pub(crate) fn is_text(value: &Value) -> bool {
    value.as_str().is_some_and(|text| !text.starts_with(NUL)) || is_quoted(value)
}

/// A new scalar keeps the quotes of the one that it replaces, so a number in place of `"1"` is a text.
pub(crate) fn in_place_of(old: &Value, new: Value) -> Value {
    match (is_quoted(old), is_quoted(&new)) {
        (true, _) if is_scalar(&new) && !is_null(&new) => {
            let style = old.as_str().and_then(|text| text.chars().nth(1)).unwrap_or(QUOTE);
            Value::String(format!("{NUL}{style}{}", text(&new)))
        }
        (false, true) => Value::String(text(&new)),
        _ => new,
    }
}

pub(crate) fn is_null(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => {
            text.strip_prefix(NUL).is_some_and(|text| matches!(text, "" | "~" | "null" | "Null" | "NULL" | "?") || text == FLOW)
        }
        _ => false,
    }
}

/// Missing or null.
pub(crate) fn absent(value: Option<&Value>) -> bool {
    value.is_none_or(is_null)
}

/// Null, or a collection without content.
pub(crate) fn is_empty(value: &Value) -> bool {
    match value {
        Value::Object(map) => map.is_empty(),
        Value::Array(items) => items.is_empty(),
        other => is_null(other),
    }
}

pub(crate) fn is_scalar(value: &Value) -> bool {
    !value.is_object() && !value.is_array()
}

/// A scalar's text as it stood in the file, as far as it is known; empty for collections.
pub(crate) fn text(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::String(text) => match text.strip_prefix(NUL) {
            Some(written) => written.strip_prefix([QUOTE, FOLDED, UNTYPED]).unwrap_or(written).to_owned(),
            None => text.clone(),
        },
        Value::Bool(value) => value.to_string(),
        Value::Number(number) => number.to_string(),
        Value::Array(_) | Value::Object(_) => String::new(),
    }
}

/// How many values there are, inner ones counted.
pub(crate) fn size(value: &Value) -> usize {
    1 + match value {
        Value::Object(map) => map.values().map(size).sum(),
        Value::Array(items) => items.iter().map(size).sum(),
        _ => 0,
    }
}

/// Follows keys of mappings.
pub(crate) fn at<'a>(value: &'a Value, path: &[&str]) -> Option<&'a Value> {
    path.iter().try_fold(value, |value, key| value.as_object()?.get(*key))
}

/// The text of a scalar field, empty where there is none.
pub(crate) fn text_at(value: &Value, path: &[&str]) -> String {
    seen_at(value, path).into_owned()
}

/// The text of a scalar field, to look at.
pub(crate) fn seen_at<'a>(value: &'a Value, path: &[&str]) -> Cow<'a, str> {
    match at(value, path) {
        Some(Value::String(text)) if !text.starts_with(NUL) => Cow::Borrowed(text),
        Some(value) if !is_null(value) => Cow::Owned(text(value)),
        _ => Cow::Borrowed(""),
    }
}

/// The texts of a mapping's entries.
pub(crate) fn texts_at(value: &Value, path: &[&str]) -> Map<String, Value> {
    let map = at(value, path).and_then(Value::as_object);
    map.into_iter().flatten().map(|(key, value)| (key.clone(), Value::String(text(value)))).collect()
}

/// Sets a field of a mapping below mappings that are made where they are missing.
pub(crate) fn set(value: &mut Value, path: &[&str], new: Value) {
    let Some((last, parents)) = path.split_last() else { return };
    let mut place = value;
    for key in parents {
        if !place.is_object() {
            *place = Value::Object(Map::new());
        }
        let Some(map) = place.as_object_mut() else { return };
        place = map.entry((*key).to_owned()).or_insert_with(|| Value::Object(Map::new()));
    }
    if !place.is_object() {
        *place = Value::Object(Map::new());
    }
    if let Some(map) = place.as_object_mut() {
        map.insert((*last).to_owned(), new);
    }
}

pub(crate) fn remove(value: &mut Value, path: &[&str]) -> Option<Value> {
    let (last, parents) = path.split_last()?;
    let place = parents.iter().try_fold(value, |place, key| place.as_object_mut()?.get_mut(*key))?;
    place.as_object_mut()?.remove(*last)
}

/// Turns scalars that remember their text into what they mean. What `{a: }` leaves empty is an empty text in the end, because
/// go-yaml v3 writes quotes there.
pub(crate) fn settle(value: &mut Value) {
    match value {
        Value::Object(map) => map.values_mut().for_each(settle),
        Value::Array(items) => items.iter_mut().for_each(settle),
        Value::String(text) if !text.starts_with(NUL) => {}
        Value::String(text) if text.strip_prefix(NUL) == Some(FLOW) => text.clear(),
        // The text itself, without a copy of it.
        Value::String(text) if text[1..].starts_with(QUOTE) => drop(text.drain(..2)),
        other => {
            if is_null(other) {
                *other = Value::Null;
            } else if is_quoted(other) {
                let folded = other.as_str().is_some_and(|text| text.chars().nth(1) == Some(FOLDED));
                let text = text(other);
                *other = Value::String(if folded { refolded(&text) } else { text });
            } else if let Some(written) = other.as_str().and_then(|text| text.strip_prefix(NUL)) {
                let written = written.strip_prefix(UNTYPED).unwrap_or(written);
                let meaning = yaml::plain_scalar(written, yaml::Dialect::Kyaml);
                *other = meaning.unwrap_or_else(|| Value::String(written.to_owned()));
            }
        }
    }
}

/// What becomes of a folded text when go-yaml v3 writes it and reads it again, as upstream does: a line feed more before
/// lines that are indented further. Source: go-yaml v3 `emitterc.go` `yaml_emitter_write_folded_scalar`.
fn refolded(text: &str) -> String {
    let blank = |text: &str| text.starts_with([' ', '\t']);
    if text.contains(" \n") || text.ends_with(' ') || !text.contains('\n') {
        return text.to_owned();
    }
    let body = text.trim_start_matches('\n');
    let odd = body.is_empty() || blank(body);
    let mut made = text[..text.len() - body.len()].to_owned();
    let mut rest = body;
    while !rest.is_empty() {
        let end = rest.find('\n').unwrap_or(rest.len());
        let (line, behind) = rest.split_at(end);
        rest = behind.trim_start_matches('\n');
        let breaks = behind.len() - rest.len();
        let written = breaks + usize::from(!odd && !blank(line));
        let read = match (rest.is_empty(), blank(line) || blank(rest)) {
            (true, _) => {
                if breaks < 2 {
                    breaks
                } else {
                    written
                }
            }
            (false, true) => written,
            (false, false) => written - 1,
        };
        made.push_str(line);
        made.extend(std::iter::repeat_n('\n', read));
        if read == 0 && !rest.is_empty() {
            made.push(' ');
        }
    }
    made
}

/// Makes of plain values what they are once upstream has turned them into JSON, written that as YAML and read it again:
/// numbers as Go writes floats, texts with the quotes that they need.
pub(crate) fn unsettle(value: &mut Value) {
    rewrite(value, &|number| number.as_f64().map(yaml::go_float));
}

/// Makes of a value what it is once upstream has read it into a map, written that and read it again.
pub(crate) fn reread(value: &mut Value) {
    let written = |number: &serde_json::Number| match number.is_f64() {
        true => number.as_f64().map(yaml::go_float),
        false => Some(number.to_string()),
    };
    unfold(value);
    settle(value);
    rewrite(value, &written);
}

/// Takes folded texts as they are.
fn unfold(value: &mut Value) {
    match value {
        Value::Object(map) => map.values_mut().for_each(unfold),
        Value::Array(items) => items.iter_mut().for_each(unfold),
        other if is_quoted(other) => *other = Value::String(text(other)),
        _ => {}
    }
}

fn rewrite(value: &mut Value, number_text: &dyn Fn(&serde_json::Number) -> Option<String>) {
    match value {
        Value::Object(map) => map.values_mut().for_each(|value| rewrite(value, number_text)),
        Value::Array(items) => items.iter_mut().for_each(|value| rewrite(value, number_text)),
        Value::Number(number) => {
            if let Some(text) = number_text(number) {
                *value = plain(&text);
            }
        }
        Value::String(text) => {
            let written = yaml::write(&Value::String(text.clone()));
            if written.starts_with([QUOTE, '\'', '|', '>']) {
                *value = quoted(text);
            }
        }
        Value::Null | Value::Bool(_) => {}
    }
}

/// What a scalar means in the end.
pub(crate) fn meaning(value: &Value) -> Value {
    let mut value = value.clone();
    settle(&mut value);
    value
}

/// What a plain scalar of this text means to kyaml; used where a typed field gets a new text.
pub(crate) fn plain(text: &str) -> Value {
    match yaml::plain_scalar(text, yaml::Dialect::Kyaml) {
        Some(Value::Null) => null_written(text),
        Some(value) => of_text(text, value),
        None => Value::String(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folded_texts_go_through_another_emitter() {
        for (text, expected) in [
            ("a\n  b\nc\n", "a\n\n  b\nc\n"),
            ("a\nb\n", "a\nb\n"),
            ("a\n  b  \nc\n", "a\n  b  \nc\n"),
            ("a\n  b\nc\n\n\n", "a\n\n  b\nc\n\n\n\n"),
            (" a\nb\n  c\n", " a\nb\n  c\n"),
            ("a\n\n  b\n  c\nd\n", "a\n\n\n  b\n  c\nd\n"),
            ("\na\n  b\n", "\na\n\n  b\n"),
            ("a", "a"),
        ] {
            assert_eq!(refolded(text), expected, "{text:?}");
        }
    }
}
