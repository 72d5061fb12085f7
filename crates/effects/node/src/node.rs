//! The node agent of one cluster: Pods of Jobs run as containers, all others are simulated. Both say so.
//! Read first: [`Node::run`]; then `contain` and `simulate` (what becomes of a Pod), `ward` (what is known of a cluster).

use std::collections::HashMap;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};
use std::time::Duration;

use api::text;
use futures::StreamExt as _;
use model::{Clock, ClusterName, ObjectRef};
use ports::{Cluster, ClusterError, Clusters, Recorder, WatchChange};
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::addresses::HOST;
use crate::events::{self, About, KUBELET, SCHEDULER, Said};
use crate::exec::Sandboxed;
use crate::images::Images;
use crate::machine;
use crate::rules::{Rule, rules_of};
use crate::runner::HostJobs;
use crate::schedule::{CONTAINERS, SIMULATED, Wish};
use crate::simulation::seconds;
use crate::ward::{Contained, Task, Ward};

/// How long a Pod has to end that says nothing about it.
const GRACE: u64 = 30;

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
    pub(crate) options: Arc<Options>,
    wards: Arc<Mutex<HashMap<ClusterName, Ward>>>,
    events: Recorder,
}

/// A container that runs.
#[derive(Debug, Clone)]
pub(crate) enum Live {
    /// In a sandbox that others may join.
    Sandboxed(Sandboxed),
    /// As a process of the host.
    Plain,
}

/// Empty until the container runs.
pub(crate) type LiveCell = Arc<OnceLock<Live>>;

/// Where a Pod is.
#[derive(Debug, Clone)]
pub(crate) struct Seat {
    pub node: String,
    pub address: std::net::Ipv4Addr,
}

impl Seat {
    /// Writes the addresses into a status.
    pub fn write_to(&self, status: &mut Value) {
        let (host, address) = (HOST.to_string(), self.address.to_string());
        for (field, value) in
            [("hostIP", json!(host)), ("hostIPs", json!([{"ip": host}])), ("podIP", json!(address)), ("podIPs", json!([{"ip": address}]))]
        {
            status[field] = value;
        }
    }
}

/// Tells whether a Pod is a Job's.
pub(crate) fn is_of_job(pod: &Value) -> bool {
    pod["metadata"]["ownerReferences"].as_array().into_iter().flatten().any(|owner| owner["kind"] == "Job")
}

/// Tells whether a program runs for a Pod: it is a Job's, sets no rule of the simulation, and is for no other node.
pub(crate) fn runs(pod: &Value) -> bool {
    is_of_job(pod) && rules_of(pod).is_empty() && matches!(text(pod, &["spec", "nodeName"]), "" | CONTAINERS)
}

/// What is done about a Pod.
enum Next {
    Nothing,
    /// It is on its way out.
    End {
        contained: bool,
        begun: bool,
    },
    /// No node takes it, and why.
    Wait(String),
}

impl Node {
    /// Makes the agent.
    pub fn new(options: Options) -> Self {
        // What the life before left behind is nobody's any more.
        let _ = std::fs::remove_dir_all(&options.place);
        Self { options: Arc::new(options), wards: Arc::default(), events: Recorder::default() }
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
        for node in cluster.list("v1", "Node", None, None).await? {
            self.ward(name).nodes.insert(api::name(&node).to_owned(), node);
        }
        let mut nodes = pin!(cluster.watch("v1", "Node").await?);
        let mut pods = pin!(cluster.watch("v1", "Pod").await?);
        // First all addresses that are taken are known, then new ones are given.
        let mut first = Some(Vec::new());
        loop {
            tokio::select! {
                change = nodes.next() => match change {
                    Some(change) => self.see_node(name, change?).await,
                    None => return Ok(()),
                },
                change = pods.next() => match (change, &mut first) {
                    (None, _) => return Ok(()),
                    (Some(change), first) => match (change?, &mut *first) {
                        (WatchChange::Applied(pod), Some(all)) => {
                            self.ward(name).count(&pod);
                            all.push(pod);
                        }
                        (WatchChange::Applied(pod), None) => self.look(name, pod).await,
                        (WatchChange::Deleted(pod), _) => self.forget(name, api::uid(&pod)).await,
                        (WatchChange::Synced, _) => self.begin(name, first.take().unwrap_or_default()).await,
                    },
                },
            }
        }
    }

    async fn see_node(&self, name: &ClusterName, change: WatchChange) {
        let freed = match change {
            WatchChange::Applied(node) => self.ward(name).nodes.insert(api::name(&node).to_owned(), node.clone()).as_ref() != Some(&node),
            WatchChange::Deleted(node) => self.ward(name).nodes.remove(api::name(&node)).is_some(),
            WatchChange::Synced => false,
        };
        if freed {
            self.try_again(name).await;
        }
    }

