//! Kubernetes clusters, embedded or real: `kube::Client` with JSON objects.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, RwLock};

use futures::{Stream, StreamExt as _};
use http::{Method, Request};
use kube::core::WatchEvent;
use model::{ClusterName, ObjectRef};
use serde_json::{Value, json};

/// Why a cluster did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// The API server answered with a refusal.
    #[error("{message}")]
    Refused {
        /// HTTP status.
        code: u16,
        /// `NotFound`, `Conflict`, …
        reason: String,
        /// The server's own words.
        message: String,
    },
    /// The API server did not answer, or not in its protocol.
    #[error("the API server did not answer")]
    Unreachable(#[source] Box<kube::Error>),
    /// No cluster of this name is known.
    #[error("there is no cluster {0}")]
    Unknown(String),
    /// The cluster does not serve the kind.
    #[error("no matches for kind {kind:?} in version {api_version:?}")]
    NoKind {
        /// The wanted version.
        api_version: String,
        /// The wanted kind.
        kind: String,
    },
}

impl ClusterError {
    /// Returns the HTTP status of a refusal.
    pub fn code(&self) -> Option<u16> {
        match self {
            Self::Refused { code, .. } => Some(*code),
            Self::NoKind { .. } => Some(404),
            Self::Unreachable(_) | Self::Unknown(_) => None,
        }
    }

    /// Tells whether the object is not there.
    pub fn is_not_found(&self) -> bool {
        self.code() == Some(404)
    }

    /// Tells whether asking again later may help.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Unreachable(_) => true,
            Self::Refused { code, .. } => *code >= 500 || *code == 429,
            Self::Unknown(_) | Self::NoKind { .. } => false,
        }
    }

    /// Tells whether somebody else wrote first, or the object is there already.
    pub fn is_conflict(&self) -> bool {
        self.code() == Some(409)
    }
}

impl From<kube::Error> for ClusterError {
    fn from(error: kube::Error) -> Self {
        match error {
            kube::Error::Api(status) => Self::Refused { code: status.code, reason: status.reason.clone(), message: status.message.clone() },
            other => Self::Unreachable(Box::new(other)),
        }
    }
}

/// All clusters by name.
#[derive(Clone, Default)]
pub struct Clusters {
    all: BTreeMap<ClusterName, Cluster>,
}

impl Clusters {
    /// Adds a cluster.
    #[must_use]
    pub fn with(mut self, name: &str, client: kube::Client) -> Self {
        self.all.insert(ClusterName(name.to_owned()), Cluster { client, kinds: Arc::default() });
        self
    }

    /// Returns a cluster.
    pub fn get(&self, name: &ClusterName) -> Result<&Cluster, ClusterError> {
        self.all.get(name).ok_or_else(|| ClusterError::Unknown(name.0.clone()))
    }

    /// Returns all names.
    pub fn names(&self) -> impl Iterator<Item = &ClusterName> {
        self.all.keys()
    }
}

/// One cluster's API.
#[derive(Clone)]
pub struct Cluster {
    client: kube::Client,
    kinds: Arc<RwLock<HashMap<String, HashMap<String, Kind>>>>,
}

#[derive(Debug, Clone)]
struct Kind {
    plural: String,
    namespaced: bool,
    /// Whether the status is a resource of its own; where it is not, it is written with the object.
    status: bool,
}

/// What a watch saw.
#[derive(Debug, Clone)]
pub enum WatchChange {
    /// The object is there or has changed.
    Applied(Value),
    /// The object is gone; this was its last state.
    Deleted(Value),
    /// Everything that was there at the start has been told.
    Synced,
}

