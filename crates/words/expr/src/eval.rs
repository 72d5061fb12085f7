//! A tree and an environment to a value, within a budget. Source: expr-lang/expr vm/vm.go.

use std::sync::Arc;

use golang::time::Moment;
use regex::Regex;

use crate::ast::{Binary, Each, Kind, Member, Node, Pointer, Unary};
use crate::builtins::{Input, not};
use crate::error::Refusal;

use crate::operators::{apply, fetch, slice};
use crate::{ExprError, Halt, Value, builtins};

/// How many steps an evaluation may take.
const STEPS: usize = 2_000_000;
/// How many elements, and sixteenths of bytes of text, an evaluation may make; upstream's memory budget.
const MEMORY: usize = 1_000_000;

/// How many steps a pattern costs that is compiled while an expression runs; a hostile one takes milliseconds.
const PATTERN: usize = 20_000;
/// How many lists and maps may lie in each other.
const DEPTH: u16 = 200;

/// What Go says of an element of a map.
const UNORDERED: &str = "reflect: call of reflect.Value.Index on map Value";

/// What an expression can see.
pub trait Scope {
    /// Returns the value of a name; an unknown name is nil.
    fn name(&self, name: &str) -> Option<Value>;

    /// Calls a function; `None` when there is no such function.
    fn call(&self, name: &str, arguments: &[Value]) -> Option<Result<Value, Refusal>>;

    /// Returns what `now()` is; `None` refuses it.
    fn now(&self) -> Option<Moment> {
        None
    }

    /// Returns all names, for `$env` as a whole.
    fn names(&self) -> Vec<&str> {
        Vec::new()
    }
}

pub(crate) struct Evaluation<'a> {
    scope: &'a dyn Scope,
    source: &'a str,
    locals: Vec<Value>,
    items: Vec<Item>,
    steps: usize,
    memory: usize,
    /// The last pattern that was no constant, compiled: most are the same again in the next round.
    pattern: Option<(Arc<str>, Regex)>,
}

/// What `#`, `#index` and `#acc` are.
struct Item {
    value: Value,
    unordered: bool,
    index: usize,
    accumulator: Value,
}

type Evaluated = Result<Value, Halt>;

impl<'a> Evaluation<'a> {
    pub fn new(scope: &'a dyn Scope, source: &'a str, slots: usize) -> Self {
        Self { scope, source, locals: vec![Value::Nil; slots], items: Vec::new(), steps: STEPS, memory: MEMORY, pattern: None }
    }

    fn fail<T>(&self, at: u32, message: impl Into<String>) -> Result<T, Halt> {
        let at = usize::try_from(at).unwrap_or(usize::MAX);
        Err(Halt::Error(ExprError::at(self.source, at, message)))
    }

    fn refuse<T>(&self, at: u32, result: Result<T, String>) -> Result<T, Halt> {
        result.or_else(|message| self.fail(at, message))
    }

    /// Counts what is made.
    fn grow(&mut self, at: u32, size: usize) -> Result<(), Halt> {
        match self.memory.checked_sub(size).filter(|left| *left > 0) {
            Some(left) => {
                self.memory = left;
                Ok(())
            }
            None => self.fail(at, "memory budget exceeded"),
        }
    }

    fn made(&mut self, at: u32, value: Value) -> Evaluated {
        if value.depth() > DEPTH {
            return self.fail(at, "the value is nested too deeply");
        }
        match value.weight() {
            0 => Ok(value),
            weight => self.grow(at, weight).map(|()| value),
        }
    }

    fn step(&mut self, at: u32, count: usize) -> Result<(), Halt> {
        match self.steps.checked_sub(count) {
            Some(left) => {
                self.steps = left;
                Ok(())
            }
            None => self.fail(at, "the expression takes too many steps"),
        }
    }

