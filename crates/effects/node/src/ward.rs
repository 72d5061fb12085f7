//! What a node agent knows of one cluster: its nodes, who sits where, who waits, and what runs for whom.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use api::text;
use serde_json::Value;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::addresses::Addresses;
use crate::node::LiveCell;
use crate::schedule::{self, Amounts, Wish, requests};

/// What is known of one cluster.
#[derive(Default)]
pub(crate) struct Ward {
    pub addresses: Addresses,
    pub nodes: BTreeMap<String, Value>,
    /// What Pods that are not over have of their nodes, by uid.
    held: HashMap<String, (String, Amounts)>,
    /// Pods that no node takes, by uid.
    pub waiting: HashMap<String, Value>,
    /// What runs for Pods, or has run, by uid.
    pub tasks: HashMap<String, Task>,
}

/// What runs for a Pod.
pub(crate) struct Task {
    pub handle: JoinHandle<()>,
    /// The rules of the simulation that it began with.
    pub rules: Vec<String>,
    pub contained: Option<Contained>,
}

/// A container that runs, seen from outside.
pub(crate) struct Contained {
    /// Tells it to end, and within what time.
    pub stop: watch::Sender<Option<Duration>>,
    pub live: LiveCell,
}

impl Ward {
    /// Counts what a Pod has; tells whether there is more room than before.
    pub fn count(&mut self, pod: &Value) -> bool {
        let uid = api::uid(pod);
        if let Ok(address) = text(pod, &["status", "podIP"]).parse() {
            self.addresses.keep(uid, address);
        }
        let node = text(pod, &["spec", "nodeName"]);
        if matches!(text(pod, &["status", "phase"]), "Succeeded" | "Failed") {
            return self.held.remove(uid).is_some();
        }
        if !node.is_empty() {
            self.hold(uid, node, pod);
        }
        false
    }

    fn hold(&mut self, uid: &str, node: &str, pod: &Value) {
        self.held.insert(uid.to_owned(), (node.to_owned(), requests(pod)));
    }

    /// Chooses a node for a Pod, and counts it there from now on.
    pub fn choose(&mut self, pod: &Value, wish: Wish) -> Result<String, String> {
        let mut used: BTreeMap<String, Amounts> = BTreeMap::new();
        for (node, amounts) in self.held.iter().filter(|(uid, _)| *uid != api::uid(pod)).map(|(_, held)| held) {
            let used = used.entry(node.clone()).or_default();
            for (name, amount) in amounts {
                *used.entry(name.clone()).or_insert(0) += amount;
            }
        }
        let nodes: Vec<Value> = self.nodes.values().cloned().collect();
        let node = schedule::choose(pod, wish, &nodes, &used)?.to_owned();
        self.hold(api::uid(pod), &node, pod);
        Ok(node)
    }

    /// Forgets a Pod that is gone; tells whether there is more room than before.
    pub fn forget(&mut self, uid: &str) -> bool {
        if let Some(task) = self.tasks.remove(uid) {
            // Dropping the task closes the lifeline of its container.
            task.handle.abort();
        }
        self.addresses.release(uid);
        self.waiting.remove(uid);
        self.held.remove(uid).is_some()
    }

    /// Returns all Pods that something is known of.
    pub fn known(&self) -> HashSet<String> {
        self.held.keys().chain(self.tasks.keys()).chain(self.waiting.keys()).cloned().collect()
    }
}
