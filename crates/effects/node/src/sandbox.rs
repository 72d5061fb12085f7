//! One sandbox: own mount, pid and ipc namespaces, not root, no capabilities. The network is the host's, and the
//! node says so. Made in a re-exec'd child, because its process must have one thread only: with libcontainer where this process is
//! root, else in user namespaces (`rootless.rs`).
//! Read first: [`Sandbox`], [`Sandbox::run`], [`child`].

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use libcontainer::container::builder::ContainerBuilder;
use libcontainer::syscall::syscall::SyscallType;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::Pid;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, Command};
use tokio::sync::watch;

use crate::logs::Stream;
use crate::rootless::{self, Plan, ROOTLESS};

/// The word after the program's name that makes it the child of a sandbox.
pub const CHILD: &str = "__sandbox";
/// Where a child writes the process ids of the sandbox's first process and of its own.
pub(crate) const PIDS: &str = "pids";
/// What the child exits with when it could not make the sandbox.
pub(crate) const NO_SANDBOX: i32 = 125;
/// Most bytes of output that are kept; the rest is read and dropped.
const OUTPUT: usize = 4 << 20;
/// Folders of the host that a sandbox over the host's root does not show: what the kernel makes, what is private, what is temporary.
const HIDDEN: [&str; 9] = ["proc", "sys", "dev", "tmp", "run", "root", "home", "lost+found", "boot"];

/// Tells whether this process can make a sandbox: it is root, or may make user namespaces.
pub fn is_possible() -> bool {
    nix::unistd::geteuid().is_root() || rootless::is_possible()
}

/// What a sandbox shows as its root.
#[derive(Debug, Clone)]
pub enum Root {
    /// The host's programs and libraries, read-only.
    Host,
    /// This folder, read-only.
    Folder(PathBuf),
}

/// A folder or file of the host that a sandbox shows.
#[derive(Debug, Clone)]
pub struct Mount {
    /// On the host.
    pub source: PathBuf,
    /// In the sandbox, absolute.
    pub target: String,
    /// Whether it may be written.
    pub writable: bool,
}

/// One program in a sandbox.
#[derive(Debug, Clone)]
pub struct Sandbox {
    /// A folder of its own that exists and is empty; removed by the caller.
    pub place: PathBuf,
    /// What it shows as its root.
    pub root: Root,
    /// What else it shows.
    pub mounts: Vec<Mount>,
    /// Links to make below the root: path and target.
    pub links: Vec<(String, String)>,
    /// The program and its arguments.
    pub arguments: Vec<String>,
    /// All variables.
    pub environment: BTreeMap<String, String>,
    /// Where it starts.
    pub folder: String,
    /// As which user and group; never 0.
    pub user: (u32, u32),
    /// Most processes at once.
    pub processes: i64,
    /// Most memory, in bytes.
    pub memory: i64,
    /// After how long it is ended.
    pub timeout: Duration,
}

/// How a program ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// Its exit code; 137 when it was ended.
    pub code: i32,
    /// Whether its time was over.
    pub timed_out: bool,
    /// What it wrote to standard output and standard error, cut.
    pub output: String,
}

/// Who watches a program while it runs.
pub(crate) struct Watcher<'a> {
    /// Gets all of its output as it comes.
    pub output: &'a mut (dyn FnMut(Stream, &[u8]) + Send),
    /// Tells it to end, and how much time it has for that.
    pub stop: watch::Receiver<Option<Duration>>,
}

/// Why a program did not run.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// A file or folder is in the way.
    #[error("cannot prepare the sandbox at {path}")]
    File {
        /// Which.
        path: String,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The sandbox was not made.
    #[error("the sandbox could not be made: {0}")]
    Refused(String),
}

fn file_error(path: &Path) -> impl FnOnce(std::io::Error) -> SandboxError + '_ {
    move |source| SandboxError::File { path: path.display().to_string(), source }
}

impl Sandbox {
    /// Runs the program to its end. When the calling process dies, so does the program.
    pub async fn run(&self) -> Result<Ended, SandboxError> {
        self.run_watched(None).await
    }