    pub fn value(&mut self, node: &Node) -> Evaluated {
        let at = node.at;
        self.step(at, 1)?;
        match &node.kind {
            Kind::Nil => Ok(Value::Nil),
            Kind::Bool(value) => Ok(Value::Bool(*value)),
            Kind::Int(value) => Ok(Value::Int(*value)),
            Kind::Float(value) => Ok(Value::Float(*value)),
            Kind::Text(text) => Ok(Value::Text(text.clone())),
            Kind::Bytes(bytes) => Ok(Value::Bytes(bytes.clone())),
            Kind::Name(name) => Ok(self.name(name)),
            Kind::Local(_, slot) => Ok(self.locals[*slot].clone()),
            Kind::Unary(unary, operand) => {
                let operand = self.value(operand)?;
                match (unary, operand) {
                    (Unary::Not, operand) => self.bool(at, &operand).map(|value| Value::Bool(!value)),
                    (Unary::Plus, operand) => Ok(operand),
                    (Unary::Minus, Value::Int(value)) => Ok(Value::Int(value.wrapping_neg())),
                    (Unary::Minus, Value::Byte(value)) => Ok(Value::Byte(value.wrapping_neg())),
                    (Unary::Minus, Value::Float(value)) => Ok(Value::Float(-value)),
                    (Unary::Minus, other) => self.fail(at, format!("invalid operation: - {}", other.type_name())),
                }
            }
            Kind::Binary(operator, left, right) => self.binary(*operator, left, right, at),
            Kind::Matches(of, _, regex) => match self.value(of)? {
                Value::Nil => Ok(Value::Bool(false)),
                Value::Text(text) => {
                    self.step(at, text.len() / 64)?;
                    Ok(Value::Bool(regex.is_match(&text)))
                }
                Value::Bytes(bytes) => match std::str::from_utf8(&bytes) {
                    Ok(text) => Ok(Value::Bool(regex.is_match(text))),
                    Err(_) => self.fail(at, "the bytes are no UTF-8 text"),
                },
                other => self.fail(at, not(&other, "[]uint8")),
            },
            Kind::Compare(first, rest) => self.compare(first, rest),
            Kind::Chain(inner) => match self.link(inner)? {
                Some(value) => Ok(value),
                None => Ok(Value::Nil),
            },
            Kind::Member(_) | Kind::Method { .. } => Ok(self.link(node)?.unwrap_or(Value::Nil)),
            Kind::Slice { of, from, to } => {
                let of = self.value(of)?;
                let to = to.as_ref().map(|to| self.value(to)).transpose()?;
                let from = from.as_ref().map(|from| self.value(from)).transpose()?;
                let cut = self.refuse(at, slice(&of, from.as_ref(), to.as_ref()))?;
                self.made(at, cut)
            }
            Kind::Call { name, arguments } => self.call(name, arguments, at),
            Kind::Builtin(builtin, arguments) => self.builtin(builtin, arguments, at),
            Kind::Each(each, arguments) => self.each(*each, arguments, at),
            Kind::Pointer(pointer) => {
                let Some(item) = self.items.last() else { return Ok(Value::Nil) };
                Ok(match pointer {
                    Pointer::Index => Value::from(item.index),
                    Pointer::Accumulator => item.accumulator.clone(),
                    Pointer::Item | Pointer::Other(_) if item.unordered => return self.fail(at, UNORDERED),
                    Pointer::Item | Pointer::Other(_) => item.value.clone(),
                })
            }
            Kind::Let { slot, value, body, .. } => {
                self.locals[*slot] = self.value(value)?;
                self.value(body)
            }
            Kind::Sequence(nodes) => {
                let mut last = Value::Nil;
                for node in nodes {
                    last = self.value(node)?;
                }
                Ok(last)
            }
            Kind::Conditional { condition, then, otherwise } => {
                let decided = self.value(condition)?;
                match (self.bool(at, &decided)?, then) {
                    (true, Some(then)) => self.value(then),
                    (true, None) => Ok(decided),
                    (false, _) => self.value(otherwise),
                }
            }
            Kind::List(items) => {
                let items = items.iter().map(|item| self.value(item)).collect::<Result<Vec<_>, _>>()?;
                self.made(at, Value::list(items))
            }
            Kind::Map(pairs) => self.map(pairs, at),
        }
    }

