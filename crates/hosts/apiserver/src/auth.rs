//! Who is calling: in process the request's extensions say, over a socket a bearer token does.

use http::{HeaderMap, header, request::Parts};
use model::Caller;
use serde_json::json;

use crate::rbac::Attributes;
use crate::status::{ApiError, ApiResult};
use crate::{Server, token};

const AUTHENTICATED: &str = "system:authenticated";

/// Returns the caller, who is anonymous without a token.
pub(crate) fn caller(server: &Server, parts: &Parts) -> ApiResult<Caller> {
    let own = match parts.extensions.get::<Caller>() {
        Some(caller) => authenticated(caller.clone()),
        None => by_token(server, &parts.headers)?,
    };
    impersonated(server, own, &parts.headers)
}

fn anonymous() -> Caller {
    Caller { name: "system:anonymous".to_owned(), uid: String::new(), groups: vec!["system:unauthenticated".to_owned()] }
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

fn by_token(server: &Server, headers: &HeaderMap) -> ApiResult<Caller> {
    let text = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let token = match text.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") && !token.trim().is_empty() => token.trim(),
        _ => return Ok(anonymous()),
    };
    verify(server, token).ok_or_else(unauthorized)
}

/// Returns whom a token stands for.
pub(crate) fn verify(server: &Server, token: &str) -> Option<Caller> {
    // Digests are compared, so that the time it takes tells nothing about the token.
    let digest = token::digest(token.as_bytes());
    let known = server.tokens.iter().find(|(known, _)| token::digest(known.as_bytes()) == digest);
    match known {
        Some((_, caller)) => Some(authenticated(caller.clone())),
        None => token::verify(server, token, token::AUDIENCE).map(authenticated),
    }
}

fn unauthorized() -> ApiError {
    ApiError::new(401, "Unauthorized", "Unauthorized")
}

/// `Impersonate-User` and its companions: whoever may impersonate somebody acts as them.
fn impersonated(server: &Server, caller: Caller, headers: &HeaderMap) -> ApiResult<Caller> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let user = text("impersonate-user");
    let groups: Vec<String> =
        headers.get_all("impersonate-group").iter().filter_map(|value| value.to_str().ok().map(str::to_owned)).collect();
    if user.is_empty() {
        let stray = !groups.is_empty() || headers.keys().any(|name| name.as_str().starts_with("impersonate-"));
        return if stray { Err(ApiError::bad_request("requested impersonation without impersonating a user name")) } else { Ok(caller) };
    }
    if let Some(header) = headers.keys().find(|name| name.as_str().starts_with("impersonate-extra-") || name.as_str() == "impersonate-uid")
    {
        return Err(ApiError::bad_request(format!("this server does not impersonate with the header {header}")));
    }
    let mut wanted = Vec::new();
    match user.strip_prefix("system:serviceaccount:").and_then(|rest| rest.split_once(':')) {
        Some((namespace, name)) => wanted.push(("serviceaccounts", namespace.to_owned(), name.to_owned())),
        None => wanted.push(("users", String::new(), user.to_owned())),
    }
    wanted.extend(groups.iter().map(|group| ("groups", String::new(), group.clone())));
    for (resource, namespace, name) in wanted {
        let attributes =
            Attributes { verb: "impersonate".to_owned(), resource: resource.to_owned(), namespace, name, ..Attributes::default() };
        if !server.rules().allows(&caller, &attributes) {
            let message = format!("{resource} {:?} is forbidden: {}", attributes.name, attributes.refusal(&caller));
            return Err(ApiError::new(403, "Forbidden", message).with(json!({"kind": resource, "name": attributes.name})));
        }
    }
    if user == "system:anonymous" {
        return Ok(anonymous());
    }
    Ok(authenticated(Caller { name: user.to_owned(), uid: String::new(), groups }))
}
