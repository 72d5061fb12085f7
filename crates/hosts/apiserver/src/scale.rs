//! The `scale` subresource: how many there are and should be, of kinds that say where they keep it.

use axum::response::Response;
use http::{Method, StatusCode};
use patch::{FieldSet, Writer};
use serde_json::{Value, json};

use crate::catalog::{Resource, Scale};
use crate::object::{self, at, meta, meta_mut};
use crate::patches::{self, Patch};
use crate::status::{ApiError, ApiResult, json_response};
use crate::typed;
use crate::write::{self, Call, Made, Ownership, Written};
use crate::{converter, decode};

const VERSION: &str = "autoscaling/v1";

/// Answers GET, PUT and PATCH on `/scale`.
pub(crate) async fn answer(call: &Call, method: &Method) -> ApiResult<Response> {
    let resource = &call.resource;
    let Some(scale) = resource.subresources.scale.clone() else { return Err(ApiError::no_such_way()) };
    let (written, warnings) = match *method {
        Method::GET | Method::HEAD => {
            let key = call.key();
            let entry = call.server.store.get(&key).ok_or_else(|| ApiError::not_found(resource, &call.place.name))?;
            let entry = converter::entry(&call.server, resource, &key, entry).await?;
            let object = object::decode(&entry, resource);
            scalable(&object, resource, &scale)?;
            return Ok(json_response(StatusCode::OK, typed::encoded(&shown(&object, resource, &scale))));
        }
        Method::PUT => {
            let options = call.options("UpdateOptions", false)?;
            let body = decode::spoken(call, options.validation, VERSION, "Scale")?;
            match meta(&body, "name") {
                "" => return Err(write::undeterminable(&call.place.name)),
                given if given != call.place.name => return Err(write::misnamed(given, &call.place.name)),
                _ => {}
            }
            let make = |live: &Value| scaled(resource, live, &scale, &body).map(|object| made(live, &scale, object));
            write::change(call, &options, "scale", make).await?
        }
        Method::PATCH => patch(call, &scale).await?,
        _ => return Err(ApiError::method_not_allowed()),
    };
    call.say(&warnings);
    Ok(json_response(StatusCode::OK, typed::encoded(&shown(&written.object, resource, &scale))))
}

/// An object of a custom kind has a scale only where it says how many there should be
/// (apiextensions-apiserver `pkg/registry/customresource/etcd.go` `scaleFromCustomResource`).
fn scalable(object: &Value, resource: &Resource, scale: &Scale) -> ApiResult<()> {
    let path: Vec<&str> = scale.replicas.iter().map(String::as_str).collect();
    if resource.custom.is_none() || at(object, &path).is_some_and(|value| !value.is_null()) {
        return Ok(());
    }
    Err(ApiError::internal(format!("the spec replicas field \".{}\" does not exist", path.join("."))))
}

/// Who scales becomes an owner only where somebody owns the replicas already.
fn made(live: &Value, scale: &Scale, object: Value) -> Made {
    let path = FieldSet::path(&scale.replicas.iter().map(String::as_str).collect::<Vec<_>>());
    let owned = patch::managed_entries(live).iter().any(|entry| !entry.fields.intersection(&path).is_empty());
    Made { object, ownership: if owned { Ownership::Track } else { Ownership::Written }, warnings: Vec::new() }
}

async fn patch(call: &Call, scale: &Scale) -> ApiResult<(Written, Vec<String>)> {
    let form = patches::patch_type(call)?;
    let options = call.options("PatchOptions", form == patches::PatchType::Apply)?;
    let (patch, _) = patches::read(call, form)?;
    if let Patch::Apply(config) = &patch {
        // What is applied to a scale is applied to the place where the object keeps it.
        let now = call.server.now();
        let replicas = config.pointer("/spec/replicas").cloned();
        let make = |live: &Value| {
            let mut part =
                json!({"apiVersion": call.resource.api_version, "kind": call.resource.kind, "metadata": {"name": call.place.name}});
            if let Some(replicas) = &replicas {
                set(&mut part, &scale.replicas, replicas.clone());
            }
            let writer = Writer {
                manager: &options.manager,
                api_version: &call.resource.api_version,
                subresource: "scale",
                now: &now,
                empty: &call.resource.empty,
                reset: call.resource.resets.at(""),
            };
            let object = patch::apply(Some(live), &part, writer, options.force, &call.resource.shape)
                .map_err(|error| patches::refusal_of_scale(call, error, VERSION))?;
            Ok(Made { object, ownership: Ownership::Written, warnings: Vec::new() })
        };
        return write::change(call, &options, "scale", make).await;
    }
    let make = |live: &Value| {
        let before = shown(live, &call.resource, scale);
        let mut after = patches::patched(&call.resource, &before, &patch)?;
        if meta(&after, "resourceVersion") == meta(&before, "resourceVersion") {
            meta_mut(&mut after).remove("resourceVersion");
        }
        scaled(&call.resource, live, scale, &after).map(|object| made(live, scale, object))
    };
    write::change(call, &options, "scale", make).await
}

