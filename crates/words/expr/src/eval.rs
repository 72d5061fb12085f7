use serde_json::{Map, Number, Value};

use crate::parser::{Expr, parse};
use crate::{ExprError, builtin};

/// How many steps an evaluation may take.
const STEPS: usize = 100_000;

/// What an expression can see.
pub trait Scope {
    /// Returns the value of a name; an unknown name is nil.
    fn name(&self, name: &str) -> Option<Value>;

    /// Calls a function; `None` when there is no such function.
    fn call(&self, name: &str, arguments: &[Value]) -> Option<Result<Value, String>>;
}

/// Evaluates an expression without `${{ }}`.
pub fn eval(source: &str, scope: &dyn Scope) -> Result<Value, ExprError> {
    let expr = parse(source)?;
    Evaluation { scope, steps: STEPS }.value(&expr)
}

struct Evaluation<'a> {
    scope: &'a dyn Scope,
    steps: usize,
}

fn fail<T>(text: impl Into<String>) -> Result<T, ExprError> {
    Err(ExprError::Evaluation(text.into()))
}

impl Evaluation<'_> {
    fn value(&mut self, expr: &Expr) -> Result<Value, ExprError> {
        self.steps = self.steps.checked_sub(1).ok_or(ExprError::Evaluation("the expression takes too many steps".to_owned()))?;
        match expr {
            Expr::Nil => Ok(Value::Null),
            Expr::Bool(value) => Ok(Value::Bool(*value)),
            Expr::Integer(value) => Ok(Value::from(*value)),
            Expr::Float(value) => Ok(Number::from_f64(*value).map_or(Value::Null, Value::Number)),
            Expr::Text(text) => Ok(Value::String(text.clone())),
            Expr::Name(name) => Ok(self.scope.name(name).unwrap_or(Value::Null)),
            Expr::List(items) => items.iter().map(|item| self.value(item)).collect::<Result<_, _>>().map(Value::Array),
            Expr::Map(pairs) => self.map(pairs),
            Expr::Member { of, name, optional } => {
                let of = self.value(of)?;
                if of.is_null() && *optional {
                    return Ok(Value::Null);
                }
                let name = self.value(name)?;
                member(&of, &name)
            }
            Expr::Slice { of, from, to } => self.slice(of, from.as_deref(), to.as_deref()),
            Expr::Call { function, arguments } => self.call(function, arguments),
            Expr::Unary(operator, operand) => unary(operator, &self.value(operand)?),
            Expr::Binary(operator, left, right) => self.binary(operator, left, right),
            Expr::Choice(condition, then, otherwise) => match self.value(condition)? {
                Value::Bool(true) => self.value(then),
                Value::Bool(false) => self.value(otherwise),
                other => fail(format!("the condition of ?: is {}, not a bool", kind(&other))),
            },
        }
    }

    fn map(&mut self, pairs: &[(Expr, Expr)]) -> Result<Value, ExprError> {
        let mut map = Map::new();
        for (key, value) in pairs {
            let key = match self.value(key)? {
                Value::String(text) => text,
                other => other.to_string(),
            };
            map.insert(key, self.value(value)?);
        }
        Ok(Value::Object(map))
    }

    fn call(&mut self, function: &Expr, arguments: &[Expr]) -> Result<Value, ExprError> {
        let Expr::Name(name) = function else { return fail("only named functions can be called") };
        let arguments = arguments.iter().map(|argument| self.value(argument)).collect::<Result<Vec<_>, _>>()?;
        let result = self.scope.call(name, &arguments).or_else(|| builtin::call(name, &arguments));
        match result {
            Some(result) => result.map_err(|text| ExprError::Evaluation(format!("{name}: {text}"))),
            None => fail(format!("unknown function {name}")),
        }
    }

    fn slice(&mut self, of: &Expr, from: Option<&Expr>, to: Option<&Expr>) -> Result<Value, ExprError> {
        let of = self.value(of)?;
        let length = match &of {
            Value::Array(items) => items.len(),
            Value::String(text) => text.chars().count(),
            other => return fail(format!("cannot slice {}", kind(other))),
        };
        let mut bound = |expr: Option<&Expr>, default: usize| -> Result<usize, ExprError> {
            let Some(expr) = expr else { return Ok(default) };
            let Some(at) = self.value(expr)?.as_i64() else { return fail("a slice bound must be an integer") };
            let length = i64::try_from(length).unwrap_or(i64::MAX);
            let at = if at < 0 { at + length } else { at };
            Ok(usize::try_from(at.clamp(0, length)).unwrap_or(0))
        };
        let (from, to) = (bound(from, 0)?, bound(to, length)?);
        let to = to.max(from);
        Ok(match of {
            Value::Array(items) => Value::Array(items[from..to].to_vec()),
            Value::String(text) => Value::String(text.chars().skip(from).take(to - from).collect()),
            other => other,
        })
    }

    fn binary(&mut self, operator: &str, left: &Expr, right: &Expr) -> Result<Value, ExprError> {
        let left = self.value(left)?;
        match (operator, &left) {
            ("&&", Value::Bool(false)) => return Ok(Value::Bool(false)),
            ("||", Value::Bool(true)) => return Ok(Value::Bool(true)),
            ("??", value) if !value.is_null() => return Ok(left),
            _ => {}
        }
        let right = self.value(right)?;
        combine(operator, &left, &right)
    }
}

