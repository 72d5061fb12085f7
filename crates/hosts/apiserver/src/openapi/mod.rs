//! OpenAPI v3: one document for each group version, made when somebody asks for it. `kubectl apply` and `kubectl explain`
//! read them.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use crate::builtin::{self, REFERENCE};
use crate::catalog::{Catalog, Resource};
use crate::kinds::KINDS;
use crate::request::Query;
use crate::reviews;

mod enums;
mod gnostic;
mod paths;
mod shown;
mod version2;

const META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta";
const LIST_META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta";
const STATUS: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.Status";
const DELETE_OPTIONS: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions";
const PATCH: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.Patch";
const API_VERSION: &str = "APIVersion defines the versioned schema of this representation of an object. Servers should convert recognized schemas to the latest internal value, and may reject unrecognized values. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#resources";
const KIND: &str = "Kind is a string value representing the REST resource this object represents. Servers may infer this from the endpoint the client submits requests to. Cannot be updated. In CamelCase. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#types-kinds";
const LIST_METADATA: &str =
    "Standard list metadata. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#types-kinds";
/// What OpenAPI documents say which Kubernetes this is.
const RELEASE: &str = "1.36";

/// The documents of a catalog.
pub(crate) struct Documents {
    all: BTreeMap<String, Document>,
}

struct Document {
    about: About,
    hash: String,
    body: OnceLock<Bytes>,
}

enum About {
    /// A place of discovery, which has no kinds.
    Discovery(String),
    /// What a version of a group serves: group, version, kinds.
    Version(String, String, Vec<Arc<Resource>>),
}

impl Documents {
    /// Lists the documents; none is made yet.
    pub fn make(catalog: &Catalog) -> Self {
        let mut all = BTreeMap::new();
        let mut groups: Vec<(&str, Vec<(&str, &[Arc<Resource>])>)> = catalog
            .groups
            .iter()
            .map(|group| (group.name.as_str(), group.versions.iter().map(|(name, kinds)| (name.as_str(), kinds.as_slice())).collect()))
            .collect();
        for (group, ..) in reviews::KINDS {
            if !groups.iter().any(|(name, _)| name == group) {
                groups.push((group, vec![("v1", &[])]));
            }
        }
        let own = |kinds: &[Arc<Resource>]| kinds.iter().all(|kind| kind.custom.is_none());
        // Groups of definitions have a document for each version and no more.
        let places = groups.iter().filter(|(name, versions)| !name.is_empty() && versions.iter().any(|(_, kinds)| own(kinds)));
        let places = places.map(|(name, _)| format!("apis/{name}"));
        for path in ["api", "apis", "version"].map(str::to_owned).into_iter().chain(places) {
            let hash = hex::encode_upper(Sha256::digest(format!("{path} {}", env!("CARGO_PKG_VERSION"))));
            all.insert(path.clone(), Document { about: About::Discovery(path), hash, body: OnceLock::new() });
        }
        for (group, versions) in &groups {
            for (version, resources) in versions {
                let path = if group.is_empty() { format!("api/{version}") } else { format!("apis/{group}/{version}") };
                let mut digest = Sha256::new();
                digest.update(format!("{path} {}", env!("CARGO_PKG_VERSION")));
                digest.update(enums::TABLE);
                for resource in *resources {
                    digest.update(&resource.kind);
                    if let Some(custom) = &resource.custom {
                        digest.update(custom.raw_schema.to_string());
                    }
                }
                let document = Document {
                    about: About::Version((*group).to_owned(), (*version).to_owned(), resources.to_vec()),
                    hash: hex::encode_upper(digest.finalize()),
                    body: OnceLock::new(),
                };
                all.insert(path, document);
            }
        }
        Self { all }
    }

    /// Answers a path below `/openapi/v3`; `None` when nothing is there.
    pub fn answer(&self, path: &str, query: &Query, headers: &HeaderMap) -> Option<Response> {
        const PROTOBUF: &str = "application/com.github.proto-openapi.spec.v3.v1.0+protobuf";
        let path = path.trim_matches('/');
        if path.is_empty() {
            let paths: Map<String, Value> = self
                .all
                .iter()
                .map(|(path, document)| (path.clone(), json!({"serverRelativeURL": format!("/openapi/v3/{path}?hash={}", document.hash)})))
                .collect();
            let headers = [(header::CONTENT_TYPE, "text/plain; charset=utf-8"), (header::CACHE_CONTROL, "no-cache, private")];
            return Some((StatusCode::OK, headers, json!({"paths": paths}).to_string()).into_response());
        }
        let Some(document) = self.all.get(path) else {
            return Some((StatusCode::NOT_FOUND, [(header::CACHE_CONTROL, "no-cache, private")]).into_response());
        };
        let lasting = query.get("hash").is_some_and(|hash| hash == document.hash);
        let control = if lasting { "public, immutable" } else { "no-cache, private" };
        let protobuf = wants_protobuf(headers, "v3");
        let media = if protobuf { PROTOBUF } else { "application/json" };
        Some(tagged(&document.hash, control, media, headers, || {
            if protobuf {
                return Bytes::from(gnostic::encode("3", &document.value()));
            }
            document.body.get_or_init(|| Bytes::from(document.value().to_string())).clone()
        }))
    }

