//! A forge in a test: who there is, what they say to it, and a small language of workflows. Each test file uses a part.
#![allow(dead_code)]

use std::path::Path;
use std::sync::{Arc, Mutex};

use axum::body::Body;
use bytes::Bytes;
use forge::{Forge, JobPlan, Options, PushEvent, Repositories, Workflows};
use git::{MemoryObjects, NewCommit, ObjectId, Objects, Person, apply_edits, client, pack};
use http::{Method, Request, StatusCode};
use http_body_util::BodyExt as _;
use model::{Caller, Clock, Timestamp};
use serde_json::{Value, json};
use store::Store;
use tower::ServiceExt as _;

pub const ADMIN_TOKEN: &str = "admin-secret";
pub const RUNNER_TOKEN: &str = "runner-secret";
const REPO: &str = "org/deploy";

/// A clock that goes on by a second whenever somebody looks.
pub struct Ticking(Mutex<i64>);

impl Clock for Ticking {
    fn now(&self) -> Timestamp {
        let mut seconds = self.0.lock().expect("no holder panics");
        *seconds += 1;
        Timestamp::from_second(*seconds).expect("a time of this century")
    }
}

/// Workflow files with lines such as `build`, `build id-token` or `deploy needs build`.
pub struct Lines;

impl Workflows for Lines {
    fn triggered(&self, path: &str, bytes: &[u8], event: &PushEvent) -> Result<Vec<JobPlan>, String> {
        let text = std::str::from_utf8(bytes).map_err(|error| error.to_string())?;
        if event.reference != format!("refs/heads/{}", event.default_branch) {
            return Ok(Vec::new());
        }
        let plan = |line: &str| {
            let words: Vec<&str> = line.split(' ').collect();
            match words.as_slice() {
                [id, rest @ ..] => Ok(JobPlan {
                    workflow: path.rsplit('/').next().unwrap_or_default().trim_end_matches(".yml").to_owned(),
                    id: (*id).to_owned(),
                    name: (*id).to_owned(),
                    needs: rest.iter().skip_while(|word| **word != "needs").skip(1).map(|word| (*word).to_owned()).collect(),
                    id_token: rest.contains(&"id-token"),
                }),
                [] => Err("a line is empty".to_owned()),
            }
        };
        text.lines().map(plan).collect()
    }
}

/// What the forge sent: event and payload.
pub type Sent = Arc<Mutex<Vec<(String, Value)>>>;

pub struct World {
    pub forge: Forge,
    pub sent: Sent,
    store: Store,
    repositories: Repositories,
}

impl World {
    pub fn memory() -> Self {
        Self::open(Store::memory(), Repositories::Memory)
    }

    pub fn folder(path: &Path) -> Self {
        Self::open(Store::memory(), Repositories::Folder(path.to_owned()))
    }

    pub fn open(store: Store, repositories: Repositories) -> Self {
        let sent = Sent::default();
        let heard = sent.clone();
        let options = Options {
            clock: Arc::new(Ticking(Mutex::new(1_800_000_000))),
            store: store.clone(),
            repositories: repositories.clone(),
            external_url: "https://gitea.internal".to_owned(),
            outgoing: Arc::new(move |request: Request<Bytes>| {
                let event = request.headers()["x-gitea-event"].to_str().expect("text").to_owned();
                let body = serde_json::from_slice(request.body()).expect("JSON");
                heard.lock().expect("no holder panics").push((event, body));
                Box::pin(async { Ok(http::Response::new(Bytes::new())) })
            }),
            system_hooks: vec!["http://system/hook".to_owned()],
            instance_key: Some(git::SigningKey::from_seed(&[7; 32], "forge").expect("a key")),
            admin_token: Some(ADMIN_TOKEN.to_owned()),
            runner_token: Some(RUNNER_TOKEN.to_owned()),
            workflows: Arc::new(Lines),
        };
        Self { forge: Forge::new(options).expect("the forge opens"), sent, store, repositories }
    }

    /// Forgets everything that is not in the store, as a crash does.
    pub fn crash(self) -> Self {
        let Self { store, repositories, .. } = self;
        Self::open(store, repositories)
    }

    /// Makes the users `alice`, `bob`, `kargo` and the repository `org/deploy`, where all of them may write.
    pub async fn with_people(self, policies: Value) -> Self {
        for (login, team) in [("alice", "org/platform"), ("bob", "org/platform"), ("kargo", "org/bots")] {
            let body = json!({"email": format!("{login}@example.com"), "tokens": [format!("{login}-token")], "teams": [team]});
            self.ok("forge-admin", "PUT", &format!("/api/v1/admin/users/{login}"), body).await;
        }
        let body =
            json!({"private": true, "collaborators": {"alice": "write", "team:platform": "write", "kargo": "write"}, "policies": policies});
        self.ok("forge-admin", "PUT", "/api/v1/admin/repos/org/deploy", body).await;
        self
    }

    pub async fn call(&self, who: &str, method: &str, path: &str, body: Value) -> (StatusCode, Value) {
        let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
        let mut request =
            Request::builder().method(Method::from_bytes(method.as_bytes()).expect("a method")).uri(path).body(body).expect("a request");
        match who.strip_prefix("token ") {
            Some(token) => drop(request.headers_mut().insert("authorization", format!("token {token}").parse().expect("text"))),
            None if who.is_empty() => {}
            None => drop(request.extensions_mut().insert(Caller::new(who))),
        }
        let answer = self.forge.router().oneshot(request).await.expect("routers do not fail");
        let status = answer.status();
        let bytes = answer.into_body().collect().await.expect("a body").to_bytes();
        let text = || Value::String(String::from_utf8_lossy(&bytes).into_owned());
        (status, serde_json::from_slice(&bytes).unwrap_or_else(|_| text()))
    }

