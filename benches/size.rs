//! How large the program is.

use anyhow::Context as _;

use crate::bench::Figure;
use crate::world::World;

/// Measures the file.
pub fn measure(world: &World) -> anyhow::Result<Figure> {
    let size = std::fs::metadata(&world.binary).with_context(|| world.binary.display().to_string())?.len();
    Ok(Figure { what: "size of the binary".into(), measured: format!("{:.1} MiB", size as f64 / 1_048_576.0), goal: "≤ 60 MiB" })
}
