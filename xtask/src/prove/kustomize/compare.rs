//! Builds random trees with both programs and compares what comes out.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context as _, bail};

use super::first_difference;
use super::known;
use super::overlays::{Grown, folders, grown};
use crate::place::{Settings, root};
use crate::program;

/// The version that we render as.
const VERSION: &str = "v5.8.1";
/// Where the real program comes from.
const MODULE: &str = "sigs.k8s.io/kustomize/kustomize/v5";
/// How long one build may take.
const LIMIT: Duration = Duration::from_secs(60);
/// How much of a reason is kept: upstream shows whole objects before it says what is wrong with them.
const REASON: usize = 50_000;
/// How many differences are shown.
const SHOWN: usize = 5;

/// The real program.
pub struct Real {
    /// Where it is.
    pub program: PathBuf,
    /// What stands before the flags and the folder.
    pub command: &'static str,
    /// Whether it is the version that we render as.
    newest: bool,
}

/// What came of one tree.
enum Outcome {
    /// Both built the same.
    Same,
    /// Both refused it, upstream for this reason.
    Refused(String),
    /// The real program crashed.
    Crashed,
    /// They differ as this row says.
    Known(&'static str),
    /// They differ, so.
    Different(String),
}

/// Compares as many builds as are asked for, from the seed on.
pub fn run(settings: &Settings, ours: &Path) -> anyhow::Result<()> {
    let real = real()?;
    let first = settings.seed.unwrap_or(1);
    let end = first + settings.builds;
    let (next, same, refused, crashed) = (AtomicU64::new(first), AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
    let different = Mutex::new(Vec::new());
    let known = Mutex::new(BTreeMap::<&str, u64>::new());
    let work = || -> anyhow::Result<()> {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= end {
                return Ok(());
            }
            match build(seed, &real, ours).with_context(|| format!("seed {seed}"))? {
                Outcome::Same => drop(same.fetch_add(1, Ordering::Relaxed)),
                Outcome::Crashed => drop(crashed.fetch_add(1, Ordering::Relaxed)),
                Outcome::Refused(reason) => {
                    refused.fetch_add(1, Ordering::Relaxed);
                    if settings.keep {
                        println!("seed {seed} is refused: {reason}");
                    }
                }
                Outcome::Known(row) => {
                    if settings.keep {
                        println!("seed {seed} is a known difference: {row}");
                    }
                    if let Ok(mut all) = known.lock() {
                        *all.entry(row).or_default() += 1;
                    }
                }
                Outcome::Different(how) => {
                    if settings.keep {
                        keep(seed, &real)?;
                    }
                    if let Ok(mut all) = different.lock() {
                        all.push((seed, how));
                    }
                }
            }
        }
    };
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        let all: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        all.into_iter().try_for_each(|one| one.join().unwrap_or_else(|_| bail!("a worker panicked")))
    })?;
    let mut different = different.into_inner().unwrap_or_default();
    different.sort();
    let (same, refused, crashed) = (same.into_inner(), refused.into_inner(), crashed.into_inner());
    println!(
        "kustomize: of {} random trees {same} are built identically by {} {}, {refused} refused by both, {crashed} crash it",
        settings.builds,
        real.program.display(),
        if real.newest { VERSION } else { "(built into kubectl)" }
    );
    for (row, count) in known.into_inner().unwrap_or_default() {
        println!("  {count} differ by {row}");
    }
    if different.is_empty() {
        return Ok(());
    }
    for (seed, how) in different.iter().take(SHOWN) {
        let place = keep(*seed, &real)?;
        println!("seed {seed}, kept in {}:\n{how}", place.display());
    }
    let seeds: Vec<String> = different.iter().map(|(seed, _)| seed.to_string()).collect();
    bail!(
        "{} trees are built differently, by seed: {}; replay one with `cargo xtask prove kustomize --builds 1 --seed N`",
        seeds.len(),
        seeds.join(" ")
    )
}

fn build(seed: u64, real: &Real, ours: &Path) -> anyhow::Result<Outcome> {
    let tree = grown(seed, real.newest);
    let (wanted, told) = both(&tree, real, ours)?;
    let outcome = compared(&wanted, &told);
    if !matches!(outcome, Outcome::Different(_)) {
        return Ok(outcome);
    }
    let agree = |tree: &Grown| {
        let (wanted, told) = both(tree, real, ours)?;
        Ok(matches!(compared(&wanted, &told), Outcome::Same))
    };
    Ok(known::name(&tree, &wanted, &told, agree)?.map_or(outcome, Outcome::Known))
}

