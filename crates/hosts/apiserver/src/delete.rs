//! DELETE: what is asked for, what keeps an object, and what is answered. What follows a deletion is in `garbage`.

use std::sync::Arc;

use axum::response::Response;
use futures::future::join_all;
use http::StatusCode;
use patch::track_update;
use serde_json::{Value, json};
use store::{Batch, StoreError};

use crate::admission::{self, Ask};
use crate::catalog::Resource;
use crate::kinds::Generation;
use crate::object::{self, finalizers, meta, meta_mut};
use crate::selector::Selector;
use crate::status::{ApiError, ApiResult, details};
use crate::typed::{self, Unread};
use crate::write::{Call, is_finished};
use crate::{Server, converter, crd, decode, garbage, services};

/// Keeps an owner until its dependents are gone.
pub(crate) const FOREGROUND: &str = "foregroundDeletion";
/// Keeps an owner until its dependents have forgotten it.
pub(crate) const ORPHAN: &str = "orphan";
/// Namespaces that stay.
const LASTING: &[&str] = &["default", "kube-public", "kube-system"];
/// Said to whoever deletes a Job without saying what becomes of its Pods.
const PRESERVED: &str = "child pods are preserved by default when jobs are deleted; set propagationPolicy=Background to remove them or set propagationPolicy=Orphan to suppress this warning";
/// How long a Pod may take to end when it does not say.
const GRACE: i64 = 30;

/// What becomes of the dependents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Policy {
    #[default]
    Background,
    Foreground,
    Orphan,
}

/// How an object is to be removed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Removal {
    pub policy: Policy,
    pub grace: Option<i64>,
    pub uid: Option<String>,
    pub revision: Option<String>,
    pub dry_run: bool,
}

/// Reads the body of a delete. The words are Go's; nobody tells here what the body should have been.
fn delete_options(call: &Call) -> ApiResult<Value> {
    let document = decode::body(&call.headers, &call.body, "DeleteOptions").map_err(|mut error| {
        if let Some((_, why)) = error.message.split_once("(must be of type DeleteOptions): ") {
            error.message = why.rsplit_once(" (").map_or(why, |(why, _)| why).to_owned();
        }
        error
    })?;
    let value = document.value();
    let text = |name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default();
    if !matches!(text("kind"), "" | "DeleteOptions") {
        let version = if text("apiVersion").is_empty() { "meta.k8s.io/v1" } else { text("apiVersion") };
        return Err(ApiError::bad_request(decode::not_registered(version, text("kind"))));
    }
    let form = typed::by_name("meta.v1.DeleteOptions").ok_or_else(|| ApiError::internal("DeleteOptions have no form"))?;
    let (options, _) = typed::read(form, &document.node).map_err(|Unread(why)| ApiError::bad_request(why))?;
    Ok(options)
}

/// What became of an object.
pub(crate) enum Outcome {
    Gone(Value),
    Marked(Value),
}

impl Removal {
    /// Reads the options from the body, or else from the query.
    fn read(call: &Call) -> ApiResult<(Self, Value)> {
        let mut options = json!({"kind": "DeleteOptions", "apiVersion": "meta.k8s.io/v1"});
        if call.body.is_empty() {
            if let Some(policy) = call.query.get("propagationPolicy") {
                options["propagationPolicy"] = json!(policy);
            }
            if let Some(seconds) = call.query.get("gracePeriodSeconds") {
                let number: i64 =
                    seconds.parse().map_err(|_| ApiError::bad_request(format!("strconv.ParseInt: parsing {seconds:?}: invalid syntax")))?;
                options["gracePeriodSeconds"] = json!(number);
            }
            if call.query.has("orphanDependents") {
                options["orphanDependents"] = json!(call.query.flag("orphanDependents"));
            }
            if call.query.has("dryRun") {
                options["dryRun"] = json!(call.query.all("dryRun"));
            }
        } else {
            options = delete_options(call)?;
        }
        Ok((Self::of(call, &options)?, options))
    }

