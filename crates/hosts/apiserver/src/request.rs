//! What a request asks for: its place, its verb, its options.

use std::collections::HashMap;

use http::Method;
use schema::Violation;
use serde_json::json;

use crate::status::{ApiError, ApiResult};

/// The place a path names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Place {
    pub group: String,
    pub version: String,
    pub resource: String,
    pub subresource: String,
    pub namespace: String,
    pub name: String,
    /// The old way to watch: `/api/v1/watch/…`.
    pub watch: bool,
    /// More path than any kind has.
    pub rest: bool,
}

/// Reads a path below `/api/v1` or `/apis/GROUP/VERSION`; `None` for all others.
pub(crate) fn place(path: &str) -> Option<Place> {
    let mut parts: Vec<String> = path.trim_start_matches('/').split('/').map(decode).collect();
    if parts.last().is_some_and(String::is_empty) {
        parts.pop();
    }
    let mut place = Place::default();
    let skip = match parts.first().map(String::as_str) {
        Some("api") => {
            place.version = parts.get(1)?.clone();
            2
        }
        Some("apis") => {
            place.group = parts.get(1)?.clone();
            place.version = parts.get(2)?.clone();
            3
        }
        _ => return None,
    };
    parts.drain(..skip);
    if parts.first().is_some_and(|first| first == "watch") {
        place.watch = true;
        parts.remove(0);
    }
    if parts.first().is_some_and(|first| first == "namespaces") && parts.len() > 1 {
        place.namespace = parts[1].clone();
        let own = parts.get(2).is_none_or(|third| matches!(third.as_str(), "status" | "finalize"));
        if !own {
            parts.drain(..2);
        } else if place.group.is_empty() {
            place.resource = parts[0].clone();
            place.name = parts[1].clone();
            place.subresource = parts.get(2).cloned().unwrap_or_default();
            place.rest = parts.len() > 3;
            return Some(place);
        }
    }
    let mut parts = parts.into_iter();
    place.resource = parts.next()?;
    place.name = parts.next().unwrap_or_default();
    place.subresource = parts.next().unwrap_or_default();
    place.rest = parts.next().is_some();
    Some(place)
}

