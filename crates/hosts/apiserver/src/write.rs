//! The way of a change: read, fitted into its kind, owned, admitted, validated, and committed against the revision that was
//! read. Read first: [`create`], [`update`]; patches are in `patches`, deletions in `delete`.

use std::sync::Arc;

use axum::response::Response;
use bytes::Bytes;
use http::StatusCode;
use patch::{same_but_for_times, track_update};
use serde_json::{Value, json};
use store::{Batch, Entry, StoreError};

use crate::admission::{self, Ask};
use crate::catalog::Resource;
use crate::checks::{check_account, check_create, check_grants, check_namespace_lives, check_signer, checked_namespace, namespace_guard};
use crate::converter::fields::Applying;
use crate::object::{self, finalizers, meta, meta_mut};
use crate::request::{FieldValidation, WriteOptions};
use crate::status::{ApiError, ApiResult};
use crate::typed;
use crate::{Server, app_armor, bootstrap, converter, decode, delete, kinds, patches, pods, reset, services, strategy, token, validation};

pub(crate) use crate::call::Call;
pub(crate) use crate::fit::{fit, in_go_form, in_stored_form, refit, refit_applied};

/// How often a write that depends on no revision starts over when somebody else wrote first.
const TRIES: usize = 5;
/// How often another name is made up when a generated one is taken.
const NAMES: usize = 8;
/// A generated name keeps so much of its base.
const BASE: usize = 58;

/// Answers POST on a collection.
pub(crate) async fn create(call: &Call) -> ApiResult<Response> {
    let options = call.options("CreateOptions", false)?;
    let document = decode::body(&call.headers, &call.body, &call.resource.kind)?;
    let (object, mut warnings) = fit(&call.resource, &document, options.validation)?;
    call.say(&warnings);
    call.name(&object);
    if !call.place.name.is_empty() {
        return Err(ApiError::method_not_allowed());
    }
    let created = create_object(call, &options, object, Ownership::Track, &mut warnings).await?;
    call.name(&created.object);
    call.answer_written(StatusCode::CREATED, &created, &warnings)
}

/// Whether the object already says who owns its fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ownership {
    Track,
    Written,
    /// It does, and is what the live object is.
    Unchanged,
}

/// An object after a write.
pub(crate) struct Written {
    pub object: Value,
    /// How it lies in the store, where that is also how it is answered.
    pub entry: Option<Entry>,
}

impl Written {
    /// What lies in the store is answered as it is, unless it lies there in another version.
    fn stored(resource: &Resource, object: Value, entry: Entry) -> Self {
        let same = resource.storage_version() == resource.api_version;
        Self { object, entry: same.then_some(entry) }
    }
}

impl From<Value> for Written {
    fn from(object: Value) -> Self {
        Self { object, entry: None }
    }
}

