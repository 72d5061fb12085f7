//! What requests to a running API server cost: `costs PID HOST:PORT CA-FILE TOKEN-FILE [WHAT…]` prints one line a figure, its
//! name and its number. Processor time is the server's alone. `in-process` needs no server.

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

mod client;
mod in_process;

use std::future::Future;
use std::time::{Duration, Instant};

use bytes::Bytes;
use client::{Client, Server};
use futures::future::join_all;
use http::Method;
use http_body_util::BodyExt as _;
use serde_json::{Value, json};

/// How many ask at once.
const CLIENTS: usize = 16;
const APPLY: &str = "application/apply-patch+yaml";
const MAPS: &str = "/api/v1/namespaces/figures/configmaps";

/// All figures in their order; later ones use what earlier ones made.
const FIGURES: [&str; 11] = ["rest", "create", "get", "apply", "no-op", "list", "watch", "watchers", "namespace", "many", "in-process"];

fn map(name: &str, size: usize, mark: usize) -> Value {
    let text = "0123456789abcdef".repeat(size.div_ceil(16));
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"text": &text[..size], "mark": mark.to_string()}})
}

async fn namespace(server: &Server, name: &str) {
    let mut client = server.connect().await;
    let body = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
    let path = format!("/api/v1/namespaces/{name}?fieldManager=figures");
    client.send(Method::PATCH, &path, APPLY, body.to_string()).await;
}

/// Sends `count` requests from all clients and returns the server's microseconds for each.
async fn cost<F: Future<Output = Client>>(server: &Server, count: usize, send: impl Fn(Client, usize) -> F) -> f64 {
    let clients = join_all((0..CLIENTS).map(|_| server.connect())).await;
    let before = server.cpu();
    let one = async |mut client: Client, first: usize| {
        for number in (first..count).step_by(CLIENTS) {
            client = send(client, number).await;
        }
    };
    join_all(clients.into_iter().enumerate().map(|(first, client)| one(client, first))).await;
    (server.cpu() - before) * 1e6 / count as f64
}

fn tell(name: &str, number: f64) {
    println!("{name} {number:.1}");
}

async fn rest(server: &Server) {
    tokio::time::sleep(Duration::from_secs(5)).await;
    let before = server.cpu();
    tokio::time::sleep(Duration::from_secs(20)).await;
    tell("rest-cpu-ms-per-s", (server.cpu() - before) * 1e3 / 20.0);
    tell("rest-mib", server.memory());
}

async fn create(server: &Server) {
    namespace(server, "figures").await;
    let create = cost(server, 8_000, async |mut client, number| {
        client.post(MAPS, map(&format!("map-{number}"), 1_000, 0).to_string()).await;
        client
    });
    tell("create-us", create.await);
}

async fn get(server: &Server) {
    let get = cost(server, 40_000, async |mut client, number| {
        client.get(&format!("{MAPS}/map-{}", number % 8_000)).await;
        client
    });
    tell("get-us", get.await);
}

/// Applies to 1,600 objects, `rounds` times each.
async fn apply(server: &Server, rounds: usize, mark: impl Fn(usize) -> usize) -> f64 {
    cost(server, 1_600 * rounds, async |mut client, number| {
        let name = format!("applied-{}", number % 1_600);
        let body = map(&name, 1_000, mark(number / 1_600));
        client.send(Method::PATCH, &format!("{MAPS}/{name}?fieldManager=figures"), APPLY, body.to_string()).await;
        client
    })
    .await
}

async fn list(server: &Server) {
    namespace(server, "listed").await;
    cost(server, 1_000, async |mut client, number| {
        let body = map(&format!("map-{number}"), 1_000, 0);
        client.post("/api/v1/namespaces/listed/configmaps", body.to_string()).await;
        client
    })
    .await;
    let all = server.connect().await.get("/api/v1/namespaces/listed/configmaps").await;
    tell("list-bytes", all.len() as f64);
    let list = cost(server, 320, async |mut client, _| {
        client.get("/api/v1/namespaces/listed/configmaps").await;
        client
    });
    tell("list-ms", list.await / 1e3);
}

