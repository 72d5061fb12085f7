//! The router as clients use it, over a store in memory and a clock that stands still.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use apiserver::{ApiServer, Options};
use axum::Router;
use axum::body::{Body, to_bytes};
use bytes::Bytes;
use http::{Method, Request, header};
use http_body_util::BodyExt as _;
use model::{Caller, Clock, Timestamp};
use serde_json::{Value, json};
use store::Store;
use tower::ServiceExt as _;

#[path = "api/admission.rs"]
mod admission;
#[path = "api/aftermath.rs"]
mod aftermath;
#[path = "api/agreement.rs"]
mod agreement;
#[path = "api/audit.rs"]
mod audit;
#[path = "api/bounds.rs"]
mod bounds;
#[path = "api/cases.rs"]
mod cases;
#[path = "api/completed.rs"]
mod completed;
#[path = "api/conversion.rs"]
mod conversion;
#[path = "api/deadline.rs"]
mod deadline;
#[path = "api/definitions.rs"]
mod definitions;
#[path = "api/events.rs"]
mod events;
#[path = "api/jobs.rs"]
mod jobs;
#[path = "api/machines.rs"]
mod machines;
#[path = "api/pod_rules.rs"]
mod pod_rules;
#[path = "api/pods.rs"]
mod pods;
#[path = "api/pools.rs"]
mod pools;
#[path = "api/requests.rs"]
mod requests;
#[path = "api/scaling.rs"]
mod scaling;
#[path = "api/services.rs"]
mod services;
#[path = "api/storage_kinds.rs"]
mod storage_kinds;
#[path = "api/tokens.rs"]
mod tokens;
#[path = "api/volumes.rs"]
mod volumes;

struct Still;

impl Clock for Still {
    fn now(&self) -> Timestamp {
        "2026-01-01T00:00:00Z".parse().expect("a time")
    }
}

/// Nodes that say what they were asked; nobody is in the Pod `gone`.
fn echo() -> apiserver::Kubelet {
    Arc::new(|request: Request<Bytes>| {
        let told = format!("{} {}", request.method(), request.uri());
        let status = if told.contains("/gone/") { 404 } else { 200 };
        let body = futures::stream::iter([Bytes::from(told), Bytes::from_static(b"\n")]);
        Box::pin(async move { http::Response::builder().status(status).body(futures::StreamExt::boxed(body)).expect("an answer") })
    })
}

/// A server, and what its webhooks were sent.
#[derive(Clone)]
struct World {
    server: ApiServer,
    router: Router,
    store: Store,
    sent: Arc<Mutex<Vec<Value>>>,
    reply: Arc<Mutex<Value>>,
    caller: Option<Caller>,
}

impl World {
    fn new() -> Self {
        Self::over(Store::memory())
    }

