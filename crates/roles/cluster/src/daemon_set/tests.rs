use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::simulation::{Simulation, running, runs};

fn set(spec: Value) -> Simulation {
    let mut object = json!({
        "apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": "d", "namespace": "n", "generation": 1},
        "spec": {"selector": {"matchLabels": {"app": "d"}}, "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1, "maxSurge": 0}},
            "template": {"metadata": {"labels": {"app": "d"}}, "spec": {"containers": [{"name": "c", "image": "i:1"}]}}},
    });
    for (key, value) in spec.as_object().expect("fields") {
        object["spec"][key] = value.clone();
    }
    let mut simulation = Simulation::of(object);
    for name in ["a", "b", "c"] {
        simulation.add(json!({"kind": "Node", "metadata": {"name": name, "labels": {"name": name}}}));
    }
    simulation.kubelet = runs;
    simulation
}

fn look(simulation: &Simulation) -> Decision<Value> {
    decide(&Observed {
        cluster: simulation.cluster.clone(),
        object: simulation.objects[0].clone(),
        now: simulation.now,
        pods: simulation.all("Pod"),
        revisions: simulation.all("ControllerRevision"),
        nodes: simulation.all("Node"),
    })
}

fn settle(simulation: &mut Simulation) {
    simulation.settle(look, Duration::from_secs(3_600));
}

fn image(simulation: &mut Simulation, image: &str) {
    simulation.subject()["spec"]["template"]["spec"]["containers"][0]["image"] = json!(image);
}

fn shown(simulation: &Simulation) -> String {
    let image = |pod: &Value| text(&pod["spec"]["containers"][0], &["image"]).to_owned();
    let mut all: Vec<String> = simulation.all("Pod").iter().map(|pod| format!("{}={}", nodes::of_pod(pod), image(pod))).collect();
    all.sort();
    all.join(" ")
}

fn counts(simulation: &Simulation) -> Vec<i64> {
    let status = &simulation.objects[0]["status"];
    ["desiredNumberScheduled", "currentNumberScheduled", "numberReady", "numberAvailable", "updatedNumberScheduled", "numberMisscheduled"]
        .map(|field| count(&status[field], 0))
        .to_vec()
}

#[test]
fn every_node_that_fits_has_one() {
    for crash in [None].into_iter().chain((0..8).map(Some)) {
        let mut simulation = set(json!({}));
        simulation.dies_after = crash;
        settle(&mut simulation);
        assert_eq!((shown(&simulation).as_str(), counts(&simulation)), ("a=i:1 b=i:1 c=i:1", vec![3, 3, 3, 3, 3, 0]));
        assert_eq!((simulation.made["Pod"], look(&simulation).actions), (3, Vec::new()));
        simulation.add(json!({"kind": "Node", "metadata": {"name": "e"}}));
        simulation.find("Node", "a")["spec"]["taints"] = json!([{"key": "x", "effect": "NoExecute"}]);
        simulation.find("Node", "b")["spec"]["taints"] = json!([{"key": "x", "effect": "NoSchedule"}]);
        simulation.objects.retain(|object| api::name(object) != "c");
        settle(&mut simulation);
        assert_eq!((shown(&simulation).as_str(), counts(&simulation)), ("b=i:1 e=i:1", vec![1, 1, 1, 1, 1, 1]));
    }
}

#[test]
fn rollouts_keep_their_bounds() {
    for (bounds, least, most) in [
        (json!({"maxUnavailable": 1, "maxSurge": 0}), 2, 3),
        (json!({"maxUnavailable": "67%", "maxSurge": 0}), 0, 3),
        (json!({"maxUnavailable": 0, "maxSurge": 1}), 3, 4),
    ] {
        let mut simulation = set(json!({"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": bounds}}));
        settle(&mut simulation);
        image(&mut simulation, "i:2");
        for _ in 0..40 {
            let decision = look(&simulation);
            simulation.pass(&decision);
            simulation.run_pods();
            let here: Vec<Value> = simulation.all("Pod").into_iter().filter(|pod| !is_leaving(pod)).collect();
            assert!(here.iter().filter(|pod| is_ready(pod)).count() >= least && here.len() <= most, "{bounds}: {}", shown(&simulation));
        }
        assert_eq!((shown(&simulation).as_str(), counts(&simulation)), ("a=i:2 b=i:2 c=i:2", vec![3, 3, 3, 3, 3, 0]), "{bounds}");
    }
}

#[test]
fn a_broken_rollout_stops_and_can_be_taken_back() {
    let mut simulation = set(json!({}));
    simulation.kubelet = |pod| {
        let good = pod["spec"]["containers"][0]["image"] != "i:bad";
        (pod["status"]["phase"] == "Pending").then(|| running(pod, good))
    };
    settle(&mut simulation);
    image(&mut simulation, "i:bad");
    settle(&mut simulation);
    assert_eq!((shown(&simulation).as_str(), counts(&simulation)), ("a=i:bad b=i:1 c=i:1", vec![3, 3, 2, 2, 1, 0]));
    image(&mut simulation, "i:1");
    settle(&mut simulation);
    assert_eq!(shown(&simulation), "a=i:1 b=i:1 c=i:1");
    let numbers: Vec<Value> = simulation.all("ControllerRevision").iter().map(|one| one["revision"].clone()).collect();
    assert_eq!(numbers, [3, 2]);
}

#[test]
fn pods_that_end_are_replaced() {
    let mut simulation = set(json!({"updateStrategy": {"type": "OnDelete"}}));
    settle(&mut simulation);
    image(&mut simulation, "i:2");
    for (at, phase) in ["Failed", "Succeeded"].into_iter().enumerate() {
        let name = api::name(&simulation.all("Pod")[at]).to_owned();
        simulation.find("Pod", &name)["status"] = json!({"phase": phase});
    }
    settle(&mut simulation);
    assert_eq!(shown(&simulation), "a=i:2 b=i:2 c=i:1");
    let words: Vec<&str> =
        simulation.events.iter().filter(|event| event.contains("Found")).filter_map(|event| event.split(' ').nth(1)).collect();
    assert_eq!(words, ["SucceededDaemonPod", "FailedDaemonPod"]);
}
