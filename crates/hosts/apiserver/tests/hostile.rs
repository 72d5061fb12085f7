//! What one request may cost, by counts and sizes: bodies, depths, bombs in YAML, in patches, in selectors, in schemas, in owners.
//! Nothing here measures time; what is quadratic would not end.

use std::sync::Arc;

use apiserver::{ApiServer, Options};
use axum::Router;
use axum::body::{Body, to_bytes};
use bytes::Bytes;
use http::{Request, header};
use model::{Caller, Clock, Timestamp};
use serde_json::{Map, Value, json};
use store::{Batch, Store};
use tower::ServiceExt as _;

const MAPS: &str = "/api/v1/namespaces/default/configmaps";
const CRDS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const LARGEST: usize = 3 * 1024 * 1024;

struct Still;

impl Clock for Still {
    fn now(&self) -> Timestamp {
        "2026-01-01T00:00:00Z".parse().expect("a time")
    }
}

struct World {
    router: Router,
    store: Store,
}

impl World {
    fn new() -> Self {
        let outgoing: apiserver::Outgoing = Arc::new(|_: Request<Bytes>| Box::pin(async { Err("nothing is called".to_owned()) }));
        let store = Store::memory();
        let options =
            Options { name: "test".to_owned(), clock: Arc::new(Still), store: store.clone(), outgoing, kubelet: None, tokens: Vec::new() };
        Self { router: ApiServer::new(options).expect("starts").router(), store }
    }

    async fn send(&self, request: Request<Body>) -> (u16, Value) {
        let before = self.store.scan("/registry/none/").1;
        let response = self.router.clone().oneshot(request).await.expect("infallible");
        let code = response.status().as_u16();
        let bytes = to_bytes(response.into_body(), usize::MAX).await.expect("a body");
        if code >= 400 {
            assert_eq!(self.store.scan("/registry/none/").1, before, "what is refused changes nothing");
            // It may quote what it refuses, more than once.
            assert!(bytes.len() < 4 * LARGEST, "a refusal of {} bytes: {}", bytes.len(), String::from_utf8_lossy(&bytes[..200]));
        }
        (code, serde_json::from_slice(&bytes).unwrap_or_else(|_| json!(String::from_utf8_lossy(&bytes))))
    }

    async fn ask(&self, line: &str, media: &str, body: impl Into<Body>) -> (u16, Value) {
        let (method, path) = line.split_once(' ').expect("a method and a path");
        let request = Request::builder().method(method).uri(path).header(header::CONTENT_TYPE, media).extension(Caller::master("tester"));
        self.send(request.body(body.into()).expect("a request")).await
    }

    async fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        self.ask(&format!("POST {path}"), "application/json", body.to_string()).await
    }
}

fn map(name: &str, data: Value) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data})
}

fn refused((code, value): (u16, Value), wanted: u16, words: &str) {
    let message = value["message"].as_str().or(value.as_str()).unwrap_or_default();
    assert!(code == wanted && message.contains(words), "{code} {}", message.chars().take(500).collect::<String>());
}

/// Counts what is taken of an endless body.
fn endless(taken: Arc<std::sync::atomic::AtomicUsize>) -> Body {
    Body::from_stream(futures::stream::repeat_with(move || {
        taken.fetch_add(64 * 1024, std::sync::atomic::Ordering::SeqCst);
        Ok::<_, std::io::Error>(Bytes::from_static(&[b' '; 64 * 1024]))
    }))
}

