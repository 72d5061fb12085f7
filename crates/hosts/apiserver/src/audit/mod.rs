//! The audit log: who did what, from where, when, and why it was allowed. Every request leaves an event when it is answered;
//! a watch leaves one when it begins, too. Read first: [`Trail`], [`AuditLog`]. Kubernetes
//! `apiserver/pkg/endpoints/filters/{audit,audit_init}.go`.

mod event;
mod log;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::response::Response;
use futures::StreamExt as _;
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use model::{Caller, Clock, Timestamp};

pub use log::AuditLog;

use crate::Server;
use crate::request::{Place, Query, verb};
use event::{Event, ObjectRef, ResponseStatus, User};

/// In which a request is told apart from all others, by whoever sees it first.
const ID: HeaderName = HeaderName::from_static("audit-id");
const DECISION: &str = "authorization.k8s.io/decision";
const REASON: &str = "authorization.k8s.io/reason";

/// What reason an answer gives for a refusal; travels in the answer's extensions.
#[derive(Clone)]
pub(crate) struct Refused(pub String);

/// What is known of one request so far. When it is dropped unfinished nobody waits for the answer any more.
pub(crate) struct Trail {
    id: HeaderValue,
    record: Option<Box<Record>>,
}

struct Record {
    log: AuditLog,
    clock: Arc<dyn Clock>,
    id: String,
    received: Timestamp,
    uri: String,
    verb: String,
    user: Caller,
    impersonated: Option<Caller>,
    sources: Vec<String>,
    agent: String,
    object: Option<ObjectRef>,
    message: &'static str,
    annotations: BTreeMap<Cow<'static, str>, String>,
}

fn text(headers: &HeaderMap, name: impl header::AsHeaderName) -> &str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

impl Trail {
    /// Begins with a request that was just received.
    pub fn begin<B>(server: &Server, request: &http::Request<B>, place: Option<&Place>) -> Self {
        let headers = request.headers();
        let id = headers.get(ID).filter(|id| !id.is_empty()).cloned();
        let id = id.or_else(|| HeaderValue::from_str(&crate::object::uid()).ok()).unwrap_or(HeaderValue::from_static(""));
        let Some(log) = server.audit.get() else { return Self { id, record: None } };
        let method = request.method();
        let record = Record {
            log: log.clone(),
            clock: server.clock.clone(),
            id: String::from_utf8_lossy(id.as_bytes()).into_owned(),
            received: server.clock.now(),
            uri: event::uri(request.uri()),
            verb: verb_of(method, request.uri(), place),
            user: Caller::default(),
            impersonated: None,
            sources: sources(headers, request.extensions().get::<ConnectInfo<SocketAddr>>()),
            agent: event::agent(text(headers, header::USER_AGENT)),
            object: place.map(object_of),
            message: "",
            annotations: BTreeMap::new(),
        };
        Self { id, record: Some(Box::new(record)) }
    }

    /// Says who calls.
    pub fn caller(&mut self, caller: &Caller) {
        if let Some(record) = &mut self.record {
            record.user = caller.clone();
        }
    }

    /// Says that nobody knows who calls.
    pub fn unauthenticated(&mut self) {
        if let Some(record) = &mut self.record {
            record.message = "Authentication failed, attempted: bearer";
        }
    }

    /// Says as whom somebody acts.
    pub fn impersonated(&mut self, caller: &Caller) {
        if let Some(record) = &mut self.record {
            record.impersonated = Some(caller.clone());
        }
    }

    /// Says whether the request is allowed, and why.
    pub fn decided(&mut self, allowed: bool, reason: impl FnOnce() -> String) {
        self.annotate(DECISION, || if allowed { "allow".to_owned() } else { "forbid".to_owned() });
        self.annotate(REASON, reason);
    }

    /// Adds an annotation.
    pub fn annotate(&mut self, key: impl Into<Cow<'static, str>>, value: impl FnOnce() -> String) {
        if let Some(record) = &mut self.record {
            record.annotations.insert(key.into(), value());
        }
    }

