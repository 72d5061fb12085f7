//! PodDisruptionBudget: the Pods it covers, decided by [`cluster::disruption`].

use std::collections::HashMap;
use std::sync::Mutex;

use api::text;
use cluster::disruption::{Observed, decide, selector};
use futures::future::BoxFuture;
use model::{ClusterName, ObjectRef};
use ports::Ports;
use serde_json::Value;

use super::MANAGER;
use crate::controller::{Controller, Event, Key, LookError, Pass, Seen, Wake, Watched};

const NAME: &str = "PodDisruptionBudget";
const VERSION: &str = "policy/v1";
/// What wants a number of Pods.
const OWNERS: &[Watched] = &[
    Watched { api_version: "apps/v1", kind: "Deployment" },
    Watched { api_version: "apps/v1", kind: "ReplicaSet" },
    Watched { api_version: "apps/v1", kind: "StatefulSet" },
];

/// Looks after the budgets of embedded clusters.
pub struct Disruption {
    ports: Ports,
    clusters: Vec<ClusterName>,
    /// The version that each budget had when it was last looked at.
    looked: Mutex<HashMap<Key, String>>,
}

impl Disruption {
    /// Makes the controller for these clusters.
    pub fn new(ports: Ports, clusters: Vec<ClusterName>) -> Self {
        Self { ports, clusters, looked: Mutex::default() }
    }

    /// Notes the version of a budget, and tells whether it is another one than before.
    fn note(&self, key: &Key, budget: &Value) -> bool {
        let version = text(budget, &["metadata", "resourceVersion"]).to_owned();
        let mut looked = self.looked.lock().expect("no holder panics");
        looked.insert(key.clone(), version.clone()) != Some(version)
    }
}

impl Controller for Disruption {
    fn name(&self) -> &'static str {
        NAME
    }

    fn manager(&self) -> &'static str {
        MANAGER
    }

    fn ports(&self) -> &Ports {
        &self.ports
    }

    fn component(&self) -> &'static str {
        "controllermanager"
    }

    fn watches(&self) -> Vec<Watched> {
        let own = [Watched { api_version: VERSION, kind: NAME }, Watched { api_version: "v1", kind: "Pod" }];
        own.into_iter().chain(OWNERS.iter().cloned()).collect()
    }

    fn serves(&self, cluster: &ClusterName) -> bool {
        self.clusters.contains(cluster)
    }

    fn wakes(&self, event: &Event) -> Vec<Wake> {
        let Event::Object { cluster, object, .. } = event else { return Vec::new() };
        if object["kind"] == NAME {
            return vec![Wake::One(Key::of(NAME, cluster, object))];
        }
        let counts = object["kind"] == "Pod" || OWNERS.iter().any(|owner| object["kind"] == owner.kind);
        if counts { vec![Wake::All(Some(cluster.clone()))] } else { Vec::new() }
    }

    fn look<'a>(&'a self, key: &'a Key, seen: &'a Seen) -> BoxFuture<'a, Result<Option<Pass>, LookError>> {
        Box::pin(async move {
            let client = self.ports.clusters.get(&key.cluster)?;
            let place =
                ObjectRef { api_version: VERSION.into(), kind: NAME.into(), namespace: key.namespace.clone(), name: key.name.clone() };
            let Some(object) = client.get(&place).await? else {
                self.looked.lock().expect("no holder panics").remove(key);
                return Ok(None);
            };
            let pods = match selector(&object) {
                Some(selector) => client.list("v1", "Pod", Some(&key.namespace), Some(&selector)).await?,
                None => Vec::new(),
            };
            let mut owners: Vec<Value> = Vec::new();
            for owner in OWNERS {
                owners.extend(client.list(owner.api_version, owner.kind, Some(&key.namespace), None).await?);
            }
            let changed = self.note(key, &object);
            let decision = decide(&Observed { cluster: key.cluster.clone(), object: object.clone(), changed, now: seen.now, pods, owners });
            Ok(Some(Pass { subject: Some(object), decision }))
        })
    }
}
