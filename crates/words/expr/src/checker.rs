//! What can be known before a value is there: types that cannot fit, names that cannot be. Also puts variables into slots and
//! compiles patterns. Source: expr-lang/expr checker/checker.go.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::ast::{Binary, Each, Kind, Member, Node, Pointer, Unary};
use crate::builtins;
use crate::types::{Function, Type};

/// What an expression may use.
#[derive(Debug, Clone, Copy, Default)]
pub struct Known<'a> {
    /// Functions whose arguments are checked; they hide built-ins of their name.
    pub functions: &'a [&'a [Function]],
    /// All names there are, with their types. `None`: any name, of any type, and nil when it is not there.
    pub names: Option<&'a BTreeMap<String, Type>>,
}

impl<'a> Known<'a> {
    pub(crate) fn function(&self, name: &str) -> Option<&'a Function> {
        self.functions.iter().flat_map(|functions| functions.iter()).find(|function| function.name == name)
    }
}

type Checked = Result<Type, (u32, String)>;

/// Checks a tree and finishes it; returns the type of its value and how many variables it has.
pub(crate) fn check(node: &mut Node, source: &str, known: &Known<'_>) -> Result<(Type, usize), (u32, String)> {
    let mut checker = Checker { source, known, variables: Vec::new(), slots: 0, scopes: Vec::new() };
    let of = checker.visit(node)?;
    Ok((of, checker.slots))
}

struct Checker<'a> {
    source: &'a str,
    known: &'a Known<'a>,
    variables: Vec<(Arc<str>, usize, Type)>,
    slots: usize,
    scopes: Vec<Scope>,
}

/// What `#` means.
struct Scope {
    collection: Type,
    has_index: bool,
    has_accumulator: bool,
}

fn fail<T>(at: u32, message: impl Into<String>) -> Result<T, (u32, String)> {
    Err((at, message.into()))
}

