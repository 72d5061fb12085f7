//! Token authentication as docker-registry does it: a 401 names `/token`, which gives a short-lived token for what was asked.

use aws_lc_rs::hmac;
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http::{HeaderMap, StatusCode, header};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::access::{Identity, Permission};
use crate::answer::{Answer, Refusal, Reply};
use crate::route::Ask;
use crate::{Inner, Scheme};

/// How long a token is good: long enough for one push, short enough to forget about.
const LIFE_SECONDS: i64 = 300;
/// No credential is longer; a token for many repositories stays far below.
const LONGEST_CREDENTIAL: usize = 64 << 10;

/// Whoever makes a request, and what their token is limited to.
#[derive(Debug, Clone, Default)]
pub(crate) struct Session {
    pub identity: Identity,
    /// `None`: not limited beyond the identity's own rights.
    scope: Option<Vec<Grant>>,
    /// Whether any credential came with the request.
    pub presented: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Grant {
    repository: String,
    actions: Vec<Permission>,
}

#[derive(Serialize, Deserialize)]
struct Claims {
    identity: Identity,
    access: Vec<Grant>,
    expires: i64,
}

impl Session {
    fn covers(&self, repository: &str, permission: Permission) -> bool {
        match &self.scope {
            None => true,
            Some(grants) => grants.iter().any(|grant| grant.repository == repository && grant.actions.contains(&permission)),
        }
    }
}

impl Inner {
    /// Finds out who is calling. A credential that is wrong is refused, never taken for none.
    pub(crate) fn session(&self, ask: &Ask) -> Result<Session, Refusal> {
        if let Some(caller) = &ask.caller {
            return Ok(Session { identity: caller.into(), scope: None, presented: true });
        }
        let Some(value) = ask.headers.get(header::AUTHORIZATION) else { return Ok(Session::default()) };
        let refuse = |why: &str| self.challenge(ask, None, Some("invalid_token"), why);
        let value = value
            .to_str()
            .ok()
            .filter(|value| value.len() <= LONGEST_CREDENTIAL)
            .ok_or_else(|| refuse("the Authorization header is malformed"))?;
        let (scheme, rest) = value.split_once(' ').ok_or_else(|| refuse("the Authorization header is malformed"))?;
        if scheme.eq_ignore_ascii_case("basic") {
            let identity = self.basic(rest.trim()).map_err(|why| refuse(&why))?;
            return Ok(Session { identity, scope: None, presented: true });
        }
        if scheme.eq_ignore_ascii_case("bearer") {
            let claims = self.read_token(rest.trim()).ok_or_else(|| refuse("the token is not valid here or has expired"))?;
            return Ok(Session { identity: claims.identity, scope: Some(claims.access), presented: true });
        }
        Err(refuse("the Authorization header is neither Basic nor Bearer"))
    }

    /// Lets the caller do something with a repository, or says how to log in, or that they may not.
    pub(crate) fn authorise(&self, ask: &Ask, session: &Session, repository: &str, permission: Permission) -> Result<(), Refusal> {
        let needed = (repository, permission);
        if self.may(session, repository, permission) {
            return Ok(());
        }
        if self.options.access.allows(&session.identity, repository, permission) {
            return Err(self.challenge(ask, Some(needed), Some("insufficient_scope"), "the token is not for this repository or action"));
        }
        match &session.identity.name {
            None => Err(self.challenge(ask, Some(needed), None, "authentication required")),
            Some(name) => {
                let message = format!("{name} may not {} {repository}; a rule must allow it", permission.word());
                Err(Refusal::new(StatusCode::FORBIDDEN, "DENIED", message))
            }
        }
    }

    /// Tells whether the caller has the right and, if they came with a token, whether it covers it.
    pub(crate) fn may(&self, session: &Session, repository: &str, permission: Permission) -> bool {
        self.options.access.allows(&session.identity, repository, permission) && session.covers(repository, permission)
    }

    /// Returns the 401 that sends a client to `/token`.
    pub(crate) fn challenge(&self, ask: &Ask, needed: Option<(&str, Permission)>, error: Option<&str>, why: &str) -> Refusal {
        let host = host(&ask.headers, ask.authority.as_deref());
        let realm = match self.options.realm_url.as_str() {
            "" => format!("{}://{host}/token", ask.scheme.map_or("http", |Scheme(scheme)| scheme)),
            url => url.to_owned(),
        };
        let mut value = format!("Bearer realm=\"{realm}\",service=\"{host}\"");
        if let Some((repository, permission)) = needed {
            let actions = if permission == Permission::Push { "pull,push" } else { permission.word() };
            value.push_str(&format!(",scope=\"repository:{repository}:{actions}\""));
        }
        if let Some(error) = error {
            value.push_str(&format!(",error=\"{error}\""));
        }
        Refusal::new(StatusCode::UNAUTHORIZED, "UNAUTHORIZED", why).with(header::WWW_AUTHENTICATE, value)
    }