    /// The same, for somebody who watches.
    pub(crate) async fn run_watched(&self, watcher: Option<Watcher<'_>>) -> Result<Ended, SandboxError> {
        let word = if nix::unistd::geteuid().is_root() {
            self.prepare()?;
            CHILD
        } else {
            self.prepare_rootless()?;
            ROOTLESS
        };
        let program = std::env::current_exe().map_err(file_error(Path::new("/proc/self/exe")))?;
        let mut command = Command::new(program);
        command.arg(word).arg(&self.place).env_clear();
        let ended = supervise(command, self.timeout, Lifeline::Sandbox, watcher).await?;
        if ended.code == NO_SANDBOX && !ended.timed_out {
            return Err(SandboxError::Refused(ended.output.trim().to_owned()));
        }
        Ok(ended)
    }

    /// Writes down what a sandbox without root needs.
    fn prepare_rootless(&self) -> Result<(), SandboxError> {
        let mut mounts = Vec::new();
        let root = match &self.root {
            Root::Folder(folder) => folder.clone(),
            Root::Host => {
                let root = self.place.join("rootfs");
                for folder in ["dev", "proc", "tmp"] {
                    let folder = root.join(folder);
                    std::fs::create_dir_all(&folder).map_err(file_error(&folder))?;
                }
                let mut shown = Vec::new();
                self.show_host(&root, &mut shown)?;
                for mount in &shown {
                    let text = |field: &str| mount[field].as_str().unwrap_or_default().to_owned();
                    mounts.push((PathBuf::from(text("source")), text("destination"), false));
                }
                self.make_links(&root)?;
                root
            }
        };
        mounts.extend(self.mounts.iter().map(|mount| (mount.source.clone(), mount.target.clone(), mount.writable)));
        let plan = Plan {
            root,
            mounts,
            arguments: self.arguments.clone(),
            environment: self.environment.clone(),
            folder: self.folder.clone(),
            user: self.user,
            processes: u64::try_from(self.processes).unwrap_or(u64::MAX),
            memory: u64::try_from(self.memory).unwrap_or(u64::MAX),
        };
        let path = self.place.join(rootless::PLAN);
        std::fs::write(&path, serde_json::to_vec(&plan).expect("texts and numbers serialise")).map_err(file_error(&path))
    }

    /// Makes the links below the root.
    fn make_links(&self, root: &Path) -> Result<(), SandboxError> {
        for (link, target) in &self.links {
            let link = root.join(link.trim_start_matches('/'));
            if let Some(parent) = link.parent() {
                std::fs::create_dir_all(parent).map_err(file_error(parent))?;
            }
            std::os::unix::fs::symlink(target, &link).map_err(file_error(&link))?;
        }
        Ok(())
    }

    fn prepare(&self) -> Result<(), SandboxError> {
        let root = self.place.join("rootfs");
        std::fs::create_dir_all(&root).map_err(file_error(&root))?;
        let mut mounts = vec![
            json!({"destination": "/proc", "type": "proc", "source": "proc", "options": ["nosuid", "noexec", "nodev"]}),
            json!({"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "strictatime", "mode=755", "size=65536k"]}),
            json!({"destination": "/dev/shm", "type": "tmpfs", "source": "shm", "options": ["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"]}),
            json!({"destination": "/tmp", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "nodev", "mode=1777"]}),
        ];
        let path = match &self.root {
            Root::Host => {
                self.show_host(&root, &mut mounts)?;
                root.clone()
            }
            Root::Folder(folder) => folder.clone(),
        };
        self.make_links(&root)?;
        for mount in &self.mounts {
            let mut options = vec!["bind", "nosuid", "nodev"];
            options.push(if mount.writable { "rw" } else { "ro" });
            mounts.push(json!({"destination": mount.target, "type": "bind", "source": mount.source, "options": options}));
        }
        let config = self.place.join("config.json");
        std::fs::write(&config, self.spec(&path, &mounts).to_string()).map_err(file_error(&config))
    }

    /// Shows the host's top folders read-only; links between them are made anew.
    fn show_host(&self, root: &Path, mounts: &mut Vec<Value>) -> Result<(), SandboxError> {
        let top = Path::new("/");
        for entry in std::fs::read_dir(top).map_err(file_error(top))?.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let Ok(kind) = entry.file_type() else { continue };
            if HIDDEN.contains(&name.as_str()) {
                continue;
            }
            if kind.is_symlink() {
                let target = std::fs::read_link(entry.path()).map_err(file_error(&entry.path()))?;
                let link = root.join(&name);
                std::os::unix::fs::symlink(&target, &link).map_err(file_error(&link))?;
            } else if kind.is_dir() {
                mounts.push(json!({"destination": format!("/{name}"), "type": "bind", "source": entry.path(), "options": ["rbind", "ro", "nosuid", "nodev"]}));
            }
        }
        Ok(())
    }

