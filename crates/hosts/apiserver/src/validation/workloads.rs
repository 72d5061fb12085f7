//! What makes Pods and keeps them: Deployment, ReplicaSet, StatefulSet, DaemonSet, ReplicationController.
//! Follows kubernetes `pkg/apis/apps/validation/validation.go` and `pkg/apis/core/validation/validation.go`.

use serde_json::{Map, Value, json};

use super::Subject;
use super::faults::{Faults, list, or_null, set, text};
use super::pod;
use super::policy::{most_100, number_or_percent};
use crate::selector::label_selector_matches;

/// Checks an object of these kinds.
pub(crate) fn check(subject: &Subject<'_>, faults: &mut Faults) {
    let Subject { object, old, .. } = *subject;
    let kind = subject.resource.kind.as_str();
    // Some check everything before they compare, some only compare.
    let whole_first = matches!(kind, "ReplicaSet" | "DaemonSet" | "StatefulSet" | "ReplicationController");
    if old.is_none() || whole_first {
        subject.metadata(faults);
    }
    match kind {
        "Deployment" => {
            subject.metadata_update(faults);
            deployment(subject.spec(), faults);
        }
        "ReplicaSet" => replica_set(subject.spec(), faults),
        "StatefulSet" => stateful_set(subject.spec(), faults),
        "DaemonSet" => daemon_set(subject.spec(), faults),
        "ReplicationController" => controller(subject.spec(), faults),
        _ => revision(object, old, faults),
    }
    if whole_first {
        subject.metadata_update(faults);
    }
    let Some(old) = old else { return };
    let moved = or_null(object, &["spec", "selector"]) != or_null(old, &["spec", "selector"]);
    match kind {
        "StatefulSet" => stateful_change(object, old, faults),
        "Deployment" | "ReplicaSet" | "DaemonSet" if moved => {
            faults.invalid("spec.selector", or_null(object, &["spec", "selector"]), "field is immutable");
        }
        _ => {}
    }
}

fn revision(object: &Value, old: Option<&Value>, faults: &mut Faults) {
    if set(object, "data").is_none() {
        faults.required("data", "data is mandatory");
    }
    if let Some(number) = set(object, "revision").filter(|value| value.as_i64().is_some_and(|number| number < 0)) {
        faults.invalid("revision", number, "must be greater than or equal to 0");
    }
    if let Some(old) = old {
        faults.immutable(object, old, &["data"]);
    }
}

/// Tells whether a selector selects nothing at all because it is empty.
fn is_empty(selector: &Value) -> bool {
    selector.get("matchLabels").and_then(Value::as_object).is_none_or(Map::is_empty) && list(selector, "matchExpressions").is_empty()
}

fn selector(spec: &Value, word: &str, faults: &mut Faults) {
    match set(spec, "selector") {
        None => faults.required("spec.selector", ""),
        Some(selector) => {
            faults.selector("spec.selector", Some(selector));
            if is_empty(selector) {
                faults.invalid("spec.selector", selector, &format!("empty selector is invalid for {word}"));
            }
        }
    }
}

fn labels(spec: &Value) -> Option<&Map<String, Value>> {
    spec.pointer("/template/metadata/labels").and_then(Value::as_object)
}

/// Tells whether a selector was found wrong, and says so once more of the whole: then nothing is asked of the template.
fn unusable(spec: &Value, why: &str, faults: &mut Faults) -> bool {
    let wrong = faults.0.iter().any(|one| one.field.starts_with("spec.selector.match"));
    if let Some(selector) = set(spec, "selector").filter(|_| wrong) {
        faults.invalid("spec.selector", selector, why);
    }
    wrong
}

/// The template must make what the selector selects; no selector selects nothing.
fn matching(spec: &Value, faults: &mut Faults) {
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

fn always(spec: &Value, word: &str, faults: &mut Faults) {
    let template = spec.pointer("/template/spec").unwrap_or(&Value::Null);
    let policy = text(template, "restartPolicy");
    if policy != "Always" && matches!(policy, "OnFailure" | "Never") {
        faults.not_supported("spec.template.spec.restartPolicy", &json!(policy), &["Always"]);
    }
    if set(template, "activeDeadlineSeconds").is_some() {
        faults.forbidden("spec.template.spec.activeDeadlineSeconds", &format!("activeDeadlineSeconds in {word} is not Supported"));
    }
}

fn template(spec: &Value, word: &str, faults: &mut Faults) {
    pod::template(spec.get("template").unwrap_or(&Value::Null), "spec.template", faults);
    always(spec, word, faults);
}

fn deployment(spec: &Value, faults: &mut Faults) {
    faults.not_negative(spec, "spec", "replicas");
    selector(spec, "deployment", faults);
    if !unusable(spec, "invalid label selector", faults) {
        matching(spec, faults);
        template(spec, "ReplicaSet", faults);
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
                let zero =
                    |field: &str| set(rolling, field).is_some_and(|value| matches!(value.as_str(), Some("0%")) || *value == json!(0));
                if zero("maxUnavailable") && zero("maxSurge") {
                    let why = "may not be 0 when `maxSurge` is 0";
                    faults.invalid("spec.strategy.rollingUpdate.maxUnavailable", &rolling["maxUnavailable"], why);
                }
                if let Some(value) = set(rolling, "maxUnavailable") {
                    most_100("spec.strategy.rollingUpdate.maxUnavailable", value, faults);
                }
            }
        },
        other => faults.not_supported("spec.strategy.type", &json!(other), &["Recreate", "RollingUpdate"]),
    }
}

