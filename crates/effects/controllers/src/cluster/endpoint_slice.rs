//! EndpointSlice: the Pods behind a Service, decided by [`cluster::endpoint_slice`].

use cluster::endpoint_slice::{MANAGED_BY, Observed, SERVICE, decide, selector};
use futures::future::BoxFuture;
use model::{ClusterName, ObjectRef};
use ports::Ports;

use super::{MANAGER, wakes};
use crate::controller::{Controller, Event, Key, LookError, Pass, Seen, Wake, Watched};

/// The kind whose objects are looked at.
const NAME: &str = "Service";
const SLICE: Watched = Watched { api_version: "discovery.k8s.io/v1", kind: "EndpointSlice" };

/// Looks after the EndpointSlices of embedded clusters.
pub struct EndpointSlices {
    ports: Ports,
    clusters: Vec<ClusterName>,
}

impl EndpointSlices {
    /// Makes the controller for these clusters.
    pub fn new(ports: Ports, clusters: Vec<ClusterName>) -> Self {
        Self { ports, clusters }
    }
}

impl Controller for EndpointSlices {
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
        vec![Watched { api_version: "v1", kind: NAME }, Watched { api_version: "v1", kind: "Pod" }, SLICE]
    }

    fn serves(&self, cluster: &ClusterName) -> bool {
        self.clusters.contains(cluster)
    }

    fn wakes(&self, event: &Event) -> Vec<Wake> {
        match event {
            Event::Object { cluster, object, .. } if object["kind"] == "Pod" => vec![Wake::All(Some(cluster.clone()))],
            _ => wakes(event, NAME, SLICE.kind),
        }
    }

    fn look<'a>(&'a self, key: &'a Key, _: &'a Seen) -> BoxFuture<'a, Result<Option<Pass>, LookError>> {
        Box::pin(async move {
            let cluster = self.ports.clusters.get(&key.cluster)?;
            let place = ObjectRef { api_version: "v1".into(), kind: NAME.into(), namespace: key.namespace.clone(), name: key.name.clone() };
            let Some(object) = cluster.get(&place).await? else { return Ok(None) };
            let pods = match selector(&object) {
                Some(selector) => cluster.list("v1", "Pod", Some(&key.namespace), Some(&selector)).await?,
                None => Vec::new(),
            };
            let ours = format!("{SERVICE}={},{}={}", key.name, MANAGED_BY.0, MANAGED_BY.1);
            let slices = cluster.list(SLICE.api_version, SLICE.kind, Some(&key.namespace), Some(&ours)).await?;
            let decision = decide(&Observed { cluster: key.cluster.clone(), object: object.clone(), pods, slices });
            Ok(Some(Pass { subject: Some(object), decision }))
        })
    }
}
