//! The operations of a document: what a client may do at which path, with which parameters and bodies. Follows AS
//! `pkg/endpoints/installer.go` for Kubernetes' own kinds, apiextensions-apiserver `pkg/controller/openapi/builder` for others.

use serde_json::{Map, Value, json};

use super::{STATUS, reference};
use crate::catalog::Resource;
use crate::discovery;

/// A parameter: its name and type. All but those of [`Parameter::path`] stand in the query.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Parameter {
    name: &'static str,
    kind: &'static str,
    in_path: bool,
}

const fn query(name: &'static str, kind: &'static str) -> Parameter {
    Parameter { name, kind, in_path: false }
}

const fn within(name: &'static str) -> Parameter {
    Parameter { name, kind: "string", in_path: true }
}

const PRETTY: Parameter = query("pretty", "string");
const DRY_RUN: Parameter = query("dryRun", "string");
const MANAGER: Parameter = query("fieldManager", "string");
const VALIDATION: Parameter = query("fieldValidation", "string");
const WRITES: &[Parameter] = &[DRY_RUN, MANAGER, VALIDATION];
const PATCHES: &[Parameter] = &[DRY_RUN, MANAGER, VALIDATION, query("force", "boolean")];
const DELETES: &[Parameter] = &[
    DRY_RUN,
    query("gracePeriodSeconds", "integer"),
    query("ignoreStoreReadErrorWithClusterBreakingPotential", "boolean"),
    query("orphanDependents", "boolean"),
    query("propagationPolicy", "string"),
];
const LISTS: &[Parameter] = &[
    query("allowWatchBookmarks", "boolean"),
    query("continue", "string"),
    query("fieldSelector", "string"),
    query("labelSelector", "string"),
    query("limit", "integer"),
    query("resourceVersion", "string"),
    query("resourceVersionMatch", "string"),
    query("sendInitialEvents", "boolean"),
    query("shardSelector", "string"),
    query("timeoutSeconds", "integer"),
    query("watch", "boolean"),
];
const STREAMS: &[Parameter] = &[
    query("container", "string"),
    query("stderr", "boolean"),
    query("stdin", "boolean"),
    query("stdout", "boolean"),
    query("tty", "boolean"),
];
const LOGS: &[Parameter] = &[
    query("container", "string"),
    query("follow", "boolean"),
    query("insecureSkipTLSVerifyBackend", "boolean"),
    query("limitBytes", "integer"),
    query("previous", "boolean"),
    query("sinceSeconds", "integer"),
    query("stream", "string"),
    query("tailLines", "integer"),
    query("timestamps", "boolean"),
];

const ANY: &[&str] = &["*/*"];
const TEXTS: &[&str] = &["application/json", "application/yaml"];
const ALL: &[&str] = &["application/json", "application/vnd.kubernetes.protobuf", "application/yaml"];
const WATCHED: &[&str] = &[
    "application/json",
    "application/json;stream=watch",
    "application/vnd.kubernetes.protobuf",
    "application/vnd.kubernetes.protobuf;stream=watch",
    "application/yaml",
];
const LOGGED: &[&str] = &["application/json", "application/vnd.kubernetes.protobuf", "application/yaml", "text/plain"];

/// An operation, before it is written.
struct Operation {
    action: &'static str,
    id: String,
    parameters: Vec<Parameter>,
    body: Option<Value>,
    codes: &'static [(&'static str, &'static str)],
    media: &'static [&'static str],
    answer: Value,
    kind: Value,
}

const OK: &[(&str, &str)] = &[("200", "OK")];
const OK_CREATED: &[(&str, &str)] = &[("200", "OK"), ("201", "Created")];
const OK_ACCEPTED: &[(&str, &str)] = &[("200", "OK"), ("202", "Accepted")];
const OK_CREATED_ACCEPTED: &[(&str, &str)] = &[("200", "OK"), ("201", "Created"), ("202", "Accepted")];

