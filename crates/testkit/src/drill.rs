//! A loaded world in which a test does something and looks what comes of it. Nothing fails by chance here.
//! Read first: [`Drill`].

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use controllers::Entry;
use model::{Clock as _, Timestamp};
use supercargo::world::World;

use crate::{Loaded, Simulation};

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
