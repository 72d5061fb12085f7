//! Objects as protobuf, by the same table: what `kubectl create` and typed clients send, and what they ask for.
//! Follows apimachinery `pkg/runtime/serializer/protobuf/protobuf.go`; what is written and left out is gogo's choice.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::table::{Field, Struct, Type};
use super::{by_kind, by_name};
use crate::wire::{put_bytes, put_number, put_varint};

/// What every body begins with.
const MAGIC: &[u8] = b"k8s\0";
/// How deep messages may nest.
const DEPTH: usize = 64;

/// Why a body was not read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It is whole, but no kind of this server.
    Unread {
        /// What it says it is.
        api_version: String,
        /// What it says it is.
        kind: String,
    },
    /// It is no protobuf of Kubernetes.
    Broken(String),
}

fn broken(why: &str) -> Fault {
    Fault::Broken(why.to_owned())
}

/// One field as it lies in the bytes.
enum Raw<'a> {
    Number(u64),
    Eight([u8; 8]),
    Bytes(&'a [u8]),
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn number(&mut self) -> Result<u64, Fault> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.0.split_first().ok_or_else(|| broken("unexpected EOF"))?;
            self.0 = rest;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(broken("proto: integer overflow"))
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], Fault> {
        let (bytes, rest) = self.0.split_at_checked(length).ok_or_else(|| broken("unexpected EOF"))?;
        self.0 = rest;
        Ok(bytes)
    }

    fn next(&mut self) -> Result<Option<(u64, Raw<'a>)>, Fault> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let tag = self.number()?;
        if tag >> 3 == 0 {
            return Err(Fault::Broken(format!("proto: illegal tag {} (wire type {})", tag >> 3, tag & 7)));
        }
        let raw = match tag & 7 {
            0 => Raw::Number(self.number()?),
            1 => {
                let mut eight = [0; 8];
                eight.copy_from_slice(self.take(8)?);
                Raw::Eight(eight)
            }
            2 => {
                let length = self.number()?;
                Raw::Bytes(self.take(usize::try_from(length).map_err(|_| broken("unexpected EOF"))?)?)
            }
            5 => Raw::Bytes(self.take(4)?),
            other => return Err(Fault::Broken(format!("proto: illegal wireType {other}"))),
        };
        Ok(Some((tag >> 3, raw)))
    }
}

impl<'a> Raw<'a> {
    fn bytes(&self) -> Result<&'a [u8], Fault> {
        match self {
            Self::Bytes(bytes) => Ok(bytes),
            Self::Number(_) => Err(broken("proto: wrong wireType = 0")),
            Self::Eight(_) => Err(broken("proto: wrong wireType = 1")),
        }
    }

    fn text(&self) -> Result<String, Fault> {
        self.bytes().map(|bytes| String::from_utf8_lossy(bytes).into_owned())
    }

    fn number(&self) -> Result<u64, Fault> {
        match self {
            Self::Number(number) => Ok(*number),
            Self::Bytes(_) | Self::Eight(_) => Err(broken("proto: wrong wireType = 2")),
        }
    }
}

/// Returns the struct of a kind, those that belong to all groups included.
fn struct_of(api_version: &str, kind: &str) -> Option<&'static Struct> {
    let shared = matches!(kind, "Status" | "DeleteOptions").then(|| by_name(&format!("meta.v1.{kind}"))).flatten();
    shared.or_else(|| by_kind(api_version, kind))
}

/// Reads a body.
pub(crate) fn from_protobuf(body: &[u8]) -> Result<Value, Fault> {
    let rest = body.strip_prefix(MAGIC);
    let mut envelope =
        Reader(rest.ok_or_else(|| broken("provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]"))?);
    let (mut version, mut kind, mut raw) = (String::new(), String::new(), &[][..]);
    while let Some((number, value)) = envelope.next()? {
        match number {
            1 => {
                let mut names = Reader(value.bytes()?);
                while let Some((number, value)) = names.next()? {
                    match number {
                        1 => version = value.text()?,
                        2 => kind = value.text()?,
                        _ => {}
                    }
                }
            }
            2 => raw = value.bytes()?,
            _ => {}
        }
    }
    let Some(form) = struct_of(&version, &kind) else { return Err(Fault::Unread { api_version: version, kind }) };
    let mut object = Map::new();
    message(form, raw, 0, &mut object)?;
    object.insert("apiVersion".to_owned(), json!(version));
    object.insert("kind".to_owned(), json!(kind));
    Ok(Value::Object(object))
}

