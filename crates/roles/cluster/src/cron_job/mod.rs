//! CronJob: a Job whenever the schedule says so. Read first: [`decide`]. Follows kubernetes/kubernetes
//! `pkg/controller/cronjob/{cronjob_controllerv2,utils}.go`.

#[cfg(test)]
mod tests;

use std::time::Duration;

use api::text;
use golang::cron::Schedule;
use golang::time::{Moment, RFC3339, Zone};
use model::{Action, ClusterName, Code, Decision, Timestamp};
use serde_json::{Value, json};

use crate::owned::{create, created, delete, is_leaving, owner_reference, seconds, tell};

/// For which time a Job was made.
const SCHEDULED: &str = "batch.kubernetes.io/cronjob-scheduled-timestamp";
/// So many missed times are worth a warning.
const MANY: i64 = 100;

/// Everything that is looked at.
#[derive(Debug, Clone)]
pub struct Observed {
    /// In which cluster.
    pub cluster: ClusterName,
    /// The CronJob.
    pub object: Value,
    /// The present moment.
    pub now: Timestamp,
    /// Its Jobs.
    pub jobs: Vec<Value>,
}

/// What the schedule says of the present moment.
struct Due {
    /// From when on times were looked at.
    earliest: i64,
    /// The last time that has come, if one has.
    last: Option<i64>,
    missed: i64,
}

/// Decides what a CronJob does next.
pub fn decide(seen: &Observed) -> Decision<Value> {
    let object = &seen.object;
    let mut status = if object["status"].is_object() { object["status"].clone() } else { json!({}) };
    let mut actions = look_at_jobs(seen, &mut status);
    let done = |status: Value, actions: Vec<Action>| Decision { actions, ..Decision::of(sparse(status)) };
    if is_leaving(object) {
        return done(status, actions);
    }
    actions.extend(clean(seen, &mut status));
    let spec = &object["spec"];
    let zone = match Zone::find(text(spec, &["timeZone"])) {
        Ok(zone) => zone,
        Err(error) => {
            let why = format!("invalid timeZone: {}: {error}", spec["timeZone"]);
            actions.push(say(seen, "Warning", "UnknownTimeZone", why.clone()));
            return done(status, actions).stall(Code::Malformed, &why, "correct spec.timeZone");
        }
    };
    if spec["suspend"] == true {
        return done(status, actions).wait(Code::Suspended, "the CronJob is suspended", None);
    }
    let written = text(spec, &["schedule"]);
    if written.contains("TZ") {
        let why = format!(
            "CRON_TZ or TZ used in schedule {written:?} is not officially supported, see https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/ for more details"
        );
        actions.push(say(seen, "Warning", "UnsupportedSchedule", why));
    }
    let schedule = match Schedule::parse(written, zone.clone()) {
        Ok(schedule) => schedule,
        Err(error) => {
            let why = format!("unparseable schedule: {written:?} : {error}");
            actions.push(say(seen, "Warning", "UnparseableSchedule", why.clone()));
            return done(status, actions).stall(Code::Malformed, &why, "correct spec.schedule");
        }
    };
    let Some(due) = due(seen, &status, &schedule, true) else {
        let why = format!("invalid schedule: {written} : it never comes");
        actions.push(say(seen, "Warning", "InvalidSchedule", why.clone()));
        return done(status, actions).stall(Code::Malformed, &why, "correct spec.schedule");
    };
    if let Some(at) = due.last {
        if due.missed > MANY {
            let why = "too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check clock skew";
            actions.push(say(seen, "Warning", "TooManyMissedTimes", why.to_owned()));
        }
        actions.extend(run(seen, &mut status, at, &zone));
    }
    let next = next(seen, &status, &schedule);
    let mut decision = done(status, actions);
    if let Some(at) = next {
        decision.look_again(at);
    }
    decision
}

fn say(seen: &Observed, severity: &str, reason: &str, message: String) -> Action {
    tell(&seen.cluster, &seen.object, severity, reason, message, seen.now)
}

/// Leaves out what is empty.
fn sparse(mut status: Value) -> Value {
    if let Some(fields) = status.as_object_mut() {
        fields.retain(|_, value| !value.is_null() && value.as_array().is_none_or(|all| !all.is_empty()));
    }
    status
}

