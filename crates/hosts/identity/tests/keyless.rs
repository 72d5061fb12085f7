//! Keyless signing from the job's request token to the verified bundle, through the routers as a real client goes.

use std::path::Path;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http::{Request, StatusCode, header};
use http_body_util::BodyExt as _;
use identity::{Identity, Options};
use model::{Clock, Digest, Timestamp};
use oci::{Descriptor, Manifest, media_type};
use serde_json::{Value, json};
use sign::{Envelope, EphemeralKey, Evidence, Legacy, Match, Policy, Refusal, Signer as _, TrustRoot, Verified};
use store::Store;
use tower::ServiceExt as _;

const ISSUER: &str = "https://gitea.internal";
const WORKFLOW: &str = "org/app/.gitea/workflows/build.yml@refs/heads/main";

struct Fixed(Mutex<Timestamp>);

impl Clock for Fixed {
    fn now(&self) -> Timestamp {
        *self.0.lock().expect("no holder panics")
    }
}

struct World {
    identity: Identity,
    clock: Arc<Fixed>,
}

struct Reply {
    status: StatusCode,
    headers: http::HeaderMap,
    body: Vec<u8>,
}

impl Reply {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }
}

fn world(store: Store) -> World {
    let clock = Arc::new(Fixed(Mutex::new("2026-01-01T12:00:00.7Z".parse().expect("a time"))));
    let options = Options {
        clock: clock.clone(),
        store,
        issuer_url: format!("{ISSUER}/"),
        external_url: "https://identity.internal:8443".to_owned(),
        resolve: Arc::new(|token| {
            Box::pin(async move {
                let mut claims = json!({
                    "sub": "repo:org/app:ref:refs/heads/main", "repository": "org/app", "repository_owner": "org", "repository_id": 7,
                    "ref": "refs/heads/main", "sha": "7f".repeat(20), "event_name": "push", "workflow": "build", "run_id": "42",
                    "run_attempt": "1", "workflow_ref": WORKFLOW, "job_workflow_ref": WORKFLOW, "runner_environment": "self-hosted",
                    "iss": "https://evil.internal", "exp": 99_999_999_999_i64,
                });
                match token.as_str() {
                    "job" => Ok(claims),
                    "nameless" => {
                        claims["job_workflow_ref"] = json!("");
                        Ok(claims)
                    }
                    _ => Err("no job has this request token".to_owned()),
                }
            })
        }),
    };
    World { identity: Identity::new(options).expect("opens"), clock }
}

async fn call(router: Router, method: &str, path: &str, bearer: Option<&str>, body: Vec<u8>) -> Reply {
    let mut request = Request::builder().method(method).uri(path);
    if let Some(token) = bearer {
        request = request.header(header::AUTHORIZATION, format!("bearer {token}"));
    }
    let response = router.oneshot(request.body(Body::from(body)).expect("a request")).await.expect("answers");
    let (status, headers) = (response.status(), response.headers().clone());
    let body = response.into_body().collect().await.expect("a body").to_bytes().to_vec();
    Reply { status, headers, body }
}

impl World {
    async fn service(&self, method: &str, path: &str, bearer: Option<&str>, body: impl Into<Vec<u8>>) -> Reply {
        call(self.identity.services_router(), method, path, bearer, body.into()).await
    }

    async fn token(&self, request_token: &str, query: &str) -> Reply {
        let path = format!("/api/actions/oidc/token?x=y{query}");
        call(self.identity.issuer_router(), "GET", &path, Some(request_token), Vec::new()).await
    }

    async fn job_token(&self) -> String {
        let reply = self.token("job", "&audience=sigstore").await;
        assert_eq!((reply.status, &reply.headers[header::CACHE_CONTROL]), (StatusCode::OK, &"no-store".parse().expect("a value")));
        reply.json()["value"].as_str().expect("a token").to_owned()
    }

