//! Job: observe its Pods, let [`cluster::job`] decide.

use cluster::job::{Observed, decide};
use futures::future::BoxFuture;
use model::{ClusterName, ObjectRef};
use ports::Ports;

use super::{MANAGER, is_among, owned, wakes};
use crate::controller::{Controller, Event, Key, LookError, Pass, Seen, Wake, Watched};

const NAME: &str = "Job";

/// Looks after Jobs of embedded clusters.
pub struct Job {
    ports: Ports,
    clusters: Vec<ClusterName>,
}

impl Job {
    /// Makes the controller for these clusters.
    pub fn new(ports: Ports, clusters: Vec<ClusterName>) -> Self {
        Self { ports, clusters }
    }
}

impl Controller for Job {
    fn name(&self) -> &'static str {
        NAME
    }

    fn manager(&self) -> &'static str {
        MANAGER
    }

    fn watches(&self) -> Vec<Watched> {
        vec![Watched { api_version: "batch/v1", kind: NAME }, Watched { api_version: "v1", kind: "Pod" }]
    }

    fn serves(&self, cluster: &ClusterName) -> bool {
        is_among(&self.clusters, cluster)
    }

    fn wakes(&self, event: &Event) -> Vec<Wake> {
        wakes(event, NAME, "Pod")
    }

    fn look<'a>(&'a self, key: &'a Key, seen: &'a Seen) -> BoxFuture<'a, Result<Option<Pass>, LookError>> {
        Box::pin(async move {
            let cluster = self.ports.clusters.get(&key.cluster)?;
            let reference =
                ObjectRef { api_version: "batch/v1".into(), kind: NAME.into(), namespace: key.namespace.clone(), name: key.name.clone() };
            let Some(object) = cluster.get(&reference).await? else { return Ok(None) };
            let pods = owned(cluster, "v1", "Pod", &object).await?;
            let decision = decide(&Observed { cluster: key.cluster.clone(), object: object.clone(), now: seen.now, pods });
            Ok(Some(Pass { subject: Some(object), decision }))
        })
    }
}
