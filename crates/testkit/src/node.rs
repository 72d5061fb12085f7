//! A node on which no program runs: Pods look as if they did, and the Pods of Jobs ask what the example's tests ask.
//! Read first: [`look`].

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use api::text;
use http::Method;
use model::{Caller, Clock as _, ClusterName, ObjectRef};
use oci::{Manifest, Reference};
use ports::{Cluster, ClusterError, Login, Registry};
use rand::Rng as _;
use rand::rngs::StdRng;
use serde_json::{Value, json};
use supercargo::world::World;

use crate::SimulatedClock;

/// The field manager of what a node writes.
const MANAGER: &str = "kubelet";
/// A variable of the image that tells the simulation what its Pods do.
const RULE: &str = "SUPERCARGO_SIMULATE=";
/// For how long a test asks again before it fails.
const PATIENCE: Duration = Duration::from_secs(20);

/// What the tests make of a version.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    /// Tests end with exit code 1 where this version runs.
    pub failing: Option<String>,
    /// Tests do not end where this version runs.
    pub hanging: Option<String>,
    /// Tests end with exit code 0 and look at nothing.
    pub blind: bool,
}

/// What a node needs.
#[derive(Clone)]
pub(crate) struct Node {
    pub(crate) world: Arc<World>,
    pub(crate) clock: SimulatedClock,
    pub(crate) rules: Rules,
}

/// Tells whether a Pod is one that a node has to do with.
pub(crate) fn concerns(pod: &Value) -> bool {
    let over = matches!(text(pod, &["status", "phase"]), "Succeeded" | "Failed");
    let rests = !is_of_job(pod) && api::is_true(pod, "Ready");
    is_going(pod) || !(over || rests)
}

/// Tells whether a Pod is being deleted.
pub(crate) fn is_going(pod: &Value) -> bool {
    pod["metadata"]["deletionTimestamp"].is_string()
}

fn is_of_job(pod: &Value) -> bool {
    pod["metadata"]["ownerReferences"].as_array().into_iter().flatten().any(|owner| owner["kind"] == "Job")
}

/// Does what a Pod needs now. What a Pod that is gone meanwhile needed is nobody's loss.
pub(crate) async fn look(node: Node, cluster: ClusterName, pod: Value, random: StdRng) -> anyhow::Result<()> {
    let mut life = Life { client: node.world.plain.clusters.get(&cluster)?.clone(), node, pod, random };
    let done = if is_going(&life.pod) {
        life.remove().await
    } else if is_of_job(&life.pod) {
        life.test().await
    } else {
        life.serve().await
    };
    match done {
        Err(error) if error.downcast_ref::<ClusterError>().is_some_and(|error| error.is_not_found() || error.is_conflict()) => Ok(()),
        other => other.with_context(|| format!("the Pod {}", api::name(&life.pod))),
    }
}

/// The life of one Pod.
struct Life {
    node: Node,
    client: Cluster,
    pod: Value,
    random: StdRng,
}

impl Life {
    fn path(&self, subresource: &str) -> String {
        format!("/api/v1/namespaces/{}/pods/{}{subresource}", api::namespace(&self.pod), api::name(&self.pod))
    }

    fn now(&self) -> String {
        self.node.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
    }

    async fn pause(&mut self) {
        let pause = self.random.random_range(1..1_500);
        self.node.clock.sleep(Duration::from_millis(pause)).await;
    }

    async fn remove(&mut self) -> anyhow::Result<()> {
        self.pause().await;
        let options =
            json!({"apiVersion": "v1", "kind": "DeleteOptions", "gracePeriodSeconds": 0, "preconditions": {"uid": api::uid(&self.pod)}});
        self.client.raw(Method::DELETE, &self.path(""), "application/json", options.to_string().into_bytes()).await?;
        Ok(())
    }

