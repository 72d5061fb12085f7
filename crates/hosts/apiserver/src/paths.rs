//! The paths that name no objects: health, version, discovery, OpenAPI, and what is known about tokens.

use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, StatusCode, header};
use serde_json::{Value, json};

use crate::discovery::Answers;
use crate::openapi::Documents;
use crate::request::Query;
use crate::status::{ApiResult, json_response};
use crate::{Server, health, token};

/// The Kubernetes version whose ways this server has.
pub(crate) const VERSION: &str = "v1.36.3";

/// Tells whether a path has routes of its own, which look at the method; the others are handlers that do not.
pub(crate) fn only_read(path: &str) -> bool {
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    matches!(parts[..], ["version"] | ["api"] | ["api", _] | ["apis", _, _])
}

/// Answers such a path; `None` where there is nothing.
pub(crate) fn answer(server: &Server, path: &str, query: &Query, headers: &HeaderMap) -> ApiResult<Option<Response>> {
    if let Some(response) = health::answer(path, query) {
        return Ok(Some(response));
    }
    let catalog = server.catalog();
    let discovery = catalog.discovery.get_or_init(|| Answers::make(&catalog));
    let found = match path.trim_end_matches('/') {
        "" => json_response(StatusCode::OK, index(discovery).to_string().into_bytes()),
        "/.well-known/openid-configuration" => {
            let body = json!({
                "issuer": token::AUDIENCE, "jwks_uri": format!("{}/openid/v1/jwks", token::AUDIENCE), "response_types_supported": ["id_token"],
                "subject_types_supported": ["public"], "id_token_signing_alg_values_supported": [token::ALGORITHM],
            });
            lasting("application/json", &body)
        }
        // Tokens are signed with a secret that is shown to nobody.
        "/openid/v1/jwks" => lasting("application/jwk-set+json", &json!({"keys": []})),
        "/version" => {
            let version = json!({
                "major": "1", "minor": "36", "gitVersion": VERSION, "gitCommit": "", "gitTreeState": "clean", "buildDate": "1970-01-01T00:00:00Z",
                "goVersion": "", "compiler": "rustc", "platform": format!("{}/{}", std::env::consts::OS, std::env::consts::ARCH),
            });
            json_response(StatusCode::OK, version.to_string().into_bytes())
        }
        "/openapi/v2" => catalog.documents.get_or_init(|| Documents::make(&catalog)).answer_old(headers),
        _ => match path.strip_prefix("/openapi/v3") {
            Some(rest) => return Ok(catalog.documents.get_or_init(|| Documents::make(&catalog)).answer(rest, query, headers)),
            None => return discovery.answer(path, headers),
        },
    };
    Ok(Some(found))
}

/// Lists the paths that can be asked, as the root does.
fn index(discovery: &Answers) -> Value {
    let fixed = ["/.well-known/openid-configuration", "/openapi/v2", "/openapi/v3", "/openapi/v3/", "/openid/v1/jwks", "/version"];
    let mut paths: Vec<String> = fixed.iter().map(|path| (*path).to_owned()).collect();
    paths.extend(discovery.paths());
    paths.extend(health::paths());
    paths.sort_unstable();
    json!({"paths": paths})
}

fn lasting(media: &'static str, body: &Value) -> Response {
    (StatusCode::OK, [(header::CONTENT_TYPE, media), (header::CACHE_CONTROL, "public, max-age=3600")], body.to_string()).into_response()
}
