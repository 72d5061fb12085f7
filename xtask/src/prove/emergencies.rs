//! The emergencies, typed as people read about them: pause, rollback, reject, freeze, break glass, a pointer edited by hand, and a
//! rollback while registry and workflows are down. Every command goes through the links under the tools' own names.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use serde_json::Value;

use crate::place::Settings;
use crate::program::{self, Ended};
use crate::world::{ANYWHERE, Up, World, scratch};

/// How long one command may take.
const LIMIT: Duration = Duration::from_secs(90);
/// How often something is looked at again.
const LOOK: Duration = Duration::from_millis(200);
/// The environments, in order.
const ENVIRONMENTS: [&str; 3] = ["dev", "staging", "prod"];

struct Desk<'a> {
    world: &'a World,
    links: PathBuf,
    folder: &'a Path,
}

/// Goes through all of them on one world.
pub fn prove(settings: &Settings) -> anyhow::Result<()> {
    let folder = scratch(settings)?;
    let world = World::new(settings, folder.path().join("data"))?;
    world.journey(&["--demo", "--once"], settings.limit())?;
    let desk = Desk { world: &world, links: folder.path().join("bin"), folder: folder.path() };
    desk.supercargo(&["install-links", &desk.links.display().to_string()])?;
    let up = desk.start(&[])?;
    let up = desk.pause(up)?;
    desk.rollback()?;
    desk.reject()?;
    desk.freeze()?;
    desk.break_glass()?;
    desk.hand_edit()?;
    up.stop()?;
    let took = desk.outage()?;
    println!("emergencies: all obeyed; rollback without registry and workflows healthy after {took} ms");
    Ok(())
}