/// Whether and how a Job has ended.
fn end(job: &Value) -> Option<&'static str> {
    ["Complete", "Failed"].into_iter().find(|kind| api::is_true(job, kind))
}

/// Keeps the list of running Jobs and the time of the last success.
fn look_at_jobs(seen: &Observed, status: &mut Value) -> Vec<Action> {
    let mut actions = Vec::new();
    let known = status["active"].as_array().cloned().unwrap_or_default();
    let mut active: Vec<Value> = Vec::new();
    for one in known {
        let name = text(&one, &["name"]);
        let Some(job) = seen.jobs.iter().find(|job| one["uid"] == api::uid(job)) else {
            actions.push(say(seen, "Normal", "MissingJob", format!("Active job went missing: {name}")));
            continue;
        };
        match end(job) {
            Some(end) => {
                actions.push(say(seen, "Normal", "SawCompletedJob", format!("Saw completed job: {name}, status: {end}")));
            }
            None => active.push(one),
        }
    }
    for job in &seen.jobs {
        if end(job) == Some("Complete") {
            let completed = text(job, &["status", "completionTime"]);
            let later = |known: &str| match (completed.parse::<Timestamp>(), known.parse::<Timestamp>()) {
                (Ok(completed), Ok(known)) => completed > known,
                (completed, _) => completed.is_ok(),
            };
            if later(text(status, &["lastSuccessfulTime"])) {
                status["lastSuccessfulTime"] = json!(completed);
            }
        }
        if end(job).is_some() || active.iter().any(|one| one["uid"] == api::uid(job)) {
            continue;
        }
        if is_scheduled(&seen.object, job) {
            active.push(json!({
                "apiVersion": "batch/v1", "kind": "Job", "namespace": api::namespace(job), "name": api::name(job), "uid": api::uid(job),
                "resourceVersion": job["metadata"]["resourceVersion"],
            }));
        } else {
            let why = format!("Saw a job that the controller did not create or forgot: {}", api::name(job));
            actions.push(say(seen, "Warning", "UnexpectedJob", why));
        }
    }
    status["active"] = Value::Array(active);
    actions
}

/// Tells whether a Job was made here: it says for when, and is named after that.
fn is_scheduled(object: &Value, job: &Value) -> bool {
    let at = api::annotation(job, SCHEDULED).and_then(|at| at.parse::<Timestamp>().ok());
    at.is_some_and(|at| job_name(object, at.as_second()) == api::name(job))
}

fn job_name(object: &Value, at: i64) -> String {
    format!("{}-{}", api::name(object), at.div_euclid(60))
}

/// Deletes the oldest Jobs that have ended, beyond the limits.
fn clean(seen: &Observed, status: &mut Value) -> Vec<Action> {
    let mut actions = Vec::new();
    for (kind, limit) in [("Complete", "successfulJobsHistoryLimit"), ("Failed", "failedJobsHistoryLimit")] {
        let Some(limit) = seen.object["spec"][limit].as_u64().and_then(|limit| usize::try_from(limit).ok()) else { continue };
        let mut ended: Vec<&Value> = seen.jobs.iter().filter(|job| end(job) == Some(kind) && !is_leaving(job)).collect();
        ended.sort_by_key(|job| {
            let started = text(job, &["status", "startTime"]);
            (started.is_empty(), started.to_owned(), api::name(job).to_owned())
        });
        let many = ended.len().saturating_sub(limit);
        for job in ended.into_iter().take(many) {
            actions.extend(remove(seen, status, job));
        }
    }
    actions
}

fn remove(seen: &Observed, status: &mut Value, job: &Value) -> [Action; 2] {
    if let Some(active) = status["active"].as_array_mut() {
        active.retain(|one| one["uid"] != api::uid(job));
    }
    [delete(&seen.cluster, job), say(seen, "Normal", "SuccessfulDelete", format!("Deleted job {}", api::name(job)))]
}

