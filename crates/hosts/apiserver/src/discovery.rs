//! What is served, told to clients: in one piece (aggregated, v2) or group by group.

use std::collections::HashMap;
use std::sync::Arc;

use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, StatusCode, header};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::catalog::{Catalog, Resource};
use crate::status::{ApiResult, json_response};
use crate::typed;
use crate::{accept, kinds, reviews};

/// The verbs of a kind, as discovery sorts them.
const VERBS: &[&str] = &["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];
/// The verbs of a kind of a definition, in the order in which discovery has them.
const CUSTOM_VERBS: &[&str] = &["delete", "deletecollection", "get", "list", "patch", "create", "update", "watch"];
const AGGREGATED: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

/// The answers, made once for a catalog.
pub(crate) struct Answers {
    core: Value,
    groups: Value,
    aggregated_core: Vec<u8>,
    aggregated_groups: Vec<u8>,
    versions: HashMap<String, Value>,
    by_group: HashMap<String, Value>,
}

/// One group version with what it serves.
struct Version {
    name: String,
    resources: Vec<Value>,
    discovered: Vec<Value>,
}

struct Group {
    name: String,
    versions: Vec<Version>,
}

impl Version {
    /// Bindings are written and never kept.
    fn add_bindings(&mut self) {
        self.resources
            .insert(0, json!({"name": "bindings", "singularName": "binding", "namespaced": true, "kind": "Binding", "verbs": ["create"]}));
        self.discovered.insert(
            0,
            json!({
                "resource": "bindings", "responseKind": {"group": "", "version": "", "kind": "Binding"},
                "scope": "Namespaced", "singularResource": "binding", "verbs": ["create"],
            }),
        );
    }
}

fn storage_hash(resource: &Resource) -> String {
    let version = resource.storage_version();
    let version = version.rsplit('/').next().unwrap_or_default();
    STANDARD.encode(&Sha256::digest(format!("{}/{version}/{}", resource.group, resource.kind))[..8])
}

fn verbs(resource: &Resource) -> Vec<&'static str> {
    let all = if resource.custom.is_some() { CUSTOM_VERBS } else { VERBS };
    all.iter().copied().filter(|verb| resource.serves(verb)).collect()
}

/// Kubernetes' own kinds leave out what the place says anyway.
fn own_kind(resource: &Resource) -> Value {
    match resource.custom {
        Some(_) => json!({"group": resource.group, "version": resource.version, "kind": resource.kind}),
        None => json!({"group": "", "version": "", "kind": resource.kind}),
    }
}

/// Returns the subresources with their kinds and verbs.
pub(crate) fn subresources(resource: &Resource) -> Vec<(String, Value, Vec<&'static str>)> {
    let own = own_kind(resource);
    let mut found: Vec<(String, Value, Vec<&'static str>)> = resource
        .subresources
        .others
        .iter()
        .map(|name| {
            let (kind, verbs) = subresource(resource, name);
            (name.clone(), kind.unwrap_or_else(|| own.clone()), verbs.to_vec())
        })
        .collect();
    if resource.subresources.scale.is_some() {
        found.push(("scale".to_owned(), json!({"group": "autoscaling", "version": "v1", "kind": "Scale"}), vec!["get", "patch", "update"]));
    }
    if resource.subresources.status {
        found.push(("status".to_owned(), own, vec!["get", "patch", "update"]));
    }
    // Definitions tell of the status first.
    if resource.custom.is_some() {
        found.reverse();
    } else {
        found.sort_by(|left, right| left.0.cmp(&right.0));
    }
    found
}

/// Returns the kind of a subresource, if it is another than the resource's own, and its verbs.
fn subresource(resource: &Resource, name: &str) -> (Option<Value>, &'static [&'static str]) {
    let kind = |group: &str, version: &str, kind: &str| Some(json!({"group": group, "version": version, "kind": kind}));
    let connect: &[&str] = &["create", "get"];
    match name {
        "token" => (kind("authentication.k8s.io", "v1", "TokenRequest"), &["create"]),
        "binding" => (kind("", "", "Binding"), &["create"]),
        "eviction" => (kind("policy", "v1", "Eviction"), &["create"]),
        "attach" => (kind("", "", "PodAttachOptions"), connect),
        "exec" => (kind("", "", "PodExecOptions"), connect),
        "portforward" => (kind("", "", "PodPortForwardOptions"), connect),
        "proxy" => (kind("", "", &format!("{}ProxyOptions", resource.kind)), &["create", "delete", "get", "patch", "update"]),
        "finalize" => (None, &["update"]),
        "approval" | "ephemeralcontainers" | "resize" => (None, &["get", "patch", "update"]),
        _ => (None, &["get"]),
    }
}

