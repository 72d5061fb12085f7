//! The example's overlays as `kubectl kustomize` renders them: in the order of the command line tool, which is by kind.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;

use crate::place::root;
use crate::program;

/// The overlays of the example.
pub const ENVIRONMENTS: [&str; 3] = ["dev", "staging", "prod"];
/// Where they lie, from the workspace's root.
const PLACE: &str = "examples/pipeline/deployment/apps/myapp";
/// Returns the folder of an overlay, from the workspace's root.
pub fn overlay(environment: &str) -> String {
    format!("{PLACE}/overlays/{environment}")
}

/// Returns where an overlay's rendering is kept.
pub fn recorded(environment: &str) -> PathBuf {
    root().join(format!("xtask/recorded/kustomize/{environment}.yaml"))
}

/// Renders and keeps them.
pub fn record() -> anyhow::Result<()> {
    for environment in ENVIRONMENTS {
        let rendered = program::output("kubectl", &["kustomize", &overlay(environment)], &root(), Duration::from_secs(60))?;
        let place = recorded(environment);
        std::fs::create_dir_all(place.parent().context("a file lies in a folder")?)?;
        std::fs::write(&place, rendered).with_context(|| place.display().to_string())?;
        println!("{}", place.display());
    }
    Ok(())
}
