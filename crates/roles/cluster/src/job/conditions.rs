//! The conditions of a Job: they have a probe time and no generation. Follows kubernetes/kubernetes
//! `pkg/controller/job/job_controller.go` (ensureJobConditionStatus, enactJobFinished).

use api::text;
use model::Timestamp;
use serde_json::{Value, json};

use crate::owned::seconds;

/// Tells that the Job will have succeeded once its Pods are gone.
const SUCCESS: &str = "SuccessCriteriaMet";
/// Tells that the Job will have failed once its Pods are gone.
const FAILURE: &str = "FailureTarget";

/// How a Job ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finish {
    pub(crate) succeeds: bool,
    pub(crate) reason: String,
    pub(crate) message: String,
}

impl Finish {
    pub(crate) fn success(reason: &str, message: &str) -> Self {
        Self { succeeds: true, reason: reason.to_owned(), message: message.to_owned() }
    }

    pub(crate) fn failure(reason: &str, message: &str) -> Self {
        Self { succeeds: false, reason: reason.to_owned(), message: message.to_owned() }
    }

    /// Reads what an earlier pass has told: it is not taken back.
    pub(crate) fn known(status: &Value) -> Option<Self> {
        [(SUCCESS, true), (FAILURE, false)].into_iter().find_map(|(kind, succeeds)| {
            let known = find(status, kind).filter(|known| known["status"] == "True")?;
            Some(Self { succeeds, reason: text(known, &["reason"]).to_owned(), message: text(known, &["message"]).to_owned() })
        })
    }

    /// Tells what is about to be.
    pub(crate) fn announce(&self, status: &mut Value, now: Timestamp) {
        ensure(status, if self.succeeds { SUCCESS } else { FAILURE }, "True", &self.reason, &self.message, now);
    }

    /// Tells what is.
    pub(crate) fn enact(&self, status: &mut Value, now: Timestamp) {
        ensure(status, if self.succeeds { "Complete" } else { "Failed" }, "True", &self.reason, &self.message, now);
        if self.succeeds {
            status["completionTime"] = json!(seconds(now));
        }
    }
}

fn find<'a>(status: &'a Value, kind: &str) -> Option<&'a Value> {
    status["conditions"].as_array()?.iter().find(|condition| condition["type"] == kind)
}

pub(crate) fn is_set(status: &Value, kind: &str) -> bool {
    find(status, kind).is_some_and(|condition| condition["status"] == "True")
}

/// Sets a condition and says whether anything changed. What was never so is not told to be false.
pub(crate) fn ensure(status: &mut Value, kind: &str, state: &str, reason: &str, message: &str, now: Timestamp) -> bool {
    let now = seconds(now);
    let fresh = json!({
        "type": kind, "status": state, "reason": reason, "message": message, "lastProbeTime": now, "lastTransitionTime": now,
    });
    if !status["conditions"].is_array() {
        if state == "False" {
            return false;
        }
        status["conditions"] = json!([]);
    }
    let Some(all) = status["conditions"].as_array_mut() else { return false };
    match all.iter_mut().find(|known| known["type"] == kind) {
        Some(known) if known["status"] == state && known["reason"] == reason && known["message"] == message => return false,
        Some(known) => *known = fresh,
        None if state == "False" => return false,
        None => all.push(fresh),
    }
    true
}
