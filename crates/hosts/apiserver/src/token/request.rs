//! Tokens on request: `serviceaccounts/NAME/token`. kubernetes `pkg/registry/core/serviceaccount/storage/token.go`,
//! `pkg/serviceaccount/claims.go`.

use schema::Violation;
use serde_json::{Value, json};

use super::{AUDIENCE, account_key, keys, stored};
use crate::object::{self, meta};
use crate::status::{ApiError, ApiResult};
use crate::write::Call;

/// A Pod's token that asks for just this lasts longer, and whoever uses it later than asked for is noted.
const WATCHED: i64 = 3607;
/// How long such a token lasts.
const EXTENDED: i64 = 365 * 24 * 3600;
/// How long a token lasts for which nobody says.
const USUAL: i64 = 3600;

/// What a token is bound to, as its claims name it, and whether that is a Pod.
struct Bound {
    claims: Vec<(&'static str, Value)>,
    pod: bool,
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// Answers a request for a token.
pub(crate) fn request(call: &Call, review: &Value) -> ApiResult<Value> {
    let server = &call.server;
    let (namespace, name) = (call.place.namespace.as_str(), call.place.name.as_str());
    let invalid = |named: &str, violation: Violation| ApiError::invalid("authentication.k8s.io", "TokenRequest", named, &[violation]);
    for (field, wanted) in [("name", name), ("namespace", namespace)] {
        let given = meta(review, field);
        if !given.is_empty() && given != wanted {
            let why = format!("must match the service account {field} if specified");
            return Err(invalid(name, Violation::invalid(&format!("metadata.{field}"), &json!(given), &why)));
        }
    }
    let Some(account) = stored(&server.store, &account_key(namespace, name)) else { return Err(ApiError::not_found(&call.resource, name)) };
    let spec = review.get("spec").cloned().unwrap_or_else(|| json!({}));
    let seconds = spec.get("expirationSeconds").and_then(Value::as_i64).unwrap_or(USUAL);
    if !(600..=1 << 32).contains(&seconds) {
        let why = if seconds < 600 {
            "may not specify a duration less than 10 minutes"
        } else {
            "may not specify a duration larger than 2^32 seconds"
        };
        return Err(invalid("", Violation::invalid("spec.expirationSeconds", &json!(seconds), why)));
    }
    let audiences = match spec.get("audiences").and_then(Value::as_array).filter(|list| !list.is_empty()) {
        Some(list) => list.clone(),
        None => vec![json!(AUDIENCE)],
    };
    let now = server.clock.now().as_second();
    let mut about = json!({"namespace": namespace, "serviceaccount": {"name": name, "uid": meta(&account, "uid")}});
    let reference = spec.get("boundObjectRef").filter(|bound| bound.is_object());
    let bound = reference.map(|reference| bound(call, reference)).transpose()?;
    let mut end = now.saturating_add(seconds);
    if let Some(bound) = bound {
        for (claim, value) in bound.claims {
            about[claim] = value;
        }
        if bound.pod && seconds == WATCHED && audiences.iter().all(|audience| audience == AUDIENCE) {
            about["warnafter"] = json!(end);
            end = now.saturating_add(EXTENDED);
        }
    }
    let id = object::uid();
    let claims = json!({
        "iss": AUDIENCE, "aud": audiences, "sub": format!("system:serviceaccount:{namespace}:{name}"),
        "iat": now, "nbf": now, "exp": end, "jti": id, "kubernetes.io": about,
    });
    let token = keys::sign(&server.store, &claims).ok_or_else(|| ApiError::internal("the signing key of the store is missing"))?;
    call.note("authentication.kubernetes.io/issued-credential-id", format!("JTI={id}"));
    // What is told is what was asked for, not what a Pod is given beyond.
    let expires = model::Timestamp::from_second(now.saturating_add(seconds)).map(object::seconds).unwrap_or_default();
    let mut answer = json!({
        "kind": "TokenRequest", "apiVersion": "authentication.k8s.io/v1",
        "metadata": {"name": name, "namespace": namespace, "creationTimestamp": server.now()},
        "spec": {"audiences": audiences, "expirationSeconds": seconds, "boundObjectRef": spec.get("boundObjectRef").cloned().unwrap_or_default()},
    });
    answer["status"] = json!({"token": token, "expirationTimestamp": expires});
    Ok(answer)
}

/// Finds what a token is to be bound to.
fn bound(call: &Call, reference: &Value) -> ApiResult<Bound> {
    let (server, namespace, account) = (&call.server, &call.place.namespace, &call.place.name);
    let (group, version) = text(reference, "apiVersion").rsplit_once('/').unwrap_or(("", text(reference, "apiVersion")));
    let (kind, name) = (text(reference, "kind"), text(reference, "name"));
    let (claim, plural, key) = match (group, kind) {
        ("", "Pod") => ("pod", "pods", format!("/registry/core/pods/{namespace}/{name}")),
        ("", "Secret") => ("secret", "secrets", format!("/registry/core/secrets/{namespace}/{name}")),
        ("", "Node") => ("node", "nodes", format!("/registry/core/nodes/{name}")),
        _ => return Err(ApiError::bad_request(format!("cannot bind token to object of type {group}/{version}, Kind={kind}"))),
    };
    let Some(found) = stored(&server.store, &key) else {
        let details = json!({"kind": plural, "name": name});
        return Err(ApiError::new(404, "NotFound", format!("{plural} {name:?} not found")).with(details));
    };
    if claim == "pod" && found.pointer("/spec/serviceAccountName").and_then(Value::as_str).unwrap_or_default() != account {
        let why = format!("cannot bind token for serviceaccount {account:?} to pod running with different serviceaccount name.");
        return Err(ApiError::bad_request(why));
    }
    let wanted = text(reference, "uid");
    if !wanted.is_empty() && wanted != meta(&found, "uid") {
        let why = format!(
            "the UID in the bound object reference ({wanted}) does not match the UID in record. The object might have been deleted and then recreated"
        );
        let message = format!("Operation cannot be fulfilled on {kind} {name:?}: {why}");
        return Err(ApiError::new(409, "Conflict", message).with(json!({"name": name, "kind": kind})));
    }
    let mut claims = vec![(claim, json!({"name": name, "uid": meta(&found, "uid")}))];
    let node = found.pointer("/spec/nodeName").and_then(Value::as_str).filter(|node| claim == "pod" && !node.is_empty());
    if let Some(node) = node {
        // A Node that nobody has registered is told by its name alone.
        let known = stored(&server.store, &format!("/registry/core/nodes/{node}"));
        claims.push(("node", known.map_or_else(|| json!({"name": node}), |known| json!({"name": node, "uid": meta(&known, "uid")}))));
    }
    Ok(Bound { claims, pod: claim == "pod" })
}
