//! The simulation: what happens next is drawn from a seed, and every step is followed by the invariants.
//! Read first: [`Simulation::run`], `step`.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use apiserver::AuditLog;
use controllers::{Entry, Journal, STATUS_REFUSED};
use model::{Clock as _, ClusterName, FileEdit, ObjectRef, Timestamp};
use ports::git::Push;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use serde_json::{Value, json};
use supercargo::credentials::Credentials;
use supercargo::world::{Bootstrap, Network, Passage, Seed, Stores, World, forge_url};
use tokio::sync::broadcast;

use crate::life::{Fate, Life, Name};
use crate::loaded::empty;
use crate::node::Node;
use crate::{Invariants, Loaded, Release, Rules, SimulatedClock, runner};

/// The version with which the example begins.
const FIRST: &str = "1.4.2";
/// The version that is released.
const SECOND: &str = "1.4.3";
/// When everything begins.
const BEGIN: &str = "2026-01-01T00:00:00Z";
/// Most steps of a journey; a common one takes a tenth.
const STEPS: u64 = 100_000;
/// Most simulated time until a good version is verified in prod: less than the shortest interval of the example, so that nothing
/// on its way can have waited for a poll.
const PATIENCE: Duration = Duration::from_secs(110);
/// For how long a bad version is watched: longer than every timeout of the example, that of its tests' Jobs being the longest.
const HELD: Duration = Duration::from_secs(35 * 60);
/// For how long a world is watched after the end: some of its intervals pass.
const AFTER: Duration = Duration::from_secs(6 * 60);
/// How often hosts send again what was not taken.
const AGAIN: Duration = Duration::from_secs(1);
/// How many lines of the story a failure tells.
const TOLD: usize = 60;

/// How much goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Faults {
    /// How many crashes of everything are still to come.
    pub crashes: u32,
    /// How many crashes of the runner alone are still to come.
    pub runner_crashes: u32,
    /// How many times everything is told again.
    pub wakes: u32,
    /// How many of a hundred changes are told twice.
    pub twice: u32,
    /// How many of a hundred changes are told seconds late.
    pub late: u32,
    /// How many of a hundred steps of a workflow take long.
    pub slow: u32,
    /// How many of a thousand exchanges between roles and hosts, and of the hosts' news, are lost: the request or its answer.
    pub lost: u32,
    /// How many passes the driver makes at once.
    pub workers: usize,
}

impl Faults {
    /// Nothing goes wrong.
    pub const NONE: Self = Self { crashes: 0, runner_crashes: 0, wakes: 0, twice: 0, late: 0, slow: 0, lost: 0, workers: 4 };

    fn draw(random: &mut StdRng) -> Self {
        Self {
            crashes: random.random_range(1..=5),
            runner_crashes: random.random_range(0..=2),
            wakes: random.random_range(0..=2),
            twice: random.random_range(0..=20),
            late: random.random_range(0..=6),
            slow: random.random_range(0..=20),
            lost: if random.random_range(0..3) == 0 { 0 } else { random.random_range(1..=40) },
            workers: random.random_range(1..=8),
        }
    }

    /// Draws what becomes of a change.
    fn fate(&self, random: &mut StdRng, now: Timestamp) -> Fate {
        let drawn = random.random_range(0..100);
        if drawn < self.twice {
            return Fate::Twice;
        }
        if drawn < self.twice + self.late {
            let late = Duration::from_millis(random.random_range(10..4_000));
            return Fate::Late(now.checked_add(late).unwrap_or(now));
        }
        Fate::Told
    }
}

/// What a journey took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Steps.
    pub steps: u64,
    /// Simulated time until the release arrived, or for as long as it was held.
    pub took: Duration,
    /// How often everything crashed.
    pub crashes: u32,
}

/// A world under simulation.
pub struct Simulation {
    random: StdRng,
    pub(crate) clock: SimulatedClock,
    stores: Stores,
    credentials: Credentials,
    pub(crate) journal: Journal,
    /// What was told since the last step.
    told: broadcast::Receiver<Entry>,
    invariants: Invariants,
    pub(crate) rules: Rules,
    release: Release,
    faults: Faults,
    life: Option<Life>,
    steps: u64,
    crashes: u32,
    /// Whether the person has done what it came for.
    done: Arc<AtomicBool>,
    /// Whether nothing is lost any more.
    quiet: Arc<AtomicBool>,
    /// When hosts send again what was not taken.
    again: Timestamp,
    /// Where the clusters tell who does what, by their names.
    audits: BTreeMap<String, AuditLog>,
}

