//! Registries: the OCI distribution API as a client, over [`Web`].
//! Read first: [`Registry`]. Follows opencontainers/distribution-spec and docker's token authentication.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use model::{Caller, Digest};
use oci::{Descriptor, Index, Reference, media_type};
use serde_json::Value;

use crate::{Shelf, Web, WebError};

/// Longest manifest that is read, in bytes; the registries' own limit.
const MANIFEST: usize = 4 << 20;
/// Most pages of a list that are read.
const PAGES: usize = 200;

/// Why a registry did not do what it was asked.
#[derive(Debug, Clone, thiserror::Error)]
pub enum RegistryError {
    /// It cannot be reached.
    #[error(transparent)]
    Web(#[from] WebError),
    /// It refused.
    #[error("the registry refused {what}: {message}")]
    Refused {
        /// HTTP status.
        status: u16,
        /// What was asked.
        what: String,
        /// The registry's words.
        message: String,
    },
    /// It has no such thing.
    #[error("{0} is not there")]
    NotFound(String),
    /// It answered something that cannot be.
    #[error("the registry's answer for {what} is malformed: {text}")]
    Malformed {
        /// What was asked.
        what: String,
        /// What is wrong.
        text: String,
    },
}

impl RegistryError {
    /// Tells whether asking again later may help.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Web(_) => true,
            Self::Refused { status, .. } => *status >= 500 || *status == 429,
            Self::NotFound(_) | Self::Malformed { .. } => false,
        }
    }
}

/// As whom a registry is asked.
#[derive(Debug, Clone)]
pub enum Login {
    /// In process: who calls.
    Caller(Caller),
    /// Across a network: user and password.
    Basic {
        /// The user.
        user: String,
        /// The password or identity token.
        password: String,
    },
    /// Nobody in particular.
    Anonymous,
}

/// A manifest as it was fetched.
#[derive(Debug, Clone)]
pub struct Fetched {
    /// The name of its bytes, checked.
    pub digest: Digest,
    /// Its media type.
    pub media_type: String,
    /// Its bytes.
    pub bytes: Bytes,
}

/// Registries, as one login. Cloning shares its tokens.
#[derive(Clone)]
pub struct Registry {
    web: Web,
    login: Login,
    tokens: Arc<Mutex<HashMap<String, String>>>,
    shelf: Option<Shelf>,
}

impl Registry {
    /// Speaks to registries as this login.
    pub fn new(web: Web, login: Login) -> Self {
        Self { web, login, tokens: Arc::default(), shelf: None }
    }

    /// Keeps what comes, and takes it from there while a registry does not answer.
    #[must_use]
    pub fn with_shelf(mut self, shelf: Shelf) -> Self {
        self.shelf = Some(shelf);
        self
    }

    /// Returns what the shelf has in place of an answer that did not come; the error where it has nothing.
    fn instead<T>(&self, error: RegistryError, found: impl FnOnce(&Shelf) -> Option<T>) -> Result<T, RegistryError> {
        let Some(shelf) = self.shelf.as_ref().filter(|_| error.is_passing()) else { return Err(error) };
        let Some(found) = found(shelf) else { return Err(error) };
        shelf.stand_in(Some(&error));
        Ok(found)
    }

    /// Returns the tags of a repository, in the registry's order. A repository that is not there has none.
    pub async fn tags(&self, place: &Reference) -> Result<Vec<String>, RegistryError> {
        let mut path = format!("/v2/{}/tags/list?n=1000", place.repository);
        let mut tags = Vec::new();
        for _ in 0..PAGES {
            let answer = match self.get(place, &path, "application/json").await {
                Err(RegistryError::NotFound(_)) => return Ok(tags),
                other => other?,
            };
            let next = answer.headers().get(header::LINK).and_then(|link| link.to_str().ok()).and_then(next_of);
            let list: Value = read_json(&path, answer.body())?;
            tags.extend(list["tags"].as_array().into_iter().flatten().filter_map(|tag| tag.as_str().map(str::to_owned)));
            match next {
                Some(next) => path = next,
                None => break,
            }
        }
        Ok(tags)
    }