/// Creates an object that was fitted into its kind.
pub(crate) async fn create_object(
    call: &Call,
    options: &WriteOptions,
    mut object: Value,
    ownership: Ownership,
    warnings: &mut Vec<String>,
) -> ApiResult<Written> {
    let (server, resource) = (&call.server, &call.resource);
    let namespace = checked_namespace(call, &object)?;
    let generated = meta(&object, "name").is_empty() && !meta(&object, "generateName").is_empty();
    let now = server.now();
    if resource.custom.as_ref().is_some_and(|custom| custom.terminating) {
        let why = "create not allowed while custom resource definition is terminating";
        return Err(ApiError::new(405, "MethodNotAllowed", why).with(json!({})));
    }
    if let Some(why) = kinds::not_carried_out(&resource.group, &resource.kind).filter(|_| resource.custom.is_none()) {
        return Err(ApiError::forbidden(resource, meta(&object, "name"), why));
    }
    check_namespace_lives(server, resource, &object, &namespace)?;
    let stated = meta(&object, "resourceVersion").to_owned();
    let taken = |object: &Value| {
        let error = ApiError::already_exists(resource, meta(object, "name"));
        if meta(object, "generateName").is_empty() { error } else { error.generated() }
    };
    object::meta_mut(&mut object).remove("selfLink");
    if resource.subresources.status
        && !(resource.kind == "Node" && resource.custom.is_none())
        && let Value::Object(map) = &mut object
    {
        map.remove("status");
    }
    for attempt in 1.. {
        let mut new = object.clone();
        strategy::clear(resource, &mut new, &namespace);
        if ownership == Ownership::Track {
            let lent = resource.kind == "Job" && resource.custom.is_none() && strategy::lend_labels(&mut new);
            track_update(None, &mut new, call.writer(options, "", &now), &resource.shape);
            if lent {
                // It is given them again, with those that are made up.
                meta_mut(&mut new).remove("labels");
            }
        }
        let named = meta(&object, "name").to_owned();
        let ask = Ask::of(call, "CREATE", options, &named);
        new = mutated(call, &ask, new, None, warnings).await?;
        // Those who are asked before it is valid do not see who it is.
        strategy::identify(&mut new, &now);
        if generated {
            let base: String = meta(&new, "generateName").chars().take(BASE).collect();
            meta_mut(&mut new).insert("name".to_owned(), json!(format!("{base}{}", object::suffix())));
        }
        strategy::prepare_create(resource, &mut new, &now);
        reset::name_requester(resource, &call.caller, &mut new);
        let claims = if services::is_service(resource) { Some(services::claim(&server.store, None, &mut new, &now)?) } else { None };
        call.say(&app_armor::carry_over(resource, &mut new));
        in_go_form(resource, &mut new);
        let violations = validation::check(resource, "", &new, None, warnings);
        if !violations.is_empty() {
            return Err(ApiError::invalid(&resource.group, &resource.kind, meta(&new, "name"), &violations));
        }
        check_grants(call, &new)?;
        check_account(server, resource, &new)?;
        admission::validate(server, &ask, Some(&new), None, warnings).await?;
        if resource.kind == "Secret" && resource.custom.is_none() {
            token::fill(server, &mut new);
        }
        in_stored_form(resource, &mut new);
        if options.dry_run {
            if server.store.get(&resource.key(&namespace, meta(&new, "name"))).is_some() {
                return Err(taken(&new));
            }
            let mut rehearsed = converter::rehearse(server, resource, new).await?;
            if !stated.is_empty() {
                meta_mut(&mut rehearsed).insert("resourceVersion".to_owned(), json!(stated));
            }
            return Ok(rehearsed.into());
        }
        if stated.parse::<u64>().is_ok_and(|version| version != 0) {
            return Err(ApiError::new(500, "", "resourceVersion should not be set on objects to be created"));
        }
        let key = resource.key(&namespace, meta(&new, "name"));
        let value = converter::stored(server, resource, &new).await?;
        let mut batch = Batch::new().expect(&key, 0).put(&key, value.clone());
        if let Some((guard, revision)) = namespace_guard(server, resource, &namespace) {
            // A namespace that begins to go while this is written must not be left with it.
            batch = batch.expect(guard, revision);
        }
        for quota in admission::quota::reserve(server, &ask, &new)? {
            batch = batch.expect(&quota.key, quota.revision).put(&quota.key, quota.value);
        }
        if let Some(claims) = claims {
            batch = claims.write(batch);
        }
        match server.store.commit_async(batch).await {
            Ok(revision) => {
                meta_mut(&mut new).insert("resourceVersion".to_owned(), json!(revision.to_string()));
                written(server, resource, &new, true).await?;
                let entry = Entry { value, revision };
                let read = converter::read_back(server, resource, &key, entry.clone(), new).await?;
                return Ok(Written::stored(resource, read, entry));
            }
            Err(StoreError::Conflict { key: moved, .. }) if moved != key => check_namespace_lives(server, resource, &new, &namespace)?,
            Err(StoreError::Conflict { .. }) if generated && attempt < NAMES => {}
            Err(StoreError::Conflict { .. }) => return Err(taken(&new)),
            Err(error) => return Err(error.into()),
        }
    }
    Err(ApiError::internal("no free name was found"))
}

