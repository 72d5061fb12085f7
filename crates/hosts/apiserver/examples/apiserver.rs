//! An API server over an empty store on loopback: prints its address, then serves until it is stopped. The token `admin`
//! may do anything. With the argument `open` everybody may: kubectl sends tokens over TLS only, and this is plain HTTP.
//! Webhooks are called over plain HTTP.

use std::sync::Arc;

use apiserver::{ApiServer, Options};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use model::{Caller, Clock, Timestamp};
use store::Store;

struct System;

impl Clock for System {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let client: Client<_, Full<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
    let outgoing: apiserver::Outgoing = Arc::new(move |request| {
        let client = client.clone();
        Box::pin(async move {
            let response = client.request(request.map(Full::new)).await.map_err(|error| error.to_string())?;
            let (parts, body) = response.into_parts();
            let body = body.collect().await.map_err(|error| error.to_string())?.to_bytes();
            Ok(http::Response::from_parts(parts, body))
        })
    });
    let admin = Caller { uid: "u-admin".to_owned(), ..Caller::master("admin") };
    let tokens = vec![("admin".to_owned(), admin)];
    let server = ApiServer::new(Options { name: "example".to_owned(), clock: Arc::new(System), store: Store::memory(), outgoing, tokens })?;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    println!("http://{}", listener.local_addr()?);
    let router = match std::env::args().nth(1).as_deref() {
        Some("open") => server.router().layer(axum::Extension(Caller::master("admin"))),
        _ => server.router(),
    };
    axum::serve(listener, router).await?;
    Ok(())
}
