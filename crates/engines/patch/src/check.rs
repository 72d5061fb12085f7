//! What does not fit the schema that a configuration is applied by, in the words of sigs.k8s.io/structured-merge-diff
//! `typed/validate.go`: all of it, the way to each fault by field, place or key.

use std::collections::HashSet;
use std::fmt;

use serde_json::{Map, Value};

use crate::shape::{Inside, Scalar, Shape};
use crate::typed::item_step;

/// A value that does not fit the schema it is applied by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TypedError(Vec<Fault>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Fault {
    /// Where: `.spec.containers[name="c"].image`.
    path: String,
    why: String,
}

impl TypedError {
    /// Tells whether nothing but equal items is wrong, which is no fault of what is not applied.
    pub(crate) fn tells_only_duplicates(&self) -> bool {
        self.0.iter().all(|fault| fault.why.starts_with(DUPLICATE))
    }
}

const DUPLICATE: &str = "duplicate entries for key ";

impl fmt::Display for Fault {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.is_empty() { to.write_str(&self.why) } else { write!(to, "{}: {}", self.path, self.why) }
    }
}

impl fmt::Display for TypedError {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let [only] = self.0.as_slice() {
            return only.fmt(to);
        }
        to.write_str("errors:")?;
        self.0.iter().try_for_each(|fault| write!(to, "\n  {fault}"))
    }
}

impl std::error::Error for TypedError {}

/// Checks a whole value.
pub(crate) fn check(value: &Value, shape: &Shape) -> Result<(), TypedError> {
    let mut found = Vec::new();
    walk(value, shape, &mut String::new(), &mut found);
    if found.is_empty() { Ok(()) } else { Err(TypedError(found)) }
}

/// Looks at what is one step further along the way.
fn further(path: &mut String, step: [&str; 2], look: impl FnOnce(&mut String)) {
    let before = path.len();
    step.iter().for_each(|part| path.push_str(part));
    look(path);
    path.truncate(before);
}

fn walk(value: &Value, shape: &Shape, path: &mut String, found: &mut Vec<Fault>) {
    if value.is_null() {
        return;
    }
    let wrong = match (shape, value) {
        (Shape::Free | Shape::Atomic(Inside::Any), _) => return,
        (Shape::Map { .. }, Value::Object(map)) => return fields(map, shape, path, found),
        (Shape::Atomic(Inside::Map(inner)), Value::Object(map)) => return fields(map, inner, path, found),
        (Shape::Map { .. } | Shape::Atomic(Inside::Map(_)), other) => format!("expected map, got &{{{}}}", golang::printed(other)),
        (Shape::Atomic(Inside::List(item)), Value::Array(list)) => {
            for (index, one) in list.iter().enumerate() {
                further(path, [&format!("[{index}]"), ""], |path| walk(one, item, path, found));
            }
            return;
        }
        (Shape::List { keys, item }, Value::Array(list)) => return keyed(list, keys, item, path, found),
        (Shape::Set, Value::Array(list)) => return set(list, path, found),
        (Shape::List { .. } | Shape::Set | Shape::Atomic(Inside::List(_)), other) => {
            format!("expected list, got &{{{}}}", golang::printed(other))
        }
        (Shape::Scalar(scalar), value) => match scalar_fault(*scalar, value) {
            Some(why) => why,
            None => return,
        },
    };
    found.push(Fault { path: path.clone(), why: wrong });
}

fn fields(map: &Map<String, Value>, shape: &Shape, path: &mut String, found: &mut Vec<Fault>) {
    for (name, inner) in map {
        further(path, [".", name], |path| match shape.field(name) {
            Some((field, _)) => walk(inner, field, path, found),
            None => found.push(Fault { path: path.clone(), why: "field not declared in schema".to_owned() }),
        });
    }
}

fn keyed(list: &[Value], keys: &[(String, Option<Value>)], item: &Shape, path: &mut String, found: &mut Vec<Fault>) {
    let mut seen = HashSet::new();
    for (index, one) in list.iter().enumerate() {
        let wrong = match (one, item_step(keys, one)) {
            (Value::Null, _) => "associative list with keys may not have a null element".to_owned(),
            (Value::Object(_), Some(step)) => {
                let place = key_place(&step);
                if !seen.insert(step) {
                    found.push(Fault { path: path.to_owned(), why: format!("{DUPLICATE}{place}") });
                }
                further(path, [&place, ""], |path| walk(one, item, path, found));
                continue;
            }
            (Value::Object(_), None) => {
                let names: Vec<String> = keys.iter().map(|(name, _)| format!("{name:?}")).collect();
                format!(
                    "associative list with keys has an element that omits all key fields [{}] (and doesn't have default values for any key fields)",
                    names.join(" ")
                )
            }
            _ => "associative list with keys may not have non-map elements".to_owned(),
        };
        // Where an item is, nobody knows: what follows is not looked at.
        found.push(Fault { path: path.to_owned(), why: format!("element {index}: {wrong}") });
        return;
    }
}

