//! URLs as Go's `net/url` reads them. kubernetes `apiserver/pkg/cel/library/urls.go`.

use std::sync::Arc;

use crate::library::Outcome;
use crate::value::{EvalError, Key, Map, Value};

/// A URL in its parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Url {
    /// The whole.
    pub text: String,
    scheme: String,
    host: String,
    path: String,
    query: String,
}

/// Reads an absolute URL or path; the error is in Go's words without the text in front.
pub(crate) fn parse(text: &str) -> Result<Url, String> {
    let wrong = |why: &str| format!("parse {}: {why}", serde_json::json!(text));
    if text.is_empty() {
        return Err(wrong("empty url"));
    }
    if text.chars().any(|one| one.is_ascii_control()) {
        return Err(wrong("net/url: invalid control character in URL"));
    }
    let whole = text.split('#').next().unwrap_or_default();
    let (scheme, rest) = match whole.find(':') {
        Some(0) => return Err(wrong("missing protocol scheme")),
        Some(at) if is_scheme(&whole[..at]) => (whole[..at].to_ascii_lowercase(), &whole[at + 1..]),
        _ => (String::new(), whole),
    };
    if !rest.starts_with('/') {
        if scheme.is_empty() {
            return Err(wrong("invalid URI for request"));
        }
        let (opaque, query) = rest.split_once('?').unwrap_or((rest, ""));
        let _ = opaque;
        return Ok(Url { text: text.to_owned(), scheme, host: String::new(), path: String::new(), query: query.to_owned() });
    }
    let (front, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (host, path) = match front.strip_prefix("//") {
        Some(after) if !scheme.is_empty() || !front.starts_with("///") => {
            let end = after.find('/').unwrap_or(after.len());
            (after[..end].rsplit('@').next().unwrap_or_default().to_owned(), after[end..].to_owned())
        }
        _ => (String::new(), front.to_owned()),
    };
    if host.contains(' ') {
        return Err(wrong("invalid character \" \" in host name"));
    }
    if let Some((_, port)) = host.rsplit_once(':').filter(|_| !host.ends_with(']'))
        && !port.bytes().all(|one| one.is_ascii_digit())
    {
        return Err(wrong(&format!("invalid port {} after host", serde_json::json!(format!(":{port}")))));
    }
    for (at, _) in path.match_indices('%') {
        let digits: String = path[at..].chars().take(3).collect();
        if digits.len() < 3 || !digits[1..].bytes().all(|one| one.is_ascii_hexdigit()) {
            return Err(wrong(&format!("invalid URL escape {}", serde_json::json!(digits))));
        }
    }
    Ok(Url { text: text.to_owned(), scheme, host, path, query: query.to_owned() })
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|one: char| one.is_ascii_alphabetic())
        && text.chars().all(|one| one.is_ascii_alphanumeric() || matches!(one, '+' | '-' | '.'))
}

fn escaped(path: &str) -> String {
    path.chars()
        .map(|one| {
            if one.is_ascii_alphanumeric() || "-_.~$&+,/:;=@!'()*%[]".contains(one) {
                one.to_string()
            } else {
                one.encode_utf8(&mut [0; 4]).bytes().map(|byte| format!("%{byte:02X}")).collect()
            }
        })
        .collect()
}

fn unescaped(text: &str) -> String {
    let bytes = text.replace('+', " ").into_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = (bytes[at] == b'%').then(|| bytes.get(at + 1..at + 3)).flatten();
        match hex.and_then(|hex| std::str::from_utf8(hex).ok()).and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
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

fn hostname(host: &str) -> &str {
    if let Some(end) = host.strip_prefix('[').and_then(|inner| inner.find(']')) {
        return &host[1..=end];
    }
    host.rsplit_once(':').map_or(host, |(name, _)| name)
}

fn port(host: &str) -> &str {
    let rest = host.rsplit_once(']').map_or(host, |(_, rest)| rest);
    rest.rsplit_once(':').map_or("", |(_, port)| port)
}

fn query(text: &str) -> Value {
    let mut map: std::collections::BTreeMap<String, Vec<Value>> = std::collections::BTreeMap::new();
    for pair in text.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        map.entry(unescaped(name)).or_default().push(Value::text(&unescaped(value)));
    }
    let map: Map = map.into_iter().map(|(name, values)| (Key::from(name.as_str()), Value::list(values))).collect();
    Value::Map(Arc::new(map))
}

pub(crate) fn call(function: &str, _member: bool, values: &[Value]) -> Option<Outcome> {
    Some(match (function, values) {
        ("url", [Value::String(text)]) => match parse(text) {
            Ok(url) => Ok(Value::Url(Arc::new(url))),
            Err(why) => Err(EvalError::new(format!("URL parse error during conversion from string: {why}"))),
        },
        ("isURL", [Value::String(text)]) => Ok(Value::Bool(parse(text).is_ok())),
        ("getScheme", [Value::Url(url)]) => Ok(Value::text(&url.scheme)),
        ("getHost", [Value::Url(url)]) => Ok(Value::text(&url.host)),
        ("getHostname", [Value::Url(url)]) => Ok(Value::text(hostname(&url.host))),
        ("getPort", [Value::Url(url)]) => Ok(Value::text(port(&url.host))),
        ("getEscapedPath", [Value::Url(url)]) => Ok(Value::text(&escaped(&url.path))),
        ("getQuery", [Value::Url(url)]) => Ok(query(&url.query)),
        _ => return None,
    })
}