    pub async fn ok(&self, who: &str, method: &str, path: &str, body: Value) -> Value {
        let (status, answer) = self.call(who, method, path, body).await;
        assert!(status.is_success(), "{who} {method} {path}: {status} {answer}");
        answer
    }

    pub async fn get(&self, path: &str) -> Value {
        self.ok("alice", "GET", &format!("/api/v1/repos/{REPO}{path}"), Value::Null).await
    }

    /// Below the repository: the status and, of a refusal, the message.
    pub async fn says(&self, who: &str, method: &str, path: &str, body: Value) -> (u16, String) {
        let (status, answer) = self.call(who, method, &format!("/api/v1/repos/{REPO}{path}"), body).await;
        (status.as_u16(), answer["message"].as_str().unwrap_or_default().to_owned())
    }

    async fn post(&self, who: &str, path: &str, body: Vec<u8>) -> Bytes {
        let mut request =
            Request::post(format!("/{REPO}.git/{path}")).header("git-protocol", "version=2").body(Body::from(body)).expect("a request");
        request.extensions_mut().insert(Caller::new(who));
        let answer = self.forge.router().oneshot(request).await.expect("routers do not fail");
        assert_eq!(answer.status(), StatusCode::OK);
        answer.into_body().collect().await.expect("a body").to_bytes()
    }

    /// Returns where a branch is.
    pub async fn tip(&self, branch: &str) -> ObjectId {
        let name = format!("refs/heads/{branch}");
        let answer = self.post("forge-admin", "git-upload-pack", client::ls_refs_request(&[&name])).await;
        let refs = client::parse_ls_refs(&answer).expect("refs");
        refs.into_iter().find(|found| found.name == name).map_or(ObjectId::ZERO, |found| found.id)
    }

    /// Fetches a commit with everything below it.
    pub async fn fetch(&self, commit: ObjectId) -> MemoryObjects {
        let objects = MemoryObjects::default();
        if commit.is_zero() {
            return objects;
        }
        let answer = self.post("forge-admin", "git-upload-pack", client::fetch_request(&[commit], &[])).await;
        let bytes = client::parse_fetch(&answer).expect("a pack").0;
        for (id, object) in pack::read(&bytes, &MemoryObjects::default(), pack::Limits::default()).expect("a whole pack") {
            objects.keep(id, object);
        }
        objects
    }

    /// Makes a commit with these files on top of a commit and pushes it to a branch that is believed to be at `old`.
    pub async fn push_onto(
        &self,
        who: &str,
        branch: &str,
        old: ObjectId,
        parent: ObjectId,
        files: &[(&str, &str)],
    ) -> Result<ObjectId, String> {
        let objects = self.fetch(parent).await;
        let tree = if parent.is_zero() { None } else { Some(objects.commit(&parent).expect("the parent").tree) };
        let tree = apply_edits(&objects, tree.as_ref(), files.iter().map(|(path, text)| (*path, Some(text.as_bytes())))).expect("a tree");
        let person = Person::new(who, &format!("{who}@example.com"), 1_800_000_000);
        let parents = if parent.is_zero() { Vec::new() } else { vec![parent] };
        let commit = NewCommit { tree, parents, author: person.clone(), committer: person, message: format!("Change {}", files[0].0) };
        let id = objects.put_commit(&commit, None).expect("a commit");
        let all: Vec<git::Object> = objects.objects().into_iter().map(|(_, object)| object).collect();
        let body = client::push_request(&old, &id, &format!("refs/heads/{branch}"), &pack::write(all.iter()).expect("a pack"));
        let answer = self.post(who, "git-receive-pack", body).await;
        client::parse_report(&answer).map(|()| id).map_err(|error| error.to_string())
    }

    /// Pushes files to a branch, from where it is or, for a new one, from `main`.
    pub async fn push(&self, who: &str, branch: &str, files: &[(&str, &str)]) -> Result<ObjectId, String> {
        let tip = self.tip(branch).await;
        let parent = if tip.is_zero() { self.tip("main").await } else { tip };
        self.push_onto(who, branch, tip, parent, files).await
    }

    pub async fn open_pull(&self, who: &str, head: &str) -> u64 {
        let body = json!({"head": head, "base": "main", "title": format!("Merge {head}"), "body": ""});
        let pull = self.ok(who, "POST", &format!("/api/v1/repos/{REPO}/pulls"), body).await;
        pull["number"].as_u64().expect("a number")
    }

    pub async fn claim(&self, fresh: bool) -> Option<Value> {
        let (status, body) = self.call("forge-runner", "POST", "/api/actions/v1/claim", json!({"runner": "r1", "fresh": fresh})).await;
        match status.as_u16() {
            204 => None,
            200 => Some(body),
            other => panic!("{other} {body}"),
        }
    }

    pub async fn finish(&self, claimed: &Value, state: &str) -> u16 {
        let path = format!("/api/actions/v1/jobs/{}/finish", claimed["job"]["id"]);
        let body = json!({"attempt": claimed["job"]["attempt"], "state": state, "outputs": {"tag": "0.5.1"}, "log": "it ran\n"});
        self.call("forge-runner", "POST", &path, body).await.0.as_u16()
    }

    /// Delivers, and returns what was sent under an event.
    pub async fn events(&self, event: &str) -> Vec<Value> {
        self.forge.deliver_pending().await;
        let sent = self.sent.lock().expect("no holder panics");
        sent.iter().filter(|(name, _)| name == event).map(|(_, body)| body.clone()).collect()
    }
}
