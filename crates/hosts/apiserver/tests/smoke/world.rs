//! A server in memory, and what holds of every answer: nothing panics, nothing fails inside, what is refused changes nothing, and
//! what is written can be read, listed, patched with nothing, and written again in every encoding.

use std::cell::RefCell;
use std::sync::Arc;

use apiserver::{ApiServer, Options};
use axum::Router;
use axum::body::{Body, to_bytes};
use bytes::Bytes;
use http::{Request, header};
use model::{Caller, Clock, Timestamp};
use serde_json::{Value, json};
use store::Store;
use tower::ServiceExt as _;

use super::corpus;

pub const PROTOBUF: &str = "application/vnd.kubernetes.protobuf";
/// A server is used for so many inputs.
const INPUTS: usize = 500;

/// The texts with which the real server, too, answers 500.
const INSIDE: [&str; 11] = [
    "resourceVersion should not be set on objects to be created",
    "strconv.ParseUint: parsing",
    "failed to create typed patch object",
    "unknown patch type: ",
    "bad patch format",
    "is in the patch but not in its $retainKeys",
    "does not contain declared merge key",
    "delete patch type with no merge key defined",
    "the spec replicas field",
    "unable to convert",
    "Internal error occurred: the spec replicas field",
];

struct Still;

impl Clock for Still {
    fn now(&self) -> Timestamp {
        "2026-01-01T00:00:00Z".parse().expect("a time")
    }
}

pub struct World {
    router: Router,
    pub store: Store,
    runtime: tokio::runtime::Runtime,
    inputs: usize,
}

/// What was answered.
pub struct Answer {
    pub code: u16,
    /// The encoding of the answer.
    pub media: String,
    pub bytes: Bytes,
    pub value: Value,
}

impl Answer {
    pub fn is_good(&self) -> bool {
        self.code < 300
    }
}

thread_local! {
    static WORLD: RefCell<Option<World>> = const { RefCell::new(None) };
}

/// Lets a check use the thread's server. One that failed is not used again.
pub fn with(check: impl FnOnce(&World)) {
    let world = WORLD.with(|place| place.borrow_mut().take()).filter(|world| world.inputs < INPUTS);
    let mut world = world.unwrap_or_else(World::new);
    world.inputs += 1;
    check(&world);
    WORLD.with(|place| *place.borrow_mut() = Some(world));
}

impl World {
    fn new() -> Self {
        let outgoing: apiserver::Outgoing = Arc::new(|_: Request<Bytes>| Box::pin(async { Err("nothing is called".to_owned()) }));
        let store = Store::memory();
        let options =
            Options { name: "test".to_owned(), clock: Arc::new(Still), store: store.clone(), outgoing, kubelet: None, tokens: Vec::new() };
        let router = ApiServer::new(options).expect("starts").router();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
        let world = Self { router, store, runtime, inputs: 0 };
        let made = world.json("POST /apis/apiextensions.k8s.io/v1/customresourcedefinitions", &corpus::definition());
        assert_eq!(made.code, 201, "{}", made.value);
        world
    }

