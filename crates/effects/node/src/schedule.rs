//! On which node a Pod goes, or why on none. Pure. Read first: [`choose`]. Follows kubernetes/kubernetes
//! `pkg/scheduler/framework/plugins/{nodeunschedulable,tainttoleration,nodeaffinity,noderesources}` and the words of
//! `pkg/scheduler/framework/types.go` (FitError).

use std::collections::BTreeMap;

use golang::Quantity;
use serde_json::{Value, json};

/// The node whose Pods only look as if they ran. Every other node but [`CONTAINERS`] is like it.
pub(crate) const SIMULATED: &str = "simulated";
/// The node whose Pods are containers.
pub(crate) const CONTAINERS: &str = "containers";
/// The taint that keeps all others away from there.
pub(crate) const JOBS_ONLY: &str = "supercargo.dev/jobs-only";

/// Amounts of resources by name, in billionths.
pub(crate) type Amounts = BTreeMap<String, i128>;

/// What a Pod is to a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wish {
    /// A program is to run.
    Contained,
    /// It is to look as if one ran.
    Simulated,
    /// A rule of the simulation says that no node takes it.
    Nowhere,
}

/// Why a node does not take a Pod, and whether another Pod's end would change that.
struct Refusal {
    reasons: Vec<String>,
    passing: bool,
}

/// Returns the node on which a Pod goes; the error is the scheduler's message. `used` is what the Pods of a node have.
pub(crate) fn choose<'a>(pod: &Value, wish: Wish, nodes: &'a [Value], used: &BTreeMap<String, Amounts>) -> Result<&'a str, String> {
    let wanted = requests(pod);
    let mut refusals = Vec::new();
    let mut order: Vec<&Value> = nodes.iter().collect();
    order.sort_by_key(|node| (api::name(node) != SIMULATED, api::name(node)));
    for node in order {
        let nothing = Amounts::new();
        match refusal(pod, wish, node, &wanted, used.get(api::name(node)).unwrap_or(&nothing)) {
            None => return Ok(api::name(node)),
            Some(refusal) => refusals.push(refusal),
        }
    }
    Err(told(&refusals))
}

fn told(refusals: &[Refusal]) -> String {
    let count = refusals.len();
    if count == 0 {
        return "no nodes available to schedule pods".to_owned();
    }
    let histogram = |words: Vec<&str>| {
        let mut counts = BTreeMap::new();
        words.into_iter().for_each(|word| *counts.entry(word).or_insert(0) += 1);
        let mut parts: Vec<String> = counts.into_iter().map(|(word, count)| format!("{count} {word}")).collect();
        parts.sort();
        parts.join(", ")
    };
    let reasons = histogram(refusals.iter().flat_map(|refusal| refusal.reasons.iter().map(String::as_str)).collect());
    let preemption =
        histogram(
            refusals
                .iter()
                .map(|refusal| {
                    if refusal.passing {
                        "No preemption victims found for incoming pod"
                    } else {
                        "Preemption is not helpful for scheduling"
                    }
                })
                .collect(),
        );
    format!(
        "0/{count} nodes are available: {reasons}. no new claims to deallocate, preemption: 0/{count} nodes are available: {preemption}."
    )
}

/// The first filter that a Pod does not pass decides.
fn refusal(pod: &Value, wish: Wish, node: &Value, wanted: &Amounts, used: &Amounts) -> Option<Refusal> {
    let fixed = |reason: &str| Some(Refusal { reasons: vec![reason.to_owned()], passing: false });
    if wish == Wish::Nowhere {
        return fixed("node(s) are closed to it by the rule \"unschedulable\" of the simulation");
    }
    if wish == Wish::Contained && api::name(node) != CONTAINERS {
        return fixed("node(s) only simulate Pods");
    }
    let spec = &pod["spec"];
    let mut tolerations: Vec<Value> = spec["tolerations"].as_array().cloned().unwrap_or_default();
    if wish == Wish::Contained {
        tolerations.push(json!({"key": JOBS_ONLY, "operator": "Exists"}));
    }
    let tolerated = |taint: &Value| tolerations.iter().any(|toleration| api::tolerates(toleration, taint));
    if node["spec"]["unschedulable"] == true && !tolerated(&json!({"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"})) {
        return fixed("node(s) were unschedulable");
    }
    let taints = node["spec"]["taints"].as_array().into_iter().flatten();
    if taints.filter(|taint| taint["effect"] == "NoSchedule" || taint["effect"] == "NoExecute").any(|taint| !tolerated(taint)) {
        return fixed("node(s) had untolerated taint(s)");
    }
    if !api::likes(spec, node) {
        return fixed("node(s) didn't match Pod's node affinity/selector");
    }
    let mut lacking = Refusal { reasons: Vec::new(), passing: true };
    // A node that says nothing of what it has takes everything.
    for (name, amount) in wanted.iter().filter(|(_, amount)| **amount > 0 && node["status"]["allocatable"].is_object()) {
        let there = quantity(&node["status"]["allocatable"][name]);
        if used.get(name).copied().unwrap_or(0) + amount > there {
            lacking.passing &= *amount <= there;
            lacking.reasons.push(if name == "pods" { "Too many pods".to_owned() } else { format!("Insufficient {name}") });
        }
    }
    (!lacking.reasons.is_empty()).then_some(lacking)
}

