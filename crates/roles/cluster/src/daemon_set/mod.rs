//! DaemonSet: one Pod on every node that fits. Read first: [`decide`]; then `nodes` (which nodes those are). Follows
//! kubernetes/kubernetes `pkg/controller/daemon/{daemon_controller,update}.go`. No scheduler stands in between here: a Pod is made
//! for its node and bound to it.

mod nodes;
#[cfg(test)]
mod tests;

use std::time::Duration;

use api::text;
use model::{ClusterName, Decision, Timestamp};
use serde_json::{Value, json};

use crate::history::History;
use crate::owned::{count, create, created, delete, is_leaving, is_ready, letters, owned_by, pod, ripe_at, sparse, tell};
use nodes::Place;

/// Which revision a Pod has, and a revision is.
const HASH: &str = "controller-revision-hash";
/// Which generation of the set a Pod was made for.
const GENERATION: &str = "pod-template-generation";
/// How long a failed Pod stays before it is replaced, so that one that always fails makes no storm.
const PAUSE: Duration = Duration::from_secs(10);

/// Everything that is looked at.
#[derive(Debug, Clone)]
pub struct Observed {
    /// In which cluster.
    pub cluster: ClusterName,
    /// The DaemonSet.
    pub object: Value,
    /// The present moment.
    pub now: Timestamp,
    /// Its Pods.
    pub pods: Vec<Value>,
    /// Its ControllerRevisions.
    pub revisions: Vec<Value>,
    /// All nodes.
    pub nodes: Vec<Value>,
}

/// A node and the set's Pods on it.
struct Seat<'a> {
    node: &'a str,
    place: Place,
    /// Of the present template, neither over nor leaving; the oldest first.
    fresh: Vec<&'a Value>,
    /// Of another template.
    old: Vec<&'a Value>,
    /// Whether one is on its way out.
    is_leaving: bool,
    /// Ended, and not removed yet.
    over: Vec<&'a Value>,
}

struct Pass<'a> {
    seen: &'a Observed,
    hash: String,
    seats: Vec<Seat<'a>>,
    decision: Decision<Value>,
}

/// Decides what a DaemonSet does next.
pub fn decide(seen: &Observed) -> Decision<Value> {
    let object = &seen.object;
    if is_leaving(object) {
        return Decision::of(object["status"].clone());
    }
    let mut history = History::of(&seen.cluster, object, &seen.revisions, HASH);
    let mine: Vec<&Value> = seen.pods.iter().filter(|pod| owned_by(pod, object)).collect();
    let seats = seats(seen, &mine, &history.hash);
    let mut pass = Pass { seen, hash: history.hash.clone(), seats, decision: Decision::of(Value::Null) };
    pass.decision.status = pass.status(history.collisions);
    pass.decision.actions.append(&mut history.actions);
    pass.place();
    if object["spec"]["updateStrategy"]["type"] != "OnDelete" {
        pass.update();
    }
    let live = |revision: &Value| mine.iter().any(|pod| api::label(pod, HASH) == api::label(revision, HASH));
    pass.decision.actions.extend(history.surplus(&seen.cluster, object, live));
    pass.decision
}

fn seats<'a>(seen: &'a Observed, pods: &[&'a Value], hash: &str) -> Vec<Seat<'a>> {
    let known = seen.nodes.iter().map(|node| (api::name(node), nodes::place(&seen.object, node)));
    // Pods on nodes that are there no more go.
    let unknown = pods.iter().map(|pod| nodes::of_pod(pod)).filter(|name| !seen.nodes.iter().any(|node| api::name(node) == *name));
    let mut unknown: Vec<&str> = unknown.collect();
    unknown.sort_unstable();
    unknown.dedup();
    let all = known.chain(unknown.into_iter().map(|name| (name, Place::Refused)));
    all.map(|(node, place)| {
        let mut here: Vec<&Value> = pods.iter().copied().filter(|pod| nodes::of_pod(pod) == node).collect();
        here.sort_by_key(|pod| (created(pod), api::name(pod)));
        let is_over = |pod: &Value| matches!(text(pod, &["status", "phase"]), "Failed" | "Succeeded");
        let (leaving, here): (Vec<&Value>, Vec<&Value>) = here.into_iter().partition(|pod| is_leaving(pod));
        let (over, here): (Vec<&Value>, Vec<&Value>) = here.into_iter().partition(|pod| is_over(pod));
        let (fresh, old) = here.into_iter().partition(|pod| api::label(pod, HASH) == Some(hash));
        Seat { node, place, fresh, old, is_leaving: !leaving.is_empty(), over }
    })
    .collect()
}

impl Seat<'_> {
    fn pods(&self) -> impl Iterator<Item = &Value> {
        self.fresh.iter().chain(&self.old).copied()
    }
}

