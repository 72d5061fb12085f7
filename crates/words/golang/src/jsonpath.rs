//! Kubernetes' JSONPath templates, as `kubectl -o jsonpath` and Argo's web metric know them.
//! Source: kubernetes client-go util/jsonpath.

use std::borrow::Cow;

use serde_json::Value as Json;

use crate::number::{format_float, json_float};

/// Longest template, deepest nesting, most results of one step.
const LONGEST: usize = 16 << 10;
const DEPTH: usize = 30;
const MOST: usize = 100_000;

/// Why a template is none, or finds nothing, in upstream's words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct JsonPathError(String);

type Result<T> = std::result::Result<T, JsonPathError>;
type Found<'a> = Vec<Cow<'a, Json>>;

fn fail<T>(why: impl Into<String>) -> Result<T> {
    Err(JsonPathError(why.into()))
}

/// A compiled template.
#[derive(Debug, Clone)]
pub struct JsonPath {
    root: Vec<Node>,
    allow_missing: bool,
}

#[derive(Debug, Clone)]
enum Node {
    Text(String),
    Action(Vec<Node>),
    Value(Json),
    Field(String),
    Wildcard,
    Recursive,
    Slice { from: Option<i64>, to: Option<i64>, one: bool, step: Option<i64> },
    Union(Vec<Vec<Node>>),
    Filter { left: Vec<Node>, operator: String, right: Vec<Node> },
    Identifier(String),
}

impl JsonPath {
    /// Compiles a template: text with `{…}` in it. A key that is missing is an error, unless that is allowed.
    pub fn parse(template: &str, allow_missing: bool) -> Result<Self> {
        if template.len() > LONGEST {
            return fail("the template is too long");
        }
        let root = Parser::new(template, 0).whole()?;
        Ok(Self { root, allow_missing })
    }

    /// Finds what each part of the template stands for.
    pub fn find<'a>(&self, data: &'a Json) -> Result<Vec<Found<'a>>> {
        let mut walk = Walk { begin: 0, within: 0, end: 0, last_end: None, allow_missing: self.allow_missing, results: 0 };
        walk.all(&self.root, 0, &Cow::Borrowed(data))
    }

    /// Writes what the template stands for.
    pub fn text(&self, data: &Json) -> Result<String> {
        let mut out = String::new();
        for results in self.find(data)? {
            let texts: Vec<String> = results.iter().map(|result| shown(result)).collect();
            out += &texts.join(" ");
            if out.len() > 64 << 20 {
                return fail("the text is too long");
            }
        }
        Ok(out)
    }
}

/// Writes a value as Go does: a string as it is, what has parts as JSON.
fn shown(value: &Json) -> String {
    match value {
        Json::Null => "null".to_owned(),
        Json::String(text) => text.clone(),
        Json::Number(number) if number.is_f64() => number.as_f64().map_or_else(String::new, format_float),
        Json::Bool(_) | Json::Number(_) => value.to_string(),
        Json::Array(_) | Json::Object(_) => {
            let mut out = String::new();
            json(value, &mut out);
            out
        }
    }
}

fn json(value: &Json, out: &mut String) {
    match value {
        Json::Number(number) if number.is_f64() => out.push_str(&number.as_f64().and_then(json_float).unwrap_or_default()),
        Json::String(text) => string(text, out),
        Json::Array(items) => {
            for (at, item) in items.iter().enumerate() {
                out.push(if at == 0 { '[' } else { ',' });
                json(item, out);
            }
            out.push_str(if items.is_empty() { "[]" } else { "]" });
        }
        Json::Object(map) => {
            let mut keys: Vec<_> = map.iter().collect();
            keys.sort_by_key(|(key, _)| *key);
            for (at, (key, item)) in keys.into_iter().enumerate() {
                out.push(if at == 0 { '{' } else { ',' });
                string(key, out);
                out.push(':');
                json(item, out);
            }
            out.push_str(if map.is_empty() { "{}" } else { "}" });
        }
        other => out.push_str(&other.to_string()),
    }
}

/// encoding/json also escapes what a browser might take for more than text.
fn string(text: &str, out: &mut String) {
    let plain = Json::from(text).to_string();
    for character in plain.chars() {
        match character {
            '<' => out.push_str("\\u003c"),
            '>' => out.push_str("\\u003e"),
            '&' => out.push_str("\\u0026"),
            '\u{2028}' => out.push_str("\\u2028"),
            '\u{2029}' => out.push_str("\\u2029"),
            other => out.push(other),
        }
    }
}

