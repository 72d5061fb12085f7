//! Bodies as `kubectl create` and its like write them: protobuf, read by one table of fields (`protobuf.txt`) into the JSON
//! that everything else here works on. What the table does not name is refused, never dropped.

use std::collections::HashMap;
use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

/// What every body begins with.
const MAGIC: &[u8] = b"k8s\0";
/// How deep messages may nest.
const DEPTH: usize = 32;

#[derive(Debug)]
struct Field {
    name: &'static str,
    list: bool,
    keep: bool,
    form: Form,
}

#[derive(Debug, Clone, Copy)]
enum Form {
    Text,
    Number,
    Flag,
    Bytes,
    Time,
    NumberOrText,
    Map(Entry),
    Message(&'static str),
    Inline(&'static str),
    Ignored,
}

#[derive(Debug, Clone, Copy)]
enum Entry {
    Text,
    Bytes,
    Quantity,
}

type Message = HashMap<u64, Field>;

struct Table {
    kinds: Vec<(&'static str, &'static str)>,
    messages: HashMap<&'static str, Message>,
}

static TABLE: LazyLock<Table> = LazyLock::new(|| table(include_str!("protobuf.txt")));

fn table(text: &'static str) -> Table {
    let mut found = Table { kinds: Vec::new(), messages: HashMap::new() };
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let mut words = line.split(' ');
        match words.next() {
            Some("kind") => found.kinds.extend(words.next().zip(words.next())),
            Some(name) => {
                found.messages.insert(name, words.filter_map(field).collect());
            }
            None => {}
        }
    }
    found
}

fn field(word: &'static str) -> Option<(u64, Field)> {
    let (name, rest) = word.split_once('=')?;
    let (number, form) = rest.split_once(':')?;
    let (list, form) = form.strip_prefix('*').map_or((false, form), |form| (true, form));
    let (keep, form) = form.strip_suffix('?').map_or((false, form), |form| (true, form));
    let form = match form {
        "s" => Form::Text,
        "i" => Form::Number,
        "b" => Form::Flag,
        "y" => Form::Bytes,
        "t" => Form::Time,
        "x" => Form::NumberOrText,
        "m" => Form::Map(Entry::Text),
        "my" => Form::Map(Entry::Bytes),
        "mq" => Form::Map(Entry::Quantity),
        "-" => Form::Ignored,
        _ => match form.strip_prefix('>') {
            Some(message) => Form::Inline(message),
            None => Form::Message(form.strip_prefix('=')?),
        },
    };
    Some((number.parse().ok()?, Field { name, list, keep, form }))
}

/// Why a body was not read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It is whole, but this server's table does not have it.
    Unread(String),
    /// It is no protobuf of Kubernetes.
    Broken(String),
}

impl From<&str> for Fault {
    fn from(why: &str) -> Self {
        Self::Broken(why.to_owned())
    }
}

/// One field as it lies in the bytes.
enum Raw<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

struct Reader<'a>(&'a [u8]);

fn broken() -> Fault {
    "unexpected EOF".into()
}

impl<'a> Reader<'a> {
    fn number(&mut self) -> Result<u64, Fault> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.0.split_first().ok_or_else(broken)?;
            self.0 = rest;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err("a number is too long".into())
    }

    fn next(&mut self) -> Result<Option<(u64, Raw<'a>)>, Fault> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let tag = self.number()?;
        let raw = match tag & 7 {
            0 => Raw::Number(self.number()?),
            2 => {
                let length = usize::try_from(self.number()?).map_err(|_| broken())?;
                let (bytes, rest) = self.0.split_at_checked(length).ok_or_else(broken)?;
                self.0 = rest;
                Raw::Bytes(bytes)
            }
            other => return Err(Fault::Broken(format!("wire type {other} is not used here"))),
        };
        Ok(Some((tag >> 3, raw)))
    }
}

impl<'a> Raw<'a> {
    fn bytes(&self) -> Result<&'a [u8], Fault> {
        match self {
            Self::Bytes(bytes) => Ok(bytes),
            Self::Number(_) => Err("a number stands where bytes should".into()),
        }
    }

    fn text(&self) -> Result<&'a str, Fault> {
        std::str::from_utf8(self.bytes()?).map_err(|_| Fault::from("a text is not UTF-8"))
    }

    fn number(&self) -> Result<u64, Fault> {
        match self {
            Self::Number(number) => Ok(*number),
            Self::Bytes(_) => Err("bytes stand where a number should".into()),
        }
    }
}

/// Reads a body.
pub(crate) fn read(body: &[u8]) -> Result<Value, Fault> {
    let mut envelope = Reader(body.strip_prefix(MAGIC).ok_or("the body does not begin as Kubernetes' protobuf does")?);
    let (mut version, mut kind, mut raw) = (String::new(), String::new(), &[][..]);
    while let Some((number, value)) = envelope.next()? {
        match number {
            1 => {
                let mut names = Reader(value.bytes()?);
                while let Some((number, value)) = names.next()? {
                    match number {
                        1 => value.text()?.clone_into(&mut version),
                        2 => value.text()?.clone_into(&mut kind),
                        _ => {}
                    }
                }
            }
            2 => raw = value.bytes()?,
            _ => {}
        }
    }
    let known = TABLE.kinds.iter().find(|(one, name)| *one == version && *name == kind);
    let Some((_, name)) = known else {
        return Err(Fault::Unread(format!(
            "{version} {kind} is not read from protobuf by this server; send application/json (kubectl: use create -f or apply -f)"
        )));
    };
    let mut object = message(name, raw, 0)?;
    object.insert("apiVersion".to_owned(), json!(version));
    object.insert("kind".to_owned(), json!(kind));
    Ok(Value::Object(object))
}

