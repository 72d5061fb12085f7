//! Structural schemas: what the fields of a resource are, checked, defaulted and pruned as Kubernetes does.
//!
//! Read first: [`Schema`], [`Schema::compile`], [`validate`], [`default`], [`prune`].

mod compile;
mod declared;
mod default;
mod definition;
mod field_path;
mod format;
mod prune;
mod rules;
mod strict;
mod structural;
mod typed;
mod validate;
mod value;
mod violation;

pub use compile::SchemaError;
pub use default::{default, drop_nulls};
pub use definition::{Definition, check_definition, unrecognized_formats};
pub use field_path::field_path;
pub use prune::prune;
pub use rules::check_rules;
pub use strict::{Parsed, StrictError, parse_strict};
pub use validate::{validate, validate_rules, validate_status};
pub use violation::{Cause, Violation};

use std::collections::BTreeMap;
use std::sync::Arc;

use regex::Regex;
use serde_json::{Number, Value};

/// How deep a schema or a document may nest before it is refused.
pub const DEPTH: usize = 200;

/// What a value must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    /// A map.
    Object,
    /// A list.
    Array,
    /// A text.
    String,
    /// A whole number.
    Integer,
    /// A number.
    Number,
    /// True or false.
    Boolean,
}

impl Type {
    /// Returns the word that stands in schemas and messages.
    pub fn word(self) -> &'static str {
        match self {
            Self::Object => "object",
            Self::Array => "array",
            Self::String => "string",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::Boolean => "boolean",
        }
    }
}

/// How a list merges.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum ListType {
    /// As a whole.
    #[default]
    Atomic,
    /// By value.
    Set,
    /// By the values of these fields.
    Map(Vec<String>),
}

/// A compiled structural schema. Parts are shared, so that a clone is cheap.
#[derive(Debug, Clone, Default)]
pub struct Schema {
    /// The type; `None` for int-or-string and for "anything".
    pub kind: Option<Type>,
    /// Declared fields of an object.
    pub properties: BTreeMap<String, Arc<Schema>>,
    /// What undeclared fields of an object must be.
    pub additional: Option<Arc<Schema>>,
    /// What the items of a list must be.
    pub items: Option<Arc<Schema>>,
    /// Fields that must be there.
    pub required: Vec<String>,
    /// The value of a field that is not there.
    pub default: Option<Value>,
    /// Whether null is a value.
    pub nullable: bool,
    /// `x-kubernetes-int-or-string`.
    pub int_or_string: bool,
    /// `x-kubernetes-preserve-unknown-fields`.
    pub preserve_unknown: bool,
    /// `x-kubernetes-embedded-resource`.
    pub embedded: bool,
    /// `x-kubernetes-list-type` and `-map-keys`.
    pub list: ListType,
    /// Whether `x-kubernetes-map-type` is `atomic`.
    pub atomic: bool,
    /// `format`.
    pub format: Option<String>,
    /// The bounds on the value.
    pub limits: Limits,
    /// `x-kubernetes-validations`, compiled.
    pub(crate) rules: Arc<Vec<rules::Compiled>>,
    /// Whether this node or one below it has rules.
    pub(crate) has_rules: bool,
}

/// What a value must satisfy beyond its type.
#[derive(Debug, Clone, Default)]
pub struct Limits {
    /// The values allowed.
    pub one_of_values: Option<Vec<Value>>,
    /// A regular expression and its text.
    pub pattern: Option<(String, Regex)>,
    /// Smallest number.
    pub minimum: Option<Number>,
    /// Whether the smallest number itself is refused.
    pub exclusive_minimum: bool,
    /// Largest number.
    pub maximum: Option<Number>,
    /// Whether the largest number itself is refused.
    pub exclusive_maximum: bool,
    /// What a number must be a multiple of.
    pub multiple_of: Option<Number>,
    /// Fewest characters.
    pub min_length: Option<u64>,
    /// Most characters.
    pub max_length: Option<u64>,
    /// Fewest items.
    pub min_items: Option<u64>,
    /// Most items.
    pub max_items: Option<u64>,
    /// Fewest fields.
    pub min_properties: Option<u64>,
    /// Most fields.
    pub max_properties: Option<u64>,
    /// All of these hold.
    pub all_of: Vec<Schema>,
    /// One or more of these hold.
    pub any_of: Vec<Schema>,
    /// Exactly one of these holds.
    pub one_of: Vec<Schema>,
    /// This does not hold.
    pub not: Option<Box<Schema>>,
}

impl Schema {
    /// Returns the schema that takes anything.
    pub fn anything() -> Self {
        Self { preserve_unknown: true, ..Self::default() }
    }

    /// Returns the schema of a declared or additional field.
    pub fn field(&self, name: &str) -> Option<&Arc<Schema>> {
        self.properties.get(name).or(self.additional.as_ref())
    }
}