/// What both programs make of a tree.
fn both(tree: &Grown, real: &Real, ours: &Path) -> anyhow::Result<(Result<String, String>, Result<String, String>)> {
    let folder = tempfile::tempdir()?;
    lay_out(tree, folder.path())?;
    let place = folder.path().join(&tree.folder);
    Ok((ended(&real.program, real.command, tree, &place)?, ended(ours, "build", tree, &place)?))
}

fn compared(wanted: &Result<String, String>, told: &Result<String, String>) -> Outcome {
    match (wanted, told) {
        (Ok(wanted), Ok(told)) if wanted == told => Outcome::Same,
        (Err(reason), _) if reason.contains("goroutine 1 [running]") => Outcome::Crashed,
        (Err(reason), Err(_)) => Outcome::Refused(reason.clone()),
        (Ok(wanted), Ok(told)) => Outcome::Different(lines(wanted, told)),
        (Ok(_), Err(error)) => Outcome::Different(format!("only we refuse it: {error}")),
        (Err(error), Ok(_)) => Outcome::Different(format!("only upstream refuses it: {error}")),
    }
}

/// The lines where two texts begin to differ.
fn lines(wanted: &str, told: &str) -> String {
    let line = first_difference(told, wanted);
    let part = |text: &str| text.lines().skip(line.saturating_sub(3)).take(5).map(|line| format!("    {line}\n")).collect::<String>();
    format!("  line {line}, upstream:\n{}  ours:\n{}", part(wanted), part(told))
}

fn lay_out(tree: &Grown, place: &Path) -> anyhow::Result<()> {
    for folder in folders(tree) {
        std::fs::create_dir_all(place.join(folder))?;
    }
    for (path, text) in &tree.files {
        std::fs::write(place.join(path), text).with_context(|| path.clone())?;
    }
    Ok(())
}

/// Keeps a tree for whoever looks at it.
fn keep(seed: u64, real: &Real) -> anyhow::Result<PathBuf> {
    let place = std::env::temp_dir().join(format!("supercargo-kustomize-{seed}"));
    let _ = std::fs::remove_dir_all(&place);
    lay_out(&grown(seed, real.newest), &place)?;
    Ok(place)
}

/// Runs one build: what it wrote, or why it refused. One that does not end in time is an error of the proof.
fn ended(program: &Path, command: &str, tree: &Grown, place: &Path) -> anyhow::Result<Result<String, String>> {
    let mut build = Command::new("timeout");
    build.arg(LIMIT.as_secs().to_string()).arg(program).arg(command).args(&tree.flags).arg(place).stdin(Stdio::null());
    let output = build.output().with_context(|| program.display().to_string())?;
    if output.status.code() == Some(124) {
        bail!("{} did not end within {} s", program.display(), LIMIT.as_secs());
    }
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    let error = text(output.stderr);
    if error.contains("panicked at") {
        bail!("{} panicked: {error}", program.display());
    }
    Ok(if output.status.success() { Ok(text(output.stdout)) } else { Err(reason(&error)) })
}

/// What a program says after its warnings.
fn reason(error: &str) -> String {
    let told = ["panic: ", "Error: "].iter().find_map(|word| error.find(word)).map_or(error, |at| &error[at..]);
    told.chars().take(REASON).collect()
}

/// Finds the real program: v5.8.1 where Go is on the machine, else the one that kubectl has.
pub fn real() -> anyhow::Result<Real> {
    let place = root().join("target/real");
    let program = place.join("kustomize");
    if program.exists() {
        return Ok(Real { program, command: "build", newest: true });
    }
    if Command::new("go").arg("version").output().is_ok_and(|output| output.status.success()) {
        println!("kustomize: installing {MODULE}@{VERSION}");
        let mut install = Command::new("go");
        install.args(["install", &format!("{MODULE}@{VERSION}")]).env("GOBIN", &place);
        if !install.status().context("go cannot be run")?.success() {
            bail!("go install {MODULE}@{VERSION} failed");
        }
        return Ok(Real { program, command: "build", newest: true });
    }
    program::output("kubectl", &["version", "--client"], Path::new("."), LIMIT)?;
    Ok(Real { program: "kubectl".into(), command: "kustomize", newest: false })
}
