//! Kustomization: observe source, rendering and live objects, let [`deploy::kustomization`] decide.

use std::collections::{BTreeMap, HashSet};
use std::sync::Mutex;

use api::text;
use deploy::inventory::Entry;
use deploy::kustomization::{BuildFailure, MANAGER, Observed, decide, health_targets};
use futures::future::BoxFuture;
use model::{ClusterName, Digest, ObjectRef, Timestamp};
use oci::Reference;
use ports::{Cluster, Ports};
use serde_json::{Value, json};

use super::{KUSTOMIZE, SOURCE, signed, trees};
use crate::controller::{Controller, Event, Key, LookError, Pass, Seen, Wake, Watched};

const NAME: &str = "Kustomization";
const OWNER: [&str; 2] = ["kustomize.toolkit.fluxcd.io/name", "kustomize.toolkit.fluxcd.io/namespace"];

/// How many answers about signatures are kept.
const KNOWN: usize = 1_000;

/// Kinds whose changes may change health; all others are looked at when their Kustomization is.
const HEALTH: [(&str, &str); 8] = [
    ("apps/v1", "Deployment"),
    ("apps/v1", "ReplicaSet"),
    ("apps/v1", "StatefulSet"),
    ("apps/v1", "DaemonSet"),
    ("batch/v1", "Job"),
    ("v1", "Namespace"),
    (SOURCE, "OCIRepository"),
    (SOURCE, "GitRepository"),
];

/// Looks after Kustomizations.
pub struct Kustomization {
    ports: Ports,
    /// What was found to be signed as asked: cluster, digest and the question.
    signed: Mutex<HashSet<String>>,
}

impl Kustomization {
    /// Makes the controller.
    pub fn new(ports: Ports) -> Self {
        Self { ports, signed: Mutex::default() }
    }

    /// Checks the signature of the revision that a source tells, where the source asks for one.
    async fn signed(&self, cluster: &ClusterName, source: &Value, now: Timestamp) -> Result<(), BuildFailure> {
        let failed = |message: String, passing: bool| BuildFailure { reason: "ArtifactFailed", message, passing };
        let wanted = &source["spec"]["verify"];
        if source["kind"] != "OCIRepository" || !wanted.is_object() {
            return Ok(());
        }
        let revision = text(source, &["status", "artifact", "revision"]);
        let digest: Digest = revision
            .rsplit_once('@')
            .map_or(revision, |(_, digest)| digest)
            .parse()
            .map_err(|error: model::DigestError| failed(error.to_string(), false))?;
        let key = format!("{}\n{}\n{}\n{digest}\n{wanted}", cluster.0, api::namespace(source), text(source, &["spec", "url"]));
        if self.signed.lock().expect("no holder panics").contains(&key) {
            return Ok(());
        }
        let place = Reference::from_oci_url(text(source, &["spec", "url"])).map_err(|error| failed(error.to_string(), false))?;
        let place = place.with_digest(digest.clone());
        signed::verified(&self.ports, cluster, source, &place, &digest, now)
            .await
            .map_err(|failure| failed(failure.message, failure.passing))?;
        let mut known = self.signed.lock().expect("no holder panics");
        if known.len() >= KNOWN {
            known.clear();
        }
        known.insert(key);
        Ok(())
    }

    async fn observe(&self, key: &Key, seen: &Seen, object: Value) -> Result<Observed, LookError> {
        let cluster = self.ports.clusters.get(&key.cluster)?;
        let wanted = &object["spec"]["sourceRef"];
        let namespace = wanted["namespace"].as_str().unwrap_or(api::namespace(&object));
        let kind = text(wanted, &["kind"]);
        let reference =
            ObjectRef { api_version: SOURCE.into(), kind: kind.into(), namespace: namespace.into(), name: text(wanted, &["name"]).into() };
        let source = cluster.get(&reference).await?;
        let mut dependencies = Vec::new();
        for dependency in object["spec"]["dependsOn"].as_array().into_iter().flatten() {
            let namespace = dependency["namespace"].as_str().unwrap_or(api::namespace(&object));
            let name = text(dependency, &["name"]);
            let reference = ObjectRef { api_version: KUSTOMIZE.into(), kind: NAME.into(), namespace: namespace.into(), name: name.into() };
            dependencies.push((format!("{namespace}/{name}"), cluster.get(&reference).await?));
        }
        let has_artifact = source.as_ref().is_some_and(|source| source["status"]["artifact"]["revision"].is_string());
        let build = match &source {
            Some(source) if has_artifact => match self.signed(&key.cluster, source, seen.now).await {
                Ok(()) => self.build(cluster, &object, source).await?,
                Err(failure) => Err(failure),
            },
            _ => Ok(Vec::new()),
        };
        let live = live(cluster, &object, build.as_deref().unwrap_or_default()).await?;
        Ok(Observed {
            cluster: key.cluster.clone(),
            now: seen.now,
            failure: seen.failure.clone(),
            source,
            dependencies,
            build,
            live,
            object,
        })
    }

