//! A whole world in one process: hosts, ports, controllers. `up` gives it disk, listeners and a node; a simulation gives it
//! memory and a clock of its own. Read first: [`World::new`].

mod accounts;
mod hosts;
mod names;
mod network;
pub mod release;
mod roles;
mod seed;
mod test_image;

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use controllers::{Driver, Entry, Event, Journal};
use doors::news::{News, of_forge, of_registry};
use futures::future::BoxFuture;
use futures::{StreamExt as _, stream};
use http::{Request, Response};
use model::{Clock, ClusterName, Tree};
use ports::{Ports, Shelf, Web, WebError};
use store::{Blobs, Store};
use tokio::sync::watch;

use crate::credentials::Credentials;

pub use accounts::{Granted, granted};
pub use hosts::Hosts;
pub use names::{DOORS, FORGE, IDENTITY, REGISTRY, forge_url, identity_url};
pub use network::{Network, Passage};
pub use roles::{Roles, controllers_of};
pub use seed::{APPLICATION, Bootstrap, DEPLOYMENT, Seed};

/// How long a registry's notification that was not taken waits.
const AGAIN: jiff::SignedDuration = jiff::SignedDuration::from_secs(5);

/// As whom a driver watches for all its controllers.
const INFORMERS: &str = "shared-informers";

/// Where everything is kept.
#[derive(Clone)]
pub struct Stores {
    /// The forge's.
    pub forge: Store,
    /// Where repositories lie.
    pub repositories: forge::Repositories,
    /// The registry's.
    pub registry: Store,
    /// The registry's blobs.
    pub blobs: Blobs,
    /// The identity host's.
    pub identity: Store,
    /// Each cluster's.
    pub clusters: BTreeMap<String, Store>,
}

/// What a world is made of.
pub struct Setup {
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Where everything is kept.
    pub stores: Stores,
    /// All secrets.
    pub credentials: Credentials,
    /// The story.
    pub journal: Journal,
    /// Certificate authorities to trust on the network (PEM).
    pub authorities: Vec<Vec<u8>>,
    /// What the deployment repository begins with.
    pub deployment: Tree,
    /// Keeps what comes from the registry, for when it does not answer.
    pub shelf: Option<Shelf>,
    /// Names of hosts that do not answer: a rehearsed outage.
    pub without: Vec<String>,
    /// What goes wrong between the roles and the hosts; for simulations.
    pub network: Option<Network>,
}

/// A world. Nothing runs until somebody starts its driver.
pub struct World {
    /// The hosts.
    pub hosts: Hosts,
    /// Clients that may do anything, on the roads that the roles take.
    pub ports: Ports,
    /// The same with no network between, for whoever fills the world or looks on.
    pub plain: Ports,
    /// The clients of each account.
    acting: Acting,
    /// HTTP to the hosts by name.
    pub web: Web,
    /// Runs the controllers.
    pub driver: Driver,
    /// The story.
    pub journal: Journal,
    /// All secrets.
    pub credentials: Credentials,
    /// What the deployment repository begins with.
    pub deployment: Tree,
    /// Counts what may be news for workflow runners.
    pub jobs: watch::Sender<u64>,
    /// Who answers for the nodes, once somebody plays them.
    pub kubelets: Kubelets,
}

/// Makes the clients of the accounts.
struct Acting {
    hosts: Hosts,
    network: Option<Network>,
    ports: Ports,
}

impl Acting {
    fn of(&self, account: &str) -> Ports {
        let caller = accounts::caller(account);
        Ports { clusters: roles::clusters(&self.hosts, self.network.as_ref(), &caller), ..self.ports.clone() }
    }
}

/// Who answers API servers for the nodes of their clusters; it is known only after they are made.
#[derive(Clone, Default)]
pub struct Kubelets(Arc<OnceLock<node::Node>>);

impl Kubelets {
    /// Lets an agent answer for the nodes of all clusters.
    pub fn set(&self, node: node::Node) {
        let _ = self.0.set(node);
    }

