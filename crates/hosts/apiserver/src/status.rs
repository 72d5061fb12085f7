//! What the server says when it refuses: `Status` objects in Kubernetes' words.

use std::borrow::Cow;
use std::collections::HashSet;

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use schema::Violation;
use serde_json::{Value, json};

use crate::audit::Refused;
use crate::catalog::Resource;
use crate::typed;

/// A refusal.
#[derive(Debug, Clone)]
pub(crate) struct ApiError {
    pub code: u16,
    pub reason: Cow<'static, str>,
    pub message: String,
    pub details: Option<Value>,
    pub retry_after: Option<u32>,
    /// What stands in the Status' own metadata.
    pub metadata: Option<Box<Value>>,
    /// Plain text instead of a Status, as for paths that no kind answers to.
    pub plain: bool,
}

pub(crate) type ApiResult<T> = Result<T, ApiError>;

impl ApiError {
    pub fn new(code: u16, reason: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self { code, reason: reason.into(), message: message.into(), details: None, retry_after: None, metadata: None, plain: false }
    }

    pub fn with(mut self, details: Value) -> Self {
        self.details = Some(details);
        self
    }

    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, "BadRequest", message)
    }

    pub fn internal(message: impl std::fmt::Display) -> Self {
        Self::new(500, "InternalError", format!("Internal error occurred: {message}"))
            .with(json!({"causes": [{"message": message.to_string()}]}))
    }

    /// A known kind in a way that nothing answers to.
    pub fn no_such_way() -> Self {
        Self::new(404, "NotFound", "the server could not find the requested resource").with(json!({}))
    }

    /// A path that nothing answers to.
    pub fn no_such_path() -> Self {
        Self { plain: true, ..Self::new(404, "NotFound", "404 page not found\n") }
    }

    pub fn method_not_allowed() -> Self {
        Self::new(405, "MethodNotAllowed", "the server does not allow this method on the requested resource").with(json!({}))
    }

    pub fn not_found(resource: &Resource, name: &str) -> Self {
        Self::new(404, "NotFound", format!("{} {name:?} not found", resource.qualified())).with(details(resource, name))
    }

    pub fn already_exists(resource: &Resource, name: &str) -> Self {
        Self::new(409, "AlreadyExists", format!("{} {name:?} already exists", resource.qualified())).with(details(resource, name))
    }

    /// Says that the name was made up by the server, so that another try may find a free one.
    pub fn generated(mut self) -> Self {
        self.message.push_str(", the server was not able to generate a unique name for the object");
        if let Some(details) = &mut self.details {
            details["retryAfterSeconds"] = json!(1);
        }
        self.retry_after = Some(1);
        self
    }

    pub fn conflict(resource: &Resource, name: &str, why: &str) -> Self {
        let message = format!("Operation cannot be fulfilled on {} {name:?}: {why}", resource.qualified());
        Self::new(409, "Conflict", message).with(details(resource, name))
    }

    pub fn forbidden(resource: &Resource, name: &str, why: &str) -> Self {
        Self::new(403, "Forbidden", format!("{} {name:?} is forbidden: {why}", resource.qualified())).with(details(resource, name))
    }

    /// The object is wrong: every fault in one answer, so many at most: what somebody sends must not make an answer many times as
    /// large.
    pub fn invalid(group: &str, kind: &str, name: &str, violations: &[Violation]) -> Self {
        const MOST: usize = 1_000;
        let violations = &violations[..violations.len().min(MOST)];
        // Upstream has one kind of Events inside, that of the older group.
        let group = if group == "events.k8s.io" { "" } else { group };
        // What is found twice is told once, though each is a cause.
        let mut told = HashSet::new();
        let sentences: Vec<String> = violations.iter().map(Violation::sentence).filter(|sentence| told.insert(sentence.clone())).collect();
        let list = if let [only] = &sentences[..] { only.clone() } else { format!("[{}]", sentences.join(", ")) };
        let qualified = if group.is_empty() { kind.to_owned() } else { format!("{kind}.{group}") };
        let causes: Vec<Value> = violations
            .iter()
            .map(|violation| json!({"reason": violation.cause.reason(), "message": violation.text, "field": violation.field}))
            .collect();
        let mut details = json!({"causes": causes});
        if !kind.is_empty() {
            details["kind"] = json!(kind);
        }
        if !group.is_empty() {
            details["group"] = json!(group);
        }
        if !name.is_empty() {
            details["name"] = json!(name);
        }
        Self::new(422, "Invalid", format!("{qualified} {name:?} is invalid: {list}")).with(details)
    }

    /// Returns the Status object.
    pub fn status(&self) -> Value {
        let mut status = json!({
            "kind": "Status", "apiVersion": "v1", "metadata": self.metadata.as_deref().cloned().unwrap_or_else(|| json!({})), "status": "Failure", "message": self.message, "code": self.code,
        });
        if !self.reason.is_empty() {
            status["reason"] = json!(self.reason);
        }
        if let Some(details) = &self.details {
            status["details"] = details.clone();
        }
        status
    }
}

/// Names an object in a Status.
pub(crate) fn details(resource: &Resource, name: &str) -> Value {
    let mut details = json!({"kind": resource.plural});
    if !name.is_empty() {
        details["name"] = json!(name);
    }
    if !resource.group.is_empty() {
        details["group"] = json!(resource.group);
    }
    details
}

impl From<store::StoreError> for ApiError {
    fn from(error: store::StoreError) -> Self {
        tracing::error!(%error, "the store failed");
        Self::internal(error)
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let code = StatusCode::from_u16(self.code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        if self.plain {
            return (
                code,
                [(header::CONTENT_TYPE, "text/plain; charset=utf-8"), (header::CACHE_CONTROL, "no-cache, private")],
                self.message,
            )
                .into_response();
        }
        let mut response = json_response(code, typed::encoded(&self.status()));
        response.extensions_mut().insert(Refused(self.reason.into_owned()));
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// Answers with JSON that nobody may cache.
pub(crate) fn json_response(code: StatusCode, body: Vec<u8>) -> Response {
    let headers = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-cache, private")];
    (code, headers, body).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_very_many_faults_so_many_are_told() {
        let faults: Vec<Violation> = (0..5_000).map(|index| Violation::required(&format!("a[{index}]"), "")).collect();
        let error = ApiError::invalid("", "X", "x", &faults);
        assert!(error.message.contains("a[999]: Required value") && !error.message.contains("a[1000]"));
    }
}