    /// Says what the object is called, where the path does not.
    pub fn named(&mut self, name: &str, uid: &str) {
        if let Some(object) = self.record.as_mut().and_then(|record| record.object.as_mut()) {
            if object.name.is_empty() {
                name.clone_into(&mut object.name);
            }
            uid.clone_into(&mut object.uid);
        }
    }

    /// Ends with the answer, which tells the request's id. A watch ends when its last event was sent.
    pub fn end(mut self, mut response: Response) -> Response {
        response.headers_mut().insert(ID, self.id.clone());
        let Some(record) = self.record.take() else { return response };
        let code = response.status().as_u16();
        if record.verb != "watch" || code >= 400 {
            let reason = response.extensions().get::<Refused>().map(|refused| refused.0.as_str()).unwrap_or_default();
            record.write("ResponseComplete", ResponseStatus::answered(code, reason, record.message));
            return response;
        }
        record.write("ResponseStarted", ResponseStatus::answered(code, "", record.message));
        let watched = Watched { record, code };
        let (parts, body) = response.into_parts();
        let stream = body.into_data_stream().map(move |item| {
            let _told_when_the_stream_ends = &watched;
            item
        });
        Response::from_parts(parts, Body::from_stream(stream))
    }
}

impl Drop for Trail {
    fn drop(&mut self) {
        if let Some(record) = self.record.take() {
            record.write("ResponseComplete", ResponseStatus::abandoned());
        }
    }
}

/// A watch that goes on.
struct Watched {
    record: Box<Record>,
    code: u16,
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.record.write("ResponseComplete", ResponseStatus::answered(self.code, "", ""));
    }
}

impl Record {
    fn write(&self, stage: &'static str, response_status: ResponseStatus<'_>) {
        let event = Event {
            kind: "Event",
            api_version: "audit.k8s.io/v1",
            level: "Metadata",
            audit_id: &self.id,
            stage,
            request_uri: &self.uri,
            verb: &self.verb,
            user: User(&self.user),
            impersonated_user: self.impersonated.as_ref().map(User),
            source_ips: &self.sources,
            user_agent: &self.agent,
            object_ref: self.object.as_ref(),
            response_status,
            request_received_timestamp: event::moment(self.received),
            stage_timestamp: event::moment(self.clock.now()),
            annotations: &self.annotations,
        };
        self.log.write(event.line());
    }
}

fn verb_of(method: &Method, uri: &http::Uri, place: Option<&Place>) -> String {
    match place {
        // Only a watch is told apart by the query.
        Some(place) => {
            let query = uri.query().filter(|query| query.contains("watch")).map(Query::parse).unwrap_or_default();
            verb(method, place, &query).to_owned()
        }
        None => method.as_str().to_lowercase(),
    }
}

fn object_of(place: &Place) -> ObjectRef {
    ObjectRef {
        resource: place.resource.clone(),
        namespace: place.namespace.clone(),
        name: place.name.clone(),
        uid: String::new(),
        api_group: place.group.clone(),
        api_version: place.version.clone(),
        subresource: place.subresource.clone(),
    }
}

/// From where a request came: whoever passed it on, as they say, and at last who is connected. In process nobody is.
fn sources(headers: &HeaderMap, peer: Option<&ConnectInfo<SocketAddr>>) -> Vec<String> {
    let address = |text: &str| text.trim().parse::<std::net::IpAddr>().ok().map(|address| address.to_string());
    let mut found: Vec<String> = text(headers, "x-forwarded-for").split(',').filter_map(address).collect();
    for more in address(text(headers, "x-real-ip")).into_iter().filter(|_| found.is_empty()).collect::<Vec<_>>() {
        found.push(more);
    }
    if let Some(ConnectInfo(peer)) = peer {
        let peer = peer.ip().to_canonical().to_string();
        if found.last() != Some(&peer) {
            found.push(peer);
        }
    }
    found
}