    /// Sends a request and checks what holds of every answer.
    pub fn ask(&self, line: &str, accept: &str, media: &str, body: impl Into<Bytes>) -> Answer {
        let (method, path) = line.split_once(' ').expect("a method and a path");
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::ACCEPT, accept)
            .header(header::CONTENT_TYPE, media)
            .extension(Caller::master("smoke"))
            .body(Body::from(body.into()));
        let Ok(request) = request else { return Answer { code: 400, media: String::new(), bytes: Bytes::new(), value: Value::Null } };
        let before = self.store.scan("/registry/none/").1;
        let (code, media, bytes) = self.runtime.block_on(async {
            let response = self.router.clone().oneshot(request).await.expect("infallible");
            let media = response.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
            (response.status().as_u16(), media, to_bytes(response.into_body(), usize::MAX).await.expect("a body"))
        });
        let value: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        if code >= 400 {
            let plain = code == 404 && bytes.as_ref() == b"404 page not found\n";
            assert!(plain || (value["kind"] == "Status" && value["code"] == code), "{line}: {code} {}", String::from_utf8_lossy(&bytes));
            assert_eq!(self.store.scan("/registry/none/").1, before, "{line}: {value} changed something");
            let message = value["message"].as_str().unwrap_or_default();
            assert!(code < 500 || INSIDE.iter().any(|text| message.contains(text)), "{line}: {code} {value}");
        }
        Answer { code, media, bytes, value }
    }

    pub fn json(&self, line: &str, body: &Value) -> Answer {
        let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        self.ask(line, "application/json", "application/json", body)
    }

    /// Checks what holds of an object that was written, and takes it away.
    pub fn written(&self, collection: &str, object: &Value) {
        let name = object["metadata"]["name"].as_str().unwrap_or_default();
        let path = format!("{collection}/{}", in_path(name));
        let live = self.json(&format!("GET {path}"), &Value::Null);
        if live.code == 404 {
            // Its owners are not there, so it went at once.
            assert!(object["metadata"]["ownerReferences"].is_array(), "{object}");
            return;
        }
        assert_eq!(live.code, 200, "{path}: {}", live.value);
        let live = live.value;
        let list = self.json(&format!("GET {collection}"), &Value::Null).value;
        let mut item = live.clone();
        for field in ["apiVersion", "kind"] {
            item.as_object_mut().expect("an object").remove(field);
        }
        let listed = list["items"].as_array().expect("items").iter().find(|one| one["metadata"]["name"] == name);
        let mut listed = listed.unwrap_or_else(|| panic!("{path} is not listed")).clone();
        for field in ["apiVersion", "kind"] {
            listed.as_object_mut().expect("an object").remove(field);
        }
        assert_eq!(listed, item, "{path}");
        for form in ["merge-patch+json", "json-patch+json", "strategic-merge-patch+json"] {
            let nothing = if form.starts_with("json") { "[]" } else { "{}" };
            let patched = self.ask(&format!("PATCH {path}"), "application/json", &format!("application/{form}"), nothing);
            if patched.code == 415 {
                continue;
            }
            assert_eq!((patched.code, &patched.value), (200, &live), "{path}: an empty {form}");
        }
        for media in ["application/json", "application/yaml", PROTOBUF] {
            let read = self.ask(&format!("GET {path}"), media, "", "");
            if read.code == 406 {
                assert_eq!(media, PROTOBUF);
                continue;
            }
            assert_eq!(read.code, 200, "{path} as {media}");
            let put = self.ask(&format!("PUT {path}?fieldValidation=Strict"), "application/json", &read.media, read.bytes);
            if media == PROTOBUF && put.value != live {
                // Protobuf cannot tell an empty list from none.
                assert_eq!((put.code, filled(&put.value)), (200, filled(&live)), "{path}: written back as {media}");
                continue;
            }
            assert_eq!((put.code, &put.value), (200, &live), "{path}: written back as {media}");
        }
        self.away(&path);
    }

    /// Takes an object away, whatever holds it.
    pub fn away(&self, path: &str) {
        let patch = json!({"metadata": {"finalizers": null}}).to_string();
        self.ask(&format!("PATCH {path}"), "application/json", "application/merge-patch+json", patch.clone());
        self.json(&format!("DELETE {path}"), &json!({"gracePeriodSeconds": 0}));
        self.ask(&format!("PATCH {path}"), "application/json", "application/merge-patch+json", patch);
        assert_eq!(self.json(&format!("GET {path}"), &Value::Null).code, 404, "{path} stays");
    }
}

/// Writes a name as it stands in a path: roles may have names of nearly any letters.
fn in_path(name: &str) -> String {
    let kept = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~:".contains(byte);
    name.bytes().map(|byte| if kept(&byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

/// Returns an object without what is empty in it, and without its revision.
fn filled(value: &Value) -> Value {
    let empty = |value: &Value| value.is_null() || value.as_array().is_some_and(Vec::is_empty);
    match value {
        Value::Object(map) => {
            let kept = map.iter().filter(|(name, inner)| !empty(inner) && *name != "resourceVersion" && *name != "managedFields");
            Value::Object(kept.map(|(name, inner)| (name.clone(), filled(inner))).collect())
        }
        Value::Array(list) => list.iter().map(filled).collect(),
        other => other.clone(),
    }
}
