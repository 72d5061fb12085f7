//! The node agent over an API server in memory, beside the controller of nodes' taints: what simulated Pods look like, rule by rule,
//! where they go, and what logs and connections answer.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use apiserver::{ApiServer, Options};
use bytes::Bytes;
use controllers::{Driver, Journal, cluster};
use http::{Method, Request, Response};
use model::{Caller, Clock, ClusterName, Timestamp};
use node::{HostJobs, Images, Node, NodeOptions};
use ports::{Cluster, Clusters, Forge, Git, Identity, Login, Ports, Registry, Trees, Web};
use serde_json::{Value, json};
use tower::{Layer as _, ServiceExt as _};

/// Long enough for a loaded machine; nothing waits for it when all is well.
const PATIENCE: Duration = Duration::from_secs(60);
const PODS: &str = "/api/v1/namespaces/default/pods";
const NODES: &str = "/api/v1/nodes";
const MERGE: &str = "application/merge-patch+json";

struct System;

impl Clock for System {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

struct World {
    router: axum::Router,
    clusters: Clusters,
    node: Node,
    folder: tempfile::TempDir,
}

/// A registry with one image, `registry.internal/app:1`.
fn registry() -> Web {
    let image = Arc::new(oci::image(&[], &oci::ImageConfig::default(), &BTreeMap::new()));
    Web::new(&[]).with_handler(
        "registry.internal",
        Arc::new(move |request| {
            let image = image.clone();
            Box::pin(async move {
                let path = request.uri().path();
                let blob = image.blobs.iter().find(|blob| path.ends_with(&blob.0.to_string()));
                let answer = if path == "/v2/app/manifests/1" { Some(image.manifest.clone()) } else { blob.map(|blob| blob.1.clone()) };
                let status = if answer.is_some() { 200 } else { 404 };
                let media = "application/vnd.oci.image.manifest.v1+json";
                let answer = Response::builder().status(status).header("content-type", media).body(Bytes::from(answer.unwrap_or_default()));
                Ok(answer.expect("an answer"))
            })
        }),
    )
}

impl World {
    fn new() -> Self {
        let late = Arc::new(OnceLock::<Node>::new());
        let asked = late.clone();
        let kubelet: apiserver::Kubelet =
            Arc::new(move |request| asked.get().expect("the node is there").kubelet(ClusterName("dev".to_owned()))(request));
        let outgoing: apiserver::Outgoing = Arc::new(|_| Box::pin(async { Err("nothing is called".to_owned()) }));
        let options = Options {
            name: "dev".to_owned(),
            clock: Arc::new(System),
            store: store::Store::memory(),
            outgoing,
            kubelet: Some(kubelet),
            tokens: Vec::new(),
        };
        let router = axum::Extension(Caller::master("tester")).layer(ApiServer::new(options).expect("starts").router());
        let router = axum::Router::new().fallback_service(router);
        let clusters = Clusters::default().with("dev", kube::Client::new(router.clone(), "default"));
        let folder = tempfile::tempdir().expect("a folder");
        let place = folder.path().join("pods");
        let node = Node::new(NodeOptions {
            clock: Arc::new(System),
            clusters: clusters.clone(),
            images: Images::new(folder.path().join("images"), Registry::new(registry(), Login::Caller(Caller::new("node")))),
            place,
            environment: Vec::new(),
            host_jobs: HostJobs::Refused,
            logs: folder.path().join("logs"),
        });
        let _ = late.set(node.clone());
        Self { router, clusters, node, folder }
    }

    /// With an agent that looks after the Pods, and the controller without which no node takes any.
    fn running() -> Self {
        let world = Self::new();
        let dev = ClusterName("dev".to_owned());
        let controller = cluster::NodeTaints::new(world.ports(), vec![dev.clone()]);
        let driver = Driver::new(vec![Arc::new(controller)], world.ports(), Journal::memory());
        driver.start(1).detach_all();
        tokio::spawn(world.node.clone().run(dev));
        world
    }

    fn ports(&self) -> Ports {
        let (web, nobody) = (Web::new(&[]), Caller::new("nobody"));
        let reader = Identity { caller: nobody.clone(), basic: None, name: String::new(), email: String::new(), key: None };
        Ports {
            clock: Arc::new(System),
            clusters: self.clusters.clone(),
            registry: Registry::new(web.clone(), Login::Caller(nobody)),
            git: Git::new(web.clone(), BTreeMap::new(), reader),
            forge: Forge::new(web, BTreeMap::new()),
            trees: Trees::default(),
            trust: None,
        }
    }