    fn of(&self, cluster: &str) -> apiserver::Kubelet {
        let (late, cluster) = (self.0.clone(), model::ClusterName(cluster.to_owned()));
        Arc::new(move |request| match late.get() {
            Some(node) => node.kubelet(cluster.clone())(request),
            None => Box::pin(async {
                let why = stream::once(async { bytes::Bytes::from("no node answers here") });
                let mut answer = Response::new(why.boxed());
                *answer.status_mut() = http::StatusCode::NOT_IMPLEMENTED;
                answer
            }),
        })
    }
}

/// What hosts call when something is to be sent; it is known only after they are made.
#[derive(Clone, Default)]
pub(crate) struct Late(Arc<OnceLock<Web>>);

type Sent = BoxFuture<'static, Result<Response<bytes::Bytes>, String>>;

impl Late {
    fn outgoing(&self) -> Arc<dyn Fn(Request<bytes::Bytes>) -> Sent + Send + Sync> {
        let late = self.clone();
        Arc::new(move |request| {
            let late = late.clone();
            Box::pin(async move {
                let Some(web) = late.0.get() else { return Err("the world is not complete yet".to_owned()) };
                // A webhook says itself whom to trust.
                let authorities = request.extensions().get::<apiserver::Authorities>().map(|own| own.0.clone());
                let web = match authorities.filter(|own| !own.is_empty()) {
                    Some(own) => web.trusting(&own),
                    None => web.clone(),
                };
                web.send(request, None).await.map_err(|error| error.to_string())
            })
        })
    }
}

impl World {
    /// Puts a world together.
    pub fn new(setup: Setup) -> anyhow::Result<Self> {
        let Setup { clock, stores, credentials, journal, authorities, deployment, shelf, without, network } = setup;
        let late = Late::default();
        let kubelets = Kubelets::default();
        let hosts = Hosts::new(&clock, &stores, &credentials, &late, &kubelets)?;
        let driver: Arc<OnceLock<Driver>> = Arc::default();
        let jobs = watch::channel(0).0;
        let web = without.iter().fold(hosts.web(Web::new(&authorities)), |web, host| web.with_handler(host, silent(host)));
        let trust = Arc::new(sign::TrustRoot::parse(&hosts.identity.trusted_root())?);
        let roads = network.as_ref().map_or_else(|| web.clone(), |network| hosts.web_across(web.clone(), network));
        let mut ports = roles::ports(&clock, &hosts, &roads, &credentials, trust, network.as_ref())?;
        if let Some(shelf) = shelf {
            ports.registry = ports.registry.with_shelf(shelf);
        }
        let plain = match &network {
            Some(_) => roles::ports(&clock, &hosts, &web, &credentials, ports.trust.clone().expect("it was just given"), None)?,
            None => ports.clone(),
        };
        let acting = Acting { hosts: hosts.clone(), network, ports: ports.clone() };
        let network = acting.network.as_ref();
        let admission = Admission { images: acting.of("policy-controller"), promotions: acting.of("kargo-webhooks-server") };
        let door = door(driver.clone(), jobs.clone(), admission, journal.clone());
        let door = network.map_or_else(|| door.clone(), |network| network::across(network, DOORS, door.clone()));
        let web = web.with_handler(DOORS, door);
        let _ = late.0.set(web.clone());
        let made = Driver::new(controllers_of(&Roles::All, &|account| acting.of(account)), acting.of(INFORMERS), journal.clone());
        let _ = driver.set(made.clone());
        Ok(Self { hosts, ports, plain, acting, web, driver: made, journal, credentials, deployment, jobs, kubelets })
    }

    /// Returns the clients of an account of `accounts.txt`; in the clusters they may do what it may. To be called inside a runtime.
    /// Panics where the table has no such account.
    pub fn acting(&self, account: &str) -> Ports {
        self.acting.of(account)
    }

    /// Makes a driver of Kubernetes' own controllers alone.
    pub fn cluster_driver(&self) -> Driver {
        Driver::new(controllers_of(&Roles::Cluster, &|account| self.acting(account)), self.acting(INFORMERS), self.journal.clone())
    }

