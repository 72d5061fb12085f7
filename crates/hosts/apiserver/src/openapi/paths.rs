//! The operations of a document: what a client may do at which path, with which parameters and bodies.

use serde_json::{Map, Value, json};

use super::{STATUS, reference};
use crate::catalog::Resource;
use crate::discovery;

const DRY_RUN: (&str, &str) = ("dryRun", "string");
const WRITES: &[(&str, &str)] = &[DRY_RUN, ("fieldManager", "string"), ("fieldValidation", "string")];
const PATCHES: &[(&str, &str)] = &[DRY_RUN, ("fieldManager", "string"), ("fieldValidation", "string"), ("force", "boolean")];
const DELETES: &[(&str, &str)] = &[
    DRY_RUN,
    ("gracePeriodSeconds", "integer"),
    ("ignoreStoreReadErrorWithClusterBreakingPotential", "boolean"),
    ("orphanDependents", "boolean"),
    ("propagationPolicy", "string"),
];
const LISTS: &[(&str, &str)] = &[
    ("allowWatchBookmarks", "boolean"),
    ("continue", "string"),
    ("fieldSelector", "string"),
    ("labelSelector", "string"),
    ("limit", "integer"),
    ("resourceVersion", "string"),
    ("resourceVersionMatch", "string"),
    ("sendInitialEvents", "boolean"),
    ("shardSelector", "string"),
    ("timeoutSeconds", "integer"),
    ("watch", "boolean"),
];

/// One kind's paths, being written.
struct Writer<'a> {
    resource: &'a Resource,
    /// `Namespaced` where it is.
    scope: &'static str,
    /// `CoreV1`, `RbacAuthorizationV1`.
    group: String,
    tag: String,
}

/// An operation, before it is written.
struct Operation<'a> {
    action: &'a str,
    id: String,
    parameters: &'a [(&'a str, &'a str)],
    body: Option<Value>,
    answers: &'a [(&'a str, &'a str)],
    answer: Value,
    kind: Value,
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| format!("{}{}", first.to_uppercase(), letters.as_str()))
}

fn parameter(name: &str, kind: &str, place: &str) -> Value {
    let mut found = json!({"name": name, "in": place, "schema": {"type": kind, "uniqueItems": true}});
    if place == "path" {
        found["required"] = json!(true);
    }
    found
}

fn content(media: &[&str], schema: &Value) -> Value {
    media.iter().map(|media| ((*media).to_owned(), json!({"schema": schema}))).collect::<Map<String, Value>>().into()
}

