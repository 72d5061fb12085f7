//! Texts as Go prints and reads them: `%v`, `%q`, encoding/json, strconv.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use golang::format_duration_signed;
pub(crate) use golang::format_float as shown_float;

use crate::Value;

/// Deepest value that is printed.
const DEPTH: usize = 200;

/// Appends to a text, which cannot fail.
pub(crate) fn put(out: &mut String, text: std::fmt::Arguments<'_>) {
    let _ = out.write_fmt(text);
}

/// Quotes a text as Go's `strconv.Quote`.
pub(crate) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{7}' => out.push_str("\\a"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{b}' => out.push_str("\\v"),
            ' '..='~' => out.push(character),
            _ if u32::from(character) < 0x80 => put(&mut out, format_args!("\\x{:02x}", u32::from(character))),
            _ if printable(character) => out.push(character),
            _ if u32::from(character) < 0x1_0000 => put(&mut out, format_args!("\\u{:04x}", u32::from(character))),
            _ => put(&mut out, format_args!("\\U{:08x}", u32::from(character))),
        }
    }
    out.push('"');
    out
}

/// Quotes a character as encoding/json does in its errors.
pub(crate) fn quoted_character(character: char) -> String {
    match character {
        '\'' => r"'\''".to_owned(),
        '"' => "'\"'".to_owned(),
        other => {
            let text = quoted(other.encode_utf8(&mut [0; 4]));
            format!("'{}'", &text[1..text.len() - 1])
        }
    }
}

/// Tells whether Go shows a character as it is: letters, marks, numbers, punctuation, symbols, but no blanks.
fn printable(character: char) -> bool {
    // Rust escapes the same classes in `{:?}`, but for marks, which it escapes only where they begin a text.
    !character.is_whitespace() && format!("{:?}", format!("a{character}")).len() <= 3 + character.len_utf8()
}

/// Reads a number as Go's `strconv.ParseFloat`.
pub(crate) fn parse_float(text: &str) -> Result<f64, String> {
    let failed = |why: &str| format!("strconv.ParseFloat: parsing {}: {why}", quoted(text));
    let lower = text.to_ascii_lowercase();
    let unsigned = lower.strip_prefix(['+', '-']).unwrap_or(&lower);
    let negative = lower.starts_with('-');
    let signed = |value: f64| if negative { -value } else { value };
    match unsigned {
        "inf" | "infinity" => return Ok(signed(f64::INFINITY)),
        "nan" if unsigned.len() == lower.len() => return Ok(f64::NAN),
        _ => {}
    }
    if let Some(digits) = unsigned.strip_prefix("0x") {
        return hex_float(digits).map(signed).ok_or_else(|| failed("invalid syntax"));
    }
    let plain = unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        && unsigned.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'+' | b'-'));
    let value: f64 = unsigned.parse().ok().filter(|_| plain).ok_or_else(|| failed("invalid syntax"))?;
    if value.is_infinite() { Err(failed("value out of range")) } else { Ok(signed(value)) }
}

/// `0x1p-2`: the exponent is not optional.
fn hex_float(text: &str) -> Option<f64> {
    let (mantissa, exponent) = text.split_once('p')?;
    let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    // What is this large or small is no longer told apart.
    let exponent: i32 = exponent.parse().unwrap_or(if exponent.starts_with('-') { -9_999 } else { 9_999 }).clamp(-9_999, 9_999);
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if whole.len() + fraction.len() == 0 || whole.len() + fraction.len() > 13 {
        return None;
    }
    let digits = u64::from_str_radix(&format!("{whole}{fraction}"), 16).ok()?;
    let shift = i32::try_from(fraction.len()).ok()? * 4;
    #[expect(clippy::cast_precision_loss, reason = "thirteen hexadecimal digits fit a float")]
    let value = digits as f64 * 2_f64.powi(exponent - shift);
    value.is_finite().then_some(value)
}

/// Reads a bool as Go's `strconv.ParseBool`.
pub(crate) fn parse_bool(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "TRUE" | "true" | "True" => Some(true),
        "0" | "f" | "F" | "FALSE" | "false" | "False" => Some(false),
        _ => None,
    }
}

/// Prints a float as encoding/json.
pub(crate) fn json_float(value: f64) -> Result<String, String> {
    golang::json_float(value).ok_or_else(|| format!("json: unsupported value: {}", shown_float(value)))
}

