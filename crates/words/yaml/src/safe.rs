//! A style for files that people and many tools read: what could be taken for something else is in quotes, nothing is folded.

use serde_json::{Map, Value};

use crate::{Dialect, read};

/// Writes one document in the safe style: any reader of YAML 1.1 or 1.2 reads it as the same values.
pub fn write_safe(value: &Value) -> String {
    let mut out = String::new();
    block(value, 0, &mut out);
    out
}

/// Writes a value as lines at an indentation.
pub(crate) fn block(value: &Value, indent: usize, out: &mut String) {
    let pad = " ".repeat(indent);
    match value {
        Value::Object(map) if !map.is_empty() => map.iter().for_each(|(key, value)| {
            out.push_str(&pad);
            pair(key, value, indent, out);
        }),
        Value::Array(items) if !items.is_empty() => items.iter().for_each(|item| {
            out.push_str(&pad);
            list_item(item, indent, out);
        }),
        other => {
            out.push_str(&pad);
            out.push_str(&inline(other, indent));
            out.push('\n');
        }
    }
}

/// Writes `key: value`, the key at this indentation already.
pub(crate) fn pair(key: &str, value: &Value, indent: usize, out: &mut String) {
    out.push_str(&key_text(key));
    out.push(':');
    match value {
        Value::Object(map) if !map.is_empty() => {
            out.push('\n');
            block(value, indent + 2, out);
        }
        Value::Array(items) if !items.is_empty() => {
            out.push('\n');
            block(value, indent, out);
        }
        other => {
            out.push(' ');
            out.push_str(&inline(other, indent));
            out.push('\n');
        }
    }
}

/// Writes `- value`, the dash at this indentation already.
pub(crate) fn list_item(item: &Value, indent: usize, out: &mut String) {
    out.push_str("- ");
    let collection = matches!(item, Value::Object(map) if !map.is_empty()) || matches!(item, Value::Array(items) if !items.is_empty());
    if !collection {
        out.push_str(&inline(item, indent));
        return out.push('\n');
    }
    let mut lines = String::new();
    block(item, indent + 2, &mut lines);
    out.push_str(&lines[indent + 2..]);
}

/// What stands behind a colon or dash in the line of this indentation.
pub(crate) fn inline(value: &Value, indent: usize) -> String {
    match value {
        Value::String(text) => match literal(text, indent + 2) {
            Some(block) => block,
            None if plain_is_safe(text, false) => text.clone(),
            None => double_quoted(text),
        },
        Value::Object(_) => "{}".to_owned(),
        Value::Array(_) => "[]".to_owned(),
        other => other.to_string(),
    }
}

/// Writes a value in one line, as `[…]` and `{…}` hold it.
pub(crate) fn flow(value: &Value) -> String {
    match value {
        Value::String(text) if plain_is_safe(text, true) => text.clone(),
        Value::String(text) => double_quoted(text),
        Value::Array(items) => format!("[{}]", items.iter().map(flow).collect::<Vec<_>>().join(", ")),
        Value::Object(map) => format!("{{{}}}", map.iter().map(|(key, value)| flow_pair(key, value)).collect::<Vec<_>>().join(", ")),
        other => other.to_string(),
    }
}

/// Writes `key: value` as `{…}` holds it.
pub(crate) fn flow_pair(key: &str, value: &Value) -> String {
    let name = if plain_is_safe(key, true) { key.to_owned() } else { double_quoted(key) };
    format!("{name}: {}", flow(value))
}

fn key_text(key: &str) -> String {
    // A long key needs a question mark in front; in quotes it would as well, so that is left to the reader to refuse.
    if plain_is_safe(key, false) { key.to_owned() } else { double_quoted(key) }
}

/// A text of several lines as a block, where every line survives that.
fn literal(text: &str, indent: usize) -> Option<String> {
    let body = text.strip_suffix('\n')?;
    let good = |line: &str| !line.ends_with([' ', '\t']) && !line.starts_with('\t') && line.chars().all(|c| c == '\t' || printable(c));
    if !body.contains('\n') || body.starts_with([' ', '\n', '\t']) || body.ends_with('\n') || !body.split('\n').all(good) {
        return None;
    }
    let pad = " ".repeat(indent);
    let line = |line: &str| if line.is_empty() { String::new() } else { format!("{pad}{line}") };
    Some(format!("|\n{}", body.split('\n').map(line).collect::<Vec<_>>().join("\n")))
}

