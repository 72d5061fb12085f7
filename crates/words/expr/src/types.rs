//! What the checker knows of a value before there is one.

use std::fmt;

use crate::Value;

/// A type, as far as it is known when an expression is compiled.
#[derive(Debug, Clone, PartialEq)]
pub enum Type {
    /// Nothing is known.
    Unknown,
    /// An `interface {}`: anything, but a thing of a declared type.
    Any,
    /// `nil`.
    Nil,
    /// `bool`.
    Bool,
    /// `int`.
    Int,
    /// `uint8`.
    Byte,
    /// `float64`.
    Float,
    /// `string`.
    Text,
    /// `[]uint8`.
    Bytes,
    /// A list, by Go's name of it and what is in it.
    List(&'static str, Box<Type>),
    /// A map, by Go's name of it, its keys and what is in it.
    Map(&'static str, Box<Type>, Box<Type>),
    /// `time.Time`.
    Time,
    /// `time.Duration`.
    Duration,
    /// `*time.Location`.
    Zone,
    /// `time.Month`, `time.Weekday`.
    Named(&'static str),
    /// A struct of the environment.
    Struct(&'static StructType),
    /// `*semver.Version`.
    Version,
}

/// A struct type of the environment.
#[derive(Debug)]
pub struct StructType {
    /// Its Go name, as error texts show it.
    pub name: &'static str,
    /// Its fields.
    pub fields: &'static [Field],
}

/// A field of a struct type.
#[derive(Debug)]
pub struct Field {
    /// The Go name, by which expressions find it.
    pub name: &'static str,
    /// The name in JSON.
    pub json: &'static str,
    /// Whether an empty value is left out of the JSON.
    pub omit_empty: bool,
    /// What it holds.
    pub of: fn() -> Type,
}

/// Go knows a type by its name.
impl PartialEq for StructType {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

/// A function that the environment has.
#[derive(Debug, Clone, Copy)]
pub struct Function {
    /// Its name.
    pub name: &'static str,
    /// What it takes and gives, in the order in which they are tried.
    pub overloads: &'static [(&'static [fn() -> Type], fn() -> Type)],
}

impl Type {
    /// `[]interface {}` of something.
    pub fn list(of: Self) -> Self {
        Self::List("[]interface {}", Box::new(of))
    }

    /// `[]string`.
    pub fn texts() -> Self {
        Self::List("[]string", Box::new(Self::Text))
    }

    /// `map[string]interface {}`.
    pub fn map() -> Self {
        Self::Map("map[string]interface {}", Box::new(Self::Text), Box::new(Self::Any))
    }

    /// `map[string]string`.
    pub fn map_of_texts() -> Self {
        Self::Map("map[string]string", Box::new(Self::Text), Box::new(Self::Text))
    }

    /// Returns the type of a value that is there already.
    pub fn of(value: &Value) -> Self {
        match value {
            Value::Nil => Self::Nil,
            Value::Bool(_) => Self::Bool,
            Value::Int(_) => Self::Int,
            Value::Byte(_) => Self::Byte,
            Value::Float(_) => Self::Float,
            Value::Text(_) => Self::Text,
            Value::Bytes(_) => Self::Bytes,
            Value::List(_) => Self::list(Self::Any),
            Value::Map(map) if map.of_texts => Self::map_of_texts(),
            Value::Map(_) => Self::map(),
            Value::Pairs(_) => Self::Map("map[interface {}]interface {}", Box::new(Self::Any), Box::new(Self::Any)),
            Value::Duration(_) => Self::Duration,
            Value::Time(_) => Self::Time,
            Value::Zone(_) => Self::Zone,
            Value::Named(name, ..) => Self::Named(name),
            Value::Struct(value) => Self::Struct(value.of),
            Value::Version(_) => Self::Version,
        }
    }

    pub(crate) fn is_unknown(&self) -> bool {
        matches!(self, Self::Unknown | Self::Any)
    }

    pub(crate) fn is_integer(&self) -> bool {
        matches!(self, Self::Int | Self::Byte)
    }

    pub(crate) fn is_number(&self) -> bool {
        self.is_integer() || *self == Self::Float
    }

    pub(crate) fn is_list(&self) -> bool {
        matches!(self, Self::List(..) | Self::Bytes)
    }

    /// Returns what is in a list or map.
    pub(crate) fn element(&self) -> Self {
        match self {
            Self::List(_, of) | Self::Map(_, _, of) => (**of).clone(),
            Self::Bytes => Self::Byte,
            _ => Self::Unknown,
        }
    }

    /// Tells whether a value of this type may stand where one of the other is declared.
    pub(crate) fn assignable_to(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Nil, Self::Any | Self::Map(..) | Self::List(..) | Self::Bytes | Self::Zone | Self::Version) => true,
            (Self::Nil | Self::Unknown, _) | (_, Self::Nil | Self::Unknown) => false,
            (_, Self::Any) => true,
            (Self::List(a, _), Self::List(b, _)) | (Self::Map(a, ..), Self::Map(b, ..)) => a == b,
            (a, b) => a == b,
        }
    }

    pub(crate) fn comparable_to(&self, other: &Self) -> bool {
        self.is_unknown()
            || other.is_unknown()
            || *self == Self::Nil
            || *other == Self::Nil
            || (self.is_number() && other.is_number())
            || (self.is_list() && other.is_list())
            || self.assignable_to(other)
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unknown | Self::Nil => "unknown",
            Self::Any => "interface {}",
            Self::Bool => "bool",
            Self::Int => "int",
            Self::Byte => "uint8",
            Self::Float => "float64",
            Self::Text => "string",
            Self::Bytes => "[]uint8",
            Self::List(name, _) | Self::Map(name, ..) | Self::Named(name) => name,
            Self::Time => "time.Time",
            Self::Duration => "time.Duration",
            Self::Zone => "*time.Location",
            Self::Struct(of) => of.name,
            Self::Version => "*semver.Version",
        })
    }
}
