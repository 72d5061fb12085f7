//! `supercargo up`: everything on this machine, in one process.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use apiserver::AuditLog;
use controllers::{Entry, Journal};
use jiff::Timestamp;
use model::{Caller, Clock, ClusterName};
use node::{HostJobs, Images, Node, NodeOptions, Runner, RunnerOptions, Told};
use ports::{Login, Registry, Shelf};
use serde_json::{Value, json};
use store::{Blobs, Store};
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::Folder;
use crate::credentials::{CLUSTERS, Credentials, write_private};
use crate::data::Data;
use crate::progress::Progress;
use crate::tls::Tls;
use crate::world::{Bootstrap, FORGE, IDENTITY, REGISTRY, Seed, Setup, Stores, World};
use crate::{backup, control, example, serve, story};

/// The version with which the example begins.
const FIRST: &str = "1.4.2";
/// The version that the demo releases.
const SECOND: &str = "1.4.3";
/// How many keys are looked at at once.
const WORKERS: usize = 8;

/// How long nobody asks whether something waits to be sent: whatever comes new is sent when it comes.
const QUIET: Duration = Duration::from_secs(60);

#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    folder: Folder,
    /// First of seven ports; where one is taken, a free one is used. 0 takes free ones.
    #[arg(long, default_value_t = 7400)]
    port_base: u16,
    /// Starts the hosts with nothing in them; of the controllers only Kubernetes' own run.
    #[arg(long, conflicts_with_all = ["demo", "once"])]
    empty: bool,
    /// Releases version 1.4.3 of the example once 1.4.2 runs in prod.
    #[arg(long)]
    demo: bool,
    /// Ends when the release is verified in prod, or names the gate that holds it.
    #[arg(long)]
    once: bool,
    /// Your own files: they take the place of the example's files of the same path in the deployment repository.
    #[arg(long, value_name = "FOLDER", conflicts_with = "empty")]
    with: Option<PathBuf>,
    /// Leaves something out, to rehearse its outage on a folder that was loaded before.
    #[arg(long, value_enum, conflicts_with_all = ["empty", "demo"])]
    without: Vec<Part>,
    /// Authorities (PEM) whose certificates say who a client of the clusters is: common name the user, organizations the groups.
    #[arg(long, value_name = "FILE")]
    client_ca_file: Option<PathBuf>,
    /// How many seconds `--once` waits.
    #[arg(long, default_value_t = 300)]
    timeout: u64,
    /// Tells also what waits, and what every source and cluster does.
    #[arg(short, long)]
    verbose: bool,
    /// Lets workflow jobs and tests run as plain processes where no sandbox can be made.
    #[arg(long)]
    allow_host_jobs: bool,
}

/// What may be left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    /// The registry does not answer anybody.
    Registry,
    /// No workflow job runs.
    Workflows,
}

struct System;

impl Clock for System {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

/// The listeners and their addresses.
struct Listeners {
    all: BTreeMap<String, (TcpListener, SocketAddr)>,
}

impl Listeners {
    async fn open(base: u16) -> anyhow::Result<Self> {
        let mut all = BTreeMap::new();
        let names = ["registry", "forge", "identity"].into_iter().chain(CLUSTERS);
        for (offset, name) in (0u16..).zip(names) {
            all.insert(name.to_owned(), serve::listen(if base == 0 { 0 } else { base.saturating_add(offset) }).await?);
        }
        Ok(Self { all })
    }