/// Makes the Job of a time, unless something speaks against it.
fn run(seen: &Observed, status: &mut Value, at: i64, zone: &Zone) -> Vec<Action> {
    let object = &seen.object;
    let Ok(scheduled) = Timestamp::from_second(at) else { return Vec::new() };
    let deadline = object["spec"]["startingDeadlineSeconds"].as_u64();
    let latest = deadline.and_then(|seconds| scheduled.checked_add(Duration::from_secs(seconds)).ok());
    if latest.is_some_and(|latest| latest < seen.now) {
        let when = Moment::new(at, 0, Zone::Utc).format("Mon, 02 Jan 2006 15:04:05 -0700");
        return vec![say(seen, "Warning", "MissSchedule", format!("Missed scheduled time to start a job: {when}"))];
    }
    let name = job_name(object, at);
    let is_made = seen.jobs.iter().any(|job| api::name(job) == name);
    if is_made || status["lastScheduleTime"] == seconds(scheduled).as_str() {
        if is_made {
            status["lastScheduleTime"] = json!(seconds(scheduled));
        }
        return Vec::new();
    }
    let running: Vec<Value> = status["active"].as_array().cloned().unwrap_or_default();
    let mut actions = Vec::new();
    match text(object, &["spec", "concurrencyPolicy"]) {
        "Forbid" if !running.is_empty() => {
            let why = "Not starting job because prior execution is running and concurrency policy is Forbid";
            return vec![say(seen, "Normal", "JobAlreadyActive", why.to_owned())];
        }
        "Replace" => {
            for job in seen.jobs.iter().filter(|job| running.iter().any(|one| one["uid"] == api::uid(job))) {
                actions.extend(remove(seen, status, job));
            }
        }
        _ => {}
    }
    actions.push(create(&seen.cluster, make(object, &name, at, zone)));
    actions.push(say(seen, "Normal", "SuccessfulCreate", format!("Created job {name}")));
    // Its uid is not known yet: it joins the list of the running ones when it is seen.
    status["lastScheduleTime"] = json!(seconds(scheduled));
    actions
}

fn make(object: &Value, name: &str, at: i64, zone: &Zone) -> Value {
    let template = &object["spec"]["jobTemplate"];
    let mut job = json!({
        "apiVersion": "batch/v1", "kind": "Job",
        "metadata": {"name": name, "namespace": api::namespace(object), "ownerReferences": owner_reference(object)},
        "spec": template["spec"],
    });
    for part in ["labels", "annotations"] {
        if template["metadata"][part].is_object() {
            job["metadata"][part] = template["metadata"][part].clone();
        }
    }
    job["metadata"]["annotations"][SCHEDULED] = json!(Moment::new(at, 0, zone.clone()).format(RFC3339));
    job
}

/// Returns the last time that has come since the last one that was heeded; `None` when the schedule never comes twice.
fn due(seen: &Observed, status: &Value, schedule: &Schedule, heeds_deadline: bool) -> Option<Due> {
    let now = seen.now.as_second();
    let last: Option<Timestamp> = text(status, &["lastScheduleTime"]).parse().ok();
    let mut earliest = last.or_else(|| created(&seen.object)).unwrap_or(seen.now).as_second();
    if let Some(deadline) = seen.object["spec"]["startingDeadlineSeconds"].as_i64().filter(|_| heeds_deadline) {
        earliest = earliest.max(now.saturating_sub(deadline));
    }
    let first = schedule.next(earliest)?;
    if now < first {
        return Some(Due { earliest, last: None, missed: 0 });
    }
    let second = schedule.next(first)?;
    if now < second {
        return Some(Due { earliest, last: Some(first), missed: 0 });
    }
    let between = second - first;
    let missed = (now - first) / between + 1;
    // Close to the present, so that few times are gone through; a multiple of the distance, so that `@every` keeps its beat.
    let mut at = first + (missed - 2) * between;
    let mut found = None;
    while let Some(next) = schedule.next(at).filter(|next| *next <= now) {
        found = Some(next);
        at = next;
    }
    Some(Due { earliest, last: found, missed })
}

/// When the schedule comes again.
fn next(seen: &Observed, status: &Value, schedule: &Schedule) -> Option<Timestamp> {
    let from = match due(seen, status, schedule, false) {
        Some(Due { last: Some(last), .. }) => last,
        Some(Due { earliest, missed: 0, .. }) => earliest,
        Some(_) | None => seen.now.as_second(),
    };
    Timestamp::from_second(schedule.next(from)?).ok()
}
