//! From the bytes of a request to an object of its kind: read, checked field by field, stripped of what is unknown.

use base64::Engine as _;
use http::{HeaderMap, header};
use schema::{Cause, Schema, Type, validate};
use serde_json::{Value, json};

use crate::builtin;
use crate::catalog::Resource;
use crate::request::FieldValidation;
use crate::status::{ApiError, ApiResult};

/// The largest body that is read.
pub(crate) const LARGEST: usize = 3 * 1024 * 1024;

/// Returns the media type of the body without parameters; absent counts as JSON.
pub(crate) fn media_type(headers: &HeaderMap) -> String {
    let text = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let plain = text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if plain.is_empty() { "application/json".to_owned() } else { plain }
}

/// Reads a body as JSON or YAML and tells which fields stood twice.
pub(crate) fn body(headers: &HeaderMap, bytes: &[u8]) -> ApiResult<(Value, Vec<String>)> {
    match media_type(headers).as_str() {
        "application/json" => json_body(bytes),
        "application/yaml" => Ok((yaml_body(bytes)?, Vec::new())),
        "application/vnd.kubernetes.protobuf" => match crate::protobuf::read(bytes) {
            Ok(object) => Ok((object, Vec::new())),
            Err(crate::protobuf::Fault::Unread(why)) => {
                Err(unsupported_media(&format!("the body of the request was application/vnd.kubernetes.protobuf: {why}")))
            }
            Err(crate::protobuf::Fault::Broken(why)) => Err(ApiError::bad_request(format!("the object provided is unrecognized: {why}"))),
        },
        other => Err(unsupported_media(&format!(
            "the body of the request was in an unknown format ({other}) - accepted media types include: application/json, application/yaml"
        ))),
    }
}

pub(crate) fn unsupported_media(message: &str) -> ApiError {
    ApiError::new(415, "UnsupportedMediaType", message).with(json!({}))
}

pub(crate) fn json_body(bytes: &[u8]) -> ApiResult<(Value, Vec<String>)> {
    let parsed = schema::parse_strict(bytes)
        .map_err(|error| ApiError::bad_request(format!("couldn't get version/kind; json parse error: {error}")))?;
    Ok((parsed.value, parsed.duplicates))
}

pub(crate) fn yaml_body(bytes: &[u8]) -> ApiResult<Value> {
    let text = std::str::from_utf8(bytes).map_err(|_| ApiError::bad_request("error decoding YAML: the body is not UTF-8"))?;
    yaml::read(text, yaml::Dialect::Sigs).map_err(|error| ApiError::bad_request(format!("error decoding YAML: {error}")))
}

/// Fits an object into its kind: apiVersion and kind, unknown fields, types. Returns warnings.
pub(crate) fn coerce(
    resource: &Resource,
    object: &mut Value,
    duplicates: &[String],
    validation: FieldValidation,
) -> ApiResult<Vec<String>> {
    let Value::Object(map) = object else {
        return Err(ApiError::bad_request(format!("cannot be handled as a {}: the body must be an object", resource.kind)));
    };
    map.entry("apiVersion").or_insert_with(|| json!(resource.api_version));
    map.entry("kind").or_insert_with(|| json!(resource.kind));
    identity(resource, object)?;
    let unknown = match &resource.custom {
        Some(_) => custom(resource, object)?,
        None => native(resource, object)?,
    };
    if validation == FieldValidation::Ignore || (unknown.is_empty() && duplicates.is_empty()) {
        return Ok(Vec::new());
    }
    let faults: Vec<String> = duplicates
        .iter()
        .map(|field| format!("duplicate field \"{field}\""))
        .chain(unknown.iter().map(|field| format!("unknown field \"{field}\"")))
        .collect();
    if validation == FieldValidation::Strict {
        return Err(unhandled(resource, &format!("strict decoding error: {}", faults.join(", "))));
    }
    Ok(faults)
}

fn unhandled(resource: &Resource, why: &str) -> ApiError {
    ApiError::bad_request(format!(
        "{kind} in version {version:?} cannot be handled as a {kind}: {why}",
        kind = resource.kind,
        version = resource.version
    ))
}

