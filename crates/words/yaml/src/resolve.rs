//! From nodes to JSON values, with the scalar rules of the two Go libraries.

use std::collections::HashMap;

use base64::Engine as _;
use serde_json::{Map, Number, Value};

use crate::{Content, Node, Style, YamlError, nodes, quick};

/// How many nodes aliases may add to a document.
const ALIAS_BUDGET: usize = 100_000;

/// Which Go library's rules hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// sigs.k8s.io/yaml (go-yaml v2 rules): kubectl, Flux, Kargo, the API server. `yes` is a boolean; a repeated key wins
    /// over the earlier one.
    Sigs,
    /// kyaml (go-yaml v3 rules): kustomize resources. `yes` is a string; a repeated key is an error.
    Kyaml,
}

/// Reads a text that holds one document. An empty text is null.
pub fn read(text: &str, dialect: Dialect) -> Result<Value, YamlError> {
    let mut documents = read_all(text, dialect)?;
    match documents.len() {
        0 => Ok(Value::Null),
        1 => Ok(documents.remove(0)),
        many => Err(YamlError::Documents(many)),
    }
}

/// Reads every document of a text; empty documents are left out.
pub fn read_all(text: &str, dialect: Dialect) -> Result<Vec<Value>, YamlError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut values = Vec::new();
    for node in nodes(text)? {
        let value = value_of(&node, dialect)?;
        if !value.is_null() {
            values.push(value);
        }
    }
    Ok(values)
}

/// Reads the first document of a text, in which the caller chooses what stands for each scalar that is no key. A text
/// without documents gives nothing.
pub fn read_first(text: &str, dialect: Dialect, choose: &dyn Fn(Written<'_>, Value) -> Value) -> Result<Option<Value>, YamlError> {
    if let Some(value) = quick::value(text, dialect, choose) {
        return Ok(Some(value));
    }
    nodes(text)?.first().map(|node| value_with(node, dialect, choose)).transpose()
}

/// Returns a document's value.
pub fn value_of(document: &Node, dialect: Dialect) -> Result<Value, YamlError> {
    value_with(document, dialect, &|_, value| value)
}

/// A scalar as it is written.
#[derive(Debug, Clone, Copy)]
pub struct Written<'a> {
    /// Its text, without quotes.
    pub text: &'a str,
    /// How it is written.
    pub style: Style,
    /// Whether it has an explicit tag.
    pub tagged: bool,
    /// Whether it stands inside `[…]` or `{…}`.
    pub in_flow: bool,
}

/// Returns a document's value, in which the caller chooses what stands for each scalar that is no key.
pub fn value_with(document: &Node, dialect: Dialect, choose: &dyn Fn(Written<'_>, Value) -> Value) -> Result<Value, YamlError> {
    let mut anchors = HashMap::new();
    collect_anchors(document, &mut anchors);
    Resolver { dialect, anchors, budget: ALIAS_BUDGET, open: Vec::new(), choose }.value(document, false)
}

/// Returns what a plain scalar with this text means when it is not a string.
pub fn plain_scalar(text: &str, dialect: Dialect) -> Option<Value> {
    match plain(text, dialect) {
        Plain::Value(value) => Some(value),
        Plain::NotJson | Plain::Text => None,
    }
}

fn collect_anchors<'a>(node: &'a Node, anchors: &mut HashMap<usize, &'a Node>) {
    if node.anchor != 0 {
        anchors.insert(node.anchor, node);
    }
    match &node.content {
        Content::List(items, _) => items.iter().for_each(|item| collect_anchors(item, anchors)),
        Content::Map(pairs, _) => pairs.iter().for_each(|(key, value)| {
            collect_anchors(key, anchors);
            collect_anchors(value, anchors);
        }),
        Content::Scalar(..) | Content::Alias(_) => {}
    }
}

struct Resolver<'a> {
    dialect: Dialect,
    anchors: HashMap<usize, &'a Node>,
    budget: usize,
    open: Vec<usize>,
    choose: &'a dyn Fn(Written<'_>, Value) -> Value,
}

