//! Whether a live object has become what was asked for. Source: fluxcd/cli-utils `pkg/kstatus/status`, fluxcd/pkg
//! `runtime/statusreaders/job.go`.

use api::{find_condition, generation, is_true, text};
use serde_json::Value;

/// How far an object is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    /// It is what was asked for.
    Current,
    /// It is on the way.
    InProgress(String),
    /// It will not get there by itself.
    Failed(String),
    /// It is being deleted.
    Terminating,
    /// It is not there.
    NotFound,
}

impl Health {
    /// Returns kstatus' word.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Current => "Current",
            Self::InProgress(_) => "InProgress",
            Self::Failed(_) => "Failed",
            Self::Terminating => "Terminating",
            Self::NotFound => "NotFound",
        }
    }
}

/// Tells how far a live object is.
pub fn health(object: Option<&Value>) -> Health {
    let Some(object) = object else { return Health::NotFound };
    if object["metadata"]["deletionTimestamp"].is_string() {
        return Health::Terminating;
    }
    if let Some(observed) = object["status"]["observedGeneration"].as_i64()
        && observed != generation(object)
    {
        return Health::InProgress(format!(
            "{} generation is {}, but latest observed generation is {observed}",
            text(object, &["kind"]),
            generation(object)
        ));
    }
    if is_true(object, "Reconciling") {
        return Health::InProgress(message(object, "Reconciling"));
    }
    if is_true(object, "Stalled") {
        return Health::Failed(message(object, "Stalled"));
    }
    match text(object, &["kind"]) {
        "Deployment" => deployment(object),
        "ReplicaSet" => replicas(object, "fullyLabeledReplicas"),
        "StatefulSet" => replicas(object, "updatedReplicas"),
        "DaemonSet" => daemon_set(object),
        "Pod" => pod(object),
        "Job" => job(object),
        "PersistentVolumeClaim" if text(object, &["status", "phase"]) != "Bound" => Health::InProgress("PVC is not Bound".to_owned()),
        "CustomResourceDefinition" if !is_true(object, "Established") => Health::InProgress("Install in progress".to_owned()),
        "Service" | "ConfigMap" | "Secret" | "CronJob" | "PersistentVolumeClaim" | "CustomResourceDefinition" => Health::Current,
        _ => generic(object),
    }
}

fn message(object: &Value, kind: &str) -> String {
    find_condition(object, kind).map(|condition| text(condition, &["message"]).to_owned()).unwrap_or_default()
}

fn generic(object: &Value) -> Health {
    match find_condition(object, "Ready").map(|condition| text(condition, &["status"])) {
        Some("True") | None => Health::Current,
        Some(_) => Health::InProgress(message(object, "Ready")),
    }
}

fn number(object: &Value, part: &str, field: &str) -> Option<i64> {
    object[part][field].as_i64()
}

fn deployment(object: &Value) -> Health {
    if find_condition(object, "Progressing").is_some_and(|condition| condition["reason"] == "ProgressDeadlineExceeded") {
        return Health::Failed("Progress deadline exceeded".to_owned());
    }
    if object["status"]["observedGeneration"].is_null() {
        return Health::InProgress("Deployment is not observed yet".to_owned());
    }
    let wanted = number(object, "spec", "replicas").unwrap_or(1);
    let has = |field: &str| number(object, "status", field).unwrap_or(0);
    if wanted > has("replicas") {
        return Health::InProgress(format!("replicas: {}/{wanted}", has("replicas")));
    }
    if wanted > has("updatedReplicas") {
        return Health::InProgress(format!("Updated: {}/{wanted}", has("updatedReplicas")));
    }
    if has("replicas") > wanted {
        return Health::InProgress(format!("Pending termination: {}", has("replicas") - wanted));
    }
    if has("updatedReplicas") > has("availableReplicas") {
        return Health::InProgress(format!("Available: {}/{}", has("availableReplicas"), has("updatedReplicas")));
    }
    if wanted > has("readyReplicas") {
        return Health::InProgress(format!("Ready: {}/{wanted}", has("readyReplicas")));
    }
    if find_condition(object, "Available").is_some() && !is_true(object, "Available") {
        return Health::InProgress("Deployment not Available".to_owned());
    }
    Health::Current
}

