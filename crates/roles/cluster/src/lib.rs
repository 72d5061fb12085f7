//! Kubernetes' own controllers, for embedded clusters: Deployments make ReplicaSets, CronJobs make Jobs; ReplicaSets, StatefulSets,
//! DaemonSets and Jobs make Pods; Services have EndpointSlices, budgets say how many Pods may be evicted, and nodes have taints while
//! they are not well. Read first: the `decide` of each module; they are alike. Follows kubernetes/kubernetes
//! `pkg/controller/{deployment,replicaset,statefulset,daemon,job,cronjob,endpointslice,disruption,nodelifecycle}`; differences in
//! KNOWN-DIFFERENCES.md.

pub mod cron_job;
pub mod daemon_set;
pub mod deployment;
pub mod disruption;
pub mod endpoint_slice;
mod history;
pub mod job;
pub mod node_taints;
mod owned;
pub mod replica_set;
#[cfg(test)]
mod simulation;
pub mod stateful_set;

pub use owned::owned_by;