    /// Renders the source's revision; the rendering is kept by everything it depends on.
    async fn build(&self, cluster: &Cluster, object: &Value, source: &Value) -> Result<Result<Vec<Value>, BuildFailure>, LookError> {
        let tree = match trees::of_source(&self.ports, source).await {
            Ok(tree) => tree,
            Err(error) => return Ok(Err(BuildFailure { reason: "ArtifactFailed", message: error.text, passing: error.passing })),
        };
        let path = object["spec"]["path"].as_str().unwrap_or("./");
        let overlay = deploy::overlay(&object["spec"]);
        let name = format!("{}\n{path}\n{overlay}", text(source, &["status", "artifact", "revision"]));
        let rendered = match self.ports.trees.rendered(&name) {
            Some(rendered) => rendered,
            None => match kustomize::build_or_generate(&deploy::legible(&tree), path, Some(&overlay)) {
                Ok(objects) => self.ports.trees.keep_rendered(&name, objects),
                Err(error) => {
                    return Ok(Err(BuildFailure {
                        reason: "BuildFailed",
                        message: format!("kustomize build failed: {error}"),
                        passing: false,
                    }));
                }
            },
        };
        let mut objects = rendered.as_ref().clone();
        let target = object["spec"]["targetNamespace"].as_str();
        for each in &mut objects {
            // What names no namespace goes where kubectl would put it.
            if each["metadata"]["namespace"].is_null() {
                let (api_version, kind) = (text(each, &["apiVersion"]).to_owned(), text(each, &["kind"]).to_owned());
                if cluster.is_namespaced(&api_version, &kind).await.unwrap_or(false) {
                    each["metadata"]["namespace"] = json!(target.unwrap_or("default"));
                }
            }
        }
        Ok(Ok(objects))
    }
}

async fn live(cluster: &Cluster, object: &Value, build: &[Value]) -> Result<BTreeMap<ObjectRef, Value>, LookError> {
    let mut wanted: Vec<ObjectRef> = build.iter().map(api::reference).collect();
    wanted.extend(Entry::all(&object["status"]).iter().filter_map(Entry::object));
    wanted.extend(health_targets(object, build));
    wanted.sort();
    wanted.dedup();
    let mut live = BTreeMap::new();
    for reference in wanted {
        match cluster.get(&reference).await {
            Ok(Some(found)) => drop(live.insert(reference, found)),
            Ok(None) => {}
            // A kind that is not served yet has no objects; its application tells why.
            Err(error) if error.is_not_found() || error.code() == Some(400) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(live)
}

impl Controller for Kustomization {
    fn name(&self) -> &'static str {
        NAME
    }

    fn manager(&self) -> &'static str {
        MANAGER
    }

    fn ports(&self) -> &Ports {
        &self.ports
    }

    fn watches(&self) -> Vec<Watched> {
        let mut watched = vec![Watched { api_version: KUSTOMIZE, kind: NAME }];
        watched.extend(HEALTH.map(|(api_version, kind)| Watched { api_version, kind }));
        watched
    }

    fn serves(&self, _cluster: &ClusterName) -> bool {
        true
    }

    fn wakes(&self, event: &Event) -> Vec<Wake> {
        let Event::Object { cluster, object, .. } = event else { return Vec::new() };
        let mut wakes = Vec::new();
        match text(object, &["kind"]) {
            // A Kustomization may be the dependency of others.
            NAME => wakes.extend([Wake::One(Key::of(NAME, cluster, object)), Wake::All(Some(cluster.clone()))]),
            "OCIRepository" | "GitRepository" => wakes.push(Wake::All(Some(cluster.clone()))),
            "Deployment" | "ReplicaSet" | "StatefulSet" | "DaemonSet" | "Job" | "Namespace" => {
                if let [Some(name), Some(namespace)] = OWNER.map(|label| api::label(object, label)) {
                    wakes.push(Wake::One(Key::named(NAME, cluster, namespace, name)));
                }
            }
            _ => {}
        }
        wakes
    }

    fn look<'a>(&'a self, key: &'a Key, seen: &'a Seen) -> BoxFuture<'a, Result<Option<Pass>, LookError>> {
        Box::pin(async move {
            let Some(object) = self.ports.clusters.get(&key.cluster)?.get(&super::reference(KUSTOMIZE, NAME, key)).await? else {
                return Ok(None);
            };
            let observed = self.observe(key, seen, object.clone()).await?;
            Ok(Some(Pass { subject: Some(object), decision: decide(&observed) }))
        })
    }
}
