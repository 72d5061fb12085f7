//! What makes Pods and keeps them: Deployment, ReplicaSet, ReplicationController, and what they share with StatefulSet and
//! DaemonSet; ControllerRevision.
//! Follows kubernetes `pkg/apis/apps/validation/validation.go` and `pkg/apis/core/validation/validation.go`.

use std::ops::Not as _;

use schema::{Cause, Violation};
use serde_json::{Map, Value, json};

use super::faults::{Faults, list, or_null, set, text};
use super::policy::{most_100, number_or_percent};
use super::{Subject, daemon_set, pod, stateful_set};
use crate::selector::label_selector_matches;
use crate::typed::{self, Type};

const SELECTOR: Type = Type::Struct("meta.v1.LabelSelector");

/// Checks an object of these kinds.
pub(crate) fn check(subject: &Subject<'_>, faults: &mut Faults) {
    let Subject { object, old, .. } = *subject;
    subject.metadata_update(faults);
    let kind = subject.resource.kind.as_str();
    if old.is_none() || kind == "ControllerRevision" {
        subject.metadata(faults);
    }
    let before = old.map(|old| or_null(old, &["spec"]));
    match kind {
        "Deployment" => deployment(subject.spec(), before, faults),
        "ReplicaSet" => replica_set(subject.spec(), before, faults),
        "StatefulSet" => return stateful_set::check(subject.spec(), before, faults),
        "DaemonSet" => return daemon_set::check(subject.spec(), before, faults),
        "ReplicationController" => return controller(subject.spec(), before, faults),
        _ => return revision(object, old, faults),
    }
    if let Some(before) = before {
        selector_stays(subject.spec(), before, faults);
    }
}

/// What a set of Pods selects may not change.
pub(super) fn selector_stays(spec: &Value, old: &Value, faults: &mut Faults) {
    if or_null(spec, &["selector"]) != or_null(old, &["selector"]) {
        faults.invalid_struct("spec.selector", &SELECTOR, or_null(spec, &["selector"]), "field is immutable");
    }
}

fn revision(object: &Value, old: Option<&Value>, faults: &mut Faults) {
    if let Some(number) = set(object, "revision").filter(|number| number.as_i64().is_some_and(|number| number < 0)) {
        faults.invalid("revision", number, "must be greater than or equal to 0");
    }
    match (old, set(object, "data")) {
        (Some(old), _) => faults.immutable(object, old, &["data"]),
        (None, None) => faults.required("data", "data is mandatory"),
        (None, Some(data)) if !data.is_object() => faults.required("data", "data must be a valid JSON object"),
        (None, Some(_)) => {}
    }
}

/// Tells whether a selector selects nothing at all because it is empty.
pub(super) fn is_empty(selector: &Value) -> bool {
    selector.get("matchLabels").and_then(Value::as_object).is_none_or(Map::is_empty) && list(selector, "matchExpressions").is_empty()
}

pub(super) fn selector(spec: &Value, word: &str, faults: &mut Faults) {
    match set(spec, "selector") {
        None => faults.required("spec.selector", ""),
        Some(selector) => {
            faults.selector("spec.selector", Some(selector));
            if is_empty(selector) {
                faults.invalid_struct("spec.selector", &SELECTOR, selector, &format!("empty selector is invalid for {word}"));
            }
        }
    }
}

fn labels(spec: &Value) -> Option<&Map<String, Value>> {
    spec.pointer("/template/metadata/labels").and_then(Value::as_object)
}

/// Tells whether a selector was found wrong, and says so once more of the whole: then nothing is asked of the template.
pub(super) fn unusable(spec: &Value, why: &str, faults: &mut Faults) -> bool {
    let wrong = faults.0.iter().any(|one| one.field.starts_with("spec.selector.match"));
    if let Some(selector) = set(spec, "selector").filter(|_| wrong) {
        faults.invalid_struct("spec.selector", &SELECTOR, selector, why);
    }
    wrong
}

/// The template must make what the selector selects; no selector selects nothing.
pub(super) fn matching(spec: &Value, faults: &mut Faults) {
    let selects = match set(spec, "selector") {
        None => false,
        Some(selector) if is_empty(selector) => true,
        Some(selector) => label_selector_matches(selector, labels(spec)),
    };
    if !selects {
        let shown = spec.pointer("/template/metadata/labels").unwrap_or(&Value::Null);
        faults.invalid("spec.template.metadata.labels", shown, "`selector` does not match template `labels`");
    }
}

pub(super) fn always(spec: &Value, word: &str, faults: &mut Faults) {
    let template = spec.pointer("/template/spec").unwrap_or(&Value::Null);
    let policy = text(template, "restartPolicy");
    if policy != "Always" {
        faults.not_supported("spec.template.spec.restartPolicy", &json!(policy), &["Always"]);
    }
    if set(template, "activeDeadlineSeconds").is_some() {
        faults.forbidden("spec.template.spec.activeDeadlineSeconds", &format!("activeDeadlineSeconds in {word} is not Supported"));
    }
}

