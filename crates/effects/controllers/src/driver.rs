//! One driver for all kinds: it listens, lets controllers look, performs what they want, and writes the journal.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use futures::StreamExt as _;
use model::{ClusterName, Code, Decision, Next, Reason, Timestamp};
use ports::{Ports, Recorder, WatchChange};
use serde_json::Value;
use tokio::sync::Notify;

use crate::controller::{Controller, Event, Key, Pass, Seen, Wake, Watched};
use crate::executor;
use crate::journal::{Entry, Journal};

/// How long the driver waits after a first failure; each further one doubles it.
const FIRST_RETRY: Duration = Duration::from_millis(100);
/// The longest it waits.
const LAST_RETRY: Duration = Duration::from_secs(60);
/// How often an action that got no answer is tried again before it counts as failed.
const BLINKS: u32 = 3;
/// How many races in a row may be lost before waiting.
const RACES: u32 = 5;
/// How often the same wish may be granted in a row before the driver slows down: it is a fault of a role then.
const SAME_WISH: u32 = 20;

/// How the journal tells that the API server refused what a role says of its object. That is a fault of ours.
pub const STATUS_REFUSED: &str = "the status was refused";

/// Runs controllers. Cloning shares it.
#[derive(Clone)]
pub struct Driver {
    inner: Arc<Inner>,
}

struct Inner {
    controllers: Vec<Arc<dyn Controller>>,
    ports: Ports,
    journal: Journal,
    events: Recorder,
    state: Mutex<State>,
    work: Notify,
}

#[derive(Default)]
struct State {
    /// Keys to look at now, in order of arrival, each once.
    ready: VecDeque<Key>,
    /// Keys that a worker is looking at, and whether something happened meanwhile.
    busy: HashMap<Key, bool>,
    /// Keys to look at later.
    later: BTreeSet<(Timestamp, Key)>,
    due: HashMap<Key, Timestamp>,
    memory: HashMap<Key, Memory>,
    /// Keys that are looked at because a time came, and nothing else happened to them meanwhile.
    rung: HashSet<Key>,
    /// Everything each controller looks after.
    known: BTreeMap<&'static str, BTreeSet<Key>>,
}

#[derive(Default, Clone)]
struct Memory {
    failure: Option<String>,
    failures: u32,
    wish: u64,
    repeats: u32,
    /// How many passes in a row found something that did not answer.
    unreached: u32,
    /// How many looks failed in a row.
    blind: u32,
    /// How many races were lost in a row.
    races: u32,
    told: u64,
    /// Whether this pass was started by a time that came.
    rung: bool,
    /// What the last decision waits for.
    held: Vec<Reason>,
}

