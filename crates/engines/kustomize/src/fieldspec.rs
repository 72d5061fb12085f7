//! Walking to the fields that a field spec names. Source: kustomize `api/filters/fieldspec/fieldspec.go`.

use serde_json::{Map, Value};

use crate::config::FieldSpec;
use crate::error::{Result, fail, told};
use crate::id::Gvk;
use crate::value::{in_place_of, is_null, is_text, null_written, seen_at, text, text_at, typed, untyped};

/// What is made where the last field is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Create {
    Nothing,
    Scalar,
    Map,
}

/// Calls a function with every field that the spec names in an object of its kind.
pub(crate) fn apply(object: &mut Value, spec: &FieldSpec, create: Create, set: &mut dyn FnMut(&mut Value) -> Result<()>) -> Result<()> {
    if fits(object, &spec.gvk) { apply_to_any(object, spec, create, set) } else { Ok(()) }
}

/// Calls a function with every field that the spec names, whatever the object's kind.
pub(crate) fn apply_to_any(
    object: &mut Value,
    spec: &FieldSpec,
    create: Create,
    set: &mut dyn FnMut(&mut Value) -> Result<()>,
) -> Result<()> {
    let create = if spec.create { create } else { Create::Nothing };
    // Hardly any path has a backslash, and this is done for every object and every spec.
    let walked = match spec.path.contains('\\') {
        true => walk(object, split(&spec.path, '/').iter().map(String::as_str), create, set),
        false => walk(object, spec.path.strip_prefix('/').unwrap_or(&spec.path).split('/'), create, set),
    };
    walked.map_err(|error| {
        let gvk = Gvk::new(&text_at(object, &["apiVersion"]), &text_at(object, &["kind"]));
        let name = text_at(object, &["metadata", "name"]);
        told(error, &format!("considering field '{}' of object {gvk}/{name}", spec.path))
    })
}

/// Returns those of some specs that are for an object's kind.
pub(crate) fn fitting<'a, T>(object: &Value, specs: &'a [T], gvk: impl Fn(&T) -> &Gvk) -> Vec<&'a T> {
    let (kind, api_version) = (seen_at(object, &["kind"]), seen_at(object, &["apiVersion"]));
    specs.iter().filter(|spec| is_of(&kind, &api_version, gvk(spec))).collect()
}

/// Tells whether an object is of the kinds that a spec is for.
fn fits(object: &Value, wanted: &Gvk) -> bool {
    let anything = wanted.kind.is_empty() && wanted.group.is_empty() && wanted.version.is_empty();
    anything || is_of(&seen_at(object, &["kind"]), &seen_at(object, &["apiVersion"]), wanted)
}

fn is_of(kind: &str, api_version: &str, wanted: &Gvk) -> bool {
    let same = |value: &str, wanted: &str| wanted.is_empty() || value == wanted;
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    same(kind, &wanted.kind) && same(group, &wanted.group) && same(version, &wanted.version)
}

/// Splits a path; a backslash keeps a delimiter.
pub(crate) fn split(path: &str, delimiter: char) -> Vec<String> {
    let mut parts: Vec<&str> = path.split(delimiter).collect();
    if parts.len() > 1 && parts[0].is_empty() {
        parts.remove(0);
    }
    let mut found: Vec<String> = Vec::new();
    for part in parts {
        match found.last_mut().filter(|last| last.ends_with('\\')) {
            Some(last) => {
                last.pop();
                last.push(delimiter);
                last.push_str(part);
            }
            None => found.push(part.to_owned()),
        }
    }
    found
}

fn walk<'a>(
    value: &mut Value,
    path: impl Iterator<Item = &'a str> + Clone,
    create: Create,
    set: &mut dyn FnMut(&mut Value) -> Result<()>,
) -> Result<()> {
    let mut rest = path.clone();
    let Some(first) = rest.next() else { return set(value) };
    if is_null(value) {
        return Ok(());
    }
    match value {
        Value::Array(items) => items.iter_mut().try_for_each(|item| walk(item, path.clone(), create, set)),
        Value::Object(map) => {
            let (name, list) = first.strip_suffix("[]").map_or((first, false), |name| (name, true));
            if name.is_empty() {
                return fail("cannot set or create an empty field name");
            }
            let make = match create {
                Create::Nothing => None,
                _ if list => None,
                Create::Scalar if rest.clone().next().is_none() => Some(null_written("")),
                Create::Scalar | Create::Map => Some(Value::Object(Map::new())),
            };
            if list && map.get(name).is_some_and(is_null) {
                map.insert(name.to_owned(), Value::Array(Vec::new()));
            }
            if let Some(made) = make
                && map.get(name).is_none_or(is_null)
            {
                map.insert(name.to_owned(), made);
            }
            match map.get_mut(name) {
                Some(field) => walk(field, rest, create, set),
                None => Ok(()),
            }
        }
        _ => fail("expected sequence or mapping node"),
    }
}

/// Sets a scalar; a mapping or list in its place is an error.
pub(crate) fn set_scalar(place: &mut Value, new: Value) -> Result<()> {
    if place.is_object() || place.is_array() {
        let kind = if place.is_object() { "MappingNode" } else { "SequenceNode" };
        return fail(format!("wrong node kind: expected ScalarNode but got {kind}: node contents:\n{}", yaml::write(place)));
    }
    // Upstream does not say that it is a text, so that it may become a number.
    let new = if is_text(&new) { untyped(&text(&new)) } else { new };
    *place = in_place_of(place, new);
    Ok(())
}

/// Sets an entry of a mapping.
pub(crate) fn set_entry(place: &mut Value, key: &str, new: Value) -> Result<()> {
    if is_null(place) {
        return Ok(());
    }
    match place.as_object_mut() {
        Some(map) => {
            let new = match map.get(key) {
                Some(old) => in_place_of(old, new),
                None => typed(new),
            };
            map.insert(key.to_owned(), new);
            Ok(())
        }
        None => fail(format!("wrong node kind: expected MappingNode but got ScalarNode: node contents:\n{}", yaml::write(place))),
    }
}
