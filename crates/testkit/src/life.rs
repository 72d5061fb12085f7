//! One life of a world: from its start over what the stores hold to the crash that loses everything else. Everything that goes
//! on is a future that is polled by hand, so that it can be dropped at any await. Read first: [`Life`].

use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll, Wake, Waker};

use anyhow::Context as _;
use controllers::{Journal, Watched};
use model::{ClusterName, Timestamp};
use ports::WatchChange;
use serde_json::Value;
use store::Change;
use supercargo::credentials::Credentials;
use supercargo::world::{Network, Setup, Stores, World};
use tokio::runtime::Runtime;
use tokio::sync::watch;

use crate::SimulatedClock;
use crate::runner::Claimed;

/// How often the others get their turn before a world counts as quiet.
const TURNS: usize = 50;

/// What goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Name {
    /// A pass of the driver.
    Pass,
    /// A Pod's life, by uid.
    Pod(String),
    /// A workflow job.
    Job,
    /// The runner's asking for jobs.
    Claim,
    /// A person.
    Person,
    /// Everything is told again.
    Wake,
}

type Work = Pin<Box<dyn Future<Output = anyhow::Result<()>>>>;

/// Something that goes on, and whether it can go on now.
struct Activity {
    name: Name,
    woken: Arc<Woken>,
    work: Work,
}

struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// A change that some watch is still to tell.
pub(crate) struct Untold {
    cluster: ClusterName,
    watched: Watched,
    object: Arc<Value>,
    deleted: bool,
}

/// What becomes of a change that a watch could tell now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is told.
    Told,
    /// It is told, and will be once more.
    Twice,
    /// It is not told before this moment.
    Late(Timestamp),
}

/// A changed object of a cluster, as the log of its store tells it.
pub(crate) struct Changed {
    pub(crate) cluster: String,
    pub(crate) before: Option<Value>,
    pub(crate) after: Option<Arc<Value>>,
}

/// One life of a world.
pub(crate) struct Life {
    // Fields are dropped in this order: what goes on before the world, the world before what it runs on.
    activities: Vec<Activity>,
    pub(crate) untold: Vec<Untold>,
    /// Changes whose watch is slow, in order of time and arrival.
    late: BTreeMap<(Timestamp, usize), Untold>,
    delayed: usize,
    pub(crate) pods: VecDeque<(ClusterName, Arc<Value>)>,
    pub(crate) claimed: Claimed,
    pub(crate) fresh: bool,
    pub(crate) jobs: watch::Receiver<u64>,
    pub(crate) world: Arc<World>,
    runtime: Runtime,
    stores: Stores,
    seen: BTreeMap<String, u64>,
    watched: BTreeMap<(ClusterName, String, String), Watched>,
}

