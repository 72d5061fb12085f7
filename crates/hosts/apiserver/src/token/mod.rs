//! Tokens of ServiceAccounts: minted on request or into Secrets, signed with a key of the store, dead with their account.
//! Read first: [`verify`]; the keys are in `keys`, tokens on request in `request`.

pub(crate) mod keys;
mod request;

pub(crate) use request::request;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use model::Caller;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use store::{Batch, Store, StoreError};

use crate::Server;
use crate::object::{self, meta, meta_mut};
use crate::status::ApiResult;

/// Whom a token is for when nobody else is named: this server.
pub(crate) const AUDIENCE: &str = "https://kubernetes.default.svc";
/// How tokens are signed.
pub(crate) const ALGORITHM: &str = "HS256";
/// So many seconds are let pass between clocks, and between a deletion and its effect.
const LEEWAY: i64 = 60;
/// The kind of Secret that holds a token.
pub(crate) const SECRET_TYPE: &str = "kubernetes.io/service-account-token";
const ACCOUNT: &str = "kubernetes.io/service-account.name";

/// Returns the SHA-256 of a text.
pub(crate) fn digest(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

fn account_key(namespace: &str, name: &str) -> String {
    format!("/registry/core/serviceaccounts/{namespace}/{name}")
}

fn stored(store: &Store, key: &str) -> Option<Value> {
    serde_json::from_slice(&store.get(key)?.value).ok()
}

/// Whom a token stands for.
pub(crate) struct Verified {
    pub caller: Caller,
    /// Said in the log when the token is used later than it was asked for.
    pub stale: Option<String>,
}

/// Returns whom a token of this server stands for now. It dies with its account and with what it is bound to
/// (kubernetes `pkg/serviceaccount/claims.go`).
pub(crate) fn verify(server: &Server, token: &str, audience: &str) -> Option<Verified> {
    let claims = keys::claims(&server.store, token)?;
    let now = server.clock.now();
    let number = |claim: &str| claims.get(claim).and_then(Value::as_i64);
    let over = number("exp").is_some_and(|end| now.as_second() >= end);
    let early = number("nbf").is_some_and(|start| now.as_second() + LEEWAY < start);
    let audiences = claims.get("aud").and_then(Value::as_array)?;
    if over || early || !audiences.iter().any(|one| one == audience) {
        return None;
    }
    let about = claims.get("kubernetes.io")?;
    let namespace = about.get("namespace")?.as_str()?;
    let alive = |key: String, uid: &Value| {
        stored(&server.store, &key).is_some_and(|object| {
            let gone = object::parse_time(meta(&object, "deletionTimestamp")).is_some_and(|end| end.as_second() + LEEWAY < now.as_second());
            object["metadata"]["uid"] == *uid && !gone
        })
    };
    let account = about.get("serviceaccount")?;
    let name = account.get("name")?.as_str()?;
    if !alive(account_key(namespace, name), account.get("uid")?) {
        return None;
    }
    let pod = about.get("pod");
    for (claim, place) in [("pod", format!("pods/{namespace}")), ("secret", format!("secrets/{namespace}")), ("node", "nodes".to_owned())] {
        // The Node of a Pod is only told; the token lives as long as the Pod does.
        if let Some(bound) = about.get(claim).filter(|_| claim != "node" || pod.is_none())
            && !alive(format!("/registry/core/{place}/{}", bound.get("name")?.as_str()?), bound.get("uid")?)
        {
            return None;
        }
    }
    let mut caller = Caller::new(&format!("system:serviceaccount:{namespace}:{name}"));
    caller.uid = account.get("uid")?.as_str()?.to_owned();
    let mut tell = |what: &str, value: String| caller.extra.insert(format!("authentication.kubernetes.io/{what}"), vec![value]);
    if let Some(id) = claims.get("jti").and_then(Value::as_str) {
        tell("credential-id", format!("JTI={id}"));
    }
    for claim in ["pod", "node"] {
        for part in ["name", "uid"] {
            let value = about.get(claim).and_then(|bound| bound.get(part)).and_then(Value::as_str).unwrap_or_default();
            if !value.is_empty() {
                tell(&format!("{claim}-{part}"), value.to_owned());
            }
        }
    }
    let late = about.get("warnafter").and_then(Value::as_i64).map(|limit| now.as_second() - limit).filter(|late| *late > 0);
    let stale = late.map(|late| format!("subject: {}, seconds after warning threshold: {late}", caller.name));
    Some(Verified { caller, stale })
}

/// Writes the token into a new Secret of the token type, if its account is there.
pub(crate) fn fill(server: &Server, secret: &mut Value) {
    if secret.get("type") != Some(&json!(SECRET_TYPE)) || secret.pointer("/data/token").is_some() {
        return;
    }
    let namespace = meta(secret, "namespace").to_owned();
    let name =
        secret.pointer("/metadata/annotations").and_then(|all| all.get(ACCOUNT)).and_then(Value::as_str).unwrap_or_default().to_owned();
    let Some(account) = stored(&server.store, &account_key(&namespace, &name)) else { return };
    let uid = meta(&account, "uid").to_owned();
    let claims = json!({
        "iss": AUDIENCE, "aud": [AUDIENCE], "sub": format!("system:serviceaccount:{namespace}:{name}"),
        "kubernetes.io": {
            "namespace": namespace,
            "serviceaccount": {"name": name, "uid": uid},
            "secret": {"name": meta(secret, "name"), "uid": meta(secret, "uid")},
        },
    });
    let Some(token) = keys::sign(&server.store, &claims) else { return };
    meta_mut(secret)["annotations"]["kubernetes.io/service-account.uid"] = json!(uid);
    if !secret.get("data").is_some_and(Value::is_object) {
        secret["data"] = json!({});
    }
    secret["data"]["token"] = json!(STANDARD.encode(token));
    secret["data"]["namespace"] = json!(STANDARD.encode(&namespace));
}

/// Signs the tokens in Secrets anew, so that none of them ends with a key that signs no more.
pub(crate) fn refill(server: &Server) -> Result<(), StoreError> {
    for (key, entry) in server.store.scan("/registry/core/secrets/").0 {
        let Ok(mut secret) = serde_json::from_slice::<Value>(&entry.value) else { continue };
        let token = secret.pointer("/data/token").and_then(Value::as_str).and_then(|token| STANDARD.decode(token).ok());
        let Some(token) = token.and_then(|token| String::from_utf8(token).ok()) else { continue };
        // What this server has not signed is none of its tokens.
        let own = secret.get("type") == Some(&json!(SECRET_TYPE)) && keys::claims(&server.store, &token).is_some();
        if !own || keys::is_current(&server.store, &token) {
            continue;
        }
        if let Some(data) = secret.get_mut("data").and_then(Value::as_object_mut) {
            data.remove("token");
        }
        fill(server, &mut secret);
        if secret.pointer("/data/token").is_none() {
            continue;
        }
        match server.store.commit(Batch::new().expect(&key, entry.revision).put(&key, object::encode(&secret, "v1"))) {
            Ok(_) | Err(StoreError::Conflict { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Fills the Secrets that were waiting for this account.
pub(crate) fn fill_waiting(server: &Server, account: &Value) -> ApiResult<()> {
    let (namespace, name) = (meta(account, "namespace"), meta(account, "name"));
    for (key, entry) in server.store.scan(&format!("/registry/core/secrets/{namespace}/")).0 {
        let Ok(mut secret) = serde_json::from_slice::<Value>(&entry.value) else { continue };
        let waits = secret.get("type") == Some(&json!(SECRET_TYPE))
            && secret.pointer("/data/token").is_none()
            && secret.pointer("/metadata/annotations").and_then(|all| all.get(ACCOUNT)) == Some(&json!(name));
        if waits {
            fill(server, &mut secret);
            let batch = Batch::new().expect(&key, entry.revision).put(&key, object::encode(&secret, "v1"));
            match server.store.commit(batch) {
                // Whoever changed it meanwhile has it.
                Ok(_) | Err(StoreError::Conflict { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
    Ok(())
}
