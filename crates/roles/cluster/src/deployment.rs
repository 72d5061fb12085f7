//! Deployment: one ReplicaSet per pod template, the newest scaled up and the others down within the bounds of the rollout.
//! Follows kubernetes/kubernetes `pkg/controller/deployment/{sync,rolling,progress}.go`.

use std::time::Duration;

use api::{Condition, generation, set_condition, text};
use model::{Action, ClusterName, Code, Decision, Timestamp};
use serde_json::{Value, json};

use crate::owned::{delete, is_leaving, letters, owner_reference, reference, sparse};

/// Field manager of ReplicaSets.
const MANAGER: &str = "kube-controller-manager";
/// Label that tells the ReplicaSets of a Deployment apart.
const HASH: &str = "pod-template-hash";
/// Numbers the ReplicaSets of a Deployment.
const REVISION: &str = "deployment.kubernetes.io/revision";
/// Tells a ReplicaSet how many Pods its Deployment wants.
const DESIRED: &str = "deployment.kubernetes.io/desired-replicas";
/// Tells a ReplicaSet how many Pods its Deployment may have for a while.
const MOST: &str = "deployment.kubernetes.io/max-replicas";
/// Annotations of a Deployment that its ReplicaSets do not take over.
const OWN: &[&str] = &[
    "kubectl.kubernetes.io/last-applied-configuration",
    REVISION,
    "deployment.kubernetes.io/revision-history",
    DESIRED,
    MOST,
    "deprecated.deployment.rollback.to",
];

/// Everything that is looked at.
#[derive(Debug, Clone)]
pub struct Observed {
    /// In which cluster.
    pub cluster: ClusterName,
    /// The Deployment.
    pub object: Value,
    /// The present moment.
    pub now: Timestamp,
    /// Its ReplicaSets.
    pub replica_sets: Vec<Value>,
}

/// Decides what a Deployment does next.
pub fn decide(seen: &Observed) -> Decision<Value> {
    let object = &seen.object;
    if is_leaving(object) {
        return Decision::of(object["status"].clone());
    }
    if object["spec"]["paused"] == true {
        return Decision::of(status(seen, None)).wait(Code::Suspended, "the Deployment is paused", None);
    }
    let hash = letters(&object["spec"]["template"].to_string(), 10);
    let newest = seen.replica_sets.iter().find(|set| api::label(set, HASH) == Some(&hash));
    let mut decision = Decision::of(status(seen, newest));
    let Some(newest) = newest else {
        let at_first = if seen.replica_sets.is_empty() || recreates(object) { wanted(object) } else { scaled_up(seen, 0) };
        let first = if recreates(object) && seen.replica_sets.iter().any(|set| replicas(set) > 0) { 0 } else { at_first };
        let set = make(seen, &hash, first);
        if first > 0 {
            decision.actions.push(scaling(seen, &set, 0, first));
        }
        return decision.act(Action::Create { cluster: seen.cluster.clone(), manager: MANAGER.into(), object: set });
    };
    let number = current_revision(seen, newest);
    let changes = scale(seen, newest);
    let mut sizes: Vec<(&Value, Option<i64>)> = changes.iter().map(|(set, count)| (*set, Some(*count))).collect();
    let told = |set: &Value| sizes_of(object).iter().all(|(key, count)| api::annotation(set, key) == Some(count));
    let current = seen.replica_sets.iter().filter(|set| !is_leaving(set) && (replicas(set) > 0 || api::uid(set) == api::uid(newest)));
    let renumbered = |set: &Value| api::uid(set) == api::uid(newest) && revision(set) != number;
    for set in current.filter(|set| !told(set) || renumbered(set)) {
        if !sizes.iter().any(|(other, _)| api::uid(other) == api::uid(set)) {
            sizes.push((set, None));
        }
    }
    for (set, count) in sizes {
        let mut patch = json!({"metadata": {"resourceVersion": set["metadata"]["resourceVersion"]}});
        if let Some(count) = count {
            patch["spec"] = json!({"replicas": count});
            decision.actions.push(scaling(seen, set, replicas(set), count));
        }
        if renumbered(set) {
            patch["metadata"]["annotations"][REVISION] = json!(number.to_string());
        }
        for (key, count) in sizes_of(object) {
            patch["metadata"]["annotations"][key] = json!(count);
        }
        decision.actions.push(Action::Patch {
            cluster: seen.cluster.clone(),
            manager: MANAGER.into(),
            object: reference(set),
            patch,
            subresource: None,
        });
    }
    let number = number.to_string();
    if api::annotation(object, REVISION) != Some(&number) {
        // With the status, where annotations do not count as a new generation.
        let patch = json!({"metadata": {"annotations": {REVISION: number}, "resourceVersion": object["metadata"]["resourceVersion"]}});
        decision.actions.push(Action::Patch {
            cluster: seen.cluster.clone(),
            manager: MANAGER.into(),
            object: reference(object),
            patch,
            subresource: Some("status".into()),
        });
    }
    for set in surplus(seen, newest) {
        decision.actions.push(delete(&seen.cluster, set));
    }
    if let Some(deadline) = deadline(seen) {
        decision.look_again(deadline);
    }
    decision
}

