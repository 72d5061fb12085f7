use std::time::Duration;

use model::Next;
use serde_json::{Value, json};

use super::*;
use crate::simulation::Simulation;

const HOUR: Duration = Duration::from_secs(3_600);

fn cron(spec: Value) -> Simulation {
    let mut object = json!({
        "apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "c", "namespace": "n"},
        "spec": {"schedule": "0 * * * *", "concurrencyPolicy": "Allow", "successfulJobsHistoryLimit": 3, "failedJobsHistoryLimit": 1,
            "jobTemplate": {"metadata": {"labels": {"a": "b"}}, "spec": {"template": {"spec": {}}}}},
    });
    for (key, value) in spec.as_object().expect("fields") {
        object["spec"][key] = value.clone();
    }
    Simulation::of(object)
}

fn look(simulation: &Simulation) -> Decision<Value> {
    decide(&Observed {
        cluster: simulation.cluster.clone(),
        object: simulation.objects[0].clone(),
        now: simulation.now,
        jobs: simulation.all("Job"),
    })
}

/// Passes until nothing happens at this moment.
fn rest(simulation: &mut Simulation) {
    simulation.settle(look, Duration::ZERO);
}

fn finish(simulation: &mut Simulation, name: &str, how: &str) {
    let now = seconds(simulation.now);
    let job = simulation.find("Job", name);
    job["status"] = json!({"startTime": now, "completionTime": now, "conditions": [{"type": how, "status": "True"}]});
}

fn active(status: &Value) -> usize {
    status["active"].as_array().map_or(0, Vec::len)
}

fn said(simulation: &Simulation) -> Vec<&str> {
    simulation.events.iter().map(String::as_str).collect()
}

#[test]
fn jobs_are_made_when_it_is_time() {
    for crash in [None, Some(0), Some(1), Some(2)] {
        let mut simulation = cron(json!({"timeZone": "Europe/Berlin"}));
        rest(&mut simulation);
        assert_eq!(look(&simulation).next, Next::At("2026-01-01T01:00:00Z".parse().expect("a time")));
        simulation.wait(HOUR);
        simulation.dies_after = crash;
        rest(&mut simulation);
        let jobs = simulation.all("Job");
        // 2026-01-01T01:00Z is the 29453820th minute.
        assert_eq!((jobs.len(), api::name(&jobs[0])), (1, "c-29453820"));
        assert_eq!(api::annotation(&jobs[0], SCHEDULED), Some("2026-01-01T02:00:00+01:00"));
        assert_eq!(api::label(&jobs[0], "a"), Some("b"));
        let status = &simulation.objects[0]["status"];
        assert_eq!((&status["lastScheduleTime"], &status["active"][0]["name"]), (&json!("2026-01-01T01:00:00Z"), &json!("c-29453820")));
        assert!(look(&simulation).actions.is_empty());
        finish(&mut simulation, "c-29453820", "Complete");
        rest(&mut simulation);
        let status = &simulation.objects[0]["status"];
        assert_eq!((active(status), &status["lastSuccessfulTime"]), (0, &json!("2026-01-01T01:00:00Z")));
        let last = said(&simulation).pop().map(str::to_owned);
        assert_eq!(last.as_deref(), Some("Normal SawCompletedJob Saw completed job: c-29453820, status: Complete"));
    }
}

#[test]
fn jobs_at_once_are_allowed_forbidden_or_replaced() {
    for (policy, running, event) in [
        ("Allow", vec!["c-29453820", "c-29453880"], "Normal SuccessfulCreate Created job c-29453880"),
        (
            "Forbid",
            vec!["c-29453820"],
            "Normal JobAlreadyActive Not starting job because prior execution is running and concurrency policy is Forbid",
        ),
        ("Replace", vec!["c-29453880"], "Normal SuccessfulCreate Created job c-29453880"),
    ] {
        let mut simulation = cron(json!({"concurrencyPolicy": policy}));
        for _ in 0..2 {
            simulation.wait(HOUR);
            rest(&mut simulation);
        }
        assert_eq!(simulation.names("Job"), running, "{policy}");
        assert!(said(&simulation).contains(&event), "{policy}: {:?}", said(&simulation));
        if policy == "Forbid" {
            // As soon as it may, it runs for the time that has come.
            finish(&mut simulation, "c-29453820", "Failed");
            rest(&mut simulation);
            assert_eq!(active(&simulation.objects[0]["status"]), 1);
        }
    }
}

