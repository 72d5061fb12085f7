//! The embedded forge: Git over smart HTTP, Gitea's REST, pull requests, statuses, protection with lanes, webhooks, and the
//! queue of workflow jobs. One router, served on loopback and called in process alike.
//!
//! What is acknowledged is durable: objects first, then refs, events, runs and statuses in one commit of the store.
//! Every move of a ref, by push or by API, goes through [`review::verdict`]. Read first: [`Forge`], [`Options`], `moves`.

mod access;
mod api;
mod delivery;
mod error;
mod events;
mod evidence;
mod merge;
mod moves;
mod objects;
mod pulls;
mod queue;
mod records;
mod rest;
mod rows;
mod runs;
mod signers;
mod smart;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures::future::BoxFuture;
use model::{Clock, Timestamp};
use tokio::sync::watch;

pub use error::ForgeError;
pub use records::{Access, Key, User};
pub use runs::{JobPlan, PushEvent, Workflows};

use objects::Cache;
use rows::Rows;

/// How the forge calls others: the binary hands this over.
pub type Outgoing = Arc<dyn Fn(http::Request<Bytes>) -> BoxFuture<'static, Result<http::Response<Bytes>, String>> + Send + Sync>;

/// Where repositories lie.
#[derive(Debug, Clone)]
pub enum Repositories {
    /// As bare repositories in this folder, readable by the git program, `OWNER/NAME.git`.
    Folder(PathBuf),
    /// In the store, so that whoever holds the store holds the repositories.
    Memory,
}

/// What a forge is made of.
#[derive(Clone)]
pub struct Options {
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Everything but (in a folder) the objects. The forge uses the keys below `forge/`.
    pub store: store::Store,
    /// Where repositories lie.
    pub repositories: Repositories,
    /// How others call the forge, such as `https://gitea.internal`.
    pub external_url: String,
    /// How the forge calls others.
    pub outgoing: Outgoing,
    /// URLs that hear every event, unsigned.
    pub system_hooks: Vec<String>,
    /// Signs the commits that the forge makes for its users.
    pub instance_key: Option<git::SigningKey>,
    /// With this token a caller over the network is `forge-admin`.
    pub admin_token: Option<String>,
    /// With this token a caller over the network is `forge-runner`.
    pub runner_token: Option<String>,
    /// Reads workflow files.
    pub workflows: Arc<dyn Workflows>,
}

/// The forge. Cloning shares it.
#[derive(Clone)]
pub struct Forge(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) options: Options,
    /// One writer at a time.
    writer: Mutex<()>,
    pub(crate) cache: Cache,
    wakeup: watch::Sender<u64>,
    /// One pass of deliveries at a time.
    pub(crate) delivering: tokio::sync::Mutex<()>,
    /// Whether the git program is there.
    pub(crate) has_program: bool,
}

impl Forge {
    /// Opens the forge: repairs what a crash left half done, and looks again at every scheduled merge.
    pub fn new(options: Options) -> Result<Self, ForgeError> {
        let options = Options { external_url: options.external_url.trim_end_matches('/').to_owned(), ..options };
        let forge = Self(Arc::new(Inner {
            options,
            writer: Mutex::new(()),
            cache: Cache::default(),
            wakeup: watch::channel(0).0,
            delivering: tokio::sync::Mutex::new(()),
            has_program: smart::find_program(),
        }));
        forge.open_repositories()?;
        let repositories: Vec<records::Repo> = forge.rows().list(rows::REPOS)?;
        for repo in repositories {
            forge.merge_what_is_ready(repo.id)?;
        }
        Ok(forge)
    }

    /// Returns the service: smart HTTP and REST. In process the caller is the [`model::Caller`] in the request's extensions.
    pub fn router(&self) -> axum::Router {
        api::router(self.clone())
    }

    /// Returns a receiver that wakes whenever there is something to deliver.
    pub fn delivery_wakeup(&self) -> watch::Receiver<u64> {
        self.0.wakeup.subscribe()
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.0.options.clock.now()
    }

    pub(crate) fn external(&self, path: &str) -> String {
        format!("{}{path}", self.0.options.external_url)
    }

    /// Opens the rows for reading.
    pub(crate) fn rows(&self) -> Rows {
        Rows::new(self.0.options.store.clone(), false)
    }

    /// Writes rows, all or nothing, one writer at a time; then brings the bare repositories up to date, wakes deliveries and
    /// looks again at the scheduled merges that the change may have made ready.
    pub(crate) fn write<T>(&self, work: impl FnOnce(&Rows) -> Result<T, ForgeError>) -> Result<T, ForgeError> {
        let (value, after) = {
            let _writer = self.0.writer.lock().unwrap_or_else(PoisonError::into_inner);
            let rows = Rows::new(self.0.options.store.clone(), true);
            let value = work(&rows)?;
            let after = rows.commit()?;
            self.mirror(&after)?;
            (value, after)
        };
        if after.events {
            self.0.wakeup.send_modify(|count| *count += 1);
            if let Ok(runtime) = tokio::runtime::Handle::try_current() {
                let forge = self.clone();
                runtime.spawn(async move { forge.deliver_pending().await });
            }
        }
        for repo in after.recheck {
            // What was asked for is durable: that a scheduled merge fails is not for this caller to hear.
            if let Err(error) = self.merge_what_is_ready(repo) {
                tracing::error!(%error, repo, "the scheduled merges could not be looked at");
            }
        }
        Ok(value)
    }
}