fn message(form: &Struct, bytes: &[u8], depth: usize, object: &mut Map<String, Value>) -> Result<(), Fault> {
    if depth > DEPTH {
        return Err(broken("proto: messages nest too deep"));
    }
    let mut reader = Reader(bytes);
    while let Some((number, raw)) = reader.next()? {
        // Go passes over what it does not know.
        let Some(field) = form.fields.iter().find(|field| field.number == number) else { continue };
        match (field.form.base(), &field.form) {
            (Type::Struct(name), _) if field.inlined => {
                if let Some(inner) = by_name(name) {
                    message(inner, raw.bytes()?, depth + 1, object)?;
                }
            }
            (Type::Map(inner), _) => {
                let (key, value) = pair(inner, raw.bytes()?, depth)?;
                let map = object.entry(field.name).or_insert_with(|| json!({}));
                map[key] = value;
            }
            (Type::List(_), Type::List(inner)) => {
                let value = value(inner, &raw, depth)?;
                if let Value::Array(list) = object.entry(field.name).or_insert_with(|| json!([])) {
                    list.push(value);
                }
            }
            _ => {
                object.insert(field.name.to_owned(), value(&field.form, &raw, depth)?);
            }
        }
    }
    Ok(())
}

fn value(form: &Type, raw: &Raw<'_>, depth: usize) -> Result<Value, Fault> {
    Ok(match form {
        Type::Text => json!(raw.text()?),
        Type::Flag => json!(raw.number()? != 0),
        // Both widths are written as 64 bits.
        Type::Whole(_) => json!(raw.number()?.cast_signed()),
        Type::Float => match raw {
            Raw::Eight(eight) => json!(f64::from_le_bytes(*eight)),
            Raw::Number(_) | Raw::Bytes(_) => return Err(broken("proto: wrong wireType for a double")),
        },
        Type::Bytes => json!(STANDARD.encode(raw.bytes()?)),
        Type::Time | Type::MicroTime => time(raw.bytes()?, form)?,
        Type::Duration => {
            let mut nanos = 0;
            let mut reader = Reader(raw.bytes()?);
            while let Some((number, raw)) = reader.next()? {
                if number == 1 {
                    nanos = raw.number()?.cast_signed();
                }
            }
            json!(format!("{}s", nanos / 1_000_000_000))
        }
        Type::Quantity => {
            let mut text = String::new();
            let mut reader = Reader(raw.bytes()?);
            while let Some((number, raw)) = reader.next()? {
                if number == 1 {
                    text = raw.text()?;
                }
            }
            json!(crate::quantity::canonical(&text).unwrap_or(text))
        }
        Type::IntOrString => number_or_text(raw.bytes()?)?,
        Type::Raw | Type::Fields => {
            let mut inner = Value::Null;
            let mut reader = Reader(raw.bytes()?);
            while let Some((number, raw)) = reader.next()? {
                if number == 1 {
                    inner = super::json::parse(raw.bytes()?).map_err(Fault::Broken)?.value();
                }
            }
            inner
        }
        Type::Anything | Type::OrSchema => return Err(broken("schemas are not read from protobuf")),
        Type::Pointer(inner) => value(inner, raw, depth)?,
        // A named list is a message with the items in it.
        Type::Named(_, Type::List(inner)) => {
            let mut items = Vec::new();
            let mut reader = Reader(raw.bytes()?);
            while let Some((number, raw)) = reader.next()? {
                if number == 1 {
                    items.push(value(inner, &raw, depth + 1)?);
                }
            }
            Value::Array(items)
        }
        Type::Named(_, inner) => value(inner, raw, depth)?,
        Type::Struct(name) => {
            let mut object = Map::new();
            if let Some(inner) = by_name(name) {
                message(inner, raw.bytes()?, depth + 1, &mut object)?;
            }
            Value::Object(object)
        }
        Type::List(_) | Type::Map(_) => return Err(broken("proto: a list of lists")),
    })
}

fn pair(inner: &Type, bytes: &[u8], depth: usize) -> Result<(String, Value), Fault> {
    let mut reader = Reader(bytes);
    let mut key = String::new();
    let mut found = super::write::zero(inner);
    while let Some((number, raw)) = reader.next()? {
        match number {
            1 => key = raw.text()?,
            2 => found = value(inner, &raw, depth + 1)?,
            _ => {}
        }
    }
    Ok((key, found))
}

