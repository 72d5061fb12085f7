use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use http::{HeaderMap, Method, StatusCode, header};
use model::Caller;
use oci::{AnyDigest, Name};

use crate::access::Permission;
use crate::answer::{Answer, Refusal, Reply};
use crate::{Inner, Registry, Scheme};

/// What a request says besides its path and body.
pub(crate) struct Ask {
    pub method: Method,
    pub headers: HeaderMap,
    pub query: Vec<(String, String)>,
    pub caller: Option<Caller>,
    pub scheme: Option<Scheme>,
    pub authority: Option<String>,
}

impl Ask {
    pub(crate) fn first(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.query.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn header(&self, name: header::HeaderName) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    pub(crate) fn is_head(&self) -> bool {
        self.method == Method::HEAD
    }
}

/// The places of the distribution API.
#[derive(Debug, PartialEq, Eq)]
enum Route<'a> {
    Base,
    Catalog,
    Token,
    Manifest(&'a str, &'a str),
    Blob(&'a str, &'a str),
    Uploads(&'a str),
    Upload(&'a str, &'a str),
    Tags(&'a str),
    Referrers(&'a str, &'a str),
}

/// A repository may be called `blobs` or `manifests`, so the path is read from its end.
fn route(path: &str) -> Option<Route<'_>> {
    if path == "/token" {
        return Some(Route::Token);
    }
    let rest = path.strip_prefix("/v2")?;
    let rest = match rest {
        "" | "/" => return Some(Route::Base),
        "/_catalog" => return Some(Route::Catalog),
        rest => rest.strip_prefix('/')?,
    };
    if let Some(name) = rest.strip_suffix("/tags/list") {
        return Some(Route::Tags(name));
    }
    if let Some(name) = rest.strip_suffix("/blobs/uploads/").or_else(|| rest.strip_suffix("/blobs/uploads")) {
        return Some(Route::Uploads(name));
    }
    let (before, last) = rest.rsplit_once('/')?;
    if let Some(name) = before.strip_suffix("/blobs/uploads") {
        return Some(Route::Upload(name, last));
    }
    let (name, kind) = before.rsplit_once('/')?;
    match kind {
        "manifests" => Some(Route::Manifest(name, last)),
        "blobs" => Some(Route::Blob(name, last)),
        "referrers" => Some(Route::Referrers(name, last)),
        _ => None,
    }
}

pub(crate) async fn serve(State(Registry(inner)): State<Registry>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path().to_owned();
    let ask = Ask {
        query: query(parts.uri.query().unwrap_or_default()),
        caller: parts.extensions.get::<Caller>().cloned(),
        scheme: parts.extensions.get::<Scheme>().copied(),
        authority: parts.uri.authority().map(ToString::to_string),
        method: parts.method,
        headers: parts.headers,
    };
    answer(inner, &path, &ask, body).await.unwrap_or_else(Refusal::into_response)
}

async fn answer(inner: std::sync::Arc<Inner>, path: &str, ask: &Ask, body: Body) -> Answer {
    let Some(route) = route(path) else { return Err(Refusal::missing("UNSUPPORTED", "there is nothing at this path")) };
    let get = [Method::GET, Method::HEAD].contains(&ask.method);
    match route {
        Route::Token if get => inner.give_token(ask),
        Route::Token => Err(Refusal::missing("UNSUPPORTED", "tokens are given by GET")),
        Route::Base if get => inner.base(ask),
        Route::Catalog if get => inner.catalog(ask),
        Route::Base | Route::Catalog => Err(not_allowed("GET, HEAD")),
        Route::Manifest(name, reference) => {
            let (name, permission) = (named(name)?, permission(&ask.method, &[Method::PUT], "DELETE, GET, HEAD, PUT")?);
            let session = inner.session(ask)?;
            inner.authorise(ask, &session, name.as_str(), permission)?;
            match permission {
                Permission::Pull => inner.get_manifest(ask, &name, reference),
                Permission::Push => inner.put_manifest(ask, &session, name, reference, body).await,
                Permission::Delete => inner.delete_manifest(&name, reference),
            }
        }
        Route::Blob(name, digest) => {
            let (name, permission) = (named(name)?, permission(&ask.method, &[], "DELETE, GET, HEAD")?);
            let session = inner.session(ask)?;
            inner.authorise(ask, &session, name.as_str(), permission)?;
            let digest = digest_of(digest)?;
            if permission == Permission::Delete { inner.delete_blob(name, digest).await } else { inner.get_blob(ask, &name, &digest).await }
        }
        Route::Uploads(name) => {
            let name = named(name)?;
            if ask.method != Method::POST {
                return Err(not_allowed("POST"));
            }
            let session = inner.session(ask)?;
            inner.authorise(ask, &session, name.as_str(), Permission::Push)?;
            inner.start_upload(ask, &session, name, body).await
        }
        Route::Upload(name, id) => {
            let name = named(name)?;
            let session = inner.session(ask)?;
            inner.authorise(ask, &session, name.as_str(), Permission::Push)?;
            inner.continue_upload(ask, name, id, body).await
        }
        Route::Tags(name) if get => {
            let name = named(name)?;
            inner.authorise(ask, &inner.session(ask)?, name.as_str(), Permission::Pull)?;
            inner.tags(ask, &name)
        }
        Route::Referrers(name, digest) if get => {
            let name = named(name)?;
            inner.authorise(ask, &inner.session(ask)?, name.as_str(), Permission::Pull)?;
            inner.referrers(ask, &name, &digest_of(digest)?)
        }
        Route::Tags(_) | Route::Referrers(..) => Err(not_allowed("GET, HEAD")),
    }
}

impl Inner {
    /// Clients decide by this answer whether to log in at all, so it is 401 as soon as anything needs a login.
    fn base(&self, ask: &Ask) -> Answer {
        let session = self.session(ask)?;
        if !session.presented && !self.options.access.is_open() {
            return Err(self.challenge(ask, None, None, "authentication required"));
        }
        Ok(Reply::new(StatusCode::OK).header(header::CONTENT_TYPE, "application/json").bytes(ask.is_head(), "{}".into()))
    }
}

fn permission(method: &Method, writes: &[Method], allowed: &'static str) -> Result<Permission, Refusal> {
    match *method {
        Method::GET | Method::HEAD => Ok(Permission::Pull),
        Method::DELETE => Ok(Permission::Delete),
        _ if writes.contains(method) => Ok(Permission::Push),
        _ => Err(not_allowed(allowed)),
    }
}

pub(crate) fn not_allowed(allowed: &'static str) -> Refusal {
    Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "UNSUPPORTED", "the method is not allowed here").with(header::ALLOW, allowed)
}