fn replica_set(spec: &Value, faults: &mut Faults) {
    faults.not_negative(spec, "spec", "replicas");
    faults.not_negative(spec, "spec", "minReadySeconds");
    selector(spec, "deployment", faults);
    if !unusable(spec, "invalid label selector", faults) {
        matching(spec, faults);
        template(spec, "ReplicaSet", faults);
    }
}

fn controller(spec: &Value, faults: &mut Faults) {
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
    template(spec, "ReplicationController", faults);
}

fn stateful_set(spec: &Value, faults: &mut Faults) {
    match text(spec, "podManagementPolicy") {
        "" => faults.required("spec.podManagementPolicy", ""),
        "OrderedReady" | "Parallel" => {}
        other => faults.invalid("spec.podManagementPolicy", &json!(other), "must be 'OrderedReady' or 'Parallel'"),
    }
    let strategy = spec.get("updateStrategy").unwrap_or(&Value::Null);
    match text(strategy, "type") {
        "" => faults.required("spec.updateStrategy", ""),
        "OnDelete" => {
            if let Some(rolling) = set(strategy, "rollingUpdate") {
                faults.invalid("spec.updateStrategy.rollingUpdate", rolling, "only allowed for updateStrategy 'RollingUpdate'");
            }
        }
        "RollingUpdate" => {
            if let Some(rolling) = set(strategy, "rollingUpdate") {
                faults.not_negative(rolling, "spec.updateStrategy.rollingUpdate", "partition");
                if let Some(value) = set(rolling, "maxUnavailable") {
                    let field = "spec.updateStrategy.rollingUpdate.maxUnavailable";
                    number_or_percent(field, value, faults);
                    if *value == json!(0) || value == "0%" {
                        faults.invalid(field, value, "cannot be 0");
                    }
                    most_100(field, value, faults);
                }
            }
        }
        _ => faults.invalid("spec.updateStrategy", strategy, "must be 'RollingUpdate' or 'OnDelete'"),
    }
    if let Some(policy) = set(spec, "persistentVolumeClaimRetentionPolicy") {
        for field in ["whenDeleted", "whenScaled"] {
            let value = text(policy, field);
            if !matches!(value, "Retain" | "Delete") {
                faults.not_supported(&format!("spec.persistentVolumeClaimRetentionPolicy.{field}"), &json!(value), &["Retain", "Delete"]);
            }
        }
    }
    faults.not_negative(spec, "spec", "replicas");
    faults.not_negative(spec, "spec", "minReadySeconds");
    selector(spec, "statefulset", faults);
    if !unusable(spec, "", faults) {
        matching(spec, faults);
        template(spec, "StatefulSet", faults);
    }
}

fn daemon_set(spec: &Value, faults: &mut Faults) {
    let selector = set(spec, "selector");
    faults.selector("spec.selector", selector);
    matching(spec, faults);
    if let Some(selector) = selector.filter(|selector| is_empty(selector)) {
        faults.invalid("spec.selector", selector, "empty selector is invalid for daemonset");
    }
    template(spec, "DaemonSet", faults);
    faults.not_negative(spec, "spec", "minReadySeconds");
    let strategy = spec.get("updateStrategy").unwrap_or(&Value::Null);
    match text(strategy, "type") {
        "OnDelete" => {}
        "RollingUpdate" => {
            let path = "spec.updateStrategy.rollingUpdate";
            match set(strategy, "rollingUpdate") {
                None => faults.required(path, ""),
                Some(rolling) => {
                    for field in ["maxUnavailable", "maxSurge"] {
                        if let Some(value) = set(rolling, field) {
                            number_or_percent(&format!("{path}.{field}"), value, faults);
                            most_100(&format!("{path}.{field}"), value, faults);
                        }
                    }
                    let zero = |field: &str| set(rolling, field).is_none_or(|value| value == "0%" || *value == json!(0));
                    match (zero("maxUnavailable"), zero("maxSurge")) {
                        (false, false) => faults.invalid(
                            &format!("{path}.maxSurge"),
                            &rolling["maxSurge"],
                            "may not be set when maxUnavailable is non-zero",
                        ),
                        (true, true) => faults.required(&format!("{path}.maxUnavailable"), "cannot be 0 when maxSurge is 0"),
                        _ => {}
                    }
                }
            }
        }
        other => faults.not_supported("spec.updateStrategy.type", &json!(other), &["RollingUpdate", "OnDelete"]),
    }
    faults.not_negative(spec, "spec", "revisionHistoryLimit");
}

/// Of a StatefulSet's spec only some fields may change.
fn stateful_change(object: &Value, old: &Value, faults: &mut Faults) {
    const FREE: &[&str] = &[
        "replicas",
        "ordinals",
        "template",
        "updateStrategy",
        "revisionHistoryLimit",
        "persistentVolumeClaimRetentionPolicy",
        "minReadySeconds",
    ];
    let fixed = |set: &Value| {
        let spec = set.get("spec").and_then(Value::as_object).cloned().unwrap_or_default();
        spec.into_iter().filter(|(name, _)| !FREE.contains(&name.as_str())).collect::<Map<String, Value>>()
    };
    if fixed(object) != fixed(old) {
        let why = "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden";
        faults.forbidden("spec", why);
    }
}
