//! The schemas of Kubernetes' own kinds: generated from their types, with the keywords about merging added.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, LazyLock};

use schema::Schema;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use crate::catalog::{Resource, Subresources};
use crate::kinds::{Builtin, KINDS};

/// Where definitions refer to each other.
pub(crate) const REFERENCE: &str = "#/components/schemas/";
/// Definitions that hold anything, some of them by holding themselves.
const ANYTHING: &[&str] = &[
    "JSONSchemaProps",
    "JSON",
    "JSONSchemaPropsOrBool",
    "JSONSchemaPropsOrArray",
    "JSONSchemaPropsOrStringArray",
    "RawExtension",
    "FieldsV1",
];

/// The definitions, by name, as OpenAPI v3 shows them.
pub(crate) static DEFINITIONS: LazyLock<BTreeMap<String, Value>> = LazyLock::new(|| {
    let mut generator = SchemaSettings::openapi3().into_generator();
    for builtin in KINDS {
        (builtin.define)(&mut generator);
    }
    crate::kinds::define_shared(&mut generator);
    let mut definitions = BTreeMap::new();
    for (name, definition) in generator.take_definitions(false) {
        let mut definition = definition;
        patch::builtin::annotate(&name, &mut definition);
        if name.ends_with(".ContainerPort") || name.ends_with(".ServicePort") {
            definition["properties"]["protocol"]["default"] = json!("TCP");
        }
        if name.ends_with(".v1.JSON") {
            definition = json!({"x-kubernetes-preserve-unknown-fields": true});
        }
        mark(&name, &mut definition);
        definitions.insert(name, definition);
    }
    definitions
});

/// Says of lists and maps that they merge as a whole where their Go types do.
fn mark(name: &str, definition: &mut Value) {
    let mut parts = name.rsplit('.');
    let (Some(own), Some(version), Some(package)) = (parts.next(), parts.next(), parts.next()) else { return };
    let Some(form) = crate::typed::by_name(&format!("{package}.{version}.{own}")) else { return };
    let keep = |place: &mut Value, keyword: &str| {
        if let Value::Object(map) = place {
            map.entry(keyword).or_insert_with(|| json!("atomic"));
        }
    };
    if form.atomic {
        keep(definition, "x-kubernetes-map-type");
    }
    for field in form.members() {
        let Some(property) = definition.pointer_mut(&format!("/properties/{}", field.name.replace('/', "~1"))) else { continue };
        if field.atomic_list {
            keep(property, "x-kubernetes-list-type");
        }
        if field.atomic_map {
            keep(property, "x-kubernetes-map-type");
        }
    }
}

/// The kinds, compiled.
pub(crate) static RESOURCES: LazyLock<Vec<Arc<Resource>>> = LazyLock::new(|| {
    let compiled = RefCell::new(HashMap::new());
    KINDS.iter().map(|builtin| Arc::new(resource(builtin, &compiled))).collect()
});

/// Notes who sends a new object of Kubernetes' own, as it is sent.
pub(crate) fn sent_by(manager: &str, object: &mut Value, now: &str) {
    let is = |resource: &Resource| object["kind"] == resource.kind && object["apiVersion"] == resource.api_version;
    let Some(resource) = RESOURCES.iter().find(|resource| is(resource)) else { return };
    patch::track_update(None, object, resource.writer(manager, "", now), &resource.shape);
}

/// What `scale` speaks of.
pub(crate) static SCALE: LazyLock<Resource> = LazyLock::new(|| resource(&crate::kinds::SCALE, &RefCell::new(HashMap::new())));

fn resource(builtin: &Builtin, compiled: &RefCell<HashMap<String, Arc<Schema>>>) -> Resource {
    let schema = definition(&definition_name(builtin), compiled);
    let subresources = Subresources {
        status: builtin.subresources.contains(&"status"),
        scale: builtin.subresources.contains(&"scale").then(crate::catalog::Scale::builtin),
        others: builtin.subresources.iter().filter(|name| !matches!(**name, "status" | "scale")).map(|name| (*name).to_owned()).collect(),
    };
    Resource::builtin(builtin, schema, subresources)
}

