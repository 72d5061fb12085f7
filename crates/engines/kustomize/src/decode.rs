//! Mappings read as Go's JSON decoder reads them into structs: field names whatever their case, strict about types, and about
//! unknown fields where that is asked for.

use serde_json::{Map, Value};

use crate::error::{Result, fail};

/// Whether unknown fields are errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unknown {
    Refused,
    Ignored,
}

/// A mapping whose known fields are at hand under their proper names.
#[derive(Debug, Clone, Default)]
pub(crate) struct Fields {
    map: Map<String, Value>,
    place: String,
    unknown: Option<Unknown>,
}

impl Fields {
    pub(crate) fn new(value: &Value, place: &str, known: &[&str], unknown: Unknown) -> Result<Self> {
        let mut fields = Self { map: Map::new(), place: place.to_owned(), unknown: Some(unknown) };
        match value {
            Value::Null => return Ok(fields),
            Value::Object(map) => {
                for (key, value) in map {
                    let name = known.iter().find(|name| *name == key).or_else(|| known.iter().find(|name| name.eq_ignore_ascii_case(key)));
                    match name {
                        Some(name) if !value.is_null() => {
                            fields.map.insert((*name).to_owned(), value.clone());
                        }
                        Some(_) => {}
                        None if unknown == Unknown::Refused => return fail(format!("json: unknown field {key:?}")),
                        None => {}
                    }
                }
            }
            other => return fail(mismatch(other, place, "an object")),
        }
        Ok(fields)
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.map.contains_key(name)
    }

    pub(crate) fn value(&self, name: &str) -> &Value {
        self.map.get(name).unwrap_or(&Value::Null)
    }

    fn refuse<T>(&self, name: &str, wanted: &str) -> Result<T> {
        fail(mismatch(self.value(name), &format!("{}.{name}", self.place), wanted))
    }

    /// A plugin's configuration is read with the target's types in view: numbers and truths become texts.
    fn as_text(&self, value: &Value) -> Option<String> {
        match value {
            Value::Null => Some(String::new()),
            Value::String(text) => Some(text.clone()),
            Value::Number(number) if self.unknown == Some(Unknown::Ignored) => Some(go_number(number)),
            Value::Bool(_) if self.unknown == Some(Unknown::Ignored) => Some(value.to_string()),
            _ => None,
        }
    }

    pub(crate) fn text(&self, name: &str) -> Result<String> {
        self.as_text(self.value(name)).map_or_else(|| self.refuse(name, "type string"), Ok)
    }

    pub(crate) fn flag(&self, name: &str) -> Result<bool> {
        match self.value(name) {
            Value::Null => Ok(false),
            Value::Bool(flag) => Ok(*flag),
            _ => self.refuse(name, "type bool"),
        }
    }

    pub(crate) fn number(&self, name: &str) -> Result<i64> {
        match self.value(name) {
            Value::Null => Ok(0),
            value => value.as_i64().map_or_else(|| self.refuse(name, "type int"), Ok),
        }
    }

    pub(crate) fn list(&self, name: &str) -> Result<&[Value]> {
        match self.value(name) {
            Value::Null => Ok(&[]),
            Value::Array(items) => Ok(items),
            _ => self.refuse(name, "a list"),
        }
    }

    pub(crate) fn texts(&self, name: &str) -> Result<Vec<String>> {
        let text = |item: &Value| self.as_text(item).map_or_else(|| self.refuse(name, "type []string"), Ok);
        self.list(name)?.iter().map(text).collect()
    }

    /// A mapping of texts.
    pub(crate) fn pairs(&self, name: &str) -> Result<Map<String, Value>> {
        match self.value(name) {
            Value::Null => Ok(Map::new()),
            Value::Object(map) => {
                let pair = |(key, value): (&String, &Value)| match self.as_text(value) {
                    Some(text) => Ok((key.clone(), Value::String(text))),
                    None => fail(mismatch(value, &format!("{}.{name}", self.place), "type string")),
                };
                map.iter().map(pair).collect()
            }
            _ => self.refuse(name, "type map[string]string"),
        }
    }

    /// The fields of an inner mapping.
    pub(crate) fn inner(&self, name: &str, known: &[&str]) -> Result<Option<Self>> {
        if !self.has(name) {
            return Ok(None);
        }
        Self::new(self.value(name), &format!("{}.{name}", self.place), known, self.unknown.unwrap_or(Unknown::Refused)).map(Some)
    }

    /// The fields of every mapping of a list.
    pub(crate) fn each(&self, name: &str, known: &[&str]) -> Result<Vec<Self>> {
        let place = format!("{}.{name}", self.place);
        self.list(name)?.iter().map(|item| Self::new(item, &place, known, self.unknown.unwrap_or(Unknown::Refused))).collect()
    }
}

/// A number as sigs.k8s.io/yaml writes it where a text is wanted: floats with the digits that 32 bits hold. Source:
/// sigs.k8s.io/yaml `yaml.go` `convertToJSONableObject`.
fn go_number(number: &serde_json::Number) -> String {
    let Some(float) = number.as_f64().filter(|_| number.is_f64()) else { return number.to_string() };
    #[expect(clippy::cast_possible_truncation, reason = "upstream loses the same digits")]
    let short = float as f32;
    short.to_string().parse().map_or_else(|_| number.to_string(), yaml::go_float)
}

fn mismatch(value: &Value, place: &str, wanted: &str) -> String {
    let found = match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    format!("json: cannot unmarshal {found} into Go struct field {place} of {wanted}")
}
