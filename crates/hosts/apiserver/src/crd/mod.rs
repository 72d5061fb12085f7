//! CustomResourceDefinitions: checked, completed, and turned into kinds that are served.

mod check;
mod inner;
mod shared;
mod status;

pub(crate) use check::{check, check_names};
pub(crate) use shared::resources;
pub(crate) use status::{begin, settle, store};

use std::collections::BTreeMap;
use std::sync::Arc;

use patch::Shape;
use schema::Schema;
use serde_json::{Value, json};

use crate::catalog::{Custom, Resource, Scale, Subresources, head};
use crate::converter::{Converter, Form};
use crate::kinds::Generation;
use crate::object::at;

/// The finalizer that keeps a definition until its objects are gone.
pub(crate) const CLEANUP: &str = "customresourcecleanup.apiextensions.k8s.io";

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn versions(definition: &Value) -> Vec<&Value> {
    definition.pointer("/spec/versions").and_then(Value::as_array).map(|list| list.iter().collect()).unwrap_or_default()
}

/// Fills in what a definition may leave out.
pub(crate) fn default(definition: &mut Value) {
    let kind = definition.pointer("/spec/names/kind").and_then(Value::as_str).unwrap_or_default().to_owned();
    if let Some(Value::Object(names)) = definition.pointer_mut("/spec/names") {
        names.entry("singular").or_insert_with(|| json!(kind.to_lowercase()));
        if !kind.is_empty() {
            names.entry("listKind").or_insert_with(|| json!(format!("{kind}List")));
        }
    }
    if let Some(Value::Object(spec)) = definition.pointer_mut("/spec") {
        spec.entry("conversion").or_insert_with(|| json!({"strategy": "None"}));
    }
    if let Some(Value::Object(service)) = definition.pointer_mut("/spec/conversion/webhook/clientConfig/service") {
        service.entry("port").or_insert_with(|| json!(443));
    }
}

fn established(definition: &Value) -> bool {
    definition
        .pointer("/status/conditions")
        .and_then(Value::as_array)
        .is_some_and(|list| list.iter().any(|one| text(one, "type") == "Established" && text(one, "status") == "True"))
}

/// Compiles the kinds that a definition serves; none before its names are accepted.
fn compile(definition: &Value) -> Result<Vec<Arc<Resource>>, String> {
    if !established(definition) {
        return Ok(Vec::new());
    }
    let converter = converter(definition)?.map(Arc::new);
    let served = versions(definition).into_iter().filter(|version| version.get("served") == Some(&json!(true)));
    served.map(|version| resource(definition, version, converter.as_ref()).map(Arc::new)).collect()
}

/// Returns the webhook of a definition, with all its versions: objects may lie in one that is not served.
fn converter(definition: &Value) -> Result<Option<Converter>, String> {
    let Some(conversion) = at(definition, &["spec", "conversion"]).filter(|conversion| text(conversion, "strategy") == "Webhook") else {
        return Ok(None);
    };
    let mut forms = BTreeMap::new();
    for version in versions(definition) {
        let raw = at(version, &["schema", "openAPIV3Schema"]).ok_or("schemas are required")?;
        let mut schema = Schema::compile(raw, "openAPIV3Schema").map_err(|error| error.to_string())?;
        schema.properties.remove("metadata");
        let shape = Arc::new(Shape::resource(&schema));
        let name = format!("{}/{}", text(&definition["spec"], "group"), text(version, "name"));
        forms.insert(name, Form { schema: Arc::new(schema), shape });
    }
    let kind = at(definition, &["status", "acceptedNames", "kind"]).and_then(Value::as_str).unwrap_or_default();
    Ok(Converter::read(conversion, kind, forms))
}

