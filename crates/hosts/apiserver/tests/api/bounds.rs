//! What one client may take: places for watches, bytes on the wire, and how much of a long list is made ready for it.

use std::io::Read as _;

use http::header;

use super::*;

async fn fill(world: &World, count: usize) {
    for number in 0..count {
        ok(world.post(MAPS, map(&format!("map-{number:03}"), &"x".repeat(1_000))).await);
    }
}

#[tokio::test]
async fn a_large_list_is_compressed_for_who_takes_that() {
    let world = World::new();
    fill(&world, 140).await;
    let mut request = world.request(Method::GET, MAPS, "", Value::Null);
    request.headers_mut().insert(header::ACCEPT_ENCODING, "br, gzip".parse().expect("a header"));
    let response = world.router.clone().oneshot(request).await.expect("infallible");
    let encoding = response.headers().get(header::CONTENT_ENCODING).cloned();
    assert_eq!(
        (encoding, response.headers().get(header::VARY)),
        (Some("gzip".parse().expect("a header")), Some(&"Accept-Encoding".parse().expect("a header")))
    );
    let bytes = to_bytes(response.into_body(), usize::MAX).await.expect("a body");
    let mut text = String::new();
    flate2::read::GzDecoder::new(bytes.as_ref()).read_to_string(&mut text).expect("is gzip");
    let plain = ok(world.get(MAPS).await);
    assert_eq!(serde_json::from_str::<Value>(&text).expect("JSON"), plain);
    assert!(bytes.len() * 4 < text.len());
    // A small one is not worth it.
    let mut request = world.request(Method::GET, &format!("{MAPS}/map-000"), "", Value::Null);
    request.headers_mut().insert(header::ACCEPT_ENCODING, "gzip".parse().expect("a header"));
    let response = world.router.clone().oneshot(request).await.expect("infallible");
    assert_eq!(response.headers().get(header::CONTENT_ENCODING), None);
}

#[tokio::test]
async fn there_are_so_many_places_for_watches_and_one_that_ends_frees_its_own() {
    let world = World::new();
    let router = world.server.clone().with_watches(2).router();
    let open = async || {
        let path = format!("{MAPS}?watch=true&resourceVersion=1");
        router.clone().oneshot(world.request(Method::GET, &path, "", Value::Null)).await.expect("infallible")
    };
    let (first, second, third) = (open().await, open().await, open().await);
    assert_eq!((first.status().as_u16(), second.status().as_u16(), third.status().as_u16()), (200, 200, 429));
    assert_eq!(third.headers().get(header::RETRY_AFTER), Some(&"1".parse().expect("a header")));
    drop(first);
    assert_eq!(open().await.status().as_u16(), 200);
}

/// More than is made ready at once, with changes while it is told.
#[tokio::test]
async fn a_long_beginning_is_told_whole_as_it_was() {
    let world = World::new();
    fill(&world, 450).await;
    let path = format!("{MAPS}?watch=true&allowWatchBookmarks=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan");
    let response = world.router.clone().oneshot(world.request(Method::GET, &path, "", Value::Null)).await.expect("infallible");
    let mut body = response.into_body();
    ok(world.delete(&format!("{MAPS}/map-449"), Value::Null).await);
    ok(world.post(MAPS, map("map-999", "new")).await);
    let mut told = Vec::new();
    while told.last() != Some(&"ADDED map-999".to_owned()) {
        let frame = tokio::time::timeout(Duration::from_secs(5), body.frame()).await.expect("in time").expect("goes on");
        let event: Value = serde_json::from_slice(&frame.expect("a frame").into_data().expect("data")).expect("a line");
        told.push(format!(
            "{} {}",
            event["type"].as_str().unwrap_or_default(),
            event["object"]["metadata"]["name"].as_str().unwrap_or("-")
        ));
    }
    let expected: Vec<String> = std::iter::once("ADDED kube-root-ca.crt".to_owned())
        .chain((0..450).map(|number| format!("ADDED map-{number:03}")))
        .chain(["BOOKMARK -", "DELETED map-449", "ADDED map-999"].map(str::to_owned))
        .collect();
    assert_eq!(told, expected);
}

#[tokio::test]
async fn a_collection_goes_as_far_as_its_selector_and_limit_say() {
    let world = World::new();
    fill(&world, 100).await;
    ok(world.merge(&format!("{MAPS}/map-050"), json!({"metadata": {"labels": {"stays": "1"}}})).await);
    let gone = ok(world.delete(&format!("{MAPS}?limit=10"), Value::Null).await);
    assert_eq!(gone["items"].as_array().map(Vec::len), Some(10));
    ok(world.delete(&format!("{MAPS}?labelSelector=!stays"), Value::Null).await);
    assert_eq!(names(&ok(world.get(&format!("{MAPS}?labelSelector=stays")).await)), ["map-050"]);
    // The root certificates are put back at once.
    assert_eq!(names(&ok(world.get(MAPS).await)), ["kube-root-ca.crt", "map-050"]);
}
