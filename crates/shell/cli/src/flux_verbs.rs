//! `flux suspend|resume|reconcile`: hold and wake what delivers.

use std::time::Duration;

use anyhow::{Context as _, bail};
use deploy::SUSPENDED;
use jiff::Timestamp;
use model::ObjectRef;
use ports::Cluster;
use serde_json::{Value, json};

use crate::clusters::{Target, author, record};
use crate::kargo::end;

/// Field manager of what people want.
const MANAGER: &str = "flux-client-side-apply";
/// Asks for a look now.
const REQUESTED: &str = "reconcile.fluxcd.io/requestedAt";

#[derive(clap::Args)]
pub(crate) struct Object {
    #[command(subcommand)]
    kind: Kind,
    /// Its namespace.
    #[arg(long, short, default_value = "flux-system", global = true)]
    namespace: String,
    /// Why, for those who find it held.
    #[arg(long, default_value = "", global = true)]
    reason: String,
    /// For how long it is suspended, such as 2h; until it is resumed where it is not given.
    #[arg(long = "for", global = true)]
    duration: Option<String>,
    /// How long to wait until it is done.
    #[arg(long, default_value_t = 60, global = true)]
    timeout: u64,
    #[command(flatten)]
    target: Target,
}

#[derive(clap::Subcommand)]
enum Kind {
    /// A Kustomization.
    #[command(alias = "ks")]
    Kustomization {
        /// Its name.
        name: String,
    },
    /// A source.
    Source {
        #[command(subcommand)]
        source: Source,
    },
}

#[derive(clap::Subcommand)]
enum Source {
    /// A GitRepository.
    Git {
        /// Its name.
        name: String,
    },
    /// An OCIRepository.
    Oci {
        /// Its name.
        name: String,
    },
}

impl Object {
    fn reference(&self) -> ObjectRef {
        let (api_version, kind, name) = match &self.kind {
            Kind::Kustomization { name } => ("kustomize.toolkit.fluxcd.io/v1", "Kustomization", name),
            Kind::Source { source: Source::Git { name } } => ("source.toolkit.fluxcd.io/v1", "GitRepository", name),
            Kind::Source { source: Source::Oci { name } } => ("source.toolkit.fluxcd.io/v1", "OCIRepository", name),
        };
        ObjectRef { api_version: api_version.to_owned(), kind: kind.to_owned(), namespace: self.namespace.clone(), name: name.clone() }
    }

    async fn live(&self) -> anyhow::Result<(Cluster, ObjectRef, Value)> {
        let (cluster, reference) = (self.target.open(None).await?, self.reference());
        if let Some(live) = cluster.get(&reference).await? {
            return Ok((cluster, reference, live));
        }
        let elsewhere = self.target.elsewhere(&reference).await;
        let hint =
            if elsewhere.is_empty() { String::new() } else { format!("; it is in {}: name one with --context", elsewhere.join(", ")) };
        bail!("{} {} not found in {}{hint}", reference.kind, reference.name, reference.namespace)
    }
}

/// Suspends: what runs goes on, nothing new is applied.
pub(crate) async fn suspend(object: &Object) -> anyhow::Result<()> {
    let (cluster, reference, live) = object.live().await?;
    let now = Timestamp::now();
    let until = end(object.duration.as_deref(), now)?;
    let note = api::Note::write(&author(), &object.reason, now, until);
    let patch = json!({"spec": {"suspend": true}, "metadata": {"annotations": {SUSPENDED: note}}});
    cluster.patch(MANAGER, &reference, None, &patch).await?;
    let until = until.map(|until| format!(" until {until}")).unwrap_or_default();
    record(&cluster, &live, "Suspended", &format!("suspended{until}"), &object.reason).await?;
    println!("✔ {} {} suspended{until}", reference.kind, reference.name);
    Ok(())
}

/// Takes a suspension back, and waits until what was missed is done.
pub(crate) async fn resume(object: &Object) -> anyhow::Result<()> {
    let (cluster, reference, live) = object.live().await?;
    if live["spec"]["suspend"] != true {
        println!("{} {} was not suspended", reference.kind, reference.name);
        return Ok(());
    }
    let patch = json!({"spec": {"suspend": null}, "metadata": {"annotations": {SUSPENDED: null}}});
    cluster.patch(MANAGER, &reference, None, &patch).await?;
    record(&cluster, &live, "Resumed", "resumed", &object.reason).await?;
    println!("✔ {} {} resumed", reference.kind, reference.name);
    wake(&cluster, &reference, object.timeout).await
}

/// Asks for a look now and waits for its end.
pub(crate) async fn reconcile(object: &Object) -> anyhow::Result<()> {
    let (cluster, reference, live) = object.live().await?;
    if live["spec"]["suspend"] == true {
        bail!("{} {} is suspended: resume it first", reference.kind, reference.name);
    }
    wake(&cluster, &reference, object.timeout).await
}

async fn wake(cluster: &Cluster, reference: &ObjectRef, seconds: u64) -> anyhow::Result<()> {
    let token = Timestamp::now().to_string();
    cluster.patch(MANAGER, reference, None, &json!({"metadata": {"annotations": {REQUESTED: token}}})).await?;
    println!("◎ waiting for {} reconciliation", reference.kind);
    let end = tokio::time::Instant::now() + Duration::from_secs(seconds);
    loop {
        let live = cluster.get(reference).await?.with_context(|| format!("{} {} is gone", reference.kind, reference.name))?;
        let ready = api::find_condition(&live, "Ready");
        let text = |field: &str| ready.and_then(|ready| ready[field].as_str()).unwrap_or_default().to_owned();
        let seen = live["status"]["lastHandledReconcileAt"] == token.as_str()
            && live["status"]["observedGeneration"] == live["metadata"]["generation"];
        if seen && text("status") == "True" {
            println!("✔ {}", text("message"));
            return Ok(());
        }
        if tokio::time::Instant::now() > end {
            bail!("{} {} is not ready after {seconds} s: {}", reference.kind, reference.name, text("message"));
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