fn resource(definition: &Value, version: &Value, converter: Option<&Arc<Converter>>) -> Result<Resource, String> {
    let spec = definition.get("spec").cloned().unwrap_or_default();
    // What was accepted is served, even when another name is asked for since.
    let names = at(definition, &["status", "acceptedNames"]).cloned().unwrap_or_default();
    let raw_schema = at(version, &["schema", "openAPIV3Schema"]).ok_or("schemas are required")?;
    let mut schema = Schema::compile(raw_schema, "openAPIV3Schema").map_err(|error| error.to_string())?;
    // Metadata is ObjectMeta whatever the schema says of it, but for the bounds on its name.
    let metadata = schema.properties.remove("metadata");
    let (group, name) = (text(&spec, "group").to_owned(), text(version, "name").to_owned());
    let texts = |value: Option<&Value>| -> Vec<String> {
        value.and_then(Value::as_array).into_iter().flatten().filter_map(|one| one.as_str().map(str::to_owned)).collect()
    };
    let status = at(version, &["subresources", "status"]).is_some();
    let api_version = format!("{group}/{name}");
    let storage = versions(definition).into_iter().find(|version| version.get("storage") == Some(&json!(true)));
    let deprecated = version.get("deprecated") == Some(&json!(true));
    let kind = text(&names, "kind").to_owned();
    let deprecation = deprecated.then(|| match version.get("deprecationWarning").and_then(Value::as_str) {
        Some(warning) => warning.to_owned(),
        None => format!("{api_version} {kind} is deprecated"),
    });
    Ok(Resource {
        form: None,
        plural: text(&names, "plural").to_owned(),
        singular: text(&names, "singular").to_owned(),
        list_kind: text(&names, "listKind").to_owned(),
        short_names: texts(names.get("shortNames")),
        categories: texts(names.get("categories")),
        namespaced: text(&spec, "scope") == "Namespaced",
        subresources: Subresources { status, scale: scale(version), others: Vec::new() },
        generation: if status { Generation::Spec } else { Generation::Everything },
        resets: crate::resets::Resets::custom(status),
        shape: Arc::new(Shape::resource(&schema)),
        schema: Arc::new(schema),
        custom: Some(Custom {
            definition: format!("{}.{group}", text(&names, "plural")),
            storage: storage.map(|version| text(version, "name").to_owned()).unwrap_or_default(),
            columns: version.get("additionalPrinterColumns").and_then(Value::as_array).cloned().unwrap_or_default(),
            selectable: version
                .get("selectableFields")
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
                .map(|field| text(field, "jsonPath").trim_start_matches('.').to_owned())
                .collect(),
            raw_schema: raw_schema.clone(),
            terminating: !crate::object::meta(definition, "deletionTimestamp").is_empty(),
            deprecation,
            metadata,
            converter: converter.cloned(),
        }),
        head: head(&api_version, &kind),
        empty: json!({}),
        kind,
        api_version,
        group,
        version: name,
    })
}

fn scale(version: &Value) -> Option<Scale> {
    let scale = at(version, &["subresources", "scale"])?;
    let path = |name: &str| {
        let words: Vec<String> = text(scale, name).strip_prefix('.')?.split('.').map(str::to_owned).collect();
        words.iter().all(|word| !word.is_empty()).then_some(words)
    };
    Some(Scale { replicas: path("specReplicasPath")?, status: path("statusReplicasPath")?, selector: path("labelSelectorPath") })
}

/// Returns what a client is told about a definition that is served as it is: formats that nobody checks.
pub(crate) fn warnings(definition: &Value) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for version in versions(definition) {
        let Some(raw) = at(version, &["schema", "openAPIV3Schema"]) else { continue };
        for format in schema::unrecognized_formats(raw) {
            let warning = format!("unrecognized format \"{format}\"");
            if !found.contains(&warning) {
                found.push(warning);
            }
        }
    }
    found
}

/// Orders versions as Kubernetes does: `v10`, `v2`, `v1`, `v2beta1`, `v1alpha1`, then all others backwards by name.
pub(crate) fn version_rank(version: &str) -> (u8, u64, u64, std::cmp::Reverse<String>) {
    let parsed = || -> Option<(u8, u64, u64)> {
        let rest = version.strip_prefix('v')?;
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let major = rest[..digits].parse().ok()?;
        let rest = &rest[digits..];
        if rest.is_empty() {
            return Some((3, major, 0));
        }
        let (level, minor) = match rest.strip_prefix("beta") {
            Some(minor) => (2, minor),
            None => (1, rest.strip_prefix("alpha")?),
        };
        Some((level, major, minor.parse().ok()?))
    };
    let (level, major, minor) = parsed().unwrap_or((0, 0, 0));
    (level, major, minor, std::cmp::Reverse(version.to_owned()))
}
