//! PATCH: the live object and a patch make the new one, by merge, JSON, strategic merge or server-side apply.

use std::collections::HashSet;

use axum::response::Response;
use http::{StatusCode, header};
use patch::{ApplyError, Conflicts, PatchError, same_but_for_times};
use serde_json::{Value, json};

use crate::catalog::Resource;
use crate::checks::check_create;
use crate::converter::fields::Applying;
use crate::object::{meta, meta_mut};
use crate::request::{FieldValidation, WriteOptions};
use crate::status::{ApiError, ApiResult};
use crate::typed;
use crate::typed::json::{Node, parse};
use crate::write::{self, Call, Made, Ownership};
use crate::{converter, decode};

/// How many operations a JSON patch may have.
const OPERATIONS: usize = 10_000;

/// The four ways to patch.
#[derive(Debug, Clone)]
pub(crate) enum Patch {
    Json(Value),
    Merge(Value),
    Strategic(Value),
    Apply(Value),
}

/// How a patch is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PatchType {
    Json,
    Merge,
    Strategic,
    Apply,
}

/// Returns how the patch of a request is written. Routes of Kubernetes' own kinds refuse other media by themselves, those of
/// custom kinds leave it to the handler.
pub(crate) fn patch_type(call: &Call) -> ApiResult<PatchType> {
    let given = call.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    match given.split(';').next().unwrap_or_default().trim() {
        "application/json-patch+json" => Ok(PatchType::Json),
        "application/merge-patch+json" => Ok(PatchType::Merge),
        "application/strategic-merge-patch+json" if call.resource.custom.is_none() => Ok(PatchType::Strategic),
        "application/apply-patch+yaml" => Ok(PatchType::Apply),
        _ if call.resource.custom.is_none() => {
            Err(ApiError::new(415, "UnsupportedMediaType", "415: Unsupported Media Type").with(json!({})))
        }
        _ => Err(decode::unsupported_media("application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml")),
    }
}

/// Reads the patch of a request, with what a strict reader says about it.
pub(crate) fn read(call: &Call, form: PatchType) -> ApiResult<(Patch, Vec<String>)> {
    const OBJECT: &str = "json: cannot unmarshal {} into Go value of type map[string]interface {}";
    if form == PatchType::Apply {
        let (value, _) = decode::yaml(&call.body)
            .map_err(|why| ApiError::bad_request(format!("error decoding YAML: error converting YAML to JSON: yaml: {why}")))?;
        return Ok((Patch::Apply(value), Vec::new()));
    }
    let before = if form == PatchType::Strategic { "" } else { "error decoding patch: " };
    let node = parse(&call.body).map_err(|why| ApiError::bad_request(format!("{before}{why}")))?;
    let faults = node.duplicates().iter().map(|field| format!("duplicate field \"{field}\"")).collect();
    match (form, &node) {
        (PatchType::Json, Node::List(operations)) if operations.len() > OPERATIONS => {
            let message = format!("The allowed maximum operations in a JSON patch is {OPERATIONS}, got {}", operations.len());
            Err(ApiError::new(413, "RequestEntityTooLarge", format!("Request entity too large: {message}")).with(json!({})))
        }
        (PatchType::Json, Node::List(_)) => Ok((Patch::Json(node.value()), operation_faults(&node))),
        (PatchType::Json, Node::Null) => Ok((Patch::Json(json!([])), Vec::new())),
        (PatchType::Json, other) => {
            let why = format!("json: cannot unmarshal {} into Go value of type []handlers.jsonPatchOp", other.word());
            Err(ApiError::bad_request(format!("{before}{why}")))
        }
        (PatchType::Merge, Node::Null) => Err(ApiError::bad_request("Invalid JSON Patch")),
        (PatchType::Merge, Node::Map(_)) => Ok((Patch::Merge(node.value()), faults)),
        (PatchType::Strategic, Node::Null) => Ok((Patch::Strategic(json!({})), Vec::new())),
        (PatchType::Strategic, Node::Map(_)) => Ok((Patch::Strategic(node.value()), faults)),
        (_, other) => Err(ApiError::bad_request(format!("{before}{}", OBJECT.replacen("{}", other.word(), 1)))),
    }
}

