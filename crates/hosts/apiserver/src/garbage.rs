//! What follows when an object goes: its dependents go or forget it, owners that waited for it go, and so do namespaces and
//! definitions that are empty now. All of it happens before the request is answered; what a crash leaves is taken up again
//! by [`resume`].

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use futures::future::join_all;
use patch::track_update;
use serde_json::{Value, json};
use store::{Batch, StoreError};

use crate::catalog::{CRD_PREFIX, Catalog, Resource};
use crate::delete::{self, FOREGROUND, ORPHAN, Outcome, Policy, Removal};
use crate::object::{self, finalizers, meta, meta_mut};
use crate::status::ApiResult;
use crate::write::is_finished;
use crate::{Server, admission, aggregation, bootstrap, crd, protection, services};

const NAMESPACES: &str = "/registry/core/namespaces/";

/// So many removals are under way at once.
pub(crate) const TOGETHER: usize = 64;

/// What is still to be done. A list, not a recursion: chains of owners may be long.
#[derive(Default)]
struct Queue {
    /// Objects to be removed.
    removals: VecDeque<(String, Policy)>,
    /// Objects whose owners are to be looked at.
    dependents: VecDeque<String>,
    /// Objects on their way out that may be free to go; looked at when nothing else is left.
    waiting: BTreeSet<String>,
}

/// Does everything that follows a deletion.
pub(crate) async fn follow(server: &Arc<Server>, resource: &Resource, key: &str, outcome: &Outcome) -> ApiResult<()> {
    if key.starts_with(aggregation::ROLES) {
        aggregation::refresh(server)?;
    }
    let mut queue = Queue::default();
    enqueue(server, resource, key, outcome, &mut queue)?;
    run(server, queue).await?;
    let (Outcome::Gone(object) | Outcome::Marked(object)) = outcome;
    admission::quota::settle(server, meta(object, "namespace"))
}

/// Does everything that follows a write to an object that stays.
pub(crate) async fn settle(server: &Arc<Server>, key: &str, object: &Value) -> ApiResult<()> {
    if key.starts_with(aggregation::ROLES) {
        aggregation::refresh(server)?;
    }
    let mut queue = Queue::default();
    if object.pointer("/metadata/ownerReferences").and_then(Value::as_array).is_some_and(|list| !list.is_empty()) {
        queue.dependents.push_back(key.to_owned());
    }
    if !meta(object, "deletionTimestamp").is_empty() {
        queue.waiting.insert(key.to_owned());
    }
    queue.waiting.extend(protection::class_keys(&server.store, key));
    run(server, queue).await
}

/// Takes up what was left when the server stopped.
pub(crate) async fn resume(server: &Arc<Server>) -> ApiResult<()> {
    aggregation::refresh(server)?;
    let mut queue = Queue { dependents: owners(server, |owners| owners.all(&server.store)).into_iter().collect(), ..Queue::default() };
    // Whatever is on its way out may wait for nothing any more: owners in the foreground, too, and who is to be forgotten.
    let leaves = |stored: &[u8]| memchr::memmem::find(stored, b"\"deletionTimestamp\"").is_some();
    let entries = server.store.scan("/registry/").0;
    queue.waiting.extend(entries.into_iter().filter(|(_, entry)| leaves(&entry.value)).map(|(key, _)| key));
    run(server, queue).await
}

fn owners<T>(server: &Server, look: impl FnOnce(&mut crate::owners::Owners) -> T) -> T {
    look(&mut server.owners.lock().expect("no holder of the owners' lock panics"))
}

