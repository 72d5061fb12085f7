//! The Kubernetes API over a [`store::Store`]: narrow but real. One router serves controllers in process and `kubectl` on
//! loopback; there is no second way in.
//!
//! Read first: [`ApiServer`], then `routes` (who may do what), `write` (the way of a change), `watch`.

mod accept;
mod admission;
mod aggregation;
mod app_armor;
mod audit;
mod auth;
mod autoscaler_metrics;
mod autoscalers;
mod bootstrap;
mod builtin;
mod call;
mod catalog;
mod checks;
mod connections;
mod conversion;
mod converter;
mod crd;
mod deadline;
mod decode;
mod defaults;
mod delete;
mod discovery;
mod expiry;
mod finishing;
mod fit;
mod garbage;
mod gates;
mod health;
mod image_name;
mod jsonpath;
mod kinds;
mod labels;
mod lines;
mod names;
mod object;
mod openapi;
mod owners;
mod patches;
mod paths;
mod pod_defaults;
mod pod_resources;
mod pods;
mod printers;
mod protection;
mod quantity;
mod rbac;
mod read;
mod request;
mod reset;
mod resets;
mod reviews;
mod routes;
mod scale;
mod selector;
mod services;
mod status;
mod strategy;
mod table;
mod token;
mod typed;
mod validation;
mod watch;
mod webhook_call;
mod webhook_client;
mod wire;
mod workload_defaults;
mod write;

use std::sync::{Arc, Mutex, OnceLock, RwLock};
use std::time::Duration;

use axum::Router;
use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use model::{Caller, Clock, Timestamp};
use store::Store;
use tokio::sync::Semaphore;

use crate::admission::Webhooks;
pub use crate::audit::AuditLog;
use crate::catalog::Catalog;
use crate::expiry::Expiry;
use crate::lines::Lines;
use crate::owners::Owners;
use crate::rbac::Rules;

/// How many watches may be open at once; each holds what its client has not taken yet.
const WATCHES: usize = 10_000;

/// How the server calls admission webhooks: handed over by the binary, which knows what an address means.
pub type Outgoing = Arc<dyn Fn(http::Request<Bytes>) -> BoxFuture<'static, Result<http::Response<Bytes>, String>> + Send + Sync>;

/// How the server reaches the nodes of its cluster: handed over by the binary, which knows who they are. Requests are those of a
/// kubelet's own HTTP API (`/containerLogs/NAMESPACE/POD/CONTAINER`, `/exec/…`), with the client's connection in their extensions.
pub type Kubelet = Arc<dyn Fn(http::Request<Bytes>) -> BoxFuture<'static, http::Response<BoxStream<'static, Bytes>>> + Send + Sync>;

/// Whom to trust when a webhook is called: certificate authorities (PEM) in the extensions of the request; empty for those
/// that are trusted anyway.
#[derive(Debug, Clone)]
pub struct Authorities(pub Vec<u8>);

/// What an API server needs.
pub struct Options {
    /// The cluster's name, for logs.
    pub name: String,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Where the objects are kept.
    pub store: Store,
    /// Calls admission webhooks.
    pub outgoing: Outgoing,
    /// Reaches the nodes; without it there are no logs and no connections into Pods.
    pub kubelet: Option<Kubelet>,
    /// Bearer tokens and whom they stand for.
    pub tokens: Vec<(String, Caller)>,
}

/// Why a server does not start.
#[derive(Debug, thiserror::Error)]
pub enum ApiServerError {
    /// The objects that every cluster has could not be written.
    #[error("the cluster's first objects could not be written to the store of {name}")]
    Store {
        /// Which cluster.
        name: String,
        /// What the store said.
        #[source]
        source: store::StoreError,
    },
    /// The store holds something that this server cannot serve.
    #[error("the store of {name} holds an object that cannot be served: {what}")]
    Unservable {
        /// Which cluster.
        name: String,
        /// Which object, and why.
        what: String,
    },
}

/// An API server. Cloning shares it.
#[derive(Clone)]
pub struct ApiServer {
    server: Arc<Server>,
}

/// What all requests share. The three snapshots follow the store: whoever writes an object that one of them is made from
/// refreshes it before answering.
pub(crate) struct Server {
    pub name: String,
    pub clock: Arc<dyn Clock>,
    pub store: Store,
    pub outgoing: Outgoing,
    pub kubelet: Option<Kubelet>,
    pub tokens: Vec<(String, Caller)>,
    pub catalog: RwLock<Arc<Catalog>>,
    pub rules: RwLock<Arc<Rules>>,
    pub webhooks: RwLock<Arc<Webhooks>>,
    pub owners: Mutex<Owners>,
    pub audit: OnceLock<AuditLog>,
    /// Places for watches.
    pub watches: Arc<Semaphore>,
    pub lines: Lines,
    /// How long a request may take, where somebody has said it.
    pub request_timeout: OnceLock<Duration>,
    pub expiry: Mutex<Expiry>,
}

