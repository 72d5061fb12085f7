//! A whole world in one process under simulated time: hosts, roles, a runner and a node, with shuffled wake-ups, duplicate and
//! late deliveries and crashes, all from one seed. Read first: [`journey`], [`Simulation`], [`Invariants`].

mod clock;
mod drill;
mod invariants;
mod life;
mod loaded;
mod node;
mod outside;
mod runner;
mod simulation;

pub use clock::SimulatedClock;
pub use drill::Drill;
pub use invariants::Invariants;
pub use loaded::Loaded;
pub use node::Rules;
pub use outside::{As, Change, Entry, Outside};
pub use simulation::{Faults, Report, Simulation};

/// What is released.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Release {
    /// A version that works.
    Good,
    /// A version whose program crashes.
    Crashing,
    /// A version that the tests find wrong.
    Wrong,
    /// A version whose tests never end.
    Hanging,
    /// A version that does not get into dev, where the tests pass whatever runs there: its delivery is suspended.
    Undelivered,
}

/// Lets one release travel through a loaded world, with the faults of this seed, and returns what it took. An error names the
/// invariant that did not hold, or what the journey waited for when its time was over.
pub fn journey(seed: u64, release: Release) -> anyhow::Result<Report> {
    let loaded = Loaded::get().map_err(|error| anyhow::anyhow!("the world was not loaded: {error}"))?;
    Simulation::of(loaded, seed, release)?.run()
}