impl Writer<'_> {
    fn encodings(&self) -> Vec<&'static str> {
        let mut all = vec!["application/json", "application/yaml"];
        if self.resource.custom.is_none() {
            all.push("application/vnd.kubernetes.protobuf");
        }
        all
    }

    fn streams(&self) -> Vec<&'static str> {
        let mut all = self.encodings();
        if self.resource.custom.is_none() {
            all.extend(["application/json;stream=watch", "application/vnd.kubernetes.protobuf;stream=watch"]);
        }
        all
    }

    fn own_kind(&self) -> Value {
        json!({"group": self.resource.group, "version": self.resource.version, "kind": self.resource.kind})
    }

    fn operation(&self, operation: Operation<'_>) -> Value {
        let media = if operation.action == "list" { self.streams() } else { self.encodings() };
        let mut answers = Map::new();
        for (code, words) in operation.answers {
            answers.insert((*code).to_owned(), json!({"description": words, "content": content(&media, &operation.answer)}));
        }
        answers.insert("401".to_owned(), json!({"description": "Unauthorized"}));
        let mut written = json!({
            "tags": [self.tag], "operationId": operation.id, "responses": answers,
            "x-kubernetes-action": operation.action, "x-kubernetes-group-version-kind": operation.kind,
        });
        if !operation.parameters.is_empty() {
            written["parameters"] = operation.parameters.iter().map(|(name, kind)| parameter(name, kind, "query")).collect();
        }
        if let Some(body) = operation.body {
            written["requestBody"] = json!({"content": body, "required": true});
        }
        written
    }

    fn around(&self, named: bool) -> Vec<Value> {
        let mut found = Vec::new();
        if named {
            found.push(parameter("name", "string", "path"));
        }
        if self.resource.namespaced {
            found.push(parameter("namespace", "string", "path"));
        }
        found.push(parameter("pretty", "string", "query"));
        found
    }

    fn patch_body(&self) -> Value {
        let mut media = vec!["application/apply-patch+yaml", "application/json-patch+json", "application/merge-patch+json"];
        if self.resource.custom.is_none() {
            media.push("application/strategic-merge-patch+json");
        }
        content(&media, &reference(super::PATCH))
    }

    /// An object, or a part of it that is read and written like one.
    fn item(&self, part: &str, schema: &Value, kind: &Value) -> Value {
        let word = capital(part);
        let id = |verb: &str| format!("{verb}{}{}{}{word}", self.group, self.scope, self.resource.kind);
        let body = || Some(content(&["application/json", "application/yaml", "application/vnd.kubernetes.protobuf"], schema));
        let plain = |action, id, parameters, body, answers| {
            self.operation(Operation { action, id, parameters, body, answers, answer: schema.clone(), kind: kind.clone() })
        };
        json!({
            "parameters": self.around(true),
            "get": plain("get", id("read"), &[], None, &[("200", "OK")]),
            "put": plain("put", id("replace"), WRITES, body(), &[("200", "OK"), ("201", "Created")]),
            "patch": plain("patch", id("patch"), PATCHES, Some(self.patch_body()), &[("200", "OK"), ("201", "Created")]),
        })
    }
}

/// Writes the paths of a kind.
pub(super) fn add(resource: &Resource, schema: &str, list: &str, paths: &mut Map<String, Value>) {
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
    let short = if resource.group.is_empty() { "core" } else { resource.group.strip_suffix(".k8s.io").unwrap_or(&resource.group) };
    let words: Vec<String> = short.split('.').map(capital).collect();
    let mut tag = words.concat();
    if let Some(first) = tag.get_mut(..1) {
        first.make_ascii_lowercase();
    }
    let writer = Writer {
        resource,
        scope: if resource.namespaced { "Namespaced" } else { "" },
        group: format!("{}{}", words.concat(), capital(&resource.version)),
        tag: format!("{tag}_{}", resource.version),
    };
    collection(&writer, &root, &place, schema, list, paths);
    let own = reference(schema);
    let mut item = writer.item("", &own, &writer.own_kind());
    item["delete"] = writer.operation(Operation {
        action: "delete",
        id: format!("delete{}{}{}", writer.group, writer.scope, resource.kind),
        parameters: DELETES,
        body: Some(content(
            &["application/json", "application/yaml", "application/vnd.kubernetes.protobuf"],
            &reference(super::DELETE_OPTIONS),
        )),
        answers: &[("200", "OK"), ("202", "Accepted")],
        answer: reference(STATUS),
        kind: writer.own_kind(),
    });
    paths.insert(format!("{place}/{{name}}"), item);
    for (name, kind, verbs) in discovery::subresources(resource) {
        let path = format!("{place}/{{name}}/{name}");
        paths.insert(path, part(&writer, &name, &kind, &verbs, &own));
    }
}