    fn over(store: Store) -> Self {
        let sent: Arc<Mutex<Vec<Value>>> = Arc::default();
        let reply = Arc::new(Mutex::new(json!({"allowed": true})));
        let (seen, answers) = (sent.clone(), reply.clone());
        let outgoing: apiserver::Outgoing = Arc::new(move |request: Request<Bytes>| {
            let mut review: Value = serde_json::from_slice(request.body()).expect("a review");
            review["url"] = json!(request.uri().to_string());
            let mut response = answers.lock().expect("not poisoned").clone();
            response["uid"] = review["request"]["uid"].clone();
            seen.lock().expect("not poisoned").push(review);
            let body = json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response}).to_string();
            Box::pin(async move { Ok(http::Response::new(Bytes::from(body))) })
        });
        Self { sent, reply, ..Self::calling(store, outgoing) }
    }

    /// A server that writes an audit log; it calls nobody.
    fn audited(log: apiserver::AuditLog) -> Self {
        let outgoing: apiserver::Outgoing = Arc::new(|_| Box::pin(async { Err("nothing is called".to_owned()) }));
        let options = Options {
            name: "test".to_owned(),
            clock: Arc::new(Still),
            store: Store::memory(),
            outgoing,
            kubelet: None,
            tokens: Vec::new(),
        };
        let store = options.store.clone();
        Self::of(ApiServer::new(options).expect("starts").with_audit(log), store)
    }

    /// A server whose webhooks are what the test says.
    fn calling(store: Store, outgoing: apiserver::Outgoing) -> Self {
        let tokens = vec![("secret".to_owned(), Caller::master("root"))];
        let options =
            Options { name: "test".to_owned(), clock: Arc::new(Still), store: store.clone(), outgoing, kubelet: Some(echo()), tokens };
        Self::of(ApiServer::new(options).expect("starts"), store)
    }

    fn of(server: ApiServer, store: Store) -> Self {
        let caller = Some(Caller::master("tester"));
        Self { router: server.router(), server, store, sent: Arc::default(), reply: Arc::default(), caller }
    }

    fn as_user(&self, caller: Option<Caller>) -> Self {
        Self { caller, ..self.clone() }
    }

    fn request(&self, method: Method, path: &str, media: &str, body: Value) -> Request<Body> {
        let mut request = Request::builder().method(method).uri(path).header(header::CONTENT_TYPE, media);
        if let Some(caller) = &self.caller {
            request = request.extension(caller.clone());
        }
        let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
        request.body(body).expect("a request")
    }

    async fn send(&self, request: Request<Body>) -> (u16, Value) {
        let response = self.router.clone().oneshot(request).await.expect("infallible");
        let code = response.status().as_u16();
        let bytes = to_bytes(response.into_body(), usize::MAX).await.expect("a body");
        (code, serde_json::from_slice(&bytes).unwrap_or_else(|_| json!(String::from_utf8_lossy(&bytes))))
    }

    async fn get(&self, path: &str) -> (u16, Value) {
        self.send(self.request(Method::GET, path, "", Value::Null)).await
    }

    async fn post(&self, path: &str, body: Value) -> (u16, Value) {
        self.send(self.request(Method::POST, path, "application/json", body)).await
    }

    async fn put(&self, path: &str, body: Value) -> (u16, Value) {
        self.send(self.request(Method::PUT, path, "application/json", body)).await
    }

    async fn merge(&self, path: &str, body: Value) -> (u16, Value) {
        self.send(self.request(Method::PATCH, path, "application/merge-patch+json", body)).await
    }

    async fn apply(&self, path: &str, manager: &str, body: Value) -> (u16, Value) {
        let path = format!("{path}{}fieldManager={manager}", if path.contains('?') { '&' } else { '?' });
        self.send(self.request(Method::PATCH, &path, "application/apply-patch+yaml", body)).await
    }

    async fn delete(&self, path: &str, body: Value) -> (u16, Value) {
        self.send(self.request(Method::DELETE, path, "application/json", body)).await
    }
}

const MAPS: &str = "/api/v1/namespaces/default/configmaps";
const CRDS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const WIDGETS: &str = "/apis/example.com/v1/namespaces/default/widgets";

fn map(name: &str, value: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"a": value}})
}

fn definition() -> Value {
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": "widgets.example.com"},
        "spec": {
            "group": "example.com", "scope": "Namespaced", "names": {"plural": "widgets", "kind": "Widget", "shortNames": ["wd"]},
            "versions": [{
                "name": "v1", "served": true, "storage": true,
                "subresources": {"status": {}, "scale": {"specReplicasPath": ".spec.replicas", "statusReplicasPath": ".status.replicas"}},
                "additionalPrinterColumns": [{"name": "Size", "type": "integer", "jsonPath": ".spec.size"}],
                "schema": {"openAPIV3Schema": {"type": "object", "properties": {
                    "spec": {"type": "object", "required": ["size"], "properties": {
                        "size": {"type": "integer", "minimum": 1}, "color": {"type": "string", "default": "red"}, "replicas": {"type": "integer"},
                    }},
                    "status": {"type": "object", "properties": {"replicas": {"type": "integer"}}},
                }}},
            }],
        },
    })
}

fn widget(name: &str, size: i64) -> Value {
    json!({"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": name}, "spec": {"size": size}})
}

fn ok((code, value): (u16, Value)) -> Value {
    assert!(code < 300, "{code} {value}");
    value
}

