//! The embedded hosts, each over its own store, each with its own rules of access.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use anyhow::Context as _;
use apiserver::ApiServer;
use axum::Router;
use forge::{Forge, JobPlan, PushEvent, Workflows};
use http::{Request, StatusCode};
use identity::Identity;
use model::{Caller, Clock};
use ports::{Web, handler_of};
use registry::{Access, Account, ImmutableTags, Permission, Registry, Rule};
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::network::{self, Network};
use super::{DOORS, FORGE, IDENTITY, Kubelets, Late, REGISTRY, Stores, identity_url};
use crate::credentials::Credentials;

/// Group of whoever may only read a cluster: the tests.
pub(super) const READERS: &str = "supercargo:readers";
/// Who packs the test image.
pub(super) const PACKER: &str = "supercargo-tests";

/// The embedded hosts.
#[derive(Clone)]
pub struct Hosts {
    /// The forge.
    pub forge: Forge,
    /// The registry.
    pub registry: Registry,
    /// Issuer, certificate authority and log.
    pub identity: Identity,
    /// The API servers, by cluster.
    pub clusters: BTreeMap<String, ApiServer>,
}

/// Reads workflow files for the forge.
struct Files;

impl Workflows for Files {
    fn triggered(&self, path: &str, bytes: &[u8], event: &PushEvent) -> Result<Vec<JobPlan>, String> {
        let file = workflow::parse(path, bytes).map_err(|error| error.to_string())?;
        if !file.triggered_by(&workflow::Push { ref_name: &event.reference, changed: &event.changed }) {
            return Ok(Vec::new());
        }
        let plan = |job: workflow::Job| JobPlan {
            workflow: file.name.clone(),
            id: job.id,
            name: job.name,
            needs: job.needs,
            id_token: job.id_token,
        };
        Ok(file.jobs.iter().cloned().map(plan).collect())
    }
}

impl Hosts {
    pub(super) fn new(
        clock: &Arc<dyn Clock>,
        stores: &Stores,
        credentials: &Credentials,
        late: &Late,
        kubelets: &Kubelets,
    ) -> anyhow::Result<Self> {
        let forge = Forge::new(forge::Options {
            clock: clock.clone(),
            store: stores.forge.clone(),
            repositories: stores.repositories.clone(),
            external_url: format!("https://{FORGE}"),
            outgoing: late.outgoing(),
            system_hooks: vec![format!("https://{DOORS}/forge")],
            instance_key: Some(credentials.signing_key("maintainer")?),
            admin_token: credentials.forge.get("forge-admin").cloned(),
            runner_token: credentials.forge.get("forge-runner").cloned(),
            workflows: Arc::new(Files),
        })
        .context("the forge")?;
        let claims = Arc::new(OnceLock::<Router>::new());
        let _ = claims.set(forge.router());
        let identity = Identity::new(identity::Options {
            clock: clock.clone(),
            store: stores.identity.clone(),
            issuer_url: format!("https://{FORGE}"),
            external_url: identity_url(),
            resolve: Arc::new(move |token| {
                let claims = claims.clone();
                Box::pin(async move { resolve(claims.get().cloned(), token).await })
            }),
        })
        .context("the identity host")?;
        let verifier = identity.clone();
        let registry = Registry::new(registry::Options {
            clock: clock.clone(),
            store: stores.registry.clone(),
            blobs: stores.blobs.clone(),
            outgoing: late.outgoing(),
            system_hooks: vec![format!("https://{DOORS}/registry")],
            realm_url: String::new(),
            access: access(credentials),
            verify_token: Arc::new(move |token| verifier.verify_token(token, REGISTRY)),
            immutable_tags: vec![("tests/**".to_owned(), ImmutableTags::Versions), ("**".to_owned(), ImmutableTags::Versions)],
        })
        .context("the registry")?;
        let mut clusters = BTreeMap::new();
        for (name, store) in &stores.clusters {
            let token = |of: &BTreeMap<String, String>| of.get(name).cloned().with_context(|| format!("the cluster {name} has no token"));
            let reader = Caller {
                name: "supercargo:tests".into(),
                groups: vec![READERS.into(), "system:authenticated".into()],
                ..Caller::default()
            };
            let server = ApiServer::new(apiserver::Options {
                name: name.clone(),
                clock: clock.clone(),
                store: store.clone(),
                outgoing: late.outgoing(),
                kubelet: Some(kubelets.of(name)),
                tokens: vec![(token(&credentials.clusters)?, Caller::master("admin")), (token(&credentials.readers)?, reader)],
            })?;
            clusters.insert(name.clone(), server);
        }
        Ok(Self { forge, registry, identity, clusters })
    }

    /// Returns the forge's router, which is the issuer's as well: both have one name.
    pub fn forge_router(&self) -> Router {
        self.identity.issuer_router().fallback_service(self.forge.router())
    }

    /// Returns a web in which the hosts answer to their names in this process.
    pub(super) fn web(&self, web: Web) -> Web {
        web.with_handler(FORGE, handler_of(self.forge_router()))
            .with_handler(REGISTRY, handler_of(self.registry.router()))
            .with_handler(IDENTITY, handler_of(self.identity.services_router()))
    }
}

impl Hosts {
    /// Returns a web in which a network lies before every host.
    pub(super) fn web_across(&self, web: Web, network: &Network) -> Web {
        let across = |web: Web, name: &str, handler| web.with_handler(name, network::across(network, name, handler));
        let web = across(web, FORGE, handler_of(self.forge_router()));
        let web = across(web, REGISTRY, handler_of(self.registry.router()));
        across(web, IDENTITY, handler_of(self.identity.services_router()))
    }
}

/// Asks the forge which running job a request token belongs to, as its administrator.
async fn resolve(forge: Option<Router>, token: String) -> Result<Value, String> {
    let forge = forge.ok_or("the forge is not there yet")?;
    let mut request = Request::post("/api/actions/v1/identity")
        .header("content-type", "application/json")
        .body(axum::body::Body::from(json!({"token": token}).to_string()))
        .map_err(|error| error.to_string())?;
    request.extensions_mut().insert(Caller::new("forge-admin"));
    let answer = forge.oneshot(request).await.map_err(|error| error.to_string())?;
    let status = answer.status();
    let body = axum::body::to_bytes(answer.into_body(), 1 << 20).await.map_err(|error| error.to_string())?;
    if status != StatusCode::OK {
        return Err("the token is not that of a running job".to_owned());
    }
    serde_json::from_slice(&body).map_err(|error| error.to_string())
}

/// Pulls need a login; pushes are for workflows, each for its own repositories.
fn access(credentials: &Credentials) -> Access {
    let rule = |who: &str, repositories: &str, actions: &[Permission]| Rule {
        who: who.to_owned(),
        repositories: repositories.to_owned(),
        actions: actions.to_vec(),
    };
    let push = [Permission::Pull, Permission::Push];
    Access {
        accounts: vec![Account { name: "admin".to_owned(), password: credentials.registry.clone() }],
        rules: vec![
            rule("authenticated", "**", &[Permission::Pull]),
            rule("workflow:org/deployment/.gitea/workflows/build-deployment-artifact.yml@refs/heads/main", "deployments/**", &push),
            rule("workflow:org/app-myapp/.gitea/workflows/build.yml@refs/tags/*", "myapp", &push),
            rule(&format!("user:{PACKER}"), "tests/**", &push),
        ],
    }
}
