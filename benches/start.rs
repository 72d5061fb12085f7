//! How long a loaded data folder takes to start, from the process to the last cluster that answers.

use crate::bench::{Figure, median};
use crate::world::World;

/// How often it is started.
const TIMES: usize = 5;

/// Measures the median.
pub fn measure(world: &World) -> anyhow::Result<Figure> {
    let mut times = Vec::new();
    for _ in 0..TIMES {
        let mut up = world.up(&[])?;
        times.push(i64::try_from(world.ready(&mut up)?.as_millis())?);
        up.stop()?;
    }
    let middle = median(times).unwrap_or_default();
    Ok(Figure { what: format!("start of a loaded data folder (median of {TIMES})"), measured: format!("{middle} ms"), goal: "≤ 1 s" })
}
