//! What the clients do, all at once, each from its own seed. Read first: [`Worker::act`].

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http::Method;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{Rng as _, SeedableRng as _};
use serde_json::{Value, json};

use crate::client::{Answer, Client, Lost, Place};
use crate::journal::{Created, Fate, Field, Shared};

pub const HELD: &str = "soak.example/held";
pub const CRDS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
/// How many objects a quota lets be in its namespace, the root certificates among them.
pub const QUOTA: usize = 12;
pub const POLICIES: [&str; 3] = ["Background", "Foreground", "Orphan"];

pub fn maps(namespace: &str) -> String {
    format!("/api/v1/namespaces/{namespace}/configmaps")
}

pub fn logs(name: &str) -> String {
    format!("/apis/soak.example/v1/namespaces/keep/logs{}{name}", if name.is_empty() { "" } else { "/" })
}

fn map(metadata: Value) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"kept": "1"}})
}

/// A definition whose objects are anything.
pub fn definition(plural: &str, kind: &str) -> Value {
    let schema = json!({"type": "object", "properties": {"spec": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}}});
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": format!("{plural}.soak.example")},
        "spec": {
            "group": "soak.example", "scope": "Namespaced", "names": {"plural": plural, "kind": kind, "listKind": format!("{kind}List")},
            "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": schema}}],
        },
    })
}

/// One client.
pub struct Worker {
    number: u64,
    random: StdRng,
    client: Client,
    journal: Arc<Shared>,
    count: u64,
    /// Objects that wait for their finalizer to be taken away.
    held: Vec<String>,
}

impl Worker {
    pub fn new(number: u64, seed: u64, place: &Place, journal: &Arc<Shared>) -> Self {
        let random = StdRng::seed_from_u64(seed.wrapping_mul(1_000).wrapping_add(number));
        Self { number, random, client: Client::new(place), journal: journal.clone(), count: 0, held: Vec::new() }
    }

    pub async fn run(mut self, over: Arc<AtomicBool>) {
        while !over.load(Ordering::SeqCst) {
            if self.act().await.is_err() {
                tokio::time::sleep(Duration::from_millis(self.random.random_range(20..200))).await;
            }
        }
    }

    async fn act(&mut self) -> Result<(), Lost> {
        match self.random.random_range(0..100) {
            0..20 => self.append().await,
            20..45 => self.keep().await,
            45..55 => self.count_up().await,
            55..70 => self.churn().await,
            70..82 => self.tree().await,
            82..88 => self.hold().await,
            88..92 => self.namespace().await,
            92..94 if self.number == 0 => self.definition().await,
            _ => self.quota().await,
        }
    }

    fn unique(&mut self) -> String {
        self.count += 1;
        format!("t{}-{}", self.number, self.count)
    }

    /// Sends a write. What was acknowledged before it was sent is older than what it makes.
    async fn write(&mut self, method: Method, path: &str, media: &str, body: Value) -> Result<Answer, Lost> {
        let before = self.journal.with(|journal| {
            journal.writes += 1;
            journal.newest
        });
        let deletes = method == Method::DELETE;
        let answer = self.client.send(method, path, media, body).await;
        self.journal.with(|journal| match &answer {
            Err(Lost) => journal.lost += 1,
            Ok(answer) => *journal.codes.entry(answer.code).or_default() += 1,
        });
        let answer = answer?;
        if answer.code >= 500 || answer.code == 429 {
            // What fails inside may have been carried out.
            if answer.code != 504 && answer.code != 429 && answer.code != 503 {
                self.journal.fault(format!("{path}: {} {}", answer.code, answer.value));
            }
            return Err(Lost);
        }
        if answer.is_good() && !deletes && answer.value["kind"] != "Status" {
            let now = answer.revision();
            if now <= before {
                // A write that changed nothing has the revision of before; all of these change something.
                self.journal.fault(format!("{path}: revision {now} was given after {before} had been"));
            }
            self.journal.with(|journal| journal.newest = journal.newest.max(now));
        }
        Ok(answer)
    }

