//! Objects of one version as another version of their kind shows them: Events of both groups, autoscalers.

use serde_json::{Value, json};

use crate::object::meta_mut;

/// Where version 1 keeps the metrics that it has no field for.
const METRICS: &str = "autoscaling.alpha.kubernetes.io/metrics";

/// An Event as the other of its two groups shows it.
pub(crate) fn event(event: &mut Value, new: bool) {
    const NAMES: &[(&str, &str)] = &[
        ("involvedObject", "regarding"),
        ("message", "note"),
        ("reportingComponent", "reportingController"),
        ("source", "deprecatedSource"),
        ("firstTimestamp", "deprecatedFirstTimestamp"),
        ("lastTimestamp", "deprecatedLastTimestamp"),
        ("count", "deprecatedCount"),
    ];
    let Value::Object(map) = event else { return };
    for (old_name, new_name) in NAMES {
        let (from, to) = if new { (old_name, new_name) } else { (new_name, old_name) };
        if let Some(value) = map.remove(*from) {
            map.insert((*to).to_owned(), value);
        }
    }
}

/// A HorizontalPodAutoscaler in version 2, or in version 1, which knows one number: how busy the processors may be.
/// Follows kubernetes `pkg/apis/autoscaling/v1/conversion.go`.
pub(crate) fn autoscaler(object: &mut Value, second: bool) {
    let cpu = |metric: &Value| {
        metric["type"] == "Resource" && metric["resource"]["name"] == "cpu" && metric["resource"]["target"]["type"] == "Utilization"
    };
    let Some(Value::Object(spec)) = object.get_mut("spec") else { return };
    if !second {
        let Some(Value::Array(mut metrics)) = spec.remove("metrics") else { return };
        if let Some(at) = metrics.iter().position(cpu) {
            let used = metrics.remove(at)["resource"]["target"]["averageUtilization"].clone();
            spec.insert("targetCPUUtilizationPercentage".to_owned(), used);
        }
        if !metrics.is_empty() {
            let metadata = meta_mut(object);
            if !metadata.get("annotations").is_some_and(Value::is_object) {
                metadata.insert("annotations".to_owned(), json!({}));
            }
            metadata["annotations"][METRICS] = json!(json!(metrics).to_string());
        }
        return;
    }
    let used = spec.remove("targetCPUUtilizationPercentage").filter(|used| !used.is_null());
    let kept = object.pointer_mut("/metadata/annotations").and_then(Value::as_object_mut).and_then(|all| all.remove(METRICS));
    let others: Option<Vec<Value>> = kept.as_ref().and_then(Value::as_str).and_then(|text| serde_json::from_str(text).ok());
    let own = used.map(
        |used| json!({"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": used}}}),
    );
    let all: Vec<Value> = others.into_iter().flatten().chain(own).collect();
    if !all.is_empty() {
        object["spec"]["metrics"] = json!(all);
    }
}

/// Tells whether an autoscaler of version 1 carries metrics that it has no field for.
pub(crate) fn has_other_metrics(object: &Value) -> bool {
    let kept = object.pointer("/metadata/annotations").and_then(|all| all.get(METRICS)).and_then(Value::as_str);
    kept.and_then(|text| serde_json::from_str::<Vec<Value>>(text).ok()).is_some_and(|metrics| !metrics.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_autoscaler_goes_to_version_1_and_back() {
        let cpu = json!({"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}}});
        let memory = json!({"type": "Resource", "resource": {"name": "memory", "target": {"type": "AverageValue", "averageValue": "1Gi"}}});
        let mut object = json!({"metadata": {"name": "a"}, "spec": {"maxReplicas": 3, "metrics": [memory, cpu]}});
        let before = object.clone();
        autoscaler(&mut object, false);
        assert_eq!(object["spec"], json!({"maxReplicas": 3, "targetCPUUtilizationPercentage": 80}));
        autoscaler(&mut object, true);
        assert_eq!(object["spec"], before["spec"]);
    }
}