    async fn bind(&mut self) -> anyhow::Result<()> {
        if text(&self.pod, &["spec", "nodeName"]).is_empty() {
            let metadata = json!({"name": api::name(&self.pod), "namespace": api::namespace(&self.pod)});
            let binding = json!({"apiVersion": "v1", "kind": "Binding", "metadata": metadata, "target": {"apiVersion": "v1", "kind": "Node", "name": "simulated"}});
            self.client.raw(Method::POST, &self.path("/binding"), "application/json", binding.to_string().into_bytes()).await?;
        }
        self.pause().await;
        Ok(())
    }

    async fn tell(&self, status: Value) -> anyhow::Result<()> {
        let reference = ObjectRef {
            api_version: "v1".into(),
            kind: "Pod".into(),
            namespace: api::namespace(&self.pod).into(),
            name: api::name(&self.pod).into(),
        };
        self.client.patch(MANAGER, &reference, Some("status"), &json!({"status": status})).await?;
        Ok(())
    }

    /// Lets a Pod look as if it served, unless its image says that it crashes.
    async fn serve(&mut self) -> anyhow::Result<()> {
        self.bind().await?;
        let (image, crashes) = self.image().await?;
        let now = self.now();
        let state = if crashes { json!({"waiting": {"reason": "CrashLoopBackOff"}}) } else { json!({"running": {"startedAt": now}}) };
        // A node that has told of the crash has nothing new to say before the container is started again.
        if crashes && self.pod["status"]["containerStatuses"][0]["state"] == state {
            return Ok(());
        }
        self.tell(json!({"phase": "Running", "startTime": now, "conditions": conditions(&now, !crashes), "containerStatuses": [self.container(&image, state, !crashes)]})).await
    }

    fn container(&self, image: &str, state: Value, ready: bool) -> Value {
        let container = &self.pod["spec"]["containers"][0];
        json!({"name": container["name"], "image": container["image"], "imageID": image, "ready": ready, "started": ready, "restartCount": 0, "state": state, "lastState": {}})
    }

    /// Returns the image's name by digest and whether its program crashes.
    async fn image(&self) -> anyhow::Result<(String, bool)> {
        let registry = Registry::new(self.node.world.web.clone(), Login::Caller(Caller::new("node")));
        let place: Reference = text(&self.pod["spec"]["containers"][0], &["image"]).parse()?;
        let fetched = registry.manifest(&place).await?;
        let manifest: Manifest = serde_json::from_slice(&fetched.bytes)?;
        let config = oci::read_image(&registry.blob(&place, &manifest.config.digest).await?)?.config;
        let crashes = config.env.iter().any(|line| line.strip_prefix(RULE) == Some("crash-loop"));
        Ok((format!("{}@{}", place.location(), fetched.digest), crashes))
    }

    /// Runs a test: it asks until the answer is good, or patience ends.
    async fn test(&mut self) -> anyhow::Result<()> {
        if text(&self.pod, &["status", "phase"]) == "Running" && self.hangs().await? {
            return Ok(());
        }
        self.bind().await?;
        let started = self.now();
        let running = self.container("", json!({"running": {"startedAt": started}}), true);
        self.tell(
            json!({"phase": "Running", "startTime": started, "conditions": conditions(&started, true), "containerStatuses": [running]}),
        )
        .await?;
        if self.hangs().await? {
            return Ok(());
        }
        let end = self.node.clock.now().checked_add(PATIENCE)?;
        let failure = loop {
            self.pause().await;
            match self.ask().await? {
                Ok(()) => break None,
                Err(why) if self.node.clock.now() >= end => break Some(why),
                Err(_) => {}
            }
        };
        let now = self.now();
        let (code, reason, phase) = if failure.is_none() { (0, "Completed", "Succeeded") } else { (1, "Error", "Failed") };
        let state = json!({"terminated": {"exitCode": code, "reason": reason, "message": failure.unwrap_or_default(), "startedAt": started, "finishedAt": now}});
        self.tell(json!({"phase": phase, "conditions": conditions(&now, false), "containerStatuses": [self.container("", state, false)]}))
            .await
    }

