//! JSON in and out, as Go's encoding/json: exact numbers, and its words for what is wrong.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value as Json;

use crate::golike::quoted_character;
use crate::{Value, golike};

/// Longest JSON text that is read.
const LENGTH: usize = 4 << 20;
/// Deepest JSON that is read or made.
const DEPTH: usize = 200;

/// Reads a JSON text.
pub(crate) fn from_text(text: &str) -> Result<Value, String> {
    if text.len() > LENGTH {
        return Err("the JSON text is too long".to_owned());
    }
    let mut reader = Reader { text, at: 0 };
    let value = reader.value(0)?;
    reader.blanks();
    if reader.at < text.len() { reader.wrong("after top-level value") } else { Ok(value) }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }

    /// Refuses the next byte; Go names bytes, not characters.
    fn wrong<T>(&self, place: &str) -> Result<T, String> {
        match self.peek() {
            None => Err("unexpected end of JSON input".to_owned()),
            Some(byte) => Err(format!("invalid character {} {place}", quoted_character(char::from(byte)))),
        }
    }

    fn value(&mut self, depth: usize) -> Result<Value, String> {
        if depth > DEPTH {
            return Err("exceeded max depth".to_owned());
        }
        self.blanks();
        match self.peek() {
            Some(b'{') => self.object(depth),
            Some(b'[') => self.array(depth),
            Some(b'"') => self.string().map(Value::from),
            Some(b't') => self.literal("true", Value::Bool(true)),
            Some(b'f') => self.literal("false", Value::Bool(false)),
            Some(b'n') => self.literal("null", Value::Nil),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => self.wrong("looking for beginning of value"),
        }
    }

    fn literal(&mut self, word: &str, value: Value) -> Result<Value, String> {
        for byte in word.bytes() {
            if self.peek() != Some(byte) {
                return self.wrong(&format!("in literal {word} (expecting {})", quoted_character(char::from(byte))));
            }
            self.at += 1;
        }
        Ok(value)
    }

    fn digits(&mut self) -> bool {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        self.at > start
    }

    fn number(&mut self) -> Result<Value, String> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        if self.peek() == Some(b'0') {
            self.at += 1;
        } else if !self.digits() {
            return self.wrong("in numeric literal");
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            if !self.digits() {
                return self.wrong("after decimal point in numeric literal");
            }
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            if !self.digits() {
                return self.wrong("in exponent of numeric literal");
            }
        }
        let written = &self.text[start..self.at];
        let value: f64 = written.parse().unwrap_or(f64::INFINITY);
        if value.is_infinite() {
            return Err(format!("json: cannot unmarshal number {written} into Go value of type float64"));
        }
        Ok(Value::Float(value))
    }

    fn string(&mut self) -> Result<String, String> {
        self.at += 1;
        let mut out = String::new();
        loop {
            let rest = &self.text[self.at..];
            let plain = rest.bytes().position(|byte| byte < 0x20 || matches!(byte, b'"' | b'\\')).unwrap_or(rest.len());
            out.push_str(&rest[..plain]);
            self.at += plain;
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(out);
                }
                Some(b'\\') => out.push(self.escape()?),
                _ => return self.wrong("in string literal"),
            }
        }
    }

    fn escape(&mut self) -> Result<char, String> {
        self.at += 1;
        let simple = match self.peek() {
            Some(byte @ (b'"' | b'\\' | b'/')) => char::from(byte),
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                self.at += 1;
                return self.unicode();
            }
            _ => return self.wrong("in string escape code"),
        };
        self.at += 1;
        Ok(simple)
    }

    fn unicode(&mut self) -> Result<char, String> {
        let first = self.hexadecimal()?;
        if (0xd800..0xdc00).contains(&first) && self.text[self.at..].starts_with("\\u") {
            let back = self.at;
            self.at += 2;
            let second = self.hexadecimal()?;
            if (0xdc00..0xe000).contains(&second) {
                let code = 0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00);
                return Ok(char::from_u32(code).unwrap_or('\u{fffd}'));
            }
            self.at = back;
        }
        // Half a pair is no character.
        Ok(char::from_u32(first).unwrap_or('\u{fffd}'))
    }

    fn hexadecimal(&mut self) -> Result<u32, String> {
        let mut code = 0;
        for _ in 0..4 {
            let Some(digit) = self.peek().and_then(|byte| char::from(byte).to_digit(16)) else {
                return self.wrong("in \\u hexadecimal character escape");
            };
            code = code * 16 + digit;
            self.at += 1;
        }
        Ok(code)
    }

    fn array(&mut self, depth: usize) -> Result<Value, String> {
        self.at += 1;
        self.blanks();
        let mut items = Vec::new();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(Value::list(items));
        }
        loop {
            items.push(self.value(depth + 1)?);
            self.blanks();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => {
                    self.at += 1;
                    return Ok(Value::list(items));
                }
                _ => return self.wrong("after array element"),
            }
        }
    }

    fn object(&mut self, depth: usize) -> Result<Value, String> {
        self.at += 1;
        self.blanks();
        let mut map = BTreeMap::new();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(Value::map::<Arc<str>>(map));
        }
        loop {
            self.blanks();
            if self.peek() != Some(b'"') {
                return self.wrong("looking for beginning of object key string");
            }
            let key = self.string()?;
            self.blanks();
            if self.peek() != Some(b':') {
                return self.wrong("after object key");
            }
            self.at += 1;
            let value = self.value(depth + 1)?;
            map.insert(key.into(), value);
            self.blanks();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => {
                    self.at += 1;
                    return Ok(Value::map::<Arc<str>>(map));
                }
                _ => return self.wrong("after object key:value pair"),
            }
        }
    }
}

