//! A loaded world in which a test does something and looks what comes of it. Nothing fails by chance here.
//! Read first: [`Drill`].

use std::collections::BTreeMap;
use std::future::Future;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use apiserver::AuditLog;
use controllers::Entry;
use model::{Clock as _, Timestamp};
use supercargo::credentials::CLUSTERS;
use supercargo::world::World;

use crate::{Loaded, Rules, Simulation};

/// A world that a test plays with.
pub struct Drill(Simulation);

impl Drill {
    /// Begins in a copy of the loaded world, in which version 1.4.2 is verified in prod.
    pub fn begin() -> anyhow::Result<Self> {
        let loaded = Loaded::get().map_err(|error| anyhow::anyhow!("the world was not loaded: {error}"))?;
        let mut drill = Self(Simulation::quiet(loaded)?);
        drill.settle()?;
        Ok(drill)
    }

    /// Begins in a world of its own that was made from nothing, and whose clusters wrote down from the first moment who did what: one
    /// log in this folder for each, by the cluster's name.
    pub fn witnessed(folder: &Path) -> anyhow::Result<(Self, Vec<AuditLog>)> {
        let mut logs = BTreeMap::new();
        for name in CLUSTERS {
            logs.insert(name.to_owned(), AuditLog::open(&folder.join(name), u64::MAX)?);
        }
        Ok((Self(Simulation::filled(logs.clone())?), logs.into_values().collect()))
    }

    /// Says what the tests make of versions from now on.
    pub fn rule(&mut self, rules: Rules) {
        self.0.rules = rules;
    }

    /// Returns the world.
    pub fn world(&self) -> Arc<World> {
        self.0.world()
    }

    /// Returns the simulated time.
    pub fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    /// Runs something to its end while the rest of the world stands still.
    pub fn ask<T>(&self, question: impl Future<Output = T>) -> T {
        self.0.ask(question)
    }

    /// Lets the world go on until nothing is left to do.
    pub fn settle(&mut self) -> anyhow::Result<()> {
        self.0.watch_for(Duration::from_secs(2)).map_err(|error| self.0.explain(error))
    }

    /// Lets the world go on for some time, and until nothing is left to do.
    pub fn wait(&mut self, time: Duration) -> anyhow::Result<()> {
        self.0.watch_for(time).map_err(|error| self.0.explain(error))
    }

    /// Ends everything as `kill -9` does and starts anew over what was kept.
    pub fn crash(&mut self) -> anyhow::Result<()> {
        self.0.restart()?;
        self.settle()
    }

    /// Returns the story so far.
    pub fn story(&self) -> Vec<Entry> {
        self.0.journal.recent()
    }
}