    /// Looks at all Pods that were there when a watch began, and forgets those that went while nobody watched.
    async fn begin(&self, name: &ClusterName, pods: Vec<Value>) {
        let gone = self.ward(name).known().into_iter().filter(|uid| !pods.iter().any(|pod| api::uid(pod) == uid)).collect::<Vec<_>>();
        for uid in gone {
            self.forget(name, &uid).await;
        }
        for pod in pods {
            self.look(name, pod).await;
        }
    }

    async fn register(&self, cluster: &Cluster, name: &str) -> Result<(), ClusterError> {
        let mut object = machine::node(name);
        match cluster.create(KUBELET, &object).await {
            Err(error) if error.is_conflict() => {}
            other => drop(other?),
        }
        // A node that is there already keeps the taints that it has.
        if let Some(fields) = object.as_object_mut() {
            fields.remove("spec");
        }
        cluster.apply(KUBELET, &object, false).await?;
        let reference = ObjectRef { api_version: "v1".into(), kind: "Node".into(), namespace: String::new(), name: name.into() };
        let status = machine::status(name, &seconds(self.options.clock.now()));
        cluster.patch(KUBELET, &reference, Some("status"), &json!({"status": status})).await?;
        Ok(())
    }

    fn ward(&self, name: &ClusterName) -> WardGuard<'_> {
        WardGuard(self.wards.lock().expect("no holder panics"), name.clone())
    }

    /// Tells whether the container of a Pod runs.
    pub(crate) fn is_running(&self, cluster: &ClusterName, uid: &str) -> bool {
        self.ward(cluster).tasks.get(uid).is_some_and(|task| !task.handle.is_finished())
    }

    /// Returns the container of a Pod, if it runs.
    pub(crate) fn live(&self, cluster: &ClusterName, uid: &str) -> Option<Live> {
        let ward = self.ward(cluster);
        let task = ward.tasks.get(uid).filter(|task| !task.handle.is_finished())?;
        task.contained.as_ref()?.live.get().cloned()
    }

    /// Looks at one Pod; what takes time goes on by itself.
    async fn look(&self, name: &ClusterName, pod: Value) {
        let freed = self.ward(name).count(&pod);
        match self.decide(name, &pod) {
            Next::Nothing => {}
            Next::End { contained: true, .. } => {}
            Next::End { contained: false, begun } => {
                let (this, name) = (self.clone(), name.clone());
                tokio::spawn(async move { this.leave(&name, &pod, begun).await });
            }
            Next::Wait(why) => self.refuse(name, &pod, &why).await,
        }
        if freed {
            self.try_again(name).await;
        }
    }

    /// Chooses what is done about a Pod; what runs for it is started here, so that nothing is started twice.
    fn decide(&self, name: &ClusterName, pod: &Value) -> Next {
        let uid = api::uid(pod);
        let over = matches!(text(pod, &["status", "phase"]), "Succeeded" | "Failed");
        let mut ward = self.ward(name);
        if pod["metadata"]["deletionTimestamp"].is_string() {
            return ward.end(pod, over);
        }
        if over || uid.is_empty() {
            return Next::Nothing;
        }
        let rules: Vec<String> = rules_of(pod).into_iter().map(str::to_owned).collect();
        let runs = runs(pod);
        if let Some(task) = ward.tasks.get(uid) {
            // What runs for real goes on; of what is simulated the rules may change.
            if task.contained.is_some() || task.rules == rules {
                return Next::Nothing;
            }
            task.handle.abort();
            ward.tasks.remove(uid);
        } else if !runs && rules.is_empty() && api::is_true(pod, "Ready") && pod["status"]["podIP"].is_string() {
            // A simulated Pod that is Ready needs nothing; a container of an earlier life of this process is started again,
            // because nobody knows how it ended.
            return Next::Nothing;
        }
        let node = match text(pod, &["spec", "nodeName"]) {
            "" => {
                let scheduler = text(pod, &["spec", "schedulerName"]);
                let gates = pod["spec"]["schedulingGates"].as_array().is_some_and(|gates| !gates.is_empty());
                if gates || !matches!(scheduler, "" | SCHEDULER) {
                    return Next::Nothing;
                }
                let nowhere = rules.iter().any(|rule| Rule::parse(rule) == Ok(Rule::Unschedulable));
                let wish = match (nowhere, runs) {
                    (true, _) => Wish::Nowhere,
                    (false, true) => Wish::Contained,
                    (false, false) => Wish::Simulated,
                };
                match ward.choose(pod, wish) {
                    Ok(node) => node,
                    Err(why) => {
                        ward.waiting.insert(uid.to_owned(), pod.clone());
                        return Next::Wait(why);
                    }
                }
            }
            bound if ward.nodes.contains_key(bound) => bound.to_owned(),
            // Nobody is there to do anything.
            _ => return Next::Nothing,
        };
        ward.waiting.remove(uid);
        let address = if pod["spec"]["hostNetwork"] == true { HOST } else { ward.addresses.of(uid) };
        let task = self.start(name, pod, Seat { node, address }, runs, rules);
        ward.tasks.insert(uid.to_owned(), task);
        Next::Nothing
    }

    fn start(&self, name: &ClusterName, pod: &Value, seat: Seat, runs: bool, rules: Vec<String>) -> Task {
        let (this, name, pod) = (self.clone(), name.clone(), pod.clone());
        let contained = runs.then(|| Contained { stop: watch::channel(None).0, live: LiveCell::default() });
        let inside = contained.as_ref().map(|contained| (contained.stop.subscribe(), contained.live.clone()));
        let handle = tokio::spawn(async move {
            let result = match inside {
                Some((stop, live)) => this.contain(&name, &pod, &seat, stop, &live).await,
                None => this.simulate(&name, &pod, &seat).await,
            };
            if let Err(error) = result {
                tracing::debug!(pod = api::name(&pod), %error, "the Pod's status was not written");
                // The next news of it starts over.
                this.ward(&name).tasks.remove(api::uid(&pod));
            }
        });
        Task { handle, rules, contained }
    }

    /// Gives those that found no node another chance.
    async fn try_again(&self, name: &ClusterName) {
        let waiting = std::mem::take(&mut self.ward(name).waiting);
        for pod in waiting.into_values() {
            if let Next::Wait(why) = self.decide(name, &pod) {
                self.refuse(name, &pod, &why).await;
            }
        }
    }

    /// Ends what runs for a Pod that is gone.
    async fn forget(&self, name: &ClusterName, uid: &str) {
        if self.ward(name).forget(uid) {
            self.try_again(name).await;
        }
    }

    /// Says that no node takes a Pod, as the scheduler says it.
    async fn refuse(&self, name: &ClusterName, pod: &Value, why: &str) {
        let told = api::find_condition(pod, "PodScheduled");
        if told.is_some_and(|told| told["status"] == "False" && told["message"] == why) {
            return;
        }
        let Ok(cluster) = self.options.clusters.get(name) else { return };
        let now = seconds(self.options.clock.now());
        let condition =
            json!({"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": why, "lastTransitionTime": now});
        if let Err(error) = self.tell(cluster, pod, json!({"phase": "Pending", "conditions": [condition]})).await {
            tracing::debug!(pod = api::name(pod), %error, "it was not told that no node takes a Pod");
        }
        self.record(cluster, About { pod, component: SCHEDULER, node: "" }, &Said::warning("FailedScheduling", "", why)).await;
    }

    /// Lets a Pod go for which no program runs.
    async fn leave(&self, name: &ClusterName, pod: &Value, begun: bool) {
        let Ok(cluster) = self.options.clusters.get(name) else { return };
        let node = text(pod, &["spec", "nodeName"]);
        if begun {
            for container in pod["spec"]["containers"].as_array().into_iter().flatten() {
                let container = text(container, &["name"]);
                self.say(cluster, pod, node, &Said::normal("Killing", container, format!("Stopping container {container}"))).await;
            }
            if is_of_job(pod)
                && let Err(error) = self.tell(cluster, pod, self.killed(pod)).await
            {
                tracing::debug!(pod = api::name(pod), %error, "the end of a Pod was not told");
            }
        }
        self.finish_deletion(name, pod).await;
    }

    /// The status of a simulated Pod that is deleted before it has ended: the signal ended its containers.
    fn killed(&self, pod: &Value) -> Value {
        let now = self.options.clock.now();
        let mut statuses = pod["status"]["containerStatuses"].clone();
        for status in statuses.as_array_mut().into_iter().flatten().filter(|status| !status["state"]["terminated"].is_object()) {
            let began = status["state"]["running"]["startedAt"].as_str().map_or_else(|| seconds(now), str::to_owned);
            status["state"] = json!({"terminated": {"exitCode": 143, "reason": "Error", "startedAt": began, "finishedAt": seconds(now)}});
            status["ready"] = json!(false);
            status["started"] = json!(false);
        }
        json!({"phase": "Failed", "containerStatuses": statuses, "conditions": crate::simulation::conditions(&pod["status"]["conditions"], "Failed", &[], now)})
    }

    pub(crate) async fn finish_deletion(&self, cluster: &ClusterName, pod: &Value) {
        let Ok(cluster) = self.options.clusters.get(cluster) else { return };
        let path = format!("/api/v1/namespaces/{}/pods/{}", api::namespace(pod), api::name(pod));
        let options =
            json!({"apiVersion": "v1", "kind": "DeleteOptions", "gracePeriodSeconds": 0, "preconditions": {"uid": api::uid(pod)}});
        if let Err(error) = cluster.raw(http::Method::DELETE, &path, "application/json", options.to_string().into_bytes()).await
            && !error.is_not_found()
        {
            tracing::debug!(pod = api::name(pod), %error, "a Pod was not removed");
        }
    }

    /// Binds a Pod to its node, if it is not bound.
    pub(crate) async fn bind(&self, cluster: &Cluster, pod: &Value, node: &str) -> Result<(), ClusterError> {
        if !text(pod, &["spec", "nodeName"]).is_empty() {
            return Ok(());
        }
        let (namespace, name) = (api::namespace(pod), api::name(pod));
        let path = format!("/api/v1/namespaces/{namespace}/pods/{name}/binding");
        let metadata = json!({"name": name, "namespace": namespace, "uid": api::uid(pod)});
        let binding = json!({"apiVersion": "v1", "kind": "Binding", "metadata": metadata, "target": {"apiVersion": "v1", "kind": "Node", "name": node}});
        match cluster.raw(http::Method::POST, &path, "application/json", binding.to_string().into_bytes()).await {
            Err(error) if error.is_conflict() => return Ok(()),
            other => other.map(drop)?,
        }
        let said = Said::normal("Scheduled", "", format!("Successfully assigned {namespace}/{name} to {node}"));
        self.record(cluster, About { pod, component: SCHEDULER, node }, &said).await;
        Ok(())
    }

    /// Tells an Event of the kubelet's.
    pub(crate) async fn say(&self, cluster: &Cluster, pod: &Value, node: &str, said: &Said) {
        self.record(cluster, About { pod, component: KUBELET, node }, said).await;
    }

    /// Tells an Event. Where Events are not taken, as in a namespace that goes, nobody waits for them.
    async fn record(&self, cluster: &Cluster, about: About<'_>, said: &Said) {
        let event = events::event(about, said);
        if let Err(error) = self.events.tell(cluster, about.component, event, self.options.clock.now()).await {
            tracing::debug!(pod = api::name(about.pod), reason = said.reason, %error, "an Event was not told");
        }
    }

    /// Writes into a Pod's status; conditions of others stay.
    pub(crate) async fn tell(&self, cluster: &Cluster, pod: &Value, status: Value) -> Result<(), ClusterError> {
        let path = format!("/api/v1/namespaces/{}/pods/{}/status?fieldManager={KUBELET}", api::namespace(pod), api::name(pod));
        let patch = json!({"metadata": {"uid": api::uid(pod)}, "status": status});
        let media = "application/strategic-merge-patch+json";
        cluster.raw(http::Method::PATCH, &path, media, patch.to_string().into_bytes()).await.map(drop)
    }
}

