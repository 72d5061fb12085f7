//! The example's overlays as `kubectl kustomize` renders them, in the order of their resources.
//!
//! Without a word about the order the command line tool sorts by kind and Flux does not; what is deployed is Flux's.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;

use crate::place::root;
use crate::program;

/// The overlays of the example.
pub const ENVIRONMENTS: [&str; 3] = ["dev", "staging", "prod"];
/// Where they lie, from the workspace's root.
const PLACE: &str = "examples/pipeline/deployment/apps/myapp";
/// Makes the real tool keep the order.
const IN_ORDER: &str = "\nsortOptions: { order: fifo }\n";

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
    let folder = tempfile::tempdir()?;
    let copy = folder.path().join("myapp").display().to_string();
    program::output("cp", &["--recursive", PLACE, &copy], &root(), Duration::from_secs(60))?;
    for environment in ENVIRONMENTS {
        let inside = format!("{copy}/overlays/{environment}");
        let file = format!("{inside}/kustomization.yaml");
        let text = std::fs::read_to_string(&file).with_context(|| file.clone())?;
        std::fs::write(&file, text + IN_ORDER)?;
        let rendered = program::output("kubectl", &["kustomize", &inside], &root(), Duration::from_secs(60))?;
        let place = recorded(environment);
        std::fs::create_dir_all(place.parent().context("a file lies in a folder")?)?;
        std::fs::write(&place, rendered).with_context(|| place.display().to_string())?;
        println!("{}", place.display());
    }
    Ok(())
}
