//! HorizontalPodAutoscaler, in both versions. Follows kubernetes `pkg/apis/autoscaling/validation/validation.go` and
//! `pkg/registry/autoscaling/horizontalpodautoscaler/strategy.go`; metrics are in `metrics`.

use serde_json::{Value, json};

use super::Subject;
use super::faults::{Faults, child, list, set, text};
use super::metrics::{self, Groups};
use crate::autoscalers;
use crate::names::Rule;

/// The longest time over which what was wanted is remembered, and the longest period of a policy, in seconds.
const LONGEST_WINDOW: i64 = 3600;
const LONGEST_PERIOD: i64 = 1800;

/// Checks a HorizontalPodAutoscaler.
pub(crate) fn check(subject: &Subject<'_>, faults: &mut Faults) {
    match subject.old {
        Some(_) => subject.metadata_update(faults),
        None => subject.metadata(faults),
    }
    // Version 1 is looked at as version 2, in whose words its faults are told.
    let second = |object: &Value| {
        let mut object = object.clone();
        if subject.resource.version == "v1" {
            autoscalers::to_second(&mut object);
        }
        object.get("spec").cloned().unwrap_or_default()
    };
    let (spec, old) = (second(subject.object), subject.old.map(second));
    replicas(&spec, old.as_ref(), faults);
    let target = spec.get("scaleTargetRef").unwrap_or(&Value::Null);
    reference(target, "spec.scaleTargetRef", target_groups(target, old.as_ref()), faults);
    metrics::check(&spec, "spec.metrics", metrics::groups(old.as_ref()), faults);
    for direction in ["scaleUp", "scaleDown"] {
        if let Some(rules) = spec.get("behavior").and_then(|behavior| set(behavior, direction)) {
            scaling(rules, &format!("spec.behavior.{direction}"), faults);
        }
    }
}

fn replicas(spec: &Value, old: Option<&Value>, faults: &mut Faults) {
    let number = |spec: &Value, name: &str| set(spec, name).and_then(Value::as_i64);
    // Nothing at all is only let be where it was so.
    let bound = i64::from(old.and_then(|old| number(old, "minReplicas")) != Some(0));
    let (least, most) = (number(spec, "minReplicas"), number(spec, "maxReplicas").unwrap_or(0));
    if let Some(least) = least.filter(|least| *least < bound) {
        faults.invalid("spec.minReplicas", &json!(least), &format!("must be greater than or equal to {bound}"));
    }
    if most == 0 {
        faults.required("spec.maxReplicas", "must be set and greater than 0");
    } else if most < 0 {
        faults.invalid("spec.maxReplicas", &json!(most), "must be greater than or equal to 1");
    }
    if least.is_some_and(|least| most < least) {
        faults.invalid("spec.maxReplicas", &json!(most), "must be greater than or equal to `minReplicas`");
    }
}

fn target_groups(target: &Value, old: Option<&Value>) -> Groups {
    let before = old.and_then(|old| old.get("scaleTargetRef"));
    if before.is_some_and(|before| ["apiVersion", "kind"].iter().all(|name| text(before, name) == text(target, name))) {
        Groups::Any
    } else if text(target, "kind") == "ReplicationController" {
        Groups::AlsoCore
    } else {
        Groups::Named
    }
}

/// Checks what names an object by kind and name.
pub(crate) fn reference(target: &Value, path: &str, groups: Groups, faults: &mut Faults) {
    for field in ["kind", "name"] {
        match text(target, field) {
            "" => faults.required(&child(path, field), ""),
            value => faults.name(&child(path, field), Rule::Segment, value),
        }
    }
    let version = text(target, "apiVersion");
    if let Some(why) = groups.fault(version) {
        faults.invalid(&child(path, "apiVersion"), &json!(version), &why);
    }
}

fn scaling(rules: &Value, path: &str, faults: &mut Faults) {
    const SELECTIONS: &[&str] = &["Disabled", "Max", "Min"];
    let window = child(path, "stabilizationWindowSeconds");
    if let Some(seconds) = set(rules, "stabilizationWindowSeconds") {
        let number = seconds.as_i64().unwrap_or(0);
        if number < 0 {
            faults.invalid(&window, seconds, "must be greater than or equal to zero");
        }
        if number > LONGEST_WINDOW {
            faults.invalid(&window, seconds, &format!("must be less than or equal to {LONGEST_WINDOW}"));
        }
    }
    if let Some(selection) = set(rules, "selectPolicy").filter(|one| !SELECTIONS.contains(&one.as_str().unwrap_or_default())) {
        faults.not_supported(&child(path, "selectPolicy"), selection, SELECTIONS);
    }
    if list(rules, "policies").is_empty() {
        faults.required(&child(path, "policies"), "must specify at least one Policy");
    }
    for (index, one) in list(rules, "policies").iter().enumerate() {
        policy(one, &format!("{path}.policies[{index}]"), faults);
    }
    if let Some(amount) = set(rules, "tolerance").filter(|one| metrics::sign(one) < 0) {
        faults.invalid(&child(path, "tolerance"), amount, "must be greater than or equal to 0");
    }
}

fn policy(one: &Value, path: &str, faults: &mut Faults) {
    let kind = text(one, "type");
    if !matches!(kind, "Pods" | "Percent") {
        faults.not_supported(&child(path, "type"), &json!(kind), &["Percent", "Pods"]);
    }
    for field in ["value", "periodSeconds"] {
        let number = set(one, field).and_then(Value::as_i64).unwrap_or(0);
        if number <= 0 {
            faults.invalid(&child(path, field), &json!(number), "must be greater than zero");
        }
        if field == "periodSeconds" && number > LONGEST_PERIOD {
            faults.invalid(&child(path, field), &json!(number), &format!("must be less than or equal to {LONGEST_PERIOD}"));
        }
    }
}