/// The ward of one cluster, held.
struct WardGuard<'a>(MutexGuard<'a, HashMap<ClusterName, Ward>>, ClusterName);

impl std::ops::Deref for WardGuard<'_> {
    type Target = Ward;

    fn deref(&self) -> &Ward {
        static NOTHING: OnceLock<Ward> = OnceLock::new();
        self.0.get(&self.1).unwrap_or_else(|| NOTHING.get_or_init(Ward::default))
    }
}

impl std::ops::DerefMut for WardGuard<'_> {
    fn deref_mut(&mut self) -> &mut Ward {
        self.0.entry(self.1.clone()).or_default()
    }
}

impl Ward {
    /// Begins to end a Pod that is being deleted.
    fn end(&mut self, pod: &Value, over: bool) -> Next {
        let uid = api::uid(pod);
        self.waiting.remove(uid);
        let Some(task) = self.tasks.get(uid) else { return Next::End { contained: false, begun: !over } };
        match &task.contained {
            Some(contained) if !over && !task.handle.is_finished() => {
                let grace = pod["metadata"]["deletionGracePeriodSeconds"].as_u64().unwrap_or(GRACE);
                contained.stop.send_if_modified(|asked| asked.replace(Duration::from_secs(grace)).is_none());
                Next::End { contained: true, begun: true }
            }
            _ => {
                if task.contained.is_none() {
                    task.handle.abort();
                }
                Next::End { contained: false, begun: !over }
            }
        }
    }
}