    /// Fetches a manifest or index by digest, tag or `latest`. What comes by digest has that digest.
    pub async fn manifest(&self, place: &Reference) -> Result<Fetched, RegistryError> {
        let recalled = |shelf: &Shelf| {
            let (digest, media_type) = shelf.recall(place)?;
            Some(Fetched { bytes: shelf.get(&digest)?, digest, media_type })
        };
        match self.fetch_manifest(place).await {
            Ok(fetched) => {
                if let Some(shelf) = &self.shelf {
                    shelf.stand_in(None);
                    shelf.put(&fetched.bytes);
                    shelf.remember(place, &fetched.digest, &fetched.media_type);
                    shelf.remember(&place.with_digest(fetched.digest.clone()), &fetched.digest, &fetched.media_type);
                }
                Ok(fetched)
            }
            Err(error) => self.instead(error, recalled),
        }
    }

    async fn fetch_manifest(&self, place: &Reference) -> Result<Fetched, RegistryError> {
        let path = format!("/v2/{}/manifests/{}", place.repository, place.version());
        let answer = self.get(place, &path, media_type::ACCEPT).await?;
        if answer.body().len() > MANIFEST {
            return Err(malformed(&path, "it is longer than 4 MiB"));
        }
        let digest = Digest::of(answer.body());
        if let Some(wanted) = place.digest.as_ref().filter(|wanted| **wanted != digest) {
            return Err(malformed(&path, format!("its digest is {digest}, not {wanted}")));
        }
        let media_type =
            answer.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or(media_type::MANIFEST).to_owned();
        Ok(Fetched { digest, media_type, bytes: answer.into_body() })
    }

    /// Returns the digest that a tag has now.
    pub async fn resolve(&self, place: &Reference) -> Result<Option<Digest>, RegistryError> {
        let path = format!("/v2/{}/manifests/{}", place.repository, place.version());
        let answer = match self.call(place, Method::HEAD, &path, media_type::ACCEPT, Bytes::new(), None).await {
            Err(RegistryError::NotFound(_)) => return Ok(None),
            Err(error) => return self.instead(error, |shelf| shelf.recall(place)).map(|(digest, _)| Some(digest)),
            Ok(answer) => answer,
        };
        let digest =
            answer.headers().get("docker-content-digest").and_then(|value| value.to_str().ok()).and_then(|value| value.parse().ok());
        match digest {
            Some(digest) => {
                if let Some(shelf) = &self.shelf {
                    let kind = answer.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
                    shelf.remember(place, &digest, kind.unwrap_or(media_type::MANIFEST));
                }
                Ok(Some(digest))
            }
            // A registry need not tell it for HEAD.
            None => self.manifest(place).await.map(|fetched| Some(fetched.digest)),
        }
    }

    /// Fetches a blob; its bytes have this digest.
    pub async fn blob(&self, place: &Reference, digest: &Digest) -> Result<Bytes, RegistryError> {
        let path = format!("/v2/{}/blobs/{digest}", place.repository);
        let answer = match self.get(place, &path, "*/*").await {
            Ok(answer) => answer,
            Err(error) => return self.instead(error, |shelf| shelf.get(digest)),
        };
        let found = Digest::of(answer.body());
        if found != *digest {
            return Err(malformed(&path, format!("its digest is {found}")));
        }
        if let Some(shelf) = &self.shelf {
            shelf.put(answer.body());
        }
        Ok(answer.into_body())
    }