impl Checker<'_> {
    fn visit(&mut self, node: &mut Node) -> Checked {
        let at = node.at;
        match &mut node.kind {
            Kind::Nil => Ok(Type::Nil),
            Kind::Bool(_) => Ok(Type::Bool),
            Kind::Int(_) => Ok(Type::Int),
            Kind::Float(_) => Ok(Type::Float),
            Kind::Text(_) => Ok(Type::Text),
            Kind::Bytes(_) => Ok(Type::Bytes),
            Kind::Name(name) => {
                let name = name.clone();
                if let Some((_, slot, of)) = self.variables.iter().rev().find(|(known, ..)| *known == name) {
                    let of = of.clone();
                    node.kind = Kind::Local(name, *slot);
                    return Ok(of);
                }
                self.name(&name, at)
            }
            Kind::Local(..) => Ok(Type::Unknown),
            Kind::Unary(unary, operand) => {
                let of = self.visit(operand)?;
                match unary {
                    Unary::Not if of == Type::Bool || of.is_unknown() => Ok(Type::Bool),
                    Unary::Plus | Unary::Minus if of.is_number() => Ok(of),
                    Unary::Plus | Unary::Minus if of.is_unknown() => Ok(Type::Unknown),
                    _ => {
                        let text = match unary {
                            Unary::Not if written(self.source, at) == Some('!') => "!",
                            Unary::Not => "not",
                            Unary::Plus => "+",
                            Unary::Minus => "-",
                        };
                        fail(at, format!("invalid operation: {text} (mismatched type {of})"))
                    }
                }
            }
            Kind::Binary(operator, left, right) => {
                let operator = *operator;
                let (l, r) = (self.visit(left)?, self.visit(right)?);
                let checked = binary(operator, &l, &r, &left.kind, &right.kind, at);
                let of = checked.map_err(|(at, why)| (at, as_written(self.source, at, operator, why)))?;
                if operator == Binary::Matches {
                    self.pattern(node)?;
                }
                self.fold(node);
                Ok(of)
            }
            Kind::Matches(of, ..) => self.visit(of).map(|_| Type::Bool),
            Kind::Compare(first, rest) => {
                let mut left = self.visit(first)?;
                for (operator, at, node) in rest {
                    let right = self.visit(node)?;
                    ordered(*operator, &left, &right, *at)?;
                    left = right;
                }
                Ok(Type::Bool)
            }
            Kind::Chain(inner) => self.visit(inner),
            Kind::Member(member) => self.member(member, at, false),
            Kind::Slice { of, from, to } => {
                let whole = self.visit(of)?;
                // As upstream, which looks at the places only when it knows what is cut.
                if !whole.is_unknown() && !whole.is_list() && whole != Type::Text {
                    return fail(at, format!("cannot slice {whole}"));
                }
                for bound in [from, to].into_iter().flatten() {
                    let of = self.visit(bound)?;
                    if !of.is_integer() && !of.is_unknown() && !whole.is_unknown() {
                        return fail(bound.at, format!("non-integer slice index {of}"));
                    }
                }
                Ok(if whole.is_unknown() { Type::Unknown } else { whole })
            }
            Kind::Call { name, arguments } => {
                let name = name.clone();
                self.call(&name, arguments, at)
            }
            Kind::Method { callee, arguments } => {
                let of = self.member(callee, at, true)?;
                for argument in arguments {
                    self.visit(argument)?;
                }
                Ok(of)
            }
            Kind::Builtin(builtin, arguments) => {
                let builtin = *builtin;
                let given = arguments.iter_mut().map(|argument| self.visit(argument)).collect::<Result<Vec<_>, _>>()?;
                if builtin.name == "get" {
                    return get(arguments, &given, at);
                }
                (builtin.check)(builtin.name, &given).map_err(|(which, why)| (which.map_or(at, |which| arguments[which].at), why))
            }
            Kind::Each(each, arguments) => {
                let each = *each;
                self.each(each, arguments)
            }
            Kind::Pointer(pointer) => self.pointer(pointer, at),
            Kind::Let { name, slot, value, body } => {
                if builtins::is_taken(name) {
                    return fail(at, format!("cannot redeclare builtin {name}"));
                }
                if self.known.function(name).is_some() {
                    return fail(at, format!("cannot redeclare function {name}"));
                }
                if self.known.names.is_some_and(|names| names.contains_key(&**name)) {
                    return fail(at, format!("cannot redeclare {name}"));
                }
                if self.variables.iter().any(|(known, ..)| known == name) {
                    return fail(at, format!("cannot redeclare variable {name}"));
                }
                let of = self.visit(value)?;
                *slot = self.slots;
                self.slots += 1;
                self.variables.push((name.clone(), *slot, of));
                let of = self.visit(body)?;
                self.variables.pop();
                Ok(of)
            }
            Kind::Sequence(nodes) => nodes.iter_mut().try_fold(Type::Unknown, |_, node| self.visit(node)),
            Kind::Conditional { condition, then, otherwise } => {
                let of = self.visit(condition)?;
                if of != Type::Bool && !of.is_unknown() {
                    return fail(condition.at, format!("non-bool expression (type {of}) used as condition"));
                }
                let then = match then {
                    Some(then) => self.visit(then)?,
                    None => of,
                };
                let otherwise = self.visit(otherwise)?;
                Ok(either(then, otherwise))
            }
            Kind::List(items) => {
                let mut of: Option<Type> = None;
                let mut alike = true;
                for item in items {
                    let next = self.visit(item)?;
                    alike &= of.as_ref().is_none_or(|of| kind(of) == kind(&next));
                    of = Some(next);
                }
                Ok(Type::list(if alike { of.unwrap_or(Type::Unknown) } else { Type::Any }))
            }
            Kind::Map(pairs) => {
                for (key, value) in pairs {
                    self.visit(key)?;
                    self.visit(value)?;
                }
                Ok(Type::map())
            }
        }
    }

    fn name(&self, name: &str, at: u32) -> Checked {
        if name == "$env" {
            return Ok(Type::Unknown);
        }
        match self.known.names {
            None => Ok(Type::Unknown),
            Some(names) => match names.get(name) {
                Some(of) => Ok(of.clone()),
                None if self.known.function(name).is_some() || builtins::is_taken(name) => Ok(Type::Unknown),
                None => fail(at, format!("unknown name {name}")),
            },
        }
    }

    /// Compiles a pattern that stands in the expression.
    fn pattern(&self, node: &mut Node) -> Result<(), (u32, String)> {
        let Kind::Binary(_, _, right) = &node.kind else { return Ok(()) };
        let Kind::Text(text) = &right.kind else { return Ok(()) };
        let (text, regex) = (text.clone(), golang::regexp(text).map_err(|error| (node.at, error.as_go()))?);
        if let Kind::Binary(_, left, _) = std::mem::replace(&mut node.kind, Kind::Nil) {
            node.kind = Kind::Matches(left, text, Box::new(regex));
        }
        Ok(())
    }

    /// What is `true` or `false` by its text decides before anything is evaluated, as upstream's optimizer does.
    fn fold(&self, node: &mut Node) {
        let Kind::Binary(operator @ (Binary::And | Binary::Or), left, right) = &mut node.kind else { return };
        let neutral = *operator == Binary::And;
        let of = |node: &Node| if let Kind::Bool(value) = node.kind { Some(value) } else { None };
        let kept = match (of(left), of(right)) {
            (Some(left), _) if left == neutral => right,
            (_, Some(right)) if right == neutral => left,
            (Some(_), _) | (_, Some(_)) => {
                node.kind = Kind::Bool(!neutral);
                return;
            }
            _ => return,
        };
        let nothing = Node { kind: Kind::Nil, at: node.at, depth: 0 };
        *node = std::mem::replace(&mut **kept, nothing);
    }

    fn member(&mut self, member: &mut Member, at: u32, method: bool) -> Checked {
        if matches!(&member.of.kind, Kind::Name(name) if &**name == "$env") {
            let Kind::Text(name) = &member.property.kind else {
                self.visit(&mut member.property)?;
                return Ok(Type::Unknown);
            };
            let found = self.known.names.and_then(|names| names.get(&**name)).cloned();
            return match (found, self.known.names) {
                (None, Some(_)) if !member.optional => fail(at, format!("unknown name {name}")),
                (found, _) => Ok(found.unwrap_or(Type::Unknown)),
            };
        }
        let base = self.visit(&mut member.of)?;
        let property = self.visit(&mut member.property)?;
        if base.is_unknown() {
            return Ok(Type::Unknown);
        }
        let name = if let Kind::Text(name) = &member.property.kind { Some(name.clone()) } else { None };
        if let Some(name) = &name {
            if base == Type::Nil {
                return fail(at, format!("type nil has no field {name}"));
            }
            if let Some(of) = builtins::method(&base, name) {
                return Ok(of);
            }
        }
        let what = if method { "method" } else { "field" };
        match &base {
            Type::Map(_, key, of) => {
                if !property.assignable_to(key) && !property.is_unknown() {
                    return fail(member.property.at, format!("cannot use {property} to get an element from {base}"));
                }
                Ok((**of).clone())
            }
            Type::List(..) | Type::Bytes => {
                if !property.is_integer() && !property.is_unknown() {
                    return fail(member.property.at, format!("array elements can only be selected using an integer (got {property})"));
                }
                Ok(base.element())
            }
            Type::Struct(of) => match &name {
                Some(name) => match of.fields.iter().find(|field| field.name == &**name) {
                    Some(field) => {
                        member.field = true;
                        Ok((field.of)())
                    }
                    None => fail(at, format!("type {base} has no {what} {name}")),
                },
                None => fail(at, format!("type {base}[{property}] is undefined")),
            },
            _ => match name {
                Some(name) => fail(at, format!("type {base} has no {what} {name}")),
                None => fail(at, format!("type {base}[{property}] is undefined")),
            },
        }
    }

    fn call(&mut self, name: &str, arguments: &mut [Node], at: u32) -> Checked {
        let mut given = Vec::new();
        for argument in arguments.iter_mut() {
            given.push(self.visit(argument)?);
        }
        if let Some(function) = self.known.function(name) {
            let checked = function.check(&given);
            return checked.map_err(|(which, why)| (which.map_or(at, |which| arguments[which].at), why));
        }
        if self.variables.iter().any(|(known, ..)| &**known == name) {
            return Ok(Type::Unknown);
        }
        match self.known.names {
            None => Ok(Type::Unknown),
            Some(names) => match names.get(name) {
                Some(of) => fail(at, format!("{of} is not callable")),
                None => fail(at, format!("unknown name {name}")),
            },
        }
    }

    fn each(&mut self, each: Each, arguments: &mut [Node]) -> Checked {
        let collection = self.visit(&mut arguments[0])?;
        if !collection.is_list() && !collection.is_unknown() {
            return fail(arguments[0].at, format!("builtin {} takes only array (got {collection})", each.name()));
        }
        let element = if collection.is_unknown() { Type::Unknown } else { collection.element() };
        let predicate = match arguments.get_mut(1) {
            None => None,
            Some(predicate) => {
                let has_index = matches!(each, Each::Map | Each::Reduce);
                self.scopes.push(Scope { collection: collection.clone(), has_index, has_accumulator: each == Each::Reduce });
                let of = self.visit(predicate)?;
                self.scopes.pop();
                Some(of)
            }
        };
        if let Some(last) = arguments.get_mut(2) {
            let of = self.visit(last)?;
            if each == Each::SortBy && of != Type::Text && !of.is_unknown() {
                return fail(last.at, format!("sortBy order argument must be a string (got {of})"));
            }
        }
        let needs_bool = !matches!(each, Each::Map | Each::Sum | Each::GroupBy | Each::SortBy | Each::Reduce);
        if let Some(of) = &predicate {
            if *of == Type::Nil && !matches!(each, Each::Sum) {
                let inputs = if each == Each::Reduce { "two input" } else { "one input" };
                return fail(arguments[1].at, format!("predicate should has {inputs} and one output param"));
            }
            if needs_bool && *of != Type::Bool && !of.is_unknown() {
                return fail(arguments[1].at, format!("predicate should return boolean (got {of})"));
            }
        }
        Ok(match each {
            Each::All | Each::None | Each::Any | Each::One => Type::Bool,
            Each::Filter => Type::list(if collection.is_unknown() { Type::Any } else { element }),
            Each::Map => Type::list(predicate.unwrap_or(Type::Unknown)),
            Each::Count => Type::Int,
            Each::Sum => predicate.unwrap_or(element),
            Each::Find | Each::FindLast => element,
            Each::FindIndex | Each::FindLastIndex => Type::Int,
            Each::GroupBy => Type::Map("map[interface {}][]interface {}", Box::new(Type::Any), Box::new(Type::list(element))),
            Each::SortBy => collection,
            Each::Reduce => predicate.unwrap_or(Type::Unknown),
        })
    }

    fn pointer(&self, pointer: &Pointer, at: u32) -> Checked {
        let Some(scope) = self.scopes.last() else { return fail(at, "cannot use pointer accessor outside predicate") };
        match pointer {
            Pointer::Item if scope.collection.is_unknown() => Ok(Type::Unknown),
            Pointer::Item => Ok(scope.collection.element()),
            Pointer::Index if scope.has_index => Ok(Type::Int),
            Pointer::Accumulator if scope.has_accumulator => Ok(Type::Unknown),
            Pointer::Index => fail(at, "unknown pointer #index"),
            Pointer::Accumulator => fail(at, "unknown pointer #acc"),
            Pointer::Other(name) => fail(at, format!("unknown pointer #{name}")),
        }
    }
}