impl Operation {
    fn with(mut self, parameters: &[Parameter]) -> Self {
        self.parameters.extend(parameters);
        self
    }

    fn body(mut self, media: &[&str], schema: &Value, required: bool) -> Self {
        let mut body = json!({"content": content(media, schema)});
        if required {
            body["required"] = json!(true);
        }
        self.body = Some(body);
        self
    }

    fn codes(mut self, codes: &'static [(&'static str, &'static str)]) -> Self {
        self.codes = codes;
        self
    }

    fn media(mut self, media: &'static [&'static str]) -> Self {
        self.media = media;
        self
    }
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| format!("{}{}", first.to_uppercase(), letters.as_str()))
}

fn content(media: &[&str], schema: &Value) -> Value {
    media.iter().map(|media| ((*media).to_owned(), json!({"schema": schema}))).collect::<Map<String, Value>>().into()
}

fn listed(parameters: &[Parameter]) -> Value {
    let mut sorted = parameters.to_vec();
    sorted.sort_by_key(|one| (one.name, !one.in_path));
    let written = |one: &Parameter| {
        let place = if one.in_path { "path" } else { "query" };
        let mut found = json!({"name": one.name, "in": place, "schema": {"type": one.kind, "uniqueItems": true}});
        if one.in_path {
            found["required"] = json!(true);
        }
        found
    };
    sorted.iter().map(written).collect()
}

/// The path under which a group version is served.
fn root(group: &str, version: &str) -> String {
    if group.is_empty() { format!("/api/{version}") } else { format!("/apis/{group}/{version}") }
}

/// The words that stand for a group: `Core`, `RbacAuthorization`; the first as tags have it.
fn group_words(group: &str) -> (String, String) {
    let short = if group.is_empty() { "core" } else { group.strip_suffix(".k8s.io").unwrap_or(group) };
    let words: String = short.split('.').map(capital).collect();
    let mut tag = words.clone();
    if let Some(first) = tag.get_mut(..1) {
        first.make_ascii_lowercase();
    }
    (words, tag)
}

/// The paths of a group version, being written.
pub(super) struct Writer<'a> {
    pub paths: &'a mut Map<String, Value>,
    root: String,
    /// `CoreV1`, `RbacAuthorizationV1`.
    group: String,
    tag: String,
    /// `Namespaced` where it is.
    scope: &'static str,
    namespaced: bool,
    /// Whether this is a kind of Kubernetes' own: those are written as protobuf, too, and may be watched below `/watch`.
    own: bool,
    media: &'static [&'static str],
    kind: Value,
    name: String,
}

impl<'a> Writer<'a> {
    fn new(paths: &'a mut Map<String, Value>, place: [&str; 3], namespaced: bool, own: bool) -> Self {
        let [group, version, kind] = place;
        let (words, tag) = group_words(group);
        Self {
            paths,
            root: root(group, version),
            group: format!("{words}{}", capital(version)),
            tag: format!("{tag}_{version}"),
            scope: if namespaced { "Namespaced" } else { "" },
            namespaced,
            own,
            media: if own { ALL } else { TEXTS },
            kind: json!({"group": group, "version": version, "kind": kind}),
            name: kind.to_owned(),
        }
    }

    /// An operation on what is at the path: its action, the verb by which it is known, and what follows the kind.
    fn operation(&self, action: &'static str, verb: &str, ending: &str, answer: &Value) -> Operation {
        Operation {
            action,
            id: format!("{verb}{}{}{}{ending}", self.group, self.scope, self.name),
            parameters: vec![PRETTY],
            body: None,
            codes: OK,
            media: self.media,
            answer: answer.clone(),
            kind: self.kind.clone(),
        }
    }

