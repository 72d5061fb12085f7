//! How long a Job waits after failed Pods. Follows kubernetes/kubernetes `pkg/controller/job/backoff_utils.go`; what upstream
//! remembers is read off the Pods here.

use std::time::Duration;

use api::text;
use model::Timestamp;
use serde_json::Value;

use crate::owned::{count, created};

/// How long to wait after a first failed Pod; each further one doubles it.
const FIRST: Duration = Duration::from_secs(10);
/// The longest it waits.
const LONGEST: Duration = Duration::from_secs(360);

/// Returns when the next Pod may start, so many having failed one after the other, the last of them then.
pub(crate) fn after(failures: usize, last: Timestamp) -> Option<Timestamp> {
    let doublings = u32::try_from(failures.checked_sub(1)?).unwrap_or(u32::MAX).min(6);
    last.checked_add((FIRST * 2u32.pow(doublings)).min(LONGEST)).ok()
}

/// Returns when a Pod ended: its containers, or else its readiness, or else its deletion, or else its making.
pub(crate) fn ended(pod: &Value) -> Option<Timestamp> {
    containers(pod).or_else(|| unready(pod)).or_else(|| deleted(pod)).or_else(|| created(pod))
}

fn containers(pod: &Value) -> Option<Timestamp> {
    let states = pod["status"]["containerStatuses"].as_array()?;
    let ends: Option<Vec<Timestamp>> =
        states.iter().map(|state| text(state, &["state", "terminated", "finishedAt"]).parse().ok()).collect();
    ends?.into_iter().max()
}

fn unready(pod: &Value) -> Option<Timestamp> {
    let ready = api::find_condition(pod, "Ready").filter(|ready| ready["status"] == "False")?;
    text(ready, &["lastTransitionTime"]).parse().ok()
}

fn deleted(pod: &Value) -> Option<Timestamp> {
    let at: Timestamp = text(pod, &["metadata", "deletionTimestamp"]).parse().ok()?;
    let grace = u64::try_from(count(&pod["metadata"]["deletionGracePeriodSeconds"], 0)).unwrap_or(0);
    at.checked_sub(Duration::from_secs(grace)).ok()
}