#[tokio::test]
async fn of_a_body_only_so_much_is_read() {
    let world = World::new();
    let whole = |size: usize| {
        let text = map("a", json!({})).to_string();
        format!("{text}{}", " ".repeat(size - text.len()))
    };
    assert_eq!(world.ask(&format!("POST {MAPS}"), "application/json", whole(LARGEST)).await.0, 201);
    refused(world.ask(&format!("POST {MAPS}"), "application/json", whole(LARGEST + 1)).await, 413, "limit is 3145728");
    let taken = Arc::<std::sync::atomic::AtomicUsize>::default();
    refused(world.ask(&format!("PATCH {MAPS}/a"), "application/merge-patch+json", endless(taken.clone())).await, 413, "limit is 3145728");
    assert!(taken.load(std::sync::atomic::Ordering::SeqCst) <= LARGEST + 256 * 1024);
}

/// Whoever may do nothing has nothing read of what they send.
#[tokio::test]
async fn nothing_is_read_of_a_stranger() {
    let world = World::new();
    for (header, code) in [(None, 403), (Some("Bearer wrong"), 401)] {
        for path in [MAPS, "/apis/apps/v1/namespaces/default/deployments", "/nowhere", CRDS] {
            let taken = Arc::<std::sync::atomic::AtomicUsize>::default();
            let mut request = Request::builder().method("POST").uri(path).header(header::CONTENT_TYPE, "application/json");
            if let Some(header) = header {
                request = request.header(header::AUTHORIZATION, header);
            }
            let (found, _) = world.send(request.body(endless(taken.clone())).expect("a request")).await;
            assert_eq!((found, taken.load(std::sync::atomic::Ordering::SeqCst)), (code, 0), "{path}");
        }
    }
}

#[tokio::test]
async fn depth_is_bounded_in_every_encoding() {
    let world = World::new();
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let deep = |count: usize| format!("{}1{}", open.repeat(count), close.repeat(count));
        for count in [1_000, 200_000] {
            let body = format!("{{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{}}}", deep(count));
            for media in ["application/json", "application/yaml"] {
                let (code, answer) = world.ask(&format!("POST {MAPS}"), media, body.clone()).await;
                assert_eq!(code, 400, "{answer}");
            }
            for form in ["merge-patch+json", "strategic-merge-patch+json", "json-patch+json", "apply-patch+yaml"] {
                let line = format!("PATCH {MAPS}/kube-root-ca.crt?fieldManager=a");
                let (code, answer) = world.ask(&line, &format!("application/{form}"), deep(count)).await;
                assert_eq!(code, 400, "{form}: {answer}");
            }
        }
    }
    let steps = format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {}a\n", "\n- ".to_owned() + &"- ".repeat(20_000));
    assert_eq!(world.ask(&format!("POST {MAPS}"), "application/yaml", steps).await.0, 400);
    // Protobuf: a message in a message in a message.
    let mut bytes = Vec::new();
    for _ in 0..5_000 {
        let mut next = vec![0x0a];
        let mut length = bytes.len();
        while length >= 0x80 {
            next.push(u8::try_from(length & 0x7f).expect("seven bits") | 0x80);
            length >>= 7;
        }
        next.push(u8::try_from(length).expect("seven bits"));
        next.extend(&bytes);
        bytes = next;
    }
    let body = [b"k8s\0".as_slice(), &bytes].concat();
    assert_eq!(world.ask(&format!("POST {MAPS}"), "application/vnd.kubernetes.protobuf", body).await.0, 400);
}

#[tokio::test]
async fn aliases_of_aliases_are_refused() {
    let world = World::new();
    let mut text =
        String::from("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n  annotations:\n    a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n");
    for step in 1..30 {
        let before = format!("*a{}", step - 1);
        text.push_str(&format!("    a{step}: &a{step} [{}]\n", vec![before; 10].join(",")));
    }
    let (code, answer) = world.ask(&format!("POST {MAPS}"), "application/yaml", text.clone()).await;
    assert_eq!(code, 400, "{answer}");
    let (code, answer) = world.ask(&format!("PATCH {MAPS}/a?fieldManager=a"), "application/apply-patch+yaml", text).await;
    assert_eq!(code, 400, "{answer}");
}