fn identity(resource: &Resource, object: &Value) -> ApiResult<()> {
    let text = |name: &str| object.get(name).and_then(Value::as_str).unwrap_or_default();
    let (api_version, kind) = (text("apiVersion"), text("kind"));
    if kind != resource.kind {
        return Err(ApiError::bad_request(format!(
            "{kind} in version {api_version:?} cannot be handled as a {}: no kind {kind:?} is registered for this path",
            resource.kind
        )));
    }
    if api_version != resource.api_version {
        return Err(ApiError::bad_request(format!(
            "the API version in the data ({api_version}) does not match the expected API version ({})",
            resource.api_version
        )));
    }
    Ok(())
}

fn metadata_schema() -> Option<&'static Schema> {
    builtin::RESOURCES.first()?.schema.properties.get("metadata").map(AsRef::as_ref)
}

/// A custom resource: its metadata is ObjectMeta, its nulls go, what is unknown is pruned and named.
fn custom(resource: &Resource, object: &mut Value) -> ApiResult<Vec<String>> {
    let mut unknown = Vec::new();
    if let (Some(schema), Some(metadata)) = (metadata_schema(), object.get_mut("metadata")) {
        schema::drop_nulls(schema, metadata);
        let pruned = schema::prune(schema, metadata, false);
        unknown.extend(pruned.iter().map(|field| format!("metadata.{field}")));
        types(resource, schema, metadata, "ObjectMeta")?;
    }
    schema::drop_nulls(&resource.schema, object);
    unknown.extend(schema::prune(&resource.schema, object, true));
    if let Some(metadata) = metadata_schema() {
        embedded(resource, &resource.schema, metadata, object, "", &mut unknown)?;
    }
    schema::default(&resource.schema, object);
    Ok(unknown)
}