    /// Answers `/openapi/v2`.
    pub fn answer_old(&self, headers: &HeaderMap) -> Response {
        const PROTOBUF: &str = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";
        let mut digest = Sha256::new();
        self.all.values().for_each(|document| digest.update(&document.hash));
        let hash = hex::encode_upper(digest.finalize());
        let protobuf = wants_protobuf(headers, "v2");
        let media = if protobuf { PROTOBUF } else { "application/json" };
        tagged(&hash, "no-cache, private", media, headers, || {
            let documents: Vec<Value> = self.all.values().map(Document::value).collect();
            let joined = version2::join(documents.iter());
            Bytes::from(if protobuf { gnostic::encode("2", &joined) } else { joined.to_string().into_bytes() })
        })
    }
}

impl Document {
    fn value(&self) -> Value {
        match &self.about {
            About::Discovery(path) => bare(path),
            About::Version(group, version, resources) => write(group, version, resources),
        }
    }
}

/// Tells whether a client wants gnostic's protobuf; both ways of writing its name are in use.
fn wants_protobuf(headers: &HeaderMap, version: &str) -> bool {
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let names = ["@", "."].map(|sign| format!("application/com.github.proto-openapi.spec.{version}{sign}v1.0+protobuf"));
    let first = accept
        .split(',')
        .map(|part| part.split(';').next().unwrap_or_default().trim())
        .find(|media| names.iter().any(|name| name == media) || matches!(*media, "application/json" | "application/*" | "*/*"));
    first.is_some_and(|media| names.iter().any(|name| name == media))
}

fn tagged(hash: &str, control: &str, media: &'static str, headers: &HeaderMap, body: impl FnOnce() -> Bytes) -> Response {
    let tag = format!("\"{hash}\"");
    let common = [(header::ETAG, tag.clone()), (header::VARY, "Accept".to_owned()), (header::CACHE_CONTROL, control.to_owned())];
    if headers.get(header::IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == tag.as_bytes()) {
        return (StatusCode::NOT_MODIFIED, common).into_response();
    }
    (StatusCode::OK, common, [(header::CONTENT_TYPE, media)], body()).into_response()
}

/// A document of Kubernetes' own.
fn document(paths: Map<String, Value>, schemas: Map<String, Value>) -> Value {
    let token = json!({"type": "apiKey", "description": "Bearer Token authentication", "name": "authorization", "in": "header"});
    json!({
        "openapi": "3.0.0", "info": {"title": "Kubernetes", "version": RELEASE}, "paths": paths,
        "components": {"schemas": schemas, "securitySchemes": {"BearerToken": token}},
    })
}

/// A place of discovery: it can be read, and that is all.
fn bare(path: &str) -> Value {
    let paths: Map<String, Value> = [(format!("/{path}/"), paths::told_of_group(path))].into_iter().collect();
    let schemas = shown::closure(&referred(&paths));
    document(paths, schemas)
}

/// The definitions to which paths refer.
fn referred(paths: &Map<String, Value>) -> Vec<String> {
    let mut found = Vec::new();
    paths.values().for_each(|item| builtin::references(item, &mut found));
    found
}

/// Refers to a definition.
fn reference(name: &str) -> Value {
    json!({"$ref": format!("{REFERENCE}{name}")})
}