/// 3 MiB of keys, of which each is compared with all others only where that is cheap.
#[tokio::test]
async fn many_keys_are_read() {
    let world = World::new();
    let keys: Map<String, Value> = (0..100_000).map(|number| (format!("key-{number}"), json!("v"))).collect();
    let (code, answer) = world.post(MAPS, &map("a", Value::Object(keys.clone()))).await;
    assert!(code == 201 || code == 422, "{answer}");
    let lines: String = keys.keys().map(|key| format!("  {key}: v\n")).collect();
    let text = format!("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: b\ndata:\n{lines}");
    let (code, answer) = world.ask(&format!("POST {MAPS}"), "application/yaml", text).await;
    assert!(code == 201 || code == 422, "{answer}");
    // None of these is known; all of them are named, up to a size.
    let mut unknown = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}});
    unknown.as_object_mut().expect("an object").extend(keys.clone());
    let (code, _) = world.ask(&format!("POST {MAPS}?fieldValidation=Ignore"), "application/json", unknown.to_string()).await;
    assert_eq!(code, 201);
    let operation = Value::Object(keys.into_iter().chain([("op".to_owned(), json!("test")), ("path".to_owned(), json!("/a"))]).collect());
    let (code, answer) =
        world.ask(&format!("PATCH {MAPS}/c?fieldValidation=Ignore"), "application/json-patch+json", json!([operation]).to_string()).await;
    assert_eq!(code, 200, "{answer}");
}

#[tokio::test]
async fn patches_that_grow_are_refused() {
    let world = World::new();
    assert_eq!(world.post(MAPS, &map("a", json!({"a": "x".repeat(1_000)}))).await.0, 201);
    let line = format!("PATCH {MAPS}/a");
    let mut doubling = vec![json!({"op": "add", "path": "/data/z", "value": ["x"]})];
    doubling.extend((0..50).map(|_| json!({"op": "copy", "from": "/data/z", "path": "/data/z/-"})));
    refused(world.ask(&line, "application/json-patch+json", json!(doubling).to_string()).await, 422, "the server rejected our request");
    let many: Vec<Value> = (0..10_001).map(|_| json!({"op": "test", "path": "/data/a", "value": "x"})).collect();
    refused(
        world.ask(&line, "application/json-patch+json", json!(many).to_string()).await,
        413,
        "allowed maximum operations in a JSON patch is 10000",
    );
    // Each copies what is large: together more than may be stored, whatever each is.
    let copies: Vec<Value> =
        (0..9_999).map(|number| json!({"op": "copy", "from": "/data/a", "path": format!("/data/k{number}")})).collect();
    let (code, answer) = world.ask(&line, "application/json-patch+json", json!(copies).to_string()).await;
    assert!(code == 422 || code == 413, "{code} {}", answer.to_string().len());
}

#[tokio::test]
async fn selectors_and_queries_of_a_megabyte_are_read_or_refused() {
    let world = World::new();
    for number in 0..20 {
        world.post(MAPS, &map(&format!("m{number}"), json!({}))).await;
    }
    // hyper bounds what comes over the wire; in process 64 KiB are what `http` takes.
    let most = 60_000;
    for (name, part) in [
        ("labelSelector", "a,"),
        ("labelSelector", "a+in+(b,c),"),
        ("labelSelector", "((((("),
        ("labelSelector", "!!!!!!"),
        ("fieldSelector", "metadata.name=a,"),
        ("fieldSelector", "%5C%5C%5C,"),
        ("x", "%00%ff"),
        ("continue", "AAAA"),
    ] {
        let text = part.repeat(most / part.len());
        let (code, answer) = world.ask(&format!("GET {MAPS}?{name}={text}"), "", Body::empty()).await;
        assert!([200, 400, 410].contains(&code), "{name} {part}: {code} {}", answer.to_string().chars().take(300).collect::<String>());
    }
    let pairs = "a=b&".repeat(most / 4);
    assert_eq!(world.ask(&format!("GET {MAPS}?{pairs}"), "", Body::empty()).await.0, 200);
    let slashes = "/a".repeat(most / 2);
    assert_eq!(world.ask(&format!("GET {MAPS}{slashes}"), "", Body::empty()).await.0, 404);
    let accept = "application/json;q=0.1,".repeat(most / 23);
    let request = Request::builder().uri(MAPS).header(header::ACCEPT, accept).extension(Caller::master("tester"));
    assert_eq!(world.send(request.body(Body::empty()).expect("a request")).await.0, 200);
    let mut request = Request::builder().uri(MAPS);
    for number in 0..5_000 {
        request = request.header("Impersonate-Group", format!("g{number}"));
    }
    let request = request.header("Impersonate-User", "u").extension(Caller::master("tester"));
    assert_eq!(world.send(request.body(Body::empty()).expect("a request")).await.0, 403);
}

