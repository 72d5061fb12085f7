//! How long `supercargo why` takes to tell the whole chain of an environment.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::bench::{Figure, median};
use crate::program;
use crate::world::World;

/// How often it is asked.
const TIMES: usize = 21;

/// Measures the median of the whole program, beside a loaded world that runs.
pub fn measure(world: &World) -> anyhow::Result<Figure> {
    let mut up = world.up(&[])?;
    world.ready(&mut up)?;
    // What a start does first is done.
    std::thread::sleep(Duration::from_secs(3));
    let data = world.data.display().to_string();
    let mut times = Vec::new();
    for _ in 0..TIMES {
        let begin = Instant::now();
        program::output(&world.binary, &["why", "prod", "--data", &data], Path::new("."), Duration::from_secs(30))?;
        times.push(i64::try_from(begin.elapsed().as_millis())?);
    }
    up.stop()?;
    let middle = median(times).unwrap_or_default();
    Ok(Figure { what: format!("`why prod` (median of {TIMES})"), measured: format!("{middle} ms"), goal: "≤ 50 ms" })
}