    fn bool(&self, at: u32, value: &Value) -> Result<bool, Halt> {
        match value {
            Value::Bool(value) => Ok(*value),
            other => self.fail(at, not(other, "bool")),
        }
    }

    fn name(&self, name: &str) -> Value {
        if name == "$env" {
            let names = self.scope.names().into_iter();
            return Value::map(names.filter_map(|name| Some((name.to_owned(), self.scope.name(name)?))));
        }
        self.scope.name(name).unwrap_or(Value::Nil)
    }

    fn map(&mut self, pairs: &[(Node, Node)], at: u32) -> Evaluated {
        let mut map = std::collections::BTreeMap::new();
        for (key, value) in pairs {
            let key = match self.value(key)? {
                Value::Text(text) => text,
                other => return self.fail(at, not(&other, "string")),
            };
            let value = self.value(value)?;
            map.insert(key, value);
        }
        self.made(at, Value::map(map))
    }

    fn binary(&mut self, operator: Binary, left: &Node, right: &Node, at: u32) -> Evaluated {
        if operator == Binary::In && matches!(&right.kind, Kind::Name(name) if &**name == "$env") {
            let name = self.value(left)?;
            return Ok(Value::Bool(name.as_text().is_some_and(|name| self.scope.name(name).is_some())));
        }
        let a = self.value(left)?;
        match operator {
            Binary::Or => {
                if self.bool(at, &a)? {
                    return Ok(a);
                }
                return self.value(right);
            }
            Binary::And => {
                if !self.bool(at, &a)? {
                    return Ok(a);
                }
                return self.value(right);
            }
            Binary::Coalesce => return if a.is_nil() { self.value(right) } else { Ok(a) },
            _ => {}
        }
        let b = self.value(right)?;
        if operator == Binary::Range {
            return self.range(&a, &b, at);
        }
        match (operator, &a, &b) {
            (Binary::Matches, Value::Text(text), Value::Text(pattern)) => return self.matches(text, pattern, at),
            (Binary::Matches, Value::Bytes(bytes), Value::Text(pattern)) => {
                let text = std::str::from_utf8(bytes).map_err(|_| "the bytes are no UTF-8 text".to_owned());
                let text = self.refuse(at, text)?;
                return self.matches(text, pattern, at);
            }
            _ => {}
        }
        self.step(at, work(operator, &a, &b))?;
        let made = self.refuse(at, apply(operator, &a, &b))?;
        self.made(at, made)
    }

    fn matches(&mut self, text: &str, pattern: &Arc<str>, at: u32) -> Evaluated {
        if self.pattern.as_ref().is_none_or(|(known, _)| known != pattern) {
            self.step(at, PATTERN)?;
            let regex = self.refuse(at, golang::regexp(pattern).map_err(|error| error.as_go()))?;
            self.pattern = Some((pattern.clone(), regex));
        }
        self.step(at, text.len() / 64)?;
        Ok(Value::Bool(self.pattern.as_ref().is_some_and(|(_, regex)| regex.is_match(text))))
    }

    fn range(&mut self, from: &Value, to: &Value, at: u32) -> Evaluated {
        let from = self.refuse(at, builtins::int_of(from))?;
        let to = self.refuse(at, builtins::int_of(to))?;
        if to < from {
            return Ok(Value::list(Vec::new()));
        }
        let size = usize::try_from(to.abs_diff(from)).unwrap_or(usize::MAX).saturating_add(1);
        self.grow(at, size)?;
        Ok(Value::list((from..=to).map(Value::Int).collect()))
    }

    fn compare(&mut self, first: &Node, rest: &[(Binary, u32, Node)]) -> Evaluated {
        let mut left = self.value(first)?;
        for (operator, at, node) in rest {
            let right = self.value(node)?;
            if self.refuse(*at, apply(*operator, &left, &right))?.as_bool() != Some(true) {
                return Ok(Value::Bool(false));
            }
            left = right;
        }
        Ok(Value::Bool(true))
    }

