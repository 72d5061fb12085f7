//! Lets happen what the roles act upon.

use std::path::Path;
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use http::Method;
use model::{Caller, ClusterName, ObjectRef};
use node::{HostJobs, Images, Node, NodeOptions};
use ports::{Cluster, Login, Registry, WatchChange};
use serde_json::{Value, json};
use testkit::{Drill, Rules};

const JSON: &str = "application/json";
const MERGE: &str = "application/merge-patch+json";
/// Long enough for a loaded machine; nothing waits for it when all is well.
const PATIENCE: Duration = Duration::from_secs(60);

/// Somebody who may do anything in a cluster, and lets the world go on after each thing.
struct Hand<'a> {
    drill: &'a mut Drill,
    cluster: Cluster,
}

impl<'a> Hand<'a> {
    fn of(drill: &'a mut Drill, cluster: &str) -> Self {
        let cluster = plain(drill, cluster);
        Self { drill, cluster }
    }

    fn send(&mut self, method: Method, path: &str, media: &str, body: &Value) {
        self.drill.ask(send(&self.cluster, method, path, media, body));
        self.wait(20);
    }

    fn wait(&mut self, seconds: u64) {
        self.drill.wait(Duration::from_secs(seconds)).expect("the world goes on");
    }

    fn create(&mut self, path: &str, body: Value) {
        self.send(Method::POST, path, JSON, &body);
    }

    fn patch(&mut self, path: &str, patch: Value) {
        self.send(Method::PATCH, path, MERGE, &patch);
    }

    fn delete(&mut self, path: &str, propagation: &str) {
        let options = json!({"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": propagation});
        self.send(Method::DELETE, path, JSON, &options);
    }
}

fn plain(drill: &Drill, cluster: &str) -> Cluster {
    drill.world().plain.clusters.get(&ClusterName(cluster.to_owned())).expect("a cluster").clone()
}

async fn send(cluster: &Cluster, method: Method, path: &str, media: &str, body: &Value) {
    let bytes = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
    cluster.raw(method, path, media, bytes).await.unwrap_or_else(|error| panic!("{path}: {error}"));
}

/// Adds fields to an object.
fn with(mut object: Value, more: &Value) -> Value {
    for (key, value) in more.as_object().into_iter().flatten() {
        object[key] = value.clone();
    }
    object
}

fn pod_spec() -> Value {
    json!({"containers": [{"name": "c", "image": "registry.internal/myapp:1.4.2", "ports": [{"name": "http", "containerPort": 80}]}]})
}

fn pod(name: &str, app: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": {"app": app}}, "spec": pod_spec()})
}

fn workload(kind: &str, name: &str, more: &Value) -> Value {
    let labels = json!({"app": name});
    let spec = json!({"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": pod_spec()}});
    json!({"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": name}, "spec": with(spec, more)})
}

