//! Definitions as the documents show them: with what Go has for fields that are left out, with the values of enums, and with
//! what else can be said of the kinds.

use std::collections::HashMap;
use std::sync::LazyLock;

use serde_json::{Map, Value, json};

use super::enums;
use crate::builtin;
use crate::kinds::KINDS;
use crate::reviews;
use crate::typed::{self, Field, Struct, Type};

pub(super) const WATCH_EVENT: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.WatchEvent";
const RAW: &str = "io.k8s.apimachinery.pkg.runtime.RawExtension";

fn watch_event() -> Value {
    json!({
        "description": "What happened to an object while it was watched.", "type": "object", "required": ["type", "object"],
        "properties": {
            "object": {
                "description": "The object after it was added or modified, before it was deleted; of a bookmark its version alone, of an error a Status.",
                "$ref": format!("{}{RAW}", builtin::REFERENCE),
            },
            "type": {"type": "string", "default": ""},
        },
    })
}

/// Returns the definitions that these ones need, themselves included.
pub(super) fn closure(names: &[String]) -> Map<String, Value> {
    let mut names = names.to_vec();
    let watched = names.iter().any(|name| name == WATCH_EVENT);
    names.extend(watched.then(|| RAW.to_owned()));
    let mut schemas = builtin::closure(&names);
    if watched {
        schemas.insert(WATCH_EVENT.to_owned(), watch_event());
    }
    if names.iter().any(|name| name == super::PATCH) {
        schemas.insert(super::PATCH.to_owned(), json!({"type": "object"}));
    }
    enums::annotate(&mut schemas);
    for (name, definition) in &mut schemas {
        dress(name, definition);
    }
    schemas
}

fn dress(name: &str, definition: &mut Value) {
    let mut parts = name.rsplit('.');
    let (Some(own), Some(version), Some(package)) = (parts.next(), parts.next(), parts.next()) else { return };
    if let Some(form) = typed::by_name(&format!("{package}.{version}.{own}")) {
        defaults(form, definition);
        required(form, definition);
    }
    for property in definition.get_mut("properties").and_then(Value::as_object_mut).into_iter().flat_map(|all| all.values_mut()) {
        in_company(property);
        for inside in ["items", "additionalProperties"] {
            if let Some(inner) = property.get_mut(inside) {
                in_company(inner);
            }
        }
    }
    if let Some((group, version)) = group_version(name, package, version, own) {
        definition["x-kubernetes-group-version-kind"] = json!([{"group": group, "version": version, "kind": own}]);
    }
    for (place, value) in FACTS.get(&(package, version, own)).into_iter().flatten() {
        set(definition, place, value);
    }
}

/// The group and version in which clients know a definition by its name, if they do.
fn group_version<'a>(name: &str, package: &'a str, version: &'a str, own: &str) -> Option<(&'a str, &'a str)> {
    if let Some(kind) = KINDS.iter().find(|kind| kind.kind == own && builtin::definition_name(kind) == name) {
        return Some((kind.group, kind.version));
    }
    match (package, own) {
        ("meta", "APIGroup" | "APIGroupList" | "APIResourceList" | "APIVersions" | "Status") | ("core", "Binding") => Some(("", version)),
        ("authentication", "TokenRequest") => Some(("authentication.k8s.io", version)),
        ("autoscaling", "Scale") | ("policy", "Eviction") => Some((package, version)),
        _ => reviews::KINDS
            .iter()
            .find(|(group, _, kind, _)| *kind == own && group.strip_suffix(".k8s.io") == Some(package))
            .map(|(group, ..)| (*group, version)),
    }
}

/// Places of a type, and what stands there.
type Facts = HashMap<(&'static str, &'static str, &'static str), Vec<(&'static str, Value)>>;

static FACTS: LazyLock<Facts> = LazyLock::new(|| {
    let mut found = Facts::new();
    for line in include_str!("facts.txt").lines().filter(|line| !line.starts_with('#')) {
        let mut words = line.splitn(3, ' ');
        let (Some(name), Some(place), Some(value)) = (words.next(), words.next(), words.next()) else { continue };
        let mut parts = name.splitn(3, '.');
        let (Some(package), Some(version), own) = (parts.next(), parts.next(), parts.next()) else { continue };
        // Types of no version have two words before their name in the library.
        let key = (package, version, own.unwrap_or_default());
        found.entry(key).or_default().push((place, serde_json::from_str(value).unwrap_or_default()));
    }
    found
});

