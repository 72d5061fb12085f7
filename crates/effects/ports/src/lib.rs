//! Clients: the only place that knows addresses and credentials. Everything outside is spoken to in its own protocol;
//! whether it answers in this process or across a network is one line of [`Web`] or [`Clusters`].
//! Read first: [`Ports`].

mod cluster;
mod events;
mod evidence;
pub mod forge;
pub mod git;
pub mod registry;
mod shelf;
mod signer;
mod trees;
mod web;

use std::sync::Arc;

use model::Clock;

pub use cluster::{Cluster, ClusterError, Clusters, WatchChange};
pub use events::Recorder;
pub use evidence::{Unsigned, verified};
pub use forge::Forge;
pub use git::{Git, Identity};
pub use registry::{Login, Registry};
pub use shelf::Shelf;
pub use signer::{Signer, SignerError};
pub use trees::Trees;
pub use web::{Handler, Web, WebError, handler_of};

/// Everything that is outside, as controllers reach it. Cloning shares it.
#[derive(Clone)]
pub struct Ports {
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// The clusters.
    pub clusters: Clusters,
    /// The registries.
    pub registry: Registry,
    /// The Git repositories.
    pub git: Git,
    /// The forges.
    pub forge: Forge,
    /// Trees that were fetched.
    pub trees: Trees,
    /// Whose signatures count where nothing else is said.
    pub trust: Option<Arc<sign::TrustRoot>>,
}
