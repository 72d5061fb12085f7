//! Answers and refusals on the wire. Read first: [`Refusal`].

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde_json::{Value, json};

/// The largest request: a bundle's parts are a few kilobytes.
pub(crate) const LARGEST_BODY: usize = 1 << 20;
/// The longest credential.
const LONGEST_CREDENTIAL: usize = 16 << 10;

/// The answer to a request that may be refused.
pub(crate) type Answer = Result<Response, Refusal>;

/// A request that is not done. `code` is gRPC's number, as Fulcio writes it, or the HTTP status, as Rekor does.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub status: StatusCode,
    pub code: u16,
    pub message: String,
    pub location: Option<String>,
}

impl Refusal {
    fn new(status: StatusCode, code: u16, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), location: None }
    }

    /// The request itself is wrong.
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, 3, message)
    }

    /// The credential is missing or wrong.
    pub(crate) fn unauthenticated(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, 16, message)
    }

    /// The log refuses.
    pub(crate) fn log(status: StatusCode, message: impl Into<String>) -> Self {
        Self::new(status, status.as_u16(), message)
    }
}

impl From<store::StoreError> for Refusal {
    fn from(error: store::StoreError) -> Self {
        tracing::error!(error = &error as &dyn std::error::Error, "the identity host's store failed");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, 13, "the identity host's storage failed; its log says why")
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body = json!({ "code": self.code, "message": self.message, "details": [] });
        let mut response = json_response(self.status, &body);
        if let Some(location) = self.location.and_then(|location| HeaderValue::from_str(&location).ok()) {
            response.headers_mut().insert(header::LOCATION, location);
        }
        response
    }
}

/// Answers with JSON.
pub(crate) fn json_response(status: StatusCode, body: &Value) -> Response {
    response(status, "application/json", body.to_string())
}

/// Answers with bytes of a type.
pub(crate) fn response(status: StatusCode, media_type: &'static str, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    response
}

/// Reads a request's body, up to the limit.
pub(crate) async fn read(body: Body) -> Result<Bytes, Refusal> {
    let refuse = |_| Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, 3, format!("the request is cut off or longer than {LARGEST_BODY} bytes"));
    axum::body::to_bytes(body, LARGEST_BODY).await.map_err(refuse)
}

/// Reads a request's JSON.
pub(crate) async fn read_json(body: Body) -> Result<Value, Refusal> {
    let bytes = read(body).await?;
    serde_json::from_slice(&bytes).map_err(|error| Refusal::invalid(format!("the request is no JSON: {error}")))
}

/// Returns the bearer token, if there is one.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty() && token.len() <= LONGEST_CREDENTIAL).then_some(token)
}
