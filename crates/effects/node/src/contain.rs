//! A Pod of a Job as a container: its image, its files, its program, its log, and how it ended.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use api::text;
use model::{ClusterName, ObjectRef};
use oci::Reference;
use ports::{Cluster, ClusterError};
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::events::Said;
use crate::exec::Sandboxed;
use crate::images::Pulled;
use crate::logs::{Log, Place, Stream};
use crate::node::{Live, LiveCell, Node, Seat};
use crate::pod::{Material, Program, needs, program, unsupported};
use crate::sandbox::{self, Ended, Lifeline, Mount, Root, Sandbox, SandboxError, Watcher, supervise};
use crate::simulation::{conditions, seconds};

/// How long a container without a deadline may run.
const TIMEOUT: Duration = Duration::from_secs(6 * 3_600);
/// Processes of a container.
const PROCESSES: i64 = 256;
/// How much of a container's output its termination message keeps.
const MESSAGE: usize = 2_048;

/// One run of a container.
struct Run<'a> {
    node: &'a Node,
    cluster: &'a Cluster,
    name: &'a ClusterName,
    seat: &'a Seat,
    /// The Pod with what this node knows of it.
    pod: Value,
    started: String,
    place: Place,
    restarts: u32,
}

impl Node {
    /// Runs a Job's Pod as a container to its end.
    pub(crate) async fn contain(
        &self,
        name: &ClusterName,
        pod: &Value,
        seat: &Seat,
        stop: watch::Receiver<Option<Duration>>,
        live: &LiveCell,
    ) -> Result<(), ClusterError> {
        let cluster = self.options.clusters.get(name)?;
        self.bind(cluster, pod, &seat.node).await?;
        let mut known = pod.clone();
        known["spec"]["nodeName"] = json!(seat.node);
        seat.write_to(&mut known["status"]);
        let container = text(&pod["spec"]["containers"][0], &["name"]);
        let place = Place::new(&self.options.logs, &name.0, pod, container);
        let (restarts, started) = (place.count(), seconds(self.options.clock.now()));
        let run = Run { node: self, cluster, name, seat, pod: known, started, place, restarts };
        let outcome = run.to_the_end(stop.clone(), live).await;
        let status = run.ended(outcome);
        let mut pause = Duration::from_millis(50);
        let told = loop {
            match self.tell(cluster, pod, status.clone()).await {
                Err(error) if error.is_passing() => tokio::time::sleep(pause).await,
                other => break other,
            }
            pause = (pause * 2).min(Duration::from_secs(5));
        };
        if stop.borrow().is_some() {
            self.finish_deletion(name, pod).await;
        }
        told
    }

    /// Without root: the image's program as a plain process of this user, where that is allowed.
    async fn plain(&self, pulled: &Pulled, program: &Program, timeout: Duration, watcher: Watcher<'_>) -> Result<Ended, SandboxError> {
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
        supervise(command, timeout, Lifeline::None, Some(watcher)).await
    }
}

