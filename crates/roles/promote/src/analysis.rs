//! AnalysisRuns: made of templates, measured by Jobs, judged by limits.
//! Follows argoproj/argo-rollouts `analysis/analysis.go`, `metricproviders/job`, `utils/analysis`; and akuity/kargo
//! `pkg/rollouts` for how a run is made of a Stage's verification.

use api::{label, text};
use golang::parse_duration;
use model::{Action, ClusterName, Code, Decision, Timestamp};
use serde_json::{Value, json};

use crate::{ARGO, stage};

/// Field manager of Jobs.
const MANAGER: &str = "rollouts-controller";
/// Label that ties a Job to its run.
pub const RUN_LABEL: &str = "analysisrun.argoproj.io/uid";

/// Makes the AnalysisRun of a Stage's verification.
pub(crate) fn build(seen: &stage::Observed, name: &str, collection: &str, promotion: &str, owners: &[&Value]) -> Result<Value, String> {
    let spec = &seen.object["spec"]["verification"];
    if spec["analysisTemplates"].as_array().is_none_or(Vec::is_empty) {
        return Err("spec.verification.analysisTemplates is empty".to_owned());
    }
    let (mut metrics, mut args): (Vec<Value>, Vec<Value>) = (Vec::new(), Vec::new());
    for (template, object) in &seen.templates {
        let object = object.as_ref().ok_or_else(|| format!("AnalysisTemplate {template:?} not found"))?;
        if let Some(why) = api::refusal(object) {
            return Err(format!("AnalysisTemplate {template:?}: {why}"));
        }
        for metric in object["spec"]["metrics"].as_array().into_iter().flatten() {
            if metrics.iter().any(|known| known["name"] == metric["name"]) {
                return Err(format!("two metrics have the same name {}", metric["name"]));
            }
            metrics.push(metric.clone());
        }
        for arg in object["spec"]["args"].as_array().into_iter().flatten() {
            match args.iter_mut().find(|known| known["name"] == arg["name"]) {
                None => args.push(arg.clone()),
                Some(known) if *known == *arg => {}
                Some(known) if known["value"].is_null() && known["valueFrom"].is_null() => *known = arg.clone(),
                Some(_) => return Err(format!("two templates give the argument {} different values", arg["name"])),
            }
        }
    }
    for given in spec["args"].as_array().into_iter().flatten() {
        if expr::has_expression(text(given, &["value"])) {
            return Err("expressions in spec.verification.args are not supported".to_owned());
        }
        if let Some(known) = args.iter_mut().find(|known| known["name"] == given["name"]) {
            *known = given.clone();
        }
    }
    if let Some(missing) = args.iter().find(|arg| arg["value"].is_null() && arg["valueFrom"].is_null()) {
        return Err(format!("the argument {} has no value", missing["name"]));
    }
    let owners: Vec<Value> = owners
        .iter()
        .map(|freight| json!({"apiVersion": crate::KARGO, "kind": "Freight", "name": api::name(freight), "uid": api::uid(freight)}))
        .collect();
    let mut labels = json!({"kargo.akuity.io/stage": api::name(&seen.object), "kargo.akuity.io/freight-collection": collection});
    let mut annotations = json!({"kargo.akuity.io/promotion": promotion});
    for (part, into) in [("labels", &mut labels), ("annotations", &mut annotations)] {
        for (key, value) in spec["analysisRunMetadata"][part].as_object().into_iter().flatten() {
            into[key] = value.clone();
        }
    }
    Ok(json!({
        "apiVersion": ARGO, "kind": "AnalysisRun",
        "metadata": {"name": name, "namespace": api::namespace(&seen.object), "labels": labels, "annotations": annotations, "ownerReferences": owners},
        "spec": {"metrics": metrics, "args": args},
    }))
}

/// Everything that is looked at.
#[derive(Debug, Clone)]
pub struct Observed {
    /// In which cluster.
    pub cluster: ClusterName,
    /// The AnalysisRun.
    pub object: Value,
    /// The present moment.
    pub now: Timestamp,
    /// Why the last pass's action failed.
    pub failure: Option<String>,
    /// Its Jobs, by label.
    pub jobs: Vec<Value>,
    /// Values of arguments that come from Secrets; `None` where the Secret or key is missing.
    pub secrets: Vec<(String, Option<String>)>,
}

