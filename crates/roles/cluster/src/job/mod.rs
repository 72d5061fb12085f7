//! Job: one Pod at a time until one succeeds or too many failed. Follows kubernetes/kubernetes `pkg/controller/job`.

use std::time::Duration;

use api::{Condition, set_condition, text};
use model::{Action, ClusterName, Code, Decision, Timestamp};
use serde_json::{Value, json};

use crate::owned::{delete, is_leaving, is_ready, letters, pod, reference, sparse};

/// Field manager of Pods.
const MANAGER: &str = "kube-controller-manager";
/// Keeps a Pod until its end is counted.
const TRACKING: &str = "batch.kubernetes.io/job-tracking";
/// How long to wait after a first failed Pod; each further one doubles it.
const BACKOFF: Duration = Duration::from_secs(10);

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
pub fn decide(seen: &Observed) -> Decision<Value> {
    let object = &seen.object;
    let mut status = object["status"].clone();
    if is_leaving(object) {
        return Decision::of(status).act_all(release(&seen.cluster, &seen.pods));
    }
    if over(object) {
        return finished(seen, status).act_all(release(&seen.cluster, &seen.pods));
    }
    if let Some(field) = unsupported(&object["spec"]) {
        let why = format!("spec.{field} is not supported");
        return end(seen, status, "Failed", "Unsupported", &why).stall(Code::Unsupported, &why, "remove the field");
    }
    let suspended = object["spec"]["suspend"] == true;
    if suspended {
        if let Some(fields) = status.as_object_mut() {
            fields.remove("startTime");
        }
    } else if status["startTime"].is_null() {
        status["startTime"] = json!(seconds(seen.now));
    }
    let phase = |pod: &&Value, wanted: &str| text(pod, &["status", "phase"]) == wanted;
    let succeeded = seen.pods.iter().filter(|pod| phase(pod, "Succeeded")).count();
    let failed = seen.pods.iter().filter(|pod| phase(pod, "Failed")).count();
    let active: Vec<&Value> =
        seen.pods.iter().filter(|pod| !phase(pod, "Succeeded") && !phase(pod, "Failed") && !is_leaving(pod)).collect();
    status["active"] = json!(active.len());
    status["succeeded"] = json!(succeeded);
    status["failed"] = json!(failed);
    status["ready"] = json!(active.iter().filter(|pod| is_ready(pod)).count());
    status["terminating"] =
        json!(seen.pods.iter().filter(|pod| is_leaving(pod) && !phase(pod, "Succeeded") && !phase(pod, "Failed")).count());
    status["uncountedTerminatedPods"] = json!({});
    let mut status = sparse(status, COUNTS);
    // A Pod is let go only when what became of it is written down.
    let counted = ["succeeded", "failed"].iter().all(|field| object["status"][*field] == status[*field]);
    if succeeded > 0 {
        status["completionTime"] = json!(seconds(seen.now));
        let message = "Reached expected number of succeeded pods";
        let met = Condition { kind: "SuccessCriteriaMet", status: "True", reason: "CompletionsReached", message };
        tell(&mut status, &met, seen.now);
        return end(seen, status, "Complete", "CompletionsReached", message);
    }
    if suspended {
        let told = Condition { kind: "Suspended", status: "True", reason: "JobSuspended", message: "Job suspended" };
        tell(&mut status, &told, seen.now);
        let active: Vec<Action> = active.iter().map(|pod| delete(&seen.cluster, pod)).collect();
        return Decision::of(status)
            .wait(Code::Suspended, "the Job is suspended", None)
            .act_all(active.into_iter())
            .act_all(release(&seen.cluster, &seen.pods));
    }
    if api::is_true(object, "Suspended") {
        status["startTime"] = json!(seconds(seen.now));
        let told = Condition { kind: "Suspended", status: "False", reason: "JobResumed", message: "Job resumed" };
        tell(&mut status, &told, seen.now);
    }
    let limit = usize::try_from(object["spec"]["backoffLimit"].as_i64().unwrap_or(6)).unwrap_or(0);
    if failed > limit {
        return end(seen, status, "Failed", "BackoffLimitExceeded", &told(&seen.pods))
            .act_all(active.iter().map(|pod| delete(&seen.cluster, pod)));
    }
    let started: Timestamp = text(&status, &["startTime"]).parse().unwrap_or(seen.now);
    let deadline =
        object["spec"]["activeDeadlineSeconds"].as_u64().and_then(|seconds| started.checked_add(Duration::from_secs(seconds)).ok());
    if deadline.is_some_and(|deadline| seen.now >= deadline) {
        let message = "Job was active longer than specified deadline";
        return end(seen, status, "Failed", "DeadlineExceeded", message).act_all(active.iter().map(|pod| delete(&seen.cluster, pod)));
    }
    let mut decision = Decision::of(status);
    if counted {
        decision.actions.extend(release(&seen.cluster, &seen.pods));
    }
    if let Some(deadline) = deadline {
        decision.look_again(deadline);
    }
    if active.is_empty() {
        match pause(seen, failed) {
            Some(at) if at > seen.now => decision.look_again(at),
            _ => decision.actions.push(Action::Create {
                cluster: seen.cluster.clone(),
                manager: MANAGER.into(),
                object: make(object, failed),
            }),
        }
    }
    decision
}

