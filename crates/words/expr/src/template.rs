//! Kargo's `${{ … }}` in texts. Source: akuity/kargo pkg/expressions/json_templates.go.

use serde_json::Value as Json;

use crate::golike::{json, parse_bool, parse_float, quoted};
use crate::types::{Function, Type};
use crate::{ExprError, Halt, Known, Program, Refusal, Scope, Value, json::from_text, yaml};

const DELIMITERS: [(&str, &str); 2] = [("${{", "}}"), ("${%", "%}")];
/// Most expressions in one text.
const MOST: usize = 1_000;

/// What a text with expressions is to become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Want {
    /// Whatever the final text looks like: a number, a bool, JSON, or text. This is what Kargo does everywhere, and with it the
    /// tag `1.10` becomes the number 1.1, `007` becomes 7, `7e5` 700000.
    Coerced,
    /// The value and type of a text that is one expression and nothing else; text otherwise.
    Kept,
    /// Text.
    Text,
}

/// A text with expressions, compiled.
#[derive(Debug)]
pub struct Template {
    pieces: Vec<Piece>,
}

#[derive(Debug)]
enum Piece {
    Literal(String),
    Program(Box<Program>),
}

/// The functions that every template has.
const FUNCTIONS: &[Function] = &[
    Function { name: "quote", overloads: &[(&[|| Type::Any], || Type::Text)] },
    Function { name: "unsafeQuote", overloads: &[(&[|| Type::Any], || Type::Text)] },
    Function { name: "asYAML", overloads: &[(&[|| Type::Any], || Type::Text)] },
    Function { name: "asJSON", overloads: &[(&[|| Type::Any], || Type::Text)] },
];

/// Tells whether a text holds an expression.
pub fn has_expression(text: &str) -> bool {
    DELIMITERS.iter().any(|(open, _)| text.contains(open))
}

/// Evaluates the expressions of a text.
pub fn template(text: &str, known: &Known<'_>, scope: &dyn Scope, want: Want) -> Result<Json, Halt> {
    if !has_expression(text) {
        return Ok(Json::from(text));
    }
    // What comes first counts: an expression that fails, or a later one that is none.
    let (template, error) = Template::read(text, known);
    let value = template.run(scope, want);
    let value = match error {
        Some(error) => value.and(Err(Halt::Error(error)))?,
        None => value?,
    };
    value.to_json().map_err(|error| Halt::Error(ExprError::new(error)))
}

/// Evaluates every text of a value, not its keys. `want` says, for the path of keys to a text, what it is to become.
pub fn template_all(value: &Json, known: &Known<'_>, scope: &dyn Scope, want: &dyn Fn(&[&str]) -> Want) -> Result<Json, Halt> {
    fn all<'v>(
        value: &'v Json,
        known: &Known<'_>,
        scope: &dyn Scope,
        want: &dyn Fn(&[&str]) -> Want,
        path: &mut Vec<&'v str>,
    ) -> Result<Json, Halt> {
        match value {
            Json::String(text) => template(text, known, scope, want(path)),
            Json::Array(items) => items.iter().map(|item| all(item, known, scope, want, path)).collect::<Result<_, _>>().map(Json::Array),
            Json::Object(map) => {
                let mut out = serde_json::Map::new();
                for (key, value) in map {
                    path.push(key);
                    out.insert(key.clone(), all(value, known, scope, want, path)?);
                    path.pop();
                }
                Ok(Json::Object(out))
            }
            other => Ok(other.clone()),
        }
    }
    all(value, known, scope, want, &mut Vec::new())
}

impl Template {
    /// Compiles the expressions of a text.
    pub fn compile(text: &str, known: &Known<'_>) -> Result<Self, ExprError> {
        let (template, error) = Self::read(text, known);
        error.map_or(Ok(template), Err)
    }

    /// Compiles up to the first expression that is none.
    fn read(text: &str, known: &Known<'_>) -> (Self, Option<ExprError>) {
        let functions: Vec<&[Function]> = known.functions.iter().copied().chain([FUNCTIONS]).collect();
        let known = Known { functions: &functions, names: known.names };
        let mut template = Self { pieces: Vec::new() };
        let mut rest = text;
        while let Some((start, close)) = opening(rest) {
            if template.pieces.len() > 2 * MOST {
                return (template, Some(ExprError::new("the text has too many expressions")));
            }
            let inner = &rest[start + 3..];
            // The first of them closes, also inside a string or a map.
            let Some(first) = inner.find(close) else {
                let why = format!("unclosed expression: expected {} but reached end of template", quoted(close));
                return (template, Some(ExprError::new(why)));
            };
            template.pieces.push(Piece::Literal(rest[..start].to_owned()));
            rest = &inner[first + close.len()..];
            // Upstream takes an empty expression for the end of all expressions.
            if first == 0 {
                break;
            }
            match Program::compile(&inner[..first], &known) {
                Ok(program) => template.pieces.push(Piece::Program(Box::new(program))),
                Err(error) => return (template, Some(error)),
            }
        }
        template.pieces.push(Piece::Literal(rest.to_owned()));
        (template, None)
    }

