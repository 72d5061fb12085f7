//! Kubernetes' own controllers, for embedded clusters: Deployments make ReplicaSets, ReplicaSets and Jobs make Pods.
//! Read first: [`deployment::decide`], [`replica_set::decide`], [`job::decide`]. Follows kubernetes/kubernetes
//! `pkg/controller/{deployment,replicaset,job}`; differences in KNOWN-DIFFERENCES.md.

pub mod deployment;
pub mod job;
mod owned;
pub mod replica_set;

pub use owned::owned_by;