fn refused((code, value): (u16, Value), wanted: u16, words: &str) {
    assert_eq!(code, wanted, "{value}");
    let message = value["message"].as_str().or(value.as_str()).unwrap_or_default();
    assert!(message.contains(words), "{message}");
}

#[tokio::test]
async fn an_object_is_created_read_changed_and_deleted() {
    let world = World::new();
    let made = ok(world.post(MAPS, map("a", "1")).await);
    assert_eq!(made["metadata"]["managedFields"][0]["operation"], "Update");
    refused(world.post(MAPS, map("a", "1")).await, 409, "configmaps \"a\" already exists");
    let path = &format!("{MAPS}/a");
    assert_eq!(ok(world.get(path).await), made);
    // The same again is no write.
    assert_eq!(ok(world.merge(path, json!({"data": {"a": "1"}})).await), made);
    let changed = ok(world.merge(path, json!({"data": {"a": "2"}})).await);
    assert_ne!(changed["metadata"]["resourceVersion"], made["metadata"]["resourceVersion"]);
    refused(world.put(path, made).await, 409, "the object has been modified");
    let dry = ok(world.merge(&format!("{path}?dryRun=All"), json!({"data": {"a": "3"}})).await);
    assert_eq!((&dry["data"]["a"], &ok(world.get(path).await)["data"]["a"]), (&json!("3"), &json!("2")));
    refused(world.delete(path, json!({"preconditions": {"uid": "other"}})).await, 409, "the UID in the precondition (other)");
    let gone = ok(world.delete(path, Value::Null).await);
    assert_eq!((&gone["status"], &gone["details"]["uid"]), (&json!("Success"), &changed["metadata"]["uid"]));
    refused(world.get(path).await, 404, "configmaps \"a\" not found");
    let named = ok(world.post(MAPS, json!({"metadata": {"generateName": "x-"}})).await);
    assert_eq!(named["metadata"]["name"].as_str().expect("a name").len(), 7);
}

#[tokio::test]
async fn unknown_fields_and_places_are_refused() {
    let world = World::new();
    let odd = json!({"metadata": {"name": "a"}, "bogus": 1});
    refused(world.post(&format!("{MAPS}?fieldValidation=Strict"), odd.clone()).await, 400, "unknown field \"bogus\"");
    assert_eq!(ok(world.post(MAPS, odd).await).get("bogus"), None);
    refused(world.post("/api/v1/namespaces/none/configmaps", map("a", "1")).await, 404, "namespaces \"none\" not found");
    refused(world.get("/api/v1/bogus").await, 404, "the server could not find the requested resource");
    refused(world.get("/apis/none/v1/bogus").await, 404, "404 page not found");
    refused(world.post(MAPS, map("B", "1")).await, 422, "metadata.name: Invalid value");
    let protobuf = world.request(Method::POST, MAPS, "application/vnd.kubernetes.protobuf", json!({}));
    refused(world.send(protobuf).await, 400, "the object provided is unrecognized");
}

#[tokio::test]
async fn lists_are_selected_cut_into_pages_and_shown_as_tables() {
    let world = World::new();
    for name in ["a", "b", "c"] {
        let mut object = map(name, "1");
        object["metadata"]["labels"] = json!({"name": name, "of": "test"});
        ok(world.post(MAPS, object).await);
    }
    let selected = ok(world.get(&format!("{MAPS}?labelSelector=name+in+(a,c)")).await);
    assert_eq!(names(&selected), ["a", "c"]);
    assert_eq!(names(&ok(world.get("/api/v1/configmaps?fieldSelector=metadata.name%3Db").await)), ["b"]);
    let first = ok(world.get(&format!("{MAPS}?limit=2")).await);
    assert_eq!((names(&first), &first["metadata"]["remainingItemCount"]), (vec!["a".to_owned(), "b".to_owned()], &json!(2)));
    ok(world.delete(&format!("{MAPS}/c"), Value::Null).await);
    let next = format!("{MAPS}?limit=2&continue={}", first["metadata"]["continue"].as_str().expect("a token"));
    // Later pages show the state of the first.
    assert_eq!(names(&ok(world.get(&next).await)), ["c", "kube-root-ca.crt"]);
    let mut request = world.request(Method::GET, MAPS, "", Value::Null);
    let accept = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json".parse().expect("a header");
    request.headers_mut().insert(header::ACCEPT, accept);
    let table = ok(world.send(request).await);
    assert_eq!((&table["kind"], &table["rows"][0]["cells"]), (&json!("Table"), &json!(["a", 1, "0s"])));
}