/// Decides what an AnalysisRun does next.
pub fn decide(seen: &Observed) -> Decision<Value> {
    let mut status = seen.object["status"].clone();
    if finished(text(&status, &["phase"])) {
        return Decision::of(status);
    }
    if status["startedAt"].is_null() {
        status["startedAt"] = json!(seen.now.to_string());
    }
    let metrics = seen.object["spec"]["metrics"].as_array().cloned().unwrap_or_default();
    if let Some(why) = api::refusal(&seen.object).or_else(|| metrics.iter().find_map(invalid)) {
        return end(seen, status, "Error", &why);
    }
    let mut decision = Decision::of(Value::Null);
    let mut results = Vec::new();
    for metric in &metrics {
        results.push(measure(seen, &status, metric, &mut decision));
    }
    // As soon as one metric decides against, the others end.
    let against = results.iter().any(|result| matches!(text(result, &["phase"]), "Failed" | "Error" | "Inconclusive"));
    if against || seen.object["spec"]["terminate"] == true {
        for result in &mut results {
            terminate(seen, result, &mut decision);
        }
        decision.actions.retain(|action| !matches!(action, Action::Create { .. }));
    }
    let phase = results.iter().map(|result| text(result, &["phase"])).max_by_key(|phase| rank(phase)).unwrap_or("Successful").to_owned();
    let message =
        results.iter().find(|result| text(result, &["phase"]) == phase && !finished_well(&phase)).map(describe).unwrap_or_default();
    status["metricResults"] = Value::Array(results);
    if let Some(failure) = &seen.failure {
        return errored(seen, status, failure);
    }
    if finished(&phase) {
        let mut ended = end(seen, status, &phase, &message);
        ended.actions = decision.actions;
        return ended;
    }
    status["phase"] = json!("Running");
    decision.status = status;
    decision
}

/// What a Job that could not be made means: an error of every metric that waits for one, and another try ten seconds later, until
/// there are more in a row than `consecutiveErrorLimit`. It is the same measurement that is tried, so the same Job.
fn errored(seen: &Observed, mut status: Value, failure: &str) -> Decision<Value> {
    let metrics = seen.object["spec"]["metrics"].as_array().cloned().unwrap_or_default();
    let before = seen.object["status"]["metricResults"].clone();
    let mut results = Vec::new();
    for metric in &metrics {
        let known = before.as_array().into_iter().flatten().find(|result| result["name"] == metric["name"]).cloned();
        let mut result = known.unwrap_or_else(|| json!({"name": metric["name"], "phase": "Pending"}));
        let waits = !finished(text(&result, &["phase"])) && !is_running(&result);
        if waits {
            for counter in ["error", "consecutiveError"] {
                result[counter] = json!(result[counter].as_i64().unwrap_or(0) + 1);
            }
            result["message"] = json!(failure);
            let now = seen.now.to_string();
            let error = json!({"phase": "Error", "message": failure, "startedAt": now, "finishedAt": now});
            match result["measurements"].as_array_mut() {
                Some(measurements) => measurements.push(error),
                None => result["measurements"] = json!([error]),
            }
            if result["consecutiveError"].as_i64().unwrap_or(0) > limit(metric, "consecutiveErrorLimit", 4) {
                result["phase"] = json!("Error");
            }
        }
        results.push(result);
    }
    let worst = results.iter().find(|result| result["phase"] == "Error").map(describe);
    status["metricResults"] = Value::Array(results);
    match worst {
        Some(why) => end(seen, status, "Error", &why),
        None => {
            status["phase"] = json!("Running");
            Decision::of(status).wait(Code::Unreachable, failure, None)
        }
    }
}

fn is_running(result: &Value) -> bool {
    result["measurements"].as_array().and_then(|all| all.last()).is_some_and(|last| last["phase"] == "Running")
}

fn finished(phase: &str) -> bool {
    matches!(phase, "Successful" | "Failed" | "Error" | "Inconclusive")
}

fn finished_well(phase: &str) -> bool {
    !matches!(phase, "Failed" | "Error" | "Inconclusive")
}

fn rank(phase: &str) -> usize {
    ["Successful", "Running", "Pending", "Inconclusive", "Error", "Failed"].iter().position(|known| *known == phase).unwrap_or(1)
}

