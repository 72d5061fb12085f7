//! The forms of what is asked and answered: encodings, discovery, OpenAPI, warnings, refusals, and the kinds of the release.

use std::sync::Arc;

use apiserver::{ApiServer, Options};
use axum::Router;
use axum::body::{Body, to_bytes};
use bytes::Bytes;
use futures::StreamExt as _;
use http::{HeaderMap, Request, header};
use model::{Caller, Clock, Timestamp};
use serde_json::{Value, json};
use store::Store;
use tower::ServiceExt as _;

struct Still;

impl Clock for Still {
    fn now(&self) -> Timestamp {
        "2026-01-01T00:00:00Z".parse().expect("a time")
    }
}

struct World(Router);

struct Answer {
    code: u16,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| json!(String::from_utf8_lossy(&self.body)))
    }

    fn message(&self) -> String {
        self.json()["message"].as_str().unwrap_or_default().to_owned()
    }

    fn header(&self, name: impl header::AsHeaderName) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    fn warnings(&self) -> Vec<&str> {
        self.headers.get_all(header::WARNING).iter().filter_map(|value| value.to_str().ok()).collect()
    }
}

impl World {
    fn new() -> Self {
        let outgoing: apiserver::Outgoing = Arc::new(|_: Request<Bytes>| Box::pin(async { Err("nothing is called".to_owned()) }));
        let options = Options {
            name: "test".to_owned(),
            clock: Arc::new(Still),
            store: Store::memory(),
            outgoing,
            kubelet: None,
            tokens: Vec::new(),
        };
        Self(ApiServer::new(options).expect("starts").router())
    }

    async fn ask(&self, caller: Caller, line: &str, headers: &[(&str, &str)], body: impl Into<Body>) -> Answer {
        let (method, path) = line.split_once(' ').expect("a method and a path");
        let mut request = Request::builder().method(method).uri(path).extension(caller);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = self.0.clone().oneshot(request.body(body.into()).expect("a request")).await.expect("infallible");
        let (code, headers) = (response.status().as_u16(), response.headers().clone());
        Answer { code, headers, body: to_bytes(response.into_body(), usize::MAX).await.expect("a body").to_vec() }
    }

    async fn get(&self, path: &str, accept: &str) -> Answer {
        self.ask(Caller::master("tester"), &format!("GET {path}"), &[("accept", accept)], Body::empty()).await
    }

    async fn send(&self, line: &str, body: Value) -> Answer {
        self.ask(Caller::master("tester"), line, &[("content-type", "application/json")], body.to_string()).await
    }

    async fn patch(&self, path: &str, media: &str, body: Value) -> Answer {
        self.ask(Caller::master("tester"), &format!("PATCH {path}"), &[("content-type", media)], body.to_string()).await
    }
}

const JSON: &str = "application/json";
const PROTOBUF: &str = "application/vnd.kubernetes.protobuf";
const STRATEGIC: &str = "application/strategic-merge-patch+json";
const MAPS: &str = "/api/v1/namespaces/default/configmaps";
const CLAIMS: &str = "/api/v1/namespaces/default/persistentvolumeclaims";
const ROLES: &str = "/apis/rbac.authorization.k8s.io/v1/clusterroles";

fn pod_spec() -> Value {
    json!({"automountServiceAccountToken": false, "containers": [{"name": "main", "image": "example.org/a:1", "ports": [{"containerPort": 80}], "resources": {"limits": {"cpu": "0.5"}}}]})
}

fn template() -> Value {
    json!({"metadata": {"labels": {"app": "x"}}, "spec": pod_spec()})
}

