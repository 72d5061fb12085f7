//! A sandbox for whoever is not root: user, mount, pid, ipc and uts namespaces of its own, made with the kernel's own calls,
//! because what cgroups need nobody but root may do. One user and one group are mapped: whatever else a program wants is refused.
//!
//! Three processes, each of one thread: [`child`] enters the namespaces as their root and starts [`inside`], the first process in
//! them, which arranges the files, becomes the wanted user in a further user namespace, and then the program.
//! Limits are the kernel's per process; a limit of memory for the whole sandbox needs cgroups.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sched::{CloneFlags, unshare};
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::statvfs::{FsFlags, statvfs};
use serde::{Deserialize, Serialize};

use crate::sandbox::{NO_SANDBOX, PIDS, exit_code};

/// The word after the program's name that makes it the child of such a sandbox.
pub const ROOTLESS: &str = "__rootless";
/// The word after the program's name that makes it the first process in one.
pub const INSIDE: &str = "__inside";
/// The word after the program's name that makes it try whether one can be made.
pub const PROBE: &str = "__probe";
/// Where the plan lies in the sandbox's folder.
pub(crate) const PLAN: &str = "rootless.json";
/// How long the end of standard input is waited for between two looks at the program, in milliseconds.
const LOOK: u8 = 5;
/// Devices that are the host's.
const DEVICES: [&str; 6] = ["null", "zero", "full", "random", "urandom", "tty"];

/// Everything that is known before the namespaces are entered.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Plan {
    /// What becomes `/`; read-only.
    pub root: PathBuf,
    /// Mounts below it: source, target, whether it may be written. Top folders of the host are among them.
    pub mounts: Vec<(PathBuf, String, bool)>,
    pub arguments: Vec<String>,
    pub environment: BTreeMap<String, String>,
    pub folder: String,
    pub user: (u32, u32),
    pub processes: u64,
    pub memory: u64,
}

/// Tells whether this kernel lets this user make such a sandbox. Asked once.
pub(crate) fn is_possible() -> bool {
    use std::sync::OnceLock;
    static POSSIBLE: OnceLock<bool> = OnceLock::new();
    *POSSIBLE.get_or_init(|| {
        let Ok(program) = std::env::current_exe() else { return false };
        let ended = Command::new(program).arg(PROBE).env_clear().stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
        ended.is_ok_and(|status| status.success())
    })
}

/// Tries to enter the namespaces, and tells by the exit code.
pub fn probe() -> i32 {
    i32::from(enter().is_err())
}

type Failure = Box<dyn std::error::Error>;

fn in_what(what: &str) -> impl FnOnce(nix::Error) -> Failure + '_ {
    move |error| format!("{what}: {error}").into()
}

/// Enters a user namespace as its root, and the other namespaces with it.
fn enter() -> Result<(), Failure> {
    let (user, group) = (nix::unistd::geteuid(), nix::unistd::getegid());
    let all = CloneFlags::CLONE_NEWUSER
        | CloneFlags::CLONE_NEWNS
        | CloneFlags::CLONE_NEWPID
        | CloneFlags::CLONE_NEWIPC
        | CloneFlags::CLONE_NEWUTS;
    unshare(all).map_err(in_what("user namespaces are not allowed to this user"))?;
    map_ids((0, user.as_raw()), (0, group.as_raw()))
}

/// Maps one user and one group: inside, outside.
fn map_ids(user: (u32, u32), group: (u32, u32)) -> Result<(), Failure> {
    std::fs::write("/proc/self/setgroups", "deny")?;
    std::fs::write("/proc/self/uid_map", format!("{} {} 1", user.0, user.1))?;
    std::fs::write("/proc/self/gid_map", format!("{} {} 1", group.0, group.1))?;
    Ok(())
}