impl Desk<'_> {
    fn start(&self, flags: &[&str]) -> anyhow::Result<Up> {
        let mut up = self.world.up(&[&[ANYWHERE], flags].concat())?;
        self.world.ready(&mut up)?;
        Ok(up)
    }

    /// Runs the program under a tool's name, against this world.
    fn tool(&self, name: &str, arguments: &[&str]) -> anyhow::Result<Ended> {
        let kubeconfig = self.world.data.join("kubeconfig").display().to_string();
        let all = [&["--kubeconfig", kubeconfig.as_str()], arguments].concat();
        // clap takes global flags behind the verb, too; here they stand where they do not disturb the printed line.
        let all: Vec<&str> = all[2..].iter().chain(&all[..2]).copied().collect();
        program::run(self.links.join(name), &all, self.folder, LIMIT)
    }

    fn says(&self, name: &str, line: &str, wanted: &str) -> anyhow::Result<String> {
        let ended = self.tool(name, &line.split_whitespace().collect::<Vec<_>>())?;
        let told = format!("{}{}", ended.out, ended.err);
        ensure!(ended.good && told.contains(wanted), "{name} {line} was to say {wanted:?}:\n{told}");
        Ok(told)
    }

    fn refuses(&self, name: &str, line: &str, wanted: &str) -> anyhow::Result<()> {
        let ended = self.tool(name, &line.split_whitespace().collect::<Vec<_>>())?;
        let told = format!("{}{}", ended.out, ended.err);
        ensure!(!ended.good && told.contains(wanted), "{name} {line} was to fail with {wanted:?}:\n{told}");
        Ok(())
    }

    fn supercargo(&self, arguments: &[&str]) -> anyhow::Result<String> {
        program::output(&self.world.binary, arguments, self.folder, LIMIT)
    }

    fn data(&self) -> String {
        self.world.data.display().to_string()
    }

    fn status(&self) -> anyhow::Result<Value> {
        Ok(serde_json::from_str(&self.supercargo(&["status", "--json", "--data", &self.data()])?)?)
    }

    /// The artifact of each environment.
    fn artifacts(&self) -> anyhow::Result<Vec<String>> {
        let status = self.status()?;
        let of = |name: &&str| {
            let stages = status["stages"].as_array().into_iter().flatten();
            stages
                .filter(|stage| stage["name"] == **name)
                .find_map(|stage| stage["artifact"].as_str().map(str::to_owned))
                .unwrap_or_default()
        };
        Ok(ENVIRONMENTS.iter().map(of).collect())
    }

    fn held(&self) -> anyhow::Result<String> {
        Ok(self.status()?["held"].to_string())
    }

    fn until(&self, what: &str, reached: impl Fn() -> anyhow::Result<bool>) -> anyhow::Result<()> {
        let begin = Instant::now();
        while begin.elapsed() < LIMIT {
            if reached()? {
                return Ok(());
            }
            std::thread::sleep(LOOK);
        }
        bail!("{what} did not come: {:?}, held {}", self.artifacts()?, self.held()?)
    }

    fn release(&self, version: &str) -> anyhow::Result<()> {
        self.supercargo(&["demo", "release", version, "--data", &self.data()]).map(drop)
    }

    fn kubectl(&self, context: &str, arguments: &[&str]) -> anyhow::Result<String> {
        let kubeconfig = self.world.data.join("kubeconfig").display().to_string();
        let all = [&["--kubeconfig", kubeconfig.as_str(), "--context", context], arguments].concat();
        program::output("kubectl", &all, self.folder, LIMIT)
    }

    fn freight(&self, tag: &str) -> anyhow::Result<String> {
        let list = self.world.ask_cluster("management", "/apis/kargo.akuity.io/v1alpha1/freights")?;
        let items = list["items"].as_array().into_iter().flatten();
        let found = items.filter(|one| one["images"][0]["tag"] == tag).find_map(|one| one["metadata"]["name"].as_str().map(str::to_owned));
        found.with_context(|| format!("there is no Freight of {tag}"))
    }

    /// A paused Stage takes nothing, also after `kill -9`, and says so; resumed, it goes on.
    fn pause(&self, mut up: Up) -> anyhow::Result<Up> {
        self.says("kargo", "pause stage prod --project myapp --reason drill --for 2h", "stage prod is paused until")?;
        self.release("1.4.4")?;
        self.until("0.5.3 in staging", || Ok(self.artifacts()?[1] == "0.5.3"))?;
        self.until("the pause in status", || Ok(self.held()?.contains("stage prod is paused by")))?;
        up.kill()?;
        let up = self.start(&[])?;
        self.until("staging verified", || Ok(self.held()?.contains("paused")))?;
        std::thread::sleep(Duration::from_secs(3));
        ensure!(self.artifacts()?[2] == "0.5.2", "prod moved while it was paused: {:?}", self.artifacts()?);
        self.says("kargo", "resume stage prod --project kargo-myapp", "stage prod is resumed")?;
        self.until("0.5.3 in prod", || Ok(self.artifacts()?[2] == "0.5.3"))?;
        self.says("kargo", "pause project myapp", "project myapp is paused")?;
        ensure!(self.held()?.contains("is paused by"), "the project's pause is not shown");
        self.says("kargo", "resume project myapp", "project myapp is resumed")?;
        Ok(up)
    }

    /// Older Freight stays, although newer is there.
    fn rollback(&self) -> anyhow::Result<()> {
        let old = self.freight("0.5.2")?;
        self.says("kargo", &format!("promote --stage prod --freight {old}"), "created")?;
        self.until("0.5.2 in prod", || Ok(self.artifacts()?[2] == "0.5.2"))?;
        std::thread::sleep(Duration::from_secs(3));
        ensure!(self.artifacts()?[2] == "0.5.2", "the rollback was undone");
        let why = self.supercargo(&["why", "prod/myapp", "--data", &self.data()])?;
        ensure!(why.contains("prod stays with freight"), "why does not tell what holds the next change:\n{why}");
        Ok(())
    }

    /// Freight that a person found bad enters no Stage again.
    fn reject(&self) -> anyhow::Result<()> {
        let bad = self.freight("0.5.3")?;
        self.says(
            "kargo",
            &format!("verify-freight --project myapp --stage staging --freight {bad} --result fail --reason leaks"),
            "is rejected",
        )?;
        self.refuses("kargo", &format!("promote --stage prod --freight {bad}"), "was rejected by")
    }

    fn freeze(&self) -> anyhow::Result<()> {
        self.refuses("flux", "suspend kustomization myapp -n flux-system", "--context")?;
        self.says("flux", "suspend kustomization myapp -n flux-system --context dev --reason thinking --for 1h", "suspended")?;
        self.says("flux", "suspend source git deployment -n flux-system --context dev", "suspended")?;
        ensure!(self.held()?.contains("thinking"), "the freeze is not shown");
        self.says("flux", "resume source git deployment -n flux-system --context dev", "resumed")?;
        self.says("flux", "resume kustomization myapp -n flux-system --context dev", "resumed").map(drop)
    }

    /// A hotfix stays while the Kustomization is suspended, an unsigned image does not get in, and resuming puts it back.
    fn break_glass(&self) -> anyhow::Result<()> {
        self.says("flux", "suspend kustomization myapp -n flux-system --context prod --reason hotfix", "suspended")?;
        self.kubectl("prod", &["-n", "myapp", "scale", "deployment/myapp", "--replicas=5"])?;
        let kubeconfig = self.world.data.join("kubeconfig").display().to_string();
        let unsigned = [
            "--kubeconfig",
            &kubeconfig,
            "--context",
            "prod",
            "-n",
            "myapp",
            "set",
            "image",
            "deployment/myapp",
            "*=registry.internal/evil:1",
        ];
        let ended = program::run("kubectl", &unsigned, self.folder, LIMIT)?;
        ensure!(!ended.good && ended.err.contains("policy.sigstore.dev"), "an unsigned image got in: {}{}", ended.out, ended.err);
        std::thread::sleep(Duration::from_secs(2));
        let replicas = || self.kubectl("prod", &["-n", "myapp", "get", "deployment", "myapp", "-o", "jsonpath={.spec.replicas}"]);
        ensure!(replicas()? == "5", "the hotfix was reverted while suspended");
        let difference = program::run(&self.world.binary, &["diff", "prod", "--data", &self.data()], self.folder, LIMIT)?;
        ensure!(difference.out.contains("replicas"), "the difference is not shown: {}{}", difference.out, difference.err);
        self.says("flux", "resume kustomization myapp -n flux-system --context prod", "resumed")?;
        self.until("the declared replicas", || Ok(replicas()? == "3"))?;
        let events = self.kubectl("prod", &["-n", "flux-system", "get", "events"])?;
        ensure!(events.contains("Suspended") && events.contains("Resumed"), "the steps left no evidence:\n{events}");
        Ok(())
    }

    /// A pointer that a person edits through a pull request is honoured and told.
    fn hand_edit(&self) -> anyhow::Result<()> {
        let pointer = self.folder.join("pointer.yaml");
        let deployment = self.world.data.join("forge/org/deployment.git");
        let text = program::output("git", &["show", "main:clusters/prod/myapp.yaml"], &deployment, LIMIT)?;
        std::fs::write(&pointer, text.replace("tag: 0.5.2", "tag: 0.5.1"))?;
        let file = format!("clusters/prod/myapp.yaml={}", pointer.display());
        self.supercargo(&["demo", "change", &file, "--message", "By hand", "--as", "operator", "--data", &self.data()])?;
        self.until("the drift in status", || Ok(self.held()?.contains("its pointer was edited by hand")))?;
        std::thread::sleep(Duration::from_secs(2));
        let image = self
            .kubectl("prod", &["-n", "myapp", "get", "deployment", "myapp", "-o", "jsonpath={.spec.template.spec.containers[0].image}"])?;
        ensure!(image.ends_with(":1.4.2"), "the hand edit was fought: prod runs {image}");
        Ok(())
    }

    /// Registry and workflows are down; the last good Freight is found and comes back. Returns what it took, in milliseconds.
    fn outage(&self) -> anyhow::Result<u64> {
        let up = self.start(&["--without", "registry", "--without", "workflows"])?;
        let kubeconfig = self.world.data.join("kubeconfig").display().to_string();
        let told = self.supercargo(&["rollback", "prod", "--reason", "outage", "--kubeconfig", &kubeconfig])?;
        let took = told.split("is healthy after ").nth(1).and_then(|rest| rest.split(' ').next()).and_then(|number| number.parse().ok());
        up.stop()?;
        took.with_context(|| format!("rollback told no time:\n{told}"))
    }
}
