//! On which nodes a DaemonSet has a Pod. Follows kubernetes/kubernetes `pkg/controller/daemon/daemon_controller.go`
//! (NodeShouldRunDaemonPod) and `util/daemonset_util.go`.

use api::text;
use serde_json::{Value, json};

/// Taints that every Pod of a DaemonSet tolerates, and what they do.
const TOLERATED: [(&str, &str); 6] = [
    ("node.kubernetes.io/not-ready", "NoExecute"),
    ("node.kubernetes.io/unreachable", "NoExecute"),
    ("node.kubernetes.io/disk-pressure", "NoSchedule"),
    ("node.kubernetes.io/memory-pressure", "NoSchedule"),
    ("node.kubernetes.io/pid-pressure", "NoSchedule"),
    ("node.kubernetes.io/unschedulable", "NoSchedule"),
];
/// One more for those that use the host's network.
const UNCONNECTED: (&str, &str) = ("node.kubernetes.io/network-unavailable", "NoSchedule");

/// What a node says to a Pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// It has to have one.
    Wanted,
    /// It may keep the one that it has.
    Suffered,
    Refused,
}

/// Tells whether a node has a Pod of this set.
pub(super) fn place(object: &Value, node: &Value) -> Place {
    let spec = &object["spec"]["template"]["spec"];
    let fixed = text(spec, &["nodeName"]);
    if !(fixed.is_empty() || fixed == api::name(node)) || !api::likes(spec, node) {
        return Place::Refused;
    }
    let tolerations = tolerations(spec);
    let taints = node["spec"]["taints"].as_array();
    let hurts = |effect: &str| {
        let taints = taints.into_iter().flatten().filter(|taint| taint["effect"] == effect);
        taints.into_iter().any(|taint| !tolerations.iter().any(|toleration| api::tolerates(toleration, taint)))
    };
    match (hurts("NoExecute"), hurts("NoSchedule")) {
        (true, _) => Place::Refused,
        (false, true) => Place::Suffered,
        (false, false) => Place::Wanted,
    }
}

/// What the Pods of a set tolerate.
pub(super) fn tolerations(spec: &Value) -> Vec<Value> {
    let mut all = spec["tolerations"].as_array().cloned().unwrap_or_default();
    let own = TOLERATED.into_iter().chain((spec["hostNetwork"] == true).then_some(UNCONNECTED));
    for (key, effect) in own {
        let toleration = json!({"key": key, "operator": "Exists", "effect": effect});
        if !all.contains(&toleration) {
            all.push(toleration);
        }
    }
    all
}

/// The node that a Pod is on or is made for.
pub(super) fn of_pod(pod: &Value) -> &str {
    let bound = text(pod, &["spec", "nodeName"]);
    if !bound.is_empty() {
        return bound;
    }
    let term = &pod["spec"]["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"][0];
    term["matchFields"][0]["values"][0].as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_are_chosen() {
        let node = json!({"metadata": {"name": "a", "labels": {"disk": "ssd", "cores": "8"}}, "spec": {"taints": [{"key": "old", "value": "x", "effect": "NoSchedule"}]}});
        let terms =
            |terms: Value| json!({"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}});
        let any = json!([{"operator": "Exists"}]);
        for (spec, wanted) in [
            (json!({}), Place::Suffered),
            (json!({"tolerations": any}), Place::Wanted),
            (json!({"tolerations": [{"key": "old", "value": "x"}]}), Place::Wanted),
            (json!({"tolerations": [{"key": "old", "operator": "Exists", "effect": "NoExecute"}]}), Place::Suffered),
            (json!({"tolerations": any, "nodeSelector": {"disk": "ssd"}}), Place::Wanted),
            (json!({"tolerations": any, "nodeSelector": {"disk": "tape"}}), Place::Refused),
            (json!({"tolerations": any, "nodeName": "b"}), Place::Refused),
            (
                json!({"tolerations": any, "affinity": terms(json!([{"matchExpressions": [{"key": "cores", "operator": "Gt", "values": ["4"]}]}]))}),
                Place::Wanted,
            ),
            (
                json!({"tolerations": any, "affinity": terms(json!([{}, {"matchFields": [{"key": "metadata.name", "operator": "NotIn", "values": ["a"]}]}]))}),
                Place::Refused,
            ),
        ] {
            assert_eq!(place(&json!({"spec": {"template": {"spec": spec}}}), &node), wanted, "{spec}");
        }
        let away = json!({"metadata": {"name": "a"}, "spec": {"taints": [{"key": "node.kubernetes.io/not-ready", "effect": "NoExecute"}, {"key": "x", "effect": "NoExecute"}]}});
        assert_eq!(place(&json!({}), &away), Place::Refused);
    }
}
