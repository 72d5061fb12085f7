//! Hours of use in minutes: many clients do everything at once, and the server is killed at random moments. Afterwards what was
//! acknowledged is there, nothing is there twice, owners, watches, quotas and managedFields agree, and the store opens clean.
//!
//! `cargo run --release -p supercargo-apiserver --example soak -- --binary target/release/supercargo [--seconds 600] [--seed 1]`

mod checks;
mod client;
mod journal;
mod load;
mod watching;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use http::Method;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use serde_json::{Value, json};

use client::{Client, Place, Server};
use journal::Shared;
use watching::Watch;

const WORKERS: u64 = 8;
const WATCHES: [&str; 6] = [
    "/api/v1/configmaps",
    "/api/v1/namespaces/keep/configmaps",
    "/api/v1/namespaces/churn/configmaps?labelSelector=worker=1",
    "/api/v1/configmaps?fieldSelector=metadata.name=counter",
    "/api/v1/namespaces",
    "/apis/soak.example/v1/logs",
];

struct Arguments {
    binary: PathBuf,
    seconds: u64,
    seed: u64,
    ports: u16,
    data: PathBuf,
}

fn arguments() -> Result<Arguments, String> {
    let data = std::env::temp_dir().join(format!("supercargo-soak-{}", std::process::id()));
    let mut found = Arguments { binary: PathBuf::from("target/release/supercargo"), seconds: 600, seed: 1, ports: 24_600, data };
    let mut rest = std::env::args().skip(1);
    while let Some(name) = rest.next() {
        let value = rest.next().ok_or_else(|| format!("{name} wants a value"))?;
        let number = || value.parse::<u64>().map_err(|error| format!("{name} {value}: {error}"));
        match name.as_str() {
            "--binary" => found.binary = value.into(),
            "--seconds" => found.seconds = number()?,
            "--seed" => found.seed = number()?,
            "--port-base" => found.ports = u16::try_from(number()?).map_err(|error| error.to_string())?,
            "--data" => found.data = value.into(),
            other => return Err(format!("there is no {other}; there are --binary, --seconds, --seed, --port-base, --data")),
        }
    }
    Ok(found)
}

fn main() -> std::process::ExitCode {
    let found = arguments().and_then(|arguments| {
        let runtime = tokio::runtime::Runtime::new().map_err(|error| error.to_string())?;
        runtime.block_on(soak(&arguments))
    });
    match found {
        Ok(line) => {
            println!("{line}");
            std::process::ExitCode::SUCCESS
        }
        Err(why) => {
            eprintln!("soak: FAILED: {why}");
            std::process::ExitCode::FAILURE
        }
    }
}

async fn soak(arguments: &Arguments) -> Result<String, String> {
    std::fs::create_dir_all(&arguments.data).map_err(|error| error.to_string())?;
    let data = arguments.data.join("data");
    let mut server = Server::new(&arguments.binary, &data, arguments.ports);
    let place = started(&mut server).await?;
    let journal = Arc::new(Shared::default());
    prepare(&mut Client::new(&place), &journal).await?;

    let (over, watched) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let watches: Vec<_> = WATCHES.iter().map(|path| tokio::spawn(Watch::new(path, &place, &journal).run(watched.clone()))).collect();
    let workers: Vec<_> =
        (0..WORKERS).map(|number| tokio::spawn(load::Worker::new(number, arguments.seed, &place, &journal).run(over.clone()))).collect();

    let kills = kill_at_random(arguments, &mut server).await?;
    over.store(true, Ordering::SeqCst);
    for worker in workers {
        worker.await.map_err(|error| format!("a client failed: {error}"))?;
    }
    let mut client = Client::new(&place);
    checks::calm(&mut client, &journal).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    watched.store(true, Ordering::SeqCst);
    let counted = checks::everything(&mut client, &journal).await;
    let mut told = (0, 0, 0);
    for watch in watches {
        let mut watch = watch.await.map_err(|error| format!("a watch failed: {error}"))?;
        for fault in watch.compare().await {
            journal.fault(fault);
        }
        told = (told.0 + watch.events, told.1 + watch.resumes, told.2 + watch.relists);
    }
    let before = picture_of(&mut client).await;
    server.kill();
    if let Err(error) = store::Store::open(&data.join("clusters").join(format!("{}.db", client::CLUSTER))) {
        journal.fault(format!("the store does not open: {error}"));
    }
    let place = started(&mut server).await?;
    if picture_of(&mut Client::new(&place)).await != before {
        journal.fault("another start shows something else".to_owned());
    }
    server.kill();
    let line = journal.with(|journal| {
        let codes: Vec<String> = journal.codes.iter().map(|(code, count)| format!("{count}×{code}")).collect();
        format!(
            "soak: seed {}, {} s, {kills} kills: {} writes ({}), {} without an answer; {} events in {} watches resumed {} times, listed {} times; {counted}; {} faults",
            arguments.seed,
            arguments.seconds,
            journal.writes,
            codes.join(", "),
            journal.lost,
            told.0,
            WATCHES.len(),
            told.1,
            told.2,
            journal.faults.len()
        )
    });
    let faults = journal.with(|journal| journal.faults.clone());
    if !faults.is_empty() {
        return Err(format!("{}\n{line}\ndata and log stay in {}", faults.join("\n"), arguments.data.display()));
    }
    let _ = std::fs::remove_dir_all(&arguments.data);
    Ok(line)
}

