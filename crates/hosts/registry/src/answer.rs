use axum::body::Body;
use axum::response::Response;
use http::{HeaderName, HeaderValue, StatusCode, header};
use serde_json::json;
use store::StoreError;

/// A request that is not done, in the distribution API's words.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub status: StatusCode,
    pub code: &'static str,
    pub message: String,
    pub headers: Vec<(HeaderName, String)>,
}

/// The answer to a request that may be refused.
pub(crate) type Answer = Result<Response, Refusal>;

impl Refusal {
    pub(crate) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), headers: Vec::new() }
    }

    pub(crate) fn bad(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, message)
    }

    pub(crate) fn missing(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, code, message)
    }

    pub(crate) fn with(mut self, name: HeaderName, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(crate) fn into_response(self) -> Response {
        let body = json!({ "errors": [{ "code": self.code, "message": self.message, "detail": null }] }).to_string();
        let mut builder = Reply::new(self.status).header(header::CONTENT_TYPE, "application/json");
        for (name, value) in self.headers {
            builder = builder.header(name, value);
        }
        builder.body(body)
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        tracing::error!(error = &error as &dyn std::error::Error, "the registry's store failed");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "UNKNOWN", "the registry's storage failed; its log says why")
    }
}

/// Builds a response; a header value that HTTP cannot carry is left out.
pub(crate) struct Reply(http::response::Builder);

impl Reply {
    pub(crate) fn new(status: StatusCode) -> Self {
        Self(http::Response::builder().status(status).header("docker-distribution-api-version", "registry/2.0"))
    }

    pub(crate) fn header(self, name: impl TryInto<HeaderName>, value: impl AsRef<str>) -> Self {
        match (name.try_into(), HeaderValue::from_str(value.as_ref())) {
            (Ok(name), Ok(value)) => Self(self.0.header(name, value)),
            _ => self,
        }
    }

    pub(crate) fn body(self, body: impl Into<Body>) -> Response {
        self.0.body(body.into()).expect("status and headers were checked one by one")
    }

    pub(crate) fn empty(self) -> Response {
        self.header(header::CONTENT_LENGTH, "0").body(Body::empty())
    }

    /// Answers HEAD with the length only, everything else with the bytes.
    pub(crate) fn bytes(self, head: bool, bytes: bytes::Bytes) -> Response {
        let reply = self.header(header::CONTENT_LENGTH, bytes.len().to_string());
        if head { reply.body(Body::empty()) } else { reply.body(Body::from(bytes)) }
    }
}
