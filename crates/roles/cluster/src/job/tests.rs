use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::simulation::{Simulation, running};

const LONG: Duration = Duration::from_secs(1 << 20);

fn job(spec: Value) -> Simulation {
    let mut object = json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "j", "namespace": "n"}, "spec": spec});
    for (field, value) in [("parallelism", json!(1)), ("template", json!({"spec": {"containers": [{"name": "c"}]}}))] {
        if object["spec"][field].is_null() {
            object["spec"][field] = value;
        }
    }
    Simulation::of(object)
}

fn look(simulation: &Simulation) -> Decision<Value> {
    decide(&Observed {
        cluster: simulation.cluster.clone(),
        object: simulation.objects[0].clone(),
        now: simulation.now,
        pods: simulation.all("Pod"),
    })
}

/// Ends a Pod with an exit code; `finishedAt` is the Pod's own time.
fn ends(pod: &Value, code: i64) -> Option<Value> {
    let at = &pod["metadata"]["creationTimestamp"];
    let phase = if code == 0 { "Succeeded" } else { "Failed" };
    let state = json!({"name": "c", "state": {"terminated": {"exitCode": code, "message": "no", "finishedAt": at}}});
    (pod["status"]["phase"] == "Pending").then(|| json!({"phase": phase, "containerStatuses": [state]}))
}

fn good(pod: &Value) -> Option<Value> {
    ends(pod, 0)
}

fn bad(pod: &Value) -> Option<Value> {
    ends(pod, 3)
}

/// Odd indexes fail, even ones succeed.
fn odd_fails(pod: &Value) -> Option<Value> {
    ends(pod, index(pod) % 2)
}

fn index(pod: &Value) -> i64 {
    census::index(pod).unwrap_or(0)
}

/// Index 1 fails twice and then succeeds.
fn third_time(pod: &Value) -> Option<Value> {
    ends(pod, i64::from(index(pod) == 1 && census::failures(pod) < 2))
}

fn runs(pod: &Value) -> Option<Value> {
    crate::simulation::runs(pod)
}

fn shown(simulation: &Simulation) -> String {
    let status = &simulation.objects[0]["status"];
    let conditions: Vec<String> = status["conditions"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|one| format!("{}={} {}: {}", text(one, &["type"]), text(one, &["status"]), text(one, &["reason"]), text(one, &["message"])))
        .collect();
    let mut counts = String::new();
    for field in ["active", "ready", "terminating", "succeeded", "failed", "completedIndexes", "failedIndexes"] {
        if !status[field].is_null() && status[field] != 0 {
            counts.push_str(&format!(" {field}={}", status[field]));
        }
    }
    format!("{}{counts}", conditions.join("; "))
}

