//! The roles: their clients, their identities, and their controllers.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::Context as _;
use controllers::repositories::{Checks, Updates};
use controllers::{Controller, Key, cluster, flux, kargo};
use model::{Caller, Clock, ClusterName};
use ports::{Clusters, Forge, Git, Identity, Login, Ports, Registry, Trees, Web};
use tower::Layer as _;

use super::Hosts;
use super::network::{Behind, Network};
use crate::credentials::{CLUSTERS, Credentials};

/// As whom built-in checks report.
const CHECKS: &str = "checks";
/// As whom repositories and registries are read.
const READER: &str = "flux";

/// Which roles run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Roles {
    /// All of an embedded world.
    All,
    /// Flux's, in every cluster that is known.
    Deploy,
    /// Kubernetes' own, without which its kinds do nothing.
    Cluster,
}

/// Returns the clients of a world whose hosts are in this process.
pub(super) fn ports(
    clock: &Arc<dyn Clock>,
    hosts: &Hosts,
    web: &Web,
    credentials: &Credentials,
    trust: Arc<sign::TrustRoot>,
    network: Option<&Network>,
) -> anyhow::Result<Ports> {
    let mut clusters = Clusters::default();
    for (name, server) in &hosts.clusters {
        let service = axum::Extension(Caller::master("supercargo")).layer(server.router());
        let client = match network {
            Some(network) => kube::Client::new(Behind { service, network: network.clone(), name: name.clone() }, "default"),
            None => kube::Client::new(service, "default"),
        };
        clusters = clusters.with(name, client);
    }
    let identities = identities(credentials)?;
    let reader = identities.get(READER).cloned().context("the reader is an identity")?;
    Ok(Ports {
        clock: clock.clone(),
        clusters,
        registry: Registry::new(web.clone(), Login::Caller(Caller::new(READER))),
        git: Git::new(web.clone(), identities.clone(), reader),
        forge: Forge::new(web.clone(), identities),
        trees: Trees::default(),
        trust: Some(trust),
    })
}

/// Who acts on the embedded forge, by login.
fn identities(credentials: &Credentials) -> anyhow::Result<BTreeMap<String, Identity>> {
    let mut identities = BTreeMap::new();
    for (login, name) in [
        ("maintainer", "Maintainer"),
        ("renovate", "Renovate"),
        ("kargo", "Kargo"),
        (CHECKS, "Checks"),
        (READER, "Flux"),
        ("forge-admin", "Forge"),
        ("forge-runner", "Runner"),
    ] {
        let key = if credentials.signing.contains_key(login) { Some(Arc::new(credentials.signing_key(login)?)) } else { None };
        let identity =
            Identity { caller: Caller::new(login), basic: None, name: name.to_owned(), email: format!("{login}@supercargo.internal"), key };
        identities.insert(login.to_owned(), identity);
    }
    Ok(identities)
}

/// Returns the controllers of some roles.
pub fn controllers_of(roles: &Roles, ports: &Ports) -> Vec<Arc<dyn Controller>> {
    let embedded: Vec<ClusterName> = CLUSTERS.iter().map(|name| ClusterName((*name).to_owned())).collect();
    let own: [Arc<dyn Controller>; 9] = [
        Arc::new(cluster::Workload::new(&cluster::DEPLOYMENT, ports.clone(), embedded.clone())),
        Arc::new(cluster::Workload::new(&cluster::REPLICA_SET, ports.clone(), embedded.clone())),
        Arc::new(cluster::Workload::new(&cluster::STATEFUL_SET, ports.clone(), embedded.clone())),
        Arc::new(cluster::Workload::new(&cluster::DAEMON_SET, ports.clone(), embedded.clone())),
        Arc::new(cluster::Workload::new(&cluster::JOB, ports.clone(), embedded.clone())),
        Arc::new(cluster::Workload::new(&cluster::CRON_JOB, ports.clone(), embedded.clone())),
        Arc::new(cluster::EndpointSlices::new(ports.clone(), embedded.clone())),
        Arc::new(cluster::Disruption::new(ports.clone(), embedded.clone())),
        Arc::new(cluster::NodeTaints::new(ports.clone(), embedded)),
    ];
    if *roles == Roles::Cluster {
        return own.to_vec();
    }
    let deploy: [Arc<dyn Controller>; 3] = [
        Arc::new(flux::GitRepository::new(ports.clone())),
        Arc::new(flux::OciRepository::new(ports.clone())),
        Arc::new(flux::Kustomization::new(ports.clone())),
    ];
    let mut all = deploy.to_vec();
    if *roles == Roles::Deploy {
        return all;
    }
    let home = kargo::Home(ClusterName(CLUSTERS[0].to_owned()));
    let rest: [Arc<dyn Controller>; 6] = [
        Arc::new(kargo::Warehouse::new(ports.clone(), home.clone())),
        Arc::new(kargo::Stage::new(ports.clone(), home.clone())),
        Arc::new(kargo::Promotion::new(ports.clone(), home.clone(), "kargo")),
        Arc::new(kargo::AnalysisRun::new(ports.clone(), home)),
        Arc::new(Checks::new(ports.clone(), CHECKS)),
        Arc::new(Updates::new(ports.clone(), "renovate")),
    ];
    all.extend(own);
    all.extend(rest);
    all
}

/// Returns the keys under which a repository is looked at.
pub(super) fn repository_keys(repository: &str) -> Vec<Key> {
    vec![Checks::key(repository), Updates::key(repository)]
}
