//! Scores recorded answers of real tools. Read first: [`run`]. One tool is one file and one line in [`TOOLS`].

mod renovate;

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, bail};
use serde_json::Value;

/// A tool's name, what is scored, and the function that scores a file's content.
pub type Tool = (&'static str, &'static str, fn(&Value) -> Vec<Family>);

/// All tools.
pub const TOOLS: [Tool; 1] =
    [("renovate", "versions, patterns, schedules, templates and what else a family is there for", renovate::score)];

/// What came out of one family.
#[derive(Debug, Default)]
pub struct Family {
    /// The family's name.
    pub name: String,
    /// How many cases agree.
    pub passed: usize,
    /// What the others are about.
    pub failed: Vec<String>,
    /// Why nothing of it could pass.
    pub missing: bool,
}

/// How many failures of a family are shown.
const SHOWN: usize = 20;

/// Scores a file, prints each family and the sum, and writes how many cases passed of how many.
pub fn run(score: fn(&Value) -> Vec<Family>, file: &Path, floor: Option<usize>, verbose: bool) -> anyhow::Result<()> {
    let content: Value = serde_json::from_slice(&read(file)?).with_context(|| file.display().to_string())?;
    let families = score(&content);
    for family in &families {
        let Family { name, passed, failed, missing } = family;
        let note = if *missing { " (not built)" } else { "" };
        println!("{name:32} {passed:6} of {:6}{note}", passed + failed.len());
        for failure in failed.iter().take(if *missing || !verbose { 0 } else { SHOWN }) {
            println!("    {failure}");
        }
    }
    let passed: usize = families.iter().map(|family| family.passed).sum();
    let failed: usize = families.iter().map(|family| family.failed.len()).sum();
    println!("{passed} passed, {failed} failed");
    match floor {
        Some(floor) if passed < floor => bail!("fewer than {floor} cases passed"),
        _ => Ok(()),
    }
}

fn read(file: &Path) -> anyhow::Result<Vec<u8>> {
    if file.extension().is_none_or(|end| end != "zst") {
        return std::fs::read(file).with_context(|| file.display().to_string());
    }
    let output = Command::new("zstd").arg("-dc").arg("--").arg(file).output().context("zstd does not start")?;
    if !output.status.success() {
        bail!("{}: {}", file.display(), String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(output.stdout)
}

#[cfg(test)]
mod tests;
