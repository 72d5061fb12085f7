//! Job: Pods until enough have succeeded or too many failed. Read first: [`decide`]; then `census` (what the Pods are), `manage`
//! (which Pods are made and removed), `track` (how ends are counted once). Follows kubernetes/kubernetes `pkg/controller/job`.

mod backoff;
mod census;
mod conditions;
mod indexes;
mod manage;
mod policy;
#[cfg(test)]
mod tests;
mod track;

use std::time::Duration;

use api::text;
use model::{Action, ClusterName, Code, Decision, Timestamp};
use serde_json::{Value, json};

use crate::owned::{change, count, delete, is_leaving, seconds, tell};
use census::{Census, TRACKING, is_held, is_over};
use conditions::{Finish, ensure, is_set};
use policy::{Failing, failing};

/// Who looks after Jobs, unless they name somebody else.
const OWN_NAME: &str = "kubernetes.io/job-controller";

/// Everything that is looked at.
#[derive(Debug, Clone)]
pub struct Observed {
    /// In which cluster.
    pub cluster: ClusterName,
    /// The Job.
    pub object: Value,
    /// The present moment.
    pub now: Timestamp,
    /// Its Pods.
    pub pods: Vec<Value>,
}

/// Decides what a Job does next.
///
/// The end of a Pod is counted once whatever happens: its uid is written into the status first, then it is let go, and the count
/// grows in the status that is written after that. An index that succeeded needs no uid.
pub fn decide(seen: &Observed) -> Decision<Value> {
    let object = &seen.object;
    let mut status = object["status"].clone();
    if object["spec"]["managedBy"].as_str().is_some_and(|by| by != OWN_NAME) {
        return Decision::of(status);
    }
    if is_leaving(object) {
        return Decision { actions: release(&seen.cluster, &seen.pods), ..Decision::of(status) };
    }
    if is_set(&status, "Complete") || is_set(&status, "Failed") {
        return finished(seen, status);
    }
    let census = Census::of(object, &seen.pods);
    let suspended = object["spec"]["suspend"] == true;
    start(&mut status, suspended, seen.now);
    let mut finish = verdict(seen, &census, &status);
    let mut plan = match &finish {
        Some(_) => manage::remove_all(seen, &census),
        None => manage::manage(seen, &census),
    };
    if finish.is_none() && is_complete(&census, plan.active) {
        finish = Some(Finish::success("CompletionsReached", "Reached expected number of succeeded pods"));
    }
    if finish.is_none() {
        plan.actions.extend(suspension(seen, &mut status, suspended));
        if let Some(deadline) = deadline(seen, &status).filter(|_| !suspended) {
            plan.look_again(deadline);
        }
    }
    status["active"] = json!(plan.active);
    status["ready"] = json!(plan.ready);
    status["terminating"] = json!(plan.terminating);
    // What is let go is let go before it is removed: a removal changes it.
    let mut actions = track::track(seen, &census, finish.as_ref(), plan.terminating, &mut status);
    actions.extend(plan.actions);
    let mut decision = Decision { actions, ..Decision::of(sparse(status)) };
    if suspended && finish.is_none() {
        decision = decision.wait(Code::Suspended, "the Job is suspended", None);
    }
    if let Some((code, why)) = plan.because {
        decision = decision.wait(code, why, plan.next);
    } else if let Some(at) = plan.next {
        decision.look_again(at);
    }
    decision
}

/// Counts that are left out when they are zero.
fn sparse(status: Value) -> Value {
    crate::owned::sparse(status, &["active", "succeeded", "failed"])
}

fn start(status: &mut Value, suspended: bool, now: Timestamp) {
    if !status.is_object() {
        *status = json!({});
    }
    if suspended {
        if let Some(fields) = status.as_object_mut() {
            fields.remove("startTime");
        }
    } else if status["startTime"].is_null() {
        status["startTime"] = json!(seconds(now));
    }
}

/// Tells whether the Job has come to its end, or is on its way there.
fn verdict(seen: &Observed, census: &Census<'_>, status: &Value) -> Option<Finish> {
    let spec = census.spec;
    if let Some(known) = Finish::known(status) {
        return Some(known);
    }
    let failed = census.pods.iter().filter(|pod| census.is_failed(pod));
    if let Some(why) = failed.into_iter().find_map(|pod| match failing(spec, pod) {
        Failing::Job(why) => Some(why),
        Failing::Counts | Failing::Ignored | Failing::Index => None,
    }) {
        return Some(Finish::failure("PodFailurePolicy", &why));
    }
    let limit = spec["backoffLimit"].as_i64().unwrap_or(if census.limits_each_index() { i64::MAX } else { 6 });
    if census.failed > limit || restarts_too_often(census, limit) {
        return Some(Finish::failure("BackoffLimitExceeded", &told(&seen.pods)));
    }
    if deadline(seen, status).is_some_and(|deadline| seen.now >= deadline) && spec["suspend"] != true {
        return Some(Finish::failure("DeadlineExceeded", "Job was active longer than specified deadline"));
    }
    let completions = census.completions().filter(|_| census.is_indexed())?;
    if let Some(failed) = &census.failed_indexes {
        if spec["maxFailedIndexes"].as_i64().is_some_and(|most| failed.total() > most) {
            let why = "Job has exceeded the specified maximal number of failed indexes";
            return Some(Finish::failure("MaxFailedIndexesExceeded", why));
        }
        if failed.total() > 0 && failed.total() + census.indexes.total() >= completions {
            return Some(Finish::failure("FailedIndexes", "Job has failed indexes"));
        }
    }
    policy::enough(spec, completions, &census.indexes).map(|why| Finish::success("SuccessPolicy", &why))
}

