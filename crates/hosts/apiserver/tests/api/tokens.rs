//! Tokens of ServiceAccounts: what they claim, what they are bound to, and the keys that sign them.

use std::sync::{Arc, Mutex};

use apiserver::{ApiServer, Options};
use base64::Engine as _;
use http::{Method, header};
use model::{Clock, Timestamp};
use serde_json::{Value, json};
use store::Store;

use super::{MAPS, World, ok, refused};

const CORE: &str = "/api/v1/namespaces/default";

#[derive(Clone)]
struct Hands(Arc<Mutex<Timestamp>>);

impl Hands {
    fn set(&self, time: &str) {
        *self.0.lock().expect("not poisoned") = time.parse().expect("a time");
    }
}

impl Clock for Hands {
    fn now(&self) -> Timestamp {
        *self.0.lock().expect("not poisoned")
    }
}

struct Tokens {
    server: ApiServer,
    world: World,
    clock: Hands,
}

impl Tokens {
    async fn new() -> Self {
        let clock = Hands(Arc::new(Mutex::new("2026-01-01T00:00:00Z".parse().expect("a time"))));
        let store = Store::memory();
        let server = ApiServer::new(Options {
            name: "test".to_owned(),
            clock: Arc::new(clock.clone()),
            store: store.clone(),
            outgoing: Arc::new(|_| Box::pin(async { Err("nothing is called".to_owned()) })),
            kubelet: None,
            tokens: Vec::new(),
        })
        .expect("starts");
        let world = World::of(server.clone(), store);
        ok(world.post(&format!("{CORE}/serviceaccounts"), json!({"metadata": {"name": "robot"}})).await);
        let role = json!({"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"});
        let robot = json!({"kind": "ServiceAccount", "name": "robot", "namespace": "default"});
        let binding = json!({"metadata": {"name": "b"}, "subjects": [robot], "roleRef": role});
        ok(world.post("/apis/rbac.authorization.k8s.io/v1/namespaces/default/rolebindings", binding).await);
        Self { server, world, clock }
    }

    async fn mint(&self, spec: Value) -> (u16, Value) {
        self.world.post(&format!("{CORE}/serviceaccounts/robot/token"), json!({"spec": spec})).await
    }

    async fn used(&self, token: &str) -> u16 {
        let mut request = self.world.as_user(None).request(Method::GET, MAPS, "", Value::Null);
        request.headers_mut().insert(header::AUTHORIZATION, format!("Bearer {token}").parse().expect("a header"));
        self.world.send(request).await.0
    }
}

fn token(answer: &Value) -> String {
    answer["status"]["token"].as_str().expect("a token").to_owned()
}

fn claims(token: &str) -> Value {
    let part = token.split('.').nth(1).expect("claims");
    serde_json::from_slice(&base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(part).expect("base64")).expect("json")
}

fn pod(name: &str, account: &str) -> Value {
    json!({
        "metadata": {"name": name},
        "spec": {"serviceAccountName": account, "nodeName": "n1", "containers": [{"name": "c", "image": "i"}]},
    })
}

#[tokio::test]
async fn a_token_of_a_pod_names_it_and_its_node_and_dies_with_it() {
    let tokens = Tokens::new().await;
    let world = &tokens.world;
    let node = ok(world.post("/api/v1/nodes", json!({"metadata": {"name": "n1"}})).await);
    let made = ok(world.post(&format!("{CORE}/pods"), pod("p", "robot")).await);
    let uid = &made["metadata"]["uid"];
    let bound = json!({"apiVersion": "v1", "kind": "Pod", "name": "p"});
    let answer = ok(tokens.mint(json!({"expirationSeconds": 3607, "boundObjectRef": bound})).await);
    let minted = token(&answer);
    let told = claims(&minted);
    let about = &told["kubernetes.io"];
    assert_eq!(
        (&about["pod"], &about["node"]),
        (&json!({"name": "p", "uid": uid}), &json!({"name": "n1", "uid": node["metadata"]["uid"]}))
    );
    let start = told["iat"].as_i64().expect("a time");
    // A Pod's token lasts longer than is told, and is noted when it does.
    assert_eq!((&about["warnafter"], &told["exp"]), (&json!(start + 3607), &json!(start + 365 * 24 * 3600)));
    assert_eq!(answer["status"]["expirationTimestamp"], "2026-01-01T01:00:07Z");
    let review = ok(world.post("/apis/authentication.k8s.io/v1/tokenreviews", json!({"spec": {"token": minted}})).await);
    let extra = &review["status"]["user"]["extra"];
    assert_eq!(
        (&extra["authentication.kubernetes.io/pod-name"], &extra["authentication.kubernetes.io/node-name"]),
        (&json!(["p"]), &json!(["n1"]))
    );
    tokens.clock.set("2026-01-02T00:00:00Z");
    assert_eq!(tokens.used(&minted).await, 200);
    // The Node may go, the Pod may not.
    ok(world.delete("/api/v1/nodes/n1", Value::Null).await);
    assert_eq!(tokens.used(&minted).await, 200);
    ok(world.delete(&format!("{CORE}/pods/p"), json!({"gracePeriodSeconds": 0})).await);
    assert_eq!(tokens.used(&minted).await, 401);
}

