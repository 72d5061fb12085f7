//! Writing YAML with the bytes of go-yaml v2's emitter, as kubectl, kustomize and Flux print it.
//! Follows yaml/go-yaml v2.4.2 emitterc.go, encode.go, resolve.go and sorter.go.

use serde_json::Value;

use crate::key_order::sorted;
use crate::resolve::{Dialect, plain_scalar, timestamp};

/// Column after which a line breaks at the next single space.
const WIDTH: usize = 80;

/// Writes one document, without `---`.
pub fn write(value: &Value) -> String {
    let mut out = String::new();
    document(value, &mut out);
    out
}

/// Writes documents with `---` between them.
pub fn write_all<'a>(values: impl IntoIterator<Item = &'a Value>) -> String {
    let mut out = String::new();
    for value in values {
        if !out.is_empty() {
            out.push_str("---\n");
        }
        document(value, &mut out);
    }
    out
}

fn document(value: &Value, out: &mut String) {
    match value {
        Value::Object(map) if !map.is_empty() => block_map(map, 0, out),
        Value::Array(items) if !items.is_empty() => block_list(items, 0, out),
        other => {
            inline(other, 0, 0, out);
            out.push('\n');
        }
    }
}

fn block_map(map: &serde_json::Map<String, Value>, indent: usize, out: &mut String) {
    for (at, (key, value)) in sorted(map.iter().collect()).into_iter().enumerate() {
        // The first key of a mapping inside a list stands behind its dash already.
        if at > 0 || out.is_empty() || out.ends_with('\n') {
            pad(indent, out);
        }
        entry(key, value, indent, out);
    }
}

fn entry(key: &str, value: &Value, indent: usize, out: &mut String) {
    let long = key.len() > 128;
    if long {
        out.push_str("? ");
    }
    write_string(key, indent, usize::MAX, true, out);
    if long {
        out.push('\n');
        pad(indent, out);
    }
    out.push(':');
    after(value, indent, out);
}

/// Writes what stands behind `key:`.
fn after(value: &Value, indent: usize, out: &mut String) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            out.push('\n');
            block_map(map, indent + 2, out);
        }
        // Lists are not indented under their key.
        Value::Array(items) if !items.is_empty() => {
            out.push('\n');
            block_list(items, indent, out);
        }
        other => {
            out.push(' ');
            let column = column(out);
            inline(other, indent + 2, column, out);
            out.push('\n');
        }
    }
}

fn block_list(items: &[Value], indent: usize, out: &mut String) {
    for (at, item) in items.iter().enumerate() {
        if at > 0 || out.is_empty() || out.ends_with('\n') {
            pad(indent, out);
        }
        out.push_str("- ");
        match item {
            Value::Object(map) if !map.is_empty() => block_map(map, indent + 2, out),
            Value::Array(inner) if !inner.is_empty() => block_list(inner, indent + 2, out),
            other => {
                let column = column(out);
                inline(other, indent + 2, column, out);
                out.push('\n');
            }
        }
    }
}

fn inline(value: &Value, indent: usize, column: usize, out: &mut String) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Value::Number(number) => out.push_str(&number_text(number)),
        Value::String(text) => write_string(text, indent, column, false, out),
        Value::Array(_) => out.push_str("[]"),
        Value::Object(_) => out.push_str("{}"),
    }
}

fn number_text(number: &serde_json::Number) -> String {
    if number.is_i64() || number.is_u64() {
        return number.to_string();
    }
    go_float(number.as_f64().unwrap_or(0.0))
}

/// Go's `strconv.FormatFloat(f, 'g', -1, 64)`: exponent form below 1e-4 and from 1e6 on.
pub fn go_float(value: f64) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    let scientific = format!("{value:e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if !(-4..6).contains(&exponent) {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{mantissa}e{sign}{:02}", exponent.abs());
    }
    format!("{value}")
}

fn pad(indent: usize, out: &mut String) {
    out.extend(std::iter::repeat_n(' ', indent));
}