/// Returns the name of a kind's definition.
pub(crate) fn definition_name(builtin: &Builtin) -> String {
    let package = match builtin.group {
        "apiextensions.k8s.io" => {
            return format!("io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.{}.{}", builtin.version, builtin.kind);
        }
        "apiregistration.k8s.io" => {
            return format!("io.k8s.kube-aggregator.pkg.apis.apiregistration.{}.{}", builtin.version, builtin.kind);
        }
        "flowcontrol.apiserver.k8s.io" => "flowcontrol",
        "" => "core",
        "rbac.authorization.k8s.io" => "rbac",
        group => group.strip_suffix(".k8s.io").unwrap_or(group),
    };
    format!("io.k8s.api.{package}.{}.{}", builtin.version, builtin.kind)
}

fn definition(name: &str, compiled: &RefCell<HashMap<String, Arc<Schema>>>) -> Arc<Schema> {
    if let Some(known) = compiled.borrow().get(name) {
        return known.clone();
    }
    let last = name.rsplit('.').next().unwrap_or(name);
    let schema = match DEFINITIONS.get(name) {
        // An extension belongs to one owner as a whole.
        _ if last == "RawExtension" => {
            let mut schema = Schema::anything();
            schema.atomic = true;
            schema
        }
        _ if ANYTHING.contains(&last) => Schema::anything(),
        Some(value) => {
            let follow = |reference: &str| Some(definition(reference.strip_prefix(REFERENCE)?, compiled));
            let mut schema = Schema::compile_with(value, name, &follow).unwrap_or_else(|error| {
                // A definition that this crate cannot read would be a fault of the table, found by its test.
                tracing::error!(%error, "a built-in definition does not compile");
                Schema::anything()
            });
            if schema.kind == Some(schema::Type::Object) && schema.properties.is_empty() && schema.additional.is_none() {
                schema.preserve_unknown = true;
            }
            if last == "Quantity" {
                schema.format = Some(crate::quantity::FORMAT.to_owned());
            }
            if last == "PersistentVolumeSpec"
                && let Some(claim) = schema.properties.get_mut("claimRef")
            {
                // `+structType=granular`: of this reference each field has an owner of its own.
                Arc::make_mut(claim).atomic = false;
            }
            zero(&mut schema);
            // Metadata is always there; what else is required is checked kind by kind.
            schema.required.retain(|field| field != "metadata");
            schema
        }
        None => Schema::anything(),
    };
    let schema = Arc::new(schema);
    compiled.borrow_mut().insert(name.to_owned(), schema.clone());
    schema
}

/// Gives required texts and numbers the value that Go has for those that are left out: an item of a keyed list is known by it.
fn zero(schema: &mut Schema) {
    let required = schema.required.clone();
    for name in &required {
        let Some(field) = schema.properties.get_mut(name).filter(|field| field.default.is_none()) else { continue };
        let nothing = match field.kind {
            Some(schema::Type::String) => json!(""),
            Some(schema::Type::Integer) => json!(0),
            _ => continue,
        };
        Arc::make_mut(field).default = Some(nothing);
    }
}

/// Returns the definitions that these ones need, themselves included.
pub(crate) fn closure(names: &[String]) -> Map<String, Value> {
    let mut found = Map::new();
    let mut open: Vec<String> = names.to_vec();
    while let Some(name) = open.pop() {
        if found.contains_key(&name) {
            continue;
        }
        let Some(definition) = DEFINITIONS.get(&name) else { continue };
        references(definition, &mut open);
        found.insert(name, definition.clone());
    }
    found
}

/// Finds the definitions to which a value refers.
pub(crate) fn references(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            if let Some(name) = map.get("$ref").and_then(Value::as_str).and_then(|reference| reference.strip_prefix(REFERENCE)) {
                found.push(name.to_owned());
            }
            map.values().for_each(|inner| references(inner, found));
        }
        Value::Array(list) => list.iter().for_each(|inner| references(inner, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