/// Returns the character at a place of the source.
fn written(source: &str, at: u32) -> Option<char> {
    source.chars().nth(usize::try_from(at).ok()?)
}

/// Names an operator in an error as it was written.
fn as_written(source: &str, at: u32, operator: Binary, why: String) -> String {
    let symbol = match (operator, written(source, at)) {
        (Binary::Or, Some('|')) => "||",
        (Binary::And, Some('&')) => "&&",
        (Binary::Power, Some('^')) => "^",
        _ => return why,
    };
    why.replacen(&format!("invalid operation: {} ", operator.text()), &format!("invalid operation: {symbol} "), 1)
}

/// Go's kind of a type, as far as lists tell them apart.
fn kind(of: &Type) -> u8 {
    match of {
        Type::Unknown | Type::Nil => 0,
        Type::Any => 1,
        Type::Bool => 2,
        Type::Int | Type::Named(_) => 3,
        Type::Byte => 4,
        Type::Float => 5,
        Type::Text => 6,
        Type::Bytes | Type::List(..) => 7,
        Type::Map(..) => 8,
        Type::Time | Type::Struct(_) => 9,
        Type::Duration => 10,
        Type::Zone | Type::Version => 11,
    }
}

fn either(then: Type, otherwise: Type) -> Type {
    match (&then, &otherwise) {
        (Type::Nil, _) => otherwise,
        (_, Type::Nil) => then,
        (Type::List(..), Type::List(..)) if then.assignable_to(&otherwise) => {
            let (a, b) = (then.element(), otherwise.element());
            if a.assignable_to(&b) && b.assignable_to(&a) { then } else { Type::list(Type::Any) }
        }
        _ if then.assignable_to(&otherwise) => then,
        _ => Type::Unknown,
    }
}