    fn spec(&self, root: &Path, mounts: &[Value]) -> Value {
        let environment: Vec<String> = self.environment.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let name = self.place.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        json!({
            "ociVersion": "1.0.2",
            "hostname": "supercargo",
            "root": {"path": root, "readonly": true},
            "process": {
                "terminal": false,
                "user": {"uid": self.user.0, "gid": self.user.1},
                "args": self.arguments,
                "env": environment,
                "cwd": self.folder,
                "noNewPrivileges": true,
                "capabilities": {"bounding": [], "effective": [], "inheritable": [], "permitted": [], "ambient": []},
                "rlimits": [{"type": "RLIMIT_CORE", "hard": 0, "soft": 0}],
            },
            "mounts": mounts,
            "linux": {
                "cgroupsPath": format!("/supercargo/{name}"),
                "namespaces": [{"type": "mount"}, {"type": "pid"}, {"type": "ipc"}, {"type": "uts"}],
                "resources": {"memory": {"limit": self.memory}, "pids": {"limit": self.processes}, "devices": [{"allow": false, "access": "rwm"}]},
                "maskedPaths": ["/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list", "/proc/sched_debug", "/proc/scsi", "/proc/sysrq-trigger"],
                "readonlyPaths": ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys"],
            },
        })
    }
}

/// What the standard input of a supervised process means to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lifeline {
    /// A byte asks the program to end, its end ends the program.
    Sandbox,
    /// Nothing: signals tell it.
    None,
}

/// Runs a command to its end and keeps its output. Its standard input is a pipe that closes when this process dies.
pub(crate) async fn supervise(
    mut command: Command,
    timeout: Duration,
    lifeline: Lifeline,
    mut watcher: Option<Watcher<'_>>,
) -> Result<Ended, SandboxError> {
    let refused = |error: std::io::Error| SandboxError::Refused(error.to_string());
    // A sandbox is ended by its child, which would not live to do it if it were killed.
    let kill_on_drop = lifeline == Lifeline::None;
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(kill_on_drop);
    let mut child = command.spawn().map_err(refused)?;
    let mut line = child.stdin.take();
    let (Some(mut stdout), Some(mut stderr)) = (child.stdout.take(), child.stderr.take()) else {
        return Err(SandboxError::Refused("the program has no output".into()));
    };
    let mut output = Vec::new();
    let (mut one, mut two) = ([0u8; 8192], [0u8; 8192]);
    let (mut open_one, mut open_two) = (true, true);
    let mut stop = watcher.as_ref().map(|watcher| watcher.stop.clone());
    let mut end = tokio::time::Instant::now() + timeout;
    let mut in_time = true;
    while open_one || open_two {
        let (stream, part, open): (Stream, &[u8], &mut bool) = tokio::select! {
            read = stdout.read(&mut one), if open_one => (Stream::Out, &one[..read.unwrap_or(0)], &mut open_one),
            read = stderr.read(&mut two), if open_two => (Stream::Error, &two[..read.unwrap_or(0)], &mut open_two),
            grace = asked(&mut stop) => {
                stop = None;
                end = end.min(tokio::time::Instant::now() + grace);
                terminate(&child, &mut line, lifeline).await;
                continue;
            }
            () = tokio::time::sleep_until(end) => {
                in_time = false;
                break;
            }
        };
        *open = !part.is_empty();
        if let Some(watcher) = &mut watcher {
            (watcher.output)(stream, part);
        }
        let room = OUTPUT.saturating_sub(output.len());
        output.extend_from_slice(&part[..part.len().min(room)]);
    }
    // Closing the lifeline makes the child end what it started.
    drop(line);
    if !in_time && lifeline == Lifeline::None {
        let _ = child.start_kill();
    }
    let code = match tokio::time::timeout(Duration::from_secs(10), child.wait()).await {
        Ok(status) => exit_code(status.map_err(refused)?),
        Err(_) => {
            let _ = child.kill().await;
            137
        }
    };
    let code = if in_time { code } else { 137 };
    Ok(Ended { code, timed_out: !in_time, output: String::from_utf8_lossy(&output).into_owned() })
}

