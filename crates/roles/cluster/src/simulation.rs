//! A cluster in memory for tests: performs what a role wants, plays the kubelet, and steps until nothing happens any more.
//! Any action may be the last before a crash.

use std::collections::BTreeMap;
use std::time::Duration;

use model::{Action, ClusterName, Decision, Next, Timestamp};
use serde_json::{Value, json};

use crate::owned::{is_leaving, seconds};

/// How many passes may follow one another before something is wrong.
const PASSES: usize = 600;

/// The cluster.
pub(crate) struct Simulation {
    pub(crate) cluster: ClusterName,
    pub(crate) now: Timestamp,
    /// All objects; the first is the one that is looked after.
    pub(crate) objects: Vec<Value>,
    /// What the Events said.
    pub(crate) events: Vec<String>,
    /// What becomes of a Pod: given the Pod, its new phase, or `None` while nothing changes.
    pub(crate) kubelet: fn(&Value) -> Option<Value>,
    /// After how many further actions the process dies, once.
    pub(crate) dies_after: Option<usize>,
    /// How many objects there ever were, by kind.
    pub(crate) made: BTreeMap<String, usize>,
    clock: u64,
}

impl Simulation {
    pub(crate) fn of(object: Value) -> Self {
        let mut simulation = Self {
            cluster: ClusterName("dev".into()),
            now: "2026-01-01T00:00:00Z".parse().expect("a time"),
            objects: Vec::new(),
            events: Vec::new(),
            kubelet: |_| None,
            dies_after: None,
            made: BTreeMap::new(),
            clock: 0,
        };
        simulation.add(object);
        simulation
    }

    pub(crate) fn subject(&mut self) -> &mut Value {
        &mut self.objects[0]
    }

    /// The objects of a kind that the subject controls, or all that nobody controls.
    pub(crate) fn all(&self, kind: &str) -> Vec<Value> {
        self.objects.iter().filter(|object| object["kind"] == kind).cloned().collect()
    }

    pub(crate) fn names(&self, kind: &str) -> Vec<String> {
        let mut names: Vec<String> = self.all(kind).iter().map(|object| api::name(object).to_owned()).collect();
        names.sort();
        names
    }

    pub(crate) fn find(&mut self, kind: &str, name: &str) -> &mut Value {
        self.objects.iter_mut().find(|object| object["kind"] == kind && api::name(object) == name).expect("the object is there")
    }

    /// Makes an object as the API server would.
    pub(crate) fn add(&mut self, mut object: Value) {
        self.clock += 1;
        if object["metadata"]["uid"].is_null() {
            object["metadata"]["uid"] = json!(format!("uid-{}", self.clock));
        }
        object["metadata"]["resourceVersion"] = json!(self.clock.to_string());
        object["metadata"]["creationTimestamp"] = json!(seconds(self.now));
        if object["kind"] == "Pod" {
            object["status"]["phase"] = json!("Pending");
        }
        *self.made.entry(object["kind"].as_str().unwrap_or_default().to_owned()).or_default() += 1;
        self.objects.push(object);
    }

    pub(crate) fn wait(&mut self, wait: Duration) {
        self.now = self.now.checked_add(wait).expect("a time");
    }

    /// Deletes an object as the API server would: a Pod waits for its kubelet, and everything for its finalizers.
    pub(crate) fn delete(&mut self, kind: &str, name: &str) {
        let now = seconds(self.now);
        let object = self.find(kind, name);
        let over = matches!(object["status"]["phase"].as_str(), Some("Succeeded" | "Failed"));
        let waits = (kind == "Pod" && !over) || object["metadata"]["finalizers"].as_array().is_some_and(|all| !all.is_empty());
        if waits {
            if !is_leaving(object) {
                object["metadata"]["deletionTimestamp"] = json!(now);
                self.touch(kind, name);
            }
            return;
        }
        self.objects.retain(|object| !(object["kind"] == kind && api::name(object) == name));
    }

    fn touch(&mut self, kind: &str, name: &str) {
        self.clock += 1;
        let version = json!(self.clock.to_string());
        self.find(kind, name)["metadata"]["resourceVersion"] = version;
    }