fn describe(result: &Value) -> String {
    let why = text(result, &["message"]);
    let name = text(result, &["name"]);
    let phase = text(result, &["phase"]);
    if why.is_empty() { format!("Metric \"{name}\" assessed {phase}") } else { format!("Metric \"{name}\" assessed {phase} due to {why}") }
}

fn end(seen: &Observed, mut status: Value, phase: &str, message: &str) -> Decision<Value> {
    status["phase"] = json!(phase);
    status["completedAt"] = json!(seen.now.to_string());
    if !message.is_empty() {
        status["message"] = json!(message);
    }
    let name = seen.object["metadata"]["labels"]["kargo.akuity.io/stage"].as_str().unwrap_or_default();
    let decision = Decision::of(status);
    if phase == "Successful" {
        decision.note(format!("verification at {name} is Successful"))
    } else {
        decision.wait(Code::VerificationFailed, format!("verification at {name} is {phase}: {message}"), None)
    }
}

/// What is wrong with a metric; what is not supported of it was told before.
fn invalid(metric: &Value) -> Option<String> {
    let name = text(metric, &["name"]);
    let providers: Vec<&String> = metric["provider"].as_object().into_iter().flat_map(|map| map.keys()).collect();
    if !matches!(providers.as_slice(), [provider] if *provider == "job") {
        return Some(format!("metric {name:?} must have exactly one provider"));
    }
    for field in ["interval", "initialDelay"] {
        if metric[field].is_string() && parse_duration(text(metric, &[field])).is_err() {
            return Some(format!("metric {name:?}: {field} is no duration"));
        }
    }
    for field in ["count", "failureLimit", "inconclusiveLimit", "consecutiveErrorLimit"] {
        if !metric[field].is_null() && number(&metric[field]).is_none() {
            return Some(format!("metric {name:?}: {field} is no whole number"));
        }
    }
    if limit(metric, "count", 1) > 1 && !metric["interval"].is_string() {
        return Some(format!("metric {name:?}: interval must be specified when count > 1"));
    }
    None
}

fn number(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.parse().ok())
}

fn limit(metric: &Value, field: &str, default: i64) -> i64 {
    number(&metric[field]).unwrap_or(default)
}

/// Takes note of measurements and starts the next one.
fn measure(seen: &Observed, status: &Value, metric: &Value, decision: &mut Decision<Value>) -> Value {
    let name = text(metric, &["name"]);
    let results = status["metricResults"].as_array();
    let old = results.into_iter().flatten().find(|result| result["name"] == name).cloned();
    let mut result = old.unwrap_or_else(|| json!({"name": name, "phase": "Pending"}));
    if finished(text(&result, &["phase"])) {
        return result;
    }
    let mut measurements = result["measurements"].as_array().cloned().unwrap_or_default();
    if let Some(last) = measurements.last_mut().filter(|last| last["phase"] == "Running") {
        let job = text(last, &["metadata", "job-name"]).to_owned();
        observe(seen, last, &job, &mut result);
    }
    // One that could not even start is taken again, with the same Job.
    let taken = measurements.iter().filter(|measurement| measurement["phase"] != "Error").count();
    let taken = i64::try_from(taken).unwrap_or(i64::MAX);
    let running = measurements.last().is_some_and(|last| last["phase"] == "Running");
    result["measurements"] = Value::Array(measurements);
    result["phase"] = json!(assess(metric, &result, running));
    if finished(text(&result, &["phase"])) || running {
        return result;
    }
    match due(seen, status, metric, &result) {
        Some(at) if at > seen.now => decision.look_again(at),
        _ => match job(seen, metric, taken + 1) {
            Ok(job) => {
                let started = json!({"phase": "Running", "startedAt": seen.now.to_string(), "metadata": {"job-name": job["metadata"]["name"], "job-namespace": job["metadata"]["namespace"]}});
                decision.actions.push(Action::Create { cluster: seen.cluster.clone(), manager: MANAGER.into(), object: job });
                if let Some(list) = result["measurements"].as_array_mut() {
                    list.push(started);
                }
                if !result["consecutiveError"].is_null() {
                    result["consecutiveError"] = json!(0);
                }
                result["phase"] = json!("Running");
            }
            Err(why) => {
                result["phase"] = json!("Error");
                result["message"] = json!(why);
            }
        },
    }
    result
}

