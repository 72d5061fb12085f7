//! Two controllers as people write them: one makes a ConfigMap for each Task and holds it with a finalizer, the other remembers what
//! it saw of ConfigMaps of some colours.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::StreamExt as _;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{DynamicObject, Patch, PatchParams};
use kube::runtime::controller::{Action, Config as ControllerConfig, Controller};
use kube::runtime::{finalizer, watcher};
use kube::{Resource as _, ResourceExt as _};
use serde_json::json;

use super::{Bench, add, task};

/// Holds a Task until the ledger has forgotten it.
const FINALIZER: &str = "proof.supercargo.dev/ledger";
/// ConfigMaps that writers make, but for the grey ones.
pub const COLOURED: &str = "kind=free,colour!=grey";

/// What the controllers know.
#[derive(Default)]
pub struct Controllers {
    /// The uids of Tasks that were begun and not yet cleaned up.
    pub ledger: Mutex<BTreeSet<String>>,
    /// The colour of each coloured ConfigMap when it was last looked at.
    pub seen: Mutex<BTreeMap<String, String>>,
}

struct Context {
    bench: Bench,
    known: Arc<Controllers>,
}

/// Starts both.
pub fn start(bench: &Bench) -> Arc<Controllers> {
    let known = Arc::new(Controllers::default());
    let context = Arc::new(Context { bench: bench.clone(), known: known.clone() });
    let many = || ControllerConfig::default().concurrency(8);
    let again = |_: Arc<DynamicObject>, _: &finalizer::Error<kube::Error>, _: Arc<Context>| Action::requeue(Duration::from_millis(100));
    let tasks = Controller::new_with(bench.tasks(), watcher::Config::default().timeout(6), task())
        .owns(bench.config_maps(), watcher::Config::default().labels("kind=owned").timeout(5))
        .with_config(many())
        .run(reconcile, again, context.clone());
    tokio::spawn(tasks.for_each(|_| std::future::ready(())));
    let never = |_: Arc<ConfigMap>, _: &kube::Error, _: Arc<Context>| Action::requeue(Duration::from_millis(100));
    let coloured = Controller::new(bench.config_maps(), watcher::Config::default().labels(COLOURED).timeout(4))
        .with_config(many())
        .run(remember, never, context);
    tokio::spawn(coloured.for_each(|_| std::future::ready(())));
    known
}

async fn reconcile(object: Arc<DynamicObject>, context: Arc<Context>) -> Result<Action, finalizer::Error<kube::Error>> {
    let tasks = context.bench.tasks();
    finalizer::finalizer(&tasks, FINALIZER, object, |event| async {
        match event {
            finalizer::Event::Apply(object) => carry_out(&object, &context).await,
            finalizer::Event::Cleanup(object) => {
                add(&context.bench.counts.cleaned);
                context.known.ledger.lock().expect("no holder panics").remove(&object.uid().unwrap_or_default());
                Ok(Action::await_change())
            }
        }
    })
    .await
}

/// Makes the ConfigMap of a Task and says for which generation.
async fn carry_out(object: &DynamicObject, context: &Context) -> Result<Action, kube::Error> {
    let (name, colour) = (object.name_any(), object.data["spec"]["colour"].as_str().unwrap_or_default());
    context.known.ledger.lock().expect("no holder panics").insert(object.uid().unwrap_or_default());
    let child = json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": format!("task-{name}"), "labels": {"kind": "owned", "colour": colour}, "ownerReferences": [object.controller_owner_ref(&task())]},
        "data": {"colour": colour},
    });
    let apply = PatchParams::apply("tasks").force();
    context.bench.config_maps().patch(&format!("task-{name}"), &apply, &Patch::Apply(child)).await?;
    let status = json!({
        "apiVersion": "proof.supercargo.dev/v1", "kind": "Task", "metadata": {"name": name},
        "status": {"observedGeneration": object.metadata.generation, "colour": colour},
    });
    context.bench.tasks().patch_status(&name, &apply, &Patch::Apply(status)).await?;
    add(&context.bench.counts.reconciled);
    Ok(Action::await_change())
}

async fn remember(object: Arc<ConfigMap>, context: Arc<Context>) -> Result<Action, kube::Error> {
    let colour = object.data.as_ref().and_then(|data| data.get("colour")).cloned().unwrap_or_default();
    context.known.seen.lock().expect("no holder panics").insert(object.name_any(), colour);
    add(&context.bench.counts.reconciled);
    Ok(Action::await_change())
}
