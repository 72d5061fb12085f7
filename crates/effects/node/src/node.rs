//! The node agent of one cluster: Pods of Jobs run as containers, all others are simulated. Both say so.
//! Read first: [`Node::run`].

use std::collections::HashMap;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use api::text;
use futures::StreamExt as _;
use model::{Clock, ClusterName, ObjectRef, Timestamp};
use oci::Reference;
use ports::{Cluster, ClusterError, Clusters, WatchChange};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::images::{ImageError, Images, Pulled};
use crate::pod::{Material, Program, container_status, containers, needs, program, unsupported};
use crate::runner::HostJobs;
use crate::sandbox::{self, Ended, Mount, Root, Sandbox, SandboxError, supervise};

/// The node whose Pods only look as if they ran.
const SIMULATED: &str = "simulated";
/// The node whose Pods are containers.
const CONTAINERS: &str = "containers";
/// A variable of the image or the container that tells the simulation what its Pods do.
const RULE: &str = "SUPERCARGO_SIMULATE";
/// How long a container without a deadline may run.
const TIMEOUT: Duration = Duration::from_secs(6 * 3_600);
/// Processes of a container.
const PROCESSES: i64 = 256;
/// How much of a container's output its termination message keeps.
const MESSAGE: usize = 2_048;
/// The field manager of what a node writes.
const MANAGER: &str = "kubelet";

/// What a node is made of.
#[derive(Clone)]
pub struct Options {
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// The clusters.
    pub clusters: Clusters,
    /// The images.
    pub images: Images,
    /// Folder for the containers' files.
    pub place: PathBuf,
    /// Variables that every container has, such as the table of host names.
    pub environment: Vec<(String, String)>,
    /// Whether containers may run outside a sandbox.
    pub host_jobs: HostJobs,
    /// Where the logs of containers are kept.
    pub logs: PathBuf,
}

/// The node agent. Cloning shares it.
#[derive(Clone)]
pub struct Node {
    options: Arc<Options>,
    running: Arc<Mutex<HashMap<String, JoinHandle<()>>>>,
}

impl Node {
    /// Makes the agent.
    pub fn new(options: Options) -> Self {
        // What the life before left behind is nobody's any more.
        let _ = std::fs::remove_dir_all(&options.place);
        Self { options: Arc::new(options), running: Arc::default() }
    }

