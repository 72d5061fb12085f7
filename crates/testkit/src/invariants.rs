//! What must hold in every journey, checked at every change and once more at its end.
//! Read first: [`Invariants::object`], [`Invariants::at_end`].

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, bail, ensure};
use api::{label, name, namespace, text};
use git::{Kind, ObjectId};
use http::Method;
use serde_json::Value;
use store::Change;
use supercargo::world::{Stores, World, forge_url};

/// Where Kargo lives.
const HOME: &str = "management";
const KARGO: &str = "/registry/kargo.akuity.io/";
const DEPLOYMENT: &str = "org/deployment";
/// Who signs commits on main.
const SIGNERS: [&str; 4] = ["maintainer", "operator", "renovate", "kargo"];

/// Watches every change of a world.
pub struct Invariants {
    stores: Stores,
    /// The digest that each tag was given first.
    tags: BTreeMap<String, String>,
    /// Names of Freight that is verified in prod.
    delivered: BTreeSet<String>,
    /// A version that must not get beyond dev.
    held: Option<String>,
}

impl Invariants {
    /// Starts with what is there.
    pub fn new(stores: &Stores, held: Option<String>) -> anyhow::Result<Self> {
        let mut invariants = Self { stores: stores.clone(), tags: BTreeMap::new(), delivered: BTreeSet::new(), held };
        for (key, entry) in stores.registry.scan("tag:").0 {
            invariants.tag(&key, Some(&entry.value))?;
        }
        for freight in invariants.all(HOME, &format!("{KARGO}freights/")) {
            invariants.verified(None, &freight)?;
        }
        Ok(invariants)
    }

    /// Returns how many Freight are verified in prod.
    pub fn delivered(&self) -> usize {
        self.delivered.len()
    }

    fn read(&self, cluster: &str, key: &str) -> Option<Value> {
        serde_json::from_slice(&self.stores.clusters.get(cluster)?.get(key)?.value).ok()
    }

    fn all(&self, cluster: &str, prefix: &str) -> Vec<Value> {
        let found = self.stores.clusters.get(cluster).map(|store| store.scan(prefix).0).unwrap_or_default();
        found.into_iter().filter_map(|(_, entry)| serde_json::from_slice(&entry.value).ok()).collect()
    }

    fn kargo(&self, plural: &str, name: &str) -> anyhow::Result<Value> {
        self.read(HOME, &format!("{KARGO}{plural}/kargo-myapp/{name}")).with_context(|| format!("{plural} {name} is not there"))
    }

    fn delivery(&self, cluster: &str) -> Value {
        self.read(cluster, "/registry/kustomize.toolkit.fluxcd.io/kustomizations/flux-system/myapp").unwrap_or_default()
    }

    /// Checks a change of the registry: a tag has one digest for ever.
    pub fn registry(&mut self, change: &Change) -> anyhow::Result<()> {
        self.tag(&change.key, change.after.as_ref().map(|entry| &entry.value))
    }

    fn tag(&mut self, key: &str, value: Option<&bytes::Bytes>) -> anyhow::Result<()> {
        let attached = key.rsplit(':').next().is_some_and(oci::is_attachment);
        if !key.starts_with("tag:") || key.ends_with(":latest") || attached {
            return Ok(());
        }
        let digest = String::from_utf8_lossy(value.with_context(|| format!("{key} is gone"))?).into_owned();
        let first = self.tags.entry(key.to_owned()).or_insert_with(|| digest.clone());
        ensure!(*first == digest, "{key} was {first} and is {digest} now");
        Ok(())
    }

    /// Checks a change of a cluster's object.
    pub fn object(&mut self, cluster: &str, before: Option<&Value>, after: Option<&Value>) -> anyhow::Result<()> {
        let Some(object) = after else { return Ok(()) };
        match text(object, &["kind"]) {
            "Deployment" => self.rollout(cluster, object),
            // One elsewhere is no Stage's.
            "AnalysisRun" if before.is_none() && namespace(object) == "kargo-myapp" => self.run_starts(object),
            "Freight" => {
                if before.is_none() {
                    self.freight_is_new(object)?;
                }
                self.verified(before, object)
            }
            "Promotion" if text(object, &["status", "phase"]) == "Succeeded" => self.promoted_once(object),
            _ => Ok(()),
        }
        .with_context(|| format!("{} {} of {cluster}", text(object, &["kind"]), name(object)))
    }