    /// Reads options that were sent.
    pub fn of(call: &Call, options: &Value) -> ApiResult<Self> {
        let text = |path: &str| options.pointer(path).and_then(Value::as_str).map(str::to_owned);
        let mut found = Vec::new();
        let policy = match (text("/propagationPolicy").as_deref(), options.get("orphanDependents").and_then(Value::as_bool)) {
            (Some(_), Some(_)) => {
                found.push(schema::Violation::invalid(
                    "propagationPolicy",
                    &options["propagationPolicy"],
                    "orphanDependents and deletionPropagation cannot be both set",
                ));
                Policy::Background
            }
            (Some("Foreground"), None) => Policy::Foreground,
            (Some("Orphan"), None) | (None, Some(true)) => Policy::Orphan,
            // These keep their Pods unless somebody says otherwise, as they did when they were new.
            (None, None) if call.resource.custom.is_none() && matches!(call.resource.kind.as_str(), "Job" | "ReplicationController") => {
                Policy::Orphan
            }
            (None | Some("Background"), _) => Policy::Background,
            (Some(other), None) => {
                let allowed = ["Foreground", "Background", "Orphan", "nil"].map(str::to_owned);
                found.push(schema::Violation::not_supported("propagationPolicy", &json!(other), &allowed));
                Policy::Background
            }
        };
        let dry = options.get("dryRun").and_then(Value::as_array).cloned().unwrap_or_default();
        if dry.iter().any(|one| one != "All") {
            found.push(schema::Violation::not_supported("dryRun", &json!(dry), &["All".to_owned()]));
        }
        if !found.is_empty() {
            return Err(ApiError::invalid("meta.k8s.io", "DeleteOptions", "", &found));
        }
        Ok(Self {
            policy,
            grace: options.get("gracePeriodSeconds").and_then(Value::as_i64),
            uid: text("/preconditions/uid"),
            revision: text("/preconditions/resourceVersion"),
            dry_run: !dry.is_empty(),
        })
    }
}

/// Tells whether a deletion is answered with the object and not with a Status: `ReturnDeletedObject` of the kinds' stores in
/// kubernetes `pkg/registry`.
pub(crate) fn is_answered(resource: &Resource) -> bool {
    resource.custom.is_none()
        && match (resource.group.as_str(), resource.kind.as_str()) {
            ("resource.k8s.io", _) => true,
            ("", "PersistentVolume" | "PersistentVolumeClaim" | "Pod" | "PodTemplate" | "ResourceQuota" | "Service" | "ServiceAccount") => {
                true
            }
            ("storage.k8s.io", kind) => kind != "CSIStorageCapacity",
            _ => false,
        }
}

/// Answers DELETE on an object.
pub(crate) async fn answer(call: &Call) -> ApiResult<Response> {
    let (removal, options) = Removal::read(call)?;
    let (resource, name) = (&call.resource, call.place.name.as_str());
    let mut warnings = Vec::new();
    let unsaid = options.get("propagationPolicy").is_none() && options.get("orphanDependents").is_none();
    if resource.kind == "Job" && resource.custom.is_none() && unsaid {
        call.say(&[PRESERVED.to_owned()]);
    }
    let outcome = remove_admitted(call, &call.place.namespace, name, &removal, &options, &mut warnings).await?;
    let (object, gone) = match outcome {
        Outcome::Gone(object) => (object, true),
        Outcome::Marked(object) => (object, false),
    };
    let namespace = resource.kind == "Namespace" && resource.group.is_empty();
    if !gone || namespace || is_answered(resource) {
        return call.answer(StatusCode::OK, &object, &warnings);
    }
    let mut details = details(resource, name);
    details["uid"] = json!(meta(&object, "uid"));
    let status = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details});
    call.say(&warnings);
    Ok(crate::status::json_response(StatusCode::OK, typed::encoded(&status)))
}