    /// Media of bodies: whoever reads Kubernetes' own kinds takes whatever he can read.
    fn bodies(&self) -> &'static [&'static str] {
        if self.own { ANY } else { TEXTS }
    }

    fn written(&self, operation: &Operation, common: &[Parameter]) -> Value {
        let mut answers = Map::new();
        for (code, words) in operation.codes {
            answers.insert((*code).to_owned(), json!({"description": words, "content": content(operation.media, &operation.answer)}));
        }
        answers.insert("401".to_owned(), json!({"description": "Unauthorized"}));
        let mut written = json!({
            "tags": [self.tag], "operationId": operation.id, "responses": answers,
            "x-kubernetes-action": operation.action, "x-kubernetes-group-version-kind": operation.kind,
        });
        let own: Vec<Parameter> = operation.parameters.iter().filter(|one| !common.contains(one)).copied().collect();
        if !own.is_empty() {
            written["parameters"] = listed(&own);
        }
        if let Some(body) = &operation.body {
            written["requestBody"] = body.clone();
        }
        written
    }

    /// Writes what may be done at a path. What all of it has in common, the path has.
    fn put(&mut self, path: String, operations: Vec<(&str, Operation)>) {
        let mut common: Vec<Parameter> =
            ["name", "namespace", "path"].into_iter().filter(|name| path.contains(&format!("{{{name}}}"))).map(within).collect();
        if let [(_, first), rest @ ..] = operations.as_slice() {
            let shared = |one: &&Parameter| rest.iter().all(|(_, other)| other.parameters.contains(one));
            common.extend(first.parameters.iter().filter(shared));
        }
        let mut item = Map::new();
        for (method, operation) in &operations {
            item.insert((*method).to_owned(), self.written(operation, &common));
        }
        if !common.is_empty() {
            item.insert("parameters".to_owned(), listed(&common));
        }
        self.paths.insert(path, Value::Object(item));
    }

    /// Reading, replacing and patching what is at one path.
    fn item(&self, ending: &str, schema: &Value, kind: &Value) -> Vec<(&'static str, Operation)> {
        let mut patches = vec!["application/apply-patch+yaml", "application/json-patch+json", "application/merge-patch+json"];
        patches.extend(self.own.then_some("application/strategic-merge-patch+json"));
        let mut read = self.operation("get", "read", ending, schema);
        if !self.own {
            read = read.with(&[query("resourceVersion", "string")]);
        }
        let replace = self.operation("put", "replace", ending, schema).with(WRITES).body(self.bodies(), schema, true).codes(OK_CREATED);
        let patch = self.operation("patch", "patch", ending, schema).with(PATCHES).body(&patches, &reference(super::PATCH), true);
        let patch = if self.own { patch.codes(OK_CREATED) } else { patch };
        let of = |operation| Operation { kind: kind.clone(), ..operation };
        vec![("get", of(read)), ("put", of(replace)), ("patch", of(patch))]
    }

    fn create(&self, ending: &str, schema: &Value) -> Operation {
        self.operation("post", "create", ending, schema).with(WRITES).body(self.bodies(), schema, true).codes(OK_CREATED_ACCEPTED)
    }

    fn watches(&mut self, plural: &str) {
        let event = reference("io.k8s.apimachinery.pkg.apis.meta.v1.WatchEvent");
        let watch = |writer: &Self, action, ending: &str| {
            vec![("get", writer.operation(action, "watch", ending, &event).with(LISTS).media(WATCHED))]
        };
        let root = format!("{}/watch", self.root);
        let place = if self.namespaced { format!("{root}/namespaces/{{namespace}}/{plural}") } else { format!("{root}/{plural}") };
        self.put(place.clone(), watch(self, "watchlist", "List"));
        self.put(format!("{place}/{{name}}"), watch(self, "watch", ""));
        if self.namespaced {
            let mut everywhere = watch(self, "watchlist", "");
            for (_, operation) in &mut everywhere {
                operation.id = format!("watch{}{}ListForAllNamespaces", self.group, self.name);
            }
            self.put(format!("{root}/{plural}"), everywhere);
        }
    }
}