/// What a Pod asks for: of all its containers together, or of the one that starts it and needs more.
pub(crate) fn requests(pod: &Value) -> Amounts {
    let spec = &pod["spec"];
    let list = |name: &str| spec[name].as_array().map(Vec::as_slice).unwrap_or_default();
    let mut total = Amounts::new();
    let add = |total: &mut Amounts, from: &Value| {
        for (name, amount) in from.as_object().into_iter().flatten() {
            *total.entry(name.clone()).or_insert(0) += quantity(amount);
        }
    };
    list("containers").iter().for_each(|container| add(&mut total, &container["resources"]["requests"]));
    let mut lasting = Amounts::new();
    for container in list("initContainers") {
        let own = &container["resources"]["requests"];
        if container["restartPolicy"] == "Always" {
            add(&mut total, own);
            add(&mut lasting, own);
            continue;
        }
        for (name, amount) in own.as_object().into_iter().flatten() {
            let needed = quantity(amount) + lasting.get(name).copied().unwrap_or(0);
            let so_far = total.entry(name.clone()).or_insert(0);
            *so_far = needed.max(*so_far);
        }
    }
    add(&mut total, &spec["overhead"]);
    add(&mut total, &json!({"pods": "1"}));
    total
}

fn quantity(value: &Value) -> i128 {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    Quantity::parse(&text).map_or(0, |quantity| quantity.nanos())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nodes() -> Vec<Value> {
        let node = |name: &str, more: Value| {
            let mut node = json!({"metadata": {"name": name, "labels": {"kubernetes.io/hostname": name}}, "status": {"allocatable": {"cpu": "4", "memory": "8Gi", "pods": "10"}}});
            node["spec"] = more;
            node
        };
        vec![node(CONTAINERS, json!({"taints": [{"key": JOBS_ONLY, "effect": "NoSchedule"}]})), node(SIMULATED, json!({}))]
    }

    fn check(spec: Value, wish: Wish, wanted: Result<&str, &str>) {
        let pod = json!({"spec": spec});
        let used = BTreeMap::from([(
            SIMULATED.to_owned(),
            requests(&json!({"spec": {"containers": [{"resources": {"requests": {"cpu": "1"}}}]}})),
        )]);
        let nodes = nodes();
        let told = choose(&pod, wish, &nodes, &used);
        assert_eq!(told.as_deref().map_err(String::as_str), wanted, "{pod}");
    }

    fn asking(name: &str, amount: &str) -> Value {
        json!({"containers": [{"resources": {"requests": {name: amount}}}]})
    }

    #[test]
    fn a_node_is_chosen_or_the_scheduler_says_why_not() {
        const UNLIKED: &str = "0/2 nodes are available: 1 node(s) didn't match Pod's node affinity/selector, 1 node(s) had untolerated taint(s). no new claims to deallocate, preemption: 0/2 nodes are available: 2 Preemption is not helpful for scheduling.";
        check(json!({}), Wish::Simulated, Ok(SIMULATED));
        check(json!({}), Wish::Contained, Ok(CONTAINERS));
        check(json!({"nodeSelector": {"disk": "ssd"}}), Wish::Simulated, Err(UNLIKED));
        let here = |name: &str| json!({"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [{"matchFields": [{"key": "metadata.name", "operator": "In", "values": [name]}]}]}}});
        check(json!({"affinity": here("other")}), Wish::Simulated, Err(UNLIKED));
        check(json!({"affinity": here(CONTAINERS), "tolerations": [{"operator": "Exists"}]}), Wish::Simulated, Ok(CONTAINERS));
        check(asking("cpu", "3"), Wish::Simulated, Ok(SIMULATED));
        check(
            asking("cpu", "3500m"),
            Wish::Simulated,
            Err(
                "0/2 nodes are available: 1 Insufficient cpu, 1 node(s) had untolerated taint(s). no new claims to deallocate, preemption: 0/2 nodes are available: 1 No preemption victims found for incoming pod, 1 Preemption is not helpful for scheduling.",
            ),
        );
        check(
            asking("nvidia.com/gpu", "1"),
            Wish::Contained,
            Err(
                "0/2 nodes are available: 1 Insufficient nvidia.com/gpu, 1 node(s) only simulate Pods. no new claims to deallocate, preemption: 0/2 nodes are available: 2 Preemption is not helpful for scheduling.",
            ),
        );
        check(
            json!({}),
            Wish::Nowhere,
            Err(
                "0/2 nodes are available: 2 node(s) are closed to it by the rule \"unschedulable\" of the simulation. no new claims to deallocate, preemption: 0/2 nodes are available: 2 Preemption is not helpful for scheduling.",
            ),
        );
        let mut closed = nodes();
        closed[1]["spec"]["unschedulable"] = json!(true);
        let told = choose(&json!({}), Wish::Simulated, &closed, &BTreeMap::new()).expect_err("no node");
        assert!(told.contains("1 node(s) were unschedulable"), "{told}");
        assert_eq!(choose(&json!({}), Wish::Simulated, &[], &BTreeMap::new()), Err("no nodes available to schedule pods".to_owned()));
    }

    #[test]
    fn a_pod_asks_for_what_its_containers_need() {
        let container = |cpu: &str| json!({"resources": {"requests": {"cpu": cpu}}});
        let mut sidecar = container("2");
        sidecar["restartPolicy"] = json!("Always");
        let pod = json!({"spec": {"containers": [container("1"), container("1")], "initContainers": [sidecar, container("3")], "overhead": {"cpu": "100m"}}});
        assert_eq!(requests(&pod)["cpu"], quantity(&json!("5100m")));
    }
}