impl ApiServer {
    /// Starts a server over a store; what is missing of the objects that every cluster has is created.
    pub fn new(options: Options) -> Result<Self, ApiServerError> {
        let Options { name, clock, store, outgoing, kubelet, tokens } = options;
        bootstrap::fill(&store, clock.as_ref())
            .and_then(|()| token::keys::sweep(&store, clock.now().as_second()))
            .map_err(|source| ApiServerError::Store { name: name.clone(), source })?;
        let catalog = Catalog::read(&store, None).map_err(|what| ApiServerError::Unservable { name: name.clone(), what })?;
        let server = Server {
            rules: RwLock::new(Arc::new(Rules::read(&store))),
            webhooks: RwLock::new(Arc::new(Webhooks::read(&store))),
            catalog: RwLock::new(Arc::new(catalog)),
            owners: Mutex::default(),
            audit: OnceLock::new(),
            watches: Arc::new(Semaphore::new(WATCHES)),
            lines: Lines::default(),
            request_timeout: OnceLock::new(),
            expiry: Mutex::default(),
            name,
            clock,
            store,
            outgoing,
            kubelet,
            tokens,
        };
        let server = Arc::new(server);
        // What a crash left is little, and nothing else runs yet.
        futures::executor::block_on(garbage::resume(&server))
            .and_then(|()| admission::typecheck::resume(&server))
            .map_err(|error| ApiServerError::Unservable { name: server.name.clone(), what: error.message })?;
        Ok(Self { server })
    }

    /// Writes an event into this log for every request from now on; the first log that is given stays.
    #[must_use]
    pub fn with_audit(self, log: AuditLog) -> Self {
        let _ = self.server.audit.set(log);
        self
    }

    /// Lets only so many watches be open at once: of those that nobody uses yet, the others are taken away.
    #[must_use]
    pub fn with_watches(self, most: usize) -> Self {
        self.server.watches.forget_permits(WATCHES.saturating_sub(most));
        self
    }

    /// Lets no request take longer than this but for those that go on by their nature, such as watches; a minute otherwise. What is
    /// said first stays.
    #[must_use]
    pub fn with_request_timeout(self, longest: Duration) -> Self {
        let _ = self.server.request_timeout.set(longest);
        self
    }

    /// Removes the Events whose hour is over and returns when to call this again. For a process there is [`Self::tend`].
    pub fn expire(&self) -> Result<Timestamp, store::StoreError> {
        self.server.expiry.lock().expect("no holder of the expiry's lock panics").expire(&self.server)
    }

    /// Removes Events when their hour is over, for as long as this is polled: spawn it once beside the listener.
    pub async fn tend(self) {
        expiry::run(&self).await;
    }

    /// Lets a new key sign the tokens of ServiceAccounts from now on. What the keys before it have signed is taken until its
    /// end; tokens in Secrets, which have none, are signed anew.
    pub fn rotate_token_key(&self) -> Result<(), store::StoreError> {
        let (server, now) = (&self.server, self.server.clock.now().as_second());
        token::keys::sweep(&server.store, now)?;
        token::keys::rotate(&server.store, now)?;
        token::refill(server)
    }

    /// Returns the router, to be called in process with a [`Caller`] in the request's extensions, or to be served.
    pub fn router(&self) -> Router {
        routes::router(self.server.clone())
    }
}

impl Server {
    /// Returns the kinds served now.
    pub fn catalog(&self) -> Arc<Catalog> {
        self.catalog.read().expect("no holder of the catalog's lock panics").clone()
    }

    /// Returns who may do what now.
    pub fn rules(&self) -> Arc<Rules> {
        self.rules.read().expect("no holder of the rules' lock panics").clone()
    }

    /// Returns the admission webhooks of now.
    pub fn webhooks(&self) -> Arc<Webhooks> {
        self.webhooks.read().expect("no holder of the webhooks' lock panics").clone()
    }

    /// Follows a write to an object of this kind.
    pub fn refresh(&self, group: &str, plural: &str) {
        match (group, plural) {
            ("apiextensions.k8s.io", "customresourcedefinitions") => {
                let mut catalog = self.catalog.write().expect("no holder of the catalog's lock panics");
                match Catalog::read(&self.store, Some(&catalog)) {
                    Ok(fresh) => *catalog = Arc::new(fresh),
                    Err(error) => tracing::error!(cluster = self.name, error, "a stored CustomResourceDefinition cannot be served"),
                }
            }
            ("rbac.authorization.k8s.io", _) => {
                let mut rules = self.rules.write().expect("no holder of the rules' lock panics");
                *rules = Arc::new(Rules::read(&self.store));
            }
            ("admissionregistration.k8s.io", _) => {
                let mut webhooks = self.webhooks.write().expect("no holder of the webhooks' lock panics");
                *webhooks = Arc::new(Webhooks::read(&self.store));
            }
            _ => {}
        }
    }

    /// Returns how long a request may take.
    pub fn longest(&self) -> Duration {
        self.request_timeout.get().copied().unwrap_or(deadline::LONGEST)
    }

    /// Returns the present second as objects carry it.
    pub fn now(&self) -> String {
        object::seconds(self.clock.now())
    }
}