fn collection(writer: &Writer<'_>, root: &str, place: &str, schema: &str, list: &str, paths: &mut Map<String, Value>) {
    let (resource, own) = (writer.resource, reference(schema));
    let listed = |id: String| {
        writer.operation(Operation {
            action: "list",
            id,
            parameters: LISTS,
            body: None,
            answers: &[("200", "OK")],
            answer: reference(list),
            kind: writer.own_kind(),
        })
    };
    let mut collection = json!({
        "parameters": writer.around(false),
        "get": listed(format!("list{}{}{}", writer.group, writer.scope, resource.kind)),
        "post": writer.operation(Operation {
            action: "post",
            id: format!("create{}{}{}", writer.group, writer.scope, resource.kind),
            parameters: WRITES,
            body: Some(content(&["application/json", "application/yaml", "application/vnd.kubernetes.protobuf"], &own)),
            answers: &[("200", "OK"), ("201", "Created"), ("202", "Accepted")],
            answer: own,
            kind: writer.own_kind(),
        }),
    });
    if resource.serves("deletecollection") {
        let parameters: Vec<(&str, &str)> =
            DELETES.iter().chain(LISTS).copied().filter(|(name, _)| *name != "watch" && *name != "allowWatchBookmarks").collect();
        collection["delete"] = writer.operation(Operation {
            action: "deletecollection",
            id: format!("delete{}Collection{}{}", writer.group, writer.scope, resource.kind),
            parameters: &parameters,
            body: Some(content(
                &["application/json", "application/yaml", "application/vnd.kubernetes.protobuf"],
                &reference(super::DELETE_OPTIONS),
            )),
            answers: &[("200", "OK")],
            answer: reference(STATUS),
            kind: writer.own_kind(),
        });
    }
    paths.insert(place.to_owned(), collection);
    if resource.namespaced {
        let everywhere = json!({"get": listed(format!("list{}{}ForAllNamespaces", writer.group, resource.kind)), "parameters": [parameter("pretty", "string", "query")]});
        paths.insert(format!("{root}/{}", resource.plural), everywhere);
    }
}

/// A subresource.
fn part(writer: &Writer<'_>, name: &str, kind: &Value, verbs: &[&str], own: &Value) -> Value {
    let resource = writer.resource;
    let text = |field: &str| kind.get(field).and_then(Value::as_str).unwrap_or_default();
    let (kind, schema) = match text("kind") {
        "Scale" => (json!({"group": "autoscaling", "version": "v1", "kind": "Scale"}), reference("io.k8s.api.autoscaling.v1.Scale")),
        "TokenRequest" => (
            json!({"group": "authentication.k8s.io", "version": "v1", "kind": "TokenRequest"}),
            reference("io.k8s.api.authentication.v1.TokenRequest"),
        ),
        "Eviction" => (json!({"group": "policy", "version": "v1", "kind": "Eviction"}), reference("io.k8s.api.policy.v1.Eviction")),
        "Binding" => (json!({"group": "", "version": "v1", "kind": "Binding"}), reference("io.k8s.api.core.v1.Binding")),
        other if other == resource.kind => (writer.own_kind(), own.clone()),
        other => (json!({"group": resource.group, "version": resource.version, "kind": other}), json!({"type": "string"})),
    };
    if verbs.contains(&"patch") && verbs.contains(&"get") && verbs.len() == 3 {
        return writer.item(name, &schema, &kind);
    }
    let mut found = json!({"parameters": writer.around(true)});
    let connects = schema == json!({"type": "string"});
    for verb in verbs {
        let (method, action, word) = match *verb {
            "create" => ("post", "post", "create"),
            "update" => ("put", "put", "replace"),
            "delete" => ("delete", "delete", "delete"),
            "patch" => ("patch", "patch", "patch"),
            _ => ("get", "get", "read"),
        };
        let (action, word) = if connects { ("connect", "connect") } else { (action, word) };
        let id = format!("{word}{}{}{}{}", writer.group, writer.scope, resource.kind, capital(name));
        let body = (!connects && method != "get")
            .then(|| content(&["application/json", "application/yaml", "application/vnd.kubernetes.protobuf"], &schema));
        let parameters: &[(&str, &str)] = if connects || method == "get" { &[] } else { WRITES };
        found[method] = writer.operation(Operation {
            action,
            id,
            parameters,
            body,
            answers: &[("200", "OK")],
            answer: schema.clone(),
            kind: kind.clone(),
        });
    }
    found
}