/// Sends a new state through the mutating webhooks; what they change belongs to nobody.
async fn mutated(call: &Call, ask: &Ask<'_>, mut new: Value, old: Option<&Value>, warnings: &mut Vec<String>) -> ApiResult<Value> {
    if !admission::may_change(&call.server, ask) {
        return Ok(new);
    }
    // They are shown which object it is, also where the client did not say so.
    for field in ["uid", "creationTimestamp", "resourceVersion", "generation"] {
        if let Some(value) = old.and_then(|old| old["metadata"].get(field)).filter(|_| meta(&new, field).is_empty()) {
            meta_mut(&mut new).insert(field.to_owned(), value.clone());
        }
    }
    let before = new.clone();
    let mut after = admission::mutate(&call.server, ask, new, old, warnings).await?;
    if after == before {
        return Ok(after);
    }
    (after, _) = refit(&call.resource, &after, FieldValidation::Ignore)?;
    for field in ["name", "namespace", "uid", "creationTimestamp"] {
        if let Some(value) = before["metadata"].get(field) {
            meta_mut(&mut after).insert(field.to_owned(), value.clone());
        }
    }
    let owned = before["metadata"].get("managedFields").cloned();
    if let Some(owned) = owned {
        meta_mut(&mut after).insert("managedFields".to_owned(), owned);
    }
    Ok(after)
}

/// A new state, made from the live one.
pub(crate) struct Made {
    pub object: Value,
    pub ownership: Ownership,
    pub warnings: Vec<String>,
}

/// Carries out an update: `make` turns the live object into the new one, as often as somebody else writes in between.
pub(crate) async fn change(
    call: &Call,
    options: &WriteOptions,
    subresource: &str,
    make: impl Fn(&Value) -> ApiResult<Made>,
) -> ApiResult<(Written, Vec<String>)> {
    change_applied(call, options, subresource, None, make).await
}