/// Counts that are left out when they are zero.
const COUNTS: &[&str] = &["active", "succeeded", "failed"];

/// Lets Pods go that have ended or are to go.
fn release<'a>(cluster: &'a ClusterName, pods: &'a [Value]) -> impl Iterator<Item = Action> + 'a {
    let held = |pod: &&Value| pod["metadata"]["finalizers"].as_array().is_some_and(|all| all.iter().any(|one| one == TRACKING));
    let ended = |pod: &&Value| is_leaving(pod) || matches!(text(pod, &["status", "phase"]), "Succeeded" | "Failed");
    pods.iter().filter(held).filter(ended).map(|pod| let_go(cluster, pod))
}

fn let_go(cluster: &ClusterName, pod: &Value) -> Action {
    let rest: Vec<&Value> = pod["metadata"]["finalizers"].as_array().into_iter().flatten().filter(|one| **one != TRACKING).collect();
    let patch = json!({"metadata": {"finalizers": rest, "resourceVersion": pod["metadata"]["resourceVersion"]}});
    Action::Patch { cluster: cluster.clone(), manager: MANAGER.into(), object: reference(pod), patch, subresource: None }
}

/// Lets the Pods of a Job go that is there no more; nobody counts them.
pub fn orphans(cluster: &ClusterName, pods: &[Value]) -> Vec<Action> {
    let held = |pod: &&Value| pod["metadata"]["finalizers"].as_array().is_some_and(|all| all.iter().any(|one| one == TRACKING));
    pods.iter().filter(held).map(|pod| let_go(cluster, pod)).collect()
}

fn over(object: &Value) -> bool {
    api::is_true(object, "Complete") || api::is_true(object, "Failed")
}

fn unsupported(spec: &Value) -> Option<&'static str> {
    let is_one = |field: &str| spec[field].as_i64().unwrap_or(1) == 1;
    if !is_one("completions") {
        return Some("completions");
    }
    if !is_one("parallelism") {
        return Some("parallelism");
    }
    ["podFailurePolicy", "successPolicy", "backoffLimitPerIndex", "maxFailedIndexes", "managedBy"]
        .into_iter()
        .find(|field| !spec[*field].is_null())
}

/// When the next Pod may start after failed ones.
fn pause(seen: &Observed, failed: usize) -> Option<Timestamp> {
    let last = seen.pods.iter().filter_map(ended).max()?;
    let power = u32::try_from(failed.saturating_sub(1)).unwrap_or(6).min(6);
    last.checked_add((BACKOFF * 2u32.pow(power)).min(Duration::from_secs(360))).ok()
}

