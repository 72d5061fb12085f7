//! What can be compared: folders, artifacts, clusters, and what an environment's pointer names.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, bail};
use api::text;
use deploy::inventory::Entry;
use deploy::kustomization::MANAGER;
use model::{ClusterName, ObjectRef, Tree};
use oci::{Limits, Manifest, Reference, unpack_layer};
use ports::{Cluster, Ports, Registry};
use serde_json::{Value, json};

use super::{Change, Changes};
use crate::clusters::Target;
use crate::{Hosts, kustomize_build};

const SOURCE: &str = "source.toolkit.fluxcd.io/v1";
const KUSTOMIZE: &str = "kustomize.toolkit.fluxcd.io/v1";

/// Labels that name the Kustomization which an object belongs to.
const OWNER: [&str; 2] = ["kustomize.toolkit.fluxcd.io/name", "kustomize.toolkit.fluxcd.io/namespace"];

/// Where the sides of a comparison are.
pub(super) struct Places<'a> {
    pub ports: Option<&'a Ports>,
    pub target: &'a Target,
    pub path: &'a str,
}

/// What was found out.
#[derive(Default)]
pub(super) struct Found {
    pub changes: Changes,
    /// What a reader should know besides.
    pub notes: Vec<String>,
}

type Objects = BTreeMap<ObjectRef, Value>;

/// Pairs the objects of two sides.
pub(super) fn paired(before: Objects, mut after: Objects) -> Changes {
    let mut changes: Changes = before
        .into_iter()
        .map(|(reference, before)| {
            let after = after.remove(&reference);
            (reference, Change { before: Some(before), after })
        })
        .collect();
    changes.extend(after.into_iter().map(|(reference, after)| (reference, Change { before: None, after: Some(after) })));
    changes
}