/// When the next measurement may start.
fn due(seen: &Observed, status: &Value, metric: &Value, result: &Value) -> Option<Timestamp> {
    let last = result["measurements"].as_array().and_then(|all| all.last());
    let Some(last) = last else {
        let delay = parse_duration(text(metric, &["initialDelay"])).ok()?;
        let started: Timestamp = text(status, &["startedAt"]).parse().unwrap_or(seen.now);
        return started.checked_add(delay).ok();
    };
    let finished: Timestamp = text(last, &["finishedAt"]).parse().ok()?;
    let pause = if last["phase"] == "Error" {
        std::time::Duration::from_secs(10)
    } else {
        parse_duration(text(metric, &["interval"])).unwrap_or_default()
    };
    finished.checked_add(pause).ok()
}

fn observe(seen: &Observed, measurement: &mut Value, job: &str, result: &mut Value) {
    let Some(live) = seen.jobs.iter().find(|live| api::name(live) == job) else { return };
    let conditions = live["status"]["conditions"].as_array();
    let has = |kind: &str| conditions.into_iter().flatten().find(|condition| condition["type"] == kind && condition["status"] == "True");
    let outcome = match (has("Complete"), has("Failed")) {
        (_, Some(failed)) => ("Failed", "failed", text(failed, &["message"])),
        (Some(_), None) => ("Successful", "successful", ""),
        (None, None) => return,
    };
    measurement["phase"] = json!(outcome.0);
    measurement["finishedAt"] = json!(seen.now.to_string());
    if !outcome.2.is_empty() {
        measurement["message"] = json!(outcome.2);
    }
    for counter in [outcome.1, "count"] {
        result[counter] = json!(result[counter].as_i64().unwrap_or(0) + 1);
    }
}

/// Source: argo-rollouts `analysis/analysis.go` `assessMetricStatus`.
fn assess(metric: &Value, result: &Value, running: bool) -> &'static str {
    let has = |counter: &str| result[counter].as_i64().unwrap_or(0);
    if result["measurements"].as_array().is_none_or(Vec::is_empty) {
        return "Pending";
    }
    if running {
        return "Running";
    }
    let failures = limit(metric, "failureLimit", 0);
    if failures >= 0 && has("failed") > failures {
        return "Failed";
    }
    if has("inconclusive") > limit(metric, "inconclusiveLimit", 0) {
        return "Inconclusive";
    }
    if has("consecutiveError") > limit(metric, "consecutiveErrorLimit", 4) {
        return "Error";
    }
    let wanted = if metric["count"].is_null() && metric["interval"].is_string() { i64::MAX } else { limit(metric, "count", 1) };
    if has("count") >= wanted { "Successful" } else { "Running" }
}

fn terminate(seen: &Observed, result: &mut Value, decision: &mut Decision<Value>) {
    if finished(text(result, &["phase"])) {
        return;
    }
    let Some(last) = result["measurements"].as_array_mut().and_then(|all| all.last_mut()).filter(|last| last["phase"] == "Running") else {
        result["phase"] = json!("Successful");
        result["message"] = json!("Metric Terminated");
        return;
    };
    last["phase"] = json!("Inconclusive");
    last["finishedAt"] = json!(seen.now.to_string());
    last["message"] = json!("Metric Terminated");
    let job = text(last, &["metadata", "job-name"]).to_owned();
    result["phase"] = json!("Inconclusive");
    result["message"] = json!("Metric Terminated");
    result["inconclusive"] = json!(result["inconclusive"].as_i64().unwrap_or(0) + 1);
    if let Some(live) = seen.jobs.iter().find(|live| api::name(live) == job) {
        decision.actions.push(Action::Delete {
            cluster: seen.cluster.clone(),
            object: api::reference(live),
            uid: Some(api::uid(live).to_owned()),
        });
    }
}