fn names(list: &Value) -> Vec<String> {
    list["items"].as_array().expect("items").iter().map(|one| one["metadata"]["name"].as_str().expect("a name").to_owned()).collect()
}

async fn lines(world: &World, path: &str, count: usize) -> Vec<Value> {
    let response = world.router.clone().oneshot(world.request(Method::GET, path, "", Value::Null)).await.expect("infallible");
    let mut body = response.into_body();
    let mut found = Vec::new();
    while found.len() < count {
        let Ok(Some(frame)) = tokio::time::timeout(Duration::from_secs(5), body.frame()).await else { break };
        found.push(serde_json::from_slice(&frame.expect("a frame").into_data().expect("data")).expect("a line"));
    }
    found
}

#[tokio::test]
async fn a_watch_tells_what_is_there_and_what_changes() {
    let world = World::new();
    ok(world.post(MAPS, map("a", "1")).await);
    let path = format!(
        "{MAPS}?watch=true&allowWatchBookmarks=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&labelSelector=!x,!kube"
    );
    let (seen, ()) = tokio::join!(lines(&world, &path, 6), async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        ok(world.merge(&format!("{MAPS}/a"), json!({"data": {"a": "2"}})).await);
        // It no longer matches, then it does again.
        ok(world.merge(&format!("{MAPS}/a"), json!({"metadata": {"labels": {"x": "1"}}})).await);
        ok(world.merge(&format!("{MAPS}/a"), json!({"metadata": {"labels": {"x": null}}})).await);
    });
    let told: Vec<String> = seen
        .iter()
        .map(|one| format!("{} {}", one["type"].as_str().unwrap_or_default(), one["object"]["metadata"]["name"].as_str().unwrap_or("-")))
        .collect();
    assert_eq!(told, ["ADDED a", "ADDED kube-root-ca.crt", "BOOKMARK -", "MODIFIED a", "DELETED a", "ADDED a"]);
    assert_eq!(seen[2]["object"]["metadata"]["annotations"]["k8s.io/initial-events-end"], "true");
    let restarted = World::over(world.store.clone());
    ok(restarted.merge(&format!("{MAPS}/a"), json!({"data": {"a": "3"}})).await);
    let ended = lines(&restarted, &format!("{MAPS}?watch=true&resourceVersion=1&timeoutSeconds=1"), 1000).await;
    assert_eq!(ended.last().map(|last| last["type"].clone()), Some(json!("MODIFIED")));
}

#[tokio::test]
async fn a_watch_of_forgotten_changes_is_told_so() {
    let world = World::new();
    for index in 0..10_100 {
        world.store.commit(store::Batch::new().put("/x", index.to_string())).expect("commits");
    }
    let seen = lines(&world, &format!("{MAPS}?watch=true&resourceVersion=3"), 2).await;
    assert_eq!((seen.len(), &seen[0]["type"], &seen[0]["object"]["code"]), (1, &json!("ERROR"), &json!(410)));
}

#[tokio::test]
async fn an_apply_owns_its_fields_and_meets_conflicts() {
    let world = World::new();
    let path = &format!("{MAPS}/a");
    let (code, made) = world.apply(path, "one", map("a", "1")).await;
    assert_eq!((code, &made["metadata"]["managedFields"][0]["manager"]), (201, &json!("one")));
    assert_eq!(ok(world.apply(path, "one", map("a", "1")).await), made);
    refused(world.apply(path, "two", map("a", "2")).await, 409, "Apply failed with 1 conflict: conflict with \"one\": .data.a");
    let forced = ok(world.apply(&format!("{path}?force=true"), "two", map("a", "2")).await);
    assert_eq!(forced["data"]["a"], "2");
    let without = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}});
    assert_eq!(ok(world.apply(path, "two", without.clone()).await).get("data"), None);
    let mut bogus = without;
    bogus["bogus"] = json!(1);
    refused(world.apply(path, "two", bogus).await, 500, ".bogus: field not declared in schema");
    refused(
        world.send(world.request(Method::PATCH, path, "application/apply-patch+yaml", map("a", "1"))).await,
        422,
        "fieldManager: Required value",
    );
}