/// Carries out an update that may be an apply; where owners speak in several versions of the kind, that is no matter of one
/// version alone.
pub(crate) async fn change_applied(
    call: &Call,
    options: &WriteOptions,
    subresource: &str,
    applying: Option<&Applying<'_>>,
    make: impl Fn(&Value) -> ApiResult<Made>,
) -> ApiResult<(Written, Vec<String>)> {
    let (server, resource) = (&call.server, &call.resource);
    let key = call.key();
    let name = call.place.name.as_str();
    let now = server.now();
    for attempt in 1.. {
        let entry = server.store.get(&key).ok_or_else(|| ApiError::not_found(resource, name))?;
        let entry = converter::entry(server, resource, &key, entry).await?;
        let old = object::decode(&entry, resource);
        let Made { object, ownership, mut warnings } = match applying {
            Some(applying) if converter::fields::mixed(resource, &old) => patches::applied_mixed(call, applying, &old).await?,
            _ => make(&old)?,
        };
        let fixed = preconditions(resource, name, &old, &object)? && ownership != Ownership::Unchanged;
        let given = meta(&object, "name");
        if given.is_empty() {
            return Err(undeterminable(name));
        }
        if given != name {
            return Err(misnamed(given, name));
        }
        let stated = meta(&object, "namespace");
        if resource.namespaced && !stated.is_empty() && stated != call.place.namespace {
            return Err(ApiError::bad_request("the namespace of the provided object does not match the namespace sent on the request"));
        }
        let ask = Ask::of(call, "UPDATE", options, name);
        // What is as it was needs nothing done to it, unless somebody else changes it.
        let unchanged = ownership == Ownership::Unchanged && !admission::may_change(server, &ask);
        let part = if subresource == "scale" { "" } else { subresource };
        let (mut new, mut claims) = (object, None);
        if !unchanged {
            let writer = call.writer(options, subresource, &now);
            // Who owns what follows from what is sent, before the kind's rules are applied to it. Where only a part of what is
            // sent counts, it follows from that part.
            let (whole, tracked) = (takes_whole(subresource), ownership == Ownership::Track);
            if tracked {
                tidy_ownership(&mut new);
            }
            if tracked && whole {
                strategy::complete(resource, &mut new);
                converter::fields::track(server, resource, &old, &mut new, writer).await?;
            }
            new = mutated(call, &ask, new, Some(&old), &mut warnings).await?;
            new = strategy::prepare_update(resource, part, &old, new);
            reset::date(resource, part, &old, &mut new, &now);
            if services::is_service(resource) && part.is_empty() {
                claims = Some(services::claim(&server.store, Some(&old), &mut new, &now)?);
            }
            in_go_form(resource, &mut new);
            if tracked && !whole {
                converter::fields::track(server, resource, &old, &mut new, writer).await?;
            }
        }
        let compared = pods::compared(subresource, &old, &new);
        let mut violations = validation::check(resource, part, &new, Some(compared.as_ref().unwrap_or(&old)), &mut warnings);
        if subresource == "ephemeralcontainers" {
            violations.extend(pods::check_added(&new, &old));
        }
        if !violations.is_empty() {
            return Err(ApiError::invalid(&resource.group, &resource.kind, name, &violations));
        }
        if new.get("rules") != old.get("rules")
            || new.get("subjects") != old.get("subjects")
            || new.get("aggregationRule") != old.get("aggregationRule")
        {
            check_grants(call, &new)?;
        }
        check_signer(call, part, &old, &new)?;
        admission::validate(server, &ask, Some(&new), Some(&old), &mut warnings).await?;
        if !unchanged {
            in_stored_form(resource, &mut new);
        }
        if unchanged || same_but_for_times(&old, &new) {
            return Ok((Written::stored(resource, old, entry), warnings));
        }
        if options.dry_run {
            return Ok((converter::rehearse(server, resource, new).await?.into(), warnings));
        }
        let gone = is_finished(resource, &new);
        // It will be the revision of this write.
        meta_mut(&mut new).remove("resourceVersion");
        let value = if gone { Bytes::new() } else { converter::stored(server, resource, &new).await? };
        let mut batch = Batch::new().expect(&key, entry.revision);
        batch = match (gone, claims) {
            (true, _) => services::release(&server.store, resource, &old, batch.delete(&key)),
            (false, Some(claims)) => claims.write(batch.put(&key, value.clone())),
            (false, None) => batch.put(&key, value.clone()),
        };
        match server.store.commit_async(batch).await {
            Ok(revision) => {
                meta_mut(&mut new).insert("resourceVersion".to_owned(), json!(revision.to_string()));
                if gone {
                    delete::removed(server, resource, &new).await?;
                    return Ok((new.into(), warnings));
                }
                written(server, resource, &new, false).await?;
                let entry = Entry { value, revision };
                new = converter::read_back(server, resource, &key, entry.clone(), new).await?;
                return Ok((Written::stored(resource, new, entry), warnings));
            }
            // Somebody took the address or port first: there are others, or it is told.
            Err(StoreError::Conflict { key: moved, .. }) if moved != key => {}
            Err(StoreError::Conflict { .. }) if !fixed && attempt < TRIES => {}
            Err(StoreError::Conflict { .. }) => break,
            Err(error) => return Err(error.into()),
        }
    }
    Err(modified(resource, name))
}

/// Tells whether an endpoint takes an object for what it says, but for what it ignores.
fn takes_whole(subresource: &str) -> bool {
    matches!(subresource, "" | "status" | "approval" | "finalize" | "scale")
}

