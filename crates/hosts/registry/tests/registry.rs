//! The registry through its HTTP interface, in process.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::body::Body;
use base64::Engine as _;
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use model::{Caller, Clock, Digest, Timestamp};
use registry::{Access, Account, ImmutableTags, Options, Permission, Registry, Rule};
use serde_json::{Value, json};
use store::{Blobs, Store};
use tower::ServiceExt as _;

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

struct Fixed(Mutex<Timestamp>);

impl Clock for Fixed {
    fn now(&self) -> Timestamp {
        *self.0.lock().expect("no holder panics")
    }
}

struct World {
    registry: Registry,
    clock: Arc<Fixed>,
    store: Store,
    sent: Arc<Mutex<Vec<Value>>>,
    up: Arc<Mutex<bool>>,
}

fn rule(who: &str, repositories: &str, actions: &[Permission]) -> Rule {
    Rule { who: who.into(), repositories: repositories.into(), actions: actions.to_vec() }
}

fn world(access: Access) -> World {
    let clock = Arc::new(Fixed(Mutex::new("2026-01-01T00:00:00Z".parse().expect("a time"))));
    let (sent, up, store) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(true)), Store::memory());
    let (to, works) = (Arc::clone(&sent), Arc::clone(&up));
    let options = Options {
        clock: clock.clone(),
        store: store.clone(),
        blobs: Blobs::memory(),
        outgoing: Arc::new(move |request| {
            let (to, works) = (Arc::clone(&to), Arc::clone(&works));
            Box::pin(async move {
                if !*works.lock().expect("no holder panics") {
                    return Err("down".to_owned());
                }
                to.lock().expect("no holder panics").push(serde_json::from_slice(request.body()).expect("JSON"));
                Ok(Response::new(bytes::Bytes::new()))
            })
        }),
        system_hooks: vec!["http://kargo/hook".to_owned()],
        realm_url: String::new(),
        access,
        verify_token: Arc::new(|token| match token {
            "good.job.token" => Ok(BTreeMap::from([
                ("sub".to_owned(), json!("repo:org/deployment:ref:refs/heads/main")),
                ("job_workflow_ref".to_owned(), json!("org/deployment/.gitea/workflows/build.yml@refs/heads/main")),
            ])),
            _ => Err("the signature does not verify".to_owned()),
        }),
        immutable_tags: vec![("free/**".to_owned(), ImmutableTags::None)],
    };
    World { registry: Registry::new(options).expect("opens"), clock, store, sent, up }
}

impl World {
    async fn send(&self, request: Request<Body>) -> Response<Body> {
        self.registry.router().oneshot(request).await.expect("a router always answers")
    }

    async fn call(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> (StatusCode, http::HeaderMap, Vec<u8>) {
        let mut request = Request::builder().method(method).uri(path).header("host", "registry.internal");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = self.send(request.body(Body::from(body.to_vec())).expect("a request")).await;
        let (parts, body) = response.into_parts();
        (parts.status, parts.headers, body.collect().await.expect("a body").to_bytes().to_vec())
    }

    async fn blob(&self, repository: &str, bytes: &[u8]) -> Digest {
        let digest = Digest::of(bytes);
        let (status, ..) = self.call("POST", &format!("/v2/{repository}/blobs/uploads/?digest={digest}"), &[], bytes).await;
        assert_eq!(status, StatusCode::CREATED);
        digest
    }

    async fn image(&self, repository: &str, content: &str) -> Vec<u8> {
        let config = self.blob(repository, b"{}").await;
        let layer = self.blob(repository, content.as_bytes()).await;
        let config = oci::Descriptor::new("application/x.config", config, 2);
        oci::Manifest::new(config, vec![oci::Descriptor::new("text/plain", layer, content.len() as u64)]).to_bytes()
    }

    async fn put(&self, repository: &str, reference: &str, manifest: &[u8]) -> (StatusCode, http::HeaderMap, Vec<u8>) {
        self.call("PUT", &format!("/v2/{repository}/manifests/{reference}"), &[("content-type", MANIFEST)], manifest).await
    }
}

fn code(body: &[u8]) -> String {
    let body: Value = serde_json::from_slice(body).expect("JSON");
    body["errors"][0]["code"].as_str().unwrap_or_default().to_owned()
}

fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}")))
}

