//! Job. Follows kubernetes/kubernetes `pkg/apis/batch/validation/validation.go`, from `ValidateJob` on.
//!
//! Read first: [`check`], then [`spec`]. What an update may change: [`changed`].

use serde_json::{Value, json};

use super::faults::{Faults, at, list, or_null, set, text};
use super::{Subject, job_policies, pod};
use crate::names::{self, Rule};
use crate::object::meta;
use crate::selector::label_selector_matches;
use crate::typed::Type;

/// So many Pods at once, and so many failed indexes, an Indexed Job may have: they bound the lists in its status.
const MOST: i64 = 100_000;
/// So many of either where there are more completions than that and each index has retries of its own.
const MOST_OF_MANY: i64 = 10_000;

/// Checks a Job. Upstream checks the spec of a changed one twice, so that each of its faults is two causes.
pub(crate) fn check(subject: &Subject<'_>, faults: &mut Faults) {
    subject.metadata(faults);
    generated_selector(subject.object, faults);
    let before = subject.old.map(|old| or_null(old, &["spec"]));
    selected(subject.spec(), before, faults);
    hostnames(subject.object, faults);
    subject.metadata_update(faults);
    if let Some(old) = subject.old {
        selected(subject.spec(), before, faults);
        changed(subject.object, old, faults);
    }
}

/// The spec, and a selector that finds the Pods made from its template.
fn selected(spec: &Value, old: Option<&Value>, faults: &mut Faults) {
    self::spec(spec, old, "spec", faults);
    let labels = or_null(spec, &["template", "metadata", "labels"]);
    let Some(selector) = set(spec, "selector") else {
        faults.required("spec.selector", "");
        // What is not there selects nothing.
        return faults.invalid("spec.template.metadata.labels", labels, "`selector` does not match template `labels`");
    };
    faults.selector("spec.selector", Some(selector));
    if is_readable(selector) && !label_selector_matches(selector, labels.as_object()) {
        faults.invalid("spec.template.metadata.labels", labels, "`selector` does not match template `labels`");
    }
}

/// Tells whether a selector can be asked at all.
fn is_readable(selector: &Value) -> bool {
    let mut wrong = Faults::default();
    wrong.selector("", Some(selector));
    wrong.0.is_empty()
}

/// A selector that the server makes selects exactly the labels that it makes.
fn generated_selector(object: &Value, faults: &mut Faults) {
    if at(object, &["spec", "manualSelector"]) == Some(&json!(true)) {
        return;
    }
    let Some(selector) = at(object, &["spec", "selector"]) else { return };
    let (uid, name) = (meta(object, "uid"), meta(object, "name"));
    let labels = or_null(object, &["spec", "template", "metadata", "labels"]);
    let expected =
        [("controller-uid", uid), ("job-name", name), ("batch.kubernetes.io/controller-uid", uid), ("batch.kubernetes.io/job-name", name)];
    for (key, wanted) in expected {
        match labels.get(key).and_then(Value::as_str) {
            None => {
                let why = format!("must be '{wanted}'");
                faults.required(&format!("spec.template.metadata.labels[{key}]"), &why);
            }
            Some(found) if found != wanted => {
                faults.invalid(&format!("spec.template.metadata.labels[{key}]"), labels, &format!("must be '{wanted}'"));
            }
            Some(_) => {}
        }
    }
    let own: serde_json::Map<String, Value> = expected.iter().map(|(key, value)| ((*key).to_owned(), json!(value))).collect();
    if is_readable(selector) && !label_selector_matches(selector, Some(&own)) {
        faults.invalid_struct("spec.selector", &Type::Struct("meta.v1.LabelSelector"), selector, "`selector` not auto-generated");
    }
}

/// A Pod of an Indexed Job is called by the Job's name and its index, on the network too.
fn hostnames(object: &Value, faults: &mut Faults) {
    let spec = or_null(object, &["spec"]);
    let completions = number(spec, "completions").filter(|completions| *completions > 0 && text(spec, "completionMode") == "Indexed");
    let Some(completions) = completions else { return };
    let name = meta(object, "name");
    let last = format!("{name}-{}", completions - 1);
    if !names::is_label(&last) {
        faults.invalid("metadata.name", &json!(name), &format!("will not able to create pod with invalid DNS label: {last}"));
    }
}