/// Most values, and sixteenths of bytes of text, that are printed at once.
const LARGEST: usize = 1_000_000;

/// Refuses a value that is too large to be printed, because it holds the same parts over and over.
pub(crate) fn bounded(value: &Value) -> Result<(), String> {
    if value.bulk(LARGEST) < LARGEST { Ok(()) } else { Err("memory budget exceeded".to_owned()) }
}

/// Prints a value as Go's `%v`; one that is too large only by its type.
pub(crate) fn shown(value: &Value) -> String {
    let mut out = String::new();
    if bounded(value).is_err() {
        return format!("({})", value.type_name());
    }
    show(value, &mut out, 0);
    out
}

fn show(value: &Value, out: &mut String, depth: usize) {
    if depth > DEPTH {
        out.push('…');
        return;
    }
    match value {
        Value::Nil => out.push_str("<nil>"),
        Value::Bool(value) => put(out, format_args!("{value}")),
        Value::Int(value) => put(out, format_args!("{value}")),
        Value::Byte(value) => put(out, format_args!("{value}")),
        Value::Float(value) => out.push_str(&shown_float(*value)),
        Value::Text(text) => out.push_str(text),
        Value::Bytes(bytes) => put(out, format_args!("[{}]", bytes.iter().map(u8::to_string).collect::<Vec<_>>().join(" "))),
        Value::List(items) => spaced(items.iter(), out, |item, out| show(item, out, depth + 1)),
        Value::Map(map) => {
            out.push_str("map");
            spaced(map.entries.iter(), out, |(key, value), out| {
                out.push_str(key);
                out.push(':');
                show(value, out, depth + 1);
            });
        }
        Value::Pairs(pairs) => {
            out.push_str("map");
            spaced(pairs.iter(), out, |(key, value), out| {
                show(key, out, depth + 1);
                out.push(':');
                show(value, out, depth + 1);
            });
        }
        Value::Duration(nanoseconds) => out.push_str(&format_duration_signed(*nanoseconds)),
        Value::Time(moment) => out.push_str(&moment.shown()),
        Value::Zone(zone) => out.push_str(zone.name()),
        Value::Named(_, _, name) => out.push_str(name),
        Value::Struct(value) => {
            let mut inner = String::new();
            spaced(value.values.iter(), &mut inner, |value, out| show(value, out, depth + 1));
            out.push('{');
            out.push_str(&inner[1..inner.len() - 1]);
            out.push('}');
        }
        Value::Version(version) => out.push_str(&version.to_string()),
    }
}

fn spaced<T>(items: impl Iterator<Item = T>, out: &mut String, mut each: impl FnMut(T, &mut String)) {
    out.push('[');
    for (at, item) in items.enumerate() {
        if at > 0 {
            out.push(' ');
        }
        each(item, out);
    }
    out.push(']');
}

/// Writes a value as Go's `json.Marshal`, or indented by two blanks as `json.MarshalIndent`.
pub(crate) fn json(value: &Value, indented: bool) -> Result<String, String> {
    bounded(value)?;
    let mut writer = JsonWriter { out: String::new(), indented };
    writer.value(value, 0)?;
    Ok(writer.out)
}

struct JsonWriter {
    out: String,
    indented: bool,
}

impl JsonWriter {
    fn value(&mut self, value: &Value, depth: usize) -> Result<(), String> {
        if depth > DEPTH {
            return Err("json: the value is nested too deeply".to_owned());
        }
        match value {
            Value::Nil => self.out.push_str("null"),
            Value::Bool(value) => put(&mut self.out, format_args!("{value}")),
            Value::Int(value) => put(&mut self.out, format_args!("{value}")),
            Value::Byte(value) => put(&mut self.out, format_args!("{value}")),
            Value::Float(value) => self.out.push_str(&json_float(*value)?),
            Value::Text(text) => self.text(text),
            Value::Bytes(bytes) => self.text(&STANDARD.encode(bytes)),
            Value::List(items) => self.all('[', ']', items.iter(), depth, |writer, item| writer.value(item, depth + 1))?,
            Value::Map(map) => self.object(map.entries.iter().map(|(key, value)| (&**key, value)), depth)?,
            Value::Pairs(_) => return Err("json: unsupported type: map[interface {}]interface {}".to_owned()),
            Value::Duration(nanoseconds) => put(&mut self.out, format_args!("{nanoseconds}")),
            Value::Time(moment) => self.text(&moment.format(golang::time::RFC3339_NANO)),
            Value::Zone(_) => self.out.push_str("{}"),
            Value::Named(_, number, _) => put(&mut self.out, format_args!("{number}")),
            Value::Struct(record) => {
                let fields = record.of.fields.iter().zip(&record.values);
                let kept = fields.filter(|(field, value)| !(field.omit_empty && empty(value)));
                self.object(kept.map(|(field, value)| (field.json, value)), depth)?;
            }
            Value::Version(version) => self.text(&version.to_string()),
        }
        Ok(())
    }

