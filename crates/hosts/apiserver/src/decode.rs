//! From the bytes of a request to an object of its kind. Kubernetes' own kinds are read as Go reads them (see `typed`),
//! custom kinds by their schema. Follows AS `pkg/endpoints/handlers/create.go` and `rest.go`, AM
//! `pkg/runtime/serializer/json/json.go`.

use std::collections::HashSet;

use base64::Engine as _;
use http::{HeaderMap, header};
use serde_json::{Value, json};

use crate::call::Call;
use crate::catalog::Resource;
use crate::object::meta;
use crate::request::FieldValidation;
use crate::status::{ApiError, ApiResult};
use crate::typed::json::{Node, parse};
use crate::typed::{self, Fault, Unread};

/// The largest body that is read.
pub(crate) const LARGEST: usize = 3 * 1024 * 1024;
/// What Go's scheme calls itself in errors.
const SCHEME: &str = "pkg/runtime/scheme.go:111";
/// How Go writes the type into which it reads only apiVersion and kind.
const IDENTITY: &str = r#"struct { APIVersion string "json:\"apiVersion,omitempty\""; Kind string "json:\"kind,omitempty\"" }"#;

/// A body, read.
#[derive(Debug, Clone)]
pub(crate) struct Document {
    pub node: Node,
    /// What is wrong with the text though it can be read: lines of YAML whose keys stood before.
    pub repeated: Vec<String>,
    pub nulls: Nulls,
    /// How the body begins, for errors.
    pub start: String,
}

/// What becomes of the nulls in an object of a custom kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Nulls {
    Dropped,
    Kept,
}

impl Document {
    /// Returns the document as a value.
    pub fn value(&self) -> Value {
        self.node.value()
    }
}

/// Returns the media type of the body without parameters; absent counts as JSON.
pub(crate) fn media_type(headers: &HeaderMap) -> String {
    let text = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let plain = text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if plain.is_empty() { "application/json".to_owned() } else { plain }
}

/// Reads a body that should hold an object of this kind.
pub(crate) fn body(headers: &HeaderMap, bytes: &[u8], kind: &str) -> ApiResult<Document> {
    let unread = |why: &str| {
        ApiError::bad_request(format!("the object provided is unrecognized (must be of type {kind}): {why} ({})", summary(bytes)))
    };
    match media_type(headers).as_str() {
        "application/json" => {
            let node = parse(bytes).map_err(|why| unread(&format!("couldn't get version/kind; json parse error: {why}")))?;
            Ok(Document { node, repeated: Vec::new(), nulls: Nulls::Dropped, start: summary(bytes) })
        }
        "application/yaml" => {
            let (value, repeated) = yaml(bytes).map_err(|why| unread(&format!("yaml: {why}")))?;
            Ok(Document { node: Node::from(&value), repeated, nulls: Nulls::Dropped, start: summary(bytes) })
        }
        "application/vnd.kubernetes.protobuf" => match typed::from_protobuf(bytes) {
            Ok(object) => Ok(Document { node: Node::from(&object), repeated: Vec::new(), nulls: Nulls::Dropped, start: summary(bytes) }),
            Err(Fault::Unread { api_version, kind: given }) => Err(ApiError::bad_request(format!(
                "{given} in version {:?} cannot be handled as a {kind}: {}",
                version_of(&api_version),
                not_registered(&api_version, &given)
            ))),
            Err(Fault::Broken(why)) => Err(unread(&why)),
        },
        _ => Err(unsupported_media("application/json, application/yaml, application/vnd.kubernetes.protobuf")),
    }
}

/// Returns how Kubernetes shows the beginning of a body that it could not read.
fn summary(bytes: &[u8]) -> String {
    const MOST: usize = 30;
    let (start, more) = if bytes.len() > MOST { (&bytes[..MOST], " ...") } else { (bytes, "") };
    match bytes.first() {
        None => "<empty>".to_owned(),
        Some(b'{') => format!("{}{more}", String::from_utf8_lossy(start)),
        Some(_) => format!("{}{more}", hex::encode(start)),
    }
}

fn version_of(api_version: &str) -> &str {
    api_version.rsplit('/').next().unwrap_or_default()
}