fn set(object: &mut Value, path: &[String], value: Value) {
    let mut place = object;
    for name in path {
        if !place.is_object() {
            *place = json!({});
        }
        place = &mut place[name];
    }
    *place = value;
}

/// Returns the object with the replicas of a Scale.
fn scaled(resource: &Resource, live: &Value, scale: &Scale, wanted: &Value) -> ApiResult<Value> {
    let mut object = live.clone();
    let replicas = wanted.pointer("/spec/replicas").and_then(Value::as_i64).unwrap_or(0);
    if replicas < 0 {
        let name = meta(live, "name");
        if resource.custom.is_some() {
            let violation =
                schema::Violation::invalid(&format!(".{}", scale.replicas.join(".")), &json!(replicas), "should be a non-negative integer");
            return Err(ApiError::invalid(&resource.group, &resource.kind, name, &[violation]));
        }
        let violation = schema::Violation::invalid("spec.replicas", &json!(replicas), "must be greater than or equal to 0");
        return Err(ApiError::invalid("autoscaling", "Scale", name, &[violation]));
    }
    set(&mut object, &scale.replicas, json!(replicas));
    let metadata = meta_mut(&mut object);
    metadata.insert("resourceVersion".to_owned(), json!(meta(wanted, "resourceVersion")));
    let uid = meta(wanted, "uid");
    if !uid.is_empty() {
        metadata.insert("uid".to_owned(), json!(uid));
    }
    Ok(object)
}

fn shown(object: &Value, resource: &Resource, scale: &Scale) -> Value {
    let number = |path: &[String]| at(object, &path.iter().map(String::as_str).collect::<Vec<_>>()).and_then(Value::as_i64).unwrap_or(0);
    let mut metadata = json!({});
    for field in ["name", "namespace", "uid", "resourceVersion", "creationTimestamp"] {
        if let Some(value) = object["metadata"].get(field) {
            metadata[field] = value.clone();
        }
    }
    let mut status = json!({"replicas": number(&scale.status)});
    let selector = scale.selector.as_ref().and_then(|path| at(object, &path.iter().map(String::as_str).collect::<Vec<_>>()));
    match selector {
        Some(Value::String(text)) if resource.custom.is_some() => status["selector"] = json!(text),
        Some(selector @ Value::Object(_)) => status["selector"] = json!(labels(selector)),
        _ => {}
    }
    let mut spec = json!({});
    if number(&scale.replicas) != 0 {
        spec["replicas"] = json!(number(&scale.replicas));
    }
    json!({"kind": "Scale", "apiVersion": VERSION, "metadata": metadata, "spec": spec, "status": status})
}

fn labels(selector: &Value) -> String {
    let mut parts: Vec<String> = selector
        .get("matchLabels")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default()))
        .collect();
    for one in selector.get("matchExpressions").and_then(Value::as_array).into_iter().flatten() {
        let values: Vec<&str> = one.get("values").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
        let key = one.get("key").and_then(Value::as_str).unwrap_or_default();
        parts.push(match one.get("operator").and_then(Value::as_str) {
            Some("In") => format!("{key} in ({})", values.join(",")),
            Some("NotIn") => format!("{key} notin ({})", values.join(",")),
            Some("DoesNotExist") => format!("!{key}"),
            _ => key.to_owned(),
        });
    }
    parts.join(",")
}