impl Cluster {
    /// Reads one object.
    pub async fn get(&self, object: &ObjectRef) -> Result<Option<Value>, ClusterError> {
        let path = match self.path(&object.api_version, &object.kind, Some(&object.namespace), Some(&object.name)).await {
            Ok(path) => path,
            Err(ClusterError::NoKind { .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        match self.call(Method::GET, &path, "application/json", Vec::new()).await {
            Ok(value) => Ok(Some(value)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Lists a kind, in one namespace or in all. A kind that is not served has no objects.
    pub async fn list(
        &self,
        api_version: &str,
        kind: &str,
        namespace: Option<&str>,
        labels: Option<&str>,
    ) -> Result<Vec<Value>, ClusterError> {
        let path = match self.path(api_version, kind, namespace, None).await {
            Ok(path) => path,
            Err(ClusterError::NoKind { .. }) => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let query = labels.map_or_else(String::new, |labels| format!("?labelSelector={}", encode(labels)));
        let mut list = self.call(Method::GET, &format!("{path}{query}"), "application/json", Vec::new()).await?;
        let Value::Array(mut items) = list["items"].take() else { return Ok(Vec::new()) };
        for item in &mut items {
            // Lists leave these out of their items.
            item["apiVersion"] = json!(api_version);
            item["kind"] = json!(kind);
        }
        Ok(items)
    }

    /// Applies an object server-side, taking fields over from other managers.
    pub async fn apply(&self, manager: &str, object: &Value, dry_run: bool) -> Result<Value, ClusterError> {
        let path = self.path_of(object).await?;
        let dry = if dry_run { "&dryRun=All" } else { "" };
        let path = format!("{path}?fieldManager={}&force=true{dry}", encode(manager));
        self.call(Method::PATCH, &path, "application/apply-patch+yaml", object.to_string().into_bytes()).await
    }

    /// Creates an object.
    pub async fn create(&self, manager: &str, object: &Value) -> Result<Value, ClusterError> {
        let (api_version, kind) = type_of(object);
        let path = self.path(api_version, kind, object["metadata"]["namespace"].as_str(), None).await?;
        self.call(Method::POST, &format!("{path}?fieldManager={}", encode(manager)), "application/json", object.to_string().into_bytes())
            .await
    }

    /// Patches an object or its subresource with a merge patch.
    pub async fn patch(&self, manager: &str, object: &ObjectRef, subresource: Option<&str>, patch: &Value) -> Result<Value, ClusterError> {
        let path = self.path(&object.api_version, &object.kind, Some(&object.namespace), Some(&object.name)).await?;
        let subresource = subresource.map_or_else(String::new, |name| format!("/{name}"));
        let path = format!("{path}{subresource}?fieldManager={}", encode(manager));
        self.call(Method::PATCH, &path, "application/merge-patch+json", patch.to_string().into_bytes()).await
    }

    /// Replaces an object's status, if the object is still the one that was read. Everything else has to be as it was read: where
    /// a kind's status is no subresource, the whole object is written.
    pub async fn put_status(&self, manager: &str, object: &Value) -> Result<Value, ClusterError> {
        let (api_version, kind) = type_of(object);
        let subresource = if self.kind(api_version, kind).await?.status { "/status" } else { "" };
        let path = format!("{}{subresource}?fieldManager={}", self.path_of(object).await?, encode(manager));
        let written = self.call(Method::PUT, &path, "application/json", object.to_string().into_bytes()).await;
        if written.as_ref().is_err_and(ClusterError::is_not_found) {
            // The object is gone, or its definition is another one by now.
            self.kinds.write().expect("no holder panics").remove(api_version);
        }
        written
    }

    /// Deletes an object in the background; `Ok(false)` when it was gone already.
    pub async fn delete(&self, object: &ObjectRef, uid: Option<&str>) -> Result<bool, ClusterError> {
        let path = self.path(&object.api_version, &object.kind, Some(&object.namespace), Some(&object.name)).await?;
        let mut options = json!({"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background"});
        if let Some(uid) = uid {
            options["preconditions"] = json!({"uid": uid});
        }
        match self.call(Method::DELETE, &path, "application/json", options.to_string().into_bytes()).await {
            Ok(_) => Ok(true),
            Err(error) if error.is_not_found() => Ok(false),
            // Another object of that name is not ours to delete.
            Err(error) if error.is_conflict() && uid.is_some() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Sends any request to the API and returns its JSON.
    pub async fn raw(&self, method: Method, path: &str, content_type: &str, body: Vec<u8>) -> Result<Value, ClusterError> {
        self.call(method, path, content_type, body).await
    }

    /// Watches a kind in all namespaces: first everything that is there, then [`WatchChange::Synced`], then changes. The
    /// stream ends when the server ends it; the caller starts over.
    pub async fn watch(
        &self,
        api_version: &str,
        kind: &str,
    ) -> Result<impl Stream<Item = Result<WatchChange, ClusterError>> + use<>, ClusterError> {
        let path = self.path(api_version, kind, None, None).await?;
        let path = format!("{path}?watch=true&allowWatchBookmarks=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan");
        let request =
            Request::get(path).body(Vec::new()).map_err(|error| ClusterError::Unreachable(Box::new(kube::Error::HttpError(error))))?;
        let events = self.client.request_events::<Value>(request).await?;
        Ok(events.filter_map(|event| async {
            Some(Ok(match event {
                Ok(WatchEvent::Added(object) | WatchEvent::Modified(object)) => WatchChange::Applied(object),
                Ok(WatchEvent::Deleted(object)) => WatchChange::Deleted(object),
                Ok(WatchEvent::Bookmark(bookmark)) => {
                    let initial = bookmark.metadata.annotations.get("k8s.io/initial-events-end").is_some_and(|value| value == "true");
                    return initial.then_some(Ok(WatchChange::Synced));
                }
                Ok(WatchEvent::Error(status)) => {
                    return Some(Err(ClusterError::Refused {
                        code: status.code,
                        reason: status.reason.clone(),
                        message: status.message.clone(),
                    }));
                }
                Err(error) => return Some(Err(error.into())),
            }))
        }))
    }

    async fn call(&self, method: Method, path: &str, content_type: &str, body: Vec<u8>) -> Result<Value, ClusterError> {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(http::header::CONTENT_TYPE, content_type)
            .header(http::header::ACCEPT, "application/json")
            .body(body)
            .map_err(|error| ClusterError::Unreachable(Box::new(kube::Error::HttpError(error))))?;
        Ok(self.client.request::<Value>(request).await?)
    }

    async fn path_of(&self, object: &Value) -> Result<String, ClusterError> {
        let (api_version, kind) = type_of(object);
        let metadata = &object["metadata"];
        self.path(api_version, kind, metadata["namespace"].as_str(), metadata["name"].as_str()).await
    }

    async fn path(&self, api_version: &str, kind: &str, namespace: Option<&str>, name: Option<&str>) -> Result<String, ClusterError> {
        let info = self.kind(api_version, kind).await?;
        let root = if api_version.contains('/') { "/apis" } else { "/api" };
        let mut path = format!("{root}/{api_version}");
        if let Some(namespace) = namespace.filter(|namespace| info.namespaced && !namespace.is_empty()) {
            path.push_str(&format!("/namespaces/{}", encode(namespace)));
        } else if info.namespaced && name.is_some() {
            return Err(ClusterError::Refused {
                code: 400,
                reason: "BadRequest".into(),
                message: format!("{kind} {name:?}: namespace not specified"),
            });
        }
        path.push_str(&format!("/{}", info.plural));
        if let Some(name) = name {
            path.push_str(&format!("/{}", encode(name)));
        }
        Ok(path)
    }

    /// Tells whether a kind lives in namespaces.
    pub async fn is_namespaced(&self, api_version: &str, kind: &str) -> Result<bool, ClusterError> {
        Ok(self.kind(api_version, kind).await?.namespaced)
    }

    async fn kind(&self, api_version: &str, kind: &str) -> Result<Kind, ClusterError> {
        let known = |this: &Self| {
            let kinds = this.kinds.read().expect("no holder panics");
            kinds.get(api_version).and_then(|kinds| kinds.get(kind)).cloned()
        };
        if let Some(found) = known(self) {
            return Ok(found);
        }
        let no_kind = || ClusterError::NoKind { api_version: api_version.to_owned(), kind: kind.to_owned() };
        let root = if api_version.contains('/') { "/apis" } else { "/api" };
        let list = match self.call(Method::GET, &format!("{root}/{api_version}"), "application/json", Vec::new()).await {
            Ok(list) => list,
            Err(error) if error.is_not_found() => return Err(no_kind()),
            // An unknown group version is answered in plain text, which the client cannot read as a Status.
            Err(ClusterError::Unreachable(error)) if error.to_string().contains("404") => return Err(no_kind()),
            Err(error) => return Err(error),
        };
        let resources: Vec<&Value> = list["resources"].as_array().into_iter().flatten().collect();
        let names: HashSet<&str> = resources.iter().filter_map(|resource| resource["name"].as_str()).collect();
        let served = resources.iter().filter_map(|resource| {
            let plural = resource["name"].as_str().filter(|name| !name.contains('/'))?;
            let namespaced = resource["namespaced"].as_bool()?;
            let status = names.contains(format!("{plural}/status").as_str());
            Some((resource["kind"].as_str()?.to_owned(), Kind { plural: plural.to_owned(), namespaced, status }))
        });
        self.kinds.write().expect("no holder panics").insert(api_version.to_owned(), served.collect());
        known(self).ok_or_else(no_kind)
    }
}

fn type_of(object: &Value) -> (&str, &str) {
    (object["apiVersion"].as_str().unwrap_or_default(), object["kind"].as_str().unwrap_or_default())
}

/// Percent-encodes what is not allowed in a path segment or query value.
pub(crate) fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}
