//! What has to hold once everything is quiet.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use http::Method;
use serde_json::{Value, json};

use crate::client::Client;
use crate::journal::{Fate, Shared};
use crate::load::{CRDS, HELD, QUOTA, logs, maps};
use crate::watching::key;

const EVERYTHING: &str = "/api/v1/configmaps";

async fn items(client: &mut Client, path: &str) -> Vec<Value> {
    client.get(path).await.value["items"].as_array().cloned().unwrap_or_default()
}

/// Takes away every finalizer of the load and waits until nothing is being deleted any more.
pub async fn calm(client: &mut Client, journal: &Shared) {
    for _ in 0..120 {
        let mut waiting = 0;
        for item in items(client, EVERYTHING).await {
            let held = item["metadata"]["finalizers"].as_array().is_some_and(|all| all.contains(&json!(HELD)));
            if held {
                let path = format!(
                    "{}/{}",
                    maps(item["metadata"]["namespace"].as_str().unwrap_or_default()),
                    item["metadata"]["name"].as_str().unwrap_or_default()
                );
                let _ = client.send(Method::PATCH, &path, "application/merge-patch+json", json!({"metadata": {"finalizers": null}})).await;
            }
            waiting += usize::from(held || item["metadata"].get("deletionTimestamp").is_some());
        }
        for path in ["/api/v1/namespaces", CRDS] {
            waiting += items(client, path).await.iter().filter(|item| item["metadata"].get("deletionTimestamp").is_some()).count();
        }
        if waiting == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    let left: Vec<String> = items(client, EVERYTHING)
        .await
        .iter()
        .filter(|item| item["metadata"].get("deletionTimestamp").is_some())
        .map(|item| item.to_string())
        .take(3)
        .collect();
    journal.fault(format!("a minute after the load something is still being deleted: {left:?}"));
}

/// Checks everything that can be read; returns what it counted.
pub async fn everything(client: &mut Client, journal: &Shared) -> String {
    let all = items(client, EVERYTHING).await;
    entries(client, journal).await;
    fields(&all, journal);
    created(&all, journal);
    owners(&all, journal);
    for object in &all {
        ownership(object, journal);
    }
    gone(client, &all, journal).await;
    quota(client, &all, journal).await;
    format!("{} objects", all.len())
}

async fn entries(client: &mut Client, journal: &Shared) {
    let mut found: HashMap<String, usize> = HashMap::new();
    for log in items(client, &logs("")).await {
        for entry in log["spec"]["entries"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            *found.entry(entry.to_owned()).or_default() += 1;
        }
    }
    let fates = journal.with(|journal| journal.entries.clone());
    for (entry, fate) in &fates {
        match (fate, found.get(entry).copied().unwrap_or(0)) {
            (Fate::Done, 1) | (Fate::Tried, 0 | 1) | (Fate::Refused, 0) => {}
            (fate, count) => journal.fault(format!("the entry {entry} ({fate:?}) is there {count} times")),
        }
    }
    for entry in found.keys().filter(|entry| !fates.contains_key(*entry)) {
        journal.fault(format!("nobody wrote the entry {entry}"));
    }
}

fn fields(all: &[Value], journal: &Shared) {
    let by_key: BTreeMap<String, &Value> = all.iter().map(|item| (key(item), item)).collect();
    let number = |value: &Value| value.as_str().and_then(|text| text.parse::<u64>().ok()).unwrap_or(0);
    for ((path, name), field) in journal.with(|journal| journal.fields.clone()) {
        let object = format!("keep/{}", path.rsplit('/').next().unwrap_or_default());
        let found = by_key.get(&object).map_or(0, |object| number(&object["data"][&name]));
        if found < field.done || found > field.tried {
            journal.fault(format!("{path}: {name} is {found}; {} was acknowledged and {} tried", field.done, field.tried));
        }
    }
    let counted = by_key.get("keep/counter").map_or(0, |object| number(&object["data"]["count"]));
    let wanted = journal.with(|journal| journal.counted.clone());
    if counted < wanted.done || counted > wanted.tried {
        journal.fault(format!("it was counted to {counted}; {} were acknowledged and {} tried", wanted.done, wanted.tried));
    }
}

fn created(all: &[Value], journal: &Shared) {
    let mut found: HashMap<&str, usize> = HashMap::new();
    for text in all.iter().filter_map(|item| item["metadata"]["labels"]["text"].as_str()) {
        *found.entry(text).or_default() += 1;
    }
    journal.with(|journal| {
        for (text, made) in &journal.created {
            let count = found.get(text.as_str()).copied().unwrap_or(0);
            let fits = match (made.fate, made.unwanted) {
                (Fate::Done, false) => count == 1,
                (Fate::Refused, _) => count == 0,
                (Fate::Done, true) | (Fate::Tried, _) => count <= 1,
            };
            if !fits {
                journal.faults.push(format!("{} ({text}, {:?}, unwanted: {}) is there {count} times", made.path, made.fate, made.unwanted));
            }
        }
    });
}

fn owners(all: &[Value], journal: &Shared) {
    let uids: BTreeSet<&str> = all.iter().filter_map(|item| item["metadata"]["uid"].as_str()).collect();
    for item in all {
        let owners: Vec<&str> =
            item["metadata"]["ownerReferences"].as_array().into_iter().flatten().filter_map(|one| one["uid"].as_str()).collect();
        if !owners.is_empty() && owners.iter().all(|uid| !uids.contains(uid)) {
            journal.fault(format!("{} stays without any of its owners", key(item)));
        }
    }
    let names: BTreeSet<String> =
        all.iter().map(|item| format!("{}/{}", maps("trees"), item["metadata"]["name"].as_str().unwrap_or_default())).collect();
    for orphan in journal.with(|journal| journal.orphans.clone()) {
        if !names.contains(&orphan) {
            journal.fault(format!("{orphan} was orphaned and is gone"));
        }
    }
}

/// The union of what everybody owns is what is there.
fn ownership(object: &Value, journal: &Shared) {
    let mut owned = BTreeSet::new();
    for entry in patch::managed_entries(object) {
        owned.extend(entry.fields.paths());
    }
    if owned.is_empty() {
        return;
    }
    for (place, value) in [(".data", &object["data"]), (".metadata.labels", &object["metadata"]["labels"])] {
        let there: BTreeSet<String> = value.as_object().into_iter().flatten().map(|(name, _)| format!("{place}.{name}")).collect();
        let said: BTreeSet<String> = owned.iter().filter(|path| path.starts_with(&format!("{place}."))).cloned().collect();
        if there != said {
            journal.fault(format!("{}: {there:?} is there and {said:?} is owned", key(object)));
        }
    }
    for finalizer in object["metadata"]["finalizers"].as_array().into_iter().flatten() {
        if !owned.contains(&format!(".metadata.finalizers[={finalizer}]")) && finalizer == HELD {
            journal.fault(format!("{}: nobody owns its finalizer {finalizer}", key(object)));
        }
    }
    let references = object["metadata"]["ownerReferences"].as_array().map_or(0, Vec::len);
    let said = owned.iter().filter(|path| path.starts_with(".metadata.ownerReferences[")).count();
    if references != said {
        journal.fault(format!("{}: {references} owners are there and {said} are owned", key(object)));
    }
}

async fn gone(client: &mut Client, all: &[Value], journal: &Shared) {
    for path in journal.with(|journal| journal.gone.clone()) {
        if client.get(&path).await.code != 404 {
            journal.fault(format!("{path} was deleted and is there"));
        }
    }
    let namespaces: BTreeSet<String> =
        items(client, "/api/v1/namespaces").await.iter().filter_map(|one| one["metadata"]["name"].as_str().map(str::to_owned)).collect();
    for item in all.iter().filter(|item| !namespaces.contains(item["metadata"]["namespace"].as_str().unwrap_or_default())) {
        journal.fault(format!("{} is in no namespace", key(item)));
    }
}

async fn quota(client: &mut Client, all: &[Value], journal: &Shared) {
    let count = all.iter().filter(|item| item["metadata"]["namespace"] == "counted").count();
    if count > QUOTA {
        journal.fault(format!("{count} objects are where {QUOTA} may be"));
    }
    // The count is made anew when something is let in or not.
    let probe = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "probe"}});
    let answer = client.send(Method::POST, &maps("counted"), "application/json", probe).await;
    let let_in = answer.as_ref().is_ok_and(|answer| answer.is_good());
    if let_in != (count < QUOTA) {
        journal.fault(format!("with {count} of {QUOTA} objects one more was answered with {:?}", answer.map(|answer| answer.code)));
    }
    let used = client.get("/api/v1/namespaces/counted/resourcequotas/counted").await.value["status"]["used"]["count/configmaps"].clone();
    let wanted = (count + usize::from(let_in)).to_string();
    if used != json!(wanted) {
        journal.fault(format!("{wanted} objects are there and the quota says {used}"));
    }
}