/// The number of the newest ReplicaSet: one that is taken up again, as `rollout undo` does, becomes the newest of all.
/// Follows kubernetes/kubernetes `pkg/controller/deployment/sync.go` (getNewReplicaSet).
fn current_revision(seen: &Observed, newest: &Value) -> i64 {
    let others = seen.replica_sets.iter().filter(|set| api::uid(set) != api::uid(newest));
    others.map(revision).max().map_or(revision(newest), |most| revision(newest).max(most + 1))
}

/// Says that a ReplicaSet changes its size.
fn scaling(seen: &Observed, set: &Value, from: i64, to: i64) -> Action {
    let way = if to > from { "up" } else { "down" };
    Action::Emit {
        cluster: seen.cluster.clone(),
        about: reference(&seen.object),
        severity: "Normal".into(),
        reason: "ScalingReplicaSet".into(),
        message: format!("Scaled {way} replica set {} from {from} to {to}", api::name(set)),
        annotations: std::collections::BTreeMap::new(),
        at: seen.now,
    }
}

/// What a Deployment tells its ReplicaSets of its size.
fn sizes_of(object: &Value) -> [(&'static str, String); 2] {
    let total = wanted(object);
    let surge = if recreates(object) { 0 } else { bounds(object).0 };
    [(DESIRED, total.to_string()), (MOST, (total + surge).to_string())]
}

fn wanted(object: &Value) -> i64 {
    object["spec"]["replicas"].as_i64().unwrap_or(1)
}

fn recreates(object: &Value) -> bool {
    object["spec"]["strategy"]["type"] == "Recreate"
}

fn replicas(set: &Value) -> i64 {
    set["spec"]["replicas"].as_i64().unwrap_or(1)
}

fn number(set: &Value, field: &str) -> i64 {
    set["status"][field].as_i64().unwrap_or(0)
}

/// Reads `maxSurge` (rounded up) and `maxUnavailable` (rounded down); they are never both zero.
fn bounds(object: &Value) -> (i64, i64) {
    let total = wanted(object);
    let read = |field: &str, up: bool| match &object["spec"]["strategy"]["rollingUpdate"][field] {
        Value::Number(count) => count.as_i64().unwrap_or(0),
        other => {
            let percent: i64 = other.as_str().and_then(|text| text.strip_suffix('%')).and_then(|text| text.parse().ok()).unwrap_or(25);
            (total * percent + if up { 99 } else { 0 }) / 100
        }
    };
    let (surge, unavailable) = (read("maxSurge", true), read("maxUnavailable", false));
    if surge == 0 && unavailable == 0 { (0, 1) } else { (surge, unavailable) }
}

/// How many Pods the newest ReplicaSet may have now.
fn scaled_up(seen: &Observed, present: i64) -> i64 {
    let total = wanted(&seen.object);
    let all: i64 = seen.replica_sets.iter().map(replicas).sum();
    let room = total + bounds(&seen.object).0 - all;
    if present >= total { total } else { (present + room.max(0)).min(total) }
}

/// Returns which ReplicaSets change their size.
fn scale<'a>(seen: &'a Observed, newest: &'a Value) -> Vec<(&'a Value, i64)> {
    let total = wanted(&seen.object);
    let others: Vec<&Value> = seen.replica_sets.iter().filter(|set| api::uid(set) != api::uid(newest) && !is_leaving(set)).collect();
    let mut changes = Vec::new();
    if recreates(&seen.object) {
        let gone = others.iter().all(|set| replicas(set) == 0 && number(set, "replicas") == 0);
        changes.extend(others.iter().filter(|set| replicas(set) > 0).map(|set| (*set, 0)));
        if gone && replicas(newest) != total {
            changes.push((newest, total));
        }
        return changes;
    }
    let up = scaled_up(seen, replicas(newest));
    if up != replicas(newest) {
        changes.push((newest, up));
    }
    let available: i64 = seen.replica_sets.iter().map(|set| number(set, "availableReplicas")).sum();
    let mut spare = available - (total - bounds(&seen.object).1);
    for set in others {
        let size = replicas(set);
        // Pods that are not available serve nobody: they go first and cost nothing.
        let useless = (size - number(set, "availableReplicas")).max(0);
        let down = useless + spare.clamp(0, size - useless);
        if down > 0 {
            spare -= down - useless;
            changes.push((set, size - down));
        }
    }
    changes
}

