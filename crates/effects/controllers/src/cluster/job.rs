//! Job: its Pods, decided by [`cluster::job`].

use cluster::job::{Observed, decide};

use super::Kind;

/// Jobs.
pub const JOB: Kind = Kind {
    name: "Job",
    api_version: "batch/v1",
    child: ("v1", "Pod"),
    decide: |cluster, object, now, pods| decide(&Observed { cluster, object, now, pods }),
};
