//! Deployment: its ReplicaSets, decided by [`cluster::deployment`].

use cluster::deployment::{Observed, decide};

use super::workload::{Kind, Part, Which};

/// Deployments.
pub const DEPLOYMENT: Kind = Kind {
    name: "Deployment",
    api_version: "apps/v1",
    component: "deployment-controller",
    parts: &[Part { api_version: "apps/v1", kind: "ReplicaSet", which: Which::Owned }],
    decide: |mut look| {
        let replica_sets = look.next();
        decide(&Observed { cluster: look.cluster, object: look.object, now: look.now, replica_sets })
    },
    orphans: None,
};
