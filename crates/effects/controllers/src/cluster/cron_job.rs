//! CronJob: its Jobs, decided by [`cluster::cron_job`].

use cluster::cron_job::{Observed, decide};

use super::workload::{Kind, Part, Which};

/// CronJobs.
pub const CRON_JOB: Kind = Kind {
    name: "CronJob",
    api_version: "batch/v1",
    component: "cronjob-controller",
    parts: &[Part { api_version: "batch/v1", kind: "Job", which: Which::Owned }],
    decide: |mut look| {
        let jobs = look.next();
        decide(&Observed { cluster: look.cluster, object: look.object, now: look.now, jobs })
    },
    orphans: None,
};
