//! The controller of all kinds here: observe what an object controls, let its role decide.

use futures::future::BoxFuture;
use model::{Action, ClusterName, Decision, ObjectRef, Timestamp};
use ports::{Cluster, ClusterError, Ports};
use serde_json::Value;

use super::{MANAGER, owned, selected, wakes};
use crate::controller::{Controller, Event, Key, LookError, Pass, Seen, Wake, Watched};

/// One kind and what it controls.
pub struct Kind {
    /// `Deployment`, …
    pub(super) name: &'static str,
    /// `apps/v1`, …
    pub(super) api_version: &'static str,
    /// Who tells its Events.
    pub(super) component: &'static str,
    /// What is looked at with it, in the order in which its role takes it.
    pub(super) parts: &'static [Part],
    /// Its role.
    pub(super) decide: fn(Look) -> Decision<Value>,
    /// What is done with what it controlled when it is gone: the label that names it, and its role.
    pub(super) orphans: Option<(&'static str, fn(&ClusterName, &[Value]) -> Vec<Action>)>,
}

/// Objects of one kind that are looked at with another.
pub struct Part {
    pub(super) api_version: &'static str,
    pub(super) kind: &'static str,
    pub(super) which: Which,
}

/// Which objects of a kind are looked at.
pub(super) enum Which {
    /// Those that it controls.
    Owned,
    /// Those that its selector covers and that it or nobody controls.
    Selected,
    /// All of its namespace, for objects of which this is so.
    Namespace(fn(&Value) -> bool),
    /// All of the cluster.
    Cluster,
}

/// What was seen of an object.
pub(super) struct Look {
    pub(super) cluster: ClusterName,
    pub(super) object: Value,
    pub(super) now: Timestamp,
    /// In the order of [`Kind::parts`].
    pub(super) parts: std::vec::IntoIter<Vec<Value>>,
}

impl Look {
    /// Returns the objects of the next part.
    pub(super) fn next(&mut self) -> Vec<Value> {
        self.parts.next().unwrap_or_default()
    }
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

    async fn parts(&self, cluster: &Cluster, object: &Value) -> Result<Vec<Vec<Value>>, ClusterError> {
        let mut parts = Vec::new();
        for Part { api_version, kind, which } in self.kind.parts {
            parts.push(match which {
                Which::Owned => owned(cluster, api_version, kind, object).await?,
                Which::Selected => selected(cluster, api_version, kind, object).await?,
                Which::Namespace(is_needed) if !is_needed(object) => Vec::new(),
                Which::Namespace(_) => cluster.list(api_version, kind, Some(api::namespace(object)), None).await?,
                Which::Cluster => cluster.list(api_version, kind, None, None).await?,
            });
        }
        Ok(parts)
    }

    /// What is left of an object that is gone.
    async fn leftovers(&self, cluster: &Cluster, key: &Key) -> Result<Option<Pass>, ClusterError> {
        let (Some((label, orphans)), Some(part)) = (self.kind.orphans, self.kind.parts.first()) else { return Ok(None) };
        let selector = format!("{label}={}", key.name);
        let left = cluster.list(part.api_version, part.kind, Some(&key.namespace), Some(&selector)).await?;
        let actions = orphans(&key.cluster, &left);
        let decision = Decision { actions, ..Decision::of(Value::Null) };
        Ok((!decision.actions.is_empty()).then_some(Pass { subject: None, decision }))
    }
}

impl Controller for Workload {
    fn name(&self) -> &'static str {
        self.kind.name
    }

    fn manager(&self) -> &'static str {
        MANAGER
    }

    fn ports(&self) -> &Ports {
        &self.ports
    }

    fn component(&self) -> &'static str {
        self.kind.component
    }

    fn watches(&self) -> Vec<Watched> {
        let parts = self.kind.parts.iter().map(|part| Watched { api_version: part.api_version, kind: part.kind });
        [Watched { api_version: self.kind.api_version, kind: self.kind.name }].into_iter().chain(parts).collect()
    }

    fn serves(&self, cluster: &ClusterName) -> bool {
        self.clusters.contains(cluster)
    }

    fn wakes(&self, event: &Event) -> Vec<Wake> {
        let Event::Object { cluster, object, .. } = event else { return Vec::new() };
        let part = self.kind.parts.iter().find(|part| object["kind"] == part.kind);
        match part.map(|part| &part.which) {
            Some(Which::Namespace(_) | Which::Cluster) => vec![Wake::All(Some(cluster.clone()))],
            Some(Which::Owned | Which::Selected) | None => wakes(event, self.kind.name, part.map_or("", |part| part.kind)),
        }
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
            let Some(object) = cluster.get(&reference).await? else { return Ok(self.leftovers(cluster, key).await?) };
            let parts = self.parts(cluster, &object).await?.into_iter();
            let look = Look { cluster: key.cluster.clone(), object: object.clone(), now: seen.now, parts };
            Ok(Some(Pass { subject: Some(object), decision: (self.kind.decide)(look) }))
        })
    }
}