impl Places<'_> {
    /// Compares two sides. A cluster on the right is asked what it would make of the left; one on the left is what is there now.
    pub(super) async fn compare(&self, from: &str, to: &str) -> anyhow::Result<Found> {
        let (left, right) = (self.rendered(from).await?, self.rendered(to).await?);
        match (left, right) {
            (Some(left), Some(right)) => Ok(Found { changes: paired(by_name(left), by_name(right)), notes: Vec::new() }),
            (Some(wanted), None) => self.against(&self.cluster(to).await?, wanted).await,
            (None, Some(wanted)) => self.against(&self.cluster(from).await?, wanted).await,
            (None, None) => bail!("{from} and {to} are neither folders nor artifacts; clusters are compared with one of these"),
        }
    }

    /// Renders a folder or artifact; `None`: it is neither.
    async fn rendered(&self, operand: &str) -> anyhow::Result<Option<Vec<Value>>> {
        if operand.starts_with("oci://") {
            let place = Reference::from_oci_url(operand)?;
            let tree = pull(&self.registry(&place.host)?, &place).await.with_context(|| operand.to_owned())?;
            return Ok(Some(kustomize::build_or_generate(&tree, self.path, None).with_context(|| operand.to_owned())?));
        }
        let folder = Path::new(operand);
        if !folder.is_dir() {
            return Ok(None);
        }
        let options = kustomize::Options { order: kustomize::Order::Legacy, restriction: kustomize::Restriction::None };
        Ok(Some(kustomize_build::objects(folder, options)?.objects))
    }

    fn registry(&self, host: &str) -> anyhow::Result<Registry> {
        match self.ports {
            Some(ports) => Ok(ports.registry.clone()),
            None => Hosts::from_env()?.registry(host),
        }
    }

    async fn cluster(&self, name: &str) -> anyhow::Result<Cluster> {
        match self.ports {
            Some(ports) => Ok(ports.clusters.get(&ClusterName(name.to_owned()))?.clone()),
            None => self.target.named(name).await,
        }
    }

    async fn against(&self, cluster: &Cluster, wanted: Vec<Value>) -> anyhow::Result<Found> {
        let mut found = Found::default();
        effect(cluster, wanted, &mut found).await?;
        Ok(found)
    }

    /// Compares what an environment's pointer names with what its cluster holds.
    pub(super) async fn environment(&self, name: &str, only: Option<&str>) -> anyhow::Result<Found> {
        let cluster = self.cluster(name).await?;
        let mut kustomizations = cluster.list(KUSTOMIZE, "Kustomization", None, None).await.with_context(|| format!("cluster {name}"))?;
        // Those that follow a branch hold the pointers of the others, so they come first.
        kustomizations.sort_by_key(|object| text(object, &["spec", "sourceRef", "kind"]) != "GitRepository");
        let mut pointers: Objects = BTreeMap::new();
        let mut found = Found::default();
        let mut looked = 0;
        for object in kustomizations {
            let reference = api::reference(&object);
            let object = pointers.get(&reference).cloned().map_or(object.clone(), |pointer| with_status(pointer, &object));
            let chosen = only.is_none_or(|only| only == reference.name);
            let follows_branch = text(&object, &["spec", "sourceRef", "kind"]) == "GitRepository";
            if !chosen && !follows_branch {
                continue;
            }
            let shown = format!("Kustomization {}/{}", reference.namespace, reference.name);
            let (tree, revision) = match self.source(&cluster, &object, &pointers).await {
                Ok(source) => source,
                Err(error) if follows_branch => {
                    found.notes.push(format!("{shown} is not looked at: {}", crate::chain(&error)));
                    continue;
                }
                Err(error) => return Err(error.context(shown)),
            };
            let wanted = render(&tree, &object).with_context(|| shown.clone())?;
            if follows_branch {
                pointers.extend(wanted.iter().map(|object| (api::reference(object), object.clone())));
            }
            if chosen {
                looked += 1;
                let held = if object["spec"]["suspend"] == true { ", suspended" } else { "" };
                found.notes.push(format!("{shown}: {revision}{held}"));
                pruned(&cluster, &object, &wanted, &mut found).await?;
                effect(&cluster, wanted, &mut found).await?;
            }
        }
        if looked == 0 {
            bail!("cluster {name} has no Kustomization {}", only.unwrap_or("at all"));
        }
        Ok(found)
    }

    /// What the source of a Kustomization names now, whether it was fetched by the cluster or not.
    async fn source(&self, cluster: &Cluster, object: &Value, pointers: &Objects) -> anyhow::Result<(Tree, String)> {
        let wanted = &object["spec"]["sourceRef"];
        let namespace = wanted["namespace"].as_str().unwrap_or(api::namespace(object));
        let (kind, name) = (text(wanted, &["kind"]), text(wanted, &["name"]));
        let reference = ObjectRef { api_version: SOURCE.into(), kind: kind.into(), namespace: namespace.into(), name: name.into() };
        let source = match pointers.get(&reference) {
            Some(source) => source.clone(),
            None => cluster.get(&reference).await?.with_context(|| format!("{kind} {namespace}/{name} not found"))?,
        };
        let url = text(&source, &["spec", "url"]);
        let told = &source["spec"]["ref"];
        match kind {
            "OCIRepository" => {
                if !told["semver"].is_null() {
                    bail!("spec.ref.semver of OCIRepository {name} is not supported: name a tag or digest");
                }
                let place = Reference::from_oci_url(url)?;
                let place = match (told["digest"].as_str(), told["tag"].as_str()) {
                    (Some(digest), _) => place.with_digest(digest.parse()?),
                    (None, tag) => place.with_tag(tag.unwrap_or("latest").parse()?),
                };
                let tree = pull(&self.registry(&place.host)?, &place).await.with_context(|| place.to_string())?;
                Ok((tree, place.to_string()))
            }
            "GitRepository" => {
                let git = &self.ports.context("the Git repository is reached through a running `up` only")?.git;
                let branch = told["branch"].as_str().unwrap_or("master");
                if ["tag", "semver", "commit", "name"].iter().any(|field| !told[*field].is_null()) {
                    bail!("spec.ref of GitRepository {name} is not supported but for a branch");
                }
                let (commit, tree) = git.checkout(url, branch).await?.with_context(|| format!("{url} has no branch {branch}"))?;
                Ok((tree, format!("{branch}@{commit}")))
            }
            other => bail!("sources of kind {other} are not supported"),
        }
    }
}

