//! PodDisruptionBudget: how many of the Pods it covers may be evicted now. Follows kubernetes/kubernetes
//! `pkg/controller/disruption/disruption.go`.

use std::time::Duration;

use api::{Condition, generation, set_condition, text};
use model::{ClusterName, Decision, Timestamp};
use serde_json::{Map, Value, json};

use crate::owned::{is_leaving, is_ready, tell};

/// So long an eviction counts whose Pod does not go.
const PATIENCE: Duration = Duration::from_secs(120);

/// Everything that is looked at.
#[derive(Debug, Clone)]
pub struct Observed {
    /// In which cluster.
    pub cluster: ClusterName,
    /// The budget.
    pub object: Value,
    /// Whether it has changed since it was last looked at, if only because its status was written.
    pub changed: bool,
    /// The present moment.
    pub now: Timestamp,
    /// The Pods that it covers.
    pub pods: Vec<Value>,
    /// The Deployments, ReplicaSets and StatefulSets of its namespace.
    pub owners: Vec<Value>,
}

/// Writes a budget's selector as a query; `None` covers nothing.
pub fn selector(budget: &Value) -> Option<String> {
    let selector = budget["spec"]["selector"].as_object()?;
    let labels = selector.get("matchLabels").and_then(Value::as_object).into_iter().flatten();
    let mut parts: Vec<String> = labels.map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default())).collect();
    for one in selector.get("matchExpressions").and_then(Value::as_array).into_iter().flatten() {
        let (key, values) = (text(one, &["key"]), api::texts(&one["values"]).join(","));
        parts.push(match text(one, &["operator"]) {
            "In" => format!("{key} in ({values})"),
            "NotIn" => format!("{key} notin ({values})"),
            "Exists" => key.to_owned(),
            "DoesNotExist" => format!("!{key}"),
            _ => return None,
        });
    }
    Some(parts.join(","))
}

/// Decides what a budget allows.
pub fn decide(seen: &Observed) -> Decision<Value> {
    let object = &seen.object;
    if is_leaving(object) {
        return Decision::of(object["status"].clone());
    }
    let mut status = object["status"].clone();
    match counted(seen) {
        Ok((expected, desired)) => {
            let evicted = evicted(seen);
            let healthy = seen.pods.iter().filter(|pod| !is_leaving(pod) && is_ready(pod) && !evicted.contains_key(api::name(pod))).count();
            let healthy = i64::try_from(healthy).unwrap_or(i64::MAX);
            let allowed = if expected <= 0 { 0 } else { (healthy - desired).max(0) };
            status["currentHealthy"] = json!(healthy);
            status["desiredHealthy"] = json!(desired);
            status["expectedPods"] = json!(expected);
            status["disruptionsAllowed"] = json!(allowed);
            let next = evicted.values().filter_map(|at| at.as_str()?.parse::<Timestamp>().ok()?.checked_add(PATIENCE).ok()).min();
            if let Some(fields) = status.as_object_mut() {
                fields.remove("disruptedPods");
                if !evicted.is_empty() {
                    fields.insert("disruptedPods".to_owned(), Value::Object(evicted));
                }
            }
            let (state, reason) = if allowed > 0 { ("True", "SufficientPods") } else { ("False", "InsufficientPods") };
            set_condition(
                &mut status,
                &Condition { kind: "DisruptionAllowed", status: state, reason, message: "" },
                generation(object),
                seen.now,
            );
            status["observedGeneration"] = json!(generation(object));
            // Upstream looks when a budget or a Pod that it covers has changed, and says it each time; what else wakes this role,
            // it does not hear of.
            let news = seen.changed || status != object["status"];
            let mut decision = Decision::of(status);
            if seen.pods.is_empty() && news {
                decision.actions.push(tell(&seen.cluster, object, "Normal", "NoPods", "No matching pods found".to_owned(), seen.now));
            }
            if let Some(at) = next {
                decision.look_again(at);
            }
            decision
        }
        Err(why) => {
            // Who cannot be counted is not evicted.
            status["disruptionsAllowed"] = json!(0);
            let told = Condition { kind: "DisruptionAllowed", status: "False", reason: "SyncFailed", message: &why };
            set_condition(&mut status, &told, generation(object), seen.now);
            status["observedGeneration"] = json!(generation(object));
            Decision::of(status)
        }
    }
}

/// Evictions that count still: those of Pods that are there and may yet go.
fn evicted(seen: &Observed) -> Map<String, Value> {
    let known = seen.object["status"]["disruptedPods"].as_object().cloned().unwrap_or_default();
    known
        .into_iter()
        .filter(|(name, at)| {
            let there = seen.pods.iter().any(|pod| api::name(pod) == name && !is_leaving(pod));
            let until = at.as_str().and_then(|at| at.parse::<Timestamp>().ok()).and_then(|at| at.checked_add(PATIENCE).ok());
            there && until.is_some_and(|until| seen.now < until)
        })
        .collect()
}

/// How many Pods there should be, and how many of them must be healthy.
fn counted(seen: &Observed) -> Result<(i64, i64), String> {
    let spec = &seen.object["spec"];
    let present = i64::try_from(seen.pods.len()).unwrap_or(i64::MAX);
    if !spec["maxUnavailable"].is_null() {
        let expected = scale(seen)?;
        return Ok((expected, (expected - share(&spec["maxUnavailable"], expected)?).max(0)));
    }
    if spec["minAvailable"].is_string() {
        let expected = scale(seen)?;
        return Ok((expected, share(&spec["minAvailable"], expected)?));
    }
    Ok((present, spec["minAvailable"].as_i64().unwrap_or(0)))
}