/// Opens watches of one namespace over as many connections as there are clients; each counts the events it is told.
async fn watchers(server: &Server, count: usize) -> Vec<tokio::sync::watch::Receiver<usize>> {
    let connections = join_all((0..CLIENTS).map(|_| server.connect_shared())).await;
    let open = async |number: usize| {
        let mut client = connections[number % CLIENTS].share();
        let path = "/api/v1/namespaces/watched/configmaps?watch=true&timeoutSeconds=600&resourceVersion=";
        let head: Value = serde_json::from_slice(&client.get("/api/v1/namespaces/watched/configmaps?limit=1").await).expect("JSON");
        let path = format!("{path}{}", head["metadata"]["resourceVersion"].as_str().expect("a revision"));
        let mut body = client.open(Method::GET, &path, "", Bytes::new()).await.into_body();
        let (told, seen) = tokio::sync::watch::channel(0);
        tokio::spawn(async move {
            let _client = client;
            while let Some(Ok(frame)) = body.frame().await {
                let lines = frame.data_ref().map_or(0, |data| data.iter().filter(|byte| **byte == b'\n').count());
                told.send_modify(|count| *count += lines);
            }
        });
        seen
    };
    let mut all = Vec::new();
    for first in (0..count).step_by(50) {
        all.extend(join_all((first..count.min(first + 50)).map(&open)).await);
    }
    all
}

