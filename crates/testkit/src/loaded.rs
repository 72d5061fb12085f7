//! The world that every journey begins with: the example, with its first version verified in prod. Made once in a process.

use std::sync::OnceLock;

use anyhow::Context as _;
use model::Timestamp;
use store::{Blobs, Store};
use supercargo::credentials::{CLUSTERS, Credentials};
use supercargo::world::{Hosts, Stores};

use crate::Simulation;

/// What is kept of a world, at a moment.
pub struct Loaded {
    pub(crate) stores: Stores,
    pub(crate) credentials: Credentials,
    pub(crate) now: Timestamp,
    /// The hosts it was made with: they hold what was compiled of its definitions, which every life in a copy shares.
    pub(crate) _hosts: Hosts,
}

impl Loaded {
    /// Returns the loaded world; whoever asks first makes it.
    pub fn get() -> Result<&'static Self, &'static str> {
        static LOADED: OnceLock<Result<Loaded, String>> = OnceLock::new();
        LOADED.get_or_init(|| Simulation::load().map_err(|error| format!("{error:#}"))).as_ref().map_err(String::as_str)
    }

    /// Returns stores of its own with the same content.
    pub(crate) fn copy(&self) -> anyhow::Result<Stores> {
        let Stores { forge, repositories, registry, blobs, identity, clusters } = &self.stores;
        Ok(Stores {
            forge: forge.copy(),
            repositories: repositories.clone(),
            registry: registry.copy(),
            blobs: blobs.copy().context("the blobs are in memory")?,
            identity: identity.copy(),
            clusters: clusters.iter().map(|(name, store)| (name.clone(), store.copy())).collect(),
        })
    }
}

/// Returns stores with nothing in them.
pub(crate) fn empty() -> Stores {
    Stores {
        forge: Store::memory(),
        repositories: forge::Repositories::Memory,
        registry: Store::memory(),
        blobs: Blobs::memory(),
        identity: Store::memory(),
        clusters: CLUSTERS.iter().map(|name| ((*name).to_owned(), Store::memory())).collect(),
    }
}
