//! What a conversion webhook is sent, and what its answer must be: the same objects in the version that was asked for, with
//! the same metadata but for labels and annotations. Kubernetes
//! `apiextensions-apiserver/pkg/apiserver/conversion/webhook_converter.go`.

use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::Converter;
use crate::Server;
use crate::object::meta;
use crate::validation;
use crate::webhook_call::{self, Review};

const GROUP: &str = "apiextensions.k8s.io";
/// How long the webhook may take, in seconds.
const PATIENCE: u64 = 30;
/// An answer may be larger than what was sent, but not without bounds.
const LARGEST: usize = 3 * 1024 * 1024;

fn text<'a>(value: &'a Value, path: &str) -> &'a str {
    value.pointer(path).and_then(Value::as_str).unwrap_or_default()
}

/// Asks a webhook for objects in another version and checks what it answers.
pub(super) async fn ask(
    server: &Server,
    converter: &Converter,
    objects: &[Bytes],
    originals: &[Value],
    version: &str,
) -> Result<Vec<Value>, String> {
    let from = originals.first().map(|first| text(first, "/apiVersion")).unwrap_or_default();
    let hook = format!("conversion webhook for {from}, Kind={}", converter.kind);
    let uid = crate::object::uid();
    let body = request(converter.review, objects, version, &uid);
    let most = body.len().saturating_mul(2).saturating_add(LARGEST);
    let failed = |why: String| format!("{hook} failed: {why}");
    let answer = webhook_call::post(server, &converter.client, PATIENCE, body, most).await.map_err(failed)?;
    let wanted = Review { group: GROUP, kind: "ConversionReview", version: converter.review };
    let answer = webhook_call::read(&answer, &wanted).map_err(failed)?;
    let made = objects_of(answer, converter.review, &uid).map_err(failed)?;
    if made.len() != originals.len() {
        return Err(format!("{hook} returned {} objects, expected {}", made.len(), originals.len()));
    }
    let single = originals.len() == 1;
    let mut converted = Vec::with_capacity(made.len());
    for (index, (original, object)) in originals.iter().zip(made).enumerate() {
        converted.push(checked(original, object, version).map_err(|fault| fault.told(&hook, index, single))?);
    }
    Ok(converted)
}

