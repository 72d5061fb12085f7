//! Stock clients against fresh clusters with nothing of ours in them: kubectl, controllers and reflectors of kube-rs while the server
//! is killed, the Python and the JavaScript client, and kwok where Go can install it. A program that is missing is a failure.
//! Read first: [`prove`]; one client = one file. Pods get their node and their status from a kubelet that only says so, an example of
//! `supercargo-ports`: `up --empty` has none.

mod certificates;
mod churn;
mod kubectl;
mod kwok;
mod node;
mod python;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

use crate::place::{Settings, cargo, root};
use crate::program::{self, KUBECTL_CACHE};
use crate::world::{World, scratch};
use certificates::Certificates;

/// How long one command may take.
const LIMIT: Duration = Duration::from_secs(120);
/// How long a client may take to install.
const INSTALL: Duration = Duration::from_secs(1_500);
/// How often something is looked at again.
const LOOK: Duration = Duration::from_millis(50);

/// What every client is given.
struct Bench<'a> {
    world: &'a World,
    folder: &'a Path,
    /// The example of `supercargo-ports`: kubelet and controllers.
    example: PathBuf,
    certificates: Certificates,
}

/// A program that runs beside a proof. Dropped, it is killed.
struct Beside(Child);

impl Drop for Beside {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Lets every client do its work.
pub fn prove(settings: &Settings) -> anyhow::Result<()> {
    let needed =
        [("kubectl", "version --client"), ("openssl", "version"), ("python3", "--version"), ("node", "--version"), ("npm", "--version")];
    for (program, question) in needed {
        program::output(program, &question.split(' ').collect::<Vec<_>>(), Path::new("."), LIMIT)?;
    }
    let folder = scratch(settings)?;
    let example = example()?;
    let certificates = Certificates::make(folder.path())?;
    let world = World::new(settings, folder.path().join("data"))?;
    let mut up = world.up(&["--empty", "--client-ca-file", &certificates.authority])?;
    world.ready(&mut up)?;
    let bench = Bench { world: &world, folder: folder.path(), example: example.clone(), certificates };
    kubectl::talk(&bench).with_context(|| up.story()).context("kubectl")?;
    python::talk(&bench).with_context(|| up.story()).context("the Python client")?;
    node::talk(&bench).with_context(|| up.story()).context("the JavaScript client")?;
    if settings.go {
        kwok::talk(&bench).with_context(|| up.story()).context("kwok")?;
    }
    up.stop()?;
    churn::endure(&world.over(folder.path().join("churn")), &example, settings).context("kube-rs under churn")?;
    println!("kubernetes: kubectl, kube-rs, the Python and the JavaScript client{} agree", if settings.go { ", kwok" } else { "" });
    Ok(())
}

/// Builds the example and returns it.
fn example() -> anyhow::Result<PathBuf> {
    cargo(&["build", "--locked", "--package", "supercargo-ports", "--example", "kubernetes"])?;
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), |folder| root().join(folder));
    Ok(target.join("debug/examples/kubernetes"))
}

impl Bench<'_> {
    fn kubeconfig(&self) -> String {
        self.world.data.join("kubeconfig").display().to_string()
    }

    /// Starts the kubelet of these nodes.
    fn kubelet(&self, context: &str, nodes: &[&str]) -> anyhow::Result<Beside> {
        let mut command = Command::new(&self.example);
        command.args(["kubelet", &self.kubeconfig(), context]).args(nodes);
        let (kubelet, told) = self.beside(command, &format!("kubelet-{context}"))?;
        until("the kubelet starts", || Ok(std::fs::read_to_string(&told)?.contains("kubelet: ")))?;
        Ok(kubelet)
    }

    /// Starts a program whose output goes into a file.
    fn beside(&self, mut command: Command, name: &str) -> anyhow::Result<(Beside, PathBuf)> {
        let path = self.folder.join(format!("{name}.out"));
        let file = std::fs::File::create(&path)?;
        command.current_dir(self.folder).env(KUBECTL_CACHE, self.folder.join("kubectl-cache"));
        command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
        let child = command.spawn().with_context(|| format!("{} cannot be run", command.get_program().display()))?;
        Ok((Beside(child), path))
    }
}

/// Looks again and again until something is so.
fn until(what: &str, mut look: impl FnMut() -> anyhow::Result<bool>) -> anyhow::Result<()> {
    let begin = Instant::now();
    while !look()? {
        if begin.elapsed() > LIMIT {
            bail!("{what}: not within {} s", LIMIT.as_secs());
        }
        std::thread::sleep(LOOK);
    }
    Ok(())
}