impl<'a> Resolver<'a> {
    fn value(&mut self, node: &'a Node, in_flow: bool) -> Result<Value, YamlError> {
        if !self.open.is_empty() {
            self.budget = self.budget.checked_sub(1).ok_or(YamlError::Limit { line: node.line, limit: "100,000 nodes by aliases" })?;
        }
        match &node.content {
            Content::Scalar(text, style) => {
                let value = scalar(text, *style, node, self.dialect)?;
                Ok((self.choose)(Written { text, style: *style, tagged: node.tag.is_some(), in_flow }, value))
            }
            Content::List(items, flow) => {
                items.iter().map(|item| self.value(item, in_flow || *flow)).collect::<Result<_, _>>().map(Value::Array)
            }
            Content::Map(pairs, flow) => self.map(pairs, node.line, in_flow || *flow).map(Value::Object),
            Content::Alias(anchor) => {
                let target = self.target(*anchor, node.line)?;
                self.open.push(*anchor);
                let value = self.value(target, in_flow);
                self.open.pop();
                value
            }
        }
    }

    fn target(&self, anchor: usize, line: usize) -> Result<&'a Node, YamlError> {
        if self.open.contains(&anchor) {
            return Err(YamlError::Meaning { line, text: "an alias refers to a collection that contains it".to_owned() });
        }
        self.anchors.get(&anchor).copied().ok_or(YamlError::Meaning { line, text: "unknown alias".to_owned() })
    }

    fn map(&mut self, pairs: &'a [(Node, Node)], line: usize, in_flow: bool) -> Result<Map<String, Value>, YamlError> {
        let mut map = Map::new();
        let mut merged = Vec::new();
        for (key, value) in pairs {
            if matches!(&key.content, Content::Scalar(text, Style::Plain) if text == "<<") && key.tag.is_none() {
                merged.push(value);
                continue;
            }
            let name = self.key(key)?;
            let value = self.value(value, in_flow)?;
            if self.dialect == Dialect::Kyaml && map.contains_key(&name) {
                return Err(YamlError::Meaning { line: key.line, text: format!("mapping key {name:?} already defined") });
            }
            map.insert(name, value);
        }
        for value in merged {
            self.merge(&mut map, value, line, in_flow)?;
        }
        Ok(map)
    }

    fn merge(&mut self, map: &mut Map<String, Value>, node: &'a Node, line: usize, in_flow: bool) -> Result<(), YamlError> {
        let sources = match self.value(node, in_flow)? {
            Value::Object(source) => vec![Value::Object(source)],
            Value::Array(sources) => sources,
            _ => return Err(YamlError::Meaning { line, text: "map merge requires map or sequence of maps as the value".to_owned() }),
        };
        for source in sources {
            let Value::Object(source) = source else {
                return Err(YamlError::Meaning { line, text: "map merge requires map or sequence of maps as the value".to_owned() });
            };
            for (key, value) in source {
                map.entry(key).or_insert(value);
            }
        }
        Ok(())
    }

    fn key(&mut self, node: &'a Node) -> Result<String, YamlError> {
        let refuse = |text: &str| Err(YamlError::Meaning { line: node.line, text: text.to_owned() });
        let value = match &node.content {
            Content::Scalar(text, style) => scalar(text, *style, node, self.dialect)?,
            _ => self.value(node, false)?,
        };
        match value {
            Value::String(text) => Ok(text),
            Value::Bool(value) if self.dialect == Dialect::Sigs => Ok(value.to_string()),
            Value::Number(value) if self.dialect == Dialect::Sigs => Ok(value.to_string()),
            Value::Null if self.dialect == Dialect::Sigs => Ok("null".to_owned()),
            Value::Bool(_) | Value::Number(_) | Value::Null => refuse("a mapping key must be a string"),
            Value::Array(_) | Value::Object(_) => refuse("a mapping key must be a scalar"),
        }
    }
}

