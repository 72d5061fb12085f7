//! The two nodes as objects: what they say of themselves.

use serde_json::{Value, json};

use crate::addresses::HOST;
use crate::schedule::{JOBS_ONLY, SIMULATED};

/// The release of Kubernetes whose kubelet is played.
const RELEASE: &str = "v1.36.0";

/// The architecture in Go's word.
fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

fn note(name: &str) -> &'static str {
    if name == SIMULATED {
        "Pods here are simulated: no program runs"
    } else {
        "Pods of Jobs run here as containers; they share the host's network"
    }
}

/// Returns a node as it registers.
pub(crate) fn node(name: &str) -> Value {
    let role = if name == SIMULATED { "simulated" } else { "host-network" };
    let labels = json!({
        "kubernetes.io/hostname": name, "kubernetes.io/os": "linux", "kubernetes.io/arch": architecture(),
        (format!("node-role.kubernetes.io/{role}")): "",
    });
    let metadata = json!({"name": name, "labels": labels, "annotations": {"supercargo.dev/note": note(name)}});
    let mut node = json!({"apiVersion": "v1", "kind": "Node", "metadata": metadata});
    if name != SIMULATED {
        node["spec"] = json!({"taints": [{"key": JOBS_ONLY, "effect": "NoSchedule"}]});
    }
    node
}

/// Returns a node's status.
pub(crate) fn status(name: &str, now: &str) -> Value {
    let note = note(name);
    let (runtime, version) = if name == SIMULATED {
        ("simulated://1".to_owned(), format!("{RELEASE}+simulated"))
    } else {
        ("libcontainer://0.7".to_owned(), format!("{RELEASE}+supercargo{}", env!("CARGO_PKG_VERSION")))
    };
    let room = room(name);
    json!({
        "addresses": [{"type": "InternalIP", "address": HOST.to_string()}, {"type": "Hostname", "address": name}],
        "capacity": room, "allocatable": room,
        "conditions": [{"type": "Ready", "status": "True", "reason": "KubeletReady", "message": note, "lastHeartbeatTime": now, "lastTransitionTime": now}],
        "nodeInfo": {
            "architecture": architecture(), "operatingSystem": "linux", "containerRuntimeVersion": runtime, "kubeletVersion": version,
            "kubeProxyVersion": "", "bootID": "", "kernelVersion": "", "machineID": "", "osImage": note, "systemUUID": "",
        },
    })
}

/// What a node has: this machine, or more than anybody asks for by right.
fn room(name: &str) -> Value {
    if name == SIMULATED {
        return json!({"cpu": "1k", "memory": "4Ti", "ephemeral-storage": "16Ti", "pods": "10k"});
    }
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let memory = std::fs::read_to_string("/proc/meminfo").ok().and_then(|text| {
        let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
        line.split_whitespace().next()?.parse::<u64>().ok()
    });
    json!({"cpu": processors.to_string(), "memory": format!("{}Ki", memory.unwrap_or(1 << 20)), "ephemeral-storage": "1Ti", "pods": "110"})
}
