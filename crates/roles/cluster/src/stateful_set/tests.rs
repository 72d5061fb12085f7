use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::simulation::{Simulation, running, runs};

fn set(spec: Value) -> Simulation {
    let mut object = json!({
        "apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "w", "namespace": "n", "generation": 1},
        "spec": {"selector": {"matchLabels": {"app": "w"}}, "serviceName": "w", "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}},
            "template": {"metadata": {"labels": {"app": "w"}}, "spec": {"containers": [{"name": "c", "image": "i:1"}]}}},
    });
    for (key, value) in spec.as_object().expect("fields") {
        object["spec"][key] = value.clone();
    }
    let mut simulation = Simulation::of(object);
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
        claims: simulation.all("PersistentVolumeClaim"),
    })
}

fn settle(simulation: &mut Simulation) {
    simulation.settle(look, Duration::from_secs(3_600));
}

fn image(simulation: &mut Simulation, image: &str) {
    simulation.subject()["spec"]["template"]["spec"]["containers"][0]["image"] = json!(image);
}

/// What runs: ordinal and image.
fn shown(simulation: &Simulation) -> String {
    let mut all: Vec<String> = simulation
        .all("Pod")
        .iter()
        .map(|pod| format!("{}={}", api::name(pod), api::text(&pod["spec"]["containers"][0], &["image"])))
        .collect();
    all.sort();
    all.join(" ")
}

fn counts(simulation: &Simulation) -> Vec<i64> {
    let status = &simulation.objects[0]["status"];
    ["replicas", "readyReplicas", "availableReplicas", "currentReplicas", "updatedReplicas"].map(|field| count(&status[field], 0)).to_vec()
}

/// The names in the Events of one reason, in order.
fn said(simulation: &Simulation, verb: &str) -> Vec<String> {
    let about = |event: &String| event.split(&format!(" {verb} Pod ")).nth(1).and_then(|rest| rest.split(' ').next()).map(str::to_owned);
    simulation.events.iter().filter_map(about).collect()
}

#[test]
fn pods_have_names_and_come_in_order() {
    for crash in [None].into_iter().chain((0..20).map(Some)) {
        let mut simulation = set(json!({"replicas": 3, "ordinals": {"start": 5}}));
        simulation.dies_after = crash;
        settle(&mut simulation);
        assert_eq!(shown(&simulation), "w-5=i:1 w-6=i:1 w-7=i:1");
        assert_eq!(counts(&simulation), [3, 3, 3, 3, 3]);
        let status = &simulation.objects[0]["status"];
        assert_eq!(status["currentRevision"], status["updateRevision"]);
        assert_eq!(simulation.made["ControllerRevision"], 1);
        assert_eq!(look(&simulation).actions, Vec::new());
        let pod = &simulation.all("Pod")[0];
        assert_eq!(api::label(pod, "statefulset.kubernetes.io/pod-name"), Some("w-5"));
        assert_eq!(api::label(pod, "apps.kubernetes.io/pod-index"), Some("5"));
        assert_eq!(pod["metadata"]["labels"]["controller-revision-hash"], status["updateRevision"]);
        assert_eq!((&pod["spec"]["hostname"], &pod["spec"]["subdomain"]), (&json!("w-5"), &json!("w")));
        simulation.subject()["spec"]["replicas"] = json!(1);
        settle(&mut simulation);
        assert_eq!(shown(&simulation), "w-5=i:1");
        assert_eq!(said(&simulation, "delete"), ["w-7", "w-6"]);
    }
}

#[test]
fn the_next_pod_waits_for_the_last_unless_they_come_together() {
    for (policy, made) in [("OrderedReady", 1), ("Parallel", 3)] {
        let mut simulation = set(json!({"replicas": 3, "podManagementPolicy": policy}));
        simulation.kubelet = |pod| (pod["status"]["phase"] == "Pending").then(|| running(pod, false));
        settle(&mut simulation);
        assert_eq!(simulation.names("Pod").len(), made, "{policy}");
    }
}

