//! temporary
use identity::*;
use std::sync::Arc;
struct Wall;
impl model::Clock for Wall {
    fn now(&self) -> model::Timestamp {
        model::Timestamp::now()
    }
}
#[tokio::main(flavor = "current_thread")]
async fn main() {
    let url = "http://127.0.0.1:7701".to_owned();
    let dir = std::env::args().nth(1).expect("dir");
    let identity = Identity::new(Options { clock: Arc::new(Wall), store: store::Store::memory(), issuer_url: url.clone(), external_url: url, resolve: Arc::new(|_| Box::pin(async { Ok(serde_json::json!({"sub":"repo:org/app:ref:refs/heads/main","job_workflow_ref":"org/app/.gitea/workflows/build.yml@refs/heads/main","repository":"org/app","ref":"refs/heads/main","sha":"aa","event_name":"push","workflow":"build","run_id":"1","run_attempt":"1","repository_id":3,"repository_owner":"org"})) })) }).expect("opens");
    std::fs::write(format!("{dir}/trusted_root.json"), identity.trusted_root()).expect("w");
    std::fs::write(format!("{dir}/signing_config.json"), identity.signing_config()).expect("w");
    {
        use http_body_util::BodyExt as _;
        use sign::Signer as _;
        use tower::ServiceExt as _;
        let send = |method: &'static str, path: &'static str, token: Option<String>, body: Vec<u8>| {
            let r = identity.services_router();
            async move {
                let mut q = http::Request::builder().method(method).uri(path);
                if let Some(t) = token {
                    q = q.header("authorization", format!("Bearer {t}"));
                }
                r.oneshot(q.body(axum::body::Body::from(body)).expect("q"))
                    .await
                    .expect("a")
                    .into_body()
                    .collect()
                    .await
                    .expect("b")
                    .to_bytes()
                    .to_vec()
            }
        };
        let token = identity.issue_token(serde_json::json!({"sub":"kargo"}), "sigstore").expect("t");
        let key = sign::EphemeralKey::from_randomness(&[9; 32]).expect("k");
        let _ = key.public_key_pem();
        let answer: serde_json::Value = serde_json::from_slice(
            &send("POST", "/api/v2/signingCert", Some(token), sign::certificate_request(&key, "kargo").to_string().into_bytes()).await,
        )
        .expect("j");
        let pem = answer["signedCertificateEmbeddedSct"]["chain"]["certificates"][0].as_str().expect("c").to_owned();
        let digest = model::Digest::of(&std::fs::read(format!("{dir}/blob.txt")).expect("blob"));
        let envelope = sign::Envelope::sign(&key, sign::statement(&digest));
        let logged = send("POST", "/api/v1/log/entries", None, sign::dsse_entry(&envelope, &pem).to_string().into_bytes()).await;
        let stamp = send("POST", "/api/v1/timestamp", None, sign::timestamp_request(&envelope.signature)).await;
        let der = sign::from_pem(&pem, &["CERTIFICATE"]).expect("p").1;
        std::fs::write(format!("{dir}/leaf.pem"), &pem).expect("w");
        std::fs::write(format!("{dir}/stamp.tsr"), &stamp).expect("w");
        std::fs::write(format!("{dir}/sig.bin"), &envelope.signature).expect("w");
        std::fs::write(format!("{dir}/ours.sigstore.json"), sign::assemble(&der, &envelope, &logged, Some(&stamp)).expect("a")).expect("w");
    }
    let app = identity.issuer_router().merge(identity.services_router());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:7701").await.expect("b");
    axum::serve(listener, app).await.expect("s");
}
