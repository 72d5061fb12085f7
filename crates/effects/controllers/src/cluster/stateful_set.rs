//! StatefulSet: its Pods, its revisions and the claims of its Pods, decided by [`cluster::stateful_set`].

use cluster::stateful_set::{Observed, decide};

use super::workload::{Kind, Part, Which};

/// StatefulSets.
pub const STATEFUL_SET: Kind = Kind {
    name: "StatefulSet",
    api_version: "apps/v1",
    component: "statefulset-controller",
    parts: &[
        Part { api_version: "v1", kind: "Pod", which: Which::Selected },
        Part { api_version: "apps/v1", kind: "ControllerRevision", which: Which::Selected },
        Part {
            api_version: "v1",
            kind: "PersistentVolumeClaim",
            which: Which::Namespace(|set| set["spec"]["volumeClaimTemplates"].as_array().is_some_and(|all| !all.is_empty())),
        },
    ],
    decide: |mut look| {
        let (pods, revisions, claims) = (look.next(), look.next(), look.next());
        decide(&Observed { cluster: look.cluster, object: look.object, now: look.now, pods, revisions, claims })
    },
    orphans: None,
};
