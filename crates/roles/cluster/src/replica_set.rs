//! ReplicaSet: as many Pods as are wanted. Follows kubernetes/kubernetes `pkg/controller/replicaset/replica_set.go`.

use api::generation;
use model::{ClusterName, Decision, Timestamp};
use serde_json::{Value, json};

use crate::owned::{create, delete, is_leaving, is_ready, letters, pod, sparse, tell};

/// Most Pods of one ReplicaSet on one machine.
const PODS: i64 = 500;

/// Everything that is looked at.
#[derive(Debug, Clone)]
pub struct Observed {
    /// In which cluster.
    pub cluster: ClusterName,
    /// The ReplicaSet.
    pub object: Value,
    /// The present moment.
    pub now: Timestamp,
    /// Its Pods.
    pub pods: Vec<Value>,
}

/// Decides which Pods a ReplicaSet makes or removes.
pub fn decide(seen: &Observed) -> Decision<Value> {
    let object = &seen.object;
    let live: Vec<&Value> = seen.pods.iter().filter(|pod| !is_leaving(pod) && !is_over(pod)).collect();
    let ready = live.iter().filter(|pod| is_ready(pod)).count();
    let labels = object["spec"]["template"]["metadata"]["labels"].as_object();
    let labelled = |pod: &&&Value| labels.into_iter().flatten().all(|(key, value)| pod["metadata"]["labels"].get(key) == Some(value));
    let leaving = seen.pods.iter().filter(|pod| is_leaving(pod) && !is_over(pod)).count();
    let status = json!({
        "observedGeneration": generation(object), "replicas": live.len(), "fullyLabeledReplicas": live.iter().filter(labelled).count(),
        "readyReplicas": ready, "availableReplicas": ready, "terminatingReplicas": leaving,
    });
    let mut decision = Decision::of(sparse(status, &["fullyLabeledReplicas", "readyReplicas", "availableReplicas"]));
    if is_leaving(object) {
        return decision;
    }
    for pod in seen.pods.iter().filter(|pod| is_over(pod) && !is_leaving(pod)) {
        remove(&mut decision, seen, pod);
    }
    let wanted = usize::try_from(object["spec"]["replicas"].as_i64().unwrap_or(1).clamp(0, PODS)).unwrap_or(0);
    if live.len() > wanted {
        let mut order = live.clone();
        // Those that are not ready serve nobody, and of the others the youngest has the least to lose.
        order.sort_by_key(|pod| (is_ready(pod), std::cmp::Reverse(api::text(pod, &["metadata", "creationTimestamp"]).to_owned())));
        for pod in order.into_iter().take(live.len() - wanted) {
            remove(&mut decision, seen, pod);
        }
    }
    let mut missing = wanted.saturating_sub(live.len());
    let mut slot = 0;
    while missing > 0 {
        let name = format!("{}-{}", api::name(object), letters(&format!("{}/{slot}", api::uid(object)), 5));
        slot += 1;
        if seen.pods.iter().any(|pod| api::name(pod) == name) {
            continue;
        }
        let pod = pod(&object["spec"]["template"], object, &name);
        decision.actions.push(create(&seen.cluster, pod));
        let message = format!("Created pod: {name}");
        decision.actions.push(tell(&seen.cluster, object, "Normal", "SuccessfulCreate", message, seen.now));
        missing -= 1;
    }
    decision
}

fn remove(decision: &mut Decision<Value>, seen: &Observed, pod: &Value) {
    decision.actions.push(delete(&seen.cluster, pod));
    let message = format!("Deleted pod: {}", api::name(pod));
    decision.actions.push(tell(&seen.cluster, &seen.object, "Normal", "SuccessfulDelete", message, seen.now));
}

fn is_over(pod: &Value) -> bool {
    matches!(api::text(pod, &["status", "phase"]), "Failed" | "Succeeded")
}

#[cfg(test)]
mod tests {
    use model::Action;

    use super::*;

    #[test]
    fn pods_are_made_and_removed() {
        let mut seen = Observed {
            cluster: ClusterName("dev".into()),
            object: json!({"metadata": {"name": "a-x", "namespace": "n", "uid": "u"}, "spec": {"replicas": 2, "template": {"metadata": {"labels": {"app": "a"}}, "spec": {}}}}),
            now: "2026-01-01T00:00:00Z".parse().expect("a time"),
            pods: Vec::new(),
        };
        let first = decide(&seen);
        assert_eq!(first.actions, decide(&seen).actions, "the same wish has the same names");
        for action in first.actions {
            match action {
                Action::Create { object, .. } => seen.pods.push(object),
                Action::Emit { reason, message, .. } => {
                    let name = api::name(seen.pods.last().expect("the Pod that is told of"));
                    assert_eq!((reason.as_str(), message), ("SuccessfulCreate", format!("Created pod: {name}")));
                }
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(seen.pods.len(), 2);
        assert!(decide(&seen).actions.is_empty());
        seen.pods[0]["status"] = json!({"conditions": [{"type": "Ready", "status": "True"}]});
        assert_eq!(decide(&seen).status["readyReplicas"], 1);
        seen.object["spec"]["replicas"] = json!(1);
        let Action::Delete { object, .. } = &decide(&seen).actions[0] else { panic!("a deletion") };
        assert_eq!(object.name, api::name(&seen.pods[1]), "the one that is not ready goes");
    }
}