    /// Returns what refers to a digest: by the referrers API, else by the fallback tag.
    pub async fn referrers(&self, place: &Reference, subject: &Digest) -> Result<Vec<Descriptor>, RegistryError> {
        let path = format!("/v2/{}/referrers/{subject}", place.repository);
        let body = match self.get(place, &path, media_type::INDEX).await {
            Ok(answer) => answer.into_body(),
            Err(RegistryError::NotFound(_)) => {
                let tag = format!("sha256-{}", subject.hex()).parse().map_err(|error| malformed(&path, error))?;
                match self.manifest(&place.with_tag(tag)).await {
                    Ok(fetched) => fetched.bytes,
                    Err(RegistryError::NotFound(_)) => return Ok(Vec::new()),
                    Err(error) => return Err(error),
                }
            }
            Err(error) => self.instead(error, |shelf| shelf.referrers(place, subject))?,
        };
        let index: Index = serde_json::from_slice(&body).map_err(|error| malformed(&path, error))?;
        if let Some(shelf) = &self.shelf {
            shelf.put_referrers(place, subject, &body);
        }
        Ok(index.manifests)
    }

    /// Uploads a blob unless it is there.
    pub async fn put_blob(&self, place: &Reference, bytes: &[u8]) -> Result<Digest, RegistryError> {
        let digest = Digest::of(bytes);
        let path = format!("/v2/{}/blobs/{digest}", place.repository);
        match self.call(place, Method::HEAD, &path, "*/*", Bytes::new(), None).await {
            Ok(_) => return Ok(digest),
            Err(RegistryError::NotFound(_)) => {}
            Err(error) => return Err(error),
        }
        let start = format!("/v2/{}/blobs/uploads/", place.repository);
        let answer = self.call(place, Method::POST, &start, "*/*", Bytes::new(), None).await?;
        let location = answer
            .headers()
            .get(header::LOCATION)
            .and_then(|value| value.to_str().ok())
            .ok_or_else(|| malformed(&start, "it has no Location"))?;
        let sign = if location.contains('?') { '&' } else { '?' };
        let finish = format!("{location}{sign}digest={digest}");
        self.call(place, Method::PUT, &finish, "*/*", Bytes::copy_from_slice(bytes), Some("application/octet-stream")).await?;
        Ok(digest)
    }

    /// Uploads a manifest under `version`: a tag, or its own digest.
    pub async fn put_manifest(&self, place: &Reference, version: &str, media_type: &str, bytes: &[u8]) -> Result<Digest, RegistryError> {
        let path = format!("/v2/{}/manifests/{version}", place.repository);
        self.call(place, Method::PUT, &path, "*/*", Bytes::copy_from_slice(bytes), Some(media_type)).await?;
        Ok(Digest::of(bytes))
    }

    /// Uploads a manifest with everything it names.
    pub async fn push(&self, place: &Reference, version: &str, artifact: &oci::Artifact) -> Result<Digest, RegistryError> {
        for (_, blob) in &artifact.blobs {
            self.put_blob(place, blob).await?;
        }
        self.put_manifest(place, version, &artifact.media_type, &artifact.manifest).await
    }

    async fn get(&self, place: &Reference, path: &str, accept: &str) -> Result<Response<Bytes>, RegistryError> {
        self.call(place, Method::GET, path, accept, Bytes::new(), None).await
    }

    async fn call(
        &self,
        place: &Reference,
        method: Method,
        path: &str,
        accept: &str,
        body: Bytes,
        kind: Option<&str>,
    ) -> Result<Response<Bytes>, RegistryError> {
        let scope = place.location();
        let token = self.tokens.lock().expect("no holder panics").get(&scope).cloned();
        let what = format!("{method} {path}");
        let answer = self.once(place, &method, path, accept, body.clone(), kind, token.as_deref()).await?;
        let answer = match (answer.status(), &self.login) {
            (StatusCode::UNAUTHORIZED, Login::Basic { .. } | Login::Anonymous) => match self.token(&answer).await? {
                Some(token) => {
                    self.tokens.lock().expect("no holder panics").insert(scope, token.clone());
                    self.once(place, &method, path, accept, body, kind, Some(&token)).await?
                }
                None => answer,
            },
            _ => answer,
        };
        match answer.status() {
            status if status.is_success() => Ok(answer),
            StatusCode::NOT_FOUND => Err(RegistryError::NotFound(format!("{}{path}", place.api_host()))),
            status => Err(RegistryError::Refused { status: status.as_u16(), what, message: message(status, answer.body()) }),
        }
    }

