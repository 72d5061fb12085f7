//! The Common Expression Language as Kubernetes has it: parsed, type-checked, priced and evaluated in the words of cel-go.
//! Pure: no clock, no network; every evaluation has a cost limit.
//!
//! Read first: [`Environment`], [`Environment::compile`], [`Program`], [`Value`]. The functions are those of a 1.36 server
//! (kubernetes `apiserver/pkg/cel/environment/base.go`) but for the `authorizer`, which is refused as undeclared.

mod ast;
mod checker;
mod cost;
mod declarations;
mod escape;
mod eval;
mod issues;
mod lexer;
mod library;
mod literal;
mod macros;
mod operators;
mod parser;
mod price;
mod types;
mod unify;
mod value;

use std::collections::BTreeMap;

pub use cost::{Range, Sizes};
pub use escape::{escape, is_reserved};
pub use eval::{Evaluated, Variables};
pub use issues::Issues;
pub use types::{ObjectType, Type};
pub use value::{EvalError, ListKind, Map, Value};

use crate::checker::Checked;

/// The most that one evaluation may cost. Kubernetes `apiserver/pkg/apis/cel/config.go` (PerCallLimit).
pub const PER_CALL_LIMIT: u64 = 1_000_000;
/// An expression longer than this is not read.
const LONGEST: usize = 1 << 20;

/// The names an expression may use and what they are.
#[derive(Debug, Clone, Default)]
pub struct Environment {
    variables: BTreeMap<String, Type>,
}

impl Environment {
    /// Adds a variable.
    #[must_use]
    pub fn with(mut self, name: &str, kind: Type) -> Self {
        self.variables.insert(name.to_owned(), kind);
        self
    }

    /// Parses and checks an expression; the issues say where it fails, in cel-go's form.
    pub fn compile(&self, text: &str) -> Result<Program, Issues> {
        if text.len() > LONGEST {
            return Err(Issues::one(text, 0, "expression code point size exceeds limit: size: too large, limit 100000".to_owned()));
        }
        let parsed = parser::parse(text)?;
        let checked = checker::check(text, parsed, &self.variables)?;
        Ok(Program { checked })
    }
}

/// An expression that was checked.
#[derive(Debug)]
pub struct Program {
    checked: Checked,
}

impl Program {
    /// Returns the type of the result.
    pub fn output(&self) -> &Type {
        self.checked.type_of(&self.checked.root)
    }

    /// Tells whether the expression reads a variable.
    pub fn uses(&self, variable: &str) -> bool {
        self.checked.uses.contains(variable)
    }

    /// Tells whether the expression reads a field of a variable.
    pub fn reads(&self, variable: &str, field: &str) -> bool {
        self.checked.reads.contains(&(variable.to_owned(), field.to_owned()))
    }

    /// Returns what an evaluation costs at most, `sizes` being how large the values may be.
    pub fn estimate(&self, sizes: &dyn Sizes) -> Range {
        cost::estimate(&self.checked, sizes)
    }

    /// Evaluates; stops when it costs more than `limit`.
    pub fn evaluate(&self, variables: &dyn Variables, limit: u64) -> Evaluated {
        eval::evaluate(&self.checked, variables, limit)
    }
}
