//! kwok, a kubelet for nodes that do not exist, built on client-go: protobuf, informers, leases, and HTTP/2.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, ensure};

use super::{Bench, INSTALL, LIMIT, until};
use crate::place::root;
use crate::program;
use crate::prove::kubectl::Kubectl;

const CONTEXT: &str = "management";
const VERSION: &str = "v0.8.0";
/// What kwok does with nodes and Pods: files of its own module.
const STAGES: [&str; 5] = [
    "node/fast/node-initialize.yaml",
    "node/heartbeat-with-lease/node-heartbeat-with-lease.yaml",
    "pod/fast/pod-ready.yaml",
    "pod/fast/pod-complete.yaml",
    "pod/fast/pod-delete.yaml",
];
const OBJECTS: &str = r#"
apiVersion: v1
kind: Node
metadata: { name: fake, annotations: { kwok.x-k8s.io/node: fake } }
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: web, namespace: default }
spec:
  replicas: 40
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec:
      nodeName: fake
      containers: [{ name: web, image: "registry.internal/web:1" }]
---
apiVersion: batch/v1
kind: Job
metadata: { name: task, namespace: default }
spec:
  completions: 6
  parallelism: 3
  template:
    spec:
      nodeName: fake
      restartPolicy: Never
      containers: [{ name: task, image: "registry.internal/task:1" }]
"#;

/// Installs kwok and lets it look after a node of ours.
pub fn talk(bench: &Bench<'_>) -> anyhow::Result<()> {
    let (kwok, stages) = install(bench)?;
    std::fs::write(bench.folder.join("kwok-objects.yaml"), OBJECTS)?;
    let kubectl = Kubectl::new(bench.world, CONTEXT, bench.folder);
    kubectl.says(&["apply", "-f", "kwok-objects.yaml"], "node/fake created")?;
    // kwok takes the current context.
    let view = kubectl.run(&["config", "view", "--raw", "--minify"])?;
    std::fs::write(bench.folder.join("kwok.config"), view.out)?;
    let mut command = Command::new(kwok);
    command.env("GODEBUG", "http2debug=1").args(["--kubeconfig", "kwok.config", "--node-lease-duration-seconds", "40"]);
    command.args(["--manage-nodes-with-annotation-selector", "kwok.x-k8s.io/node=fake"]);
    for stage in STAGES {
        command.arg("--config").arg(stages.join(stage));
    }
    let (_kwok, told) = bench.beside(command, "kwok")?;
    let story = || program::last_lines(&std::fs::read_to_string(&told).unwrap_or_default(), 5);
    kubectl.says(&["wait", "node/fake", "--for=condition=Ready", "--timeout=60s"], "condition met").with_context(story)?;
    kubectl.says(&["rollout", "status", "deployment/web", "--timeout=60s"], "successfully rolled out").with_context(story)?;
    kubectl.says(&["wait", "job/task", "--for=condition=Complete", "--timeout=60s"], "condition met").with_context(story)?;
    kubectl.says(&["get", "lease", "fake", "--namespace", "kube-node-lease"], "fake")?;
    let pods = kubectl.run(&["get", "pods", "--field-selector=status.phase=Running", "-o", "name"])?;
    ensure!(pods.out.lines().count() == 40, "40 Pods were to run:\n{}", pods.out);
    kubectl.says(&["scale", "deployment/web", "--replicas=3"], "scaled")?;
    until("kwok lets 37 Pods go", || Ok(kubectl.run(&["get", "pods", "-l", "app=web", "-o", "name"])?.out.lines().count() == 3))?;
    kubectl.says(&["delete", "deployment/web", "job/task", "--cascade=foreground", "--timeout=60s"], "deleted")?;
    let left = kubectl.run(&["get", "pods", "-o", "name"])?;
    ensure!(left.out.is_empty(), "these Pods were left behind:\n{}", left.out);
    ensure!(std::fs::read_to_string(&told)?.contains("http2: Transport"), "kwok did not speak HTTP/2:\n{}", story());
    println!("kwok: {VERSION}, over HTTP/2: a node, 40 Pods of a Deployment, 6 of a Job, all of them removed again");
    Ok(())
}

/// Returns the program and the folder of its stages.
fn install(bench: &Bench<'_>) -> anyhow::Result<(PathBuf, PathBuf)> {
    let bin = root().join("target/go-bin");
    let mut install = Command::new("go");
    install.env("GOBIN", &bin).args(["install", &format!("sigs.k8s.io/kwok/cmd/kwok@{VERSION}")]);
    let mut child = install.spawn().context("go is needed to install kwok")?;
    ensure!(program::wait(&mut child, INSTALL)?.success(), "kwok cannot be installed");
    let modules = program::output("go", &["env", "GOMODCACHE"], bench.folder, LIMIT)?;
    Ok((bin.join("kwok"), PathBuf::from(modules.trim()).join(format!("sigs.k8s.io/kwok@{VERSION}/kustomize/stage"))))
}
