//! The whole journey: a new folder, release 1.4.2 as it is loaded, then 1.4.3 on its own way to production.

use crate::place::Settings;
use crate::prove::records;
use crate::world::{World, scratch};

/// Runs `up --demo --once` on a new folder and looks at what it has left behind.
pub fn prove(settings: &Settings) -> anyhow::Result<()> {
    let folder = scratch(settings)?;
    let world = World::new(settings, folder.path().join("data"))?;
    let took = world.journey(&["--demo", "--once"], settings.limit())?;
    records::check(settings, &world)?;
    println!("pipeline: released in {:.1} s, loading included", took.as_secs_f64());
    Ok(())
}