fn ended(pod: &Value) -> Option<Timestamp> {
    let states = pod["status"]["containerStatuses"].as_array()?;
    states.iter().filter_map(|state| text(state, &["state", "terminated", "finishedAt"]).parse().ok()).max()
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

fn make(object: &Value, attempt: usize) -> Value {
    let name: String = api::name(object).chars().take(57).collect();
    let name = format!("{}-{}", name.trim_end_matches(['.', '-']), letters(&format!("{}/{attempt}", api::uid(object)), 5));
    let mut made = pod(&object["spec"]["template"], object, &name);
    for (key, value) in [
        ("job-name", api::name(object)),
        ("batch.kubernetes.io/job-name", api::name(object)),
        ("controller-uid", api::uid(object)),
        ("batch.kubernetes.io/controller-uid", api::uid(object)),
    ] {
        made["metadata"]["labels"][key] = json!(value);
    }
    made["metadata"]["finalizers"] = json!([TRACKING]);
    made
}

fn end(seen: &Observed, mut status: Value, kind: &str, reason: &str, message: &str) -> Decision<Value> {
    if let Some(fields) = status.as_object_mut() {
        fields.remove("active");
        fields.insert("ready".to_owned(), json!(0));
    }
    if kind == "Failed" {
        // That it will fail is told first, and that it has when its Pods are gone; here both are so at once.
        tell(&mut status, &Condition { kind: "FailureTarget", status: "True", reason, message }, seen.now);
    }
    tell(&mut status, &Condition { kind, status: "True", reason, message }, seen.now);
    let mut decision = Decision::of(status);
    decision.look_again(seen.now);
    decision
}

/// Sets a condition as Jobs have them: with a probe time, without a generation.
fn tell(status: &mut Value, condition: &Condition<'_>, now: Timestamp) {
    let known = status["conditions"].as_array().into_iter().flatten().find(|known| known["type"] == condition.kind);
    if known.is_some_and(|known| known["status"] == condition.status) {
        return;
    }
    set_condition(status, condition, 0, now);
    for told in status["conditions"].as_array_mut().into_iter().flatten().filter(|told| told["type"] == condition.kind) {
        if let Some(fields) = told.as_object_mut() {
            fields.remove("observedGeneration");
            fields.insert("lastProbeTime".to_owned(), json!(seconds(now)));
        }
    }
}

/// A finished Job goes when its time to live is over.
fn finished(seen: &Observed, status: Value) -> Decision<Value> {
    let decision = Decision::of(status);
    let Some(seconds) = seen.object["spec"]["ttlSecondsAfterFinished"].as_u64() else { return decision };
    let conditions = seen.object["status"]["conditions"].as_array();
    let ended =
        conditions.into_iter().flatten().filter_map(|condition| text(condition, &["lastTransitionTime"]).parse::<Timestamp>().ok()).max();
    let Some(at) = ended.and_then(|ended| ended.checked_add(Duration::from_secs(seconds)).ok()) else { return decision };
    if at <= seen.now {
        return decision.act(delete(&seen.cluster, &seen.object));
    }
    let mut decision = decision;
    decision.look_again(at);
    decision
}

fn seconds(at: Timestamp) -> String {
    Timestamp::from_second(at.as_second()).unwrap_or(at).to_string()
}

trait ActAll {
    fn act_all(self, actions: impl Iterator<Item = Action>) -> Self;
}

impl ActAll for Decision<Value> {
    fn act_all(mut self, actions: impl Iterator<Item = Action>) -> Self {
        self.actions.extend(actions);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn world(spec: Value) -> Observed {
        Observed {
            cluster: ClusterName("management".into()),
            object: json!({"metadata": {"name": "j", "namespace": "n", "uid": "u"}, "spec": spec}),
            now: "2026-01-01T00:00:00Z".parse().expect("a time"),
            pods: Vec::new(),
        }
    }

    fn run(seen: &mut Observed, ends: &str) -> String {
        for _ in 0..10 {
            let decision = decide(seen);
            for action in &decision.actions {
                if let Action::Create { object, .. } = action {
                    let mut pod = object.clone();
                    pod["status"] = json!({"phase": ends, "containerStatuses": [{"state": {"terminated": {"exitCode": 3, "message": "no", "finishedAt": seen.now.to_string()}}}]});
                    seen.pods.push(pod);
                }
            }
            seen.object["status"] = decision.status;
            seen.now = seen.now.checked_add(Duration::from_secs(200)).expect("a time");
        }
        let conditions = seen.object["status"]["conditions"].as_array().cloned().unwrap_or_default();
        // What is about to be is told with what is.
        let last = conditions.iter().filter(|condition| matches!(text(condition, &["type"]), "Complete" | "Failed"));
        last.map(|condition| format!("{} {}: {}", text(condition, &["type"]), text(condition, &["reason"]), text(condition, &["message"])))
            .collect()
    }

    #[test]
    fn jobs_end() {
        let template = json!({"spec": {"containers": []}});
        for (spec, ends, pods, told) in [
            (
                json!({"backoffLimit": 0, "template": template}),
                "Succeeded",
                1,
                "Complete CompletionsReached: Reached expected number of succeeded pods",
            ),
            (
                json!({"backoffLimit": 0, "template": template}),
                "Failed",
                1,
                "Failed BackoffLimitExceeded: Job has reached the specified backoff limit: exit code 3: no",
            ),
            (
                json!({"backoffLimit": 2, "template": template}),
                "Failed",
                3,
                "Failed BackoffLimitExceeded: Job has reached the specified backoff limit: exit code 3: no",
            ),
            (
                json!({"activeDeadlineSeconds": 300, "template": template}),
                "Running",
                1,
                "Failed DeadlineExceeded: Job was active longer than specified deadline",
            ),
            (json!({"parallelism": 2, "template": template}), "Running", 0, "Failed Unsupported: spec.parallelism is not supported"),
        ] {
            let mut seen = world(spec);
            assert_eq!((run(&mut seen, ends).as_str(), seen.pods.len()), (told, pods));
        }
    }

    #[test]
    fn a_finished_job_goes_after_its_time() {
        let mut seen = world(json!({"ttlSecondsAfterFinished": 600, "template": {}}));
        run(&mut seen, "Succeeded");
        assert!(matches!(decide(&seen).actions.as_slice(), [Action::Delete { .. }, ..]));
    }

    #[test]
    fn a_pod_is_let_go_when_its_end_is_written_down() {
        let mut seen = world(json!({"backoffLimit": 2, "template": {"spec": {"containers": []}}}));
        let Action::Create { object, .. } = &decide(&seen).actions[0] else { panic!("a Pod") };
        assert_eq!(object["metadata"]["finalizers"], json!([TRACKING]));
        seen.pods.push(object.clone());
        seen.pods[0]["status"] = json!({"phase": "Failed"});
        let held = |actions: &[Action]| !actions.iter().any(|action| matches!(action, Action::Patch { .. }));
        let first = decide(&seen);
        assert!(held(&first.actions), "{:?}", first.actions);
        seen.object["status"] = first.status;
        assert!(!held(&decide(&seen).actions));
        assert_eq!(orphans(&seen.cluster, &seen.pods).len(), 1);
    }

    #[test]
    fn a_job_waits_and_goes_on() {
        let mut seen = world(json!({"suspend": true, "template": {"spec": {"containers": []}}}));
        let waiting = decide(&seen);
        assert!(waiting.actions.is_empty() && waiting.status["startTime"].is_null());
        seen.object["status"] = waiting.status;
        seen.object["spec"]["suspend"] = json!(false);
        let status = decide(&seen).status;
        assert_eq!(status["conditions"][0]["reason"], "JobResumed");
        assert_eq!(status["startTime"], "2026-01-01T00:00:00Z");
    }
}
