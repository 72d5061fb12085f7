//! Tasks that write at once, each its own objects, and insist: what nobody answered is done again until somebody says that it is done.

use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use kube::api::{DeleteParams, Patch, PatchParams, PostParams, PropagationPolicy};
use kube::{Api, Error, Resource};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::fmt::Debug;
use std::sync::atomic::Ordering;

use super::{Bench, Counts, Expected, PATIENCE, Plan, add};

/// How many write at once.
const WRITERS: usize = 8;
/// At which parts of the objects the server is killed.
const KILLS: [usize; 2] = [3, 2];
const COLOURS: [&str; 4] = ["red", "green", "blue", "grey"];

/// Lets everybody write; returns what has to be there in the end.
pub async fn write(bench: &Bench, plan: &Plan) -> anyhow::Result<Expected> {
    let mut writers = tokio::task::JoinSet::new();
    for number in 0..WRITERS {
        let (bench, plan) = (bench.clone(), Plan { objects: plan.objects, seed: plan.seed });
        writers.spawn(async move { writer(&bench, &plan, number).await.with_context(|| format!("writer {number}")) });
    }
    let mut all = Expected::default();
    while let Some(expected) = writers.join_next().await {
        let expected = expected??;
        all.config_maps.extend(expected.config_maps);
        all.tasks.extend(expected.tasks);
    }
    Ok(all)
}

async fn writer(bench: &Bench, plan: &Plan, number: usize) -> anyhow::Result<Expected> {
    let mut random = StdRng::seed_from_u64(plan.seed.wrapping_add(number as u64));
    let mut expected = Expected::default();
    for step in (number..plan.objects).step_by(WRITERS) {
        let name = format!("w{number}-{step}");
        if step % 2 == 0 {
            let colour = life(&bench.config_maps(), bench, plan, &mut random, &name, &config_map).await?;
            expected.config_maps.extend(colour.map(|colour| (name, colour)));
        } else {
            let colour = life(&bench.tasks(), bench, plan, &mut random, &name, &task).await?;
            expected.tasks.extend(colour.map(|colour| (name, colour)));
        }
    }
    Ok(expected)
}

fn config_map(name: &str, colour: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "labels": {"kind": "free", "colour": colour}}, "data": {"colour": colour}})
}

fn task(name: &str, colour: &str) -> Value {
    json!({"apiVersion": "proof.supercargo.dev/v1", "kind": "Task", "metadata": {"name": name, "labels": {"colour": colour}}, "spec": {"colour": colour}})
}

/// One object from its creation to its end or not; returns its last colour if it stays.
async fn life<K>(
    api: &Api<K>,
    bench: &Bench,
    plan: &Plan,
    random: &mut StdRng,
    name: &str,
    object: &(impl Fn(&str, &str) -> Value + Sync),
) -> anyhow::Result<Option<String>>
where
    K: Resource + Clone + Debug + Serialize + DeserializeOwned,
{
    let counts = &bench.counts;
    let pick = |random: &mut StdRng| COLOURS[random.random_range(0..COLOURS.len())];
    let mut colour = pick(random);
    let first: K = serde_json::from_value(object(name, colour))?;
    insist(counts, || async {
        match api.create(&PostParams::default(), &first).await {
            // An attempt whose answer was lost.
            Err(Error::Api(status)) if status.reason == "AlreadyExists" => Ok(()),
            other => other.map(drop),
        }
    })
    .await?;
    let made = counts.created.fetch_add(1, Ordering::Relaxed) + 1;
    if KILLS.iter().any(|part| made == plan.objects / part) {
        println!("kill");
    }
    for _ in 0..random.random_range(0..4) {
        colour = pick(random);
        let wanted = object(name, colour);
        match random.random_range(0..3) {
            0 => insist(counts, || async { api.patch(name, &PatchParams::default(), &Patch::Merge(&wanted)).await.map(drop) }).await?,
            1 => {
                insist(counts, || async { api.patch(name, &PatchParams::apply("writer").force(), &Patch::Apply(&wanted)).await.map(drop) })
                    .await?
            }
            _ => insist(counts, || replace(api, name, &wanted)).await?,
        }
        add(&counts.updated);
    }
    if random.random_bool(0.5) {
        return Ok(Some(colour.to_owned()));
    }
    let policy = if random.random_bool(0.5) { PropagationPolicy::Foreground } else { PropagationPolicy::Background };
    let parameters = DeleteParams { propagation_policy: Some(policy), ..DeleteParams::default() };
    insist(counts, || async {
        match api.delete(name, &parameters).await {
            Err(Error::Api(status)) if status.code == 404 => Ok(()),
            other => other.map(drop),
        }
    })
    .await?;
    add(&counts.deleted);
    Ok(None)
}

/// Reads, changes and writes back, as clients do that hold a version.
async fn replace<K>(api: &Api<K>, name: &str, wanted: &Value) -> Result<(), Error>
where
    K: Resource + Clone + Debug + Serialize + DeserializeOwned,
{
    let mut found = serde_json::to_value(api.get(name).await?).map_err(Error::SerdeError)?;
    found["metadata"]["labels"] = wanted["metadata"]["labels"].clone();
    for field in ["data", "spec"] {
        if !wanted[field].is_null() {
            found[field] = wanted[field].clone();
        }
    }
    let changed: K = serde_json::from_value(found).map_err(Error::SerdeError)?;
    api.replace(name, &PostParams::default(), &changed).await.map(drop)
}

/// Does something until it is done.
async fn insist<F: Future<Output = Result<(), Error>>>(counts: &Counts, mut attempt: impl FnMut() -> F) -> anyhow::Result<()> {
    let begin = Instant::now();
    loop {
        match attempt().await {
            Ok(()) => return Ok(()),
            Err(Error::Api(status)) if status.reason == "Conflict" => add(&counts.conflicts),
            Err(Error::Api(status)) if status.code < 500 && status.code != 429 => bail!("refused: {status:?}"),
            Err(error) => {
                counts.lost.fetch_add(1, Ordering::Relaxed);
                if begin.elapsed() > PATIENCE {
                    return Err(error).context("nobody answers");
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}
