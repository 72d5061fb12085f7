//! Definitions of several versions whose objects a webhook turns into one another: `v1` keeps `spec.size`, `v2` keeps
//! `spec.parts.size`.

use std::sync::{Arc, Mutex};

use apiserver::Outgoing;
use bytes::Bytes;
use http::{Method, Request, header};
use serde_json::{Value, json};
use store::Store;

use super::{CRDS, WIDGETS, World, definition, lines, ok, refused, widget};

const SECOND: &str = "/apis/example.com/v2/namespaces/default/widgets";

/// What the webhook does wrong, and what it was sent.
#[derive(Default)]
struct Hook {
    mend: Option<fn(&mut Value)>,
    sent: Mutex<Vec<Value>>,
}

type Shared = Arc<Mutex<Hook>>;

fn converted(object: &Value, version: &str) -> Value {
    let mut object = object.clone();
    object["apiVersion"] = json!(version);
    let Value::Object(spec) = &mut object["spec"] else { return object };
    match version {
        "example.com/v2" => {
            if let Some(size) = spec.remove("size") {
                spec.insert("parts".to_owned(), json!({"size": size}));
            }
        }
        _ => {
            if let Some(size) = spec.remove("parts").and_then(|parts| parts.get("size").cloned()) {
                spec.insert("size".to_owned(), size);
            }
        }
    }
    object
}

fn hook(state: &Shared) -> Outgoing {
    let state = state.clone();
    Arc::new(move |request: Request<Bytes>| {
        let review: Value = serde_json::from_slice(request.body()).expect("a review");
        if review["kind"] == "AdmissionReview" {
            let answer = json!({
                "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
                "response": {"uid": review["request"]["uid"], "allowed": true},
            });
            state.lock().expect("not poisoned").sent.lock().expect("not poisoned").push(review);
            return Box::pin(async move { Ok(http::Response::new(Bytes::from(answer.to_string()))) });
        }
        let wanted = review["request"]["desiredAPIVersion"].as_str().expect("a version").to_owned();
        let objects: Vec<Value> =
            review["request"]["objects"].as_array().expect("objects").iter().map(|one| converted(one, &wanted)).collect();
        let mut answer = json!({
            "apiVersion": review["apiVersion"], "kind": "ConversionReview",
            "response": {"uid": review["request"]["uid"], "convertedObjects": objects, "result": {"status": "Success"}},
        });
        let state = state.lock().expect("not poisoned");
        if let Some(mend) = state.mend {
            mend(&mut answer);
        }
        let mut told = review;
        told["url"] = json!(request.uri().to_string());
        told["authorities"] = json!(request.extensions().get::<apiserver::Authorities>().map(|all| all.0.clone()));
        state.sent.lock().expect("not poisoned").push(told);
        Box::pin(async move { Ok(http::Response::new(Bytes::from(answer.to_string()))) })
    })
}

fn versions(reviews: Value) -> Value {
    let mut made = definition();
    made["spec"]["conversion"] = json!({
        "strategy": "Webhook",
        "webhook": {
            "conversionReviewVersions": reviews,
            "clientConfig": {"service": {"name": "convert", "namespace": "kube-system", "path": "/crd"}, "caBundle": "cGVt"},
        },
    });
    let mut second = made["spec"]["versions"][0].clone();
    second["name"] = json!("v2");
    second["storage"] = json!(false);
    second["schema"]["openAPIV3Schema"]["properties"]["spec"] = json!({
        "type": "object", "required": ["parts"],
        "properties": {
            "parts": {"type": "object", "properties": {"size": {"type": "integer", "minimum": 1}}},
            "color": {"type": "string", "default": "red"}, "replicas": {"type": "integer"},
            "extra": {"type": "string", "default": "plain"},
        },
    });
    if let Some(list) = made["spec"]["versions"].as_array_mut() {
        list.push(second);
    }
    made
}

fn second(name: &str, size: i64) -> Value {
    json!({"apiVersion": "example.com/v2", "kind": "Widget", "metadata": {"name": name}, "spec": {"parts": {"size": size}}})
}

async fn world() -> (World, Shared) {
    let state = Shared::default();
    let world = World::calling(Store::memory(), hook(&state));
    ok(world.post(CRDS, versions(json!(["v1"]))).await);
    (world, state)
}

