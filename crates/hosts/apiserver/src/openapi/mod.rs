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

mod enums;
mod gnostic;
mod paths;
mod version2;

const META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta";
const LIST_META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta";
const STATUS: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.Status";
const DELETE_OPTIONS: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions";
const PATCH: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.Patch";
/// Definitions that paths refer to besides the kinds.
const SHARED: &[&str] = &[
    META,
    LIST_META,
    STATUS,
    DELETE_OPTIONS,
    "io.k8s.api.autoscaling.v1.Scale",
    "io.k8s.api.authentication.v1.TokenRequest",
    "io.k8s.api.policy.v1.Eviction",
    "io.k8s.api.core.v1.Binding",
];

/// The documents of a catalog.
pub(crate) struct Documents {
    all: BTreeMap<String, Document>,
}

struct Document {
    /// A place of discovery, which has no kinds.
    path: Option<String>,
    resources: Vec<Arc<Resource>>,
    hash: String,
    body: OnceLock<Bytes>,
}

impl Documents {
    /// Lists the documents; none is made yet.
    pub fn make(catalog: &Catalog) -> Self {
        let mut all = BTreeMap::new();
        let places = catalog.groups.iter().filter(|group| !group.name.is_empty()).map(|group| format!("apis/{}", group.name));
        for path in ["api", "apis", "version"].map(str::to_owned).into_iter().chain(places) {
            let hash = hex::encode_upper(Sha256::digest(format!("{path} {}", env!("CARGO_PKG_VERSION"))));
            all.insert(path.clone(), Document { path: Some(path), resources: Vec::new(), hash, body: OnceLock::new() });
        }
        for group in &catalog.groups {
            for (version, resources) in &group.versions {
                let path = if group.name.is_empty() { format!("api/{version}") } else { format!("apis/{}/{version}", group.name) };
                let mut digest = Sha256::new();
                digest.update(format!("{path} {}", env!("CARGO_PKG_VERSION")));
                digest.update(enums::TABLE);
                for resource in resources {
                    digest.update(&resource.kind);
                    if let Some(custom) = &resource.custom {
                        digest.update(custom.raw_schema.to_string());
                    }
                }
                let document = Document {
                    path: None,
                    resources: resources.clone(),
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
        match &self.path {
            Some(path) => bare(path),
            None => write(&self.resources),
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

/// A place of discovery: it can be read, and that is all.
fn bare(path: &str) -> Value {
    let answer = json!({"description": "OK", "content": {"application/json": {"schema": {"type": "object"}}}});
    json!({
        "openapi": "3.0.0", "info": {"title": "Kubernetes", "version": crate::paths::VERSION},
        "paths": {format!("/{path}/"): {"get": {"responses": {"200": answer, "401": {"description": "Unauthorized"}}}}},
        "components": {"schemas": {}},
    })
}

/// Refers to a definition.
fn reference(name: &str) -> Value {
    json!({"$ref": format!("{REFERENCE}{name}")})
}

fn write(resources: &[Arc<Resource>]) -> Value {
    let mut paths = Map::new();
    let mut names: Vec<String> = Vec::new();
    let mut own: Vec<(String, Value)> = vec![(PATCH.to_owned(), json!({"type": "object"}))];
    for resource in resources {
        let name = name(resource);
        let list = format!("{name}List");
        if resource.custom.is_some() {
            own.push((name.clone(), custom(resource)));
        } else {
            names.push(name.clone());
        }
        own.push((list.clone(), listing(resource, &name)));
        paths::add(resource, &name, &list, &mut paths);
    }
    names.extend(SHARED.iter().filter(|shared| paths_refer(&paths, shared)).map(|name| (*name).to_owned()));
    names.extend([META, LIST_META].map(str::to_owned));
    let mut schemas = builtin::closure(&names);
    enums::annotate(&mut schemas);
    schemas.extend(own);
    for resource in resources {
        if let Some(schema) = schemas.get_mut(&name(resource)) {
            schema["x-kubernetes-group-version-kind"] =
                json!([{"group": resource.group, "version": resource.version, "kind": resource.kind}]);
        }
    }
    json!({
        "openapi": "3.0.0", "info": {"title": "Kubernetes", "version": crate::paths::VERSION},
        "paths": paths, "components": {"schemas": schemas},
    })
}

fn paths_refer(paths: &Map<String, Value>, name: &str) -> bool {
    let wanted = format!("{REFERENCE}{name}");
    fn within(value: &Value, wanted: &str) -> bool {
        match value {
            Value::Object(map) => {
                map.get("$ref").and_then(Value::as_str) == Some(wanted) || map.values().any(|inner| within(inner, wanted))
            }
            Value::Array(list) => list.iter().any(|inner| within(inner, wanted)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
        }
    }
    paths.values().any(|item| within(item, &wanted))
}

/// The definition of a kind's list.
fn listing(resource: &Resource, item: &str) -> Value {
    json!({
        "type": "object", "required": ["items"],
        "properties": {
            "apiVersion": {"type": "string"}, "kind": {"type": "string"},
            "items": {"type": "array", "items": reference(item)}, "metadata": reference(LIST_META),
        },
        "x-kubernetes-group-version-kind": [{"group": resource.group, "version": resource.version, "kind": resource.list_kind}],
    })
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
    if !schema.get("properties").is_some_and(Value::is_object) {
        schema["properties"] = json!({});
    }
    let about = |text: &str| json!({"type": "string", "description": text});
    let properties = &mut schema["properties"];
    properties["apiVersion"] = about(
        "APIVersion defines the versioned schema of this representation of an object. Servers should convert recognized schemas to the latest internal value, and may reject unrecognized values. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#resources",
    );
    properties["kind"] = about(
        "Kind is a string value representing the REST resource this object represents. Servers may infer this from the endpoint the client submits requests to. Cannot be updated. In CamelCase. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#types-kinds",
    );
    properties["metadata"] = json!({
        "allOf": [{"$ref": format!("{REFERENCE}{META}")}],
        "description": "Standard object's metadata. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#metadata",
    });
    schema
}
