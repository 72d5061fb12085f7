//! What Kubernetes fills into the kinds that make Pods.
//! Follows kubernetes `pkg/apis/apps/v1/defaults.go`, `pkg/apis/batch/v1/defaults.go`, `pkg/apis/core/v1/defaults.go`.

use serde_json::{Map, Value, json};

use crate::pod_defaults::{self, fill, object};

/// Fills in an object of one of these kinds.
pub(crate) fn fill_in(kind: &str, value: &mut Value) {
    if kind == "PodTemplate" {
        return template(value);
    }
    if kind == "ReplicationController" {
        controller(value);
    }
    if kind == "Job" {
        job_labels(value);
    }
    let Some(spec) = object(value, "spec") else { return };
    match kind {
        "CronJob" => return cron_job(spec),
        "Job" => job(spec),
        "Deployment" => deployment(spec),
        "StatefulSet" => stateful_set(spec),
        "DaemonSet" => daemon_set(spec),
        "ReplicaSet" | "ReplicationController" => fill(spec, "replicas", json!(1)),
        _ => return,
    }
    template_of(spec);
}

fn template(holder: &mut Value) {
    if let Some(spec) = holder.get_mut("template").and_then(|template| object(template, "spec")) {
        pod_defaults::spec(spec);
    }
}

fn template_of(spec: &mut Map<String, Value>) {
    if let Some(spec) = spec.get_mut("template").and_then(|template| object(template, "spec")) {
        pod_defaults::spec(spec);
    }
}

fn labels(value: &Value) -> Option<Value> {
    value.pointer("/spec/template/metadata/labels").filter(|labels| labels.as_object().is_some_and(|map| !map.is_empty())).cloned()
}

/// A controller selects and is called what its template says.
fn controller(value: &mut Value) {
    let Some(labels) = labels(value) else { return };
    fill(crate::object::meta_mut(value), "labels", labels.clone());
    if let Some(spec) = object(value, "spec") {
        fill(spec, "selector", labels);
    }
}

/// A Job whose selector is its user's is called what its template says; the others are, once the server has made their labels.
fn job_labels(value: &mut Value) {
    if value.pointer("/spec/manualSelector") == Some(&json!(true))
        && let Some(labels) = labels(value)
    {
        fill(crate::object::meta_mut(value), "labels", labels);
    }
}

fn ensure<'a>(map: &'a mut Map<String, Value>, name: &str) -> Option<&'a mut Map<String, Value>> {
    fill(map, name, json!({}));
    map.get_mut(name)?.as_object_mut()
}

/// Fills in the type of a strategy; the rolling update is returned where it is one.
fn rolling<'a>(spec: &'a mut Map<String, Value>, field: &str) -> Option<&'a mut Map<String, Value>> {
    let strategy = ensure(spec, field)?;
    fill(strategy, "type", json!("RollingUpdate"));
    if strategy.get("type") == Some(&json!("RollingUpdate")) { ensure(strategy, "rollingUpdate") } else { None }
}

fn deployment(spec: &mut Map<String, Value>) {
    for (name, number) in [("replicas", 1), ("revisionHistoryLimit", 10), ("progressDeadlineSeconds", 600)] {
        fill(spec, name, json!(number));
    }
    if let Some(rolling) = rolling(spec, "strategy") {
        fill(rolling, "maxUnavailable", json!("25%"));
        fill(rolling, "maxSurge", json!("25%"));
    }
}

fn daemon_set(spec: &mut Map<String, Value>) {
    fill(spec, "revisionHistoryLimit", json!(10));
    if let Some(rolling) = rolling(spec, "updateStrategy") {
        fill(rolling, "maxUnavailable", json!(1));
        fill(rolling, "maxSurge", json!(0));
    }
    // Inside they are no pointers: where one is said, so is the other.
    if let Some(Value::Object(rolling)) = spec.get_mut("updateStrategy").and_then(|strategy| strategy.get_mut("rollingUpdate")) {
        fill(rolling, "maxUnavailable", json!(0));
        fill(rolling, "maxSurge", json!(0));
    }
}