fn column(out: &str) -> usize {
    out.bytes().rev().take_while(|byte| *byte != b'\n').filter(|byte| is_first_byte(*byte)).count()
}

fn write_string(text: &str, indent: usize, column: usize, key: bool, out: &mut String) {
    if is_simple(text) {
        return folded(text, indent, column, out);
    }
    let facts = Facts::of(text);
    if text.contains('\n') && !key && facts.block_allowed {
        return literal(text, indent, out);
    }
    let ambiguous = !matches!(read_plain(text), Some(Value::String(_)));
    if facts.special || facts.tab {
        return double_quoted(text, indent, column, out);
    }
    if ambiguous && !text.is_empty() {
        return double_quoted(text, indent, column, out);
    }
    if text.is_empty() {
        return out.push_str("\"\"");
    }
    if text.contains('\n') {
        return double_quoted(text, indent, column, out);
    }
    if facts.plain_allowed {
        return folded(text, indent, column, out);
    }
    out.push('\'');
    let doubled = text.replace('\'', "''");
    folded(&doubled, indent, if column == usize::MAX { column } else { column + 1 }, out);
    out.push('\'');
}

/// Tells of most texts at a glance that they are plain: letters, digits and harmless signs, and no word with a meaning.
fn is_simple(text: &str) -> bool {
    let harmless = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b' ' | b'_' | b'.' | b'/' | b'-' | b',');
    let bytes = text.as_bytes();
    let (Some(first), Some(last)) = (bytes.first(), bytes.last()) else { return false };
    first.is_ascii_alphabetic()
        && *last != b' '
        && (bytes.len() > 5 || plain_scalar(text, Dialect::Sigs).is_none())
        && bytes.iter().all(harmless)
}

/// Resolves as a plain scalar of YAML 1.1, with the extra words and dates that go-yaml v2 guards against.
fn read_plain(text: &str) -> Option<Value> {
    if text.is_empty() || text.contains('\n') || text.starts_with("...") || text.starts_with("---") {
        return Some(Value::String(text.to_owned()));
    }
    if is_base60(text)
        || timestamp(text).is_some()
        || matches!(text, ".inf" | "-.inf" | "+.inf" | ".nan" | ".NaN" | ".Inf" | ".INF" | ".NAN")
    {
        return None;
    }
    if text == "=" || text == "<<" {
        return Some(Value::String(text.to_owned()));
    }
    Some(plain_scalar(text, Dialect::Sigs).unwrap_or_else(|| Value::String(text.to_owned())))
}

/// Numbers of YAML 1.1 to the base of 60, `12:30:45`.
fn is_base60(text: &str) -> bool {
    let mut parts = text.strip_prefix(['+', '-']).unwrap_or(text).split(':');
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_');
    let first = parts.next().is_some_and(|first| first.starts_with(|c: char| c.is_ascii_digit()) && digits(first));
    let mut rest: Vec<&str> = parts.collect();
    if let Some(last) = rest.last_mut()
        && let Some((whole, fraction)) = last.split_once('.')
        && digits(fraction)
    {
        *last = whole;
    }
    let sixty = |part: &&str| match part.as_bytes() {
        [one] => one.is_ascii_digit(),
        [ten, one] => (b'0'..=b'5').contains(ten) && one.is_ascii_digit(),
        _ => false,
    };
    first && !rest.is_empty() && rest.iter().all(sixty)
}

/// What go-yaml's `yaml_emitter_analyze_scalar` finds out.
struct Facts {
    plain_allowed: bool,
    block_allowed: bool,
    special: bool,
    tab: bool,
}