impl Simulation {
    fn new(seed: u64, now: Timestamp, stores: Stores, credentials: Credentials, release: Release) -> anyhow::Result<Self> {
        let held = (release != Release::Good).then(|| SECOND.to_owned());
        let rules = Rules {
            failing: held.clone().filter(|_| release == Release::Wrong),
            hanging: held.clone().filter(|_| release == Release::Hanging),
            blind: release == Release::Undelivered,
        };
        let journal = Journal::memory();
        Ok(Self {
            told: journal.listen(),
            random: StdRng::seed_from_u64(seed),
            clock: SimulatedClock::at(now),
            invariants: Invariants::new(&stores, held)?,
            stores,
            credentials,
            journal,
            rules,
            release,
            faults: Faults::NONE,
            life: None,
            steps: 0,
            crashes: 0,
            done: Arc::default(),
            quiet: Arc::default(),
            again: now,
            audits: BTreeMap::new(),
        })
    }

    /// Makes the loaded world from nothing, without faults.
    pub(crate) fn load() -> anyhow::Result<Loaded> {
        let mut simulation = Self::filled(BTreeMap::new())?;
        let hosts = simulation.world().hosts.clone();
        simulation.end_life();
        Ok(Loaded { stores: simulation.stores, credentials: simulation.credentials, now: simulation.clock.now(), _hosts: hosts })
    }

    /// Makes a world from nothing whose first version is verified in prod, without faults; its clusters tell who does what.
    pub(crate) fn filled(audits: BTreeMap<String, AuditLog>) -> anyhow::Result<Self> {
        let mut random = StdRng::seed_from_u64(0);
        let credentials = Credentials::make(|| random.random());
        let mut simulation = Self::new(0, BEGIN.parse()?, empty(), credentials, Release::Good)?;
        simulation.audits = audits;
        simulation.fill().map_err(|error| simulation.explain(error))?;
        Ok(simulation)
    }

    fn fill(&mut self) -> anyhow::Result<()> {
        let servers: BTreeMap<String, String> =
            self.stores.clusters.keys().map(|name| (name.clone(), format!("https://{name}.invalid"))).collect();
        self.begin_life()?;
        let life = self.life.as_ref().context("it has just begun")?;
        let world = life.world.clone();
        let seed = Seed(&world);
        life.ask(seed.clusters(&Bootstrap { servers: &servers, authority: "" }))?;
        life.ask(seed.forge())?;
        // Its program is simulated; its signature is not.
        life.ask(world.publish_tests(&oci::image(&[], &oci::ImageConfig::default(), &BTreeMap::new())))?;
        life.ask(seed.application(self.clock.now(), FIRST))?;
        self.until("the first image", |this| this.has_tag(&format!("tag:myapp:{FIRST}")))?;
        let life = self.life.as_ref().context("nothing crashes here")?;
        life.ask(seed.follow())?;
        life.ask(seed.deployment(self.clock.now()))?;
        self.until("the first version in prod", |this| this.invariants.delivered() == 1)?;
        self.watch_for(AFTER)
    }

    /// Begins a journey in a copy of the loaded world.
    pub fn of(loaded: &Loaded, seed: u64, release: Release) -> anyhow::Result<Self> {
        let mut simulation = Self::new(seed, loaded.now, loaded.copy()?, loaded.credentials.clone(), release)?;
        simulation.faults = Faults::draw(&mut simulation.random);
        Ok(simulation)
    }

    /// Begins in a copy of the loaded world in which nothing goes wrong and nobody releases anything.
    pub(crate) fn quiet(loaded: &Loaded) -> anyhow::Result<Self> {
        let mut simulation = Self::new(0, loaded.now, loaded.copy()?, loaded.credentials.clone(), Release::Good)?;
        simulation.begin_life()?;
        Ok(simulation)
    }

    pub(crate) fn world(&self) -> Arc<World> {
        self.life.as_ref().expect("it lives between its steps").world.clone()
    }

    pub(crate) fn ask<T>(&self, question: impl Future<Output = T>) -> T {
        self.life.as_ref().expect("it lives between its steps").ask(question)
    }

    pub(crate) fn restart(&mut self) -> anyhow::Result<()> {
        self.end_life();
        self.begin_life()
    }

    /// Runs the journey to its end, and some time beyond.
    pub fn run(mut self) -> anyhow::Result<Report> {
        self.travel().map_err(|error| self.explain(error))
    }

