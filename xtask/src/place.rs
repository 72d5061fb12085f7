//! Where things are: the workspace, the release binary, and ports that nobody uses.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, bail};

/// How many ports above its base `up` may use.
const PORTS: u16 = 40;

/// What proofs and benches can be told.
#[derive(Debug, Clone, clap::Args)]
pub struct Settings {
    /// The program to prove; by default the release build, made now if it is not up to date.
    #[arg(long)]
    pub binary: Option<PathBuf>,
    /// The first port to use; by default free ones are looked for.
    #[arg(long)]
    pub port_base: Option<u16>,
    /// Leaves the data folders and logs behind and says where they are.
    #[arg(long)]
    pub keep: bool,
    /// How many seconds one journey may take.
    #[arg(long, default_value_t = 300)]
    pub limit: u64,
    /// Installs programs that are written in Go, which takes minutes, where a proof knows more with them.
    #[arg(long)]
    pub go: bool,
    /// A folder whose files take the place of the example's, as `up --with` has it.
    #[arg(long)]
    pub with: Option<PathBuf>,
    /// How many journeys are killed.
    #[arg(long, default_value_t = 20)]
    pub journeys: u64,
    /// Runs the journey of this seed alone; of random builds, the first.
    #[arg(long)]
    pub seed: Option<u64>,
    /// How many random builds are compared.
    #[arg(long, default_value_t = 200)]
    pub builds: u64,
    /// Where the deployment repository lies inside the data folder.
    #[arg(long, default_value = "forge/org/deployment.git")]
    pub deployment: PathBuf,
    /// Where the application repository lies inside the data folder.
    #[arg(long, default_value = "forge/org/app-myapp.git")]
    pub application: PathBuf,
}

impl Settings {
    /// Returns how long one journey may take.
    pub fn limit(&self) -> Duration {
        Duration::from_secs(self.limit)
    }

    /// Returns the program, built if need be.
    pub fn program(&self) -> anyhow::Result<PathBuf> {
        if let Some(binary) = &self.binary {
            return std::path::absolute(binary).with_context(|| binary.display().to_string());
        }
        cargo(&["build", "--release", "--locked", "--package", "supercargo"])?;
        let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), |folder| root().join(folder));
        Ok(target.join("release/supercargo"))
    }

    /// Returns the first port to use.
    pub fn ports(&self) -> anyhow::Result<u16> {
        match self.port_base {
            Some(base) => Ok(base),
            None => free_ports(),
        }
    }
}

/// Returns the folder of the workspace.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map(Path::to_path_buf).unwrap_or_default()
}

/// Runs cargo in the workspace; its output goes where ours goes.
pub fn cargo(arguments: &[&str]) -> anyhow::Result<()> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo).args(arguments).current_dir(root()).status().context("cargo cannot be run")?;
    if !status.success() {
        bail!("cargo {} failed", arguments.join(" "));
    }
    Ok(())
}

fn free_ports() -> anyhow::Result<u16> {
    let free = |base: &u16| (*base..*base + PORTS).all(|port| TcpListener::bind(("127.0.0.1", port)).is_ok());
    // Below the range from which Linux takes ports for outgoing connections.
    (20_000..32_000).step_by(usize::from(PORTS)).find(free).context("no free range of ports between 20000 and 32000")
}
