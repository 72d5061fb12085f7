//! `kill -9` in the middle of a journey, again and again: the next start completes it, and nothing is done twice.

use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

use crate::place::Settings;
use crate::program;
use crate::prove::records;
use crate::world::{ANYWHERE, World, scratch};

/// Nothing of a journey has begun earlier.
const EARLIEST: Duration = Duration::from_millis(100);
/// How the journey is started, and started again.
const FLAGS: [&str; 2] = ["--demo", "--once"];

/// Loads a folder once, then kills one journey for each seed, each on a copy.
pub fn prove(settings: &Settings) -> anyhow::Result<()> {
    let folder = scratch(settings)?;
    let loaded = World::new(settings, folder.path().join("loaded"))?;
    loaded.journey(&["--once", ANYWHERE], settings.limit()).context("loading")?;
    let whole = loaded.over(folder.path().join("whole"));
    copy(&loaded.data, &whole.data)?;
    let length = whole.journey(&FLAGS, settings.limit()).context("the journey that nobody kills")?;
    records::check(settings, &whole).context("the journey that nobody kills")?;
    println!("kill: the journey takes {:.2} s", length.as_secs_f64());
    let seeds = settings.seed.map_or(1..=settings.journeys, |seed| seed..=seed);
    let mut failed = Vec::new();
    for seed in seeds {
        let world = loaded.over(folder.path().join(format!("seed-{seed}")));
        match journey(settings, &loaded, &world, seed, length) {
            Ok(told) => println!("kill: seed {seed}: {told}"),
            Err(error) => {
                println!("kill: seed {seed} FAILED: {error:#}");
                failed.push(seed.to_string());
            }
        }
        if !settings.keep {
            let _ = std::fs::remove_dir_all(&world.data);
        }
    }
    anyhow::ensure!(failed.is_empty(), "failing seeds: {}; replay one with `cargo xtask prove kill --seed N`", failed.join(", "));
    Ok(())
}

/// Runs one journey that is killed, lets it be completed, and looks at the records.
fn journey(settings: &Settings, loaded: &World, world: &World, seed: u64, length: Duration) -> anyhow::Result<String> {
    copy(&loaded.data, &world.data)?;
    let moment =
        Duration::from_millis(StdRng::seed_from_u64(seed).random_range(millis(EARLIEST)..=millis(length).max(millis(EARLIEST) + 1)));
    let mut up = world.up(&FLAGS)?;
    std::thread::sleep(moment);
    let ran = up.kill()?;
    let at = format!("killed after {:.2} s{}", moment.as_secs_f64(), if ran { "" } else { " (it was over already)" });
    let took = world.journey(&FLAGS, settings.limit()).with_context(|| at.clone())?;
    records::check(settings, world).with_context(|| at.clone())?;
    Ok(format!("{at}, completed in {:.2} s", took.as_secs_f64()))
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// Copies a folder with all rights and times.
fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    let (from, to) = (from.display().to_string(), to.display().to_string());
    program::output("cp", &["--archive", &from, &to], Path::new("."), Duration::from_secs(120)).map(drop)
}