/// One object of many kinds, small but with something in it.
fn samples() -> Vec<(&'static str, Value)> {
    let selected = || json!({"selector": {"matchLabels": {"app": "x"}}, "template": template()});
    vec![
        (MAPS, json!({"apiVersion": "v1", "kind": "ConfigMap", "data": {"a": "ä"}, "binaryData": {"b": "AAEC"}})),
        ("/api/v1/namespaces/default/secrets", json!({"apiVersion": "v1", "kind": "Secret", "type": "a/b", "data": {"k": "dg=="}})),
        ("/api/v1/namespaces/default/pods", json!({"apiVersion": "v1", "kind": "Pod", "spec": pod_spec()})),
        ("/apis/apps/v1/namespaces/default/deployments", json!({"apiVersion": "apps/v1", "kind": "Deployment", "spec": selected()})),
        ("/apis/apps/v1/namespaces/default/daemonsets", json!({"apiVersion": "apps/v1", "kind": "DaemonSet", "spec": selected()})),
        (CLAIMS, claim()),
        (
            "/apis/networking.k8s.io/v1/namespaces/default/networkpolicies",
            json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "spec": {
                "podSelector": {}, "ingress": [{"ports": [{"port": "web"}, {"port": 80, "endPort": 90}], "from": [{"ipBlock": {"cidr": "192.0.2.0/24"}}]}],
            }}),
        ),
        (
            "/apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers",
            json!({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "spec": {
                "maxReplicas": 3, "scaleTargetRef": {"kind": "Deployment", "name": "d", "apiVersion": "apps/v1"},
                "metrics": [{"type": "Resource", "resource": {"name": "memory", "target": {"type": "AverageValue", "averageValue": "1500m"}}}],
            }}),
        ),
        (
            "/apis/coordination.k8s.io/v1/namespaces/default/leases",
            json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "spec": {"holderIdentity": "me", "renewTime": "2026-01-01T00:00:00.000001Z"}}),
        ),
        (
            "/apis/batch/v1/namespaces/default/cronjobs",
            json!({"apiVersion": "batch/v1", "kind": "CronJob", "spec": {"schedule": "*/5 * * * *", "jobTemplate": {"spec": {"template": {
                "spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "i"}]}}}}}}),
        ),
        (
            ROLES,
            json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "rules": [{"nonResourceURLs": ["/x"], "verbs": ["get"]}]}),
        ),
        (
            "/apis/storage.k8s.io/v1/storageclasses",
            json!({"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "provisioner": "example.org/p"}),
        ),
        ("/apis/scheduling.k8s.io/v1/priorityclasses", json!({"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "value": -5})),
    ]
}

fn claim() -> Value {
    json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "spec": {
        "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}},
    }})
}

fn named(mut object: Value, name: &str) -> Value {
    object["metadata"]["name"] = json!(name);
    object
}

/// An object without what each creation makes anew.
fn bare(mut object: Value) -> Value {
    if let Some(metadata) = object["metadata"].as_object_mut() {
        ["uid", "resourceVersion", "managedFields", "creationTimestamp"].iter().for_each(|name| drop(metadata.remove(*name)));
    }
    object
}

#[tokio::test]
async fn every_kind_goes_through_protobuf_unchanged() {
    let world = World::new();
    for (path, sample) in samples() {
        let line = format!("POST {path}?dryRun=All");
        let as_json = world.send(&line, named(sample.clone(), "one")).await;
        assert_eq!(as_json.code, 201, "{}", as_json.json());
        let caller = Caller::master("tester");
        let body = named(sample, "one").to_string();
        let written = world.ask(caller.clone(), &line, &[("content-type", JSON), ("accept", PROTOBUF)], body).await;
        assert_eq!((written.code, written.header(header::CONTENT_TYPE)), (201, PROTOBUF), "{path}");
        assert!(written.body.starts_with(b"k8s\0"), "{path}");
        let again = world.ask(caller, &line, &[("content-type", PROTOBUF), ("accept", JSON)], written.body).await;
        assert_eq!(again.code, 201, "{path}: {}", again.json());
        assert_eq!(bare(again.json()), bare(as_json.json()), "{path}");
    }
}

/// client-go asks for protobuf first, and waits for an answer that never begins if the whole watch is to be written so.
#[tokio::test]
async fn a_watch_begins_in_json_for_whoever_wants_another_encoding() {
    let world = World::new();
    world.send(&format!("POST {MAPS}"), json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "seen"}})).await;
    for accept in [PROTOBUF, "application/vnd.kubernetes.protobuf,application/json", "application/yaml"] {
        let request = Request::get(format!("{MAPS}?watch=true&resourceVersion=0&fieldSelector=metadata.name%3Dseen"));
        let request = request.header(header::ACCEPT, accept).extension(Caller::master("tester"));
        let begins = async {
            let response = world.0.clone().oneshot(request.body(Body::empty()).expect("a request")).await.expect("infallible");
            assert_eq!(response.headers()[header::CONTENT_TYPE], JSON, "{accept}");
            response.into_body().into_data_stream().next().await.expect("an event").expect("bytes")
        };
        let first = tokio::time::timeout(std::time::Duration::from_secs(20), begins).await.expect("it begins");
        let event: Value = serde_json::from_slice(&first).expect("JSON");
        assert_eq!((&event["type"], &event["object"]["metadata"]["name"]), (&json!("ADDED"), &json!("seen")), "{accept}");
    }
}

#[tokio::test]
async fn broken_protobuf_is_refused() {
    let world = World::new();
    let caller = || Caller::master("tester");
    let head = [("content-type", PROTOBUF)];
    let line = format!("POST {MAPS}");
    for body in [&b"k8s\0"[..], &b"k8s\0\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"[..], &b"\xff\xff"[..], &b"k8s\0\x12\x05ab"[..]] {
        let answer = world.ask(caller(), &line, &head, body.to_vec()).await;
        assert_eq!(answer.code, 400, "{}", answer.json());
    }
}

#[tokio::test]
async fn yaml_goes_in_and_out() {
    let world = World::new();
    let text = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: doc\ndata:\n  a: \"1\"\n";
    let head = [("content-type", "application/yaml"), ("accept", "application/yaml")];
    let made = world.ask(Caller::master("tester"), &format!("POST {MAPS}"), &head, text).await;
    assert_eq!((made.code, made.header(header::CONTENT_TYPE)), (201, "application/yaml"));
    assert!(String::from_utf8_lossy(&made.body).contains("data:\n  a: \"1\"\n"));
    let refused = world.get(&format!("{MAPS}/doc"), "image/png").await;
    assert_eq!(refused.code, 406);
    assert_eq!(
        refused.message(),
        "only the following media types are accepted: application/json, application/yaml, application/vnd.kubernetes.protobuf"
    );
}

#[tokio::test]
async fn discovery_is_told_in_pieces_and_in_one() {
    let world = World::new();
    let list = world.get("/api/v1", JSON).await.json();
    let find = |name: &str| list["resources"].as_array().expect("a list").iter().find(|one| one["name"] == name).cloned().expect("listed");
    assert_eq!(find("replicationcontrollers/scale")["group"], "autoscaling");
    assert_eq!(find("pods/eviction")["kind"], "Eviction");
    assert_eq!(find("services")["shortNames"], json!(["svc"]));
    let whole = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
    let first = world.get("/apis", whole).await;
    assert_eq!(first.header(header::VARY), "Accept");
    let tag = first.header(header::ETAG).to_owned();
    let head = [("accept", whole), ("if-none-match", tag.as_str())];
    let again = world.ask(Caller::master("tester"), "GET /apis", &head, Body::empty()).await;
    assert_eq!((again.code, again.body.len()), (304, 0));
    let old = world.get("/apis", "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList").await;
    assert_eq!(old.code, 406);
    assert_eq!(world.send("DELETE /apis/apps/v1", Value::Null).await.code, 405);
    let paths = world.get("/", JSON).await.json();
    for path in ["/apis/apps", "/apis/apps/v1", "/livez/etcd", "/openapi/v2"] {
        assert!(paths["paths"].as_array().expect("a list").contains(&json!(path)), "{path}");
    }
    assert_eq!(world.get("/readyz?verbose", "").await.json(), "[+]ping ok\n[+]log ok\n[+]etcd ok\nreadyz check passed\n");
    assert_eq!(world.get("/readyz/nothing", "").await.code, 404);
}

#[tokio::test]
async fn openapi_is_made_of_the_same_kinds() {
    let world = World::new();
    let old = world.get("/openapi/v2", JSON).await.json();
    assert_eq!(old["swagger"], "2.0");
    assert!(old["definitions"]["io.k8s.api.apps.v1.Deployment"]["properties"]["spec"].is_object());
    let binary = world.get("/openapi/v2", "application/com.github.proto-openapi.spec.v2@v1.0+protobuf").await;
    assert_eq!(binary.code, 200);
    assert!(binary.body.windows(3).any(|part| part == b"2.0"));
    let index = world.get("/openapi/v3", JSON).await.json();
    let path = index["paths"]["apis/apps/v1"]["serverRelativeURL"].as_str().expect("a path").to_owned();
    let answer = world.get(&path, JSON).await;
    assert!(answer.header(header::CACHE_CONTROL).contains("immutable"), "{:?}", answer.headers);
    let schema = &answer.json()["components"]["schemas"]["io.k8s.api.core.v1.PodSpec"]["properties"]["containers"];
    assert_eq!(schema["x-kubernetes-patch-merge-key"], "name");
    assert_eq!(schema["x-kubernetes-list-map-keys"], json!(["name"]));
    assert_eq!(world.get("/openapi/v3/apis/none/v1", JSON).await.code, 404);
}

#[tokio::test]
async fn strange_fields_are_warned_of_refused_or_ignored() {
    let world = World::new();
    let text = r#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"s","labels":{"a":"1","a":"2"}},"Data":{},"data":{}}"#;
    let send = async |mode: &str| {
        let line = format!("POST {MAPS}?dryRun=All&fieldValidation={mode}");
        world.ask(Caller::master("tester"), &line, &[("content-type", JSON)], text).await
    };
    let warned = send("Warn").await;
    assert_eq!(warned.warnings(), [r#"299 - "duplicate field \"metadata.labels.a\"""#, r#"299 - "unknown field \"Data\"""#]);
    let strict = send("Strict").await;
    let words = r#"ConfigMap in version "v1" cannot be handled as a ConfigMap: strict decoding error: duplicate field "metadata.labels.a", unknown field "Data""#;
    assert_eq!((strict.code, strict.message().as_str()), (400, words));
    assert!(send("Ignore").await.warnings().is_empty());
    assert_eq!(send("Loud").await.code, 422);
    // What was warned of is told even when the request fails after all.
    let late = world
        .send(&format!("PUT {MAPS}/none"), json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "none"}, "x": 1}))
        .await;
    assert_eq!((late.code, late.warnings().len()), (404, 1));
}

#[tokio::test]
async fn values_of_a_wrong_kind_are_named_as_go_does() {
    let world = World::new();
    let answer = world
        .send(&format!("POST {MAPS}"), json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "w"}, "data": {"a": true}}))
        .await;
    assert_eq!(
        answer.message(),
        "ConfigMap in version \"v1\" cannot be handled as a ConfigMap: json: cannot unmarshal bool into Go struct field ConfigMap.data of type string"
    );
    assert_eq!(world.send(&format!("POST {MAPS}"), named(samples()[0].1.clone(), "w")).await.code, 201);
    let patched = world.patch(&format!("{MAPS}/w"), STRATEGIC, json!({"data": {"a": 1}})).await;
    assert_eq!(
        (patched.code, patched.message().as_str()),
        (422, " \"\" is invalid: patch: Invalid value: \"map[data:map[a:1]]\": cannot convert int64 to string")
    );
    let untyped = world.patch(&format!("{MAPS}/w"), "text/plain", json!({})).await;
    assert_eq!(untyped.code, 415);
}