    fn travel(&mut self) -> anyhow::Result<Report> {
        let begin = self.clock.now();
        self.begin_life()?;
        self.start_person()?;
        if self.release == Release::Good {
            self.until("the release in prod", |this| this.invariants.delivered() == 2)?;
        } else {
            self.watch_for(HELD)?;
        }
        let took = Duration::try_from(self.clock.now().duration_since(begin))?;
        self.quiet.store(true, Ordering::SeqCst);
        // Whoever looks at everything anew finds nothing left to do.
        self.crash()?;
        self.watch_for(AFTER)?;
        let life = self.life.as_ref().context("it has just begun")?;
        let reached = usize::from(self.release == Release::Good) + 1;
        life.ask(self.invariants.at_end(&life.world, 2, &[("dev", 2), ("staging", reached), ("prod", reached)]))?;
        let version = if self.release == Release::Good { SECOND } else { FIRST };
        ensure!(life.ask(life.world.has_arrived(version))?, "{version} does not run verified in prod at the end");
        self.end_life();
        Ok(Report { steps: self.steps, took, crashes: self.crashes })
    }

    fn has_tag(&self, key: &str) -> bool {
        self.stores.registry.get(key).is_some()
    }

    fn until(&mut self, what: &str, reached: impl Fn(&Self) -> bool) -> anyhow::Result<()> {
        let end = self.clock.now().checked_add(PATIENCE)?;
        while !reached(self) {
            self.step()?;
            ensure!(self.clock.now() < end, "after {} s there is still no sign of {what}", PATIENCE.as_secs());
        }
        Ok(())
    }

    /// Goes on for a while and until nothing is left to do.
    pub(crate) fn watch_for(&mut self, while_: Duration) -> anyhow::Result<()> {
        let end = self.clock.now().checked_add(while_)?;
        while self.clock.now() < end {
            self.step()?;
        }
        while !self.life.as_ref().is_some_and(Life::is_idle) {
            self.step()?;
        }
        Ok(())
    }

    /// Puts what is known to an error that ends a simulation.
    pub(crate) fn explain(&self, error: anyhow::Error) -> anyhow::Error {
        let recent = self.journal.recent();
        let lines: Vec<String> = recent.iter().filter_map(|entry| supercargo::story::line(entry, true)).collect();
        let story = lines[lines.len().saturating_sub(TOLD)..].join("\n");
        let waits = self.life.as_ref().map(|life| life.world.waits().join("\n")).unwrap_or_default();
        let context = format!("step {}, {}, {} crashes, faults to come {:?}", self.steps, self.clock.now(), self.crashes, self.faults);
        anyhow::anyhow!("{error:#}\n{context}\nthe story:\n{story}\nwhat waits:\n{waits}")
    }

    /// The network of this seed; nobody disturbs a world without faults.
    fn network(&mut self) -> Option<Network> {
        let lost = self.faults.lost;
        if lost == 0 {
            return None;
        }
        let random = Mutex::new(StdRng::seed_from_u64(self.random.random()));
        let quiet = self.quiet.clone();
        Some(Arc::new(move |_host| {
            let mut random = random.lock().expect("no holder panics");
            if quiet.load(Ordering::SeqCst) || random.random_range(0..1_000) >= lost {
                return Passage::Good;
            }
            if random.random_bool(0.5) { Passage::NoRequest } else { Passage::NoAnswer }
        }))
    }

    fn begin_life(&mut self) -> anyhow::Result<()> {
        self.clock.forget_sleepers();
        let network = self.network();
        let mut life = Life::begin(&self.clock, &self.stores, &self.credentials, &self.journal, network)?;
        let world = life.world.clone();
        for (name, server) in &world.hosts.clusters {
            if let Some(log) = self.audits.get(name) {
                drop(server.clone().with_audit(log.clone()));
            }
        }
        life.start(Name::Wake, async move {
            world.wake().await;
            Ok(())
        });
        self.life = Some(life);
        Ok(())
    }

    fn end_life(&mut self) {
        if let Some(life) = self.life.take() {
            life.end();
        }
    }

    fn crash(&mut self) -> anyhow::Result<()> {
        self.crashes += 1;
        self.end_life();
        self.begin_life()?;
        if !self.done.load(Ordering::SeqCst) { self.start_person() } else { Ok(()) }
    }