/// Tells whether one side is of one of the kinds and the other is not known, or both are not known.
fn maybe(l: &Type, r: &Type, fits: impl Fn(&Type) -> bool) -> bool {
    (l.is_unknown() && r.is_unknown()) || (l.is_unknown() && fits(r)) || (r.is_unknown() && fits(l))
}

fn ordered(operator: Binary, l: &Type, r: &Type, at: u32) -> Checked {
    let alike = (l.is_number() && r.is_number()) || (l == r && matches!(l, Type::Text | Type::Time | Type::Duration));
    let fits = |of: &Type| of.is_number() || matches!(of, Type::Text | Type::Time | Type::Duration);
    if alike || maybe(l, r, fits) { Ok(Type::Bool) } else { mismatched(operator, l, r, at) }
}

fn mismatched<T>(operator: Binary, l: &Type, r: &Type, at: u32) -> Result<T, (u32, String)> {
    fail(at, format!("invalid operation: {} (mismatched types {l} and {r})", operator.text()))
}

fn binary(operator: Binary, l: &Type, r: &Type, left: &Kind, right: &Kind, at: u32) -> Checked {
    use Type::{Bool, Duration, Float, Int, Text, Time, Unknown};
    let numbers = l.is_number() && r.is_number();
    let number = |of: &Type| of.is_number();
    let promoted = || if *l == Float || *r == Float { Float } else { Int };
    let found = match operator {
        Binary::Equal | Binary::NotEqual => l.comparable_to(r).then_some(Bool),
        Binary::Or | Binary::And => ((*l == Bool && *r == Bool) || maybe(l, r, |of| *of == Bool)).then_some(Bool),
        Binary::Less | Binary::More | Binary::LessOrEqual | Binary::MoreOrEqual => return ordered(operator, l, r, at),
        Binary::Subtract => match (l, r) {
            _ if numbers => Some(promoted()),
            (Time, Time) | (Duration, Duration) => Some(Duration),
            (Time, Duration) => Some(Time),
            _ => maybe(l, r, |of| of.is_number() || matches!(of, Time | Duration)).then_some(Unknown),
        },
        Binary::Multiply => match (l, r) {
            _ if numbers => Some(promoted()),
            (Duration, Duration) => Some(Duration),
            (Duration, other) | (other, Duration) if other.is_number() => Some(Duration),
            _ => maybe(l, r, |of| of.is_number() || *of == Duration).then_some(Unknown),
        },
        Binary::Divide | Binary::Power => (numbers || maybe(l, r, number)).then_some(Float),
        Binary::Modulo => {
            if matches!((left, right), (Kind::Int(_), Kind::Int(0))) {
                return fail(at, "integer divide by zero");
            }
            ((l.is_integer() && r.is_integer()) || maybe(l, r, Type::is_integer)).then_some(Int)
        }
        Binary::Add => match (l, r) {
            _ if numbers => Some(promoted()),
            (Text, Text) => Some(Text),
            (Time, Duration) | (Duration, Time) => Some(Time),
            (Duration, Duration) => Some(Duration),
            _ => maybe(l, r, |of| of.is_number() || matches!(of, Text | Time | Duration)).then_some(Unknown),
        },
        Binary::In => return within(l, r, at),
        Binary::Matches => ((matches!(l, Text | Type::Bytes) && *r == Text) || maybe(l, r, |of| *of == Text)).then_some(Bool),
        Binary::Contains | Binary::StartsWith | Binary::EndsWith => {
            ((*l == Text && *r == Text) || maybe(l, r, |of| *of == Text)).then_some(Bool)
        }
        Binary::Range => ((l.is_integer() && r.is_integer()) || maybe(l, r, Type::is_integer)).then(|| Type::list(Int)),
        Binary::Coalesce => Some(match (l, r) {
            (Type::Nil, _) => r.clone(),
            (_, Type::Nil) => l.clone(),
            _ if r.assignable_to(l) => l.clone(),
            _ => Unknown,
        }),
    };
    found.map_or_else(|| mismatched(operator, l, r, at), Ok)
}