fn asked(state: &Shared) -> usize {
    state.lock().expect("not poisoned").sent.lock().expect("not poisoned").len()
}

fn last(state: &Shared) -> Value {
    state.lock().expect("not poisoned").sent.lock().expect("not poisoned").last().cloned().unwrap_or_default()
}

fn break_it(state: &Shared, mend: fn(&mut Value)) {
    state.lock().expect("not poisoned").mend = Some(mend);
}

fn mend_it(state: &Shared) {
    state.lock().expect("not poisoned").mend = None;
}

#[tokio::test]
async fn each_version_shows_the_same_objects_in_its_own_form() {
    let (world, state) = world().await;
    let made = ok(world.post(WIDGETS, widget("a", 3)).await);
    // The first version is the one that is stored.
    assert_eq!((asked(&state), &made["spec"]), (0, &json!({"size": 3, "color": "red"})));
    let seen = ok(world.get(&format!("{SECOND}/a")).await);
    assert_eq!(
        (&seen["apiVersion"], &seen["spec"]),
        (&json!("example.com/v2"), &json!({"parts": {"size": 3}, "color": "red", "extra": "plain"}))
    );
    assert_eq!(
        (&seen["metadata"]["uid"], &seen["metadata"]["resourceVersion"]),
        (&made["metadata"]["uid"], &made["metadata"]["resourceVersion"])
    );
    let told = last(&state);
    assert_eq!(told["url"], "https://convert.kube-system.svc:443/crd?timeout=30s");
    assert_eq!((&told["authorities"], &told["apiVersion"]), (&json!(b"pem"), &json!("apiextensions.k8s.io/v1")));
    assert_eq!(told["request"]["objects"][0]["metadata"].get("resourceVersion"), None);
    // The same state is not asked for again.
    ok(world.get(&format!("{SECOND}/a")).await);
    assert_eq!(asked(&state), 1);
    let written = ok(world.post(SECOND, second("b", 5)).await);
    assert_eq!(written["spec"], json!({"parts": {"size": 5}, "color": "red", "extra": "plain"}));
    let stored = world.store.get("/registry/example.com/widgets/default/b").expect("stored");
    let stored: Value = serde_json::from_slice(&stored.value).expect("an object");
    assert_eq!((&stored["apiVersion"], &stored["spec"]["size"]), (&json!("example.com/v1"), &json!(5)));
    refused(world.post(SECOND, second("c", 0)).await, 422, "spec.parts.size");
    ok(world.merge(&format!("{SECOND}/b"), json!({"spec": {"parts": {"size": 6}}})).await);
    assert_eq!(ok(world.get(&format!("{WIDGETS}/b")).await)["spec"]["size"], 6);
    let status = ok(world.merge(&format!("{SECOND}/b/status"), json!({"status": {"replicas": 2}})).await);
    assert_eq!((&status["status"]["replicas"], &status["spec"]["parts"]["size"]), (&json!(2), &json!(6)));
    let scaled = ok(world.merge(&format!("{SECOND}/b/scale"), json!({"spec": {"replicas": 4}})).await);
    assert_eq!(scaled["spec"]["replicas"], 4);
    // The scale of the version that is not stored is read through the webhook.
    assert_eq!(ok(world.get(&format!("{SECOND}/b/scale")).await)["spec"]["replicas"], 4);
    let dry = ok(world.merge(&format!("{SECOND}/b?dryRun=All"), json!({"spec": {"parts": {"size": 9}}})).await);
    assert_eq!((&dry["spec"]["parts"]["size"], &ok(world.get(&format!("{WIDGETS}/b")).await)["spec"]["size"]), (&json!(9), &json!(6)));
}

