//! A kubelet and a scheduler that only say so: every Pod gets a node and is running and ready at once. One whose `restartPolicy` lets
//! it end does so, well unless its first container's command is `false`, and not at all when that is `sleep`.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use k8s_openapi::api::core::v1::{Node, Pod};
use k8s_openapi::jiff::Timestamp;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams, Preconditions};
use kube::runtime::controller::{Action, Controller};
use kube::runtime::watcher;
use kube::{Api, Client, ResourceExt as _};
use serde_json::{Value, json};

struct Kubelet {
    client: Client,
    nodes: Vec<String>,
}

/// Registers the nodes and looks after their Pods, for ever.
pub async fn run(client: Client, nodes: Vec<String>) -> anyhow::Result<()> {
    for node in &nodes {
        register(&client, node).await?;
    }
    println!("kubelet: {} nodes", nodes.len());
    let pods: Api<Pod> = Api::all(client.clone());
    let failed = |_: Arc<Pod>, _: &kube::Error, _: Arc<Kubelet>| Action::requeue(Duration::from_millis(200));
    let kubelet = Arc::new(Kubelet { client, nodes });
    Controller::new(pods, watcher::Config::default()).run(look, failed, kubelet).for_each(|_| std::future::ready(())).await;
    Ok(())
}

async fn register(client: &Client, name: &str) -> Result<(), kube::Error> {
    let nodes: Api<Node> = Api::all(client.clone());
    let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name}}});
    nodes.patch(name, &PatchParams::apply("kubelet"), &Patch::Apply(node)).await?;
    let ready = condition("Ready", &now());
    let room = json!({"cpu": "8", "memory": "16Gi", "pods": "500"});
    let status = json!({"status": {"conditions": [ready], "capacity": room, "allocatable": room}});
    nodes.patch_status(name, &PatchParams::default(), &Patch::Strategic(status)).await.map(drop)
}

/// Takes one Pod one step further.
async fn look(pod: Arc<Pod>, kubelet: Arc<Kubelet>) -> Result<Action, kube::Error> {
    let pods: Api<Pod> = Api::namespaced(kubelet.client.clone(), &pod.namespace().unwrap_or_default());
    let name = pod.name_any();
    let node = pod.spec.as_ref().and_then(|spec| spec.node_name.clone());
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref()).unwrap_or("Pending");
    let Some(node) = node else {
        let Some(node) = place(&pod, &kubelet).await? else { return Ok(Action::requeue(Duration::from_millis(200))) };
        let target = json!({"apiVersion": "v1", "kind": "Node", "name": node});
        let binding = json!({"apiVersion": "v1", "kind": "Binding", "metadata": {"name": name}, "target": target});
        pods.create_subresource::<Value, Value>("binding", &name, &PostParams::default(), &binding).await?;
        return Ok(Action::await_change());
    };
    if !kubelet.nodes.contains(&node) {
        return Ok(Action::await_change());
    }
    if pod.metadata.deletion_timestamp.is_some() {
        let itself = Preconditions { uid: pod.uid(), resource_version: None };
        match pods.delete(&name, &DeleteParams::default().grace_period(0).preconditions(itself)).await {
            Err(kube::Error::Api(status)) if status.code == 404 || status.code == 409 => {}
            other => drop(other?),
        }
    } else if let Some(status) = next(&pod, phase) {
        pods.patch_status(&name, &PatchParams::default(), &Patch::Strategic(json!({"status": status}))).await?;
    }
    Ok(Action::await_change())
}

/// The node for a Pod: the one that a DaemonSet has chosen, or any that takes Pods.
async fn place(pod: &Pod, kubelet: &Kubelet) -> Result<Option<String>, kube::Error> {
    let spec = serde_json::to_value(&pod.spec).unwrap_or_default();
    let terms = &spec["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"];
    if let Some(chosen) = terms[0]["matchFields"][0]["values"][0].as_str() {
        return Ok(Some(chosen.to_owned()));
    }
    let nodes = Api::<Node>::all(kubelet.client.clone()).list(&ListParams::default()).await?.items;
    let takes = |node: &Node| node.spec.as_ref().is_none_or(|spec| spec.unschedulable != Some(true));
    let free: Vec<String> =
        nodes.iter().filter(|node| takes(node)).map(Node::name_any).filter(|name| kubelet.nodes.contains(name)).collect();
    let number = pod.name_any().bytes().map(usize::from).sum::<usize>();
    Ok(free.get(number % free.len().max(1)).cloned())
}

/// The next status of a Pod, if there is one.
fn next(pod: &Pod, phase: &str) -> Option<Value> {
    let spec = pod.spec.as_ref()?;
    let now = now();
    let containers = |ready: bool, state: &Value| -> Vec<Value> {
        let one = |name: &str, image: Option<&String>| json!({"name": name, "image": image, "imageID": image, "ready": ready, "started": ready, "restartCount": 0, "state": state});
        spec.containers.iter().map(|container| one(&container.name, container.image.as_ref())).collect()
    };
    let command = spec.containers.first().and_then(|container| container.command.as_ref()?.first()).map_or("", String::as_str);
    match phase {
        "Pending" => Some(json!({
            "phase": "Running", "startTime": now, "hostIP": "10.0.0.1", "podIP": "10.1.0.1", "podIPs": [{"ip": "10.1.0.1"}],
            "conditions": [condition("Initialized", &now), condition("ContainersReady", &now), condition("Ready", &now)],
            "containerStatuses": containers(true, &json!({"running": {"startedAt": now}})),
        })),
        "Running" if spec.restart_policy.as_deref() != Some("Always") && command != "sleep" => {
            let (phase, code, reason) = if command == "false" { ("Failed", 1, "Error") } else { ("Succeeded", 0, "Completed") };
            let ended = json!({"terminated": {"exitCode": code, "reason": reason, "startedAt": now, "finishedAt": now}});
            let unready = |kind: &str| json!({"type": kind, "status": "False", "reason": "PodCompleted", "lastTransitionTime": now});
            let conditions = [unready("ContainersReady"), unready("Ready")];
            Some(json!({"phase": phase, "conditions": conditions, "containerStatuses": containers(false, &ended)}))
        }
        _ => None,
    }
}

fn condition(kind: &str, now: &str) -> Value {
    json!({"type": kind, "status": "True", "lastTransitionTime": now})
}

fn now() -> String {
    let now = Timestamp::now();
    Timestamp::from_second(now.as_second()).unwrap_or(now).to_string()
}