struct Parser<'a> {
    rest: &'a str,
    depth: usize,
}

impl<'a> Parser<'a> {
    fn new(rest: &'a str, depth: usize) -> Self {
        Self { rest, depth }
    }

    fn whole(&mut self) -> Result<Vec<Node>> {
        let mut nodes = Vec::new();
        while !self.rest.is_empty() {
            let (text, rest) = self.rest.split_at(self.rest.find('{').unwrap_or(self.rest.len()));
            if !text.is_empty() {
                nodes.push(Node::Text(text.to_owned()));
            }
            self.rest = rest;
            if let Some(rest) = rest.strip_prefix('{') {
                self.rest = rest;
                nodes.push(Node::Action(self.action()?));
            }
        }
        Ok(nodes)
    }

    /// Reads the inside of braces that are given apart.
    fn inside(text: &str, depth: usize) -> Result<Vec<Node>> {
        if depth > DEPTH {
            return fail("the template is nested too deeply");
        }
        let closed = format!("{text}}}");
        let mut parser = Parser::new(&closed, depth);
        parser.action()
    }

    fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    fn skip(&mut self, bytes: usize) -> &'a str {
        let (skipped, rest) = self.rest.split_at(bytes);
        self.rest = rest;
        skipped
    }

    fn action(&mut self) -> Result<Vec<Node>> {
        let mut nodes = Vec::new();
        loop {
            if self.rest.starts_with('}') {
                self.skip(1);
                return Ok(nodes);
            }
            if self.rest.starts_with("[?(") {
                nodes.push(self.filter()?);
                continue;
            }
            if self.rest.starts_with("..") {
                if matches!(nodes.last(), Some(Node::Recursive)) {
                    return fail("invalid multiple recursive descent");
                }
                self.skip(2);
                nodes.push(Node::Recursive);
                if self.peek().is_some_and(|c| c == '_' || c.is_alphanumeric()) {
                    nodes.push(self.field());
                }
                continue;
            }
            match self.peek() {
                None | Some('\r' | '\n') => return fail("unclosed action"),
                Some(' ' | '@' | '$') => drop(self.skip(1)),
                Some('[') => self.array(&mut nodes)?,
                Some(quote @ ('"' | '\'')) => nodes.push(self.quoted(quote)?),
                Some('.') => {
                    self.skip(1);
                    nodes.push(self.field());
                }
                Some(c) if c == '+' || c == '-' || c.is_ascii_digit() => nodes.push(self.number()?),
                Some(c) if c == '_' || c.is_alphanumeric() => {
                    let end = self.rest.find(terminates).unwrap_or(self.rest.len());
                    nodes.push(match self.skip(end) {
                        "true" => Node::Value(Json::Bool(true)),
                        "false" => Node::Value(Json::Bool(false)),
                        other => Node::Identifier(other.to_owned()),
                    });
                }
                Some(other) => return fail(format!("unrecognized character in action: U+{:04X} '{other}'", u32::from(other))),
            }
        }
    }

    fn field(&mut self) -> Node {
        let mut name = String::new();
        while let Some(character) = self.peek() {
            if character == '\\' {
                self.skip(1);
                if let Some(escaped) = self.peek() {
                    self.skip(escaped.len_utf8());
                    name.extend(Some(escaped).filter(|c| *c != '\\'));
                }
                continue;
            }
            if terminates(character) {
                break;
            }
            self.skip(character.len_utf8());
            name.push(character);
        }
        if name == "*" { Node::Wildcard } else { Node::Field(name) }
    }

    fn number(&mut self) -> Result<Node> {
        let sign = usize::from(self.rest.starts_with(['+', '-']));
        let end = self.rest[sign..].find(|c: char| c != '.' && !c.is_ascii_digit()).map_or(self.rest.len(), |end| end + sign);
        let text = self.skip(end);
        if let Ok(whole) = text.strip_prefix('+').unwrap_or(text).parse::<i64>() {
            return Ok(Node::Value(Json::from(whole)));
        }
        match text.parse::<f64>() {
            Ok(value) if value.is_finite() => Ok(Node::Value(Json::from(value))),
            _ => fail(format!("cannot parse number {text}")),
        }
    }

    fn quoted(&mut self, quote: char) -> Result<Node> {
        let mut end = 1;
        loop {
            let Some(at) = self.rest[end..].find([quote, '\n']) else { return fail("unterminated quoted string") };
            end += at + 1;
            if self.rest.as_bytes()[end - 1] == b'\n' {
                return fail("unterminated quoted string");
            }
            if self.rest.as_bytes()[end - 2] != b'\\' || end == 2 {
                break;
            }
        }
        let written = self.skip(end);
        match unquoted(&written[1..written.len() - 1], quote) {
            Some(text) => Ok(Node::Value(Json::from(text))),
            None => fail(format!("unquote string {written} error invalid syntax")),
        }
    }

    fn array(&mut self, nodes: &mut Vec<Node>) -> Result<()> {
        let Some(end) = self.rest.find([']', '\n']).filter(|end| self.rest[*end..].starts_with(']')) else {
            return fail("unterminated array");
        };
        let text = &self.skip(end + 1)[1..end];
        let text = if text == "*" { ":" } else { text };
        if text.contains(',') {
            let members = text.split(',').map(|member| Self::inside(&format!("[{}]", member.trim_matches(' ')), self.depth + 1));
            nodes.push(Node::Union(members.collect::<Result<_>>()?));
            return Ok(());
        }
        if let Some(key) = text.strip_prefix('\'').and_then(|text| text.strip_suffix('\'')).filter(|key| !key.contains('\'')) {
            nodes.extend(Self::inside(&format!(".{key}"), self.depth + 1)?);
            return Ok(());
        }
        nodes.push(slice(text)?);
        Ok(())
    }

    fn filter(&mut self) -> Result<Node> {
        let (mut quote, mut closed, mut end) = (None, false, None);
        let bytes = self.rest.as_bytes();
        for at in 3..bytes.len() {
            match bytes[at] {
                b'\n' => return fail("unterminated filter"),
                byte @ (b'"' | b'\'') if quote.is_none() => quote = Some(byte),
                byte if Some(byte) == quote && bytes[at - 1] != b'\\' => closed = true,
                b')' if quote.is_some() == closed => {
                    end = Some(at);
                    break;
                }
                _ => {}
            }
        }
        let Some(end) = end else { return fail("unterminated filter") };
        if self.rest.as_bytes().get(end + 1) != Some(&b']') {
            return fail("unclosed array expect ]");
        }
        let text = &self.skip(end + 2)[3..end];
        let depth = self.depth + 1;
        let signs = |c: char| "!<>=".contains(c);
        let start = text.find(signs).filter(|start| *start > 0);
        let operator = start.map(|start| {
            let rest = &text[start..];
            // At least one character is left for what is compared with.
            let length = rest.find(|c| !signs(c)).unwrap_or(rest.len().saturating_sub(1));
            (start, &rest[..length], &rest[length..])
        });
        match operator {
            Some((start, operator, right)) if !operator.is_empty() && !right.is_empty() => {
                let left = Self::inside(&text[..start], depth)?;
                Ok(Node::Filter { left, operator: operator.to_owned(), right: Self::inside(right, depth)? })
            }
            _ => Ok(Node::Filter { left: Self::inside(text, depth)?, operator: "exists".to_owned(), right: Vec::new() }),
        }
    }
}