pub(crate) fn named(name: &str) -> Result<Name, Refusal> {
    name.parse().map_err(|error: oci::ReferenceError| Refusal::bad("NAME_INVALID", error.to_string()))
}

pub(crate) fn digest_of(text: &str) -> Result<AnyDigest, Refusal> {
    text.parse().map_err(|why: String| Refusal::bad("DIGEST_INVALID", why))
}

/// Reads a query string; `+` stays a plus outside forms, but clients that encode forms mean a space.
fn query(text: &str) -> Vec<(String, String)> {
    let pairs = text.split('&').filter(|pair| !pair.is_empty()).take(200);
    pairs.map(|pair| pair.split_once('=').unwrap_or((pair, ""))).map(|(key, value)| (decode(key), decode(value))).collect()
}

fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = bytes.get(at + 1..at + 3).and_then(|pair| hex::decode(pair).ok());
        match (bytes[at], hex) {
            (b'%', Some(byte)) => {
                out.extend(byte);
                at += 2;
            }
            (b'+', _) => out.push(b' '),
            (byte, _) => out.push(byte),
        }
        at += 1;
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_may_look_like_places() {
        assert_eq!(route("/v2/"), Some(Route::Base));
        assert_eq!(route("/v2/a/b/manifests/v1"), Some(Route::Manifest("a/b", "v1")));
        assert_eq!(route("/v2/blobs/uploads/blobs/uploads/"), Some(Route::Uploads("blobs/uploads")));
        assert_eq!(route("/v2/a/blobs/uploads/u1"), Some(Route::Upload("a", "u1")));
        assert_eq!(route("/v2/manifests/tags/list"), Some(Route::Tags("manifests")));
        assert_eq!(route("/v2/a/nothing/here"), None);
        assert_eq!(decode("a%2Bb+c%zz%"), "a+b c%zz%");
    }
}