/// Returns Go's sentence about a kind that it does not have.
pub(crate) fn not_registered(api_version: &str, kind: &str) -> String {
    format!("no kind {kind:?} is registered for version {api_version:?} in scheme {SCHEME:?}")
}

/// Refuses a body in an encoding that nobody reads.
pub(crate) fn unsupported_media(accepted: &str) -> ApiError {
    let message = format!("the body of the request was in an unknown format - accepted media types include: {accepted}");
    ApiError::new(415, "UnsupportedMediaType", message)
}

/// Reads the first document of a YAML text, with the keys that stood twice in it; the error is the YAML library's sentence.
pub(crate) fn yaml(bytes: &[u8]) -> Result<(Value, Vec<String>), String> {
    // Programs write JSON, which a YAML reader reads ten times as slowly. What is odd about it, YAML's reader tells.
    if bytes.first() == Some(&b'{')
        && let Ok(node) = parse(bytes)
        && node.duplicates().is_empty()
    {
        return Ok((node.into_value(), Vec::new()));
    }
    if bytes.iter().find(|byte| !matches!(byte, b' ' | b'\n' | b'\r')) == Some(&b'\t') {
        return Err("found character that cannot start any token".to_owned());
    }
    let text = std::str::from_utf8(bytes).map_err(|_| "invalid leading UTF-8 octet".to_owned())?;
    let documents = yaml::nodes(text).map_err(|error| match error {
        yaml::YamlError::Syntax { line, text, .. } => in_go_yaml_words(line, &text),
        other => other.to_string(),
    })?;
    let Some(first) = documents.first() else { return Ok((Value::Null, Vec::new())) };
    let mut repeated = Vec::new();
    repeated_keys(first, &mut repeated);
    let value = yaml::value_of(first, yaml::Dialect::Sigs).map_err(|error| error.to_string())?;
    Ok((value, repeated))
}

/// go-yaml counts lines from 0, names none on the first one, and has its own words for the commonest mistakes.
fn in_go_yaml_words(line: usize, text: &str) -> String {
    let (words, own_line) = if text.contains("unclosed bracket") {
        ("did not find expected node content", line.saturating_sub(1).max(1))
    } else {
        (text, line.saturating_sub(1))
    };
    if own_line == 0 { words.to_owned() } else { format!("line {own_line}: {words}") }
}

fn repeated_keys(node: &yaml::Node, found: &mut Vec<String>) {
    match &node.content {
        yaml::Content::Map(fields, _) => {
            let mut seen: HashSet<&str> = HashSet::new();
            for (key, value) in fields {
                if let yaml::Content::Scalar(text, _) = &key.content
                    && !seen.insert(text)
                {
                    found.push(format!("line {}: key {text:?} already set in map", key.line));
                }
                repeated_keys(value, found);
            }
        }
        yaml::Content::List(list, _) => list.iter().for_each(|one| repeated_keys(one, found)),
        yaml::Content::Scalar(..) | yaml::Content::Alias(_) => {}
    }
}

/// Fits a document into its kind: apiVersion and kind, unknown fields, types. Returns the object and warnings.
pub(crate) fn coerce(resource: &Resource, document: &Document, validation: FieldValidation) -> ApiResult<(Value, Vec<String>)> {
    let (object, faults) = match &resource.custom {
        Some(_) => custom(resource, document)?,
        None => native(resource, document)?,
    };
    let nothing = faults.is_empty() && document.repeated.is_empty();
    if validation == FieldValidation::Ignore || nothing {
        return Ok((object, Vec::new()));
    }
    if validation == FieldValidation::Strict {
        let repeated = (!document.repeated.is_empty()).then(|| format!("yaml: unmarshal errors:\n  {}", document.repeated.join("\n  ")));
        let all: Vec<String> = repeated.into_iter().chain(faults).collect();
        return Err(unhandled(resource, &format!("strict decoding error: {}", all.join(", "))));
    }
    Ok((object, document.repeated.iter().cloned().chain(faults).collect()))
}

fn unhandled(resource: &Resource, why: &str) -> ApiError {
    ApiError::bad_request(format!(
        "{kind} in version {version:?} cannot be handled as a {kind}: {why}",
        kind = resource.kind,
        version = resource.version
    ))
}

