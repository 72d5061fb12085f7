//! expr-lang expressions and `${{ }}` templates, as Kargo and Argo analysis use them.
//!
//! A subset of expr-lang v1.17: literals, member and index access, calls, arithmetic, comparison, logic, `??`, `?.`, the
//! ternary, pipes, lists and maps. Closures (`filter(xs, .a)`) and `let` are refused by name.
//! Read first: [`eval`], [`template`], [`Scope`].

mod builtin;
mod eval;
mod lexer;
mod parser;
mod template;

pub use eval::{Scope, eval};
pub use template::{has_expression, template, template_all};

/// Why an expression has no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExprError {
    /// The text is no expression.
    #[error("{text} at character {at} of {source_text:?}")]
    Syntax {
        /// What is wrong.
        text: String,
        /// Where, counted from 1.
        at: usize,
        /// The expression, cut to a hundred characters.
        source_text: String,
    },
    /// The expression cannot be evaluated.
    #[error("{0}")]
    Evaluation(String),
}