fn terminates(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\r' | '\n' | '.' | ',' | '[' | ']' | '$' | '@' | '{' | '}')
}

fn slice(text: &str) -> Result<Node> {
    let parts: Vec<&str> = text.split(':').collect();
    let number = |part: &str| {
        let digits = part.strip_prefix('-').unwrap_or(part);
        match part {
            "" => Some(None),
            _ if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) => part.parse().ok().map(Some),
            _ => None,
        }
    };
    let numbers: Option<Vec<Option<i64>>> = parts.iter().map(|part| number(part)).collect();
    match numbers.as_deref() {
        Some([from]) => Ok(Node::Slice { from: *from, to: None, one: true, step: None }),
        Some([from, to]) => Ok(Node::Slice { from: *from, to: *to, one: false, step: None }),
        Some([from, to, step]) => Ok(Node::Slice { from: *from, to: *to, one: false, step: *step }),
        _ => fail(format!("invalid array index {text}")),
    }
}

/// Reads a text between quotes as Go's `strconv.UnquoteChar`.
fn unquoted(text: &str, quote: char) -> Option<String> {
    let mut out = String::new();
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        rest = &rest[character.len_utf8()..];
        if character == quote {
            return None;
        }
        if character != '\\' {
            out.push(character);
            continue;
        }
        let letter = rest.chars().next()?;
        rest = &rest[letter.len_utf8()..];
        let mut code = |count: usize, base: u32, start: &str| {
            let digits = rest.get(..count)?;
            rest = &rest[count..];
            char::from_u32(u32::from_str_radix(&format!("{start}{digits}"), base).ok()?)
        };
        out.push(match letter {
            'a' => '\u{7}',
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'v' => '\u{b}',
            '\\' => '\\',
            'x' => code(2, 16, "")?,
            'u' => code(4, 16, "")?,
            'U' => code(8, 16, "")?,
            '0'..='7' => code(2, 8, &letter.to_string())?,
            other if other == quote => other,
            _ => return None,
        });
    }
    Some(out)
}