    fn url(&self, name: &str, scheme: &str) -> String {
        self.all.get(name).map(|(_, address)| format!("{scheme}://{address}")).unwrap_or_default()
    }
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<i32> {
    let mut end = End::new()?;
    let deployment = match &arguments.with {
        Some(folder) => example::deployment_with(&cli::read_folder(folder)?),
        None => example::deployment(),
    };
    let data = Data::open(&arguments.folder.data)?;
    let (credentials, fresh) = Credentials::open(&data.path("credentials.json"))?;
    let tls = Tls::open(&data.path("identity"), &["localhost", REGISTRY, FORGE, IDENTITY], arguments.client_ca_file.as_deref())?;
    let journal = Journal::open(&data.path("journal.jsonl")).context("the journal")?;
    let stores = stores(&data)?;
    let source = backup::Source::new(data.path(""), in_order(&stores));
    let setup = Setup {
        clock: Arc::new(System),
        stores,
        credentials: credentials.clone(),
        journal: journal.clone(),
        authorities: vec![tls.authority.clone().into_bytes()],
        deployment,
        shelf: Some(Shelf::open(data.path("shelf"))),
        without: arguments.without.contains(&Part::Registry).then(|| REGISTRY.to_owned()).into_iter().collect(),
        network: None,
    };
    let world = Arc::new(World::new(setup)?);
    let audits = audit(&world, &data);
    let listeners = Listeners::open(arguments.port_base).await?;
    let place = Place::write(&data, &listeners, &credentials, &tls)?;
    place.tell(fresh, &credentials, &data);
    let table = format!(
        "{REGISTRY}={} {FORGE}={} {IDENTITY}={}",
        listeners.url("registry", "http"),
        listeners.url("forge", "http"),
        listeners.url("identity", "http")
    );
    let mut tasks = tokio::task::JoinSet::new();
    world.hosts.clusters.values().for_each(|server| drop(tasks.spawn(server.clone().tend())));
    tasks.spawn(control::serve(control::listen(&data)?, Arc::new(source)));
    let servers: BTreeMap<String, String> = CLUSTERS.iter().map(|name| ((*name).to_owned(), listeners.url(name, "https"))).collect();
    let forge_address = listeners.url("forge", "http");
    for (name, (listener, _)) in listeners.all {
        let (router, config) = match name.as_str() {
            "registry" => (world.hosts.registry.router(), &tls.server),
            "forge" => (world.hosts.forge_router(), &tls.server),
            "identity" => (world.hosts.identity.services_router(), &tls.server),
            cluster => (world.hosts.clusters.get(cluster).context("every listener has a host")?.router(), &tls.cluster),
        };
        if name == "registry" && arguments.without.contains(&Part::Registry) {
            continue;
        }
        tasks.spawn(serve::serve(listener, router, config.clone()));
    }
    let mut told = tokio::spawn(tell(journal.clone(), arguments.verbose));
    if arguments.empty {
        // A cluster without its own controllers would be none: a Deployment makes Pods there, with no node to run them.
        Seed(&world).accounts().await.context("the controllers' accounts")?;
        let mut running = world.cluster_driver().start(WORKERS);
        end.comes().await;
        running.abort_all();
        audits.iter().for_each(AuditLog::flush);
        return Ok(0);
    }
    let known = Arc::new(Mutex::new(example::workflows()));
    let host_jobs = match (arguments.allow_host_jobs, arguments.demo) {
        (true, _) => HostJobs::Allowed,
        (false, true) => HostJobs::Only(known.clone()),
        (false, false) => HostJobs::Refused,
    };
    let mut running = tokio::task::JoinSet::new();
    let work = async {
        let seed = Seed(&world);
        seed.clusters(&Bootstrap { servers: &servers, authority: &tls.authority }).await.context("the clusters' bootstrap")?;
        seed.forge().await.context("the forge's users and repositories")?;
        running = world.driver.start(WORKERS);
        start_node(&world, &data, &table, host_jobs.clone(), &mut tasks);
        if !arguments.without.contains(&Part::Workflows) {
            start_runner(&world, &data, &table, forge_address, host_jobs, &mut tasks);
        }
        world.wake().await;
        tasks.spawn(redeliver(world.clone()));
        if arguments.without.contains(&Part::Registry) {
            std::future::pending::<()>().await;
        }
        let program = std::env::current_exe().context("this program's file")?;
        let image = world.test_image(&program, &data.path("test-image")).await.context("the test image")?;
        known.lock().expect("no holder panics").insert(image);
        journey(&world, &arguments).await
    };
    let code = tokio::select! {
        code = work => code?,
        () = end.comes() => 0,
        _ = &mut told => bail!("the story ended"),
    };
    running.abort_all();
    tasks.abort_all();
    audits.iter().for_each(AuditLog::flush);
    Ok(code)
}

/// Gives every cluster an audit log beside its store. Without one a cluster still works, and the reason is told.
fn audit(world: &World, data: &Data) -> Vec<AuditLog> {
    let mut logs = Vec::new();
    for (name, server) in &world.hosts.clusters {
        let path = data.path(&format!("clusters/{name}-audit.log"));
        match AuditLog::open(&path, AuditLog::SIZE) {
            Ok(log) => {
                let _ = server.clone().with_audit(log.clone());
                logs.push(log);
            }
            Err(error) => eprintln!("there is no audit log of {name}: {}: {error}", path.display()),
        }
    }
    logs
}

/// Sends what hosts could not send, when it is due.
async fn redeliver(world: Arc<World>) {
    loop {
        let due = world.redeliver().await;
        let pause = due.map_or(QUIET, |at| Duration::try_from(at.duration_since(Timestamp::now())).unwrap_or_default().min(QUIET));
        tokio::time::sleep(pause.max(Duration::from_millis(100))).await;
    }
}

fn stores(data: &Data) -> anyhow::Result<Stores> {
    let open = |name: &str| Store::open(&data.path(name)).with_context(|| format!("the store {name}"));
    let mut clusters = BTreeMap::new();
    for name in CLUSTERS {
        clusters.insert(name.to_owned(), open(&format!("clusters/{name}.db"))?);
    }
    Ok(Stores {
        forge: open("forge/forge.db")?,
        repositories: forge::Repositories::Folder(data.path("forge")),
        registry: open("registry/registry.db")?,
        blobs: Blobs::open(&data.path("registry/blobs")).context("the registry's blobs")?,
        identity: open("identity/identity.db")?,
        clusters,
    })
}

/// The stores in the order of [`backup::store_names`].
fn in_order(stores: &Stores) -> Vec<Store> {
    let clusters = CLUSTERS.iter().filter_map(|name| stores.clusters.get(*name));
    clusters.chain([&stores.forge, &stores.registry, &stores.identity]).cloned().collect()
}

fn start_node(world: &Arc<World>, data: &Data, table: &str, host_jobs: HostJobs, tasks: &mut tokio::task::JoinSet<()>) {
    let registry = Registry::new(world.web.clone(), Login::Caller(Caller::new("node"))).with_shelf(Shelf::open(data.path("shelf")));
    let node = Node::new(NodeOptions {
        clock: world.ports.clock.clone(),
        clusters: world.acting("node-agent").clusters,
        images: Images::new(data.path("images"), registry),
        place: data.path("tmp/pods"),
        environment: vec![("SUPERCARGO_HOSTS".to_owned(), table.to_owned())],
        host_jobs,
        logs: data.path("logs"),
    });
    world.kubelets.set(node.clone());
    for name in CLUSTERS {
        tasks.spawn(node.clone().run(ClusterName(name.to_owned())));
    }
}

fn start_runner(world: &Arc<World>, data: &Data, table: &str, address: String, host_jobs: HostJobs, tasks: &mut tokio::task::JoinSet<()>) {
    let runner = Runner::new(RunnerOptions {
        name: "local".to_owned(),
        forge: world.ports.forge.clone(),
        identity: "forge-runner".to_owned(),
        server: format!("https://{FORGE}"),
        address,
        web: world.web.clone(),
        registry: REGISTRY.to_owned(),
        place: data.path("tmp/jobs"),
        links: cli::JOB_NAMES.iter().map(|name| (*name).to_owned()).collect(),
        environment: BTreeMap::from([("SUPERCARGO_HOSTS".to_owned(), table.to_owned())]),
        host_jobs,
        told: told(world),
    });
    tasks.spawn(runner.run(world.jobs.subscribe()));
}

/// Lets the story hear of workflow jobs.
fn told(world: &Arc<World>) -> Told {
    let (journal, clock) = (world.journal.clone(), world.ports.clock.clone());
    Arc::new(move |about, outcome| {
        let failure = (!outcome.success).then(|| outcome.description.clone());
        journal.append(Entry::news(clock.now(), "Workflow", about, outcome.description.clone(), failure));
    })
}

/// Brings the example into being, and the demo's release.
async fn journey(world: &Arc<World>, arguments: &Arguments) -> anyhow::Result<i32> {
    let seed = Seed(world);
    let started = Instant::now();
    seed.application(Timestamp::now(), FIRST).await.context("the application repository")?;
    let image: oci::Reference = format!("{REGISTRY}/myapp:{FIRST}").parse()?;
    while world.ports.registry.resolve(&image).await?.is_none() {
        if started.elapsed() > Duration::from_secs(arguments.timeout) {
            bail!("the workflow of the application repository made no image {FIRST}");
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    seed.follow().await.context("the clusters' bootstrap")?;
    seed.deployment(Timestamp::now()).await.context("the deployment repository")?;
    let mut wanted = FIRST;
    if arguments.demo {
        if !arrive(world, FIRST, arguments, started).await? {
            return Ok(1);
        }
        world.release(SECOND, Timestamp::now()).await?;
        wanted = SECOND;
    }
    if !arguments.once {
        std::future::pending::<()>().await;
    }
    Ok(i32::from(!arrive(world, wanted, arguments, started).await?))
}

/// Waits for a version to be verified in prod. A version that was replaced by a newer one has arrived before.
async fn arrive(world: &Arc<World>, version: &str, arguments: &Arguments, started: Instant) -> anyhow::Result<bool> {
    let mut entries = world.journal.listen();
    loop {
        if world.has_arrived(version).await? || (version == FIRST && world.has_arrived(SECOND).await?) {
            println!("{version} is verified in prod");
            return Ok(true);
        }
        let over = started.elapsed() > Duration::from_secs(arguments.timeout);
        if let Some(gate) = world.refused().or_else(|| over.then(|| world.waits().join("\n"))) {
            println!("{version} is held: {gate}");
            return Ok(false);
        }
        // An entry may be what is waited for; without one there is still the end of patience.
        let _ = tokio::time::timeout(Duration::from_millis(250), entries.recv()).await;
    }
}

/// Tells the story as it happens.
async fn tell(journal: Journal, verbose: bool) {
    let mut entries = journal.listen();
    let mut progress = Progress::new();
    loop {
        match entries.recv().await {
            Ok(entry) => {
                if let Some(line) = story::line(&entry, verbose) {
                    progress.line(&line);
                }
                progress.see(&entry);
            }
            Err(tokio::sync::broadcast::error::RecvError::Lagged(count)) => progress.line(&format!("({count} lines left out)")),
            Err(tokio::sync::broadcast::error::RecvError::Closed) => return progress.clear(),
        }
    }
}

/// The signals that end the program, heard from the first moment on.
struct End {
    interrupt: Signal,
    terminate: Signal,
}

impl End {
    fn new() -> anyhow::Result<Self> {
        let hear = |kind| signal(kind).context("signals cannot be heard");
        Ok(Self { interrupt: hear(SignalKind::interrupt())?, terminate: hear(SignalKind::terminate())? })
    }

    async fn comes(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// What `status` tells, and the kubeconfig.
struct Place {
    value: Value,
}

impl Place {
    fn write(data: &Data, listeners: &Listeners, credentials: &Credentials, tls: &Tls) -> anyhow::Result<Self> {
        let kubeconfig = data.path("kubeconfig");
        write_private(&kubeconfig, kubeconfig_of(listeners, credentials, &tls.authority).as_bytes())?;
        let clusters: BTreeMap<&str, String> = CLUSTERS.iter().map(|name| (*name, listeners.url(name, "https"))).collect();
        let value = json!({
            "registry": listeners.url("registry", "http"), "forge": listeners.url("forge", "http"), "identity": listeners.url("identity", "http"),
            "ca": data.path("identity/ca.pem"), "kubeconfig": kubeconfig, "clusters": clusters, "pid": std::process::id(),
            "hosts": {(REGISTRY): listeners.url("registry", "http"), (FORGE): listeners.url("forge", "http"), (IDENTITY): listeners.url("identity", "http")},
        });
        write_private(&data.path("place.json"), &serde_json::to_vec_pretty(&value)?)?;
        Ok(Self { value })
    }

    fn tell(&self, fresh: bool, credentials: &Credentials, data: &Data) {
        let text = |name: &str| self.value[name].as_str().unwrap_or_default();
        println!("registry   {}  ({REGISTRY})", text("registry"));
        println!("forge      {}  ({FORGE})", text("forge"));
        println!("identity   {}  ({IDENTITY})", text("identity"));
        println!("kubeconfig {}  contexts {}", text("kubeconfig"), CLUSTERS.join(", "));
        if fresh {
            println!("registry login   admin / {}", credentials.registry);
            println!("forge token      maintainer / {}", credentials.forge.get("maintainer").map_or("", String::as_str));
            println!("credentials are shown once; they lie in {}", data.path("credentials.json").display());
        }
    }
}

fn kubeconfig_of(listeners: &Listeners, credentials: &Credentials, authority: &str) -> String {
    use base64::Engine as _;
    let ca = base64::engine::general_purpose::STANDARD.encode(authority);
    let list = |make: &dyn Fn(&str) -> Value| Value::Array(CLUSTERS.iter().map(|name| make(name)).collect());
    let token = |name: &str| credentials.clusters.get(name).cloned().unwrap_or_default();
    yaml::write(&json!({
        "apiVersion": "v1", "kind": "Config", "current-context": CLUSTERS[0],
        "clusters": list(&|name| json!({"name": name, "cluster": {"server": listeners.url(name, "https"), "certificate-authority-data": ca}})),
        "users": list(&|name| json!({"name": name, "user": {"token": token(name)}})),
        "contexts": list(&|name| json!({"name": name, "context": {"cluster": name, "user": name}})),
    }))
}