#[tokio::test]
async fn faults_are_told_in_the_order_of_the_checks() {
    let world = World::new();
    let cases = [
        (
            "/apis/apps/v1/namespaces/default/statefulsets",
            json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "a.b"}, "spec": {"serviceName": "s",
                "selector": {"matchLabels": {"app": "x"}}, "template": template()}}),
            "StatefulSet.apps \"a.b\" is invalid: metadata.name: Invalid value: \"a.b\": must not contain dots",
        ),
        (
            "/api/v1/namespaces/default/services",
            json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"}, "spec": {"ports": [{"port": 70000}]}}),
            "Service \"s\" is invalid: [spec.ports[0].port: Invalid value: 70000: must be between 1 and 65535, inclusive, spec.ports[0].targetPort: Invalid value: 70000: must be between 1 and 65535, inclusive]",
        ),
        (
            CLAIMS,
            json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "p"}}),
            "PersistentVolumeClaim \"p\" is invalid: [spec.accessModes: Required value: at least 1 access mode is required, spec.resources[storage]: Required value]",
        ),
        (
            "/api/v1/namespaces/default/pods",
            json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": {
                "containers": [{"name": "c", "image": "i", "securityContext": {"runAsUser": -7},
                    "env": [{"name": "E", "valueFrom": {"fieldRef": {"fieldPath": "status.phase"}}}]}],
                "dnsPolicy": "None", "hostAliases": [{"ip": "nowhere"}], "os": {"name": "plan9"},
            }}),
            "Pod \"p\" is invalid: [spec.containers[0].env[0].valueFrom.fieldRef.fieldPath: Unsupported value: \"status.phase\": supported values: \"metadata.name\", \"metadata.namespace\", \"metadata.uid\", \"spec.nodeName\", \"spec.serviceAccountName\", \"status.hostIP\", \"status.hostIPs\", \"status.podIP\", \"status.podIPs\", spec.containers[0].securityContext.runAsUser: Invalid value: -7: must be between 0 and 2147483647, inclusive, spec.dnsConfig: Required value: must provide `dnsConfig` when `dnsPolicy` is None, spec.hostAliases[0].ip: Invalid value: \"nowhere\": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff), spec.os: Unsupported value: \"plan9\": supported values: \"linux\", \"windows\"]",
        ),
        (
            "/apis/apps/v1/namespaces/default/deployments",
            json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"}, "spec": {
                "selector": {"matchExpressions": [{"key": "k", "operator": "Like"}]}, "template": template()}}),
            "Deployment.apps \"d\" is invalid: [spec.selector.matchExpressions[0].operator: Invalid value: \"Like\": not a valid selector operator, spec.selector: Invalid value: {\"matchExpressions\":[{\"key\":\"k\",\"operator\":\"Like\"}]}: invalid label selector]",
        ),
    ];
    for (path, body, words) in cases {
        let answer = world.send(&format!("POST {path}"), body).await;
        assert_eq!((answer.code, answer.message().as_str()), (422, words));
    }
}