/// Answers DELETE on a collection.
pub(crate) async fn collection(call: &Call) -> ApiResult<Response> {
    let (removal, options) = Removal::read(call)?;
    let resource = &call.resource;
    let selector = Selector::read(call.query.get("labelSelector"), call.query.get("fieldSelector"), resource)?;
    let namespace = Some(call.place.namespace.as_str()).filter(|namespace| !namespace.is_empty());
    let (entries, revision) = call.server.store.scan(&resource.prefix(namespace));
    let entries = converter::entries(&call.server, resource, entries).await?;
    let mut warnings = Vec::new();
    let mut items = Vec::new();
    let limit = call.query.number("limit")?.filter(|limit| *limit > 0);
    let chosen = entries.iter().map(|(_, entry)| object::decode(entry, resource)).filter(|object| selector.matches(object, resource));
    let chosen: Vec<Value> = chosen.take(limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX))).collect();
    for some in chosen.chunks(garbage::TOGETHER) {
        let one = async |object: &Value| {
            let mut warnings = Vec::new();
            let (namespace, name) = (meta(object, "namespace"), meta(object, "name"));
            (remove_admitted(call, namespace, name, &removal, &options, &mut warnings).await, warnings)
        };
        for (outcome, warned) in join_all(some.iter().map(one)).await {
            warnings.extend(warned);
            match outcome {
                Ok(Outcome::Gone(mut object) | Outcome::Marked(mut object)) => {
                    if let (None, Value::Object(map)) = (&resource.custom, &mut object) {
                        // Lists leave these out of their items.
                        map.remove("apiVersion");
                        map.remove("kind");
                    }
                    items.push(object);
                }
                Err(error) if error.code == 404 => {}
                Err(error) => return Err(error),
            }
        }
    }
    let list = json!({"kind": resource.list_kind, "apiVersion": resource.api_version, "metadata": {"resourceVersion": revision.to_string()}, "items": items});
    call.say(&warnings);
    Ok(crate::status::json_response(StatusCode::OK, typed::encoded(&list)))
}

async fn remove_admitted(
    call: &Call,
    namespace: &str,
    name: &str,
    removal: &Removal,
    options: &Value,
    warnings: &mut Vec<String>,
) -> ApiResult<Outcome> {
    let (server, resource) = (&call.server, &call.resource);
    let key = resource.key(namespace, name);
    let entry = server.store.get(&key).ok_or_else(|| ApiError::not_found(resource, name))?;
    let entry = converter::entry(server, resource, &key, entry).await?;
    let old = object::decode(&entry, resource);
    check(resource, name, &old, removal)?;
    if resource.kind == "IPAddress"
        && resource.custom.is_none()
        && let Some(user) = services::user(&server.store, &old)
    {
        // Upstream lets it go and makes it again; meanwhile another Service may get the address.
        return Err(ApiError::forbidden(resource, name, &format!("the Service {user} has this address")));
    }
    // Who deletes many at once names none of them.
    let ask = Ask { namespace, ..Ask::deletion(call, options, removal.dry_run) };
    admission::mutate_deletion(server, &ask, &old, warnings).await?;
    admission::validate(server, &ask, None, Some(&old), warnings).await?;
    let outcome = remove(server, resource, &key, name, removal).await?;
    if !removal.dry_run {
        garbage::follow(server, resource, &key, &outcome).await?;
    }
    if resource.converter().is_none() {
        return Ok(outcome);
    }
    // It was removed as it lay in the store.
    Ok(match outcome {
        Outcome::Gone(_) => Outcome::Gone(old),
        Outcome::Marked(object) => Outcome::Marked(converter::object(server, resource, &object, &resource.api_version).await?),
    })
}