#[test]
fn jobs_end() {
    let reached = "Reached expected number of succeeded pods";
    let success = format!("SuccessCriteriaMet=True CompletionsReached: {reached}; Complete=True CompletionsReached: {reached}");
    let failure = |reason: &str, why: &str| format!("FailureTarget=True {reason}: {why}; Failed=True {reason}: {why}");
    let limit = "Job has reached the specified backoff limit: exit code 3: no";
    let policy = |action: &str| json!({"rules": [{"action": action, "onExitCodes": {"operator": "In", "values": [1, 3]}}]});
    let cases: Vec<(Value, fn(&Value) -> Option<Value>, usize, String)> = vec![
        (json!({"completions": 1}), good, 1, format!("{success} succeeded=1")),
        (json!({"completions": 5, "parallelism": 2}), good, 5, format!("{success} succeeded=5")),
        (json!({"parallelism": 3}), good, 3, format!("{success} succeeded=3")),
        (json!({"completions": 0}), good, 0, success.clone()),
        (json!({"completions": 1, "backoffLimit": 0}), bad, 1, format!("{} failed=1", failure("BackoffLimitExceeded", limit))),
        (json!({"completions": 1, "backoffLimit": 2}), bad, 3, format!("{} failed=3", failure("BackoffLimitExceeded", limit))),
        (
            json!({"completions": 2, "parallelism": 2, "activeDeadlineSeconds": 300}),
            runs,
            2,
            format!("{} failed=2", failure("DeadlineExceeded", "Job was active longer than specified deadline")),
        ),
        (
            json!({"completionMode": "Indexed", "completions": 5, "parallelism": 3}),
            good,
            5,
            format!("{success} succeeded=5 completedIndexes=\"0-4\""),
        ),
        (
            json!({"completionMode": "Indexed", "completions": 4, "parallelism": 4, "backoffLimitPerIndex": 1}),
            odd_fails,
            6,
            format!(
                "{} succeeded=2 failed=4 completedIndexes=\"0,2\" failedIndexes=\"1,3\"",
                failure("FailedIndexes", "Job has failed indexes")
            ),
        ),
        (
            json!({"completionMode": "Indexed", "completions": 3, "parallelism": 1, "backoffLimitPerIndex": 2}),
            third_time,
            5,
            format!("{success} succeeded=3 failed=2 completedIndexes=\"0-2\" failedIndexes=\"\""),
        ),
        (
            json!({"completionMode": "Indexed", "completions": 6, "parallelism": 2, "backoffLimitPerIndex": 0, "maxFailedIndexes": 1}),
            odd_fails,
            4,
            format!(
                "{} succeeded=2 failed=2 completedIndexes=\"0,2\" failedIndexes=\"1,3\"",
                failure("MaxFailedIndexesExceeded", "Job has exceeded the specified maximal number of failed indexes")
            ),
        ),
        (
            json!({"completionMode": "Indexed", "completions": 6, "parallelism": 1, "successPolicy": {"rules": [{"succeededIndexes": "0-1"}]}}),
            good,
            2,
            "SuccessCriteriaMet=True SuccessPolicy: Matched rules at index 0; Complete=True SuccessPolicy: Matched rules at index 0 \
             succeeded=2 completedIndexes=\"0,1\""
                .into(),
        ),
        (
            json!({"completions": 3, "podFailurePolicy": policy("FailJob"), "podReplacementPolicy": "Failed"}),
            bad,
            1,
            format!(
                "{} failed=1",
                failure("PodFailurePolicy", "Container c for pod n/NAME failed with exit code 3 matching FailJob rule at index 0")
            ),
        ),
        (
            json!({"completionMode": "Indexed", "completions": 2, "parallelism": 2, "backoffLimitPerIndex": 5, "podFailurePolicy": policy("FailIndex")}),
            odd_fails,
            2,
            format!(
                "{} succeeded=1 failed=1 completedIndexes=\"0\" failedIndexes=\"1\"",
                failure("FailedIndexes", "Job has failed indexes")
            ),
        ),
    ];
    for (spec, kubelet, pods, wanted) in cases {
        // Without a crash first, then with one after every action that there is.
        for crash in [None].into_iter().chain((0..40).map(Some)) {
            if crash.is_some() && (spec["completions"].is_null() || !spec["maxFailedIndexes"].is_null()) {
                // It matters then how many Pods there were when it ended.
                continue;
            }
            let mut simulation = job(spec.clone());
            simulation.kubelet = kubelet;
            simulation.dies_after = crash;
            simulation.settle(look, LONG);
            let first = simulation.names("Pod").first().cloned().unwrap_or_default();
            assert_eq!(shown(&simulation), wanted.replace("NAME", &first), "{spec} {crash:?}");
            assert_eq!(simulation.made.get("Pod").copied().unwrap_or(0), pods, "{spec} {crash:?}");
            assert!(simulation.all("Pod").iter().all(|pod| !is_held(pod)), "every Pod is let go");
            assert_eq!(simulation.objects[0]["status"]["uncountedTerminatedPods"], json!({}));
        }
    }
}

#[test]
fn indexed_pods_know_their_place() {
    let mut simulation = job(json!({"completionMode": "Indexed", "completions": 2, "parallelism": 2}));
    let decision = look(&simulation);
    simulation.pass(&decision);
    let pods = simulation.all("Pod");
    for (index, pod) in ["0", "1"].into_iter().zip(&pods) {
        assert!(api::name(pod).starts_with(&format!("j-{index}-")) && api::name(pod).len() == "j-0-".len() + 5);
        assert_eq!(pod["spec"]["hostname"], format!("j-{index}"));
        assert_eq!((api::label(pod, census::INDEX), api::annotation(pod, census::INDEX)), (Some(index), Some(index)));
        let path = &pod["spec"]["containers"][0]["env"][0]["valueFrom"]["fieldRef"]["fieldPath"];
        assert_eq!(path, "metadata.labels['batch.kubernetes.io/job-completion-index']");
    }
    assert_eq!(simulation.events.len(), 2);
    assert_eq!(look(&simulation).actions, Vec::new(), "the same again changes nothing");
}

#[test]
fn failed_pods_are_followed_later_and_later() {
    let mut simulation = job(json!({"completions": 1, "backoffLimit": 8}));
    simulation.kubelet = bad;
    simulation.settle(look, LONG);
    let mut times: Vec<Timestamp> = simulation.all("Pod").iter().filter_map(crate::owned::created).collect();
    times.sort();
    let pauses: Vec<i64> = times.windows(2).map(|pair| pair[1].duration_since(pair[0]).as_secs()).collect();
    assert_eq!(pauses, [10, 20, 40, 80, 160, 320, 360, 360]);
}

#[test]
fn pods_that_leave_are_replaced_at_once_or_when_they_are_over() {
    let failed = |pod: &mut Value| pod["status"] = json!({"phase": "Failed"});
    let gone = |pod: &mut Value| pod["metadata"]["deletionGracePeriodSeconds"] = json!(0);
    let cases: [(&str, usize, usize, fn(&mut Value)); 3] =
        [("TerminatingOrFailed", 2, 2, |_| {}), ("Failed", 1, 2, failed), ("Failed", 1, 2, gone)];
    for (policy, now, later, end) in cases {
        let mut simulation = job(json!({"completions": 1, "podReplacementPolicy": policy}));
        simulation.kubelet = runs;
        simulation.settle(look, Duration::ZERO);
        let name = simulation.names("Pod").remove(0);
        simulation.delete("Pod", &name);
        // A first pass tells the failure, and the pause after it is over.
        simulation.wait(Duration::from_secs(60));
        for _ in 0..4 {
            let decision = look(&simulation);
            simulation.pass(&decision);
        }
        assert_eq!(simulation.made["Pod"], now, "{policy}");
        if policy == "Failed" {
            end(simulation.find("Pod", &name));
        }
        simulation.settle(look, LONG);
        assert_eq!(simulation.made["Pod"], later, "{policy}");
        assert_eq!(simulation.objects[0]["status"]["failed"], 1);
    }
}

