//! The value of an expression. Errors in one half of `&&` and `||` do not count when the other half decides. cel-go
//! `interpreter/*.go`.

use std::sync::Arc;

use crate::ast::{Expr, Fold, Kind};
use crate::checker::Checked;
use crate::library;
use crate::operators::{arithmetic, equal, field, index, negate, order};
use crate::price::{self, Purse};
use crate::value::{EvalError, Key, Map, Value};

/// Where the values of variables come from.
pub trait Variables {
    /// Returns the value; it is asked for at most once an evaluation and name.
    fn get(&self, name: &str) -> Option<Result<Value, EvalError>>;
}

impl Variables for std::collections::BTreeMap<String, Value> {
    fn get(&self, name: &str) -> Option<Result<Value, EvalError>> {
        std::collections::BTreeMap::get(self, name).cloned().map(Ok)
    }
}

/// What an evaluation gave and what it cost.
#[derive(Debug)]
pub struct Evaluated {
    /// The value.
    pub result: Result<Value, EvalError>,
    /// The cost.
    pub cost: u64,
}

struct Evaluation<'a> {
    checked: &'a Checked,
    variables: &'a dyn Variables,
    locals: Vec<(String, Value)>,
    known: Vec<(String, Value)>,
    purse: Purse,
}

type Outcome = Result<Value, EvalError>;

const LIST: u64 = 10;
const MAP: u64 = 30;

/// Evaluates an expression.
pub(crate) fn evaluate(checked: &Checked, variables: &dyn Variables, limit: u64) -> Evaluated {
    let mut evaluation = Evaluation { checked, variables, locals: Vec::new(), known: Vec::new(), purse: Purse::new(limit) };
    let result = evaluation.value(&checked.root);
    Evaluated { result, cost: evaluation.purse.spent }
}

fn is_spent(outcome: &Outcome) -> bool {
    matches!(outcome, Err(error) if error.0 == price::SPENT)
}