/// What the re-exec'd child does: enters the namespaces, starts the first process in them, waits for it, and returns its exit
/// code. It ends everything when its own standard input closes.
pub fn child(place: &Path) -> i32 {
    let run = || -> Result<i32, Failure> {
        enter()?;
        let program = std::env::current_exe()?;
        // The first process changes the root of this one, too: afterwards the folder is not found by its name.
        let mut pids = std::fs::File::create(place.join(PIDS))?;
        let mut first = Command::new(program).arg(INSIDE).arg(place).env_clear().stdin(Stdio::null()).spawn()?;
        pids.write_all(format!("{} {}", first.id(), std::process::id()).as_bytes())?;
        // No second thread can be started here: it would be in another pid namespace than its children.
        loop {
            if let Some(status) = first.try_wait()? {
                return Ok(exit_code(status));
            }
            match news(LOOK) {
                News::None => {}
                News::End => {
                    let id = i32::try_from(first.id())?;
                    let _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(id), nix::sys::signal::Signal::SIGTERM);
                }
                News::Closed => {
                    // With the first process of a pid namespace all others end.
                    first.kill()?;
                    return Ok(exit_code(first.wait()?));
                }
            }
        }
    };
    run().unwrap_or_else(|error| {
        eprintln!("{error}");
        NO_SANDBOX
    })
}

/// What comes through standard input.
enum News {
    None,
    /// The program is asked to end.
    End,
    /// Whoever started this is gone, or its time is over.
    Closed,
}

/// Waits a little for what comes through standard input.
fn news(patience: u8) -> News {
    let input = std::io::stdin();
    let mut ends = [PollFd::new(input.as_fd(), PollFlags::POLLIN)];
    if !poll(&mut ends, PollTimeout::from(patience)).is_ok_and(|ready| ready > 0) {
        return News::None;
    }
    let mut rest = [0u8; 64];
    if matches!(std::io::stdin().read(&mut rest), Ok(count) if count > 0) { News::End } else { News::Closed }
}

/// What the first process in the namespaces does; it becomes the program and returns only when it cannot.
pub fn inside(place: &Path) -> i32 {
    let error = match arrange(place) {
        Ok(error) | Err(error) => error,
    };
    eprintln!("{error}");
    NO_SANDBOX
}

/// Arranges the files and becomes the program; what is returned is always an error.
fn arrange(place: &Path) -> Result<Failure, Failure> {
    let plan: Plan = serde_json::from_slice(&std::fs::read(place.join(PLAN))?)?;
    let none: Option<&str> = None;
    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none).map_err(in_what("mounts cannot be made private"))?;
    let root = place.join("root");
    std::fs::create_dir_all(&root)?;
    bind(&plan.root, &root)?;
    for (source, target, writable) in &plan.mounts {
        let target = inner(&root, target)?;
        stand_in(source, &target)?;
        bind(source, &target)?;
        if !writable {
            read_only(&target)?;
        }
    }
    fresh(&root, "dev", "tmpfs")?;
    for device in DEVICES {
        let target = root.join("dev").join(device);
        std::fs::File::create(&target)?;
        bind(&Path::new("/dev").join(device), &target)?;
    }
    for (name, target) in
        [("fd", "/proc/self/fd"), ("stdin", "/proc/self/fd/0"), ("stdout", "/proc/self/fd/1"), ("stderr", "/proc/self/fd/2")]
    {
        std::os::unix::fs::symlink(target, root.join("dev").join(name))?;
    }
    fresh(&root, "tmp", "tmpfs")?;
    if fresh(&root, "proc", "proc").is_err() {
        // Where the host itself hides parts of /proc, only its own may be shown.
        bind(Path::new("/proc"), &root.join("proc"))?;
    }
    remount(&root)?;
    nix::unistd::chdir(&root).map_err(in_what("the new root"))?;
    nix::unistd::pivot_root(".", ".").map_err(in_what("the root cannot be changed"))?;
    umount2(".", MntFlags::MNT_DETACH).map_err(in_what("the old root cannot be left"))?;
    let _ = nix::unistd::sethostname("supercargo");
    std::env::set_current_dir(&plan.folder).map_err(|error| format!("{}: {error}", plan.folder))?;
    // Not root any more: a user namespace in the user namespace, in which this process is who was asked for.
    unshare(CloneFlags::CLONE_NEWUSER).map_err(in_what("a second user namespace"))?;
    map_ids((plan.user.0, 0), (plan.user.1, 0))?;
    setrlimit(Resource::RLIMIT_CORE, 0, 0).map_err(in_what("RLIMIT_CORE"))?;
    setrlimit(Resource::RLIMIT_NPROC, plan.processes, plan.processes).map_err(in_what("RLIMIT_NPROC"))?;
    setrlimit(Resource::RLIMIT_DATA, plan.memory, plan.memory).map_err(in_what("RLIMIT_DATA"))?;
    nix::sys::prctl::set_no_new_privs().map_err(in_what("no_new_privs"))?;
    nix::sys::prctl::set_pdeathsig(nix::sys::signal::Signal::SIGKILL).map_err(in_what("the parent's death"))?;
    let Some((program, arguments)) = plan.arguments.split_first() else { return Err("there is no program".into()) };
    let error = Command::new(program).args(arguments).env_clear().envs(&plan.environment).exec();
    Ok(format!("{program}: {error}").into())
}

