//! The tree of an expression. Every node has a number, by which its place, type and overloads are found.

use crate::value::Value;

/// One node.
#[derive(Debug, Clone)]
pub(crate) struct Expr {
    pub id: usize,
    pub kind: Kind,
}

/// What a node is.
#[derive(Debug, Clone)]
pub(crate) enum Kind {
    Literal(Value),
    Ident(String),
    Select {
        operand: Box<Expr>,
        field: String,
        test: bool,
    },
    Call {
        function: String,
        target: Option<Box<Expr>>,
        arguments: Vec<Expr>,
    },
    List {
        items: Vec<Expr>,
        optional: Vec<usize>,
    },
    Map(Vec<Entry>),
    Struct {
        name: String,
        fields: Vec<(usize, String, Expr, bool)>,
    },
    Fold(Box<Fold>),
    /// Where the parser found nothing; only in trees that are not evaluated.
    Nothing,
}

/// One entry of a map literal.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub key: Expr,
    pub value: Expr,
    pub optional: bool,
}

/// What the macros `all`, `map` and the like become.
#[derive(Debug, Clone)]
pub(crate) struct Fold {
    pub range: Expr,
    pub variable: String,
    pub second: Option<String>,
    pub accumulator: String,
    pub start: Expr,
    pub condition: Expr,
    pub step: Expr,
    pub result: Expr,
}

/// The variable in which folds keep their result.
pub(crate) const ACCUMULATOR: &str = "@result";

impl Expr {
    pub fn as_ident(&self) -> Option<&str> {
        match &self.kind {
            Kind::Ident(name) => Some(name),
            _ => None,
        }
    }

    /// Returns `a.b.c` when the node is names and dots only.
    pub fn qualified(&self) -> Option<String> {
        match &self.kind {
            Kind::Ident(name) => Some(name.clone()),
            Kind::Select { operand, field, test: false } => Some(format!("{}.{field}", operand.qualified()?)),
            _ => None,
        }
    }
}

/// A parsed expression: the tree and where each node stands, counted in characters.
#[derive(Debug)]
pub(crate) struct Parsed {
    pub root: Expr,
    pub places: Vec<usize>,
}