impl<'a> Pass<'a> {
    fn is_available(&self, pod: &Value) -> bool {
        let ripe = ripe_at(pod, count(&self.seen.object["spec"]["minReadySeconds"], 0));
        is_ready(pod) && ripe.is_none_or(|at| at <= self.seen.now)
    }

    fn desired(&self) -> i64 {
        amount(self.seats.iter().filter(|seat| seat.place == Place::Wanted))
    }

    /// A count, or a share of all nodes, rounded up.
    fn bound(&self, field: &str, default: i64) -> i64 {
        match &self.seen.object["spec"]["updateStrategy"]["rollingUpdate"][field] {
            Value::String(percent) => {
                let percent: i64 = percent.strip_suffix('%').and_then(|number| number.parse().ok()).unwrap_or(0);
                self.desired().saturating_mul(percent.clamp(0, 100)).saturating_add(99) / 100
            }
            other => count(other, default),
        }
    }

    /// Makes Pods where one is missing, and removes those that have ended, are too many or stand where none may be.
    fn place(&mut self) {
        let seats = std::mem::take(&mut self.seats);
        for seat in &seats {
            if seat.place == Place::Refused {
                seat.pods().for_each(|pod| self.remove(pod));
                seat.over.iter().for_each(|pod| self.remove(pod));
                continue;
            }
            for pod in &seat.over {
                self.replace(seat.node, pod);
            }
            for pod in seat.fresh.iter().skip(1).chain(seat.old.iter().skip(1)) {
                self.remove(pod);
            }
            if seat.place == Place::Wanted && seat.fresh.is_empty() && seat.old.is_empty() && seat.over.is_empty() && !seat.is_leaving {
                self.make(seat.node);
            }
            let ripening = seat.pods().filter_map(|pod| ripe_at(pod, count(&self.seen.object["spec"]["minReadySeconds"], 0)));
            for at in ripening.filter(|at| *at > self.seen.now).collect::<Vec<_>>() {
                self.decision.look_again(at);
            }
        }
        self.seats = seats;
    }

    /// Replaces Pods of another template, within the bounds of the rollout.
    fn update(&mut self) {
        let seats = std::mem::take(&mut self.seats);
        let surge = self.bound("maxSurge", 0);
        if surge > 0 {
            self.update_with_surge(&seats, surge);
        } else {
            let most = self.bound("maxUnavailable", 1).max(1);
            let is_well = |seat: &&Seat<'_>| seat.pods().next().is_some_and(|pod| self.is_available(pod)) && !seat.is_leaving;
            let wanted = seats.iter().filter(|seat| seat.place == Place::Wanted);
            let mut spare = most - amount(wanted.filter(|seat| !is_well(seat)));
            for pod in seats.iter().filter(|seat| seat.fresh.is_empty()).filter_map(|seat| seat.old.first()) {
                // One that serves nobody is replaced at no cost.
                if !self.is_available(pod) {
                    self.remove(pod);
                } else if spare > 0 {
                    spare -= 1;
                    self.remove(pod);
                }
            }
        }
        self.seats = seats;
    }

