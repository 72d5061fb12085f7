//! Which type every node has and which overloads a call means. cel-go `checker/checker.go`, `cel/validator.go`.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use crate::ast::{Expr, Kind, Parsed};
use crate::declarations::{Overload, find};
use crate::issues::Issues;
use crate::types::Type;
use crate::unify::{Mapping, most_general};
use crate::value::Value;

/// An expression whose types are known.
#[derive(Debug)]
pub(crate) struct Checked {
    pub root: Expr,
    types: Vec<Type>,
    overloads: HashMap<usize, Vec<&'static str>>,
    /// The variables from outside that are read.
    pub uses: HashSet<String>,
    /// Which fields of which variables are read.
    pub reads: HashSet<(String, String)>,
}

impl Checked {
    pub fn type_of(&self, expr: &Expr) -> &Type {
        self.types.get(expr.id).unwrap_or(&Type::Dyn)
    }

    pub fn overloads(&self, expr: &Expr) -> &[&'static str] {
        self.overloads.get(&expr.id).map(Vec::as_slice).unwrap_or_default()
    }
}

struct Checker<'a> {
    places: Vec<usize>,
    issues: Issues,
    variables: &'a BTreeMap<String, Type>,
    scopes: Vec<(String, Type)>,
    types: Vec<Type>,
    overloads: HashMap<usize, Vec<&'static str>>,
    uses: HashSet<String>,
    reads: HashSet<(String, String)>,
    mapping: Mapping,
    fresh: usize,
}

/// The names of types, which are values too.
const TYPES: &[&str] = &["bool", "bytes", "double", "int", "uint", "string", "list", "map", "null_type", "type", "dyn"];

/// Checks a tree.
pub(crate) fn check(text: &str, parsed: Parsed, variables: &BTreeMap<String, Type>) -> Result<Checked, Issues> {
    let Parsed { mut root, places } = parsed;
    let mut checker = Checker {
        types: vec![Type::Dyn; places.len()],
        places,
        issues: Issues::new(text),
        variables,
        scopes: Vec::new(),
        overloads: HashMap::new(),
        uses: HashSet::new(),
        reads: HashSet::new(),
        mapping: Mapping::default(),
        fresh: 0,
    };
    checker.check(&mut root);
    let Checker { mut types, overloads, uses, reads, mapping, mut issues, places, .. } = checker;
    for kind in &mut types {
        *kind = mapping.substitute(kind, true);
    }
    if issues.is_empty() {
        literals(&root, &places, &mut issues);
    }
    if issues.is_empty() { Ok(Checked { root, types, overloads, uses, reads }) } else { Err(issues) }
}

