//! StatefulSet: Pods with names of their own, made and replaced one after the other. Read first: [`decide`]; then `replica` (what
//! the Pods and claims are). Follows kubernetes/kubernetes `pkg/controller/statefulset/stateful_set_control.go`.

mod replica;
#[cfg(test)]
mod tests;

use model::{ClusterName, Code, Decision, Timestamp};
use serde_json::{Value, json};

use crate::history::{HASH, History};
use crate::owned::{change, count, delete, is_leaving, owned_by, owner_reference, sparse, tell};
use replica::{Replica, State};

/// Everything that is looked at.
#[derive(Debug, Clone)]
pub struct Observed {
    /// In which cluster.
    pub cluster: ClusterName,
    /// The StatefulSet.
    pub object: Value,
    /// The present moment.
    pub now: Timestamp,
    /// The Pods that its selector covers, its own or nobody's.
    pub pods: Vec<Value>,
    /// The ControllerRevisions that its selector covers, its own or nobody's.
    pub revisions: Vec<Value>,
    /// The claims of its namespace; none are looked at by a set that makes none.
    pub claims: Vec<Value>,
}

/// A pass over one set.
struct Pass<'a> {
    seen: &'a Observed,
    history: History<'a>,
    /// The name of the revision that Pods have that are not to be updated yet.
    current: String,
    /// Pods that are wanted, by ordinal; one that is not there yet is empty.
    replicas: Vec<Replica<'a>>,
    /// Pods that are too many, lowest ordinal first.
    condemned: Vec<Replica<'a>>,
    decision: Decision<Value>,
}

/// Whether a pass goes on.
enum Flow {
    On,
    Ends,
}

/// Decides what a StatefulSet does next.
pub fn decide(seen: &Observed) -> Decision<Value> {
    let object = &seen.object;
    let history = History::of(&seen.cluster, object, &seen.revisions, HASH);
    let known = api::text(object, &["status", "currentRevision"]);
    let current = if history.all.iter().any(|one| api::name(one) == known) { known } else { &history.update }.to_owned();
    let (replicas, condemned) = replica::sorted(seen);
    let mut pass = Pass { seen, history, current, replicas, condemned, decision: Decision::of(Value::Null) };
    pass.decision.status = pass.status();
    if is_leaving(object) {
        return pass.decision;
    }
    if count(&object["spec"]["replicas"], 1) > replica::PODS {
        let why = format!("spec.replicas: a StatefulSet has no more than {} Pods here", replica::PODS);
        pass.decision = std::mem::replace(&mut pass.decision, Decision::of(Value::Null)).stall(Code::Unsupported, &why, "ask for fewer");
    }
    pass.adopt();
    let actions = std::mem::take(&mut pass.history.actions);
    pass.decision.actions.extend(actions);
    pass.act();
    if let Some(at) = pass.next_available() {
        pass.decision.look_again(at);
    }
    let live =
        |revision: &Value| api::name(revision) == pass.current || seen.pods.iter().any(|pod| replica::revision(pod) == api::name(revision));
    let surplus = pass.history.surplus(&seen.cluster, object, live);
    pass.decision.actions.extend(surplus);
    pass.decision
}