impl Life {
    /// Begins a life over these stores: every watch tells what is there.
    pub(crate) fn begin(
        clock: &SimulatedClock,
        stores: &Stores,
        credentials: &Credentials,
        journal: &Journal,
        network: Option<Network>,
    ) -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().max_blocking_threads(1).build().context("a runtime")?;
        let world = {
            let _inside = runtime.enter();
            let setup = Setup {
                clock: Arc::new(clock.clone()),
                stores: stores.clone(),
                credentials: credentials.clone(),
                journal: journal.clone(),
                authorities: Vec::new(),
                deployment: supercargo::example::deployment(),
                shelf: None,
                without: Vec::new(),
                network,
            };
            Arc::new(World::new(setup)?)
        };
        let watched = world
            .driver
            .watched()
            .into_iter()
            .map(|(cluster, watched)| ((cluster, group(watched.api_version).to_owned(), watched.kind.to_owned()), watched));
        let jobs = world.jobs.subscribe();
        let mut life = Self {
            activities: Vec::new(),
            untold: Vec::new(),
            late: BTreeMap::new(),
            delayed: 0,
            pods: VecDeque::new(),
            claimed: Claimed::default(),
            fresh: true,
            jobs,
            watched: watched.collect(),
            world,
            runtime,
            stores: stores.clone(),
            seen: BTreeMap::new(),
        };
        life.jobs.mark_changed();
        for (name, store) in &stores.clusters {
            let (mut entries, revision) = store.scan("/registry/");
            // Some names are random; the order in which things were written comes from the seed.
            entries.sort_by_key(|(_, entry)| entry.revision);
            life.seen.insert(name.clone(), revision);
            // Nobody watches these, and there are many.
            let unheard = ["/registry/apiextensions.k8s.io/", "/registry/core/events/"];
            for (_, entry) in entries.iter().filter(|(key, _)| !unheard.iter().any(|prefix| key.starts_with(prefix))) {
                life.heard(name, Arc::new(serde_json::from_slice(&entry.value)?), false);
            }
        }
        life.seen.insert("registry".into(), stores.registry.revision());
        Ok(life)
    }

    /// Runs something that is not part of the simulation, such as a question of a test, to its end.
    pub(crate) fn ask<T>(&self, question: impl Future<Output = T>) -> T {
        self.runtime.block_on(question)
    }

    /// Lets something go on from now on.
    pub(crate) fn start(&mut self, name: Name, work: impl Future<Output = anyhow::Result<()>> + 'static) {
        self.activities.push(Activity { name, woken: Arc::new(Woken(AtomicBool::new(true))), work: Box::pin(work) });
    }

    /// Returns how many things of this kind go on.
    pub(crate) fn count(&self, name: &Name) -> usize {
        self.activities.iter().filter(|activity| activity.name == *name).count()
    }

    /// Drops everything of some kinds, wherever it stands.
    pub(crate) fn stop(&mut self, which: impl Fn(&Name) -> bool) {
        let _inside = self.runtime.enter();
        self.activities.retain(|activity| !which(&activity.name));
    }

    /// Returns the places of what can go on now.
    pub(crate) fn able(&self) -> Vec<usize> {
        let able = self.activities.iter().enumerate().filter(|(_, activity)| activity.woken.0.load(Ordering::SeqCst));
        able.map(|(at, _)| at).collect()
    }

    /// Tells whether nothing goes on at all.
    pub(crate) fn is_idle(&self) -> bool {
        self.activities.is_empty() && self.untold.is_empty() && self.late.is_empty() && self.pods.is_empty()
    }

    /// Lets one thing go on to its next await; returns its name when it is over.
    pub(crate) fn go_on(&mut self, at: usize) -> anyhow::Result<Option<Name>> {
        let activity = &mut self.activities[at];
        activity.woken.0.store(false, Ordering::SeqCst);
        let waker = Waker::from(activity.woken.clone());
        // A job's uploads are work for a thread. It is done after this turn, however fast the machine is: else no seed would tell
        // the same story twice.
        let gate = (activity.name == Name::Job).then(|| {
            let (open, wait) = mpsc::channel::<()>();
            self.runtime.spawn_blocking(move || wait.recv());
            open
        });
        let polled =
            self.runtime.block_on(std::future::poll_fn(|_| Poll::Ready(activity.work.as_mut().poll(&mut Context::from_waker(&waker)))));
        if let Some(open) = gate {
            drop(open);
            self.wait_for_threads();
        }
        self.turn(1);
        let Poll::Ready(outcome) = polled else { return Ok(None) };
        let _inside = self.runtime.enter();
        let over = self.activities.remove(at);
        outcome.map(|()| Some(over.name))
    }

    /// Gives everybody else a turn: deliveries, and the clients' own tasks.
    fn turn(&self, times: usize) {
        self.runtime.block_on(async {
            for _ in 0..times {
                tokio::task::yield_now().await;
            }
        });
    }

    /// Lets all others come to rest; tells whether something can go on then.
    pub(crate) fn settle(&self) -> bool {
        self.wait_for_threads();
        self.turn(TURNS);
        !self.able().is_empty()
    }

    /// Waits for the work that was given to threads, so that its end does not depend on the machine: there is one thread, and
    /// it works in order.
    fn wait_for_threads(&self) {
        let (sender, receiver) = mpsc::channel();
        self.runtime.spawn_blocking(move || sender.send(()));
        let _ = receiver.recv();
    }

    /// Ends this life as `kill -9` does: what is in the stores stays, and nothing else.
    pub(crate) fn end(mut self) {
        self.wait_for_threads();
        self.stop(|_| true);
        let Self { world, runtime, .. } = self;
        {
            let _inside = runtime.enter();
            drop(world);
        }
        runtime.shutdown_background();
    }

    /// Reads what the clusters' logs have that was not seen yet.
    pub(crate) fn changes(&mut self) -> anyhow::Result<Vec<Changed>> {
        let mut changed = Vec::new();
        for (name, store) in self.stores.clusters.clone() {
            for Change { before, after, .. } in self.news(&name, &store)? {
                let read = |entry: &store::Entry| serde_json::from_slice::<Value>(&entry.value);
                let (before, after) = (before.as_ref().map(read).transpose()?, after.as_ref().map(read).transpose()?.map(Arc::new));
                match (&before, &after) {
                    (_, Some(object)) => self.heard(&name, object.clone(), false),
                    (Some(object), None) => self.heard(&name, Arc::new(object.clone()), true),
                    (None, None) => {}
                }
                changed.push(Changed { cluster: name.clone(), before, after });
            }
        }
        Ok(changed)
    }

    /// Reads what the registry's log has that was not seen yet.
    pub(crate) fn registry_changes(&mut self) -> anyhow::Result<Vec<Change>> {
        let store = self.stores.registry.clone();
        self.news("registry", &store)
    }

    fn news(&mut self, name: &str, store: &store::Store) -> anyhow::Result<Vec<Change>> {
        let seen = self.seen.get_mut(name).context("every log is followed from the start")?;
        if store.revision() == *seen {
            return Ok(Vec::new());
        }
        let changes = store.changes_after(*seen).map_err(|_| anyhow::anyhow!("the log of {name} was not read in time"))?;
        *seen = changes.last().map_or(store.revision(), |change| change.revision);
        Ok(changes)
    }

    fn heard(&mut self, cluster: &str, object: Arc<Value>, deleted: bool) {
        let cluster = ClusterName(cluster.to_owned());
        let (version, kind) = (api::text(&object, &["apiVersion"]), api::text(&object, &["kind"]));
        if kind == "Pod" && !deleted && crate::node::concerns(&object) {
            self.pods.push_back((cluster.clone(), object.clone()));
        }
        if let Some(watched) = self.watched.get(&(cluster.clone(), group(version).to_owned(), kind.to_owned())) {
            self.untold.push(Untold { cluster, watched: watched.clone(), object, deleted });
        }
    }

    /// Decides the fate of one change.
    pub(crate) fn tell(&mut self, at: usize, fate: Fate) {
        let change = self.untold.swap_remove(at);
        if let Fate::Late(moment) = fate {
            self.delayed += 1;
            self.late.insert((moment, self.delayed), change);
            return;
        }
        let value = change.object.as_ref().clone();
        let told = if change.deleted { WatchChange::Deleted(value) } else { WatchChange::Applied(value) };
        self.world.driver.changed(&change.cluster, &change.watched, told);
        if fate == Fate::Twice {
            self.untold.push(change);
        }
    }

    /// Tells what was late and is due now, and returns when the next is due.
    pub(crate) fn catch_up(&mut self, now: Timestamp) -> Option<Timestamp> {
        while let Some(first) = self.late.first_entry().filter(|first| first.key().0 <= now) {
            let change = first.remove();
            self.untold.push(change);
            let at = self.untold.len() - 1;
            self.tell(at, Fate::Told);
        }
        self.late.first_key_value().map(|((moment, _), _)| *moment)
    }
}

fn group(api_version: &str) -> &str {
    api_version.split_once('/').map_or("", |(group, _)| group)
}
