//! The log on the wire, in Rekor's API v1. Read first: [`add`].

use std::sync::PoisonError;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use axum::routing::{get, post};
use http::{HeaderValue, StatusCode, header};
use serde_json::{Map, Value, json};
use sign::to_pem;

use crate::answer::{Answer, Refusal, json_response, read_json, response};
use crate::log::{Added, Log};
use crate::{Identity, proposal};

const ENTRIES: &str = "/api/v1/log/entries";
/// Hex digits of a leaf's hash, which ends an entry's name.
const HASH_DIGITS: usize = 64;

type Parameters = Query<Vec<(String, String)>>;

pub(crate) fn router(identity: Identity) -> Router {
    Router::new()
        .route(ENTRIES, post(add).get(by_index))
        .route("/api/v1/log/entries/{name}", get(by_name))
        .route("/api/v1/log", get(state))
        .route("/api/v1/log/proof", get(proof))
        .route("/api/v1/log/publicKey", get(public_key))
        .with_state(identity)
}

/// Looks at the log, or changes it, while nobody else does.
fn with_log<T>(identity: &Identity, work: impl FnOnce(&mut Log) -> T) -> T {
    work(&mut identity.0.log.lock().unwrap_or_else(PoisonError::into_inner))
}

async fn add(State(identity): State<Identity>, body: Body) -> Answer {
    let proposal = read_json(body).await?;
    let body = proposal::body_of(&proposal).map_err(|why| Refusal::log(StatusCode::BAD_REQUEST, why))?;
    let (added, entry) = with_log(&identity, |log| {
        let added = log.append(&identity.0, &body, identity.now())?;
        let (Added::New(index) | Added::Known(index)) = added;
        Ok::<_, Refusal>((added, log.entry(&identity.0, index)))
    })?;
    let (name, value) = entry.ok_or_else(unreadable)?;
    let location = format!("{ENTRIES}/{name}");
    if let Added::Known(index) = added {
        let message = format!("an equivalent entry already exists in the transparency log with UUID {name} and index {index}");
        return Err(Refusal { location: Some(location), ..Refusal::log(StatusCode::CONFLICT, message) });
    }
    let mut answer = one(StatusCode::CREATED, &name, value);
    for (header, text) in [(header::ETAG, &name), (header::LOCATION, &location)] {
        // Hex and a path are always good header values; cosign does not survive a missing ETag.
        answer.headers_mut().insert(header, HeaderValue::from_str(text).map_err(|_| unreadable())?);
    }
    Ok(answer)
}

fn unreadable() -> Refusal {
    Refusal::log(StatusCode::INTERNAL_SERVER_ERROR, "the entry cannot be read back")
}

/// The map of one entry that Rekor answers.
fn one(status: StatusCode, name: &str, entry: Value) -> Response {
    let map: Map<String, Value> = [(name.to_owned(), entry)].into_iter().collect();
    json_response(status, &Value::Object(map))
}

async fn by_index(State(identity): State<Identity>, Query(query): Parameters) -> Answer {
    let index = number(&query, "logIndex")?;
    answer_entry(&identity, Some(index))
}

async fn by_name(State(identity): State<Identity>, Path(name): Path<String>) -> Answer {
    let tail = name.len().checked_sub(HASH_DIGITS).and_then(|start| name.get(start..)).unwrap_or_default();
    let mut leaf = [0; 32];
    let known = hex::decode_to_slice(tail, &mut leaf).is_ok();
    let index = known.then(|| with_log(&identity, |log| log.find(&leaf))).flatten();
    answer_entry(&identity, index)
}

fn answer_entry(identity: &Identity, index: Option<usize>) -> Answer {
    let entry = index.and_then(|index| with_log(identity, |log| log.entry(&identity.0, index)));
    let (name, value) = entry.ok_or_else(|| Refusal::log(StatusCode::NOT_FOUND, "the log has no such entry"))?;
    Ok(one(StatusCode::OK, &name, value))
}

async fn state(State(identity): State<Identity>) -> Response {
    let (root, size, head) = with_log(&identity, |log| (log.root(log.size()), log.size(), log.checkpoint(&identity.0)));
    json_response(
        StatusCode::OK,
        &json!({
            "inactiveShards": [],
            "rootHash": hex::encode(root),
            "signedTreeHead": head,
            "treeID": identity.0.keys.log_number.to_string(),
            "treeSize": size,
        }),
    )
}

/// The proof that the log at one size is the beginning of the log at another: nobody has rewritten it in between.
async fn proof(State(identity): State<Identity>, Query(query): Parameters) -> Answer {
    let (first, last) = (number(&query, "firstSize").unwrap_or(1), number(&query, "lastSize")?);
    with_log(&identity, |log| {
        if first == 0 || first > last || last > log.size() {
            let message = format!("there is no proof from size {first} to {last}; the log has size {}", log.size());
            return Err(Refusal::log(StatusCode::BAD_REQUEST, message));
        }
        let hashes: Vec<String> = log.consistency(first, last).iter().map(hex::encode).collect();
        Ok(json_response(StatusCode::OK, &json!({ "hashes": hashes, "rootHash": hex::encode(log.root(last)) })))
    })
}

async fn public_key(State(identity): State<Identity>) -> Response {
    response(StatusCode::OK, "application/x-pem-file", to_pem("PUBLIC KEY", &identity.0.keys.log.spki))
}

fn number(query: &[(String, String)], name: &str) -> Result<usize, Refusal> {
    let found = query.iter().find(|(each, _)| each == name).and_then(|(_, value)| value.parse().ok());
    found.ok_or_else(|| Refusal::log(StatusCode::BAD_REQUEST, format!("{name} is missing or no number")))
}