fn replicas(object: &Value, updated: &str) -> Health {
    let wanted = number(object, "spec", "replicas").unwrap_or(1);
    let has = |field: &str| number(object, "status", field).unwrap_or(0);
    for field in ["replicas", updated, "readyReplicas"] {
        if wanted > has(field) {
            return Health::InProgress(format!("{field}: {}/{wanted}", has(field)));
        }
    }
    if has("replicas") > wanted {
        return Health::InProgress(format!("Pending termination: {}", has("replicas") - wanted));
    }
    Health::Current
}

fn daemon_set(object: &Value) -> Health {
    let Some(wanted) = number(object, "status", "desiredNumberScheduled") else {
        return Health::InProgress("Missing .status.desiredNumberScheduled".to_owned());
    };
    let has = |field: &str| number(object, "status", field).unwrap_or(0);
    let short = ["currentNumberScheduled", "updatedNumberScheduled", "numberAvailable", "numberReady"]
        .into_iter()
        .find(|field| wanted > has(field));
    short.map_or(Health::Current, |field| Health::InProgress(format!("{field}: {}/{wanted}", has(field))))
}

fn pod(object: &Value) -> Health {
    match text(object, &["status", "phase"]) {
        "Succeeded" => Health::Current,
        "Running" if is_true(object, "Ready") => Health::Current,
        "Failed" => Health::Failed("Pod has completed, but not successfully".to_owned()),
        phase => match crash_looping(object) {
            Some(container) => Health::Failed(format!("Containers in CrashLoop state: {container}")),
            None => Health::InProgress(format!("Pod is {}", if phase.is_empty() { "Pending" } else { phase })),
        },
    }
}

fn crash_looping(pod: &Value) -> Option<&str> {
    let statuses = pod["status"]["containerStatuses"].as_array()?;
    let looping = statuses.iter().find(|status| status["state"]["waiting"]["reason"] == "CrashLoopBackOff")?;
    looping["name"].as_str()
}

fn job(object: &Value) -> Health {
    if is_true(object, "Failed") {
        return Health::Failed(format!("Job Failed: {}", message(object, "Failed")));
    }
    if is_true(object, "Complete") || object["spec"]["suspend"] == true {
        Health::Current
    } else {
        Health::InProgress("Job in progress".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(object: Value, word: &str) {
        assert_eq!(health(Some(&object)).word(), word, "{object}");
    }

    #[test]
    fn deployments() {
        let object =
            |status: Value| json!({"kind": "Deployment", "metadata": {"generation": 2}, "spec": {"replicas": 2}, "status": status});
        check(object(json!({"observedGeneration": 1})), "InProgress");
        check(object(json!({"observedGeneration": 2, "replicas": 2, "updatedReplicas": 1})), "InProgress");
        check(
            object(json!({"observedGeneration": 2, "replicas": 3, "updatedReplicas": 2, "availableReplicas": 3, "readyReplicas": 3})),
            "InProgress",
        );
        let good = json!({"observedGeneration": 2, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 2, "readyReplicas": 2});
        check(object(good.clone()), "Current");
        let mut bad = good;
        bad["conditions"] = json!([{"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}]);
        check(object(bad), "Failed");
        check(json!({"kind": "Deployment", "metadata": {"generation": 1}, "spec": {}}), "InProgress");
    }

    #[test]
    fn other_kinds() {
        check(json!({"kind": "Job", "status": {"conditions": [{"type": "Complete", "status": "True"}]}}), "Current");
        check(json!({"kind": "Job", "status": {}}), "InProgress");
        check(json!({"kind": "Service"}), "Current");
        check(json!({"kind": "Thing", "status": {"conditions": [{"type": "Ready", "status": "False"}]}}), "InProgress");
        check(json!({"kind": "Thing", "metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}}), "Terminating");
        check(
            json!({"kind": "Pod", "status": {"phase": "Running", "containerStatuses": [{"name": "c", "state": {"waiting": {"reason": "CrashLoopBackOff"}}}]}}),
            "Failed",
        );
        assert_eq!(health(None), Health::NotFound);
    }
}