impl<'a> Pass<'a> {
    fn set(&self) -> &'a Value {
        &self.seen.object
    }

    fn is_ordered(&self) -> bool {
        self.set()["spec"]["podManagementPolicy"] != "Parallel"
    }

    fn state(&self, replica: &Replica<'_>) -> State {
        replica.state(count(&self.set()["spec"]["minReadySeconds"], 0), self.seen.now)
    }

    /// Takes over Pods and revisions that nobody controls: those of a set that was deleted without them.
    fn adopt(&mut self) {
        let seen = self.seen;
        for object in self.present().chain(&seen.revisions).filter(|object| !owned_by(object, &seen.object) && !is_leaving(object)) {
            let mut owners = object["metadata"]["ownerReferences"].as_array().cloned().unwrap_or_default();
            owners.extend(owner_reference(&seen.object).as_array().cloned().unwrap_or_default());
            self.decision.actions.push(change(&seen.cluster, object, json!({"metadata": {"ownerReferences": owners}})));
        }
    }

    /// The Pods that are there.
    fn present(&self) -> impl Iterator<Item = &'a Value> + use<'a> {
        let all: Vec<&'a Value> = self.replicas.iter().chain(&self.condemned).filter_map(|replica| replica.pod).collect();
        all.into_iter()
    }

    fn act(&mut self) {
        self.fix_claims();
        for at in 0..self.replicas.len() {
            if let Flow::Ends = self.replica(at) {
                return;
            }
        }
        for at in (0..self.condemned.len()).rev() {
            if let Flow::Ends = self.condemn(at) {
                return;
            }
        }
        let strategy = &self.set()["spec"]["updateStrategy"];
        if strategy["type"] != "OnDelete" {
            self.update();
        }
    }

    /// Makes a wanted Pod, or waits for it.
    fn replica(&mut self, at: usize) -> Flow {
        let ordered = self.is_ordered();
        let ordinal = self.replicas[at].ordinal;
        let Some(pod) = self.replicas[at].pod else {
            if let Some(claim) = replica::stale_claim(self.seen, ordinal) {
                self.wait(&format!("waiting for claim {claim} of the last Pod to go"), None);
                return Flow::Ends;
            }
            self.make(ordinal);
            return if ordered { Flow::Ends } else { Flow::On };
        };
        let name = api::name(pod).to_owned();
        let place = format!("StatefulSet {}/{}", api::namespace(self.set()), api::name(self.set()));
        if let Some((reason, word)) = match api::text(pod, &["status", "phase"]) {
            "Failed" => Some(("RecreatingFailedPod", "failed")),
            "Succeeded" => Some(("RecreatingTerminatedPod", "terminated")),
            _ => None,
        } {
            if !is_leaving(pod) {
                self.say("Warning", reason, format!("{place} is recreating {word} Pod {name}"));
                self.remove(pod);
            }
            return Flow::Ends;
        }
        if pod["status"]["phase"] == "Pending" {
            self.make_claims(ordinal, &name);
        }
        let waits = match self.state(&self.replicas[at]) {
            State::Leaving => Some(("to terminate", None)),
            State::Unready => Some(("to be Running and Ready", None)),
            State::Ripening(until) => Some(("to be Available", Some(until))),
            State::Available => None,
        };
        if let Some((what, until)) = waits.filter(|_| ordered) {
            self.wait(&format!("waiting for Pod {name} {what}"), until);
            return Flow::Ends;
        }
        if let Some(patch) = replica::identity_fault(pod, ordinal) {
            self.decision.actions.push(change(&self.seen.cluster, pod, patch));
        }
        Flow::On
    }

    /// Removes a Pod that is too many.
    fn condemn(&mut self, at: usize) -> Flow {
        let Some(pod) = self.condemned[at].pod else { return Flow::On };
        let ordered = self.is_ordered();
        let first_ill =
            self.replicas.iter().chain(&self.condemned).find(|replica| matches!(self.state(replica), State::Leaving | State::Unready));
        let is_first_ill = first_ill.is_some_and(|replica| replica.ordinal == self.condemned[at].ordinal);
        let name = api::name(pod);
        match self.state(&self.condemned[at]) {
            State::Leaving if ordered => {
                self.wait(&format!("waiting for Pod {name} to terminate before the next one goes"), None);
                return Flow::Ends;
            }
            State::Leaving => return Flow::On,
            State::Unready if ordered && !is_first_ill => {
                self.wait(&format!("waiting for Pod {name} to be Running and Ready before it goes"), None);
                return Flow::Ends;
            }
            State::Ripening(until) if ordered && !is_first_ill => {
                self.wait(&format!("waiting for Pod {name} to be Available before it goes"), Some(until));
                return Flow::Ends;
            }
            State::Unready | State::Ripening(_) | State::Available => {}
        }
        self.remove(pod);
        if ordered { Flow::Ends } else { Flow::On }
    }

    /// Removes Pods of another revision, the highest ordinals first, as many at once as may be unavailable.
    fn update(&mut self) {
        let rolling = &self.set()["spec"]["updateStrategy"]["rollingUpdate"];
        let partition = usize::try_from(count(&rolling["partition"], 0)).unwrap_or(0);
        let most = replica::most_unavailable(rolling, self.replicas.len());
        let mut unavailable = self.replicas.iter().filter(|replica| !matches!(self.state(replica), State::Available)).count();
        let targets: Vec<(&'a Value, State)> =
            self.replicas.iter().skip(partition).rev().filter_map(|replica| Some((replica.pod?, self.state(replica)))).collect();
        for (pod, state) in targets {
            match (replica::revision(pod) != self.history.update, state) {
                (false, State::Available) => {}
                (_, State::Leaving) | (false, State::Unready | State::Ripening(_)) => {
                    if unavailable >= most {
                        self.wait(&format!("waiting for Pod {} to update", api::name(pod)), None);
                        return;
                    }
                }
                // One that serves nobody is replaced at no cost.
                (true, State::Unready) => self.remove(pod),
                (true, State::Ripening(_) | State::Available) => {
                    if unavailable < most {
                        unavailable += 1;
                        self.remove(pod);
                    }
                }
            }
        }
    }

    fn make(&mut self, ordinal: i64) {
        let name = replica::name(self.set(), ordinal);
        self.make_claims(ordinal, &name);
        let (revision, template) = self.revision_for(ordinal);
        let pod = replica::pod(self.set(), &template, ordinal, &revision);
        self.decision.actions.push(crate::owned::create(&self.seen.cluster, pod));
        self.say("Normal", "SuccessfulCreate", format!("create Pod {name} in StatefulSet {} successful", api::name(self.set())));
    }

    /// The revision a new Pod gets: below the partition the current one.
    fn revision_for(&self, ordinal: i64) -> (String, Value) {
        let spec = &self.set()["spec"];
        let below = match &spec["updateStrategy"]["rollingUpdate"] {
            Value::Null if spec["updateStrategy"]["type"] == "RollingUpdate" => count(&self.set()["status"]["currentReplicas"], 0),
            rolling => count(&rolling["partition"], 0),
        };
        let old = (ordinal < replica::start(self.set()) + below).then(|| self.history.template(&self.current)).flatten();
        match old {
            Some(template) => (self.current.clone(), template),
            None => (self.history.update.clone(), spec["template"].clone()),
        }
    }

    fn make_claims(&mut self, ordinal: i64, pod: &str) {
        for claim in replica::missing_claims(self.seen, ordinal) {
            let name = api::name(&claim).to_owned();
            self.decision.actions.push(crate::owned::create(&self.seen.cluster, claim));
            let message = format!("create Claim {name} Pod {pod} in StatefulSet {} success", api::name(self.set()));
            self.say("Normal", "SuccessfulCreate", message);
        }
    }

    /// Sees to it that claims have the owners that the retention policy gives them.
    fn fix_claims(&mut self) {
        let wanted: Vec<(i64, Option<&'a Value>, bool)> = self.replicas.iter().map(|one| (one.ordinal, one.pod, false)).collect();
        let condemned = self.condemned.iter().map(|one| (one.ordinal, one.pod, true));
        for (ordinal, pod, is_condemned) in wanted.into_iter().chain(condemned) {
            for (claim, owners) in replica::claim_owners(self.seen, ordinal, pod, is_condemned) {
                self.decision.actions.push(change(&self.seen.cluster, claim, json!({"metadata": {"ownerReferences": owners}})));
            }
        }
    }

    fn remove(&mut self, pod: &Value) {
        self.decision.actions.push(delete(&self.seen.cluster, pod));
        let (name, set) = (api::name(pod), api::name(self.set()));
        self.say("Normal", "SuccessfulDelete", format!("delete Pod {name} in StatefulSet {set} successful"));
    }

    fn say(&mut self, severity: &str, reason: &str, message: String) {
        let event = tell(&self.seen.cluster, self.set(), severity, reason, message, self.seen.now);
        self.decision.actions.push(event);
    }

    fn wait(&mut self, why: &str, until: Option<Timestamp>) {
        let so_far = std::mem::replace(&mut self.decision, Decision::of(Value::Null));
        self.decision = so_far.wait(Code::Unhealthy, why, until);
    }

    fn next_available(&self) -> Option<Timestamp> {
        let ripening = |replica: &Replica<'_>| match self.state(replica) {
            State::Ripening(until) => Some(until),
            State::Leaving | State::Unready | State::Available => None,
        };
        self.replicas.iter().chain(&self.condemned).filter_map(ripening).min()
    }

    fn status(&self) -> Value {
        let set = self.set();
        let (mut ready, mut available, mut updated, mut at_current, mut all) = (0i64, 0i64, 0i64, 0i64, 0i64);
        for replica in self.replicas.iter().chain(&self.condemned) {
            let Some(pod) = replica.pod else { continue };
            all += 1;
            ready += i64::from(replica::is_running_and_ready(pod));
            available += i64::from(replica.is_available(count(&set["spec"]["minReadySeconds"], 0), self.seen.now));
            if !is_leaving(pod) {
                at_current += i64::from(replica::revision(pod) == self.current);
                updated += i64::from(replica::revision(pod) == self.history.update);
            }
        }
        let mut current = &self.current;
        let wanted = count(&set["spec"]["replicas"], 1);
        let rolls = set["spec"]["updateStrategy"]["type"] != "OnDelete";
        if rolls && [updated, ready, all].iter().all(|number| *number == wanted) {
            // The rollout is complete: what was to come is what is.
            current = &self.history.update;
            at_current = updated;
        }
        let mut status = json!({
            "observedGeneration": api::generation(set), "replicas": all, "readyReplicas": ready, "availableReplicas": available,
            "currentReplicas": at_current, "updatedReplicas": updated, "currentRevision": current, "updateRevision": self.history.update,
            "collisionCount": self.history.collisions,
        });
        if set["status"]["conditions"].is_array() {
            status["conditions"] = set["status"]["conditions"].clone();
        }
        sparse(status, &["observedGeneration", "readyReplicas", "currentReplicas", "updatedReplicas"])
    }
}