impl Driver {
    /// Makes a driver of these controllers. It watches through these ports; each controller looks and acts through its own.
    pub fn new(controllers: Vec<Arc<dyn Controller>>, ports: Ports, journal: Journal) -> Self {
        Self {
            inner: Arc::new(Inner {
                controllers,
                ports,
                journal,
                events: Recorder::default(),
                state: Mutex::default(),
                work: Notify::new(),
            }),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.inner.state.lock().expect("no holder of the driver's lock panics")
    }

    /// Starts watching and working; returns at once. Everything ends when the returned tasks are dropped.
    pub fn start(&self, workers: usize) -> tokio::task::JoinSet<()> {
        let mut tasks = tokio::task::JoinSet::new();
        for (cluster, watched) in self.watched() {
            tasks.spawn(self.clone().watch(cluster, watched));
        }
        for _ in 0..workers {
            tasks.spawn(self.clone().work());
        }
        tasks.spawn(self.clone().alarm());
        tasks
    }

    /// Returns every kind of every cluster that some controller wants to hear of.
    pub fn watched(&self) -> BTreeSet<(ClusterName, Watched)> {
        let clusters: Vec<ClusterName> = self.inner.ports.clusters.names().cloned().collect();
        let wanted = self.inner.controllers.iter().flat_map(|controller| {
            let mine: Vec<_> = clusters.iter().filter(|cluster| controller.serves(cluster)).cloned().collect();
            mine.into_iter().flat_map(|cluster| controller.watches().into_iter().map(move |watched| (cluster.clone(), watched)))
        });
        wanted.collect()
    }

    async fn watch(self, cluster: ClusterName, watched: Watched) {
        let mut pause = FIRST_RETRY;
        loop {
            if let Ok(client) = self.inner.ports.clusters.get(&cluster)
                && let Ok(stream) = client.watch(watched.api_version, watched.kind).await
            {
                let mut stream = std::pin::pin!(stream);
                while let Some(Ok(change)) = stream.next().await {
                    pause = FIRST_RETRY;
                    self.changed(&cluster, &watched, change);
                }
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(5));
        }
    }

    /// Takes note of what a watch saw.
    pub fn changed(&self, cluster: &ClusterName, watched: &Watched, change: WatchChange) {
        let (mut object, deleted) = match change {
            WatchChange::Applied(object) => (object, false),
            WatchChange::Deleted(object) => (object, true),
            WatchChange::Synced => return,
        };
        object["apiVersion"] = Value::from(watched.api_version);
        object["kind"] = Value::from(watched.kind);
        self.happened(&Event::Object { cluster: cluster.clone(), object, deleted });
    }

    /// Lets every controller say where an event makes it look.
    pub fn happened(&self, event: &Event) {
        for controller in &self.inner.controllers {
            if let Event::Object { cluster, .. } = event
                && !controller.serves(cluster)
            {
                continue;
            }
            for wake in controller.wakes(event) {
                match wake {
                    Wake::One(key) => self.wake(key),
                    Wake::All(cluster) => self.wake_all(controller.name(), cluster.as_ref()),
                }
            }
        }
    }

    /// Lets a controller look at everything it knows.
    pub fn wake_all(&self, controller: &'static str, cluster: Option<&ClusterName>) {
        let keys: Vec<Key> = {
            let state = self.state();
            let known = state.known.get(controller).into_iter().flatten();
            known.filter(|key| cluster.is_none_or(|cluster| key.cluster == *cluster)).cloned().collect()
        };
        keys.into_iter().for_each(|key| self.wake(key));
    }

    /// Returns what each key's last decision waits for: the gates that hold something now.
    pub fn held(&self) -> Vec<(Key, Vec<Reason>)> {
        let state = self.state();
        let mut held: Vec<(Key, Vec<Reason>)> = state
            .memory
            .iter()
            .filter(|(_, memory)| !memory.held.is_empty())
            .map(|(key, memory)| (key.clone(), memory.held.clone()))
            .collect();
        held.sort_by(|a, b| a.0.cmp(&b.0));
        held
    }

    /// Looks at a key as soon as a worker is free.
    pub fn wake(&self, key: Key) {
        let mut state = self.state();
        state.known.entry(key.controller).or_default().insert(key.clone());
        if let Some(again) = state.busy.get_mut(&key) {
            *again = true;
            return;
        }
        state.forget_alarm(&key);
        state.rung.remove(&key);
        if !state.ready.contains(&key) {
            state.ready.push_back(key);
            drop(state);
            self.inner.work.notify_one();
        }
    }

    async fn work(self) {
        loop {
            match self.take(0) {
                Some(key) => self.process(key).await,
                None => self.inner.work.notified().await,
            }
        }
    }

    /// Takes a key that is ready; `choice` picks one where several are (a simulation shuffles with it).
    pub fn take(&self, choice: usize) -> Option<Key> {
        let mut state = self.state();
        if state.ready.is_empty() {
            return None;
        }
        let at = choice % state.ready.len();
        let key = state.ready.remove(at)?;
        state.busy.insert(key.clone(), false);
        let more = !state.ready.is_empty();
        drop(state);
        if more {
            self.inner.work.notify_one();
        }
        Some(key)
    }

    /// Moves keys whose time has come to the ready ones, and returns when the next one is due.
    pub fn ring(&self) -> Option<Timestamp> {
        let now = self.inner.ports.clock.now();
        let mut rang = false;
        let next = {
            let mut state = self.state();
            while let Some((at, key)) = state.later.first().cloned() {
                if at > now {
                    break;
                }
                state.forget_alarm(&key);
                if let Some(again) = state.busy.get_mut(&key) {
                    *again = true;
                } else if !state.ready.contains(&key) {
                    state.rung.insert(key.clone());
                    state.ready.push_back(key);
                    rang = true;
                }
            }
            state.later.first().map(|(at, _)| *at)
        };
        if rang {
            self.inner.work.notify_one();
        }
        next
    }

    async fn alarm(self) {
        loop {
            let next = self.ring();
            let now = self.inner.ports.clock.now();
            // New alarms are noticed after at most this long; nothing in a release waits for one.
            let most = Duration::from_millis(500);
            let wait = next.map_or(most, |at| {
                Duration::try_from(at.duration_since(now)).unwrap_or(Duration::ZERO).clamp(Duration::from_millis(1), most)
            });
            tokio::time::sleep(wait).await;
        }
    }

    /// Looks at a key that [`Driver::take`] gave, and does what is wanted.
    pub async fn process(&self, key: Key) {
        let memory = {
            let mut state = self.state();
            let rung = state.rung.remove(&key);
            Memory { rung, ..state.memory.get(&key).cloned().unwrap_or_default() }
        };
        let after = self.pass(&key, memory).await;
        let mut state = self.state();
        let woken = state.busy.remove(&key).unwrap_or(false);
        let again = match after {
            After::Gone => {
                state.memory.remove(&key);
                state.forget_alarm(&key);
                if let Some(known) = state.known.get_mut(key.controller) {
                    known.remove(&key);
                }
                woken
            }
            After::Look(memory, when) => {
                state.memory.insert(key.clone(), memory);
                match when {
                    When::Now => true,
                    When::At(at) => {
                        state.set_alarm(&key, at);
                        woken
                    }
                    When::OnChange => woken,
                }
            }
        };
        if again && !state.ready.contains(&key) {
            state.forget_alarm(&key);
            state.ready.push_back(key);
            drop(state);
            self.inner.work.notify_one();
        }
    }

    async fn pass(&self, key: &Key, mut memory: Memory) -> After {
        let now = self.inner.ports.clock.now();
        let failed_before = memory.failure.take();
        let telling = failed_before.is_some();
        let Some(controller) = self.inner.controllers.iter().find(|controller| controller.name() == key.controller) else {
            return After::Gone;
        };
        let seen = Seen { now, failure: failed_before };
        let pass = match controller.look(key, &seen).await {
            Ok(Some(pass)) => pass,
            Ok(None) => return After::Gone,
            // One that fails does not wait for as long as what has failed before it: nobody knows yet how that is now.
            Err(error) => {
                memory.blind += 1;
                tracing::debug!(?key, error = model::chain(&error), "looking failed");
                self.note(key, &mut memory, vec![format!("cannot look: {}", model::chain(&error))], &[], None);
                let at = now.checked_add(retry(memory.blind)).unwrap_or(now);
                return After::Look(memory, When::At(at));
            }
        };
        memory.blind = 0;
        let Pass { subject, decision } = pass;
        memory.held = decision.because.iter().filter(|reason| reason.code.is_some()).cloned().collect();
        if telling {
            return self.tell_failure(key, memory, subject, decision, controller.as_ref(), now).await;
        }
        self.grant(key, memory, subject, decision, controller.as_ref(), now).await
    }

    /// The pass after a failed action: writes what the role makes of the failure, then waits.
    async fn tell_failure(
        &self,
        key: &Key,
        memory: Memory,
        subject: Option<Value>,
        decision: Decision<Value>,
        controller: &dyn Controller,
        now: Timestamp,
    ) -> After {
        let (events, _) = apart(decision.actions);
        self.emit(&events, controller).await;
        if let Err(error) = self.write_status(key, subject, &decision.status, controller).await {
            self.tell_unwritten(key, &error);
        }
        let backoff = now.checked_add(retry(memory.failures)).unwrap_or(now);
        let at = match decision.next {
            Next::At(at) if at < backoff => at,
            _ => backoff,
        };
        After::Look(memory, When::At(at))
    }

    async fn grant(
        &self,
        key: &Key,
        mut memory: Memory,
        subject: Option<Value>,
        decision: Decision<Value>,
        controller: &dyn Controller,
        now: Timestamp,
    ) -> After {
        let because: Vec<String> = decision.because.iter().map(|reason| reason.text.clone()).collect();
        let (events, actions) = apart(decision.actions);
        for (done, action) in actions.iter().enumerate() {
            if let Err(error) = executor::perform(action, controller, &self.inner.events).await {
                if error.is_race() {
                    // Somebody else was faster: nothing failed, and another look gives another wish. One that loses again and
                    // again waits a little, so that it never spins.
                    memory.races += 1;
                    let when = match memory.races.checked_sub(RACES) {
                        None | Some(0) => When::Now,
                        Some(more) => When::At(now.checked_add(retry(more)).unwrap_or(now)),
                    };
                    return After::Look(memory, when);
                }
                let text = model::chain(&error);
                self.note(key, &mut memory, because, &actions[..done], Some(&text));
                memory.failures += 1;
                if error.is_passing() && memory.failures <= BLINKS {
                    // One lost answer is nothing that anybody need hear of.
                    let at = now.checked_add(retry(memory.failures)).unwrap_or(now);
                    return After::Look(memory, When::At(at));
                }
                memory.failure = Some(text);
                return After::Look(memory, When::Now);
            }
        }
        self.note(key, &mut memory, because, &actions, None);
        self.emit(&events, controller).await;
        match self.write_status(key, subject, &decision.status, controller).await {
            Ok(()) => {}
            // Somebody else wrote first, or it is gone: look again.
            Err(error) if error.is_conflict() || error.is_not_found() => return After::Look(memory, When::Now),
            Err(error) => {
                memory.failures += 1;
                self.tell_unwritten(key, &error);
                return After::Look(memory.clone(), When::At(now.checked_add(retry(memory.failures)).unwrap_or(now)));
            }
        }
        memory.failures = 0;
        memory.races = 0;
        let unreached = decision.because.iter().any(|reason| reason.code == Some(Code::Unreachable));
        memory.unreached = if unreached { memory.unreached + 1 } else { 0 };
        if actions.is_empty() {
            memory.repeats = 0;
            return match decision.next {
                // Nothing tells when it answers again.
                Next::OnChange if unreached => {
                    let at = now.checked_add(retry(memory.unreached)).unwrap_or(now);
                    After::Look(memory, When::At(at))
                }
                Next::OnChange => After::Look(memory, When::OnChange),
                Next::At(at) => After::Look(memory, When::At(at)),
            };
        }
        // What was done is seen by looking again.
        let wish = fingerprint(&actions);
        memory.repeats = if memory.wish == wish { memory.repeats + 1 } else { 0 };
        memory.wish = wish;
        if memory.repeats > SAME_WISH {
            tracing::warn!(?key, "the same actions are wanted again and again; slowing down");
            return After::Look(memory, When::At(now.checked_add(Duration::from_secs(1)).unwrap_or(now)));
        }
        After::Look(memory, When::Now)
    }

    /// Writes Events. One that cannot be written is missing, and nothing else stops for it.
    async fn emit(&self, events: &[model::Action], controller: &dyn Controller) {
        for event in events {
            if let Err(error) = executor::perform(event, controller, &self.inner.events).await {
                tracing::debug!(error = model::chain(&error), "an Event was not written");
            }
        }
    }

    async fn write_status(
        &self,
        key: &Key,
        subject: Option<Value>,
        status: &Value,
        controller: &dyn Controller,
    ) -> Result<(), ports::ClusterError> {
        let Some(mut object) = subject else { return Ok(()) };
        if status.is_null() || object["status"] == *status {
            return Ok(());
        }
        object["status"] = status.clone();
        if let Some(metadata) = object["metadata"].as_object_mut() {
            metadata.remove("managedFields");
        }
        controller.ports().clusters.get(&key.cluster)?.put_status(controller.manager(), &object).await?;
        Ok(())
    }

    /// Tells of a status that was not written. One that the API server refused is a fault of the role that made it.
    fn tell_unwritten(&self, key: &Key, error: &ports::ClusterError) {
        let why = model::chain(error);
        if error.is_passing() || error.is_conflict() || error.is_not_found() {
            return tracing::debug!(?key, error = why, "the status was not written");
        }
        tracing::error!(?key, error = why, "the status was refused");
        self.inner.journal.append(Entry::new(
            key,
            self.inner.ports.clock.now(),
            Vec::new(),
            &[],
            Some(&format!("{STATUS_REFUSED}: {why}")),
        ));
    }

    /// Appends to the journal if this pass found or did something else than the last one.
    fn note(&self, key: &Key, memory: &mut Memory, because: Vec<String>, done: &[model::Action], failure: Option<&str>) {
        let mut entry = Entry::new(key, self.inner.ports.clock.now(), because, done, failure);
        entry.timer = memory.rung;
        entry.held = done.is_empty() && entry.because.len() == memory.held.len();
        let told = entry.fingerprint();
        if (done.is_empty() && failure.is_none() && told == memory.told) || entry.is_empty() {
            return;
        }
        memory.told = told;
        self.inner.journal.append(entry);
    }
}

enum After {
    Gone,
    Look(Memory, When),
}

enum When {
    Now,
    At(Timestamp),
    OnChange,
}

impl State {
    fn set_alarm(&mut self, key: &Key, at: Timestamp) {
        self.forget_alarm(key);
        self.later.insert((at, key.clone()));
        self.due.insert(key.clone(), at);
    }

    fn forget_alarm(&mut self, key: &Key) {
        if let Some(at) = self.due.remove(key) {
            self.later.remove(&(at, key.clone()));
        }
    }
}

/// Tells Events from everything else that is wanted.
fn apart(actions: Vec<model::Action>) -> (Vec<model::Action>, Vec<model::Action>) {
    actions.into_iter().partition(|action| matches!(action, model::Action::Emit { .. }))
}

fn retry(failures: u32) -> Duration {
    (FIRST_RETRY * 2u32.saturating_pow(failures.saturating_sub(1).min(16))).min(LAST_RETRY)
}

fn fingerprint(actions: &[model::Action]) -> u64 {
    use std::hash::{DefaultHasher, Hash as _, Hasher as _};
    let mut hasher = DefaultHasher::new();
    serde_json::to_string(actions).unwrap_or_default().hash(&mut hasher);
    hasher.finish()
}