    fn cluster(&self) -> &Cluster {
        self.clusters.get(&ClusterName("dev".to_owned())).expect("it is known")
    }

    async fn send(&self, method: Method, path: &str, media: &str, body: Value) -> Value {
        let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        self.cluster().raw(method, path, media, body).await.unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    async fn create(&self, pod: Value) {
        self.send(Method::POST, PODS, "application/json", pod).await;
    }

    /// Makes a Job, for which nobody makes Pods; returns what its Pods say of it.
    async fn job(&self) -> Value {
        let template = json!({"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "registry.internal/app:1"}]}});
        let job = json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "j"}, "spec": {"template": template}});
        let made = self.send(Method::POST, "/apis/batch/v1/namespaces/default/jobs", "application/json", job).await;
        json!([{"apiVersion": "batch/v1", "kind": "Job", "name": "j", "uid": api::uid(&made), "controller": true}])
    }

    async fn annotate(&self, name: &str, rule: Value) {
        let patch = json!({"metadata": {"annotations": {"supercargo.dev/simulate": rule}}});
        self.send(Method::PATCH, &format!("{PODS}/{name}"), "application/merge-patch+json", patch).await;
    }

    async fn until(&self, name: &str, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
        self.until_at(&format!("{PODS}/{name}"), what, holds).await
    }

    async fn until_at(&self, path: &str, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
        let started = Instant::now();
        loop {
            let object = self.send(Method::GET, path, "", Value::Null).await;
            if holds(&object) {
                return object;
            }
            assert!(started.elapsed() < PATIENCE, "{path}: {what} did not happen: {object:#}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn reasons(&self, name: &str) -> Vec<String> {
        let events = self.cluster().list("v1", "Event", Some("default"), None).await.expect("Events");
        let mut found: Vec<String> = events
            .iter()
            .filter(|event| event["involvedObject"]["name"] == name)
            .map(|event| {
                format!("{} {}", event["source"]["component"].as_str().unwrap_or_default(), event["reason"].as_str().unwrap_or_default())
            })
            .collect();
        found.sort();
        found.dedup();
        found
    }

    /// Asks with the router alone, because answers may be no JSON.
    async fn ask(&self, path: &str) -> (u16, String) {
        let request = Request::get(path).body(axum::body::Body::empty()).expect("a request");
        let answer = self.router.clone().oneshot(request).await.expect("infallible");
        let status = answer.status().as_u16();
        let body = axum::body::to_bytes(answer.into_body(), usize::MAX).await.expect("a body");
        (status, String::from_utf8_lossy(&body).into_owned())
    }
}

fn pod(name: &str, rule: &str, more: Value) -> Value {
    let mut pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name},
        "spec": {"containers": [{"name": "c", "image": "registry.internal/app:1"}]}});
    if !rule.is_empty() {
        pod["metadata"]["annotations"] = json!({"supercargo.dev/simulate": rule});
    }
    for (field, value) in more.as_object().into_iter().flatten() {
        pod["spec"][field] = value.clone();
    }
    pod
}

fn waits(reason: &'static str) -> impl Fn(&Value) -> bool {
    move |pod| pod["status"]["containerStatuses"][0]["state"]["waiting"]["reason"] == reason
}

fn is(kind: &'static str, status: &'static str) -> impl Fn(&Value) -> bool {
    move |pod| api::find_condition(pod, kind).is_some_and(|condition| condition["status"] == status)
}

