//! How long a typical Kargo expression takes, without a world: compiled, and evaluated.

use std::process::Command;

use anyhow::{Context as _, ensure};

use crate::bench::Figure;
use crate::place::root;

/// Measures the medians in a program of its own, which is optimized as this one is not.
pub fn measure() -> anyhow::Result<Vec<Figure>> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let arguments = ["run", "--quiet", "--release", "--locked", "--package", "supercargo-expr", "--example", "speed"];
    let output = Command::new(cargo).args(arguments).current_dir(root()).output().context("cargo")?;
    ensure!(output.status.success(), "the example speed failed: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout)?;
    let (compile, evaluate) = text.trim().split_once(' ').context("two numbers were expected")?;
    let figure = |what: &str, nanoseconds: &str, goal| -> anyhow::Result<Figure> {
        let microseconds = nanoseconds.parse::<f64>()? / 1_000.0;
        Ok(Figure { what: what.to_owned(), measured: format!("{microseconds:.2} µs"), goal })
    };
    Ok(vec![
        figure("a typical Kargo expression compiled (median)", compile, "≤ 10 µs")?,
        figure("· evaluated (median)", evaluate, "≤ 2 µs")?,
    ])
}
