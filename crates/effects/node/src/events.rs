//! Events about Pods, in the words of the scheduler and of the kubelet. One that is told again is the same object, seen once more,
//! as everywhere here.

use ports::{Cluster, ClusterError};
use serde_json::{Value, json};

/// Who tells of scheduling.
pub(crate) const SCHEDULER: &str = "default-scheduler";
/// Who tells of containers, and the field manager of what a node writes.
pub(crate) const KUBELET: &str = "kubelet";
/// Longest message, in letters.
const MESSAGE: usize = 1_024;

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
    /// When, as objects carry it.
    pub at: &'a str,
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

/// Tells it. Where Events are not taken, as in a namespace that goes, nobody waits for them.
pub(crate) async fn tell(cluster: &Cluster, about: About<'_>, said: &Said) {
    if let Err(error) = try_to_tell(cluster, about, said).await {
        tracing::debug!(pod = api::name(about.pod), reason = said.reason, %error, "an Event was not told");
    }
}

async fn try_to_tell(cluster: &Cluster, about: About<'_>, said: &Said) -> Result<(), ClusterError> {
    let (event, name) = event(about, said);
    match cluster.create(about.component, &event).await {
        Err(error) if error.is_conflict() => {}
        other => return other.map(drop),
    }
    let place = model::ObjectRef { api_version: "v1".into(), kind: "Event".into(), namespace: api::namespace(about.pod).into(), name };
    let Some(known) = cluster.get(&place).await? else { return Ok(()) };
    let patch = json!({"count": known["count"].as_i64().unwrap_or(1) + 1, "lastTimestamp": about.at});
    cluster.patch(about.component, &place, None, &patch).await.map(drop)
}

fn event(about: About<'_>, said: &Said) -> (Value, String) {
    let About { pod, component, node, at } = about;
    let seed = format!("{}/{}/{}/{}/{}", api::uid(pod), said.container, said.severity, said.reason, said.message);
    let mut name = api::name(pod).chars().take(200).collect::<String>();
    name.push_str(&format!(".{}", &model::Digest::of(seed.as_bytes()).hex()[..16]));
    let mut event = json!({
        "apiVersion": "v1", "kind": "Event",
        "metadata": {"name": name, "namespace": api::namespace(pod)},
        "involvedObject": {"apiVersion": "v1", "kind": "Pod", "namespace": api::namespace(pod), "name": api::name(pod), "uid": api::uid(pod)},
        "type": said.severity, "reason": said.reason, "message": said.message.chars().take(MESSAGE).collect::<String>(), "count": 1,
        "firstTimestamp": at, "lastTimestamp": at, "source": {"component": component}, "reportingComponent": component,
    });
    if !said.container.is_empty() {
        event["involvedObject"]["fieldPath"] = json!(format!("spec.containers{{{}}}", said.container));
    }
    if component == KUBELET {
        event["source"]["host"] = json!(node);
        event["reportingInstance"] = json!(node);
    }
    (event, name)
}
