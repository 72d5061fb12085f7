//! How long a request may take, and what is said when it takes longer. Read first: [`Deadline`]. Follows kubernetes/kubernetes
//! `staging/src/k8s.io/apiserver/pkg/endpoints/filters/request_deadline.go`, `pkg/server/filters/timeout.go`,
//! `pkg/endpoints/handlers/{rest.go,finisher/finisher.go}`.

use std::time::Duration;

use http::{Method, Uri};
use serde_json::json;

use crate::request::{Place, Query};
use crate::status::{ApiError, ApiResult};

/// How long a request may take that does not go on by its nature, kube-apiserver's `--request-timeout`.
pub(crate) const LONGEST: Duration = Duration::from_secs(60);
/// How long a write may take, whatever it asks for. A deletion may take [`LONGEST`]: here it is answered when all that it takes
/// along is gone.
const LONGEST_WRITE: Duration = Duration::from_secs(34);

/// When a request is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Deadline {
    /// So long after it came.
    pub after: Duration,
    is_write: bool,
}

impl Deadline {
    /// Returns the deadline of a request, which may ask for an earlier one; `None` where it goes on for as long as its client wants.
    pub fn of(method: &Method, uri: &Uri, place: Option<&Place>, longest: Duration) -> ApiResult<Option<Self>> {
        let query = Query::parse(uri.query().unwrap_or_default());
        if place.is_some_and(|place| lasts(place, &query)) {
            return Ok(None);
        }
        let asked = query.get("timeout").map(golang::parse_duration_signed).transpose();
        let asked = asked
            .map_err(|error| ApiError::bad_request(format!("invalid timeout specified in the request URL - {}", error.as_go())))?
            .and_then(|nanoseconds| u64::try_from(nanoseconds).ok())
            .filter(|nanoseconds| *nanoseconds > 0);
        let after = asked.map_or(longest, |asked| longest.min(Duration::from_nanos(asked)));
        let is_write = place.is_some() && matches!(*method, Method::POST | Method::PUT | Method::PATCH);
        Ok(Some(if is_write { Self { after: after.min(LONGEST_WRITE), is_write } } else { Self { after, is_write } }))
    }

    /// Returns what is said of a request that is not over by then.
    pub fn missed(self) -> ApiError {
        let message = if self.is_write {
            "Timeout: request did not complete within requested timeout - context deadline exceeded"
        } else {
            "Timeout: request did not complete within the allotted timeout"
        };
        ApiError::new(504, "Timeout", message).with(json!({}))
    }
}

/// Tells whether a request goes on for as long as its client wants.
fn lasts(place: &Place, query: &Query) -> bool {
    place.watch
        || matches!(place.subresource.as_str(), "exec" | "attach" | "portforward" | "proxy")
        || query.flag(if place.subresource == "log" { "follow" } else { "watch" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::place;

    #[test]
    fn each_request_has_its_deadline() {
        const MAPS: &str = "/api/v1/namespaces/default/configmaps";
        for (line, wanted) in [
            (format!("GET {MAPS}"), Some(60_000)),
            (format!("GET {MAPS}?timeout=10s"), Some(10_000)),
            (format!("GET {MAPS}?timeout=1h"), Some(60_000)),
            (format!("GET {MAPS}?timeout=0s"), Some(60_000)),
            (format!("GET {MAPS}?timeout=-1s"), Some(60_000)),
            (format!("POST {MAPS}"), Some(34_000)),
            (format!("PATCH {MAPS}/a?timeout=40s"), Some(34_000)),
            (format!("PUT {MAPS}/a?timeout=500ms"), Some(500)),
            (format!("DELETE {MAPS}/a"), Some(60_000)),
            (format!("DELETE {MAPS}"), Some(60_000)),
            ("GET /openapi/v2".to_owned(), Some(60_000)),
            (format!("GET {MAPS}?watch=true&timeout=1s"), None),
            ("GET /api/v1/watch/configmaps".to_owned(), None),
            ("GET /api/v1/namespaces/default/pods/p/log".to_owned(), Some(60_000)),
            ("GET /api/v1/namespaces/default/pods/p/log?follow=true".to_owned(), None),
            ("POST /api/v1/namespaces/default/pods/p/exec?command=ls".to_owned(), None),
        ] {
            let (method, uri) = line.split_once(' ').expect("a method and an address");
            let (method, uri): (Method, Uri) = (method.parse().expect("a method"), uri.parse().expect("an address"));
            let found = Deadline::of(&method, &uri, place(uri.path()).as_ref(), LONGEST).expect("it is well");
            assert_eq!(found.map(|deadline| deadline.after.as_millis()), wanted, "{line}");
        }
    }
}
