//! What an evaluation has cost so far. cel-go `interpreter/runtimecost.go`, kubernetes `apiserver/pkg/cel/library/cost.go`.

use crate::value::{EvalError, Value};

const TRAVERSAL: f64 = 0.1;
const REGEX: f64 = 0.25;

/// Counts what is spent and stops at the limit.
#[derive(Debug)]
pub(crate) struct Purse {
    pub spent: u64,
    limit: u64,
}

/// The message when the limit is reached.
pub(crate) const SPENT: &str = "operation cancelled: actual cost limit exceeded";

impl Purse {
    pub fn new(limit: u64) -> Self {
        Self { spent: 0, limit }
    }

    pub fn spend(&mut self, cost: u64) -> Result<(), EvalError> {
        self.spent = self.spent.saturating_add(cost);
        if self.spent > self.limit { Err(EvalError::new(SPENT)) } else { Ok(()) }
    }
}

/// Returns how large a value is.
pub(crate) fn size(value: &Value) -> u64 {
    match value {
        Value::String(text) => text.chars().count() as u64,
        Value::Bytes(bytes) => bytes.len() as u64,
        Value::List(items, _) => items.len() as u64,
        Value::Map(map) => map.len() as u64,
        Value::Optional(Some(inner)) => size(inner),
        Value::Ip(std::net::IpAddr::V4(_)) => 4,
        Value::Ip(std::net::IpAddr::V6(_)) => 16,
        Value::Cidr(std::net::IpAddr::V4(_), _) => 4,
        Value::Cidr(std::net::IpAddr::V6(_), _) => 16,
        Value::Url(url) => url.text.len() as u64,
        _ => 1,
    }
}

fn scaled(size: u64, factor: f64) -> u64 {
    (size as f64 * factor).ceil() as u64
}

fn traversal(value: &Value) -> u64 {
    match value {
        Value::String(text) => (text.len() as f64 * TRAVERSAL) as u64,
        Value::Bytes(bytes) => (bytes.len() as f64 * TRAVERSAL) as u64,
        Value::List(items, _) => items.iter().map(traversal).fold(0, u64::saturating_add),
        Value::Map(map) => map.iter().map(|(key, value)| traversal(&key.value()) + traversal(value)).fold(0, u64::saturating_add),
        _ => 1,
    }
}

/// Returns what a call costs besides its arguments. `arguments` begin with the target.
pub(crate) fn call(function: &str, arguments: &[Value], result: Option<&Value>) -> u64 {
    let first = arguments.first().map_or(0, size);
    let second = arguments.get(1).map_or(0, size);
    match function {
        "isSorted" | "sum" | "max" | "min" | "indexOf" | "lastIndexOf" => arguments.first().map_or(0, traversal),
        "url" | "lowerAscii" | "upperAscii" | "substring" | "trim" => scaled(first, TRAVERSAL),
        "replace" | "split" => scaled(first, 2.0 * TRAVERSAL),
        "join" => scaled(result.map_or(0, size), 2.0 * TRAVERSAL),
        "find" | "findAll" | "matches" => scaled(first + 1, TRAVERSAL) * scaled(second, REGEX),
        "cidr" | "isIP" | "isCIDR" | "quantity" | "isQuantity" | "semver" | "isSemver" => scaled(first, TRAVERSAL),
        "ip" if matches!(arguments.first(), Some(Value::String(_))) => scaled(first, TRAVERSAL),
        "ip.isCanonical" => scaled(first, 2.0 * TRAVERSAL),
        "containsIP" | "containsCIDR" => {
            let other = if matches!(arguments.get(1), Some(Value::String(_))) { scaled(second, TRAVERSAL) } else { 0 };
            let own = scaled(first + first, TRAVERSAL);
            own + other + if function == "containsCIDR" { scaled(first, TRAVERSAL) + 1 } else { 0 }
        }
        "validate" => scaled(second + 1, TRAVERSAL) * scaled(128, REGEX),
        "contains" => scaled(first, TRAVERSAL) * scaled(second, TRAVERSAL),
        "startsWith" | "endsWith" => scaled(second, TRAVERSAL),
        "bytes" | "strings.quote" | "format" => scaled(first, TRAVERSAL),
        "string" if matches!(arguments.first(), Some(Value::Bytes(_))) => scaled(first, TRAVERSAL),
        "@in" if matches!(arguments.get(1), Some(Value::List(..))) => second,
        "_<_" | "_<=_" | "_>_" | "_>=_" if matches!(arguments.first(), Some(Value::String(_) | Value::Bytes(_))) => {
            scaled(first.min(second), TRAVERSAL)
        }
        "_==_" | "_!=_" => match arguments.first() {
            Some(Value::Quantity(_) | Value::Ip(_) | Value::Cidr(..) | Value::Format(_) | Value::Url(_) | Value::Semver(_)) => 1,
            _ => scaled(first.min(second), TRAVERSAL),
        },
        "_+_" if matches!(arguments.first(), Some(Value::String(_) | Value::Bytes(_))) => scaled(first + second, TRAVERSAL),
        "sets.contains" | "sets.intersects" => first.saturating_mul(second).max(1),
        "sets.equivalent" => first.saturating_mul(second).saturating_mul(2).max(1),
        "slice" | "flatten" | "lists.range" | "reverse" => result.map_or(1, size).max(1),
        "sort" | "@sortByAssociatedKeys" | "distinct" => first.saturating_mul(first).max(1),
        _ => 1,
    }
}