fn message(name: &str, bytes: &[u8], depth: usize) -> Result<Map<String, Value>, Fault> {
    if depth > DEPTH {
        return Err("messages nest too deep".into());
    }
    let fields = TABLE.messages.get(name).ok_or_else(|| Fault::Unread(format!("{name} is not known")))?;
    let mut reader = Reader(bytes);
    let mut object = Map::new();
    while let Some((number, raw)) = reader.next()? {
        let Some(field) = fields.get(&number) else {
            // An empty message says nothing.
            if matches!(raw, Raw::Bytes([])) {
                continue;
            }
            return Err(Fault::Unread(format!(
                "field {number} of {name} is not read from protobuf by this server; send application/json (kubectl: use create -f or apply -f)"
            )));
        };
        put(&mut object, field, &raw, depth)?;
    }
    Ok(object)
}

fn put(object: &mut Map<String, Value>, field: &Field, raw: &Raw<'_>, depth: usize) -> Result<(), Fault> {
    let value = match field.form {
        Form::Ignored => return Ok(()),
        Form::Inline(name) => {
            object.extend(message(name, raw.bytes()?, depth + 1)?);
            return Ok(());
        }
        Form::Map(entry) => {
            let (key, value) = pair(entry, raw.bytes()?)?;
            object.entry(field.name).or_insert_with(|| json!({}))[key] = value;
            return Ok(());
        }
        Form::Text => json!(raw.text()?),
        // Both widths are written as 64 bits.
        Form::Number => json!(raw.number()?.cast_signed()),
        Form::Flag => json!(raw.number()? != 0),
        Form::Bytes => json!(STANDARD.encode(raw.bytes()?)),
        Form::Time => time(raw.bytes()?)?,
        Form::NumberOrText => number_or_text(raw.bytes()?)?,
        Form::Message(name) => Value::Object(message(name, raw.bytes()?, depth + 1)?),
    };
    if field.list {
        if let Value::Array(list) = object.entry(field.name).or_insert_with(|| json!([])) {
            list.push(value);
        }
        return Ok(());
    }
    let nothing = match &value {
        Value::Null => true,
        Value::Bool(flag) => !flag,
        Value::Number(number) => number.as_i64() == Some(0) && !matches!(field.form, Form::NumberOrText),
        Value::String(text) => text.is_empty(),
        Value::Array(_) => false,
        Value::Object(map) => map.is_empty(),
    };
    if field.keep || !nothing {
        object.insert(field.name.to_owned(), value);
    }
    Ok(())
}

fn pair(entry: Entry, bytes: &[u8]) -> Result<(String, Value), Fault> {
    let mut reader = Reader(bytes);
    let (mut key, mut value) = (String::new(), json!(""));
    while let Some((number, raw)) = reader.next()? {
        match (number, entry) {
            (1, _) => raw.text()?.clone_into(&mut key),
            (2, Entry::Text) => value = json!(raw.text()?),
            (2, Entry::Bytes) => value = json!(STANDARD.encode(raw.bytes()?)),
            (2, Entry::Quantity) => {
                let mut inner = Reader(raw.bytes()?);
                while let Some((number, raw)) = inner.next()? {
                    if number == 1 {
                        value = json!(raw.text()?);
                    }
                }
            }
            _ => {}
        }
    }
    Ok((key, value))
}

fn time(bytes: &[u8]) -> Result<Value, Fault> {
    let mut reader = Reader(bytes);
    let mut seconds = None;
    while let Some((number, raw)) = reader.next()? {
        if number == 1 {
            seconds = Some(raw.number()?.cast_signed());
        }
    }
    let Some(seconds) = seconds else { return Ok(Value::Null) };
    model::Timestamp::from_second(seconds).map(|time| json!(crate::object::seconds(time))).map_err(|error| Fault::Broken(error.to_string()))
}

fn number_or_text(bytes: &[u8]) -> Result<Value, Fault> {
    let mut reader = Reader(bytes);
    let (mut is_text, mut number, mut text) = (false, 0, String::new());
    while let Some((field, raw)) = reader.next()? {
        match field {
            1 => is_text = raw.number()? == 1,
            2 => number = raw.number()?.cast_signed(),
            3 => raw.text()?.clone_into(&mut text),
            _ => {}
        }
    }
    Ok(if is_text { json!(text) } else { json!(number) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_whole() {
        for (_, kind) in &TABLE.kinds {
            assert!(TABLE.messages.contains_key(kind), "{kind}");
        }
        for (name, message) in &TABLE.messages {
            for field in message.values() {
                if let Form::Message(inner) | Form::Inline(inner) = field.form {
                    assert!(TABLE.messages.contains_key(inner), "{inner} in {name}");
                }
            }
        }
    }

    #[test]
    fn a_body_becomes_an_object_and_garbage_does_not() {
        let body = b"k8s\0\x0a\x0f\x0a\x02v1\x12\x09ConfigMap\x12\x10\x0a\x06\x0a\x01a\x1a\x01n\x12\x06\x0a\x01k\x12\x01v";
        let wanted = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "n"}, "data": {"k": "v"}});
        assert_eq!(read(body), Ok(wanted));
        for end in 0..body.len() {
            // Nothing panics, whatever is cut off.
            let _ = read(&body[..end]);
        }
        let unknown = b"k8s\0\x0a\x0f\x0a\x02v1\x12\x09ConfigMap\x12\x03\x7a\x01x";
        assert!(read(unknown).is_err_and(|fault| matches!(fault, Fault::Unread(why) if why.contains("field 15 of ConfigMap"))));
    }
}
