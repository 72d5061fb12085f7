//! Who owns which fields when owners speak in different versions of a kind: each version's fields are compared in that
//! version. Kubernetes sigs.k8s.io/structured-merge-diff `merge/update.go`.

use std::collections::BTreeMap;

use patch::{ApplyError, Conflict, Conflicts, FieldSet, Writer, managed_entries, track_update};
use serde_json::{Value, json};

use super::Converter;
use crate::Server;
use crate::catalog::Resource;
use crate::object::meta_mut;
use crate::status::{ApiError, ApiResult};

/// Stands in for whoever writes, or keeps a list from being empty, which would mean that nothing is tracked. No client can
/// have the name: it is no printable text.
const NOBODY: &str = "\u{0}";

/// An apply, as far as it does not depend on the live object.
pub(crate) struct Applying<'a> {
    pub config: &'a Value,
    pub writer: Writer<'a>,
    pub force: bool,
}

fn text<'a>(entry: &'a Value, name: &str) -> &'a str {
    entry.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn list(object: &Value) -> Vec<Value> {
    object.pointer("/metadata/managedFields").and_then(Value::as_array).cloned().unwrap_or_default()
}

fn with(object: &Value, entries: &[Value]) -> Value {
    let mut object = object.clone();
    meta_mut(&mut object).insert("managedFields".to_owned(), json!(entries));
    object
}

fn without(object: &Value) -> Value {
    let mut object = object.clone();
    meta_mut(&mut object).remove("managedFields");
    object
}

/// Tells whether somebody owns fields of an object in another version than that of the resource.
pub(crate) fn mixed(resource: &Resource, object: &Value) -> bool {
    resource.converter().is_some() && list(object).iter().any(|entry| text(entry, "apiVersion") != resource.api_version)
}

/// The entries in the version in which is written, and the others by their version. Versions that are no more are dropped.
fn parted(resource: &Resource, converter: &Converter, entries: Vec<Value>) -> (Vec<Value>, BTreeMap<String, Vec<Value>>) {
    let mut own = vec![nobody(&resource.api_version)];
    let mut others: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for entry in entries {
        let version = text(&entry, "apiVersion");
        if version == resource.api_version {
            own.push(entry);
        } else if converter.forms.contains_key(version) {
            others.entry(version.to_owned()).or_default().push(entry);
        }
    }
    (own, others)
}

fn nobody(version: &str) -> Value {
    json!({"apiVersion": version, "fieldsType": "FieldsV1", "fieldsV1": {"f:\u{0}": {}}, "manager": NOBODY, "operation": "Apply"})
}

/// Returns the owners in another version after a change, and the fields that it has given other values there.
async fn in_their_version(
    server: &Server,
    resource: &Resource,
    version: &str,
    (old, new): (&Value, &Value),
    entries: &[Value],
    reset: &FieldSet,
) -> ApiResult<(Vec<Value>, FieldSet)> {
    let form = resource.converter().and_then(|converter| converter.forms.get(version));
    let form = form.ok_or_else(|| ApiError::internal(format!("version {version} is no more")))?;
    let old = with(&super::object(server, resource, old, version).await?, entries);
    let mut new = with(&super::object(server, resource, new, version).await?, entries);
    let empty = json!({});
    let writer = Writer { manager: NOBODY, api_version: version, subresource: "", now: "", empty: &empty, reset };
    track_update(Some(&old), &mut new, writer, &form.shape);
    let touched = managed_entries(&new).into_iter().find(|entry| entry.manager == NOBODY).map(|entry| entry.fields);
    let left = list(&new).into_iter().filter(|entry| text(entry, "manager") != NOBODY).collect();
    Ok((left, touched.unwrap_or_default()))
}

fn write(object: &mut Value, own: Vec<Value>, others: Vec<Value>) {
    let mut all: Vec<Value> = own.into_iter().filter(|entry| text(entry, "manager") != NOBODY).chain(others).collect();
    all.sort_by(|left, right| {
        let key = |entry: &Value| ["operation", "time", "manager", "apiVersion", "subresource"].map(|name| text(entry, name).to_owned());
        key(left).cmp(&key(right))
    });
    if all.is_empty() {
        meta_mut(object).remove("managedFields");
    } else {
        meta_mut(object).insert("managedFields".to_owned(), json!(all));
    }
}

/// Records what a write other than apply changed.
pub(crate) async fn track(server: &Server, resource: &Resource, old: &Value, new: &mut Value, writer: Writer<'_>) -> ApiResult<()> {
    let Some(converter) = resource.converter().filter(|_| mixed(resource, old) || mixed(resource, new)) else {
        track_update(Some(old), new, writer, &resource.shape);
        return Ok(());
    };
    let given = new.pointer("/metadata/managedFields").is_some_and(|list| !list.is_null());
    let entries = if given && writer.subresource.is_empty() { list(new) } else { list(old) };
    let (own, others) = parted(resource, converter, entries);
    let (bare_old, bare_new) = (without(old), without(new));
    let mut tracked = with(new, &own);
    track_update(Some(&with(old, &own)), &mut tracked, writer, &resource.shape);
    let mut left = Vec::new();
    for (version, entries) in others {
        left.extend(in_their_version(server, resource, &version, (&bare_old, &bare_new), &entries, writer.reset).await?.0);
    }
    write(new, list(&tracked), left);
    Ok(())
}