fn definition(plural: &str, spec: Value) -> Value {
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": format!("{plural}.example.com")},
        "spec": {
            "group": "example.com", "scope": "Namespaced", "names": {"plural": plural, "kind": "Widget", "listKind": "WidgetList"},
            "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": spec}}}}],
        },
    })
}

#[tokio::test]
async fn patterns_and_rules_of_a_definition_have_a_budget() {
    let world = World::new();
    // Go's patterns run in linear time; one that is huge once it is written out is refused.
    let pattern = |text: &str| json!({"type": "string", "pattern": text});
    for bad in ["((a{100}){100}){100}", "(((((((((a{9}){9}){9}){9}){9}){9}){9}){9}){9})", "x{1001}", "("] {
        let (code, answer) = world.post(CRDS, &definition("widgets", pattern(bad))).await;
        assert_eq!(code, 422, "{bad}: {answer}");
    }
    assert_eq!(world.post(CRDS, &definition("widgets", pattern("^(a+)+$"))).await.0, 201);
    let object =
        json!({"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "a"}, "spec": format!("{}!", "a".repeat(1_000_000))});
    refused(world.post("/apis/example.com/v1/namespaces/default/widgets", &object).await, 422, "should match");
    // A rule over lists in lists without bounds is dearer than one may be.
    let list = |items: Value| json!({"type": "array", "items": items});
    let mut lists = list(list(list(json!({"type": "string"}))));
    lists["x-kubernetes-validations"] = json!([{"rule": "self.all(a, self.all(b, a.all(c, b.all(d, c == d))))"}]);
    refused(world.post(CRDS, &definition("gadgets", lists)).await, 422, "exceeds budget");
    let long = json!({"type": "string", "x-kubernetes-validations": [{"rule": format!("self == '{}'", "x".repeat(2_000_000))}]});
    assert_eq!(world.post(CRDS, &definition("gadgets", long)).await.0, 422);
    let nested =
        json!({"type": "string", "x-kubernetes-validations": [{"rule": format!("{}true{}", "(".repeat(10_000), ")".repeat(10_000))}]});
    assert_eq!(world.post(CRDS, &definition("gadgets", nested)).await.0, 422);
}

#[tokio::test]
async fn a_definition_of_very_many_fields_is_taken_and_used() {
    let world = World::new();
    let fields: Map<String, Value> = (0..100_000).map(|number| (format!("f{number}"), json!({"type": "string"}))).collect();
    let body = definition("widgets", json!({"type": "object", "properties": fields}));
    assert_eq!(world.post(CRDS, &body).await.0, 201);
    let object = json!({"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "a"}, "spec": {"f99999": "x", "no": 1}});
    let (code, made) = world.post("/apis/example.com/v1/namespaces/default/widgets", &object).await;
    assert_eq!((code, &made["spec"]), (201, &json!({"f99999": "x"})));
}

#[tokio::test]
async fn very_much_ownership_is_read_or_refused() {
    let world = World::new();
    assert_eq!(world.post(MAPS, &map("a", json!({}))).await.0, 201);
    let fields: Map<String, Value> = (0..60_000).map(|number| (format!("f:k{number}"), json!({}))).collect();
    let entry = json!({"manager": "m", "operation": "Apply", "apiVersion": "v1", "fieldsType": "FieldsV1", "fieldsV1": {"f:data": fields}});
    let mut object = map("a", json!({"k1": "1"}));
    object["metadata"]["managedFields"] = json!([entry]);
    let (code, answer) = world.ask(&format!("PUT {MAPS}/a"), "application/json", object.to_string()).await;
    assert_eq!(code, 200, "{answer}");
    let (code, _) = world
        .ask(&format!("PATCH {MAPS}/a?fieldManager=m"), "application/apply-patch+yaml", map("a", json!({"k2": "2"})).to_string())
        .await;
    assert_eq!(code, 200);
    // As deep as an object may be, and then deeper.
    let deep = |depth: usize| (0..depth).fold(json!({}), |inner, _| json!({"f:a": inner}));
    for (depth, wanted) in [(150, 200), (300, 400)] {
        let mut object = map("a", json!({}));
        object["metadata"]["managedFields"] =
            json!([{"manager": "m", "operation": "Update", "apiVersion": "v1", "fieldsType": "FieldsV1", "fieldsV1": deep(depth)}]);
        assert_eq!(world.ask(&format!("PUT {MAPS}/a"), "application/json", object.to_string()).await.0, wanted, "{depth}");
    }
}

#[tokio::test]
async fn ten_thousand_owners_are_looked_at() {
    let world = World::new();
    let (code, owner) = world.post(MAPS, &map("owner", json!({}))).await;
    assert_eq!(code, 201);
    let reference = |name: &str, uid: &Value| json!({"apiVersion": "v1", "kind": "ConfigMap", "name": name, "uid": uid});
    let mut owners: Vec<Value> = (0..10_000).map(|number| reference(&format!("none-{number}"), &json!(format!("u{number}")))).collect();
    owners.push(reference("owner", &owner["metadata"]["uid"]));
    let mut child = map("child", json!({}));
    child["metadata"]["ownerReferences"] = json!(owners);
    assert_eq!(world.post(MAPS, &child).await.0, 201);
    // One of them lives; the others are forgotten.
    let (_, child) = world.ask(&format!("GET {MAPS}/child"), "", Body::empty()).await;
    assert_eq!(child["metadata"]["ownerReferences"].as_array().map(Vec::len), Some(1));
}

/// A chain of owners as long as no stack is deep: it goes from its end, and nothing is left.
#[tokio::test]
async fn a_chain_of_ten_thousand_owners_goes_in_the_foreground() {
    let world = World::new();
    let mut batch = Batch::new();
    for number in 0..10_000 {
        let mut object = map(&format!("c{number}"), json!({}));
        object["metadata"]["namespace"] = json!("default");
        object["metadata"]["uid"] = json!(format!("uid-{number}"));
        object["metadata"]["creationTimestamp"] = json!("2026-01-01T00:00:00Z");
        if number > 0 {
            let before = number - 1;
            object["metadata"]["ownerReferences"] = json!([{
                "apiVersion": "v1", "kind": "ConfigMap", "name": format!("c{before}"), "uid": format!("uid-{before}"), "blockOwnerDeletion": true,
            }]);
        }
        batch = batch.put(format!("/registry/core/configmaps/default/c{number}"), object.to_string().into_bytes());
    }
    world.store.commit(batch).expect("commits");
    let options = json!({"propagationPolicy": "Foreground"}).to_string();
    let (code, answer) = world.ask(&format!("DELETE {MAPS}/c0"), "application/json", options).await;
    assert_eq!(code, 200, "{answer}");
    assert_eq!(world.store.scan("/registry/core/configmaps/default/c").0.len(), 0);
}