fn stateful_set(spec: &mut Map<String, Value>) {
    fill(spec, "replicas", json!(1));
    fill(spec, "revisionHistoryLimit", json!(10));
    fill(spec, "podManagementPolicy", json!("OrderedReady"));
    if let Some(policy) = ensure(spec, "persistentVolumeClaimRetentionPolicy") {
        for field in ["whenDeleted", "whenScaled"] {
            if policy.get(field).and_then(Value::as_str).is_none_or(str::is_empty) {
                policy.insert(field.to_owned(), json!("Retain"));
            }
        }
    }
    if let Some(strategy) = ensure(spec, "updateStrategy") {
        if !strategy.contains_key("type") {
            strategy.insert("type".to_owned(), json!("RollingUpdate"));
            fill(strategy, "rollingUpdate", json!({}));
        }
        if strategy.get("type") == Some(&json!("RollingUpdate"))
            && let Some(Value::Object(rolling)) = strategy.get_mut("rollingUpdate")
        {
            fill(rolling, "partition", json!(0));
        }
    }
    let claims = spec.get_mut("volumeClaimTemplates").and_then(Value::as_array_mut).into_iter().flatten();
    for claim in claims.filter_map(Value::as_object_mut) {
        // Whatever stood there (kubernetes `pkg/apis/apps/v1/conversion.go`).
        claim.insert("apiVersion".to_owned(), json!("v1"));
        claim.insert("kind".to_owned(), json!("PersistentVolumeClaim"));
        if let Some(spec) = ensure(claim, "spec") {
            pod_defaults::claim_spec(spec);
        }
        if let Some(status) = ensure(claim, "status") {
            fill(status, "phase", json!("Pending"));
        }
    }
}

fn job(spec: &mut Map<String, Value>) {
    let there = |spec: &Map<String, Value>, name: &str| spec.get(name).is_some_and(|value| !value.is_null());
    if !there(spec, "completions") && !there(spec, "parallelism") {
        fill(spec, "completions", json!(1));
    }
    fill(spec, "parallelism", json!(1));
    // Where each index has a limit of its own, the sum of all has none.
    let limit = if there(spec, "backoffLimitPerIndex") { i32::MAX } else { 6 };
    fill(spec, "backoffLimit", json!(limit));
    fill(spec, "completionMode", json!("NonIndexed"));
    fill(spec, "suspend", json!(false));
    fill(spec, "manualSelector", json!(false));
    let replacement = if there(spec, "podFailurePolicy") { "Failed" } else { "TerminatingOrFailed" };
    fill(spec, "podReplacementPolicy", json!(replacement));
    failure_policy(spec);
}

/// A condition that a rule names without a status is one that holds.
fn failure_policy(job: &mut Map<String, Value>) {
    let rules = job.get_mut("podFailurePolicy").and_then(|policy| policy.get_mut("rules"));
    for rule in rules.and_then(Value::as_array_mut).into_iter().flatten() {
        let patterns = rule.get_mut("onPodConditions").and_then(Value::as_array_mut).into_iter().flatten();
        for pattern in patterns.filter_map(Value::as_object_mut) {
            // The field is no pointer in Go: left out, it is there and empty.
            if pattern.get("status").and_then(Value::as_str).is_none_or(str::is_empty) {
                pattern.insert("status".to_owned(), json!("True"));
            }
        }
    }
}

fn cron_job(spec: &mut Map<String, Value>) {
    fill(spec, "concurrencyPolicy", json!("Allow"));
    fill(spec, "suspend", json!(false));
    fill(spec, "successfulJobsHistoryLimit", json!(3));
    fill(spec, "failedJobsHistoryLimit", json!(1));
    if let Some(job) = spec.get_mut("jobTemplate").and_then(|template| object(template, "spec")) {
        failure_policy(job);
        template_of(job);
    }
}