impl Checker<'_> {
    fn say(&mut self, id: usize, message: String) {
        self.issues.add(self.places.get(id).copied().unwrap_or(0), message);
    }

    fn set(&mut self, expr: &Expr, kind: Type) {
        self.types[expr.id] = kind;
    }

    fn of(&self, expr: &Expr) -> Type {
        self.types[expr.id].clone()
    }

    fn unknown(&mut self) -> Type {
        self.fresh += 1;
        Type::param(&format!("_var{}", self.fresh - 1))
    }

    fn variable(&mut self, name: &str) -> Option<Type> {
        if let Some((_, kind)) = self.scopes.iter().rev().find(|(one, _)| one == name) {
            return Some(kind.clone());
        }
        if let Some(kind) = self.variables.get(name) {
            self.uses.insert(name.to_owned());
            return Some(kind.clone());
        }
        let named = TYPES.contains(&name)
            || matches!(name, "google.protobuf.Timestamp" | "google.protobuf.Duration" | "optional_type" | "net.IP" | "net.CIDR")
            || matches!(name, "kubernetes.Quantity" | "kubernetes.URL" | "kubernetes.NamedFormat" | "kubernetes.Semver");
        named.then_some(Type::Type)
    }

    fn check(&mut self, expr: &mut Expr) {
        match &mut expr.kind {
            Kind::Nothing => self.set(expr, Type::Error),
            Kind::Literal(value) => {
                let kind = value.kind();
                self.set(expr, kind);
            }
            Kind::Ident(name) => {
                let name = name.clone();
                match self.variable(&name) {
                    Some(kind) => self.set(expr, kind),
                    None => {
                        self.say(expr.id, format!("undeclared reference to '{name}' (in container '')"));
                        self.set(expr, Type::Error);
                    }
                }
            }
            Kind::Select { .. } => self.select(expr),
            Kind::Call { .. } => self.call(expr),
            Kind::List { .. } => self.list(expr),
            Kind::Map(_) => self.map(expr),
            Kind::Struct { name, fields } => {
                let name = name.clone();
                fields.iter_mut().for_each(|(_, _, value, _)| self.check(value));
                self.say(expr.id, format!("undeclared reference to '{name}' (in container '')"));
                self.set(expr, Type::Error);
            }
            Kind::Fold(_) => self.fold(expr),
        }
    }

    fn select(&mut self, expr: &mut Expr) {
        // A dotted name may be one variable or type.
        if let Some(name) = expr.qualified()
            && !self.shadowed(&name)
            && let Some(kind) = self.variable(&name)
        {
            expr.kind = Kind::Ident(name);
            return self.set(expr, kind);
        }
        let Kind::Select { operand, field, test } = &mut expr.kind else { return };
        let (field, test, id) = (field.clone(), *test, expr.id);
        if let Kind::Ident(name) = &operand.kind {
            self.reads.insert((name.clone(), field.clone()));
        }
        self.check(operand);
        let kind = self.of(operand);
        let result = self.field(id, &kind, &field, false);
        let result = if test { Type::Bool } else { self.mapping.substitute(&result, false) };
        self.set(expr, result);
    }

    fn shadowed(&self, name: &str) -> bool {
        let first = name.split('.').next().unwrap_or_default();
        self.scopes.iter().any(|(one, _)| one == first) || self.variables.contains_key(first)
    }

    fn field(&mut self, id: usize, operand: &Type, field: &str, optional: bool) -> Type {
        let operand = self.mapping.substitute(operand, false);
        let (target, was_optional) = match &operand {
            Type::Optional(inner) => (inner.as_ref().clone(), true),
            other => (other.clone(), false),
        };
        let result = match &target {
            Type::Map(_, value) => value.as_ref().clone(),
            Type::Object(object) => match object.fields.get(field) {
                Some(kind) => kind.clone(),
                None => {
                    self.say(id, format!("undefined field '{field}'"));
                    Type::Error
                }
            },
            Type::Param(_) => {
                self.mapping.assign(&Type::Dyn, &target);
                Type::Dyn
            }
            other => {
                if !other.is_loose() {
                    self.say(id, format!("type '{other}' does not support field selection"));
                }
                Type::Dyn
            }
        };
        if was_optional || optional { Type::optional(result) } else { result }
    }

    fn call(&mut self, expr: &mut Expr) {
        let id = expr.id;
        let Kind::Call { function, target, arguments } = &mut expr.kind else { return };
        if function == "_?._" {
            let [operand, name] = arguments.as_mut_slice() else { return };
            let Kind::Literal(Value::String(field)) = &name.kind else { return };
            let field = field.to_string();
            self.check(operand);
            let kind = self.of(operand);
            let result = self.field(id, &kind, &field, true);
            let result = self.mapping.substitute(&result, false);
            self.overloads.insert(id, vec!["select_optional_field"]);
            return self.set(expr, result);
        }
        arguments.iter_mut().for_each(|one| self.check(one));
        if let Some(prefix) = target.as_ref().and_then(|target| target.qualified()) {
            let qualified = format!("{prefix}.{function}");
            if let Some(overloads) = find(&qualified) {
                *function = qualified;
                *target = None;
                return self.resolve(expr, overloads);
            }
        }
        if let Some(target) = target {
            self.check(target);
        }
        match find(function) {
            Some(overloads) => self.resolve(expr, overloads),
            None => {
                let name = function.clone();
                self.set(expr, Type::Error);
                self.say(id, format!("undeclared reference to '{name}' (in container '')"));
            }
        }
    }

    fn resolve(&mut self, expr: &Expr, overloads: &'static [Overload]) {
        let Kind::Call { function, target, arguments } = &expr.kind else { return };
        let member = target.is_some();
        let given: Vec<Type> = target.iter().map(|target| self.of(target)).chain(arguments.iter().map(|one| self.of(one))).collect();
        if function == "_&&_" || function == "_||_" {
            return self.logic(expr, arguments, &given, overloads[0].id);
        }
        let mut result: Option<Type> = None;
        let mut chosen = Vec::new();
        for overload in overloads.iter().filter(|overload| overload.member == member) {
            let (wanted, outcome) = self.instance(overload);
            if !self.mapping.assign_all(&given, &wanted) {
                continue;
            }
            chosen.push(overload.id);
            let outcome = self.mapping.substitute(&outcome, false);
            result = Some(match result {
                None => outcome,
                Some(before) if before.is_dyn() || before == outcome => before,
                Some(_) => Type::Dyn,
            });
        }
        match result {
            Some(result) => {
                self.overloads.insert(expr.id, chosen);
                self.set(expr, result);
            }
            None => {
                let shown: Vec<String> = given.iter().map(|one| self.mapping.substitute(one, true).to_string()).collect();
                let signature =
                    if member { format!("{}.({})", shown[0], shown[1..].join(", ")) } else { format!("({})", shown.join(", ")) };
                self.say(expr.id, format!("found no matching overload for '{function}' applied to '{signature}'"));
                self.set(expr, Type::Error);
            }
        }
    }

    fn logic(&mut self, expr: &Expr, arguments: &[Expr], given: &[Type], id: &'static str) {
        let mut result = Type::Bool;
        for (argument, kind) in arguments.iter().zip(given) {
            if !self.mapping.assign(kind, &Type::Bool) {
                self.say(argument.id, format!("expected type 'bool' but found '{kind}'"));
                result = Type::Error;
            }
        }
        self.overloads.insert(expr.id, vec![id]);
        self.set(expr, result);
    }

    /// Returns an overload's types with parameters of its own.
    fn instance(&mut self, overload: &Overload) -> (Vec<Type>, Type) {
        let mut names: HashMap<Arc<str>, Type> = HashMap::new();
        let wanted = overload.arguments.iter().map(|one| self.renamed(one, &mut names)).collect();
        let result = self.renamed(&overload.result, &mut names);
        (wanted, result)
    }

    fn renamed(&mut self, kind: &Type, names: &mut HashMap<Arc<str>, Type>) -> Type {
        match kind {
            Type::Param(name) => match names.get(name) {
                Some(known) => known.clone(),
                None => {
                    let fresh = self.unknown();
                    names.insert(name.clone(), fresh.clone());
                    fresh
                }
            },
            Type::List(item) => Type::list(self.renamed(item, names)),
            Type::Optional(inner) => Type::optional(self.renamed(inner, names)),
            Type::Map(key, value) => Type::map(self.renamed(key, names), self.renamed(value, names)),
            other => other.clone(),
        }
    }

    fn join(&mut self, expr: &Expr, before: Option<Type>, now: Type) -> Type {
        let Some(before) = before else { return now };
        if self.mapping.assign(&before, &now) {
            return most_general(&before, &now);
        }
        self.say(expr.id, format!("expected type '{before}' but found '{now}'"));
        Type::Error
    }

    fn unwrapped(&mut self, expr: &Expr, optional: bool) -> Type {
        match self.of(expr) {
            Type::Optional(inner) if optional => inner.as_ref().clone(),
            other => {
                if optional && !other.is_dyn() {
                    self.say(expr.id, format!("expected type 'optional_type({other})' but found '{other}'"));
                }
                other
            }
        }
    }

    fn list(&mut self, expr: &mut Expr) {
        let Kind::List { items, optional } = &mut expr.kind else { return };
        let mut joined = None;
        for (index, item) in items.iter_mut().enumerate() {
            self.check(item);
            let kind = self.unwrapped(item, optional.contains(&index));
            joined = Some(self.join(item, joined, kind));
        }
        let kind = joined.unwrap_or_else(|| self.unknown());
        self.set(expr, Type::list(kind));
    }

    fn map(&mut self, expr: &mut Expr) {
        let Kind::Map(entries) = &mut expr.kind else { return };
        let (mut keys, mut values) = (None, None);
        for entry in entries {
            self.check(&mut entry.key);
            let kind = self.of(&entry.key);
            keys = Some(self.join(&entry.key, keys, kind));
            self.check(&mut entry.value);
            let kind = self.unwrapped(&entry.value, entry.optional);
            values = Some(self.join(&entry.value, values, kind));
        }
        let kind = match (keys, values) {
            (Some(keys), Some(values)) => Type::map(keys, values),
            _ => Type::map(self.unknown(), self.unknown()),
        };
        self.set(expr, kind);
    }

    fn fold(&mut self, expr: &mut Expr) {
        let Kind::Fold(fold) = &mut expr.kind else { return };
        self.check(&mut fold.range);
        self.check(&mut fold.start);
        let range = self.of(&fold.range);
        let range = self.mapping.substitute(&range, false);
        let accumulated = self.of(&fold.start);
        let depth = self.scopes.len();
        self.scopes.push((fold.accumulator.clone(), accumulated.clone()));
        let two = fold.second.is_some();
        let (first, second) = match &range {
            Type::List(item) if two => (Type::Int, item.as_ref().clone()),
            Type::List(item) => (item.as_ref().clone(), Type::Dyn),
            Type::Map(key, value) => (key.as_ref().clone(), value.as_ref().clone()),
            Type::Dyn | Type::Error | Type::Param(_) => {
                self.mapping.assign(&Type::Dyn, &range);
                (Type::Dyn, Type::Dyn)
            }
            other => {
                self.say(
                    fold.range.id,
                    format!("expression of type '{other}' cannot be range of a comprehension (must be list, map, or dynamic)"),
                );
                (Type::Error, Type::Error)
            }
        };
        self.scopes.push((fold.variable.clone(), first));
        if let Some(name) = &fold.second {
            self.scopes.push((name.clone(), second));
        }
        self.check(&mut fold.condition);
        self.assert(&fold.condition, &Type::Bool);
        self.check(&mut fold.step);
        self.assert(&fold.step, &accumulated);
        self.scopes.truncate(depth + 1);
        self.check(&mut fold.result);
        self.scopes.truncate(depth);
        let kind = self.of(&fold.result);
        let kind = self.mapping.substitute(&kind, false);
        self.set(expr, kind);
    }

    fn assert(&mut self, expr: &Expr, wanted: &Type) {
        let kind = self.of(expr);
        if !self.mapping.assign(wanted, &kind) {
            self.say(expr.id, format!("expected type '{wanted}' but found '{kind}'"));
        }
    }
}

