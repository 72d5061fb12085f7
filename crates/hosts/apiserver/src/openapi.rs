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

const META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta";

/// The documents of a catalog.
pub(crate) struct Documents {
    all: BTreeMap<String, Document>,
}

struct Document {
    resources: Vec<Arc<Resource>>,
    hash: String,
    body: OnceLock<Bytes>,
}

impl Documents {
    /// Lists the documents; none is made yet.
    pub fn make(catalog: &Catalog) -> Self {
        let mut all = BTreeMap::new();
        for group in &catalog.groups {
            for (version, resources) in &group.versions {
                let path = if group.name.is_empty() { format!("api/{version}") } else { format!("apis/{}/{version}", group.name) };
                let mut digest = Sha256::new();
                digest.update(format!("{path} {}", env!("CARGO_PKG_VERSION")));
                for resource in resources {
                    digest.update(&resource.kind);
                    if let Some(custom) = &resource.custom {
                        digest.update(custom.raw_schema.to_string());
                    }
                }
                let document = Document { resources: resources.clone(), hash: hex::encode_upper(digest.finalize()), body: OnceLock::new() };
                all.insert(path, document);
            }
        }
        Self { all }
    }

    /// Answers a path below `/openapi/v3`; `None` when nothing is there.
    pub fn answer(&self, path: &str, query: &Query, headers: &HeaderMap) -> Option<Response> {
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
        let document = self.all.get(path)?;
        let tag = format!("\"{}\"", document.hash);
        let lasting = query.get("hash").is_some_and(|hash| hash == document.hash);
        let common = [
            (header::ETAG, tag.clone()),
            (header::VARY, "Accept".to_owned()),
            (header::CACHE_CONTROL, if lasting { "public, immutable".to_owned() } else { "no-cache, private".to_owned() }),
        ];
        if headers.get(header::IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == tag.as_bytes()) {
            return Some((StatusCode::NOT_MODIFIED, common).into_response());
        }
        let body = document.body.get_or_init(|| Bytes::from(write(&document.resources).to_string()));
        Some((StatusCode::OK, common, [(header::CONTENT_TYPE, "application/json")], body.clone()).into_response())
    }
}

fn write(resources: &[Arc<Resource>]) -> Value {
    let mut paths = Map::new();
    let mut names = vec![META.to_owned()];
    let mut own: Vec<(String, Value)> = Vec::new();
    for resource in resources {
        let name = name(resource);
        if resource.custom.is_some() {
            own.push((name.clone(), custom(resource)));
        } else {
            names.push(name.clone());
        }
        add_paths(resource, &name, &mut paths);
    }
    let mut schemas = builtin::closure(&names);
    schemas.extend(own);
    for resource in resources {
        if let Some(schema) = schemas.get_mut(&name(resource)) {
            schema["x-kubernetes-group-version-kind"] =
                json!([{"group": resource.group, "version": resource.version, "kind": resource.kind}]);
        }
    }
    json!({
        "openapi": "3.0.0", "info": {"title": "Kubernetes", "version": crate::routes::VERSION},
        "paths": paths, "components": {"schemas": schemas},
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

fn parameter(name: &str, kind: &str) -> Value {
    json!({"name": name, "in": "query", "schema": {"type": kind, "uniqueItems": true}})
}

fn add_paths(resource: &Resource, schema: &str, paths: &mut Map<String, Value>) {
    let root = if resource.group.is_empty() {
        format!("/api/{}", resource.version)
    } else {
        format!("/apis/{}/{}", resource.group, resource.version)
    };
    let place = if resource.namespaced {
        format!("{root}/namespaces/{{namespace}}/{}", resource.plural)
    } else {
        format!("{root}/{}", resource.plural)
    };
    let kind = json!({"group": resource.group, "version": resource.version, "kind": resource.kind});
    let reference = json!({"$ref": format!("{REFERENCE}{schema}")});
    let content = |media: &[&str], schema: &Value| -> Value {
        media.iter().map(|media| ((*media).to_owned(), json!({"schema": schema}))).collect::<Map<String, Value>>().into()
    };
    let operation = |action: &str, parameters: &[(&str, &str)], body: Option<Value>| {
        let mut operation = json!({
            "tags": [format!("{}_{}", resource.group, resource.version)], "operationId": format!("{action}{}{}", resource.version, resource.kind),
            "responses": {"200": {"description": "OK", "content": content(&["application/json"], &reference)}, "401": {"description": "Unauthorized"}},
            "x-kubernetes-action": action, "x-kubernetes-group-version-kind": kind,
        });
        if !parameters.is_empty() {
            operation["parameters"] = parameters.iter().map(|(name, kind)| parameter(name, kind)).collect();
        }
        if let Some(body) = body {
            operation["requestBody"] = json!({"content": body, "required": true});
        }
        operation
    };
    let writes = [("dryRun", "string"), ("fieldManager", "string"), ("fieldValidation", "string")];
    let forced = [writes.as_slice(), &[("force", "boolean")]].concat();
    let lists = [
        ("allowWatchBookmarks", "boolean"),
        ("continue", "string"),
        ("fieldSelector", "string"),
        ("labelSelector", "string"),
        ("limit", "integer"),
        ("resourceVersion", "string"),
        ("resourceVersionMatch", "string"),
        ("sendInitialEvents", "boolean"),
        ("timeoutSeconds", "integer"),
        ("watch", "boolean"),
    ];
    let deletes =
        [("dryRun", "string"), ("gracePeriodSeconds", "integer"), ("orphanDependents", "boolean"), ("propagationPolicy", "string")];
    let plain = content(&["application/json", "application/yaml"], &reference);
    let mut media = vec!["application/apply-patch+yaml", "application/json-patch+json", "application/merge-patch+json"];
    if resource.custom.is_none() {
        media.push("application/strategic-merge-patch+json");
    }
    let patches = content(&media, &json!({"type": "object"}));
    let mut around = Vec::new();
    if resource.namespaced {
        around.push(json!({"name": "namespace", "in": "path", "required": true, "schema": {"type": "string", "uniqueItems": true}}));
    }
    let mut collection = json!({"get": operation("list", &lists, None), "post": operation("post", &writes, Some(plain.clone()))});
    if resource.serves("deletecollection") {
        collection["delete"] = operation("deletecollection", &deletes, None);
    }
    if !around.is_empty() {
        collection["parameters"] = json!(around);
    }
    paths.insert(place.clone(), collection);
    around.push(json!({"name": "name", "in": "path", "required": true, "schema": {"type": "string", "uniqueItems": true}}));
    let item = json!({
        "parameters": around,
        "get": operation("get", &[], None), "put": operation("put", &writes, Some(plain.clone())),
        "patch": operation("patch", &forced, Some(patches.clone())), "delete": operation("delete", &deletes, None),
    });
    paths.insert(format!("{place}/{{name}}"), item);
    if resource.subresources.status {
        let status = json!({
            "parameters": around, "get": operation("get", &[], None), "put": operation("put", &writes, Some(plain)),
            "patch": operation("patch", &forced, Some(patches)),
        });
        paths.insert(format!("{place}/{{name}}/status"), status);
    }
    if resource.namespaced {
        paths.insert(format!("{root}/{}", resource.plural), json!({"get": operation("list", &lists, None)}));
    }
}