    /// Evaluates the expressions in an environment.
    pub fn run(&self, scope: &dyn Scope, want: Want) -> Result<Value, Halt> {
        let scope = Quoting { scope, plain: want != Want::Coerced };
        let lone = |piece: &Piece| !matches!(piece, Piece::Literal(text) if text.trim().is_empty());
        if want == Want::Kept
            && let mut pieces = self.pieces.iter().filter(|piece| lone(piece))
            && let (Some(Piece::Program(program)), None) = (pieces.next(), pieces.next())
            && matches!(self.pieces.first(), Some(Piece::Literal(text)) if text.is_empty())
        {
            return program.run(&scope);
        }
        let mut text = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Literal(literal) => text.push_str(literal),
                Piece::Program(program) => match program.run(&scope)? {
                    Value::Text(value) => text.push_str(&value),
                    other => text.push_str(&json(&other, false).map_err(ExprError::new)?),
                },
            }
        }
        Ok(if want == Want::Coerced { coerced(text) } else { Value::from(text) })
    }
}

/// Finds the earliest opening delimiter and what closes it.
fn opening(text: &str) -> Option<(usize, &'static str)> {
    DELIMITERS.iter().filter_map(|(open, close)| Some((text.find(open)?, *close))).min()
}

/// Guesses a type from a text, as Kargo does.
fn coerced(text: String) -> Value {
    let (body, newline) = text.strip_suffix('\n').map_or((text.as_str(), ""), |body| (body, "\n"));
    if body.len() > 1 && body.starts_with('"') && body.ends_with('"') {
        return Value::from(format!("{}{newline}", &body[1..body.len() - 1]));
    }
    if let Ok(number) = parse_float(body) {
        return Value::Float(number);
    }
    if let Some(value) = parse_bool(body) {
        return Value::Bool(value);
    }
    if let Ok(value) = from_text(body) {
        return value;
    }
    Value::from(text)
}

/// An environment with the quoting functions. Where nothing is guessed from the final text, nothing needs quotes.
struct Quoting<'a> {
    scope: &'a dyn Scope,
    plain: bool,
}