    /// Returns the certificate's PEM.
    async fn certificate(&self, key: &EphemeralKey) -> String {
        let body = sign::certificate_request(key, "repo:org/app:ref:refs/heads/main").to_string();
        let reply = self.service("POST", "/api/v2/signingCert", Some(&self.job_token().await), body).await;
        assert_eq!(reply.status, StatusCode::OK, "{}", String::from_utf8_lossy(&reply.body));
        let answer = reply.json();
        let chain = answer["signedCertificateEmbeddedSct"]["chain"]["certificates"].as_array().expect("a chain").clone();
        assert_eq!(chain.len(), 2);
        chain[0].as_str().expect("PEM").to_owned()
    }

    async fn log(&self, entry: &Value) -> Reply {
        self.service("POST", "/api/v1/log/entries", None, entry.to_string()).await
    }

    async fn stamp(&self, signature: &[u8]) -> Vec<u8> {
        let reply = self.service("POST", "/api/v1/timestamp", None, sign::timestamp_request(signature)).await;
        assert_eq!(reply.status, StatusCode::CREATED);
        reply.body
    }

    async fn signed(&self, payload: Vec<u8>, seed: u8) -> Vec<u8> {
        let key = EphemeralKey::from_randomness(&[seed; 32]).expect("a scalar");
        let pem = self.certificate(&key).await;
        let envelope = Envelope::sign(&key, payload);
        let logged = self.log(&sign::dsse_entry(&envelope, &pem)).await;
        assert_eq!(logged.status, StatusCode::CREATED, "{}", String::from_utf8_lossy(&logged.body));
        let stamp = self.stamp(&envelope.signature).await;
        let (_, der) = sign::from_pem(&pem, &["CERTIFICATE"]).expect("PEM");
        sign::assemble(&der, &envelope, &logged.body, Some(&stamp)).expect("assembles")
    }

    async fn legacy(&self, payload: Vec<u8>, seed: u8) -> Legacy {
        let key = EphemeralKey::from_randomness(&[seed; 32]).expect("a scalar");
        let pem = self.certificate(&key).await;
        let signature = key.sign(&payload);
        let logged = self.log(&sign::hashed_entry(&payload, &signature, &pem)).await;
        assert_eq!(logged.status, StatusCode::CREATED, "{}", String::from_utf8_lossy(&logged.body));
        let stamp = self.stamp(&signature).await;
        Legacy::assemble(payload, &signature, &pem, &logged.body, Some(&stamp)).expect("assembles")
    }

    fn verify(&self, bundle: &[u8], digest: &Digest) -> Result<Verified, Refusal> {
        let root = TrustRoot::parse(&self.identity.trusted_root()).expect("a trust root");
        sign::verify_bundle(&root, bundle, digest, &self.policy("^https://gitea\\.internal/org/app/"))
    }

    fn policy(&self, subject: &str) -> Policy {
        Policy::one(Match::Exact(ISSUER.to_owned()), Match::regexp(subject).expect("compiles"), self.clock.now())
    }
}

fn changed(bundle: &[u8], change: impl FnOnce(&mut Value)) -> Vec<u8> {
    let mut value: Value = serde_json::from_slice(bundle).expect("JSON");
    change(&mut value);
    value.to_string().into_bytes()
}

#[tokio::test]
async fn a_signature_goes_from_the_job_to_the_verifier() {
    let world = world(Store::memory());
    let digest = Digest::of(b"artifact");
    for seed in 1..6 {
        let bundle = world.signed(sign::statement(&digest), seed).await;
        let verified = world.verify(&bundle, &digest).expect("is good");
        assert_eq!(verified.issuer, ISSUER);
        assert_eq!(verified.subject, format!("{ISSUER}/{WORKFLOW}"));
        assert_eq!(verified.log_index, u64::from(seed) - 1);
        assert_eq!(verified.integrated_time, Some("2026-01-01T12:00:00Z".parse().expect("a time")));
        assert_eq!(verified.times.len(), 2, "log and timestamp authority");
        let subject = Descriptor::of(media_type::MANIFEST, b"artifact");
        let (manifest, _) = sign::referrer(subject, &bundle, world.clock.now());
        let manifest: Manifest = serde_json::from_slice(&manifest).expect("a manifest");
        assert_eq!(manifest.layers[0].digest, Digest::of(&bundle));
        // What a verifier sees later, when the certificate has long expired.
        *world.clock.0.lock().expect("no holder panics") += jiff::SignedDuration::from_hours(1);
        assert!(world.verify(&bundle, &digest).is_ok());
        *world.clock.0.lock().expect("no holder panics") -= jiff::SignedDuration::from_hours(1);
        // A v1 entry carries its time itself, so the timestamp is not needed.
        let without = changed(&bundle, |value| value["verificationMaterial"]["timestampVerificationData"] = Value::Null);
        assert_eq!(world.verify(&without, &digest).expect("is good").times.len(), 1);
    }
}