fn scalar(text: &str, style: Style, node: &Node, dialect: Dialect) -> Result<Value, YamlError> {
    let string = || Ok(Value::String(text.to_owned()));
    match node.tag.as_deref() {
        Some("tag:yaml.org,2002:binary") => {
            let compact: String = text.split_whitespace().collect();
            let bytes = base64::engine::general_purpose::STANDARD.decode(compact).ok();
            let decoded = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
            return decoded
                .map(Value::String)
                .ok_or(YamlError::Meaning { line: node.line, text: "!!binary value is no base64 text".into() });
        }
        Some("tag:yaml.org,2002:str") => return string(),
        Some("tag:yaml.org,2002:int" | "tag:yaml.org,2002:float" | "tag:yaml.org,2002:bool" | "tag:yaml.org,2002:null") | None => {}
        Some(_) => return string(),
    }
    if style != Style::Plain && node.tag.is_none() {
        return string();
    }
    match plain(text, dialect) {
        Plain::Value(value) => Ok(value),
        Plain::NotJson => Err(YamlError::Meaning { line: node.line, text: format!("{text} has no JSON form") }),
        Plain::Text => string(),
    }
}

/// What a plain scalar means.
pub(crate) enum Plain {
    Value(Value),
    NotJson,
    Text,
}

pub(crate) fn plain(text: &str, dialect: Dialect) -> Plain {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Plain::Value(Value::Null),
        "true" | "True" | "TRUE" => return Plain::Value(Value::Bool(true)),
        "false" | "False" | "FALSE" => return Plain::Value(Value::Bool(false)),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" | "-.inf" | "-.Inf" | "-.INF" | ".nan" | ".NaN" | ".NAN" => {
            return Plain::NotJson;
        }
        _ => {}
    }
    if dialect == Dialect::Sigs {
        match text {
            "y" | "Y" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" => return Plain::Value(Value::Bool(true)),
            "n" | "N" | "no" | "No" | "NO" | "off" | "Off" | "OFF" => return Plain::Value(Value::Bool(false)),
            _ => {}
        }
    }
    let first = text.as_bytes()[0];
    if !(first.is_ascii_digit() || matches!(first, b'+' | b'-' | b'.')) {
        return Plain::Text;
    }
    if dialect == Dialect::Kyaml
        && let Some(time) = timestamp(text)
    {
        return Plain::Value(Value::String(time));
    }
    number(text).map_or(Plain::Text, Plain::Value)
}

/// Integers and floats as go-yaml's resolve.go reads them: underscores, 0x, 0o, 0b and leading-zero octals.
fn number(text: &str) -> Option<Value> {
    let plain = text.replace('_', "");
    if let Some(value) = integer(&plain) {
        return Some(value);
    }
    let unsigned = plain.trim_start_matches(['+', '-']);
    // yaml_style_float = ^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$
    let (mantissa, exponent) = unsigned.split_once(['e', 'E']).map_or((unsigned, None), |(m, e)| (m, Some(e)));
    let (whole, fraction) = mantissa.split_once('.').map_or((mantissa, None), |(w, f)| (w, Some(f)));
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let mantissa_good = digits(whole) && fraction.is_none_or(digits) && (!whole.is_empty() || fraction.is_some_and(|f| !f.is_empty()));
    let exponent_good = exponent.is_none_or(|e| {
        let e = e.strip_prefix(['+', '-']).unwrap_or(e);
        !e.is_empty() && digits(e)
    });
    if plain.len() - unsigned.len() > 1 || !mantissa_good || !exponent_good {
        return None;
    }
    let value: f64 = plain.parse().ok()?;
    if !value.is_finite() {
        return None;
    }
    whole_number(value).or_else(|| Number::from_f64(value)).map(Value::Number)
}

/// Go writes whole floats below 10^21 into JSON without an exponent: their shortest digits, filled up with zeros. What reads
/// that takes it for an integer where it fits.
fn whole_number(value: f64) -> Option<Number> {
    if value.fract() != 0.0 || value.abs() >= 1e21 {
        return None;
    }
    let text = plain_digits(value);
    text.parse::<u64>().map(Number::from).or_else(|_| text.parse::<i64>().map(Number::from)).ok()
}