/// Takes the percent signs out of a part of a path.
pub(crate) fn decode(part: &str) -> String {
    let bytes = part.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut index = 0;
    while index < bytes.len() {
        let hex = (bytes[index] == b'%').then(|| part.get(index + 1..index + 3)).flatten().and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match hex {
            Some(byte) => {
                out.push(byte);
                index += 3;
            }
            None => {
                out.push(bytes[index]);
                index += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// The query of a request.
#[derive(Debug, Clone, Default)]
pub(crate) struct Query(HashMap<String, Vec<String>>);

impl Query {
    pub fn parse(text: &str) -> Self {
        let mut found: HashMap<String, Vec<String>> = HashMap::new();
        for pair in text.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            found.entry(decode(&name.replace('+', " "))).or_default().push(decode(&value.replace('+', " ")));
        }
        Self(found)
    }

    /// Returns the first value; empty counts as absent.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.first().map(String::as_str).filter(|value| !value.is_empty())
    }

    pub fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    pub fn all(&self, name: &str) -> &[String] {
        self.0.get(name).map(Vec::as_slice).unwrap_or_default()
    }

    /// Queries say no only by `false` and `0`.
    pub fn flag(&self, name: &str) -> bool {
        self.0.get(name).and_then(|values| values.first()).is_some_and(|value| value != "false" && value != "0")
    }

    pub fn number(&self, name: &str) -> ApiResult<Option<u64>> {
        self.get(name)
            .map(|text| {
                text.parse::<i64>().map_err(|_| ApiError::bad_request(format!("strconv.ParseInt: parsing {text:?}: invalid syntax")))
            })
            .transpose()
            .map(|number| number.map(|number| u64::try_from(number).unwrap_or(0)))
    }
}

/// What is done with fields that the kind does not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FieldValidation {
    Ignore,
    Warn,
    Strict,
}

/// The options of a write.
#[derive(Debug, Clone)]
pub(crate) struct WriteOptions {
    pub dry_run: bool,
    pub manager: String,
    pub validation: FieldValidation,
    pub force: bool,
}

impl WriteOptions {
    /// Reads the options; `kind` is the name under which faults are reported (`CreateOptions` …).
    pub fn read(query: &Query, user_agent: &str, kind: &str, apply: bool) -> ApiResult<Self> {
        let mut found = Vec::new();
        let dry_run = query.all("dryRun");
        if dry_run.iter().any(|one| one != "All") {
            found.push(Violation::not_supported("dryRun", &json!(dry_run), &["All".to_owned()]));
        }
        let manager = query.get("fieldManager");
        if let Some(manager) = manager {
            if manager.len() > 128 {
                found.push(Violation::too_long("fieldManager", 128));
            } else if manager.chars().any(char::is_control) {
                found.push(Violation::invalid("fieldManager", &json!(manager), "should only contain printable characters"));
            }
        }
        let validation = match query.get("fieldValidation") {
            None | Some("Warn") => FieldValidation::Warn,
            Some("Ignore") => FieldValidation::Ignore,
            Some("Strict") => FieldValidation::Strict,
            Some(other) => {
                let allowed = ["", "Ignore", "Strict", "Warn"].map(str::to_owned);
                found.push(Violation::not_supported("fieldValidation", &json!(other), &allowed));
                FieldValidation::Warn
            }
        };
        let force = query.has("force");
        if kind == "PatchOptions" && !apply && force {
            found.push(Violation::forbidden("force", "may not be specified for non-apply patch"));
        }
        if apply && manager.is_none() {
            found.push(Violation::required("fieldManager", "is required for apply patch"));
        }
        if !found.is_empty() {
            return Err(ApiError::invalid("meta.k8s.io", kind, "", &found));
        }
        let agent: String = user_agent.split('/').next().unwrap_or_default().chars().take(128).collect();
        let agent = if agent.is_empty() { "unknown".to_owned() } else { agent };
        Ok(Self { dry_run: !dry_run.is_empty(), manager: manager.map_or(agent, str::to_owned), validation, force: query.flag("force") })
    }
}

/// Returns the verb as rights name it.
pub(crate) fn verb(method: &Method, place: &Place, query: &Query) -> &'static str {
    match *method {
        Method::GET | Method::HEAD if place.watch => "watch",
        Method::GET | Method::HEAD if !place.name.is_empty() => "get",
        Method::GET | Method::HEAD if query.flag("watch") => "watch",
        Method::GET | Method::HEAD => "list",
        Method::POST => "create",
        Method::PUT => "update",
        Method::PATCH => "patch",
        Method::DELETE if place.name.is_empty() => "deletecollection",
        Method::DELETE => "delete",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(path: &str, wanted: [&str; 6]) {
        let found = place(path).expect("a place");
        assert_eq!(
            [&found.group[..], &found.version, &found.resource, &found.subresource, &found.namespace, &found.name],
            wanted,
            "{path}"
        );
    }

    #[test]
    fn paths_name_places() {
        check("/api/v1/namespaces/n/pods/p/status", ["", "v1", "pods", "status", "n", "p"]);
        check("/api/v1/namespaces/n", ["", "v1", "namespaces", "", "n", "n"]);
        check("/api/v1/namespaces/n/finalize", ["", "v1", "namespaces", "finalize", "n", "n"]);
        check("/apis/apps/v1/deployments", ["apps", "v1", "deployments", "", "", ""]);
        check("/apis/apps/v1/namespaces/n/deployments/a%2Fb", ["apps", "v1", "deployments", "", "n", "a/b"]);
        check("/api/v1/nodes/x", ["", "v1", "nodes", "", "", "x"]);
        assert_eq!(place("/healthz"), None);
        assert_eq!(place("/apis/apps/v1"), None);
    }
}