#[tokio::test]
async fn a_list_is_converted_in_one_request_and_deleted_in_any_version() {
    let (world, state) = world().await;
    for index in 0..5 {
        ok(world.post(WIDGETS, widget(&format!("w{index}"), index + 1)).await);
    }
    let list = ok(world.get(SECOND).await);
    assert_eq!((asked(&state), list["items"].as_array().map(Vec::len)), (1, Some(5)));
    assert_eq!((&list["kind"], &list["items"][4]["spec"]["parts"]["size"]), (&json!("WidgetList"), &json!(5)));
    ok(world.merge(&format!("{WIDGETS}/w4"), json!({"metadata": {"labels": {"x": "1"}}})).await);
    let one = ok(world.get(&format!("{SECOND}?labelSelector=x")).await);
    assert_eq!((asked(&state), one["items"].as_array().map(Vec::len)), (2, Some(1)));
    ok(world.merge(&format!("{WIDGETS}/w0"), json!({"spec": {"size": 7}})).await);
    let page = ok(world.get(&format!("{SECOND}?limit=1")).await);
    assert_eq!((page["items"][0]["spec"]["parts"]["size"].clone(), &page["metadata"]["remainingItemCount"]), (json!(7), &json!(4)));
    let mut request = world.request(Method::GET, SECOND, "", Value::Null);
    request.headers_mut().insert(header::ACCEPT, "application/json;as=Table;v=v1;g=meta.k8s.io".parse().expect("a header"));
    assert_eq!(ok(world.send(request).await)["rows"].as_array().map(Vec::len), Some(5));
    ok(world.merge(&format!("{SECOND}/w1"), json!({"metadata": {"finalizers": ["example.com/hold"]}})).await);
    let marked = ok(world.delete(&format!("{SECOND}/w1"), Value::Null).await);
    assert_eq!((&marked["apiVersion"], &marked["spec"]["parts"]["size"]), (&json!("example.com/v2"), &json!(2)));
    assert!(marked["metadata"]["deletionTimestamp"].is_string());
    ok(world.merge(&format!("{SECOND}/w1"), json!({"metadata": {"finalizers": null}})).await);
    assert_eq!(world.get(&format!("{WIDGETS}/w1")).await.0, 404);
    // What is removed in consequence of something else needs no webhook.
    break_it(&state, |answer| answer["response"] = Value::Null);
    ok(world.delete(&format!("{CRDS}/widgets.example.com"), Value::Null).await);
    assert!(world.store.scan("/registry/example.com/").0.is_empty());
}

#[tokio::test]
async fn a_watch_tells_events_in_its_version_until_one_cannot_be_had() {
    let (world, state) = world().await;
    ok(world.post(WIDGETS, widget("a", 1)).await);
    let breaks = async {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        ok(world.merge(&format!("{WIDGETS}/a"), json!({"spec": {"size": 2}})).await);
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        ok(world.delete(&format!("{WIDGETS}/a"), Value::Null).await);
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        break_it(&state, |answer| answer["response"]["result"] = json!({"status": "Failure", "message": "not today"}));
        ok(world.post(WIDGETS, widget("b", 1)).await);
    };
    let path = format!("{SECOND}?watch=true");
    let (seen, ()) = tokio::join!(lines(&world, &path, 5), breaks);
    let told: Vec<String> = seen.iter().map(|one| format!("{} {}", one["type"], one["object"]["spec"]["parts"]["size"])).collect();
    assert_eq!(told, ["\"ADDED\" 1", "\"MODIFIED\" 2", "\"DELETED\" 2", "\"ERROR\" null"]);
    assert_eq!(
        (&seen[3]["object"]["code"], &seen[3]["object"]["message"]),
        (&json!(500), &json!("Internal error occurred: conversion webhook for example.com/v1, Kind=Widget failed: not today"))
    );
    refused(world.get(&path).await, 500, "conversion webhook for example.com/v1, Kind=Widget failed: not today");
}