#[test]
fn a_rollout_goes_from_the_highest_down_and_back() {
    for crash in [None].into_iter().chain((0..30).map(Some)) {
        let mut simulation = set(json!({"replicas": 3}));
        settle(&mut simulation);
        simulation.events.clear();
        simulation.dies_after = crash;
        image(&mut simulation, "i:2");
        settle(&mut simulation);
        assert_eq!(shown(&simulation), "w-0=i:2 w-1=i:2 w-2=i:2");
        if crash.is_none() {
            assert_eq!(said(&simulation, "delete"), ["w-2", "w-1", "w-0"]);
        }
        assert_eq!(counts(&simulation), [3, 3, 3, 3, 3]);
        let numbers =
            |simulation: &Simulation| simulation.all("ControllerRevision").iter().map(|one| one["revision"].clone()).collect::<Vec<_>>();
        assert_eq!(numbers(&simulation), [1, 2]);
        // What `rollout undo` does: the template of a revision is put back.
        image(&mut simulation, "i:1");
        settle(&mut simulation);
        assert_eq!((shown(&simulation).as_str(), numbers(&simulation)), ("w-0=i:1 w-1=i:1 w-2=i:1", vec![json!(3), json!(2)]));
    }
}

#[test]
fn strategies() {
    let partition = json!({"type": "RollingUpdate", "rollingUpdate": {"partition": 2}});
    let mut simulation = set(json!({"replicas": 3, "updateStrategy": partition}));
    settle(&mut simulation);
    image(&mut simulation, "i:2");
    settle(&mut simulation);
    assert_eq!((shown(&simulation).as_str(), counts(&simulation)), ("w-0=i:1 w-1=i:1 w-2=i:2", vec![3, 3, 3, 2, 1]));
    simulation.delete("Pod", "w-0");
    settle(&mut simulation);
    assert_eq!(shown(&simulation), "w-0=i:1 w-1=i:1 w-2=i:2", "below the partition the old template is taken");

    let mut simulation = set(json!({"replicas": 2, "updateStrategy": {"type": "OnDelete"}}));
    settle(&mut simulation);
    image(&mut simulation, "i:2");
    settle(&mut simulation);
    assert_eq!(shown(&simulation), "w-0=i:1 w-1=i:1");
    simulation.delete("Pod", "w-1");
    settle(&mut simulation);
    assert_eq!(shown(&simulation), "w-0=i:1 w-1=i:2");

    let together = json!({"type": "RollingUpdate", "rollingUpdate": {"partition": 0, "maxUnavailable": "70%"}});
    let mut simulation = set(json!({"replicas": 3, "podManagementPolicy": "Parallel", "updateStrategy": together}));
    settle(&mut simulation);
    image(&mut simulation, "i:2");
    let decision = look(&simulation);
    simulation.pass(&decision);
    assert_eq!(simulation.all("Pod").iter().filter(|pod| is_leaving(pod)).count(), 2);
    settle(&mut simulation);
    assert_eq!(shown(&simulation), "w-0=i:2 w-1=i:2 w-2=i:2");
}

#[test]
fn a_pod_that_goes_comes_back_once_it_is_gone() {
    let mut simulation = set(json!({"replicas": 2}));
    settle(&mut simulation);
    simulation.delete("Pod", "w-1");
    let decision = look(&simulation);
    assert!(decision.actions.is_empty() && decision.because[0].text.contains("w-1 to terminate"), "{:?}", decision.because);
    settle(&mut simulation);
    assert_eq!(simulation.made["Pod"], 3);
    for phase in ["Failed", "Succeeded"] {
        simulation.find("Pod", "w-0")["status"] = json!({"phase": phase});
        settle(&mut simulation);
    }
    assert_eq!((simulation.made["Pod"], counts(&simulation)[1]), (5, 2));
    let again: Vec<&String> = simulation.events.iter().filter(|event| event.starts_with("Warning")).collect();
    assert_eq!(
        again,
        [
            "Warning RecreatingFailedPod StatefulSet n/w is recreating failed Pod w-0",
            "Warning RecreatingTerminatedPod StatefulSet n/w is recreating terminated Pod w-0",
        ]
    );
}

