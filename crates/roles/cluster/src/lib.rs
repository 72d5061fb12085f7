//! Kubernetes' own controllers, for embedded clusters: Deployments make ReplicaSets, ReplicaSets and Jobs make Pods, and
//! budgets say how many of them may be evicted. Read first: [`deployment::decide`], [`replica_set::decide`], [`job::decide`],
//! [`disruption::decide`]. Follows kubernetes/kubernetes `pkg/controller/{deployment,replicaset,job,disruption}`; differences in KNOWN-DIFFERENCES.md.

pub mod deployment;
pub mod disruption;
pub mod job;
mod owned;
pub mod replica_set;

pub use owned::owned_by;
