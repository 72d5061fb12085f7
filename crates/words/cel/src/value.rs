use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use golang::Quantity;
use jiff::Timestamp;

use crate::types::{CIDR, FORMAT, IP, QUANTITY, SEMVER, Type, URL};

/// A value of an expression.
#[derive(Debug, Clone)]
pub enum Value {
    /// `null`.
    Null,
    /// True or false.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A whole number that is not negative.
    Uint(u64),
    /// A floating number.
    Double(f64),
    /// A text.
    String(Arc<str>),
    /// Bytes.
    Bytes(Arc<[u8]>),
    /// A list.
    List(Arc<Vec<Value>>, ListKind),
    /// A map or an object.
    Map(Arc<Map>),
    /// A span of time in nanoseconds.
    Duration(i64),
    /// A point in time.
    Timestamp(Timestamp),
    /// A type, by its name.
    Type(Arc<str>),
    /// A value that may be absent.
    Optional(Option<Arc<Value>>),
    /// An amount.
    Quantity(Quantity),
    /// An address.
    Ip(IpAddr),
    /// A network.
    Cidr(IpAddr, u8),
    /// A URL.
    Url(Arc<crate::library::url::Url>),
    /// A named format.
    Format(&'static str),
    /// A semantic version.
    Semver(Arc<crate::library::semver::Semver>),
}

/// What makes two lists equal and what adding them does. Kubernetes `apiserver/pkg/cel/common/values.go`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum ListKind {
    /// Item by item.
    #[default]
    Plain,
    /// Whatever the order.
    Set,
    /// By the values of these fields.
    Keyed(Arc<Vec<String>>),
}

/// The entries of a map.
pub type Map = BTreeMap<Key, Value>;

/// The key of a map.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    /// True or false.
    Bool(bool),
    /// A whole number; unsigned ones that fit are kept as this.
    Int(i64),
    /// A whole number beyond the signed ones.
    Uint(u64),
    /// A text.
    String(Arc<str>),
}

/// Why an evaluation failed, in cel-go's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EvalError(pub String);

impl EvalError {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }

    pub(crate) fn no_overload() -> Self {
        Self::new("no such overload")
    }
}

impl std::fmt::Display for EvalError {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(&self.0)
    }
}

impl std::error::Error for EvalError {}

impl Key {
    pub(crate) fn of(value: &Value) -> Option<Self> {
        Some(match value {
            Value::Bool(one) => Self::Bool(*one),
            Value::Int(number) => Self::Int(*number),
            Value::Uint(number) => i64::try_from(*number).map_or(Self::Uint(*number), Self::Int),
            Value::Double(number) if number.fract() == 0.0 && number.abs() < 9e15 => Self::Int(*number as i64),
            Value::String(text) => Self::String(text.clone()),
            _ => return None,
        })
    }

    pub(crate) fn value(&self) -> Value {
        match self {
            Self::Bool(one) => Value::Bool(*one),
            Self::Int(number) => Value::Int(*number),
            Self::Uint(number) => Value::Uint(*number),
            Self::String(text) => Value::String(text.clone()),
        }
    }
}

impl From<&str> for Key {
    fn from(text: &str) -> Self {
        Self::String(Arc::from(text))
    }
}

impl Value {
    /// Returns a plain list.
    pub fn list(items: Vec<Value>) -> Self {
        Self::List(Arc::new(items), ListKind::Plain)
    }

    /// Returns JSON as a value, without any schema.
    pub fn of_json(json: &serde_json::Value) -> Self {
        match json {
            serde_json::Value::Null => Self::Null,
            serde_json::Value::Bool(one) => Self::Bool(*one),
            serde_json::Value::Number(number) => match (number.as_i64(), number.as_f64()) {
                (Some(whole), _) => Self::Int(whole),
                (None, float) => Self::Double(float.unwrap_or(f64::NAN)),
            },
            serde_json::Value::String(text) => Self::text(text),
            serde_json::Value::Array(items) => Self::list(items.iter().map(Self::of_json).collect()),
            serde_json::Value::Object(map) => {
                Self::Map(Arc::new(map.iter().map(|(name, inner)| (Key::from(name.as_str()), Self::of_json(inner))).collect()))
            }
        }
    }

    /// Returns the text of a text.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// Returns the type of a literal.
    pub(crate) fn kind(&self) -> Type {
        match self {
            Self::Null => Type::Null,
            Self::Bool(_) => Type::Bool,
            Self::Int(_) => Type::Int,
            Self::Uint(_) => Type::Uint,
            Self::Double(_) => Type::Double,
            Self::String(_) => Type::String,
            Self::Bytes(_) => Type::Bytes,
            _ => Type::Dyn,
        }
    }

    /// Returns the name of the value's type.
    pub(crate) fn type_name(&self) -> &'static str {
        match self {
            Self::Null => "null_type",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Uint(_) => "uint",
            Self::Double(_) => "double",
            Self::String(_) => "string",
            Self::Bytes(_) => "bytes",
            Self::List(..) => "list",
            Self::Map(_) => "map",
            Self::Duration(_) => "google.protobuf.Duration",
            Self::Timestamp(_) => "google.protobuf.Timestamp",
            Self::Type(_) => "type",
            Self::Optional(_) => "optional_type",
            Self::Quantity(_) => QUANTITY,
            Self::Ip(_) => IP,
            Self::Cidr(..) => CIDR,
            Self::Url(_) => URL,
            Self::Format(_) => FORMAT,
            Self::Semver(_) => SEMVER,
        }
    }

    /// Tells whether the value is zero, empty or absent.
    pub(crate) fn is_zero(&self) -> bool {
        match self {
            Self::Null => true,
            Self::Bool(one) => !one,
            Self::Int(number) => *number == 0,
            Self::Uint(number) => *number == 0,
            Self::Double(number) => *number == 0.0,
            Self::String(text) => text.is_empty(),
            Self::Bytes(bytes) => bytes.is_empty(),
            Self::List(items, _) => items.is_empty(),
            Self::Map(map) => map.is_empty(),
            Self::Duration(nanos) => *nanos == 0,
            Self::Optional(inner) => inner.is_none(),
            _ => false,
        }
    }
}
