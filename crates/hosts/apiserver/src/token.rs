//! Tokens of ServiceAccounts: minted on request or into Secrets, signed with a key of the store, dead with their account.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hmac::{Hmac, Mac as _};
use model::Caller;
use rand::Rng as _;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use store::{Batch, Store, StoreError};

use crate::Server;
use crate::object::{self, meta, meta_mut};
use crate::status::{ApiError, ApiResult};
use crate::write::Call;

/// Whom a token is for when nobody else is named: this server.
pub(crate) const AUDIENCE: &str = "https://kubernetes.default.svc";
/// How tokens are signed.
pub(crate) const ALGORITHM: &str = "HS256";
/// Where the signing key lies; no kind is served from there.
const KEY: &str = "/internal/token-key";
/// The kind of Secret that holds a token.
pub(crate) const SECRET_TYPE: &str = "kubernetes.io/service-account-token";
const ACCOUNT: &str = "kubernetes.io/service-account.name";

/// Returns the SHA-256 of a text.
pub(crate) fn digest(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// Makes the signing key when there is none.
pub(crate) fn ensure_key(store: &Store) -> Result<(), StoreError> {
    if store.get(KEY).is_some() {
        return Ok(());
    }
    let key: [u8; 32] = rand::rng().random();
    store.commit(Batch::new().expect(KEY, 0).put(KEY, key.to_vec())).map(drop)
}

fn signer(store: &Store) -> Option<Hmac<Sha256>> {
    Hmac::new_from_slice(&store.get(KEY)?.value).ok()
}

fn sign(store: &Store, claims: &Value) -> Option<String> {
    let text = format!("{}.{}", URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256","typ":"JWT"}"#), URL_SAFE_NO_PAD.encode(claims.to_string()));
    let mut signer = signer(store)?;
    signer.update(text.as_bytes());
    Some(format!("{text}.{}", URL_SAFE_NO_PAD.encode(signer.finalize().into_bytes())))
}

fn claims(store: &Store, token: &str) -> Option<Value> {
    let (text, signature) = token.rsplit_once('.')?;
    let mut signer = signer(store)?;
    signer.update(text.as_bytes());
    signer.verify_slice(&URL_SAFE_NO_PAD.decode(signature).ok()?).ok()?;
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text.split_once('.')?.1).ok()?).ok()
}

fn account_key(namespace: &str, name: &str) -> String {
    format!("/registry/core/serviceaccounts/{namespace}/{name}")
}

fn stored(store: &Store, key: &str) -> Option<Value> {
    serde_json::from_slice(&store.get(key)?.value).ok()
}