#[test]
fn a_broken_rollout_can_be_taken_back_where_pods_come_together() {
    let mut simulation = set(json!({"replicas": 2, "podManagementPolicy": "Parallel"}));
    simulation.kubelet = |pod| {
        let good = pod["spec"]["containers"][0]["image"] != "i:bad";
        (pod["status"]["phase"] == "Pending").then(|| running(pod, good))
    };
    settle(&mut simulation);
    image(&mut simulation, "i:bad");
    settle(&mut simulation);
    assert_eq!(shown(&simulation), "w-0=i:1 w-1=i:bad");
    image(&mut simulation, "i:3");
    settle(&mut simulation);
    assert_eq!(shown(&simulation), "w-0=i:3 w-1=i:3");
}

#[test]
fn pods_ripen() {
    let mut simulation = set(json!({"replicas": 2, "minReadySeconds": 30}));
    simulation.settle(look, Duration::from_secs(29));
    assert_eq!((simulation.names("Pod").len(), counts(&simulation)), (1, vec![1, 1, 0, 1, 1]));
    settle(&mut simulation);
    assert_eq!(counts(&simulation), [2, 2, 2, 2, 2]);
}

#[test]
fn claims_are_made_kept_and_given_up() {
    let template = json!([{"metadata": {"name": "data"}, "spec": {"accessModes": ["ReadWriteOnce"]}}]);
    for (policy, after) in [("Retain", vec!["data-w-0", "data-w-1"]), ("Delete", vec!["data-w-0"])] {
        let retention = json!({"whenDeleted": policy, "whenScaled": policy});
        let mut simulation =
            set(json!({"replicas": 2, "volumeClaimTemplates": template, "persistentVolumeClaimRetentionPolicy": retention}));
        settle(&mut simulation);
        assert_eq!(simulation.names("PersistentVolumeClaim"), ["data-w-0", "data-w-1"]);
        let volume = &simulation.all("Pod")[1]["spec"]["volumes"][0];
        assert_eq!(*volume, json!({"name": "data", "persistentVolumeClaim": {"claimName": "data-w-1"}}));
        let owner = |simulation: &Simulation, at: usize| {
            simulation.all("PersistentVolumeClaim")[at]["metadata"]["ownerReferences"][0]["kind"].clone()
        };
        let set_owns = if policy == "Delete" { json!("StatefulSet") } else { Value::Null };
        assert_eq!(owner(&simulation, 1), set_owns);
        simulation.subject()["spec"]["replicas"] = json!(1);
        let decision = look(&simulation);
        simulation.pass(&decision);
        if policy == "Delete" {
            assert_eq!(owner(&simulation, 1), "Pod", "it goes with its Pod");
            simulation.objects.retain(|object| api::name(object) != "data-w-1");
        }
        settle(&mut simulation);
        assert_eq!(
            (simulation.names("PersistentVolumeClaim"), owner(&simulation, 0)),
            (after.into_iter().map(str::to_owned).collect(), set_owns)
        );
    }
}

#[test]
fn what_nobody_controls_is_taken_over() {
    let mut simulation = set(json!({"replicas": 2}));
    settle(&mut simulation);
    for object in &mut simulation.objects[1..] {
        object["metadata"].as_object_mut().expect("fields").remove("ownerReferences");
    }
    settle(&mut simulation);
    assert!(simulation.objects[1..].iter().all(|object| owned_by(object, &simulation.objects[0])));
    assert_eq!(simulation.made["Pod"], 2);
}

#[test]
fn the_history_has_an_end() {
    let mut simulation = set(json!({"replicas": 1, "revisionHistoryLimit": 2}));
    for number in 0..6 {
        image(&mut simulation, &format!("i:{number}"));
        settle(&mut simulation);
    }
    assert_eq!(simulation.names("ControllerRevision").len(), 3);
}
