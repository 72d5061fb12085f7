//! The tree of an expression. Places are characters from the start of the source.

use std::sync::Arc;

use regex::Regex;

use crate::builtins::Builtin;

#[derive(Debug)]
pub(crate) struct Node {
    pub kind: Kind,
    pub at: u32,
    /// How many nodes lie below each other here; bounded, because trees are walked by recursion.
    pub depth: u16,
}

#[derive(Debug)]
pub(crate) enum Kind {
    Nil,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(Arc<str>),
    Bytes(Arc<[u8]>),
    /// A name of the environment.
    Name(Arc<str>),
    /// A variable of `let`; the checker puts it in place of its name.
    Local(Arc<str>, usize),
    Unary(Unary, Box<Node>),
    Binary(Binary, Box<Node>, Box<Node>),
    /// `matches` with a pattern that is known; compiled once.
    Matches(Box<Node>, Arc<str>, Box<Regex>),
    /// `a < b <= c`: each neighbours' comparison must hold.
    Compare(Box<Node>, Vec<(Binary, u32, Node)>),
    /// Where a `?.` that meets nil ends.
    Chain(Box<Node>),
    Member(Box<Member>),
    Slice {
        of: Box<Node>,
        from: Option<Box<Node>>,
        to: Option<Box<Node>>,
    },
    /// A function of the environment.
    Call {
        name: Arc<str>,
        arguments: Vec<Node>,
    },
    /// A method of a value.
    Method {
        callee: Box<Member>,
        arguments: Vec<Node>,
    },
    Builtin(&'static Builtin, Vec<Node>),
    Each(Each, Vec<Node>),
    Pointer(Pointer),
    Let {
        name: Arc<str>,
        slot: usize,
        value: Box<Node>,
        body: Box<Node>,
    },
    Sequence(Vec<Node>),
    /// Without `then` the condition itself is the result, as in `a ?: b`.
    Conditional {
        condition: Box<Node>,
        then: Option<Box<Node>>,
        otherwise: Box<Node>,
    },
    List(Vec<Node>),
    Map(Vec<(Node, Node)>),
}

#[derive(Debug)]
pub(crate) struct Member {
    pub of: Node,
    pub property: Node,
    pub optional: bool,
    pub dotted: bool,
    /// Whether the checker knows that this is a field of a struct.
    pub field: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unary {
    Not,
    Plus,
    Minus,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Binary {
    Or,
    And,
    Equal,
    NotEqual,
    Less,
    More,
    LessOrEqual,
    MoreOrEqual,
    In,
    Matches,
    Contains,
    StartsWith,
    EndsWith,
    Range,
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
    Power,
    Coalesce,
}

impl Binary {
    /// Returns an operator by its text, with its precedence and whether it binds to the right.
    pub fn find(text: &str) -> Option<(Self, u16, bool)> {
        Some(match text {
            "or" | "||" => (Self::Or, 10, false),
            "and" | "&&" => (Self::And, 15, false),
            "==" => (Self::Equal, 20, false),
            "!=" => (Self::NotEqual, 20, false),
            "<" => (Self::Less, 20, false),
            ">" => (Self::More, 20, false),
            "<=" => (Self::LessOrEqual, 20, false),
            ">=" => (Self::MoreOrEqual, 20, false),
            "in" => (Self::In, 20, false),
            "matches" => (Self::Matches, 20, false),
            "contains" => (Self::Contains, 20, false),
            "startsWith" => (Self::StartsWith, 20, false),
            "endsWith" => (Self::EndsWith, 20, false),
            ".." => (Self::Range, 25, false),
            "+" => (Self::Add, 30, false),
            "-" => (Self::Subtract, 30, false),
            "*" => (Self::Multiply, 60, false),
            "/" => (Self::Divide, 60, false),
            "%" => (Self::Modulo, 60, false),
            "**" | "^" => (Self::Power, 100, true),
            "??" => (Self::Coalesce, 500, false),
            _ => return None,
        })
    }

    /// Returns the operator as error texts and the printer show it.
    pub fn text(self) -> &'static str {
        match self {
            Self::Or => "or",
            Self::And => "and",
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::More => ">",
            Self::LessOrEqual => "<=",
            Self::MoreOrEqual => ">=",
            Self::In => "in",
            Self::Matches => "matches",
            Self::Contains => "contains",
            Self::StartsWith => "startsWith",
            Self::EndsWith => "endsWith",
            Self::Range => "..",
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Modulo => "%",
            Self::Power => "**",
            Self::Coalesce => "??",
        }
    }

    pub fn is_comparison(self) -> bool {
        matches!(self, Self::Less | Self::More | Self::LessOrEqual | Self::MoreOrEqual)
    }
}

/// The built-ins that take a predicate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Each {
    All,
    None,
    Any,
    One,
    Filter,
    Map,
    Count,
    Sum,
    Find,
    FindIndex,
    FindLast,
    FindLastIndex,
    GroupBy,
    SortBy,
    Reduce,
}

impl Each {
    pub const NAMES: &[(&str, Self)] = &[
        ("all", Self::All),
        ("none", Self::None),
        ("any", Self::Any),
        ("one", Self::One),
        ("filter", Self::Filter),
        ("map", Self::Map),
        ("count", Self::Count),
        ("sum", Self::Sum),
        ("find", Self::Find),
        ("findIndex", Self::FindIndex),
        ("findLast", Self::FindLast),
        ("findLastIndex", Self::FindLastIndex),
        ("groupBy", Self::GroupBy),
        ("sortBy", Self::SortBy),
        ("reduce", Self::Reduce),
    ];

    pub fn find(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(known, _)| *known == name).map(|(_, each)| *each)
    }

    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(_, each)| *each == self).map_or("", |(name, _)| name)
    }

    /// Returns how many arguments it takes, at least and at most.
    pub fn arity(self) -> (usize, usize) {
        match self {
            Self::Count | Self::Sum => (1, 2),
            Self::SortBy | Self::Reduce => (2, 3),
            _ => (2, 2),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Pointer {
    Item,
    Index,
    Accumulator,
    /// A name that no predicate has; the checker refuses it.
    Other(String),
}
