//! expr-lang's own functions but those with a predicate: what they take, what they give, what they do. One family, one file.
//! Source: expr-lang/expr builtin/builtin.go.

mod lists;
mod maps;
mod numbers;
mod signatures;
mod texts;
mod times;

pub(crate) use lists::sorted;
pub(crate) use numbers::{float_of, int_of};
pub(crate) use signatures::Checked;
pub(crate) use times::{call as call_method, method};

use crate::types::Type;
use crate::{Scope, Value};

/// A function of the language.
pub(crate) struct Builtin {
    pub name: &'static str,
    pub check: signatures::Check,
    pub run: fn(&mut Input<'_>) -> Result<Value, String>,
}

impl std::fmt::Debug for Builtin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

/// What a function is given.
pub(crate) struct Input<'a> {
    pub name: &'static str,
    pub arguments: &'a [Value],
    pub scope: &'a dyn Scope,
    /// How many elements may still be made.
    pub budget: usize,
}

/// Finds a function by its name.
pub(crate) fn find(name: &str) -> Option<&'static Builtin> {
    // The families are short and the names few: a search through them costs less than a table would.
    [texts::ALL, numbers::ALL, lists::ALL, maps::ALL, times::ALL].into_iter().flatten().find(|builtin| builtin.name == name)
}

/// Tells whether `let` must not use a name.
pub(crate) fn is_taken(name: &str) -> bool {
    find(name).is_some() || crate::ast::Each::find(name).is_some()
}

impl Input<'_> {
    pub fn text(&self, at: usize) -> Result<&str, String> {
        match self.arguments.get(at) {
            Some(Value::Text(text)) => Ok(text),
            Some(other) => Err(not(other, "string")),
            None => Err(format!("invalid number of arguments for {}", self.name)),
        }
    }

    pub fn whole(&self, at: usize) -> Result<i64, String> {
        self.arguments.get(at).map_or_else(|| Err(format!("invalid number of arguments for {}", self.name)), int_of)
    }

    /// Returns the items of a list; bytes are numbers.
    pub fn list(&self, at: usize, verb: &str) -> Result<Vec<Value>, String> {
        match self.arguments.get(at) {
            Some(Value::List(items)) => Ok(items.to_vec()),
            Some(Value::Bytes(bytes)) => Ok(bytes.iter().map(|byte| Value::Byte(*byte)).collect()),
            other => Err(format!("cannot {verb} {}", other.map_or("invalid", kind_name))),
        }
    }

    /// Refuses a text that would be longer than what may still be made.
    pub fn room(&self, bytes: usize) -> Result<(), String> {
        if bytes / 16 > self.budget { Err("memory budget exceeded".to_owned()) } else { Ok(()) }
    }

    pub fn only(&self, count: usize) -> Result<(), String> {
        let given = self.arguments.len();
        if given == count { Ok(()) } else { Err(format!("invalid number of arguments (expected {count}, got {given})")) }
    }
}

/// What Go says of an interface that holds something else.
pub(crate) fn not(value: &Value, wanted: &str) -> String {
    let given = if value.is_nil() { "nil" } else { value.type_name() };
    format!("interface conversion: interface {{}} is {given}, not {wanted}")
}

/// Returns Go's kind of a value, as `reflect.Kind` prints it.
pub(crate) fn kind_name(value: &Value) -> &'static str {
    match value {
        Value::Nil => "invalid",
        Value::Bool(_) => "bool",
        Value::Int(_) | Value::Named(..) => "int",
        Value::Byte(_) => "uint8",
        Value::Float(_) => "float64",
        Value::Text(_) => "string",
        Value::Bytes(_) | Value::List(_) => "slice",
        Value::Map(_) | Value::Pairs(_) => "map",
        Value::Duration(_) => "int64",
        Value::Time(_) | Value::Struct(_) => "struct",
        Value::Zone(_) | Value::Version(_) => "ptr",
    }
}

/// Returns the type of a value for `type(…)`.
pub(crate) fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Nil => "nil",
        Value::Bool(_) => "bool",
        Value::Int(_) => "int",
        Value::Byte(_) => "uint",
        Value::Float(_) => "float",
        Value::Text(_) => "string",
        Value::Bytes(_) | Value::List(_) => "array",
        Value::Map(_) | Value::Pairs(_) => "map",
        Value::Duration(_) => "time.Duration",
        Value::Time(_) => "time.Time",
        Value::Named(name, ..) => name,
        Value::Struct(value) => value.of.name,
        // Pointers have no name.
        Value::Zone(_) | Value::Version(_) => "unknown",
    }
}

/// What `Type` a function of one argument that may be anything gives.
pub(crate) const ANY: fn() -> Type = || Type::Any;