    async fn post(&mut self, path: &str, body: Value) -> Result<Answer, Lost> {
        self.write(Method::POST, path, "application/json", body).await
    }

    async fn patch(&mut self, path: &str, form: &str, body: Value) -> Result<Answer, Lost> {
        self.write(Method::PATCH, path, form, body).await
    }

    async fn delete(&mut self, path: &str, policy: &str) -> Result<Answer, Lost> {
        self.write(Method::DELETE, path, "application/json", json!({"propagationPolicy": policy})).await
    }

    /// Every entry is there once if it was acknowledged, at most once if nobody knows, and never if it was refused.
    async fn append(&mut self) -> Result<(), Lost> {
        let (entry, log) = (self.unique(), format!("log-{}", self.random.random_range(0..4)));
        self.journal.with(|journal| journal.entries.insert(entry.clone(), Fate::Tried));
        let body = json!([{"op": "add", "path": "/spec/entries/-", "value": entry}]);
        let answer = self.patch(&logs(&log), "application/json-patch+json", body).await?;
        let fate = if answer.is_good() { Fate::Done } else { Fate::Refused };
        self.journal.with(|journal| journal.entries.insert(entry, fate));
        Ok(())
    }

    /// Each writer has a field of its own in objects that all of them write, by all the ways there are.
    async fn keep(&mut self) -> Result<(), Lost> {
        let (path, key) = (format!("{}/keep-{}", maps("keep"), self.random.random_range(0..6)), format!("w{}", self.number));
        let name = path.rsplit('/').next().unwrap_or_default().to_owned();
        let value = self.journal.with(|journal| {
            let field: &mut Field = journal.fields.entry((path.clone(), key.clone())).or_default();
            field.tried += 1;
            field.tried
        });
        let data = json!({key.clone(): value.to_string()});
        let answer = match self.random.random_range(0..6) {
            0 => self.patch(&path, "application/merge-patch+json", json!({"data": data})).await?,
            1 => self.patch(&path, "application/strategic-merge-patch+json", json!({"data": data})).await?,
            2 => {
                let body = json!([{"op": "add", "path": format!("/data/{key}"), "value": value.to_string()}]);
                self.patch(&path, "application/json-patch+json", body).await?
            }
            3 | 4 => {
                let manager = format!("soaker-{}-{}", self.number, self.random.random_range(0..2));
                let mut body = map(json!({"name": name}));
                body["data"] = data;
                if self.random.random_bool(0.5) {
                    body["metadata"]["labels"] = json!({format!("l{}", self.random.random_range(0..3)): "1"});
                }
                let path = format!("{path}?fieldManager={manager}&force=true");
                self.patch(&path, "application/apply-patch+yaml", body).await?
            }
            _ => {
                let mut live = self.client.send(Method::GET, &path, "", Value::Null).await?.value;
                live["data"][&key] = json!(value.to_string());
                self.write(Method::PUT, &path, "application/json", live).await?
            }
        };
        if !answer.is_good() {
            if answer.code != 409 {
                self.journal.fault(format!("{path}: {} {}", answer.code, answer.value["message"]));
            }
            self.journal.with(|journal| journal.refused += 1);
            return Ok(());
        }
        self.journal.with(|journal| journal.fields.entry((path.clone(), key.clone())).or_default().done = value);
        // Whoever was answered reads what they wrote.
        let read = self.client.send(Method::GET, &path, "", Value::Null).await?;
        if read.revision() < answer.revision() || read.value["data"][&key] != json!(value.to_string()) {
            self.journal.fault(format!("{path}: wrote {key}={value} at {}, read {}", answer.revision(), read.value));
        }
        Ok(())
    }

    /// A number that only counts if nobody else counted in between.
    async fn count_up(&mut self) -> Result<(), Lost> {
        let path = format!("{}/counter", maps("keep"));
        let mut live = self.client.send(Method::GET, &path, "", Value::Null).await?.value;
        let now: u64 = live["data"]["count"].as_str().and_then(|text| text.parse().ok()).unwrap_or(0);
        live["data"]["count"] = json!((now + 1).to_string());
        self.journal.with(|journal| journal.counted.tried += 1);
        let answer = self.write(Method::PUT, &path, "application/json", live).await?;
        self.journal.with(|journal| match answer.is_good() {
            true => journal.counted.done += 1,
            false => journal.counted.tried -= 1,
        });
        Ok(())
    }