/// Writes the path of a kind of which nothing is kept: it is asked, or said, and answered.
pub(super) fn add_question(place: [&str; 3], plural: &str, namespaced: bool, schema: &str, paths: &mut Map<String, Value>) {
    let mut writer = Writer::new(paths, place, namespaced, true);
    let path = if namespaced { format!("{}/namespaces/{{namespace}}/{plural}", writer.root) } else { format!("{}/{plural}", writer.root) };
    let create = writer.create("", &reference(schema));
    writer.put(path, vec![("post", create)]);
}

/// Writes the paths of a kind. `deleted` is what a deletion answers.
pub(super) fn add(resource: &Resource, schema: &str, list: &str, deleted: &str, paths: &mut Map<String, Value>) {
    let own = reference(schema);
    let place = [resource.group.as_str(), resource.version.as_str(), resource.kind.as_str()];
    let mut writer = Writer::new(paths, place, resource.namespaced, resource.custom.is_none());
    let (root, plural) = (writer.root.clone(), resource.plural.as_str());
    let place = if resource.namespaced { format!("{root}/namespaces/{{namespace}}/{plural}") } else { format!("{root}/{plural}") };

    let lists = if writer.own { WATCHED } else { TEXTS };
    let options = reference(super::DELETE_OPTIONS);
    let mut collection = vec![("get", writer.operation("list", "list", "", &reference(list)).with(LISTS).media(lists))];
    collection.push(("post", writer.create("", &own)));
    if resource.serves("deletecollection") {
        let mut delete = writer.operation("deletecollection", "delete", "", &reference(STATUS));
        delete.id = format!("delete{}Collection{}{}", writer.group, writer.scope, resource.kind);
        let delete = if writer.own {
            let lists: Vec<Parameter> = LISTS.iter().filter(|one| !matches!(one.name, "watch" | "allowWatchBookmarks")).copied().collect();
            delete.with(DELETES).with(&lists).body(writer.bodies(), &options, false)
        } else {
            delete.with(LISTS)
        };
        collection.push(("delete", delete));
    }
    writer.put(place.clone(), collection);

    let mut item = writer.item("", &own, &writer.kind);
    if resource.serves("delete") {
        let delete = writer.operation("delete", "delete", "", &reference(deleted)).with(DELETES);
        item.push(("delete", delete.body(writer.bodies(), &options, false).codes(OK_ACCEPTED)));
    }
    writer.put(format!("{place}/{{name}}"), item);
    for (name, kind, verbs) in discovery::subresources(resource) {
        part(&mut writer, &format!("{place}/{{name}}/{name}"), &name, &kind, &verbs, &own);
    }
    if resource.namespaced {
        let mut everywhere = writer.operation("list", "list", "", &reference(list)).with(LISTS).media(lists);
        everywhere.id = format!("list{}{}ForAllNamespaces", writer.group, resource.kind);
        writer.put(format!("{root}/{plural}"), vec![("get", everywhere)]);
    }
    if writer.own {
        writer.watches(plural);
    }
}

