use std::sync::LazyLock;

use serde_json::{Map, Value, json};

use crate::check::TypedError;
use crate::fields::FieldSet;
use crate::managed::{self, Entry, Operation};
use crate::shape::Shape;
use crate::typed;

/// Whoever applies to an object whose fields were never tracked meets this owner.
const BEFORE_FIRST_APPLY: &str = "before-first-apply";
/// The annotation in which client-side apply keeps what it applied.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";
/// More Update entries than this are merged, oldest first.
const MOST_UPDATES: usize = 10;

/// Who writes, where and when.
#[derive(Debug, Clone, Copy)]
pub struct Writer<'a> {
    /// The field manager.
    pub manager: &'a str,
    /// The version of the kind in which the request speaks.
    pub api_version: &'a str,
    /// `status`, `scale` …; empty for the main endpoint.
    pub subresource: &'a str,
    /// The time as it is written into `managedFields`: RFC 3339, seconds, `Z`.
    pub now: &'a str,
    /// What an empty object of the kind looks like: what stands there already is nobody's work.
    pub empty: &'a Value,
    /// The fields that this endpoint ignores, such as `status` on the main one: writing them gives no ownership, nor takes any.
    pub reset: &'a FieldSet,
}

/// Somebody else owns fields that an apply wants to change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// Who, as it is told to people: `"bob" using v1`.
    pub owner: String,
    /// Which field.
    pub path: String,
    /// Whose conflicts are told first.
    order: String,
}

impl Conflict {
    /// Says that a field is somebody's.
    pub fn new(entry: &Entry, path: String) -> Self {
        Self { owner: entry.described(), path, order: entry.identifier() }
    }
}

/// Every conflict of one apply.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Conflicts(pub Vec<Conflict>);

impl Conflicts {
    /// Puts conflicts together by owner; each owner's stay in their order, which is that of the fields.
    pub fn new(mut all: Vec<Conflict>) -> Self {
        all.sort_by(|left, right| left.order.cmp(&right.order));
        Self(all)
    }
}

impl std::fmt::Display for Conflicts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let [only] = &self.0[..] {
            return write!(f, "Apply failed with 1 conflict: conflict with {}: {}", only.owner, only.path);
        }
        write!(f, "Apply failed with {} conflicts: ", self.0.len())?;
        let mut owner = None;
        for (index, conflict) in self.0.iter().enumerate() {
            if owner != Some(&conflict.owner) {
                write!(f, "{}conflicts with {}:", if index == 0 { "" } else { "\n" }, conflict.owner)?;
                owner = Some(&conflict.owner);
            }
            write!(f, "\n- {}", conflict.path)?;
        }
        Ok(())
    }
}