impl Facts {
    fn of(text: &str) -> Self {
        let mut plain = true;
        let mut block = true;
        let mut special = false;
        let mut tab = false;
        if text.starts_with("---") || text.starts_with("...") {
            plain = false;
        }
        let blank = |c: Option<char>| c.is_none_or(|c| matches!(c, ' ' | '\t' | '\n' | '\r'));
        let (mut before, mut chars) = (None, text.chars().peekable());
        while let Some(c) = chars.next() {
            let next = chars.peek().copied();
            if before.is_none() {
                plain &= !matches!(c, '#' | ',' | '[' | ']' | '{' | '}' | '&' | '*' | '!' | '|' | '>' | '\'' | '"' | '%' | '@' | '`');
                plain &= !(matches!(c, '?' | ':' | '-') && blank(next));
            } else {
                plain &= !(c == ':' && blank(next));
                plain &= !(c == '#' && blank(before));
            }
            match c {
                '\t' => tab = true,
                '\n' => plain = false,
                c if !printable(c) => special = true,
                _ => {}
            }
            if c == ' ' && next == Some('\n') {
                block = false;
            }
            before = Some(c);
        }
        if text.starts_with(' ') || text.ends_with(' ') {
            plain = false;
        }
        if text.ends_with(' ') {
            block = false;
        }
        block &= !special && !tab;
        Self { plain_allowed: plain, block_allowed: block, special, tab }
    }
}

fn printable(c: char) -> bool {
    matches!(c, '\n' | ' '..='~' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}') && c != '\u{feff}'
}

/// Writes a text that may break at single spaces past the width.
fn folded(text: &str, indent: usize, column: usize, out: &mut String) {
    if column == usize::MAX || column + text.len() <= WIDTH {
        return out.push_str(text);
    }
    let bytes = text.as_bytes();
    let (mut column, mut written) = (column, 0);
    for (at, byte) in bytes.iter().enumerate() {
        let inner = at > 0 && at + 1 < bytes.len();
        if *byte == b' ' && column > WIDTH && inner && bytes[at + 1] != b' ' && bytes[at - 1] != b' ' {
            out.push_str(&text[written..at]);
            out.push('\n');
            pad(indent.max(2), out);
            column = indent.max(2);
            written = at + 1;
        } else if is_first_byte(*byte) {
            column += 1;
        }
    }
    out.push_str(&text[written..]);
}

/// Tells whether a character begins with this byte.
fn is_first_byte(byte: u8) -> bool {
    byte & 0xc0 != 0x80
}

fn double_quoted(text: &str, indent: usize, column: usize, out: &mut String) {
    out.push('"');
    let fold = column != usize::MAX;
    let mut column = if fold { column + 1 } else { 0 };
    let chars: Vec<char> = text.chars().collect();
    let mut previous_space = false;
    for (at, c) in chars.iter().enumerate() {
        let before = out.len();
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            '\0' => out.push_str("\\0"),
            '\u{7}' => out.push_str("\\a"),
            '\u{8}' => out.push_str("\\b"),
            '\u{b}' => out.push_str("\\v"),
            '\u{c}' => out.push_str("\\f"),
            '\u{1b}' => out.push_str("\\e"),
            '\u{85}' => out.push_str("\\N"),
            '\u{2028}' => out.push_str("\\L"),
            '\u{2029}' => out.push_str("\\P"),
            ' ' if fold && !previous_space && column > WIDTH && at > 0 && at + 1 < chars.len() => {
                out.push('\n');
                pad(indent.max(2), out);
                column = indent.max(2);
                if chars[at + 1] == ' ' {
                    out.push('\\');
                    column += 1;
                }
                previous_space = true;
                continue;
            }
            c if !printable(*c) => match u32::from(*c) {
                code @ ..=0xff => out.push_str(&format!("\\x{code:02X}")),
                code @ ..=0xffff => out.push_str(&format!("\\u{code:04X}")),
                code => out.push_str(&format!("\\U{code:08X}")),
            },
            c => out.push(*c),
        }
        previous_space = *c == ' ';
        column += out[before..].chars().count();
    }
    out.push('"');
}