fn deployment() -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
        "spec": {
            "selector": {"matchLabels": {"app": "web"}},
            "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "app", "image": "web:1"}, {"name": "side", "image": "side:1"}]}},
        },
    })
}

#[tokio::test]
async fn builtin_kinds_are_defaulted_counted_and_merged_strategically() {
    let world = World::new();
    let path = "/apis/apps/v1/namespaces/default/deployments";
    let made = ok(world.post(path, deployment()).await);
    assert_eq!((&made["spec"]["replicas"], &made["metadata"]["generation"], &made["status"]), (&json!(1), &json!(1), &json!({})));
    let change = json!({"spec": {"template": {"spec": {"containers": [{"name": "side", "image": "side:2"}]}}}});
    let request = world.request(Method::PATCH, &format!("{path}/web"), "application/strategic-merge-patch+json", change);
    let merged = ok(world.send(request).await);
    assert_eq!(merged["spec"]["template"]["spec"]["containers"].as_array().map(Vec::len), Some(2));
    assert_eq!(merged["metadata"]["generation"], 2);
    for item in [json!(null), json!("side"), json!([])] {
        let change = json!({"spec": {"template": {"spec": {"containers": [item]}}}});
        let request = world.request(Method::PATCH, &format!("{path}/web"), "application/strategic-merge-patch+json", change);
        refused(world.send(request).await, 400, "an item of a list that is merged by \"name\" must be an object");
    }
    let status = ok(world.merge(&format!("{path}/web/status"), json!({"status": {"replicas": 1}, "spec": {"replicas": 9}})).await);
    assert_eq!(
        (&status["spec"]["replicas"], &status["status"]["replicas"], &status["metadata"]["generation"]),
        (&json!(1), &json!(1), &json!(2))
    );
    let scale = ok(world.merge(&format!("{path}/web/scale"), json!({"spec": {"replicas": 3}})).await);
    assert_eq!((&scale["kind"], &scale["spec"]["replicas"], &scale["status"]["selector"]), (&json!("Scale"), &json!(3), &json!("app=web")));
    assert_eq!(ok(world.get(&format!("{path}/web")).await)["metadata"]["generation"], 3);
    let patch = json!([{"op": "test", "path": "/spec/replicas", "value": 4}]);
    refused(
        world.send(world.request(Method::PATCH, &format!("{path}/web"), "application/json-patch+json", patch)).await,
        422,
        "the server rejected our request",
    );
}

#[tokio::test]
async fn what_is_owned_goes_with_its_owner_and_finalizers_hold() {
    let world = World::new();
    let owner = ok(world.post(MAPS, map("owner", "1")).await);
    let owned = |name: &str, finalizers: Value| {
        let mut object = map(name, "1");
        let uid = &owner["metadata"]["uid"];
        object["metadata"]["ownerReferences"] =
            json!([{"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": uid, "blockOwnerDeletion": true}]);
        object["metadata"]["finalizers"] = finalizers;
        object
    };
    ok(world.post(MAPS, owned("free", json!([]))).await);
    ok(world.post(MAPS, owned("held", json!(["example.com/hold"]))).await);
    let marked = ok(world.delete(&format!("{MAPS}/owner"), json!({"propagationPolicy": "Foreground"})).await);
    assert_eq!(marked["metadata"]["finalizers"], json!(["foregroundDeletion"]));
    refused(world.get(&format!("{MAPS}/free")).await, 404, "not found");
    assert!(ok(world.get(&format!("{MAPS}/held")).await)["metadata"]["deletionTimestamp"].is_string());
    assert_eq!(world.get(&format!("{MAPS}/owner")).await.0, 200);
    ok(world.merge(&format!("{MAPS}/held"), json!({"metadata": {"finalizers": null}})).await);
    for name in ["held", "owner"] {
        assert_eq!(world.get(&format!("{MAPS}/{name}")).await.0, 404, "{name}");
    }
    // An owner that is gone already takes a newcomer along.
    ok(world.post(MAPS, owned("late", json!([]))).await);
    assert_eq!(world.get(&format!("{MAPS}/late")).await.0, 404);
}

