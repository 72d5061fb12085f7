//! A further program in a sandbox that runs: in the same namespaces and the same cgroups, as the same user. A child of one thread
//! joins them and starts it, because threads cannot.
//! Read first: [`Exec`], [`child`]. What cannot be joined is refused; nothing runs outside instead.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::sched::{CloneFlags, setns};
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::signal::{SigSet, Signal, kill, killpg};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

use crate::sandbox::{NO_SANDBOX, PIDS, exit_code};

/// The word after the program's name that makes it join a sandbox.
pub const EXEC: &str = "__exec";
/// How long a sandbox may take until it can be joined.
const PATIENCE: Duration = Duration::from_secs(5);

/// A sandbox that runs, as far as others may join it.
#[derive(Debug, Clone)]
pub(crate) struct Sandboxed {
    /// Its folder.
    pub place: PathBuf,
    pub environment: BTreeMap<String, String>,
    pub folder: String,
    pub user: (u32, u32),
    pub processes: u64,
    pub memory: u64,
}

/// What a joining child is told.
#[derive(Debug, Serialize, Deserialize)]
struct Request {
    /// The first process in the sandbox.
    first: u32,
    /// The process that made it; without root it owns the outer user namespace.
    maker: u32,
    /// Whether the sandbox was made by root.
    root: bool,
    arguments: Vec<String>,
    environment: BTreeMap<String, String>,
    folder: String,
    user: (u32, u32),
    processes: u64,
    memory: u64,
    terminal: bool,
}

/// What is started.
#[derive(Debug, Clone)]
pub(crate) struct Exec {
    pub arguments: Vec<String>,
    pub terminal: bool,
}

/// A program that was started in a sandbox, but for its streams.
pub(crate) struct Started {
    pub child: tokio::process::Child,
    /// Where the child says why it could not.
    failure: PathBuf,
}

/// The streams that the child gets.
pub(crate) struct Streams {
    pub input: Stdio,
    pub output: Stdio,
    pub error: Stdio,
}

impl Sandboxed {
    /// Starts a program beside the one that runs.
    pub async fn start(&self, exec: &Exec, streams: Streams) -> Result<Started, String> {
        let (first, maker) = self.processes().await?;
        let mut environment = self.environment.clone();
        if exec.terminal {
            environment.entry("TERM".to_owned()).or_insert_with(|| "xterm".to_owned());
        }
        let request = Request {
            first,
            maker,
            root: nix::unistd::geteuid().is_root(),
            arguments: exec.arguments.clone(),
            environment,
            folder: self.folder.clone(),
            user: self.user,
            processes: self.processes,
            memory: self.memory,
            terminal: exec.terminal,
        };
        let place = self.place.join(format!("exec-{:016x}", rand::random::<u64>()));
        let told = |error: std::io::Error| format!("the program cannot be started in the container: {error}");
        let file = File::options().write(true).create_new(true).mode(0o600).open(&place).map_err(told)?;
        serde_json::to_writer(file, &request).map_err(|error| told(error.into()))?;
        let program = std::env::current_exe().map_err(told)?;
        let mut command = tokio::process::Command::new(program);
        command.arg(EXEC).arg(&place).env_clear().stdin(streams.input).stdout(streams.output).stderr(streams.error);
        let child = command.spawn().map_err(told)?;
        Ok(Started { child, failure: place.with_extension("failure") })
    }

