//! The conditions of Argo Rollouts' analysis: `result[0] >= 0.95`. Source: argoproj/argo-rollouts utils/evaluate/evaluate.go.

use std::collections::BTreeMap;

use crate::builtins::{float_of, int_of};
use crate::golike::{parse_float, quoted, shown};
use crate::types::{Function, Type};
use crate::{ExprError, Halt, Known, Program, Refusal, Scope, Value};

const ANY: fn() -> Type = || Type::Any;
const BOOL: fn() -> Type = || Type::Bool;
const FLOAT: fn() -> Type = || Type::Float;

/// The functions of a condition.
const FUNCTIONS: &[Function] = &[
    Function { name: "asInt", overloads: &[(&[ANY], || Type::Int)] },
    Function { name: "asFloat", overloads: &[(&[ANY], FLOAT)] },
    Function { name: "isNaN", overloads: &[(&[FLOAT], BOOL)] },
    Function { name: "isInf", overloads: &[(&[FLOAT], BOOL)] },
    Function { name: "isNil", overloads: &[(&[ANY], BOOL)] },
    Function { name: "default", overloads: &[(&[ANY, ANY], ANY)] },
];

/// What a measurement's conditions say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// It is as it should be.
    Successful,
    /// It is not.
    Failed,
    /// Neither condition says so.
    Inconclusive,
}

/// Judges a measurement by its conditions; an empty condition is none. The error is the whole message of the measurement.
pub fn judge(result: &Value, success: &str, failure: &str) -> Result<Phase, String> {
    let holds = |name: &str, condition: &str| {
        if condition.is_empty() {
            return Ok(None);
        }
        condition_holds(condition, result).map(Some).map_err(|why| {
            let nothing = matches!(result, Value::Nil) || matches!(result, Value::List(items) if items.is_empty());
            let why = if nothing { "metric result is nil or empty: no data returned from the metric provider" } else { &why };
            format!("could not evaluate {name} \"{condition}\": {why}")
        })
    };
    let good = holds("successCondition", success)?;
    let bad = holds("failureCondition", failure)?;
    Ok(match (good, bad) {
        (_, Some(true)) | (Some(false), None) => Phase::Failed,
        (Some(false), Some(false)) => Phase::Inconclusive,
        (Some(true), _) | (None, _) => Phase::Successful,
    })
}

/// Evaluates one condition.
pub fn condition_holds(condition: &str, result: &Value) -> Result<bool, String> {
    let names = BTreeMap::from([(
        "result".to_owned(),
        match result {
            Value::Nil => Type::Unknown,
            other => Type::of(other),
        },
    )]);
    let known = Known { functions: &[FUNCTIONS], names: Some(&names) };
    // Upstream shows what is wrong and not where.
    let program = Program::compile(condition, &known).map_err(|error: ExprError| error.message().to_owned())?;
    match program.run(&Measured(result)) {
        Ok(Value::Bool(value)) => Ok(value),
        Ok(other) => Err(format!("expected bool, but got {}", other.type_name())),
        Err(Halt::Error(error)) => Err(error.message().to_owned()),
        Err(Halt::Need(question)) => Err(format!("{question} is not known here")),
    }
}

struct Measured<'a>(&'a Value);

impl Scope for Measured<'_> {
    fn name(&self, name: &str) -> Option<Value> {
        (name == "result").then(|| self.0.clone())
    }

    fn call(&self, name: &str, arguments: &[Value]) -> Option<Result<Value, Refusal>> {
        let float = |value: &Value| float_of(value).map_err(Refusal::Failed);
        Some(match (name, arguments) {
            ("asInt", [value]) => as_int(value).map_err(Refusal::Failed),
            ("asFloat", [value]) => as_float(value).map_err(Refusal::Failed),
            ("isNaN", [value]) => float(value).map(|value| Value::Bool(value.is_nan())),
            ("isInf", [value]) => float(value).map(|value| Value::Bool(value.is_infinite())),
            // These two look at the result, whatever they are given.
            ("isNil", [_]) => Ok(Value::Bool(self.0.is_nil())),
            ("default", [_, default]) => Ok(if self.0.is_nil() { default.clone() } else { self.0.clone() }),
            _ => return None,
        })
    }
}

fn as_int(value: &Value) -> Result<Value, String> {
    match value {
        Value::Text(text) => {
            let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
            let fits = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
            let why = if fits { "value out of range" } else { "invalid syntax" };
            text.parse().ok().filter(|_| fits).map(Value::Int).ok_or_else(|| format!("strconv.ParseInt: parsing {}: {why}", quoted(text)))
        }
        other => int_of(other).map(Value::Int).map_err(|_| format!("asInt() not supported on {} {}", other.type_name(), shown(other))),
    }
}

fn as_float(value: &Value) -> Result<Value, String> {
    match value {
        Value::Text(text) => parse_float(text).map(Value::Float),
        other => {
            float_of(other).map(Value::Float).map_err(|_| format!("asFloat() not supported on {} {}", other.type_name(), shown(other)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value as Json, json};

    fn check(result: Json, success: &str, failure: &str, expected: Result<Phase, &str>) {
        let result = Value::from_json(&result);
        assert_eq!(judge(&result, success, failure), expected.map_err(str::to_owned), "{success} / {failure}");
    }

    #[test]
    fn conditions_decide() {
        use Phase::{Failed, Inconclusive, Successful};
        for (result, success, failure, phase) in [
            (json!([0.97]), "result[0] >= 0.95", "", Successful),
            (json!([0.5]), "result[0] >= 0.95", "", Failed),
            (json!([0.5]), "result[0] >= 0.95", "result[0] < 0.4", Inconclusive),
            (json!([0.3]), "result[0] >= 0.95", "result[0] < 0.4", Failed),
            (json!([0.5]), "", "result[0] < 0.4", Successful),
            (json!([]), "len(result) == 0 || result[0] < 1", "", Successful),
            (json!({"ok": true, "n": "7"}), "result.ok && asInt(result.n) == 7", "", Successful),
            (json!("3.5"), "asFloat(result) > 3", "", Successful),
            (json!(1.5), "!isNaN(result) && !isInf(result)", "", Successful),
            (json!(null), "isNil(result)", "", Successful),
            (json!(null), "default(result, 0) == 0", "", Successful),
            (json!(5), "", "", Successful),
            (json!([{"x": 1}, {"x": 3}]), "all(result, .x > 0) && sum(map(result, .x)) == 4", "", Successful),
        ] {
            check(result, success, failure, Ok(phase));
        }
    }

    #[test]
    fn what_cannot_be_judged_says_why() {
        for (result, success, why) in [
            (
                json!([]),
                "result[0] >= 0.95",
                r#"could not evaluate successCondition "result[0] >= 0.95": metric result is nil or empty: no data returned from the metric provider"#,
            ),
            (json!(1), "result", r#"could not evaluate successCondition "result": expected bool, but got float64"#),
            (json!(1), "reslt > 1", r#"could not evaluate successCondition "reslt > 1": unknown name reslt"#),
            (
                json!("x"),
                "asInt(result) > 1",
                r#"could not evaluate successCondition "asInt(result) > 1": strconv.ParseInt: parsing "x": invalid syntax"#,
            ),
            (
                json!(true),
                "result > 1",
                r#"could not evaluate successCondition "result > 1": invalid operation: > (mismatched types bool and int)"#,
            ),
        ] {
            check(result, success, "", Err(why));
        }
    }
}
