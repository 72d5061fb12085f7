//! Our rendering of the example against the recorded one of the real tool, byte for byte.

use std::path::Path;
use std::time::Duration;

use anyhow::bail;

use crate::place::{Settings, root};
use crate::program;
use crate::record::kustomize::{ENVIRONMENTS, overlay, recorded};

/// Renders each overlay under the tool's name and compares.
pub fn prove(settings: &Settings) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let link = folder.path().join("kustomize");
    std::os::unix::fs::symlink(settings.program()?, &link)?;
    let mut different = Vec::new();
    for environment in ENVIRONMENTS {
        let wanted = std::fs::read_to_string(recorded(environment))?;
        let ours = program::output(&link, &["build", &overlay(environment)], &root(), Duration::from_secs(60))?;
        if ours != wanted {
            different.push(format!("{environment}, from line {}", first_difference(&ours, &wanted)));
        }
    }
    if !different.is_empty() {
        bail!("rendered differently from {}: {}", Path::new("xtask/recorded/kustomize").display(), different.join("; "));
    }
    println!("kustomize: {} overlays are identical", ENVIRONMENTS.len());
    Ok(())
}

fn first_difference(ours: &str, wanted: &str) -> usize {
    ours.lines().zip(wanted.lines()).take_while(|(one, other)| one == other).count() + 1
}
