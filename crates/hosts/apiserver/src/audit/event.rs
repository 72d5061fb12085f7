//! One event as a line of JSON: `audit.k8s.io/v1`, level Metadata. Kubernetes `apiserver/pkg/apis/audit/v1/types.go`,
//! `apiserver/pkg/audit/request.go`. Bodies, bearer tokens and messages about refused values never come here.

use std::borrow::Cow;
use std::collections::BTreeMap;

use model::{Caller, Timestamp};
use serde::Serialize;
use serde::ser::{SerializeMap as _, Serializer};

/// A longer user agent is cut.
const AGENT: usize = 1024;
/// The parameters whose values are told; what others say may be a secret.
const KNOWN: &[&str] = &[
    "allowWatchBookmarks",
    "container",
    "continue",
    "dryRun",
    "exclude",
    "fieldManager",
    "fieldSelector",
    "fieldValidation",
    "follow",
    "force",
    "gracePeriodSeconds",
    "hash",
    "includeObject",
    "labelSelector",
    "limit",
    "orphanDependents",
    "pretty",
    "previous",
    "propagationPolicy",
    "resourceVersion",
    "resourceVersionMatch",
    "sendInitialEvents",
    "sinceSeconds",
    "sinceTime",
    "stderr",
    "stdin",
    "stdout",
    "tailLines",
    "timeout",
    "timeoutSeconds",
    "timestamps",
    "tty",
    "verbose",
    "watch",
];

/// Whom the server takes somebody for.
pub(super) struct User<'a>(pub &'a Caller);

impl Serialize for User<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Caller { name, groups, uid, extra } = self.0;
        let mut map = serializer.serialize_map(None)?;
        if !name.is_empty() {
            map.serialize_entry("username", name)?;
        }
        if !uid.is_empty() {
            map.serialize_entry("uid", uid)?;
        }
        if !groups.is_empty() {
            map.serialize_entry("groups", groups)?;
        }
        if !extra.is_empty() {
            map.serialize_entry("extra", extra)?;
        }
        map.end()
    }
}

/// What a request is about.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ObjectRef {
    pub resource: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub namespace: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub uid: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub api_group: String,
    pub api_version: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub subresource: String,
}

#[derive(Serialize)]
struct Nothing {}

/// How a request was answered.
#[derive(Serialize)]
pub(super) struct ResponseStatus<'a> {
    metadata: Nothing,
    #[serde(skip_serializing_if = "str::is_empty")]
    status: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    message: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    reason: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<u16>,
}

impl<'a> ResponseStatus<'a> {
    pub fn answered(code: u16, reason: &'a str, message: &'a str) -> Self {
        let status = if code < 400 { "" } else { "Failure" };
        Self { metadata: Nothing {}, status, message, reason, code: Some(code) }
    }

    /// Nobody waited for the answer; what was asked for may have been done.
    pub fn abandoned() -> Self {
        Self { metadata: Nothing {}, status: "", message: "Connection closed early", reason: "", code: None }
    }
}

/// One event.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Event<'a> {
    pub kind: &'static str,
    pub api_version: &'static str,
    pub level: &'static str,
    #[serde(rename = "auditID")]
    pub audit_id: &'a str,
    pub stage: &'static str,
    #[serde(rename = "requestURI")]
    pub request_uri: &'a str,
    pub verb: &'a str,
    pub user: User<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub impersonated_user: Option<User<'a>>,
    #[serde(rename = "sourceIPs", skip_serializing_if = "<[String]>::is_empty")]
    pub source_ips: &'a [String],
    #[serde(skip_serializing_if = "str::is_empty")]
    pub user_agent: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object_ref: Option<&'a ObjectRef>,
    pub response_status: ResponseStatus<'a>,
    pub request_received_timestamp: String,
    pub stage_timestamp: String,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: &'a BTreeMap<Cow<'static, str>, String>,
}

impl Event<'_> {
    pub fn line(&self) -> Vec<u8> {
        let mut line = Vec::with_capacity(1024);
        // Nothing in it fails to be written as JSON.
        let _ = serde_json::to_writer(&mut line, self);
        line
    }
}

/// Returns a time in microseconds.
pub(super) fn moment(time: Timestamp) -> String {
    format!("{time:.6}")
}

/// Returns the event that stands where others are missing.
pub(super) fn gap(count: u64) -> Vec<u8> {
    let now = moment(Timestamp::now());
    let annotations = BTreeMap::from([(Cow::from("supercargo.dev/lost-events"), count.to_string())]);
    let event = Event {
        kind: "Event",
        api_version: "audit.k8s.io/v1",
        level: "Metadata",
        audit_id: &crate::object::uid(),
        stage: "ResponseComplete",
        request_uri: "",
        verb: "",
        user: User(&Caller::new("system:apiserver")),
        impersonated_user: None,
        source_ips: &[],
        user_agent: "",
        object_ref: None,
        response_status: ResponseStatus::answered(500, "", "events were lost here"),
        request_received_timestamp: now.clone(),
        stage_timestamp: now,
        annotations: &annotations,
    };
    event.line()
}

/// Returns the path and query of a request, without the values of parameters that may be secrets.
pub(super) fn uri(uri: &http::Uri) -> String {
    let path = uri.path();
    let Some(query) = uri.query() else { return path.to_owned() };
    let told: Vec<String> = query
        .split('&')
        .map(|pair| match pair.split_once('=') {
            Some((name, _)) if !KNOWN.contains(&name) => format!("{name}=REDACTED"),
            // A name alone may be a value, too.
            None if !KNOWN.contains(&pair) && !pair.is_empty() => "REDACTED".to_owned(),
            _ => pair.to_owned(),
        })
        .collect();
    format!("{path}?{}", told.join("&"))
}

/// Returns the user agent, cut as Kubernetes cuts it.
pub(super) fn agent(text: &str) -> String {
    match text.char_indices().find(|(index, _)| *index >= AGENT) {
        Some((end, _)) => format!("{}...TRUNCATED", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(given: &str, told: &str) {
        assert_eq!(uri(&given.parse().expect("a uri")), told);
    }

    #[test]
    fn values_that_may_be_secrets_are_not_told() {
        check("/api/v1/pods?limit=5&watch", "/api/v1/pods?limit=5&watch");
        check("/api/v1/pods?access_token=abc&limit=5", "/api/v1/pods?access_token=REDACTED&limit=5");
        check(
            "/api/v1/namespaces/n/pods/p/exec?command=login&command=s3cret",
            "/api/v1/namespaces/n/pods/p/exec?command=REDACTED&command=REDACTED",
        );
        check("/x?s3cret", "/x?REDACTED");
    }
}