#[tokio::test]
async fn answers_that_change_more_than_the_form_are_refused() {
    let (world, state) = world().await;
    for name in ["a", "b"] {
        ok(world.post(WIDGETS, widget(name, 1)).await);
    }
    let check = async |mend: fn(&mut Value), path: &str, words: &str| {
        break_it(&state, mend);
        let (code, told) = world.get(path).await;
        assert_eq!((code, told["reason"].clone()), (500, Value::Null), "{told}");
        let wanted = format!("conversion webhook for example.com/v1, Kind=Widget {words}");
        let message = told["message"].as_str().unwrap_or_default().to_owned();
        assert!(message.starts_with(&wanted), "{message}\n{wanted}");
    };
    let one = format!("{SECOND}/a");
    check(|answer| answer["response"] = Value::Null, &one, "failed: no response provided").await;
    check(|answer| answer["response"]["uid"] = json!("x"), &one, "failed: expected response.uid=").await;
    let nothing: fn(&mut Value) = |answer| answer["response"]["result"] = json!({});
    check(nothing, &one, "failed: response.result.status was '', not 'Success'").await;
    check(|answer| answer["response"]["convertedObjects"] = json!([]), &one, "returned 0 objects, expected 1").await;
    let version: fn(&mut Value) = |answer| answer["response"]["convertedObjects"][0]["apiVersion"] = json!("example.com/v1");
    check(version, &one, "returned invalid object at index 0: invalid groupVersion (expected example.com/v2, received example.com/v1)")
        .await;
    let kind: fn(&mut Value) = |answer| answer["response"]["convertedObjects"][1]["kind"] = json!("Gadget");
    check(kind, SECOND, "returned invalid converted object at index 2: invalid kind (expected Widget, received Gadget)").await;
    let name: fn(&mut Value) = |answer| answer["response"]["convertedObjects"][0]["metadata"]["name"] = json!("z");
    check(name, &one, "returned invalid object: must have the same name: a != z").await;
    let label: fn(&mut Value) = |answer| answer["response"]["convertedObjects"][0]["metadata"]["labels"] = json!({"x": 1});
    check(label, &one, "returned invalid metadata: metadata.labels[x] must be a string, but is int64 in converted object").await;
    let wrong: fn(&mut Value) = |answer| answer["response"]["convertedObjects"][0]["metadata"]["labels"] = json!({"x": "a b"});
    check(wrong, &one, "returned invalid metadata: metadata.labels: Invalid value: \"a b\"").await;
    check(|answer| answer["kind"] = json!("Other"), &one, "failed: no kind \"Other\" is registered for version").await;
    // Labels and annotations may change; what else is in the metadata is put back.
    break_it(&state, |answer| {
        let metadata = &mut answer["response"]["convertedObjects"][0]["metadata"];
        metadata["annotations"] = json!({"by": "hook"});
        metadata["generation"] = json!(99);
    });
    let seen = ok(world.get(&one).await);
    assert_eq!((&seen["metadata"]["annotations"], &seen["metadata"]["generation"]), (&json!({"by": "hook"}), &json!(1)));
    mend_it(&state);
    break_it(&state, |answer| answer["response"]["result"] = json!({"status": "Failure", "message": "no"}));
    refused(world.post(SECOND, second("c", 1)).await, 500, "conversion webhook for example.com/v2, Kind=Widget failed: no");
}

#[tokio::test]
async fn the_older_review_is_spoken_where_nothing_else_is_understood() {
    let state = Shared::default();
    let world = World::calling(Store::memory(), hook(&state));
    ok(world.post(CRDS, versions(json!(["v7", "v1beta1"]))).await);
    ok(world.post(WIDGETS, widget("a", 3)).await);
    break_it(&state, |answer| answer["response"]["uid"] = json!("not looked at"));
    assert_eq!(ok(world.get(&format!("{SECOND}/a")).await)["spec"]["parts"]["size"], 3);
    assert_eq!(last(&state)["apiVersion"], "apiextensions.k8s.io/v1beta1");
    let wrong = versions(json!(["v7"]));
    refused(world.post(&format!("{CRDS}?dryRun=All"), wrong).await, 422, "must include at least one of v1, v1beta1");
    let none = versions(json!([]));
    refused(world.post(&format!("{CRDS}?dryRun=All"), none).await, 422, "spec.conversion.conversionReviewVersions: Required value");
}

