//! OpenAPI documents as protobuf, the way older `kubectl` and client-go ask for them: gnostic's messages, by one table.

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::wire::{put_bytes, put_number, put_varint};
use serde_json::Value;

#[derive(Debug)]
struct Message {
    one_of: bool,
    fields: Vec<Field>,
}

#[derive(Debug)]
struct Field {
    name: &'static str,
    number: u64,
    list: bool,
    form: Form,
}

#[derive(Debug, Clone, Copy)]
enum Form {
    Text,
    Flag,
    Whole,
    Number,
    Anything,
    Extensions,
    Message(&'static str),
}

type Messages = HashMap<&'static str, Message>;

static TABLE: LazyLock<HashMap<&'static str, Messages>> = LazyLock::new(|| {
    let mut found: HashMap<&'static str, Messages> = HashMap::new();
    let mut version = "";
    for line in include_str!("gnostic.txt").lines().filter(|line| !line.starts_with('#')) {
        let mut words = line.split(' ');
        let Some(name) = words.next() else { continue };
        if name == "version" {
            version = words.next().unwrap_or_default();
            continue;
        }
        let message = Message { one_of: name.ends_with('|'), fields: words.filter_map(field).collect() };
        found.entry(version).or_default().insert(name.trim_end_matches('|'), message);
    }
    found
});

fn field(word: &'static str) -> Option<Field> {
    let (name, rest) = word.split_once('=')?;
    let (number, form) = rest.split_once(':')?;
    let (list, form) = form.strip_prefix('*').map_or((false, form), |form| (true, form));
    let form = match form {
        "s" => Form::Text,
        "b" => Form::Flag,
        "i" => Form::Whole,
        "d" => Form::Number,
        "y" => Form::Anything,
        "x" => Form::Extensions,
        other => Form::Message(other.strip_prefix('=')?),
    };
    Some(Field { name, number: number.parse().ok()?, list, form })
}

/// Writes a document of OpenAPI 2 or 3.
pub(super) fn encode(version: &'static str, document: &Value) -> Vec<u8> {
    TABLE.get(version).and_then(|messages| message(messages, "Document", document)).unwrap_or_default()
}

fn message(messages: &Messages, name: &str, value: &Value) -> Option<Vec<u8>> {
    let form = messages.get(name)?;
    let mut out = Vec::new();
    if form.one_of {
        let field = chosen(form, value)?;
        put(messages, &mut out, field, value)?;
        return Some(out);
    }
    for field in &form.fields {
        match (field.form, field.list, value) {
            (Form::Extensions, ..) => named(&mut out, field.number, value, |key| key.starts_with("x-"), |inner| Some(anything(inner))),
            // A map is a list of names with values; so are the paths and the answers.
            (Form::Message(inner), true, Value::Object(_)) if inner.starts_with("Named") => {
                let inside = inner.strip_prefix("Named").unwrap_or(inner);
                let others: Vec<&str> = form.fields.iter().filter(|other| !other.list).map(|other| other.name).collect();
                let wanted = |key: &str| !key.starts_with("x-") && !others.contains(&key);
                named(&mut out, field.number, value, wanted, |one| match inside {
                    "String" => one.as_str().map(|text| text.as_bytes().to_vec()),
                    "Any" => Some(anything(one)),
                    _ => message(messages, inside, one),
                });
            }
            // `type` and `items` stand alone where a list could.
            (_, true, Value::String(_)) | (Form::Message(_), true, Value::Object(_)) if form.fields.len() == 1 => {
                put(messages, &mut out, field, value);
            }
            (_, true, Value::Array(list)) if form.fields.len() == 1 => list.iter().for_each(|one| {
                put(messages, &mut out, field, one);
            }),
            (_, true, _) => {
                for one in value.get(field.name).and_then(Value::as_array).into_iter().flatten() {
                    put(messages, &mut out, field, one);
                }
            }
            (_, false, _) => {
                if let Some(inner) = value.get(field.name) {
                    put(messages, &mut out, field, inner);
                }
            }
        }
    }
    Some(out)
}

