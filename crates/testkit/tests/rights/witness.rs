//! What the audit logs say. Read first: [`read`].

use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;

use serde_json::Value;
use supercargo::credentials::CLUSTERS;
use supercargo::world::Granted;

/// Something that an account did or wanted to do, once for any number of times.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub struct Done {
    pub user: String,
    /// Whether it was in the cluster that Kargo lives in.
    pub home: bool,
    pub group: String,
    pub resource: String,
    pub verb: String,
    pub allowed: bool,
}

impl Done {
    fn read(cluster: &str, event: &Value) -> Vec<Self> {
        let text = |pointer: &str| event.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        let (resource, subresource) = (text("/objectRef/resource"), text("/objectRef/subresource"));
        if !text("/user/username").starts_with("system:serviceaccount:") || resource.is_empty() {
            return Vec::new();
        }
        let done = |verb: &str| Self {
            user: text("/user/username"),
            home: cluster == CLUSTERS[0],
            group: text("/objectRef/apiGroup"),
            resource: if subresource.is_empty() { resource.clone() } else { format!("{resource}/{subresource}") },
            verb: verb.to_owned(),
            allowed: text("/responseStatus/reason") != "Forbidden",
        };
        let verb = text("/verb");
        let mut all = vec![done(&verb)];
        // An apply that makes the object creates it, too.
        if verb == "patch" && event.pointer("/responseStatus/code") == Some(&Value::from(201)) {
            all.push(done("create"));
        }
        // An Event that is told again is read and counted up, by the same lines for everybody.
        if verb == "create" && resource == "events" {
            all.extend(["get", "patch"].map(done));
        }
        all
    }

    /// Tells whether it needed this right. One that holds in every cluster is needed where Kargo does not live; only Kubernetes' own
    /// controllers work everywhere alike.
    pub fn uses(&self, right: &Granted) -> bool {
        let here = self.home != right.everywhere || self.user.starts_with("system:serviceaccount:kube-system:");
        here && self.user == right.user && self.group == right.group && self.resource == right.resource && self.verb == right.verb
    }
}

impl fmt::Display for Done {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = if self.home { "home" } else { "elsewhere" };
        write!(out, "{} {place} {}/{} {}", self.user, self.group, self.resource, self.verb)
    }
}

/// Reads the logs of all clusters.
pub fn read(folder: &Path) -> BTreeSet<Done> {
    let mut all = BTreeSet::new();
    for cluster in CLUSTERS {
        let log = std::fs::read_to_string(folder.join(cluster)).expect("an audit log");
        let events = log.lines().map(|line| serde_json::from_str::<Value>(line).expect("an event"));
        all.extend(events.flat_map(|event| Done::read(cluster, &event)));
    }
    assert!(!all.is_empty(), "nobody did anything");
    all
}