fn is_complete(census: &Census<'_>, active: i64) -> bool {
    let enough = match census.completions() {
        // Whoever takes from a queue knows when it is empty: one success, and no more are started.
        None => census.succeeded > 0,
        Some(completions) => census.succeeded >= completions,
    };
    enough && active == 0
}

/// Counts restarts where a Pod starts its containers again itself.
fn restarts_too_often(census: &Census<'_>, limit: i64) -> bool {
    if census.spec["template"]["spec"]["restartPolicy"] != "OnFailure" {
        return false;
    }
    let running = census.pods.iter().filter(|pod| matches!(text(pod, &["status", "phase"]), "Running" | "Pending"));
    let statuses = running.flat_map(|pod| ["initContainerStatuses", "containerStatuses"].map(|list| pod["status"][list].as_array()));
    let restarts: i64 = statuses.flatten().flatten().map(|status| count(&status["restartCount"], 0)).sum();
    if limit == 0 { restarts > 0 } else { restarts >= limit }
}

fn deadline(seen: &Observed, status: &Value) -> Option<Timestamp> {
    let seconds = seen.object["spec"]["activeDeadlineSeconds"].as_u64()?;
    let started: Timestamp = text(status, &["startTime"]).parse().ok()?;
    started.checked_add(Duration::from_secs(seconds)).ok()
}

/// Tells that the Job is suspended, or no more; one that goes on begins anew.
fn suspension(seen: &Observed, status: &mut Value, suspended: bool) -> Option<Action> {
    let (state, reason, word) = if suspended { ("True", "JobSuspended", "Suspended") } else { ("False", "JobResumed", "Resumed") };
    let message = format!("Job {}", word.to_lowercase());
    if !ensure(status, "Suspended", state, reason, &message, seen.now) {
        return None;
    }
    if !suspended {
        status["startTime"] = json!(seconds(seen.now));
    }
    Some(tell(&seen.cluster, &seen.object, "Normal", word, message, seen.now))
}

/// What the last failed Pod said, so that a person need not look it up.
fn told(pods: &[Value]) -> String {
    let said = pods.iter().rev().find_map(|pod| {
        let states = pod["status"]["containerStatuses"].as_array()?;
        let terminated = states
            .iter()
            .map(|state| &state["state"]["terminated"])
            .find(|state| state["exitCode"].as_i64().is_some_and(|code| code != 0))?;
        let message = text(terminated, &["message"]).trim();
        Some(format!(": exit code {}{}{message}", terminated["exitCode"], if message.is_empty() { "" } else { ": " }))
    });
    format!("Job has reached the specified backoff limit{}", said.unwrap_or_default())
}

/// A finished Job goes when its time to live is over. Follows kubernetes/kubernetes `pkg/controller/ttlafterfinished`.
fn finished(seen: &Observed, status: Value) -> Decision<Value> {
    let mut decision = Decision { actions: release(&seen.cluster, &seen.pods), ..Decision::of(status) };
    let Some(seconds) = seen.object["spec"]["ttlSecondsAfterFinished"].as_u64() else { return decision };
    let conditions = seen.object["status"]["conditions"].as_array();
    let last = conditions.into_iter().flatten().filter(|one| matches!(text(one, &["type"]), "Complete" | "Failed"));
    let ended = last.filter_map(|condition| text(condition, &["lastTransitionTime"]).parse::<Timestamp>().ok()).max();
    let Some(at) = ended.and_then(|ended| ended.checked_add(Duration::from_secs(seconds)).ok()) else { return decision };
    if at <= seen.now {
        decision.actions.push(delete(&seen.cluster, &seen.object));
    } else {
        decision.look_again(at);
    }
    decision
}

/// Lets Pods go that have ended or are to go.
fn release(cluster: &ClusterName, pods: &[Value]) -> Vec<Action> {
    pods.iter().filter(|pod| is_held(pod) && (is_leaving(pod) || is_over(pod))).map(|pod| let_go(cluster, pod)).collect()
}

fn let_go(cluster: &ClusterName, pod: &Value) -> Action {
    let rest: Vec<&Value> = pod["metadata"]["finalizers"].as_array().into_iter().flatten().filter(|one| **one != TRACKING).collect();
    change(cluster, pod, json!({"metadata": {"finalizers": rest}}))
}

/// Lets the Pods of a Job go that is there no more; nobody counts them.
pub fn orphans(cluster: &ClusterName, pods: &[Value]) -> Vec<Action> {
    pods.iter().filter(|pod| is_held(pod)).map(|pod| let_go(cluster, pod)).collect()
}