    #[expect(clippy::too_many_arguments, reason = "these are what one HTTP exchange is made of")]
    async fn once(
        &self,
        place: &Reference,
        method: &Method,
        path: &str,
        accept: &str,
        body: Bytes,
        kind: Option<&str>,
        token: Option<&str>,
    ) -> Result<Response<Bytes>, WebError> {
        let scheme = if is_local(place.api_host()) { "http" } else { "https" };
        let url = if path.starts_with("http") { path.to_owned() } else { format!("{scheme}://{}{path}", place.api_host()) };
        let mut request = Request::builder().method(method).uri(&url).header(header::ACCEPT, accept);
        if let Some(kind) = kind {
            request = request.header(header::CONTENT_TYPE, kind);
        }
        match (&self.login, token) {
            (_, Some(token)) => request = request.header(header::AUTHORIZATION, format!("Bearer {token}")),
            (Login::Basic { user, password }, None) => request = request.header(header::AUTHORIZATION, basic(user, password)),
            _ => {}
        }
        let request = request.body(body).map_err(|_| WebError::BadUrl(url))?;
        let caller = match &self.login {
            Login::Caller(caller) => Some(caller),
            Login::Basic { .. } | Login::Anonymous => None,
        };
        self.web.send(request, caller).await
    }

    /// Follows a `Bearer` challenge.
    async fn token(&self, refused: &Response<Bytes>) -> Result<Option<String>, RegistryError> {
        let Some(challenge) = refused.headers().get(header::WWW_AUTHENTICATE).and_then(|value| value.to_str().ok()) else {
            return Ok(None);
        };
        let Some(parameters) = challenge.strip_prefix("Bearer ") else { return Ok(None) };
        let field = |name: &str| {
            let start = parameters.find(&format!("{name}=\""))? + name.len() + 2;
            let end = parameters[start..].find('"')? + start;
            Some(&parameters[start..end])
        };
        let Some(realm) = field("realm") else { return Ok(None) };
        let mut url = format!("{realm}{}", if realm.contains('?') { '&' } else { '?' });
        for name in ["service", "scope"] {
            if let Some(value) = field(name) {
                url.push_str(&format!("{name}={}&", crate::cluster::encode(value)));
            }
        }
        let mut request = Request::get(url.trim_end_matches('&'));
        if let Login::Basic { user, password } = &self.login {
            request = request.header(header::AUTHORIZATION, basic(user, password));
        }
        let request = request.body(Bytes::new()).map_err(|_| WebError::BadUrl(url.clone()))?;
        let answer = self.web.send(request, None).await?;
        if !answer.status().is_success() {
            return Err(RegistryError::Refused {
                status: answer.status().as_u16(),
                what: "a token".into(),
                message: message(answer.status(), answer.body()),
            });
        }
        let given: Value = read_json("a token", answer.body())?;
        Ok(given["token"].as_str().or_else(|| given["access_token"].as_str()).map(str::to_owned))
    }
}

fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

fn is_local(host: &str) -> bool {
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    matches!(name, "localhost" | "127.0.0.1" | "[::1]")
}

fn malformed(what: &str, text: impl std::fmt::Display) -> RegistryError {
    RegistryError::Malformed { what: what.to_owned(), text: text.to_string() }
}

fn read_json(what: &str, body: &[u8]) -> Result<Value, RegistryError> {
    serde_json::from_slice(body).map_err(|error| malformed(what, error))
}

/// The words of a registry's refusal.
fn message(status: StatusCode, body: &[u8]) -> String {
    let told = serde_json::from_slice::<Value>(body).ok();
    let error = told.as_ref().map(|value| &value["errors"][0]);
    match error.and_then(|error| Some((error["code"].as_str()?, error["message"].as_str()?))) {
        Some((code, message)) => format!("{code}: {message}"),
        None => format!("HTTP {status}"),
    }
}

/// The target of a `Link: <…>; rel="next"` header.
fn next_of(link: &str) -> Option<String> {
    let (target, rest) = link.strip_prefix('<')?.split_once('>')?;
    rest.contains("next").then(|| target.to_owned())
}