    /// Evaluates a link of a chain; `None` when a `?.` before it has met nil, so that the chain is over.
    fn link(&mut self, node: &Node) -> Result<Option<Value>, Halt> {
        match &node.kind {
            Kind::Member(member) => {
                if let Some(value) = self.special(member, node.at)? {
                    return Ok(Some(value));
                }
                let Some(of) = self.base(member)? else { return Ok(None) };
                let property = self.value(&member.property)?;
                if member.field && of.is_nil() {
                    return self.fail(node.at, "reflect: call of reflect.Value.Field on zero Value");
                }
                self.refuse(node.at, fetch(&of, &property)).map(Some)
            }
            Kind::Method { callee, arguments } => {
                let Some(of) = self.base(callee)? else { return Ok(None) };
                let name = self.value(&callee.property)?;
                let arguments = self.arguments(arguments)?;
                let name = name.as_text().unwrap_or_default();
                match builtins::call_method(&of, name, &arguments) {
                    Some(result) => self.answer(result, node.at).map(Some),
                    None => {
                        // A member that is there but is no function cannot be called.
                        let member = self.refuse(node.at, fetch(&of, &Value::from(name)))?;
                        self.cannot_call(&member, node.at)
                    }
                }
            }
            _ => self.value(node).map(Some),
        }
    }

    fn base(&mut self, member: &Member) -> Result<Option<Value>, Halt> {
        let Some(of) = self.link(&member.of)? else { return Ok(None) };
        Ok(if member.optional && of.is_nil() { None } else { Some(of) })
    }

    /// Members whose meaning depends on what they are members of: `$env.x`, and the first element of a filter.
    fn special(&mut self, member: &Member, at: u32) -> Result<Option<Value>, Halt> {
        match (&member.of.kind, &member.property.kind) {
            (Kind::Name(name), _) if &**name == "$env" => {
                let property = self.value(&member.property)?;
                Ok(Some(property.as_text().map_or(Value::Nil, |name| self.name(name))))
            }
            (Kind::Each(Each::Filter, _), index) if !member.optional && end(index).is_some() => {
                let Value::List(items) = self.value(&member.of)? else { return Ok(None) };
                match if end(index) == Some(true) { items.first() } else { items.last() } {
                    Some(item) => Ok(Some(item.clone())),
                    None => self.fail(at, "reflect: slice index out of range"),
                }
            }
            _ => Ok(None),
        }
    }

    fn arguments(&mut self, nodes: &[Node]) -> Result<Vec<Value>, Halt> {
        nodes.iter().map(|node| self.value(node)).collect()
    }

    fn cannot_call<T>(&self, value: &Value, at: u32) -> Result<T, Halt> {
        match value {
            Value::Nil => self.fail(at, "invalid operation: cannot call nil"),
            other => self.fail(at, format!("invalid operation: cannot call non-function of type {}", other.type_name())),
        }
    }

    fn answer(&mut self, result: Result<Value, Refusal>, at: u32) -> Evaluated {
        match result {
            Ok(value) => self.made(at, value),
            Err(Refusal::Failed(message)) => self.fail(at, message),
            Err(Refusal::Need(question)) => Err(Halt::Need(question)),
        }
    }

    fn call(&mut self, name: &str, arguments: &[Node], at: u32) -> Evaluated {
        let arguments = self.arguments(arguments)?;
        match self.scope.call(name, &arguments) {
            Some(result) => self.answer(result, at),
            None => {
                let value = self.name(name);
                self.cannot_call(&value, at)
            }
        }
    }

    fn builtin(&mut self, builtin: &'static builtins::Builtin, arguments: &[Node], at: u32) -> Evaluated {
        let arguments = self.arguments(arguments)?;
        let mut steps = arguments.iter().map(cost).sum();
        if let ("uniq" | "fromPairs", [Value::List(items)]) = (builtin.name, arguments.as_slice()) {
            // Each element is compared with all before it.
            steps += items.len().saturating_mul(items.len()) / 32;
        }
        self.step(at, steps)?;
        let mut input = Input { name: builtin.name, arguments: &arguments, scope: self.scope, budget: self.memory };
        let made = (builtin.run)(&mut input);
        let made = self.refuse(at, made)?;
        self.made(at, made)
    }