/// Returns a path below the root; links in the image lead nowhere outside.
fn inner(root: &Path, target: &str) -> Result<PathBuf, Failure> {
    let mut path = root.to_owned();
    for part in target.split('/').filter(|part| !part.is_empty()) {
        if part == ".." || path.join(part).is_symlink() {
            return Err(format!("{target}: a link or .. stands in the way of a mount").into());
        }
        path.push(part);
    }
    Ok(path)
}

/// Makes the file or folder that a mount hides, where there is none.
fn stand_in(source: &Path, target: &Path) -> Result<(), Failure> {
    if target.exists() {
        return Ok(());
    }
    if source.is_dir() {
        return Ok(std::fs::create_dir_all(target)?);
    }
    target.parent().map_or(Ok(()), std::fs::create_dir_all)?;
    Ok(std::fs::File::create(target).map(drop)?)
}

fn bind(source: &Path, target: &Path) -> Result<(), Failure> {
    let none: Option<&str> = None;
    let what = format!("{} cannot be shown at {}", source.display(), target.display());
    mount(Some(source), target, none, MsFlags::MS_BIND | MsFlags::MS_REC, none).map_err(in_what(&what))
}

/// Mounts a new file system of a kind; its folder must be there.
fn fresh(root: &Path, name: &str, kind: &str) -> Result<(), Failure> {
    // In a folder with the sticky bit the kernel lets nobody open somebody else's device for writing.
    let data = match name {
        "dev" => Some("mode=0755,size=64k"),
        "tmp" => Some("mode=1777,size=64m"),
        _ => None,
    };
    let flags = MsFlags::MS_NOSUID | if name == "dev" { MsFlags::MS_NOEXEC } else { MsFlags::MS_NODEV };
    let target = root.join(name);
    mount(Some(kind), &target, Some(kind), flags, data).map_err(in_what(&format!("/{name}")))
}

/// Makes a mount and everything that is mounted below it read-only.
fn read_only(target: &Path) -> Result<(), Failure> {
    let table = std::fs::read_to_string("/proc/self/mountinfo")?;
    let points = table.lines().filter_map(|line| line.split(' ').nth(4)).map(|point| PathBuf::from(point.replace("\\040", " ")));
    for point in points.filter(|point| point.starts_with(target)) {
        remount(&point)?;
    }
    Ok(())
}

/// Makes one mount read-only. What was locked about it before must be said again.
fn remount(point: &Path) -> Result<(), Failure> {
    let found = statvfs(point).map_err(in_what(&point.display().to_string()))?.flags();
    let mut flags = MsFlags::MS_REMOUNT | MsFlags::MS_BIND | MsFlags::MS_RDONLY | MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    for (known, flag) in [
        (FsFlags::ST_NOEXEC, MsFlags::MS_NOEXEC),
        (FsFlags::ST_NOATIME, MsFlags::MS_NOATIME),
        (FsFlags::ST_NODIRATIME, MsFlags::MS_NODIRATIME),
        (FsFlags::ST_RELATIME, MsFlags::MS_RELATIME),
    ] {
        if found.contains(known) {
            flags |= flag;
        }
    }
    let none: Option<&str> = None;
    mount(none, point, none, flags, none).map_err(in_what(&format!("{} cannot be made read-only", point.display())))
}