/// Kubernetes' own workloads: made, changed, shrunk, adopted, let go and removed.
pub fn workloads(drill: &mut Drill) {
    const APPS: &str = "/apis/apps/v1/namespaces/rights";
    const CORE: &str = "/api/v1/namespaces/rights";
    let mut hand = Hand::of(drill, "dev");
    hand.create("/api/v1/namespaces", json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "rights"}}));
    hand.create("/api/v1/nodes", json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "simulated"}}));
    hand.patch("/api/v1/nodes/simulated", json!({"spec": {"taints": null}}));
    let ready = json!({"conditions": [{"type": "Ready", "status": "True", "reason": "KubeletReady"}], "allocatable": {"pods": "100"}});
    hand.patch("/api/v1/nodes/simulated/status", json!({"status": ready}));
    let change = json!({"spec": {"template": {"metadata": {"annotations": {"changed": "yes"}}}}});

    hand.create(&format!("{APPS}/deployments"), workload("Deployment", "web", &json!({"revisionHistoryLimit": 0})));
    hand.patch(&format!("{APPS}/deployments/web"), change.clone());
    hand.delete(&format!("{APPS}/deployments/web"), "Background");

    hand.create(&format!("{APPS}/replicasets"), workload("ReplicaSet", "set", &json!({"replicas": 2})));
    hand.patch(&format!("{APPS}/replicasets/set"), json!({"spec": {"replicas": 0}}));

    let state = json!({"replicas": 2, "serviceName": "state", "volumeClaimTemplates": [
        {"metadata": {"name": "data"}, "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}},
    ], "persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Delete", "whenScaled": "Delete"}});
    for (kind, plural, more) in [("StatefulSet", "statefulsets", state), ("DaemonSet", "daemonsets", json!({}))] {
        let place = format!("{APPS}/{plural}/{plural}");
        hand.create(&format!("{APPS}/{plural}"), workload(kind, plural, &more));
        hand.patch(&place, change.clone());
        // A revision that is there comes to the front again.
        hand.patch(&place, json!({"spec": {"template": {"metadata": {"annotations": null}}}}));
        hand.patch(&place, json!({"spec": {"revisionHistoryLimit": 0}}));
        hand.delete(&place, "Orphan");
        hand.create(&format!("{APPS}/{plural}"), workload(kind, plural, &more));
        if kind == "StatefulSet" {
            hand.patch(&place, json!({"spec": {"replicas": 1}}));
        }
        hand.delete(&place, "Background");
    }

    let service = json!({"selector": {"app": "served"}, "ports": [{"port": 80, "targetPort": "http"}]});
    hand.create(&format!("{CORE}/services"), json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"}, "spec": service}));
    hand.create(&format!("{CORE}/pods"), pod("served", "served"));
    hand.patch(&format!("{CORE}/pods/served/status"), json!({"status": {"podIP": "10.0.0.9", "podIPs": [{"ip": "10.0.0.9"}]}}));
    let elsewhere = json!({"type": "ExternalName", "externalName": "example.com"});
    hand.patch(&format!("{CORE}/services/s"), json!({"spec": elsewhere}));

    for app in ["served", "nobody"] {
        let spec = json!({"minAvailable": "50%", "selector": {"matchLabels": {"app": app}}});
        let budget = json!({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": app}, "spec": spec});
        hand.create("/apis/policy/v1/namespaces/rights/poddisruptionbudgets", budget);
    }
    jobs(drill);
}

/// Jobs in the namespace of the tests, where a simulated one knows what to ask.
fn jobs(drill: &mut Drill) {
    const BATCH: &str = "/apis/batch/v1/namespaces/kargo-myapp";
    let mut hand = Hand::of(drill, "management");
    let known = hand.drill.ask(hand.cluster.list("argoproj.io/v1alpha1", "AnalysisTemplate", None, None)).expect("templates");
    let image = &known[0]["spec"]["metrics"][0]["provider"]["job"]["spec"]["template"]["spec"]["containers"][0]["image"];
    let container = json!({"name": "c", "image": image, "envFrom": [{"secretRef": {"name": "dev-test-credentials"}}]});
    let template = json!({"template": {"spec": {"restartPolicy": "Never", "containers": [container]}}});
    let job = |name: &str, more: &Value| json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}, "spec": with(template.clone(), more)});
    hand.create(&format!("{BATCH}/jobs"), job("once", &json!({"ttlSecondsAfterFinished": 1})));
    hand.drill.rule(Rules { hanging: Some("1.4.2".to_owned()), ..Rules::default() });
    hand.create(&format!("{BATCH}/jobs"), job("never", &json!({})));
    hand.patch(&format!("{BATCH}/jobs/never"), json!({"spec": {"suspend": true}}));
    hand.delete(&format!("{BATCH}/jobs/never"), "Background");
    hand.drill.rule(Rules::default());
    let often = json!({"schedule": "* * * * *", "successfulJobsHistoryLimit": 0, "jobTemplate": {"spec": template}});
    hand.create(
        &format!("{BATCH}/cronjobs"),
        json!({"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "often"}, "spec": often}),
    );
    hand.wait(200);
    hand.delete(&format!("{BATCH}/cronjobs/often"), "Background");
}

/// A release that arrives, one whose tests are stopped, a Promotion by hand that names no Freight, suspensions that end by themselves.
pub fn pipeline(drill: &mut Drill) {
    const RUNS: &str = "/apis/argoproj.io/v1alpha1/namespaces/kargo-myapp/analysisruns";
    let world = drill.world();
    drill.ask(world.release("1.4.3", drill.now())).expect("a release");
    for _ in 0..60 {
        drill.wait(Duration::from_secs(10)).expect("the world goes on");
        if drill.ask(world.has_arrived("1.4.3")).expect("an answer") {
            break;
        }
    }
    assert!(drill.ask(world.has_arrived("1.4.3")).expect("an answer"), "1.4.3 does not arrive");

    drill.rule(Rules { hanging: Some("1.4.4".to_owned()), ..Rules::default() });
    drill.ask(world.release("1.4.4", drill.now())).expect("a release");
    let mut hand = Hand::of(drill, "management");
    let run = (0..60).find_map(|_| {
        hand.wait(10);
        let runs = hand.drill.ask(hand.cluster.list("argoproj.io/v1alpha1", "AnalysisRun", None, None)).expect("runs");
        runs.into_iter().find(|run| run["status"]["phase"] == "Running")
    });
    let run = run.expect("the tests of 1.4.4 in dev run");
    hand.patch(&format!("{RUNS}/{}", api::name(&run)), json!({"spec": {"terminate": true}}));
    hand.drill.rule(Rules::default());

    // It fails, after its steps were looked up.
    let promotion = json!({
        "apiVersion": "kargo.akuity.io/v1alpha1", "kind": "Promotion", "metadata": {"generateName": "dev."},
        "spec": {"stage": "dev", "freight": "unknown"},
    });
    hand.create("/apis/kargo.akuity.io/v1alpha1/namespaces/kargo-myapp/promotions", promotion);

    // It fails as well: the Secret that it asks for is not there.
    let argument = json!([{"name": "token", "valueFrom": {"secretKeyRef": {"name": "none", "key": "token"}}}]);
    let metric =
        json!([{"name": "m", "provider": {"job": {"spec": {"template": {"spec": {"restartPolicy": "Never", "containers": []}}}}}}]);
    hand.create("/api/v1/namespaces", json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "rights"}}));
    let run = json!({
        "apiVersion": "argoproj.io/v1alpha1", "kind": "AnalysisRun", "metadata": {"name": "lost"}, "spec": {"args": argument, "metrics": metric},
    });
    hand.create("/apis/argoproj.io/v1alpha1/namespaces/rights/analysisruns", run);

    let until = drill.now() + Duration::from_secs(5);
    let note = api::Note::write("ann", "a rehearsal", drill.now(), Some(until));
    let mut hand = Hand::of(drill, "dev");
    for place in ["gitrepositories/deployment", "ocirepositories/myapp"] {
        let suspended = json!({"metadata": {"annotations": {"supercargo.dev/suspended": note}}, "spec": {"suspend": true}});
        hand.patch(&format!("/apis/source.toolkit.fluxcd.io/v1/namespaces/flux-system/{place}"), suspended);
    }
}

