//! What a controller in the same process waits for one object.

use std::sync::Arc;
use std::time::Instant;

use apiserver::{ApiServer, Options};
use axum::Router;
use axum::body::{Body, to_bytes};
use bytes::Bytes;
use http::{Method, Request, Response, header};
use model::{Caller, Clock, Timestamp};
use store::Store;
use tower::ServiceExt as _;

use crate::map;

struct Still;

impl Clock for Still {
    fn now(&self) -> Timestamp {
        "2026-01-01T00:00:00Z".parse().expect("a time")
    }
}

struct World(Router);

impl World {
    fn new() -> Self {
        let outgoing: apiserver::Outgoing = Arc::new(|_: Request<Bytes>| Box::pin(async { Ok(Response::new(Bytes::new())) }));
        let options = Options {
            name: "figures".to_owned(),
            clock: Arc::new(Still),
            store: Store::memory(),
            outgoing,
            kubelet: None,
            tokens: Vec::new(),
        };
        Self(ApiServer::new(options).expect("starts").router())
    }

    async fn send(&self, method: Method, path: &str, media: &str, body: String) {
        let request = Request::builder().method(method).uri(path).header(header::CONTENT_TYPE, media);
        let request = request.extension(Caller::master("figures")).body(Body::from(body)).expect("a request");
        let response = self.0.clone().oneshot(request).await.expect("infallible");
        let code = response.status();
        let body = to_bytes(response.into_body(), usize::MAX).await.expect("a body");
        assert!(code.is_success(), "{path}: {}", String::from_utf8_lossy(&body));
    }
}

const MAPS: &str = "/api/v1/namespaces/default/configmaps";

/// Microseconds of the median of one request, and how often it was sent: what a profile of one verb is made of.
pub async fn median(verb: &str) -> f64 {
    let world = World::new();
    world.send(Method::POST, MAPS, "application/json", map("a", 1_000, 0).to_string()).await;
    let apply = async |mark| {
        let body = map("b", 1_000, mark).to_string();
        world.send(Method::PATCH, &format!("{MAPS}/b?fieldManager=figures"), "application/apply-patch+yaml", body).await;
    };
    let mut times = Vec::new();
    for number in 0..20_000 {
        let begin = Instant::now();
        match verb {
            "get" => world.send(Method::GET, &format!("{MAPS}/a"), "", String::new()).await,
            "create" => world.send(Method::POST, MAPS, "application/json", map(&format!("map-{number}"), 1_000, 0).to_string()).await,
            "apply" => apply(number).await,
            _ => apply(0).await,
        }
        times.push(begin.elapsed().as_secs_f64() * 1e6);
    }
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}
