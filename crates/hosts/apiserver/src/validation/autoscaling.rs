//! HorizontalPodAutoscaler. Follows kubernetes `pkg/apis/autoscaling/validation/validation.go`.

use serde_json::{Value, json};

use super::Subject;
use super::faults::{Faults, list, set, text};
use crate::names::Rule;

/// Checks a HorizontalPodAutoscaler.
pub(crate) fn check(subject: &Subject<'_>, faults: &mut Faults) {
    subject.metadata_update(faults);
    if subject.old.is_none() {
        subject.metadata(faults);
    }
    let spec = subject.spec();
    let least = set(spec, "minReplicas").and_then(Value::as_i64);
    let most = set(spec, "maxReplicas").and_then(Value::as_i64).unwrap_or(0);
    if let Some(least) = least.filter(|least| *least < 1) {
        faults.invalid("spec.minReplicas", &json!(least), "must be greater than or equal to 1");
    }
    if most < 1 {
        faults.invalid("spec.maxReplicas", &json!(most), "must be greater than 0");
    }
    if least.is_some_and(|least| most < least) {
        faults.invalid("spec.maxReplicas", &json!(most), "must be greater than or equal to `minReplicas`");
    }
    reference(spec.get("scaleTargetRef").unwrap_or(&Value::Null), "spec.scaleTargetRef", faults);
    for (index, metric) in list(spec, "metrics").iter().enumerate() {
        one_metric(metric, &format!("spec.metrics[{index}]"), faults);
    }
}

fn reference(target: &Value, path: &str, faults: &mut Faults) {
    for field in ["kind", "name"] {
        match text(target, field) {
            "" => faults.required(&format!("{path}.{field}"), ""),
            value => faults.name(&format!("{path}.{field}"), Rule::Segment, value),
        }
    }
}

fn one_metric(metric: &Value, path: &str, faults: &mut Faults) {
    const TYPES: &[&str] = &["ContainerResource", "External", "Object", "Pods", "Resource"];
    let kind = text(metric, "type");
    if kind.is_empty() {
        faults.required(&format!("{path}.type"), "must specify a metric source type");
    }
    if !TYPES.contains(&kind) {
        faults.not_supported(&format!("{path}.type"), &json!(kind), TYPES);
    }
    let mut expected = kind.to_owned();
    if let Some(first) = expected.get_mut(..1) {
        first.make_ascii_lowercase();
    }
    let present: Vec<&str> =
        ["object", "external", "pods", "resource", "containerResource"].into_iter().filter(|name| set(metric, name).is_some()).collect();
    if let Some(first) = present.first() {
        source(&metric[*first], &format!("{path}.{first}"), first, faults);
    }
    if !present.contains(&expected.as_str()) {
        faults.required(&format!("{path}.{expected}"), "must populate information for the given metric source");
    }
    if present.len() != 1 {
        for name in present.iter().filter(|name| **name != expected) {
            faults.forbidden(&format!("{path}.{name}"), "must populate the given metric source only");
        }
    }
}

fn source(source: &Value, path: &str, kind: &str, faults: &mut Faults) {
    if kind == "object" {
        reference(source.get("describedObject").unwrap_or(&Value::Null), &format!("{path}.describedObject"), faults);
    }
    if matches!(kind, "resource" | "containerResource") && text(source, "name").is_empty() {
        faults.required(&format!("{path}.name"), "must specify a resource name");
    }
    if kind == "containerResource" && text(source, "container").is_empty() {
        faults.required(&format!("{path}.container"), "must specify a container");
    }
    let target = source.get("target").unwrap_or(&Value::Null);
    let field = format!("{path}.target.type");
    match text(target, "type") {
        "" => faults.required(&field, "must specify a metric target type"),
        kind if !matches!(kind, "Utilization" | "Value" | "AverageValue") => {
            faults.invalid(&field, &json!(kind), "must be either Utilization, Value, or AverageValue");
        }
        _ => {}
    }
    if matches!(kind, "resource" | "containerResource") {
        let (used, amount) = (set(target, "averageUtilization"), set(target, "averageValue"));
        if used.is_none() && amount.is_none() {
            faults.required(&format!("{path}.target.averageUtilization"), "must set either a target raw value or a target utilization");
        }
        if let Some(used) = used.filter(|used| used.as_i64().is_some_and(|number| number < 1)) {
            faults.invalid(&format!("{path}.target.averageUtilization"), used, "must be greater than 0");
        }
        if used.is_some() && amount.is_some() {
            faults.forbidden(&format!("{path}.target.averageValue"), "may not set both a target raw value and a target utilization");
        }
    }
}
