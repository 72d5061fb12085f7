//! `${{ }}` of workflow files. Source of the rules: actions/runner `src/Sdk/Expressions`, nektos/act `pkg/exprparser`.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::WorkflowError;

/// Deepest nesting that is read.
const DEPTH: usize = 50;

/// What expressions see: contexts by lower-case name, and how the job stands.
#[derive(Debug, Clone, Default)]
pub struct Contexts {
    /// `github`, `gitea`, `env`, `secrets`, `steps`, …
    pub values: BTreeMap<String, Value>,
    /// Whether a step before has failed.
    pub failed: bool,
    /// Whether the run was cancelled.
    pub cancelled: bool,
}

/// Puts values in place of every `${{ }}` of a text.
pub fn interpolate(text: &str, contexts: &Contexts) -> Result<String, WorkflowError> {
    let mut out = String::new();
    let mut rest = text;
    while let Some(start) = rest.find("${{") {
        let inner = &rest[start + 3..];
        let end = closing(inner).ok_or_else(|| error("an expression is never closed", inner))?;
        out.push_str(&rest[..start]);
        out.push_str(&shown(&evaluate(&inner[..end], contexts)?));
        rest = &inner[end + 2..];
    }
    out.push_str(rest);
    Ok(out)
}

/// Decides an `if`: with or without `${{ }}`; without a status function it also demands `success()`.
pub fn condition(text: Option<&str>, contexts: &Contexts) -> Result<bool, WorkflowError> {
    let Some(text) = text else { return Ok(!contexts.failed && !contexts.cancelled) };
    let trimmed = text.trim();
    let inner =
        trimmed.strip_prefix("${{").and_then(|inner| inner.strip_suffix("}}")).filter(|inner| !inner.contains("${{")).unwrap_or(trimmed);
    let asks = ["success(", "failure(", "always(", "cancelled("].iter().any(|name| inner.to_lowercase().contains(name));
    if !asks && (contexts.failed || contexts.cancelled) {
        return Ok(false);
    }
    Ok(truthy(&evaluate(inner, contexts)?))
}

/// Evaluates one expression without `${{ }}`.
pub fn evaluate(source: &str, contexts: &Contexts) -> Result<Value, WorkflowError> {
    let tokens = tokens(source)?;
    let mut parser = Parser { source, tokens: &tokens, at: 0, contexts };
    let value = parser.or(0)?;
    if parser.at < tokens.len() {
        return Err(error(&format!("unexpected {:?}", tokens[parser.at]), source));
    }
    Ok(value)
}

fn closing(inner: &str) -> Option<usize> {
    let mut quoted = false;
    let bytes = inner.as_bytes();
    (0..bytes.len()).find(|at| {
        if bytes[*at] == b'\'' {
            quoted = !quoted;
        }
        !quoted && inner.as_bytes()[*at..].starts_with(b"}}")
    })
}

fn error(text: &str, source: &str) -> WorkflowError {
    WorkflowError::Expression { text: text.to_owned(), source_text: source.trim().chars().take(100).collect() }
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Value(Value),
    Name(String),
    Symbol(&'static str),
}

fn tokens(source: &str) -> Result<Vec<Token>, WorkflowError> {
    const SYMBOLS: [&str; 16] = ["&&", "||", "==", "!=", "<=", ">=", "<", ">", "!", "(", ")", "[", "]", ".", ",", "*"];
    let mut found = Vec::new();
    let mut rest = source.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = if first == '\'' {
            let (text, length) = quoted(rest).ok_or_else(|| error("a string is never closed", source))?;
            found.push(Token::Value(Value::String(text)));
            length
        } else if first.is_ascii_digit() || (matches!(first, '-' | '+') && rest[1..].starts_with(|c: char| c.is_ascii_digit())) {
            let length = rest[1..].find(|c: char| !(c.is_ascii_alphanumeric() || c == '.')).map_or(rest.len(), |at| at + 1);
            let text = &rest[..length];
            let number = text.strip_prefix("0x").and_then(|hex| i64::from_str_radix(hex, 16).ok()).map(Value::from);
            let number = number.or_else(|| text.parse::<i64>().ok().map(Value::from)).or_else(|| text.parse::<f64>().ok().map(Value::from));
            found.push(Token::Value(number.ok_or_else(|| error(&format!("{text} is no number"), source))?));
            length
        } else if first.is_alphabetic() || first == '_' {
            let length = rest.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '-')).unwrap_or(rest.len());
            found.push(match rest[..length].to_lowercase().as_str() {
                "true" => Token::Value(Value::Bool(true)),
                "false" => Token::Value(Value::Bool(false)),
                "null" => Token::Value(Value::Null),
                _ => Token::Name(rest[..length].to_owned()),
            });
            length
        } else {
            let symbol =
                SYMBOLS.iter().find(|symbol| rest.starts_with(**symbol)).ok_or_else(|| error(&format!("unexpected {first:?}"), source))?;
            found.push(Token::Symbol(symbol));
            symbol.len()
        };
        rest = rest[length..].trim_start();
    }
    Ok(found)
}