/// Reads what is sent to a subresource: an object of this kind and no other, in the namespace of the path. What nobody knows in
/// it is said, or refused.
pub(crate) fn spoken(call: &Call, validation: FieldValidation, api_version: &str, kind: &str) -> ApiResult<Value> {
    let document = body(&call.headers, &call.body, kind)?;
    let (given_version, given) = identity(api_version, kind, &document)?;
    let refused = |version: &str, given: &str, why: &str| {
        ApiError::bad_request(format!("{given} in version {:?} cannot be handled as a {kind}: {why}", version_of(version)))
    };
    // Evictions were asked for in another version before, which is still spoken.
    let older = kind == "Eviction" && given_version == "policy/v1beta1";
    if (given_version != api_version && !older) || given != kind {
        return Err(refused(&given_version, &given, &not_registered(&given_version, &given)));
    }
    let Some(form) = typed::by_kind(api_version, kind) else { return Ok(document.value()) };
    let (object, unknown) = typed::read(form, &document.node).map_err(|Unread(why)| refused(api_version, kind, &why))?;
    match validation {
        FieldValidation::Strict if !unknown.is_empty() => {
            return Err(refused(api_version, kind, &format!("strict decoding error: {}", unknown.join(", "))));
        }
        FieldValidation::Warn => call.say(&unknown),
        FieldValidation::Strict | FieldValidation::Ignore => {}
    }
    let stated = meta(&object, "namespace");
    if !stated.is_empty() && stated != call.place.namespace {
        return Err(ApiError::bad_request("the namespace of the provided object does not match the namespace sent on the request"));
    }
    Ok(object)
}

/// Reads what an object says it is; absent is what the path says.
fn identity(own_version: &str, own_kind: &str, document: &Document) -> ApiResult<(String, String)> {
    let node = &document.node;
    let unread = |why: String| {
        ApiError::bad_request(format!(
            "the object provided is unrecognized (must be of type {own_kind}): couldn't get version/kind; json parse error: {why} ({})",
            document.start
        ))
    };
    let fields = match node {
        Node::Map(fields) => fields.as_slice(),
        Node::Null => &[],
        other => return Err(unread(format!("json: cannot unmarshal {} into Go value of type {IDENTITY}", other.word()))),
    };
    let (mut api_version, mut kind) = (String::new(), String::new());
    for (name, value) in fields {
        let place = match name.as_str() {
            "apiVersion" => &mut api_version,
            "kind" => &mut kind,
            _ => continue,
        };
        match value {
            Node::Text(text) => text.clone_into(place),
            Node::Null => {}
            other => return Err(unread(format!("json: cannot unmarshal {} into Go struct field .{name} of type string", other.word()))),
        }
    }
    if api_version.is_empty() {
        own_version.clone_into(&mut api_version);
    }
    if kind.is_empty() {
        own_kind.clone_into(&mut kind);
    }
    Ok((api_version, kind))
}

/// Refuses an object of another kind, or of another version of the kind.
fn misplaced(resource: &Resource, node: &Node, api_version: &str, kind: &str) -> ApiError {
    let refused = |why: &str| {
        ApiError::bad_request(format!("{kind} in version {:?} cannot be handled as a {}: {why}", version_of(api_version), resource.kind))
    };
    let Some(form) = typed::by_kind(api_version, kind) else { return refused(&not_registered(api_version, kind)) };
    if let Err(Unread(why)) = typed::read(form, node) {
        return refused(&why);
    }
    let group = |api_version: &str| api_version.rsplit_once('/').map_or(String::new(), |(group, _)| group.to_owned());
    if kind == resource.kind && (group(api_version) == resource.group || resource.kind == "Event") {
        return ApiError::bad_request(format!(
            "the API version in the data ({api_version}) does not match the expected API version ({})",
            resource.api_version
        ));
    }
    let package = match resource.group.split('.').next().unwrap_or_default() {
        "" => "core",
        first => first,
    };
    refused(&format!("converting ({}.{kind}) to ({package}.{}): unknown conversion", version_of(api_version), resource.kind))
}

