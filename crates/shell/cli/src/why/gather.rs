//! Reads the facts. What cannot be read is noted and does not hide the rest. Read first: [`gather`].

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, bail};
use api::text;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::future::{join_all, join3};
use git::{ObjectId, Objects};
use jiff::Timestamp;
use model::{ClusterName, Digest, ObjectRef};
use oci::Reference;
use ports::{Cluster, ClusterError, Ports};
use promote::target::{deliveries, images, target};
use promote::{ARGO, KARGO};
use serde_json::Value;

use super::facts::{FORMAT, Facts, Place, Stored};

const SOURCE: &str = "source.toolkit.fluxcd.io/v1";
const KUSTOMIZE: &str = "kustomize.toolkit.fluxcd.io/v1";
/// The kinds that run Pods, with the group they are in.
const WORKLOADS: [(&str, &str); 3] = [("apps/v1", "Deployment"), ("apps/v1", "StatefulSet"), ("apps/v1", "DaemonSet")];
/// Where commit keys lie.
const SIGNERS: (&str, &str) = ("flux-system", "git-signers");

/// Which environment is asked about.
pub(super) struct Subject<'a> {
    /// The cluster that Kargo lives in.
    pub home: &'a str,
    pub environment: &'a str,
    pub application: Option<&'a str>,
}

/// Reads everything about what an environment runs, but the trust root. Where a new connection costs more than a request, one connection asks one thing
/// after the other, and several clusters are asked at once.
pub(super) async fn gather(ports: &Ports, subject: &Subject<'_>, now: Timestamp) -> anyhow::Result<Facts> {
    let home = ports.clusters.get(&ClusterName(subject.home.to_owned()))?;
    let stage = stage(home, subject).await?;
    let namespace = api::namespace(&stage).to_owned();
    let place = Some(namespace.as_str());
    let project = ObjectRef { api_version: "v1".into(), kind: "Namespace".into(), namespace: String::new(), name: namespace.clone() };
    let mut facts = Facts {
        format: FORMAT.to_owned(),
        at: now,
        stage,
        project: home.get(&project).await?,
        configs: home.list(KARGO, "ProjectConfig", place, None).await?,
        freight: home.list(KARGO, "Freight", place, None).await?,
        promotions: home.list(KARGO, "Promotion", place, None).await?,
        runs: home.list(ARGO, "AnalysisRun", place, None).await?,
        cluster: String::new(),
        source: None,
        kustomization: None,
        workloads: Vec::new(),
        pods: Vec::new(),
        policies: Vec::new(),
        namespaces: Vec::new(),
        registry: BTreeMap::new(),
        git: BTreeMap::new(),
        pointer: None,
        built_from: None,
        signers: BTreeMap::new(),
        trusted_root: Value::Null,
        unread: Vec::new(),
    };
    concerned(&mut facts);
    delivery(ports, &mut facts).await?;
    signers(home, &mut facts).await;
    stored(ports, &mut facts).await;
    commits(ports, &mut facts).await;
    Ok(facts)
}

/// How many of the newest Freight are kept besides what runs: enough to say what is next.
const NEWEST: usize = 20;

/// Leaves out what has nothing to do with what runs.
fn concerned(facts: &mut Facts) {
    let digests = promote::stage::current_digests(&facts.stage);
    let runs = |one: &Value| {
        one["images"].as_array().into_iter().flatten().any(|image| digests.iter().any(|digest| image["digest"] == digest.as_str()))
    };
    promote::freight::newest_first(&mut facts.freight);
    let mut kept = 0;
    facts.freight.retain(|one| {
        kept += 1;
        kept <= NEWEST || runs(one)
    });
    let here: Vec<String> = facts.freight.iter().filter(|one| runs(one)).map(|one| api::name(one).to_owned()).collect();
    let last = text(&facts.stage, &["status", "lastPromotion", "name"]).to_owned();
    facts.promotions.retain(|one| api::name(one) == last || here.iter().any(|freight| one["spec"]["freight"] == freight.as_str()));
    let promotions: Vec<String> = facts.promotions.iter().map(|one| api::name(one).to_owned()).collect();
    facts.runs.retain(|run| {
        let promotion = api::annotation(run, "kargo.akuity.io/promotion");
        promotion.is_some_and(|promotion| promotions.iter().any(|name| name == promotion))
    });
}

