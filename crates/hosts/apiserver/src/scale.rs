//! The `scale` subresource: how many there are and should be, of kinds that say where they keep it.

use axum::response::Response;
use http::{Method, StatusCode};
use patch::{Entry, FieldSet, Writer, managed_entries, set_managed_entries, track_update};
use serde_json::{Value, json};

use crate::builtin::SCALE;
use crate::catalog::{Resource, Scale};
use crate::object::{self, at, meta, meta_mut};
use crate::patches::{self, Patch};
use crate::request::WriteOptions;
use crate::status::{ApiError, ApiResult, json_response};
use crate::typed;
use crate::write::{self, Call, Made, Ownership, Written};
use crate::{converter, decode};

const VERSION: &str = "autoscaling/v1";
/// Stands for replicas that are not there.
const NONE: i64 = i32::MIN as i64;

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
            let now = call.server.now();
            let make = |live: &Value| {
                let (before, mut after) = (owned(live, resource, &scale), body.clone());
                track_update(Some(&before), &mut after, writer(&options, &now), &SCALE.shape);
                scaled(resource, live, &scale, &after).map(made)
            };
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

/// Who owns what is settled by then.
fn made(object: Value) -> Made {
    Made { object, ownership: Ownership::Written, warnings: Vec::new() }
}

fn writer<'a>(options: &'a WriteOptions, now: &'a str) -> Writer<'a> {
    let reset = FieldSet::nothing();
    Writer { manager: &options.manager, api_version: VERSION, subresource: "scale", now, empty: &SCALE.empty, reset }
}

fn place(scale: &Scale) -> FieldSet {
    FieldSet::path(&scale.replicas.iter().map(String::as_str).collect::<Vec<_>>())
}

/// Returns the Scale of an object with those who own its replicas (AM `pkg/util/managedfields/scalehandler.go`
/// `ToSubresource`).
fn owned(live: &Value, resource: &Resource, scale: &Scale) -> Value {
    let (mut shown, path) = (shown(live, resource, scale), place(scale));
    if scalable(live, resource, scale).is_err() {
        shown["spec"]["replicas"] = json!(NONE);
    }
    let owners = managed_entries(live).into_iter().filter(|entry| !entry.fields.intersection(&path).is_empty());
    let spoken = |entry| Entry { api_version: VERSION.to_owned(), fields: FieldSet::path(&["spec", "replicas"]), ..entry };
    set_managed_entries(&mut shown, owners.map(spoken).collect());
    shown
}

/// Returns who owns what of an object when the replicas of its Scale have these owners (the same file, `ToParent`): who is new
/// among them has no time. Whoever wrote the replicas with the rest of the object stays one owner.
fn handed_back(live: &Value, resource: &Resource, scale: &Scale, wanted: &Value) -> Vec<Entry> {
    let path = place(scale);
    let replicas = FieldSet::path(&["spec", "replicas"]);
    let mut owners = managed_entries(wanted);
    owners.retain(|entry| !entry.fields.intersection(&replicas).is_empty());
    let mut all = Vec::new();
    for mut entry in managed_entries(live) {
        if !entry.fields.intersection(&path).is_empty() {
            let same =
                |own: &Entry| (own.operation, &own.manager, &own.subresource) == (entry.operation, &entry.manager, &entry.subresource);
            match owners.iter().position(same) {
                Some(index) => drop(owners.remove(index)),
                None => entry.fields.subtract(&path),
            }
        }
        all.push(entry);
    }
    let version = &resource.api_version;
    all.extend(owners.into_iter().map(|own| Entry { api_version: version.clone(), time: None, fields: path.clone(), ..own }));
    all
}

async fn patch(call: &Call, scale: &Scale) -> ApiResult<(Written, Vec<String>)> {
    let form = patches::patch_type(call)?;
    let options = call.options("PatchOptions", form == patches::PatchType::Apply)?;
    let (resource, now) = (&call.resource, call.server.now());
    if form == patches::PatchType::Apply {
        let (Patch::Apply(mut config), _) = patches::read(call, form)? else {
            return Err(ApiError::internal("a configuration was read as a patch"));
        };
        let stated = meta(&config, "namespace").to_owned();
        patches::check_config(call, &SCALE, &mut config)?;
        let make = |live: &Value| {
            let before = owned(live, resource, scale);
            let applied = patch::apply(Some(&before), &config, writer(&options, &now), options.force, &SCALE.shape)
                .map_err(|error| patches::refusal(call, &SCALE, error, &stated))?;
            let (mut after, _) = write::refit_applied(&SCALE, &applied)?;
            if config["metadata"].get("resourceVersion").is_none() {
                meta_mut(&mut after).remove("resourceVersion");
            }
            scaled(resource, live, scale, &after).map(made)
        };
        return write::change(call, &options, "scale", make).await;
    }
    let make = |live: &Value| {
        let before = owned(live, resource, scale);
        let (mut after, warnings) = patches::changed(call, &SCALE, &before, form, options.validation)?;
        track_update(Some(&before), &mut after, writer(&options, &now), &SCALE.shape);
        Ok(Made { warnings, ..scaled(resource, live, scale, &after).map(made)? })
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

/// Returns the object with the replicas of a Scale and their owners.
fn scaled(resource: &Resource, live: &Value, scale: &Scale, wanted: &Value) -> ApiResult<Value> {
    let mut object = live.clone();
    let replicas = wanted.pointer("/spec/replicas").and_then(Value::as_i64).unwrap_or(0);
    if resource.custom.is_some() && replicas == NONE {
        return Err(ApiError::bad_request(format!("the spec replicas field \".{}\" cannot be empty", scale.replicas.join("."))));
    }
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
    set_managed_entries(&mut object, handed_back(live, resource, scale, wanted));
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
        // The oldest of these kinds has nothing but labels there.
        Some(selector @ Value::Object(_)) if resource.custom.is_none() && resource.kind == "ReplicationController" => {
            status["selector"] = json!(labels(&json!({"matchLabels": selector})));
        }
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