/// Old ReplicaSets beyond the history limit.
fn surplus<'a>(seen: &'a Observed, newest: &Value) -> Vec<&'a Value> {
    let limit = usize::try_from(seen.object["spec"]["revisionHistoryLimit"].as_i64().unwrap_or(10)).unwrap_or(0);
    let mut old: Vec<&Value> = seen
        .replica_sets
        .iter()
        .filter(|set| api::uid(set) != api::uid(newest) && replicas(set) == 0 && number(set, "replicas") == 0 && !is_leaving(set))
        .collect();
    old.sort_by_key(|set| std::cmp::Reverse(revision(set)));
    old.into_iter().skip(limit).collect()
}

fn revision(set: &Value) -> i64 {
    api::annotation(set, REVISION).and_then(|text| text.parse().ok()).unwrap_or(0)
}

fn make(seen: &Observed, hash: &str, size: i64) -> Value {
    let object = &seen.object;
    let number = seen.replica_sets.iter().map(revision).max().unwrap_or(0) + 1;
    let mut template = object["spec"]["template"].clone();
    template["metadata"]["labels"][HASH] = json!(hash);
    let mut selector = object["spec"]["selector"].clone();
    selector["matchLabels"][HASH] = json!(hash);
    let mut annotations = object["metadata"]["annotations"].as_object().cloned().unwrap_or_default();
    annotations.retain(|key, _| !OWN.contains(&key.as_str()));
    annotations.insert(REVISION.to_owned(), json!(number.to_string()));
    annotations.extend(sizes_of(object).map(|(key, count)| (key.to_owned(), json!(count))));
    json!({
        "apiVersion": "apps/v1", "kind": "ReplicaSet",
        "metadata": {
            "name": format!("{}-{hash}", api::name(object)), "namespace": api::namespace(object), "labels": template["metadata"]["labels"],
            "annotations": annotations, "ownerReferences": owner_reference(object),
        },
        "spec": {"replicas": size, "selector": selector, "template": template},
    })
}

