//! Events about Pods, in the words of the scheduler and of the kubelet.

use serde_json::{Value, json};

/// Who tells of scheduling.
pub(crate) const SCHEDULER: &str = "default-scheduler";
/// Who tells of containers, and the field manager of what a node writes.
pub(crate) const KUBELET: &str = "kubelet";

/// Something to tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Said {
    pub severity: &'static str,
    pub reason: &'static str,
    pub message: String,
    /// The container that it is about.
    pub container: String,
}

/// What an Event is about, and who tells it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct About<'a> {
    pub pod: &'a Value,
    pub component: &'a str,
    pub node: &'a str,
}

impl Said {
    /// Something that is as it should be.
    pub fn normal(reason: &'static str, container: &str, message: impl Into<String>) -> Self {
        Self { severity: "Normal", reason, message: message.into(), container: container.to_owned() }
    }

    /// Something that is not.
    pub fn warning(reason: &'static str, container: &str, message: impl Into<String>) -> Self {
        Self { severity: "Warning", reason, message: message.into(), container: container.to_owned() }
    }
}

/// Makes an Event of it, for a [`ports::Recorder`].
pub(crate) fn event(about: About<'_>, said: &Said) -> Value {
    let About { pod, component, node } = about;
    let mut event = json!({
        "apiVersion": "v1", "kind": "Event",
        "metadata": {"namespace": api::namespace(pod)},
        "involvedObject": {
            "apiVersion": "v1", "kind": "Pod", "namespace": api::namespace(pod), "name": api::name(pod), "uid": api::uid(pod),
            "resourceVersion": pod["metadata"]["resourceVersion"],
        },
        "type": said.severity, "reason": said.reason, "message": said.message,
        "source": {"component": component}, "reportingComponent": component,
    });
    if !said.container.is_empty() {
        event["involvedObject"]["fieldPath"] = json!(format!("spec.containers{{{}}}", said.container));
    }
    if component == KUBELET {
        event["source"]["host"] = json!(node);
        event["reportingInstance"] = json!(node);
    }
    event
}
