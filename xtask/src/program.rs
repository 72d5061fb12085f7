//! Other programs: run to their end, with a limit. One that is missing is a failure, not a skip.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow, bail};

/// How often a running program is looked at.
const LOOK: Duration = Duration::from_millis(10);

/// How a program ended.
#[derive(Debug)]
pub struct Ended {
    /// Whether it ended well.
    pub good: bool,
    /// What it wrote to standard output.
    pub out: String,
    /// What it wrote to standard error.
    pub err: String,
}

/// A program with its arguments, for errors.
fn told(program: &OsStr, arguments: &[&str]) -> String {
    format!("{} {}", Path::new(program).file_name().unwrap_or(program).display(), arguments.join(" "))
}

/// The variable that says where kubectl keeps what it discovered, by address. Each proof has a folder of its own for that: proofs
/// serve at the same addresses one after the other, and not the same kinds.
pub const KUBECTL_CACHE: &str = "KUBECACHEDIR";

/// Runs a program to its end, at most for so long. What kubectl keeps of its own accord, it keeps in that folder.
pub fn run(program: impl AsRef<OsStr>, arguments: &[&str], folder: &Path, limit: Duration) -> anyhow::Result<Ended> {
    let program = program.as_ref();
    let place = tempfile::tempdir()?;
    let (out, err) = (place.path().join("out"), place.path().join("err"));
    let mut command = Command::new(program);
    command.args(arguments).current_dir(folder).env(KUBECTL_CACHE, folder.join("kubectl-cache")).stdin(Stdio::null());
    command.stdout(std::fs::File::create(&out)?).stderr(std::fs::File::create(&err)?);
    let mut child = command.spawn().with_context(|| format!("{} cannot be run; this proof needs it", program.display()))?;
    let status = wait(&mut child, limit).with_context(|| told(program, arguments))?;
    let read = |path: &Path| std::fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    Ok(Ended { good: status.success(), out: read(&out)?, err: read(&err)? })
}

/// Runs a program that has to end well, and returns what it wrote.
pub fn output(program: impl AsRef<OsStr>, arguments: &[&str], folder: &Path, limit: Duration) -> anyhow::Result<String> {
    let ended = run(&program, arguments, folder, limit)?;
    if !ended.good {
        bail!("{} failed: {}", told(program.as_ref(), arguments), last_lines(&format!("{}{}", ended.out, ended.err), 20));
    }
    Ok(ended.out)
}

/// Waits until a process has ended; one that takes too long is killed.
pub fn wait(child: &mut Child, limit: Duration) -> anyhow::Result<ExitStatus> {
    let end = Instant::now() + limit;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        if Instant::now() > end {
            let _ = child.kill();
            let _ = child.wait();
            return Err(anyhow!("it did not end within {} s", limit.as_secs()));
        }
        std::thread::sleep(LOOK);
    }
}

/// Returns the last lines of a text.
pub fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}
