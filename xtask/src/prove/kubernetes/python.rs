//! The Python client `kubernetes` of PyPI; what it does is in `client.py`.

use super::{Bench, INSTALL, LIMIT};
use crate::place::root;
use crate::program;

const CONTEXT: &str = "staging";
const VERSION: &str = "37.0.2";
const SCRIPT: &str = include_str!("client.py");

/// Installs the client, once, and lets it do its work, with one node.
pub fn talk(bench: &Bench<'_>) -> anyhow::Result<()> {
    let venv = root().join(format!("target/kubernetes-python-{VERSION}"));
    let python = venv.join("bin/python").display().to_string();
    if !venv.join("ready").exists() {
        program::output("python3", &["-m", "venv", "--clear", &venv.display().to_string()], bench.folder, INSTALL)?;
        program::output(&python, &["-m", "pip", "install", "--quiet", &format!("kubernetes=={VERSION}")], bench.folder, INSTALL)?;
        std::fs::write(venv.join("ready"), "")?;
    }
    std::fs::write(bench.folder.join("client.py"), SCRIPT)?;
    let _kubelet = bench.kubelet(CONTEXT, &["three"])?;
    let certificates = &bench.certificates;
    let (anna, stranger) = (&certificates.anna, &certificates.stranger);
    let arguments = ["client.py", &bench.kubeconfig(), CONTEXT, &anna.0, &anna.1, &stranger.0, &stranger.1];
    let told = program::output(&python, &arguments, bench.folder, LIMIT)?;
    println!("python: kubernetes {VERSION}: {}", told.trim());
    Ok(())
}
