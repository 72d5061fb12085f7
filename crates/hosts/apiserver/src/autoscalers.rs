//! HorizontalPodAutoscalers in version 2, and in version 1, which knows one number, how busy the processors may be, and keeps all else in
//! annotations. Follows kubernetes `pkg/apis/autoscaling/v1/conversion.go`; metrics are in `autoscaler_metrics`.

use serde_json::{Map, Value, json};

use crate::autoscaler_metrics::{self as metrics, Side};
use crate::object::meta_mut;
use crate::typed::{Type, in_go_order};
use crate::validation::inner;

const METRICS: &str = "autoscaling.alpha.kubernetes.io/metrics";
const CURRENT: &str = "autoscaling.alpha.kubernetes.io/current-metrics";
const BEHAVIOR: &str = "autoscaling.alpha.kubernetes.io/behavior";
const CONDITIONS: &str = "autoscaling.alpha.kubernetes.io/conditions";
const BEHAVIOR_FORM: Type = Type::Struct("autoscaling.v2.HorizontalPodAutoscalerBehavior");
const CONDITIONS_FORM: Type = Type::List(&Type::Struct("autoscaling.v2.HorizontalPodAutoscalerCondition"));

/// Tells whether an autoscaler of version 1 carries metrics that it has no field for.
pub(crate) fn has_other_metrics(object: &Value) -> bool {
    let kept = object.pointer("/metadata/annotations").and_then(|all| all.get(METRICS)).and_then(Value::as_str);
    kept.and_then(|text| serde_json::from_str::<Vec<Value>>(text).ok()).is_some_and(|metrics| !metrics.is_empty())
}

/// Writes the annotations of version 1 as the server writes them.
pub(crate) fn tidy(object: &mut Value) {
    to_second(object);
    to_first(object);
}

/// Makes an autoscaler of version 1 one of version 2.
pub(crate) fn to_second(object: &mut Value) {
    let [others, current, behavior, conditions] = [METRICS, CURRENT, BEHAVIOR, CONDITIONS].map(|name| take(object, name));
    let list = |text: Option<String>| text.and_then(|text| serde_json::from_str::<Vec<Value>>(&text).ok());
    if let Some(Value::Object(spec)) = object.get_mut("spec") {
        let used = spec.remove("targetCPUUtilizationPercentage").filter(|used| !used.is_null());
        let mut all: Vec<Value> = list(others).unwrap_or_default().iter().map(|one| metrics::to_second(one, Side::Wanted)).collect();
        all.extend(used.map(|used| cpu("target", &json!({"type": "Utilization", "averageUtilization": used}))));
        if all.is_empty() {
            all.push(cpu("target", &json!({"type": "Utilization", "averageUtilization": 80})));
        }
        spec.insert("metrics".to_owned(), json!(all));
        let behavior = behavior.and_then(|text| serde_json::from_str::<Value>(&text).ok()).map(|value| lowered(&value));
        if let Some(behavior) = behavior.filter(|behavior| behavior.as_object().is_some_and(|map| !map.is_empty())) {
            spec.insert("behavior".to_owned(), behavior);
        }
    }
    let Some(Value::Object(status)) = object.get_mut("status") else { return };
    let used = status.remove("currentCPUUtilizationPercentage").filter(|used| !used.is_null());
    let current = list(current).map(|all| all.iter().map(|one| metrics::to_second(one, Side::Found)).collect());
    let all: Option<Vec<Value>> = current.or_else(|| used.map(|used| vec![cpu("current", &json!({"averageUtilization": used}))]));
    if let Some(all) = all {
        status.insert("currentMetrics".to_owned(), json!(all));
    }
    if let Some(conditions) = list(conditions) {
        status.insert("conditions".to_owned(), json!(conditions));
    }
}

/// Makes an autoscaler of version 2 one of version 1.
pub(crate) fn to_first(object: &mut Value) {
    [METRICS, CURRENT, BEHAVIOR, CONDITIONS].iter().for_each(|name| drop(take(object, name)));
    let mut kept = Vec::new();
    if let Some(Value::Object(spec)) = object.get_mut("spec") {
        let all = taken(spec, "metrics");
        let (processors, others): (Vec<&Value>, Vec<&Value>) = all.iter().partition(|metric| usage(metric, "target").is_some());
        if let Some(used) = processors.first().and_then(|metric| usage(metric, "target")) {
            spec.insert("targetCPUUtilizationPercentage".to_owned(), used.clone());
        }
        kept.push((METRICS, written(&others, Side::Wanted)));
        let behavior = spec.remove("behavior").filter(Value::is_object);
        kept.push((BEHAVIOR, behavior.map(|behavior| inner::shown(&BEHAVIOR_FORM, &behavior))));
    }
    if let Some(Value::Object(status)) = object.get_mut("status") {
        let current = taken(status, "currentMetrics");
        if let Some(used) = current.iter().rev().find_map(|metric| usage(metric, "current")) {
            status.insert("currentCPUUtilizationPercentage".to_owned(), used.clone());
        }
        kept.push((CURRENT, written(&current.iter().collect::<Vec<_>>(), Side::Found)));
        let conditions = taken(status, "conditions");
        kept.push((CONDITIONS, (!conditions.is_empty()).then(|| in_go_order(&CONDITIONS_FORM, &json!(conditions)))));
    }
    for (name, text) in kept {
        let Some(text) = text else { continue };
        let annotations = meta_mut(object).entry("annotations").or_insert_with(|| json!({}));
        if !annotations.is_object() {
            *annotations = json!({});
        }
        annotations[name] = json!(text);
    }
}

