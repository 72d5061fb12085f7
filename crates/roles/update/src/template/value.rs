//! Values as JavaScript has them. Read first: [`Js`].

use std::fmt;

use serde::Deserialize;
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde_json::Value;

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Js {
    Undefined,
    Null,
    Bool(bool),
    Number(f64),
    Text(String),
    List(Vec<Js>),
    /// In the order in which it was built.
    Map(Vec<(String, Js)>),
}

impl Js {
    /// Tells whether it counts as true.
    pub(super) fn truthy(&self) -> bool {
        match self {
            Self::Undefined | Self::Null => false,
            Self::Bool(value) => *value,
            Self::Number(value) => *value != 0.0 && !value.is_nan(),
            Self::Text(text) => !text.is_empty(),
            Self::List(_) | Self::Map(_) => true,
        }
    }

    /// Tells whether `#each` and `#with` find nothing in it; 0 is something.
    pub(super) fn is_empty(&self) -> bool {
        match self {
            Self::Number(value) => value.is_nan(),
            Self::List(items) => items.is_empty(),
            other => !other.truthy(),
        }
    }

    /// Returns what stands under a name: a field, an index, a length.
    pub(super) fn get(&self, name: &str) -> Self {
        let number = |count: usize| Self::Number(count as f64);
        match self {
            Self::Map(fields) => fields.iter().find(|(key, _)| key == name).map_or(Self::Undefined, |(_, value)| value.clone()),
            Self::List(items) if name == "length" => number(items.len()),
            Self::List(items) => name.parse::<usize>().ok().and_then(|at| items.get(at).cloned()).unwrap_or(Self::Undefined),
            Self::Text(text) if name == "length" => number(text.encode_utf16().count()),
            Self::Text(text) => {
                let found = name.parse::<usize>().ok().and_then(|at| text.chars().nth(at));
                found.map_or(Self::Undefined, |character| Self::Text(character.to_string()))
            }
            Self::Undefined | Self::Null | Self::Bool(_) | Self::Number(_) => Self::Undefined,
        }
    }

    /// Returns it as text, as JavaScript joins it to another text; nothing is empty.
    pub(super) fn text(&self) -> String {
        match self {
            Self::Undefined | Self::Null => String::new(),
            Self::Bool(value) => value.to_string(),
            Self::Number(value) => number(*value),
            Self::Text(text) => text.clone(),
            Self::List(items) => items.iter().map(Self::text).collect::<Vec<_>>().join(","),
            Self::Map(_) => "[object Object]".to_owned(),
        }
    }

    /// Writes it as JSON; `None` for what JSON has no word for.
    pub(super) fn json(&self, indent: Option<usize>) -> Option<String> {
        let (line, inner, gap) = match indent {
            None => (String::new(), String::new(), ""),
            Some(depth) => (format!("\n{}", "  ".repeat(depth)), format!("\n{}", "  ".repeat(depth + 1)), " "),
        };
        let deeper = indent.map(|depth| depth + 1);
        Some(match self {
            Self::Undefined => return None,
            Self::Null => "null".to_owned(),
            Self::Bool(value) => value.to_string(),
            Self::Number(value) if value.is_finite() => number(*value),
            Self::Number(_) => "null".to_owned(),
            Self::Text(text) => Value::from(text.as_str()).to_string(),
            Self::List(items) if items.is_empty() => "[]".to_owned(),
            Self::List(items) => {
                let items: Vec<String> = items.iter().map(|item| item.json(deeper).unwrap_or_else(|| "null".to_owned())).collect();
                format!("[{inner}{}{line}]", items.join(&format!(",{inner}")))
            }
            Self::Map(fields) => {
                let field = |(key, value): &(String, Self)| Some(format!("{}:{gap}{}", Value::from(key.as_str()), value.json(deeper)?));
                let fields: Vec<String> = fields.iter().filter_map(field).collect();
                if fields.is_empty() { "{}".to_owned() } else { format!("{{{inner}{}{line}}}", fields.join(&format!(",{inner}"))) }
            }
        })
    }

    /// Tells whether a map would have to be written as text.
    pub(super) fn holds_map(&self) -> bool {
        match self {
            Self::Map(_) => true,
            Self::List(items) => items.iter().any(Self::holds_map),
            Self::Undefined | Self::Null | Self::Bool(_) | Self::Number(_) | Self::Text(_) => false,
        }
    }

    /// How much it weighs, about.
    pub(super) fn weight(&self) -> usize {
        match self {
            Self::Text(text) => text.len() + 1,
            Self::List(items) => items.iter().map(Self::weight).sum::<usize>() + 1,
            Self::Map(fields) => fields.iter().map(|(key, value)| key.len() + value.weight()).sum::<usize>() + 1,
            Self::Undefined | Self::Null | Self::Bool(_) | Self::Number(_) => 1,
        }
    }
}

/// Writes a number as JavaScript does, as far as templates meet numbers.
fn number(value: f64) -> String {
    if value == 0.0 { "0".to_owned() } else { value.to_string() }
}

impl From<&Value> for Js {
    fn from(value: &Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(value) => Self::Bool(*value),
            Value::Number(value) => Self::Number(value.as_f64().unwrap_or(0.0)),
            Value::String(text) => Self::Text(text.clone()),
            Value::Array(items) => Self::List(items.iter().map(Self::from).collect()),
            Value::Object(map) => Self::Map(map.iter().map(|(key, value)| (key.clone(), Self::from(value))).collect()),
        }
    }
}

/// Reads JSON and keeps the order of its fields.
impl<'de> Deserialize<'de> for Js {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Js;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Js, E> {
        Ok(Js::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Js, E> {
        Ok(Js::Bool(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Js, E> {
        Ok(Js::Number(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Js, E> {
        Ok(Js::Number(value as f64))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Js, E> {
        Ok(Js::Number(value as f64))
    }

    fn visit_str<E>(self, text: &str) -> Result<Js, E> {
        Ok(Js::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Js, A::Error> {
        let mut all = Vec::new();
        while let Some(item) = items.next_element()? {
            all.push(item);
        }
        Ok(Js::List(all))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Js, A::Error> {
        let mut all = Vec::new();
        while let Some((key, value)) = fields.next_entry::<String, Js>()? {
            put(&mut all, key, value);
        }
        Ok(Js::Map(all))
    }
}

/// Sets a field; one that is there keeps its place.
pub(super) fn put(fields: &mut Vec<(String, Js)>, key: String, value: Js) {
    match fields.iter_mut().find(|(known, _)| *known == key) {
        Some((_, place)) => *place = value,
        None => fields.push((key, value)),
    }
}
