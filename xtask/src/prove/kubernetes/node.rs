//! The JavaScript client `@kubernetes/client-node` of npm; what it does is in `client.mjs`.

use super::{Bench, INSTALL, LIMIT};
use crate::place::root;
use crate::program;

const CONTEXT: &str = "prod";
/// The last version that runs with the node of stable distributions: 2.0 needs one that knows zstd.
const VERSION: &str = "1.4.0";
const SCRIPT: &str = include_str!("client.mjs");

/// Installs the client, once, and lets it do its work, with one node.
pub fn talk(bench: &Bench<'_>) -> anyhow::Result<()> {
    let place = root().join(format!("target/kubernetes-node-{VERSION}"));
    std::fs::create_dir_all(&place)?;
    if !place.join("ready").exists() {
        let (prefix, package) = (place.display().to_string(), format!("@kubernetes/client-node@{VERSION}"));
        let quietly = ["install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix"];
        program::output("npm", &[quietly.as_slice(), &[&prefix, &package]].concat(), bench.folder, INSTALL)?;
        std::fs::write(place.join("ready"), "")?;
    }
    // A module looks for others beside itself.
    let script = place.join("client.mjs");
    std::fs::write(&script, SCRIPT)?;
    let _kubelet = bench.kubelet(CONTEXT, &["four"])?;
    let (certificate, key) = &bench.certificates.anna;
    let arguments = [&script.display().to_string(), &bench.kubeconfig(), CONTEXT, certificate.as_str(), key.as_str()];
    let told = program::output("node", &arguments, bench.folder, LIMIT)?;
    println!("node: @kubernetes/client-node {VERSION}: {}", told.trim());
    Ok(())
}