    fn each(&mut self, each: Each, arguments: &[Node], at: u32) -> Evaluated {
        let collection = self.value(&arguments[0])?;
        let bytes = |bytes: &[u8]| bytes.iter().map(|byte| Value::Byte(*byte)).collect::<Vec<_>>();
        let made: Vec<Value> = match &collection {
            Value::List(_) => Vec::new(),
            Value::Bytes(of) => bytes(of),
            Value::Text(text) => bytes(text.as_bytes()),
            // A map can be counted, but has no first or second element.
            Value::Map(map) => vec![Value::Nil; map.entries.len()],
            Value::Pairs(pairs) => vec![Value::Nil; pairs.len()],
            Value::Nil => return self.fail(at, "reflect: call of reflect.Value.Len on zero Value"),
            other => return self.fail(at, format!("reflect: call of reflect.Value.Len on {} Value", builtins::kind_name(other))),
        };
        let items = if let Value::List(items) = &collection { items.as_slice() } else { &made };
        let unordered = matches!(collection, Value::Map(_) | Value::Pairs(_));
        let extra = arguments.get(2).map(|node| self.value(node)).transpose()?;
        let mut walk = Walk { evaluation: self, predicate: arguments.get(1), items, unordered, at };
        walk.run(each, extra)
    }
}

/// One predicate over one list.
struct Walk<'e, 'a, 'n> {
    evaluation: &'e mut Evaluation<'a>,
    predicate: Option<&'n Node>,
    items: &'n [Value],
    /// Whether the elements cannot be told apart.
    unordered: bool,
    at: u32,
}