#[tokio::test]
async fn the_storage_version_may_move_and_what_lies_in_the_old_one_is_still_read() {
    let (world, _) = world().await;
    ok(world.post(WIDGETS, widget("a", 3)).await);
    let place = format!("{CRDS}/widgets.example.com");
    let mut live = ok(world.get(&place).await);
    live["spec"]["versions"][0]["storage"] = json!(false);
    live["spec"]["versions"][0]["served"] = json!(false);
    live["spec"]["versions"][1]["storage"] = json!(true);
    let moved = ok(world.put(&place, live).await);
    assert_eq!(moved["status"]["storedVersions"], json!(["v1", "v2"]));
    assert_eq!(ok(world.get(&format!("{SECOND}/a")).await)["spec"]["parts"]["size"], 3);
    assert_eq!(world.get(&format!("{WIDGETS}/a")).await.0, 404);
    ok(world.merge(&format!("{SECOND}/a"), json!({"metadata": {"labels": {"moved": "yes"}}})).await);
    let stored = world.store.get("/registry/example.com/widgets/default/a").expect("stored");
    assert!(stored.value.starts_with(b"{\"apiVersion\":\"example.com/v2\""));
}

#[tokio::test]
async fn owners_keep_their_fields_in_the_version_in_which_they_speak() {
    let (world, _) = world().await;
    let (first, later) = (format!("{WIDGETS}/a"), format!("{SECOND}/a"));
    let mut config = widget("a", 3);
    config["spec"]["color"] = json!("blue");
    ok(world.apply(&first, "one", config.clone()).await);
    refused(world.apply(&later, "two", second("a", 4)).await, 409, "conflict with \"one\": .spec.size");
    let shared = ok(world.apply(&later, "two", second("a", 3)).await);
    let owners = |object: &Value| -> Vec<String> {
        let list = object["metadata"]["managedFields"].as_array().cloned().unwrap_or_default();
        let mut told: Vec<String> =
            list.iter().map(|one| format!("{} {}", one["manager"].as_str().unwrap_or_default(), one["fieldsV1"]["f:spec"])).collect();
        told.sort();
        told
    };
    assert_eq!(owners(&shared), [r#"one {"f:color":{},"f:size":{}}"#, r#"two {"f:parts":{"f:size":{}}}"#]);
    // Whoever takes a field in one version takes it from its owner in the other.
    let forced = ok(world.apply(&format!("{later}?force=true"), "two", second("a", 4)).await);
    assert_eq!(owners(&forced), [r#"one {"f:color":{}}"#, r#"two {"f:parts":{"f:size":{}}}"#]);
    let changed = ok(world.merge(&first, json!({"spec": {"size": 5}})).await);
    assert!(owners(&changed).contains(&r#"one {"f:color":{}}"#.to_owned()), "{:?}", owners(&changed));
    assert!(owners(&changed).iter().any(|one| one.ends_with(r#"{"f:size":{}}"#)), "{:?}", owners(&changed));
    assert!(!owners(&changed).iter().any(|one| one.starts_with("two")), "{:?}", owners(&changed));
    // Who applies in the other version now gives up what it applied in the first.
    let mut without = second("a", 5);
    without["spec"]["extra"] = json!("mine");
    let moved = ok(world.apply(&later, "one", without).await);
    assert_eq!((&moved["spec"]["color"], &moved["spec"]["parts"]["size"]), (&json!("red"), &json!(5)));
    let mine: Vec<String> = owners(&moved).into_iter().filter(|one| one.starts_with("one")).collect();
    assert_eq!(mine, [r#"one {"f:extra":{},"f:parts":{"f:size":{}}}"#]);
}

#[tokio::test]
async fn a_webhook_that_knows_one_version_is_asked_in_that_one() {
    let (world, state) = world().await;
    let hook = json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration", "metadata": {"name": "hook"},
        "webhooks": [{
            "name": "hook.example.com", "sideEffects": "None", "admissionReviewVersions": ["v1"],
            "clientConfig": {"url": "https://hook.example.com/"},
            "rules": [{"apiGroups": ["example.com"], "apiVersions": ["v2"], "resources": ["widgets"], "operations": ["CREATE"]}],
        }],
    });
    ok(world.post("/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations", hook).await);
    ok(world.post(WIDGETS, widget("a", 3)).await);
    let told = last(&state);
    assert_eq!((&told["request"]["kind"]["version"], &told["request"]["requestKind"]["version"]), (&json!("v2"), &json!("v1")));
    assert_eq!(
        (&told["request"]["object"]["apiVersion"], &told["request"]["object"]["spec"]["parts"]["size"]),
        (&json!("example.com/v2"), &json!(3))
    );
}
