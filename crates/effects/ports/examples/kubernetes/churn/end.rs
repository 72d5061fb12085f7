//! What has to hold when everybody has stopped writing.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{DeleteParams, DynamicObject, ListParams};
use kube::{Api, Error, ResourceExt as _};

use super::controllers::{COLOURED, Controllers};
use super::reflectors::{GREEN, Reflectors, held, versions};
use super::{Bench, DEFINITION, Expected, NAMESPACE, until};

/// Names what differs, if anything does.
fn differ<V: PartialEq + std::fmt::Debug>(what: &str, left: &BTreeMap<String, V>, right: &BTreeMap<String, V>) -> Option<String> {
    let names: BTreeSet<&String> = left.keys().chain(right.keys()).collect();
    let faults: Vec<String> = names
        .into_iter()
        .filter(|name| left.get(*name) != right.get(*name))
        .map(|name| format!("{name} {:?} and not {:?}", left.get(name), right.get(name)))
        .collect();
    (!faults.is_empty()).then(|| format!("{what}: {} differ: {}", faults.len(), faults[..faults.len().min(5)].join(", ")))
}

/// Waits until what was acknowledged, what is listed, what was reconciled and what is reflected are the same.
pub async fn agree(bench: &Bench, reflectors: &Reflectors, known: &Controllers, expected: &Expected) -> anyhow::Result<()> {
    until("everything was reconciled as it is", || unreconciled(bench, known, expected)).await?;
    until("the reflectors hold what is listed", || unreflected(bench, reflectors)).await
}

async fn unreconciled(bench: &Bench, known: &Controllers, expected: &Expected) -> anyhow::Result<Option<String>> {
    let tasks = bench.tasks().list(&ListParams::default()).await?.items;
    let colour = |task: &DynamicObject| task.data["spec"]["colour"].as_str().unwrap_or_default().to_owned();
    let listed = tasks.iter().map(|task| (task.name_any(), colour(task))).collect();
    if let Some(fault) = differ("Tasks", &listed, &expected.tasks) {
        return Ok(Some(fault));
    }
    let behind = |task: &&DynamicObject| {
        task.data["status"]["observedGeneration"].as_i64() != task.metadata.generation || task.data["status"]["colour"] != colour(task)
    };
    if let Some(task) = tasks.iter().find(behind) {
        return Ok(Some(format!("{} is at generation {:?}, and {}", task.name_any(), task.metadata.generation, task.data["status"])));
    }
    let owned = colours(bench, "kind=owned").await?;
    let wanted = expected.tasks.iter().map(|(name, colour)| (format!("task-{name}"), colour.clone())).collect();
    if let Some(fault) = differ("ConfigMaps of Tasks", &owned, &wanted) {
        return Ok(Some(fault));
    }
    let ledger = known.ledger.lock().expect("no holder panics").clone();
    let uids: BTreeSet<String> = tasks.iter().filter_map(|task| task.metadata.uid.clone()).collect();
    if ledger != uids {
        return Ok(Some(format!("the ledger has {} Tasks, and there are {}", ledger.len(), uids.len())));
    }
    let free = colours(bench, "kind=free").await?;
    if let Some(fault) = differ("ConfigMaps", &free, &expected.config_maps) {
        return Ok(Some(fault));
    }
    let coloured = colours(bench, COLOURED).await?;
    let seen = known.seen.lock().expect("no holder panics").clone();
    let seen = seen.into_iter().filter(|(name, _)| coloured.contains_key(name)).collect();
    Ok(differ("coloured ConfigMaps", &seen, &coloured))
}

/// The colours of ConfigMaps, listed in pages.
async fn colours(bench: &Bench, selector: &str) -> anyhow::Result<BTreeMap<String, String>> {
    let listed = pages(&bench.config_maps(), ListParams::default().labels(selector)).await?;
    Ok(listed.into_iter().map(|object| (object.name_any(), object.data.unwrap_or_default().remove("colour").unwrap_or_default())).collect())
}

async fn pages(api: &Api<ConfigMap>, parameters: ListParams) -> anyhow::Result<Vec<ConfigMap>> {
    let (mut all, mut parameters) = (Vec::new(), parameters.limit(97));
    loop {
        let page = api.list(&parameters).await?;
        all.extend(page.items);
        match page.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => parameters = parameters.continue_token(&token),
            None => return Ok(all),
        }
    }
}

async fn unreflected(bench: &Bench, reflectors: &Reflectors) -> anyhow::Result<Option<String>> {
    let green = ListParams::default().labels(GREEN);
    let config_maps = versions(pages(&bench.config_maps(), ListParams::default()).await?);
    let green_maps = versions(pages(&bench.config_maps(), green.clone()).await?);
    let tasks = versions(bench.tasks().list(&ListParams::default()).await?);
    let green_tasks = versions(bench.tasks().list(&green).await?);
    Ok(differ("ConfigMaps in pages", &held(&reflectors.whole), &config_maps)
        .or_else(|| differ("ConfigMaps as a stream", &held(&reflectors.streamed), &config_maps))
        .or_else(|| differ("metadata of ConfigMaps", &held(&reflectors.metadata), &config_maps))
        .or_else(|| differ("green ConfigMaps", &held(&reflectors.green), &green_maps))
        .or_else(|| differ("Tasks", &held(&reflectors.tasks), &tasks))
        .or_else(|| differ("green Tasks", &held(&reflectors.green_tasks), &green_tasks)))
}

/// Deletes the rest as a collection and waits until nothing of it is left, with anybody.
pub async fn clear(bench: &Bench, reflectors: &Reflectors, known: &Controllers) -> anyhow::Result<()> {
    bench.tasks().delete_collection(&DeleteParams::background(), &ListParams::default()).await?;
    bench.config_maps().delete_collection(&DeleteParams::default(), &ListParams::default().labels("kind=free")).await?;
    until("nothing is left", || async {
        let tasks = bench.tasks().list(&ListParams::default()).await?.items.len();
        // What every namespace has, kube-root-ca.crt, has no kind.
        let config_maps = bench.config_maps().list(&ListParams::default().labels("kind")).await?.items.len();
        let ledger = known.ledger.lock().expect("no holder panics").len();
        let left = tasks + config_maps + ledger;
        Ok((left > 0).then(|| format!("{tasks} Tasks, {config_maps} ConfigMaps, {ledger} in the ledger")))
    })
    .await?;
    until("the reflectors forget", || unreflected(bench, reflectors)).await?;
    let namespaces: Api<Namespace> = Api::all(bench.client.clone());
    namespaces.delete(NAMESPACE, &DeleteParams::default()).await?;
    until("the namespace is gone", || gone(&namespaces, NAMESPACE)).await?;
    let definitions: Api<CustomResourceDefinition> = Api::all(bench.client.clone());
    definitions.delete(DEFINITION, &DeleteParams::default()).await?;
    until("the definition is gone", || gone(&definitions, DEFINITION)).await?;
    match bench.tasks().list(&ListParams::default()).await {
        Err(Error::Api(status)) if status.code == 404 => Ok(()),
        other => anyhow::bail!("Tasks are listed without a definition: {other:?}"),
    }
}

async fn gone<K>(api: &Api<K>, name: &str) -> anyhow::Result<Option<String>>
where
    K: Clone + std::fmt::Debug + serde::de::DeserializeOwned,
{
    Ok(api.get_opt(name).await?.map(|_| format!("{name} is still there")))
}