fn status(seen: &Observed, newest: Option<&Value>) -> Value {
    let object = &seen.object;
    let sum = |field: &str| seen.replica_sets.iter().map(|set| number(set, field)).sum::<i64>();
    let updated = newest.map_or(0, |set| number(set, "replicas"));
    let (total, available) = (sum("replicas"), sum("availableReplicas"));
    let status = json!({
        "observedGeneration": generation(object), "replicas": total, "updatedReplicas": updated, "readyReplicas": sum("readyReplicas"),
        "availableReplicas": available, "terminatingReplicas": sum("terminatingReplicas"),
    });
    let mut status = sparse(status, &["replicas", "updatedReplicas", "readyReplicas", "availableReplicas"]);
    if wanted(object) > available {
        status["unavailableReplicas"] = json!(wanted(object).max(total) - available);
    }
    if object["status"]["conditions"].is_array() {
        status["conditions"] = object["status"]["conditions"].clone();
    }
    let enough = available >= wanted(object) - bounds(object).1;
    let (state, reason, message) = if enough {
        ("True", "MinimumReplicasAvailable", "Deployment has minimum availability.")
    } else {
        ("False", "MinimumReplicasUnavailable", "Deployment does not have minimum availability.")
    };
    tell(&mut status, &Condition { kind: "Available", status: state, reason, message }, seen.now);
    let complete =
        newest.is_some_and(|set| number(set, "availableReplicas") >= wanted(object)) && updated == wanted(object) && total == updated;
    let name = newest.map_or("", |set| api::name(set));
    let progressed = updated != object["status"]["updatedReplicas"].as_i64().unwrap_or(0)
        || available != object["status"]["availableReplicas"].as_i64().unwrap_or(0);
    if complete {
        let message = format!("ReplicaSet \"{name}\" has successfully progressed.");
        tell(
            &mut status,
            &Condition { kind: "Progressing", status: "True", reason: "NewReplicaSetAvailable", message: &message },
            seen.now,
        );
    } else if !progressed && deadline(seen).is_some_and(|deadline| seen.now >= deadline) {
        let message = format!("ReplicaSet \"{name}\" has timed out progressing.");
        tell(
            &mut status,
            &Condition { kind: "Progressing", status: "False", reason: "ProgressDeadlineExceeded", message: &message },
            seen.now,
        );
    } else if progressed || !is_progressing(object) || started_over(object) {
        let message = format!("ReplicaSet \"{name}\" is progressing.");
        tell(&mut status, &Condition { kind: "Progressing", status: "True", reason: "ReplicaSetUpdated", message: &message }, seen.now);
        for condition in status["conditions"].as_array_mut().into_iter().flatten().filter(|condition| condition["type"] == "Progressing") {
            condition["lastUpdateTime"] = json!(seconds(seen.now));
        }
    }
    status
}

fn is_progressing(object: &Value) -> bool {
    api::find_condition(object, "Progressing")
        .is_some_and(|condition| condition["reason"] == "ReplicaSetUpdated" || condition["reason"] == "ProgressDeadlineExceeded")
}

fn started_over(object: &Value) -> bool {
    object["status"]["observedGeneration"].as_i64() != Some(generation(object))
}

/// When a rollout that makes no progress counts as failed.
fn deadline(seen: &Observed) -> Option<Timestamp> {
    let condition = api::find_condition(&seen.object, "Progressing").filter(|condition| condition["reason"] == "ReplicaSetUpdated")?;
    let since: Timestamp = text(condition, &["lastUpdateTime"]).parse().ok()?;
    let patience = u64::try_from(seen.object["spec"]["progressDeadlineSeconds"].as_i64().unwrap_or(600)).unwrap_or(600);
    since.checked_add(Duration::from_secs(patience)).ok()
}

/// Sets a condition as Deployments have them: with an update time, without a generation.
fn tell(status: &mut Value, condition: &Condition<'_>, now: Timestamp) {
    let before = status["conditions"].as_array().and_then(|all| all.iter().find(|known| known["type"] == condition.kind)).cloned();
    set_condition(status, condition, 0, now);
    for told in status["conditions"].as_array_mut().into_iter().flatten().filter(|told| told["type"] == condition.kind) {
        let same = before.as_ref().filter(|before| {
            before["reason"] == condition.reason && before["message"] == condition.message && before["status"] == condition.status
        });
        told["lastUpdateTime"] = same.map_or_else(|| json!(seconds(now)), |before| before["lastUpdateTime"].clone());
        if let Some(fields) = told.as_object_mut() {
            fields.remove("observedGeneration");
        }
    }
}