fn written(all: &[&Value], side: Side) -> Option<String> {
    let texts: Vec<String> = all.iter().map(|metric| metrics::to_first(metric, side)).collect();
    (!texts.is_empty()).then(|| format!("[{}]", texts.join(",")))
}

fn taken(map: &mut Map<String, Value>, name: &str) -> Vec<Value> {
    match map.remove(name) {
        Some(Value::Array(list)) => list,
        _ => Vec::new(),
    }
}

/// Takes an annotation; those that are left without any are none.
fn take(object: &mut Value, name: &str) -> Option<String> {
    let annotations = object.pointer_mut("/metadata/annotations")?.as_object_mut()?;
    let text = annotations.remove(name)?;
    if annotations.is_empty() {
        meta_mut(object).remove("annotations");
    }
    text.as_str().map(str::to_owned)
}

fn cpu(part: &str, inner: &Value) -> Value {
    json!({"type": "Resource", "resource": {"name": "cpu", part: inner}})
}

/// Returns how busy the processors may be or are, where that is what a metric says.
fn usage<'a>(metric: &'a Value, part: &str) -> Option<&'a Value> {
    let resource = metric.get("resource").filter(|resource| metric["type"] == "Resource" && resource["name"] == "cpu")?;
    resource.get(part)?.get("averageUtilization").filter(|used| !used.is_null())
}

/// Names with small first letters, without what is null: Go writes its inner structs with its own names.
fn lowered(value: &Value) -> Value {
    match value {
        Value::Object(map) => map
            .iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(name, value)| {
                let mut name = name.clone();
                if let Some(first) = name.get_mut(..1) {
                    first.make_ascii_lowercase();
                }
                (name, lowered(value))
            })
            .collect::<Map<_, _>>()
            .into(),
        Value::Array(list) => list.iter().map(lowered).collect(),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rich() -> Value {
        json!({
            "metadata": {"name": "a"},
            "spec": {
                "maxReplicas": 3,
                "behavior": {"scaleUp": {"stabilizationWindowSeconds": 5, "selectPolicy": "Max",
                    "policies": [{"type": "Pods", "value": 1, "periodSeconds": 5}]}},
                "metrics": [
                    {"type": "Pods", "pods": {"metric": {"name": "m"}, "target": {"type": "AverageValue", "averageValue": "5"}}},
                    {"type": "External", "external": {"metric": {"name": "e", "selector": {"matchLabels": {"a": "b"}}},
                        "target": {"type": "Value", "value": "3"}}},
                    {"type": "Object", "object": {"describedObject": {"kind": "Service", "name": "s"}, "metric": {"name": "o"},
                        "target": {"type": "Value", "value": "1"}}},
                    {"type": "ContainerResource", "containerResource": {"name": "memory", "container": "c",
                        "target": {"type": "Utilization", "averageUtilization": 5}}},
                    {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}}},
                ],
            },
            "status": {
                "currentReplicas": 1,
                "conditions": [{"type": "AbleToScale", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z", "reason": "r",
                    "message": "m"}],
                "currentMetrics": [{"type": "Resource", "resource": {"name": "cpu",
                    "current": {"averageUtilization": 5, "averageValue": "7"}}}],
            },
        })
    }

    #[test]
    fn version_1_keeps_in_annotations_what_it_has_no_fields_for() {
        let mut object = rich();
        to_first(&mut object);
        assert_eq!(object["spec"], json!({"maxReplicas": 3, "targetCPUUtilizationPercentage": 50}));
        assert_eq!(object["status"], json!({"currentReplicas": 1, "currentCPUUtilizationPercentage": 5}));
        for (name, wanted) in [
            (
                METRICS,
                r#"[{"type":"Pods","pods":{"metricName":"m","targetAverageValue":"5"}},{"type":"External","external":{"metricName":"e","metricSelector":{"matchLabels":{"a":"b"}},"targetValue":"3"}},{"type":"Object","object":{"target":{"kind":"Service","name":"s"},"metricName":"o","targetValue":"1"}},{"type":"ContainerResource","containerResource":{"name":"memory","targetAverageUtilization":5,"container":"c"}}]"#,
            ),
            (CURRENT, r#"[{"type":"Resource","resource":{"name":"cpu","currentAverageUtilization":5,"currentAverageValue":"7"}}]"#),
            (
                BEHAVIOR,
                r#"{"ScaleUp":{"StabilizationWindowSeconds":5,"SelectPolicy":"Max","Policies":[{"Type":"Pods","Value":1,"PeriodSeconds":5}],"Tolerance":null},"ScaleDown":null}"#,
            ),
            (
                CONDITIONS,
                r#"[{"type":"AbleToScale","status":"True","lastTransitionTime":"2026-01-01T00:00:00Z","reason":"r","message":"m"}]"#,
            ),
        ] {
            assert_eq!(object["metadata"]["annotations"][name], json!(wanted));
        }
        to_second(&mut object);
        assert_eq!(object, rich());
    }

    #[test]
    fn annotations_of_ours_from_before_are_read_too() {
        let metric = json!({"type": "Resource", "resource": {"name": "memory", "target": {"type": "AverageValue", "averageValue": "1Gi"}}});
        let mut object = json!({"metadata": {"annotations": {METRICS: json!([metric]).to_string()}}, "spec": {}});
        to_second(&mut object);
        assert_eq!(object, json!({"metadata": {}, "spec": {"metrics": [metric]}}));
    }
}
