//! Clusters of a kubeconfig, for the verbs of `kargo` and `flux`.

use std::path::PathBuf;

use anyhow::Context as _;
use kube::config::{KubeConfigOptions, Kubeconfig};
use model::ClusterName;
use ports::{Cluster, Clusters};

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

/// Returns who acts, for what is written down: the user of this machine.
pub(crate) fn author() -> String {
    ["SUDO_USER", "USER", "LOGNAME"]
        .into_iter()
        .find_map(|name| std::env::var(name).ok())
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| "somebody".to_owned())
}
