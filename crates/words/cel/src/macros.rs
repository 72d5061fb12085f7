//! The macros: what looks like a call and is a loop, a test for presence or a binding. cel-go `parser/macro.go`,
//! `ext/comprehensions.go`, `cel/library.go` (optMap), `ext/lists.go` (sortBy).

use std::sync::Arc;

use crate::ast::{ACCUMULATOR, Expr, Fold, Kind};
use crate::parser::Parser;
use crate::value::Value;

/// A call without a target, at its bracket.
pub(crate) fn global(parser: &mut Parser, at: usize, name: &str, mut arguments: Vec<Expr>) -> Expr {
    if name == "has" && arguments.len() == 1 {
        let argument = arguments.remove(0);
        return match argument.kind {
            Kind::Select { operand, field, test: false } => parser.node(at, Kind::Select { operand, field, test: true }),
            _ => {
                let place = parser.places[argument.id];
                refused(parser, place, "invalid argument to has() macro")
            }
        };
    }
    parser.node(at, Kind::Call { function: name.to_owned(), target: None, arguments })
}

fn refused(parser: &mut Parser, at: usize, message: &str) -> Expr {
    parser.issues.add(at, message.to_owned());
    parser.node(at, Kind::Nothing)
}

/// A call with a target, at its bracket.
pub(crate) fn member(parser: &mut Parser, at: usize, target: Expr, name: &str, arguments: Vec<Expr>) -> Expr {
    let count = arguments.len();
    let known = match name {
        "all" | "exists" => matches!(count, 2 | 3),
        "exists_one" => count == 2,
        "existsOne" => matches!(count, 2 | 3),
        "map" => matches!(count, 2 | 3),
        "filter" | "sortBy" => count == 2,
        "optMap" | "optFlatMap" => count == 2,
        "transformList" | "transformMap" => matches!(count, 3 | 4),
        "transformMapEntry" => matches!(count, 3 | 4),
        _ => false,
    };
    if !known {
        return parser.node(at, Kind::Call { function: name.to_owned(), target: Some(Box::new(target)), arguments });
    }
    let variables = match name {
        "all" | "exists" | "existsOne" if count == 3 => 2,
        "transformList" | "transformMap" | "transformMapEntry" => 2,
        _ => 1,
    };
    let mut names = Vec::new();
    for argument in &arguments[..variables] {
        let place = parser.places[argument.id];
        match argument.as_ident() {
            Some(one) if one.starts_with('@') || one == "__result__" => {
                return refused(parser, place, "iteration variable overwrites accumulator variable");
            }
            Some(one) if names.contains(&one.to_owned()) => {
                return refused(parser, place, &format!("duplicate variable name: {one}"));
            }
            Some(one) => names.push(one.to_owned()),
            None => {
                let message =
                    if name.starts_with("opt") { "variable name must be a simple identifier" } else { "argument must be a simple name" };
                return refused(parser, place, message);
            }
        }
    }
    let rest: Vec<Expr> = arguments.into_iter().skip(variables).collect();
    Macro { parser, at }.expand(target, name, names, rest)
}

struct Macro<'a> {
    parser: &'a mut Parser,
    at: usize,
}

