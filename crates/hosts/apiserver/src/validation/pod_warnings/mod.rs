//! What is let pass in Pods and in what makes them, but said.
//! Follows kubernetes `pkg/api/pod/warnings.go`, `pkg/api/job/warnings.go` and `WarningsOnCreate`, `WarningsOnUpdate` of the kinds in
//! `pkg/registry`.
//!
//! Read first: [`of`], then [`spec::check`].

mod labels;
mod paths;
mod ports;
mod spec;

use serde_json::{Value, json};

use super::Subject;
use super::faults::{at, list, or_null, set, text};
use crate::names::{self, Rule};
use crate::object::meta;

/// What was said so far.
pub(super) type Said = Vec<String>;

/// Returns what is said of an object that is right.
pub(crate) fn of(subject: &Subject<'_>) -> Vec<String> {
    let mut said = Vec::new();
    if !subject.subresource.is_empty() {
        return said;
    }
    match subject.old {
        None => created(subject, &mut said),
        Some(old) => changed(subject, old, &mut said),
    }
    said
}

fn created(subject: &Subject<'_>, said: &mut Said) {
    let object = subject.object;
    let kind = (subject.resource.group.as_str(), subject.resource.kind.as_str());
    match kind {
        ("", "Pod") => name(object, "the Pod's hostname", said),
        ("apps", "Deployment" | "ReplicaSet") | ("batch", "Job" | "CronJob") | ("", "ReplicationController") => {
            name(object, "Pod names and hostnames", said);
        }
        _ => {}
    }
    if kind == ("", "Pod") {
        return spec::check("", object, said);
    }
    if let Some((path, template)) = template(subject, object, said) {
        spec::check(path, template, said);
    }
    if kind == ("apps", "StatefulSet") {
        claims(object, "", said);
    }
}

/// What did not change is not said again. Pods that change say nothing.
fn changed(subject: &Subject<'_>, old: &Value, said: &mut Said) {
    let object = subject.object;
    let counted = |one: &Value| -> Value {
        match subject.resource.kind.as_str() {
            "DaemonSet" => or_null(one, &["metadata", "annotations", "deprecated.daemonset.template.generation"]).clone(),
            _ => or_null(one, &["metadata", "generation"]).clone(),
        }
    };
    if counted(object) != counted(old) {
        // Upstream looks at the old template of a ReplicationController.
        let looked_at = if subject.resource.kind == "ReplicationController" { old } else { object };
        if let Some((path, template)) = template(subject, looked_at, said) {
            spec::check(path, template, said);
        }
    }
    match subject.resource.kind.as_str() {
        "StatefulSet" => claims(object, ".Spec", said),
        "CronJob" if text(subject.spec(), "schedule").contains("TZ") => {
            said.push("cannot use TZ or CRON_TZ in spec.spec.schedule, use timeZone instead, see https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/ for more details".to_owned());
        }
        _ => {}
    }
}

fn name(object: &Value, of: &str, said: &mut Said) {
    let why = names::faults(Rule::Label, meta(object, "name"));
    if !why.is_empty() {
        let why = why.join(" ");
        said.push(format!(
            "metadata.name: this is used in {of}, which can result in surprising behavior; a DNS label is recommended: [{why}]"
        ));
    }
}

/// Returns the template of an object that makes Pods, and where it stands; what its Job says comes first.
fn template<'a>(subject: &Subject<'_>, object: &'a Value, said: &mut Said) -> Option<(&'static str, &'a Value)> {
    let (path, place): (&'static str, &[&str]) = match (subject.resource.group.as_str(), subject.resource.kind.as_str()) {
        ("", "PodTemplate") => ("template", &["template"]),
        ("", "ReplicationController") | ("apps", "Deployment" | "ReplicaSet" | "StatefulSet" | "DaemonSet") => {
            ("spec.template", &["spec", "template"])
        }
        ("batch", "Job") => {
            job("spec", or_null(object, &["spec"]), said);
            ("spec.template", &["spec", "template"])
        }
        ("batch", "CronJob") => {
            job("spec.jobTemplate.spec", or_null(object, &["spec", "jobTemplate", "spec"]), said);
            ("spec.jobTemplate.spec.template", &["spec", "jobTemplate", "spec", "template"])
        }
        _ => return None,
    };
    Some((path, at(object, place)?))
}

/// Many indexes, many of them at once.
fn job(path: &str, spec: &Value, said: &mut Said) {
    const COMPLETIONS: i64 = 100_000;
    const PARALLELISM: i64 = 10_000;
    let number = |field: &str| set(spec, field).and_then(Value::as_i64).unwrap_or_default();
    if text(spec, "completionMode") == "Indexed" && number("completions") > COMPLETIONS && number("parallelism") > PARALLELISM {
        said.push(format!("{path}: In Indexed Jobs with a number of completions higher than 10^5 and a parallelism higher than 10^4, Kubernetes might not be able to track completedIndexes when a big number of indexes fail"));
    }
}

/// The claims of a StatefulSet, and how much of its past it keeps.
fn claims(object: &Value, below: &str, said: &mut Said) {
    let spec = or_null(object, &["spec"]);
    for (index, one) in list(spec, "volumeClaimTemplates").iter().enumerate() {
        claim(&format!("spec.volumeClaimTemplates[{index}]{below}"), or_null(one, &["spec"]), said);
    }
    if set(spec, "revisionHistoryLimit").and_then(Value::as_i64).is_some_and(|limit| limit < 0) {
        said.push("spec.revisionHistoryLimit: a negative value retains all historical revisions; a value >= 0 is recommended".to_owned());
    }
}

/// The size of a claim.
pub(super) fn claim(path: &str, spec: &Value, said: &mut Said) {
    for kind in ["requests", "limits"] {
        fractional(&format!("{path}.resources.{kind}"), or_null(spec, &["resources", kind]), "storage", said);
    }
}

/// An amount of bytes that is no whole number.
pub(super) fn fractional(path: &str, amounts: &Value, name: &str, said: &mut Said) {
    const MILLI: u128 = 1_000_000;
    let shown = text(amounts, name);
    let nanos = crate::quantity::nanos(shown).unwrap_or_default();
    if !nanos.unsigned_abs().div_ceil(MILLI).is_multiple_of(1000) {
        said.push(format!("{path}[{name}]: fractional byte value {} is invalid, must be an integer", json!(shown)));
    }
}