impl Scope for Quoting<'_> {
    fn name(&self, name: &str) -> Option<Value> {
        self.scope.name(name)
    }

    fn call(&self, name: &str, arguments: &[Value]) -> Option<Result<Value, Refusal>> {
        let [value] = arguments else { return self.scope.call(name, arguments) };
        let failed = |error: String| Refusal::Failed(format!("error applying {name}() function: {error}"));
        let wrapped = |text: String, end: &str| Value::from(if self.plain { format!("{text}{end}") } else { format!("\"{text}{end}\"") });
        Some(match (name, value) {
            ("quote", Value::Text(_)) if self.plain => Ok(value.clone()),
            ("quote", Value::Text(text)) => Ok(Value::from(quoted(text))),
            ("quote" | "unsafeQuote", value) => {
                // Upstream names the other function.
                json(value, false)
                    .map(|text| wrapped(text, ""))
                    .map_err(|error| Refusal::Failed(format!("error applying quote() function: {error}")))
            }
            ("asJSON", value) => json(value, true).map(|text| wrapped(text, "\n")).map_err(failed),
            ("asYAML", value) => yaml::write(value).map(|text| wrapped(text, "")).map_err(failed),
            _ => return self.scope.call(name, arguments),
        })
    }

    fn now(&self) -> Option<golang::time::Moment> {
        self.scope.now()
    }

    fn names(&self) -> Vec<&str> {
        self.scope.names()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    struct Here;

    impl Scope for Here {
        fn name(&self, name: &str) -> Option<Value> {
            let json = json!({"ctx": {"stage": "dev"}, "outputs": {"n": 7, "l": [1, 2, 3], "m": {"a": "<x>"}}, "tag": "1.10"});
            json.get(name).map(Value::from_json)
        }

        fn call(&self, _name: &str, _arguments: &[Value]) -> Option<Result<Value, Refusal>> {
            None
        }
    }

    fn check(text: &str, want: Want, expected: Result<Json, &str>) {
        let result = template(text, &Known::default(), &Here, want).map_err(|halt| halt.to_string());
        assert_eq!(result, expected.map_err(str::to_owned), "{text} {want:?}");
    }

    #[test]
    fn a_tag_stays_what_it_is_unless_a_type_is_guessed() {
        for (text, coerced, kept, as_text) in [
            ("plain", json!("plain"), json!("plain"), json!("plain")),
            ("1.10", json!("1.10"), json!("1.10"), json!("1.10")),
            ("${{ tag }}", json!(1.1), json!("1.10"), json!("1.10")),
            ("${{ '007' }}", json!(7), json!("007"), json!("007")),
            ("${{ '7e5' }}", json!(700_000), json!("7e5"), json!("7e5")),
            ("${{ '20260101123456' }}", json!(20_260_101_123_456_i64), json!("20260101123456"), json!("20260101123456")),
            ("${{ '0x1p-2' }}", json!(0.25), json!("0x1p-2"), json!("0x1p-2")),
            ("${{ 't' }}", json!(true), json!("t"), json!("t")),
            ("${{ outputs.n }}", json!(7), json!(7), json!("7")),
            ("${{ outputs.l }}", json!([1, 2, 3]), json!([1, 2, 3]), json!("[1,2,3]")),
            ("${{ outputs.m }}", json!({"a": "<x>"}), json!({"a": "<x>"}), json!("{\"a\":\"\\u003cx\\u003e\"}")),
            ("v${{ tag }}", json!("v1.10"), json!("v1.10"), json!("v1.10")),
            ("${{ 1 }}${% 2 %}", json!(12), json!("12"), json!("12")),
            ("${{ quote(tag) }}", json!("1.10"), json!("1.10"), json!("1.10")),
            ("${{ quote(tag) }}-${{ quote(tag) }}", json!("1.10\"-\"1.10"), json!("1.10-1.10"), json!("1.10-1.10")),
            ("${{ quote('a\"b') }}", json!("a\\\"b"), json!("a\"b"), json!("a\"b")),
            ("${{ unsafeQuote(7) }}", json!("7"), json!("7"), json!("7")),
            ("${{ asJSON([1]) }}", json!("[\n  1\n]\n"), json!("[\n  1\n]\n"), json!("[\n  1\n]\n")),
            (
                "${{ asYAML({a: [1], b: 'no'}) }}",
                json!("a:\n    - 1\nb: \"no\"\n"),
                json!("a:\n    - 1\nb: \"no\"\n"),
                json!("a:\n    - 1\nb: \"no\"\n"),
            ),
            ("${{ nothing }}", json!(null), json!(null), json!("null")),
            ("5${{ '' }}\n", json!(5), json!("5\n"), json!("5\n")),
            ("a ${{}} b ${{ 1 }}", json!("a  b ${{ 1 }}"), json!("a  b ${{ 1 }}"), json!("a  b ${{ 1 }}")),
        ] {
            check(text, Want::Coerced, Ok(coerced));
            check(text, Want::Kept, Ok(kept));
            check(text, Want::Text, Ok(as_text));
        }
    }

    #[test]
    fn what_has_no_value_says_why() {
        for (text, why) in [
            ("${{ ctx.freight.name }}", "cannot fetch name from <nil> (1:14)\n |  ctx.freight.name \n | .............^"),
            ("${{ nothing() }}", "invalid operation: cannot call nil (1:2)\n |  nothing() \n | .^"),
            ("${{ 'x' + 1 }}", "invalid operation: + (mismatched types string and int) (1:6)\n |  'x' + 1 \n | .....^"),
            ("${{ a", "unclosed expression: expected \"}}\" but reached end of template"),
            ("${{ 1 / 0 }}", "json: unsupported value: +Inf"),
            ("${{ {'a': {'b': 2}}.a }}", "unexpected token EOF (1:14)\n |  {'a': {'b': 2\n | .............^"),
        ] {
            check(text, Want::Kept, Err(why));
        }
    }

    #[test]
    fn every_text_of_a_value_is_evaluated_by_what_it_is_to_become() {
        let value = json!({"${{ 1 }}": "${{ tag }}", "list": ["${{ tag }}", 1, {"n": "${{ tag }}"}]});
        let want = |path: &[&str]| if path.last() == Some(&"n") { Want::Coerced } else { Want::Kept };
        let all = template_all(&value, &Known::default(), &Here, &want);
        assert_eq!(all, Ok(json!({"${{ 1 }}": "1.10", "list": ["1.10", 1, {"n": 1.1}]})));
    }
}
