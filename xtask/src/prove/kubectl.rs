//! The real kubectl against every cluster of a world: read, apply, describe, watch, wait, delete.

use std::cell::Cell;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, ensure};

use crate::place::Settings;
use crate::program::{self, Ended};
use crate::world::{ANYWHERE, World, scratch};

/// How long one command may take.
const LIMIT: Duration = Duration::from_secs(60);
/// The contexts of the kubeconfig.
const CONTEXTS: [&str; 4] = ["management", "dev", "staging", "prod"];

const OBJECTS: &str = "\
apiVersion: v1
kind: Namespace
metadata: { name: proof }
---
apiVersion: v1
kind: ConfigMap
metadata: { name: settings, namespace: proof }
data: { colour: green }
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: web, namespace: proof }
spec:
  replicas: 0
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec: { containers: [{ name: web, image: registry.internal/web:1.0.0 }] }
";

/// A Kustomization with a field that its definition does not know.
const UNKNOWN: &str = "\
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: { name: wrong, namespace: proof }
spec:
  colour: green
  interval: 1m
  prune: true
  sourceRef: { kind: OCIRepository, name: nothing }
";

/// kubectl in one context.
pub struct Kubectl<'a> {
    kubeconfig: String,
    context: &'a str,
    folder: &'a Path,
    asked: Cell<usize>,
}

impl<'a> Kubectl<'a> {
    /// Returns kubectl for a world's cluster; it finds its files in the folder.
    pub fn new(world: &World, context: &'a str, folder: &'a Path) -> Self {
        Self { kubeconfig: world.data.join("kubeconfig").display().to_string(), context, folder, asked: Cell::new(0) }
    }

    /// Returns how many commands there were.
    pub fn asked(&self) -> usize {
        self.asked.get()
    }

    /// Runs a command to its end, whatever that is.
    pub fn run(&self, arguments: &[&str]) -> anyhow::Result<Ended> {
        self.asked.set(self.asked.get() + 1);
        let all = [&["--kubeconfig", self.kubeconfig.as_str(), "--context", self.context], arguments].concat();
        program::run("kubectl", &all, self.folder, LIMIT)
    }

    /// Demands that the command ends well and says this.
    pub fn says(&self, arguments: &[&str], wanted: &str) -> anyhow::Result<()> {
        let ended = self.run(arguments)?;
        let told = format!("{}{}", ended.out, ended.err);
        ensure!(ended.good && told.contains(wanted), "[{}] kubectl {} was to say {wanted:?}:\n{told}", self.context, arguments.join(" "));
        Ok(())
    }

    /// Demands that the command fails and says this.
    pub fn refuses(&self, arguments: &[&str], wanted: &str) -> anyhow::Result<()> {
        let ended = self.run(arguments)?;
        let told = format!("{}{}", ended.out, ended.err);
        ensure!(
            !ended.good && told.contains(wanted),
            "[{}] kubectl {} was to fail with {wanted:?}:\n{told}",
            self.context,
            arguments.join(" ")
        );
        Ok(())
    }
}

/// Starts a new world, which loads the example meanwhile, and talks to each of its clusters.
pub fn prove(settings: &Settings) -> anyhow::Result<()> {
    program::output("kubectl", &["version", "--client"], Path::new("."), LIMIT)?;
    let folder = scratch(settings)?;
    let world = World::new(settings, folder.path().join("data"))?;
    std::fs::write(folder.path().join("objects.yaml"), OBJECTS)?;
    std::fs::write(folder.path().join("unknown.yaml"), UNKNOWN)?;
    let mut up = world.up(&[ANYWHERE])?;
    world.ready(&mut up)?;
    for context in CONTEXTS {
        let kubectl = Kubectl::new(&world, context, folder.path());
        talk(&kubectl).with_context(|| up.story())?;
        println!("kubectl: {context} answers as it should");
    }
    up.stop()
}

fn talk(kubectl: &Kubectl<'_>) -> anyhow::Result<()> {
    kubectl.says(&["get", "namespaces"], "kube-system")?;
    kubectl.says(&["apply", "--server-side", "-f", "objects.yaml"], "deployment.apps/web serverside-applied")?;
    kubectl.says(&["apply", "--server-side", "-f", "objects.yaml"], "configmap/settings serverside-applied")?;
    kubectl.says(&["--namespace", "proof", "get", "configmap", "settings", "-o", "jsonpath={.data.colour}"], "green")?;
    kubectl.says(&["--namespace", "proof", "get", "deployments", "-o", "wide"], "registry.internal/web:1.0.0")?;
    kubectl.says(&["--namespace", "proof", "describe", "deployment", "web"], "RollingUpdate")?;
    kubectl.says(&["--namespace", "proof", "wait", "--for=condition=Available", "deployment/web", "--timeout=30s"], "condition met")?;
    kubectl.says(
        &["wait", "--for=condition=Established", "crd/kustomizations.kustomize.toolkit.fluxcd.io", "--timeout=30s"],
        "condition met",
    )?;
    kubectl.refuses(&["apply", "--server-side", "-f", "unknown.yaml"], "colour")?;
    watch(kubectl)?;
    kubectl.says(&["--namespace", "proof", "delete", "configmap", "settings"], "deleted")?;
    kubectl.refuses(&["--namespace", "proof", "get", "configmap", "settings"], "NotFound")?;
    kubectl.says(&["delete", "namespace", "proof", "--wait=false"], "deleted")?;
    kubectl.says(&["wait", "--for=delete", "namespace/proof", "--timeout=30s"], "")
}

/// A watch with an end tells what is there.
fn watch(kubectl: &Kubectl<'_>) -> anyhow::Result<()> {
    let arguments = ["--namespace", "proof", "get", "configmap", "settings", "--watch", "--request-timeout=2s", "--no-headers"];
    let ended = kubectl.run(&arguments)?;
    ensure!(ended.out.contains("settings"), "[{}] kubectl get --watch told nothing:\n{}{}", kubectl.context, ended.out, ended.err);
    Ok(())
}