    /// Registers the nodes and looks after the Pods of one cluster, for ever.
    pub async fn run(self, cluster: ClusterName) {
        loop {
            if let Err(error) = self.watch(&cluster).await {
                tracing::debug!(cluster = cluster.0, %error, "the node starts over");
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    async fn watch(&self, name: &ClusterName) -> Result<(), ClusterError> {
        let cluster = self.options.clusters.get(name)?;
        for node in [SIMULATED, CONTAINERS] {
            self.register(cluster, node).await?;
        }
        let mut stream = pin!(cluster.watch("v1", "Pod").await?);
        while let Some(change) = stream.next().await {
            match change? {
                WatchChange::Applied(pod) => self.look(name, pod).await,
                WatchChange::Deleted(pod) => self.end(api::uid(&pod)),
                WatchChange::Synced => {}
            }
        }
        Ok(())
    }

    async fn register(&self, cluster: &Cluster, name: &str) -> Result<(), ClusterError> {
        let now = self.now();
        let (runtime, note) = match name {
            SIMULATED => ("simulated://1", "Pods here are simulated: no program runs"),
            _ => ("libcontainer://0.7", "Pods of Jobs run here as containers; they share the host's network"),
        };
        let object = json!({
            "apiVersion": "v1", "kind": "Node",
            "metadata": {"name": name, "labels": {
                "kubernetes.io/hostname": name, "kubernetes.io/os": "linux",
                (format!("node-role.kubernetes.io/{}", if name == SIMULATED { "simulation" } else { "host-network" })): "",
            }, "annotations": {"supercargo.dev/note": note}},
        });
        cluster.apply(MANAGER, &object, false).await?;
        let reference = ObjectRef { api_version: "v1".into(), kind: "Node".into(), namespace: String::new(), name: name.into() };
        let status = json!({"status": {
            "conditions": [{"type": "Ready", "status": "True", "reason": "KubeletReady", "message": note, "lastHeartbeatTime": now, "lastTransitionTime": now}],
            "nodeInfo": {
                "architecture": std::env::consts::ARCH, "operatingSystem": "linux", "containerRuntimeVersion": runtime, "kubeletVersion": concat!("v1.36.0+supercargo", env!("CARGO_PKG_VERSION")),
                "kubeProxyVersion": "", "bootID": "", "kernelVersion": "", "machineID": "", "osImage": note, "systemUUID": "",
            },
        }});
        cluster.patch(MANAGER, &reference, Some("status"), &status).await?;
        Ok(())
    }

    fn now(&self) -> String {
        seconds(self.options.clock.now())
    }

    /// Looks at one Pod; what takes time goes on by itself.
    async fn look(&self, cluster: &ClusterName, pod: Value) {
        let uid = api::uid(&pod).to_owned();
        let over = matches!(text(&pod, &["status", "phase"]), "Succeeded" | "Failed");
        if pod["metadata"]["deletionTimestamp"].is_string() {
            self.end(&uid);
            self.finish_deletion(cluster, &pod).await;
            return;
        }
        if over || uid.is_empty() {
            return;
        }
        let is_job = pod["metadata"]["ownerReferences"].as_array().into_iter().flatten().any(|owner| owner["kind"] == "Job");
        // A simulated Pod that is Ready needs nothing; a container of an earlier life of this process is started again,
        // because nobody knows how it ended.
        if !is_job && api::is_true(&pod, "Ready") {
            return;
        }
        let mut running = self.running.lock().expect("no holder panics");
        if running.contains_key(&uid) {
            return;
        }
        let (this, cluster) = (self.clone(), cluster.clone());
        let key = uid.clone();
        let task = tokio::spawn(async move {
            let result = if is_job { this.contain(&cluster, &pod).await } else { this.simulate(&cluster, &pod).await };
            if let Err(error) = result {
                tracing::debug!(pod = api::name(&pod), %error, "the Pod's status was not written");
            }
            if !is_job {
                this.running.lock().expect("no holder panics").remove(&key);
            }
        });
        running.insert(uid, task);
    }

    /// Ends what runs for a Pod: dropping the task closes the lifeline of its container.
    fn end(&self, uid: &str) {
        if let Some(task) = self.running.lock().expect("no holder panics").remove(uid) {
            task.abort();
        }
    }

    async fn finish_deletion(&self, cluster: &ClusterName, pod: &Value) {
        let Ok(cluster) = self.options.clusters.get(cluster) else { return };
        let reference = api::reference(&with_type(pod));
        let path = format!("/api/v1/namespaces/{}/pods/{}", reference.namespace, reference.name);
        let options =
            json!({"apiVersion": "v1", "kind": "DeleteOptions", "gracePeriodSeconds": 0, "preconditions": {"uid": api::uid(pod)}});
        if let Err(error) = cluster.raw(http::Method::DELETE, &path, "application/json", options.to_string().into_bytes()).await
            && !error.is_not_found()
        {
            tracing::debug!(pod = reference.name, %error, "a Pod was not removed");
        }
    }

    async fn bind(&self, cluster: &Cluster, pod: &Value, node: &str) -> Result<(), ClusterError> {
        if text(pod, &["spec", "nodeName"]) == node {
            return Ok(());
        }
        let path = format!("/api/v1/namespaces/{}/pods/{}/binding", api::namespace(pod), api::name(pod));
        let binding = json!({"apiVersion": "v1", "kind": "Binding", "metadata": {"name": api::name(pod), "namespace": api::namespace(pod)}, "target": {"apiVersion": "v1", "kind": "Node", "name": node}});
        match cluster.raw(http::Method::POST, &path, "application/json", binding.to_string().into_bytes()).await {
            Err(error) if error.is_conflict() => Ok(()),
            other => other.map(drop),
        }
    }

    async fn tell(&self, cluster: &Cluster, pod: &Value, status: Value) -> Result<(), ClusterError> {
        let reference = api::reference(&with_type(pod));
        cluster.patch(MANAGER, &reference, Some("status"), &json!({"status": status})).await.map(drop)
    }

    /// Makes a Pod look as if it ran, if its images are there; a rule of the image or the container may make it crash.
    async fn simulate(&self, name: &ClusterName, pod: &Value) -> Result<(), ClusterError> {
        let cluster = self.options.clusters.get(name)?;
        self.bind(cluster, pod, SIMULATED).await?;
        let now = self.now();
        let (mut statuses, mut good, mut missing) = (Vec::new(), true, false);
        for (number, container) in containers(pod).enumerate() {
            let state = match self.behaviour(container).await {
                Ok((digest, None)) => container_status(pod, number, &digest, json!({"running": {"startedAt": now}}), true),
                Ok((digest, Some(rule))) => {
                    good = false;
                    let mut status =
                        container_status(pod, number, &digest, json!({"waiting": {"reason": "CrashLoopBackOff", "message": rule}}), false);
                    status["restartCount"] = json!(1);
                    status["lastState"] = json!({"terminated": {"exitCode": 1, "reason": "Error", "finishedAt": now, "startedAt": now}});
                    status
                }
                Err(error) => {
                    (good, missing) = (false, true);
                    container_status(
                        pod,
                        number,
                        "",
                        json!({"waiting": {"reason": "ImagePullBackOff", "message": error.to_string()}}),
                        false,
                    )
                }
            };
            statuses.push(state);
        }
        let phase = if missing { "Pending" } else { "Running" };
        let message = if good { "" } else { "containers with unready status" };
        self.tell(cluster, pod, json!({"phase": phase, "startTime": now, "hostIP": "127.0.0.1", "conditions": conditions(&now, good, message), "containerStatuses": statuses})).await
    }

    /// Returns the image's digest and what the simulation does with the container, if not run well.
    async fn behaviour(&self, container: &Value) -> Result<(String, Option<String>), ImageError> {
        let image = text(container, &["image"]);
        let place: Reference = image.parse().map_err(|error: oci::ReferenceError| ImageError::Unusable(error.to_string()))?;
        let (digest, config) = self.options.images.inspect(&place).await?;
        let own = container["env"]
            .as_array()
            .into_iter()
            .flatten()
            .find(|variable| variable["name"] == RULE)
            .and_then(|variable| variable["value"].as_str().map(str::to_owned));
        let baked = config.config.env.iter().find_map(|line| line.strip_prefix(RULE)?.strip_prefix('=').map(str::to_owned));
        let rule = own.or(baked).filter(|rule| !rule.is_empty() && rule != "run");
        let id = format!("{}@{digest}", place.location());
        Ok((
            id,
            rule.map(|rule| {
                if rule == "crash-loop" {
                    "the simulation lets it crash (SUPERCARGO_SIMULATE=crash-loop)".to_owned()
                } else {
                    format!("{RULE}={rule} is not a rule of the simulation: run, crash-loop")
                }
            }),
        ))
    }

    /// Runs a Job's Pod as a container to its end.
    async fn contain(&self, name: &ClusterName, pod: &Value) -> Result<(), ClusterError> {
        let cluster = self.options.clusters.get(name)?;
        self.bind(cluster, pod, CONTAINERS).await?;
        let started = self.now();
        let outcome = self.container(name, cluster, pod, &started).await;
        let now = self.now();
        let (code, reason, message, image) = match outcome {
            Ok((ended, image)) => {
                let reason = if ended.code == 0 { "Completed" } else { "Error" };
                (ended.code, reason, tail(&ended.output), image)
            }
            Err(why) => (128, "ContainerCannotRun", why, String::new()),
        };
        let state =
            json!({"terminated": {"exitCode": code, "reason": reason, "message": message, "startedAt": started, "finishedAt": now}});
        let phase = if code == 0 { "Succeeded" } else { "Failed" };
        let mut status = json!({"phase": phase, "conditions": conditions(&now, false, ""), "containerStatuses": [container_status(pod, 0, &image, state, false)]});
        if code != 0 {
            status["message"] = json!(message);
            status["reason"] = json!(reason);
        }
        let mut pause = Duration::from_millis(50);
        loop {
            match self.tell(cluster, pod, status.clone()).await {
                Err(ClusterError::Unreachable(_)) => tokio::time::sleep(pause).await,
                other => return other,
            }
            pause = (pause * 2).min(Duration::from_secs(5));
        }
    }

    async fn container(&self, name: &ClusterName, cluster: &Cluster, pod: &Value, started: &str) -> Result<(Ended, String), String> {
        if let Some(field) = unsupported(pod) {
            return Err(format!("{field} is not supported by containers on this node"));
        }
        let image = text(&pod["spec"]["containers"][0], &["image"]);
        let place: Reference = image.parse().map_err(|error: oci::ReferenceError| error.to_string())?;
        let pulled = self.options.images.pull(&place).await.map_err(|error| model::chain(&error))?;
        let material = self.material(cluster, pod).await?;
        let mut program = program(pod, &pulled.image, &material)?;
        for (variable, value) in &self.options.environment {
            program.environment.entry(variable.clone()).or_insert_with(|| value.clone());
        }
        let id = format!("{}@{}", place.location(), pulled.digest);
        let running = container_status(pod, 0, &id, json!({"running": {"startedAt": started}}), true);
        let status = json!({"phase": "Running", "startTime": started, "hostIP": "127.0.0.1", "conditions": conditions(started, true, ""), "containerStatuses": [running]});
        self.tell(cluster, pod, status).await.map_err(|error| error.to_string())?;
        // The name is this process's own: a container of the life before may still be ending.
        let folder = self.options.place.join(format!("pod-{}-{}", api::uid(pod), std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        let ended = self.start(&folder, &pulled, &program, pod).await;
        let _ = std::fs::remove_dir_all(&folder);
        let ended = ended.map_err(|error| model::chain(&error))?;
        self.keep_log(name, pod, &ended.output);
        Ok((ended, id))
    }

    async fn material(&self, cluster: &Cluster, pod: &Value) -> Result<Material, String> {
        let mut material = Material::new();
        for (kind, name, optional) in needs(pod) {
            let reference =
                ObjectRef { api_version: "v1".into(), kind: kind.into(), namespace: api::namespace(pod).into(), name: name.clone() };
            match cluster.get(&reference).await.map_err(|error| error.to_string())? {
                Some(object) => drop(material.insert(format!("{kind}/{name}"), object)),
                None if optional => {}
                None => return Err(format!("{} \"{name}\" not found", kind.to_lowercase())),
            }
        }
        Ok(material)
    }

    async fn start(&self, folder: &std::path::Path, pulled: &Pulled, program: &Program, pod: &Value) -> Result<Ended, SandboxError> {
        let timeout = pod["spec"]["activeDeadlineSeconds"].as_u64().map_or(TIMEOUT, Duration::from_secs);
        if !sandbox::is_possible() {
            return self.plain(pulled, program, timeout).await;
        }
        let root = nix::unistd::geteuid().is_root();
        if !root && let Some(field) = second_id(pod) {
            let why = format!("{field}: this process is not root, so one user and one group are mapped and no more");
            return Err(SandboxError::Refused(why));
        }
        let file = |path: &std::path::Path| {
            let path = path.display().to_string();
            move |source| SandboxError::File { path, source }
        };
        let place = folder.join(folder.file_name().unwrap_or_default());
        std::fs::create_dir_all(&place).map_err(file(&place))?;
        let mut mounts = Vec::new();
        for (number, (target, content)) in program.files.iter().enumerate() {
            let source = folder.join(format!("file-{number}"));
            std::fs::write(&source, content).map_err(file(&source))?;
            if root {
                std::os::unix::fs::chown(&source, Some(program.user.0), Some(program.user.1)).map_err(file(&source))?;
            }
            mounts.push(Mount { source, target: target.clone(), writable: false });
        }
        for (number, target) in program.folders.iter().enumerate() {
            let source = folder.join(format!("folder-{number}"));
            std::fs::create_dir_all(&source).map_err(file(&source))?;
            if root {
                std::os::unix::fs::chown(&source, Some(program.user.0), Some(program.user.1)).map_err(file(&source))?;
            }
            mounts.push(Mount { source, target: target.clone(), writable: true });
        }
        let sandbox = Sandbox {
            place,
            root: Root::Folder(pulled.root.clone()),
            mounts,
            links: Vec::new(),
            arguments: program.arguments.clone(),
            environment: program.environment.clone(),
            folder: program.folder.clone(),
            user: program.user,
            processes: PROCESSES,
            memory: program.memory,
            timeout,
        };
        sandbox.run().await
    }

    /// Without root: the image's program as a plain process of this user, where that is allowed.
    async fn plain(&self, pulled: &Pulled, program: &Program, timeout: Duration) -> Result<Ended, SandboxError> {
        if !self.options.host_jobs.allow(&pulled.digest) {
            return Err(SandboxError::Refused(
                "this process is not root and may not make user namespaces, and Jobs outside a sandbox are not allowed (--allow-host-jobs)"
                    .into(),
            ));
        }
        if !program.files.is_empty() || !program.folders.is_empty() {
            return Err(SandboxError::Refused("volumes need a sandbox, and this process is not root".into()));
        }
        let inside = program.arguments[0].trim_start_matches('/');
        let mut command = tokio::process::Command::new(pulled.root.join(inside));
        command.args(&program.arguments[1..]).env_clear().envs(&program.environment);
        supervise(command, timeout).await
    }

    fn keep_log(&self, cluster: &ClusterName, pod: &Value, output: &str) {
        let path = self.options.logs.join(format!("{}_{}_{}.log", cluster.0, api::namespace(pod), api::name(pod)));
        if let Err(error) = std::fs::create_dir_all(&self.options.logs).and_then(|()| std::fs::write(&path, output)) {
            tracing::debug!(%error, path = %path.display(), "a log was not kept");
        }
    }
}

/// Returns the field of a Pod that asks for more than one user and one group.
fn second_id(pod: &Value) -> Option<String> {
    let context = &pod["spec"]["securityContext"];
    let asked = |field: &str| context[field].as_array().map_or(!context[field].is_null(), |all| !all.is_empty());
    ["fsGroup", "supplementalGroups"].into_iter().find(|field| asked(field)).map(|field| format!("spec.securityContext.{field}"))
}

fn with_type(pod: &Value) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"namespace": api::namespace(pod), "name": api::name(pod)}})
}

fn conditions(now: &str, ready: bool, message: &str) -> Value {
    let state = if ready { "True" } else { "False" };
    let list = ["PodScheduled", "Initialized", "ContainersReady", "Ready"].map(|kind| {
        let always = kind == "PodScheduled" || kind == "Initialized";
        let mut condition = json!({"type": kind, "status": if always { "True" } else { state }, "lastTransitionTime": now});
        if !always && !message.is_empty() {
            condition["reason"] = json!("ContainersNotReady");
            condition["message"] = json!(message);
        }
        condition
    });
    json!(list)
}

fn seconds(at: Timestamp) -> String {
    Timestamp::from_second(at.as_second()).unwrap_or(at).to_string()
}

fn tail(output: &str) -> String {
    let start = output.len().saturating_sub(MESSAGE);
    let start = (start..output.len()).find(|at| output.is_char_boundary(*at)).unwrap_or(output.len());
    output[start..].trim().to_owned()
}