#[tokio::test]
async fn a_namespace_goes_when_it_is_empty() {
    let world = World::new();
    ok(world.post("/api/v1/namespaces", json!({"metadata": {"name": "n"}})).await);
    assert_eq!(world.get("/api/v1/namespaces/n/serviceaccounts/default").await.0, 200);
    let maps = "/api/v1/namespaces/n/configmaps";
    let mut held = map("held", "1");
    held["metadata"]["finalizers"] = json!(["example.com/hold"]);
    ok(world.post(maps, held).await);
    ok(world.post(maps, map("free", "1")).await);
    assert_eq!(ok(world.delete("/api/v1/namespaces/n", Value::Null).await)["status"]["phase"], "Terminating");
    assert_eq!(world.get(&format!("{maps}/free")).await.0, 404);
    refused(world.post(maps, map("new", "1")).await, 403, "because it is being terminated");
    let waiting = ok(world.get("/api/v1/namespaces/n").await);
    assert_eq!(waiting["status"]["conditions"].as_array().map(Vec::len), Some(5));
    ok(world.merge(&format!("{maps}/held"), json!({"metadata": {"finalizers": null}})).await);
    assert_eq!(world.get("/api/v1/namespaces/n").await.0, 404);
    refused(world.delete("/api/v1/namespaces/default", Value::Null).await, 403, "may not be deleted");
}

