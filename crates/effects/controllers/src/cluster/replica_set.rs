//! ReplicaSet: its Pods, decided by [`cluster::replica_set`].

use cluster::replica_set::{Observed, decide};

use super::Kind;

/// ReplicaSets.
pub const REPLICA_SET: Kind = Kind {
    name: "ReplicaSet",
    api_version: "apps/v1",
    child: ("v1", "Pod"),
    decide: |cluster, object, now, pods| decide(&Observed { cluster, object, now, pods }),
    orphans: None,
};