    fn object<'a>(&mut self, entries: impl Iterator<Item = (&'a str, &'a Value)>, depth: usize) -> Result<(), String> {
        self.all('{', '}', entries, depth, |writer, (key, value)| {
            writer.text(key);
            writer.out.push_str(if writer.indented { ": " } else { ":" });
            writer.value(value, depth + 1)
        })
    }

    fn all<T>(
        &mut self,
        open: char,
        close: char,
        items: impl Iterator<Item = T>,
        depth: usize,
        mut each: impl FnMut(&mut Self, T) -> Result<(), String>,
    ) -> Result<(), String> {
        self.out.push(open);
        let mut some = false;
        for item in items {
            if some {
                self.out.push(',');
            }
            some = true;
            self.line(depth + 1);
            each(self, item)?;
        }
        if some {
            self.line(depth);
        }
        self.out.push(close);
        Ok(())
    }

    fn line(&mut self, depth: usize) {
        if self.indented {
            self.out.push('\n');
            self.out.extend(std::iter::repeat_n("  ", depth));
        }
    }

    fn text(&mut self, text: &str) {
        self.out.push('"');
        for character in text.chars() {
            match character {
                '"' => self.out.push_str("\\\""),
                '\\' => self.out.push_str("\\\\"),
                '\u{8}' => self.out.push_str("\\b"),
                '\u{c}' => self.out.push_str("\\f"),
                '\n' => self.out.push_str("\\n"),
                '\r' => self.out.push_str("\\r"),
                '\t' => self.out.push_str("\\t"),
                // What a browser or JavaScript might take for more than text.
                '<' | '>' | '&' | '\u{2028}' | '\u{2029}' | '\0'..='\u{1f}' => {
                    put(&mut self.out, format_args!("\\u{:04x}", u32::from(character)));
                }
                other => self.out.push(other),
            }
        }
        self.out.push('"');
    }
}

/// Tells whether `omitempty` leaves a value out.
pub(crate) fn empty(value: &Value) -> bool {
    match value {
        Value::Nil | Value::Bool(false) | Value::Int(0) => true,
        Value::Text(text) => text.is_empty(),
        Value::List(items) => items.is_empty(),
        Value::Map(map) => map.entries.is_empty(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_go_does() {
        for (text, value) in
            [("0x1p-2", Some(0.25)), ("1.10", Some(1.1)), ("007", Some(7.0)), ("7e5", Some(7e5)), (".5", Some(0.5)), ("5.", Some(5.0))]
        {
            assert_eq!(parse_float(text).ok(), value, "{text}");
        }
        for bad in ["", "0x10", "1_000", " 1", "1e400", "+-1", "1e", "."] {
            assert!(parse_float(bad).is_err(), "{bad}");
        }
        assert!(parse_float("nan").is_ok_and(f64::is_nan) && parse_float("+nan").is_err());
    }

    #[test]
    fn texts_are_quoted_as_go_does() {
        for (text, wanted) in
            [("a\"b\\", r#""a\"b\\""#), ("a\nb\u{7f}", r#""a\nb\x7f""#), ("äé→", "\"äé→\""), ("\u{a0}\u{200b}", r#""\u00a0\u200b""#)]
        {
            assert_eq!(quoted(text), wanted);
        }
        assert_eq!(json(&Value::from("<a&b>\u{1}\u{7f}"), false).as_deref(), Ok("\"\\u003ca\\u0026b\\u003e\\u0001\u{7f}\""));
    }
}
