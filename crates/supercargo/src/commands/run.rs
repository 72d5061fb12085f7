//! `supercargo run --only ROLE --kubeconfig FILE`: one role with no host in this process.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use controllers::{Controller, Driver, Journal};
use jiff::Timestamp;
use kube::config::{KubeConfigOptions, Kubeconfig};
use model::{Caller, Clock};
use ports::{Clusters, Forge, Git, Identity, Ports, Trees};
use serde_json::Value;

use crate::story;
use crate::world::{Roles, controllers_of};

/// How many keys are looked at at once.
const WORKERS: usize = 4;
/// As whom repositories are read.
const READER: &str = "flux";

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Which role.
    #[arg(long, value_enum)]
    only: Role,
    /// The kubeconfig of the clusters.
    #[arg(long)]
    kubeconfig: PathBuf,
    /// The contexts to work in; all of them where none is named.
    #[arg(long)]
    context: Vec<String>,
    /// The registry whose `docker login` is used.
    #[arg(long, default_value = "registry.internal")]
    registry: String,
    /// User and token for Git over HTTP, `user:token`.
    #[arg(long, env = "SUPERCARGO_GIT_LOGIN", hide_env_values = true)]
    git_login: Option<String>,
    /// Whose signatures count where an object names no trust root: a `trusted_root.json`.
    #[arg(long)]
    trusted_root: Option<PathBuf>,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Role {
    /// Flux's: sources and Kustomizations.
    Deploy,
}

struct System;

impl Clock for System {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<i32> {
    let Role::Deploy = arguments.only;
    let ports = ports_of(&arguments).await?;
    let controllers = controllers_of(&Roles::Deploy, &|_| ports.clone());
    for name in ports.clusters.names() {
        let cluster = ports.clusters.get(name)?;
        for definition in definitions(&controllers) {
            cluster.apply("supercargo", definition, false).await.with_context(|| format!("the kinds in cluster {}", name.0))?;
        }
    }
    let journal = Journal::memory();
    let driver = Driver::new(controllers, ports, journal.clone());
    let mut entries = journal.listen();
    let _running = driver.start(WORKERS);
    loop {
        tokio::select! {
            entry = entries.recv() => if let Ok(entry) = entry && let Some(line) = story::line(&entry, true) { println!("{line}") },
            _ = tokio::signal::ctrl_c() => return Ok(0),
        }
    }
}

/// Returns the definitions of Flux's kinds that these controllers look after.
fn definitions(controllers: &[Arc<dyn Controller>]) -> impl Iterator<Item = &'static Value> {
    api::definitions().iter().filter(|definition| {
        let kind = api::text(definition, &["spec", "names", "kind"]);
        let of_flux = api::text(definition, &["spec", "group"]).ends_with("toolkit.fluxcd.io");
        of_flux && controllers.iter().any(|controller| controller.name() == kind)
    })
}

async fn ports_of(arguments: &Arguments) -> anyhow::Result<Ports> {
    let file = Kubeconfig::read_from(&arguments.kubeconfig).with_context(|| arguments.kubeconfig.display().to_string())?;
    let mut names = arguments.context.clone();
    if names.is_empty() {
        names = file.contexts.iter().map(|context| context.name.clone()).collect();
    }
    if names.is_empty() {
        bail!("{} names no context", arguments.kubeconfig.display());
    }
    let mut clusters = Clusters::default();
    for name in &names {
        let options = KubeConfigOptions { context: Some(name.clone()), ..KubeConfigOptions::default() };
        let config = kube::Config::from_custom_kubeconfig(file.clone(), &options).await.with_context(|| format!("context {name}"))?;
        clusters = clusters.with(name, kube::Client::try_from(config).with_context(|| format!("context {name}"))?);
    }
    let hosts = cli::Hosts::from_env()?;
    let basic = match &arguments.git_login {
        Some(login) => {
            let (user, token) = login.split_once(':').context("--git-login: expected user:token")?;
            Some((user.to_owned(), token.to_owned()))
        }
        None => None,
    };
    let reader = Identity { caller: Caller::new(READER), basic, name: READER.into(), email: String::new(), key: None };
    let trust = match &arguments.trusted_root {
        Some(path) => {
            let bytes = std::fs::read(path).with_context(|| path.display().to_string())?;
            Some(Arc::new(sign::TrustRoot::parse(&bytes).with_context(|| path.display().to_string())?))
        }
        None => None,
    };
    let identities = BTreeMap::from([(READER.to_owned(), reader.clone())]);
    Ok(Ports {
        clock: Arc::new(System),
        clusters,
        registry: hosts.registry(&arguments.registry)?,
        git: Git::new(hosts.web(), identities.clone(), reader),
        forge: Forge::new(hosts.web(), identities),
        trees: Trees::default(),
        trust,
    })
}
