//! Logs of Pods and connections into them: checked, admitted, and handed on to the nodes, which have them. Follows
//! kubernetes/kubernetes `pkg/registry/core/pod/{strategy.go,rest/{log,subresources}.go}`.
//! Read first: [`log`], [`connect`]; the nodes answer at the paths of a kubelet's own HTTP API.

use std::convert::Infallible;

use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use futures::StreamExt as _;
use http::{HeaderValue, Method, Request, StatusCode, header};
use schema::Violation;
use serde_json::{Value, json};

use crate::admission::{self, Ask};
use crate::pods::{list, live, node};
use crate::rbac::Attributes;
use crate::request::Place;
use crate::routes;
use crate::status::{ApiError, ApiResult};
use crate::write::Call;

/// The names of the containers of a Pod: `[a b]`, and those that only start it or were added to it.
fn choices(pod: &Value) -> String {
    let names = |path: &str| list(pod, path).iter().filter_map(|one| one["name"].as_str()).collect::<Vec<_>>().join(" ");
    let mut told = format!("choose one of: [{}]", names("/spec/containers"));
    for (path, what) in [("/spec/initContainers", "init"), ("/spec/ephemeralContainers", "debug")] {
        let names = names(path);
        if !names.is_empty() {
            told.push_str(&format!(" or one of the {what} containers: [{names}]"));
        }
    }
    told
}

/// Returns the container that is meant.
fn container(call: &Call, pod: &Value) -> ApiResult<String> {
    let name = &call.place.name;
    let known = ["/spec/containers", "/spec/initContainers", "/spec/ephemeralContainers"];
    match call.query.get("container") {
        Some(wanted) if known.iter().any(|path| list(pod, path).iter().any(|one| one["name"] == wanted)) => Ok(wanted.to_owned()),
        Some(wanted) => Err(ApiError::bad_request(format!("container {wanted} is not valid for pod {name}"))),
        None => {
            let chosen = pod.pointer("/metadata/annotations/kubectl.kubernetes.io~1default-container").and_then(Value::as_str);
            match (list(pod, "/spec/containers"), chosen) {
                ([only], _) => Ok(name_of(only)),
                (_, Some(chosen)) if call.place.subresource != "log" => Ok(chosen.to_owned()),
                _ => Err(ApiError::bad_request(format!("a container name must be specified for pod {name}, {}", choices(pod)))),
            }
        }
    }
}

fn name_of(container: &Value) -> String {
    container["name"].as_str().unwrap_or_default().to_owned()
}

/// Answers with what a container wrote.
pub(crate) async fn log(call: &Call) -> ApiResult<Response> {
    let pod = live(call)?;
    let mut found = Vec::new();
    let number = |name: &str| -> ApiResult<Option<i64>> {
        let Some(text) = call.query.get(name) else { return Ok(None) };
        let wrong = |_| ApiError::bad_request(format!("strconv.ParseInt: parsing {text:?}: invalid syntax"));
        text.parse().map(Some).map_err(wrong)
    };
    let (tail, limit, since) = (number("tailLines")?, number("limitBytes")?, number("sinceSeconds")?);
    if let Some(lines) = tail.filter(|lines| *lines < 0) {
        found.push(Violation::invalid("tailLines", &json!(lines), "must be greater than or equal to 0"));
    }
    if let Some(bytes) = limit.filter(|bytes| *bytes < 1) {
        found.push(Violation::invalid("limitBytes", &json!(bytes), "must be greater than 0"));
    }
    if since.is_some() && call.query.get("sinceTime").is_some() {
        found.push(Violation::forbidden("", "at most one of `sinceTime` or `sinceSeconds` may be specified"));
    } else if let Some(seconds) = since.filter(|seconds| *seconds < 1) {
        found.push(Violation::invalid("sinceSeconds", &json!(seconds), "must be greater than 0"));
    }
    if !found.is_empty() {
        return Err(ApiError::invalid("", "PodLogOptions", &call.place.name, &found));
    }
    let container = container(call, &pod)?;
    if node(&pod).is_empty() {
        // What runs nowhere has said nothing yet.
        let headers = [(header::CACHE_CONTROL, HeaderValue::from_static("no-cache, private"))];
        return Ok((StatusCode::NO_CONTENT, headers, Body::empty()).into_response());
    }
    let mut query = Encoded::default();
    for name in ["follow", "previous", "timestamps"].into_iter().filter(|name| call.query.flag(name)) {
        query.add(name, "true");
    }
    for name in ["sinceSeconds", "sinceTime", "tailLines", "limitBytes"] {
        if let Some(value) = call.query.get(name) {
            query.add(name, value);
        }
    }
    hand_on(call, &Method::GET, "containerLogs", Some(&container), &query).await
}