/// Why a configuration was not applied.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ApplyError {
    /// Others own fields that it wants to change.
    #[error(transparent)]
    Conflicts(#[from] Conflicts),
    /// It does not fit the kind's schema.
    #[error(transparent)]
    Typed(#[from] TypedError),
}

/// Paths that nobody ever owns.
static NEVER_OWNED: LazyLock<FieldSet> = LazyLock::new(|| {
    let mut set = FieldSet::path(&["apiVersion"]);
    set.union(&FieldSet::path(&["kind"]));
    set.union(&FieldSet::path(&["metadata"]));
    for name in
        ["name", "namespace", "creationTimestamp", "selfLink", "uid", "clusterName", "generation", "managedFields", "resourceVersion"]
    {
        set.union(&FieldSet::path(&["metadata", name]));
    }
    set
});

/// Applies a configuration to an object (server-side apply) and returns the new object with its managedFields.
///
/// What the endpoint ignores stands in the result as it was configured; whoever stores it puts back what was there.
pub fn apply(live: Option<&Value>, config: &Value, writer: Writer<'_>, force: bool, shape: &Shape) -> Result<Value, ApplyError> {
    let mut entries = live.map(managed::decode).unwrap_or_default();
    let bare = live.map_or_else(|| Value::Object(Map::new()), managed::strip);
    if entries.is_empty() && live.is_some() {
        entries.push(before_first_apply(&bare, writer, shape));
    }
    let mut owned = typed::set_of(config, shape)?;
    owned.subtract_deep(writer.reset);
    let mut own = Entry {
        manager: writer.manager.to_owned(),
        operation: Operation::Apply,
        api_version: writer.api_version.to_owned(),
        subresource: writer.subresource.to_owned(),
        time: Some(writer.now.to_owned()),
        fields: owned.clone(),
    };
    let last = entries.iter().position(|entry| entry.same_owner(&own)).map(|index| entries.remove(index));
    let mut result = typed::merge(Some(&bare), config, shape);
    let mut dropped = last.as_ref().map(|last| last.fields.clone()).unwrap_or_default();
    dropped.subtract(&owned);
    if let Some(last) = last.as_ref().filter(|_| !dropped.is_empty()) {
        entries.iter().for_each(|entry| owned.union(&entry.fields));
        typed::prune(&mut result, shape, &last.fields, &owned);
    }
    refresh_last_applied(&mut result, config, writer);
    if live.is_some() && result == bare {
        // Only a change has a time; who merely joins in keeps the time of before, if any.
        own.time = last.as_ref().and_then(|last| last.time.clone());
    }
    let changed = typed::compare(Some(&bare), Some(&result), shape).beyond(writer.reset);
    let touched = changed.modified.joined(changed.added);
    let conflicts = conflicts(&entries, &touched);
    if !conflicts.0.is_empty() && !force && !migrates(&bare, &entries, &touched, writer, shape) {
        return Err(conflicts.into());
    }
    for entry in &mut entries {
        entry.fields.subtract(&touched);
        entry.fields.subtract(&changed.removed);
    }
    own.fields.subtract(&NEVER_OWNED);
    entries.push(own);
    managed::encode(&mut result, entries);
    Ok(result)
}

fn before_first_apply(live: &Value, writer: Writer<'_>, shape: &Shape) -> Entry {
    let changed = typed::compare(Some(writer.empty), Some(live), shape);
    let mut fields = changed.added.joined(changed.modified);
    fields.subtract(&NEVER_OWNED);
    fields.subtract_deep(writer.reset);
    Entry {
        manager: BEFORE_FIRST_APPLY.to_owned(),
        operation: Operation::Update,
        api_version: writer.api_version.to_owned(),
        subresource: writer.subresource.to_owned(),
        time: Some(writer.now.to_owned()),
        fields,
    }
}

fn conflicts(entries: &[Entry], touched: &FieldSet) -> Conflicts {
    let mut found: Vec<Conflict> = Vec::new();
    for entry in entries {
        found.extend(entry.fields.intersection(touched).paths().into_iter().map(|path| Conflict::new(entry, path)));
    }
    Conflicts::new(found)
}

fn last_applied(object: &Value) -> Option<Value> {
    let text = object.get("metadata")?.get("annotations")?.get(LAST_APPLIED)?.as_str()?;
    serde_json::from_str(text).ok()
}

/// kubectl may take over what it applied client-side before: the fields named in its annotation.
fn migrates(live: &Value, entries: &[Entry], touched: &FieldSet, writer: Writer<'_>, shape: &Shape) -> bool {
    if writer.manager != "kubectl" || !writer.subresource.is_empty() {
        return false;
    }
    let Some(Ok(theirs)) = last_applied(live).map(|applied| typed::set_of(&applied, shape)) else { return false };
    entries.iter().all(|entry| {
        let mut disputed = entry.fields.intersection(touched);
        disputed.subtract(&theirs);
        disputed.subtract(&FieldSet::path(&["metadata", "annotations", LAST_APPLIED]));
        disputed.is_empty()
    })
}

/// kubectl's annotation is kept in step, so that client-side apply can be used again.
fn refresh_last_applied(result: &mut Value, config: &Value, writer: Writer<'_>) {
    if writer.manager != "kubectl" || !writer.subresource.is_empty() || last_applied(result).is_none() {
        return;
    }
    let mut text = config.clone();
    if let Some(Value::Object(annotations)) = text.pointer_mut("/metadata/annotations") {
        annotations.remove(LAST_APPLIED);
    }
    if let Some(Value::Object(annotations)) = result.pointer_mut("/metadata/annotations") {
        annotations.insert(LAST_APPLIED.to_owned(), json!(format!("{text}\n")));
    }
}

/// Records in the new object's managedFields what a write other than apply changed.
///
/// What did not change gives no ownership. An object whose fields are not tracked stays so, and one that does not fit its
/// shape is no longer tracked.
pub fn track_update(old: Option<&Value>, new: &mut Value, writer: Writer<'_>, shape: &Shape) {
    let given = new.get("metadata").and_then(|metadata| metadata.get("managedFields")).filter(|list| !list.is_null());
    let mut entries = match (given, old) {
        (Some(_), _) if writer.subresource.is_empty() => managed::decode(new),
        (_, Some(old)) => managed::decode(old),
        (_, None) => Vec::new(),
    };
    if entries.is_empty() && old.is_some() {
        managed::encode(new, entries);
        return;
    }
    let before = old.map_or_else(|| writer.empty.clone(), managed::strip);
    let changed = typed::compare(Some(&before), Some(&managed::strip(new)), shape);
    if changed.misfit {
        managed::encode(new, Vec::new());
        return;
    }
    let changed = changed.beyond(writer.reset);
    let mut taken = changed.modified.joined(changed.added);
    taken.subtract(&NEVER_OWNED);
    for entry in &mut entries {
        entry.fields.subtract(&taken);
        entry.fields.subtract(&changed.removed);
    }
    if !taken.is_empty() {
        let mut own = Entry {
            manager: writer.manager.to_owned(),
            operation: Operation::Update,
            api_version: writer.api_version.to_owned(),
            subresource: writer.subresource.to_owned(),
            time: Some(writer.now.to_owned()),
            fields: taken,
        };
        // The fields it had before are still its own; only what was removed or passed on above is gone.
        if let Some(index) = entries.iter().position(|entry| entry.same_owner(&own)) {
            let previous = entries.remove(index);
            own.fields.union(&previous.fields);
        }
        entries.push(own);
    }
    cap(&mut entries);
    managed::encode(new, entries);
}

/// Merges the oldest Update entries when there are too many.
fn cap(entries: &mut Vec<Entry>) {
    loop {
        let updates = entries.iter().filter(|entry| entry.operation == Operation::Update).count();
        if updates <= MOST_UPDATES {
            return;
        }
        let oldest = entries
            .iter()
            .enumerate()
            .filter(|(_, entry)| entry.operation == Operation::Update && entry.manager != "ancient-changes")
            .min_by_key(|(_, entry)| (entry.time.clone(), entry.manager.clone()))
            .map(|(index, _)| index);
        let Some(oldest) = oldest else { return };
        let mut entry = entries.remove(oldest);
        entry.manager = "ancient-changes".to_owned();
        entry.subresource.clear();
        match entries.iter_mut().find(|other| other.same_owner(&entry)) {
            Some(ancient) => {
                ancient.fields.union(&entry.fields);
                ancient.time = entry.time.max(ancient.time.take());
            }
            None => entries.push(entry),
        }
    }
}