impl Walk<'_, '_, '_> {
    fn run(&mut self, each: Each, extra: Option<Value>) -> Evaluated {
        match each {
            Each::All => Ok(Value::Bool(self.search(false, false)?.is_none())),
            Each::Any => Ok(Value::Bool(self.search(true, false)?.is_some())),
            Each::None => Ok(Value::Bool(self.search(true, false)?.is_none())),
            Each::Find => self.search(true, false)?.map_or(Ok(Value::Nil), |at| self.item(at)),
            Each::FindLast => self.search(true, true)?.map_or(Ok(Value::Nil), |at| self.item(at)),
            Each::FindIndex => Ok(self.search(true, false)?.map_or(Value::Nil, Value::from)),
            Each::FindLastIndex => Ok(self.search(true, true)?.map_or(Value::Nil, Value::from)),
            Each::One => Ok(Value::Bool(self.hits()?.len() == 1)),
            Each::Count => Ok(Value::from(self.hits()?.len())),
            Each::Filter => {
                let hits = self.hits()?;
                self.evaluation.grow(self.at, hits.len())?;
                hits.into_iter().map(|at| self.item(at)).collect::<Result<Vec<_>, _>>().map(Value::list)
            }
            Each::Map => {
                self.evaluation.grow(self.at, self.items.len())?;
                (0..self.items.len()).map(|at| self.at(at, Value::Nil)).collect::<Result<Vec<_>, _>>().map(Value::list)
            }
            Each::Sum => {
                let mut sum = Value::Int(0);
                for at in 0..self.items.len() {
                    let item = self.at(at, Value::Nil)?;
                    let added = apply(Binary::Add, &item, &sum);
                    sum = self.evaluation.refuse(self.at, added)?;
                }
                Ok(sum)
            }
            Each::GroupBy => self.group(),
            Each::SortBy => self.sort(extra),
            Each::Reduce => self.reduce(extra),
        }
    }

    /// Evaluates the predicate for one element; without a predicate the element itself is the value.
    fn at(&mut self, index: usize, accumulator: Value) -> Evaluated {
        let value = self.items[index].clone();
        let Some(predicate) = self.predicate else { return self.item(index) };
        self.evaluation.items.push(Item { value, unordered: self.unordered, index, accumulator });
        let result = self.evaluation.value(predicate);
        self.evaluation.items.pop();
        result
    }

    fn item(&self, index: usize) -> Evaluated {
        if self.unordered { self.evaluation.fail(self.at, UNORDERED) } else { Ok(self.items[index].clone()) }
    }

    fn holds(&mut self, index: usize) -> Result<bool, Halt> {
        let value = self.at(index, Value::Nil)?;
        self.evaluation.bool(self.at, &value)
    }

    fn search(&mut self, wanted: bool, backwards: bool) -> Result<Option<usize>, Halt> {
        let length = self.items.len();
        for step in 0..length {
            let index = if backwards { length - 1 - step } else { step };
            if self.holds(index)? == wanted {
                return Ok(Some(index));
            }
        }
        Ok(None)
    }

    fn hits(&mut self) -> Result<Vec<usize>, Halt> {
        let mut hits = Vec::new();
        for at in 0..self.items.len() {
            if self.holds(at)? {
                hits.push(at);
            }
        }
        Ok(hits)
    }

    fn group(&mut self) -> Evaluated {
        let mut groups: Vec<(Value, Vec<Value>)> = Vec::new();
        for at in 0..self.items.len() {
            let key = self.at(at, Value::Nil)?;
            if matches!(key, Value::List(_) | Value::Map(_) | Value::Bytes(_) | Value::Pairs(_)) {
                return self.evaluation.fail(self.at, format!("runtime error: hash of unhashable type {}", key.type_name()));
            }
            self.evaluation.step(self.at, groups.len())?;
            self.evaluation.grow(self.at, 1)?;
            match groups.iter_mut().find(|(known, _)| crate::operators::same(known, &key)) {
                Some((_, group)) => group.push(self.item(at)?),
                None => groups.push((key, vec![self.item(at)?])),
            }
        }
        Ok(Value::pairs(groups.into_iter().map(|(key, group)| (key, Value::list(group))).collect()))
    }

    fn sort(&mut self, order: Option<Value>) -> Evaluated {
        let descending = match &order {
            None => false,
            Some(Value::Text(order)) => match &**order {
                "asc" => false,
                "desc" => true,
                _ => return self.evaluation.fail(self.at, "unknown order, use asc or desc"),
            },
            Some(_) => return self.evaluation.fail(self.at, "sortBy order argument must be a string"),
        };
        let mut keyed = Vec::new();
        for at in 0..self.items.len() {
            keyed.push((self.at(at, Value::Nil)?, self.item(at)?));
        }
        self.evaluation.grow(self.at, keyed.len())?;
        let sorted = builtins::sorted(keyed, descending, |(key, _)| key);
        let sorted = self.evaluation.refuse(self.at, sorted)?;
        Ok(Value::list(sorted.into_iter().map(|(_, value)| value).collect()))
    }

    fn reduce(&mut self, start: Option<Value>) -> Evaluated {
        let (mut accumulator, first) = match (start, self.items.is_empty()) {
            (Some(start), _) => (start, 0),
            (None, false) => (self.item(0)?, 1),
            (None, true) => return self.evaluation.fail(self.at, "reduce of empty array with no initial value"),
        };
        for at in first..self.items.len() {
            accumulator = self.at(at, accumulator)?;
        }
        Ok(accumulator)
    }
}

/// Tells whether an index is the first (`true`) or the last of a list by its text.
fn end(index: &Kind) -> Option<bool> {
    match index {
        Kind::Int(0) => Some(true),
        Kind::Unary(Unary::Minus, operand) if matches!(operand.kind, Kind::Int(1)) => Some(false),
        _ => None,
    }
}

/// How many steps an operator costs: comparing looks at all of the smaller side, searching at all of each element.
fn work(operator: Binary, a: &Value, b: &Value) -> usize {
    match operator {
        Binary::Equal | Binary::NotEqual => a.bulk(STEPS).min(b.bulk(STEPS)),
        Binary::In if matches!(a, Value::List(_) | Value::Map(_)) => cost(b).saturating_mul(a.bulk(STEPS)),
        Binary::In => cost(b),
        _ => cost(a).min(cost(b)),
    }
}

/// How many steps looking at a whole value costs.
fn cost(value: &Value) -> usize {
    match value {
        Value::Text(text) => text.len() / 64,
        Value::List(items) => items.len() / 8 + 1,
        _ => 0,
    }
}
