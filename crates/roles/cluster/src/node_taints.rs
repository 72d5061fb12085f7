//! Node: the taints that keep Pods away from one that is not well, or that somebody has cordoned. Read first: [`decide`]. Follows
//! kubernetes/kubernetes `pkg/controller/nodelifecycle/node_lifecycle_controller.go` (doNoScheduleTaintingPass).

use model::{ClusterName, Decision, Timestamp};
use serde_json::{Value, json};

use crate::owned::{change, seconds};

/// Which condition in which state means which taint.
const BY_CONDITION: [(&str, &str, &str); 6] = [
    ("Ready", "False", "node.kubernetes.io/not-ready"),
    ("Ready", "Unknown", "node.kubernetes.io/unreachable"),
    ("MemoryPressure", "True", "node.kubernetes.io/memory-pressure"),
    ("DiskPressure", "True", "node.kubernetes.io/disk-pressure"),
    ("NetworkUnavailable", "True", "node.kubernetes.io/network-unavailable"),
    ("PIDPressure", "True", "node.kubernetes.io/pid-pressure"),
];
/// The taint of a node that is cordoned.
const CORDONED: &str = "node.kubernetes.io/unschedulable";
/// The one effect that is looked after here; what evicts Pods is nobody's.
const EFFECT: &str = "NoSchedule";

/// Everything that is looked at.
#[derive(Debug, Clone)]
pub struct Observed {
    /// In which cluster.
    pub cluster: ClusterName,
    /// The node.
    pub object: Value,
    /// The present moment.
    pub now: Timestamp,
}

/// Decides which taints a node has.
pub fn decide(seen: &Observed) -> Decision<Value> {
    let decision = Decision::of(Value::Null);
    let node = &seen.object;
    let present = node["spec"]["taints"].as_array().map(Vec::as_slice).unwrap_or_default();
    let wanted = wanted(node);
    let stays = |taint: &&Value| !is_ours(taint) || wanted.iter().any(|key| taint["key"] == *key);
    let mut taints: Vec<Value> = present.iter().filter(stays).cloned().collect();
    let missing = wanted.iter().filter(|key| !present.iter().any(|taint| taint["key"] == **key && taint["effect"] == EFFECT));
    let added = missing.map(|key| json!({"key": key, "effect": EFFECT, "timeAdded": seconds(seen.now)})).collect::<Vec<_>>();
    if taints.len() == present.len() && added.is_empty() {
        return decision;
    }
    taints.extend(added);
    decision.act(change(&seen.cluster, node, json!({"spec": {"taints": taints}})))
}

/// The keys of the taints that a node's state means.
fn wanted(node: &Value) -> Vec<&'static str> {
    let conditions = node["status"]["conditions"].as_array().into_iter().flatten();
    let by_condition = conditions.filter_map(|condition| {
        let means = |(kind, state, _): &&(&str, &str, &str)| condition["type"] == *kind && condition["status"] == *state;
        BY_CONDITION.iter().find(means).map(|(_, _, key)| *key)
    });
    by_condition.chain((node["spec"]["unschedulable"] == true).then_some(CORDONED)).collect()
}

/// Tells whether a taint comes and goes with a node's state.
fn is_ours(taint: &Value) -> bool {
    let known = taint["key"] == CORDONED || BY_CONDITION.iter().any(|(_, _, key)| taint["key"] == *key);
    known && taint["effect"] == EFFECT
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: &str = "2026-01-01T00:00:00Z";

    /// What becomes of the taints of a node, if anything: a key alone means the effect that is looked after.
    fn taints(conditions: &[(&str, &str)], cordoned: bool, before: &[&str]) -> Option<Vec<String>> {
        let before = before.iter().map(|taint| {
            let (key, effect) = taint.split_once(':').unwrap_or((taint, EFFECT));
            json!({"key": key, "effect": effect, "timeAdded": "2025-01-01T00:00:00Z"})
        });
        let conditions = conditions.iter().map(|(kind, status)| json!({"type": kind, "status": status})).collect::<Vec<_>>();
        let node = json!({
            "apiVersion": "v1", "kind": "Node", "metadata": {"name": "n", "resourceVersion": "7"},
            "spec": {"unschedulable": cordoned, "taints": before.collect::<Vec<_>>()}, "status": {"conditions": conditions},
        });
        let decision = decide(&Observed { cluster: ClusterName("dev".into()), object: node, now: NOW.parse().expect("a time") });
        let [model::Action::Patch { patch, .. }] = &decision.actions[..] else {
            assert!(decision.actions.is_empty(), "{:?}", decision.actions);
            return None;
        };
        assert_eq!(patch["metadata"]["resourceVersion"], "7", "only what was seen is changed");
        let told = |taint: &Value| {
            let new = if taint["timeAdded"] == NOW { "+" } else { "" };
            format!("{new}{}:{}", api::text(taint, &["key"]).trim_start_matches("node.kubernetes.io/"), api::text(taint, &["effect"]))
        };
        Some(patch["spec"]["taints"].as_array().expect("taints").iter().map(told).collect())
    }

    #[test]
    fn each_state_has_its_taint() {
        for (condition, status, wanted) in [
            ("Ready", "False", "+not-ready:NoSchedule"),
            ("Ready", "Unknown", "+unreachable:NoSchedule"),
            ("MemoryPressure", "True", "+memory-pressure:NoSchedule"),
            ("DiskPressure", "True", "+disk-pressure:NoSchedule"),
            ("NetworkUnavailable", "True", "+network-unavailable:NoSchedule"),
            ("PIDPressure", "True", "+pid-pressure:NoSchedule"),
        ] {
            assert_eq!(taints(&[(condition, status)], false, &[]), Some(vec![wanted.to_owned()]), "{condition} {status}");
        }
        for (condition, status) in [("Ready", "True"), ("DiskPressure", "Unknown"), ("MemoryPressure", "False"), ("Own", "False")] {
            assert_eq!(taints(&[(condition, status)], false, &[]), None, "{condition} {status}");
        }
        assert_eq!(taints(&[], true, &[]), Some(vec!["+unschedulable:NoSchedule".to_owned()]));
    }

    #[test]
    fn what_no_longer_holds_goes_and_what_is_somebody_elses_stays() {
        let not_ready = "node.kubernetes.io/not-ready";
        let unreachable = "node.kubernetes.io/unreachable";
        let evicting = "node.kubernetes.io/not-ready:NoExecute";
        let cases: [(&[(&str, &str)], bool, &[&str], Option<&[&str]>); 6] = [
            (&[("Ready", "True")], false, &[not_ready], Some(&[])),
            // A node that says nothing of itself is not one that is not ready.
            (&[], false, &[not_ready], Some(&[])),
            (&[("Ready", "True")], false, &["dedicated", not_ready, evicting], Some(&["dedicated:NoSchedule", "not-ready:NoExecute"])),
            (
                &[("Ready", "Unknown")],
                true,
                &["a:NoExecute", not_ready],
                Some(&["a:NoExecute", "+unreachable:NoSchedule", "+unschedulable:NoSchedule"]),
            ),
            (&[("Ready", "Unknown")], false, &[unreachable, CORDONED], Some(&["unreachable:NoSchedule"])),
            (&[("Ready", "False"), ("DiskPressure", "False")], true, &[CORDONED, not_ready, "x"], None),
        ];
        for (conditions, cordoned, before, wanted) in cases {
            let wanted = wanted.map(|wanted| wanted.iter().map(|one| (*one).to_owned()).collect::<Vec<_>>());
            assert_eq!(taints(conditions, cordoned, before), wanted, "{conditions:?} {cordoned} {before:?}");
        }
    }
}