#[tokio::test]
async fn what_was_pushed_comes_back_exactly_and_only_from_its_repository() {
    let world = world(Access::open());
    let manifest = world.image("a/b", "hello").await;
    let spaced = [manifest.as_slice(), b"\n \n"].concat();
    let (status, headers, _) = world.put("a/b", "main", &spaced).await;
    assert_eq!((status, headers["docker-content-digest"].to_str().expect("text")), (StatusCode::CREATED, Digest::of(&spaced).as_str()));
    let (status, headers, body) = world.call("GET", "/v2/a/b/manifests/main", &[("accept", "text/plain")], b"").await;
    assert_eq!((status, headers["content-type"].to_str().expect("text"), body), (StatusCode::OK, MANIFEST, spaced));
    let blob = Digest::of(b"hello");
    let (status, headers, body) = world.call("GET", &format!("/v2/a/b/blobs/{blob}"), &[("range", "bytes=1-2")], b"").await;
    assert_eq!(
        (status, headers["content-range"].to_str().expect("text"), body.as_slice()),
        (StatusCode::PARTIAL_CONTENT, "bytes 1-2/5", &b"el"[..])
    );
    for method in ["GET", "HEAD"] {
        assert_eq!(world.call(method, &format!("/v2/other/blobs/{blob}"), &[], b"").await.0, StatusCode::NOT_FOUND);
    }
    let (status, ..) = world.call("DELETE", &format!("/v2/a/b/blobs/{blob}"), &[], b"").await;
    assert_eq!(status, StatusCode::METHOD_NOT_ALLOWED, "in use");
}