fn request(review: &str, objects: &[Bytes], version: &str, uid: &str) -> Vec<u8> {
    let size = objects.iter().map(|one| one.len() + 1).sum::<usize>();
    let mut body = Vec::with_capacity(size + 400);
    let start = format!(
        "{{\"kind\":\"ConversionReview\",\"apiVersion\":\"{GROUP}/{review}\",\"request\":{{\"uid\":\"{uid}\",\"desiredAPIVersion\":{},\"objects\":[",
        json!(version)
    );
    body.extend_from_slice(start.as_bytes());
    for (index, object) in objects.iter().enumerate() {
        if index > 0 {
            body.push(b',');
        }
        body.extend_from_slice(object);
    }
    // Kubernetes sends the empty answer along.
    body.extend_from_slice(br#"]},"response":{"uid":"","convertedObjects":null,"result":{"metadata":{}}}}"#);
    body
}

fn objects_of(mut answer: Value, review: &str, uid: &str) -> Result<Vec<Value>, String> {
    let Some(Value::Object(response)) = answer.get_mut("response") else { return Err("no response provided".to_owned()) };
    let given = response.get("uid").and_then(Value::as_str).unwrap_or_default();
    // The first version of the review did not look at the uid.
    if review == "v1" && given != uid {
        return Err(format!("expected response.uid={uid:?}, got {given:?}"));
    }
    let result = response.get("result").unwrap_or(&Value::Null);
    let status = text(result, "/status");
    if status != "Success" {
        return Err(match text(result, "/message") {
            "" => format!("response.result.status was '{status}', not 'Success'"),
            message => message.to_owned(),
        });
    }
    match response.remove("convertedObjects") {
        Some(Value::Array(list)) => Ok(list),
        _ => Ok(Vec::new()),
    }
}

/// What is wrong with an object of an answer.
enum Fault {
    /// It cannot be read.
    Unread(String),
    /// It is of another version or kind.
    Identity(String),
    /// It is another object.
    Object(String),
    Metadata(String),
}

impl Fault {
    /// The words for one object differ from those for a list, in which some counts begin with 1.
    fn told(self, hook: &str, index: usize, single: bool) -> String {
        let next = index + 1;
        match (self, single) {
            (Self::Unread(why), true) => why,
            (Self::Unread(why), false) => format!("{hook} returned invalid converted object at index {index}: {why}"),
            (Self::Identity(why), true) => format!("{hook} returned invalid object at index 0: {why}"),
            (Self::Object(why), true) => format!("{hook} returned invalid object: {why}"),
            (Self::Metadata(why), true) => format!("{hook} returned invalid metadata: {why}"),
            (Self::Identity(why) | Self::Object(why), false) => format!("{hook} returned invalid converted object at index {next}: {why}"),
            (Self::Metadata(why), false) => format!("{hook} returned invalid metadata in object at index {next}: {why}"),
        }
    }
}

fn checked(original: &Value, mut object: Value, version: &str) -> Result<Value, Fault> {
    let kind = text(&object, "/kind");
    if kind.is_empty() {
        return Err(Fault::Unread(format!("Object 'Kind' is missing in '{object}'")));
    }
    let given = text(&object, "/apiVersion");
    if given != version {
        return Err(Fault::Identity(format!("invalid groupVersion (expected {version}, received {given})")));
    }
    let wanted = text(original, "/kind");
    if kind != wanted {
        return Err(Fault::Identity(format!("invalid kind (expected {wanted}, received {kind})")));
    }
    for (field, name) in [("name", "name"), ("namespace", "namespace"), ("uid", "UID")] {
        let (before, after) = (meta(original, field), meta(&object, field));
        if before != after {
            return Err(Fault::Object(format!("must have the same {name}: {before} != {after}")));
        }
    }
    let metadata = restored(original, &object).map_err(Fault::Metadata)?;
    object["metadata"] = Value::Object(metadata);
    Ok(object)
}

/// Returns the metadata of the original with the labels and annotations of the answer.
fn restored(original: &Value, object: &Value) -> Result<Map<String, Value>, String> {
    let answered = match object.get("metadata") {
        None => return Err("missing metadata in converted object".to_owned()),
        Some(Value::Object(map)) => map,
        Some(other) => return Err(format!("invalid metadata of type {} in converted object", go_type(other))),
    };
    let mut metadata = original.get("metadata").and_then(Value::as_object).cloned().unwrap_or_default();
    for field in ["labels", "annotations"] {
        let given = match answered.get(field) {
            None | Some(Value::Null) => {
                metadata.remove(field);
                continue;
            }
            Some(Value::Object(map)) => map,
            Some(other) => return Err(format!("invalid metadata.{field} of type {} in converted object", go_type(other))),
        };
        if let Some((key, value)) = given.iter().find(|(_, value)| !value.is_string()) {
            return Err(format!("metadata.{field}[{key}] must be a string, but is {} in converted object", go_type(value)));
        }
        if metadata.get(field).and_then(Value::as_object) != Some(given) {
            let sentences: Vec<String> = validation::check_marks(field, &answered[field]).iter().map(schema::Violation::sentence).collect();
            match &sentences[..] {
                [] => {}
                [only] => return Err(only.clone()),
                all => return Err(format!("[{}]", all.join(", "))),
            }
        }
        metadata.insert(field.to_owned(), answered[field].clone());
    }
    Ok(metadata)
}

/// Returns what Go calls a value that was read from JSON.
fn go_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "<nil>",
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_f64() => "float64",
        Value::Number(_) => "int64",
        Value::String(_) => "string",
        Value::Array(_) => "[]interface {}",
        Value::Object(_) => "map[string]interface {}",
    }
}