impl Evaluation<'_> {
    fn value(&mut self, expr: &Expr) -> Outcome {
        match &expr.kind {
            Kind::Literal(value) => Ok(value.clone()),
            Kind::Ident(name) => self.ident(name),
            Kind::Select { operand, field, test } => self.select(operand, field, *test),
            Kind::Call { function, target, arguments } => self.call(function, target.as_deref(), arguments),
            Kind::List { items, optional } => {
                let mut values = Vec::with_capacity(items.len());
                for (place, item) in items.iter().enumerate() {
                    match self.value(item)? {
                        Value::Optional(inner) if optional.contains(&place) => values.extend(inner.map(|one| one.as_ref().clone())),
                        value => values.push(value),
                    }
                }
                self.purse.spend(LIST)?;
                Ok(Value::list(values))
            }
            Kind::Map(entries) => {
                let mut map = Map::new();
                for entry in entries {
                    let key = Key::of(&self.value(&entry.key)?).ok_or_else(|| EvalError::new("unsupported key type"))?;
                    let value = match self.value(&entry.value)? {
                        Value::Optional(None) if entry.optional => continue,
                        Value::Optional(Some(inner)) if entry.optional => inner.as_ref().clone(),
                        value => value,
                    };
                    map.insert(key, value);
                }
                self.purse.spend(MAP)?;
                Ok(Value::Map(Arc::new(map)))
            }
            Kind::Fold(fold) => self.fold(fold),
            Kind::Struct { .. } | Kind::Nothing => Err(EvalError::new("no such attribute")),
        }
    }

    fn ident(&mut self, name: &str) -> Outcome {
        if let Some((_, value)) = self.locals.iter().rev().find(|(one, _)| one == name) {
            let value = value.clone();
            self.purse.spend(1)?;
            return settled(value);
        }
        if let Some((_, value)) = self.known.iter().find(|(one, _)| one == name) {
            let value = value.clone();
            self.purse.spend(1)?;
            return Ok(value);
        }
        match self.variables.get(name) {
            Some(value) => {
                self.purse.spend(1)?;
                let value = value?;
                self.known.push((name.to_owned(), value.clone()));
                Ok(value)
            }
            None if self.checked.uses.contains(name) => Err(EvalError::new(format!("no such attribute(s): {name}"))),
            None => Ok(Value::Type(Arc::from(name))),
        }
    }

    fn select(&mut self, operand: &Expr, name: &str, test: bool) -> Outcome {
        let value = self.value(operand)?;
        if test {
            let inner = match &value {
                Value::Optional(Some(inner)) => inner.as_ref(),
                Value::Optional(None) => return Ok(Value::Bool(false)),
                other => other,
            };
            return match inner {
                Value::Map(map) => Ok(Value::Bool(map.contains_key(&Key::from(name)))),
                _ => Err(EvalError::no_overload()),
            };
        }
        self.purse.spend(1)?;
        self.selected(&value, name)
    }

    fn selected(&self, value: &Value, name: &str) -> Outcome {
        match value {
            Value::Map(map) => settled(field(map, name).ok_or_else(|| EvalError::new(format!("no such key: {name}")))?),
            Value::Optional(Some(inner)) => Ok(optional_field(inner, name)),
            Value::Optional(None) => Ok(Value::Optional(None)),
            _ => Err(EvalError::no_overload()),
        }
    }

    fn call(&mut self, function: &str, target: Option<&Expr>, arguments: &[Expr]) -> Outcome {
        match (function, arguments) {
            ("_&&_", [left, right]) => return self.logic(left, right, false),
            ("_||_", [left, right]) => return self.logic(left, right, true),
            ("_?_:_", [condition, yes, no]) => {
                return match self.value(condition)? {
                    Value::Bool(true) => self.value(yes),
                    Value::Bool(false) => self.value(no),
                    _ => Err(EvalError::no_overload()),
                };
            }
            ("@not_strictly_false", [inner]) => {
                let value = self.value(inner);
                if is_spent(&value) {
                    return value;
                }
                self.purse.spend(1)?;
                return Ok(Value::Bool(!matches!(value, Ok(Value::Bool(false)))));
            }
            ("or", [other]) | ("orValue", [other]) if target.is_some() => {
                let value = target.map_or(Ok(Value::Null), |target| self.value(target))?;
                self.purse.spend(1)?;
                return match value {
                    Value::Optional(Some(inner)) if function == "orValue" => Ok(inner.as_ref().clone()),
                    Value::Optional(None) => self.value(other),
                    Value::Optional(_) => Ok(value),
                    _ => Err(EvalError::no_overload()),
                };
            }
            _ => {}
        }
        let mut values = Vec::with_capacity(arguments.len() + 1);
        for one in target.into_iter().chain(arguments) {
            values.push(self.value(one)?);
        }
        let result = self.apply(function, target.is_some(), &values);
        // Looking something up costs what a selection costs.
        let cost = match function {
            "_[_]" | "_[?_]" | "_?._" => 1,
            _ => price::call(function, &values, result.as_ref().ok()),
        };
        self.purse.spend(cost)?;
        result
    }

    fn apply(&self, function: &str, member: bool, values: &[Value]) -> Outcome {
        match (function, values) {
            ("_==_", [left, right]) => Ok(Value::Bool(equal(left, right))),
            ("_!=_", [left, right]) => Ok(Value::Bool(!equal(left, right))),
            ("_<_", [left, right]) => Ok(Value::Bool(order(left, right)?.is_lt())),
            ("_<=_", [left, right]) => Ok(Value::Bool(order(left, right)?.is_le())),
            ("_>_", [left, right]) => Ok(Value::Bool(order(left, right)?.is_gt())),
            ("_>=_", [left, right]) => Ok(Value::Bool(order(left, right)?.is_ge())),
            ("_+_" | "_-_" | "_*_" | "_/_" | "_%_", [left, right]) => arithmetic(function, left, right),
            ("-_", [value]) => negate(value),
            ("!_", [Value::Bool(one)]) => Ok(Value::Bool(!one)),
            ("!_", _) => Err(EvalError::no_overload()),
            ("_[_]", [operand, at]) => index(operand, at),
            ("_[?_]", [operand, at]) => Ok(optional_index(operand, at)),
            ("_?._", [operand, Value::String(name)]) => Ok(match operand {
                Value::Optional(Some(inner)) => optional_field(inner, name),
                Value::Optional(None) => Value::Optional(None),
                other => optional_field(other, name),
            }),
            ("@in", [item, Value::List(items, _)]) => Ok(Value::Bool(items.iter().any(|one| equal(one, item)))),
            ("@in", [key, Value::Map(map)]) => Ok(Value::Bool(Key::of(key).is_some_and(|key| map.contains_key(&key)))),
            ("@in", _) => Err(EvalError::no_overload()),
            _ => library::call(function, member, values),
        }
    }

    /// `&&` is decided by false, `||` by true, on whichever side it stands.
    fn logic(&mut self, left: &Expr, right: &Expr, decides: bool) -> Outcome {
        let first = self.value(left);
        if matches!(&first, Ok(Value::Bool(one)) if *one == decides) || is_spent(&first) {
            return first;
        }
        let second = self.value(right);
        match (&first, &second) {
            _ if is_spent(&second) => second,
            (_, Ok(Value::Bool(one))) if *one == decides => second,
            (Ok(Value::Bool(_)), Ok(Value::Bool(_))) => second,
            (Err(_), _) => first,
            (_, Err(_)) => second,
            _ => Err(EvalError::no_overload()),
        }
    }

    fn fold(&mut self, fold: &Fold) -> Outcome {
        let range = self.value(&fold.range)?;
        let start = self.value(&fold.start)?;
        let depth = self.locals.len();
        self.locals.push((fold.accumulator.clone(), start));
        let outcome = self.loops(fold, &range, depth);
        self.locals.truncate(depth + 1);
        let result = match outcome {
            Ok(()) => self.value(&fold.result),
            Err(error) => Err(error),
        };
        self.locals.truncate(depth);
        result
    }

    fn loops(&mut self, fold: &Fold, range: &Value, depth: usize) -> Result<(), EvalError> {
        let pairs: Vec<(Value, Value)> = match range {
            Value::List(items, _) => {
                items.iter().enumerate().map(|(place, item)| (Value::Int(i64::try_from(place).unwrap_or(i64::MAX)), item.clone())).collect()
            }
            Value::Map(map) => map.iter().map(|(key, value)| (key.value(), value.clone())).collect(),
            _ => return Err(EvalError::no_overload()),
        };
        let keyed = matches!(range, Value::Map(_));
        for (first, second) in pairs {
            self.locals.truncate(depth + 1);
            match &fold.second {
                Some(name) => {
                    self.locals.push((fold.variable.clone(), first));
                    self.locals.push((name.clone(), second));
                }
                None => self.locals.push((fold.variable.clone(), if keyed { first } else { second })),
            }
            match self.value(&fold.condition) {
                Ok(Value::Bool(false)) => break,
                Err(error) => return Err(error),
                Ok(_) => {}
            }
            let accumulated = match self.value(&fold.step) {
                // An error may still be outweighed by a later item, as in `exists`.
                Err(error) if error.0 != price::SPENT && is_quantifier(fold) => {
                    self.locals[depth].1 = Value::failed(&error);
                    continue;
                }
                other => other?,
            };
            self.locals[depth].1 = accumulated;
        }
        Ok(())
    }
}

/// Returns the error of a value that is none.
fn settled(value: Value) -> Outcome {
    match &value {
        Value::Type(text) if text.starts_with(FAILED) => Err(EvalError::new(&text[FAILED.len()..])),
        _ => Ok(value),
    }
}

impl Value {
    /// Returns a value that fails whoever reads it.
    pub fn failed(error: &EvalError) -> Self {
        Self::Type(Arc::from(format!("{FAILED}{}", error.0)))
    }
}

/// The mark of a value that is an error.
const FAILED: &str = "\u{0}failed ";

fn is_quantifier(fold: &Fold) -> bool {
    matches!(&fold.step.kind, Kind::Call { function, .. } if function == "_&&_" || function == "_||_")
}

fn optional_field(value: &Value, name: &str) -> Value {
    match value {
        Value::Map(map) => Value::Optional(field(map, name).map(Arc::new)),
        _ => Value::Optional(None),
    }
}

fn optional_index(operand: &Value, at: &Value) -> Value {
    let operand = match operand {
        Value::Optional(Some(inner)) => inner.as_ref(),
        other => other,
    };
    Value::Optional(index(operand, at).ok().map(Arc::new))
}