/// A JSON patch is strict about the fields of its operations.
fn operation_faults(patch: &Node) -> Vec<String> {
    let Node::List(operations) = patch else { return Vec::new() };
    let mut found = Vec::new();
    for (index, operation) in operations.iter().enumerate() {
        let Node::Map(fields) = operation else { continue };
        let mut seen: HashSet<&str> = HashSet::new();
        for (name, _) in fields {
            let known = matches!(name.as_str(), "op" | "path" | "from" | "value");
            if !seen.insert(name) || !known {
                let what = if known { "duplicate" } else { "unknown" };
                found.push(format!("json patch {what} field \"[{index}].{name}\""));
            }
        }
    }
    found
}

/// Answers PATCH on an object or its status.
pub(crate) async fn answer(call: &Call) -> ApiResult<Response> {
    if call.place.name.is_empty() {
        return Err(ApiError::method_not_allowed());
    }
    let form = patch_type(call)?;
    let options = call.options("PatchOptions", form == PatchType::Apply)?;
    if form == PatchType::Apply {
        return apply(call, &options).await;
    }
    let make = |live: &Value| {
        let (object, warnings) = changed(call, &call.resource, live, form, options.validation)?;
        Ok(Made { object, ownership: Ownership::Track, warnings })
    };
    let (object, warnings) = write::change(call, &options, &call.place.subresource, make).await?;
    call.answer_written(StatusCode::OK, &object, &warnings)
}

/// Returns what a patch other than an apply makes of an object or of a part of it, and warnings.
pub(crate) fn changed(
    call: &Call,
    resource: &Resource,
    live: &Value,
    form: PatchType,
    validation: FieldValidation,
) -> ApiResult<(Value, Vec<String>)> {
    let (patch, strict) = read(call, form)?;
    let object = patched(resource, live, &patch)?;
    let named = matches!(&patch, Patch::Merge(change) | Patch::Strategic(change) if !meta(change, "resourceVersion").is_empty());
    let (mut fitted, faults) =
        write::refit(resource, &object, validation).map_err(|error| undecodable(resource, &patch, &object, &strict, error))?;
    if validation == FieldValidation::Strict && !strict.is_empty() {
        let why = format!(" cannot be handled as a X: strict decoding error: {}", strict.join(", "));
        return Err(undecodable(resource, &patch, &object, &[], ApiError::bad_request(why)));
    }
    if !named && meta(&fitted, "resourceVersion") == meta(live, "resourceVersion") {
        // What the patch does not say is no precondition.
        meta_mut(&mut fitted).insert("resourceVersion".to_owned(), json!(""));
    }
    let said = if validation == FieldValidation::Warn { strict } else { Vec::new() };
    let warnings: Vec<String> = said.into_iter().chain(faults).collect();
    // Also where what comes of it is refused.
    call.say(&warnings);
    Ok((fitted, warnings))
}

/// Answers an apply: it creates what is not there.
async fn apply(call: &Call, options: &WriteOptions) -> ApiResult<Response> {
    let (Patch::Apply(mut config), _) = read(call, PatchType::Apply)? else {
        return Err(ApiError::internal("a configuration was read as a patch"));
    };
    let stated = meta(&config, "namespace").to_owned();
    check_config(call, &call.resource, &mut config)?;
    if call.server.store.get(&call.key()).is_none() && call.place.subresource.is_empty() {
        return apply_new(call, options, config, &stated).await;
    }
    let now = call.server.now();
    let make = |live: &Value| applied(call, options, Some(live), &config, &now, &stated);
    let writer = call.writer(options, &call.place.subresource, &now);
    let applying = Applying { config: &config, writer, force: options.force };
    let (object, warnings) = write::change_applied(call, options, &call.place.subresource, Some(&applying), make).await?;
    call.answer_written(StatusCode::OK, &object, &warnings)
}

