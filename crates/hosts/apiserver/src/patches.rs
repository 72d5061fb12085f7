//! PATCH: the live object and a patch make the new one, by merge, JSON, strategic merge or server-side apply.

use axum::response::Response;
use http::StatusCode;
use patch::{ApplyError, Conflicts, FieldSet, PatchError, Writer};
use serde_json::{Value, json};

use crate::catalog::Resource;
use crate::decode::{self, media_type};
use crate::object::{meta, meta_mut};
use crate::request::{FieldValidation, WriteOptions};
use crate::status::{ApiError, ApiResult};
use crate::write::{self, Call, Made, Ownership};

/// The four ways to patch.
#[derive(Debug, Clone)]
pub(crate) enum Patch {
    Json(Value),
    Merge(Value),
    Strategic(Value),
    Apply(Value),
}

/// Reads the patch of a request, with the fields that stood twice in it.
pub(crate) fn read(call: &Call) -> ApiResult<(Patch, Vec<String>)> {
    let media = media_type(&call.headers);
    match media.as_str() {
        "application/json-patch+json" => decode::json_body(&call.body).map(|(value, twice)| (Patch::Json(value), twice)),
        "application/merge-patch+json" => decode::json_body(&call.body).map(|(value, twice)| (Patch::Merge(value), twice)),
        "application/strategic-merge-patch+json" if call.resource.custom.is_none() => {
            decode::json_body(&call.body).map(|(value, twice)| (Patch::Strategic(value), twice))
        }
        "application/apply-patch+yaml" => {
            let json = call.body.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{');
            match json.then(|| decode::json_body(&call.body)) {
                Some(Ok((value, twice))) => Ok((Patch::Apply(value), twice)),
                _ => decode::yaml_body(&call.body).map(|value| (Patch::Apply(value), Vec::new())),
            }
        }
        other => {
            let own = if call.resource.custom.is_none() { ", application/strategic-merge-patch+json" } else { "" };
            Err(decode::unsupported_media(&format!(
                "the body of the request was in an unknown format ({other}) - accepted media types include: application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml{own}"
            )))
        }
    }
}

/// Answers PATCH on an object or its status.
pub(crate) async fn answer(call: &Call) -> ApiResult<Response> {
    if call.place.name.is_empty() {
        return Err(ApiError::method_not_allowed());
    }
    let apply = media_type(&call.headers) == "application/apply-patch+yaml";
    let options = call.options("PatchOptions", apply)?;
    let (patch, twice) = read(call)?;
    if let Patch::Apply(config) = &patch {
        let mut config = config.clone();
        let stated = meta(&config, "namespace").to_owned();
        check_config(call, &mut config)?;
        strip(&call.resource, &call.place.subresource, &mut config);
        if call.server.store.get(&call.key()).is_none() && call.place.subresource.is_empty() {
            return apply_new(call, &options, config, &stated).await;
        }
        let now = call.server.now();
        let reset = reset(&call.resource, &call.place.subresource, &config);
        let make = |live: &Value| applied(call, &options, Some(live), &config, &reset, &now, &stated);
        let (object, warnings) = write::change(call, &options, &call.place.subresource, make).await?;
        return call.answer(StatusCode::OK, &object, &warnings);
    }
    let make = |live: &Value| {
        let mut object = patched(&call.resource, live, &patch)?;
        let named = matches!(&patch, Patch::Merge(change) | Patch::Strategic(change) if !meta(change, "resourceVersion").is_empty());
        if !named && meta(&object, "resourceVersion") == meta(live, "resourceVersion") {
            // What the patch does not say is no precondition.
            meta_mut(&mut object).insert("resourceVersion".to_owned(), json!(""));
        }
        let warnings = write::fit(&call.resource, &mut object, &twice, options.validation).map_err(|error| undecodable(&object, error))?;
        Ok(Made { object, ownership: Ownership::Track, warnings })
    };
    let (object, warnings) = write::change(call, &options, &call.place.subresource, make).await?;
    call.answer(StatusCode::OK, &object, &warnings)
}

/// A patch whose result is no object of the kind is told with the whole result.
fn undecodable(object: &Value, error: ApiError) -> ApiError {
    if error.code != 400 {
        return error;
    }
    let why = error
        .message
        .split_once(" cannot be handled as a ")
        .and_then(|(_, rest)| rest.split_once(": "))
        .map_or(error.message.as_str(), |(_, why)| why);
    ApiError::invalid("", "", "", &[schema::Violation::invalid("patch", &json!(object.to_string()), why)])
}

/// Takes out of a configuration what this endpoint ignores.
fn strip(resource: &Resource, subresource: &str, config: &mut Value) {
    let Value::Object(map) = config else { return };
    if subresource == "status" {
        map.retain(|name, _| matches!(name.as_str(), "apiVersion" | "kind" | "metadata" | "status"));
    } else if resource.subresources.status {
        map.remove("status");
    }
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
fn check_config(call: &Call, config: &mut Value) -> ApiResult<()> {
    let name = call.place.name.as_str();
    if !config.is_object() {
        return Err(ApiError::bad_request("an applied configuration must be an object"));
    }
    let text = |field: &str| config.get(field).and_then(Value::as_str).unwrap_or_default();
    if text("apiVersion") != call.resource.api_version || text("kind") != call.resource.kind {
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
            let message = format!("the namespace of the object ({stated}) does not match the namespace on the request ({place})");
            return Err(ApiError::bad_request(message));
        }
        metadata.insert("namespace".to_owned(), json!(place));
    }
    Ok(())
}

/// Returns the fields that this endpoint ignores.
fn reset(resource: &Resource, subresource: &str, config: &Value) -> FieldSet {
    if subresource == "status" {
        let mut set = FieldSet::path(&["metadata"]);
        for name in config.as_object().into_iter().flat_map(|map| map.keys()).filter(|name| *name != "status") {
            set.union(&FieldSet::path(&[name]));
        }
        return set;
    }
    if resource.subresources.status { FieldSet::path(&["status"]) } else { FieldSet::default() }
}

fn applied(
    call: &Call,
    options: &WriteOptions,
    live: Option<&Value>,
    config: &Value,
    reset: &FieldSet,
    now: &str,
    stated: &str,
) -> ApiResult<Made> {
    let resource = &call.resource;
    let writer = Writer { manager: &options.manager, api_version: &resource.api_version, subresource: &call.place.subresource, now };
    let mut object =
        patch::apply(live, config, writer, options.force, &resource.shape, reset).map_err(|error| refusal(call, error, stated))?;
    let warnings = write::fit(resource, &mut object, &[], FieldValidation::Ignore)?;
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
    if !meta(&config, "uid").is_empty() {
        let why = format!("uid mismatch: the provided object specified uid {}, and no existing object was found", meta(&config, "uid"));
        return Err(ApiError::conflict(&call.resource, &call.place.name, &why));
    }
    let now = call.server.now();
    let reset = reset(&call.resource, "", &config);
    let made = applied(call, options, None, &config, &reset, &now, stated)?;
    let mut object = made.object;
    meta_mut(&mut object).remove("resourceVersion");
    let mut warnings = made.warnings;
    match write::create_object(call, options, object, Ownership::Written, &mut warnings).await {
        // Somebody created it in between: then it is an apply to what they made.
        Err(error) if error.reason == "AlreadyExists" && !options.dry_run => {
            let make = |live: &Value| applied(call, options, Some(live), &config, &reset, &now, stated);
            let (object, warnings) = write::change(call, options, "", make).await?;
            call.answer(StatusCode::OK, &object, &warnings)
        }
        Err(error) => Err(error),
        Ok(object) => call.answer(StatusCode::CREATED, &object, &warnings),
    }
}

fn refusal(call: &Call, error: ApplyError, stated: &str) -> ApiError {
    match error {
        ApplyError::Conflicts(conflicts) => conflict(&conflicts),
        ApplyError::Typed(error) => {
            let resource = &call.resource;
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