/// A subresource.
fn part(writer: &mut Writer<'_>, path: &str, name: &str, kind: &Value, verbs: &[&str], own: &Value) {
    let ending = capital(name);
    let text = |field: &str| kind.get(field).and_then(Value::as_str).unwrap_or_default();
    let word = text("kind").to_owned();
    let (kind, schema) = match word.as_str() {
        "Scale" => (json!({"group": "autoscaling", "version": "v1", "kind": "Scale"}), reference("io.k8s.api.autoscaling.v1.Scale")),
        "TokenRequest" => (
            json!({"group": "authentication.k8s.io", "version": "v1", "kind": "TokenRequest"}),
            reference("io.k8s.api.authentication.v1.TokenRequest"),
        ),
        "Eviction" => (json!({"group": "policy", "version": "v1", "kind": "Eviction"}), reference("io.k8s.api.policy.v1.Eviction")),
        "Binding" => (json!({"group": "", "version": "v1", "kind": "Binding"}), reference("io.k8s.api.core.v1.Binding")),
        other if other == writer.name => (writer.kind.clone(), own.clone()),
        _ => return connect(writer, path, name, &word),
    };
    let kind = if writer.own { kind } else { writer.kind.clone() };
    let mut operations = writer.item(&ending, &schema, &kind);
    operations.retain(|(method, _)| verbs.contains(if *method == "put" { &"update" } else { method }));
    if verbs.contains(&"create") {
        operations.push(("post", Operation { kind, ..writer.create(&ending, &schema) }));
    }
    if name == "log" {
        let text = json!({"type": "string"});
        operations = vec![("get", writer.operation("get", "read", &ending, &text).with(LOGS).media(LOGGED))];
    }
    writer.put(path.to_owned(), operations);
}

/// A connection to something else.
fn connect(writer: &mut Writer<'_>, path: &str, name: &str, kind: &str) {
    let parameters: Vec<Parameter> = match name {
        "attach" => STREAMS.to_vec(),
        "exec" => [query("command", "string")].iter().chain(STREAMS).copied().collect(),
        "portforward" => vec![query("ports", "integer")],
        _ => vec![query("path", "string")],
    };
    let proxies = name == "proxy";
    let methods: &[&str] = if proxies { &["delete", "get", "head", "options", "patch", "post", "put"] } else { &["get", "post"] };
    let kind = json!({"group": writer.kind["group"], "version": writer.kind["version"], "kind": kind});
    for (path, ending) in [(path.to_owned(), ""), (format!("{path}/{{path}}"), "WithPath")].into_iter().take(if proxies { 2 } else { 1 }) {
        let operations = methods.iter().map(|method| {
            let ending = format!("{}{ending}", capital(name));
            let mut operation = writer.operation("connect", "connect", &ending, &json!({"type": "string"})).media(ANY);
            operation.id = format!("connect{}{}{}{}{ending}", writer.group, capital(method), writer.scope, writer.name);
            operation.parameters.clone_from(&parameters);
            operation.kind = kind.clone();
            (*method, operation)
        });
        let operations = operations.collect();
        writer.put(path, operations);
    }
}

/// The path at which a group version tells what it serves.
pub(super) fn add_resources(group: &str, version: &str, paths: &mut Map<String, Value>) {
    let (words, tag) = group_words(group);
    let id = format!("get{words}{}APIResources", capital(version));
    let answer = reference("io.k8s.apimachinery.pkg.apis.meta.v1.APIResourceList");
    paths.insert(format!("{}/", root(group, version)), told(&format!("{tag}_{version}"), &id, ALL, &answer));
}

/// The path at which a group, or all of them, tell what they serve.
pub(super) fn told_of_group(path: &str) -> Value {
    let meta = |kind: &str| reference(&format!("io.k8s.apimachinery.pkg.apis.meta.v1.{kind}"));
    match path {
        "api" => told("core", "getCoreAPIVersions", ALL, &meta("APIVersions")),
        "apis" => told("apis", "getAPIVersions", ALL, &meta("APIGroupList")),
        "version" => told("version", "getCodeVersion", &["application/json"], &reference("io.k8s.apimachinery.pkg.version.Info")),
        _ => {
            let (words, tag) = group_words(path.strip_prefix("apis/").unwrap_or(path));
            told(&tag, &format!("get{words}APIGroup"), ALL, &meta("APIGroup"))
        }
    }
}

fn told(tag: &str, id: &str, media: &[&str], answer: &Value) -> Value {
    let answers = json!({"200": {"description": "OK", "content": content(media, answer)}, "401": {"description": "Unauthorized"}});
    json!({"get": {"tags": [tag], "operationId": id, "responses": answers}})
}