/// `[name="c"]` for the step `k:{"name":"c"}`.
fn key_place(step: &str) -> String {
    let keys: Map<String, Value> = step.strip_prefix("k:").and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    let mut shown: Vec<String> = keys.iter().map(|(name, value)| format!("{name}={value}")).collect();
    shown.sort_unstable();
    format!("[{}]", shown.join(","))
}

fn set(list: &[Value], path: &str, found: &mut Vec<Fault>) {
    let mut seen: HashSet<String> = HashSet::new();
    for (index, one) in list.iter().enumerate() {
        let wrong = match one {
            Value::Object(_) => "associative list without keys has an element that's a map type",
            Value::Array(_) => "not supported: associative list with lists as elements",
            Value::Null => "associative list without keys has an element that's an explicit null",
            _ => {
                if !seen.insert(one.to_string()) {
                    found.push(Fault { path: path.to_owned(), why: format!("{DUPLICATE}[={one}]") });
                }
                continue;
            }
        };
        found.push(Fault { path: path.to_owned(), why: format!("element {index}: {wrong}") });
        return;
    }
}

fn scalar_fault(scalar: Scalar, value: &Value) -> Option<String> {
    match scalar {
        Scalar::Text if !value.is_string() => Some(format!("expected string, got &value.valueUnstructured{{Value:{}}}", go_syntax(value))),
        Scalar::Number if !value.is_number() => Some(format!("expected numeric (int or float), got {}", golang::type_of(value))),
        Scalar::Flag if !value.is_boolean() => Some(format!("expected boolean, got &{{{}}}", golang::printed(value))),
        Scalar::Any if value.is_object() || value.is_array() => Some(format!("expected any scalar, got &{{{}}}", golang::printed(value))),
        _ => None,
    }
}

/// A value as Go's `%#v` prints it.
fn go_syntax(value: &Value) -> String {
    match value {
        Value::Null => "interface {}(nil)".to_owned(),
        Value::Array(list) => format!("[]interface {{}}{{{}}}", list.iter().map(go_syntax).collect::<Vec<_>>().join(", ")),
        Value::Object(map) => {
            let mut fields: Vec<String> = map.iter().map(|(name, inner)| format!("{name:?}:{}", go_syntax(inner))).collect();
            fields.sort_unstable();
            format!("map[string]interface {{}}{{{}}}", fields.join(", "))
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;

    #[test]
    fn every_fault_is_told_with_the_way_to_it() {
        let field = |name: &str, shape: Shape| (name.to_owned(), Arc::new(shape));
        let text = || Shape::Scalar(Scalar::Text);
        let map = |fields: Vec<(String, Arc<Shape>)>| Shape::Map { fields: fields.into_iter().collect(), rest: None };
        let item = || Arc::new(map(vec![field("name", text()), field("size", Shape::Scalar(Scalar::Number))]));
        let shape = map(vec![
            field("named", Shape::List { keys: vec![("name".to_owned(), None)], item: item() }),
            field("whole", Shape::Atomic(Inside::List(item()))),
            field("set", Shape::Set),
            field("flag", Shape::Scalar(Scalar::Flag)),
        ]);
        for (value, wanted) in [
            (json!({"named": [{"name": "a", "size": 1}], "whole": [null], "set": ["x"], "flag": null}), None),
            (json!({"bogus": 1}), Some(".bogus: field not declared in schema")),
            (json!({"named": true}), Some(".named: expected list, got &{true}")),
            (json!({"named": [{"name": "a", "size": "x"}]}), Some(".named[name=\"a\"].size: expected numeric (int or float), got string")),
            (json!({"whole": [{"name": {"a": [1]}}]}), Some(WHOLE)),
            (json!({"whole": [1]}), Some(".whole[0]: expected map, got &{1}")),
            (json!({"named": [null]}), Some(".named: element 0: associative list with keys may not have a null element")),
            (json!({"named": ["a"]}), Some(".named: element 0: associative list with keys may not have non-map elements")),
            (json!({"named": [{"size": 1}]}), Some(KEYLESS)),
            (json!({"named": [{"name": "a"}, {"name": "a"}]}), Some(".named: duplicate entries for key [name=\"a\"]")),
            (json!({"set": ["a", "a"]}), Some(".set: duplicate entries for key [=\"a\"]")),
            (json!({"flag": "x", "set": 1}), Some("errors:\n  .flag: expected boolean, got &{x}\n  .set: expected list, got &{1}")),
        ] {
            let told = check(&value, &shape).err().map(|error| error.to_string());
            assert_eq!(told.as_deref(), wanted, "{value}");
        }
    }

    const WHOLE: &str = ".whole[0].name: expected string, got \
        &value.valueUnstructured{Value:map[string]interface {}{\"a\":[]interface {}{1}}}";
    const KEYLESS: &str = ".named: element 0: associative list with keys has an element that omits all key fields [\"name\"] \
        (and doesn't have default values for any key fields)";
}