/// Single quotes; a doubled one stands for itself.
fn quoted(rest: &str) -> Option<(String, usize)> {
    let mut text = String::new();
    let mut characters = rest.char_indices().skip(1).peekable();
    while let Some((at, character)) = characters.next() {
        if character != '\'' {
            text.push(character);
        } else if characters.next_if(|(_, next)| *next == '\'').is_some() {
            text.push('\'');
        } else {
            return Some((text, at + 1));
        }
    }
    None
}

struct Parser<'a> {
    source: &'a str,
    tokens: &'a [Token],
    at: usize,
    contexts: &'a Contexts,
}

impl Parser<'_> {
    fn take(&mut self, symbol: &str) -> bool {
        let found = matches!(self.tokens.get(self.at), Some(Token::Symbol(found)) if *found == symbol);
        self.at += usize::from(found);
        found
    }

    fn need(&mut self, symbol: &str) -> Result<(), WorkflowError> {
        if self.take(symbol) { Ok(()) } else { Err(error(&format!("expected {symbol:?}"), self.source)) }
    }

    fn or(&mut self, depth: usize) -> Result<Value, WorkflowError> {
        if depth > DEPTH {
            return Err(error("nested deeper than 50 levels", self.source));
        }
        let mut left = self.and(depth)?;
        while self.take("||") {
            let right = self.and(depth)?;
            left = if truthy(&left) { left } else { right };
        }
        Ok(left)
    }

    fn and(&mut self, depth: usize) -> Result<Value, WorkflowError> {
        let mut left = self.comparison(depth)?;
        while self.take("&&") {
            let right = self.comparison(depth)?;
            left = if truthy(&left) { right } else { left };
        }
        Ok(left)
    }

    fn comparison(&mut self, depth: usize) -> Result<Value, WorkflowError> {
        let mut left = self.unary(depth)?;
        while let Some(operator) = ["==", "!=", "<=", ">=", "<", ">"].into_iter().find(|operator| self.take(operator)) {
            let right = self.unary(depth)?;
            left = Value::Bool(compare(operator, &left, &right));
        }
        Ok(left)
    }

    fn unary(&mut self, depth: usize) -> Result<Value, WorkflowError> {
        if depth > DEPTH {
            return Err(error("nested deeper than 50 levels", self.source));
        }
        if self.take("!") {
            return Ok(Value::Bool(!truthy(&self.unary(depth + 1)?)));
        }
        let mut value = self.primary(depth)?;
        loop {
            if self.take(".") {
                let Some(Token::Name(name)) = self.tokens.get(self.at) else {
                    return Err(error("expected a name behind the dot", self.source));
                };
                self.at += 1;
                value = property(&value, name);
            } else if self.take("[") {
                let index = self.or(depth + 1)?;
                self.need("]")?;
                value = match (&value, &index) {
                    (Value::Array(items), Value::Number(at)) => {
                        at.as_u64().and_then(|at| items.get(usize::try_from(at).ok()?)).cloned().unwrap_or(Value::Null)
                    }
                    (value, index) => property(value, &shown(index)),
                };
            } else {
                return Ok(value);
            }
        }
    }

    fn primary(&mut self, depth: usize) -> Result<Value, WorkflowError> {
        if self.take("(") {
            let value = self.or(depth + 1)?;
            self.need(")")?;
            return Ok(value);
        }
        let token = self.tokens.get(self.at).cloned();
        self.at += 1;
        match token {
            Some(Token::Value(value)) => Ok(value),
            Some(Token::Name(name)) if self.take("(") => {
                let mut arguments = Vec::new();
                while !self.take(")") {
                    if !arguments.is_empty() {
                        self.need(",")?;
                    }
                    arguments.push(self.or(depth + 1)?);
                }
                self.call(&name.to_lowercase(), &arguments)
            }
            Some(Token::Name(name)) => match self.contexts.values.get(&name.to_lowercase()) {
                Some(value) => Ok(value.clone()),
                None => Err(error(&format!("there is no context {name:?}"), self.source)),
            },
            Some(Token::Symbol(symbol)) => Err(error(&format!("unexpected {symbol:?}"), self.source)),
            None => Err(error("expected a value", self.source)),
        }
    }

    fn call(&self, name: &str, arguments: &[Value]) -> Result<Value, WorkflowError> {
        let lower = |value: &Value| shown(value).to_lowercase();
        Ok(match (name, arguments) {
            ("success", []) => Value::Bool(!self.contexts.failed && !self.contexts.cancelled),
            ("failure", []) => Value::Bool(self.contexts.failed),
            ("always", []) => Value::Bool(true),
            ("cancelled", []) => Value::Bool(self.contexts.cancelled),
            ("contains", [Value::Array(items), item]) => Value::Bool(items.iter().any(|known| compare("==", known, item))),
            ("contains", [text, part]) => Value::Bool(lower(text).contains(&lower(part))),
            ("startswith", [text, part]) => Value::Bool(lower(text).starts_with(&lower(part))),
            ("endswith", [text, part]) => Value::Bool(lower(text).ends_with(&lower(part))),
            ("format", [Value::String(form), rest @ ..]) => Value::String(self.format(form, rest)?),
            ("join", [Value::Array(items), by @ ..]) if by.len() < 2 => {
                let by = by.first().map_or_else(|| ",".to_owned(), shown);
                Value::String(items.iter().map(shown).collect::<Vec<_>>().join(&by))
            }
            ("tojson", [value]) => Value::String(serde_json::to_string_pretty(value).unwrap_or_default()),
            ("fromjson", [text]) => {
                serde_json::from_str(&shown(text)).map_err(|problem| error(&format!("fromJSON: {problem}"), self.source))?
            }
            _ => return Err(error(&format!("there is no function {name} with {} arguments", arguments.len()), self.source)),
        })
    }

    fn format(&self, form: &str, arguments: &[Value]) -> Result<String, WorkflowError> {
        let mut out = String::new();
        let mut rest = form;
        while let Some(at) = rest.find(['{', '}']) {
            out.push_str(&rest[..at]);
            let tail = &rest[at..];
            if tail.starts_with("{{") || tail.starts_with("}}") {
                out.push_str(&tail[..1]);
                rest = &tail[2..];
                continue;
            }
            let end = tail.find('}').filter(|_| tail.starts_with('{'));
            let argument = end.and_then(|end| tail[1..end].parse::<usize>().ok()).and_then(|number| arguments.get(number));
            let (Some(end), Some(argument)) = (end, argument) else { return Err(error("format: bad placeholder", self.source)) };
            out.push_str(&shown(argument));
            rest = &tail[end + 1..];
        }
        out.push_str(rest);
        Ok(out)
    }
}