#[tokio::test]
async fn a_claim_in_use_stays_until_its_pod_is_gone() {
    let world = World::new();
    for name in ["free", "used"] {
        assert_eq!(world.send(&format!("POST {CLAIMS}"), named(claim(), name)).await.code, 201);
    }
    let mut spec = pod_spec();
    spec["nodeName"] = json!("n1");
    spec["volumes"] = json!([{"name": "v", "persistentVolumeClaim": {"claimName": "used"}}]);
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": spec});
    assert_eq!(world.send("POST /api/v1/namespaces/default/pods", pod).await.code, 201);
    for name in ["free", "used"] {
        let answer = world.send(&format!("DELETE {CLAIMS}/{name}"), Value::Null).await;
        assert_eq!((answer.code, answer.json()["metadata"]["finalizers"].clone()), (200, json!(["kubernetes.io/pvc-protection"])));
    }
    assert_eq!(world.get(&format!("{CLAIMS}/free"), JSON).await.code, 404);
    assert_eq!(world.get(&format!("{CLAIMS}/used"), JSON).await.code, 200);
    let gone = world
        .send("DELETE /api/v1/namespaces/default/pods/p", json!({"kind": "DeleteOptions", "apiVersion": "v1", "gracePeriodSeconds": 0}))
        .await;
    assert_eq!(gone.code, 200);
    assert_eq!(world.get(&format!("{CLAIMS}/used"), JSON).await.code, 404);
}

