//! What the driver needs to know of a kind: when to look, and what looking gives.

use futures::future::BoxFuture;
use model::{ClusterName, Decision, Timestamp};
use ports::{ClusterError, Ports};
use serde_json::Value;

/// Names one thing that a controller looks after.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// Which controller: its [`Controller::name`].
    pub controller: &'static str,
    /// In which cluster; empty for things outside clusters, such as repositories.
    pub cluster: ClusterName,
    /// Namespace, or owner of a repository; empty for cluster-scoped kinds.
    pub namespace: String,
    /// Name.
    pub name: String,
}

/// Something happened. An event only says where to look again; what it carries decides nothing.
#[derive(Debug, Clone)]
pub enum Event {
    /// An object of a cluster came, changed or went.
    Object {
        /// Where.
        cluster: ClusterName,
        /// Its present or last state.
        object: Value,
        /// Whether it is gone.
        deleted: bool,
    },
    /// A ref of a Git repository moved.
    Pushed {
        /// Clone URL without `.git`.
        repository: String,
        /// `refs/heads/main`, `refs/tags/v1`, …
        name: String,
    },
    /// Something else changed at a forge: a status, a pull request, a workflow run.
    Forge {
        /// Clone URL without `.git`.
        repository: String,
        /// `status`, `pull_request`, `workflow_job`, …
        event: String,
    },
    /// A manifest came to a registry.
    Tagged {
        /// `host/name`.
        repository: String,
        /// The tag; empty for a push by digest.
        tag: String,
    },
}

/// Where an event makes a controller look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wake {
    /// At one thing.
    One(Key),
    /// At everything this controller knows, in one cluster or in all.
    All(Option<ClusterName>),
}

/// One kind of a cluster that a controller watches.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Watched {
    /// `apps/v1`, …
    pub api_version: &'static str,
    /// `Deployment`, …
    pub kind: &'static str,
}

/// What the driver knows when it lets a controller look.
#[derive(Debug, Clone)]
pub struct Seen {
    /// The present moment.
    pub now: Timestamp,
    /// Why the last pass's action failed. Set in the one pass that follows a failure; actions of that pass are not
    /// performed, so that it tells the failure and nothing else.
    pub failure: Option<String>,
}

/// What looking gave.
pub struct Pass {
    /// The object whose status is told, as it was read; `None` where there is none.
    pub subject: Option<Value>,
    /// What is wanted.
    pub decision: Decision<Value>,
}

/// Why looking failed. The driver looks again, later and later.
#[derive(Debug, thiserror::Error)]
pub enum LookError {
    /// A cluster did not answer.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// Something else did not answer.
    #[error("{0}")]
    Other(String),
}

/// One kind's controller: observes, calls its role, and hands over the role's decision. It makes no choices itself.
pub trait Controller: Send + Sync {
    /// Returns a name that no other controller has.
    fn name(&self) -> &'static str;

    /// Returns the field manager of its writes.
    fn manager(&self) -> &'static str;

    /// Returns the ports that it looks and acts through: those of its own account.
    fn ports(&self) -> &Ports;

    /// Returns the name under which it tells Events; that of its field manager, where upstream has no other.
    fn component(&self) -> &'static str {
        self.manager()
    }

    /// Returns the kinds it wants to hear of.
    fn watches(&self) -> Vec<Watched>;

    /// Tells in which clusters it works.
    fn serves(&self, cluster: &ClusterName) -> bool;

    /// Returns where an event makes it look.
    fn wakes(&self, event: &Event) -> Vec<Wake>;

    /// Looks at one thing; `None` when it is gone.
    fn look<'a>(&'a self, key: &'a Key, seen: &'a Seen) -> BoxFuture<'a, Result<Option<Pass>, LookError>>;
}

impl Event {
    /// Returns cluster and object if the event is about an object of this kind, whatever its version.
    pub fn object_of(&self, kind: &str) -> Option<(&ClusterName, &Value)> {
        match self {
            Self::Object { cluster, object, .. } if object["kind"] == kind => Some((cluster, object)),
            _ => None,
        }
    }
}

impl Key {
    /// Returns the key of an object for a controller.
    pub fn of(controller: &'static str, cluster: &ClusterName, object: &Value) -> Self {
        Self::named(
            controller,
            cluster,
            object["metadata"]["namespace"].as_str().unwrap_or_default(),
            object["metadata"]["name"].as_str().unwrap_or_default(),
        )
    }

    /// Returns a key by its parts.
    pub fn named(controller: &'static str, cluster: &ClusterName, namespace: &str, name: &str) -> Self {
        Self { controller, cluster: cluster.clone(), namespace: namespace.to_owned(), name: name.to_owned() }
    }
}