struct Walk {
    begin: usize,
    within: usize,
    end: usize,
    /// The place of the last `{end}`.
    last_end: Option<usize>,
    allow_missing: bool,
    results: usize,
}

impl Walk {
    fn count(&mut self, results: usize) -> Result<()> {
        self.results += results + 1;
        if self.results > MOST { fail("there are too many results") } else { Ok(()) }
    }

    /// Walks the parts from a place on; a range walks what follows once for each of its values.
    fn all<'a>(&mut self, root: &[Node], start: usize, data: &Cow<'a, Json>) -> Result<Vec<Found<'a>>> {
        let mut full = Vec::new();
        let mut at = start;
        while at < root.len() {
            let results = self.node(vec![data.clone()], &root[at])?;
            if self.end > 0 && self.end <= self.within {
                self.end -= 1;
                self.last_end = Some(at);
                break;
            }
            if self.begin > 0 {
                self.begin -= 1;
                self.within += 1;
                if self.within > DEPTH {
                    return fail("the template is nested too deeply");
                }
                for value in &results {
                    full.extend(self.all(root, at + 1, value)?);
                }
                if results.is_empty() {
                    self.all(root, at + 1, &Cow::Owned(Json::Null))?;
                }
                self.within -= 1;
                if let Some(end) = self.last_end.filter(|end| *end > at) {
                    at = end;
                }
                at += 1;
                continue;
            }
            full.push(results);
            at += 1;
        }
        Ok(full)
    }

    fn list<'a>(&mut self, mut values: Found<'a>, nodes: &[Node]) -> Result<Found<'a>> {
        for node in nodes {
            values = self.node(values, node)?;
        }
        Ok(values)
    }

    fn node<'a>(&mut self, values: Found<'a>, node: &Node) -> Result<Found<'a>> {
        self.count(values.len())?;
        match node {
            Node::Text(text) => Ok(vec![Cow::Owned(Json::from(text.as_str()))]),
            Node::Value(Json::String(text)) => Ok(vec![Cow::Owned(Json::from(text.as_str()))]),
            Node::Value(value) => Ok(values.iter().map(|_| Cow::Owned(value.clone())).collect()),
            Node::Action(nodes) => self.list(values, nodes),
            Node::Identifier(name) => match name.as_str() {
                "range" => {
                    self.begin += 1;
                    Ok(values)
                }
                "end" if self.within > 0 => {
                    self.end += 1;
                    Ok(Vec::new())
                }
                "end" => fail("not in range, nothing to end"),
                other => fail(format!("unrecognized identifier {other}")),
            },
            Node::Field(name) => {
                let found: Found<'a> = values.iter().filter_map(|value| member(value, |value| value.get(name))).collect();
                if found.is_empty() && !values.is_empty() && !self.allow_missing {
                    return fail(format!("{name} is not found"));
                }
                Ok(found)
            }
            Node::Wildcard => {
                let found: Found<'a> = values.iter().flat_map(parts).collect();
                self.count(found.len())?;
                Ok(found)
            }
            Node::Recursive => {
                let mut found = Vec::new();
                for value in values {
                    self.below(value, &mut found)?;
                }
                Ok(found)
            }
            Node::Slice { from, to, one, step } => self.slice(&values, (*from, *to, *one, *step)),
            Node::Union(members) => {
                let mut found = Vec::new();
                for member in members {
                    found.extend(self.list(values.clone(), member)?);
                }
                Ok(found)
            }
            Node::Filter { left, operator, right } => self.filter(&values, left, operator, right),
        }
    }

    /// Adds a value that has parts, and all such below it.
    fn below<'a>(&mut self, value: Cow<'a, Json>, found: &mut Found<'a>) -> Result<()> {
        let parts = parts(&value);
        if parts.is_empty() {
            return Ok(());
        }
        self.count(parts.len())?;
        // The parts of a text are bytes, and have none of their own.
        let text = value.is_string();
        found.push(value);
        if !text {
            let start = found.len();
            let mut all = Vec::new();
            for part in parts {
                self.below(part, &mut all)?;
            }
            found.splice(start..start, all);
        }
        Ok(())
    }

    fn slice<'a>(&mut self, values: &Found<'a>, bounds: (Option<i64>, Option<i64>, bool, Option<i64>)) -> Result<Found<'a>> {
        let (first, last, one, step) = bounds;
        let mut found = Vec::new();
        for value in values {
            if value.is_null() {
                continue;
            }
            let Some(items) = value.as_array() else { return fail(format!("{} is not array or slice", kind(value))) };
            let length = i64::try_from(items.len()).unwrap_or(i64::MAX);
            let mut from = first.unwrap_or(0);
            let mut to = if one { from.saturating_add(1) } else { last.unwrap_or(length) };
            if from < 0 {
                from = from.saturating_add(length);
            }
            if to < 0 || (to == 0 && one) {
                to = to.saturating_add(length);
            }
            if from == to {
                return Ok(found);
            }
            if from >= length || from < 0 {
                return fail(format!("array index out of bounds: index {from}, length {length}"));
            }
            if to > length || to < 0 {
                return fail(format!("array index out of bounds: index {}, length {length}", to - 1));
            }
            if from > to {
                return fail(format!("starting index {from} is greater than ending index {to}"));
            }
            let step = match step {
                Some(step) if step <= 0 => return fail("step must be > 0"),
                step => usize::try_from(step.unwrap_or(1)).unwrap_or(usize::MAX),
            };
            let (from, to) = (usize::try_from(from).unwrap_or(0), usize::try_from(to).unwrap_or(0));
            found.extend((from..to).step_by(step).filter_map(|at| member(value, |value| value.get(at))));
        }
        Ok(found)
    }

    fn filter<'a>(&mut self, values: &Found<'a>, left: &[Node], operator: &str, right: &[Node]) -> Result<Found<'a>> {
        let mut found = Vec::new();
        for value in values {
            let Some(items) = value.as_array() else {
                return fail(format!("{} is not array or slice and cannot be filtered", shown(value)));
            };
            for at in 0..items.len() {
                let Some(item) = member(value, |value| value.get(at)) else { continue };
                let lefts = self.list(vec![item.clone()], left);
                if operator == "exists" {
                    if lefts.is_ok_and(|lefts| !lefts.is_empty()) {
                        found.push(item);
                    }
                    continue;
                }
                let lefts = lefts?;
                if lefts.is_empty() {
                    continue;
                }
                let rights = self.list(vec![item.clone()], right)?;
                let ([left], [right]) = (lefts.as_slice(), rights.as_slice()) else {
                    if lefts.len() == 1 && rights.is_empty() {
                        continue;
                    }
                    return fail("can only compare one element at a time");
                };
                if compared(operator, left, right)? {
                    found.push(item);
                }
            }
        }
        Ok(found)
    }
}

