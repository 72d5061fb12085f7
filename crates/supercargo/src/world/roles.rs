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

/// Returns the clients of a world whose hosts are in this process; in its clusters they may do anything.
pub(super) fn ports(
    clock: &Arc<dyn Clock>,
    hosts: &Hosts,
    web: &Web,
    credentials: &Credentials,
    trust: Arc<sign::TrustRoot>,
    network: Option<&Network>,
) -> anyhow::Result<Ports> {
    let identities = identities(credentials)?;
    let reader = identities.get(READER).cloned().context("the reader is an identity")?;
    Ok(Ports {
        clock: clock.clone(),
        clusters: clusters(hosts, network, &Caller::master("supercargo")),
        registry: Registry::new(web.clone(), Login::Caller(Caller::new(READER))),
        git: Git::new(web.clone(), identities.clone(), reader),
        forge: Forge::new(web.clone(), identities),
        trees: Trees::default(),
        trust: Some(trust),
    })
}

/// Returns the clusters as somebody reaches them.
pub(super) fn clusters(hosts: &Hosts, network: Option<&Network>, caller: &Caller) -> Clusters {
    let mut clusters = Clusters::default();
    for (name, server) in &hosts.clusters {
        let service = axum::Extension(caller.clone()).layer(server.router());
        let client = match network {
            Some(network) => kube::Client::new(Behind { service, network: network.clone(), name: name.clone() }, "default"),
            None => kube::Client::new(service, "default"),
        };
        clusters = clusters.with(name, client);
    }
    clusters
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

/// Returns the controllers of some roles; each gets its ports by the name of the account as which it acts.
pub fn controllers_of(roles: &Roles, acting: &dyn Fn(&str) -> Ports) -> Vec<Arc<dyn Controller>> {
    let embedded: Vec<ClusterName> = CLUSTERS.iter().map(|name| ClusterName((*name).to_owned())).collect();
    let own: [Arc<dyn Controller>; 9] = [
        Arc::new(cluster::Workload::new(&cluster::DEPLOYMENT, acting("deployment-controller"), embedded.clone())),
        Arc::new(cluster::Workload::new(&cluster::REPLICA_SET, acting("replicaset-controller"), embedded.clone())),
        Arc::new(cluster::Workload::new(&cluster::STATEFUL_SET, acting("statefulset-controller"), embedded.clone())),
        Arc::new(cluster::Workload::new(&cluster::DAEMON_SET, acting("daemon-set-controller"), embedded.clone())),
        Arc::new(cluster::Workload::new(&cluster::JOB, acting("job-controller"), embedded.clone())),
        Arc::new(cluster::Workload::new(&cluster::CRON_JOB, acting("cronjob-controller"), embedded.clone())),
        Arc::new(cluster::EndpointSlices::new(acting("endpointslice-controller"), embedded.clone())),
        Arc::new(cluster::Disruption::new(acting("disruption-controller"), embedded.clone())),
        Arc::new(cluster::NodeTaints::new(acting("node-controller"), embedded)),
    ];
    if *roles == Roles::Cluster {
        return own.to_vec();
    }
    let source = acting("source-controller");
    let deploy: [Arc<dyn Controller>; 3] = [
        Arc::new(flux::GitRepository::new(source.clone())),
        Arc::new(flux::OciRepository::new(source)),
        Arc::new(flux::Kustomization::new(acting("kustomize-controller"))),
    ];
    let mut all = deploy.to_vec();
    if *roles == Roles::Deploy {
        return all;
    }
    let home = kargo::Home(ClusterName(CLUSTERS[0].to_owned()));
    let kargo = acting("kargo-controller");
    // These look at repositories and at no cluster.
    let outside = Ports { clusters: Clusters::default(), ..kargo.clone() };
    let rest: [Arc<dyn Controller>; 6] = [
        Arc::new(kargo::Warehouse::new(kargo.clone(), home.clone())),
        Arc::new(kargo::Stage::new(kargo.clone(), home.clone())),
        Arc::new(kargo::Promotion::new(kargo.clone(), home.clone(), "kargo")),
        Arc::new(kargo::AnalysisRun::new(acting("argo-rollouts"), home)),
        Arc::new(Checks::new(outside.clone(), CHECKS)),
        Arc::new(Updates::new(outside, "renovate")),
    ];
    all.extend(own);
    all.extend(rest);
    all
}

/// Returns the keys under which a repository is looked at.
pub(super) fn repository_keys(repository: &str) -> Vec<Key> {
    vec![Checks::key(repository), Updates::key(repository)]
}