fn write(group: &str, version: &str, resources: &[Arc<Resource>]) -> Value {
    let mut paths = Map::new();
    let mut own: Vec<(String, Value)> = Vec::new();
    let mut customs = false;
    for resource in resources {
        let name = name(resource);
        let list = format!("{name}List");
        if resource.custom.is_some() {
            customs = true;
            own.push((name.clone(), custom(resource)));
        }
        let deleted = if crate::delete::is_answered(resource) { name.as_str() } else { STATUS };
        paths::add(resource, &name, &list, deleted, &mut paths);
        own.push((list, listing(resource, &name)));
    }
    for (_, plural, kind, namespaced) in reviews::KINDS.iter().filter(|(of, ..)| *of == group) {
        let package = group.strip_suffix(".k8s.io").unwrap_or(group);
        paths::add_question([group, version, kind], plural, *namespaced, &format!("io.k8s.api.{package}.v1.{kind}"), &mut paths);
    }
    if group.is_empty() {
        paths::add_question(["", "v1", "Binding"], "bindings", true, "io.k8s.api.core.v1.Binding", &mut paths);
    }
    if !customs {
        paths::add_resources(group, version, &mut paths);
    }
    let mut names = referred(&paths);
    own.iter().for_each(|(_, definition)| builtin::references(definition, &mut names));
    let mut schemas = shown::closure(&names);
    schemas.extend(own);
    for name in [DELETE_OPTIONS, shown::WATCH_EVENT] {
        if let Some(schema) = schemas.get_mut(name).filter(|_| !customs) {
            let kind = name.rsplit('.').next().unwrap_or_default();
            let mut spoken = vec![json!({"group": "", "version": "v1", "kind": kind})];
            spoken.extend((!group.is_empty()).then(|| json!({"group": group, "version": version, "kind": kind})));
            schema["x-kubernetes-group-version-kind"] = json!(spoken);
        }
    }
    if customs {
        return json!({
            "openapi": "3.0.0", "info": {"title": "Kubernetes CRD Swagger", "version": "v0.1.0"},
            "paths": paths, "components": {"schemas": schemas},
        });
    }
    document(paths, schemas)
}

/// The definition of a kind's list.
fn listing(resource: &Resource, item: &str) -> Value {
    let whole = |name: &str, own: bool| {
        // Go's lists hold structs, of which each is something also when nothing is said of it.
        if own { json!({"allOf": [reference(name)], "default": {}}) } else { json!({"allOf": [reference(name)]}) }
    };
    let own = resource.custom.is_none();
    let mut metadata = whole(LIST_META, own);
    metadata["description"] = json!(LIST_METADATA);
    let items = if own { whole(item, own) } else { reference(item) };
    json!({
        "description": format!("{} is a list of {}", resource.list_kind, resource.kind),
        "type": "object", "required": ["items"],
        "properties": {
            "apiVersion": about(API_VERSION), "kind": about(KIND),
            "items": {"type": "array", "items": items, "description": format!("List of {}.", resource.plural)},
            "metadata": metadata,
        },
        "x-kubernetes-group-version-kind": [{"group": resource.group, "version": resource.version, "kind": resource.list_kind}],
    })
}

/// Says in OpenAPI's own words what may be a number or a text.
fn either(schema: &mut Value) {
    let Value::Object(map) = schema else { return };
    if map.get("x-kubernetes-int-or-string") == Some(&json!(true)) {
        map.entry("anyOf").or_insert_with(|| json!([{"type": "integer"}, {"type": "string"}]));
    }
    for (name, inner) in map {
        match (name.as_str(), inner) {
            ("properties", Value::Object(properties)) => properties.values_mut().for_each(either),
            ("items" | "additionalProperties", inner) => either(inner),
            _ => {}
        }
    }
}

fn about(text: &str) -> Value {
    json!({"type": "string", "description": text})
}

/// Returns the name of a kind's definition.
fn name(resource: &Resource) -> String {
    if resource.custom.is_none() {
        let builtin =
            KINDS.iter().find(|one| one.group == resource.group && one.version == resource.version && one.plural == resource.plural);
        return builtin.map(builtin::definition_name).unwrap_or_default();
    }
    let group: Vec<&str> = resource.group.split('.').rev().collect();
    format!("{}.{}.{}", group.join("."), resource.version, resource.kind)
}

fn custom(resource: &Resource) -> Value {
    let mut schema = resource.custom.as_ref().map(|custom| custom.raw_schema.clone()).unwrap_or_default();
    either(&mut schema);
    if !schema.get("properties").is_some_and(Value::is_object) {
        schema["properties"] = json!({});
    }
    let properties = &mut schema["properties"];
    properties["apiVersion"] = about(API_VERSION);
    properties["kind"] = about(KIND);
    properties["metadata"] = json!({
        "allOf": [reference(META)],
        "description": "Standard object's metadata. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#metadata",
    });
    schema["x-kubernetes-group-version-kind"] = json!([{"group": resource.group, "version": resource.version, "kind": resource.kind}]);
    schema
}
