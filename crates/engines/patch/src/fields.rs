use std::cmp::Ordering;
use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// A set of paths into an object, kept as a tree. The steps are written as in `fieldsV1`: `f:NAME` for a field, `k:{…}` for a
/// list item by its keys, `v:…` for an item of a set, `i:N` for an index.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FieldSet {
    /// Whether the path up to here is itself in the set.
    pub member: bool,
    /// What is below.
    pub children: BTreeMap<String, FieldSet>,
}

static NOTHING: FieldSet = FieldSet { member: false, children: BTreeMap::new() };

impl FieldSet {
    /// Returns the empty set.
    pub fn nothing() -> &'static Self {
        &NOTHING
    }

    /// Reads a `fieldsV1` value. What is no step is left out.
    pub fn decode(value: &Value) -> Self {
        let mut root = Self::decode_node(value);
        root.member = false;
        root
    }

    fn decode_node(value: &Value) -> Self {
        let Value::Object(map) = value else { return Self { member: true, children: BTreeMap::new() } };
        let mut set = Self { member: map.is_empty() || map.contains_key("."), children: BTreeMap::new() };
        for (step, below) in map {
            if matches!(step.get(..2), Some("f:" | "k:" | "v:" | "i:")) {
                set.children.insert(step.clone(), Self::decode_node(below));
            }
        }
        set
    }

    /// Writes the set as a `fieldsV1` value.
    pub fn encode(&self) -> Value {
        let mut map = Map::new();
        if self.member && !self.children.is_empty() {
            map.insert(".".to_owned(), Value::Object(Map::new()));
        }
        for (step, below) in &self.children {
            map.insert(step.clone(), below.encode());
        }
        Value::Object(map)
    }

    /// Tells whether there is nothing in the set.
    pub fn is_empty(&self) -> bool {
        !self.member && self.children.values().all(Self::is_empty)
    }

    /// Adds what the other has.
    pub fn union(&mut self, other: &Self) {
        self.member |= other.member;
        for (step, below) in &other.children {
            match self.children.get_mut(step) {
                Some(mine) => mine.union(below),
                None => {
                    self.children.insert(step.clone(), below.clone());
                }
            }
        }
    }

    /// Returns what is in one of them.
    #[must_use]
    pub(crate) fn joined(mut self, other: Self) -> Self {
        if self.is_empty() {
            return other;
        }
        self.union(&other);
        self
    }

    /// Takes away exactly the paths that the other has.
    pub fn subtract(&mut self, other: &Self) {
        self.member &= !other.member;
        for (step, below) in &other.children {
            if let Some(mine) = self.children.get_mut(step) {
                mine.subtract(below);
                if mine.is_empty() {
                    self.children.remove(step);
                }
            }
        }
    }

    /// Takes away these paths and everything below them.
    pub fn subtract_deep(&mut self, other: &Self) {
        for (step, below) in &other.children {
            if below.member {
                self.children.remove(step);
            } else if let Some(mine) = self.children.get_mut(step) {
                mine.subtract_deep(below);
                if mine.is_empty() {
                    self.children.remove(step);
                }
            }
        }
    }

    /// Returns the paths that are in both.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        let mut both = Self { member: self.member && other.member, children: BTreeMap::new() };
        for (step, below) in &self.children {
            if let Some(theirs) = other.children.get(step) {
                let inner = below.intersection(theirs);
                if !inner.is_empty() {
                    both.children.insert(step.clone(), inner);
                }
            }
        }
        both
    }

    /// Puts in a subtree unless it is empty.
    pub(crate) fn put(&mut self, step: &str, below: Self) {
        if !below.is_empty() {
            self.children.insert(step.to_owned(), below);
        }
    }

    /// Returns the set of one path of fields.
    pub fn path(steps: &[&str]) -> Self {
        let Some((first, rest)) = steps.split_first() else { return Self { member: true, children: BTreeMap::new() } };
        Self { member: false, children: BTreeMap::from([(format!("f:{first}"), Self::path(rest))]) }
    }

    /// Returns the paths as people read them: `.spec.containers[name="app"].image`.
    pub fn paths(&self) -> Vec<String> {
        let mut found = Vec::new();
        self.collect("", &mut found);
        found
    }

    /// What stands at a place comes before what is below any of its neighbours, as in upstream's `fieldpath.Set`.
    fn collect(&self, path: &str, found: &mut Vec<String>) {
        let mut steps: Vec<(&String, &Self)> = self.children.iter().collect();
        steps.sort_by(|(left, _), (right, _)| step_order(left, right));
        let place = |step: &str| format!("{path}{}", readable(step));
        found.extend(steps.iter().filter(|(_, below)| below.member).map(|(step, _)| place(step)));
        for (step, below) in steps {
            below.collect(&place(step), found);
        }
    }
}

/// Fields come first, then items by their keys, then those of sets, then places; numbers count as numbers
/// (sigs.k8s.io/structured-merge-diff `fieldpath/element.go` `Less`).
fn step_order(left: &str, right: &str) -> Ordering {
    let form = |step: &str| match step.get(..2) {
        Some("f:") => 0,
        Some("k:") => 1,
        Some("v:") => 2,
        _ => 3,
    };
    let inside = |step: &str| serde_json::from_str::<Value>(step.get(2..).unwrap_or_default()).unwrap_or_default();
    match (form(left), form(right)) {
        (0, 0) => left.cmp(right),
        (one, other) if one != other => one.cmp(&other),
        _ => value_order(&inside(left), &inside(right)),
    }
}

fn value_order(left: &Value, right: &Value) -> Ordering {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => left.as_f64().unwrap_or(0.0).total_cmp(&right.as_f64().unwrap_or(0.0)),
        (Value::Object(left), Value::Object(right)) => {
            let mut pairs = left.iter().zip(right).map(|((name, one), (other, two))| name.cmp(other).then_with(|| value_order(one, two)));
            pairs.find(|order| order.is_ne()).unwrap_or_else(|| left.len().cmp(&right.len()))
        }
        (left, right) => left.to_string().cmp(&right.to_string()),
    }
}

fn readable(step: &str) -> String {
    let (form, rest) = step.split_at(2.min(step.len()));
    match form {
        "f:" => format!(".{rest}"),
        "v:" => format!("[={rest}]"),
        "i:" => format!("[{rest}]"),
        _ => match serde_json::from_str::<Value>(rest) {
            Ok(Value::Object(keys)) => {
                let parts: Vec<String> = keys.iter().map(|(key, value)| format!("{key}={value}")).collect();
                format!("[{}]", parts.join(","))
            }
            _ => format!("[{rest}]"),
        },
    }
}
