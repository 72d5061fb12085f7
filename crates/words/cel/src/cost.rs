//! What an expression costs at most, from how large its values may be. cel-go `checker/cost.go`, kubernetes
//! `apiserver/pkg/cel/library/cost.go`.

use std::collections::HashMap;

use crate::ast::{ACCUMULATOR, Entry, Expr, Fold, Kind};
use crate::checker::Checked;
use crate::types::Type;
use crate::value::Value;

/// Says how large a value may be, by the way to it: a variable, then fields, `@items`, `@keys`, `@values`.
pub trait Sizes {
    /// Returns the most elements, characters or bytes.
    fn most(&self, path: &[String]) -> Option<u64>;
}

/// From at least to at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    /// At least.
    pub least: u64,
    /// At most.
    pub most: u64,
}

const UNKNOWN: Range = Range { least: 0, most: u64::MAX };
const TRAVERSAL: f64 = 0.1;
const REGEX: f64 = 0.25;

impl Range {
    fn fixed(number: u64) -> Self {
        Self { least: number, most: number }
    }

    fn add(self, other: Self) -> Self {
        Self { least: self.least.saturating_add(other.least), most: self.most.saturating_add(other.most) }
    }

    fn times(self, other: Self) -> Self {
        Self { least: self.least.saturating_mul(other.least), most: self.most.saturating_mul(other.most) }
    }

    fn scaled(self, factor: f64) -> Self {
        let scale = |number: u64| (number as f64 * factor).ceil() as u64;
        Self { least: scale(self.least), most: scale(self.most) }
    }

    fn union(self, other: Self) -> Self {
        Self { least: self.least.min(other.least), most: self.most.max(other.most) }
    }
}

#[derive(Clone)]
struct Local {
    name: String,
    path: Vec<String>,
    size: Option<Range>,
    inner: Option<Inner>,
}

/// How large the parts of a list or map are.
#[derive(Clone, Copy)]
struct Inner {
    list: bool,
    key: Range,
    value: Range,
}

struct Estimation<'a> {
    checked: &'a Checked,
    sizes: &'a dyn Sizes,
    paths: HashMap<usize, Vec<String>>,
    known: HashMap<usize, Range>,
    inner: HashMap<usize, Inner>,
    locals: Vec<Local>,
}

/// Estimates an expression.
pub(crate) fn estimate(checked: &Checked, sizes: &dyn Sizes) -> Range {
    let mut estimation =
        Estimation { checked, sizes, paths: HashMap::new(), known: HashMap::new(), inner: HashMap::new(), locals: Vec::new() };
    estimation.cost(&checked.root)
}