    fn basic(&self, encoded: &str) -> Result<Identity, String> {
        let malformed = || "the Basic credentials are malformed".to_owned();
        let decoded = STANDARD.decode(encoded).map_err(|_| malformed())?;
        let text = String::from_utf8(decoded).map_err(|_| malformed())?;
        let (name, password) = text.split_once(':').ok_or_else(malformed)?;
        if self.options.access.knows(name, password) {
            return Ok(Identity { name: Some(name.to_owned()), ..Identity::default() });
        }
        if ["oidc", "ci"].contains(&name) && password.matches('.').count() == 2 {
            return self.workload(password);
        }
        Err("user name or password is wrong".to_owned())
    }

    /// The name is prefixed, so that no subject of a token is ever taken for an account.
    fn workload(&self, token: &str) -> Result<Identity, String> {
        let claims = (self.options.verify_token)(token)?;
        let text = |name: &str| claims.get(name).and_then(|value| value.as_str()).filter(|text| !text.is_empty()).map(str::to_owned);
        let subject = text("sub").ok_or("the identity token has no sub")?;
        Ok(Identity { name: Some(format!("oidc:{subject}")), groups: Vec::new(), workflow: text("job_workflow_ref") })
    }

    fn read_token(&self, token: &str) -> Option<Claims> {
        let (body, tag) = token.split_once('.')?;
        let tag = URL_SAFE_NO_PAD.decode(tag).ok()?;
        hmac::verify(&self.token_key, body.as_bytes(), &tag).ok()?;
        let claims: Claims = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(body).ok()?).ok()?;
        (claims.expires > self.options.clock.now().as_second()).then_some(claims)
    }

    /// `GET /token?service=…&scope=…`: anonymous without credentials.
    pub(crate) fn give_token(&self, ask: &Ask) -> Answer {
        let identity = match ask.headers.get(header::AUTHORIZATION).map(|value| value.to_str()) {
            None => ask.caller.as_ref().map(Identity::from).unwrap_or_default(),
            Some(Ok(value))
                if value.len() <= LONGEST_CREDENTIAL && value.get(..6).is_some_and(|scheme| scheme.eq_ignore_ascii_case("basic ")) =>
            {
                self.basic(value[6..].trim()).map_err(|why| Refusal::new(StatusCode::UNAUTHORIZED, "UNAUTHORIZED", why))?
            }
            Some(_) => {
                return Err(Refusal::new(StatusCode::UNAUTHORIZED, "UNAUTHORIZED", "a token is given for Basic credentials or for none"));
            }
        };
        let mut access = Vec::new();
        for scope in ask.all("scope").flat_map(|scopes| scopes.split(' ')).filter(|scope| !scope.is_empty()).take(100) {
            let Some((repository, actions)) = scope.strip_prefix("repository:").and_then(|rest| rest.rsplit_once(':')) else { continue };
            let asked = |permission: &Permission| actions.split(',').any(|action| action == "*" || action == permission.word());
            let actions =
                Permission::ALL.into_iter().filter(asked).filter(|each| self.options.access.allows(&identity, repository, *each)).collect();
            access.push(Grant { repository: repository.to_owned(), actions });
        }
        Ok(self.token_response(identity, access))
    }

    fn token_response(&self, identity: Identity, access: Vec<Grant>) -> Response {
        let now = self.options.clock.now();
        let claims = Claims { identity, access, expires: now.as_second() + LIFE_SECONDS };
        let body = URL_SAFE_NO_PAD.encode(serde_json::to_vec(&claims).expect("texts and numbers serialise"));
        let tag = hmac::sign(&self.token_key, body.as_bytes());
        let token = format!("{body}.{}", URL_SAFE_NO_PAD.encode(tag));
        let reply = json!({ "token": token, "access_token": token, "expires_in": LIFE_SECONDS, "issued_at": now.to_string() });
        Reply::new(StatusCode::OK)
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::CACHE_CONTROL, "no-store")
            .body(reply.to_string())
    }
}

/// The host as the client wrote it, if it can stand inside quotes.
fn host(headers: &HeaderMap, authority: Option<&str>) -> String {
    let good = |host: &&str| !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-:[]_".contains(&byte));
    headers.get(header::HOST).and_then(|host| host.to_str().ok()).or(authority).filter(good).unwrap_or("localhost").to_owned()
}
