//! The door: reads requests, finds who handles them, writes answers.

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use bytes::Bytes;
use http::{Extensions, HeaderMap, HeaderValue, Method, StatusCode, header};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::access::Actor;
use crate::rows::Rows;
use crate::smart::{PUSH, asks_for_credentials, service_of};
use crate::{Forge, ForgeError, Repositories, rest};

/// Most bytes of a REST request.
const BODY: usize = 64 << 20;
/// Entries on a page unless the caller wants fewer; more are not given.
const PAGE: usize = 50;
/// Entries on the largest page. Renovate asks for 100.
const LARGEST_PAGE: usize = 100;

/// One request, read whole.
pub(crate) struct Exchange {
    pub method: Method,
    /// The path's segments, each decoded.
    pub path: Vec<String>,
    query: Vec<(String, String)>,
    raw_path: String,
    pub headers: HeaderMap,
    pub extensions: Extensions,
    pub body: Bytes,
}

/// What a REST call answers.
pub(crate) struct Answer {
    pub status: StatusCode,
    pub body: Option<Value>,
    pub headers: Vec<(&'static str, String)>,
    pub raw: Option<Bytes>,
}

/// One REST call: who asks for what.
pub(crate) struct Call<'a> {
    pub forge: &'a Forge,
    pub exchange: &'a Exchange,
    pub actor: Actor,
}

pub(crate) fn router(forge: Forge) -> axum::Router {
    axum::Router::new().fallback(handle).with_state(forge)
}

async fn handle(State(forge): State<Forge>, request: http::Request<Body>) -> Response {
    let (head, body) = request.into_parts();
    let path: Vec<String> = head.uri.path().split('/').skip(1).map(decode).collect();
    let service = service_of(&head.method, &path);
    let limit = if service.is_some() { PUSH } else { BODY };
    let Ok(body) = axum::body::to_bytes(body, limit).await else {
        return refuse(&ForgeError::TooLarge(limit as u64));
    };
    let query = head.uri.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decode(&name.replace('+', " ")), decode(&value.replace('+', " ")))
    });
    let exchange = Exchange {
        method: head.method,
        path,
        query: query.collect(),
        raw_path: head.uri.path().to_owned(),
        headers: head.headers,
        extensions: head.extensions,
        body,
    };
    match service {
        Some(service) => forge.smart(exchange, service).await,
        None => Blocking::of(&forge).run(move || rest_answer(&forge, &exchange)).await,
    }
}

fn rest_answer(forge: &Forge, exchange: &Exchange) -> Response {
    let rows = forge.rows();
    let answer =
        forge.actor(&rows, &exchange.headers, &exchange.extensions).and_then(|actor| rest::answer(&Call { forge, exchange, actor }));
    match answer {
        Ok(answer) => answer.into_response(),
        Err(error) => refuse(&error),
    }
}

/// Writes a refusal as Gitea does.
pub(crate) fn refuse(error: &ForgeError) -> Response {
    let status = error.status();
    let mut message = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        message = format!("{message}: {inner}");
        source = inner.source();
    }
    if status.is_server_error() {
        tracing::error!(error = message, "a request failed");
    }
    let mut answer = Answer::json(json!({ "message": message, "url": "" })).with_status(status);
    if asks_for_credentials(status) {
        answer.headers.push(("www-authenticate", "Basic realm=\"forge\", charset=\"UTF-8\"".to_owned()));
    }
    answer.into_response()
}

/// Undoes percent-encoding; what is no such encoding stays.
fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = (bytes[at] == b'%').then(|| bytes.get(at + 1..at + 3)).flatten().and_then(|hex| std::str::from_utf8(hex).ok());
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                out.push(byte);
                at += 3;
            }
            None => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Where work that may wait for a disk is done: on a thread of its own, or, with everything in memory, at once and in order.
pub(crate) struct Blocking(bool);

impl Blocking {
    pub(crate) fn of(forge: &Forge) -> Self {
        Self(matches!(forge.0.options.repositories, Repositories::Folder(_)))
    }

    pub(crate) async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> T {
        if !self.0 {
            return work();
        }
        match tokio::task::spawn_blocking(work).await {
            Ok(value) => value,
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }
}

impl Exchange {
    pub(crate) fn query(&self, name: &str) -> Option<String> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone())
    }

    /// The owner and name of the repository that a Git request is for.
    pub(crate) fn repository(&self) -> Result<(&str, &str), ForgeError> {
        match self.path.as_slice() {
            [owner, name, ..] => Ok((owner, name.strip_suffix(".git").unwrap_or(name))),
            _ => Err(ForgeError::NotFound("a repository without owner and name".to_owned())),
        }
    }

    pub(crate) fn host(&self) -> Option<&str> {
        self.headers.get(header::HOST).and_then(|value| value.to_str().ok())
    }
}