    /// Objects with names of the server's choice come and go, one by one and all together.
    async fn churn(&mut self) -> Result<(), Lost> {
        let path = maps("churn");
        let mine: Vec<String> = self.journal.with(|journal| {
            let own = |(text, made): (&String, &Created)| {
                (made.fate == Fate::Done && !made.unwanted && text.starts_with(&format!("t{}-", self.number))).then(|| text.clone())
            };
            journal.created.iter().filter_map(own).collect()
        });
        if mine.len() > 20 && self.random.random_bool(0.2) {
            self.unwanted(|text, number| text.starts_with(&format!("t{number}-")));
            let policy = *POLICIES.choose(&mut self.random).unwrap_or(&"Background");
            return self.delete(&format!("{path}?labelSelector=worker={}", self.number), policy).await.map(drop);
        }
        if !mine.is_empty() && self.random.random_bool(0.4) {
            let text = mine.choose(&mut self.random).cloned().unwrap_or_default();
            let gone = self.journal.with(|journal| {
                let made = journal.created.get_mut(&text)?;
                made.unwanted = true;
                Some(made.path.clone())
            });
            let Some(gone) = gone else { return Ok(()) };
            let answer = self.delete(&gone, "Background").await?;
            if answer.code == 404 {
                self.journal.fault(format!("{gone} was made, nobody deleted it, and it is gone"));
            }
            return Ok(());
        }
        let text = self.unique();
        let made = Created { fate: Fate::Tried, path: String::new(), unwanted: false };
        self.journal.with(|journal| journal.created.insert(text.clone(), made));
        let labels = json!({"worker": self.number.to_string(), "text": text});
        let answer = self.post(&path, map(json!({"generateName": "churn-", "labels": labels}))).await?;
        let fate = if answer.is_good() { Fate::Done } else { Fate::Refused };
        let path = format!("{path}/{}", answer.value["metadata"]["name"].as_str().unwrap_or_default());
        self.journal.with(|journal| journal.created.insert(text, Created { fate, path, unwanted: false }));
        Ok(())
    }

    fn unwanted(&self, means: impl Fn(&str, u64) -> bool) {
        let number = self.number;
        self.journal.with(|journal| {
            let all = journal.created.iter_mut().filter(|(text, _)| means(text, number));
            all.for_each(|(_, made)| made.unwanted = true);
        });
    }

    /// An owner with children and grandchildren, deleted in one of three ways.
    async fn tree(&mut self) -> Result<(), Lost> {
        let path = maps("trees");
        let mut level = vec![self.post(&path, map(json!({"generateName": "root-"}))).await?];
        let root = format!("{path}/{}", level[0].value["metadata"]["name"].as_str().unwrap_or_default());
        let mut children = Vec::new();
        for depth in 0..self.random.random_range(1..4) {
            let mut next = Vec::new();
            for owner in level.iter().filter(|owner| owner.is_good()) {
                for _ in 0..self.random.random_range(1..3) {
                    let (name, uid) = (&owner.value["metadata"]["name"], &owner.value["metadata"]["uid"]);
                    let mut owners = vec![json!({"apiVersion": "v1", "kind": "ConfigMap", "name": name, "uid": uid})];
                    if self.random.random_bool(0.5) {
                        owners[0]["blockOwnerDeletion"] = json!(true);
                    }
                    let mut metadata = json!({"generateName": format!("child{depth}-"), "ownerReferences": owners});
                    if self.random.random_bool(0.1) {
                        metadata["finalizers"] = json!([HELD]);
                    }
                    let made = self.post(&path, map(metadata)).await?;
                    let place = format!("{path}/{}", made.value["metadata"]["name"].as_str().unwrap_or_default());
                    if depth == 0 {
                        children.push(place.clone());
                    }
                    if made.value["metadata"].get("finalizers").is_some() {
                        self.held.push(place);
                    }
                    next.push(made);
                }
            }
            level = next;
        }
        let policy = *POLICIES.choose(&mut self.random).unwrap_or(&"Background");
        let answer = self.delete(&root, policy).await?;
        if policy == "Orphan" && answer.is_good() {
            self.journal.with(|journal| journal.orphans.extend(children));
        }
        Ok(())
    }