/// Go's `strconv.FormatFloat(f, 'f', -1, 64)`: the shortest digits that name the number, without an exponent.
pub fn plain_digits(value: f64) -> String {
    let shortest = format!("{value:e}");
    let whole = shortest.split_once('e').and_then(|(mantissa, exponent)| {
        let digits = mantissa.replace(['.', '-'], "");
        let zeros = (exponent.parse::<usize>().ok()? + 1).checked_sub(digits.len())?;
        let sign = if value.is_sign_negative() && value != 0.0 { "-" } else { "" };
        Some(format!("{sign}{digits}{}", "0".repeat(zeros)))
    });
    whole.unwrap_or_else(|| value.to_string())
}

fn integer(text: &str) -> Option<Value> {
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    if digits.starts_with(['+', '-']) {
        return None;
    }
    let (radix, digits) = match digits.get(..2) {
        Some("0x" | "0X") => (16, &digits[2..]),
        Some("0o" | "0O") => (8, &digits[2..]),
        Some("0b" | "0B") => (2, &digits[2..]),
        _ if digits.len() > 1 && digits.starts_with('0') && digits.bytes().all(|byte| (b'0'..=b'7').contains(&byte)) => (8, &digits[1..]),
        _ => (10, digits),
    };
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return None;
    }
    let value = u64::from_str_radix(digits, radix).ok()?;
    if !negative {
        return Some(Value::Number(value.into()));
    }
    0i64.checked_sub_unsigned(value).map(|value| Value::Number(value.into()))
}

