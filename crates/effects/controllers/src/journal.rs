//! The story: every changed decision, in order, in a bounded append-only file.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use model::{Action, Timestamp};
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast;

use crate::controller::Key;

/// How large the file grows before it is put aside as `.1` (which replaces the one before).
const FILE: u64 = 16 << 20;
/// How many entries are kept in memory.
const KEPT: usize = 2_000;

/// What one pass found and did.
#[derive(Debug, Clone, Serialize, Deserialize, PartialEq, Eq)]
pub struct Entry {
    /// When.
    pub at: Timestamp,
    /// Which controller.
    pub controller: String,
    /// `cluster/namespace/name`.
    pub about: String,
    /// What each gate found.
    pub because: Vec<String>,
    /// What was done, a line each.
    pub done: Vec<String>,
    /// Why it stopped.
    pub failure: Option<String>,
    /// Whether everything it found is still awaited or refused: nothing moved.
    #[serde(default, skip_serializing_if = "is_false")]
    pub held: bool,
    /// Whether a time that came made it look; an event did otherwise.
    #[serde(default, skip_serializing_if = "is_false")]
    pub timer: bool,
}

fn is_false(value: &bool) -> bool {
    !value
}

impl Entry {
    pub(crate) fn new(key: &Key, at: Timestamp, because: Vec<String>, done: &[Action], failure: Option<&str>) -> Self {
        let about = [key.cluster.0.as_str(), &key.namespace, &key.name].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>();
        Self {
            at,
            controller: key.controller.to_owned(),
            about: about.join("/"),
            because,
            done: done.iter().map(summary).collect(),
            failure: failure.map(str::to_owned),
            held: false,
            timer: false,
        }
    }

    /// Tells of something that happened outside the driver: a job that ended, a push to the registry.
    pub fn news(at: Timestamp, who: &str, about: &str, text: String, failure: Option<String>) -> Self {
        Self {
            at,
            controller: who.to_owned(),
            about: about.to_owned(),
            because: vec![text],
            done: Vec::new(),
            failure,
            held: false,
            timer: false,
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.because.is_empty() && self.done.is_empty() && self.failure.is_none()
    }

    pub(crate) fn fingerprint(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        (&self.because, &self.done, &self.failure).hash(&mut hasher);
        hasher.finish()
    }
}

/// Appends entries and hands them to whoever listens. Cloning shares it.
#[derive(Clone)]
pub struct Journal {
    inner: Arc<Mutex<Inner>>,
    listeners: broadcast::Sender<Entry>,
}

struct Inner {
    file: Option<(PathBuf, File, u64)>,
    recent: VecDeque<Entry>,
}

impl Journal {
    /// Opens the journal file, or makes it.
    pub fn open(path: &Path) -> std::io::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        let length = file.metadata()?.len();
        Ok(Self::with(Some((path.to_owned(), file, length))))
    }

    /// Makes a journal that is kept in memory.
    pub fn memory() -> Self {
        Self::with(None)
    }

    fn with(file: Option<(PathBuf, File, u64)>) -> Self {
        Self { inner: Arc::new(Mutex::new(Inner { file, recent: VecDeque::new() })), listeners: broadcast::channel(1_024).0 }
    }

    /// Appends an entry. A disk that is full costs the entry in the file, not the work it tells of.
    pub fn append(&self, entry: Entry) {
        let mut inner = self.inner.lock().expect("no holder of the journal panics");
        if let Some((path, file, length)) = &mut inner.file
            && let Ok(mut line) = serde_json::to_vec(&entry)
        {
            line.push(b'\n');
            if *length + line.len() as u64 > FILE && std::fs::rename(&*path, path.with_extension("1")).is_ok() {
                if let Ok(fresh) = OpenOptions::new().create(true).append(true).open(&*path) {
                    *file = fresh;
                }
                *length = 0;
            }
            match file.write_all(&line) {
                Ok(()) => *length += line.len() as u64,
                Err(error) => tracing::warn!(%error, "the journal file was not written"),
            }
        }
        inner.recent.push_back(entry.clone());
        if inner.recent.len() > KEPT {
            inner.recent.pop_front();
        }
        drop(inner);
        let _ = self.listeners.send(entry);
    }

    /// Returns the newest entries, oldest first.
    pub fn recent(&self) -> Vec<Entry> {
        self.inner.lock().expect("no holder of the journal panics").recent.iter().cloned().collect()
    }

    /// Listens to entries from now on.
    pub fn listen(&self) -> broadcast::Receiver<Entry> {
        self.listeners.subscribe()
    }
}

/// Says in one line what an action does. Contents stay out: they may be large, or secret.
pub(crate) fn summary(action: &Action) -> String {
    let short = |commit: &str| commit.chars().take(8).collect::<String>();
    let name = |object: &serde_json::Value| {
        let metadata = &object["metadata"];
        let parts = [object["kind"].as_str(), metadata["namespace"].as_str(), metadata["name"].as_str()];
        parts.into_iter().flatten().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("/")
    };
    let reference = |object: &model::ObjectRef| format!("{}/{}/{}", object.kind, object.namespace, object.name);
    match action {
        Action::Apply { cluster, object, .. } => format!("apply {} in {}", name(object), cluster.0),
        Action::Create { cluster, object, .. } => format!("create {} in {}", name(object), cluster.0),
        Action::Patch { cluster, object, subresource, .. } => {
            format!("patch {}{} in {}", reference(object), subresource.as_deref().map(|s| format!(" {s}")).unwrap_or_default(), cluster.0)
        }
        Action::Delete { cluster, object, .. } => format!("delete {} in {}", reference(object), cluster.0),
        Action::Emit { reason, message, .. } => format!("event {reason}: {message}"),
        Action::PushCommit { repository, branch, edits, message, .. } => {
            let paths: Vec<&str> = edits.iter().map(|edit| edit.path.as_str()).collect();
            format!("commit {:?} to {branch} of {repository} ({})", message.lines().next().unwrap_or_default(), paths.join(", "))
        }
        Action::OpenPull { repository, head, base, .. } => format!("open pull request {head} → {base} of {repository}"),
        Action::MergePull { repository, number, head, .. } => format!("merge pull request {number} of {repository} at {}", short(head)),
        Action::CancelMerge { repository, number, .. } => format!("hold pull request {number} of {repository}"),
        Action::ClosePull { repository, number, .. } => format!("close pull request {number} of {repository}"),
        Action::MoveBranch { repository, branch, target, .. } => match target {
            Some(target) => format!("move {branch} of {repository} to {}", short(target)),
            None => format!("delete {branch} of {repository}"),
        },
        Action::SetCheck { commit, context, state, .. } => format!("report {context} {state:?} on {}", short(commit)),
        Action::PushArtifact { repository, tag, digest, .. } => format!("push {repository}:{tag}@{digest}"),
    }
}