    /// Objects that go when their finalizers do.
    async fn hold(&mut self) -> Result<(), Lost> {
        if !self.held.is_empty() && self.random.random_bool(0.7) {
            let path = self.held.swap_remove(self.random.random_range(0..self.held.len()));
            return self.patch(&path, "application/merge-patch+json", json!({"metadata": {"finalizers": null}})).await.map(drop);
        }
        let path = maps("churn");
        let made = self.post(&path, map(json!({"generateName": "held-", "finalizers": [HELD]}))).await?;
        let path = format!("{path}/{}", made.value["metadata"]["name"].as_str().unwrap_or_default());
        self.held.push(path.clone());
        self.delete(&path, "Background").await.map(drop)
    }

    /// A namespace with something in it that goes with it.
    async fn namespace(&mut self) -> Result<(), Lost> {
        let name = format!("gone-{}", self.unique());
        self.post("/api/v1/namespaces", json!({"metadata": {"name": name}})).await?;
        for _ in 0..self.random.random_range(0..4) {
            let mut metadata = json!({"generateName": "inside-"});
            if self.random.random_bool(0.2) {
                metadata["finalizers"] = json!([HELD]);
            }
            let made = self.post(&maps(&name), map(metadata)).await?;
            if made.value["metadata"].get("finalizers").is_some() {
                self.held.push(format!("{}/{}", maps(&name), made.value["metadata"]["name"].as_str().unwrap_or_default()));
            }
        }
        let path = format!("/api/v1/namespaces/{name}");
        if self.delete(&path, "Background").await?.is_good() {
            self.journal.with(|journal| journal.gone.insert(path));
        }
        Ok(())
    }

    /// A kind that comes, is used, and goes with its objects.
    async fn definition(&mut self) -> Result<(), Lost> {
        let number = self.unique();
        let plural = format!("flicks{}", number.replace('-', "x"));
        self.post(CRDS, definition(&plural, "Flick")).await?;
        let path = format!("/apis/soak.example/v1/namespaces/keep/{plural}");
        for _ in 0..self.random.random_range(0..3) {
            let body = json!({"apiVersion": "soak.example/v1", "kind": "Flick", "metadata": {"generateName": "flick-"}, "spec": {"a": 1}});
            self.post(&path, body).await?;
        }
        let path = format!("{CRDS}/{plural}.soak.example");
        if self.delete(&path, "Background").await?.is_good() {
            self.journal.with(|journal| journal.gone.insert(path));
        }
        Ok(())
    }

    /// So many objects are let in and no more.
    async fn quota(&mut self) -> Result<(), Lost> {
        let path = maps("counted");
        if self.random.random_bool(0.4) {
            let list = self.client.send(Method::GET, &path, "", Value::Null).await?;
            let items = list.value["items"].as_array().cloned().unwrap_or_default();
            if items.len() > QUOTA {
                self.journal.fault(format!("{} objects are where {QUOTA} may be", items.len()));
            }
            let own: Vec<&str> =
                items.iter().filter_map(|item| item["metadata"]["name"].as_str()).filter(|name| name.starts_with("counted-")).collect();
            let Some(name) = own.choose(&mut self.random) else { return Ok(()) };
            return self.delete(&format!("{path}/{name}"), "Background").await.map(drop);
        }
        let answer = self.post(&path, map(json!({"generateName": "counted-"}))).await?;
        if answer.code == 403 {
            self.journal.with(|journal| journal.refused += 1);
        }
        Ok(())
    }
}