#[tokio::test]
async fn everything_else_is_refused_and_says_why() {
    let world = world(Store::memory());
    let (digest, other) = (Digest::of(b"artifact"), Digest::of(b"other"));
    let bundle = world.signed(sign::statement(&digest), 1).await;
    let second: Value = serde_json::from_slice(&world.signed(sign::statement(&digest), 2).await).expect("JSON");
    let root = TrustRoot::parse(&world.identity.trusted_root()).expect("a trust root");
    let entry = "/verificationMaterial/tlogEntries/0";
    let flip = |value: &mut Value, pointer: &str| {
        let place = value.pointer_mut(pointer).expect(pointer);
        let mut bytes = STANDARD.decode(place.as_str().expect("a text")).expect("base64");
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        *place = json!(STANDARD.encode(bytes));
    };
    let sbom = String::from_utf8(sign::statement(&digest)).expect("text").replace("cosign/sign/v1", "sbom");
    let cases = [
        ("another digest", bundle.clone(), &other, "the statement is about sha256:"),
        ("no proof", changed(&bundle, |v| v.pointer_mut(entry).expect("an entry")["inclusionProof"] = Value::Null), &digest, "not logged"),
        ("no entry", changed(&bundle, |v| v["verificationMaterial"]["tlogEntries"] = json!([])), &digest, "not logged"),
        (
            "time moved",
            changed(&bundle, |v| v.pointer_mut(entry).expect("an entry")["integratedTime"] = json!("1767268801")),
            &digest,
            "not logged",
        ),
        ("payload", changed(&bundle, |v| flip(v, "/dsseEnvelope/payload")), &digest, "does not verify"),
        ("signature", changed(&bundle, |v| flip(v, "/dsseEnvelope/signatures/0/sig")), &digest, "made"),
        ("certificate", changed(&bundle, |v| flip(v, "/verificationMaterial/certificate/rawBytes")), &digest, ""),
        ("body", changed(&bundle, |v| flip(v, "/verificationMaterial/tlogEntries/0/canonicalizedBody")), &digest, ""),
        (
            "promise",
            changed(&bundle, |v| flip(v, "/verificationMaterial/tlogEntries/0/inclusionPromise/signedEntryTimestamp")),
            &digest,
            "not logged",
        ),
        (
            "stamp",
            changed(&bundle, |v| flip(v, "/verificationMaterial/timestampVerificationData/rfc3161Timestamps/0/signedTimestamp")),
            &digest,
            "made",
        ),
        (
            "another signature's proof",
            changed(&bundle, |v| v["verificationMaterial"]["tlogEntries"] = second["verificationMaterial"]["tlogEntries"].clone()),
            &digest,
            "does not belong to this signature",
        ),
        ("unknown field", changed(&bundle, |v| v["extra"] = json!(1)), &digest, "the field .extra is not known"),
        ("another attestation", world.signed(sbom.into_bytes(), 3).await, &digest, "not a signature"),
        ("no bundle", b"{}".to_vec(), &digest, "mediaType"),
    ];
    for (name, bytes, digest, why) in &cases {
        let refusal = world.verify(bytes, digest).expect_err(name);
        assert!(refusal.to_string().contains(why), "{name}: {refusal}");
        assert!(matches!(refusal.verdict(), model::Verdict::Refuse { .. }));
    }
    let signer = format!("{ISSUER}/{WORKFLOW}");
    // Whatever bytes come, nothing panics, and nothing but the same signature is accepted.
    for place in (0..bundle.len()).step_by(37) {
        let mut bytes = bundle.clone();
        bytes[place] ^= 1;
        if let Ok(verified) = world.verify(&bytes, &digest) {
            assert_eq!((verified.log_index, verified.subject.as_str()), (0, signer.as_str()), "byte {place}");
        }
        assert!(world.verify(&bytes, &other).is_err(), "byte {place}");
        assert!(world.verify(&bundle[..place], &digest).is_err(), "cut at {place}");
    }
    // Somebody else, nobody, and a log that is not ours.
    let wrong = sign::verify_bundle(&root, &bundle, &digest, &world.policy("org/evil")).expect_err("another identity");
    assert_eq!(wrong.to_string(), format!("the signature is by {ISSUER}/{WORKFLOW} from {ISSUER}, wanted is /org/evil/ from {ISSUER}"));
    let nobody = Policy { identities: Vec::new(), now: world.clock.now() };
    assert_eq!(sign::verify_bundle(&root, &bundle, &digest, &nobody), Err(Refusal::NoPolicy));
    let early = Policy { now: "2026-01-01T11:00:00Z".parse().expect("a time"), ..world.policy("app") };
    assert!(matches!(sign::verify_bundle(&root, &bundle, &digest, &early), Err(Refusal::Future(_))));
    let stranger = self::world(Store::memory());
    let mut mixed: Value = serde_json::from_slice(&world.identity.trusted_root()).expect("JSON");
    mixed["tlogs"] = serde_json::from_slice::<Value>(&stranger.identity.trusted_root()).expect("JSON")["tlogs"].take();
    let mixed = TrustRoot::parse(mixed.to_string().as_bytes()).expect("a trust root");
    assert!(matches!(sign::verify_bundle(&mixed, &bundle, &digest, &world.policy("app")), Err(Refusal::NotLogged(_))));
    // Bad ones hide no good one, and too many are not looked at.
    let bad = || std::iter::repeat_n(Evidence::Bundle(b"junk".to_vec()), 49);
    let good = Evidence::Bundle(bundle);
    assert!(sign::choose(&root, bad().chain([good.clone()]), &digest, &world.policy("app")).is_ok());
    let many = sign::choose(&root, bad().chain(bad()).chain([good]), &digest, &world.policy("app"));
    assert_eq!(many, Err(Refusal::TooMany { limit: 50 }));
    let none = sign::choose(&root, Vec::<Evidence>::new(), &digest, &world.policy("app"));
    assert_eq!(none, Err(Refusal::NoSignature(digest)));
}

