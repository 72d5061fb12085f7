//! Controllers and reflectors of kube-rs while the server is killed. What they demand is in the example `kubernetes` of
//! `supercargo-ports`, file `churn`.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, ensure};

use super::Beside;
use crate::place::Settings;
use crate::world::World;

/// How many objects are made.
const OBJECTS: u32 = 2_000;
/// How often the server dies while they are.
const KILLS: u32 = 2;

/// Runs it and kills the server whenever it says so.
pub fn endure(world: &World, example: &Path, settings: &Settings) -> anyhow::Result<()> {
    let mut up = world.up(&["--empty"])?;
    world.ready(&mut up)?;
    let (kubeconfig, seed) = (world.data.join("kubeconfig"), settings.seed.unwrap_or(1));
    let mut command = Command::new(example);
    command.arg("churn").arg(kubeconfig).args(["management", &OBJECTS.to_string(), &seed.to_string()]);
    let mut churn = Beside(command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?);
    let lines = BufReader::new(churn.0.stdout.take().context("its output is a pipe")?).lines();
    let mut kills = 0;
    for line in lines {
        let line = line?;
        if line != "kill" {
            println!("{line}");
            continue;
        }
        ensure!(up.kill()?, "up had ended by itself:\n{}", up.story());
        kills += 1;
        up = world.up(&["--empty"])?;
    }
    let status = churn.0.wait()?;
    ensure!(status.success(), "it failed with seed {seed}, after {kills} kills:\n{}", up.story());
    ensure!(kills == KILLS, "the server was killed {kills} times and not {KILLS}");
    println!("churn: the server was killed {kills} times (seed {seed})");
    up.stop()
}
