//! Reflectors in every manner: lists in pages, lists as streams, selectors that objects enter and leave, metadata alone, and watches
//! that end after seconds.

use futures::StreamExt as _;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{DynamicObject, PartialObjectMeta};
use kube::runtime::reflector::{Lookup, Store, store::Writer};
use kube::runtime::watcher::{self, Config, Event};
use kube::runtime::{WatchStreamExt as _, reflector, watcher as watch};
use kube::{Api, Resource, ResourceExt};
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::hash::Hash;

use super::{Bench, NAMESPACE, add, task};

/// What the selector of some reflectors wants.
pub const GREEN: &str = "colour=green";

/// The stores.
pub struct Reflectors {
    pub whole: Store<ConfigMap>,
    pub streamed: Store<ConfigMap>,
    pub green: Store<ConfigMap>,
    pub metadata: Store<PartialObjectMeta<ConfigMap>>,
    pub tasks: Store<DynamicObject>,
    pub green_tasks: Store<DynamicObject>,
}

impl Reflectors {
    /// Returns how many there are.
    pub fn count(&self) -> usize {
        6
    }
}

/// Starts all of them.
pub fn start(bench: &Bench) -> Reflectors {
    let (config_maps, tasks) = (bench.config_maps(), bench.tasks());
    let metadata: Api<PartialObjectMeta<ConfigMap>> = Api::namespaced(bench.client.clone(), NAMESPACE);
    let paged = Config::default().page_size(50).timeout(7);
    let streamed = Config::default().streaming_lists().timeout(5);
    let green = Config::default().labels(GREEN).timeout(3);
    let unmarked = Config::default().disable_bookmarks().timeout(4);
    Reflectors {
        whole: keep(bench, Writer::default(), watch(config_maps.clone(), paged)),
        streamed: keep(bench, Writer::default(), watch(config_maps.clone(), streamed.clone())),
        green: keep(bench, Writer::default(), watch(config_maps.clone(), green.clone())),
        metadata: keep(bench, Writer::default(), watch(metadata, unmarked)),
        tasks: keep(bench, Writer::new(task()), watch(tasks.clone(), streamed)),
        green_tasks: keep(bench, Writer::new(task()), watch(tasks, green)),
    }
}

/// Keeps a store up to date, for ever.
fn keep<K>(bench: &Bench, writer: Writer<K>, stream: impl futures::Stream<Item = watcher::Result<Event<K>>> + Send + 'static) -> Store<K>
where
    K: Resource + Lookup<DynamicType = <K as Resource>::DynamicType> + Clone + Debug + Send + Sync + 'static,
    <K as Resource>::DynamicType: Eq + Hash + Clone + Send + Sync,
{
    let (store, counts) = (writer.as_reader(), bench.counts.clone());
    tokio::spawn(async move {
        let mut events = std::pin::pin!(reflector(writer, stream.default_backoff()));
        while let Some(event) = events.next().await {
            add(match event {
                Ok(Event::Init) => &counts.lists,
                Ok(_) => &counts.events,
                Err(_) => &counts.broken,
            });
        }
    });
    store
}

/// The versions of objects by name.
pub fn versions<K: ResourceExt>(objects: impl IntoIterator<Item = K>) -> BTreeMap<String, String> {
    objects.into_iter().map(|object| (object.name_any(), object.resource_version().unwrap_or_default())).collect()
}

/// The versions of what a store holds.
pub fn held<K>(store: &Store<K>) -> BTreeMap<String, String>
where
    K: ResourceExt + Lookup + Clone,
    <K as Lookup>::DynamicType: Eq + Hash + Clone,
{
    store.state().iter().map(|object| (object.name_any(), object.meta().resource_version.clone().unwrap_or_default())).collect()
}