impl Macro<'_> {
    fn node(&mut self, kind: Kind) -> Expr {
        self.parser.node(self.at, kind)
    }

    fn literal(&mut self, value: Value) -> Expr {
        self.node(Kind::Literal(value))
    }

    fn ident(&mut self, name: &str) -> Expr {
        self.node(Kind::Ident(name.to_owned()))
    }

    fn accumulated(&mut self) -> Expr {
        self.ident(ACCUMULATOR)
    }

    fn call(&mut self, function: &str, arguments: Vec<Expr>) -> Expr {
        self.parser.call(self.at, function, arguments)
    }

    fn list(&mut self, items: Vec<Expr>) -> Expr {
        self.node(Kind::List { items, optional: Vec::new() })
    }

    fn copy(&mut self, expr: &Expr) -> Expr {
        // Only names and selections are copied; they get numbers of their own.
        match &expr.kind {
            Kind::Ident(name) => self.ident(&name.clone()),
            Kind::Select { operand, field, test } => {
                let operand = Box::new(self.copy(operand));
                self.node(Kind::Select { operand, field: field.clone(), test: *test })
            }
            other => self.node(other.clone()),
        }
    }

    fn expand(mut self, target: Expr, name: &str, mut names: Vec<String>, mut rest: Vec<Expr>) -> Expr {
        let first = names.remove(0);
        let second = names.pop();
        let body = rest.pop();
        let Some(body) = body else { return self.node(Kind::Nothing) };
        let filter = rest.pop();
        match name {
            "optMap" | "optFlatMap" => self.optional(target, &first, body, name == "optFlatMap"),
            "sortBy" => self.sorted(target, first, body),
            _ => self.fold(target, name, first, second, filter, body),
        }
    }

    fn fold(&mut self, range: Expr, name: &str, variable: String, second: Option<String>, filter: Option<Expr>, body: Expr) -> Expr {
        let (start, condition, step, result) = match name {
            "all" => {
                let accumulated = self.accumulated();
                let condition = self.call("@not_strictly_false", vec![accumulated]);
                let accumulated = self.accumulated();
                let step = self.call("_&&_", vec![accumulated, body]);
                (self.literal(Value::Bool(true)), condition, step, self.accumulated())
            }
            "exists" => {
                let accumulated = self.accumulated();
                let not = self.call("!_", vec![accumulated]);
                let condition = self.call("@not_strictly_false", vec![not]);
                let accumulated = self.accumulated();
                let step = self.call("_||_", vec![accumulated, body]);
                (self.literal(Value::Bool(false)), condition, step, self.accumulated())
            }
            "exists_one" | "existsOne" => {
                let (accumulated, one) = (self.accumulated(), self.literal(Value::Int(1)));
                let more = self.call("_+_", vec![accumulated, one]);
                let accumulated = self.accumulated();
                let step = self.call("_?_:_", vec![body, more, accumulated]);
                let (accumulated, one) = (self.accumulated(), self.literal(Value::Int(1)));
                let result = self.call("_==_", vec![accumulated, one]);
                (self.literal(Value::Int(0)), self.literal(Value::Bool(true)), step, result)
            }
            "transformMap" | "transformMapEntry" => {
                let accumulated = self.accumulated();
                let mut arguments = vec![accumulated];
                if name == "transformMap" {
                    let key = self.ident(&variable);
                    arguments.push(key);
                }
                arguments.push(body);
                let more = self.call("cel.@mapInsert", arguments);
                let step = self.filtered(filter, more);
                (self.node(Kind::Map(Vec::new())), self.literal(Value::Bool(true)), step, self.accumulated())
            }
            // map, filter, transformList
            _ => {
                let (filter, item) = match name {
                    "filter" => (Some(body), self.ident(&variable)),
                    _ => (filter, body),
                };
                let accumulated = self.accumulated();
                let item = self.list(vec![item]);
                let more = self.call("_+_", vec![accumulated, item]);
                let step = self.filtered(filter, more);
                (self.list(Vec::new()), self.literal(Value::Bool(true)), step, self.accumulated())
            }
        };
        let accumulator = ACCUMULATOR.to_owned();
        self.node(Kind::Fold(Box::new(Fold { range, variable, second, accumulator, start, condition, step, result })))
    }

    fn filtered(&mut self, filter: Option<Expr>, more: Expr) -> Expr {
        match filter {
            Some(filter) => {
                let accumulated = self.accumulated();
                self.call("_?_:_", vec![filter, more, accumulated])
            }
            None => more,
        }
    }

    /// A name for a value: a loop over nothing.
    fn bind(&mut self, name: &str, value: Expr, result: Expr) -> Expr {
        let range = self.list(Vec::new());
        let condition = self.literal(Value::Bool(false));
        let step = self.ident(name);
        self.node(Kind::Fold(Box::new(Fold {
            range,
            variable: "#unused".to_owned(),
            second: None,
            accumulator: name.to_owned(),
            start: value,
            condition,
            step,
            result,
        })))
    }

    fn member(&mut self, target: Expr, function: &str, arguments: Vec<Expr>) -> Expr {
        self.node(Kind::Call { function: function.to_owned(), target: Some(Box::new(target)), arguments })
    }

    fn optional(&mut self, target: Expr, name: &str, body: Expr, flat: bool) -> Expr {
        let tested = self.copy(&target);
        let tested = self.member(tested, "hasValue", Vec::new());
        let value = self.member(target, "value", Vec::new());
        let bound = self.bind(name, value, body);
        let yes = if flat { bound } else { self.call("optional.of", vec![bound]) };
        let no = self.call("optional.none", Vec::new());
        self.call("_?_:_", vec![tested, yes, no])
    }

    fn sorted(&mut self, target: Expr, variable: String, key: Expr) -> Expr {
        const INPUT: &str = "@__sortBy_input__";
        let range = self.ident(INPUT);
        let keys = self.fold(range, "map", variable, None, None, key);
        let list = self.ident(INPUT);
        let sorted = self.member(list, "@sortByAssociatedKeys", vec![keys]);
        self.bind(INPUT, target, sorted)
    }
}

impl Value {
    /// Returns a text.
    pub(crate) fn text(text: &str) -> Self {
        Self::String(Arc::from(text))
    }
}