/// Writes one object again and again, each time until all watches have told; returns the times that took.
async fn writes(server: &Server, watches: &mut [tokio::sync::watch::Receiver<usize>], count: usize) -> Vec<f64> {
    let mut client = server.connect().await;
    let path = "/api/v1/namespaces/watched/configmaps/one?fieldManager=figures";
    let mut times = Vec::new();
    for number in 0..count {
        let body = map("one", 1_000, number + 1);
        let wanted: Vec<usize> = watches.iter().map(|seen| *seen.borrow() + 1).collect();
        let begin = Instant::now();
        client.send(Method::PATCH, path, APPLY, body.to_string()).await;
        for (seen, wanted) in watches.iter_mut().zip(wanted) {
            seen.wait_for(|count| *count >= wanted).await.expect("the watch goes on");
        }
        times.push(begin.elapsed().as_secs_f64() * 1e3);
        // So that the next write starts in a quiet server.
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    times.sort_by(f64::total_cmp);
    times
}

async fn watched(server: &Server, count: usize, rounds: usize) {
    namespace(server, "watched").await;
    let mut watches = watchers(server, count).await;
    writes(server, &mut watches, 2).await;
    let before = server.cpu();
    let times = writes(server, &mut watches, rounds).await;
    tell(&format!("watch-{count}-cpu-ms"), (server.cpu() - before) * 1e3 / rounds as f64);
    tell(&format!("watch-{count}-wall-ms"), times[times.len() / 2]);
}

/// All clients write, each to an object of its own, while so many watches see all of it.
async fn busy(server: &Server, count: usize, writes: usize) {
    namespace(server, "watched").await;
    let mut watches = watchers(server, count).await;
    let wanted: Vec<usize> = watches.iter().map(|seen| *seen.borrow() + writes).collect();
    let before = server.cpu();
    cost(server, writes, async |mut client, number| {
        let name = format!("busy-{}", number % CLIENTS);
        let path = format!("/api/v1/namespaces/watched/configmaps/{name}?fieldManager=figures");
        client.send(Method::PATCH, &path, APPLY, map(&name, 1_000, number + 1).to_string()).await;
        client
    })
    .await;
    for (seen, wanted) in watches.iter_mut().zip(wanted) {
        seen.wait_for(|count| *count >= wanted).await.expect("the watch goes on");
    }
    tell(&format!("busy-{count}-ms"), (server.cpu() - before) * 1e3 / writes as f64);
}

async fn emptied(server: &Server) {
    namespace(server, "emptied").await;
    cost(server, 3_000, async |mut client, number| {
        client.post("/api/v1/namespaces/emptied/configmaps", map(&format!("map-{number}"), 500, 0).to_string()).await;
        client
    })
    .await;
    let mut client = server.connect().await;
    let begin = Instant::now();
    client.send(Method::DELETE, "/api/v1/namespaces/emptied", "", Bytes::new()).await;
    let mut there = true;
    while there {
        let answer = client.open(Method::GET, "/api/v1/namespaces/emptied", "", Bytes::new()).await;
        there = answer.status() != http::StatusCode::NOT_FOUND;
        answer.into_body().collect().await.expect("a body");
    }
    tell("namespace-s", begin.elapsed().as_secs_f64());
}

async fn many(server: &Server) {
    namespace(server, "many").await;
    let path = "/api/v1/namespaces/many/configmaps";
    let before = server.memory();
    cost(server, 100_000, async |mut client, number| {
        client.post(path, map(&format!("map-{number:06}"), 1_000, 0).to_string()).await;
        client
    })
    .await;
    tell("many-mib", server.memory());
    tell("many-more-mib", server.memory() - before);
    let mut client = server.connect().await;
    let (mut pages, mut further, mut number) = (Vec::new(), String::new(), 0);
    loop {
        let begin = Instant::now();
        let page = client.get(&format!("{path}?limit=500{further}")).await;
        pages.push(begin.elapsed().as_secs_f64() * 1e3);
        let page: Value = serde_json::from_slice(&page).expect("JSON");
        number += page["items"].as_array().map_or(0, Vec::len);
        match page["metadata"]["continue"].as_str() {
            Some(token) if !token.is_empty() => further = format!("&continue={token}"),
            _ => break,
        }
    }
    assert!(number > 100_000, "the namespace has a ConfigMap of its own: {number}");
    let median = |pages: &[f64]| {
        let mut pages = pages.to_vec();
        pages.sort_by(f64::total_cmp);
        pages[pages.len() / 2]
    };
    tell("many-first-pages-ms", median(&pages[..20]));
    tell("many-last-pages-ms", median(&pages[pages.len() - 20..]));
}

async fn measure(server: &Server, what: &str) {
    match what {
        "rest" => rest(server).await,
        "create" => create(server).await,
        "get" => get(server).await,
        "apply" => {
            namespace(server, "figures").await;
            apply(server, 1, |_| 0).await;
            tell("apply-us", apply(server, 4, |round| round + 1).await);
        }
        "no-op" => tell("no-op-us", apply(server, 8, |_| 4).await),
        "list" => list(server).await,
        "watch" => {
            // What the write alone costs is told by one watch.
            watched(server, 1, 50).await;
            watched(server, 100, 50).await;
            busy(server, 100, 1_600).await;
        }
        "watchers" => watched(server, 1_000, 20).await,
        "namespace" => emptied(server).await,
        "many" => many(server).await,
        "in-process" => {
            for verb in ["get", "create", "apply", "no-op"] {
                tell(&format!("in-process-{verb}-us"), in_process::median(verb).await);
            }
        }
        verb if verb.starts_with("in-process-") => tell(verb, in_process::median(&verb["in-process-".len()..]).await),
        other => panic!("{other} is none of {}", FIGURES.join(", ")),
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [pid, address, authority, token, wanted @ ..] = arguments.as_slice() else {
        panic!("costs PID HOST:PORT CA-FILE TOKEN-FILE [{}]", FIGURES.join("|"));
    };
    let token = std::fs::read_to_string(token).expect("the token's file");
    let server = Server::new(pid.parse().expect("a process id"), address, token.trim(), authority);
    let wanted: Vec<&str> = if wanted.is_empty() { FIGURES.to_vec() } else { wanted.iter().map(String::as_str).collect() };
    for what in wanted {
        measure(&server, what).await;
    }
}
