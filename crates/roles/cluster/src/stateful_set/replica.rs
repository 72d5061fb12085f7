//! The Pods of a StatefulSet, their names and their claims. Follows kubernetes/kubernetes
//! `pkg/controller/statefulset/stateful_set_utils.go` and `stateful_pod_control.go`.

use api::text;
use model::Timestamp;
use serde_json::{Value, json};

use super::Observed;
use crate::owned::{count, is_leaving, is_ready, owned_by, owner_reference, ripe_at};

/// Most Pods of one set on one machine.
pub(super) const PODS: i64 = 500;
/// Which revision a Pod has.
const REVISION: &str = "controller-revision-hash";
/// A Pod's own name.
const POD_NAME: &str = "statefulset.kubernetes.io/pod-name";
/// A Pod's ordinal.
const POD_INDEX: &str = "apps.kubernetes.io/pod-index";

/// A place of the set.
pub(super) struct Replica<'a> {
    pub(super) ordinal: i64,
    pub(super) pod: Option<&'a Value>,
}

/// How far a Pod is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Leaving,
    Unready,
    /// Ready, and available at this time.
    Ripening(Timestamp),
    Available,
}

impl Replica<'_> {
    pub(super) fn state(&self, min_ready: i64, now: Timestamp) -> State {
        let Some(pod) = self.pod else { return State::Unready };
        if is_leaving(pod) {
            return State::Leaving;
        }
        ripeness(pod, min_ready, now)
    }

    /// Tells whether a Pod is available, though it may be leaving.
    pub(super) fn is_available(&self, min_ready: i64, now: Timestamp) -> bool {
        self.pod.is_some_and(|pod| ripeness(pod, min_ready, now) == State::Available)
    }
}

fn ripeness(pod: &Value, min_ready: i64, now: Timestamp) -> State {
    if !is_running_and_ready(pod) {
        return State::Unready;
    }
    match ripe_at(pod, min_ready) {
        Some(at) if at > now => State::Ripening(at),
        _ => State::Available,
    }
}

pub(super) fn is_running_and_ready(pod: &Value) -> bool {
    text(pod, &["status", "phase"]) == "Running" && is_ready(pod)
}

/// The Pods that are wanted, by ordinal, and those that are too many.
pub(super) fn sorted(seen: &Observed) -> (Vec<Replica<'_>>, Vec<Replica<'_>>) {
    let set = &seen.object;
    let start = start(set);
    let end = start + count(&set["spec"]["replicas"], 1).clamp(0, PODS);
    let mut members: Vec<Replica<'_>> =
        seen.pods.iter().filter_map(|pod| Some(Replica { ordinal: ordinal(set, pod)?, pod: Some(pod) })).collect();
    members.sort_by_key(|member| member.ordinal);
    let (wanted, condemned): (Vec<_>, Vec<_>) = members.into_iter().partition(|member| (start..end).contains(&member.ordinal));
    let pod = |ordinal: i64| wanted.iter().find(|member| member.ordinal == ordinal).and_then(|member| member.pod);
    ((start..end).map(|ordinal| Replica { ordinal, pod: pod(ordinal) }).collect(), condemned)
}

/// The first ordinal.
pub(super) fn start(set: &Value) -> i64 {
    count(&set["spec"]["ordinals"]["start"], 0).clamp(0, i64::from(i32::MAX))
}

pub(super) fn name(set: &Value, ordinal: i64) -> String {
    format!("{}-{ordinal}", api::name(set))
}

/// A member's ordinal, if the Pod is one: it has the set's name and a number behind it, and no other controller.
fn ordinal(set: &Value, pod: &Value) -> Option<i64> {
    let digits = api::name(pod).strip_prefix(api::name(set))?.strip_prefix('-')?;
    let ordinal = digits.parse::<i32>().ok().filter(|_| digits.bytes().all(|byte| byte.is_ascii_digit()))?;
    let is_free = !pod["metadata"]["ownerReferences"].as_array().into_iter().flatten().any(|owner| owner["controller"] == true);
    (owned_by(pod, set) || (is_free && !is_leaving(pod))).then(|| i64::from(ordinal))
}

pub(super) fn revision(pod: &Value) -> &str {
    api::label(pod, REVISION).unwrap_or_default()
}

/// Makes the Pod of an ordinal.
pub(super) fn pod(set: &Value, template: &Value, ordinal: i64, revision: &str) -> Value {
    let name = name(set, ordinal);
    let mut pod = crate::owned::pod(template, set, &name);
    pod["metadata"]["labels"][REVISION] = json!(revision);
    pod["metadata"]["labels"][POD_NAME] = json!(name);
    pod["metadata"]["labels"][POD_INDEX] = json!(ordinal.to_string());
    pod["spec"]["hostname"] = json!(name);
    if let Some(service) = set["spec"]["serviceName"].as_str().filter(|service| !service.is_empty()) {
        pod["spec"]["subdomain"] = json!(service);
    }
    let claims: Vec<(&str, String)> = claim_names(set, ordinal).collect();
    if !claims.is_empty() {
        let others = pod["spec"]["volumes"].as_array().cloned().unwrap_or_default();
        let others = others.into_iter().filter(|volume| !claims.iter().any(|(template, _)| volume["name"] == *template));
        let own = claims.iter().map(|(template, claim)| json!({"name": template, "persistentVolumeClaim": {"claimName": claim}}));
        pod["spec"]["volumes"] = Value::Array(own.chain(others).collect());
    }
    pod
}

