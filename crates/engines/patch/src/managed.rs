use std::cmp::Ordering;

use serde_json::{Map, Value, json};

use crate::fields::FieldSet;

/// How somebody came to own fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operation {
    /// By server-side apply.
    Apply,
    /// By any other write.
    Update,
}

/// One entry of `metadata.managedFields`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Who.
    pub manager: String,
    /// How.
    pub operation: Operation,
    /// In which version of the kind.
    pub api_version: String,
    /// Through which subresource; empty for the main endpoint.
    pub subresource: String,
    /// When last, RFC 3339 in seconds.
    pub time: Option<String>,
    /// What.
    pub fields: FieldSet,
}

impl Entry {
    /// Tells whether both are the same owner: an applier stays the same whatever version it speaks
    /// (kubernetes/apimachinery:pkg/util/managedfields/internal/managedfields.go, `BuildManagerIdentifier`).
    pub(crate) fn same_owner(&self, other: &Self) -> bool {
        (self.operation, &self.manager, &self.subresource) == (other.operation, &other.manager, &other.subresource)
            && (self.operation == Operation::Apply || self.api_version == other.api_version)
    }

    /// Returns the text by which upstream knows the owner and sorts owners (`BuildManagerIdentifier`).
    pub(crate) fn identifier(&self) -> String {
        let mut text = format!("{{\"manager\":{},\"operation\":\"", json!(self.manager));
        match self.operation {
            Operation::Apply => text.push_str("Apply\""),
            Operation::Update => text.push_str(&format!("Update\",\"apiVersion\":{}", json!(self.api_version))),
        }
        if !self.subresource.is_empty() {
            text.push_str(&format!(",\"subresource\":{}", json!(self.subresource)));
        }
        text.push('}');
        text
    }

    /// Names the owner in a conflict.
    pub(crate) fn described(&self) -> String {
        let mut text = json!(self.manager).to_string();
        if !self.subresource.is_empty() {
            text.push_str(&format!(" with subresource {}", json!(self.subresource)));
        }
        if self.operation == Operation::Update {
            text.push_str(&format!(" using {}", self.api_version));
        }
        text
    }
}

/// Reads `metadata.managedFields`; entries of an unknown form are left out.
pub fn decode(object: &Value) -> Vec<Entry> {
    let list = object.get("metadata").and_then(|metadata| metadata.get("managedFields")).and_then(Value::as_array);
    let Some(list) = list else { return Vec::new() };
    list.iter().filter_map(entry).collect()
}

fn entry(value: &Value) -> Option<Entry> {
    let text = |name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let operation = match value.get("operation")?.as_str()? {
        "Apply" => Operation::Apply,
        "Update" => Operation::Update,
        _ => return None,
    };
    Some(Entry {
        manager: text("manager"),
        operation,
        api_version: text("apiVersion"),
        subresource: text("subresource"),
        time: value.get("time").and_then(Value::as_str).map(str::to_owned),
        fields: FieldSet::decode(value.get("fieldsV1").unwrap_or(&Value::Null)),
    })
}

/// Writes the entries into the object, in their fixed order; without entries the field goes.
pub fn encode(object: &mut Value, mut entries: Vec<Entry>) {
    entries.retain(|entry| !entry.fields.is_empty());
    entries.sort_by(order);
    let Some(metadata) = object.as_object_mut().map(|map| map.entry("metadata").or_insert_with(|| Value::Object(Map::new()))) else {
        return;
    };
    let Value::Object(metadata) = metadata else { return };
    if entries.is_empty() {
        metadata.remove("managedFields");
        return;
    }
    let list: Vec<Value> = entries.iter().map(written).collect();
    metadata.insert("managedFields".to_owned(), Value::Array(list));
}

fn written(entry: &Entry) -> Value {
    let mut value = json!({
        "apiVersion": entry.api_version, "fieldsType": "FieldsV1", "fieldsV1": entry.fields.encode(), "manager": entry.manager,
        "operation": match entry.operation { Operation::Apply => "Apply", Operation::Update => "Update" },
    });
    if !entry.subresource.is_empty() {
        value["subresource"] = json!(entry.subresource);
    }
    if let Some(time) = &entry.time {
        value["time"] = json!(time);
    }
    value
}

fn order(left: &Entry, right: &Entry) -> Ordering {
    let key = |entry: &Entry| {
        (
            entry.operation,
            entry.time.clone().unwrap_or_default(),
            entry.manager.clone(),
            entry.api_version.clone(),
            entry.subresource.clone(),
        )
    };
    key(left).cmp(&key(right))
}

/// Takes the entries out of the object.
pub(crate) fn strip(object: &Value) -> Value {
    let Value::Object(map) = object else { return object.clone() };
    let inside = |metadata: &Map<String, Value>| -> Map<String, Value> {
        let fields = metadata.iter().filter(|(name, _)| *name != "managedFields");
        fields.map(|(name, value)| (name.clone(), value.clone())).collect()
    };
    let fields = map.iter().map(|(name, value)| match value {
        Value::Object(metadata) if name == "metadata" => (name.clone(), Value::Object(inside(metadata))),
        _ => (name.clone(), value.clone()),
    });
    Value::Object(fields.collect())
}

/// Tells whether two states of an object differ in nothing but when its fields were last owned.
pub fn same_but_for_times(left: &Value, right: &Value) -> bool {
    let (Value::Object(left), Value::Object(right)) = (left, right) else { return left == right };
    left.len() == right.len()
        && left.iter().all(|(name, value)| match (name.as_str(), right.get(name)) {
            (_, None) => false,
            ("metadata", Some(other)) => same_metadata(value, other),
            (_, Some(other)) => value == other,
        })
}

fn same_metadata(left: &Value, right: &Value) -> bool {
    let (Value::Object(left), Value::Object(right)) = (left, right) else { return left == right };
    left.len() == right.len()
        && left.iter().all(|(name, value)| match (name.as_str(), right.get(name)) {
            (_, None) => false,
            ("managedFields", Some(other)) => same_entries(value, other) || timeless(value) == timeless(other),
            (_, Some(other)) => value == other,
        })
}

/// Tells whether the entries are the same but for their times, in the same order: what is nearly always so.
fn same_entries(left: &Value, right: &Value) -> bool {
    let (Value::Array(left), Value::Array(right)) = (left, right) else { return false };
    let same = |left: &Value, right: &Value| match (left, right) {
        (Value::Object(left), Value::Object(right)) => {
            left.len() == right.len() && left.iter().all(|(name, value)| name == "time" || right.get(name) == Some(value))
        }
        _ => false,
    };
    left.len() == right.len() && left.iter().zip(right).all(|(left, right)| same(left, right))
}

/// The entries without their times; order does not count, as it follows from the times.
fn timeless(list: &Value) -> Vec<String> {
    let mut entries: Vec<String> = list
        .as_array()
        .into_iter()
        .flatten()
        .map(|entry| {
            let mut entry = entry.clone();
            if let Value::Object(map) = &mut entry {
                map.remove("time");
            }
            entry.to_string()
        })
        .collect();
    entries.sort();
    entries
}