impl Call<'_> {
    pub(crate) fn rows(&self) -> Rows {
        self.forge.rows()
    }

    pub(crate) fn query(&self, name: &str) -> Option<String> {
        self.exchange.query(name).filter(|value| !value.is_empty())
    }

    /// Reads the body. An empty one is an empty object.
    pub(crate) fn body<T: DeserializeOwned>(&self) -> Result<T, ForgeError> {
        let bytes: &[u8] = if self.exchange.body.is_empty() { b"{}" } else { &self.exchange.body };
        serde_json::from_slice(bytes).map_err(|error| ForgeError::Invalid(format!("the body is not what this call takes: {error}")))
    }

    /// Cuts a page out of a list and tells where the others are.
    pub(crate) fn page<T>(&self, all: Vec<T>) -> (Vec<T>, Vec<(&'static str, String)>) {
        let number = |name: &str| self.query(name).and_then(|value| value.parse::<usize>().ok()).filter(|value| *value > 0);
        let (page, limit) = (number("page").unwrap_or(1), number("limit").unwrap_or(PAGE).min(LARGEST_PAGE));
        let total = all.len();
        let last = total.div_ceil(limit).max(1);
        let mut links = Vec::new();
        for (relation, target) in [("next", page + 1), ("last", last)] {
            if page < last {
                links.push(format!("<{}>; rel=\"{relation}\"", self.page_url(target, limit)));
            }
        }
        let mut headers = vec![("x-total-count", total.to_string())];
        if !links.is_empty() {
            headers.push(("link", links.join(",")));
        }
        let cut = all.into_iter().skip((page - 1).saturating_mul(limit)).take(limit).collect();
        (cut, headers)
    }

    fn page_url(&self, page: usize, limit: usize) -> String {
        let kept = self.exchange.query.iter().filter(|(name, _)| name != "page" && name != "limit");
        let mut query: Vec<String> = kept.map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
        query.extend([format!("page={page}"), format!("limit={limit}")]);
        format!("{}{}?{}", self.base(), self.exchange.raw_path, query.join("&"))
    }

    /// The address under which the caller reaches the forge.
    pub(crate) fn base(&self) -> String {
        base_for(self.forge, self.exchange.host())
    }

    /// Answers a list, page by page.
    pub(crate) fn list(&self, all: Vec<Value>) -> Answer {
        let (page, headers) = self.page(all);
        Answer { headers, ..Answer::json(Value::Array(page)) }
    }
}

/// The address under which a caller who used this `Host` reaches the forge.
pub(crate) fn base_for(forge: &Forge, host: Option<&str>) -> String {
    let external = &forge.0.options.external_url;
    match host {
        Some(host) if !external.ends_with(&format!("//{host}")) => format!("http://{host}"),
        _ => external.clone(),
    }
}

/// Writes a text so that it can stand in a query.
pub(crate) fn encode(text: &str) -> String {
    text.bytes()
        .map(
            |byte| {
                if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) { (byte as char).to_string() } else { format!("%{byte:02X}") }
            },
        )
        .collect()
}

impl Answer {
    pub(crate) fn json(body: Value) -> Self {
        Self { status: StatusCode::OK, body: Some(body), headers: Vec::new(), raw: None }
    }

    pub(crate) fn created(body: Value) -> Self {
        Self::json(body).with_status(StatusCode::CREATED)
    }

    pub(crate) fn empty() -> Self {
        Self { status: StatusCode::NO_CONTENT, body: None, headers: Vec::new(), raw: None }
    }

    pub(crate) fn bytes(bytes: Bytes) -> Self {
        Self { raw: Some(bytes), body: None, ..Self::json(Value::Null) }
    }

    pub(crate) fn with_status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    fn into_response(self) -> Response {
        let (content, bytes) = match (self.raw, self.body) {
            // A browser must not run what somebody has committed.
            (Some(bytes), _) => (Some("text/plain; charset=utf-8"), bytes),
            (None, Some(body)) => (Some("application/json;charset=utf-8"), Bytes::from(body.to_string())),
            (None, None) => (None, Bytes::new()),
        };
        let mut response = Response::new(Body::from(bytes));
        *response.status_mut() = self.status;
        if let Some(content) = content {
            response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content));
            response.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        }
        for (name, value) in self.headers {
            if let Ok(value) = HeaderValue::from_str(&value) {
                response.headers_mut().insert(name, value);
            }
        }
        response
    }
}
