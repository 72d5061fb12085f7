//! ReplicaSet: its Pods, decided by [`cluster::replica_set`].

use cluster::replica_set::{Observed, decide};

use super::workload::{Kind, Part, Which};

/// ReplicaSets.
pub const REPLICA_SET: Kind = Kind {
    name: "ReplicaSet",
    api_version: "apps/v1",
    component: "replicaset-controller",
    parts: &[Part { api_version: "v1", kind: "Pod", which: Which::Owned }],
    decide: |mut look| {
        let pods = look.next();
        decide(&Observed { cluster: look.cluster, object: look.object, now: look.now, pods })
    },
    orphans: None,
};