/// Checks what a deletion expects of the object, and whether it may go at all.
pub(crate) fn check(resource: &Resource, name: &str, old: &Value, removal: &Removal) -> ApiResult<()> {
    let differs = |what: &str, wanted: &Option<String>, found: &str| -> ApiResult<()> {
        match wanted.as_deref().filter(|wanted| *wanted != found) {
            None => Ok(()),
            Some(wanted) => {
                let end = if what == "UID" {
                    "The object might have been deleted and then recreated"
                } else {
                    "The object might have been modified"
                };
                let kind = &resource.kind;
                let whole = if resource.group.is_empty() { kind.clone() } else { format!("{kind}.{}", resource.group) };
                let message = format!(
                    "Operation cannot be fulfilled on {whole} {name:?}: the {what} in the precondition ({wanted}) does not match the {what} in record ({found}). {end}"
                );
                let mut details = json!({"name": name, "kind": kind});
                if !resource.group.is_empty() {
                    details["group"] = json!(resource.group);
                }
                Err(ApiError::new(409, "Conflict", message).with(details))
            }
        }
    };
    differs("UID", &removal.uid, meta(old, "uid"))?;
    differs("ResourceVersion", &removal.revision, meta(old, "resourceVersion"))?;
    if resource.kind == "Namespace" && resource.custom.is_none() && LASTING.contains(&name) {
        return Err(ApiError::forbidden(resource, name, "this namespace may not be deleted"));
    }
    Ok(())
}