/// What a driver watches for its controllers. The simulation tells them by itself.
pub fn informers(drill: &Drill) {
    let world = drill.world();
    drill.ask(async {
        let clusters = world.acting("shared-informers").clusters;
        for (cluster, watched) in world.driver.watched() {
            let client = clusters.get(&cluster).expect("a cluster");
            let changes = client.watch(watched.api_version, watched.kind).await.unwrap_or_else(|error| panic!("{watched:?}: {error}"));
            let mut changes = std::pin::pin!(changes);
            while !matches!(changes.next().await, Some(Ok(WatchChange::Synced))) {}
        }
    });
}

/// The agent of the nodes, in real time, beside Kubernetes' own controllers.
pub fn node(drill: &Drill, place: &Path) {
    const CORE: &str = "/api/v1/namespaces/agent";
    let world = drill.world();
    let agent = Node::new(NodeOptions {
        clock: world.plain.clock.clone(),
        clusters: drill.ask(async { world.acting("node-agent").clusters }),
        images: Images::new(place.join("images"), Registry::new(world.web.clone(), Login::Caller(Caller::new("node")))),
        place: place.join("pods"),
        environment: Vec::new(),
        host_jobs: HostJobs::Refused,
        logs: place.join("logs"),
    });
    world.kubelets.set(agent.clone());
    let cluster = plain(drill, "staging");
    drill.ask(async {
        // Without it, nobody takes the taint of a new node away.
        let _controllers = world.cluster_driver().start(1);
        let agent = tokio::spawn(agent.run(ClusterName("staging".to_owned())));
        let create = async |path: &str, body: Value| send(&cluster, Method::POST, path, JSON, &body).await;
        create("/api/v1/namespaces", json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "agent"}})).await;
        create(&format!("{CORE}/pods"), pod("served", "served")).await;
        until(&cluster, "served", |pod| api::is_true(pod, "Ready")).await;
        // It has none, which the agent says after a look at the Pod.
        let _ = cluster.raw(Method::GET, &format!("{CORE}/pods/served/log"), JSON, Vec::new()).await;
        send(&cluster, Method::DELETE, &format!("{CORE}/pods/served"), JSON, &Value::Null).await;
        let mut nowhere = pod("nowhere", "nowhere");
        nowhere["spec"]["nodeSelector"] = json!({"is": "nowhere"});
        create(&format!("{CORE}/pods"), nowhere).await;
        until(&cluster, "nowhere", |pod| pod["status"]["conditions"][0]["reason"] == "Unschedulable").await;
        for kind in ["ConfigMap", "Secret"] {
            let object = json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": "values"}});
            create(&format!("{CORE}/{}s", kind.to_lowercase()), object).await;
        }
        let mut job = json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "job"}, "spec": {"suspend": true}});
        job["spec"]["template"] = json!({"spec": with(pod_spec(), &json!({"restartPolicy": "Never"}))});
        create("/apis/batch/v1/namespaces/agent/jobs", job).await;
        let job = ObjectRef { api_version: "batch/v1".into(), kind: "Job".into(), namespace: "agent".into(), name: "job".into() };
        let job = cluster.get(&job).await.expect("an answer").expect("a Job");
        let mut tested = pod("tested", "tested");
        tested["metadata"]["ownerReferences"] =
            json!([{"apiVersion": "batch/v1", "kind": "Job", "name": "job", "uid": api::uid(&job), "controller": true}]);
        tested["spec"]["restartPolicy"] = json!("Never");
        // No program is started: the values are there, and this key is not.
        let missing = |kind: &str| json!({"name": kind, "valueFrom": {kind: {"name": "values", "key": "missing"}}});
        tested["spec"]["containers"][0]["env"] = json!([missing("configMapKeyRef"), missing("secretKeyRef")]);
        create(&format!("{CORE}/pods"), tested).await;
        until(&cluster, "tested", |pod| pod["status"]["phase"] == "Failed").await;
        agent.abort();
    });
}

/// Waits until a Pod of the agent is as it should be.
async fn until(cluster: &Cluster, name: &str, holds: impl Fn(&Value) -> bool) {
    let place = ObjectRef { api_version: "v1".into(), kind: "Pod".into(), namespace: "agent".into(), name: name.into() };
    let started = Instant::now();
    loop {
        let pod = cluster.get(&place).await.expect("an answer").unwrap_or_default();
        if holds(&pod) {
            return;
        }
        assert!(started.elapsed() < PATIENCE, "{name}: {:#}", pod["status"]);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