/// Returns which of a message's fields a value is.
fn chosen<'a>(form: &'a Message, value: &Value) -> Option<&'a Field> {
    let by_name = |wanted: &str| form.fields.iter().find(|field| field.name == wanted);
    let place = value.get("in").and_then(Value::as_str).unwrap_or_default();
    match value {
        Value::Bool(_) => by_name("boolean"),
        Value::Number(_) => by_name("number"),
        Value::String(_) => by_name("string"),
        Value::Object(map) if map.contains_key("$ref") && by_name("reference").is_some() => by_name("reference"),
        Value::Object(map) if map.contains_key("$ref") && by_name("jsonReference").is_some() => by_name("jsonReference"),
        Value::Object(_) if by_name("bodyParameter").is_some() => {
            by_name(if place == "body" { "bodyParameter" } else { "nonBodyParameter" })
        }
        Value::Object(_) if by_name("queryParameterSubSchema").is_some() => by_name(match place {
            "header" => "headerParameterSubSchema",
            "formData" => "formDataParameterSubSchema",
            "path" => "pathParameterSubSchema",
            _ => "queryParameterSubSchema",
        }),
        // Defaults that are objects have no place here.
        Value::Object(_) => form.fields.first().filter(|field| matches!(field.form, Form::Message(_))),
        Value::Null | Value::Array(_) => None,
    }
}

fn put(messages: &Messages, out: &mut Vec<u8>, field: &Field, value: &Value) -> Option<()> {
    match field.form {
        Form::Text => put_bytes(out, field.number, value.as_str()?.as_bytes()),
        Form::Flag => {
            if value.as_bool()? {
                put_number(out, field.number, 1);
            }
        }
        Form::Whole => put_number(out, field.number, value.as_i64()?.cast_unsigned()),
        Form::Number => {
            put_varint(out, field.number << 3 | 1);
            out.extend_from_slice(&value.as_f64()?.to_le_bytes());
        }
        Form::Anything => put_bytes(out, field.number, &anything(value)),
        Form::Message(inner) => put_bytes(out, field.number, &message(messages, inner, value)?),
        Form::Extensions => {}
    }
    Some(())
}

/// A value as YAML in a message of its own.
fn anything(value: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    put_bytes(&mut out, 2, yaml::write(value).as_bytes());
    out
}

fn named(out: &mut Vec<u8>, number: u64, value: &Value, wanted: impl Fn(&str) -> bool, write: impl Fn(&Value) -> Option<Vec<u8>>) {
    for (key, inner) in value.as_object().into_iter().flatten().filter(|(key, _)| wanted(key)) {
        let Some(inner) = write(inner) else { continue };
        let mut one = Vec::new();
        put_bytes(&mut one, 1, key.as_bytes());
        put_bytes(&mut one, 2, &inner);
        put_bytes(out, number, &one);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_table_is_whole() {
        for messages in TABLE.values() {
            for (name, message) in messages {
                for field in &message.fields {
                    if let Form::Message(inner) = field.form {
                        let known = messages.contains_key(inner) || inner == "NamedAny";
                        assert!(known, "{inner} in {name}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_document_is_written_field_by_field() {
        let document =
            json!({"openapi": "3.0.0", "info": {"title": "T"}, "components": {"schemas": {"a": {"type": "object", "x-k": [1]}}}});
        let bytes = encode("3", &document);
        assert!(bytes.starts_with(b"\x0a\x053.0.0\x12\x03\x0a\x01T\x2a"));
        assert!(bytes.windows(6).any(|window| window == b"object"));
        let second = encode("2", &json!({"swagger": "2.0", "definitions": {"a": {"type": "string"}}}));
        // `type` is a list of texts inside a message of its own: 22 { 1: "string" }.
        assert_eq!(second, b"\x0a\x032.0\x4a\x12\x0a\x10\x0a\x01a\x12\x0b\xb2\x01\x08\x0a\x06string");
    }
}