async fn stage(home: &Cluster, subject: &Subject<'_>) -> anyhow::Result<Value> {
    let all = home.list(KARGO, "Stage", None, None).await?;
    let meant = |stage: &&Value| {
        let namespace = api::namespace(stage);
        let application = subject.application.is_none_or(|wanted| namespace == wanted || namespace == format!("kargo-{wanted}"));
        api::name(stage) == subject.environment && application
    };
    let found: Vec<&Value> = all.iter().filter(meant).collect();
    match found.as_slice() {
        [one] => Ok((*one).clone()),
        [] => {
            let names: BTreeSet<&str> = all.iter().map(api::name).collect();
            bail!("there is no Stage {}: there are {}", subject.environment, names.into_iter().collect::<Vec<_>>().join(", "))
        }
        several => {
            let names: Vec<String> = several.iter().map(|stage| format!("{}/{}", subject.environment, api::namespace(stage))).collect();
            bail!("which one? {}", names.join(" or "))
        }
    }
}

/// Finds the cluster and the objects that deliver what the Stage promotes, and what they have brought to run.
async fn delivery(ports: &Ports, facts: &mut Facts) -> anyhow::Result<()> {
    let Some(target) = target(&facts.stage) else {
        facts.unread.push("the Stage's promotion edits no pointer, so its target is not known".to_owned());
        return Ok(());
    };
    let synced = join_all(ports.clusters.names().map(|name| async move {
        let cluster = ports.clusters.get(name)?;
        let kustomizations = cluster.list(KUSTOMIZE, "Kustomization", None, None).await?;
        let repositories = cluster.list(SOURCE, "GitRepository", None, None).await?;
        let sources = cluster.list(SOURCE, "OCIRepository", None, None).await?;
        Ok::<_, ClusterError>((cluster, kustomizations, repositories, sources))
    }))
    .await;
    for (name, synced) in ports.clusters.names().zip(synced) {
        let (cluster, kustomizations, repositories, sources) = match synced {
            Ok(synced) => synced,
            Err(error) => {
                facts.unread.push(format!("cluster {}: {error}", name.0));
                continue;
            }
        };
        let Some(found) = deliveries(&target, &images(&facts.stage), &kustomizations, &repositories, &sources) else { continue };
        let Some(delivery) = found.first() else { continue };
        facts.cluster = name.0.clone();
        facts.source = Some(delivery.source.clone());
        facts.kustomization = Some(delivery.kustomization.clone());
        return running(cluster, facts).await;
    }
    facts.unread.push(format!("no cluster syncs {} of {}", target.path, target.repository));
    Ok(())
}

/// Reads the workloads that the Kustomization has applied, and their Pods.
async fn running(cluster: &Cluster, facts: &mut Facts) -> anyhow::Result<()> {
    let applied = facts.kustomization.as_ref().map(|live| live["status"]["inventory"]["entries"].clone()).unwrap_or_default();
    let mut namespaces = BTreeSet::new();
    for entry in applied.as_array().into_iter().flatten() {
        // `namespace_name_group_Kind`
        let id: Vec<&str> = text(entry, &["id"]).split('_').collect();
        let [namespace, name, _, kind] = id.as_slice() else { continue };
        let Some((api_version, kind)) = WORKLOADS.iter().find(|(_, known)| known == kind) else { continue };
        let reference =
            ObjectRef { api_version: (*api_version).into(), kind: (*kind).into(), namespace: (*namespace).into(), name: (*name).into() };
        let Some(workload) = cluster.get(&reference).await? else { continue };
        let labels = workload["spec"]["selector"]["matchLabels"].as_object().into_iter().flatten();
        let selector: Vec<String> = labels.map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default())).collect();
        facts.pods.extend(cluster.list("v1", "Pod", Some(namespace), Some(&selector.join(","))).await?);
        facts.workloads.push(workload);
        namespaces.insert((*namespace).to_owned());
    }
    for name in namespaces {
        let reference = ObjectRef { api_version: "v1".into(), kind: "Namespace".into(), namespace: String::new(), name };
        facts.namespaces.extend(cluster.get(&reference).await?);
    }
    facts.policies = cluster.list("policy.sigstore.dev/v1beta1", "ClusterImagePolicy", None, None).await.unwrap_or_default();
    Ok(())
}