fn set(definition: &mut Value, place: &str, value: &Value) {
    let (outer, name) = place.rsplit_once('/').unwrap_or(("", place));
    let outer = if outer.is_empty() { Some(definition) } else { definition.pointer_mut(&format!("/{outer}")) };
    let Some(Value::Object(map)) = outer else { return };
    if value.is_null() {
        map.remove(name);
    } else {
        map.insert(name.to_owned(), value.clone());
    }
}

/// A reference beside which something else stands is told as one of a list, or nobody would look at the rest.
fn in_company(property: &mut Value) {
    if let Value::Object(map) = property
        && map.len() > 1
        && let Some(reference) = map.remove("$ref")
    {
        map.insert("allOf".to_owned(), json!([{"$ref": reference}]));
    }
}

/// Adds what Go has for a field that is left out.
fn defaults(form: &'static Struct, definition: &mut Value) {
    for field in form.members() {
        let Some(property) = definition.pointer_mut(&format!("/properties/{}", field.name.replace('/', "~1"))) else { continue };
        let Value::Object(map) = property else { continue };
        if let Some(nothing) = nothing(&field.form).filter(|nothing| is_told(field, nothing)) {
            map.entry("default").or_insert(nothing);
        }
        for (inside, inner) in [("items", inside_list(&field.form)), ("additionalProperties", inside_map(&field.form))] {
            if let (Some(nothing), Some(Value::Object(place))) = (inner.and_then(nothing), map.get_mut(inside)) {
                place.entry("default").or_insert(nothing);
            }
        }
    }
}

/// Structs are always something; of the rest what is always written.
fn is_told(field: &Field, nothing: &Value) -> bool {
    nothing.is_object() || !(field.omit_empty || field.omit_zero)
}

fn nothing(form: &Type) -> Option<Value> {
    match form {
        Type::Text => Some(json!("")),
        Type::Flag => Some(json!(false)),
        Type::Whole(_) | Type::Float => Some(json!(0)),
        Type::Struct(_) => Some(json!({})),
        Type::Named(_, inner) => nothing(inner),
        _ => None,
    }
}

fn inside_list(form: &Type) -> Option<&Type> {
    match form.base() {
        Type::List(inner) => Some(inner),
        _ => None,
    }
}

fn inside_map(form: &Type) -> Option<&Type> {
    match form.base() {
        Type::Map(inner) => Some(inner),
        _ => None,
    }
}

/// Puts what has to be there into Go's order. Metadata is never asked for by name.
fn required(form: &'static Struct, definition: &mut Value) {
    let Some(list) = definition.get("required").and_then(Value::as_array) else { return };
    let place = |name: &Value| form.members().iter().position(|field| *name == field.name);
    let mut names: Vec<Value> = list.iter().filter(|name| **name != "metadata").cloned().collect();
    names.sort_by_key(|name| place(name));
    if names.is_empty() {
        if let Value::Object(map) = definition {
            map.remove("required");
        }
    } else {
        definition["required"] = json!(names);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_are_told_of_types_that_are_there() {
        for ((package, version, own), places) in FACTS.iter() {
            let ending = format!(".{package}.{version}.{own}");
            let name = builtin::DEFINITIONS.keys().find(|name| name.ends_with(&ending)).unwrap_or_else(|| panic!("no type {ending}"));
            let shown = closure(std::slice::from_ref(name));
            for (place, value) in places {
                let there = shown[name].pointer(&format!("/{place}")).unwrap_or(&Value::Null);
                assert_eq!(there, value, "{name} {place}");
            }
        }
    }

    #[test]
    fn what_go_has_for_fields_that_are_left_out_is_told() {
        let shown = closure(&["io.k8s.api.apps.v1.Deployment".to_owned()]);
        let at = |name: &str, place: &str| shown[&format!("io.k8s.api.{name}")].pointer(&format!("/properties/{place}")).cloned();
        let template = json!([{"$ref": "#/components/schemas/io.k8s.api.core.v1.PodTemplateSpec"}]);
        assert_eq!(at("apps.v1.DeploymentSpec", "template/allOf"), Some(template));
        assert_eq!(at("apps.v1.DeploymentSpec", "template/default"), Some(json!({})));
        assert_eq!(at("core.v1.Container", "name/default"), Some(json!("")));
        assert_eq!(at("core.v1.Container", "image/default"), None);
        assert_eq!(at("core.v1.Container", "args/items/default"), Some(json!("")));
        assert_eq!(shown["io.k8s.api.apps.v1.Deployment"].get("required"), None);
        assert_eq!(shown["io.k8s.api.apps.v1.DeploymentSpec"]["required"], json!(["selector", "template"]));
    }
}