#[tokio::test]
async fn what_a_token_cannot_be_bound_to_is_refused() {
    let tokens = Tokens::new().await;
    let world = &tokens.world;
    ok(world.post(&format!("{CORE}/pods"), pod("other", "default")).await);
    let bound = |kind: &str, name: &str, uid: &str| json!({"boundObjectRef": {"apiVersion": "v1", "kind": kind, "name": name, "uid": uid}});
    let words = "cannot bind token for serviceaccount \"robot\" to pod running with different serviceaccount name.";
    refused(tokens.mint(bound("Pod", "other", "")).await, 400, words);
    refused(tokens.mint(bound("Node", "none", "")).await, 404, "nodes \"none\" not found");
    refused(tokens.mint(bound("ConfigMap", "a", "")).await, 400, "cannot bind token to object of type /v1, Kind=ConfigMap");
    ok(world.post(&format!("{CORE}/secrets"), json!({"metadata": {"name": "s"}})).await);
    refused(
        tokens.mint(bound("Secret", "s", "x")).await,
        409,
        "the UID in the bound object reference (x) does not match the UID in record",
    );
    refused(tokens.mint(json!({"expirationSeconds": 599})).await, 422, "may not specify a duration less than 10 minutes");
    let named = json!({"metadata": {"name": "other"}, "spec": {}});
    refused(
        world.post(&format!("{CORE}/serviceaccounts/robot/token"), named).await,
        422,
        "must match the service account name if specified",
    );
    let minted = token(&ok(tokens.mint(bound("Secret", "s", "")).await));
    assert_eq!(tokens.used(&minted).await, 200);
    ok(world.delete(&format!("{CORE}/secrets/s"), Value::Null).await);
    assert_eq!(tokens.used(&minted).await, 401);
    // A token of a Node dies with the Node.
    ok(world.post("/api/v1/nodes", json!({"metadata": {"name": "n1"}})).await);
    let minted = token(&ok(tokens.mint(bound("Node", "n1", "")).await));
    assert_eq!((tokens.used(&minted).await, &claims(&minted)["kubernetes.io"]["node"]["name"]), (200, &json!("n1")));
    ok(world.delete("/api/v1/nodes/n1", Value::Null).await);
    assert_eq!(tokens.used(&minted).await, 401);
}

#[tokio::test]
async fn a_new_key_signs_and_the_old_one_verifies_until_its_tokens_are_over() {
    let tokens = Tokens::new().await;
    let world = &tokens.world;
    let annotations = json!({"kubernetes.io/service-account.name": "robot"});
    let secret = json!({"metadata": {"name": "lasting", "annotations": annotations}, "type": "kubernetes.io/service-account-token"});
    ok(world.post(&format!("{CORE}/secrets"), secret).await);
    let lasting = async || {
        let secret = ok(world.get(&format!("{CORE}/secrets/lasting")).await);
        let bytes = base64::engine::general_purpose::STANDARD.decode(secret["data"]["token"].as_str().expect("a token")).expect("base64");
        String::from_utf8(bytes).expect("text")
    };
    let before = lasting().await;
    let first = token(&ok(tokens.mint(json!({})).await));
    tokens.server.rotate_token_key().expect("a store");
    let second = token(&ok(tokens.mint(json!({})).await));
    let after = lasting().await;
    assert_ne!(before, after);
    for one in [&first, &second, &after, &before] {
        assert_eq!(tokens.used(one).await, 200);
    }
    // The last token of the first key is over, and so is the key.
    tokens.clock.set("2026-01-03T00:00:00Z");
    tokens.server.rotate_token_key().expect("a store");
    for (one, code) in [(&first, 401), (&before, 401), (&after, 200), (&lasting().await, 200)] {
        assert_eq!(tokens.used(one).await, code);
    }
}
