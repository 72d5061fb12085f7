//! Controllers and reflectors while others write: two thousand objects are made, changed and deleted by many tasks at once, with
//! finalizers, owned objects, selectors and watches that end, and the server is killed in the middle. It writes `kill` on a line of
//! its own when that is to happen; whoever started it does it and starts the server again.
//! Read first: [`run`]. What is counted is told; no time is asserted, patience alone ends.

mod controllers;
mod end;
mod reflectors;
mod writers;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::bail;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{ApiResource, DynamicObject, Patch, PatchParams};
use kube::runtime::wait::{await_condition, conditions};
use kube::{Api, Client};
use serde_json::json;

/// Where everything happens.
const NAMESPACE: &str = "churn";
/// The definition of the custom resource.
const DEFINITION: &str = "tasks.proof.supercargo.dev";
/// Long enough for a loaded machine; nothing waits for it when all is well.
const PATIENCE: Duration = Duration::from_secs(180);
/// How often something is looked at again.
const LOOK: Duration = Duration::from_millis(50);

/// What is done.
pub struct Plan {
    /// How many objects are made, ConfigMaps and Tasks in equal parts.
    pub objects: usize,
    /// Of the random choices.
    pub seed: u64,
}

/// What happened.
#[derive(Default)]
struct Counts {
    created: AtomicUsize,
    updated: AtomicUsize,
    deleted: AtomicUsize,
    conflicts: AtomicUsize,
    /// Requests that nobody answered, or whose answer was lost.
    lost: AtomicUsize,
    reconciled: AtomicUsize,
    cleaned: AtomicUsize,
    /// How often a reflector listed everything.
    lists: AtomicUsize,
    events: AtomicUsize,
    /// Watches that broke off.
    broken: AtomicUsize,
}

fn add(count: &AtomicUsize) {
    count.fetch_add(1, Ordering::Relaxed);
}

fn told(count: &AtomicUsize) -> usize {
    count.load(Ordering::Relaxed)
}

/// Everybody's doors.
#[derive(Clone)]
struct Bench {
    client: Client,
    counts: Arc<Counts>,
}

impl Bench {
    fn config_maps(&self) -> Api<ConfigMap> {
        Api::namespaced(self.client.clone(), NAMESPACE)
    }

    fn tasks(&self) -> Api<DynamicObject> {
        Api::namespaced_with(self.client.clone(), NAMESPACE, &task())
    }
}

/// The custom resource.
fn task() -> ApiResource {
    ApiResource {
        group: "proof.supercargo.dev".into(),
        version: "v1".into(),
        api_version: "proof.supercargo.dev/v1".into(),
        kind: "Task".into(),
        plural: "tasks".into(),
    }
}

/// What has to be there at the end: colours by name.
#[derive(Default)]
struct Expected {
    config_maps: BTreeMap<String, String>,
    tasks: BTreeMap<String, String>,
}

/// Lets all of it happen and demands that everybody agrees in the end.
pub async fn run(client: Client, plan: &Plan) -> anyhow::Result<()> {
    let bench = Bench { client, counts: Arc::default() };
    prepare(&bench).await?;
    let reflectors = reflectors::start(&bench);
    let controllers = controllers::start(&bench);
    let expected = writers::write(&bench, plan).await?;
    end::agree(&bench, &reflectors, &controllers, &expected).await?;
    end::clear(&bench, &reflectors, &controllers).await?;
    let counts = &bench.counts;
    println!(
        "churn: {} objects made, {} updates, {} deletions, {} conflicts, {} requests lost and repeated",
        told(&counts.created),
        told(&counts.updated),
        told(&counts.deleted),
        told(&counts.conflicts),
        told(&counts.lost)
    );
    println!(
        "churn: {} reconciliations, {} finalizers, {} reflectors with {} events, {} lists, {} watches broken off",
        told(&counts.reconciled),
        told(&counts.cleaned),
        reflectors.count(),
        told(&counts.events),
        told(&counts.lists),
        told(&counts.broken)
    );
    println!("churn: {} ConfigMaps and {} Tasks stayed, as everybody saw them", expected.config_maps.len(), expected.tasks.len());
    Ok(())
}

async fn prepare(bench: &Bench) -> anyhow::Result<()> {
    let apply = PatchParams::apply("churn").force();
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}});
    Api::<Namespace>::all(bench.client.clone()).patch(NAMESPACE, &apply, &Patch::Apply(namespace)).await?;
    let definitions: Api<CustomResourceDefinition> = Api::all(bench.client.clone());
    let text = json!({"type": "string"});
    let schema = json!({"type": "object", "properties": {
        "spec": {"type": "object", "required": ["colour"], "properties": {"colour": text, "size": {"type": "integer", "default": 1}}},
        "status": {"type": "object", "properties": {"observedGeneration": {"type": "integer", "format": "int64"}, "colour": text}},
    }});
    let version =
        json!({"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": schema}, "subresources": {"status": {}}});
    let definition = json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": DEFINITION},
        "spec": {"group": "proof.supercargo.dev", "scope": "Namespaced", "versions": [version], "names": {"kind": "Task", "plural": "tasks", "singular": "task"}},
    });
    definitions.patch(DEFINITION, &apply, &Patch::Apply(definition)).await?;
    let established = await_condition(definitions, DEFINITION, conditions::is_crd_established());
    tokio::time::timeout(PATIENCE, established).await??;
    Ok(())
}

/// Looks again and again until there is no fault any more.
async fn until<F: Future<Output = anyhow::Result<Option<String>>>>(what: &str, mut fault: impl FnMut() -> F) -> anyhow::Result<()> {
    let begin = Instant::now();
    loop {
        let found = fault().await.unwrap_or_else(|error| Some(format!("{error:#}")));
        match found {
            None => return Ok(()),
            Some(found) if begin.elapsed() > PATIENCE => bail!("{what}: {found}"),
            Some(_) => tokio::time::sleep(LOOK).await,
        }
    }
}