    /// What runs in staging was verified in dev, and what runs in prod in staging; a version that is held runs in neither.
    fn rollout(&self, cluster: &str, workload: &Value) -> anyhow::Result<()> {
        let upstream = match cluster {
            "staging" => "dev",
            "prod" => "staging",
            _ => return Ok(()),
        };
        let image = text(&workload["spec"]["template"]["spec"]["containers"][0], &["image"]);
        if let Some(held) = &self.held {
            ensure!(!image.ends_with(&format!(":{held}")), "{held} got as far as {cluster}");
        }
        let source = self.read(cluster, "/registry/source.toolkit.fluxcd.io/ocirepositories/flux-system/myapp").unwrap_or_default();
        let revision = text(&source, &["status", "artifact", "revision"]);
        let freight = self
            .all(HOME, &format!("{KARGO}freights/"))
            .into_iter()
            .find(|freight| revision.ends_with(&format!("@{}", digest_of(freight))));
        let freight = freight.with_context(|| format!("{revision} is no Freight"))?;
        ensure!(
            freight["status"]["verifiedIn"][upstream].is_object(),
            "{cluster} rolls out {revision}, which is not verified in {upstream}"
        );
        Ok(())
    }

    /// Tests start only for the digest that was promoted, and only where that digest is applied and Ready.
    fn run_starts(&self, run: &Value) -> anyhow::Result<()> {
        let stage = label(run, "kargo.akuity.io/stage").context("it names a Stage")?;
        let live = self.kargo("stages", stage)?;
        let items = live["status"]["freightHistory"][0]["items"].as_object();
        let current = items.and_then(|items| items.values().next()).context("the Stage runs Freight")?;
        let digest = text(&current["images"][0], &["digest"]);
        let delivery = self.delivery(stage);
        let applied = text(&delivery, &["status", "lastAppliedRevision"]);
        ensure!(!digest.is_empty() && applied.ends_with(&format!("@{digest}")), "{stage} promoted {digest}, but {applied} is applied");
        ensure!(api::is_true(&delivery, "Ready"), "Kustomization myapp of {stage} is not Ready: {}", delivery["status"]["conditions"]);
        let promotion = api::annotation(run, "kargo.akuity.io/promotion").context("it names a Promotion")?;
        let promoted = self.kargo("promotions", promotion)?;
        ensure!(text(&promoted, &["status", "phase"]) == "Succeeded", "{promotion} is {}", promoted["status"]["phase"]);
        ensure!(
            promoted["spec"]["freight"] == current["name"] && promoted["spec"]["stage"] == stage,
            "{promotion} promoted something else"
        );
        let ulid = promotion.rsplit('.').nth(1).unwrap_or_default();
        ensure!(name(run).starts_with(&format!("{stage}.{ulid}.")), "its name does not belong to {promotion}");
        let runs = self.all(HOME, "/registry/argoproj.io/analysisruns/");
        let same = runs.iter().filter(|other| api::annotation(other, "kargo.akuity.io/promotion") == Some(promotion)).count();
        ensure!(same == 1, "{promotion} is verified {same} times");
        Ok(())
    }

    fn freight_is_new(&self, freight: &Value) -> anyhow::Result<()> {
        let digest = digest_of(freight);
        let same = self.all(HOME, &format!("{KARGO}freights/")).iter().filter(|other| digest_of(other) == digest).count();
        ensure!(same == 1, "{same} Freight have {digest}");
        Ok(())
    }

    /// A Freight is verified only in a Stage that ran it, and only by a run of that very promotion.
    fn verified(&mut self, before: Option<&Value>, freight: &Value) -> anyhow::Result<()> {
        for stage in freight["status"]["verifiedIn"].as_object().into_iter().flatten().map(|(stage, _)| stage) {
            if before.is_some_and(|before| before["status"]["verifiedIn"][stage].is_object()) {
                continue;
            }
            let live = self.kargo("stages", stage)?;
            let history = live["status"]["freightHistory"].as_array().context("the Stage ran nothing yet")?;
            let ran = |entry: &Value| entry["items"].as_object().into_iter().flatten().any(|(_, item)| item["name"] == name(freight));
            ensure!(history.iter().any(ran), "it is verified in {stage}, which never ran it");
            if live["spec"]["verification"].is_object() {
                self.has_good_run(stage, name(freight))?;
            } else if before.is_some() {
                let delivery = self.delivery(stage);
                let applied = text(&delivery, &["status", "lastAppliedRevision"]);
                ensure!(applied.ends_with(&format!("@{}", digest_of(freight))), "it is verified in {stage}, where {applied} is applied");
            }
            if stage == "prod" {
                self.delivered.insert(name(freight).to_owned());
            }
        }
        Ok(())
    }