    /// The environment whose credentials the Pod has.
    fn stage(&self) -> anyhow::Result<&str> {
        let secret = text(&self.pod["spec"]["containers"][0]["envFrom"][0], &["secretRef", "name"]);
        secret.strip_suffix("-test-credentials").context("the Pod has the credentials of an environment")
    }

    /// Tells whether the tests of what runs never end. One that runs already has nothing new to say.
    async fn hangs(&self) -> anyhow::Result<bool> {
        let Some(version) = &self.node.rules.hanging else { return Ok(false) };
        let target = self.node.world.plain.clusters.get(&ClusterName(self.stage()?.to_owned()))?;
        let workload =
            ObjectRef { api_version: "apps/v1".into(), kind: "Deployment".into(), namespace: "myapp".into(), name: "myapp".into() };
        let workload = target.get(&workload).await?.unwrap_or_default();
        Ok(text(&workload["spec"]["template"]["spec"]["containers"][0], &["image"]).ends_with(&format!(":{version}")))
    }

    /// Asks the target cluster whether it runs what the Stage promoted; the inner result is the answer.
    async fn ask(&self) -> anyhow::Result<Result<(), String>> {
        if self.node.rules.blind {
            return Ok(Ok(()));
        }
        let stage = self.stage()?;
        let digest = self.promoted(stage).await?;
        let target = self.node.world.plain.clusters.get(&ClusterName(stage.to_owned()))?;
        let get = |api_version: &str, kind: &str, namespace: &str| ObjectRef {
            api_version: api_version.into(),
            kind: kind.into(),
            namespace: namespace.into(),
            name: "myapp".into(),
        };
        let delivery = target.get(&get("kustomize.toolkit.fluxcd.io/v1", "Kustomization", "flux-system")).await?.unwrap_or_default();
        let applied = text(&delivery, &["status", "lastAppliedRevision"]);
        if !applied.ends_with(&format!("@{digest}")) || !api::is_true(&delivery, "Ready") {
            return Ok(Err(format!("Kustomization myapp of {stage} is not Ready at {digest}: {applied}")));
        }
        let workload = target.get(&get("apps/v1", "Deployment", "myapp")).await?.unwrap_or_default();
        let count = |field: &str| workload["status"][field].as_i64().unwrap_or(0);
        let wanted = workload["spec"]["replicas"].as_i64().unwrap_or(1);
        if workload["status"]["observedGeneration"] != workload["metadata"]["generation"]
            || count("updatedReplicas") != wanted
            || count("availableReplicas") != wanted
        {
            return Ok(Err(format!("Deployment myapp of {stage} is not complete")));
        }
        let image = text(&workload["spec"]["template"]["spec"]["containers"][0], &["image"]);
        match &self.node.rules.failing {
            Some(version) if image.ends_with(&format!(":{version}")) => Ok(Err(format!("{image} does not do what it should"))),
            _ => Ok(Ok(())),
        }
    }

    async fn promoted(&self, stage: &str) -> anyhow::Result<String> {
        let reference = ObjectRef {
            api_version: "kargo.akuity.io/v1alpha1".into(),
            kind: "Stage".into(),
            namespace: api::namespace(&self.pod).into(),
            name: stage.into(),
        };
        let stage = self.client.get(&reference).await?.context("the Stage is there")?;
        let items = stage["status"]["freightHistory"][0]["items"].as_object();
        let digest = items.and_then(|items| items.values().next()).and_then(|item| item["images"][0]["digest"].as_str());
        digest.map(str::to_owned).context("the Stage runs Freight")
    }
}

fn conditions(now: &str, ready: bool) -> Value {
    let state = if ready { "True" } else { "False" };
    let list = ["PodScheduled", "Initialized", "ContainersReady", "Ready"].map(|kind| {
        let always = matches!(kind, "PodScheduled" | "Initialized");
        json!({"type": kind, "status": if always { "True" } else { state }, "lastTransitionTime": now})
    });
    json!(list)
}