#[tokio::test]
async fn a_definition_is_served_at_once_and_takes_its_objects_along() {
    let world = World::new();
    let made = ok(world.post(CRDS, definition()).await);
    assert_eq!(made["status"]["conditions"], Value::Null);
    let settled = ok(world.get(&format!("{CRDS}/widgets.example.com")).await);
    assert_eq!(settled["status"]["conditions"][1]["type"], "Established");
    let one = ok(world.post(WIDGETS, widget("w", 3)).await);
    assert_eq!((&one["spec"]["color"], &one["metadata"]["generation"]), (&json!("red"), &json!(1)));
    refused(world.post(WIDGETS, widget("x", 0)).await, 422, "spec.size");
    refused(world.put(&format!("{WIDGETS}/w"), widget("w", 4)).await, 422, "must be specified for an update");
    let status = ok(world
        .apply(
            &format!("{WIDGETS}/w/status"),
            "s",
            json!({"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "w"}, "status": {"replicas": 2}}),
        )
        .await);
    assert_eq!((&status["status"]["replicas"], &status["metadata"]["generation"]), (&json!(2), &json!(1)));
    let scale = ok(world.merge(&format!("{WIDGETS}/w/scale"), json!({"spec": {"replicas": 5}})).await);
    assert_eq!((&scale["spec"]["replicas"], &scale["status"]["replicas"]), (&json!(5), &json!(2)));
    let discovered = ok(world.get("/apis/example.com/v1").await);
    assert_eq!(discovered["resources"][0]["shortNames"], json!(["wd"]));
    let document = ok(world.get("/openapi/v3/apis/example.com/v1").await);
    let patch = &document["paths"]["/apis/example.com/v1/namespaces/{namespace}/widgets/{name}"]["patch"];
    assert_eq!(patch["x-kubernetes-group-version-kind"]["kind"], "Widget");
    // Another server over the same store serves the same.
    assert_eq!(World::over(world.store.clone()).get(&format!("{WIDGETS}/w")).await.0, 200);
    ok(world.delete(&format!("{CRDS}/widgets.example.com"), Value::Null).await);
    refused(world.get(&format!("{WIDGETS}/w")).await, 404, "404 page not found");
    assert_eq!(world.get(&format!("{CRDS}/widgets.example.com")).await.0, 404);
    assert!(world.store.scan("/registry/example.com/").0.is_empty());
}

#[tokio::test]
async fn rights_come_from_roles_and_tokens_from_accounts() {
    let world = World::new();
    let bob = world.as_user(Some(Caller::new("bob")));
    refused(
        bob.get(MAPS).await,
        403,
        "configmaps is forbidden: User \"bob\" cannot list resource \"configmaps\" in API group \"\" in the namespace \"default\"",
    );
    refused(world.as_user(None).get("/nope").await, 403, "forbidden: User \"system:anonymous\" cannot get path \"/nope\"");
    assert_eq!(world.as_user(None).get("/healthz").await.0, 200);
    let rbac = "/apis/rbac.authorization.k8s.io/v1/namespaces/default";
    let subject = json!({"kind": "User", "name": "bob"});
    let robot = json!({"kind": "ServiceAccount", "name": "robot", "namespace": "default"});
    let role = json!({"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "edit"});
    ok(world
        .post(&format!("{rbac}/rolebindings"), json!({"metadata": {"name": "b"}, "subjects": [subject, robot], "roleRef": role}))
        .await);
    ok(bob.post(MAPS, map("a", "1")).await);
    let review =
        json!({"spec": {"resourceAttributes": {"namespace": "default", "verb": "create", "group": "apps", "resource": "deployments"}}});
    let answer = ok(bob.post("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", review).await);
    assert_eq!(answer["status"]["allowed"], true);
    // What an apply or an update makes is created, too.
    let changer = json!({"metadata": {"name": "changer"}, "rules": [
        {"apiGroups": ["", "coordination.k8s.io"], "resources": ["configmaps", "leases"], "verbs": ["patch", "update"]},
    ]});
    ok(world.post(&format!("{rbac}/roles"), changer).await);
    let reference = json!({"kind": "Role", "name": "changer", "apiGroup": RBAC});
    let bound = json!({"metadata": {"name": "d"}, "subjects": [{"kind": "User", "name": "ann"}], "roleRef": reference});
    ok(world.post(&format!("{rbac}/rolebindings"), bound).await);
    let ann = world.as_user(Some(Caller::new("ann")));
    refused(ann.apply(&format!("{MAPS}/new"), "ann", map("new", "1")).await, 403, "configmaps \"new\" is forbidden: ");
    ok(ann
        .apply(
            &format!("{MAPS}/a"),
            "ann",
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "labels": {"by": "ann"}}}),
        )
        .await);
    let leases = "/apis/coordination.k8s.io/v1/namespaces/default/leases";
    let lease = json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "l"}, "spec": {}});
    refused(ann.put(&format!("{leases}/l"), lease).await, 403, "leases.coordination.k8s.io \"l\" is forbidden: ");
    // Nobody grants what they have not got.
    let grant = json!({"metadata": {"name": "g"}, "rules": [{"apiGroups": [RBAC], "resources": ["roles"], "verbs": ["create"]}]});
    ok(world.post(&format!("{rbac}/roles"), grant.clone()).await);
    let admin = json!({"metadata": {"name": "c"}, "subjects": [{"kind": "User", "name": "bob"}], "roleRef": {"kind": "Role", "name": "g", "apiGroup": RBAC}});
    ok(world.post(&format!("{rbac}/rolebindings"), admin).await);
    let greedy = json!({"metadata": {"name": "h"}, "rules": [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]});
    refused(bob.post(&format!("{rbac}/roles"), greedy).await, 403, "attempting to grant RBAC permissions not currently held");
    // A Secret that waits for its account gets the token once the account is there.
    let annotations = json!({"kubernetes.io/service-account.name": "robot"});
    let secret = json!({"metadata": {"name": "t", "annotations": annotations}, "type": "kubernetes.io/service-account-token"});
    ok(world.post("/api/v1/namespaces/default/secrets", secret).await);
    ok(world.post("/api/v1/namespaces/default/serviceaccounts", json!({"metadata": {"name": "robot"}})).await);
    let secret = ok(world.get("/api/v1/namespaces/default/secrets/t").await);
    assert!(secret["data"]["token"].is_string());
    let minted =
        ok(world.post("/api/v1/namespaces/default/serviceaccounts/robot/token", json!({"spec": {"expirationSeconds": 600}})).await);
    let bearer = |token: &str| {
        let mut request = world.as_user(None).request(Method::GET, MAPS, "", Value::Null);
        request.headers_mut().insert(header::AUTHORIZATION, format!("Bearer {token}").parse().expect("a header"));
        request
    };
    let token = minted["status"]["token"].as_str().expect("a token").to_owned();
    assert_eq!(world.send(bearer(&token)).await.0, 200);
    assert_eq!(world.send(bearer("secret")).await.0, 200);
    assert_eq!(world.send(bearer("wrong")).await.0, 401);
    ok(world.delete("/api/v1/namespaces/default/serviceaccounts/robot", Value::Null).await);
    assert_eq!(world.send(bearer(&token)).await.0, 401);
}