/// A pointer's new content with what the cluster knows of the object.
fn with_status(mut pointer: Value, live: &Value) -> Value {
    pointer["status"] = live["status"].clone();
    if !live["spec"]["suspend"].is_null() {
        pointer["spec"]["suspend"] = live["spec"]["suspend"].clone();
    }
    pointer
}

fn by_name(objects: Vec<Value>) -> Objects {
    objects.into_iter().map(|object| (api::reference(&object), object)).collect()
}

/// Fetches an artifact; its bytes have the digests that its manifest names.
async fn pull(registry: &Registry, place: &Reference) -> anyhow::Result<Tree> {
    let manifest: Manifest = serde_json::from_slice(&registry.manifest(place).await?.bytes).context("the manifest is malformed")?;
    let layer = manifest.layers.first().context("the artifact has no layers")?;
    let bytes = registry.blob(place, &layer.digest).await?;
    unpack_layer(&bytes, &Limits::default()).context("the artifact cannot be unpacked")
}

/// Renders what a Kustomization applies.
fn render(tree: &Tree, object: &Value) -> anyhow::Result<Vec<Value>> {
    let spec = &object["spec"];
    if let Some(why) = api::refusal(object) {
        bail!("{why}");
    }
    let path = spec["path"].as_str().unwrap_or("./");
    let objects = kustomize::build_or_generate(&deploy::legible(tree), path, Some(&deploy::overlay(spec)))?;
    deploy::substitute(objects, &spec["postBuild"]).map_err(anyhow::Error::msg)
}

/// Asks a cluster what it would hold after an application, by dry run.
async fn effect(cluster: &Cluster, wanted: Vec<Value>, found: &mut Found) -> anyhow::Result<()> {
    for mut object in wanted {
        let (api_version, kind) = (text(&object, &["apiVersion"]).to_owned(), text(&object, &["kind"]).to_owned());
        if object["metadata"]["namespace"].is_null() && cluster.is_namespaced(&api_version, &kind).await.unwrap_or(false) {
            object["metadata"]["namespace"] = json!("default");
        }
        let reference = api::reference(&object);
        let before = match cluster.get(&reference).await {
            Ok(live) => live,
            // A kind that is not served yet has no objects.
            Err(error) if error.is_not_found() || error.code() == Some(400) => None,
            Err(error) => return Err(error).with_context(|| format!("{kind} {}", reference.name)),
        };
        // What Flux notes at everything that it applies is no change of anybody's.
        for label in OWNER {
            if let Some(owner) = before.as_ref().and_then(|live| api::label(live, label)) {
                object["metadata"]["labels"][label] = json!(owner);
            }
        }
        let after = match cluster.apply(MANAGER, &object, true).await {
            Ok(after) => after,
            // Its kind or namespace may come with the same application.
            Err(error) if before.is_none() => {
                found.notes.push(format!(
                    "{kind} {}: shown as rendered, the cluster does not try it: {}",
                    reference.name,
                    crate::chain(&error.into())
                ));
                object
            }
            Err(error) => return Err(error).with_context(|| format!("{kind} {}", reference.name)),
        };
        found.changes.insert(reference, Change { before, after: Some(after) });
    }
    Ok(())
}

/// What a Kustomization applied and does not want any more.
async fn pruned(cluster: &Cluster, object: &Value, wanted: &[Value], found: &mut Found) -> anyhow::Result<()> {
    if object["spec"]["prune"] != true {
        return Ok(());
    }
    let kept: Vec<ObjectRef> = wanted.iter().map(api::reference).collect();
    let same = |one: &ObjectRef, other: &ObjectRef| {
        let namespace = |text: &str| if text.is_empty() { "default".to_owned() } else { text.to_owned() };
        one.kind == other.kind
            && one.name == other.name
            && (one.namespace == other.namespace || namespace(&one.namespace) == namespace(&other.namespace))
    };
    for reference in Entry::all(&object["status"]).iter().filter_map(Entry::object) {
        if kept.iter().any(|kept| same(kept, &reference)) {
            continue;
        }
        if let Ok(Some(live)) = cluster.get(&reference).await {
            found.changes.insert(reference, Change { before: Some(live), after: None });
        }
    }
    Ok(())
}