#[tokio::test]
async fn roles_made_of_others_hold_their_rules() {
    let world = World::new();
    let view = world.get(&format!("{ROLES}/view"), JSON).await.json();
    assert!(!view["rules"].as_array().expect("rules").is_empty());
    let outer = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "outer"},
        "aggregationRule": {"clusterRoleSelectors": [{"matchLabels": {"part": "yes"}}]}});
    assert_eq!(world.send(&format!("POST {ROLES}"), outer).await.code, 201);
    let rule = json!({"apiGroups": ["example.org"], "resources": ["things"], "verbs": ["get"]});
    let part = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "part", "labels": {"part": "yes"}}, "rules": [rule]});
    assert_eq!(world.send(&format!("POST {ROLES}"), part).await.code, 201);
    assert_eq!(world.get(&format!("{ROLES}/outer"), JSON).await.json()["rules"], json!([rule]));
    assert_eq!(world.send(&format!("DELETE {ROLES}/part"), Value::Null).await.code, 200);
    assert_eq!(world.get(&format!("{ROLES}/outer"), JSON).await.json()["rules"], json!([]));
}

#[tokio::test]
async fn what_is_not_carried_out_is_refused() {
    let world = World::new();
    let body = json!({"apiVersion": "flowcontrol.apiserver.k8s.io/v1", "kind": "FlowSchema", "metadata": {"name": "f"}, "spec": {"priorityLevelConfiguration": {"name": "x"}}});
    let answer = world.send("POST /apis/flowcontrol.apiserver.k8s.io/v1/flowschemas", body).await;
    assert_eq!(answer.code, 403, "{}", answer.json());
    let logs = world.get("/api/v1/namespaces/default/pods/none/exec?command=x", JSON).await;
    assert_eq!(logs.code, 404);
}