/// Removes an object, or marks it as going when something keeps it.
pub(crate) async fn remove(server: &Arc<Server>, resource: &Resource, key: &str, name: &str, removal: &Removal) -> ApiResult<Outcome> {
    loop {
        let entry = server.store.get(key).ok_or_else(|| ApiError::not_found(resource, name))?;
        let old = object::decode(&entry, resource);
        check(resource, name, &old, removal)?;
        let new = marked(server, resource, &old, removal);
        let gone = is_finished(resource, &new);
        let mut answer = if gone { old.clone() } else { new.clone() };
        if removal.dry_run {
            return Ok(if gone { Outcome::Gone(answer) } else { Outcome::Marked(answer) });
        }
        if !gone && new == old {
            return Ok(Outcome::Marked(old));
        }
        let batch = Batch::new().expect(key, entry.revision);
        let batch = if gone {
            services::release(&server.store, resource, &old, batch.delete(key))
        } else {
            batch.put(key, object::encode_again(&new, resource))
        };
        match server.store.commit_async(batch).await {
            Ok(revision) => {
                if !gone {
                    meta_mut(&mut answer).insert("resourceVersion".to_owned(), json!(revision.to_string()));
                }
                if gone && is_definition(resource) {
                    settle_definitions(server, &answer)?;
                }
                server.refresh(&resource.group, &resource.plural);
                return Ok(if gone { Outcome::Gone(answer) } else { Outcome::Marked(answer) });
            }
            Err(StoreError::Conflict { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Returns the object as it is on its way out.
fn marked(server: &Server, resource: &Resource, old: &Value, removal: &Removal) -> Value {
    let mut new = old.clone();
    let native = resource.custom.is_none();
    let mut keepers: Vec<String> = finalizers(old).into_iter().map(str::to_owned).collect();
    match removal.policy {
        Policy::Background => {}
        Policy::Foreground => {
            keepers.retain(|one| one != ORPHAN);
            if !keepers.iter().any(|one| one == FOREGROUND) {
                keepers.push(FOREGROUND.to_owned());
            }
        }
        Policy::Orphan => {
            keepers.retain(|one| one != FOREGROUND);
            if !keepers.iter().any(|one| one == ORPHAN) {
                keepers.push(ORPHAN.to_owned());
            }
        }
    }
    let definition = native && resource.kind == "CustomResourceDefinition";
    if definition && !keepers.iter().any(|one| one == crd::CLEANUP) {
        keepers.push(crd::CLEANUP.to_owned());
    }
    let before = meta(old, "deletionTimestamp").to_owned();
    let mut grace = if native && resource.kind == "Pod" { pod_grace(old, removal) } else { 0 };
    if !before.is_empty() {
        // A time that runs may be cut short, never made longer.
        grace = grace.min(old.pointer("/metadata/deletionGracePeriodSeconds").and_then(Value::as_i64).unwrap_or(0));
    }
    let now = server.clock.now();
    let end = model::Timestamp::from_second(now.as_second().saturating_add(grace)).map_or_else(|_| object::seconds(now), object::seconds);
    let metadata = meta_mut(&mut new);
    if keepers.is_empty() {
        metadata.remove("finalizers");
    } else {
        metadata.insert("finalizers".to_owned(), json!(keepers));
    }
    let shorter = old.pointer("/metadata/deletionGracePeriodSeconds").and_then(Value::as_i64).is_some_and(|running| grace < running);
    if before.is_empty() || shorter {
        metadata.insert("deletionTimestamp".to_owned(), json!(end));
        metadata.insert("deletionGracePeriodSeconds".to_owned(), json!(grace));
    }
    if before.is_empty() && resource.generation != Generation::Never {
        let generation = metadata.get("generation").and_then(Value::as_i64).unwrap_or(0);
        metadata.insert("generation".to_owned(), json!(generation + 1));
    }
    if native && resource.kind == "Namespace" {
        // Namespaces tell no grace.
        metadata.remove("deletionGracePeriodSeconds");
        new["status"]["phase"] = json!("Terminating");
    }
    if definition {
        new = crd::settle(&new, &definitions(server, &new), &object::seconds(now));
    }
    new
}

/// Returns the definitions of a definition's group.
fn definitions(server: &Server, definition: &Value) -> Vec<Value> {
    let end = format!(".{}", definition.pointer("/spec/group").and_then(Value::as_str).unwrap_or_default());
    let entries = server.store.scan(crate::catalog::CRD_PREFIX).0;
    let own = entries.iter().filter(|(key, _)| key.ends_with(&end));
    own.filter_map(|(_, entry)| serde_json::from_slice(&entry.value).ok()).collect()
}

/// Decides on the names of all definitions of a group, as far as a write has changed what they may have.
pub(crate) fn settle_definitions(server: &Server, definition: &Value) -> ApiResult<()> {
    let now = server.now();
    let all = definitions(server, definition);
    for one in &all {
        let key = format!("{}{}", crate::catalog::CRD_PREFIX, meta(one, "name"));
        loop {
            let Some(entry) = server.store.get(&key) else { break };
            let Ok(stored) = serde_json::from_slice::<Value>(&entry.value) else { break };
            let mut settled = crd::settle(&stored, &definitions(server, one), &now);
            if settled == stored {
                break;
            }
            owned_by_server(server, &stored, &mut settled, &now);
            match server
                .store
                .commit(Batch::new().expect(&key, entry.revision).put(&key, object::encode(&settled, "apiextensions.k8s.io/v1")))
            {
                Ok(_) => break,
                Err(StoreError::Conflict { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
    Ok(())
}

/// What the server says of a definition is its own.
fn owned_by_server(server: &Server, old: &Value, new: &mut Value, now: &str) {
    let catalog = server.catalog();
    let Some(resource) = catalog.find("apiextensions.k8s.io", "v1", "customresourcedefinitions") else { return };
    track_update(Some(old), new, resource.writer("kube-apiserver", "status", now), &resource.shape);
}

fn is_definition(resource: &Resource) -> bool {
    resource.kind == "CustomResourceDefinition" && resource.custom.is_none()
}

fn pod_grace(pod: &Value, removal: &Removal) -> i64 {
    let text = |path: &str| pod.pointer(path).and_then(Value::as_str).unwrap_or_default();
    if text("/spec/nodeName").is_empty() || matches!(text("/status/phase"), "Succeeded" | "Failed") {
        return 0;
    }
    removal.grace.or_else(|| pod.pointer("/spec/terminationGracePeriodSeconds").and_then(Value::as_i64)).unwrap_or(GRACE).max(0)
}

/// Follows an object that a write has let go.
pub(crate) async fn removed(server: &Arc<Server>, resource: &Resource, object: &Value) -> ApiResult<()> {
    if is_definition(resource) {
        settle_definitions(server, object)?;
    }
    server.refresh(&resource.group, &resource.plural);
    let key = resource.key(meta(object, "namespace"), meta(object, "name"));
    garbage::follow(server, resource, &key, &Outcome::Gone(object.clone())).await
}

/// Follows a write to an object that stays: its owners may be gone already, or it may wait for something.
pub(crate) async fn settle(server: &Arc<Server>, resource: &Resource, object: &Value) -> ApiResult<()> {
    let key = resource.key(meta(object, "namespace"), meta(object, "name"));
    garbage::settle(server, &key, object).await
}