/// Names of properties are compared without case.
fn property(value: &Value, name: &str) -> Value {
    let Value::Object(map) = value else { return Value::Null };
    map.get(name)
        .or_else(|| map.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value))
        .cloned()
        .unwrap_or(Value::Null)
}

fn truthy(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(value) => *value,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(_) | Value::Object(_) => true,
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(_) => "Array".to_owned(),
        Value::Object(_) => "Object".to_owned(),
        other => other.to_string(),
    }
}

fn number(value: &Value) -> f64 {
    match value {
        Value::Null => 0.0,
        Value::Bool(value) => f64::from(u8::from(*value)),
        Value::Number(number) => number.as_f64().unwrap_or(f64::NAN),
        Value::String(text) if text.is_empty() => 0.0,
        Value::String(text) => text.trim().parse().unwrap_or(f64::NAN),
        Value::Array(_) | Value::Object(_) => f64::NAN,
    }
}

/// Values of different kinds are compared as numbers, texts without case.
fn compare(operator: &str, left: &Value, right: &Value) -> bool {
    let order = match (left, right) {
        (Value::String(a), Value::String(b)) => a.to_lowercase().partial_cmp(&b.to_lowercase()),
        (Value::Null, Value::Null) => Some(std::cmp::Ordering::Equal),
        (a @ (Value::Array(_) | Value::Object(_)), b) => (a == b).then_some(std::cmp::Ordering::Equal),
        (a, b) => number(a).partial_cmp(&number(b)),
    };
    match operator {
        "==" => order == Some(std::cmp::Ordering::Equal),
        "!=" => order != Some(std::cmp::Ordering::Equal),
        "<" => order == Some(std::cmp::Ordering::Less),
        ">" => order == Some(std::cmp::Ordering::Greater),
        "<=" => order.is_some_and(std::cmp::Ordering::is_le),
        _ => order.is_some_and(std::cmp::Ordering::is_ge),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn contexts() -> Contexts {
        let github =
            json!({"sha": "abc", "ref": "refs/heads/main", "server_url": "https://gitea.internal", "repository": "org/deployment"});
        let values = [
            ("gitea", github.clone()),
            ("github", github),
            ("secrets", json!({})),
            ("steps", json!({"v": {"outputs": {"version": "0.5.7"}}})),
        ];
        Contexts { values: values.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(), failed: false, cancelled: false }
    }

    #[test]
    fn texts_are_filled_in() {
        for (text, expected) in [
            ("x:${{ steps.v.outputs.version }}", "x:0.5.7"),
            ("${{ gitea.server_url }}/${{ gitea.repository }}", "https://gitea.internal/org/deployment"),
            ("[${{ secrets.REGISTRY_TOKEN }}]", "[]"),
            ("${{ github.ref == 'REFS/heads/main' && 'yes' || 'no' }}", "yes"),
            ("${{ format('{0}-{{{1}}}', 'a', 1) }} ${{ contains('Hello', 'ell') }} ${{ 'it''s }}' }}", "a-{1} true it's }}"),
            ("${{ fromJSON('[1,2]')[1] }} ${{ !true }} ${{ 1 < 2 }}", "2 false true"),
        ] {
            assert_eq!(interpolate(text, &contexts()).as_deref(), Ok(expected), "{text}");
        }
        for bad in ["${{ nothing.x }}", "${{ a( }}", "${{", "${{ hashFiles('x') }}", "${{ 'x }}"] {
            assert!(interpolate(bad, &contexts()).is_err(), "{bad}");
        }
        assert!(evaluate(&"(".repeat(1000), &contexts()).is_err());
        assert!(evaluate(&"!".repeat(100_000), &contexts()).is_err());
    }

    #[test]
    fn conditions_mind_failures() {
        let failed = Contexts { failed: true, ..contexts() };
        for (text, good, bad) in [
            (None, true, false),
            (Some("github.sha == 'abc'"), true, false),
            (Some("${{ always() }}"), true, true),
            (Some("failure()"), false, true),
        ] {
            assert_eq!(condition(text, &contexts()), Ok(good));
            assert_eq!(condition(text, &failed), Ok(bad));
        }
    }
}
