//! Where a webhook is and how it is reached: checked, and turned into an address. Kubernetes
//! `apiserver/pkg/util/webhook/{validation,client}.go`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use schema::Violation;
use serde_json::{Value, json};

use crate::names::{self, Rule};

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// Where requests go, and whom to trust for it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Client {
    pub url: String,
    /// Certificate authorities (PEM); empty for those that the system trusts.
    pub authorities: Vec<u8>,
}

impl Client {
    /// Reads a client configuration.
    pub fn read(config: &Value) -> Self {
        let url = match config.get("service") {
            None => text(config, "url").to_owned(),
            Some(service) => {
                let port = service.get("port").and_then(Value::as_u64).unwrap_or(443);
                let path = text(service, "path").trim_start_matches('/');
                format!("https://{}.{}.svc:{port}/{path}", text(service, "name"), text(service, "namespace"))
            }
        };
        Self { url, authorities: STANDARD.decode(text(config, "caBundle")).unwrap_or_default() }
    }
}

/// Adds what is wrong with a client configuration.
pub(crate) fn check(config: &Value, here: &str, found: &mut Vec<Violation>) {
    match (config.get("url").and_then(Value::as_str), config.get("service")) {
        (Some(url), None) => check_url(url, &format!("{here}.url"), found),
        (None, Some(service)) => check_service(service, &format!("{here}.service"), found),
        _ => found.push(Violation::required(here, "exactly one of url or service is required")),
    }
}

fn check_url(url: &str, field: &str, found: &mut Vec<Violation>) {
    const FORM: &str = "; desired format: https://host[/path]";
    if let Some(why) = unreadable(url) {
        found.push(Violation::required(field, &format!("url must be a valid URL: parse {url:?}: {why}{FORM}")));
        return;
    }
    let mut say = |value: &str, why: &str| found.push(Violation::invalid(field, &json!(value), &format!("{why}{FORM}")));
    let (front, fragment) = url.split_once('#').unwrap_or((url, ""));
    let (front, query) = front.split_once('?').unwrap_or((front, ""));
    let (scheme, rest) = front.split_once(':').filter(|(scheme, _)| is_scheme(scheme)).unwrap_or(("", front));
    let authority = rest.strip_prefix("//").map_or("", |rest| rest.split('/').next().unwrap_or_default());
    let (user, host) = authority.rsplit_once('@').map_or((None, authority), |(user, host)| (Some(user), host));
    if scheme != "https" {
        say(scheme, "'https' is the only allowed URL scheme");
    }
    if host.is_empty() {
        say(host, "host must be specified");
    }
    if let Some(user) = user {
        say(user, "user information is not permitted in the URL");
    }
    if !fragment.is_empty() {
        say(fragment, "fragments are not permitted in the URL");
    }
    if !query.is_empty() {
        say(query, "query parameters are not permitted in the URL");
    }
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.chars().all(|one| one.is_ascii_alphanumeric() || "+-.".contains(one))
}

/// Returns why Go's `net/url` would not read an address at all, as far as that happens to people.
fn unreadable(url: &str) -> Option<String> {
    if url.chars().any(|one| one.is_ascii_control()) {
        return Some("net/url: invalid control character in URL".to_owned());
    }
    let front = url.split(['#', '?']).next().unwrap_or_default();
    let first = front.split('/').next().unwrap_or_default();
    match first.split_once(':') {
        Some(("", _)) => Some("missing protocol scheme".to_owned()),
        Some((scheme, _)) if !is_scheme(scheme) => Some("first path segment in URL cannot contain colon".to_owned()),
        _ => None,
    }
}

fn check_service(service: &Value, here: &str, found: &mut Vec<Violation>) {
    for name in ["name", "namespace"] {
        if text(service, name).is_empty() {
            found.push(Violation::required(&format!("{here}.{name}"), ""));
        }
    }
    if let Some(port) = service.get("port").and_then(Value::as_i64).filter(|port| !(1..=65_535).contains(port)) {
        let why = "port is not valid: must be between 1 and 65535, inclusive";
        found.push(Violation::invalid(&format!("{here}.port"), &json!(port), why));
    }
    let path = text(service, "path");
    let mut say = |why: &str| found.push(Violation::invalid(&format!("{here}.path"), &json!(path), why));
    match path {
        "" | "/" => return,
        "//" => return say("segment[0] may not be empty"),
        _ if !path.starts_with('/') => say("must start with a '/'"),
        _ => {}
    }
    // Whatever stands first is passed over.
    let inner: &str = path.char_indices().nth(1).map_or("", |(at, _)| &path[at..]);
    for (index, step) in inner.strip_suffix('/').unwrap_or(inner).split('/').enumerate() {
        if step.is_empty() {
            say(&format!("segment[{index}] may not be empty"));
            continue;
        }
        names::faults(Rule::Subdomain, step).iter().for_each(|why| say(&format!("segment[{index}]: {why}")));
    }
}
