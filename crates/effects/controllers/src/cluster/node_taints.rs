//! Node: the taints that follow from its state, decided by [`cluster::node_taints`].

use cluster::node_taints::{Observed, decide};
use futures::future::BoxFuture;
use model::{ClusterName, ObjectRef};
use ports::Ports;

use super::MANAGER;
use crate::controller::{Controller, Event, Key, LookError, Pass, Seen, Wake, Watched};

const NAME: &str = "Node";

/// Looks after the taints of nodes of embedded clusters.
pub struct NodeTaints {
    ports: Ports,
    clusters: Vec<ClusterName>,
}

impl NodeTaints {
    /// Makes the controller for these clusters.
    pub fn new(ports: Ports, clusters: Vec<ClusterName>) -> Self {
        Self { ports, clusters }
    }
}

impl Controller for NodeTaints {
    fn name(&self) -> &'static str {
        NAME
    }

    fn manager(&self) -> &'static str {
        MANAGER
    }

    fn ports(&self) -> &Ports {
        &self.ports
    }

    fn watches(&self) -> Vec<Watched> {
        vec![Watched { api_version: "v1", kind: NAME }]
    }

    fn serves(&self, cluster: &ClusterName) -> bool {
        self.clusters.contains(cluster)
    }

    fn wakes(&self, event: &Event) -> Vec<Wake> {
        event.object_of(NAME).map(|(cluster, node)| Wake::One(Key::of(NAME, cluster, node))).into_iter().collect()
    }

    fn look<'a>(&'a self, key: &'a Key, seen: &'a Seen) -> BoxFuture<'a, Result<Option<Pass>, LookError>> {
        Box::pin(async move {
            let cluster = self.ports.clusters.get(&key.cluster)?;
            let place = ObjectRef { api_version: "v1".into(), kind: NAME.into(), namespace: String::new(), name: key.name.clone() };
            let Some(object) = cluster.get(&place).await? else { return Ok(None) };
            let decision = decide(&Observed { cluster: key.cluster.clone(), object: object.clone(), now: seen.now });
            Ok(Some(Pass { subject: Some(object), decision }))
        })
    }
}