    /// A person releases the version; one who was interrupted tries again.
    fn start_person(&mut self) -> anyhow::Result<()> {
        let (clock, done, release) = (self.clock.clone(), self.done.clone(), self.release);
        let life = self.life.as_mut().context("a person needs a world")?;
        let world = life.world.clone();
        life.start(Name::Person, async move {
            if release == Release::Crashing {
                break_image(&world, clock.now()).await?;
            }
            if release == Release::Undelivered {
                suspend(&world).await?;
            }
            world.release(SECOND, clock.now()).await?;
            done.store(true, Ordering::SeqCst);
            Ok(())
        });
        Ok(())
    }

    /// Lets one thing happen.
    fn step(&mut self) -> anyhow::Result<()> {
        self.steps += 1;
        ensure!(self.steps < STEPS, "there is no end after {STEPS} steps");
        self.clock.advance(Duration::from_micros(self.random.random_range(0..4_000)));
        self.redeliver()?;
        let life = self.life.as_mut().context("a step needs a world")?;
        let alarms = [life.world.driver.ring(), life.catch_up(self.clock.now())];
        if !self.happen()? {
            let life = self.life.as_mut().context("nothing crashed")?;
            if !life.settle() {
                let alarms = alarms.into_iter().chain([life.world.driver.ring(), self.clock.next()]);
                let again = (self.faults.lost > 0).then_some(self.again);
                let next = alarms.chain([again]).flatten().min();
                self.clock.advance_to(next.context("nothing will ever happen again")?);
            }
        }
        let written = self.look()?;
        self.perhaps_fail(written)
    }

    /// Lets the hosts send again what was not taken.
    fn redeliver(&mut self) -> anyhow::Result<()> {
        if self.faults.lost == 0 || self.clock.now() < self.again {
            return Ok(());
        }
        self.again = self.clock.now().checked_add(AGAIN)?;
        let life = self.life.as_mut().context("a step needs a world")?;
        if life.count(&Name::Wake) == 0 {
            let world = life.world.clone();
            life.start(Name::Wake, async move {
                world.redeliver().await;
                Ok(())
            });
        }
        Ok(())
    }

    /// Chooses what happens, from everything that can; tells whether there was anything.
    fn happen(&mut self) -> anyhow::Result<bool> {
        let life = self.life.as_mut().context("a step needs a world")?;
        let mut choices: Vec<Choice> = life.able().into_iter().map(Choice::GoOn).collect();
        if life.count(&Name::Pass) < self.faults.workers {
            choices.extend([Choice::Pass, Choice::Pass]);
        }
        choices.extend(std::iter::repeat_n(Choice::Tell, life.untold.len().min(8)));
        choices.extend(std::iter::repeat_n(Choice::Pod, life.pods.len().min(2)));
        if (life.fresh || life.jobs.has_changed().unwrap_or(false)) && life.count(&Name::Claim) == 0 {
            choices.push(Choice::Claim);
        }
        if !life.claimed.lock().expect("no holder panics").is_empty() {
            choices.push(Choice::Job);
        }
        while !choices.is_empty() {
            let choice = choices.swap_remove(self.random.random_range(0..choices.len()));
            if self.make(choice)? {
                return Ok(true);
            }
            choices.retain(|other| !matches!((&choice, other), (Choice::Pass, Choice::Pass)));
        }
        Ok(false)
    }

    fn make(&mut self, choice: Choice) -> anyhow::Result<bool> {
        let life = self.life.as_mut().context("a step needs a world")?;
        match choice {
            Choice::GoOn(at) => {
                life.go_on(at)?;
            }
            Choice::Pass => {
                let driver = life.world.driver.clone();
                let Some(key) = driver.take(self.random.random_range(0..1_000)) else { return Ok(false) };
                life.start(Name::Pass, async move {
                    driver.process(key).await;
                    Ok(())
                });
            }
            Choice::Tell => {
                let at = self.random.random_range(0..life.untold.len());
                life.tell(at, self.faults.fate(&mut self.random, self.clock.now()));
            }
            Choice::Pod => self.pod()?,
            Choice::Claim => {
                life.jobs.mark_unchanged();
                let (world, claimed, fresh) = (life.world.clone(), life.claimed.clone(), std::mem::take(&mut life.fresh));
                life.start(Name::Claim, runner::claim_all(world, claimed, fresh));
            }
            Choice::Job => {
                let Some(job) = life.claimed.lock().expect("no holder panics").pop() else { return Ok(false) };
                let random = StdRng::seed_from_u64(self.random.random());
                life.start(Name::Job, runner::run(life.world.clone(), self.clock.clone(), job, (random, self.faults.slow)));
            }
        }
        Ok(true)
    }