    /// Performs one action; `false` when somebody else was faster.
    fn perform(&mut self, action: &Action) -> bool {
        match action {
            Action::Create { object, .. } => {
                let there = self.objects.iter().any(|one| one["kind"] == object["kind"] && api::name(one) == api::name(object));
                if !there {
                    self.add(object.clone());
                }
            }
            Action::Patch { object, patch, .. } => {
                let found = self.objects.iter_mut().find(|one| one["kind"] == object.kind.as_str() && api::name(one) == object.name);
                let Some(found) = found else { return false };
                let version = &patch["metadata"]["resourceVersion"];
                if !version.is_null() && *version != found["metadata"]["resourceVersion"] {
                    return false;
                }
                let before = found.clone();
                merge(found, patch);
                if *found != before {
                    self.touch(&object.kind, &object.name);
                }
                self.sweep();
            }
            Action::Delete { object, uid, .. } => {
                let found = self.objects.iter().find(|one| one["kind"] == object.kind.as_str() && api::name(one) == object.name);
                if found.is_some_and(|found| uid.as_deref().is_none_or(|uid| uid == api::uid(found))) {
                    self.delete(&object.kind, &object.name);
                }
            }
            Action::Emit { severity, reason, message, .. } => self.events.push(format!("{severity} {reason} {message}")),
            other => panic!("no controller here wants {other:?}"),
        }
        true
    }

    /// Removes what is deleted and held by nothing any more.
    fn sweep(&mut self) {
        self.objects.retain(|object| {
            let held = object["metadata"]["finalizers"].as_array().is_some_and(|all| !all.is_empty());
            let over = object["kind"] != "Pod" || matches!(object["status"]["phase"].as_str(), Some("Succeeded" | "Failed"));
            let gone = object["metadata"]["gone"] == true;
            !(is_leaving(object) && !held && (over || gone))
        });
    }

    /// Lets the kubelet look at every Pod once.
    pub(crate) fn run_pods(&mut self) -> bool {
        let mut changed = false;
        for name in self.names("Pod") {
            let kubelet = self.kubelet;
            let pod = self.find("Pod", &name);
            let before = pod.clone();
            if is_leaving(pod) {
                pod["metadata"]["gone"] = json!(true);
            } else if let Some(status) = kubelet(pod) {
                pod["status"] = status;
            }
            if *pod != before {
                changed = true;
                self.touch("Pod", &name);
            }
        }
        let before = self.objects.len();
        self.sweep();
        changed || self.objects.len() != before
    }

    /// One pass of the driver: performs the actions, then writes the status. Returns whether anything changed.
    pub(crate) fn pass(&mut self, decision: &Decision<Value>) -> bool {
        let version = self.objects[0]["metadata"]["resourceVersion"].clone();
        let (events, actions): (Vec<&Action>, Vec<&Action>) =
            decision.actions.iter().partition(|action| matches!(action, Action::Emit { .. }));
        for action in &actions {
            if let Some(left) = &mut self.dies_after {
                if *left == 0 {
                    self.dies_after = None;
                    return true;
                }
                *left -= 1;
            }
            if !self.perform(action) {
                return true;
            }
        }
        for event in events {
            self.perform(event);
        }
        if let Some(left) = &mut self.dies_after {
            if *left == 0 {
                self.dies_after = None;
                return true;
            }
            *left -= 1;
        }
        let Some(subject) = self.objects.first_mut().filter(|subject| subject["metadata"]["resourceVersion"] == version) else {
            return true;
        };
        if decision.status.is_null() || subject["status"] == decision.status {
            return !actions.is_empty();
        }
        subject["status"] = decision.status.clone();
        let (kind, name) = (subject["kind"].as_str().unwrap_or_default().to_owned(), api::name(subject).to_owned());
        self.touch(&kind, &name);
        true
    }

    /// Steps until nothing happens any more. Times that come are waited for, up to so long.
    pub(crate) fn settle(&mut self, decide: impl Fn(&Self) -> Decision<Value>, patience: Duration) {
        let until = self.now.checked_add(patience).expect("a time");
        for _ in 0..PASSES {
            if self.objects.is_empty() {
                return;
            }
            let decision = decide(self);
            let acted = self.pass(&decision);
            let ran = self.run_pods();
            if acted || ran {
                continue;
            }
            match decision.next {
                Next::At(at) if at <= until => self.now = at.max(self.now),
                Next::At(_) | Next::OnChange => return,
            }
        }
        panic!("it never comes to rest: {:#?}", self.objects[0]["status"]);
    }
}

fn merge(into: &mut Value, patch: &Value) {
    let Some(fields) = patch.as_object() else {
        *into = patch.clone();
        return;
    };
    if !into.is_object() {
        *into = json!({});
    }
    for (key, value) in fields {
        if value.is_null() {
            if let Some(map) = into.as_object_mut() {
                map.remove(key);
            }
        } else {
            merge(&mut into[key.as_str()], value);
        }
    }
}

/// The kubelet of Pods that simply run.
pub(crate) fn runs(pod: &Value) -> Option<Value> {
    (pod["status"]["phase"] == "Pending").then(|| running(pod, true))
}

/// The status of a Pod that runs.
pub(crate) fn running(pod: &Value, ready: bool) -> Value {
    let at = &pod["metadata"]["creationTimestamp"];
    json!({"phase": "Running", "conditions": [{"type": "Ready", "status": if ready { "True" } else { "False" }, "lastTransitionTime": at}]})
}