/// One of Kubernetes' own kinds.
fn native(resource: &Resource, document: &Document) -> ApiResult<(Value, Vec<String>)> {
    let (api_version, kind) = identity(&resource.api_version, &resource.kind, document)?;
    if kind != resource.kind || api_version != resource.api_version {
        return Err(misplaced(resource, &document.node, &api_version, &kind));
    }
    let form = resource.form.ok_or_else(|| ApiError::internal(not_registered(&api_version, &kind)))?;
    let (mut object, faults) = typed::read(form, &document.node).map_err(|Unread(why)| unhandled(resource, &why))?;
    object["apiVersion"] = json!(api_version);
    object["kind"] = json!(kind);
    if resource.kind == "Secret" {
        secret(&mut object);
    }
    Ok((object, faults))
}

/// A custom resource: its metadata is ObjectMeta, its nulls go, what is unknown is pruned and named.
fn custom(resource: &Resource, document: &Document) -> ApiResult<(Value, Vec<String>)> {
    let (api_version, kind) = identity(&resource.api_version, &resource.kind, document)?;
    let mut object = document.node.value();
    if object.is_null() {
        object = json!({});
    }
    object["apiVersion"] = json!(api_version);
    object["kind"] = json!(kind);
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
    let mut faults: Vec<String> = document.node.duplicates().iter().map(|field| format!("duplicate field \"{field}\"")).collect();
    if let (Some(form), Some(metadata)) = (typed::by_name("meta.v1.ObjectMeta"), object.get("metadata").filter(|one| !one.is_null())) {
        let (mut metadata, unknown) = typed::read(form, &Node::from(metadata)).map_err(|Unread(why)| unhandled(resource, &why))?;
        typed::write(form, &mut metadata);
        faults.extend(unknown.iter().map(|fault| fault.replacen("field \"", "field \"metadata.", 1)));
        object["metadata"] = metadata;
    }
    if document.nulls == Nulls::Dropped {
        schema::drop_nulls(&resource.schema, &mut object);
    }
    let mut unknown = schema::prune(&resource.schema, &mut object, true);
    if let Some(form) = typed::by_name("meta.v1.ObjectMeta") {
        embedded(resource, &resource.schema, form, &mut object, "", &mut unknown)?;
    }
    unknown.sort();
    faults.extend(unknown.iter().map(|field| format!("unknown field \"{field}\"")));
    schema::default(&resource.schema, &mut object);
    Ok((object, faults))
}

/// The metadata of resources inside of a custom resource is ObjectMeta, too.
fn embedded(
    resource: &Resource,
    schema: &schema::Schema,
    form: &'static typed::Struct,
    value: &mut Value,
    path: &str,
    unknown: &mut Vec<String>,
) -> ApiResult<()> {
    match value {
        Value::Object(map) => {
            for (name, inner) in map.iter_mut() {
                let here = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                let refused = |inner: &Value, why: &str| unhandled(resource, &format!("{here}: Invalid value: {inner}: {why}"));
                if schema.embedded && matches!(name.as_str(), "apiVersion" | "kind") && !inner.is_string() {
                    return Err(refused(inner, "must be a string"));
                }
                if schema.embedded && name == "metadata" && !inner.is_null() {
                    let (mut metadata, faults) = typed::read(form, &Node::from(&*inner)).map_err(|Unread(why)| refused(inner, &why))?;
                    typed::write(form, &mut metadata);
                    let named = faults.iter().filter_map(|fault| fault.strip_prefix("unknown field \"")?.strip_suffix('"'));
                    unknown.extend(named.map(|field| format!("{here}.{field}")));
                    *inner = metadata;
                } else if let Some(field) = schema.field(name) {
                    embedded(resource, field, form, inner, &here, unknown)?;
                }
            }
        }
        Value::Array(list) => {
            let Some(items) = &schema.items else { return Ok(()) };
            for (index, inner) in list.iter_mut().enumerate() {
                embedded(resource, items, form, inner, &format!("{path}[{index}]"), unknown)?;
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
    Ok(())
}

/// `stringData` is written into `data` and never stored.
fn secret(object: &mut Value) {
    let Some(Value::Object(plain)) = object.as_object_mut().and_then(|map| map.remove("stringData")) else { return };
    if plain.is_empty() {
        return;
    }
    if !object.get("data").is_some_and(Value::is_object) {
        object["data"] = json!({});
    }
    for (key, value) in plain {
        let text = value.as_str().unwrap_or_default();
        object["data"][key] = json!(base64::engine::general_purpose::STANDARD.encode(text));
    }
}