async fn signers(home: &Cluster, facts: &mut Facts) {
    let (namespace, name) = SIGNERS;
    let reference = ObjectRef { api_version: "v1".into(), kind: "Secret".into(), namespace: namespace.into(), name: name.into() };
    match home.get(&reference).await {
        Ok(Some(secret)) => {
            for (key, value) in secret["data"].as_object().into_iter().flatten() {
                let bytes = STANDARD.decode(value.as_str().unwrap_or_default()).unwrap_or_default();
                let name = key.trim_end_matches(".sshpub").to_owned();
                facts.signers.insert(name, String::from_utf8_lossy(&bytes).trim().to_owned());
            }
        }
        Ok(None) => facts.unread.push(format!("there is no Secret {namespace}/{name} with the keys of commits")),
        Err(error) => facts.unread.push(format!("the keys of commits: {error}")),
    }
}

/// Fetches the artifact and the images that run, by digest, with their signatures.
async fn stored(ports: &Ports, facts: &mut Facts) {
    let mut wanted: BTreeMap<String, Reference> = BTreeMap::new();
    let artifact = artifact(facts);
    let pods = facts.pods.iter().flat_map(super::chain::containers).map(|container| container.image_id);
    for name in artifact.iter().cloned().chain(pods) {
        match name.parse::<Reference>() {
            Ok(place) if place.digest.is_some() => drop(wanted.insert(name, place)),
            _ => {}
        }
    }
    let fetched = join_all(wanted.into_iter().map(|(name, place)| {
        let whole = artifact.as_ref() == Some(&name);
        async move {
            let result = fetch(ports, &place, whole).await;
            (name, result)
        }
    }))
    .await;
    for (name, result) in fetched {
        match result {
            Ok(found) => drop(facts.registry.insert(name, found)),
            Err(error) => facts.unread.push(format!("{name}: {}", crate::chain(&error))),
        }
    }
}

async fn fetch(ports: &Ports, place: &Reference, whole: bool) -> anyhow::Result<Stored> {
    let digest: Digest = place.digest.clone().context("a digest")?;
    let (fetched, bundles, legacy) =
        join3(ports.registry.manifest(place), ports.registry.bundles(place, &digest), ports.registry.legacy_signatures(place, &digest))
            .await;
    let manifest = fetched?.bytes.to_vec();
    let layer = match serde_json::from_slice::<oci::Manifest>(&manifest)
        .ok()
        .filter(|_| whole)
        .and_then(|manifest| manifest.layers.first().cloned())
    {
        Some(layer) => ports.registry.blob(place, &layer.digest).await?.to_vec(),
        None => Vec::new(),
    };
    let mut signatures = bundles?;
    signatures.extend(legacy?);
    Ok(Stored { manifest, layer, signatures })
}

/// Returns the artifact that the environment has applied, as `host/name@digest`.
pub(super) fn artifact(facts: &Facts) -> Option<String> {
    let applied = text(facts.kustomization.as_ref()?, &["status", "lastAppliedRevision"]);
    let digest = applied.rsplit_once('@').map_or(applied, |(_, digest)| digest);
    let url = text(facts.source.as_ref()?, &["spec", "url"]).strip_prefix("oci://")?;
    (!digest.is_empty()).then(|| format!("{url}@{digest}"))
}