    /// Sends what hosts could not send before and is due now; returns when more is due, if anything waits.
    pub async fn redeliver(&self) -> Option<model::Timestamp> {
        let waits = self.hosts.registry.deliver_pending().await > 0;
        let again = self.plain.clock.now().saturating_add(AGAIN).ok().filter(|_| waits);
        self.hosts.forge.deliver_pending().await.into_iter().chain(again).min()
    }

    /// Tells everybody again what may have been missed: what waited to be sent, and every repository.
    pub async fn wake(&self) {
        self.hosts.forge.deliver_pending().await;
        self.hosts.registry.deliver_pending().await;
        self.jobs.send_modify(|count| *count += 1);
        for repository in seed::REPOSITORIES {
            for key in roles::repository_keys(&forge_url(repository)) {
                self.driver.wake(key);
            }
        }
    }
}

/// A host that does not answer.
fn silent(host: &str) -> ports::Handler {
    let host = host.to_owned();
    Arc::new(move |_| {
        let error = WebError::Unreachable { host: host.clone(), text: "it is left out (--without)".to_owned() };
        Box::pin(async move { Err(error) })
    })
}

/// The clients of whoever answers admission reviews.
#[derive(Clone)]
struct Admission {
    images: Ports,
    promotions: Ports,
}

/// Answers what hosts send to the roles: webhooks, notifications, admission reviews.
fn door(driver: Arc<OnceLock<Driver>>, jobs: watch::Sender<u64>, admission: Admission, journal: Journal) -> ports::Handler {
    Arc::new(move |request: Request<bytes::Bytes>| {
        let (driver, jobs, admission, journal) = (driver.clone(), jobs.clone(), admission.clone(), journal.clone());
        Box::pin(async move {
            let path = request.uri().path().to_owned();
            let tell = |news: News| {
                if let News::Forge { event, action, .. } = &news
                    && event == "workflow_job"
                    && action == "queued"
                {
                    jobs.send_modify(|count| *count += 1);
                }
                if let News::Tagged { repository, tag, digest, by } = &news
                    && !tag.is_empty()
                {
                    journal.append(Entry::news(
                        admission.images.clock.now(),
                        "Registry",
                        repository,
                        format!("{tag}@{digest} pushed by {by}"),
                        None,
                    ));
                }
                if let Some(driver) = driver.get() {
                    driver.happened(&event_of(news));
                }
            };
            let answer = |status: http::StatusCode, body: Vec<u8>| {
                Response::builder()
                    .status(status)
                    .header("content-type", "application/json")
                    .body(body.into())
                    .expect("a status and a body make an answer")
            };
            if path == "/forge" {
                let event = request.headers().get("x-gitea-event").and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
                of_forge(&format!("https://{FORGE}"), &event, request.body()).into_iter().for_each(tell);
                return Ok(answer(http::StatusCode::NO_CONTENT, Vec::new()));
            }
            if path == "/registry" {
                of_registry(REGISTRY, request.body()).into_iter().for_each(tell);
                return Ok(answer(http::StatusCode::NO_CONTENT, Vec::new()));
            }
            if let Some(cluster) = path.strip_prefix("/admission/") {
                let reviewed = match cluster.strip_suffix("/promotions") {
                    Some(cluster) => {
                        doors::admission::complete(&admission.promotions, &ClusterName(cluster.to_owned()), request.body()).await
                    }
                    None => doors::admission::review(&admission.images, &ClusterName(cluster.to_owned()), request.body()).await,
                };
                return Ok(answer(http::StatusCode::OK, reviewed.to_string().into_bytes()));
            }
            Ok(answer(http::StatusCode::NOT_FOUND, Vec::new()))
        })
    })
}

fn event_of(news: News) -> Event {
    match news {
        News::Pushed { repository, name } => Event::Pushed { repository, name },
        News::Forge { repository, event, .. } => Event::Forge { repository, event },
        News::Tagged { repository, tag, .. } => Event::Tagged { repository, tag },
    }
}