pub(super) fn template(spec: &Value, old: Option<&Value>, word: &str, faults: &mut Faults) {
    pod::template(or_null(spec, &["template"]), old.map(|old| or_null(old, &["template"])), "spec.template", faults);
    always(spec, word, faults);
}

fn deployment(spec: &Value, old: Option<&Value>, faults: &mut Faults) {
    faults.not_negative(spec, "spec", "replicas");
    selector(spec, "deployment", faults);
    if !unusable(spec, "invalid label selector", faults) {
        matching(spec, faults);
        template(spec, old, "ReplicaSet", faults);
    }
    deployment_strategy(spec.get("strategy").unwrap_or(&Value::Null), faults);
    faults.not_negative(spec, "spec", "minReadySeconds");
    faults.not_negative(spec, "spec", "revisionHistoryLimit");
    if let Some(deadline) = set(spec, "progressDeadlineSeconds") {
        faults.not_negative(spec, "spec", "progressDeadlineSeconds");
        let ready = spec.get("minReadySeconds").and_then(Value::as_i64).unwrap_or(0);
        if deadline.as_i64().is_some_and(|deadline| deadline <= ready) {
            faults.invalid("spec.progressDeadlineSeconds", deadline, "must be greater than minReadySeconds");
        }
    }
}

fn deployment_strategy(strategy: &Value, faults: &mut Faults) {
    match text(strategy, "type") {
        "Recreate" => {
            if set(strategy, "rollingUpdate").is_some() {
                faults.forbidden("spec.strategy.rollingUpdate", "may not be specified when strategy `type` is 'Recreate'");
            }
        }
        "RollingUpdate" => match set(strategy, "rollingUpdate") {
            None => faults.required("spec.strategy.rollingUpdate", "this should be defaulted and never be nil"),
            Some(rolling) => {
                for field in ["maxUnavailable", "maxSurge"] {
                    if let Some(value) = set(rolling, field) {
                        number_or_percent(&format!("spec.strategy.rollingUpdate.{field}"), value, faults);
                    }
                }
                let zero = |field: &str| set(rolling, field).is_none_or(is_zero);
                if zero("maxUnavailable") && zero("maxSurge") {
                    let why = "may not be 0 when `maxSurge` is 0";
                    faults.invalid("spec.strategy.rollingUpdate.maxUnavailable", &rolling["maxUnavailable"], why);
                }
                if let Some(value) = set(rolling, "maxUnavailable") {
                    most_100("spec.strategy.rollingUpdate.maxUnavailable", value, faults);
                }
            }
        },
        _ => not_supported("spec.strategy", "apps.v1.DeploymentStrategy", strategy, &["Recreate", "RollingUpdate"], faults),
    }
}

fn replica_set(spec: &Value, old: Option<&Value>, faults: &mut Faults) {
    faults.not_negative(spec, "spec", "replicas");
    faults.not_negative(spec, "spec", "minReadySeconds");
    selector(spec, "deployment", faults);
    if !unusable(spec, "invalid label selector", faults) {
        matching(spec, faults);
        template(spec, old, "ReplicaSet", faults);
    }
}

fn controller(spec: &Value, old: Option<&Value>, faults: &mut Faults) {
    faults.not_negative(spec, "spec", "minReadySeconds");
    let labels = spec.get("selector").and_then(Value::as_object);
    if labels.is_none_or(Map::is_empty) {
        faults.required("spec.selector", "");
    }
    faults.not_negative(spec, "spec", "replicas");
    if set(spec, "template").is_none() {
        return faults.required("spec.template", "");
    }
    if let Some(wanted) = labels
        && !wanted.iter().all(|(key, value)| self::labels(spec).and_then(|have| have.get(key)) == Some(value))
    {
        let shown = spec.pointer("/template/metadata/labels").unwrap_or(&Value::Null);
        faults.invalid("spec.template.metadata.labels", shown, "`selector` does not match template `labels`");
    }
    template(spec, old, "ReplicationController", faults);
}

/// A struct that is not one of a few, shown as Kubernetes keeps it.
pub(super) fn not_supported(field: &str, form: &'static str, value: &Value, allowed: &[&str], faults: &mut Faults) {
    let (shown, allowed) = (typed::in_gos_names(&Type::Struct(form), value), allowed.iter().map(|one| format!("{one:?}")));
    let text = format!("Unsupported value: {shown}: supported values: {}", allowed.collect::<Vec<_>>().join(", "));
    faults.0.push(Violation { field: field.to_owned(), cause: Cause::NotSupported, text });
}

/// Tells whether this counts nothing: 0, 0%, or what is neither number nor percentage.
pub(super) fn is_zero(value: &Value) -> bool {
    match value.as_str() {
        Some(text) => text.strip_suffix('%').unwrap_or(text).parse::<i64>().is_ok_and(|number| number != 0),
        None => value.as_i64().is_some_and(|number| number != 0),
    }
    .not()
}