/// A patch whose result is no object of the kind is told with the whole result; a strategic one with the patch itself.
fn undecodable(resource: &Resource, patch: &Patch, object: &Value, strict: &[String], error: ApiError) -> ApiError {
    if error.code != 400 {
        return error;
    }
    let why = error
        .message
        .split_once(" cannot be handled as a ")
        .and_then(|(_, rest)| rest.split_once(": "))
        .map_or(error.message.as_str(), |(_, why)| why);
    // What is strange about the patch itself is told first.
    let own = why.strip_prefix("strict decoding error: ").filter(|_| !strict.is_empty());
    let joined = own.map(|rest| format!("strict decoding error: {}, {rest}", strict.join(", ")));
    let why = joined.as_deref().unwrap_or(why);
    let Patch::Strategic(change) = patch else {
        return ApiError::invalid("", "", "", &[schema::Violation::invalid("patch", &json!(object.to_string()), why)]);
    };
    let form = typed::by_kind(&resource.api_version, &resource.kind);
    let plain = form.filter(|_| !why.starts_with("strict decoding error: ")).and_then(|form| typed::unstructured_fault(form, object));
    let bytes = why.starts_with("illegal base64 data").then(|| format!("error decoding from json: {why}"));
    let why = plain.or(bytes).unwrap_or_else(|| why.to_owned());
    ApiError::invalid("", "", "", &[schema::Violation::invalid("patch", &json!(golang::printed(change)), &why)])
}

/// Carries out a patch that is no apply.
pub(crate) fn patched(resource: &Resource, live: &Value, patch: &Patch) -> ApiResult<Value> {
    match patch {
        Patch::Json(operations) => patch::json_patch(live, operations).map_err(|error| match error {
            PatchError::Malformed(why) => ApiError::bad_request(why),
            PatchError::Failed(why) => {
                tracing::debug!(why, "a JSON patch was not carried out");
                ApiError::new(422, "Invalid", "the server rejected our request due to an error in our request").with(json!({}))
            }
        }),
        Patch::Merge(change) => {
            if !change.is_object() {
                return Err(ApiError::bad_request("a merge patch must be an object"));
            }
            let mut object = live.clone();
            patch::json_merge(&mut object, change);
            Ok(object)
        }
        Patch::Strategic(change) => patch::strategic(live, change, &resource.type_ref()).map_err(|error| match error {
            PatchError::Malformed(why) => ApiError::bad_request(why),
            PatchError::Failed(why) => ApiError::new(500, "", why),
        }),
        Patch::Apply(_) => Err(ApiError::bad_request("an apply is no patch of this resource")),
    }
}

/// Checks what must hold of every applied configuration.
pub(crate) fn check_config(call: &Call, resource: &Resource, config: &mut Value) -> ApiResult<()> {
    let name = call.place.name.as_str();
    if !config.is_object() {
        return Err(ApiError::bad_request("an applied configuration must be an object"));
    }
    let text = |field: &str| config.get(field).and_then(Value::as_str).unwrap_or_default();
    if text("apiVersion") != resource.api_version || text("kind") != resource.kind {
        let version = text("apiVersion");
        let version = if version.contains('/') { version.to_owned() } else { format!("/{version}") };
        return Err(ApiError::bad_request(format!("invalid object type: {version}, Kind={}", text("kind"))));
    }
    if config["metadata"].get("managedFields").is_some() {
        return Err(ApiError::bad_request("metadata.managedFields must be nil"));
    }
    let given = meta(config, "name");
    if given.is_empty() {
        return Err(ApiError::bad_request(format!(
            "the name of the object ({name} based on URL) was undeterminable: name must be provided"
        )));
    }
    if given != name {
        return Err(ApiError::bad_request(format!("the name of the object ({given}) does not match the name on the URL ({name})")));
    }
    let place = call.place.namespace.clone();
    let metadata = meta_mut(config);
    metadata.insert("name".to_owned(), json!(name));
    if call.resource.namespaced {
        let stated = metadata.get("namespace").and_then(Value::as_str).unwrap_or_default();
        if !stated.is_empty() && stated != place {
            let why = "the namespace of the provided object does not match the namespace sent on the request";
            return Err(ApiError::bad_request(why));
        }
        metadata.insert("namespace".to_owned(), json!(place));
    }
    Ok(())
}