#[test]
fn only_the_last_missed_time_is_made_good() {
    for (hours, deadline, made, event) in [
        (5, None, vec!["c-29454060"], None),
        (
            200,
            None,
            vec!["c-29465760"],
            Some(
                "Warning TooManyMissedTimes too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check clock skew",
            ),
        ),
        (200, Some(600), vec!["c-29465760"], None),
    ] {
        let mut simulation = cron(json!({"startingDeadlineSeconds": deadline}));
        simulation.wait(HOUR * hours);
        rest(&mut simulation);
        assert_eq!(simulation.names("Job"), made, "{hours} {deadline:?}");
        let warnings: Vec<&str> = said(&simulation).into_iter().filter(|event| event.starts_with("Warning")).collect();
        assert_eq!(warnings.first().copied(), event);
    }
    let mut simulation = cron(json!({"startingDeadlineSeconds": 600}));
    simulation.wait(Duration::from_secs(3_600 + 601));
    rest(&mut simulation);
    assert!(simulation.names("Job").is_empty(), "it is too late");
    assert_eq!(look(&simulation).next, Next::At("2026-01-01T02:00:00Z".parse().expect("a time")));
}

#[test]
fn old_jobs_go() {
    let mut simulation = cron(json!({}));
    for hour in 0..8 {
        simulation.wait(HOUR);
        rest(&mut simulation);
        let name = simulation.names("Job").pop().expect("a Job");
        finish(&mut simulation, &name, if hour % 2 == 0 { "Complete" } else { "Failed" });
        rest(&mut simulation);
    }
    assert_eq!(simulation.names("Job"), ["c-29453940", "c-29454060", "c-29454180", "c-29454240"]);
}

#[test]
fn what_speaks_against_it_is_told() {
    for (spec, event) in [
        (json!({"suspend": true}), None),
        (json!({"timeZone": "No/Where"}), Some("Warning UnknownTimeZone invalid timeZone: \"No/Where\": unknown time zone No/Where")),
        (
            json!({"schedule": "x"}),
            Some("Warning UnparseableSchedule unparseable schedule: \"x\" : expected exactly 5 fields, found 1: [x]"),
        ),
        (json!({"schedule": "59 23 31 2 *"}), Some("Warning InvalidSchedule invalid schedule: 59 23 31 2 * : it never comes")),
    ] {
        let mut simulation = cron(spec);
        simulation.wait(HOUR);
        let decision = look(&simulation);
        assert_eq!((decision.next, decision.because.len()), (Next::OnChange, 1));
        simulation.pass(&decision);
        assert_eq!((said(&simulation).first().copied(), simulation.names("Job").len()), (event, 0));
    }
}

#[test]
fn strangers_and_the_missing_are_told() {
    let mut simulation = cron(json!({}));
    simulation.wait(HOUR);
    rest(&mut simulation);
    simulation.add(json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "by-hand", "namespace": "n"}}));
    simulation.objects.retain(|object| api::name(object) != "c-29453820");
    simulation.events.clear();
    rest(&mut simulation);
    assert_eq!(
        said(&simulation)[..2],
        [
            "Normal MissingJob Active job went missing: c-29453820",
            "Warning UnexpectedJob Saw a job that the controller did not create or forgot: by-hand",
        ]
    );
    assert_eq!(active(&simulation.objects[0]["status"]), 0);
}

#[test]
fn an_interval_keeps_its_beat() {
    let mut simulation = cron(json!({"schedule": "@every 90m"}));
    simulation.wait(Duration::from_secs(90 * 60 * 3 + 100));
    rest(&mut simulation);
    assert_eq!(simulation.objects[0]["status"]["lastScheduleTime"], "2026-01-01T04:30:00Z");
    assert_eq!(look(&simulation).next, Next::At("2026-01-01T06:00:00Z".parse().expect("a time")));
}
