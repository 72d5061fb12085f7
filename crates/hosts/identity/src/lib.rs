//! Who may say who they are, on one machine: an OIDC issuer for workloads, a certificate authority for ten-minute certificates,
//! a transparency log and a timestamp authority, in the protocols of OIDC, Fulcio v2, Rekor v1 and RFC 3161.
//!
//! One operator holds all keys, so the log proves nothing against the operator; it proves that nothing was signed unseen.
//! The keys lie unsealed in the store: whoever can read its file can sign.
//! Read first: [`Options`], [`Identity`], then `fulcio`, `rekor`, `log`.

mod answer;
mod certificate;
mod der;
mod fulcio;
mod issuer;
mod keys;
mod log;
mod merkle;
mod proposal;
mod rekor;
mod root;
mod timestamp;
mod token;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use futures::future::BoxFuture;
use model::{Clock, Timestamp};
use serde_json::Value;
use store::{Store, StoreError};

use keys::Keys;
use log::Log;

/// Turns a job's request token into its claims, or says why not.
pub type Resolve = Arc<dyn Fn(String) -> BoxFuture<'static, Result<Value, String>> + Send + Sync>;

/// What an identity host is made of.
#[derive(Clone)]
pub struct Options {
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Where keys and log are kept, below `identity/`.
    pub store: Store,
    /// The OIDC issuer, which is the forge's root, such as `https://gitea.internal`.
    pub issuer_url: String,
    /// Where certificate authority, log and timestamp authority are served, such as `https://identity.internal`.
    pub external_url: String,
    /// Knows the jobs that run.
    pub resolve: Resolve,
}

/// Why an identity host does not start.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What the store holds cannot be used.
    #[error("the identity host cannot use its {0}")]
    Stored(String),
    /// An option is wrong.
    #[error("the option {name} is {value:?}, which is no address of a host")]
    Option {
        /// Which option.
        name: &'static str,
        /// What it is.
        value: String,
    },
}

/// The identity host. Cloning shares it.
#[derive(Clone)]
pub struct Identity(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) options: Options,
    /// The host of `external_url`: the log's name.
    pub(crate) host: String,
    pub(crate) keys: Keys,
    /// One writer at a time.
    pub(crate) log: Mutex<Log>,
}

impl Identity {
    /// Opens the host on its store; all keys are made at the first start.
    pub fn new(options: Options) -> Result<Self, IdentityError> {
        let trim = |url: &str| url.trim_end_matches('/').to_owned();
        let options = Options { issuer_url: trim(&options.issuer_url), external_url: trim(&options.external_url), ..options };
        host_of("issuer_url", &options.issuer_url)?;
        let host = host_of("external_url", &options.external_url)?;
        let keys = Keys::open(&options.store, &host, options.clock.now())?;
        let log = Mutex::new(Log::open(&options.store)?);
        Ok(Self(Arc::new(Inner { options, host, keys, log })))
    }

    /// Returns the issuer's routes, to be served at the root of `issuer_url`: discovery, keys, and the job's token endpoint.
    pub fn issuer_router(&self) -> axum::Router {
        issuer::router(self.clone())
    }

    /// Returns the routes of certificate authority, log, timestamp authority and trust root, to be served at `external_url`.
    pub fn services_router(&self) -> axum::Router {
        axum::Router::new()
            .merge(fulcio::router(self.clone()))
            .merge(rekor::router(self.clone()))
            .merge(timestamp::router(self.clone()))
            .merge(root::router(self.clone()))
    }

    /// Returns `trusted_root.json`: what a verifier has to know.
    pub fn trusted_root(&self) -> Vec<u8> {
        root::trusted_root(&self.0)
    }

    /// Returns `signing_config.json`: where a signer has to ask.
    pub fn signing_config(&self) -> Vec<u8> {
        root::signing_config(&self.0)
    }

    /// Checks a token of this issuer for an audience and returns its claims.
    pub fn verify_token(&self, token: &str, audience: &str) -> Result<BTreeMap<String, Value>, String> {
        token::verify(&self.0, token, audience)
    }

    /// Makes a token of ten minutes for a workload of the binary itself; `claims` must have a `sub`. `iss`, `aud` and the times
    /// are the issuer's own.
    pub fn issue_token(&self, claims: Value, audience: &str) -> Result<String, String> {
        token::issue(&self.0, claims, audience)
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.0.options.clock.now()
    }
}

fn host_of(name: &'static str, url: &str) -> Result<String, IdentityError> {
    let refuse = || IdentityError::Option { name, value: url.to_owned() };
    let uri: http::Uri = url.parse().map_err(|_| refuse())?;
    if !matches!(uri.scheme_str(), Some("http" | "https")) {
        return Err(refuse());
    }
    uri.host().filter(|host| !host.is_empty()).map(str::to_owned).ok_or_else(refuse)
}