fn within(l: &Type, r: &Type, at: u32) -> Checked {
    match r {
        Type::Struct(_) if *l == Type::Text || l.is_unknown() => Ok(Type::Bool),
        Type::Map(_, key, _) => {
            if !l.is_unknown() && !l.assignable_to(key) {
                return fail(at, format!("cannot use {l} as type {key} in map key"));
            }
            Ok(Type::Bool)
        }
        _ if r.is_list() => {
            let element = r.element();
            if !l.comparable_to(&element) {
                return fail(at, format!("cannot use {l} as type {element} in array"));
            }
            Ok(Type::Bool)
        }
        _ if r.is_unknown() || (l.is_unknown() && *r == Type::Text) => Ok(Type::Bool),
        _ => mismatched(Binary::In, l, r, at),
    }
}

fn get(arguments: &[Node], given: &[Type], at: u32) -> Checked {
    let [base, property] = given else {
        return fail(at, format!("invalid number of arguments (expected 2, got {})", given.len()));
    };
    match base {
        _ if base.is_unknown() => Ok(Type::Unknown),
        _ if base.is_list() => {
            if !property.is_integer() && !property.is_unknown() {
                return fail(arguments[1].at, format!("non-integer slice index {property}"));
            }
            Ok(base.element())
        }
        Type::Map(_, key, of) => {
            if !property.assignable_to(key) && !property.is_unknown() {
                return fail(arguments[1].at, format!("cannot use {property} to get an element from {base}"));
            }
            Ok((**of).clone())
        }
        _ => fail(arguments[0].at, format!("type {base} does not support indexing")),
    }
}