/// Fetches the commit that the artifact was built from, and the one that points the environment at it with the file in it.
async fn commits(ports: &Ports, facts: &mut Facts) {
    facts.built_from = artifact(facts).and_then(|name| facts.registry.get(&name)).and_then(|stored| {
        let manifest: Value = serde_json::from_slice(&stored.manifest).ok()?;
        let annotation = |key: &str| manifest["annotations"][key].as_str().unwrap_or_default().to_owned();
        let revision = annotation("org.opencontainers.image.revision");
        let commit = revision.rsplit([':', '@', '/']).next().unwrap_or_default().to_owned();
        Some(Place { repository: annotation("org.opencontainers.image.source"), commit, path: String::new() })
    });
    facts.pointer = pointer(ports, facts).await;
    let places: Vec<Place> = facts.built_from.iter().chain(&facts.pointer).cloned().collect();
    let mut by_repository: BTreeMap<String, Vec<(ObjectId, String)>> = BTreeMap::new();
    for place in places {
        match place.commit.parse::<ObjectId>() {
            Ok(id) => by_repository.entry(place.repository).or_default().push((id, place.path)),
            Err(error) => facts.unread.push(format!("commit {:?} of {}: {error}", place.commit, place.repository)),
        }
    }
    for (repository, wanted) in by_repository {
        let ids: Vec<ObjectId> = wanted.iter().map(|(id, _)| *id).collect();
        let mut keep_all = |objects: &dyn Objects| wanted.iter().for_each(|(id, path)| keep(facts, objects, id, path));
        let fetched = match ports.git.shallow(&repository, &ids).await {
            Ok(objects) => {
                keep_all(&objects);
                Ok(())
            }
            // A server that knows no shallow clones gives everything.
            Err(_) => {
                let look = |objects: &dyn Objects| {
                    keep_all(objects);
                    Ok(())
                };
                ports.git.with_objects(&repository, &ids, look).await
            }
        };
        if let Err(error) = fetched {
            facts.unread.push(format!("{repository}: {error}"));
        }
    }
}

/// Keeps a commit, and the trees and the file on the way to a path in it.
fn keep(facts: &mut Facts, objects: &dyn Objects, commit: &ObjectId, path: &str) {
    facts.keep(objects, commit);
    let Ok(root) = git::tree_of_commit(objects, commit) else { return };
    if path.is_empty() {
        return;
    }
    facts.keep(objects, &root);
    let parts: Vec<&str> = path.split('/').collect();
    for end in 1..=parts.len() {
        if let Ok(Some((_, id))) = git::entry_at(objects, &root, &parts[..end].join("/")) {
            facts.keep(objects, &id);
        }
    }
}

/// Finds the commit that points the environment at what it runs: the Promotion's own, or, where somebody has edited the pointer
/// since, the last one that touched the file.
async fn pointer(ports: &Ports, facts: &mut Facts) -> Option<Place> {
    let target = target(&facts.stage)?;
    let (repository, path) = (target.repository, target.path);
    let promoted = promote::stage::current_digests(&facts.stage);
    let applied = text(facts.kustomization.as_ref()?, &["status", "lastAppliedRevision"]);
    if promoted.iter().any(|digest| applied.ends_with(digest.as_str()))
        && let Some(commit) = super::chain::promotion(facts).and_then(super::chain::commit_of)
    {
        return Some(Place { repository, commit, path });
    }
    let query = format!("/commits?sha=main&limit=1&path={path}");
    match ports.forge.call(&repository, http::Method::GET, &query, None, "maintainer").await {
        Ok(found) => Some(Place { repository, commit: text(&found[0], &["sha"]).to_owned(), path }),
        Err(error) => {
            facts.unread.push(format!("the history of {path}: {error}"));
            None
        }
    }
}