    fn pod(&mut self) -> anyhow::Result<()> {
        let life = self.life.as_mut().context("a step needs a world")?;
        let Some((cluster, pod)) = life.pods.pop_front() else { return Ok(()) };
        let name = Name::Pod(api::uid(&pod).to_owned());
        if crate::node::is_going(&pod) {
            life.stop(|other| *other == name);
        } else if life.count(&name) > 0 {
            return Ok(());
        }
        let node = Node { world: life.world.clone(), clock: self.clock.clone(), rules: self.rules.clone() };
        let random = StdRng::seed_from_u64(self.random.random());
        life.start(name, crate::node::look(node, cluster, Value::clone(&pod), random));
        Ok(())
    }

    /// Follows the logs: everything that was written is checked, and told to whom it concerns. Tells whether there was anything.
    fn look(&mut self) -> anyhow::Result<bool> {
        let life = self.life.as_mut().context("a step needs a world")?;
        let (objects, registry) = (life.changes()?, life.registry_changes()?);
        for changed in &objects {
            self.invariants.object(&changed.cluster, changed.before.as_ref(), changed.after.as_deref())?;
        }
        for change in &registry {
            self.invariants.registry(change)?;
        }
        while let Ok(entry) = self.told.try_recv() {
            let failure = entry.failure.unwrap_or_default();
            ensure!(!failure.contains(STATUS_REFUSED), "{} {}: {failure}", entry.controller, entry.about);
        }
        Ok(!objects.is_empty() || !registry.is_empty())
    }

    /// Lets something go wrong, most often right after something was written: that is where half of a whole is there.
    fn perhaps_fail(&mut self, written: bool) -> anyhow::Result<()> {
        let rare = if written { 60 } else { 2_000 };
        if self.random.random_range(0..rare) != 0 {
            return Ok(());
        }
        let life = self.life.as_mut().context("a step needs a world")?;
        match self.random.random_range(0..4) {
            0 if self.faults.runner_crashes > 0 && life.count(&Name::Job) > 0 => {
                self.faults.runner_crashes -= 1;
                life.stop(|name| matches!(name, Name::Job | Name::Claim));
                life.claimed.lock().expect("no holder panics").clear();
                life.fresh = true;
            }
            1 if self.faults.wakes > 0 => {
                self.faults.wakes -= 1;
                let world = life.world.clone();
                life.start(Name::Wake, async move {
                    world.wake().await;
                    Ok(())
                });
            }
            2 | 3 if self.faults.crashes > 0 => {
                self.faults.crashes -= 1;
                self.crash()?;
            }
            _ => {}
        }
        Ok(())
    }
}

/// What can happen next.
#[derive(Clone, Copy)]
enum Choice {
    GoOn(usize),
    Pass,
    Tell,
    Pod,
    Claim,
    Job,
}

/// Stops the delivery of the application to dev.
async fn suspend(world: &World) -> anyhow::Result<()> {
    let delivery = ObjectRef {
        api_version: "kustomize.toolkit.fluxcd.io/v1".into(),
        kind: "Kustomization".into(),
        namespace: "flux-system".into(),
        name: "myapp".into(),
    };
    let dev = world.plain.clusters.get(&ClusterName("dev".to_owned()))?;
    let patch = json!({"spec": {"suspend": true}});
    // The API server may fail to reach who admits it; a person tries again.
    while let Err(error) = dev.patch("person", &delivery, None, &patch).await {
        ensure!(error.is_passing(), "{error}");
    }
    Ok(())
}

/// Lets the next image of the application crash wherever it runs.
async fn break_image(world: &World, at: Timestamp) -> anyhow::Result<()> {
    const LINE: &str = "ENV SUPERCARGO_SIMULATE=crash-loop\n";
    let url = forge_url("org/app-myapp");
    let (tip, tree) = world.plain.git.checkout(&url, "main").await?.context("the application has a branch main")?;
    let file = std::str::from_utf8(tree.bytes("Dockerfile").context("the application has a Dockerfile")?)?;
    if file.contains(LINE) {
        return Ok(());
    }
    let edit = FileEdit { path: "Dockerfile".into(), content: Some(format!("{file}{LINE}").into_bytes()) };
    let push = Push {
        repository: &url,
        branch: "main",
        base: Some(&tip),
        expected: Some(&tip),
        edits: &[edit],
        message: "Crash",
        identity: "maintainer",
        at,
    };
    if let Err(error) = world.plain.git.push(&push).await {
        bail!("the broken Dockerfile was not pushed: {error}");
    }
    Ok(())
}
