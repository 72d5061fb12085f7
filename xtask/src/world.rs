//! A Supercargo of its own: a data folder, ports, and the process that serves them.
//! Read first: [`World`], [`Up`].

use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::place::Settings;
use crate::program;

/// Lets jobs run where no sandbox can be made, as for somebody who is not root.
pub const ANYWHERE: &str = "--allow-host-jobs";
/// How long starting may take before it counts as failed.
const START: Duration = Duration::from_secs(60);
/// How long a clean stop may take.
const STOP: Duration = Duration::from_secs(30);

/// A data folder and the program that serves it.
#[derive(Debug)]
pub struct World {
    /// The program.
    pub binary: PathBuf,
    /// The data folder.
    pub data: PathBuf,
    /// The first port.
    pub ports: u16,
}

/// A running `supercargo up`. Dropped, it is killed.
#[derive(Debug)]
pub struct Up {
    child: Child,
    /// Where its output goes.
    log: PathBuf,
}

/// A folder for a proof: removed at the end, unless it is to be kept.
pub fn scratch(settings: &Settings) -> anyhow::Result<tempfile::TempDir> {
    let mut folder = tempfile::Builder::new().prefix("supercargo-proof-").tempdir()?;
    if settings.keep {
        folder.disable_cleanup(true);
        println!("data and logs stay in {}", folder.path().display());
    }
    Ok(folder)
}

impl World {
    /// Returns a world with this data folder.
    pub fn new(settings: &Settings, data: PathBuf) -> anyhow::Result<Self> {
        Ok(Self { binary: settings.program()?, data, ports: settings.ports()? })
    }

    /// Returns the same program and ports over another folder.
    pub fn over(&self, data: PathBuf) -> Self {
        Self { binary: self.binary.clone(), data, ports: self.ports }
    }

    /// Starts `up` with these further flags.
    pub fn up(&self, flags: &[&str]) -> anyhow::Result<Up> {
        let log = self.data.with_extension("log");
        let file = std::fs::OpenOptions::new().create(true).append(true).open(&log).with_context(|| log.display().to_string())?;
        let mut command = Command::new(&self.binary);
        command.arg("up").arg("--data").arg(&self.data).args(["--port-base", &self.ports.to_string()]).args(flags);
        command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
        let child = command.spawn().with_context(|| format!("{} cannot be run", self.binary.display()))?;
        Ok(Up { child, log })
    }

    /// Runs `up` to its end and demands that it ends well; returns how long it took.
    pub fn journey(&self, flags: &[&str], limit: Duration) -> anyhow::Result<Duration> {
        let begin = Instant::now();
        let mut up = self.up(flags)?;
        let status = up.wait(limit).with_context(|| format!("up {}:\n{}", flags.join(" "), up.story()))?;
        if !status.success() {
            bail!("up {} ended with {status}:\n{}", flags.join(" "), up.story());
        }
        Ok(begin.elapsed())
    }

    /// Waits until every cluster in the kubeconfig answers; returns how long that took.
    pub fn ready(&self, up: &mut Up) -> anyhow::Result<Duration> {
        let begin = Instant::now();
        while begin.elapsed() < START {
            if let Some(status) = up.child.try_wait()? {
                bail!("up ended with {status} while starting:\n{}", up.story());
            }
            let servers = self.servers();
            if !servers.is_empty() && servers.iter().all(|server| answers(server)) {
                return Ok(begin.elapsed());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        bail!("up was not ready within {} s:\n{}", START.as_secs(), up.story())
    }

    /// Returns the addresses of all clusters.
    fn servers(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.data.join("kubeconfig")).unwrap_or_default();
        let servers = text.lines().filter_map(|line| line.trim().strip_prefix("server:"));
        servers.map(|server| server.trim().trim_matches('"').to_owned()).collect()
    }

    /// Asks `supercargo status`.
    fn status(&self) -> anyhow::Result<Value> {
        let data = self.data.display().to_string();
        let text = program::output(&self.binary, &["status", "--json", "--data", &data], Path::new("."), START)?;
        serde_json::from_str(&text).context("supercargo status --json did not print JSON")
    }
}

impl World {
    /// Reads a file of the data folder as JSON.
    fn file(&self, name: &str) -> anyhow::Result<Value> {
        let path = self.data.join(name);
        let bytes = std::fs::read(&path).with_context(|| path.display().to_string())?;
        serde_json::from_slice(&bytes).with_context(|| path.display().to_string())
    }

