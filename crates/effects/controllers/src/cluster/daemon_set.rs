//! DaemonSet: its Pods, its revisions and the nodes, decided by [`cluster::daemon_set`].

use cluster::daemon_set::{Observed, decide};

use super::workload::{Kind, Part, Which};

/// DaemonSets.
pub const DAEMON_SET: Kind = Kind {
    name: "DaemonSet",
    api_version: "apps/v1",
    component: "daemonset-controller",
    parts: &[
        Part { api_version: "v1", kind: "Pod", which: Which::Owned },
        Part { api_version: "apps/v1", kind: "ControllerRevision", which: Which::Owned },
        Part { api_version: "v1", kind: "Node", which: Which::Cluster },
    ],
    decide: |mut look| {
        let (pods, revisions, nodes) = (look.next(), look.next(), look.next());
        decide(&Observed { cluster: look.cluster, object: look.object, now: look.now, pods, revisions, nodes })
    },
    orphans: None,
};
