//! Job: its Pods, decided by [`cluster::job`].

use cluster::job::{Observed, decide, orphans};

use super::Kind;

/// Jobs.
pub const JOB: Kind = Kind {
    name: "Job",
    api_version: "batch/v1",
    child: ("v1", "Pod"),
    decide: |cluster, object, now, pods| decide(&Observed { cluster, object, now, pods }),
    orphans: Some(("batch.kubernetes.io/job-name", orphans)),
};