#[test]
fn a_job_waits_and_goes_on() {
    let mut simulation = job(json!({"suspend": true, "completions": 2, "parallelism": 2}));
    simulation.kubelet = runs;
    simulation.settle(look, Duration::ZERO);
    assert_eq!(shown(&simulation), "Suspended=True JobSuspended: Job suspended");
    assert!(simulation.objects[0]["status"]["startTime"].is_null());
    simulation.subject()["spec"]["suspend"] = json!(false);
    simulation.settle(look, Duration::ZERO);
    assert_eq!(shown(&simulation), "Suspended=False JobResumed: Job resumed active=2 ready=2");
    assert_eq!(simulation.objects[0]["status"]["startTime"], "2026-01-01T00:00:00Z");
    simulation.subject()["spec"]["suspend"] = json!(true);
    simulation.settle(look, Duration::ZERO);
    assert_eq!(shown(&simulation), "Suspended=True JobSuspended: Job suspended", "what is suspended has not failed");
    assert!(simulation.names("Pod").is_empty());
    let words: Vec<&str> = simulation.events.iter().filter(|event| event.contains(" Job ")).map(String::as_str).collect();
    assert_eq!(words, ["Normal Suspended Job suspended", "Normal Resumed Job resumed", "Normal Suspended Job suspended"]);
}

#[test]
fn fewer_pods_are_kept_when_fewer_are_wanted() {
    let mut simulation = job(json!({"completions": 5, "parallelism": 3}));
    simulation.kubelet = runs;
    simulation.settle(look, Duration::ZERO);
    simulation.subject()["spec"]["parallelism"] = json!(1);
    simulation.settle(look, Duration::ZERO);
    assert_eq!((shown(&simulation).as_str(), simulation.names("Pod").len()), (" active=1 ready=1", 1));
}

#[test]
fn restarts_in_place_count_too() {
    let mut simulation = job(json!({"completions": 1, "backoffLimit": 2, "template": {"spec": {"restartPolicy": "OnFailure"}}}));
    simulation.kubelet = |pod| {
        let mut status = running(pod, false);
        status["containerStatuses"] = json!([{"name": "c", "restartCount": 2, "state": {"waiting": {}}}]);
        (pod["status"]["phase"] == "Pending").then_some(status)
    };
    simulation.settle(look, LONG);
    assert!(shown(&simulation).contains("Failed=True BackoffLimitExceeded"), "{}", shown(&simulation));
}

#[test]
fn a_finished_job_goes_after_its_time() {
    let mut simulation = job(json!({"ttlSecondsAfterFinished": 600, "completions": 1}));
    simulation.kubelet = good;
    simulation.settle(look, Duration::from_secs(599));
    assert_eq!(simulation.all("Job").len(), 1);
    assert_eq!(look(&simulation).next, model::Next::At("2026-01-01T00:10:00Z".parse().expect("a time")));
    simulation.wait(Duration::from_secs(600));
    assert!(matches!(look(&simulation).actions.as_slice(), [Action::Delete { .. }]));
}

#[test]
fn what_others_look_after_is_left_alone() {
    let mut simulation = job(json!({"managedBy": "example.org/queue", "completions": 1}));
    simulation.settle(look, LONG);
    assert_eq!((simulation.made.get("Pod"), &simulation.objects[0]["status"]), (None, &Value::Null));
    simulation.subject()["spec"]["managedBy"] = json!(OWN_NAME);
    simulation.kubelet = good;
    simulation.settle(look, LONG);
    assert_eq!(simulation.made["Pod"], 1);
    assert_eq!(orphans(&simulation.cluster, &simulation.all("Pod")), Vec::new());
}

#[test]
fn no_more_run_at_once_than_a_machine_bears() {
    let mut simulation = job(json!({"completions": 2_000, "parallelism": 1_000}));
    let first = look(&simulation);
    simulation.pass(&first);
    assert_eq!(simulation.names("Pod").len(), 500);
    let second = look(&simulation);
    assert_eq!(second.actions, Vec::new());
    assert_eq!(second.because[0].text, "spec.parallelism: no more than 500 Pods of a Job run at once here");
}

#[test]
fn a_wait_says_why() {
    let mut simulation = job(json!({"completions": 1}));
    simulation.kubelet = bad;
    simulation.settle(look, Duration::ZERO);
    let decision = look(&simulation);
    assert_eq!(decision.because[0].text, "the next Pod waits until 2026-01-01T00:00:10Z, because the last one failed");
    assert_eq!(decision.next, model::Next::At("2026-01-01T00:00:10Z".parse().expect("a time")));
}