/// `[{}]` drops all ownership; a list that cannot be read changes nothing.
fn tidy_ownership(object: &mut Value) {
    let Some(list) = object["metadata"].get("managedFields").and_then(Value::as_array) else { return };
    if *list == [json!({})] {
        meta_mut(object).insert("managedFields".to_owned(), json!([]));
        return;
    }
    let readable = list.iter().all(|entry| entry["fieldsType"] == "FieldsV1") && patch::managed_entries(object).len() == list.len();
    if !readable {
        meta_mut(object).remove("managedFields");
    }
}

/// Says that an object of another name was sent.
pub(crate) fn misnamed(given: &str, name: &str) -> ApiError {
    ApiError::bad_request(format!("the name of the object ({given}) does not match the name on the URL ({name})"))
}

/// Says that an object without a name was sent.
pub(crate) fn undeterminable(name: &str) -> ApiError {
    ApiError::bad_request(format!("the name of the object ({name} based on URL) was undeterminable: name must be provided"))
}

fn modified(resource: &Resource, name: &str) -> ApiError {
    ApiError::conflict(resource, name, "the object has been modified; please apply your changes to the latest version and try again")
}

/// Checks what the new state says about the old one; returns whether it depends on a revision.
fn preconditions(resource: &Resource, name: &str, old: &Value, new: &Value) -> ApiResult<bool> {
    let uid = meta(new, "uid");
    if !uid.is_empty() && uid != meta(old, "uid") {
        let why = format!("Precondition failed: UID in precondition: {uid}, UID in object meta: {}", meta(old, "uid"));
        return Err(ApiError::conflict(resource, name, &why));
    }
    let version = meta(new, "resourceVersion");
    if version.is_empty() || version == "0" {
        return Ok(false);
    }
    if version.parse::<u64>().is_err() {
        return Err(ApiError::new(500, "", format!("strconv.ParseUint: parsing {version:?}: invalid syntax")));
    }
    if version != meta(old, "resourceVersion") { Err(modified(resource, name)) } else { Ok(true) }
}

/// Tells whether nothing keeps an object that is being deleted.
pub(crate) fn is_finished(resource: &Resource, object: &Value) -> bool {
    let namespace = resource.kind == "Namespace" && resource.custom.is_none();
    let held = namespace && object.pointer("/spec/finalizers").and_then(Value::as_array).is_some_and(|list| !list.is_empty());
    let grace = |object: &Value| object["metadata"]["deletionGracePeriodSeconds"].as_i64().unwrap_or(0);
    !meta(object, "deletionTimestamp").is_empty() && finalizers(object).is_empty() && !held && grace(object) == 0
}

/// Follows a write that was committed.
pub(crate) async fn written(server: &Arc<Server>, resource: &Resource, object: &Value, created: bool) -> ApiResult<()> {
    if resource.kind == "CustomResourceDefinition" && resource.custom.is_none() {
        delete::settle_definitions(server, object)?;
    }
    server.refresh(&resource.group, &resource.plural);
    if resource.kind == "ValidatingAdmissionPolicy" && resource.custom.is_none() {
        admission::typecheck::settle(server, meta(object, "name"))?;
    }
    if resource.custom.is_none() && created {
        match resource.kind.as_str() {
            "Namespace" => bootstrap::furnish(&server.store, meta(object, "name"), &server.now())?,
            "ServiceAccount" => token::fill_waiting(server, object)?,
            _ => {}
        }
    }
    admission::quota::settle(server, meta(object, "namespace"))?;
    delete::settle(server, resource, object).await
}