#[tokio::test]
async fn callers_speak_for_others_only_when_they_may() {
    let world = World::new();
    let head = [("impersonate-user", "jane"), ("impersonate-group", "dev"), ("impersonate-extra-scopes%2fa", "b"), ("content-type", JSON)];
    let review = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}).to_string();
    let line = "POST /apis/authentication.k8s.io/v1/selfsubjectreviews";
    let answer = world.ask(Caller::master("tester"), line, &head, review.clone()).await.json();
    assert_eq!(answer["status"]["userInfo"]["username"], "jane");
    assert_eq!(answer["status"]["userInfo"]["groups"], json!(["dev", "system:authenticated"]));
    assert_eq!(answer["status"]["userInfo"]["extra"], json!({"scopes/a": ["b"]}));
    let plain = Caller { name: "joe".to_owned(), groups: vec!["system:authenticated".to_owned()], ..Caller::default() };
    let refused = world.ask(plain, line, &head, review).await;
    assert_eq!(refused.code, 403);
    assert!(refused.message().contains("User \"joe\" cannot impersonate resource \"users\""), "{}", refused.message());
}

#[tokio::test]
async fn nobody_grants_what_they_do_not_have() {
    let world = World::new();
    let joe = || Caller { name: "joe".to_owned(), groups: vec!["system:authenticated".to_owned()], ..Caller::default() };
    let rule =
        |resources: &[&str], verbs: &[&str]| json!({"apiGroups": ["rbac.authorization.k8s.io"], "resources": resources, "verbs": verbs});
    let role = |name: &str, rules: Value| json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": name}, "rules": rules});
    let writer = role("writer", json!([rule(&["clusterroles", "clusterrolebindings"], &["create"])]));
    assert_eq!(world.send(&format!("POST {ROLES}"), writer).await.code, 201);
    let bind = |name: &str, role: &str| {
        json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": {"name": name},
            "subjects": [{"kind": "User", "name": "joe"}], "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role}})
    };
    let bindings = "POST /apis/rbac.authorization.k8s.io/v1/clusterrolebindings";
    assert_eq!(world.send(bindings, bind("joe", "writer")).await.code, 201);
    let head = [("content-type", JSON)];
    let more = role(
        "more",
        json!([
            {"apiGroups": [""], "resources": ["pods", "secrets"], "verbs": ["get", "list"]},
            rule(&["clusterroles"], &["create"]),
            {"nonResourceURLs": ["/x"], "verbs": ["get"]},
        ]),
    );
    let refused = world.ask(joe(), &format!("POST {ROLES}"), &head, more.to_string()).await;
    let words = "clusterroles.rbac.authorization.k8s.io \"more\" is forbidden: user \"joe\" (groups=[\"system:authenticated\"]) is attempting to grant RBAC permissions not currently held:\n{APIGroups:[\"\"], Resources:[\"pods\"], Verbs:[\"get\" \"list\"]}\n{APIGroups:[\"\"], Resources:[\"secrets\"], Verbs:[\"get\" \"list\"]}\n{NonResourceURLs:[\"/x\"], Verbs:[\"get\"]}";
    assert_eq!((refused.code, refused.message().as_str()), (403, words));
    let missing = world.ask(joe(), bindings, &head, bind("other", "none").to_string()).await;
    assert_eq!((missing.code, missing.message().as_str()), (404, "clusterroles.rbac.authorization.k8s.io \"none\" not found"));
    let mut gathering = role("gathering", json!([]));
    gathering["aggregationRule"] = json!({"clusterRoleSelectors": [{"matchLabels": {"a": "b"}}]});
    let refused = world.ask(joe(), &format!("POST {ROLES}"), &head, gathering.to_string()).await;
    assert!(refused.message().ends_with("must have cluster-admin privileges to use the aggregationRule"), "{}", refused.message());
    let held = role("held", json!([rule(&["clusterroles"], &["create"])]));
    assert_eq!(world.ask(joe(), &format!("POST {ROLES}"), &head, held.to_string()).await.code, 201);
}