async fn picture_of(client: &mut Client) -> Vec<Value> {
    let mut found = Vec::new();
    for path in ["/api/v1/configmaps", "/apis/soak.example/v1/logs", load::CRDS, "/api/v1/namespaces", "/api/v1/resourcequotas"] {
        found.push(client.get(path).await.value["items"].clone());
    }
    found
}

/// Starts the server and waits until it answers.
async fn started(server: &mut Server) -> Result<Place, String> {
    server.start().map_err(|error| format!("it cannot be started: {error}"))?;
    let begin = Instant::now();
    while begin.elapsed() < Duration::from_secs(60) {
        if let Some(status) = server.ended() {
            return Err(format!("it ended with {status} while starting; see {}", server.data.with_extension("log").display()));
        }
        if let Some(place) = server.place() {
            let answer = Client::new(&place).send(Method::GET, "/readyz", "", Value::Null).await;
            if answer.is_ok_and(|answer| answer.code == 200) {
                return Ok(place);
            }
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Err("it was not ready within a minute".to_owned())
}

async fn kill_at_random(arguments: &Arguments, server: &mut Server) -> Result<u64, String> {
    let mut random = StdRng::seed_from_u64(arguments.seed);
    let (begin, length) = (Instant::now(), Duration::from_secs(arguments.seconds));
    let mut kills = 0;
    loop {
        // Mostly it runs for a while, sometimes it is killed while it starts.
        let pause = if random.random_bool(0.2) { random.random_range(50..800) } else { random.random_range(2_000..15_000) };
        let left = length.saturating_sub(begin.elapsed());
        if left < Duration::from_millis(pause) {
            tokio::time::sleep(left).await;
            return Ok(kills);
        }
        tokio::time::sleep(Duration::from_millis(pause)).await;
        if let Some(status) = server.ended() {
            return Err(format!("it ended by itself with {status}; see {}", server.data.with_extension("log").display()));
        }
        server.kill();
        kills += 1;
        if random.random_bool(0.2) {
            server.start().map_err(|error| error.to_string())?;
            tokio::time::sleep(Duration::from_millis(random.random_range(20..500))).await;
            server.kill();
            kills += 1;
        }
        started(server).await?;
    }
}

async fn prepare(client: &mut Client, journal: &Shared) -> Result<(), String> {
    let mut all: Vec<(String, Value)> = Vec::new();
    for name in ["keep", "churn", "trees", "counted"] {
        all.push(("/api/v1/namespaces".to_owned(), json!({"metadata": {"name": name}})));
    }
    let hard = json!({"count/configmaps": load::QUOTA.to_string()});
    all.push(("/api/v1/namespaces/counted/resourcequotas".to_owned(), json!({"metadata": {"name": "counted"}, "spec": {"hard": hard}})));
    all.push((load::CRDS.to_owned(), load::definition("logs", "Log")));
    for number in 0..4 {
        let body =
            json!({"apiVersion": "soak.example/v1", "kind": "Log", "metadata": {"name": format!("log-{number}")}, "spec": {"entries": []}});
        all.push((load::logs(""), body));
    }
    for number in 0..6 {
        all.push((load::maps("keep"), json!({"metadata": {"name": format!("keep-{number}")}, "data": {"kept": "1"}})));
    }
    all.push((load::maps("keep"), json!({"metadata": {"name": "counter"}, "data": {"count": "0"}})));
    for (path, body) in all {
        let answer = client.send(Method::POST, &path, "application/json", body).await.map_err(|_| "the server went away".to_owned())?;
        if !answer.is_good() {
            return Err(format!("{path}: {}", answer.value));
        }
        journal.with(|journal| journal.newest = journal.newest.max(answer.revision()));
    }
    Ok(())
}