/// Reads a count, or a percentage of a total, rounded up.
fn share(value: &Value, total: i64) -> Result<i64, String> {
    if let Some(count) = value.as_i64() {
        return Ok(count);
    }
    let percent = value.as_str().and_then(|text| text.strip_suffix('%')).and_then(|text| text.parse::<i64>().ok());
    let percent = percent.filter(|percent| *percent >= 0).ok_or_else(|| format!("invalid value for IntOrString: {value}"))?;
    Ok(total.saturating_mul(percent).saturating_add(99) / 100)
}

/// What the controllers of the Pods want, each counted once; Pods without one count for nothing.
fn scale(seen: &Observed) -> Result<i64, String> {
    let mut counted: Vec<&str> = Vec::new();
    let mut total = 0i64;
    for pod in &seen.pods {
        let Some(owner) = controller(pod) else { continue };
        let kind = text(owner, &["kind"]);
        let find = |owner: &Value| seen.owners.iter().find(|one| api::uid(one) == text(owner, &["uid"]));
        let Some(mut set) = find(owner) else {
            if matches!(kind, "ReplicaSet" | "StatefulSet") {
                return Err(format!("found no controllers for pod \"{}\"", api::name(pod)));
            }
            let (version, plural) = (text(owner, &["apiVersion"]), format!("{}s", kind.to_lowercase()));
            let group = version.split_once('/').map_or("", |(group, _)| group);
            let qualified = if group.is_empty() { plural } else { format!("{plural}.{group}") };
            return Err(format!("{qualified} does not implement the scale subresource"));
        };
        if let Some(above) = controller(set).and_then(find) {
            set = above;
        }
        if !counted.contains(&api::uid(set)) {
            counted.push(api::uid(set));
            total = total.saturating_add(set["spec"]["replicas"].as_i64().unwrap_or(1));
        }
    }
    Ok(total)
}

fn controller(object: &Value) -> Option<&Value> {
    object["metadata"]["ownerReferences"].as_array()?.iter().find(|owner| owner["controller"] == true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(name: &str, ready: bool, owner: Option<&str>) -> Value {
        let mut pod = json!({"metadata": {"name": name}, "status": {"conditions": [{"type": "Ready", "status": if ready { "True" } else { "False" }}]}});
        if let Some(uid) = owner {
            pod["metadata"]["ownerReferences"] = json!([{"kind": "ReplicaSet", "apiVersion": "apps/v1", "uid": uid, "controller": true}]);
        }
        pod
    }

    fn budget(spec: Value, pods: Vec<Value>) -> Observed {
        Observed {
            cluster: ClusterName("dev".into()),
            object: json!({"metadata": {"name": "b", "generation": 3}, "spec": spec}),
            changed: true,
            now: "2026-01-01T00:00:00Z".parse().expect("a time"),
            pods,
            owners: vec![json!({"kind": "ReplicaSet", "metadata": {"uid": "r"}, "spec": {"replicas": 3}})],
        }
    }

    #[test]
    fn budgets_count_what_is_wanted_and_what_is_well() {
        let pods = || vec![pod("a", true, Some("r")), pod("b", true, Some("r")), pod("c", false, Some("r"))];
        for (spec, expected, desired, allowed) in [
            (json!({"minAvailable": 1}), 3, 1, 1),
            (json!({"minAvailable": "50%"}), 3, 2, 0),
            (json!({"maxUnavailable": 2}), 3, 1, 1),
            (json!({"maxUnavailable": "100%"}), 3, 0, 2),
        ] {
            let status = decide(&budget(spec.clone(), pods())).status;
            let found = ["expectedPods", "desiredHealthy", "disruptionsAllowed"].map(|field| status[field].as_i64().unwrap_or(-1));
            assert_eq!(found, [expected, desired, allowed], "{spec}");
            assert_eq!(status["observedGeneration"], 3);
        }
        let alone = decide(&budget(json!({"maxUnavailable": 0}), vec![pod("a", true, None)])).status;
        assert_eq!((&alone["disruptionsAllowed"], &alone["conditions"][0]["reason"]), (&json!(0), &json!("InsufficientPods")));
    }

    #[test]
    fn that_a_budget_covers_nobody_is_told_whenever_it_changes() {
        let tells = |seen: &Observed| matches!(&decide(seen).actions[..], [model::Action::Emit { reason, .. }] if reason == "NoPods");
        let mut nobody = budget(json!({"minAvailable": 1}), Vec::new());
        assert!(tells(&nobody), "when it is made");
        nobody.object["status"] = decide(&nobody).status;
        assert!(tells(&nobody), "when its status was written");
        assert_eq!(decide(&nobody).status, nobody.object["status"], "which is not written again");
        nobody.changed = false;
        assert!(!tells(&nobody), "when something else made it look");
        nobody.object["status"]["expectedPods"] = json!(1);
        assert!(tells(&nobody), "when its last Pod went");
        assert!(!tells(&budget(json!({"minAvailable": 1}), vec![pod("a", true, None)])));
    }

    #[test]
    fn an_eviction_counts_until_the_pod_is_gone_or_stays_for_long() {
        let mut seen = budget(json!({"minAvailable": 1}), vec![pod("a", true, None), pod("b", true, None)]);
        seen.object["status"]["disruptedPods"] = json!({"a": "2026-01-01T00:00:00Z"});
        assert_eq!(decide(&seen).status["disruptionsAllowed"], 0);
        seen.now = "2026-01-01T00:02:00Z".parse().expect("a time");
        assert_eq!(decide(&seen).status["disruptionsAllowed"], 1);
    }
}