impl Estimation<'_> {
    fn cost(&mut self, expr: &Expr) -> Range {
        match &expr.kind {
            Kind::Literal(_) | Kind::Nothing | Kind::Struct { .. } => Range::fixed(0),
            Kind::Ident(name) => {
                let path = self.local(name).map_or_else(|| vec![name.clone()], |local| local.path.clone());
                self.paths.insert(expr.id, path);
                Range::fixed(1)
            }
            Kind::Select { operand, field, test } => {
                let cost = self.cost(operand);
                if *test {
                    return cost;
                }
                let priced = matches!(self.checked.type_of(operand), Type::Map(..) | Type::Object(_) | Type::Param(_));
                let mut path = self.path(operand);
                path.push(field.clone());
                self.paths.insert(expr.id, path);
                if priced { cost.add(Range::fixed(1)) } else { cost }
            }
            Kind::Call { function, target, arguments } => self.call(expr, function, target.as_deref(), arguments),
            Kind::List { items, .. } => {
                let mut cost = Range::fixed(10);
                let mut value: Option<Range> = None;
                for item in items {
                    cost = cost.add(self.cost(item));
                    let size = self.size_or_unknown(item);
                    value = Some(value.map_or(size, |value| value.union(size)));
                }
                self.inner.insert(expr.id, Inner { list: true, key: Range::fixed(1), value: value.unwrap_or(Range::fixed(0)) });
                cost
            }
            Kind::Map(entries) => self.map(expr, entries),
            Kind::Fold(fold) => self.fold(expr, fold),
        }
    }

    fn map(&mut self, expr: &Expr, entries: &[Entry]) -> Range {
        let mut cost = Range::fixed(30);
        let (mut key, mut value): (Option<Range>, Option<Range>) = (None, None);
        for entry in entries {
            cost = cost.add(self.cost(&entry.key)).add(self.cost(&entry.value));
            let size = self.size_or_unknown(&entry.key);
            key = Some(key.map_or(size, |key| key.union(size)));
            let size = self.size_or_unknown(&entry.value);
            value = Some(value.map_or(size, |value| value.union(size)));
        }
        let none = Range::fixed(0);
        self.inner.insert(expr.id, Inner { list: false, key: key.unwrap_or(none), value: value.unwrap_or(none) });
        cost
    }

    fn local(&self, name: &str) -> Option<&Local> {
        self.locals.iter().rev().find(|local| local.name == name)
    }

    fn path(&self, expr: &Expr) -> Vec<String> {
        if let Some(local) = expr.as_ident().and_then(|name| self.local(name)) {
            return local.path.clone();
        }
        self.paths.get(&expr.id).cloned().unwrap_or_default()
    }

    fn inner_of(&self, expr: &Expr) -> Option<Inner> {
        self.inner.get(&expr.id).copied().or_else(|| expr.as_ident().and_then(|name| self.local(name)).and_then(|local| local.inner))
    }

    fn size_or_unknown(&mut self, expr: &Expr) -> Range {
        self.size(expr).unwrap_or(UNKNOWN)
    }

    fn declared(&self, path: &[String]) -> Option<Range> {
        if path.is_empty() || path[0].starts_with('@') {
            return None;
        }
        self.sizes.most(path).map(|most| Range { least: 0, most })
    }

    fn size(&mut self, expr: &Expr) -> Option<Range> {
        if let Some(known) = self.known.get(&expr.id) {
            return Some(*known);
        }
        let literal = match &expr.kind {
            Kind::Literal(Value::String(text)) => Some(text.chars().count()),
            Kind::Literal(Value::Bytes(bytes)) => Some(bytes.len()),
            Kind::Literal(_) => Some(1),
            Kind::List { items, .. } => Some(items.len()),
            Kind::Map(entries) => Some(entries.len()),
            _ => None,
        };
        if let Some(length) = literal {
            return Some(Range::fixed(length as u64));
        }
        let path = self.path(expr);
        if let Some(size) = self.declared(&path) {
            self.known.insert(expr.id, size);
            return Some(size);
        }
        if scalar(self.checked.type_of(expr)) {
            return Some(Range::fixed(1));
        }
        expr.as_ident().and_then(|name| self.local(name)).and_then(|local| local.size)
    }

    fn push(&mut self, name: &str, path: Vec<String>, size: Option<Range>, inner: Option<Inner>) {
        self.locals.push(Local { name: name.to_owned(), path, size, inner });
    }

    fn fold(&mut self, expr: &Expr, fold: &Fold) -> Range {
        let mut sum = self.cost(&fold.range).add(self.cost(&fold.start));
        let depth = self.locals.len();
        let (path, size, inner) = (self.path(&fold.start), self.size(&fold.start), self.inner_of(&fold.start));
        self.push(&fold.accumulator, path, size, inner);
        let binds = matches!(&fold.condition.kind, Kind::Literal(Value::Bool(false))) && fold.accumulator != ACCUMULATOR;
        if binds {
            sum = sum.add(self.cost(&fold.result));
            self.locals.truncate(depth);
            if let Some(size) = self.size(&fold.result) {
                self.known.insert(expr.id, size);
            }
            if let Some(inner) = self.inner_of(&fold.result) {
                self.inner.insert(expr.id, inner);
            }
            return sum;
        }
        let inner = self.inner_of(&fold.range);
        let list = inner.map_or_else(|| matches!(self.checked.type_of(&fold.range), Type::List(_)), |inner| inner.list);
        let path = self.path(&fold.range);
        let below = |word: &str| {
            let mut path = path.clone();
            path.push(word.to_owned());
            path
        };
        let (key, value) = (inner.map(|inner| inner.key), inner.map(|inner| inner.value));
        match &fold.second {
            Some(second) => {
                self.push(&fold.variable, below(if list { "@indices" } else { "@keys" }), key, None);
                self.push(second, below(if list { "@items" } else { "@values" }), value, None);
            }
            None if list => self.push(&fold.variable, below("@items"), value, None),
            None => self.push(&fold.variable, below("@keys"), key, None),
        }
        let turn = self.cost(&fold.condition);
        let turn = self.cost(&fold.step).add(turn);
        self.locals.truncate(depth + 1);
        sum = sum.add(self.cost(&fold.result));
        self.locals.truncate(depth);
        let turns = self.size_or_unknown(&fold.range);
        sum = sum.add(turns.times(turn));
        match &fold.start.kind {
            Kind::Literal(_) => {
                if let Some(size) = self.size(&fold.start) {
                    self.known.insert(expr.id, size);
                }
            }
            Kind::List { .. } | Kind::Map(_) => {
                self.known.insert(expr.id, turns);
                if let Some(inner) = self.inner_of(&fold.step) {
                    self.inner.insert(expr.id, inner);
                }
            }
            _ => {}
        }
        sum
    }

    fn call(&mut self, expr: &Expr, function: &str, target: Option<&Expr>, arguments: &[Expr]) -> Range {
        if let ("dyn", [inner]) = (function, arguments) {
            let cost = self.cost(inner);
            if let Some(size) = self.size(inner) {
                self.known.insert(expr.id, size);
            }
            return cost.add(Range::fixed(1));
        }
        let costs: Vec<Range> = arguments.iter().map(|one| self.cost(one)).collect();
        let overloads: Vec<&str> = self.checked.overloads(expr).to_vec();
        if overloads.is_empty() {
            return Range::fixed(0);
        }
        let own = target.map_or(Range::fixed(0), |target| self.cost(target));
        let mut cost: Option<Range> = None;
        let mut result: Option<Range> = None;
        for overload in overloads {
            let (price, size) = self.price(expr, function, overload, target, arguments, &costs);
            cost = Some(cost.map_or(price, |cost| cost.union(price)));
            if let Some(size) = size {
                result = Some(result.map_or(size, |result| result.union(size)));
            }
            let below = match overload {
                "index_list" => Some("@items"),
                "index_map" => Some("@values"),
                _ => None,
            };
            if let (Some(word), Some(list)) = (below, arguments.first()) {
                result = self.inner_of(list).map(|inner| inner.value);
                let mut path = self.path(list);
                path.push(word.to_owned());
                self.paths.insert(expr.id, path);
            }
            if result.is_none() {
                result = self.size(expr);
            }
        }
        if let Some(result) = result {
            self.known.insert(expr.id, result);
        }
        own.add(cost.unwrap_or(Range::fixed(0)))
    }

    fn price(
        &mut self,
        expr: &Expr,
        function: &str,
        overload: &str,
        target: Option<&Expr>,
        arguments: &[Expr],
        costs: &[Range],
    ) -> (Range, Option<Range>) {
        let sum = costs.iter().fold(Range::fixed(0), |sum, cost| sum.add(*cost));
        let one = Range::fixed(1);
        let mut size = |index: usize| arguments.get(index).map_or(UNKNOWN, |argument| self.size_or_unknown(argument));
        let (first, second) = (size(0), size(1));
        let own = target.map_or(UNKNOWN, |target| self.size_or_unknown(target));
        let priced = match function {
            "isSorted" | "sum" | "max" | "min" | "indexOf" | "lastIndexOf" if target.is_some() => {
                let item = match target.map(|target| self.checked.type_of(target)) {
                    Some(Type::List(item)) => Some(item.clone()),
                    _ => None,
                };
                match item {
                    Some(item) if matches!(*item, Type::String | Type::Bytes) => {
                        let mut path = target.map(|target| self.path(target)).unwrap_or_default();
                        path.push("@items".to_owned());
                        let each = if path.len() > 1 { self.declared(&path) } else { None };
                        Some((own.times(one.add(each.unwrap_or(UNKNOWN).scaled(TRAVERSAL))), None))
                    }
                    Some(_) => Some((own.times(one), None)),
                    None => Some((own.scaled(TRAVERSAL), None)),
                }
            }
            "url" => Some((first.scaled(TRAVERSAL), Some(first))),
            "lowerAscii" | "upperAscii" | "substring" | "trim" => Some((own.scaled(TRAVERSAL), Some(own))),
            "replace" => Some((own.scaled(2.0 * TRAVERSAL), Some(replaced(own, first, second)))),
            "split" => {
                let most = match arguments.get(1).map(|argument| &argument.kind) {
                    Some(Kind::Literal(Value::Int(most))) => u64::try_from(*most).unwrap_or(u64::MAX),
                    _ => own.most,
                };
                Some((own.scaled(2.0 * TRAVERSAL), Some(Range { least: 0, most })))
            }
            "join" => {
                let mut path = target.map(|target| self.path(target)).unwrap_or_default();
                path.push("@items".to_owned());
                let each = if path.len() > 1 { self.declared(&path).unwrap_or(UNKNOWN) } else { UNKNOWN };
                let mut length = own.times(each);
                if !arguments.is_empty() {
                    let between = Range { least: own.least.saturating_sub(1), most: own.most.saturating_sub(1) };
                    length = length.add(first.times(between));
                }
                Some((length.scaled(TRAVERSAL), Some(length)))
            }
            "find" | "findAll" => {
                let cost = own.add(one).scaled(TRAVERSAL).times(first.scaled(REGEX));
                Some((cost, Some(Range { least: 0, most: own.most })))
            }
            "ip" if overload == "cidr_ip" => Some((one, None)),
            "cidr" | "isIP" | "isCIDR" | "ip" | "quantity" | "isQuantity" | "semver" | "isSemver" => Some((first.scaled(TRAVERSAL), None)),
            "ip.isCanonical" => Some((first.scaled(2.0 * TRAVERSAL), None)),
            "containsIP" | "containsCIDR" => {
                let bytes = Range { least: 4, most: 16 };
                let mut cost = bytes.add(bytes).scaled(TRAVERSAL);
                if function == "containsCIDR" {
                    cost = cost.add(bytes.scaled(TRAVERSAL)).add(one);
                }
                if overload.ends_with("_string") {
                    cost = cost.add(first.scaled(TRAVERSAL));
                }
                Some((cost, None))
            }
            "validate" => Some((first.scaled(TRAVERSAL).scaled(128.0 * REGEX), None)),
            _ => None,
        };
        if let Some((cost, size)) = priced {
            return (cost.add(sum), size);
        }
        match overload {
            "string_format" => (own.scaled(TRAVERSAL).add(sum), None),
            "string_to_bytes" => (first.scaled(TRAVERSAL).add(sum), Some(Range { least: first.least, most: first.most.saturating_mul(4) })),
            "bytes_to_string" => (first.scaled(TRAVERSAL).add(sum), Some(Range { least: first.least / 4, most: first.most })),
            "strings_quote" => {
                let most = first.most.saturating_mul(2).saturating_add(2);
                (first.scaled(TRAVERSAL).add(sum), Some(Range { least: first.least.saturating_add(2), most }))
            }
            "starts_with_string" | "ends_with_string" => (first.scaled(TRAVERSAL).add(sum), None),
            "in_list" => (second.add(sum), None),
            "matches_string" => (own.add(one).scaled(TRAVERSAL).times(first.scaled(REGEX)).add(sum), None),
            "contains_string" => (own.scaled(TRAVERSAL).times(first.scaled(TRAVERSAL)).add(sum), None),
            "logical_or" | "logical_and" => (Range { least: costs[0].least, most: costs[0].add(costs[1]).most }, None),
            "conditional" => {
                let third = arguments.get(2).map_or(UNKNOWN, |argument| self.size_or_unknown(argument));
                if let (Some(yes), Some(no)) = (self.inner_of(&arguments[1]), self.inner_of(&arguments[2])) {
                    let inner = Inner { list: yes.list, key: yes.key.union(no.key), value: yes.value.union(no.value) };
                    self.inner.insert(expr.id, inner);
                }
                (costs[0].add(costs[1].union(costs[2])), Some(second.union(third)))
            }
            "add_string" | "add_bytes" | "add_list" => {
                if let (Some(left), Some(right)) = (self.inner_of(&arguments[0]), self.inner_of(&arguments[1])) {
                    let inner = Inner { list: left.list, key: left.key.union(right.key), value: left.value.union(right.value) };
                    self.inner.insert(expr.id, inner);
                }
                let size = first.add(second);
                let cost = if overload == "add_list" { one } else { size.scaled(TRAVERSAL) };
                (cost.add(sum), Some(size))
            }
            "equals" | "not_equals" if constant_equality(self.checked.type_of(&arguments[0])) => (one.add(sum), None),
            "less_string"
            | "greater_string"
            | "less_equals_string"
            | "greater_equals_string"
            | "less_bytes"
            | "greater_bytes"
            | "less_equals_bytes"
            | "greater_equals_bytes"
            | "equals"
            | "not_equals" => {
                let most = first.most.min(second.most);
                (Range { least: u64::from(most > 0), most }.scaled(TRAVERSAL).add(sum), None)
            }
            "list_slice" | "list_reverse" | "list_flatten" | "list_flatten_int" => (own.add(sum).add(one), Some(own)),
            "list_distinct" => (own.times(own).add(sum).add(one), Some(own)),
            _ if function == "sort" || function == "@sortByAssociatedKeys" => (own.times(own).add(sum).add(one), Some(own)),
            "list_sets_contains_list" | "list_sets_intersects_list" => (first.times(second).add(one).add(sum), None),
            "list_sets_equivalent_list" => (first.times(second).scaled(2.0).add(one).add(sum), None),
            _ => (one.add(sum), None),
        }
    }
}

fn constant_equality(kind: &Type) -> bool {
    matches!(kind, Type::Opaque(_))
}

fn scalar(kind: &Type) -> bool {
    match kind {
        Type::Bool | Type::Double | Type::Duration | Type::Int | Type::Timestamp | Type::Uint => true,
        Type::Optional(inner) => scalar(inner),
        _ => false,
    }
}

/// How long a text is after a replacement.
fn replaced(own: Range, from: Range, to: Range) -> Range {
    let count = |length: u64, by: u64| (length as f64 / by as f64).ceil() as u64;
    let (most, kept_most) = if from.least == 0 {
        (own.most.saturating_add(1), own.most)
    } else if to.most <= from.least {
        (0, own.most)
    } else {
        (count(own.most, from.least), 0)
    };
    let (least, kept_least) = if from.most == 0 {
        (own.least.saturating_add(1), own.least)
    } else if from.most <= to.least {
        (0, own.least)
    } else {
        (count(own.least, from.most), 0)
    };
    Range { least, most }.times(to).add(Range { least: kept_least, most: kept_most })
}
