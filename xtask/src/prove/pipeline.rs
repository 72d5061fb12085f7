//! The whole journey: a new folder, release 1.4.2 as it is loaded, then 1.4.3 on its own way to production.

use std::path::Path;

use anyhow::{Context as _, ensure};
use serde_json::Value;

use crate::place::Settings;
use crate::prove::records;
use crate::world::{World, scratch};

/// Runs `up --demo --once` on a new folder and looks at what it has left behind.
pub fn prove(settings: &Settings) -> anyhow::Result<()> {
    let folder = scratch(settings)?;
    let world = World::new(settings, folder.path().join("data"))?;
    let own = settings.with.as_ref().map(|folder| folder.display().to_string());
    let own: Vec<&str> = own.iter().flat_map(|folder| ["--with", folder]).collect();
    let took = world.journey(&[&["--demo", "--once"], own.as_slice()].concat(), settings.limit())?;
    no_timer(&folder.path().join("data/journal.jsonl"))?;
    records::check(settings, &world)?;
    println!("pipeline: released in {:.1} s, loading included", took.as_secs_f64());
    Ok(())
}

/// Demands that nothing was done because a time had come: every hop is started by an event.
fn no_timer(journal: &Path) -> anyhow::Result<()> {
    let text = std::fs::read_to_string(journal).with_context(|| journal.display().to_string())?;
    let mut entries = 0;
    for line in text.lines() {
        let entry: Value = serde_json::from_str(line).with_context(|| format!("{}: {line}", journal.display()))?;
        entries += 1;
        let acted = entry["done"].as_array().is_some_and(|done| !done.is_empty());
        ensure!(!(acted && entry["timer"] == true), "a timer started a hop: {line}");
    }
    ensure!(entries > 100, "the journal tells only {entries} steps of two releases");
    Ok(())
}
