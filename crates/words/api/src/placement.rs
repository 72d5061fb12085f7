//! What a Pod says about nodes, as the scheduler and the DaemonSet controller both read it.

use serde_json::Value;

use crate::{label, name, text, texts};

/// Tells whether a toleration covers a taint (kubernetes/component-helpers:scheduling/corev1/helpers.go).
pub fn tolerates(toleration: &Value, taint: &Value) -> bool {
    let (key, effect) = (text(toleration, &["key"]), text(toleration, &["effect"]));
    let exists = toleration["operator"] == "Exists";
    let same_key = (key.is_empty() && exists) || taint["key"] == key;
    (effect.is_empty() || taint["effect"] == effect) && same_key && (exists || text(toleration, &["value"]) == text(taint, &["value"]))
}

/// Tells whether a node has what a Pod's spec demands of it: `nodeSelector` and the required node affinity
/// (kubernetes/component-helpers:scheduling/corev1/nodeaffinity/nodeaffinity.go).
pub fn likes(spec: &Value, node: &Value) -> bool {
    let selected = spec["nodeSelector"].as_object().into_iter().flatten().all(|(key, value)| label(node, key) == value.as_str());
    let required = &spec["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"];
    selected && required.as_array().is_none_or(|terms| terms.iter().any(|term| fits(term, node)))
}

/// Tells whether a node fits a term: all that it says; a term that says nothing fits no node.
fn fits(term: &Value, node: &Value) -> bool {
    let rules = |list: &str| term[list].as_array().map(Vec::as_slice).unwrap_or_default();
    let (labels, fields) = (rules("matchExpressions"), rules("matchFields"));
    let by_label = |rule: &Value| holds(rule, label(node, text(rule, &["key"])));
    let by_field = |rule: &Value| rule["key"] == "metadata.name" && holds(rule, Some(name(node)));
    (!labels.is_empty() || !fields.is_empty()) && labels.iter().all(by_label) && fields.iter().all(by_field)
}

fn holds(rule: &Value, found: Option<&str>) -> bool {
    let listed = || found.is_some_and(|found| texts(&rule["values"]).iter().any(|value| value == found));
    let numbers = || Some((found?.parse::<i64>().ok()?, rule["values"][0].as_str()?.parse::<i64>().ok()?));
    match text(rule, &["operator"]) {
        "In" => listed(),
        "NotIn" => !listed(),
        "Exists" => found.is_some(),
        "DoesNotExist" => found.is_none(),
        "Gt" => numbers().is_some_and(|(found, bound)| found > bound),
        "Lt" => numbers().is_some_and(|(found, bound)| found < bound),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_taint_is_covered_by_key_value_and_effect() {
        let taint = json!({"key": "a", "value": "1", "effect": "NoSchedule"});
        for (toleration, covers) in [
            (json!({"operator": "Exists"}), true),
            (json!({"key": "a", "operator": "Exists", "effect": "NoSchedule"}), true),
            (json!({"key": "a", "operator": "Exists", "effect": "NoExecute"}), false),
            (json!({"key": "a", "value": "1"}), true),
            (json!({"key": "a", "value": "2"}), false),
            (json!({"key": "b", "operator": "Exists"}), false),
            (json!({}), false),
        ] {
            assert_eq!(tolerates(&toleration, &taint), covers, "{toleration}");
        }
    }

    #[test]
    fn one_term_is_enough_and_it_has_to_hold_whole() {
        let node = json!({"metadata": {"name": "n", "labels": {"zone": "a", "size": "4"}}});
        let affinity = |terms: Value| {
            let required = json!({"nodeSelectorTerms": terms});
            json!({"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": required}}})
        };
        let rule = |key: &str, operator: &str, values: &[&str]| json!({"key": key, "operator": operator, "values": values});
        for (spec, likes_it) in [
            (json!({}), true),
            (json!({"nodeSelector": {"zone": "a"}}), true),
            (json!({"nodeSelector": {"zone": "b"}}), false),
            (
                affinity(json!([{"matchExpressions": [rule("zone", "In", &["b"])]}, {"matchExpressions": [rule("size", "Gt", &["3"])]}])),
                true,
            ),
            (affinity(json!([{"matchExpressions": [rule("zone", "In", &["a"]), rule("size", "Lt", &["4"])]}])), false),
            (affinity(json!([{"matchExpressions": [rule("other", "NotIn", &["a"]), rule("other", "DoesNotExist", &[])]}])), true),
            (affinity(json!([{"matchFields": [rule("metadata.name", "In", &["n"])]}])), true),
            (affinity(json!([{"matchFields": [rule("metadata.uid", "In", &["n"])]}])), false),
            (affinity(json!([{}])), false),
            (affinity(json!([{"matchExpressions": [rule("zone", "Near", &["a"])]}])), false),
        ] {
            assert_eq!(likes(&spec, &node), likes_it, "{spec}");
        }
    }
}
