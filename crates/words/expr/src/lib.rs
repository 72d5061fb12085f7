//! The expression language of Kargo and Argo Rollouts: expr-lang v1.17, and Kargo's `${{ … }}` around it.
//! Read first: [`Program`], [`Scope`], [`template`]. Follows expr-lang/expr and akuity/kargo `pkg/expressions`.
//!
//! Compiling and evaluating are two calls. An expression does no I/O: what it needs and what is not there yet is a
//! [`Question`]. Steps, nesting, nodes and memory are bounded.

pub mod argo;
mod ast;
mod builtins;
mod checker;
mod error;
mod eval;
mod golike;
mod json;
pub mod kargo;
mod lexer;
mod operators;
mod parser;
mod print;
mod question;
mod template;
mod types;
mod value;
mod yaml;

pub use checker::Known;
pub use error::{ExprError, Halt, Refusal};
pub use eval::Scope;
pub use question::Question;
pub use template::{Template, Want, has_expression, template, template_all};
pub use types::{Field, Function, StructType, Type};
pub use value::{Map, Struct, Value};

/// Longest source that is compiled.
const LONGEST: usize = 64 << 10;

/// A compiled expression.
#[derive(Debug)]
pub struct Program {
    source: String,
    root: ast::Node,
    slots: usize,
    of: Type,
}

impl Program {
    /// Compiles an expression, without `${{ }}`.
    pub fn compile(source: &str, known: &Known<'_>) -> Result<Self, ExprError> {
        if source.len() > LONGEST {
            return Err(ExprError::new("the expression is too long"));
        }
        let place = |(at, message): (u32, String)| ExprError::at(source, usize::try_from(at).unwrap_or(usize::MAX), message);
        let mut root = parser::parse(source, &|name| known.function(name).is_some()).map_err(place)?;
        let (of, slots) = checker::check(&mut root, source, known).map_err(place)?;
        Ok(Self { source: source.to_owned(), root, slots, of })
    }

    /// Evaluates the expression in an environment.
    pub fn run(&self, scope: &dyn Scope) -> Result<Value, Halt> {
        eval::Evaluation::new(scope, &self.source, self.slots).value(&self.root)
    }

    /// Returns what is known of the value's type.
    pub fn of(&self) -> &Type {
        &self.of
    }
}

/// Compiles and evaluates an expression that may use any name.
pub fn eval(source: &str, scope: &dyn Scope) -> Result<Value, Halt> {
    Program::compile(source, &Known::default())?.run(scope)
}