/// Waits until somebody wants the end, for ever if nobody does.
async fn asked(stop: &mut Option<watch::Receiver<Option<Duration>>>) -> Duration {
    if let Some(stop) = stop
        && let Ok(grace) = stop.wait_for(Option::is_some).await
        && let Some(grace) = *grace
    {
        return grace;
    }
    std::future::pending().await
}

async fn terminate(child: &Child, line: &mut Option<tokio::process::ChildStdin>, lifeline: Lifeline) {
    match (lifeline, line, child.id().and_then(|id| i32::try_from(id).ok())) {
        (Lifeline::Sandbox, Some(line), _) => drop(line.write_all(b"t").await),
        (Lifeline::None, _, Some(id)) => drop(kill(Pid::from_raw(id), Signal::SIGTERM)),
        _ => {}
    }
}

/// The exit code of a process as a shell tells it.
pub(crate) fn exit_code(status: std::process::ExitStatus) -> i32 {
    use std::os::unix::process::ExitStatusExt as _;
    status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(137)
}

/// What the re-exec'd child does: makes the sandbox, waits for its program, and returns its exit code. Ends the program when
/// its own standard input closes, which happens when whoever started it dies.
pub fn child(place: &Path) -> i32 {
    match run_child(place) {
        Ok(code) => code,
        Err(error) => {
            let mut text = error.to_string();
            let mut source = error.source();
            while let Some(inner) = source {
                text = format!("{text}: {inner}");
                source = inner.source();
            }
            eprintln!("{text}");
            NO_SANDBOX
        }
    }
}

fn run_child(place: &Path) -> Result<i32, Box<dyn std::error::Error>> {
    let state = place.join("state");
    std::fs::create_dir_all(&state)?;
    let name = place.file_name().ok_or("the place has no name")?.to_string_lossy().into_owned();
    let builder = ContainerBuilder::new(name, SyscallType::Linux)
        .with_root_path(&state)?
        .with_stdin(std::fs::File::open("/dev/null")?)
        .validate_id()?;
    let mut container = builder.as_init(place).with_systemd(false).with_detach(false).build()?;
    let pid = Pid::from_raw(container.pid().ok_or("the program has no process")?.as_raw());
    container.start()?;
    std::fs::write(place.join(PIDS), format!("{pid} {}", std::process::id()))?;
    // From here on a second thread is harmless.
    std::thread::spawn(move || {
        let mut rest = [0u8; 64];
        while matches!(std::io::stdin().read(&mut rest), Ok(count) if count > 0) {
            let _ = kill(pid, Signal::SIGTERM);
        }
        let _ = kill(pid, Signal::SIGKILL);
    });
    let code = loop {
        match waitpid(pid, None) {
            Ok(WaitStatus::Exited(_, code)) => break code,
            Ok(WaitStatus::Signaled(_, signal, _)) => break 128 + signal as i32,
            Ok(_) | Err(nix::errno::Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
    };
    if let Err(error) = container.delete(true) {
        eprintln!("the sandbox was not cleaned up: {error}");
    }
    Ok(code)
}