    /// Asks a running world's cluster, as its administrator.
    pub fn ask_cluster(&self, cluster: &str, path: &str) -> anyhow::Result<Value> {
        let (status, credentials) = (self.status()?, self.file("credentials.json")?);
        let server = status["clusters"][cluster].as_str().with_context(|| format!("status tells no address of {cluster}"))?;
        let token = credentials["clusters"][cluster].as_str().with_context(|| format!("there is no token of {cluster}"))?;
        let authority = status["ca"].as_str().context("status tells no CA file")?;
        get(&["--cacert", authority, "--header", &format!("Authorization: Bearer {token}"), &format!("{server}{path}")])
    }

    /// Returns where a running world's cluster is reached, host and port, the file of its authority, and its administrator's token.
    pub fn door(&self, cluster: &str) -> anyhow::Result<(String, String, String)> {
        let (status, credentials) = (self.status()?, self.file("credentials.json")?);
        let server = status["clusters"][cluster].as_str().and_then(|server| server.strip_prefix("https://"));
        let token = credentials["clusters"][cluster].as_str().with_context(|| format!("there is no token of {cluster}"))?;
        let authority = status["ca"].as_str().context("status tells no CA file")?;
        let server = server.with_context(|| format!("status tells no address of {cluster}"))?;
        Ok((server.to_owned(), authority.to_owned(), token.to_owned()))
    }

    /// Asks a running world's registry, as its administrator.
    pub fn ask_registry(&self, path: &str) -> anyhow::Result<Value> {
        let (status, credentials) = (self.status()?, self.file("credentials.json")?);
        let registry = status["registry"].as_str().context("status tells no address of the registry")?;
        let password = credentials["registry"].as_str().context("there is no password of the registry")?;
        get(&["--user", &format!("admin:{password}"), &format!("{registry}{path}")])
    }
}

/// Gets JSON with curl.
fn get(arguments: &[&str]) -> anyhow::Result<Value> {
    let all = [&["--silent", "--show-error", "--fail", "--max-time", "20"], arguments].concat();
    let text = program::output("curl", &all, Path::new("."), START)?;
    serde_json::from_str(&text).context("the answer is no JSON")
}

/// Whether anything answers HTTP there, whatever it says. curl takes the certificate as it is: it is not what is asked.
fn answers(server: &str) -> bool {
    let url = format!("{server}/version");
    let arguments = ["--silent", "--insecure", "--output", "/dev/null", "--max-time", "2", url.as_str()];
    program::run("curl", &arguments, Path::new("."), START).is_ok_and(|ended| ended.good)
}

impl Up {
    /// Returns the number of the process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits until it has ended.
    pub fn wait(&mut self, limit: Duration) -> anyhow::Result<ExitStatus> {
        program::wait(&mut self.child, limit)
    }

    /// Kills it as `kill -9` does; returns whether it still ran.
    pub fn kill(&mut self) -> anyhow::Result<bool> {
        let ran = self.child.try_wait()?.is_none();
        if ran {
            self.child.kill()?;
            self.child.wait()?;
        }
        Ok(ran)
    }

    /// Stops it as Ctrl-C does and demands that it ends well.
    pub fn stop(mut self) -> anyhow::Result<()> {
        let id = i32::try_from(self.child.id()).context("the number of the process is too large")?;
        kill(Pid::from_raw(id), Signal::SIGINT)?;
        let status = self.wait(STOP).with_context(|| format!("after Ctrl-C:\n{}", self.story()))?;
        if !status.success() {
            bail!("up ended with {status} after Ctrl-C:\n{}", self.story());
        }
        Ok(())
    }

    /// Returns the end of what it told.
    pub fn story(&self) -> String {
        program::last_lines(&std::fs::read_to_string(&self.log).unwrap_or_default(), 40)
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        let _ = self.kill();
    }
}