fn literal(text: &str, indent: usize, out: &mut String) {
    out.push('|');
    if text.starts_with([' ', '\n']) {
        out.push('2');
    }
    if !text.ends_with('\n') {
        out.push('-');
    } else if text.ends_with("\n\n") || text == "\n" {
        out.push('+');
    }
    let body = text.strip_suffix('\n').unwrap_or(text);
    for line in body.split('\n') {
        out.push('\n');
        if !line.is_empty() {
            pad(indent.max(2), out);
            out.push_str(line);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read;
    use expect_test::{Expect, expect};
    use serde_json::json;

    fn check(value: &Value, expected: &Expect) {
        expected.assert_eq(&write(value));
    }

    #[test]
    fn documents_look_as_go_writes_them() {
        check(
            &json!({"kind": "X", "spec": {"list": [{"a": 1, "b": []}, [1, [2]], "s"], "empty": {}, "nothing": null, "f": 1.5}}),
            &expect![[r#"
                kind: X
                spec:
                  empty: {}
                  f: 1.5
                  list:
                  - a: 1
                    b: []
                  - - 1
                    - - 2
                  - s
                  nothing: null
            "#]],
        );
    }

    #[test]
    fn strings_that_would_mean_something_else_are_quoted() {
        let words = [
            "1",
            "true",
            "yes",
            "n",
            "0x10",
            "1_000",
            "2001-01-01",
            ".5",
            "null",
            "~",
            "12:30:45",
            "08",
            "=",
            "<<",
            "",
            "a: b",
            "# x",
            "it's",
            "- a",
            "a\tb",
            "*",
            "0.5.1",
            "@x",
            "...",
            "2001-1-1",
            "2001-01-01 x",
            "1:61",
            "+1:59.5",
        ];
        check(
            &json!(words),
            &expect![[r##"
                - "1"
                - "true"
                - "yes"
                - "n"
                - "0x10"
                - "1_000"
                - "2001-01-01"
                - ".5"
                - "null"
                - "~"
                - "12:30:45"
                - "08"
                - =
                - <<
                - ""
                - 'a: b'
                - '# x'
                - it's
                - '- a'
                - "a\tb"
                - '*'
                - 0.5.1
                - '@x'
                - '...'
                - "2001-1-1"
                - 2001-01-01 x
                - 1:61
                - "+1:59.5"
            "##]],
        );
    }

    #[test]
    fn long_lines_fold_and_line_feeds_make_blocks() {
        let long = "word ".repeat(25);
        check(
            &json!({"a": long.trim_end(), "b": "x\ny\n", "c": "x\ny", "d": " x\n\n"}),
            &expect![[r#"
                a: word word word word word word word word word word word word word word word word
                  word word word word word word word word word
                b: |
                  x
                  y
                c: |-
                  x
                  y
                d: |2+
                   x

            "#]],
        );
    }

    #[test]
    fn keys_with_numbers_follow_them_and_odd_ones_do_not_panic() {
        let map = json!({"a009": 1, "a09": 1, "a9": 1, "a10": 1, "1": 1, "1a": 1, "12": 1, "-1": 1, "": 1});
        let keys: Vec<String> = write(&map).lines().map(|line| line.trim_end_matches(": 1").replace('"', "")).collect();
        assert_eq!(keys, ["", "-1", "1", "12", "1a", "a9", "a09", "a009", "a10"]);
        let many: serde_json::Map<_, _> =
            (0..500u32).map(|n| (format!("{}{}{:x}", n % 7, ["a", "_", "0", ".1"][n as usize % 4], n), json!(1))).collect();
        assert_eq!(write(&Value::Object(many)).lines().count(), 500);
    }

    #[test]
    fn breaks_of_double_quoted_texts_count_their_backslash() {
        let text = format!("{}:\n  x  {} end", "word ".repeat(15), "w".repeat(75));
        let written = write(&json!({"a": text}));
        assert_eq!(read(&written, Dialect::Sigs).expect("reads"), json!({"a": text}));
    }

    #[test]
    fn keys_come_in_natural_order() {
        let map = json!({"k10": 1, "k9": 1, "k1": 1, "K": 1, "1": 1, "_u": 1});
        check(
            &map,
            &expect![[r#"
                _u: 1
                "1": 1
                K: 1
                k1: 1
                k9: 1
                k10: 1
            "#]],
        );
    }
}