    /// The new Pod comes first, and the old one goes when the new one is available.
    fn update_with_surge(&mut self, seats: &[Seat<'a>], surge: i64) {
        let both = seats.iter().filter(|seat| !seat.old.is_empty() && !seat.fresh.is_empty());
        let mut spare = surge - amount(both);
        for seat in seats {
            let Some(old) = seat.old.first() else { continue };
            match seat.fresh.first() {
                Some(fresh) if self.is_available(fresh) => self.remove(old),
                Some(_) => {}
                None if seat.place != Place::Wanted => {}
                None if !self.is_available(old) => self.make(seat.node),
                None if spare > 0 => {
                    spare -= 1;
                    self.make(seat.node);
                }
                None => {}
            }
        }
    }

    fn replace(&mut self, node: &str, pod: &Value) {
        let place = format!("{}/{} on node {node}", api::namespace(pod), api::name(pod));
        if text(pod, &["status", "phase"]) == "Succeeded" {
            self.say("Normal", "SucceededDaemonPod", format!("Found succeeded daemon pod {place}, will try to delete it"));
            return self.remove(pod);
        }
        let ended = api::find_condition(pod, "Ready").and_then(|ready| text(ready, &["lastTransitionTime"]).parse().ok());
        let due = ended.or_else(|| created(pod)).and_then(|at: Timestamp| at.checked_add(PAUSE).ok());
        if let Some(at) = due.filter(|at| *at > self.seen.now) {
            return self.decision.look_again(at);
        }
        self.say("Warning", "FailedDaemonPod", format!("Found failed daemon pod {place}, will try to kill it"));
        self.remove(pod);
    }

    fn make(&mut self, node: &str) {
        let object = &self.seen.object;
        let names: Vec<&str> = self.seen.pods.iter().map(api::name).collect();
        let candidates = (0..=names.len()).map(|slot| {
            let seed = format!("{}/{node}/{}/{slot}", api::uid(object), self.hash);
            format!("{}-{}", api::name(object), letters(&seed, 5))
        });
        // There is one more name than Pods, unless two are the same by chance; then the next pass finds another.
        let Some(name) = candidates.into_iter().find(|name| !names.contains(&name.as_str())) else { return };
        let mut made = pod(&object["spec"]["template"], object, &name);
        made["metadata"]["labels"][HASH] = json!(self.hash);
        made["metadata"]["labels"][GENERATION] = json!(api::generation(object).to_string());
        made["spec"]["nodeName"] = json!(node);
        made["spec"]["tolerations"] = Value::Array(nodes::tolerations(&made["spec"]));
        let terms = json!([{"matchFields": [{"key": "metadata.name", "operator": "In", "values": [node]}]}]);
        made["spec"]["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"] = json!({"nodeSelectorTerms": terms});
        self.decision.actions.push(create(&self.seen.cluster, made));
        self.say("Normal", "SuccessfulCreate", format!("Created pod: {name}"));
    }

    fn remove(&mut self, pod: &Value) {
        self.decision.actions.push(delete(&self.seen.cluster, pod));
        self.say("Normal", "SuccessfulDelete", format!("Deleted pod: {}", api::name(pod)));
    }

    fn say(&mut self, severity: &str, reason: &str, message: String) {
        let event = tell(&self.seen.cluster, &self.seen.object, severity, reason, message, self.seen.now);
        self.decision.actions.push(event);
    }

    fn status(&self, collisions: i64) -> Value {
        let object = &self.seen.object;
        let (mut current, mut ready, mut available, mut updated, mut misplaced) = (0i64, 0i64, 0i64, 0i64, 0i64);
        for seat in &self.seats {
            let has_pod = seat.pods().next().is_some();
            if seat.place != Place::Wanted {
                misplaced += i64::from(has_pod);
                continue;
            }
            current += i64::from(has_pod);
            ready += i64::from(seat.pods().any(is_ready));
            available += i64::from(seat.pods().any(|pod| self.is_available(pod)));
            updated += i64::from(!seat.fresh.is_empty());
        }
        let mut status = json!({
            "observedGeneration": api::generation(object), "currentNumberScheduled": current, "numberMisscheduled": misplaced,
            "desiredNumberScheduled": self.desired(), "numberReady": ready, "updatedNumberScheduled": updated,
            "numberAvailable": available, "numberUnavailable": self.desired() - available,
        });
        if collisions > 0 || !object["status"]["collisionCount"].is_null() {
            status["collisionCount"] = json!(collisions);
        }
        if object["status"]["conditions"].is_array() {
            status["conditions"] = object["status"]["conditions"].clone();
        }
        sparse(status, &["observedGeneration", "updatedNumberScheduled", "numberAvailable", "numberUnavailable"])
    }
}

fn amount<T>(of: impl Iterator<Item = T>) -> i64 {
    i64::try_from(of.count()).unwrap_or(i64::MAX)
}