/// Returns a part of a value, borrowed where the value is.
fn member<'a>(value: &Cow<'a, Json>, get: impl for<'b> Fn(&'b Json) -> Option<&'b Json>) -> Option<Cow<'a, Json>> {
    match value {
        Cow::Borrowed(value) => get(value).map(Cow::Borrowed),
        Cow::Owned(value) => get(value).cloned().map(Cow::Owned),
    }
}

fn parts<'a>(value: &Cow<'a, Json>) -> Found<'a> {
    match &**value {
        Json::Array(items) => (0..items.len()).filter_map(|at| member(value, |value| value.get(at))).collect(),
        Json::Object(map) => map.keys().filter_map(|key| member(value, |value| value.get(key))).collect(),
        Json::String(text) => text.bytes().map(|byte| Cow::Owned(Json::from(byte))).collect(),
        _ => Vec::new(),
    }
}

fn kind(value: &Json) -> &'static str {
    match value {
        Json::Null => "<nil>",
        Json::Bool(_) => "bool",
        Json::Number(number) if number.is_f64() => "float64",
        Json::Number(_) => "int64",
        Json::String(_) => "string",
        Json::Array(_) => "[]interface {}",
        Json::Object(_) => "map[string]interface {}",
    }
}

fn compared(operator: &str, left: &Json, right: &Json) -> Result<bool> {
    let order = match (left, right) {
        (Json::String(a), Json::String(b)) => Some(a.cmp(b)),
        (Json::Bool(a), Json::Bool(b)) if matches!(operator, "==" | "!=") => Some(a.cmp(b)),
        (Json::Number(a), Json::Number(b)) => match (a.as_i64(), b.as_i64()) {
            (Some(a), Some(b)) => Some(a.cmp(&b)),
            // Upstream refuses to compare a whole number with a float.
            _ => a.as_f64().zip(b.as_f64()).and_then(|(a, b)| a.partial_cmp(&b)),
        },
        (Json::Null | Json::Array(_) | Json::Object(_), _) | (_, Json::Null | Json::Array(_) | Json::Object(_)) => {
            return fail("invalid type for comparison");
        }
        (Json::Bool(_), Json::Bool(_)) => return fail("invalid type for comparison"),
        _ => return fail("incompatible types for comparison"),
    };
    match operator {
        "<" => Ok(order.is_some_and(std::cmp::Ordering::is_lt)),
        ">" => Ok(order.is_some_and(std::cmp::Ordering::is_gt)),
        "==" => Ok(order.is_some_and(std::cmp::Ordering::is_eq)),
        "!=" => Ok(!order.is_some_and(std::cmp::Ordering::is_eq)),
        "<=" => Ok(order.is_some_and(std::cmp::Ordering::is_le)),
        ">=" => Ok(order.is_some_and(std::cmp::Ordering::is_ge)),
        other => fail(format!("unrecognized filter operator {other}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn data() -> Json {
        json!({
            "kind": "List", "count": 3, "ratio": 0.5, "on": true,
            "items": [
                {"metadata": {"name": "a", "labels": {"app.io/name": "x"}}, "status": {"ready": true, "n": 1}},
                {"metadata": {"name": "b"}, "status": {"ready": false, "n": 5}},
                {"metadata": {"name": "c"}, "status": {}},
            ],
        })
    }

    #[test]
    fn templates_are_kubectls() {
        for (template, wanted) in [
            ("{.kind}", "List"),
            ("kind is {.kind}, {.count} {.ratio} {.on}", "kind is List, 3 0.5 true"),
            ("{.items[*].metadata.name}", "a b c"),
            ("{.items[0].metadata.name}{.items[-1].metadata.name}", "ac"),
            ("{.items[0:2].metadata.name}", "a b"),
            ("{.items[::2].metadata.name}", "a c"),
            ("{.items[0,2].metadata.name}", "a c"),
            ("{range .items[*]}{.metadata.name}={.status.n}{'\\n'}{end}", "a=1\nb=5\nc=\n"),
            ("{.items[?(@.status.n>1)].metadata.name}", "b"),
            ("{.items[?(@.metadata.name==\"a\")].status.n}", "1"),
            ("{.items[?(@.status.n)].metadata.name}", "a b"),
            ("{.items[0].metadata.labels.app\\.io/name}", "x"),
            ("{.items[0].metadata.labels['app\\.io/name']}", "x"),
            ("{..name}", "a b c"),
            ("{.items[0].status}", "{\"n\":1,\"ready\":true}"),
            ("{['kind','count']}", "List 3"),
            ("{$.kind}{@.kind}", "ListList"),
            ("{.items[1].status.*}", "5 false"),
        ] {
            let path = JsonPath::parse(template, true).expect(template);
            assert_eq!(path.text(&data()).as_deref(), Ok(wanted), "{template}");
        }
    }

    #[test]
    fn what_finds_nothing_says_why() {
        for (template, why) in [
            ("{.nothing}", "nothing is not found"),
            ("{.items[7]}", "array index out of bounds: index 7, length 3"),
            ("{.kind[0]}", "string is not array or slice"),
            ("{.items[?(@.status.ready>1)]}", "incompatible types for comparison"),
            ("{end}", "not in range, nothing to end"),
            ("{foo}", "unrecognized identifier foo"),
            ("{.a", "unclosed action"),
            ("{.items[x]}", "invalid array index x"),
            ("{....a}", "invalid multiple recursive descent"),
            ("{.items[?(@.a]}", "unterminated filter"),
            ("{\"x}", "unterminated quoted string"),
            ("{%}", "unrecognized character in action: U+0025 '%'"),
        ] {
            let text = JsonPath::parse(template, false).and_then(|path| path.text(&data()));
            assert_eq!(text.map_err(|error| error.to_string()), Err(why.to_owned()), "{template}");
        }
        assert!(JsonPath::parse(&"{..*}".repeat(5_000), false).is_err());
        assert!(JsonPath::parse(&format!("{{{}}}", "..a".repeat(60)), true).expect("bounded").text(&data()).is_ok());
    }
}