#[tokio::test]
async fn pods_are_what_their_rules_say() {
    let world = World::running();
    world.create(pod("plain", "", json!({}))).await;
    world.create(pod("slow", "slow=2s", json!({}))).await;
    world.create(pod("crash", "crash-loop", json!({}))).await;
    world.create(pod("missing", "image-missing", json!({}))).await;
    world.create(pod("elsewhere", "", json!({"containers": [{"name": "c", "image": "registry.internal/none:1"}]}))).await;
    world.create(pod("unknown", "slw=3s", json!({}))).await;
    world.create(pod("ended", "exit=3", json!({"restartPolicy": "Never"}))).await;
    let plain = world.until("plain", "it is Ready", is("Ready", "True")).await;
    assert_eq!((&plain["spec"]["nodeName"], &plain["status"]["phase"]), (&json!("simulated"), &json!("Running")));
    assert!(plain["status"]["podIP"].as_str().is_some_and(|address| address.starts_with("10.244.")), "{plain:#}");
    assert_eq!(plain["status"]["podIPs"][0]["ip"], plain["status"]["podIP"]);
    let slow = world.until("slow", "it runs", |pod| pod["status"]["phase"] == "Running").await;
    assert_eq!(slow["status"]["containerStatuses"][0]["ready"], false, "{slow:#}");
    assert_ne!(slow["status"]["podIP"], plain["status"]["podIP"]);
    world.until("slow", "it is Ready", is("Ready", "True")).await;
    let crash = world.until("crash", "it crashes", waits("CrashLoopBackOff")).await;
    let status = &crash["status"]["containerStatuses"][0];
    assert_eq!((&status["restartCount"], &status["lastState"]["terminated"]["exitCode"]), (&json!(1), &json!(1)));
    for name in ["missing", "elsewhere"] {
        let missing = world.until(name, "the pull fails", waits("ImagePullBackOff")).await;
        assert_eq!(missing["status"]["phase"], "Pending");
    }
    let unknown = world.until("unknown", "it is refused", waits("CreateContainerConfigError")).await;
    let told = unknown["status"]["containerStatuses"][0]["state"]["waiting"]["message"].as_str().expect("a message");
    assert!(told.contains("the rules are: run, slow=DURATION, not-ready"), "{told}");
    let ended = world.until("ended", "it ends", |pod| pod["status"]["phase"] == "Failed").await;
    assert_eq!(ended["status"]["containerStatuses"][0]["state"]["terminated"]["exitCode"], 3);
    let started = Instant::now();
    for (name, wanted) in [
        ("plain", vec!["default-scheduler Scheduled", "kubelet Created", "kubelet Pulled", "kubelet Pulling", "kubelet Started"]),
        ("missing", vec!["default-scheduler Scheduled", "kubelet BackOff", "kubelet Failed", "kubelet Pulling"]),
    ] {
        while world.reasons(name).await != wanted {
            assert!(started.elapsed() < PATIENCE, "{:?} is not {wanted:?}", world.reasons(name).await);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

#[tokio::test]
async fn a_rule_may_change_while_its_pod_is_there() {
    let world = World::running();
    world.create(pod("a", "", json!({}))).await;
    let first = world.until("a", "it is Ready", is("Ready", "True")).await;
    world.annotate("a", json!("not-ready")).await;
    world.until("a", "it is not Ready", is("Ready", "False")).await;
    world.annotate("a", json!("crash-loop")).await;
    world.until("a", "it crashes", waits("CrashLoopBackOff")).await;
    world.annotate("a", Value::Null).await;
    let again = world.until("a", "it is Ready again", is("Ready", "True")).await;
    assert_eq!(again["status"]["podIP"], first["status"]["podIP"]);
}

#[tokio::test]
async fn what_no_node_takes_says_why_and_goes_when_one_does() {
    let world = World::running();
    let unschedulable = is("PodScheduled", "False");
    world.create(pod("ruled", "unschedulable", json!({}))).await;
    let ruled = world.until("ruled", "it is refused", &unschedulable).await;
    let condition = api::find_condition(&ruled, "PodScheduled").expect("a condition");
    assert_eq!((&condition["reason"], &ruled["status"]["phase"]), (&json!("Unschedulable"), &json!("Pending")));
    world.annotate("ruled", Value::Null).await;
    world.until("ruled", "it is Ready", is("Ready", "True")).await;
    world.create(pod("picky", "", json!({"nodeSelector": {"disk": "ssd"}}))).await;
    let picky = world.until("picky", "it is refused", &unschedulable).await;
    let condition = api::find_condition(&picky, "PodScheduled").expect("a condition");
    assert_eq!(
        condition["message"],
        "0/2 nodes are available: 1 node(s) didn't match Pod's node affinity/selector, 1 node(s) had untolerated taint(s). no new claims to deallocate, preemption: 0/2 nodes are available: 2 Preemption is not helpful for scheduling."
    );
    let started = Instant::now();
    while world.reasons("picky").await != ["default-scheduler FailedScheduling"] {
        assert!(started.elapsed() < PATIENCE, "{:?}", world.reasons("picky").await);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let label = json!({"metadata": {"labels": {"disk": "ssd"}}});
    world.send(Method::PATCH, "/api/v1/nodes/simulated", "application/merge-patch+json", label).await;
    world.until("picky", "it is Ready", is("Ready", "True")).await;
    let gated = json!({"schedulingGates": [{"name": "example.com/gate"}]});
    world.create(pod("gated", "", gated)).await;
    world.create(pod("last", "", json!({}))).await;
    world.until("last", "it is Ready", is("Ready", "True")).await;
    let gated = world.until("gated", "it is there", |_| true).await;
    assert_eq!(gated["spec"]["nodeName"], Value::Null, "nobody may bind it");
}

#[tokio::test]
async fn a_pod_of_a_job_has_ended_before_it_is_gone() {
    let world = World::running();
    let mut one = pod("job", "run", json!({"restartPolicy": "Never"}));
    one["metadata"]["ownerReferences"] = world.job().await;
    // Holds it, so that its last state can be seen.
    one["metadata"]["finalizers"] = json!(["batch.kubernetes.io/job-tracking"]);
    world.create(one).await;
    world.until("job", "it is Ready", is("Ready", "True")).await;
    world.send(Method::DELETE, &format!("{PODS}/job"), "application/json", json!({})).await;
    let ended = world.until("job", "it has ended", |pod| pod["status"]["phase"] == "Failed").await;
    assert_eq!(ended["status"]["containerStatuses"][0]["state"]["terminated"]["exitCode"], 143);
    world.until("job", "the node lets it go", |pod| pod["metadata"]["deletionGracePeriodSeconds"] == 0).await;
}

#[tokio::test]
async fn nodes_say_what_they_are() {
    let world = World::running();
    world.create(pod("a", "", json!({}))).await;
    world.until("a", "it is Ready", is("Ready", "True")).await;
    let node = world.send(Method::GET, "/api/v1/nodes/simulated", "", Value::Null).await;
    assert_eq!(node["metadata"]["labels"]["node-role.kubernetes.io/simulated"], "");
    assert_eq!(node["status"]["nodeInfo"]["kubeletVersion"], "v1.36.0+simulated");
    let node = world.send(Method::GET, "/api/v1/nodes/containers", "", Value::Null).await;
    assert_eq!(node["spec"]["taints"][0]["key"], "supercargo.dev/jobs-only");
}

#[tokio::test]
async fn nodes_are_tainted_by_what_they_say_and_take_pods_again() {
    let world = World::running();
    let extra = format!("{NODES}/extra");
    let taints = |keys: &'static [&'static str]| {
        move |node: &Value| {
            let found = node["spec"]["taints"].as_array().into_iter().flatten().map(|taint| api::text(taint, &["key"]));
            found.eq(keys.iter().copied())
        }
    };
    let taint = json!({"key": "own", "value": "yes", "effect": "NoSchedule"});
    let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "extra", "labels": {"disk": "ssd"}},
        "spec": {"taints": [taint]}, "status": {"conditions": [{"type": "Ready", "status": "False"}]}});
    world.send(Method::POST, NODES, "application/json", node).await;
    let own = json!([{"key": "own", "operator": "Exists"}]);
    let picky = |name: &str| pod(name, "", json!({"nodeSelector": {"disk": "ssd"}, "tolerations": own}));
    world.create(picky("first")).await;
    world.until("first", "it is refused", is("PodScheduled", "False")).await;
    world.until_at(&extra, "it is as admission made it", taints(&["own", "node.kubernetes.io/not-ready"])).await;
    let says = |conditions: Value| json!({"status": {"conditions": conditions}});
    let well = says(json!([{"type": "Ready", "status": "True"}]));
    world.send(Method::PATCH, &format!("{extra}/status"), MERGE, well).await;
    world.until_at(&extra, "the taint goes", taints(&["own"])).await;
    world.until("first", "it is Ready", is("Ready", "True")).await;
    let crowded = says(json!([{"type": "Ready", "status": "True"}, {"type": "PIDPressure", "status": "True"}]));
    world.send(Method::PATCH, &format!("{extra}/status"), MERGE, crowded).await;
    world.send(Method::PATCH, &extra, MERGE, json!({"spec": {"unschedulable": true}})).await;
    // The order is that in which they came.
    world.until_at(&extra, "both taints come", |node| node["spec"]["taints"].as_array().map(Vec::len) == Some(3)).await;
    world.create(picky("second")).await;
    world.until("second", "it is refused", is("PodScheduled", "False")).await;
    let calm = says(json!([{"type": "Ready", "status": "True"}, {"type": "PIDPressure", "status": "False"}]));
    world.send(Method::PATCH, &format!("{extra}/status"), MERGE, calm).await;
    world.send(Method::PATCH, &extra, MERGE, json!({"spec": {"unschedulable": null}})).await;
    let node = world.until_at(&extra, "both taints go", taints(&["own"])).await;
    assert_eq!(node["spec"]["taints"][0], taint);
    let second = world.until("second", "it is Ready", is("Ready", "True")).await;
    assert_eq!(second["spec"]["nodeName"], "extra");
}