fn time(bytes: &[u8], form: &Type) -> Result<Value, Fault> {
    let mut reader = Reader(bytes);
    let (mut seconds, mut nanos) = (None, 0);
    while let Some((number, raw)) = reader.next()? {
        match number {
            1 => seconds = Some(raw.number()?.cast_signed()),
            2 => nanos = i32::try_from(raw.number()?.cast_signed()).unwrap_or(0),
            _ => {}
        }
    }
    // The zero time of Go is far before 1970; it counts as absent.
    let Some(seconds) = seconds.filter(|seconds| *seconds > -62_135_596_800) else { return Ok(Value::Null) };
    let time = model::Timestamp::new(seconds, nanos).map_err(|error| Fault::Broken(error.to_string()))?;
    Ok(match form {
        Type::MicroTime => json!(time.strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string()),
        _ => json!(crate::object::seconds(time)),
    })
}

fn number_or_text(bytes: &[u8]) -> Result<Value, Fault> {
    let mut reader = Reader(bytes);
    let (mut is_text, mut number, mut text) = (false, 0, String::new());
    while let Some((field, raw)) = reader.next()? {
        match field {
            1 => is_text = raw.number()? == 1,
            2 => number = raw.number()?.cast_signed(),
            3 => text = raw.text()?,
            _ => {}
        }
    }
    Ok(if is_text { json!(text) } else { json!(number) })
}

/// Writes an object with the envelope around it; `None` when its kind is not in the table.
pub(crate) fn encode(object: &Value) -> Option<Vec<u8>> {
    let text = |name: &str| object.get(name).and_then(Value::as_str).unwrap_or_default();
    let (api_version, kind) = (text("apiVersion"), text("kind"));
    let raw = to_protobuf(struct_of(api_version, kind)?, object)?;
    let mut names = Vec::new();
    put_bytes(&mut names, 1, api_version.as_bytes());
    put_bytes(&mut names, 2, kind.as_bytes());
    let mut body = MAGIC.to_vec();
    put_bytes(&mut body, 1, &names);
    put_bytes(&mut body, 2, &raw);
    put_bytes(&mut body, 3, b"");
    put_bytes(&mut body, 4, b"");
    Some(body)
}

/// Writes a message; `None` when something in it has no form in protobuf.
pub(crate) fn to_protobuf(form: &Struct, object: &Value) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    for field in &form.fields {
        if field.inlined {
            let Type::Struct(name) = field.form.base() else { continue };
            put_bytes(&mut out, field.number, &to_protobuf(by_name(name)?, object)?);
            continue;
        }
        if field.number == 0 {
            return None;
        }
        put_field(&mut out, field, object.get(field.name).filter(|value| !value.is_null()))?;
    }
    Some(out)
}

fn put_field(out: &mut Vec<u8>, field: &Field, value: Option<&Value>) -> Option<()> {
    match (&field.form, field.form.base(), value) {
        (Type::List(inner), _, Some(Value::Array(list))) => {
            for one in list {
                put(out, field.number, inner, one)?;
            }
        }
        (_, Type::Map(inner), Some(Value::Object(map))) => {
            for (key, one) in map {
                let mut entry = Vec::new();
                put_bytes(&mut entry, 1, key.as_bytes());
                put(&mut entry, 2, inner, one)?;
                put_bytes(out, field.number, &entry);
            }
        }
        (Type::Pointer(_) | Type::List(_), _, None) | (_, Type::Map(_) | Type::List(_) | Type::Bytes, None) => {}
        (form, _, None) => put(out, field.number, form, &super::write::zero(form))?,
        (form, _, Some(value)) => put(out, field.number, form, value)?,
    }
    Some(())
}