const RBAC: &str = "rbac.authorization.k8s.io";

#[tokio::test]
async fn webhooks_change_and_refuse() {
    let world = World::new();
    let configuration = |kind: &str| {
        json!({
            "apiVersion": "admissionregistration.k8s.io/v1", "kind": kind, "metadata": {"name": "hook"},
            "webhooks": [{
                "name": "hook.example.com", "sideEffects": "None", "admissionReviewVersions": ["v1"],
                "clientConfig": {"service": {"name": "hook", "namespace": "kube-system", "path": "/check"}},
                "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "resources": ["configmaps"], "operations": ["CREATE"]}],
                "objectSelector": {"matchLabels": {"look": "yes"}},
            }],
        })
    };
    let hooks = |plural: &str| format!("/apis/admissionregistration.k8s.io/v1/{plural}");
    let mut conditional = configuration("ValidatingWebhookConfiguration");
    conditional["webhooks"][0]["matchConditions"] = json!([{"name": "x", "expression": "object.metadata.name"}]);
    refused(
        world.post(&hooks("validatingwebhookconfigurations"), conditional.clone()).await,
        422,
        "webhooks[0].matchConditions[0].expression",
    );
    conditional["webhooks"][0]["matchConditions"] = json!([{"name": "x", "expression": "object.metadata.name != 'left-alone'"}]);
    ok(world.post(&hooks("validatingwebhookconfigurations"), conditional).await);
    let looked = |name: &str| {
        let mut object = map(name, "1");
        object["metadata"]["labels"] = json!({"look": "yes"});
        object
    };
    *world.reply.lock().expect("not poisoned") =
        json!({"allowed": false, "status": {"code": 403, "reason": "Forbidden", "message": "not today"}});
    refused(world.post(MAPS, looked("a")).await, 403, "admission webhook \"hook.example.com\" denied the request: not today");
    ok(world.post(MAPS, map("b", "1")).await);
    ok(world.post(MAPS, looked("left-alone")).await);
    {
        let sent = world.sent.lock().expect("not poisoned");
        assert_eq!(sent.len(), 1);
        assert_eq!(
            (&sent[0]["url"], &sent[0]["request"]["operation"]),
            (&json!("https://hook.kube-system.svc:443/check?timeout=10s"), &json!("CREATE"))
        );
        assert_eq!(sent[0]["request"]["userInfo"]["username"], "tester");
    }
    ok(world.delete(&format!("{}/hook", hooks("validatingwebhookconfigurations")), Value::Null).await);
    ok(world.post(&hooks("mutatingwebhookconfigurations"), configuration("MutatingWebhookConfiguration")).await);
    use base64::Engine as _;
    let patch = base64::engine::general_purpose::STANDARD.encode(r#"[{"op":"add","path":"/data/b","value":"2"}]"#);
    *world.reply.lock().expect("not poisoned") = json!({"allowed": true, "patchType": "JSONPatch", "patch": patch});
    let made = ok(world.post(&format!("{MAPS}?dryRun=All"), looked("a")).await);
    assert_eq!(made["data"], json!({"a": "1", "b": "2"}));
    assert_eq!(world.sent.lock().expect("not poisoned").last().expect("sent")["request"]["dryRun"], true);
}