/// Plain dates and times that kyaml turns into RFC 3339. Source: go-yaml v3 `resolve.go` `parseTimestamp`.
pub(crate) fn timestamp(text: &str) -> Option<String> {
    let (year, rest) = text.split_at_checked(4)?;
    let (month, rest) = short_number(rest.strip_prefix('-')?)?;
    let (day, rest) = short_number(rest.strip_prefix('-')?)?;
    let year: u32 = year.bytes().all(|byte| byte.is_ascii_digit()).then(|| year.parse().ok())??;
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days = match month {
        2 => 28 + u32::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if day == 0 || day > days {
        return None;
    }
    let date = format!("{year:04}-{month:02}-{day:02}");
    if rest.is_empty() {
        return Some(format!("{date}T00:00:00Z"));
    }
    let zoned = rest.starts_with(['T', 't']);
    let (hour, rest) = short_number(rest.strip_prefix(['T', 't', ' '])?)?;
    let (minute, rest) = short_number(rest.strip_prefix(':')?)?;
    let (second, rest) = short_number(rest.strip_prefix(':')?)?;
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let (fraction, rest) = match rest.strip_prefix(['.', ',']) {
        Some(rest) => rest.split_at(rest.bytes().take_while(u8::is_ascii_digit).count()),
        None => ("", rest),
    };
    let fraction = fraction.get(..9).unwrap_or(fraction).trim_end_matches('0');
    let fraction = if fraction.is_empty() { String::new() } else { format!(".{fraction}") };
    let time = format!("{date}T{hour:02}:{minute:02}:{second:02}{fraction}");
    match (zoned, rest) {
        (false, "") | (true, "Z") => Some(format!("{time}Z")),
        (true, zone) => {
            let (hours, minutes) = zone.strip_prefix(['+', '-'])?.split_once(':')?;
            let two = |text: &str| text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
            let zone = if zone.ends_with("00:00") { "Z" } else { zone };
            (two(hours) && two(minutes) && hours <= "24" && minutes < "60").then(|| format!("{time}{zone}"))
        }
        (false, _) => None,
    }
}

/// One or two digits.
fn short_number(text: &str) -> Option<(u32, &str)> {
    let length = text.bytes().take(2).take_while(u8::is_ascii_digit).count();
    let (digits, rest) = text.split_at_checked(length)?;
    Some((digits.parse().ok()?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(text: &str, sigs: &Value, kyaml: &Value) {
        assert_eq!(read(text, Dialect::Sigs).as_ref(), Ok(sigs), "sigs {text}");
        assert_eq!(read(text, Dialect::Kyaml).as_ref(), Ok(kyaml), "kyaml {text}");
    }

    #[test]
    fn scalars_are_read_as_go_reads_them() {
        for word in ["yes", "on", "y", "Y"] {
            check(word, &json!(true), &json!(word));
        }
        for word in ["NO", "Off", "n"] {
            check(word, &json!(false), &json!(word));
        }
        for (text, value) in [
            ("0755", json!(493)),
            ("0o755", json!(493)),
            ("08", json!(8)),
            ("010", json!(8)),
            ("1_000", json!(1000)),
            ("0b11", json!(3)),
            ("123e4567", json!("123e4567")),
            ("1.10", json!(1.1)),
            ("1e3", json!(1000)),
            ("12:30:45", json!("12:30:45")),
            ("18446744073709551616", json!(18446744073709551616.0)),
            ("0.5.123", json!("0.5.123")),
            ("!Ref foo", json!("foo")),
            ("!!binary aGk=", json!("hi")),
            ("!!str 12", json!("12")),
            ("'12'", json!("12")),
            ("-", json!([null])),
            ("- -", json!([[null]])),
            ("sha256:abc", json!("sha256:abc")),
        ] {
            check(text, &value, &value);
        }
        check("2001-12-14", &json!("2001-12-14"), &json!("2001-12-14T00:00:00Z"));
        for (text, time) in [
            ("2001-1-2", "2001-01-02T00:00:00Z"),
            ("2001-12-14t21:59:43.10-05:00", "2001-12-14T21:59:43.1-05:00"),
            ("2001-12-14 21:59:43", "2001-12-14T21:59:43Z"),
            ("2001-12-14T21:59:43Z", "2001-12-14T21:59:43Z"),
            ("2001-02-30", "2001-02-30"),
            ("2001-12-14T21:59", "2001-12-14T21:59"),
        ] {
            check(text, &json!(text), &json!(time));
        }
        check("a: &b {x: 1}\nc: {<<: *b, z: 2}", &json!({"a":{"x":1},"c":{"x":1,"z":2}}), &json!({"a":{"x":1},"c":{"x":1,"z":2}}));
    }

    #[test]
    fn keys_and_repeats_differ_by_dialect() {
        assert_eq!(read("yes: 1", Dialect::Sigs), Ok(json!({"true": 1})));
        assert_eq!(read("yes: 1", Dialect::Kyaml), Ok(json!({"yes": 1})));
        assert_eq!(read("y: 1", Dialect::Sigs), Ok(json!({"true": 1})));
        assert_eq!(read("y: 1", Dialect::Kyaml), Ok(json!({"y": 1})));
        assert_eq!(read("a: 1\na: 2", Dialect::Sigs), Ok(json!({"a": 2})));
        assert!(read("a: 1\na: 2", Dialect::Kyaml).is_err());
        assert!(read("a: .inf", Dialect::Sigs).is_err());
    }

    #[test]
    fn bombs_are_refused() {
        let mut bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x]\n".to_owned();
        for level in 1..9 {
            let refs = vec![format!("*a{}", level - 1); 9].join(",");
            bomb.push_str(&format!("a{level}: &a{level} [{refs}]\n"));
        }
        assert!(matches!(read(&bomb, Dialect::Sigs), Err(YamlError::Limit { .. })));
        assert!(read(&"[".repeat(20_000), Dialect::Sigs).is_err());
        assert!(read("a: &a [*a]", Dialect::Kyaml).is_err());
    }

    #[test]
    fn documents_are_counted() {
        assert_eq!(read_all("---\na: 1\n---\n---\nb: 2\n", Dialect::Kyaml).map(|all| all.len()), Ok(2));
        assert_eq!(read("a: 1\n---\nb: 1\n", Dialect::Sigs), Err(YamlError::Documents(2)));
        assert_eq!(read("# nothing\n", Dialect::Sigs), Ok(Value::Null));
        let odd = "\u{feff}a: 1\r\nb: |\r\n  x";
        for dialect in [Dialect::Sigs, Dialect::Kyaml] {
            assert_eq!(read(odd, dialect), Ok(json!({"a": 1, "b": "x"})));
            for refused in ["a:\n\t- b", "msg: dev: bump"] {
                assert!(read(refused, dialect).is_err(), "{refused:?}");
            }
        }
    }
}
