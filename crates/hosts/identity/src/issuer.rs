//! The OIDC issuer on the wire: discovery, keys, and the endpoint where a job gets its token, as GitHub's runner asks for it.

use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde_json::{Value, json};

use crate::answer::{Answer, Refusal, bearer, json_response};
use crate::{Identity, token};

pub(crate) fn router(identity: Identity) -> Router {
    Router::new()
        .route("/.well-known/openid-configuration", get(discovery))
        .route("/.well-known/jwks", get(keys))
        .route("/api/actions/oidc/token", get(job_token))
        .with_state(identity)
}

async fn discovery(State(identity): State<Identity>) -> Json<Value> {
    let issuer = &identity.0.options.issuer_url;
    Json(json!({
        "issuer": issuer,
        "jwks_uri": format!("{issuer}/.well-known/jwks"),
        "response_types_supported": ["id_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "scopes_supported": ["openid"],
        "claims_supported": ["sub", "aud", "exp", "iat", "iss", "jti", "nbf", "ref", "sha", "repository", "job_workflow_ref", "event_name"],
    }))
}

async fn keys(State(identity): State<Identity>) -> Json<Value> {
    let key = &identity.0.keys.issuer;
    let (modulus, exponent) = key.numbers();
    Json(json!({ "keys": [{ "kty": "RSA", "alg": "RS256", "use": "sig", "kid": key.id, "n": modulus, "e": exponent }] }))
}

/// `GET …?audience=A` with the job's request token. The token goes to nobody else, so nobody may keep the answer.
async fn job_token(State(identity): State<Identity>, headers: HeaderMap, Query(query): Query<Vec<(String, String)>>) -> Response {
    let answer = give(&identity, &headers, &query).await;
    let mut response = answer.unwrap_or_else(IntoResponse::into_response);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

async fn give(identity: &Identity, headers: &HeaderMap, query: &[(String, String)]) -> Answer {
    let request_token = bearer(headers).ok_or_else(|| Refusal::unauthenticated("the job's request token is missing"))?;
    let claims = (identity.0.options.resolve)(request_token.to_owned()).await.map_err(Refusal::unauthenticated)?;
    let present = |name: &str| claims[name].as_str().is_some_and(|text| !text.is_empty());
    for name in ["sub", "job_workflow_ref"] {
        if !present(name) {
            return Err(Refusal::invalid(format!("the job's claim {name} is missing or empty")));
        }
    }
    let audiences: Vec<&str> = query.iter().filter(|(name, _)| name == "audience").map(|(_, value)| value.as_str()).collect();
    let audience = match audiences.as_slice() {
        // GitHub's default: whoever owns the repository.
        [] if present("repository_owner") => {
            format!("{}/{}", identity.0.options.issuer_url, claims["repository_owner"].as_str().unwrap_or_default())
        }
        [one] if !one.is_empty() => (*one).to_owned(),
        _ => return Err(Refusal::invalid("audience must be given exactly once")),
    };
    let token = token::issue(&identity.0, claims, &audience).map_err(Refusal::invalid)?;
    Ok(json_response(StatusCode::OK, &json!({ "count": token.len(), "value": token })))
}