/// Returns whom a token of this server stands for now.
pub(crate) fn verify(server: &Server, token: &str, audience: &str) -> Option<Caller> {
    let claims = claims(&server.store, token)?;
    if let Some(end) = claims.get("exp").and_then(Value::as_i64)
        && server.clock.now().as_second() >= end
    {
        return None;
    }
    let audiences = claims.get("aud").and_then(Value::as_array)?;
    if !audiences.iter().any(|one| one == audience) {
        return None;
    }
    let about = claims.get("kubernetes.io")?;
    let namespace = about.get("namespace")?.as_str()?;
    let alive = |key: String, uid: &Value| stored(&server.store, &key).is_some_and(|object| object["metadata"]["uid"] == *uid);
    let account = about.get("serviceaccount")?;
    let name = account.get("name")?.as_str()?;
    if !alive(account_key(namespace, name), account.get("uid")?) {
        return None;
    }
    for (claim, plural) in [("pod", "pods"), ("secret", "secrets")] {
        if let Some(bound) = about.get(claim) {
            let key = format!("/registry/core/{plural}/{namespace}/{}", bound.get("name")?.as_str()?);
            if !alive(key, bound.get("uid")?) {
                return None;
            }
        }
    }
    let mut caller = Caller::new(&format!("system:serviceaccount:{namespace}:{name}"));
    caller.uid = account.get("uid")?.as_str()?.to_owned();
    if let Some(id) = claims.get("jti").and_then(Value::as_str) {
        caller.extra.insert("authentication.kubernetes.io/credential-id".to_owned(), vec![format!("JTI={id}")]);
    }
    if let Some(pod) = about.get("pod") {
        for part in ["name", "uid"] {
            let value = pod.get(part).and_then(Value::as_str).unwrap_or_default().to_owned();
            caller.extra.insert(format!("authentication.kubernetes.io/pod-{part}"), vec![value]);
        }
    }
    Some(caller)
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
    let Some(token) = sign(&server.store, &claims) else { return };
    meta_mut(secret)["annotations"]["kubernetes.io/service-account.uid"] = json!(uid);
    if !secret.get("data").is_some_and(Value::is_object) {
        secret["data"] = json!({});
    }
    secret["data"]["token"] = json!(STANDARD.encode(token));
    secret["data"]["namespace"] = json!(STANDARD.encode(&namespace));
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

/// Answers `serviceaccounts/NAME/token`.
pub(crate) fn request(call: &Call, review: &Value) -> ApiResult<Value> {
    let server = &call.server;
    let (namespace, name) = (call.place.namespace.as_str(), call.place.name.as_str());
    let Some(account) = stored(&server.store, &account_key(namespace, name)) else { return Err(ApiError::not_found(&call.resource, name)) };
    let spec = review.get("spec").cloned().unwrap_or_else(|| json!({}));
    let seconds = spec.get("expirationSeconds").and_then(Value::as_i64).unwrap_or(3600);
    if !(600..=1 << 32).contains(&seconds) {
        let why = if seconds < 600 {
            "may not specify a duration less than 10 minutes"
        } else {
            "may not specify a duration larger than 2^32 seconds"
        };
        let violation = schema::Violation::invalid("spec.expirationSeconds", &json!(seconds), why);
        return Err(ApiError::invalid("authentication.k8s.io", "TokenRequest", "", &[violation]));
    }
    let audiences = match spec.get("audiences").and_then(Value::as_array).filter(|list| !list.is_empty()) {
        Some(list) => list.clone(),
        None => vec![json!(AUDIENCE)],
    };
    let now = server.clock.now();
    let end = now.as_second() + seconds;
    let mut about = json!({"namespace": namespace, "serviceaccount": {"name": name, "uid": meta(&account, "uid")}});
    if let Some(bound) = spec.get("boundObjectRef").filter(|bound| bound.is_object()) {
        let text = |field: &str| bound.get(field).and_then(Value::as_str).unwrap_or_default();
        let (claim, plural) = match text("kind") {
            "Pod" => ("pod", "pods"),
            "Secret" => ("secret", "secrets"),
            "Node" => return Err(ApiError::bad_request("cannot bind token to a Node object as this server issues none to nodes")),
            other => {
                let (group, version) = text("apiVersion").rsplit_once('/').unwrap_or(("", text("apiVersion")));
                return Err(ApiError::bad_request(format!("cannot bind token to object of type {group}/{version}, Kind={other}")));
            }
        };
        let found = stored(&server.store, &format!("/registry/core/{plural}/{namespace}/{}", text("name")));
        let Some(found) = found.filter(|found| text("uid").is_empty() || meta(found, "uid") == text("uid")) else {
            let details = json!({"kind": plural, "name": text("name")});
            return Err(ApiError::new(404, "NotFound", format!("{plural} {:?} not found", text("name"))).with(details));
        };
        about[claim] = json!({"name": text("name"), "uid": meta(&found, "uid")});
    }
    let claims = json!({
        "iss": AUDIENCE, "aud": audiences, "sub": format!("system:serviceaccount:{namespace}:{name}"),
        "iat": now.as_second(), "nbf": now.as_second(), "exp": end, "jti": object::uid(), "kubernetes.io": about,
    });
    let token = sign(&server.store, &claims).ok_or_else(|| ApiError::internal("the signing key of the store is missing"))?;
    let expires = model::Timestamp::from_second(end).map(object::seconds).unwrap_or_default();
    let mut answer = json!({
        "kind": "TokenRequest", "apiVersion": "authentication.k8s.io/v1",
        "metadata": {"name": name, "namespace": namespace, "creationTimestamp": server.now()},
        "spec": {"audiences": audiences, "expirationSeconds": seconds, "boundObjectRef": spec.get("boundObjectRef").cloned().unwrap_or_default()},
    });
    answer["status"] = json!({"token": token, "expirationTimestamp": expires});
    Ok(answer)
}
