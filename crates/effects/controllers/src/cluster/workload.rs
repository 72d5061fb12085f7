//! The controller of all kinds here: observe what an object controls, let its role decide.

use futures::future::BoxFuture;
use model::{Action, ClusterName, Decision, ObjectRef, Timestamp};
use ports::Ports;
use serde_json::Value;

use super::{MANAGER, owned, wakes};
use crate::controller::{Controller, Event, Key, LookError, Pass, Seen, Wake, Watched};

/// One kind and what it controls.
pub struct Kind {
    /// `Deployment`, …
    pub(super) name: &'static str,
    /// `apps/v1`, …
    pub(super) api_version: &'static str,
    /// What it controls: API version and kind.
    pub(super) child: (&'static str, &'static str),
    /// Its role: cluster, object, present moment, what it controls.
    pub(super) decide: fn(ClusterName, Value, Timestamp, Vec<Value>) -> Decision<Value>,
    /// What is done with what it controlled when it is gone: the label that names it, and its role.
    pub(super) orphans: Option<(&'static str, fn(&ClusterName, &[Value]) -> Vec<Action>)>,
}

/// Looks after one kind in embedded clusters.
pub struct Workload {
    kind: &'static Kind,
    ports: Ports,
    clusters: Vec<ClusterName>,
}

impl Workload {
    /// Makes the controller of a kind for these clusters.
    pub fn new(kind: &'static Kind, ports: Ports, clusters: Vec<ClusterName>) -> Self {
        Self { kind, ports, clusters }
    }
}

impl Controller for Workload {
    fn name(&self) -> &'static str {
        self.kind.name
    }

    fn manager(&self) -> &'static str {
        MANAGER
    }

    fn watches(&self) -> Vec<Watched> {
        let (api_version, kind) = self.kind.child;
        vec![Watched { api_version: self.kind.api_version, kind: self.kind.name }, Watched { api_version, kind }]
    }

    fn serves(&self, cluster: &ClusterName) -> bool {
        self.clusters.contains(cluster)
    }

    fn wakes(&self, event: &Event) -> Vec<Wake> {
        wakes(event, self.kind.name, self.kind.child.1)
    }

    fn look<'a>(&'a self, key: &'a Key, seen: &'a Seen) -> BoxFuture<'a, Result<Option<Pass>, LookError>> {
        Box::pin(async move {
            let cluster = self.ports.clusters.get(&key.cluster)?;
            let reference = ObjectRef {
                api_version: self.kind.api_version.into(),
                kind: self.kind.name.into(),
                namespace: key.namespace.clone(),
                name: key.name.clone(),
            };
            let Some(object) = cluster.get(&reference).await? else {
                let Some((label, orphans)) = self.kind.orphans else { return Ok(None) };
                let selector = format!("{label}={}", key.name);
                let left = cluster.list(self.kind.child.0, self.kind.child.1, Some(&key.namespace), Some(&selector)).await?;
                let actions = orphans(&key.cluster, &left);
                let decision = Decision { actions, ..Decision::of(Value::Null) };
                return Ok((!decision.actions.is_empty()).then_some(Pass { subject: None, decision }));
            };
            let children = owned(cluster, self.kind.child.0, self.kind.child.1, &object).await?;
            let decision = (self.kind.decide)(key.cluster.clone(), object.clone(), seen.now, children);
            Ok(Some(Pass { subject: Some(object), decision }))
        })
    }
}