/// The same answers as for a bundle: the good one is taken, and whatever is changed about it is refused.
#[tokio::test]
async fn a_legacy_signature_is_checked_as_a_bundle_is() {
    let world = world(Store::memory());
    let root = TrustRoot::parse(&world.identity.trusted_root()).expect("a trust root");
    let (digest, other) = (Digest::of(b"artifact"), Digest::of(b"other"));
    let good = world.legacy(Legacy::payload("registry.internal/app", &digest), 1).await;
    let policy = world.policy("^https://gitea\\.internal/org/app/");
    let verified = good.verify(&root, &digest, &policy).expect("is good");
    assert_eq!((verified.issuer.as_str(), verified.log_index, verified.times.len()), (ISSUER, 0, 2));
    assert_eq!(sign::choose(&root, [Evidence::Bundle(b"junk".to_vec()), Evidence::Legacy(good.clone())], &digest, &policy), Ok(verified));

    let (manifest, config) = good.manifest(None);
    let manifest: Manifest = serde_json::from_slice(&manifest).expect("a manifest");
    assert_eq!(manifest.config.digest, Digest::of(&config));
    assert_eq!(manifest.layers[0].digest, Digest::of(good.bytes()));
    let annotations = manifest.layers[0].annotations.clone();
    let (again, _) = good.manifest(Some(manifest));
    assert_eq!(serde_json::from_slice::<Manifest>(&again).expect("a manifest").layers.len(), 1, "the same signature is not added twice");

    let second = world.legacy(Legacy::payload("registry.internal/app", &digest), 2).await;
    let seconds = second.manifest(None).0;
    let seconds = serde_json::from_slice::<Manifest>(&seconds).expect("a manifest").layers[0].annotations.clone();
    let with = |name: &str, text: Option<&str>| {
        let mut annotations = annotations.clone();
        match text {
            Some(text) => annotations.insert(name.to_owned(), text.to_owned()),
            None => annotations.remove(name),
        };
        Legacy::new(good.bytes().to_vec(), annotations)
    };
    let (signature, certificate) = ("dev.cosignproject.cosign/signature", "dev.sigstore.cosign/certificate");
    let log = "dev.sigstore.cosign/bundle";
    let text = String::from_utf8(good.bytes().to_vec()).expect("text");
    let payload = |from: &str, to: &str| text.replacen(from, to, 1).into_bytes();
    let later = annotations[log].replace("\"integratedTime\":", "\"integratedTime\":1");
    let cases = [
        ("another digest", good.clone(), &other, "the statement is about sha256:"),
        ("no signature", with(signature, None), &digest, "it has no dev.cosignproject.cosign/signature"),
        ("another signature", with(signature, Some(&seconds[signature])), &digest, "made"),
        ("no certificate", with(certificate, None), &digest, "only keyless signatures are read"),
        ("another certificate", with(certificate, Some(&seconds[certificate])), &digest, ""),
        ("no log entry", with(log, None), &digest, "not logged"),
        ("another log entry", with(log, Some(&seconds[log])), &digest, ""),
        ("another time", with(log, Some(&later)), &digest, "not logged"),
        ("changed payload", Legacy::new(payload("internal/app", "internal/apq"), annotations.clone()), &digest, ""),
        ("another type", world.legacy(payload("container image", "something"), 3).await, &digest, "not a signature"),
        (
            "two digests",
            world.legacy(payload("\"image\":{", "\"image\":{\"Docker-manifest-digest\":\"x\","), 4).await,
            &digest,
            "duplicate field",
        ),
        ("no document", world.legacy(b"[]".to_vec(), 5).await, &digest, "malformed"),
    ];
    for (name, legacy, digest, why) in &cases {
        let refusal = legacy.verify(&root, digest, &policy).expect_err(name);
        assert!(refusal.to_string().contains(why), "{name}: {refusal}");
    }
    let wrong = good.verify(&root, &digest, &world.policy("org/evil")).expect_err("another identity");
    assert!(matches!(wrong, Refusal::WrongIdentity { .. }), "{wrong}");
    assert_eq!(good.verify(&root, &digest, &Policy { identities: Vec::new(), now: world.clock.now() }), Err(Refusal::NoPolicy));
}