/// Makes the Job of a measurement: `<uid of the run>.<metric>.<number>`, at most 63 characters.
fn job(seen: &Observed, metric: &Value, number: i64) -> Result<Value, String> {
    let run = &seen.object;
    let (uid, name) = (api::uid(run), text(metric, &["name"]));
    let room = 63usize.saturating_sub(uid.len() + 2 + number.to_string().len());
    let cut: String = name.chars().take(room).collect();
    let provider = &metric["provider"]["job"];
    let filled = fill(&provider.to_string(), seen)?;
    let provider: Value =
        serde_json::from_str(&filled).map_err(|error| format!("metric {name:?} is no JSON after its arguments are filled in: {error}"))?;
    let mut object = json!({
        "apiVersion": "batch/v1", "kind": "Job",
        "metadata": {
            "name": format!("{uid}.{cut}.{number}"), "namespace": api::namespace(run),
            "labels": provider["metadata"]["labels"], "annotations": provider["metadata"]["annotations"],
            "ownerReferences": [{"apiVersion": ARGO, "kind": "AnalysisRun", "name": api::name(run), "uid": uid, "controller": true, "blockOwnerDeletion": true}],
        },
        "spec": provider["spec"],
    });
    for part in ["labels", "annotations"] {
        if object["metadata"][part].is_null() {
            object["metadata"][part] = json!({});
        }
    }
    object["metadata"]["labels"][RUN_LABEL] = json!(uid);
    object["metadata"]["annotations"]["analysisrun.argoproj.io/name"] = json!(api::name(run));
    object["metadata"]["annotations"]["analysisrun.argoproj.io/namespace"] = json!(api::namespace(run));
    object["metadata"]["annotations"]["analysisrun.argoproj.io/metric-name"] = json!(name);
    if let Some(stage) = label(run, "kargo.akuity.io/stage") {
        object["metadata"]["labels"]["kargo.akuity.io/stage"] = json!(stage);
    }
    object["spec"]["template"]["metadata"]["labels"][RUN_LABEL] = json!(uid);
    Ok(object)
}

/// Puts arguments in place of `{{ args.x }}`, escaped as in a JSON string.
fn fill(source: &str, seen: &Observed) -> Result<String, String> {
    let mut out = String::new();
    let mut rest = source;
    while let Some(start) = rest.find("{{") {
        let Some(end) = rest[start..].find("}}") else { break };
        let inner = rest[start + 2..start + end].trim();
        let name = inner.strip_prefix("args.").ok_or_else(|| format!("failed to resolve {{{{{inner}}}}}"))?;
        let value = argument(name, seen).ok_or_else(|| format!("failed to resolve {{{{args.{name}}}}}"))?;
        let quoted = Value::String(value).to_string();
        out.push_str(&rest[..start]);
        out.push_str(&quoted[1..quoted.len() - 1]);
        rest = &rest[start + end + 2..];
    }
    out.push_str(rest);
    Ok(out)
}

fn argument(name: &str, seen: &Observed) -> Option<String> {
    let args = seen.object["spec"]["args"].as_array()?;
    let arg = args.iter().find(|arg| arg["name"] == name)?;
    match &arg["value"] {
        Value::String(value) => Some(value.clone()),
        Value::Null => seen.secrets.iter().find(|(known, _)| known == name)?.1.clone(),
        other => Some(other.to_string()),
    }
}

