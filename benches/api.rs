//! What requests to the API server cost, over TLS, from outside: a program of its own sends them and reads the server's processor
//! time.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, ensure};

use crate::bench::{Figure, median};
use crate::place::root;
use crate::world::World;

/// Name of a number that the program prints, what it is, its unit, and what it should be.
const FIGURES: [(&str, &str, &str, &str); 18] = [
    ("rest-mib", "API: resident memory of four empty clusters", "MiB", "≤ 60 MiB"),
    ("rest-cpu-ms-per-s", "· processor time of a second at rest", "ms", "≤ 1 ms"),
    ("create-us", "· a durable create", "µs", "≤ 200 µs"),
    ("get-us", "· a GET", "µs", "≤ 60 µs"),
    ("apply-us", "· a durable apply", "µs", "≤ 250 µs"),
    ("no-op-us", "· an apply that changes nothing", "µs", "≤ 100 µs"),
    ("list-ms", "· a list of 1,000 objects of 1.4 kB", "ms", "≤ 3 ms"),
    ("watch-1-cpu-ms", "· one write alone, seen by 1 watch", "ms", ""),
    ("watch-100-cpu-ms", "· one write alone, seen by 100 watches", "ms", ""),
    ("busy-100-ms", "· a write of 16 clients, seen by 100 watches", "ms", "≤ 1 ms"),
    ("watch-1000-wall-ms", "· wall time until 1,000 watches have seen a write", "ms", "≤ 20 ms"),
    ("namespace-s", "· wall time until a namespace of 3,000 objects is gone", "s", "≤ 2 s"),
    ("many-mib", "· resident memory with 100,000 objects more", "MiB", "≤ 600 MiB"),
    ("many-first-pages-ms", "· wall time of a page of 500, the first twenty", "ms", ""),
    ("many-last-pages-ms", "· the same, the last twenty", "ms", "the same"),
    ("in-process-get-us", "· a GET in process (median)", "µs", "≤ 50 µs"),
    ("in-process-create-us", "· a create in process, in memory (median)", "µs", ""),
    ("in-process-no-op-us", "· an apply in process that changes nothing (median)", "µs", ""),
];

/// How often the server is started with 1,000 objects.
const TIMES: usize = 5;

/// Measures all of it against a fresh `up --empty`.
pub fn measure(world: &World) -> anyhow::Result<Vec<Figure>> {
    let world = world.over(world.data.with_file_name("api-figures"));
    let mut up = world.up(&["--empty"])?;
    world.ready(&mut up)?;
    let mut figures = all(&world, up.id(), &[])?;
    up.stop()?;

    let world = world.over(world.data.with_file_name("api-start"));
    let mut up = world.up(&["--empty"])?;
    world.ready(&mut up)?;
    // What is listed are 1,000 objects.
    program(&world, up.id(), &["list"])?;
    up.stop()?;
    let mut times = Vec::new();
    for _ in 0..TIMES {
        let mut up = world.up(&["--empty"])?;
        times.push(i64::try_from(world.ready(&mut up)?.as_millis())?);
        up.stop()?;
        std::thread::sleep(Duration::from_millis(200));
    }
    let middle = median(times).unwrap_or_default();
    let what = format!("· start with 1,000 objects (median of {TIMES})");
    figures.push(Figure { what, measured: format!("{middle} ms"), goal: "≤ 300 ms" });
    Ok(figures)
}

fn all(world: &World, process: u32, wanted: &[&str]) -> anyhow::Result<Vec<Figure>> {
    let text = program(world, process, wanted)?;
    FIGURES
        .iter()
        .map(|(name, what, unit, goal)| {
            let number =
                text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')).with_context(|| format!("no figure {name}"))?;
            Ok(Figure { what: (*what).to_owned(), measured: format!("{number} {unit}"), goal })
        })
        .collect()
}

/// Runs the program, built for release whatever this one is built for, and returns what it prints.
fn program(world: &World, process: u32, wanted: &[&str]) -> anyhow::Result<String> {
    let (address, authority, token) = world.door("dev")?;
    let file = world.data.join("token-of-dev");
    std::fs::write(&file, token)?;
    let mut command = Command::new("cargo");
    command.args(["run", "--quiet", "--release", "--locked", "--package", "supercargo-apiserver", "--example", "costs", "--"]);
    command.args([&process.to_string(), &address, &authority]).arg(&file).args(wanted).current_dir(root());
    let output = command.output().context("cargo does not start")?;
    ensure!(
        output.status.success(),
        "the example costs of supercargo-apiserver failed: {}",
        String::from_utf8_lossy(&output.stderr).trim()
    );
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