/// Checks the spec of a Job, which stands in CronJobs too.
pub(crate) fn spec(spec: &Value, old: Option<&Value>, path: &str, faults: &mut Faults) {
    for field in ["parallelism", "completions", "activeDeadlineSeconds", "backoffLimit", "ttlSecondsAfterFinished", "backoffLimitPerIndex"]
    {
        faults.not_negative(spec, path, field);
    }
    if set(spec, "maxFailedIndexes").is_some() {
        faults.not_negative(spec, path, "maxFailedIndexes");
        if set(spec, "backoffLimitPerIndex").is_none() {
            faults.required(&format!("{path}.backoffLimitPerIndex"), "when maxFailedIndexes is specified");
        }
    }
    managed_by(spec, &format!("{path}.managedBy"), faults);
    completion_mode(spec, path, faults);
    job_policies::check(spec, path, faults);
    pod::template(or_null(spec, &["template"]), old.map(|old| or_null(old, &["template"])), &format!("{path}.template"), faults);
    restart_policy(spec, &format!("{path}.template.spec.restartPolicy"), faults);
}

/// Follows kubernetes/kubernetes `staging/src/k8s.io/apimachinery/pkg/util/validation/validation.go` `IsDomainPrefixedPath`.
fn managed_by(spec: &Value, field: &str, faults: &mut Faults) {
    let Some(by) = set(spec, "managedBy").and_then(Value::as_str) else { return };
    match by.split_once('/') {
        _ if by.is_empty() => faults.required(field, ""),
        Some((host, path)) if !host.is_empty() && !path.is_empty() => {
            faults.name(field, Rule::Subdomain, host);
            if !path.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/-._~%!$&'()*+,;=:".contains(&byte)) {
                let why = "Invalid path (regex used for validation is '[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+')";
                faults.invalid(field, &json!(path), why);
            }
        }
        _ => faults.invalid(field, &json!(by), "must be a domain-prefixed path (such as \"acme.io/foo\")"),
    }
    if by.len() > 63 {
        faults.too_long(field, 63);
    }
}

fn completion_mode(spec: &Value, path: &str, faults: &mut Faults) {
    match set(spec, "completionMode").map(|mode| mode.as_str().unwrap_or_default()) {
        Some("Indexed") => indexed(spec, path, faults),
        None | Some("NonIndexed") => {
            for field in ["backoffLimitPerIndex", "maxFailedIndexes"] {
                if let Some(value) = set(spec, field) {
                    faults.invalid(&format!("{path}.{field}"), value, "requires indexed completion mode");
                }
            }
        }
        Some(other) => faults.not_supported(&format!("{path}.completionMode"), &json!(other), &["NonIndexed", "Indexed"]),
    }
}

/// The bounds of an Indexed Job.
fn indexed(spec: &Value, path: &str, faults: &mut Faults) {
    let completions = number(spec, "completions");
    let at_most = |most: i64, field: &str, why: &str, faults: &mut Faults| {
        if let Some(value) = set(spec, field).filter(|value| value.as_i64().is_some_and(|value| value > most)) {
            faults.invalid(&format!("{path}.{field}"), value, &format!("must be less than or equal to {why}"));
        }
    };
    if completions.is_none() {
        faults.required(&format!("{path}.completions"), "when completion mode is Indexed");
    }
    at_most(MOST, "parallelism", &format!("{MOST} when completion mode is Indexed"), faults);
    at_most(completions.unwrap_or(i64::MAX), "maxFailedIndexes", "completions", faults);
    at_most(MOST, "maxFailedIndexes", &MOST.to_string(), faults);
    if completions.is_some_and(|completions| completions > MOST) && set(spec, "backoffLimitPerIndex").is_some() {
        if set(spec, "maxFailedIndexes").is_none() {
            faults.required(&format!("{path}.maxFailedIndexes"), &format!("must be specified when completions is above {MOST}"));
        }
        for field in ["parallelism", "maxFailedIndexes"] {
            let why = format!("{MOST_OF_MANY} when completions are above {MOST} and used with backoff limit per index");
            at_most(MOST_OF_MANY, field, &why, faults);
        }
    }
}

/// Where the template says nothing it was filled in as Always, which no Job may have.
fn restart_policy(spec: &Value, field: &str, faults: &mut Faults) {
    match text(or_null(spec, &["template", "spec"]), "restartPolicy") {
        "" | "Always" => faults.required(field, "valid values: \"OnFailure\", \"Never\""),
        "OnFailure" if set(spec, "podFailurePolicy").is_some() => {
            faults.invalid(field, &json!("OnFailure"), "only \"Never\" is supported when podFailurePolicy is specified");
        }
        "OnFailure" | "Never" => {}
        other => faults.not_supported(field, &json!(other), &["OnFailure", "Never"]),
    }
}

