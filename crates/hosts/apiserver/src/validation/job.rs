//! Job. Follows kubernetes/kubernetes `pkg/apis/batch/validation/validation.go`, from `ValidateJob` on.
//!
//! Read first: [`check`], then [`spec`]. What an update may change: [`changed`].

use serde_json::{Value, json};

use super::faults::{Faults, at, or_null, set, text};
use super::{Subject, job_policies, pod};
use crate::names::{self, Rule};
use crate::object::meta;
use crate::selector::label_selector_matches;
use crate::typed::{self, Type};

/// So many Pods at once, and so many failed indexes, an Indexed Job may have: they bound the lists in its status.
const MOST: i64 = 100_000;
/// So many of either where there are more completions than that and each index has retries of its own.
const MOST_OF_MANY: i64 = 10_000;

/// Checks a Job. Upstream checks the spec of a changed one twice, so that each of its faults is two causes.
pub(crate) fn check(subject: &Subject<'_>, faults: &mut Faults) {
    subject.metadata(faults);
    generated_selector(subject.object, faults);
    selected(subject.spec(), faults);
    hostnames(subject.object, faults);
    subject.metadata_update(faults);
    if let Some(old) = subject.old {
        selected(subject.spec(), faults);
        changed(subject.object, old, faults);
    }
}

/// The spec, and a selector that finds the Pods made from its template.
fn selected(spec: &Value, faults: &mut Faults) {
    self::spec(spec, "spec", faults);
    let Some(selector) = set(spec, "selector") else { return faults.required("spec.selector", "") };
    faults.selector("spec.selector", Some(selector));
    let labels = or_null(spec, &["template", "metadata", "labels"]);
    if !label_selector_matches(selector, labels.as_object()) {
        faults.invalid("spec.template.metadata.labels", labels, "`selector` does not match template `labels`");
    }
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
                faults.required(&format!("spec.template.metadata.labels.{key}"), &why);
            }
            Some(found) if found != wanted => {
                faults.invalid(&format!("spec.template.metadata.labels.{key}"), labels, &format!("must be '{wanted}'"));
            }
            Some(_) => {}
        }
    }
    let own: serde_json::Map<String, Value> = expected.iter().map(|(key, value)| ((*key).to_owned(), json!(value))).collect();
    if !label_selector_matches(selector, Some(&own)) {
        faults.invalid("spec.selector", selector, "`selector` not auto-generated");
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
pub(crate) fn spec(spec: &Value, path: &str, faults: &mut Faults) {
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
    pod::template(or_null(spec, &["template"]), &format!("{path}.template"), faults);
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

/// While a Job is suspended and has not begun, its scheduling may change, nothing else of its template.
fn template_change(object: &Value, old: &Value, faults: &mut Faults) {
    let waits = at(old, &["spec", "suspend"]) == Some(&json!(true)) && at(old, &["status", "startTime"]).is_none();
    let part = |job: &Value| {
        let mut template = or_null(job, &["spec", "template"]).clone();
        if waits {
            for field in ["labels", "annotations"] {
                if let Some(Value::Object(map)) = template.get_mut("metadata") {
                    map.remove(field);
                }
            }
            if let Some(Value::Object(map)) = template.get_mut("spec") {
                for field in ["nodeSelector", "tolerations", "schedulingGates", "affinity"] {
                    map.remove(field);
                }
                for list in ["containers", "initContainers"] {
                    for one in map.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
                        if let Value::Object(one) = one {
                            one.remove("resources");
                        }
                    }
                }
            }
        }
        template
    };
    let (now, before) = (part(object), part(old));
    if now != before && waits {
        // What may change is left out, so that the rest is told as the spec.
        let form = typed::by_name("core.v1.PodTemplateSpec").and_then(|template| template.field("spec"));
        let shown = or_null(object, &["spec", "template", "spec"]);
        return match form {
            Some(field) => faults.invalid_struct("spec.template.spec", &field.form, shown, "field is immutable"),
            None => faults.invalid("spec.template.spec", shown, "field is immutable"),
        };
    }
    if now != before {
        let form = typed::by_name("batch.v1.JobSpec").and_then(|spec| spec.field("template"));
        let shown = or_null(object, &["spec", "template"]);
        match form {
            Some(field) => faults.invalid_struct("spec.template", &field.form, shown, "field is immutable"),
            None => faults.invalid("spec.template", shown, "field is immutable"),
        }
    }
}

fn number(spec: &Value, field: &str) -> Option<i64> {
    set(spec, field).and_then(Value::as_i64)
}