    /// The processes by which the sandbox is known; one that was just started may not have told them yet.
    async fn processes(&self) -> Result<(u32, u32), String> {
        let begin = Instant::now();
        loop {
            let told = std::fs::read_to_string(self.place.join(PIDS)).ok();
            let found = told.as_deref().and_then(|told| {
                let (first, maker) = told.split_once(' ')?;
                Some((first.parse().ok()?, maker.parse().ok()?))
            });
            match found {
                Some(found) => return Ok(found),
                None if begin.elapsed() > PATIENCE => return Err("the container has not started yet, or is over".to_owned()),
                None => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    }
}

impl Started {
    /// Waits for the end: the exit code, or why the program was not started.
    pub async fn end(&mut self) -> Result<i32, String> {
        let status = self.child.wait().await.map_err(|error| error.to_string())?;
        match std::fs::read_to_string(&self.failure) {
            Ok(why) if !why.is_empty() => Err(why),
            _ => Ok(exit_code(status)),
        }
    }

    /// Asks the child to end what it started.
    pub fn stop(&self) {
        if let Some(id) = self.child.id().and_then(|id| i32::try_from(id).ok()) {
            let _ = kill(Pid::from_raw(id), Signal::SIGTERM);
        }
    }
}

type Failure = Box<dyn std::error::Error>;

fn in_what(what: &str) -> impl FnOnce(nix::Error) -> Failure + '_ {
    move |error| format!("{what}: {error}").into()
}

/// What the re-exec'd child does: joins the sandbox, starts the program, waits for it and returns its exit code.
pub fn child(place: &Path) -> i32 {
    // Opened before the files of this machine are out of sight.
    let failure = File::create(place.with_extension("failure"));
    match join(place) {
        Ok(code) => code,
        Err(error) => {
            if let Ok(mut failure) = failure {
                let _ = write!(failure, "{error}");
            }
            NO_SANDBOX
        }
    }
}

fn join(place: &Path) -> Result<i32, Failure> {
    let request: Request = serde_json::from_slice(&std::fs::read(place)?)?;
    std::fs::remove_file(place)?;
    nix::sys::prctl::set_pdeathsig(Signal::SIGKILL).map_err(in_what("the parent's death"))?;
    if request.terminal {
        nix::unistd::setsid().map_err(in_what("a session"))?;
        // The first terminal that the head of a session opens is the session's.
        File::options().read(true).write(true).open("/proc/self/fd/0")?;
    }
    if request.root {
        join_cgroups(request.first)?;
    }
    enter(&request)?;
    nix::sys::prctl::set_no_new_privs().map_err(in_what("no_new_privs"))?;
    setrlimit(Resource::RLIMIT_CORE, 0, 0).map_err(in_what("RLIMIT_CORE"))?;
    let Some((program, arguments)) = request.arguments.split_first() else { return Err("there is no program".into()) };
    let mut command = Command::new(program);
    command.args(arguments).env_clear().envs(&request.environment).current_dir(&request.folder);
    if request.root {
        command.uid(request.user.0).gid(request.user.1);
    } else {
        setrlimit(Resource::RLIMIT_NPROC, request.processes, request.processes).map_err(in_what("RLIMIT_NPROC"))?;
        setrlimit(Resource::RLIMIT_DATA, request.memory, request.memory).map_err(in_what("RLIMIT_DATA"))?;
    }
    if request.terminal {
        // A group that is known in the sandbox: shells hand the terminal back to the one that they began in.
        command.process_group(0);
    }
    let started = command.spawn().map_err(|error| not_started(program, &error))?;
    let id = Pid::from_raw(i32::try_from(started.id())?);
    // They are waited for below. Not before, because the program would begin with them blocked.
    let mut signals = SigSet::empty();
    let known = [Signal::SIGCHLD, Signal::SIGTERM, Signal::SIGINT, Signal::SIGQUIT, Signal::SIGHUP, Signal::SIGTSTP, Signal::SIGTTOU];
    known.into_iter().for_each(|signal| signals.add(signal));
    signals.thread_block().map_err(in_what("signals"))?;
    if request.terminal {
        nix::unistd::tcsetpgrp(std::io::stdin(), id).map_err(in_what("the terminal"))?;
    }
    wait(id, &signals)
}

/// Waits for the end of a program, and ends it when this process is asked to.
fn wait(id: Pid, signals: &SigSet) -> Result<i32, Failure> {
    loop {
        match waitpid(id, Some(WaitPidFlag::WNOHANG | WaitPidFlag::WUNTRACED)).map_err(in_what("the program"))? {
            WaitStatus::Exited(_, code) => return Ok(code),
            WaitStatus::Signaled(_, signal, _) => return Ok(128 + signal as i32),
            // A shell that looked at the terminal just before it was its own waits for it.
            WaitStatus::Stopped(_, Signal::SIGTTIN | Signal::SIGTTOU) if nix::unistd::tcgetpgrp(std::io::stdin()) == Ok(id) => {
                killpg(id, Signal::SIGCONT).map_err(in_what("the program"))?;
            }
            _ => {
                if signals.wait().map_err(in_what("signals"))? == Signal::SIGTERM {
                    kill(id, Signal::SIGKILL).map_err(in_what("the program"))?;
                }
            }
        }
    }
}

/// Why a program does not start, in the words of the runtimes.
fn not_started(program: &str, error: &std::io::Error) -> String {
    let why = match error.kind() {
        std::io::ErrorKind::NotFound if !program.contains('/') => "executable file not found in $PATH".to_owned(),
        std::io::ErrorKind::NotFound => format!("stat {program}: no such file or directory"),
        std::io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        _ => error.to_string(),
    };
    format!("exec: {program:?}: {why}")
}

/// Enters the namespaces of the sandbox.
fn enter(request: &Request) -> Result<(), Failure> {
    let open = |process: u32, name: &str| {
        let path = format!("/proc/{process}/ns/{name}");
        File::open(&path).map_err(|error| format!("the container is over: {path}: {error}"))
    };
    let own = ["ipc", "uts", "pid", "mnt"].map(|name| (name, open(request.first, name)));
    let (outer, inner) = if request.root {
        (None, None)
    } else {
        let outer = open(request.maker, "user")?;
        let begin = Instant::now();
        // The last thing that the first process does before it becomes the program is to leave its maker's user namespace.
        let inner = loop {
            let inner = open(request.first, "user")?;
            if inner.metadata()?.ino() != outer.metadata()?.ino() {
                break inner;
            }
            if begin.elapsed() > PATIENCE {
                return Err("the container has not started yet".into());
            }
            std::thread::sleep(Duration::from_millis(10));
        };
        (Some(outer), Some(inner))
    };
    if let Some(outer) = outer {
        setns(outer, CloneFlags::CLONE_NEWUSER).map_err(in_what("the container's outer user namespace"))?;
    }
    for (name, file) in own {
        let kind = match name {
            "ipc" => CloneFlags::CLONE_NEWIPC,
            "uts" => CloneFlags::CLONE_NEWUTS,
            "pid" => CloneFlags::CLONE_NEWPID,
            _ => CloneFlags::CLONE_NEWNS,
        };
        setns(file?, kind).map_err(in_what(&format!("the container's namespace {name}")))?;
    }
    if let Some(inner) = inner {
        setns(inner, CloneFlags::CLONE_NEWUSER).map_err(in_what("the container's user namespace"))?;
    }
    Ok(())
}

/// Puts this process where the container's limits hold.
fn join_cgroups(first: u32) -> Result<(), Failure> {
    let theirs = std::fs::read_to_string(format!("/proc/{first}/cgroup")).map_err(|error| format!("the container is over: {error}"))?;
    let own = std::fs::read_to_string("/proc/self/cgroup")?;
    for line in theirs.lines().filter(|line| !own.lines().any(|one| one == *line)) {
        let mut parts = line.splitn(3, ':');
        let (Some(_), Some(controllers), Some(path)) = (parts.next(), parts.next(), parts.next()) else { continue };
        let folder = match controllers {
            "" => "/sys/fs/cgroup".to_owned(),
            named => format!("/sys/fs/cgroup/{}", named.trim_start_matches("name=")),
        };
        let unified = || format!("/sys/fs/cgroup/unified{path}/cgroup.procs");
        let file = format!("{folder}{path}/cgroup.procs");
        let file = if controllers.is_empty() && !Path::new(&file).exists() { unified() } else { file };
        std::fs::write(&file, std::process::id().to_string()).map_err(|error| format!("the container's limits at {file}: {error}"))?;
    }
    Ok(())
}