#[tokio::test]
async fn a_hole_is_refused_and_the_upload_stays_usable() {
    let world = world(Access::open());
    let (_, headers, _) = world.call("POST", "/v2/a/blobs/uploads/", &[], b"").await;
    let place = headers["location"].to_str().expect("text").to_owned();
    assert_eq!(world.call("PATCH", &place, &[("content-range", "0-2")], b"abc").await.0, StatusCode::ACCEPTED);
    for (range, body) in [("5-6", "fg"), ("0-2", "abc"), ("x", "d")] {
        assert_eq!(
            world.call("PATCH", &place, &[("content-range", range)], body.as_bytes()).await.0,
            StatusCode::RANGE_NOT_SATISFIABLE,
            "{range}"
        );
    }
    let (status, headers, _) = world.call("GET", &place, &[], b"").await;
    assert_eq!((status, &headers["range"]), (StatusCode::NO_CONTENT, &"0-2".parse().expect("a value")));
    let digest = Digest::of(b"abcd");
    assert_eq!(world.call("PUT", &format!("{place}?digest={digest}"), &[], b"d").await.0, StatusCode::CREATED);
    assert_eq!(world.call("PUT", &format!("{place}?digest={digest}"), &[], b"").await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_version_keeps_its_digest_even_after_its_tag_was_deleted() {
    let world = world(Access::open());
    let (first, second) = (world.image("app", "one").await, world.image("app", "two").await);
    assert_eq!(world.put("app", "1.4.3", &first).await.0, StatusCode::CREATED);
    assert_eq!(world.put("app", "1.4.3", &first).await.0, StatusCode::CREATED);
    let (status, _, body) = world.put("app", "1.4.3", &second).await;
    assert_eq!((status, code(&body).as_str()), (StatusCode::CONFLICT, "DENIED"));
    assert_eq!(world.call("DELETE", "/v2/app/manifests/1.4.3", &[], b"").await.0, StatusCode::ACCEPTED);
    assert_eq!(world.put("app", "1.4.3", &second).await.0, StatusCode::CONFLICT);
    for tag in ["main", "latest"] {
        assert_eq!(world.put("app", tag, &first).await.0, StatusCode::CREATED);
        assert_eq!(world.put("app", tag, &second).await.0, StatusCode::CREATED);
    }
    let (first, second) = (world.image("free/x", "one").await, world.image("free/x", "two").await);
    assert_eq!(world.put("free/x", "1.4.3", &first).await.0, StatusCode::CREATED);
    assert_eq!(world.put("free/x", "1.4.3", &second).await.0, StatusCode::CREATED);
}

#[tokio::test]
async fn referrers_are_listed_by_kind_and_tags_by_page() {
    let world = world(Access::open());
    let image = world.image("app", "one").await;
    let subject = oci::Descriptor::of(MANIFEST, &image);
    for (kind, tag) in [("application/x.sig", "b"), ("application/x.sbom", "a")] {
        let mut manifest: oci::Manifest = serde_json::from_slice(&image).expect("parses");
        manifest.artifact_type = Some(kind.to_owned());
        manifest.subject = Some(subject.clone());
        let (status, headers, _) = world.put("app", tag, &manifest.to_bytes()).await;
        assert_eq!((status, headers["oci-subject"].to_str().expect("text")), (StatusCode::CREATED, subject.digest.as_str()));
    }
    let (_, headers, body) =
        world.call("GET", &format!("/v2/app/referrers/{}?artifactType=application%2Fx.sig", subject.digest), &[], b"").await;
    let list: oci::Index = serde_json::from_slice(&body).expect("an index");
    assert_eq!((list.manifests.len(), list.manifests[0].artifact_type.as_deref()), (1, Some("application/x.sig")));
    assert_eq!(headers["oci-filters-applied"], "artifactType");
    let (_, headers, body) = world.call("GET", "/v2/app/tags/list?n=1", &[], b"").await;
    assert_eq!(body, br#"{"name":"app","tags":["a"]}"#);
    assert_eq!(headers["link"], "</v2/app/tags/list?n=1&last=a>; rel=\"next\"");
}

#[tokio::test]
async fn only_the_right_workflow_pushes_and_tokens_are_short() {
    let world = world(Access {
        accounts: vec![Account { name: "ann".to_owned(), password: "secret".to_owned() }],
        rules: vec![
            rule("*", "**", &[Permission::Pull]),
            rule("workflow:org/deployment/.gitea/workflows/build.yml@refs/heads/main", "deployments/*", &[Permission::Push]),
        ],
    });
    let (status, headers, _) = world.call("GET", "/v2/", &[], b"").await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    assert_eq!(headers["www-authenticate"], "Bearer realm=\"http://registry.internal/token\",service=\"registry.internal\"");
    assert_eq!(world.call("GET", "/v2/deployments/x/tags/list", &[], b"").await.0, StatusCode::NOT_FOUND, "anonymous pull");
    let token = async |user: &str, password: &str, scope: &str| {
        let credentials = basic(user, password);
        let headers: &[(&str, &str)] = if user.is_empty() { &[] } else { &[("authorization", &credentials)] };
        let (status, _, body) = world.call("GET", &format!("/token?service=registry.internal&scope={scope}"), headers, b"").await;
        let body: Value = serde_json::from_slice(&body).expect("JSON");
        (status, format!("Bearer {}", body["token"].as_str().unwrap_or_default()))
    };
    let push = async |authorization: &str, repository: &str| {
        let headers: &[(&str, &str)] = if authorization.is_empty() { &[] } else { &[("authorization", authorization)] };
        world.call("POST", &format!("/v2/{repository}/blobs/uploads/"), headers, b"").await
    };
    let (status, headers, _) = push("", "deployments/x").await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    assert!(headers["www-authenticate"].to_str().expect("text").contains("scope=\"repository:deployments/x:pull,push\""));
    let scope = "repository:deployments/x:pull,push";
    let (_, job) = token("oidc", "good.job.token", scope).await;
    assert_eq!(push(&job, "deployments/x").await.0, StatusCode::ACCEPTED);
    assert_eq!(push(&job, "deployments/y").await.0, StatusCode::UNAUTHORIZED, "outside the token's scope");
    assert_eq!(push(&job, "apps/x").await.0, StatusCode::FORBIDDEN);
    assert_eq!(push(&basic("oidc", "good.job.token"), "deployments/y").await.0, StatusCode::ACCEPTED);
    let (_, ann) = token("ann", "secret", scope).await;
    assert_eq!(push(&ann, "deployments/x").await.0, StatusCode::FORBIDDEN);
    let (status, nobody) = token("", "", scope).await;
    assert_eq!((status, push(&nobody, "deployments/x").await.0), (StatusCode::OK, StatusCode::UNAUTHORIZED));
    for (user, password) in [("ann", "wrong"), ("oidc", "evil.job.token"), ("bob", "good.job.token")] {
        assert_eq!(token(user, password, scope).await.0, StatusCode::UNAUTHORIZED, "{user}");
        assert_eq!(push(&basic(user, password), "deployments/x").await.0, StatusCode::UNAUTHORIZED, "{user}");
    }
    let mut forged = job.clone();
    forged.insert(12, 'x');
    assert_eq!(push(&forged, "deployments/x").await.0, StatusCode::UNAUTHORIZED);
    *world.clock.0.lock().expect("no holder panics") = "2026-01-01T00:05:00Z".parse().expect("a time");
    assert_eq!(push(&job, "deployments/x").await.0, StatusCode::UNAUTHORIZED, "expired");
    let mut inside = Request::post("/v2/apps/x/blobs/uploads/").body(Body::empty()).expect("a request");
    inside.extensions_mut().insert(Caller::master("builder"));
    assert_eq!(world.send(inside).await.status(), StatusCode::ACCEPTED);
}

#[tokio::test]
async fn every_push_is_told_even_if_the_receiver_was_down() {
    let world = world(Access::open());
    *world.up.lock().expect("no holder panics") = false;
    let wakeup = world.registry.wakeup();
    let manifest = world.image("app", "one").await;
    world.put("app", "1.0.0", &manifest).await;
    assert!(wakeup.has_changed().expect("the registry lives"));
    assert_eq!(world.registry.deliver_pending().await, 1);
    assert_eq!(world.store.scan("event:").0.len(), 1, "it is on disk until it was taken");
    *world.up.lock().expect("no holder panics") = true;
    assert_eq!(world.registry.deliver_pending().await, 0);
    let sent = world.sent.lock().expect("no holder panics").clone();
    let target = &sent[0]["events"][0]["target"];
    assert_eq!((&target["repository"], &target["tag"], &target["digest"]), (&json!("app"), &json!("1.0.0"), &json!(Digest::of(&manifest))));
}

#[tokio::test]
async fn unpushed_parts_wrong_types_and_sizes_are_refused() {
    let world = world(Access::open());
    let good = String::from_utf8(world.image("app", "one").await).expect("text");
    let cases = [
        (good.replace(Digest::of(b"one").hex(), Digest::of(b"two").hex()), MANIFEST, 400, "MANIFEST_BLOB_UNKNOWN"),
        (good.replace("\"size\":3", "\"size\":4"), MANIFEST, 400, "MANIFEST_INVALID"),
        (good.clone(), "application/vnd.oci.image.index.v1+json", 400, "MANIFEST_INVALID"),
        (good.clone(), "text/plain", 415, "MANIFEST_INVALID"),
        (good.replace("\"schemaVersion\":2", "\"schemaVersion\":3"), MANIFEST, 400, "MANIFEST_INVALID"),
        (format!("{good}{}", " ".repeat(5 << 20)), MANIFEST, 413, "MANIFEST_INVALID"),
        (String::new(), MANIFEST, 400, "MANIFEST_INVALID"),
    ];
    for (body, kind, wanted, word) in cases {
        let (status, _, answer) = world.call("PUT", "/v2/app/manifests/x", &[("content-type", kind)], body.as_bytes()).await;
        assert_eq!((status.as_u16(), code(&answer).as_str()), (wanted, word), "{kind}");
    }
    for path in ["/v2/app/manifests/a+b", "/v2/app/manifests/.x", "/v2/App/manifests/x", "/v2/a/../b/manifests/x"] {
        let (status, ..) = world.call("PUT", path, &[("content-type", MANIFEST)], good.as_bytes()).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{path}");
    }
}
