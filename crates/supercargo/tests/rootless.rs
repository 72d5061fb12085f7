//! The sandbox of whoever is not root: what it shows, what it forbids, and that it ends with whoever started it. On a machine that
//! allows no user namespaces it must say so.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use serde_json::json;

const PROGRAM: &str = env!("CARGO_BIN_EXE_supercargo");

/// Prepares a sandbox over the host's programs that runs a script as user and group 1234.
fn prepare(place: &Path, script: &str) -> anyhow::Result<()> {
    let root = place.join("rootfs");
    let mut mounts = Vec::new();
    for folder in ["dev", "proc", "tmp", "usr", "etc"] {
        std::fs::create_dir_all(root.join(folder))?;
    }
    for folder in ["usr", "etc"] {
        mounts.push(json!([format!("/{folder}"), format!("/{folder}"), false]));
    }
    for name in ["bin", "lib", "lib64", "sbin"] {
        let host = Path::new("/").join(name);
        if let Ok(target) = std::fs::read_link(&host) {
            std::os::unix::fs::symlink(target, root.join(name))?;
        } else if host.is_dir() {
            std::fs::create_dir_all(root.join(name))?;
            mounts.push(json!([host, host, false]));
        }
    }
    let folder = place.join("work");
    std::fs::create_dir_all(&folder)?;
    mounts.push(json!([folder, "/work", true]));
    let plan = json!({"root": root, "mounts": mounts, "arguments": ["/bin/sh", "-c", script], "environment": {"PATH": "/usr/bin:/bin"},
        "folder": "/work", "user": [1234, 1234], "processes": 200, "memory": 1u64 << 30});
    std::fs::write(place.join("rootless.json"), plan.to_string())?;
    Ok(())
}

fn is_possible() -> anyhow::Result<bool> {
    Ok(Command::new(PROGRAM).arg("__probe").status()?.success())
}

#[test]
fn it_shows_the_host_read_only_and_runs_as_the_one_user_that_is_mapped() -> anyhow::Result<()> {
    let place = tempfile::tempdir()?;
    let script = "id -u; id -g; echo x > /dev/null && echo null; touch /usr/x 2> /dev/null || echo closed; echo kept > kept; grep CapEff /proc/self/status; ls /home 2> /dev/null || echo nothing";
    prepare(place.path(), script)?;
    let child = Command::new(PROGRAM)
        .arg("__rootless")
        .arg(place.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let told = wait(child, Duration::from_secs(60))?;
    if !is_possible()? {
        ensure!(told.1.contains("user namespaces are not allowed"), "{told:?}");
        return Ok(());
    }
    ensure!(told.0 == "1234\n1234\nnull\nclosed\nCapEff:\t0000000000000000\nnothing\n", "{told:?}");
    ensure!(std::fs::read_to_string(place.path().join("work/kept"))? == "kept\n", "what may be written stays");
    Ok(())
}

#[test]
fn it_ends_with_whoever_started_it() -> anyhow::Result<()> {
    if !is_possible()? {
        return Ok(());
    }
    let place = tempfile::tempdir()?;
    prepare(place.path(), "touch started; sleep 300")?;
    let mut child = Command::new(PROGRAM)
        .arg("__rootless")
        .arg(place.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let begin = Instant::now();
    while !place.path().join("work/started").exists() {
        ensure!(begin.elapsed() < Duration::from_secs(60), "it did not start");
        std::thread::sleep(Duration::from_millis(10));
    }
    drop(child.stdin.take());
    let begin = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            ensure!(status.code() == Some(137), "{status}");
            return Ok(());
        }
        ensure!(begin.elapsed() < Duration::from_secs(60), "it goes on although its lifeline is cut");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Runs a script in the sandbox that has this folder, and returns exit code, output and what was refused.
fn join(place: &Path, script: &[&str]) -> anyhow::Result<(Option<i32>, String, String)> {
    let begin = Instant::now();
    let pids = loop {
        let told = std::fs::read_to_string(place.join("pids")).unwrap_or_default();
        let found: Vec<u32> = told.split(' ').filter_map(|word| word.parse().ok()).collect();
        if let [first, maker] = found[..] {
            break (first, maker);
        }
        ensure!(begin.elapsed() < Duration::from_secs(60), "it does not tell its processes");
        std::thread::sleep(Duration::from_millis(10));
    };
    let request = json!({"first": pids.0, "maker": pids.1, "root": false, "arguments": script, "environment": {"PATH": "/usr/bin:/bin", "WHO": "me"},
        "folder": "/work", "user": [1234, 1234], "processes": 200, "memory": 1u64 << 30, "terminal": false});
    let place = place.join("exec-1");
    std::fs::write(&place, request.to_string())?;
    let told = Command::new(PROGRAM).arg("__exec").arg(&place).stdin(Stdio::null()).output()?;
    let refused = std::fs::read_to_string(place.with_extension("failure"))?;
    Ok((told.status.code(), String::from_utf8_lossy(&told.stdout).into_owned(), refused))
}

#[test]
fn others_join_it_as_the_same_user_among_the_same_processes() -> anyhow::Result<()> {
    if !is_possible()? {
        return Ok(());
    }
    let place = tempfile::tempdir()?;
    prepare(place.path(), "echo inside > /tmp/here; exec sleep 300")?;
    let mut child = Command::new(PROGRAM)
        .arg("__rootless")
        .arg(place.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let script = "id -u; pwd; echo $WHO; while ! cat /tmp/here 2> /dev/null; do sleep 0.01; done; tr '\\0' ' ' < /proc/1/cmdline; \
        grep -E 'CapEff|NoNewPrivs|SigBlk' /proc/self/status; ls /home 2> /dev/null || echo nothing; exit 7";
    let told = join(place.path(), &["sh", "-c", script]);
    let missing = join(place.path(), &["no-such-program"]);
    drop(child.stdin.take());
    let said = String::from_utf8_lossy(&child.wait_with_output()?.stderr).into_owned();
    let (code, output, refused) = told.with_context(|| format!("the sandbox said {said:?}"))?;
    let wanted = "1234\n/work\nme\ninside\nsleep 300 SigBlk:\t0000000000000000\nCapEff:\t0000000000000000\nNoNewPrivs:\t1\nnothing\n";
    ensure!((code, output.as_str(), refused.as_str()) == (Some(7), wanted, ""), "{code:?} {output:?} {refused}");
    let (_, _, refused) = missing?;
    ensure!(refused == "exec: \"no-such-program\": executable file not found in $PATH", "{refused}");
    Ok(())
}

/// Waits for the end and returns both outputs. Standard input stays open until then.
fn wait(mut child: std::process::Child, limit: Duration) -> anyhow::Result<(String, String)> {
    let begin = Instant::now();
    while child.try_wait()?.is_none() {
        ensure!(begin.elapsed() < limit, "it does not end");
        std::thread::sleep(Duration::from_millis(10));
    }
    let output = child.wait_with_output().context("its output")?;
    Ok((String::from_utf8_lossy(&output.stdout).into_owned(), String::from_utf8_lossy(&output.stderr).into_owned()))
}
