//! Kubernetes' own controllers, in embedded clusters only.

mod cron_job;
mod daemon_set;
mod deployment;
mod disruption;
mod endpoint_slice;
mod job;
mod node_taints;
mod replica_set;
mod stateful_set;
mod workload;

pub use cron_job::CRON_JOB;
pub use daemon_set::DAEMON_SET;
pub use deployment::DEPLOYMENT;
pub use disruption::Disruption;
pub use endpoint_slice::EndpointSlices;
pub use job::JOB;
pub use node_taints::NodeTaints;
pub use replica_set::REPLICA_SET;
pub use stateful_set::STATEFUL_SET;
pub use workload::{Kind, Workload};

use ports::{Cluster, ClusterError};
use serde_json::Value;

use crate::controller::{Event, Key, Wake};

/// The field manager of Kubernetes' own controllers.
const MANAGER: &str = "kube-controller-manager";

/// Returns the objects of a kind that an object controls.
async fn owned(cluster: &Cluster, api_version: &str, kind: &str, owner: &Value) -> Result<Vec<Value>, ClusterError> {
    let all = cluster.list(api_version, kind, Some(api::namespace(owner)), labels_of(owner).as_deref()).await?;
    Ok(all.into_iter().filter(|object| ::cluster::owned_by(object, owner)).collect())
}

/// Returns the objects of a kind that an object's selector covers, and that it or nobody controls.
async fn selected(cluster: &Cluster, api_version: &str, kind: &str, owner: &Value) -> Result<Vec<Value>, ClusterError> {
    let all = cluster.list(api_version, kind, Some(api::namespace(owner)), labels_of(owner).as_deref()).await?;
    let selector = golang::LabelSelector::of(&owner["spec"]["selector"]).ok().flatten();
    let is_free = |object: &Value| {
        let mut owners = object["metadata"]["ownerReferences"].as_array().into_iter().flatten();
        !owners.any(|owner| owner["controller"] == true) && selector.as_ref().is_some_and(|selector| selector.matches_object(object))
    };
    Ok(all.into_iter().filter(|object| ::cluster::owned_by(object, owner) || is_free(object)).collect())
}

/// What the owned objects' labels have in common, so that a namespace with many is not read for a few.
fn labels_of(owner: &Value) -> Option<String> {
    if owner["kind"] == "Job" {
        return Some(format!("batch.kubernetes.io/controller-uid={}", api::uid(owner)));
    }
    let labels = owner["spec"]["selector"]["matchLabels"].as_object().filter(|labels| !labels.is_empty())?;
    Some(labels.iter().map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default())).collect::<Vec<_>>().join(","))
}

/// Wakes the object itself, or the controller of this kind that an object names.
fn wakes(event: &Event, name: &'static str, child: &str) -> Vec<Wake> {
    let Event::Object { cluster, object, .. } = event else { return Vec::new() };
    if object["kind"] == name {
        return vec![Wake::One(Key::of(name, cluster, object))];
    }
    if object["kind"] != child {
        return Vec::new();
    }
    let owners = object["metadata"]["ownerReferences"].as_array();
    let owner = owners.into_iter().flatten().find(|owner| owner["controller"] == true && owner["kind"] == name);
    let key = |owner: &Value| Key::named(name, cluster, api::namespace(object), owner["name"].as_str().unwrap_or_default());
    owner.map(|owner| Wake::One(key(owner))).into_iter().collect()
}