    fn has_good_run(&self, stage: &str, freight: &str) -> anyhow::Result<()> {
        let runs = self.all(HOME, "/registry/argoproj.io/analysisruns/");
        let promotion = |run: &Value| {
            self.kargo("promotions", api::annotation(run, "kargo.akuity.io/promotion").unwrap_or_default()).unwrap_or_default()
        };
        let good = |run: &&Value| {
            label(run, "kargo.akuity.io/stage") == Some(stage)
                && text(run, &["status", "phase"]) == "Successful"
                && promotion(run)["spec"]["freight"] == freight
        };
        ensure!(runs.iter().any(|run| good(&run)), "it is verified in {stage} without a run that succeeded");
        Ok(())
    }

    fn promoted_once(&self, promotion: &Value) -> anyhow::Result<()> {
        let all = self.all(HOME, &format!("{KARGO}promotions/"));
        let same = |other: &&Value| {
            ["stage", "freight"].iter().all(|field| other["spec"][field] == promotion["spec"][field])
                && text(other, &["status", "phase"]) == "Succeeded"
        };
        let count = all.iter().filter(same).count();
        ensure!(count == 1, "{count} Promotions of the same Freight to the same Stage succeeded");
        Ok(())
    }

    /// Checks what stays behind: `versions` artifacts, each promoted to every stage by one signed commit.
    pub async fn at_end(&self, world: &World, versions: usize, stages: &[(&str, usize)]) -> anyhow::Result<()> {
        let commits = history(world).await?;
        let mut promotions: BTreeMap<&str, usize> = BTreeMap::new();
        for commit in commits.iter().filter(|commit| commit.contains(": myapp → ")) {
            let subject = commit.lines().next().unwrap_or_default();
            *promotions.entry(subject).or_default() += 1;
        }
        if let Some((subject, count)) = promotions.iter().find(|(_, count)| **count != 1) {
            bail!("{subject:?} is {count} times on main");
        }
        for (stage, wanted) in stages {
            let found = promotions.keys().filter(|subject| subject.starts_with(&format!("{stage}: "))).count();
            ensure!(found == *wanted, "main has {found} promotions to {stage}, not {wanted}: {promotions:?}");
        }
        let artifacts = self.tags.keys().filter(|key| key.starts_with("tag:deployments/myapp:")).count();
        let freight = self.all(HOME, &format!("{KARGO}freights/")).len();
        ensure!(artifacts == versions && freight == versions, "{versions} versions gave {artifacts} artifacts and {freight} Freight");
        pulls(world).await
    }
}

fn digest_of(freight: &Value) -> &str {
    text(&freight["images"][0], &["digest"])
}

/// Returns the messages on main, newest first; every commit must be signed by somebody known and have one parent.
async fn history(world: &World) -> anyhow::Result<Vec<String>> {
    let url = forge_url(DEPLOYMENT);
    let tip = world.plain.git.tip(&url, "main").await?.context("main is there")?;
    let keys = SIGNERS.iter().map(|signer| Ok(world.credentials.signing_key(signer)?.public_line())).collect::<anyhow::Result<Vec<_>>>()?;
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    let mut messages = Vec::new();
    let mut wrong = None;
    world
        .ports
        .git
        .with_objects(&url, &[tip], |objects| {
            let mut at: Option<ObjectId> = Some(tip);
            while let Some(id) = at {
                let bytes = objects.need(&id, Kind::Commit)?.data;
                let commit = git::parse_commit(&bytes)?;
                let finding = git::signature::verify(&bytes, &keys)?;
                if !matches!(finding, git::signature::Finding::SignedBy(_)) {
                    wrong = Some(format!("commit {id} on main is not signed: {finding:?}"));
                }
                if commit.parents.len() > 1 {
                    wrong = Some(format!("commit {id} on main has {} parents", commit.parents.len()));
                }
                at = commit.parents.first().copied();
                messages.push(commit.message);
            }
            Ok(())
        })
        .await?;
    wrong.map_or(Ok(messages), |wrong| Err(anyhow::anyhow!(wrong)))
}

/// No branch has two pull requests, and none is left open.
async fn pulls(world: &World) -> anyhow::Result<()> {
    let url = forge_url(DEPLOYMENT);
    let list = world.plain.forge.call(&url, Method::GET, "/pulls?state=all&limit=50", None, "maintainer").await?;
    let mut heads = BTreeSet::new();
    for pull in list.as_array().into_iter().flatten() {
        let head = text(&pull["head"], &["ref"]).to_owned();
        ensure!(pull["state"] == "closed", "the pull request of {head} is still open");
        ensure!(heads.insert(head.clone()), "{head} has two pull requests");
    }
    Ok(())
}