impl Run<'_> {
    async fn to_the_end(&self, stop: watch::Receiver<Option<Duration>>, live: &LiveCell) -> Result<(Ended, String), String> {
        let pod = &self.pod;
        if let Some(field) = unsupported(pod) {
            return Err(format!("{field} is not supported by containers on this node"));
        }
        let container = &pod["spec"]["containers"][0];
        let (name, image) = (text(container, &["name"]), text(container, &["image"]));
        let node = self.node;
        let say = |said: Said| async move { node.say(self.cluster, &self.pod, &self.seat.node, &said).await };
        say(Said::normal("Pulling", name, format!("Pulling image {image:?}"))).await;
        let place: Reference = image.parse().map_err(|error: oci::ReferenceError| error.to_string())?;
        let pulled = node.options.images.pull(&place).await.map_err(|error| model::chain(&error));
        let pulled = match pulled {
            Ok(pulled) => pulled,
            Err(why) => {
                say(Said::warning("Failed", name, format!("Failed to pull image {image:?}: {why}"))).await;
                return Err(why);
            }
        };
        say(Said::normal("Pulled", name, format!("Successfully pulled image {image:?}"))).await;
        let material = self.material().await?;
        let mut program = program(pod, &pulled.image, &material)?;
        for (variable, value) in &node.options.environment {
            program.environment.entry(variable.clone()).or_insert_with(|| value.clone());
        }
        let id = format!("{}@{}", place.location(), pulled.digest);
        let state = json!({"running": {"startedAt": self.started}});
        let mut status = json!({"phase": "Running", "startTime": self.started, "containerStatuses": [self.status(&id, state, true)]});
        status["conditions"] = conditions(&pod["status"]["conditions"], "Running", &[], node.options.clock.now());
        self.seat.write_to(&mut status);
        node.tell(self.cluster, pod, status).await.map_err(|error| error.to_string())?;
        let log = self.place.begin().map_err(|error| format!("the log cannot be kept: {error}"))?;
        say(Said::normal("Created", name, "Container created")).await;
        say(Said::normal("Started", name, "Container started")).await;
        // The name is this process's own: a container of the life before may still be ending.
        let folder = node.options.place.join(format!("pod-{}-{}", api::uid(pod), std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        let ended = self.start(&folder, &pulled, &program, log, stop, live).await;
        let _ = std::fs::remove_dir_all(&folder);
        Ok((ended.map_err(|error| model::chain(&error))?, id))
    }

    async fn material(&self) -> Result<Material, String> {
        let mut material = Material::new();
        for (kind, name, optional) in needs(&self.pod) {
            let namespace = api::namespace(&self.pod).into();
            let reference = ObjectRef { api_version: "v1".into(), kind: kind.into(), namespace, name: name.clone() };
            match self.cluster.get(&reference).await.map_err(|error| error.to_string())? {
                Some(object) => drop(material.insert(format!("{kind}/{name}"), object)),
                None if optional => {}
                None => return Err(format!("{} \"{name}\" not found", kind.to_lowercase())),
            }
        }
        Ok(material)
    }

    async fn start(
        &self,
        folder: &Path,
        pulled: &Pulled,
        program: &Program,
        log: Log,
        stop: watch::Receiver<Option<Duration>>,
        live: &LiveCell,
    ) -> Result<Ended, SandboxError> {
        let timeout = self.pod["spec"]["activeDeadlineSeconds"].as_u64().map_or(TIMEOUT, Duration::from_secs);
        let clock = self.node.options.clock.clone();
        let mut log = log;
        let mut output = |stream: Stream, bytes: &[u8]| log.take(stream, bytes, clock.now());
        let watcher = Watcher { output: &mut output, stop };
        let ended = if sandbox::is_possible() {
            let sandbox = prepare(folder, pulled, program, &self.pod, timeout)?;
            let _ = live.set(Live::Sandboxed(Sandboxed {
                place: sandbox.place.clone(),
                environment: sandbox.environment.clone(),
                folder: sandbox.folder.clone(),
                user: sandbox.user,
                processes: u64::try_from(sandbox.processes).unwrap_or(u64::MAX),
                memory: u64::try_from(sandbox.memory).unwrap_or(u64::MAX),
            }));
            sandbox.run_watched(Some(watcher)).await
        } else {
            let _ = live.set(Live::Plain);
            self.node.plain(pulled, program, timeout, watcher).await
        };
        log.end(self.node.options.clock.now());
        tracing::debug!(cluster = self.name.0, pod = api::name(&self.pod), "a container is over");
        ended
    }

    /// Returns the Pod's status at the end.
    fn ended(&self, outcome: Result<(Ended, String), String>) -> Value {
        let now = self.node.options.clock.now();
        let (code, reason, message, image) = match outcome {
            Ok((ended, image)) => {
                let reason = if ended.code == 0 { "Completed" } else { "Error" };
                (ended.code, reason, tail(&ended.output), image)
            }
            Err(why) => (128, "ContainerCannotRun", why, String::new()),
        };
        let state = json!({"terminated": {"exitCode": code, "reason": reason, "message": message, "startedAt": self.started, "finishedAt": seconds(now)}});
        let phase = if code == 0 { "Succeeded" } else { "Failed" };
        let mut status = json!({"phase": phase, "startTime": self.started, "containerStatuses": [self.status(&image, state, false)]});
        status["conditions"] = conditions(&self.pod["status"]["conditions"], phase, &[], now);
        self.seat.write_to(&mut status);
        if code != 0 {
            status["message"] = json!(message);
            status["reason"] = json!(reason);
        }
        status
    }

    fn status(&self, image_id: &str, state: Value, ready: bool) -> Value {
        let container = &self.pod["spec"]["containers"][0];
        json!({
            "name": container["name"], "image": container["image"], "imageID": image_id, "ready": ready, "started": ready,
            "restartCount": self.restarts, "state": state, "lastState": {},
        })
    }
}

/// Lays out the folder of a container.
fn prepare(folder: &Path, pulled: &Pulled, program: &Program, pod: &Value, timeout: Duration) -> Result<Sandbox, SandboxError> {
    let root = nix::unistd::geteuid().is_root();
    if !root && let Some(field) = second_id(pod) {
        let why = format!("{field}: this process is not root, so one user and one group are mapped and no more");
        return Err(SandboxError::Refused(why));
    }
    let file = |path: &Path| {
        let path = path.display().to_string();
        move |source| SandboxError::File { path, source }
    };
    let own = |path: &PathBuf| {
        if root { std::os::unix::fs::chown(path, Some(program.user.0), Some(program.user.1)).map_err(file(path)) } else { Ok(()) }
    };
    let place = folder.join(folder.file_name().unwrap_or_default());
    std::fs::create_dir_all(&place).map_err(file(&place))?;
    let mut mounts = Vec::new();
    for (number, (target, content)) in program.files.iter().enumerate() {
        let source = folder.join(format!("file-{number}"));
        std::fs::write(&source, content).map_err(file(&source))?;
        own(&source)?;
        mounts.push(Mount { source, target: target.clone(), writable: false });
    }
    for (number, target) in program.folders.iter().enumerate() {
        let source = folder.join(format!("folder-{number}"));
        std::fs::create_dir_all(&source).map_err(file(&source))?;
        own(&source)?;
        mounts.push(Mount { source, target: target.clone(), writable: true });
    }
    let environment: BTreeMap<String, String> = program.environment.clone();
    Ok(Sandbox {
        place,
        root: Root::Folder(pulled.root.clone()),
        mounts,
        links: Vec::new(),
        arguments: program.arguments.clone(),
        environment,
        folder: program.folder.clone(),
        user: program.user,
        processes: PROCESSES,
        memory: program.memory,
        timeout,
    })
}

/// Returns the field of a Pod that asks for more than one user and one group.
fn second_id(pod: &Value) -> Option<String> {
    let context = &pod["spec"]["securityContext"];
    let asked = |field: &str| context[field].as_array().map_or(!context[field].is_null(), |all| !all.is_empty());
    ["fsGroup", "supplementalGroups"].into_iter().find(|field| asked(field)).map(|field| format!("spec.securityContext.{field}"))
}

fn tail(output: &str) -> String {
    let start = output.len().saturating_sub(MESSAGE);
    let start = (start..output.len()).find(|at| output.is_char_boundary(*at)).unwrap_or(output.len());
    output[start..].trim().to_owned()
}