/// Answers POST on a Pod's `binding`: says on which node it runs.
pub(crate) async fn bind(call: &Call) -> ApiResult<Response> {
    let options = call.options("CreateOptions", false)?;
    let binding = decode::spoken(call, options.validation, "v1", "Binding")?;
    let target = |field: &str| binding["target"][field].as_str().unwrap_or_default().to_owned();
    let (kind, node) = (target("kind"), target("name"));
    if meta(&binding, "name") != call.place.name {
        return Err(ApiError::bad_request("name in URL does not match name in Binding object"));
    }
    // Upstream answers 500 to both.
    if !matches!(kind.as_str(), "" | "Node") {
        let why = format!("target.kind: Unsupported value: {kind:?}: supported values: \"Node\", \"<empty>\"");
        return Err(ApiError::bad_request(why));
    }
    if node.is_empty() {
        return Err(ApiError::bad_request("target.name: Required value"));
    }
    let now = call.server.now();
    let make = |live: &Value| {
        let mut made = pods::bound(call, live, &node, &now)?;
        if let Some(uid) = binding["metadata"].get("uid") {
            meta_mut(&mut made.object).insert("uid".to_owned(), uid.clone());
        }
        Ok(made)
    };
    change(call, &options, "binding", make).await?;
    let status = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201});
    Ok(crate::status::json_response(StatusCode::CREATED, typed::encoded(&status)))
}

/// Whether an update must say which version it replaces: `AllowUnconditionalUpdate` of the kinds' strategies in kubernetes
/// `pkg/registry`.
fn needs_version(resource: &Resource) -> bool {
    resource.custom.is_some()
        || match resource.group.as_str() {
            "admissionregistration.k8s.io" | "coordination.k8s.io" | "node.k8s.io" | "policy" => true,
            "storage.k8s.io" => matches!(resource.kind.as_str(), "CSIDriver" | "CSINode" | "CSIStorageCapacity" | "VolumeAttachment"),
            _ => false,
        }
}

/// Whether an update of what is not there makes it: `AllowCreateOnUpdate` of the same strategies.
fn may_begin_with_update(resource: &Resource) -> bool {
    resource.custom.is_none()
        && match resource.group.as_str() {
            "" => matches!(resource.kind.as_str(), "Endpoints" | "Event" | "LimitRange" | "Service"),
            "coordination.k8s.io" | "events.k8s.io" | "node.k8s.io" | "rbac.authorization.k8s.io" => true,
            _ => false,
        }
}

/// Answers PUT on an object or its status.
pub(crate) async fn update(call: &Call) -> ApiResult<Response> {
    let options = call.options("UpdateOptions", false)?;
    let document = decode::body(&call.headers, &call.body, &call.resource.kind)?;
    let (resource, name) = (&call.resource, call.place.name.as_str());
    if name.is_empty() {
        return Err(ApiError::method_not_allowed());
    }
    let (mut object, mut warnings) = fit(resource, &document, options.validation)?;
    call.say(&warnings);
    let stated = meta(&object, "namespace");
    if !stated.is_empty() && stated != call.place.namespace && resource.namespaced {
        return Err(ApiError::bad_request("the namespace of the provided object does not match the namespace sent on the request"));
    }
    match meta(&object, "name") {
        "" => return Err(undeterminable(name)),
        other if other != name => return Err(misnamed(other, name)),
        _ => {}
    }
    let unversioned = matches!(meta(&object, "resourceVersion"), "" | "0");
    if unversioned && needs_version(resource) && call.server.store.get(&call.key()).is_some() {
        let violation = schema::Violation::invalid("metadata.resourceVersion", &json!(0), "must be specified for an update");
        return Err(ApiError::invalid(&resource.group, &resource.plural, name, &[violation]));
    }
    if call.place.subresource.is_empty() && may_begin_with_update(resource) && call.server.store.get(&call.key()).is_none() {
        check_create(call)?;
        meta_mut(&mut object).remove("resourceVersion");
        let created = create_object(call, &options, object, Ownership::Track, &mut warnings).await?;
        return call.answer_written(StatusCode::CREATED, &created, &warnings);
    }
    let make = |_: &Value| Ok(Made { object: object.clone(), ownership: Ownership::Track, warnings: warnings.clone() });
    let (object, warnings) = change(call, &options, &call.place.subresource, make).await?;
    call.answer_written(StatusCode::OK, &object, &warnings)
}