/// The object that a connection is, for those who are asked about it: what the query says.
fn connection(call: &Call, kind: &str) -> Value {
    let mut options = json!({"kind": kind, "apiVersion": "v1"});
    let flags: &[&str] = match kind {
        "PodExecOptions" | "PodAttachOptions" => &["stdin", "stdout", "stderr", "tty"],
        _ => &[],
    };
    for flag in flags.iter().filter(|flag| call.query.flag(flag)) {
        options[*flag] = json!(true);
    }
    let texts: &[&str] = match kind {
        "PodExecOptions" | "PodAttachOptions" => &["container"],
        "PodProxyOptions" => &["path"],
        _ => &[],
    };
    for text in texts {
        if let Some(value) = call.query.get(text) {
            options[*text] = json!(value);
        }
    }
    if kind == "PodExecOptions" && call.query.has("command") {
        options["command"] = json!(call.query.all("command"));
    }
    if kind == "PodPortForwardOptions" && call.query.has("ports") {
        options["ports"] = call.query.all("ports").iter().filter_map(|port| port.parse::<i32>().ok()).collect();
    }
    options
}

/// Lets a client into a container, or to a port of it.
pub(crate) async fn connect(call: &Call, method: &Method) -> ApiResult<Response> {
    if call.place.subresource != "proxy" && method == Method::GET {
        may_create(call)?;
    }
    let pod = live(call)?;
    let kind = match call.place.subresource.as_str() {
        "exec" => "PodExecOptions",
        "attach" => "PodAttachOptions",
        "portforward" => "PodPortForwardOptions",
        _ => "PodProxyOptions",
    };
    let ask = Ask { operation: "CONNECT", kind: Some(("", "v1", kind)), ..Ask::deletion(call, &Value::Null, false) };
    let options = connection(call, kind);
    let options = admission::mutate(&call.server, &ask, options, None, &mut Vec::new()).await?;
    admission::validate(&call.server, &ask, Some(&options), None, &mut Vec::new()).await?;
    let into = matches!(kind, "PodExecOptions" | "PodAttachOptions");
    let container = if into { Some(container(call, &pod)?) } else { None };
    if node(&pod).is_empty() {
        return Err(ApiError::bad_request(format!("pod {} does not have a host assigned", call.place.name)));
    }
    if kind == "PodProxyOptions" {
        return Err(not_implemented("this server has no way to the ports of Pods: nothing answers at their addresses"));
    }
    let mut query = Encoded::default();
    for command in call.query.all("command") {
        query.add("command", command);
    }
    for (name, theirs) in [("stdin", "input"), ("stdout", "output"), ("stderr", "error"), ("tty", "tty")] {
        if into && call.query.flag(name) {
            query.add(theirs, "1");
        }
    }
    let what = match kind {
        "PodExecOptions" => "exec",
        "PodAttachOptions" => "attach",
        _ => "portForward",
    };
    hand_on(call, method, what, container.as_deref(), &query).await
}

fn not_implemented(what: &str) -> ApiError {
    ApiError::new(501, "NotImplemented", what).with(json!({}))
}

/// Whoever opens a connection by `GET` may have read alone been granted; upstream asks for both since 1.35.
fn may_create(call: &Call) -> ApiResult<()> {
    let Place { group, resource, subresource, namespace, name, .. } = call.place.clone();
    let attributes = Attributes { verb: "create".to_owned(), group, resource, subresource, namespace, name, path: None };
    if call.server.rules().allows(&call.caller, &attributes) {
        return Ok(());
    }
    call.note("authorization.k8s.io/decision", "forbid".to_owned());
    Err(routes::forbidden(&call.caller, &attributes))
}

/// A query that is put together.
#[derive(Default)]
struct Encoded(String);

impl Encoded {
    fn add(&mut self, name: &str, value: &str) {
        let mark = if self.0.is_empty() { '?' } else { '&' };
        self.0.push_str(&format!("{mark}{name}={}", encode(value)));
    }
}

fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

/// Asks the nodes, with the client's head and connection, and hands their answer on.
async fn hand_on(call: &Call, method: &Method, what: &str, container: Option<&str>, query: &Encoded) -> ApiResult<Response> {
    let Some(kubelet) = &call.server.kubelet else { return Err(not_implemented("this server has no way to the node that runs the Pod")) };
    let place = &call.place;
    let mut path = format!("/{what}/{}/{}", encode(&place.namespace), encode(&place.name));
    if let Some(container) = container {
        path.push_str(&format!("/{}", encode(container)));
    }
    let mut request = Request::builder().method(method).uri(format!("{path}{}", query.0));
    if let Some(headers) = request.headers_mut() {
        *headers = call.headers.clone();
        headers.remove(header::AUTHORIZATION);
    }
    if let Some(extensions) = request.extensions_mut() {
        // The connection itself, for whoever upgrades it.
        *extensions = call.extensions.clone();
    }
    let answer = kubelet(request.body(call.body.clone()).map_err(ApiError::internal)?).await;
    let status = answer.status();
    if status.is_success() || status == StatusCode::SWITCHING_PROTOCOLS {
        let mut answer = answer.map(|body| Body::from_stream(body.map(Ok::<_, Infallible>)));
        if status.is_success() {
            answer.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache, private"));
        }
        return Ok(answer);
    }
    let why: Vec<u8> = answer.into_body().map(|bytes| bytes.to_vec()).concat().await;
    let why = String::from_utf8_lossy(&why).into_owned();
    Err(match status.as_u16() {
        400 => ApiError::bad_request(why),
        404 => ApiError::new(404, "NotFound", why),
        501 => not_implemented(&why),
        _ => ApiError::internal(why),
    })
}