fn member(of: &Value, name: &Value) -> Result<Value, ExprError> {
    match (of, name) {
        (Value::Object(map), Value::String(name)) => Ok(map.get(name).cloned().unwrap_or(Value::Null)),
        (Value::Array(items), Value::Number(index)) => {
            let length = i64::try_from(items.len()).unwrap_or(i64::MAX);
            let index = index.as_i64().unwrap_or(i64::MAX);
            let at = if index < 0 { index + length } else { index };
            match usize::try_from(at).ok().and_then(|at| items.get(at)) {
                Some(item) => Ok(item.clone()),
                None => fail(format!("index out of range: {index} (array length is {length})")),
            }
        }
        (of, Value::String(name)) => fail(format!("cannot fetch {name} from {}", kind(of))),
        (of, name) => fail(format!("cannot fetch {name} from {}", kind(of))),
    }
}

pub(crate) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "<nil>",
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_f64() => "float64",
        Value::Number(_) => "int",
        Value::String(_) => "string",
        Value::Array(_) => "a list",
        Value::Object(_) => "a map",
    }
}

fn unary(operator: &str, operand: &Value) -> Result<Value, ExprError> {
    match (operator, operand) {
        ("!", Value::Bool(value)) => Ok(Value::Bool(!value)),
        ("+", Value::Number(_)) => Ok(operand.clone()),
        ("-", Value::Number(number)) => match number.as_i64().and_then(i64::checked_neg) {
            Some(value) => Ok(Value::from(value)),
            None => Ok(Number::from_f64(-number.as_f64().unwrap_or(0.0)).map_or(Value::Null, Value::Number)),
        },
        (operator, operand) => fail(format!("invalid operation: {operator} {}", kind(operand))),
    }
}

fn combine(operator: &str, left: &Value, right: &Value) -> Result<Value, ExprError> {
    let mismatch = || fail(format!("invalid operation: {} {operator} {}", kind(left), kind(right)));
    let bool_of = |value: bool| Ok(Value::Bool(value));
    match operator {
        "??" => return Ok(right.clone()),
        "==" => return bool_of(equal(left, right)),
        "!=" => return bool_of(!equal(left, right)),
        "&&" | "||" => {
            return match (left, right) {
                (Value::Bool(_), Value::Bool(right)) => bool_of(*right),
                _ => mismatch(),
            };
        }
        "in" => {
            return match (left, right) {
                (_, Value::Array(items)) => bool_of(items.iter().any(|item| equal(item, left))),
                (Value::String(key), Value::Object(map)) => bool_of(map.contains_key(key)),
                (_, Value::Null) => bool_of(false),
                _ => mismatch(),
            };
        }
        _ => {}
    }
    match (left, right) {
        (Value::String(a), Value::String(b)) => match operator {
            "+" => Ok(Value::String(format!("{a}{b}"))),
            "<" => bool_of(a < b),
            ">" => bool_of(a > b),
            "<=" => bool_of(a <= b),
            ">=" => bool_of(a >= b),
            "contains" => bool_of(a.contains(b.as_str())),
            "startsWith" => bool_of(a.starts_with(b.as_str())),
            "endsWith" => bool_of(a.ends_with(b.as_str())),
            "matches" => match golang::regexp(b) {
                Ok(pattern) => bool_of(pattern.is_match(a)),
                Err(error) => fail(error.to_string()),
            },
            _ => mismatch(),
        },
        (Value::Number(a), Value::Number(b)) => numbers(operator, a, b).unwrap_or_else(mismatch),
        _ => mismatch(),
    }
}

fn numbers(operator: &str, a: &Number, b: &Number) -> Option<Result<Value, ExprError>> {
    let (x, y) = (a.as_f64()?, b.as_f64()?);
    let integers = a.as_i64().zip(b.as_i64());
    let float = |value: f64| Number::from_f64(value).map_or_else(|| fail("the result is not finite"), |n| Ok(Value::Number(n)));
    let exact = |result: Option<i64>| result.map_or_else(|| fail("integer overflow"), |value| Ok(Value::from(value)));
    Some(match (operator, integers) {
        ("<", _) => Ok(Value::Bool(x < y)),
        (">", _) => Ok(Value::Bool(x > y)),
        ("<=", _) => Ok(Value::Bool(x <= y)),
        (">=", _) => Ok(Value::Bool(x >= y)),
        ("+", Some((a, b))) => exact(a.checked_add(b)),
        ("-", Some((a, b))) => exact(a.checked_sub(b)),
        ("*", Some((a, b))) => exact(a.checked_mul(b)),
        ("%", Some((_, 0))) => fail("integer divide by zero"),
        ("%", Some((a, b))) => exact(a.checked_rem(b)),
        ("..", Some((a, b))) if b - a < 10_000 => Ok(Value::Array((a..=b).map(Value::from).collect())),
        ("..", Some(_)) => fail("a range has at most 10,000 items"),
        ("+", None) => float(x + y),
        ("-", None) => float(x - y),
        ("*", None) => float(x * y),
        ("/", _) => float(x / y),
        ("**", _) => float(x.powf(y)),
        _ => return None,
    })
}

pub(crate) fn equal(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(a), Value::Number(b)) => a == b || a.as_f64() == b.as_f64(),
        _ => left == right,
    }
}
