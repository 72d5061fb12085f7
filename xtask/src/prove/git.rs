//! The real git program against the forge.

use crate::place::{Settings, cargo};

/// Runs the tests that start the git program, against the forge and against our own objects and packs.
pub fn prove(_: &Settings) -> anyhow::Result<()> {
    cargo(&["test", "--locked", "--package", "supercargo-forge", "--test", "git_program"])?;
    cargo(&["test", "--locked", "--package", "supercargo-git", "--test", "program"])
}