fn legacy(resource: &Resource) -> Vec<Value> {
    let mut own = json!({
        "name": resource.plural, "singularName": resource.singular, "namespaced": resource.namespaced, "kind": resource.kind,
        "verbs": verbs(resource), "storageVersionHash": storage_hash(resource),
    });
    if !resource.short_names.is_empty() {
        own["shortNames"] = json!(resource.short_names);
    }
    if !resource.categories.is_empty() {
        own["categories"] = json!(resource.categories);
    }
    let mut all = vec![own];
    for (name, kind, verbs) in subresources(resource) {
        let mut one = json!({"name": format!("{}/{name}", resource.plural), "singularName": "", "namespaced": resource.namespaced, "kind": kind["kind"], "verbs": verbs});
        if kind["group"] != "" && kind["group"] != json!(resource.group) {
            one["group"] = kind["group"].clone();
            one["version"] = kind["version"].clone();
        }
        all.push(one);
    }
    all
}

fn discovered(resource: &Resource) -> Value {
    let mut own = json!({
        "resource": resource.plural, "responseKind": own_kind(resource),
        "scope": if resource.namespaced { "Namespaced" } else { "Cluster" }, "singularResource": resource.singular, "verbs": verbs(resource),
    });
    if !resource.short_names.is_empty() {
        own["shortNames"] = json!(resource.short_names);
    }
    if !resource.categories.is_empty() {
        own["categories"] = json!(resource.categories);
    }
    let subresources: Vec<Value> = subresources(resource)
        .into_iter()
        .map(|(name, kind, verbs)| json!({"subresource": name, "responseKind": kind, "verbs": verbs}))
        .collect();
    if !subresources.is_empty() {
        own["subresources"] = json!(subresources);
    }
    own
}

fn version(name: &str, resources: &[Arc<Resource>]) -> Version {
    Version {
        name: name.to_owned(),
        resources: resources.iter().flat_map(|resource| legacy(resource)).collect(),
        discovered: resources.iter().map(|resource| discovered(resource)).collect(),
    }
}

/// The groups whose resources are questions, of which nothing is kept.
fn questions() -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for (group, plural, kind, namespaced) in reviews::KINDS {
        if !groups.iter().any(|one| one.name == *group) {
            groups.push(Group {
                name: (*group).to_owned(),
                versions: vec![Version { name: "v1".to_owned(), resources: Vec::new(), discovered: Vec::new() }],
            });
        }
        let Some(version) = groups.iter_mut().find(|one| one.name == *group).and_then(|group| group.versions.first_mut()) else { continue };
        let singular = kind.to_lowercase();
        version
            .resources
            .push(json!({"name": plural, "singularName": singular, "namespaced": namespaced, "kind": kind, "verbs": ["create"]}));
        version.discovered.push(json!({
            "resource": plural, "responseKind": {"group": "", "version": "", "kind": kind},
            "scope": if *namespaced { "Namespaced" } else { "Cluster" }, "singularResource": singular, "verbs": ["create"],
        }));
    }
    groups
}