/// Applies a configuration to an object of which somebody owns fields in another version.
pub(crate) async fn apply(
    server: &Server,
    resource: &Resource,
    live: &Value,
    applying: &Applying<'_>,
) -> ApiResult<Result<Value, ApplyError>> {
    let converter = resource.converter().ok_or_else(|| ApiError::internal("the kind has no conversion"))?;
    let Applying { config, writer, force } = applying;
    let (mut own, mut others) = parted(resource, converter, list(live));
    // Whoever applies is the same in every version.
    let last = others.values_mut().find_map(|entries| {
        let mine = |entry: &Value| {
            (text(entry, "operation"), text(entry, "manager"), text(entry, "subresource")) == ("Apply", writer.manager, writer.subresource)
        };
        entries.iter().position(mine).map(|index| entries.remove(index))
    });
    let carried = |own: &[Value], force: bool| patch::apply(Some(&with(live, own)), config, *writer, force, &resource.shape);
    let mut conflicts = match carried(&own, *force) {
        Ok(_) => Vec::new(),
        Err(ApplyError::Conflicts(conflicts)) => conflicts.0,
        Err(error) => return Ok(Err(error)),
    };
    let mut result = match carried(&own, true) {
        Ok(result) => result,
        Err(error) => return Ok(Err(error)),
    };
    if let Some(last) = last {
        let dropped = dropped(server, resource, &without(&result), &last, &others).await?;
        let mut last = last;
        last["apiVersion"] = json!(resource.api_version);
        last["fieldsV1"] = dropped.encode();
        own.push(last);
        result = match carried(&own, true) {
            Ok(result) => result,
            Err(error) => return Ok(Err(error)),
        };
    }
    let (bare_old, bare_new) = (without(live), without(&result));
    let mut left = Vec::new();
    for (version, entries) in others.into_iter().filter(|(_, entries)| !entries.is_empty()) {
        let (kept, touched) = in_their_version(server, resource, &version, (&bare_old, &bare_new), &entries, writer.reset).await?;
        if !force {
            conflicts.extend(disputed(&entries, &touched));
        }
        left.extend(kept);
    }
    if !conflicts.is_empty() {
        return Ok(Err(Conflicts::new(conflicts).into()));
    }
    let tracked = list(&result);
    write(&mut result, tracked, left);
    Ok(Ok(result))
}

/// Returns which fields of a result, in its own version, an owner had in another version who applies in this one now. Those
/// that others own in that version are not among them.
async fn dropped(
    server: &Server,
    resource: &Resource,
    result: &Value,
    last: &Value,
    others: &BTreeMap<String, Vec<Value>>,
) -> ApiResult<FieldSet> {
    let version = text(last, "apiVersion");
    let Some(form) = resource.converter().and_then(|converter| converter.forms.get(version)) else { return Ok(FieldSet::default()) };
    let theirs = super::object(server, resource, result, version).await?;
    let mut entries = others.get(version).cloned().unwrap_or_default();
    entries.push(last.clone());
    let empty = json!({});
    let reset = FieldSet::nothing();
    let (manager, subresource) = (text(last, "manager"), text(last, "subresource"));
    let writer = Writer { manager, api_version: version, subresource, now: "", empty: &empty, reset };
    // Nothing is applied, so that everything goes that nobody else owns.
    let config = json!({"apiVersion": version, "kind": result["kind"], "metadata": {"name": result["metadata"]["name"]}});
    let pruned = patch::apply(Some(&with(&theirs, &entries)), &config, writer, true, &form.shape);
    let pruned = without(&pruned.map_err(|error| ApiError::new(500, "", error.to_string()))?);
    let pruned = super::object(server, resource, &pruned, &resource.api_version).await?;
    let mut whole = with(result, &[nobody(&resource.api_version)]);
    let writer = Writer { manager: "\u{1}", api_version: &resource.api_version, subresource: "", now: "", empty: &empty, reset };
    track_update(Some(&with(&pruned, &[nobody(&resource.api_version)])), &mut whole, writer, &resource.shape);
    Ok(managed_entries(&whole).into_iter().find(|entry| entry.manager == "\u{1}").map(|entry| entry.fields).unwrap_or_default())
}

fn disputed(entries: &[Value], touched: &FieldSet) -> Vec<Conflict> {
    let holder = json!({"metadata": {"managedFields": entries}});
    let mut found = Vec::new();
    for entry in managed_entries(&holder) {
        found.extend(entry.fields.intersection(touched).paths().into_iter().map(|path| Conflict::new(&entry, path)));
    }
    found
}