fn seconds(at: Timestamp) -> String {
    Timestamp::from_second(at.as_second()).unwrap_or(at).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn world(replicas: i64) -> Observed {
        Observed {
            cluster: ClusterName("dev".into()),
            object: json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a", "namespace": "n", "uid": "d", "generation": 1},
                "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": "a"}}, "template": {"metadata": {"labels": {"app": "a"}}, "spec": {"containers": []}}}}),
            now: "2026-01-01T00:00:00Z".parse().expect("a time"),
            replica_sets: Vec::new(),
        }
    }

    /// Performs the wishes; Pods of sets whose name is in `broken` never become available.
    fn step(seen: &mut Observed, works: bool) -> usize {
        let decision = decide(seen);
        for action in &decision.actions {
            match action {
                Action::Create { object, .. } => {
                    let mut set = object.clone();
                    set["metadata"]["uid"] = json!(format!("u{}", seen.replica_sets.len()));
                    set["metadata"]["works"] = json!(works);
                    seen.replica_sets.push(set);
                }
                Action::Patch { object, patch, .. } => {
                    for set in seen.replica_sets.iter_mut().filter(|set| api::name(set) == object.name) {
                        if !patch["spec"].is_null() {
                            set["spec"]["replicas"] = patch["spec"]["replicas"].clone();
                        }
                        for (key, value) in patch["metadata"]["annotations"].as_object().into_iter().flatten() {
                            set["metadata"]["annotations"][key] = value.clone();
                        }
                    }
                    if object.kind == "Deployment" {
                        seen.object["metadata"]["annotations"] = patch["metadata"]["annotations"].clone();
                    }
                }
                Action::Delete { object, .. } => seen.replica_sets.retain(|set| api::name(set) != object.name),
                _ => {}
            }
        }
        for set in &mut seen.replica_sets {
            let size = super::replicas(set);
            let good = if set["metadata"]["works"] == true { size } else { 0 };
            set["status"] = json!({"replicas": size, "readyReplicas": good, "availableReplicas": good});
        }
        seen.object["status"] = decision.status;
        decision.actions.len()
    }

    fn settle(seen: &mut Observed, works: bool) {
        for _ in 0..30 {
            if step(seen, works) == 0 {
                break;
            }
        }
        step(seen, works);
    }

    #[test]
    fn a_rollout_replaces_within_bounds_and_a_broken_one_keeps_the_old_pods() {
        let mut seen = world(4);
        settle(&mut seen, true);
        assert_eq!(seen.object["status"]["availableReplicas"], 4);
        seen.object["spec"]["template"]["spec"]["x"] = json!(1);
        seen.object["metadata"]["generation"] = json!(2);
        settle(&mut seen, true);
        let sizes: Vec<i64> = seen.replica_sets.iter().map(super::replicas).collect();
        assert_eq!(sizes, [0, 4]);
        assert_eq!(seen.object["status"]["updatedReplicas"], 4);
        assert_eq!(api::find_condition(&seen.object, "Progressing").expect("a condition")["reason"], "NewReplicaSetAvailable");
        seen.object["spec"]["template"]["spec"]["x"] = json!(2);
        seen.object["metadata"]["generation"] = json!(3);
        settle(&mut seen, false);
        assert!(seen.replica_sets[1]["status"]["availableReplicas"].as_i64() >= Some(3), "the old Pods keep serving");
        seen.now = "2026-01-01T00:10:01Z".parse().expect("a time");
        step(&mut seen, false);
        assert_eq!(api::find_condition(&seen.object, "Progressing").expect("a condition")["reason"], "ProgressDeadlineExceeded");
    }

    #[test]
    fn a_template_that_is_taken_up_again_becomes_the_newest() {
        let mut seen = world(2);
        let first = decide(&seen).actions;
        let Action::Emit { reason, message, .. } = &first[0] else { panic!("an Event comes first: {first:?}") };
        assert_eq!(reason, "ScalingReplicaSet");
        assert!(message.starts_with("Scaled up replica set a-") && message.ends_with(" from 0 to 2"), "{message}");
        settle(&mut seen, true);
        seen.object["spec"]["template"]["spec"]["x"] = json!(1);
        settle(&mut seen, true);
        let numbers = |seen: &Observed| seen.replica_sets.iter().map(revision).collect::<Vec<_>>();
        assert_eq!(numbers(&seen), [1, 2]);
        seen.object["spec"]["template"]["spec"].as_object_mut().expect("a spec").remove("x");
        settle(&mut seen, true);
        assert_eq!(numbers(&seen), [3, 2]);
        assert_eq!(api::annotation(&seen.object, REVISION), Some("3"));
        assert_eq!(step(&mut seen, true), 0, "nothing is left to do");
    }

    #[test]
    fn one_replica_is_replaced_by_surge() {
        let mut seen = world(1);
        settle(&mut seen, true);
        seen.object["spec"]["template"]["spec"]["x"] = json!(1);
        settle(&mut seen, true);
        assert_eq!(seen.replica_sets.iter().map(super::replicas).collect::<Vec<_>>(), [0, 1]);
    }
}
