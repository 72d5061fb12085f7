//! Clusters of a kubeconfig, for the verbs of `kargo` and `flux`.

use std::path::PathBuf;

use anyhow::Context as _;
use kube::config::{KubeConfigOptions, Kubeconfig};
use model::{ClusterName, ObjectRef};
use ports::{Cluster, Clusters};
use serde_json::{Value, json};

/// Which cluster a verb is for.
#[derive(clap::Args, Clone)]
pub(crate) struct Target {
    /// The kubeconfig.
    #[arg(long, env = "KUBECONFIG", default_value = "supercargo-data/kubeconfig", global = true)]
    kubeconfig: PathBuf,
    /// The context; the current one where none is named.
    #[arg(long, global = true)]
    context: Option<String>,
}

impl Target {
    /// Returns the contexts of the kubeconfig whose cluster has an object.
    pub(crate) async fn elsewhere(&self, object: &ObjectRef) -> Vec<String> {
        let file = Kubeconfig::read_from(&self.kubeconfig).unwrap_or_default();
        let mut found = Vec::new();
        for context in file.contexts {
            let there = Self { kubeconfig: self.kubeconfig.clone(), context: Some(context.name.clone()) };
            let Ok(cluster) = there.open(None).await else { continue };
            if matches!(cluster.get(object).await, Ok(Some(_))) {
                found.push(context.name);
            }
        }
        found
    }

    /// Returns all contexts of the kubeconfig.
    pub(crate) fn contexts(&self) -> anyhow::Result<Vec<String>> {
        let file = Kubeconfig::read_from(&self.kubeconfig).with_context(|| self.kubeconfig.display().to_string())?;
        Ok(file.contexts.into_iter().map(|context| context.name).collect())
    }

    /// Opens the cluster of this context.
    pub(crate) async fn named(&self, context: &str) -> anyhow::Result<Cluster> {
        Self { context: Some(context.to_owned()), ..self.clone() }.open(None).await
    }

    /// Opens the cluster; `usual` is the context that is meant where none is named and the file has it.
    pub(crate) async fn open(&self, usual: Option<&str>) -> anyhow::Result<Cluster> {
        let file = Kubeconfig::read_from(&self.kubeconfig).with_context(|| self.kubeconfig.display().to_string())?;
        let usual = usual.filter(|usual| file.contexts.iter().any(|context| context.name == *usual)).map(str::to_owned);
        let context = self
            .context
            .clone()
            .or(usual)
            .or_else(|| file.current_context.clone())
            .context("the kubeconfig has no current context: --context")?;
        let options = KubeConfigOptions { context: Some(context.clone()), ..KubeConfigOptions::default() };
        let config = kube::Config::from_custom_kubeconfig(file, &options).await.with_context(|| format!("context {context}"))?;
        let client = kube::Client::try_from(config).with_context(|| format!("context {context}"))?;
        Ok(Clusters::default().with(&context, client).get(&ClusterName(context))?.clone())
    }
}

/// Leaves an Event about an object: what a person did, and why.
pub(crate) async fn record(cluster: &Cluster, about: &Value, reason: &str, done: &str, why: &str) -> anyhow::Result<()> {
    let (now, by) = (jiff::Timestamp::now(), author());
    let why = if why.is_empty() { String::new() } else { format!(": {why}") };
    let namespace = Some(api::namespace(about)).filter(|namespace| !namespace.is_empty()).unwrap_or("default");
    let whole = jiff::Timestamp::from_second(now.as_second()).unwrap_or(now).to_string();
    let event = json!({
        "apiVersion": "v1", "kind": "Event",
        "metadata": {"name": format!("{}.{:x}", api::name(about), now.as_nanosecond()), "namespace": namespace},
        "involvedObject": {"apiVersion": about["apiVersion"], "kind": about["kind"], "namespace": about["metadata"]["namespace"], "name": api::name(about), "uid": api::uid(about)},
        "type": "Normal", "reason": reason, "message": format!("{done} by {by}{why}"), "count": 1,
        "firstTimestamp": whole, "lastTimestamp": whole, "source": {"component": "supercargo-cli"},
    });
    cluster.create("supercargo-cli", &event).await.map(drop).context("the Event was not written")
}

/// Returns who acts, for what is written down: the user of this machine.
pub(crate) fn author() -> String {
    ["SUDO_USER", "USER", "LOGNAME"].into_iter().find_map(|name| std::env::var(name).ok()).filter(|name| !name.is_empty()).unwrap_or_else(
        || {
            use std::os::unix::fs::MetadataExt as _;
            std::fs::metadata("/proc/self").map_or_else(|_| "somebody".to_owned(), |found| format!("uid {}", found.uid()))
        },
    )
}
