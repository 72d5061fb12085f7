//! How much memory the process holds while nothing happens.

use std::time::Duration;

use anyhow::Context as _;

use crate::bench::Figure;
use crate::world::World;

/// How long it is left alone before it is measured.
const REST: Duration = Duration::from_secs(10);

/// Measures the resident memory as Linux counts it.
pub fn measure(world: &World) -> anyhow::Result<Figure> {
    let mut up = world.up(&[])?;
    world.ready(&mut up)?;
    std::thread::sleep(REST);
    let status = std::fs::read_to_string(format!("/proc/{}/status", up.id()))?;
    let kilobytes = resident(&status).context("the kernel tells no VmRSS")?;
    up.stop()?;
    Ok(Figure { what: "idle resident memory".into(), measured: format!("{:.1} MiB", kilobytes as f64 / 1_024.0), goal: "≤ 120 MiB" })
}

fn resident(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    #[test]
    fn resident_memory_is_read() {
        assert_eq!(super::resident("Name:\tx\nVmRSS:\t   123 kB\n"), Some(123));
    }
}
