//! What a HorizontalPodAutoscaler measures. Follows kubernetes `pkg/apis/autoscaling/validation/validation.go` `validateMetrics`.

use serde_json::{Value, json};

use super::autoscaling::reference;
use super::faults::{Faults, child, list, set, text};
use super::resources;
use crate::names::Rule;

/// What the `apiVersion` of a reference may be.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Groups {
    /// One with a group.
    Named,
    /// One without, too.
    AlsoCore,
    /// Whatever it was.
    Any,
}

impl Groups {
    /// Returns what is wrong with an `apiVersion`.
    pub fn fault(self, version: &str) -> Option<String> {
        let slashes = version.matches('/').count();
        match self {
            Self::Any => None,
            _ if slashes > 1 => Some(format!("unexpected GroupVersion string: {version}")),
            Self::Named if version.is_empty() || slashes == 0 || version.starts_with('/') => {
                Some("apiVersion must specify API group".to_owned())
            }
            Self::Named | Self::AlsoCore => None,
        }
    }
}

/// Returns what the references of metrics may be: whatever, where one was wrong before.
pub(crate) fn groups(old: Option<&Value>) -> Groups {
    let wrong = |metric: &Value| {
        let version = metric.pointer("/object/describedObject/apiVersion").and_then(Value::as_str).unwrap_or_default();
        text(metric, "type") == "Object" && set(metric, "object").is_some() && Groups::AlsoCore.fault(version).is_some()
    };
    if old.is_some_and(|old| list(old, "metrics").iter().any(wrong)) { Groups::Any } else { Groups::AlsoCore }
}

/// Returns whether an amount is below, at, or above zero.
pub(crate) fn sign(amount: &Value) -> i128 {
    amount.as_str().and_then(crate::quantity::nanos).map_or(1, i128::signum)
}

/// Checks the metrics.
pub(crate) fn check(spec: &Value, path: &str, groups: Groups, faults: &mut Faults) {
    let metrics = list(spec, "metrics");
    for (index, metric) in metrics.iter().enumerate() {
        one(metric, &format!("{path}[{index}]"), groups, faults);
    }
    let outside = metrics.iter().any(|metric| matches!(text(metric, "type"), "Object" | "External"));
    if spec.get("minReplicas") == Some(&json!(0)) && !outside {
        faults.forbidden(path, "must specify at least one Object or External metric to support scaling to zero replicas");
    }
}

/// The types, each with its field, in the order in which the fields are looked at.
const TYPES: &[(&str, &str)] = &[
    ("Object", "object"),
    ("External", "external"),
    ("Pods", "pods"),
    ("Resource", "resource"),
    ("ContainerResource", "containerResource"),
];

fn one(metric: &Value, path: &str, groups: Groups, faults: &mut Faults) {
    const NAMES: &[&str] = &["ContainerResource", "External", "Object", "Pods", "Resource"];
    let kind = text(metric, "type");
    let field = child(path, "type");
    if kind.is_empty() {
        faults.required(&field, "must specify a metric source type");
    }
    let expected = TYPES.iter().find(|(name, _)| *name == kind).map(|(_, field)| *field);
    if expected.is_none() {
        faults.not_supported(&field, &json!(kind), NAMES);
    }
    let present: Vec<&str> = TYPES.iter().map(|(_, field)| *field).filter(|field| set(metric, field).is_some()).collect();
    if let Some(first) = present.first() {
        source(&metric[*first], first, &child(path, first), groups, faults);
    }
    match expected {
        None => faults.not_supported(&field, &json!(kind), NAMES),
        Some(expected) if !present.contains(&expected) => {
            faults.required(&child(path, expected), "must populate information for the given metric source");
        }
        Some(_) => {}
    }
    if present.len() != 1 {
        for name in present.iter().filter(|name| Some(**name) != expected) {
            faults.forbidden(&child(path, name), "must populate the given metric source only");
        }
    }
}

fn source(source: &Value, kind: &str, path: &str, groups: Groups, faults: &mut Faults) {
    match kind {
        "object" => {
            reference(source.get("describedObject").unwrap_or(&Value::Null), &child(path, "describedObject"), groups, faults);
            identifier(source, path, faults);
        }
        "external" | "pods" => identifier(source, path, faults),
        _ => resource(source, kind, path, faults),
    }
    let target = source.get("target").unwrap_or(&Value::Null);
    let path = child(path, "target");
    metric_target(target, &path, faults);
    let has = |field: &str| set(target, field).is_some();
    let average = child(&path, "averageValue");
    match kind {
        "object" if !has("value") && !has("averageValue") => faults.required(&average, "must set either a target value or averageValue"),
        "external" if !has("value") && !has("averageValue") => {
            faults.required(&average, "must set either a target value for metric or a per-pod target");
        }
        "external" if has("value") && has("averageValue") => {
            faults.forbidden(&child(&path, "value"), "may not set both a target value for metric and a per-pod target");
        }
        "pods" if !has("averageValue") => faults.required(&average, "must specify a positive target averageValue"),
        "object" | "external" | "pods" => {}
        _ if !has("averageUtilization") && !has("averageValue") => {
            faults.required(&child(&path, "averageUtilization"), "must set either a target raw value or a target utilization");
        }
        _ if has("averageUtilization") && has("averageValue") => {
            faults.forbidden(&average, "may not set both a target raw value and a target utilization");
        }
        _ => {}
    }
}

fn identifier(source: &Value, path: &str, faults: &mut Faults) {
    let field = format!("{path}.metric.name");
    match source.pointer("/metric/name").and_then(Value::as_str).unwrap_or_default() {
        "" => faults.required(&field, "must specify a metric name"),
        name => faults.name(&field, Rule::Segment, name),
    }
}

fn resource(source: &Value, kind: &str, path: &str, faults: &mut Faults) {
    let of_container = kind == "containerResource";
    match text(source, "name") {
        "" => faults.required(&child(path, "name"), "must specify a resource name"),
        name if of_container => resources::container_name(name, &child(path, "name"), faults),
        _ => {}
    }
    if of_container {
        match text(source, "container") {
            "" => faults.required(&child(path, "container"), "must specify a container"),
            name => faults.name(&child(path, "container"), Rule::Label, name),
        }
    }
}

fn metric_target(target: &Value, path: &str, faults: &mut Faults) {
    let kind = text(target, "type");
    let field = child(path, "type");
    if kind.is_empty() {
        faults.required(&field, "must specify a metric target type");
    }
    if !matches!(kind, "Utilization" | "Value" | "AverageValue") {
        faults.invalid(&field, &json!(kind), "must be either Utilization, Value, or AverageValue");
    }
    for name in ["value", "averageValue"] {
        if let Some(amount) = set(target, name).filter(|amount| sign(amount) < 1) {
            faults.invalid(&child(path, name), amount, "must be positive");
        }
    }
    if let Some(used) = set(target, "averageUtilization").filter(|used| used.as_i64().is_some_and(|number| number < 1)) {
        faults.invalid(&child(path, "averageUtilization"), used, "must be greater than 0");
    }
}
