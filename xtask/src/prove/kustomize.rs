//! Our rendering against the real program's, byte for byte: of the example, as it is recorded, and of random trees.
//! Read first: [`prove`], then `overlays.rs` for what is tried.

mod compare;
mod dice;
mod known;
mod overlays;
mod patches;
mod resources;
mod text;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::bail;

use crate::place::{Settings, root};
use crate::program;
use crate::record::kustomize::{ENVIRONMENTS, overlay, recorded};

/// Finds the real program, installed if need be, and its command for a build.
pub fn real_kustomize() -> anyhow::Result<(PathBuf, &'static str)> {
    compare::real().map(|real| (real.program, real.command))
}

/// Renders each overlay of the example under the tool's name, then random trees beside the real tool.
pub fn prove(settings: &Settings) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let link = folder.path().join("kustomize");
    std::os::unix::fs::symlink(settings.program()?, &link)?;
    example(&link)?;
    compare::run(settings, &link)
}

fn example(link: &PathBuf) -> anyhow::Result<()> {
    let mut different = Vec::new();
    for environment in ENVIRONMENTS {
        let wanted = std::fs::read_to_string(recorded(environment))?;
        let ours = program::output(link, &["build", &overlay(environment)], &root(), Duration::from_secs(60))?;
        if ours != wanted {
            different.push(format!("{environment}, from line {}", first_difference(&ours, &wanted)));
        }
    }
    if !different.is_empty() {
        bail!("rendered differently from {}: {}", Path::new("xtask/recorded/kustomize").display(), different.join("; "));
    }
    println!("kustomize: {} overlays of the example are identical", ENVIRONMENTS.len());
    Ok(())
}

fn first_difference(ours: &str, wanted: &str) -> usize {
    ours.lines().zip(wanted.lines()).take_while(|(one, other)| one == other).count() + 1
}