/// Characters that every reader takes as they are.
fn printable(character: char) -> bool {
    matches!(character, ' '..='~' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
        && !matches!(character, '\u{feff}' | '\u{2028}' | '\u{2029}')
}

/// A plain scalar is safe when both dialects read it back as this very string, and no other reader takes it for anything else.
pub(crate) fn plain_is_safe(text: &str, flow: bool) -> bool {
    if !text.chars().all(printable) || text.starts_with("---") || text.starts_with("...") || reads_as_other_elsewhere(text) {
        return false;
    }
    let simple = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'/' | b'-');
    if text.len() > 5 && text.as_bytes()[0].is_ascii_alphabetic() && text.bytes().all(simple) {
        return true;
    }
    let probe = if flow { format!("[{text}]") } else { format!("a: {text}") };
    [Dialect::Sigs, Dialect::Kyaml].into_iter().all(|dialect| {
        let expected = Value::String(text.to_owned());
        match read(&probe, dialect) {
            Ok(Value::Array(items)) => items.len() == 1 && items[0] == expected,
            Ok(Value::Object(map)) => map.len() == 1 && map.get("a") == Some(&expected),
            _ => false,
        }
    })
}

/// Words that a YAML 1.2 or an older 1.1 reader takes for numbers, dates or sexagesimals.
fn reads_as_other_elsewhere(text: &str) -> bool {
    let bytes = text.as_bytes();
    let Some(first) = bytes.first() else { return true };
    let numeric = first.is_ascii_digit() || matches!(first, b'+' | b'-' | b'.');
    let float_like = numeric && text.replace('_', "").parse::<f64>().is_ok();
    let sexagesimal = numeric && text.contains(':') && bytes.iter().all(|b| b.is_ascii_digit() || matches!(b, b':' | b'.' | b'+' | b'-'));
    float_like || sexagesimal || matches!(text, "=" | "<<")
}

pub(crate) fn double_quoted(text: &str) -> String {
    // JSON strings are YAML double-quoted scalars, but not everything that JSON leaves bare is printable for YAML.
    let mut out = String::new();
    for character in Value::String(text.to_owned()).to_string().chars() {
        match u32::from(character) {
            _ if printable(character) => out.push(character),
            code @ ..=0xffff => out.push_str(&format!("\\u{code:04x}")),
            code => out.push_str(&format!("\\U{code:08x}")),
        }
    }
    out
}

/// An object with one entry.
pub(crate) fn single(key: &str, value: &Value) -> Value {
    Value::Object(Map::from_iter([(key.to_owned(), value.clone())]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};
    use serde_json::json;

    fn check(value: &Value, expected: &Expect) {
        let written = write_safe(value);
        expected.assert_eq(&written);
        for dialect in [Dialect::Sigs, Dialect::Kyaml] {
            assert_eq!(read(&written, dialect).as_ref(), Ok(value), "{dialect:?}");
        }
    }

    #[test]
    fn nothing_can_be_taken_for_something_else() {
        check(
            &json!([
                "yes",
                "1.10",
                "0755",
                "1_000",
                "123e45",
                "12:30",
                "null",
                "~",
                "=",
                "<<",
                "a:",
                "08",
                "",
                "a #b",
                "plain text",
                "x: y"
            ]),
            &expect![[r##"
                - "yes"
                - "1.10"
                - "0755"
                - "1_000"
                - "123e45"
                - "12:30"
                - "null"
                - "~"
                - "="
                - "<<"
                - "a:"
                - "08"
                - ""
                - "a #b"
                - plain text
                - "x: y"
            "##]],
        );
    }

    #[test]
    fn collections_and_blocks() {
        check(
            &json!({"a": {"b": [{"c": 1, "d": ["x"]}, []]}, "e": "one\n  two\n", "f": "no end\nhere", "g": {}, "on": null}),
            &expect![[r#"
                a:
                  b:
                  - c: 1
                    d:
                    - x
                  - []
                e: |
                  one
                    two
                f: "no end\nhere"
                g: {}
                "on": null
            "#]],
        );
    }
}
