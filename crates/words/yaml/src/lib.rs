//! YAML as Go reads and writes it, and edits that leave every other byte alone.
//!
//! Kubernetes tools read YAML in two dialects that differ ([`Dialect`]), and everything they write goes through one
//! emitter ([`write`]). Read first: [`read_all`], [`set_scalar`].

mod edit;
mod emit;
mod expressions;
mod key_order;
mod node;
mod quick;
mod resolve;
mod safe;

pub use edit::{EditError, Path, Step, append, delete, insert, replace, set, set_scalar};
pub use emit::{go_float, write, write_all};
pub use expressions::{expressions, mask, quote_expressions};
pub use node::{Content, Node, Style, nodes};
pub use resolve::{Dialect, Written, plain_digits, plain_scalar, read, read_all, read_first, value_of, value_with};
pub use safe::write_safe;

/// Why a text is not read. Lines count from 1.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum YamlError {
    /// The text is no YAML.
    #[error("line {line}, column {column}: {text}")]
    Syntax {
        /// Where.
        line: usize,
        /// Where in the line.
        column: usize,
        /// What the parser says.
        text: String,
    },
    /// The text is YAML but not of the kind that can be used here.
    #[error("line {line}: {text}")]
    Meaning {
        /// Where.
        line: usize,
        /// What is wrong.
        text: String,
    },
    /// The text exceeds a bound.
    #[error("line {line}: the document exceeds the limit of {limit}")]
    Limit {
        /// Where.
        line: usize,
        /// Which limit.
        limit: &'static str,
    },
    /// One document was expected.
    #[error("expected one YAML document, found {0}")]
    Documents(usize),
}