fn put(out: &mut Vec<u8>, number: u64, form: &Type, value: &Value) -> Option<()> {
    match form {
        Type::Text => put_bytes(out, number, value.as_str()?.as_bytes()),
        Type::Flag => put_number(out, number, u64::from(value.as_bool()?)),
        Type::Whole(_) => put_number(out, number, value.as_i64()?.cast_unsigned()),
        Type::Float => {
            put_varint(out, number << 3 | 1);
            out.extend_from_slice(&value.as_f64()?.to_le_bytes());
        }
        Type::Bytes => put_bytes(out, number, &STANDARD.decode(value.as_str()?).ok()?),
        Type::Time | Type::MicroTime => {
            let mut inner = Vec::new();
            if let Some(time) = value.as_str().and_then(crate::object::parse_time) {
                put_number(&mut inner, 1, time.as_second().cast_unsigned());
                put_number(&mut inner, 2, i64::from(time.subsec_nanosecond()).cast_unsigned());
            }
            put_bytes(out, number, &inner);
        }
        Type::Duration => {
            let seconds: i64 = value.as_str().and_then(|text| text.strip_suffix('s')).and_then(|text| text.parse().ok()).unwrap_or(0);
            let mut inner = Vec::new();
            put_number(&mut inner, 1, (seconds * 1_000_000_000).cast_unsigned());
            put_bytes(out, number, &inner);
        }
        Type::Quantity => {
            let mut inner = Vec::new();
            put_bytes(&mut inner, 1, value.as_str()?.as_bytes());
            put_bytes(out, number, &inner);
        }
        Type::IntOrString => {
            let mut inner = Vec::new();
            put_number(&mut inner, 1, u64::from(value.is_string()));
            put_number(&mut inner, 2, value.as_i64().unwrap_or(0).cast_unsigned());
            put_bytes(&mut inner, 3, value.as_str().unwrap_or_default().as_bytes());
            put_bytes(out, number, &inner);
        }
        Type::Raw | Type::Fields => {
            let mut inner = Vec::new();
            if !value.is_null() {
                put_bytes(&mut inner, 1, value.to_string().as_bytes());
            }
            put_bytes(out, number, &inner);
        }
        Type::Anything | Type::OrSchema | Type::List(_) | Type::Map(_) => return None,
        Type::Pointer(inner) => put(out, number, inner, value)?,
        Type::Named(_, Type::List(inner)) => {
            let mut items = Vec::new();
            for one in value.as_array().into_iter().flatten() {
                put(&mut items, 1, inner, one)?;
            }
            put_bytes(out, number, &items);
        }
        Type::Named(_, inner) => put(out, number, inner, value)?,
        Type::Struct(name) => put_bytes(out, number, &to_protobuf(by_name(name)?, value)?),
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_becomes_an_object_and_garbage_does_not() {
        let body = b"k8s\0\x0a\x0f\x0a\x02v1\x12\x09ConfigMap\x12\x10\x0a\x06\x0a\x01a\x1a\x01n\x12\x06\x0a\x01k\x12\x01v";
        let wanted = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "n"}, "data": {"k": "v"}});
        assert_eq!(from_protobuf(body), Ok(wanted));
        for end in 0..body.len() {
            // Nothing panics, whatever is cut off.
            let _ = from_protobuf(&body[..end]);
        }
        let unknown = b"k8s\0\x0a\x0a\x0a\x02v1\x12\x04Nope";
        assert_eq!(from_protobuf(unknown), Err(Fault::Unread { api_version: "v1".to_owned(), kind: "Nope".to_owned() }));
        assert!(matches!(from_protobuf(b"{}"), Err(Fault::Broken(_))));
    }

    #[test]
    fn what_is_written_is_read_back() {
        let mut pod = json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": "p", "labels": {"a": "b", "c": "d"}, "creationTimestamp": "2024-01-01T00:00:00Z"},
            "spec": {
                "terminationGracePeriodSeconds": 0, "activeDeadlineSeconds": -1,
                "containers": [{"name": "c", "resources": {"limits": {"cpu": "500m"}}, "livenessProbe": {"httpGet": {"port": "http"}}, "command": ["a", ""]}],
                "volumes": [{"name": "v", "projected": {"sources": [{"secret": {"name": "s"}}]}}],
            },
        });
        super::super::write(by_kind("v1", "Pod").expect("a kind"), &mut pod);
        let mut back = from_protobuf(&encode(&pod).expect("encodes")).expect("reads");
        super::super::write(by_kind("v1", "Pod").expect("a kind"), &mut back);
        assert_eq!(back, pod);
    }

    #[test]
    fn answers_are_protobuf_too() {
        let status =
            json!({"apiVersion": "v1", "kind": "Status", "metadata": {}, "status": "Failure", "code": 404, "details": {"name": "x"}});
        assert_eq!(from_protobuf(&encode(&status).expect("encodes")).expect("reads")["details"]["name"], "x");
    }
}
