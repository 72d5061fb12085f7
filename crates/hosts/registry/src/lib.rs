//! The OCI distribution API 1.1 over the store: streamed uploads, exact manifests, referrers, tags that never move, push rights
//! by workload identity, and a notification for every push.
//! Read first: [`Options`], [`Registry`], [`Access`], [`ImmutableTags`].

mod access;
mod answer;
mod blobs;
mod events;
mod immutable;
mod keys;
mod lists;
mod manifests;
mod route;
mod token;
mod uploads;

use std::collections::BTreeMap;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, RwLock};

use futures::future::BoxFuture;
use model::Clock;
use serde_json::Value;
use store::{Batch, Blobs, Store, StoreError};
use tokio::sync::watch;

pub use access::{Access, Account, Permission, Rule};
pub use immutable::ImmutableTags;

/// Sends a request to somewhere outside; handed over by the binary.
pub type Outgoing =
    Arc<dyn Fn(http::Request<bytes::Bytes>) -> BoxFuture<'static, Result<http::Response<bytes::Bytes>, String>> + Send + Sync>;

/// Verifies a workload's identity token for this registry and returns its claims, or says why not.
pub type VerifyToken = Arc<dyn Fn(&str) -> Result<BTreeMap<String, Value>, String> + Send + Sync>;

/// `https` or `http`, put into a request's extensions by whoever terminates TLS; without it the token address is `http`.
#[derive(Debug, Clone, Copy)]
pub struct Scheme(pub &'static str);

/// What a registry is made of.
pub struct Options {
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Manifests, tags and links; the registry's own.
    pub store: Store,
    /// The blobs; the registry's own, because it removes what no repository holds any more.
    pub blobs: Blobs,
    /// Sends notifications.
    pub outgoing: Outgoing,
    /// Addresses that are told about every push.
    pub system_hooks: Vec<String>,
    /// The address of `/token` as clients see it; empty to take each request's own host.
    pub realm_url: String,
    /// Who may do what.
    pub access: Access,
    /// Verifies the token that stands as the password of the user `oidc` or `ci`.
    pub verify_token: VerifyToken,
    /// Which tags never move, by a pattern on the repository's name; the first that fits counts, and [`ImmutableTags::Versions`] where none fits.
    pub immutable_tags: Vec<(String, ImmutableTags)>,
}

/// The registry. Cloning shares it.
#[derive(Clone)]
pub struct Registry(Arc<Inner>);

pub(crate) struct Inner {
    options: Options,
    token_key: aws_lc_rs::hmac::Key,
    uploads: uploads::Uploads,
    /// Held while manifests, tags or links are checked and written: a check is still true when its write happens.
    references: Mutex<()>,
    /// Read while a blob is stored and linked, written while unheld content is removed.
    content: RwLock<()>,
    events: watch::Sender<u64>,
    next_event: AtomicU64,
    delivering: tokio::sync::Mutex<()>,
}

impl Registry {
    /// Opens a registry on its store; a key for its tokens is made at the first start.
    pub fn new(options: Options) -> Result<Self, StoreError> {
        let secret = match options.store.get(keys::TOKEN_KEY) {
            Some(entry) => entry.value.to_vec(),
            None => {
                let secret: [u8; 32] = rand::random();
                options.store.commit(Batch::new().expect(keys::TOKEN_KEY, 0).put(keys::TOKEN_KEY, secret.to_vec()))?;
                secret.to_vec()
            }
        };
        let next_event = events::first_free(&options.store);
        Ok(Self(Arc::new(Inner {
            token_key: aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, &secret),
            uploads: uploads::Uploads::default(),
            references: Mutex::default(),
            content: RwLock::default(),
            events: watch::channel(next_event).0,
            next_event: AtomicU64::new(next_event),
            delivering: tokio::sync::Mutex::default(),
            options,
        })))
    }

    /// Returns the HTTP interface: `/v2/…` and `/token`.
    pub fn router(&self) -> axum::Router {
        axum::Router::new().fallback(route::serve).with_state(self.clone())
    }

    /// Sends the notifications that are still waiting, oldest first, and returns how many remain. One that fails holds back the
    /// later ones of the same address, and is given up after a day.
    pub async fn deliver_pending(&self) -> usize {
        events::deliver(&self.0).await
    }

    /// Returns a receiver that wakes whenever a notification was queued. The first try happens without it.
    pub fn wakeup(&self) -> watch::Receiver<u64> {
        self.0.events.subscribe()
    }
}