/// Literals in `duration`, `timestamp` and `matches` are tried beforehand. cel-go `cel/validator.go`.
fn literals(expr: &Expr, places: &[usize], issues: &mut Issues) {
    match &expr.kind {
        Kind::Call { function, target, arguments } => {
            target.iter().for_each(|target| literals(target, places, issues));
            arguments.iter().for_each(|one| literals(one, places, issues));
            let tried = match function.as_str() {
                "matches" => arguments.last(),
                "duration" | "timestamp" => arguments.first(),
                _ => None,
            };
            if let Some(Expr { kind: Kind::Literal(Value::String(text)), id }) = tried {
                let wrong = match function.as_str() {
                    "matches" => golang::regexp(text).is_err(),
                    "duration" => crate::library::time::duration(text).is_err(),
                    _ => crate::library::time::timestamp(text).is_err(),
                };
                if wrong {
                    issues.add(places.get(*id).copied().unwrap_or(0), format!("invalid {function} argument"));
                }
            }
        }
        Kind::Select { operand, .. } => literals(operand, places, issues),
        Kind::List { items, .. } => items.iter().for_each(|one| literals(one, places, issues)),
        Kind::Map(entries) => entries.iter().for_each(|entry| {
            literals(&entry.key, places, issues);
            literals(&entry.value, places, issues);
        }),
        Kind::Fold(fold) => {
            for one in [&fold.range, &fold.start, &fold.condition, &fold.step, &fold.result] {
                literals(one, places, issues);
            }
        }
        Kind::Struct { .. } | Kind::Literal(_) | Kind::Ident(_) | Kind::Nothing => {}
    }
}