impl Value {
    /// Converts to JSON as `json.Marshal` and reading it again would: whole floats are whole numbers.
    pub fn to_json(&self) -> Result<Json, String> {
        golike::bounded(self)?;
        convert(self, 0)
    }

    /// Writes the value as Go's `json.Marshal`.
    pub fn json_text(&self) -> Result<String, String> {
        golike::json(self, false)
    }
}

fn convert(value: &Value, depth: usize) -> Result<Json, String> {
    if depth > DEPTH {
        return Err("json: the value is nested too deeply".to_owned());
    }
    Ok(match value {
        Value::Nil => Json::Null,
        Value::Bool(value) => Json::Bool(*value),
        Value::Int(value) | Value::Duration(value) | Value::Named(_, value, _) => Json::from(*value),
        Value::Byte(value) => Json::from(*value),
        Value::Float(value) => {
            let text = golike::json_float(*value)?;
            text.parse::<i64>().map_or_else(|_| Json::from(*value), Json::from)
        }
        Value::Text(text) => Json::from(&**text),
        Value::List(items) => items.iter().map(|item| convert(item, depth + 1)).collect::<Result<_, _>>().map(Json::Array)?,
        Value::Map(map) => {
            let entries = map.entries.iter().map(|(key, value)| Ok((key.to_string(), convert(value, depth + 1)?)));
            Json::Object(entries.collect::<Result<_, String>>()?)
        }
        Value::Struct(record) => {
            let fields = record.of.fields.iter().zip(&record.values).filter(|(field, value)| !(field.omit_empty && golike::empty(value)));
            let entries = fields.map(|(field, value)| Ok((field.json.to_owned(), convert(value, depth + 1)?)));
            Json::Object(entries.collect::<Result<_, String>>()?)
        }
        // The rest is a text in JSON, or nothing.
        other => {
            let text = golike::json(other, false)?;
            text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).map_or_else(|| Json::Object(serde_json::Map::new()), Json::from)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_read_exactly() {
        for (text, shown) in [
            (r#" {"a": [1, 2.5, -0, 1e2], "b": {"c": null, "d": true}, "a2": "x"} "#, "map[a:[1 2.5 -0 100] a2:x b:map[c:<nil> d:true]]"),
            (r#""\ud83d\ude00\ud800\n\/""#, "😀\u{fffd}\n/"),
            ("0.30000000000000004", "0.30000000000000004"),
            (r#"{"a":1,"a":2}"#, "map[a:2]"),
        ] {
            assert_eq!(from_text(text).map(|value| value.to_string()).as_deref(), Ok(shown), "{text}");
        }
    }

    #[test]
    fn what_is_no_json_says_why() {
        for (text, why) in [
            ("", "unexpected end of JSON input"),
            ("[1", "unexpected end of JSON input"),
            ("[1,]", "invalid character ']' looking for beginning of value"),
            ("[1 2]", "invalid character '2' after array element"),
            ("{a: 1}", "invalid character 'a' looking for beginning of object key string"),
            (r#"{"a" 1}"#, "invalid character '1' after object key"),
            (r#"{"a": 1 "b"}"#, "invalid character '\"' after object key:value pair"),
            ("1 2", "invalid character '2' after top-level value"),
            ("01", "invalid character '1' after top-level value"),
            ("1.x", "invalid character 'x' after decimal point in numeric literal"),
            ("tru", "unexpected end of JSON input"),
            ("trux", "invalid character 'x' in literal true (expecting 'e')"),
            ("\"a\nb\"", "invalid character '\\n' in string literal"),
            (r#""\x""#, "invalid character 'x' in string escape code"),
            (r#""\u12g4""#, "invalid character 'g' in \\u hexadecimal character escape"),
            ("1e400", "json: cannot unmarshal number 1e400 into Go value of type float64"),
        ] {
            assert_eq!(from_text(text).map(|value| value.to_string()), Err(why.to_owned()), "{text}");
        }
        assert!(from_text(&"[".repeat(100_000)).is_err());
    }
}