/// Returns which Secret and key each argument comes from: name, Secret, key.
pub fn secret_args(run: &Value) -> Vec<(String, String, String)> {
    let args = run["spec"]["args"].as_array();
    let read = |arg: &Value| {
        let reference = &arg["valueFrom"]["secretKeyRef"];
        Some((arg["name"].as_str()?.to_owned(), reference["name"].as_str()?.to_owned(), reference["key"].as_str()?.to_owned()))
    };
    args.into_iter().flatten().filter_map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn world(metrics: Value) -> Observed {
        Observed {
            cluster: ClusterName("management".into()),
            object: json!({"apiVersion": ARGO, "kind": "AnalysisRun", "metadata": {"name": "r", "namespace": "p", "uid": "u1"}, "spec": {"metrics": metrics, "args": [{"name": "x", "value": "a\"b"}]}}),
            now: "2026-01-01T00:00:00Z".parse().expect("a time"),
            failure: None,
            jobs: Vec::new(),
            secrets: Vec::new(),
        }
    }

    fn metric(name: &str) -> Value {
        json!({"name": name, "provider": {"job": {"spec": {"backoffLimit": 0, "template": {"spec": {"containers": [{"args": ["{{args.x}}"]}]}}}}}})
    }

    /// Performs the wishes: Jobs exist, the status is written, and Jobs end as told.
    fn step(seen: &mut Observed, outcome: &str) -> Decision<Value> {
        let decision = decide(seen);
        for action in &decision.actions {
            match action {
                Action::Create { object, .. } => {
                    let mut job = object.clone();
                    job["status"] = json!({"conditions": [{"type": outcome, "status": "True", "message": "m"}]});
                    seen.jobs.push(job);
                }
                Action::Delete { object, .. } => seen.jobs.retain(|job| api::name(job) != object.name),
                _ => {}
            }
        }
        seen.object["status"] = decision.status.clone();
        decision
    }

    #[test]
    fn all_metrics_must_pass() {
        let mut seen = world(json!([metric("a"), metric("b")]));
        assert_eq!(step(&mut seen, "Complete").actions.len(), 2);
        assert_eq!(seen.jobs[0]["metadata"]["name"], "u1.a.1");
        assert_eq!(seen.jobs[0]["spec"]["template"]["spec"]["containers"][0]["args"][0], "a\"b");
        step(&mut seen, "Complete");
        assert_eq!(seen.object["status"]["phase"], "Successful");
        assert!(step(&mut seen, "Complete").actions.is_empty());
    }

    #[test]
    fn one_failure_fails_the_run() {
        let mut seen = world(json!([metric("a"), metric("b")]));
        step(&mut seen, "Failed");
        seen.jobs[1]["status"] = json!({});
        let decision = step(&mut seen, "Failed");
        assert_eq!(seen.object["status"]["phase"], "Failed");
        assert_eq!(seen.object["status"]["message"], "Metric \"a\" assessed Failed");
        assert!(matches!(decision.actions.as_slice(), [Action::Delete { .. }]), "the other job is stopped");
    }

    #[test]
    fn a_job_that_cannot_be_made_is_tried_again_and_then_an_error() {
        let mut seen = world(json!([metric("a")]));
        for attempt in 1..=4 {
            seen.failure = Some("no answer".into());
            let decision = decide(&seen);
            assert!(decision.actions.is_empty());
            seen.object["status"] = decision.status;
            assert_eq!(seen.object["status"]["phase"], "Running", "attempt {attempt}");
            seen.failure = None;
            assert!(decide(&seen).actions.is_empty(), "not at once");
            seen.now = seen.now.checked_add(std::time::Duration::from_secs(10)).expect("a time");
            let again = decide(&seen).actions;
            let [Action::Create { object, .. }] = again.as_slice() else { panic!("{again:?}") };
            assert!(api::name(object).ends_with(".a.1"), "the same Job is wanted again: {}", api::name(object));
        }
        seen.failure = Some("no answer".into());
        let decision = decide(&seen);
        assert_eq!(decision.status["phase"], "Error");
        assert_eq!(decision.status["message"], "Metric \"a\" assessed Error due to no answer");
    }

    #[test]
    fn counts_limits_and_intervals() {
        let mut counted = metric("a");
        counted["count"] = json!(3);
        counted["interval"] = json!("1m");
        counted["failureLimit"] = json!(1);
        let mut seen = world(json!([counted]));
        step(&mut seen, "Complete");
        step(&mut seen, "Complete");
        assert_eq!(seen.jobs.len(), 1, "the interval is kept");
        for (minute, outcome) in [(1, "Failed"), (2, "Complete")] {
            seen.now = format!("2026-01-01T00:0{minute}:00Z").parse().expect("a time");
            step(&mut seen, outcome);
            step(&mut seen, outcome);
        }
        assert_eq!(seen.object["status"]["phase"], "Successful");
        assert_eq!(seen.object["status"]["metricResults"][0]["failed"], 1);
    }

    #[test]
    fn what_is_not_known_is_named() {
        for (field, value, why) in [
            ("successCondition", json!("true"), "spec.metrics[0].successCondition is not supported yet: remove it"),
            ("provider", json!({"web": {"url": "x"}}), "spec.metrics[0].provider.web is not supported yet: remove it"),
            ("provider", json!({}), "metric \"a\" must have exactly one provider"),
            ("count", json!(2), "metric \"a\": interval must be specified when count > 1"),
        ] {
            let mut bad = metric("a");
            bad[field] = value;
            let mut seen = world(json!([bad]));
            step(&mut seen, "Complete");
            assert_eq!(seen.object["status"]["message"], why);
        }
        let mut seen = world(json!([metric("a")]));
        seen.object["spec"]["dryRun"] = json!([{"metricName": ".*"}]);
        assert!(step(&mut seen, "Complete").actions.is_empty(), "what should not count is not measured as if it did");
        assert_eq!(seen.object["status"]["message"], "spec.dryRun is not supported yet: remove it");
    }
}