/// The metadata of resources inside of a custom resource is ObjectMeta, too.
fn embedded(
    resource: &Resource,
    schema: &Schema,
    metadata: &Schema,
    value: &mut Value,
    path: &str,
    unknown: &mut Vec<String>,
) -> ApiResult<()> {
    match value {
        Value::Object(map) => {
            for (name, inner) in map.iter_mut() {
                let here = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                if schema.embedded && name == "metadata" && inner.is_object() {
                    schema::drop_nulls(metadata, inner);
                    unknown.extend(schema::prune(metadata, inner, false).iter().map(|field| format!("{here}.{field}")));
                    types(resource, metadata, inner, "ObjectMeta")?;
                } else if let Some(field) = schema.field(name) {
                    embedded(resource, field, metadata, inner, &here, unknown)?;
                }
            }
        }
        Value::Array(list) => {
            let Some(items) = &schema.items else { return Ok(()) };
            for (index, inner) in list.iter_mut().enumerate() {
                embedded(resource, items, metadata, inner, &format!("{path}[{index}]"), unknown)?;
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
    Ok(())
}

/// One of Kubernetes' own kinds: nulls and empty optional collections are as good as absent.
fn native(resource: &Resource, object: &mut Value) -> ApiResult<Vec<String>> {
    empty_texts(&resource.schema, object);
    schema::drop_nulls(&resource.schema, object);
    let unknown = schema::prune(&resource.schema, object, false);
    crate::quantity::normalize(&resource.schema, object).map_err(|why| unhandled(resource, &why))?;
    types(resource, &resource.schema, object, &resource.kind)?;
    tidy(&resource.schema, object);
    if resource.kind == "Secret" {
        secret(resource, object)?;
    }
    Ok(unknown)
}

/// In a map of texts, Go reads null as the empty text.
fn empty_texts(schema: &Schema, value: &mut Value) {
    match value {
        Value::Object(map) => {
            let texts = schema.additional.as_ref().is_some_and(|field| field.kind == Some(Type::String));
            for (name, inner) in map.iter_mut() {
                if texts && inner.is_null() && !schema.properties.contains_key(name) {
                    *inner = json!("");
                } else if let Some(field) = schema.field(name) {
                    empty_texts(field, inner);
                }
            }
        }
        Value::Array(list) => {
            if let Some(items) = &schema.items {
                list.iter_mut().for_each(|one| empty_texts(items, one));
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn types(resource: &Resource, schema: &Schema, value: &Value, owner: &str) -> ApiResult<()> {
    for violation in validate(schema, value, None) {
        let format = ["byte", "date-time"].iter().any(|name| violation.text.contains(&format!("must be of type {name}")));
        if violation.cause == Cause::TypeInvalid && !format {
            let mut words = violation.text.split('"');
            let found = words.nth(1).unwrap_or_default();
            let found = if found == "integer" {
                "number"
            } else if found == "boolean" {
                "bool"
            } else {
                found
            };
            let wanted = violation.text.rsplit_once("must be of type ").map_or("", |(_, rest)| rest.split(':').next().unwrap_or_default());
            let wanted = match wanted {
                "boolean" => "bool",
                "integer" => "int64",
                "array" => "[]",
                "object" => "struct",
                other => other,
            };
            let (path, texts) = go_path(schema, &violation.field);
            let wanted = if texts && wanted == "struct" { "map[string]string" } else { wanted };
            return Err(unhandled(
                resource,
                &format!("json: cannot unmarshal {found} into Go struct field {owner}.{path} of type {wanted}"),
            ));
        }
        if violation.text.contains("must be of type byte") {
            return Err(unhandled(resource, &format!("illegal base64 data at {}", violation.field)));
        }
        if violation.text.contains("must be of type date-time") {
            return Err(unhandled(resource, &format!("parsing time at {}: {}", violation.field, violation.text)));
        }
    }
    Ok(())
}

/// Returns the way to a field as Go's JSON decoder tells it, without indices and keys, and whether the field is a map of texts.
fn go_path(schema: &Schema, field: &str) -> (String, bool) {
    let plain: String = field.split('[').map(|part| part.split_once(']').map_or(part, |(_, rest)| rest)).collect();
    let (mut here, mut words) = (schema, Vec::new());
    let mut texts = false;
    for word in plain.split('.') {
        while let Some(items) = here.items.as_deref().filter(|_| here.properties.is_empty()) {
            here = items;
        }
        let Some(next) = here.properties.get(word) else { break };
        words.push(word);
        here = next;
        texts = here.additional.as_ref().is_some_and(|inner| inner.kind == Some(Type::String));
    }
    if words.is_empty() { (plain, false) } else { (words.join("."), texts) }
}

/// Drops empty lists and maps of optional fields, which Go leaves out when it writes.
fn tidy(schema: &Schema, value: &mut Value) {
    match value {
        Value::Object(map) => {
            for (name, inner) in map.iter_mut() {
                if let Some(field) = schema.field(name) {
                    tidy(field, inner);
                }
            }
            map.retain(|name, inner| {
                let Some(field) = schema.properties.get(name) else { return true };
                let empty = match inner {
                    Value::Array(list) => list.is_empty(),
                    Value::Object(map) => map.is_empty() && field.additional.is_some(),
                    _ => false,
                };
                !(empty && field.kind.is_some_and(|kind| matches!(kind, Type::Array | Type::Object)) && !schema.required.contains(name))
            });
        }
        Value::Array(list) => {
            if let Some(items) = &schema.items {
                list.iter_mut().for_each(|one| tidy(items, one));
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// `stringData` is written into `data` and never stored.
fn secret(resource: &Resource, object: &mut Value) -> ApiResult<()> {
    let Some(Value::Object(plain)) = object.as_object_mut().and_then(|map| map.remove("stringData")) else { return Ok(()) };
    if !object.get("data").is_some_and(Value::is_object) {
        object["data"] = json!({});
    }
    for (key, value) in plain {
        let Some(text) = value.as_str() else { return Err(unhandled(resource, "stringData holds texts only")) };
        object["data"][key] = json!(base64::engine::general_purpose::STANDARD.encode(text));
    }
    Ok(())
}