/// What a Pod's labels lack, as a patch.
pub(super) fn identity_fault(pod: &Value, ordinal: i64) -> Option<Value> {
    let ordinal = ordinal.to_string();
    let wanted = [(POD_NAME, api::name(pod)), (POD_INDEX, ordinal.as_str())];
    let right = wanted.iter().all(|(key, value)| api::label(pod, key) == Some(value));
    (!right).then(|| json!({"metadata": {"labels": {POD_NAME: api::name(pod), POD_INDEX: ordinal}}}))
}

/// Names of templates and of their claims.
fn claim_names(set: &Value, ordinal: i64) -> impl Iterator<Item = (&str, String)> {
    let templates = set["spec"]["volumeClaimTemplates"].as_array().into_iter().flatten();
    templates.map(move |template| (api::name(template), format!("{}-{}", api::name(template), name(set, ordinal))))
}

fn find<'a>(seen: &'a Observed, claim: &str) -> Option<&'a Value> {
    seen.claims.iter().find(|one| api::name(one) == claim)
}

/// The claims of an ordinal that are not there.
pub(super) fn missing_claims(seen: &Observed, ordinal: i64) -> Vec<Value> {
    let set = &seen.object;
    let templates = set["spec"]["volumeClaimTemplates"].as_array().into_iter().flatten();
    let made = templates.zip(claim_names(set, ordinal)).filter(|(_, (_, name))| find(seen, name).is_none()).map(|(template, (_, name))| {
        let mut claim = json!({
            "apiVersion": "v1", "kind": "PersistentVolumeClaim",
            "metadata": {"name": name, "namespace": api::namespace(set)}, "spec": template["spec"],
        });
        for part in ["labels", "annotations"] {
            if template["metadata"][part].is_object() {
                claim["metadata"][part] = template["metadata"][part].clone();
            }
        }
        for (key, value) in set["spec"]["selector"]["matchLabels"].as_object().into_iter().flatten() {
            claim["metadata"]["labels"][key] = value.clone();
        }
        if retains(set).0 {
            return claim;
        }
        claim["metadata"]["ownerReferences"] = owner_reference(set);
        claim
    });
    made.collect()
}

/// A claim that is about to go with a Pod that is gone already.
pub(super) fn stale_claim(seen: &Observed, ordinal: i64) -> Option<String> {
    let pod = name(&seen.object, ordinal);
    let leftover = |claim: &Value| {
        let owners = claim["metadata"]["ownerReferences"].as_array().into_iter().flatten();
        is_leaving(claim) || owners.into_iter().any(|owner| owner["kind"] == "Pod" && owner["name"] == pod.as_str())
    };
    claim_names(&seen.object, ordinal).map(|(_, name)| name).find(|name| find(seen, name).is_some_and(leftover))
}

/// Whether claims stay when the set is deleted, and when it shrinks.
fn retains(set: &Value) -> (bool, bool) {
    let policy = &set["spec"]["persistentVolumeClaimRetentionPolicy"];
    (policy["whenDeleted"] != "Delete", policy["whenScaled"] != "Delete")
}

/// The claims of an ordinal whose owners are not what the retention policy says, and the owners they get.
pub(super) fn claim_owners<'a>(seen: &'a Observed, ordinal: i64, pod: Option<&Value>, is_condemned: bool) -> Vec<(&'a Value, Value)> {
    let set = &seen.object;
    let (when_deleted, when_scaled) = retains(set);
    // What goes because the set shrinks goes with its Pod.
    let with_pod = is_condemned && !when_scaled;
    let with_set = !when_deleted && !with_pod;
    let wrong = claim_names(set, ordinal).filter_map(|(_, name)| {
        let claim = find(seen, &name).filter(|claim| !is_leaving(claim))?;
        let owners = claim["metadata"]["ownerReferences"].as_array().cloned().unwrap_or_default();
        let is_ours = |owner: &&Value| owner["uid"] == api::uid(set) || pod.is_some_and(|pod| owner["uid"] == api::uid(pod));
        let (ours, others): (Vec<&Value>, Vec<&Value>) = owners.iter().partition(is_ours);
        if others.iter().any(|owner| owner["controller"] == true) {
            return None;
        }
        let owner = if with_pod { pod } else { Some(set).filter(|_| with_set) };
        let right = match owner {
            None => ours.is_empty(),
            Some(owner) => ours.len() == 1 && ours[0]["uid"] == api::uid(owner),
        };
        let wanted = owner.map(reference_to).into_iter();
        (!right).then(|| (claim, Value::Array(others.into_iter().cloned().chain(wanted).collect())))
    });
    wrong.collect()
}

fn reference_to(owner: &Value) -> Value {
    let mut typed = owner.clone();
    if typed["kind"].is_null() {
        typed["kind"] = json!("Pod");
        typed["apiVersion"] = json!("v1");
    }
    owner_reference(&typed)[0].clone()
}

/// How many Pods may be unavailable at once in a rollout; never none.
pub(super) fn most_unavailable(rolling: &Value, replicas: usize) -> usize {
    let most = match &rolling["maxUnavailable"] {
        Value::Number(number) => number.as_u64().and_then(|number| usize::try_from(number).ok()).unwrap_or(1),
        Value::String(percent) => {
            let percent: usize = percent.strip_suffix('%').and_then(|number| number.parse().ok()).unwrap_or(0);
            replicas.saturating_mul(percent) / 100
        }
        _ => 1,
    };
    most.max(1)
}
