//! A runner of workflow jobs that does in this process what the example's two workflows say. It speaks the forge's protocol, as
//! the real one does, and can be dropped between any two steps. Read first: [`claim_all`], [`run`].

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context as _, bail};
use bytes::Bytes;
use git::ObjectId;
use http::{Method, Request, header};
use model::{Clock as _, Digest, Timestamp};
use oci::{Artifact, Platform, Reference};
use ports::{Login, Registry, Signer};
use rand::Rng as _;
use rand::rngs::StdRng;
use serde_json::{Value, json};
use supercargo::world::{FORGE, REGISTRY, World, identity_url};

use crate::SimulatedClock;

/// The runner's name: what it was running when it died is found again by it.
const NAME: &str = "simulated";
/// As whom it speaks to the forge.
const IDENTITY: &str = "forge-runner";

/// Jobs that were claimed and not started yet.
pub(crate) type Claimed = Arc<Mutex<Vec<Value>>>;

/// Claims every job that is ready. A fresh runner has forgotten what it was doing: that is handed out again.
pub(crate) async fn claim_all(world: Arc<World>, claimed: Claimed, mut fresh: bool) -> anyhow::Result<()> {
    loop {
        let job = call(&world, "/claim", json!({"runner": NAME, "fresh": fresh})).await?;
        fresh = false;
        if !job.is_object() {
            return Ok(());
        }
        claimed.lock().expect("no holder panics").push(job);
    }
}

/// Runs one job to its end and reports it; so many of a hundred steps are slow.
pub(crate) async fn run(world: Arc<World>, clock: SimulatedClock, job: Value, (random, slow): (StdRng, u32)) -> anyhow::Result<()> {
    let (id, attempt) = (&job["job"]["id"], &job["job"]["attempt"]);
    let mut work = Work { world: world.clone(), clock, job: job.clone(), random, slow };
    let path = text(&job["run"]["path"]);
    let done = match path {
        ".gitea/workflows/build.yml" => work.application().await,
        ".gitea/workflows/build-deployment-artifact.yml" => work.deployment().await,
        other => bail!("the simulated runner does not know the workflow {other:?}"),
    };
    done.with_context(|| format!("the job of {path}, attempt {attempt}"))?;
    work.pause().await;
    call(
        &world,
        &format!("/jobs/{id}/finish"),
        json!({"attempt": attempt, "state": "success", "outputs": {}, "description": "", "log": ""}),
    )
    .await?;
    Ok(())
}

async fn call(world: &World, path: &str, body: Value) -> anyhow::Result<Value> {
    let answer =
        world.plain.forge.raw(&format!("https://{FORGE}"), Method::POST, &format!("/api/actions/v1{path}"), Some(body), IDENTITY).await;
    answer.with_context(|| format!("the runner's {path}"))
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// One job as it is being run.
struct Work {
    world: Arc<World>,
    clock: SimulatedClock,
    job: Value,
    random: StdRng,
    slow: u32,
}

impl Work {
    /// What separates two steps: a while, in which everything may end.
    async fn pause(&mut self) {
        let slow = self.random.random_range(0..100) < self.slow;
        let pause = if slow { self.random.random_range(800..8_000) } else { self.random.random_range(5..800) };
        self.clock.sleep(Duration::from_millis(pause)).await;
    }

    /// Builds, pushes and signs the application's image, as `build.yml` says.
    async fn application(&mut self) -> anyhow::Result<()> {
        let (url, commit) = self.source()?;
        self.pause().await;
        let tree = self.world.plain.git.tree(&url, &commit).await?;
        let created = self.committed(&url, &commit).await?;
        let version = text(&self.job["run"]["ref"]).strip_prefix("refs/tags/").context("the job runs for a tag")?.to_owned();
        let file = tree.bytes("Dockerfile").context("the application has a Dockerfile")?;
        let dockerfile = build::dockerfile::parse(std::str::from_utf8(file)?)?;
        let platform = Platform { architecture: "amd64".into(), os: "linux".into(), variant: None, extra: serde_json::Map::new() };
        let image = build::dockerfile::image(&dockerfile, &tree, &platform, created)?;
        self.publish("myapp", &version, &image).await
    }

    /// Packs, pushes and signs the deployment definition, as `build-deployment-artifact.yml` says.
    async fn deployment(&mut self) -> anyhow::Result<()> {
        let (url, commit) = self.source()?;
        self.pause().await;
        let tree = self.world.plain.git.tree(&url, &commit).await?;
        let created = self.committed(&url, &commit).await?;
        let count = self.world.plain.git.with_objects(&url, &[commit], |objects| git::count_touching(objects, &commit, "apps")).await?;
        let artifact = oci::flux_artifact(&tree.sub("apps/myapp"), created, &url, &commit.to_string(), &BTreeMap::new());
        self.publish("deployments/myapp", &format!("0.5.{count}"), &artifact).await
    }

    fn source(&self) -> anyhow::Result<(String, ObjectId)> {
        let run = &self.job["run"];
        let commit = text(&run["sha"]).parse().map_err(|_| anyhow::anyhow!("the job names no commit"))?;
        Ok((format!("https://{FORGE}/{}", text(&run["repository"])), commit))
    }

    async fn committed(&self, url: &str, commit: &ObjectId) -> anyhow::Result<Timestamp> {
        let found = self.world.plain.git.with_objects(url, &[*commit], |objects| objects.commit(commit)).await?;
        Ok(Timestamp::from_second(found.committer.seconds)?)
    }

    async fn publish(&mut self, repository: &str, tag: &str, artifact: &Artifact) -> anyhow::Result<()> {
        let place: Reference = format!("{REGISTRY}/{repository}:{tag}").parse()?;
        let password = self.identity_token(REGISTRY).await?;
        let registry = Registry::new(self.world.web.clone(), Login::Basic { user: "ci".into(), password });
        self.pause().await;
        for (_, blob) in &artifact.blobs {
            registry.put_blob(&place, blob).await?;
        }
        self.pause().await;
        registry.put_manifest(&place, tag, &artifact.media_type, &artifact.manifest).await?;
        self.pause().await;
        self.sign(&registry, &place, &artifact.digest).await
    }

    async fn sign(&mut self, registry: &Registry, place: &Reference, digest: &Digest) -> anyhow::Result<()> {
        let token = self.identity_token("sigstore").await?;
        let services = identity_url();
        let signer = Signer { web: self.world.web.clone(), fulcio: services.clone(), rekor: services.clone(), timestamps: services };
        signer.sign(registry, &place.with_digest(digest.clone()), &token, self.random.random(), self.clock.now()).await?;
        Ok(())
    }

    async fn identity_token(&self, audience: &str) -> anyhow::Result<String> {
        let bearer = format!("Bearer {}", self.job["identity_token"].as_str().context("the job may ask for an identity")?);
        let url = format!("https://{FORGE}/api/actions/oidc/token?version=1&audience={audience}");
        let request = Request::get(&url).header(header::AUTHORIZATION, bearer).body(Bytes::new())?;
        let answer = self.world.web.send(request, None).await?;
        let value: Value = serde_json::from_slice(answer.body()).unwrap_or_default();
        value["value"].as_str().map(str::to_owned).with_context(|| format!("the issuer gave no identity token: HTTP {}", answer.status()))
    }
}