fn applied(call: &Call, options: &WriteOptions, live: Option<&Value>, config: &Value, now: &str, stated: &str) -> ApiResult<Made> {
    let writer = call.writer(options, &call.place.subresource, now);
    let object = patch::apply(live, config, writer, options.force, &call.resource.shape)
        .map_err(|error| refusal(call, &call.resource, error, stated))?;
    fitted(call, live, config, object)
}

/// Applies to an object of which somebody owns fields in another version of the kind.
pub(crate) async fn applied_mixed(call: &Call, applying: &Applying<'_>, live: &Value) -> ApiResult<Made> {
    let object = converter::fields::apply(&call.server, &call.resource, live, applying).await?;
    let object = object.map_err(|error| refusal(call, &call.resource, error, &call.place.namespace))?;
    fitted(call, Some(live), applying.config, object)
}

/// Fits what an apply made.
fn fitted(call: &Call, live: Option<&Value>, config: &Value, object: Value) -> ApiResult<Made> {
    // What is stored fits already, and most applies change nothing.
    if live.is_some_and(|live| same_but_for_times(live, &object)) {
        return Ok(Made { object, ownership: Ownership::Unchanged, warnings: Vec::new() });
    }
    let (mut object, warnings) = write::refit_applied(&call.resource, &object)?;
    if let (Some(live), None) = (live, config["metadata"].get("resourceVersion")) {
        // What the configuration does not say is no precondition.
        meta_mut(&mut object).insert("resourceVersion".to_owned(), json!(""));
        if let (None, Some(uid)) = (config["metadata"].get("uid"), live["metadata"].get("uid")) {
            meta_mut(&mut object).insert("uid".to_owned(), uid.clone());
        }
    }
    Ok(Made { object, ownership: Ownership::Written, warnings })
}

async fn apply_new(call: &Call, options: &WriteOptions, config: Value, stated: &str) -> ApiResult<Response> {
    check_create(call)?;
    if !meta(&config, "uid").is_empty() {
        let why = format!("uid mismatch: the provided object specified uid {}, and no existing object was found", meta(&config, "uid"));
        return Err(ApiError::conflict(&call.resource, &call.place.name, &why));
    }
    let now = call.server.now();
    let made = applied(call, options, None, &config, &now, stated)?;
    let mut object = made.object;
    meta_mut(&mut object).remove("resourceVersion");
    let mut warnings = made.warnings;
    match write::create_object(call, options, object, Ownership::Written, &mut warnings).await {
        // Somebody created it in between: then it is an apply to what they made.
        Err(error) if error.reason == "AlreadyExists" && !options.dry_run => {
            let make = |live: &Value| applied(call, options, Some(live), &config, &now, stated);
            let (object, warnings) = write::change(call, options, "", make).await?;
            call.answer_written(StatusCode::OK, &object, &warnings)
        }
        Err(error) => Err(error),
        Ok(object) => call.answer_written(StatusCode::CREATED, &object, &warnings),
    }
}

/// Says why a configuration was not applied.
pub(crate) fn refusal(call: &Call, resource: &Resource, error: ApplyError, stated: &str) -> ApiError {
    match error {
        ApplyError::Conflicts(conflicts) => conflict(&conflicts),
        ApplyError::Typed(error) => {
            let (name, group, version, kind) = (&call.place.name, &resource.group, &resource.version, &resource.kind);
            let message = format!("failed to create typed patch object ({stated}/{name}; {group}/{version}, Kind={kind}): {error}");
            ApiError::new(500, "", message)
        }
    }
}

fn conflict(conflicts: &Conflicts) -> ApiError {
    let causes: Vec<Value> = conflicts
        .0
        .iter()
        .map(|one| json!({"reason": "FieldManagerConflict", "message": format!("conflict with {}", one.owner), "field": one.path}))
        .collect();
    ApiError::new(409, "Conflict", conflicts.to_string()).with(json!({"causes": causes}))
}
