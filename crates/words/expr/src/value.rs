use std::collections::BTreeMap;
use std::sync::Arc;

use golang::Version;
use golang::time::{Moment, Zone};

use crate::types::StructType;

/// A value of an expression, told apart as Go tells its types apart. Copies are cheap: what is large is shared.
#[derive(Debug, Clone)]
pub enum Value {
    /// `nil`.
    Nil,
    /// `bool`.
    Bool(bool),
    /// `int`.
    Int(i64),
    /// `uint8`: what indexing into a string or bytes gives.
    Byte(u8),
    /// `float64`.
    Float(f64),
    /// `string`.
    Text(Arc<str>),
    /// `[]uint8`.
    Bytes(Arc<[u8]>),
    /// `[]interface {}` and the lists of one type.
    List(Arc<List>),
    /// `map[string]interface {}` and `map[string]string`.
    Map(Arc<Map>),
    /// `map[interface {}]…`, which `groupBy` and `fromPairs` make; in the order of insertion.
    Pairs(Arc<Pairs>),
    /// `time.Duration` in nanoseconds.
    Duration(i64),
    /// `time.Time`.
    Time(Arc<Moment>),
    /// `*time.Location`.
    Zone(Arc<Zone>),
    /// `time.Month` and `time.Weekday`: the type, the number, the name.
    Named(&'static str, i64, &'static str),
    /// A struct of the environment.
    Struct(Arc<Struct>),
    /// `*semver.Version`.
    Version(Arc<Version>),
}

/// A list; knows how deep it is, because what is nested without bound can be neither printed nor dropped.
#[derive(Debug, Clone)]
pub struct List {
    items: Vec<Value>,
    depth: u16,
}

impl std::ops::Deref for List {
    type Target = Vec<Value>;

    fn deref(&self) -> &Vec<Value> {
        &self.items
    }
}

/// The entries of a map whose keys may be anything.
#[derive(Debug, Clone)]
pub struct Pairs {
    pairs: Vec<(Value, Value)>,
    depth: u16,
}

impl std::ops::Deref for Pairs {
    type Target = Vec<(Value, Value)>;

    fn deref(&self) -> &Vec<(Value, Value)> {
        &self.pairs
    }
}

/// A map from text to values.
#[derive(Debug, Clone)]
pub struct Map {
    /// What is in it, in order.
    pub entries: BTreeMap<Arc<str>, Value>,
    /// Whether a key that is not there has the empty text, as in a `map[string]string`, and not nil.
    pub of_texts: bool,
    depth: u16,
}

fn deeper<'a>(values: impl Iterator<Item = &'a Value>) -> u16 {
    values.map(Value::depth).max().unwrap_or(0).saturating_add(1)
}

impl Map {
    /// Returns the value of a key, or what a key has that is not there.
    pub fn get(&self, key: &str) -> Value {
        match self.entries.get(key) {
            Some(value) => value.clone(),
            None if self.of_texts => Value::from(""),
            None => Value::Nil,
        }
    }
}

/// A struct of the environment, such as an image of a Freight.
#[derive(Debug, Clone)]
pub struct Struct {
    /// Its type.
    pub of: &'static StructType,
    /// The values of the type's fields, in their order.
    pub values: Vec<Value>,
}

impl Struct {
    /// Returns a field by its Go name.
    pub fn field(&self, name: &str) -> Option<&Value> {
        self.values.get(self.of.fields.iter().position(|field| field.name == name)?)
    }
}

impl Value {
    /// Returns a list.
    pub fn list(items: Vec<Self>) -> Self {
        let depth = deeper(items.iter());
        Self::List(Arc::new(List { items, depth }))
    }

    /// Returns a map whose keys may be anything; no key may be there twice.
    pub(crate) fn pairs(pairs: Vec<(Self, Self)>) -> Self {
        let depth = deeper(pairs.iter().map(|(_, value)| value));
        Self::Pairs(Arc::new(Pairs { pairs, depth }))
    }

    /// Returns a map.
    pub fn map<K: Into<Arc<str>>>(entries: impl IntoIterator<Item = (K, Self)>) -> Self {
        let entries: BTreeMap<Arc<str>, Self> = entries.into_iter().map(|(key, value)| (key.into(), value)).collect();
        let depth = deeper(entries.values());
        Self::Map(Arc::new(Map { entries, of_texts: false, depth }))
    }