/// What may not change. Follows `ValidateJobSpecUpdate`.
fn changed(object: &Value, old: &Value, faults: &mut Faults) {
    completions_change(object, old, faults);
    faults.immutable(object, old, &["spec", "selector"]);
    template_change(object, old, faults);
    faults.immutable(object, old, &["spec", "completionMode"]);
    policy_change(object, old, ("podFailurePolicy", "batch.v1.PodFailurePolicy"), faults);
    faults.immutable(object, old, &["spec", "backoffLimitPerIndex"]);
    faults.immutable(object, old, &["spec", "managedBy"]);
    policy_change(object, old, ("successPolicy", "batch.v1.SuccessPolicy"), faults);
}

/// An Indexed Job may grow and shrink, when as many Pods run at once as there are indexes.
fn completions_change(object: &Value, old: &Value, faults: &mut Faults) {
    let spec = or_null(object, &["spec"]);
    if text(spec, "completionMode") != "Indexed" {
        return faults.immutable(object, old, &["spec", "completions"]);
    }
    let changed = set(spec, "completions").filter(|now| Some(*now) != at(old, &["spec", "completions"]));
    if let Some(completions) = changed.filter(|completions| spec.get("parallelism") != Some(*completions)) {
        faults.invalid("spec.completions", completions, "can only be modified in tandem with spec.parallelism");
    }
}

fn policy_change(object: &Value, old: &Value, (field, form): (&str, &'static str), faults: &mut Faults) {
    let path = ["spec", field];
    if at(object, &path) != at(old, &path) {
        faults.invalid_inner(&path.join("."), &Type::Struct(form), or_null(object, &path), "field is immutable");
    }
}

/// Tells whether a Job is suspended and none of its Pods runs. Follows `shouldAllowMutablePodTemplate`.
fn waits(job: &Value) -> bool {
    let conditions = at(job, &["status", "conditions"]).and_then(Value::as_array).into_iter().flatten();
    let stopped = conditions.into_iter().any(|one| text(one, "type") == "Suspended" && text(one, "status") == "True");
    let active = at(job, &["status", "active"]).and_then(Value::as_i64).unwrap_or_default();
    at(job, &["spec", "suspend"]) == Some(&json!(true)) && (stopped || at(job, &["status", "startTime"]).is_none()) && active == 0
}

/// While a Job waits, the labels of its Pods, where they go and what they get may change, nothing else of its template.
fn template_change(object: &Value, old: &Value, faults: &mut Faults) {
    let (now, before) = (or_null(object, &["spec", "template"]), or_null(old, &["spec", "template"]));
    if !waits(old) {
        if now != before {
            faults.invalid_inner("spec.template", &Type::Struct("core.v1.PodTemplateSpec"), now, "field is immutable");
        }
        return;
    }
    let now = or_null(now, &["spec"]);
    if *now != with_free_of(or_null(before, &["spec"]).clone(), now) {
        faults.invalid_inner("spec.template.spec", &Type::Struct("core.v1.PodSpec"), now, "field is immutable");
    }
}

/// Returns a spec with what may change taken from another.
fn with_free_of(mut spec: Value, now: &Value) -> Value {
    for field in ["nodeSelector", "tolerations", "schedulingGates"] {
        put(&mut spec, field, now.get(field));
    }
    let mut affinity = spec.get("affinity").cloned().unwrap_or_else(|| json!({}));
    put(&mut affinity, "nodeAffinity", at(now, &["affinity", "nodeAffinity"]));
    let gone = set(now, "affinity").is_none() && affinity == json!({});
    put(&mut spec, "affinity", Some(&affinity).filter(|_| !gone));
    for kind in ["containers", "initContainers"] {
        let (Some(Value::Array(before)), after) = (spec.get_mut(kind), list(now, kind)) else { continue };
        if before.len() != after.len() {
            continue;
        }
        for (before, after) in before.iter_mut().zip(after).filter(|(before, after)| before.get("name") == after.get("name")) {
            put(before, "resources", after.get("resources"));
        }
    }
    spec
}

fn put(map: &mut Value, field: &str, value: Option<&Value>) {
    let Value::Object(map) = map else { return };
    match value {
        Some(value) => map.insert(field.to_owned(), value.clone()),
        None => map.remove(field),
    };
}

fn number(spec: &Value, field: &str) -> Option<i64> {
    set(spec, field).and_then(Value::as_i64)
}
