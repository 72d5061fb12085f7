//! Job: its Pods, decided by [`cluster::job`].

use cluster::job::{Observed, decide, orphans};

use super::workload::{Kind, Part, Which};

/// Jobs.
pub const JOB: Kind = Kind {
    name: "Job",
    api_version: "batch/v1",
    component: "job-controller",
    parts: &[Part { api_version: "v1", kind: "Pod", which: Which::Owned }],
    decide: |mut look| {
        let pods = look.next();
        decide(&Observed { cluster: look.cluster, object: look.object, now: look.now, pods })
    },
    orphans: Some(("batch.kubernetes.io/job-name", orphans)),
};