    /// Returns a `map[string]string`: a key that is not there has the empty text.
    pub fn texts<K: Into<Arc<str>>, V: Into<Arc<str>>>(entries: impl IntoIterator<Item = (K, V)>) -> Self {
        let entries = entries.into_iter().map(|(key, value)| (key.into(), Self::Text(value.into()))).collect();
        Self::Map(Arc::new(Map { entries, of_texts: true, depth: 1 }))
    }

    /// Returns a struct.
    pub fn record(of: &'static StructType, values: Vec<Self>) -> Self {
        Self::Struct(Arc::new(Struct { of, values }))
    }

    /// Reads JSON as Go does: every number is a float, but for whole numbers that no float holds exactly.
    pub fn from_json(json: &serde_json::Value) -> Self {
        use serde_json::Value as Json;
        match json {
            Json::Null => Self::Nil,
            Json::Bool(value) => Self::Bool(*value),
            Json::Number(number) => match number.as_i64() {
                Some(whole) if whole.unsigned_abs() > 1 << 53 => Self::Int(whole),
                _ => Self::Float(number.as_f64().unwrap_or(f64::NAN)),
            },
            Json::String(text) => Self::from(text.as_str()),
            Json::Array(items) => Self::list(items.iter().map(Self::from_json).collect()),
            Json::Object(map) => Self::map(map.iter().map(|(key, value)| (key.as_str(), Self::from_json(value)))),
        }
    }

    /// Returns the text of a string.
    pub fn as_text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    /// Returns the value of a bool.
    pub fn as_bool(&self) -> Option<bool> {
        if let Self::Bool(value) = self { Some(*value) } else { None }
    }

    /// Tells whether this is nil.
    pub fn is_nil(&self) -> bool {
        matches!(self, Self::Nil)
    }

    /// Returns the Go type's name, as `%T` prints it.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Nil => "<nil>",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Byte(_) => "uint8",
            Self::Float(_) => "float64",
            Self::Text(_) => "string",
            Self::Bytes(_) => "[]uint8",
            Self::List(_) => "[]interface {}",
            Self::Map(map) if map.of_texts => "map[string]string",
            Self::Map(_) => "map[string]interface {}",
            Self::Pairs(_) => "map[interface {}]interface {}",
            Self::Duration(_) => "time.Duration",
            Self::Time(_) => "time.Time",
            Self::Zone(_) => "*time.Location",
            Self::Named(name, ..) => name,
            Self::Struct(value) => value.of.name,
            Self::Version(_) => "*semver.Version",
        }
    }

    /// Returns the type as the function `type` names it.
    pub fn type_shown(&self) -> &'static str {
        crate::builtins::type_of(self)
    }

    /// Returns how many lists and maps lie in each other here.
    pub(crate) fn depth(&self) -> u16 {
        match self {
            Self::List(list) => list.depth,
            Self::Map(map) => map.depth,
            Self::Pairs(pairs) => pairs.depth,
            Self::Struct(value) => deeper(value.values.iter()),
            _ => 0,
        }
    }

    /// Returns how many values there are in all, parts that are shared as often as they stand there; no more than the cap.
    pub(crate) fn bulk(&self, cap: usize) -> usize {
        let mut total: usize = 1;
        let mut add = |value: &Self| {
            if total < cap {
                total += value.bulk(cap - total);
            }
        };
        match self {
            Self::Text(text) => return (1 + text.len() / 16).min(cap),
            Self::Bytes(bytes) => return (1 + bytes.len() / 16).min(cap),
            Self::List(items) => items.iter().take(cap).for_each(add),
            Self::Map(map) => map.entries.values().for_each(add),
            Self::Pairs(pairs) => pairs.iter().for_each(|(key, value)| {
                add(key);
                add(value);
            }),
            Self::Struct(value) => value.values.iter().for_each(add),
            _ => {}
        }
        total.min(cap)
    }

    /// Returns about how many elements and how many bytes of text this is, itself only.
    pub(crate) fn weight(&self) -> usize {
        match self {
            Self::Text(text) => text.len() / 16,
            Self::Bytes(bytes) => bytes.len() / 16,
            Self::List(items) => items.len(),
            Self::Map(map) => map.entries.len(),
            Self::Pairs(pairs) => pairs.len(),
            _ => 0,
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text.into())
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<usize> for Value {
    fn from(value: usize) -> Self {
        Self::Int(i64::try_from(value).unwrap_or(i64::MAX))
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Self::Float(value)
    }
}

/// Prints the value as Go's `%v`.
impl std::fmt::Display for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&crate::golike::shown(self))
    }
}
