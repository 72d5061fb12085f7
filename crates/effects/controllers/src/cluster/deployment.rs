//! Deployment: its ReplicaSets, decided by [`cluster::deployment`].

use cluster::deployment::{Observed, decide};

use super::Kind;

/// Deployments.
pub const DEPLOYMENT: Kind = Kind {
    name: "Deployment",
    api_version: "apps/v1",
    child: ("apps/v1", "ReplicaSet"),
    decide: |cluster, object, now, replica_sets| decide(&Observed { cluster, object, now, replica_sets }),
    orphans: None,
};