async fn run(server: &Arc<Server>, mut queue: Queue) -> ApiResult<()> {
    loop {
        if !queue.removals.is_empty() {
            // Together they wait for the disk once.
            let some: Vec<_> = queue.removals.drain(..queue.removals.len().min(TOGETHER)).collect();
            let outcomes = join_all(some.iter().map(|(key, policy)| remove(server, key, *policy))).await;
            for ((key, _), outcome) in some.iter().zip(outcomes) {
                if let Some((resource, outcome)) = outcome? {
                    enqueue(server, &resource, key, &outcome, &mut queue)?;
                }
            }
        } else if let Some(key) = queue.dependents.pop_front() {
            dependent(server, &key, &mut queue).await?;
        } else if let Some(key) = queue.waiting.pop_first() {
            waiting(server, &key, &mut queue).await?;
        } else {
            return Ok(());
        }
    }
}

fn enqueue(server: &Arc<Server>, resource: &Resource, key: &str, outcome: &Outcome, queue: &mut Queue) -> ApiResult<()> {
    let object = match outcome {
        Outcome::Marked(_) => {
            queue.waiting.insert(key.to_owned());
            return Ok(());
        }
        Outcome::Gone(object) => object,
    };
    queue.dependents.extend(owners(server, |owners| owners.dependents(&server.store, meta(object, "uid"))));
    let catalog = server.catalog();
    for owner in references(object) {
        if let Some((_, key)) = owner_key(&catalog, object, owner) {
            queue.waiting.insert(key);
        }
    }
    let namespace = meta(object, "namespace");
    if !namespace.is_empty() {
        queue.waiting.insert(format!("{NAMESPACES}{namespace}"));
    }
    if let Some(custom) = &resource.custom {
        queue.waiting.insert(format!("{CRD_PREFIX}{}", custom.definition));
    } else if resource.kind == "Pod" {
        queue.waiting.extend(protection::claim_keys(object));
    }
    queue.waiting.extend(protection::class_keys(&server.store, key));
    let lasting = (resource.kind == "ServiceAccount" && meta(object, "name") == "default")
        || (resource.kind == "ConfigMap" && meta(object, "name") == "kube-root-ca.crt");
    if lasting && resource.custom.is_none() {
        let living =
            server.store.get(&format!("{NAMESPACES}{namespace}")).and_then(|entry| serde_json::from_slice::<Value>(&entry.value).ok());
        if living.is_some_and(|living| meta(&living, "deletionTimestamp").is_empty()) {
            bootstrap::furnish(&server.store, namespace, &server.now())?;
        }
    }
    Ok(())
}

/// Removes an object; `None` where it is gone already.
async fn remove(server: &Arc<Server>, key: &str, policy: Policy) -> ApiResult<Option<(Arc<Resource>, Outcome)>> {
    let Some(resource) = server.catalog().by_key(key).cloned() else { return Ok(None) };
    let name = key.rsplit('/').next().unwrap_or_default();
    match delete::remove(server, &resource, key, name, &Removal { policy, ..Removal::default() }).await {
        Ok(outcome) => Ok(Some((resource, outcome))),
        Err(error) if error.code == 404 => Ok(None),
        Err(error) => Err(error),
    }
}

fn references(object: &Value) -> impl Iterator<Item = &Value> {
    object.pointer("/metadata/ownerReferences").and_then(Value::as_array).into_iter().flatten()
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// Returns where an owner lies; `None` when its kind is not served, so that nobody can tell whether it lives.
fn owner_key<'a>(catalog: &'a Catalog, object: &Value, owner: &Value) -> Option<(&'a Arc<Resource>, String)> {
    let version = text(owner, "apiVersion");
    let resource = catalog.by_kind(version.split_once('/').map_or("", |(group, _)| group), text(owner, "kind"))?;
    let namespace = meta(object, "namespace");
    if resource.namespaced && namespace.is_empty() {
        return None;
    }
    Some((resource, resource.key(namespace, text(owner, "name"))))
}

/// An owner as its dependents see it.
#[derive(PartialEq, Eq)]
enum Owner {
    Alive,
    /// It goes when its dependents are gone.
    Going,
    Dead,
}

