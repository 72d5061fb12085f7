//! Who is calling: in process the request's extensions say, over a socket a bearer token does.

use std::collections::BTreeMap;

use http::{HeaderMap, header, request::Parts};
use model::Caller;
use serde_json::json;

use crate::audit::Trail;
use crate::rbac::Attributes;
use crate::status::{ApiError, ApiResult};
use crate::token::Verified;
use crate::{Server, token};

const AUTHENTICATED: &str = "system:authenticated";

/// Returns the caller, who is anonymous without a token; the trail remembers who it is.
pub(crate) fn caller(server: &Server, parts: &Parts, trail: &mut Trail) -> ApiResult<Caller> {
    let own = match parts.extensions.get::<Caller>() {
        Some(caller) => authenticated(caller.clone()),
        None => match by_token(server, &parts.headers, trail) {
            Ok(caller) => caller,
            Err(error) => {
                trail.unauthenticated();
                return Err(error);
            }
        },
    };
    trail.caller(&own);
    let Some(other) = impersonated(server, &own, &parts.headers)? else { return Ok(own) };
    trail.impersonated(&other);
    Ok(other)
}

fn anonymous() -> Caller {
    Caller { name: "system:anonymous".to_owned(), groups: vec!["system:unauthenticated".to_owned()], ..Caller::default() }
}

fn authenticated(mut caller: Caller) -> Caller {
    if caller.name != "system:anonymous" && !caller.groups.iter().any(|group| group == AUTHENTICATED) {
        if let Some((namespace, _)) = caller.name.strip_prefix("system:serviceaccount:").and_then(|rest| rest.split_once(':')) {
            for group in ["system:serviceaccounts".to_owned(), format!("system:serviceaccounts:{namespace}")] {
                if !caller.groups.contains(&group) {
                    caller.groups.push(group);
                }
            }
        }
        caller.groups.push(AUTHENTICATED.to_owned());
    }
    caller
}

fn by_token(server: &Server, headers: &HeaderMap, trail: &mut Trail) -> ApiResult<Caller> {
    let text = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let token = match text.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") && !token.trim().is_empty() => token.trim(),
        _ => return Ok(anonymous()),
    };
    let Verified { caller, stale } = verify(server, token).ok_or_else(unauthorized)?;
    if let Some(stale) = stale {
        trail.annotate("authentication.k8s.io/stale-token", || stale);
    }
    Ok(caller)
}

/// Returns whom a token stands for.
pub(crate) fn verify(server: &Server, token: &str) -> Option<Verified> {
    // Digests are compared, so that the time it takes tells nothing about the token.
    let digest = token::digest(token.as_bytes());
    let known = server.tokens.iter().find(|(known, _)| token::digest(known.as_bytes()) == digest);
    match known {
        Some((_, caller)) => Some(Verified { caller: authenticated(caller.clone()), stale: None }),
        None => verify_for(server, token, token::AUDIENCE),
    }
}

/// Returns whom a token of a ServiceAccount stands for, when it is for this audience.
pub(crate) fn verify_for(server: &Server, token: &str, audience: &str) -> Option<Verified> {
    token::verify(server, token, audience).map(|found| Verified { caller: authenticated(found.caller), stale: found.stale })
}

fn unauthorized() -> ApiError {
    ApiError::new(401, "Unauthorized", "Unauthorized")
}

/// `Impersonate-User` and its companions: whoever may impersonate somebody acts as them.
fn impersonated(server: &Server, caller: &Caller, headers: &HeaderMap) -> ApiResult<Option<Caller>> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let user = text("impersonate-user");
    let groups: Vec<String> =
        headers.get_all("impersonate-group").iter().filter_map(|value| value.to_str().ok().map(str::to_owned)).collect();
    let uid = text("impersonate-uid").to_owned();
    let mut extra: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, value) in headers {
        let Some(key) = name.as_str().strip_prefix("impersonate-extra-") else { continue };
        extra.entry(crate::request::decode(key)).or_default().extend(value.to_str().ok().map(str::to_owned));
    }
    if user.is_empty() {
        if groups.is_empty() && uid.is_empty() && extra.is_empty() {
            return Ok(None);
        }
        return Err(ApiError::bad_request(format!("requested {} without impersonating a user name", in_go(&groups, &uid, &extra))));
    }
    let mut wanted = Vec::new();
    match user.strip_prefix("system:serviceaccount:").and_then(|rest| rest.split_once(':')) {
        Some((namespace, name)) => wanted.push(("serviceaccounts", namespace.to_owned(), name.to_owned())),
        None => wanted.push(("users", String::new(), user.to_owned())),
    }
    wanted.extend(groups.iter().map(|group| ("groups", String::new(), group.clone())));
    let told = extra.iter().flat_map(|(key, values)| values.iter().map(move |value| ("userextras", key.clone(), value.clone())));
    wanted.extend((!uid.is_empty()).then(|| ("uids", String::new(), uid.clone())));
    wanted.extend(told);
    for (resource, place, name) in wanted {
        let mut attributes = Attributes { verb: "impersonate".to_owned(), resource: resource.to_owned(), name, ..Attributes::default() };
        match resource {
            "userextras" => attributes.subresource = place,
            _ => attributes.namespace = place,
        }
        if matches!(resource, "uids" | "userextras") {
            attributes.group = "authentication.k8s.io".to_owned();
        }
        if !server.rules().allows(caller, &attributes) {
            let message = format!("{resource} {:?} is forbidden: {}", attributes.name, attributes.refusal(caller));
            return Err(ApiError::new(403, "Forbidden", message).with(json!({"kind": resource, "name": attributes.name})));
        }
    }
    if user == "system:anonymous" {
        return Ok(Some(anonymous()));
    }
    Ok(Some(authenticated(Caller { name: user.to_owned(), groups, uid, extra })))
}

/// Who was asked for, as Go prints it (`%#v` of apiserver `pkg/authentication/user.DefaultInfo`).
fn in_go(groups: &[String], uid: &str, extra: &BTreeMap<String, Vec<String>>) -> String {
    let list = |all: &[String]| {
        let quoted: Vec<String> = all.iter().map(|one| format!("{one:?}")).collect();
        format!("[]string{{{}}}", quoted.join(", "))
    };
    let groups = if groups.is_empty() { "[]string(nil)".to_owned() } else { list(groups) };
    let extra = if extra.is_empty() {
        "map[string][]string(nil)".to_owned()
    } else {
        let all: Vec<String> = extra.iter().map(|(key, values)| format!("{key:?}:{}", list(values))).collect();
        format!("map[string][]string{{{}}}", all.join(", "))
    };
    format!("&user.DefaultInfo{{Name:\"\", UID:{uid:?}, Groups:{groups}, Extra:{extra}}}")
}
