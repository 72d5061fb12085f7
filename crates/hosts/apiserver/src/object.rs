//! Objects as JSON: their metadata, how they lie in the store and how they come out.
//!
//! A stored value starts with the head of its kind and holds no resourceVersion: that is the revision of the entry, spliced in
//! when it is read, so that a read costs one copy and no parsing. Kubernetes' own kinds lie there as Go's encoder writes them,
//! custom kinds with `{"apiVersion":…,"kind":…,"metadata":{` first.

use model::Timestamp;
use rand::Rng as _;
use serde_json::{Map, Value, json};
use store::Entry;

use crate::catalog::Resource;
use crate::typed;

/// Returns a time as objects carry it.
pub(crate) fn seconds(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Returns a time in microseconds, as Leases and Events carry it.
pub(crate) fn parse_time(text: &str) -> Option<Timestamp> {
    text.parse().ok()
}

/// Returns a fresh uid.
pub(crate) fn uid() -> String {
    let mut bytes: [u8; 16] = rand::rng().random();
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    let hex = hex::encode(bytes);
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

/// Returns a random ending for a generated name.
pub(crate) fn suffix() -> String {
    const LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
    let mut random = rand::rng();
    (0..5).map(|_| char::from(LETTERS[random.random_range(0..LETTERS.len())])).collect()
}

/// Returns a text of the metadata, empty when it is not there.
pub(crate) fn meta<'a>(object: &'a Value, name: &str) -> &'a str {
    object.get("metadata").and_then(|metadata| metadata.get(name)).and_then(Value::as_str).unwrap_or_default()
}

/// Returns the metadata, made when it is not there.
pub(crate) fn meta_mut(object: &mut Value) -> &mut Map<String, Value> {
    if !object.is_object() {
        *object = json!({});
    }
    let metadata = &mut object["metadata"];
    if !metadata.is_object() {
        *metadata = json!({});
    }
    metadata.as_object_mut().expect("it was made an object just now")
}

/// Returns the finalizers.
pub(crate) fn finalizers(object: &Value) -> Vec<&str> {
    at(object, &["metadata", "finalizers"])
        .and_then(Value::as_array)
        .map(|list| list.iter().filter_map(Value::as_str).collect())
        .unwrap_or_default()
}

/// Returns the labels or annotations as pairs.
pub(crate) fn pairs<'a>(object: &'a Value, name: &str) -> Option<&'a Map<String, Value>> {
    object.get("metadata")?.get(name)?.as_object()
}

/// Returns a value by field names.
pub(crate) fn at<'a>(object: &'a Value, path: &[&str]) -> Option<&'a Value> {
    path.iter().try_fold(object, |place, name| place.get(name))
}

/// Returns the bytes to store.
pub(crate) fn encode(object: &Value, api_version: &str) -> Vec<u8> {
    let kind = object.get("kind").and_then(Value::as_str).unwrap_or_default();
    let is = object.get("apiVersion").and_then(Value::as_str);
    let versioned = object.get("metadata").is_none_or(|metadata| metadata.get("resourceVersion").is_some());
    if let (false, true, Some(form), Value::Object(map)) = (versioned, is == Some(api_version), typed::by_kind(api_version, kind), object) {
        let mut bytes = Vec::with_capacity(1_024);
        typed::put_struct(form, map, &mut bytes);
        return bytes;
    }
    let mut metadata = object.get("metadata").cloned().unwrap_or_else(|| json!({}));
    if let Value::Object(metadata) = &mut metadata {
        metadata.remove("resourceVersion");
    }
    let fields =
        || object.as_object().into_iter().flatten().filter(|(name, _)| !matches!(name.as_str(), "apiVersion" | "kind" | "metadata"));
    if let Some(form) = typed::by_kind(api_version, kind) {
        let mut map: Map<String, Value> = fields().map(|(name, value)| (name.clone(), value.clone())).collect();
        map.insert("apiVersion".to_owned(), json!(api_version));
        map.insert("kind".to_owned(), json!(kind));
        map.insert("metadata".to_owned(), metadata);
        let mut bytes = Vec::with_capacity(1_024);
        typed::put_struct(form, &map, &mut bytes);
        return bytes;
    }
    let mut bytes = format!("{{\"apiVersion\":{},\"kind\":{},\"metadata\":{metadata}", json!(api_version), json!(kind)).into_bytes();
    for (name, value) in fields() {
        bytes.extend_from_slice(format!(",{}:{value}", json!(name)).as_bytes());
    }
    bytes.push(b'}');
    bytes
}

/// Returns the bytes to store of an object that was read from the store as it lies there.
pub(crate) fn encode_again(object: &Value, resource: &Resource) -> Vec<u8> {
    // Only a webhook could turn it into the storage version, and what changed is in its metadata.
    match object.get("apiVersion").and_then(Value::as_str).filter(|_| resource.converter().is_some()) {
        Some(version) => encode(object, version),
        None => encode(object, &resource.storage_version()),
    }
}

/// Reads a stored object, in the version of this resource; where a webhook has to turn it into that version and nobody has
/// asked it (see `converter`), as it lies in the store.
pub(crate) fn decode(entry: &Entry, resource: &Resource) -> Value {
    let mut object: Value = serde_json::from_slice(&entry.value).unwrap_or_default();
    meta_mut(&mut object).insert("resourceVersion".to_owned(), json!(entry.revision.to_string()));
    if object.get("apiVersion").and_then(Value::as_str) != Some(&resource.api_version) && resource.converter().is_none() {
        resource.adapt(&mut object);
    }
    object
}

/// Whether the answer names its kind: items of a list of Kubernetes' own kinds do not.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Identity {
    Whole,
    Without,
}

/// Returns a stored object as it is answered alone: a line.
pub(crate) fn whole(entry: &Entry, resource: &Resource) -> Vec<u8> {
    let mut body = Vec::with_capacity(entry.value.len() + 40);
    splice(&mut body, entry, entry.revision, resource, Identity::Whole);
    body.push(b'\n');
    body
}

/// Appends a stored object as it is answered, with the resourceVersion given.
pub(crate) fn splice(out: &mut Vec<u8>, entry: &Entry, revision: u64, resource: &Resource, identity: Identity) {
    let Some(rest) = entry.value.strip_prefix(resource.head.as_bytes()) else {
        let mut object = decode(&Entry { value: entry.value.clone(), revision }, resource);
        if let (Identity::Without, Value::Object(map)) = (identity, &mut object) {
            map.remove("apiVersion");
            map.remove("kind");
        }
        match resource.form {
            Some(form) => typed::put_struct(form, object.as_object().unwrap_or(&Map::new()), out),
            None => out.extend_from_slice(object.to_string().as_bytes()),
        }
        return;
    };
    match identity {
        Identity::Whole => out.extend_from_slice(resource.head.as_bytes()),
        Identity::Without => out.extend_from_slice(b"{\"metadata\":{"),
    }
    // In Go's order it follows the uid. Before that are only names, in which no quotation mark can be.
    let uid = resource.custom.is_none().then(|| memchr::memmem::find(rest, b"\"uid\":\"")).flatten();
    let end = uid.and_then(|at| Some(at + 7 + memchr::memchr(b'"', &rest[at + 7..])? + 1));
    match end {
        Some(end) => {
            out.extend_from_slice(&rest[..end]);
            out.extend_from_slice(format!(",\"resourceVersion\":\"{revision}\"").as_bytes());
            out.extend_from_slice(&rest[end..]);
        }
        None => {
            out.extend_from_slice(format!("\"resourceVersion\":\"{revision}\",").as_bytes());
            out.extend_from_slice(rest);
        }
    }
}