fn owner(server: &Server, catalog: &Catalog, object: &Value, owner: &Value) -> Owner {
    let Some((_, key)) = owner_key(catalog, object, owner) else { return Owner::Alive };
    let Some(entry) = server.store.get(&key) else { return Owner::Dead };
    let found: Value = serde_json::from_slice(&entry.value).unwrap_or_default();
    if meta(&found, "uid") != text(owner, "uid") {
        return Owner::Dead;
    }
    let going = !meta(&found, "deletionTimestamp").is_empty() && finalizers(&found).contains(&FOREGROUND);
    if going { Owner::Going } else { Owner::Alive }
}

/// Removes an object whose owners are gone; with one owner left only the references to the dead ones go.
async fn dependent(server: &Arc<Server>, key: &str, queue: &mut Queue) -> ApiResult<()> {
    loop {
        let catalog = server.catalog();
        let (Some(entry), Some(resource)) = (server.store.get(key), catalog.by_key(key)) else { return Ok(()) };
        let mut object = object::decode(&entry, resource);
        let states: Vec<Owner> = references(&object).map(|one| owner(server, &catalog, &object, one)).collect();
        if states.is_empty() || states.iter().all(|state| *state == Owner::Alive) {
            return Ok(());
        }
        if !states.contains(&Owner::Alive) {
            if meta(&object, "deletionTimestamp").is_empty() {
                let policy =
                    if states.contains(&Owner::Going) && has_dependents(server, &object) { Policy::Foreground } else { Policy::Background };
                queue.removals.push_back((key.to_owned(), policy));
            }
            return Ok(());
        }
        for one in references(&object) {
            queue.waiting.extend(owner_key(&catalog, &object, one).map(|(_, key)| key));
        }
        let (old, mut states) = (object.clone(), states.into_iter());
        if let Some(Value::Array(list)) = object.pointer_mut("/metadata/ownerReferences") {
            list.retain(|_| states.next() == Some(Owner::Alive));
        }
        disowned(server, resource, &old, &mut object);
        match server.store.commit_async(Batch::new().expect(key, entry.revision).put(key, object::encode_again(&object, resource))).await {
            Ok(_) => return Ok(()),
            Err(StoreError::Conflict { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

fn has_dependents(server: &Server, object: &Value) -> bool {
    !owners(server, |owners| owners.dependents(&server.store, meta(object, "uid"))).is_empty()
}

/// Lets an object go that waited for others, or starts what it waits for.
async fn waiting(server: &Arc<Server>, key: &str, queue: &mut Queue) -> ApiResult<()> {
    loop {
        let catalog = server.catalog();
        let (Some(entry), Some(resource)) = (server.store.get(key), catalog.by_key(key)) else { return Ok(()) };
        let old = object::decode(&entry, resource);
        if meta(&old, "deletionTimestamp").is_empty() {
            return Ok(());
        }
        let mut new = old.clone();
        let keepers = finalizers(&old);
        if keepers.contains(&ORPHAN) {
            for dependent in owners(server, |owners| owners.dependents(&server.store, meta(&old, "uid"))) {
                forget(server, &catalog, &dependent, meta(&old, "uid")).await?;
            }
            drop_finalizer(&mut new, ORPHAN);
        }
        if keepers.contains(&FOREGROUND) && dependents_gone(server, &catalog, &old, queue) {
            drop_finalizer(&mut new, FOREGROUND);
        }
        if resource.custom.is_none() {
            match resource.kind.as_str() {
                "Namespace" => empty_namespace(server, &catalog, &mut new, queue),
                "CustomResourceDefinition" => empty_definition(server, &catalog, &mut new, queue),
                "PersistentVolumeClaim" if protection::claim_is_free(&server.store, &old) => drop_finalizer(&mut new, protection::CLAIM),
                "PersistentVolume" if protection::volume_is_free(&old) => drop_finalizer(&mut new, protection::VOLUME),
                "VolumeAttributesClass" if protection::class_is_free(&server.store, &old) => {
                    drop_finalizer(&mut new, protection::ATTRIBUTES);
                }
                _ => {}
            }
        }
        let gone = is_finished(resource, &new);
        if !gone && new == old {
            return Ok(());
        }
        let batch = Batch::new().expect(key, entry.revision);
        let batch = if gone {
            services::release(&server.store, resource, &old, batch.delete(key))
        } else {
            batch.put(key, object::encode_again(&new, resource))
        };
        match server.store.commit_async(batch).await {
            Ok(_) => {
                if gone && resource.kind == "CustomResourceDefinition" && resource.custom.is_none() {
                    // Its names are free for another one.
                    delete::settle_definitions(server, &new)?;
                }
                server.refresh(&resource.group, &resource.plural);
                return if gone { enqueue(server, resource, key, &Outcome::Gone(new), queue) } else { Ok(()) };
            }
            Err(StoreError::Conflict { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

fn drop_finalizer(object: &mut Value, name: &str) {
    let left: Vec<String> = finalizers(object).into_iter().filter(|one| *one != name).map(str::to_owned).collect();
    let metadata = meta_mut(object);
    if left.is_empty() {
        metadata.remove("finalizers");
    } else {
        metadata.insert("finalizers".to_owned(), json!(left));
    }
}

/// Nobody owns a reference that was taken out.
fn disowned(server: &Server, resource: &Resource, old: &Value, new: &mut Value) {
    let now = server.now();
    track_update(Some(old), new, resource.writer("kube-controller-manager", "", &now), &resource.shape);
}

/// Takes the reference to an owner out of a dependent.
async fn forget(server: &Arc<Server>, catalog: &Catalog, key: &str, uid: &str) -> ApiResult<()> {
    loop {
        let (Some(entry), Some(resource)) = (server.store.get(key), catalog.by_key(key)) else { return Ok(()) };
        let old = object::decode(&entry, resource);
        let mut object = old.clone();
        let Some(Value::Array(list)) = object.pointer_mut("/metadata/ownerReferences") else { return Ok(()) };
        list.retain(|owner| text(owner, "uid") != uid);
        if list.is_empty() {
            meta_mut(&mut object).remove("ownerReferences");
        }
        disowned(server, resource, &old, &mut object);
        match server.store.commit_async(Batch::new().expect(key, entry.revision).put(key, object::encode_again(&object, resource))).await {
            Ok(_) => return Ok(()),
            Err(StoreError::Conflict { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Tells whether no dependent blocks an owner that goes in the foreground; those that may go are sent off.
fn dependents_gone(server: &Arc<Server>, catalog: &Catalog, object: &Value, queue: &mut Queue) -> bool {
    let uid = meta(object, "uid");
    let mut gone = true;
    for key in owners(server, |owners| owners.dependents(&server.store, uid)) {
        let (Some(entry), Some(resource)) = (server.store.get(&key), catalog.by_key(&key)) else { continue };
        let dependent = object::decode(&entry, resource);
        let blocks = references(&dependent).any(|owner| text(owner, "uid") == uid && owner.get("blockOwnerDeletion") == Some(&json!(true)));
        gone &= !blocks;
        if meta(&dependent, "deletionTimestamp").is_empty() {
            queue.dependents.push_back(key);
        }
    }
    gone
}

/// Sends off what is in a namespace; when nothing is left, nothing keeps the namespace.
fn empty_namespace(server: &Arc<Server>, catalog: &Catalog, namespace: &mut Value, queue: &mut Queue) {
    let name = meta(namespace, "name").to_owned();
    let mut prefixes: Vec<(String, Arc<Resource>)> =
        catalog.each().filter(|resource| resource.namespaced).map(|resource| (resource.prefix(Some(&name)), resource.clone())).collect();
    prefixes.sort_by(|left, right| (&left.0, &left.1.group).cmp(&(&right.0, &right.1.group)));
    prefixes.dedup_by(|left, right| left.0 == right.0);
    let mut left: Vec<(String, usize)> = Vec::new();
    let mut held: std::collections::BTreeMap<String, usize> = std::collections::BTreeMap::new();
    for (prefix, resource) in prefixes {
        let entries = server.store.scan(&prefix).0;
        if entries.is_empty() {
            continue;
        }
        left.push((resource.qualified(), entries.len()));
        for (key, entry) in entries {
            let object: Value = serde_json::from_slice(&entry.value).unwrap_or_default();
            if meta(&object, "deletionTimestamp").is_empty() {
                queue.removals.push_back((key, Policy::Background));
            }
            for one in finalizers(&object) {
                *held.entry(one.to_owned()).or_default() += 1;
            }
        }
    }
    if left.is_empty() {
        namespace["spec"] = json!({});
        return;
    }
    if queue.removals.is_empty() {
        namespace["status"]["conditions"] = conditions(server, namespace, &left, &held);
    } else {
        // What goes now may have been all; it is looked at again.
        queue.waiting.insert(format!("{NAMESPACES}{name}"));
    }
}

fn conditions(server: &Server, namespace: &Value, left: &[(String, usize)], held: &std::collections::BTreeMap<String, usize>) -> Value {
    let before = namespace.pointer("/status/conditions").and_then(Value::as_array).cloned().unwrap_or_default();
    let condition = |kind: &str, status: &str, reason: &str, message: &str| {
        let same = before.iter().find(|one| text(one, "type") == kind && text(one, "status") == status);
        let since = same.map_or_else(|| server.now(), |one| text(one, "lastTransitionTime").to_owned());
        json!({"type": kind, "status": status, "reason": reason, "message": message, "lastTransitionTime": since})
    };
    let remaining: Vec<String> = left.iter().map(|(kind, count)| format!("{kind} has {count} resource instances")).collect();
    let finalizers: Vec<String> = held.iter().map(|(name, count)| format!("{name} in {count} resource instances")).collect();
    let waits = if finalizers.is_empty() {
        condition("NamespaceFinalizersRemaining", "False", "ContentHasNoFinalizers", "All content-preserving finalizers finished")
    } else {
        let message = format!("Some content in the namespace has finalizers remaining: {}", finalizers.join(", "));
        condition("NamespaceFinalizersRemaining", "True", "SomeFinalizersRemain", &message)
    };
    json!([
        condition("NamespaceDeletionDiscoveryFailure", "False", "ResourcesDiscovered", "All resources successfully discovered"),
        condition(
            "NamespaceDeletionGroupVersionParsingFailure",
            "False",
            "ParsedGroupVersions",
            "All legacy kube types successfully parsed"
        ),
        condition(
            "NamespaceDeletionContentFailure",
            "False",
            "ContentDeleted",
            "All content successfully deleted, may be waiting on finalization"
        ),
        condition(
            "NamespaceContentRemaining",
            "True",
            "SomeResourcesRemain",
            &format!("Some resources are remaining: {}", remaining.join(", "))
        ),
        waits,
    ])
}

/// Sends off the objects of a definition; when none is left, nothing keeps the definition.
fn empty_definition(server: &Arc<Server>, catalog: &Catalog, definition: &mut Value, queue: &mut Queue) {
    let name = meta(definition, "name").to_owned();
    let served = catalog.each().find(|resource| resource.custom.as_ref().is_some_and(|custom| custom.definition == name));
    let entries = served.map(|resource| server.store.scan(&resource.prefix(None)).0).unwrap_or_default();
    if entries.is_empty() {
        drop_finalizer(definition, crd::CLEANUP);
        return;
    }
    for (key, entry) in entries {
        let object: Value = serde_json::from_slice(&entry.value).unwrap_or_default();
        if meta(&object, "deletionTimestamp").is_empty() {
            queue.removals.push_back((key, Policy::Background));
        }
    }
    if !queue.removals.is_empty() {
        queue.waiting.insert(format!("{CRD_PREFIX}{name}"));
    }
}
