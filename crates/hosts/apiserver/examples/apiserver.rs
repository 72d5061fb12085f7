//! An API server over an empty store on loopback: prints its address, then serves until it is stopped. The token `admin`
//! may do anything. With the argument `open` everybody may: kubectl sends tokens over TLS only, and this is plain HTTP.
//! Webhooks are called over TLS and trusted by the certificate authorities of their configuration.

use std::sync::Arc;

use apiserver::{ApiServer, Authorities, Options};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use model::{Caller, Clock, Timestamp};
use store::Store;

struct System;

impl Clock for System {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

type Https = Client<hyper_rustls::HttpsConnector<HttpConnector>, Full<Bytes>>;

/// Returns a client that trusts these authorities and no others.
fn client(authorities: Option<&Authorities>) -> Https {
    let mut roots = rustls::RootCertStore::empty();
    let pem = authorities.map(|authorities| authorities.0.as_slice()).unwrap_or_default();
    let certificates = <rustls::pki_types::CertificateDer<'_> as rustls::pki_types::pem::PemObject>::pem_slice_iter(pem);
    roots.add_parsable_certificates(certificates.flatten());
    let config = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("the provider speaks TLS 1.2 and 1.3")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connector = hyper_rustls::HttpsConnectorBuilder::new().with_tls_config(config).https_or_http().enable_http1().build();
    Client::builder(TokioExecutor::new()).build(connector)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let outgoing: apiserver::Outgoing = Arc::new(move |request| {
        Box::pin(async move {
            let client = client(request.extensions().get::<Authorities>());
            let response = client.request(request.map(Full::new)).await.map_err(|error| error.to_string())?;
            let (parts, body) = response.into_parts();
            let body = body.collect().await.map_err(|error| error.to_string())?.to_bytes();
            Ok(http::Response::from_parts(parts, body))
        })
    });
    let admin = Caller { uid: "u-admin".to_owned(), ..Caller::master("admin") };
    let tokens = vec![("admin".to_owned(), admin)];
    let server = ApiServer::new(Options {
        name: "example".to_owned(),
        clock: Arc::new(System),
        store: Store::memory(),
        outgoing,
        kubelet: None,
        tokens,
    })?;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    println!("http://{}", listener.local_addr()?);
    let router = match std::env::args().nth(1).as_deref() {
        Some("open") => server.router().layer(axum::Extension(Caller::master("admin"))),
        _ => server.router(),
    };
    axum::serve(listener, router).await?;
    Ok(())
}