impl Answers {
    /// Makes the answers for a catalog.
    pub fn make(catalog: &Catalog) -> Self {
        let mut all: Vec<Group> = catalog
            .groups
            .iter()
            .map(|group| Group {
                name: group.name.clone(),
                versions: group.versions.iter().map(|(name, kinds)| version(name, kinds)).collect(),
            })
            .collect();
        all.extend(questions());
        all.sort_by(|left, right| kinds::place(&left.name).cmp(&kinds::place(&right.name)));
        if let Some(core) = all.iter_mut().find(|group| group.name.is_empty()).and_then(|group| group.versions.first_mut()) {
            core.add_bindings();
        }
        let mut versions = HashMap::new();
        let mut by_group = HashMap::new();
        let mut listed = Vec::new();
        let (mut core, mut others) = (Vec::new(), Vec::new());
        for group in &all {
            let full =
                |version: &Version| if group.name.is_empty() { version.name.clone() } else { format!("{}/{}", group.name, version.name) };
            for version in &group.versions {
                let list =
                    json!({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": full(version), "resources": version.resources});
                versions.insert(full(version), list);
            }
            let fresh: Vec<Value> = group
                .versions
                .iter()
                .map(|version| json!({"version": version.name, "freshness": "Current", "resources": version.discovered}))
                .collect();
            if group.name.is_empty() {
                core.push(json!({"metadata": {}, "versions": fresh}));
                continue;
            }
            others.push(json!({"metadata": {"name": group.name}, "versions": fresh}));
            let named: Vec<Value> =
                group.versions.iter().map(|version| json!({"groupVersion": full(version), "version": version.name})).collect();
            let one = json!({"name": group.name, "versions": named, "preferredVersion": named.first()});
            let mut alone = one.clone();
            alone["kind"] = json!("APIGroup");
            alone["apiVersion"] = json!("v1");
            by_group.insert(group.name.clone(), alone);
            listed.push(one);
        }
        let whole = |items: Vec<Value>| {
            json!({"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {}, "items": items})
                .to_string()
                .into_bytes()
        };
        Self {
            core: json!({"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": ""}]}),
            groups: json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": listed}),
            aggregated_core: whole(core),
            aggregated_groups: whole(others),
            versions,
            by_group,
        }
    }

    /// Answers a path of discovery; `None` for others.
    pub fn answer(&self, path: &str, headers: &HeaderMap) -> ApiResult<Option<Response>> {
        let found = self.found(path, headers);
        // Who asks only for what discovery has no form of is refused; one form of the whole is already looked at.
        if found.as_ref().is_some_and(|response| response.headers().get(header::ETAG).is_none()) {
            accept::plain(headers)?;
        }
        Ok(found)
    }

    /// Lists the paths of discovery.
    pub fn paths(&self) -> Vec<String> {
        let versions = self.versions.keys().filter(|name| name.contains('/')).map(|name| format!("/apis/{name}"));
        let groups = self.by_group.keys().map(|name| format!("/apis/{name}"));
        ["/api", "/api/v1", "/apis", "/apis/"].map(str::to_owned).into_iter().chain(groups).chain(versions).collect()
    }

    fn found(&self, path: &str, headers: &HeaderMap) -> Option<Response> {
        let plain = |value: &Value| json_response(StatusCode::OK, typed::encoded(value));
        let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
        match parts[..] {
            ["api"] if accept::aggregated(headers) => Some(whole(&self.aggregated_core, headers)),
            ["apis"] if accept::aggregated(headers) => Some(whole(&self.aggregated_groups, headers)),
            ["api"] => {
                let mut core = self.core.clone();
                let host = headers.get(header::HOST).and_then(|value| value.to_str().ok()).unwrap_or_default();
                core["serverAddressByClientCIDRs"][0]["serverAddress"] = json!(host);
                Some(plain(&core))
            }
            ["apis"] => Some(plain(&self.groups)),
            ["api", version] => self.versions.get(version).map(plain),
            ["apis", group] => self.by_group.get(group).map(plain),
            ["apis", group, version] => self.versions.get(&format!("{group}/{version}")).map(plain),
            _ => None,
        }
    }
}

fn whole(body: &[u8], headers: &HeaderMap) -> Response {
    let tag = format!("\"{}\"", hex::encode_upper(Sha256::digest(body)));
    let common = [(header::ETAG, tag.clone()), (header::VARY, "Accept".to_owned()), (header::CACHE_CONTROL, "public".to_owned())];
    if headers.get(header::IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == tag.as_bytes()) {
        return (StatusCode::NOT_MODIFIED, common).into_response();
    }
    (StatusCode::OK, common, [(header::CONTENT_TYPE, AGGREGATED)], body.to_vec()).into_response()
}