#[tokio::test]
async fn tokens_are_narrow_and_checked() {
    let world = world(Store::memory());
    let token = world.job_token().await;
    let claims = world.identity.verify_token(&token, "sigstore").expect("is good");
    assert_eq!(claims["iss"], ISSUER, "a claim of the job does not replace the issuer's own");
    assert_eq!(claims["exp"].as_i64(), Some(world.clock.now().as_second() + 600));
    for (request, query, status) in [
        ("stranger", "&audience=sigstore", StatusCode::UNAUTHORIZED),
        ("nameless", "&audience=sigstore", StatusCode::BAD_REQUEST),
        ("job", "&audience=a&audience=b", StatusCode::BAD_REQUEST),
        ("job", "&audience=", StatusCode::BAD_REQUEST),
        ("job", "", StatusCode::OK),
    ] {
        assert_eq!(world.token(request, query).await.status, status, "{request} {query}");
    }
    let parts: Vec<&str> = token.split('.').collect();
    let header = |text: &str| URL_SAFE_NO_PAD.encode(text);
    let forged = URL_SAFE_NO_PAD.encode(r#"{"iss":"https://gitea.internal","aud":"sigstore","sub":"x","exp":99999999999,"nbf":0}"#);
    for (name, bad) in [
        ("no signature", format!("{}.{}.", header(r#"{"alg":"none"}"#), parts[1])),
        ("a keyed hash", format!("{}.{}.{}", header(r#"{"alg":"HS256"}"#), parts[1], parts[2])),
        ("other claims", format!("{}.{forged}.{}", parts[0], parts[2])),
        ("nothing", String::new()),
    ] {
        assert!(world.identity.verify_token(&bad, "sigstore").is_err(), "{name}");
    }
    assert!(world.identity.verify_token(&token, "registry").is_err());
    assert!(world.identity.issue_token(json!({ "sub": "" }), "sigstore").is_err());
    let workload = world.identity.issue_token(json!({ "sub": "kargo" }), "sigstore").expect("is made");
    assert_eq!(world.identity.verify_token(&workload, "sigstore").expect("is good")["sub"], "kargo");
    *world.clock.0.lock().expect("no holder panics") += jiff::SignedDuration::from_secs(600);
    assert_eq!(world.identity.verify_token(&token, "sigstore"), Err("the token has expired".to_owned()));
    let discovery = call(world.identity.issuer_router(), "GET", "/.well-known/openid-configuration", None, Vec::new()).await;
    assert_eq!(discovery.json()["jwks_uri"], format!("{ISSUER}/.well-known/jwks"));
    let keys = call(world.identity.issuer_router(), "GET", "/.well-known/jwks", None, Vec::new()).await.json();
    assert_eq!((&keys["keys"][0]["alg"], &keys["keys"][0]["e"]), (&json!("RS256"), &json!("AQAB")));
}

#[tokio::test]
async fn the_authority_asks_for_token_and_key() {
    let world = world(Store::memory());
    let (key, other) =
        (EphemeralKey::from_randomness(&[1; 32]).expect("a scalar"), EphemeralKey::from_randomness(&[2; 32]).expect("a scalar"));
    let token = world.job_token().await;
    let sub = "repo:org/app:ref:refs/heads/main";
    let good = sign::certificate_request(&key, sub);
    let mut field = good.clone();
    field["credentials"] = json!({ "oidcIdentityToken": token });
    let mut stolen = good.clone();
    stolen["publicKeyRequest"]["publicKey"]["content"] = json!(other.public_key_pem());
    let mut keyless = good.clone();
    keyless["publicKeyRequest"] = Value::Null;
    let registry = world.identity.issue_token(json!({ "sub": sub }), "registry").expect("is made");
    for (name, body, bearer, status, why) in [
        ("header", &good, Some(token.as_str()), StatusCode::OK, ""),
        ("field", &field, None, StatusCode::OK, ""),
        ("no token", &good, None, StatusCode::BAD_REQUEST, "identity token"),
        ("another audience", &good, Some(registry.as_str()), StatusCode::BAD_REQUEST, "identity token"),
        ("proof of another key", &stolen, Some(&token), StatusCode::BAD_REQUEST, "could not be verified"),
        ("proof of another subject", &sign::certificate_request(&key, "x"), Some(&token), StatusCode::BAD_REQUEST, "could not be verified"),
        ("no key", &keyless, Some(&token), StatusCode::BAD_REQUEST, "public key"),
    ] {
        let reply = world.service("POST", "/api/v2/signingCert", bearer, body.to_string()).await;
        assert_eq!(reply.status, status, "{name}");
        let answer = reply.json();
        if status != StatusCode::OK {
            assert_eq!((&answer["code"], &answer["details"]), (&json!(3), &json!([])), "{name}");
            assert!(answer["message"].as_str().is_some_and(|message| message.contains(why)), "{name}: {answer}");
        }
    }
    let large = world.service("POST", "/api/v2/signingCert", Some(&token), vec![b' '; (1 << 20) + 1]).await;
    assert_eq!(large.status, StatusCode::PAYLOAD_TOO_LARGE);
    let bundle = world.service("GET", "/api/v2/trustBundle", None, "").await.json();
    assert!(bundle["chains"][0]["certificates"][0].as_str().is_some_and(|pem| pem.starts_with("-----BEGIN CERTIFICATE")));
    let configuration = world.service("GET", "/api/v2/configuration", None, "").await.json();
    assert_eq!(configuration["issuers"][0]["issuerUrl"], ISSUER);
}

fn open(file: &Path) -> Store {
    Store::open(file).expect("opens")
}

#[tokio::test]
async fn the_log_only_grows_and_outlives_the_process() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("identity.db");
    let digest = Digest::of(b"artifact");
    let (bundle, root, name, head) = {
        let world = world(open(&file));
        let bundle = world.signed(sign::statement(&digest), 1).await;
        let key = EphemeralKey::from_randomness(&[9; 32]).expect("a scalar");
        let hash = hex::decode(Digest::of(b"blob").hex()).expect("hex");
        let proposal = |signature: Vec<u8>| {
            json!({ "apiVersion": "0.0.1", "kind": "hashedrekord", "spec": {
                "data": { "hash": { "algorithm": "sha256", "value": hex::encode(&hash) } },
                "signature": { "content": STANDARD.encode(signature), "publicKey": { "content": STANDARD.encode(key.public_key_pem()) } },
            } })
        };
        let added = world.log(&proposal(key.sign(b"blob"))).await;
        assert_eq!(added.status, StatusCode::CREATED);
        let name = added.headers[header::ETAG].to_str().expect("text").to_owned();
        assert!(added.json()[&name]["verification"]["signedEntryTimestamp"].is_string());
        assert_eq!(added.headers[header::LOCATION], format!("/api/v1/log/entries/{name}").as_str());
        let again = world.log(&proposal(key.sign(b"blob"))).await;
        assert_eq!((again.status, &again.headers[header::LOCATION]), (StatusCode::CONFLICT, &added.headers[header::LOCATION]));
        let wrong = world.log(&proposal(key.sign(b"glob"))).await;
        assert_eq!((wrong.status, wrong.json()["code"].clone()), (StatusCode::BAD_REQUEST, json!(400)));
        assert_eq!(world.log(&json!({ "kind": "intoto", "apiVersion": "0.0.2" })).await.status, StatusCode::BAD_REQUEST);
        let head = world.service("GET", "/api/v1/log", None, "").await.json();
        (bundle, world.identity.trusted_root(), name, head)
    };
    let world = world(open(&file));
    assert_eq!(world.identity.trusted_root(), root, "keys are kept");
    assert!(world.verify(&bundle, &digest).is_ok());
    let now = world.service("GET", "/api/v1/log", None, "").await.json();
    assert_eq!((&now["rootHash"], &now["treeSize"]), (&head["rootHash"], &json!(2)));
    let checkpoint = now["signedTreeHead"].as_str().expect("text");
    let first = format!("identity.internal - {}", now["treeID"].as_str().expect("text"));
    assert_eq!(checkpoint.lines().next(), Some(first.as_str()));
    assert!(checkpoint.contains("\n\n\u{2014} identity.internal "));
    let third = world.signed(sign::statement(&Digest::of(b"third")), 3).await;
    assert_eq!(world.verify(&third, &Digest::of(b"third")).expect("is good").log_index, 2);
    for (path, status) in [
        (format!("/api/v1/log/entries/{name}"), StatusCode::OK),
        (format!("/api/v1/log/entries/{}", &name[16..]), StatusCode::OK),
        ("/api/v1/log/entries/xyz".to_owned(), StatusCode::NOT_FOUND),
        ("/api/v1/log/entries?logIndex=1".to_owned(), StatusCode::OK),
        ("/api/v1/log/entries?logIndex=9".to_owned(), StatusCode::NOT_FOUND),
        ("/api/v1/log/entries".to_owned(), StatusCode::BAD_REQUEST),
        ("/api/v1/log/proof?firstSize=2&lastSize=3".to_owned(), StatusCode::OK),
        ("/api/v1/log/proof?firstSize=2&lastSize=4".to_owned(), StatusCode::BAD_REQUEST),
        ("/api/v1/log/publicKey".to_owned(), StatusCode::OK),
        ("/api/v1/timestamp/certchain".to_owned(), StatusCode::OK),
        ("/trusted_root.json".to_owned(), StatusCode::OK),
        ("/signing_config.json".to_owned(), StatusCode::OK),
    ] {
        assert_eq!(world.service("GET", &path, None, "").await.status, status, "{path}");
    }
    let bad = world.service("POST", "/api/v1/timestamp", None, vec![0x30, 0x03, 0x02, 0x01]).await;
    assert_eq!(bad.status, StatusCode::BAD_REQUEST);
}