/// A cordon outlives the process that runs the node: who registers again does not take it away.
#[tokio::test]
async fn a_node_that_registers_again_keeps_its_taints() {
    let world = World::running();
    let containers = format!("{NODES}/containers");
    let has = |count: usize| move |node: &Value| node["spec"]["taints"].as_array().map(Vec::len) == Some(count);
    world.until_at(&containers, "its own taint is left", |node| api::is_true(node, "Ready") && has(1)(node)).await;
    let taints = json!([{"key": "supercargo.dev/jobs-only", "effect": "NoSchedule"}, {"key": "own", "effect": "NoSchedule"}]);
    let change = json!({"metadata": {"labels": {"kubernetes.io/os": null}}, "spec": {"unschedulable": true, "taints": taints}});
    world.send(Method::PATCH, &containers, MERGE, change).await;
    let before = world.until_at(&containers, "it is tainted", has(3)).await;
    tokio::spawn(world.node.clone().run(ClusterName("dev".to_owned())));
    let after = world.until_at(&containers, "it registers", |node| api::label(node, "kubernetes.io/os").is_some()).await;
    assert_eq!(after["spec"], before["spec"]);
}

#[tokio::test]
async fn a_simulated_container_has_no_log_and_no_program() {
    let world = World::running();
    world.create(pod("a", "", json!({}))).await;
    world.until("a", "it is Ready", is("Ready", "True")).await;
    for what in ["log", "exec?command=ls&stdout=true", "attach?stdout=true"] {
        let (status, told) = world.ask(&format!("{PODS}/a/{what}")).await;
        assert_eq!(status, 501, "{told}");
        assert!(told.contains(r#"container \"c\" of pod \"a\" is simulated on node \"simulated\": no program runs"#), "{told}");
    }
    let (status, told) = world.ask(&format!("{PODS}/a/portforward?ports=80")).await;
    assert_eq!((status, told.contains("port-forward is not supported")), (501, true), "{told}");
}

#[tokio::test]
async fn the_log_of_a_container_is_shown_as_it_is_wanted() {
    // Nobody looks after the Pods: the log is written by hand.
    let world = World::new();
    let mut one = pod("job-1", "", json!({"restartPolicy": "Never", "nodeName": "containers"}));
    one["metadata"]["ownerReferences"] = world.job().await;
    world.create(one).await;
    let made = world.until("job-1", "it is there", |_| true).await;
    let (status, told) = world.ask(&format!("{PODS}/job-1/log")).await;
    assert_eq!((status, told.contains("is waiting to start: ContainerCreating")), (400, true), "{told}");
    let (status, told) = world.ask(&format!("{PODS}/job-1/exec?command=ls")).await;
    assert_eq!((status, told.contains("container not found")), (500, true), "{told}");
    let place = world.folder.path().join(format!("logs/dev/default_job-1_{}/c", api::uid(&made)));
    std::fs::create_dir_all(&place).expect("a folder");
    let lines = "2026-01-01T00:00:01.000000000Z stdout F one\n2026-01-01T00:00:02.000000000Z stderr F two\n";
    std::fs::write(place.join("0.log"), lines).expect("a log");
    assert_eq!(world.ask(&format!("{PODS}/job-1/log")).await, (200, "one\ntwo\n".to_owned()));
    assert_eq!(
        world.ask(&format!("{PODS}/job-1/log?tailLines=1&timestamps=true")).await,
        (200, "2026-01-01T00:00:02.000000000Z two\n".to_owned())
    );
    assert_eq!(world.ask(&format!("{PODS}/job-1/log?sinceTime=2026-01-01T00:00:02Z&follow=true")).await, (200, "two\n".to_owned()));
    let (status, told) = world.ask(&format!("{PODS}/job-1/log?previous=true")).await;
    assert_eq!((status, told.contains("previous terminated container")), (400, true), "{told}");
    std::fs::write(place.join("1.log"), "").expect("a log");
    assert_eq!(world.ask(&format!("{PODS}/job-1/log?previous=true&limitBytes=5")).await, (200, "one\nt".to_owned()));
    let (_, told) = world.ask(&format!("{PODS}/job-1/log?container=other")).await;
    assert!(told.contains("container other is not valid for pod job-1"), "{told}");
}
