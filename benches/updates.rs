//! What a large repository asks of Renovate's role: sorting an image's tags, holding dependencies against package rules, a pass.
//! A program of its own, built for release, whatever this one is built for.

use std::process::Command;

use anyhow::{Context as _, bail};

use crate::bench::Figure;
use crate::place::root;

/// Measures all of it.
pub fn measure() -> anyhow::Result<Vec<Figure>> {
    let arguments = ["run", "--quiet", "--release", "--locked", "--package", "supercargo-update", "--example", "figures"];
    let output = Command::new("cargo").args(arguments).current_dir(root()).output().context("cargo does not start")?;
    if !output.status.success() {
        bail!("the example figures of supercargo-update failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let figure = |name: &str, what: &str, goal: &'static str| -> anyhow::Result<Figure> {
        let found = text.lines().find_map(|line| line.strip_prefix(name)).with_context(|| format!("no figure {name}"))?;
        Ok(Figure { what: what.to_owned(), measured: format!("{} ms", found.trim()), goal })
    };
    Ok(vec![
        figure("sort", "sorting 10,000 docker tags", "≤ 10 ms")?,
        figure("match", "holding 1,250 dependencies, two updates each, against 726 package rules", "≤ 100 ms")?,
        figure("pass", "one pass over 1,000 manifests of 200 images", "≤ 5000 ms")?,
    ])
}
