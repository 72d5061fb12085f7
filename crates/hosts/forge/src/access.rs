use base64::Engine as _;
use http::{Extensions, HeaderMap, header};
use model::Caller;
use review::Identity;
use sha2::{Digest as _, Sha256};

use crate::records::{Access, Repo, Token, UserRow};
use crate::rows::Rows;
use crate::{Forge, ForgeError};

/// Who is asking.
#[derive(Debug, Clone)]
pub(crate) enum Actor {
    /// Nobody has said.
    Anonymous,
    /// `forge-admin`.
    Admin,
    /// `forge-runner`.
    Runner,
    /// A user.
    User(Box<UserRow>),
    /// A running job; it reads its repository.
    Job {
        /// Its repository.
        repo: u64,
    },
}

impl Actor {
    pub(crate) fn login(&self) -> &str {
        match self {
            Self::Anonymous => "anonymous",
            Self::Admin => "forge-admin",
            Self::Runner => "forge-runner",
            Self::User(user) => &user.login,
            Self::Job { .. } => "forge-job",
        }
    }

    pub(crate) fn email(&self) -> String {
        match self {
            Self::User(user) => user.email.clone(),
            Self::Anonymous | Self::Admin | Self::Runner | Self::Job { .. } => format!("{}@localhost", self.login()),
        }
    }

    pub(crate) fn full_name(&self) -> &str {
        match self {
            Self::User(user) if !user.full_name.is_empty() => &user.full_name,
            _ => self.login(),
        }
    }

    pub(crate) fn identity(&self) -> Identity {
        match self {
            Self::User(user) => user.identity(),
            Self::Anonymous | Self::Admin | Self::Runner | Self::Job { .. } => {
                Identity { login: self.login().to_owned(), teams: Vec::new() }
            }
        }
    }

    pub(crate) fn is_admin(&self) -> bool {
        match self {
            Self::Admin => true,
            Self::User(user) => user.admin,
            Self::Anonymous | Self::Runner | Self::Job { .. } => false,
        }
    }

    /// Returns what this actor may do with a repository.
    pub(crate) fn access(&self, repo: &Repo) -> Access {
        let public = if repo.private { Access::None } else { Access::Read };
        match self {
            Self::Admin => Access::Admin,
            Self::Runner => Access::Read,
            Self::Anonymous => public,
            Self::Job { repo: own } if *own == repo.id => Access::Read,
            Self::Job { .. } => public,
            Self::User(user) if user.admin || user.login == repo.owner => Access::Admin,
            Self::User(user) => {
                let identity = user.identity();
                let granted = repo.collaborators.iter().filter(|(who, _)| match who.strip_prefix("team:") {
                    Some(team) => identity.in_team(team),
                    None => **who == user.login,
                });
                granted.map(|(_, access)| *access).max().unwrap_or(public).max(public)
            }
        }
    }
}

impl UserRow {
    pub(crate) fn identity(&self) -> Identity {
        Identity { login: self.login.clone(), teams: self.teams.clone() }
    }
}

/// Returns the name under which a token's row is kept: nobody reads tokens out of the store.
pub(crate) fn token_key(token: &str) -> String {
    format!("token/{}", hex::encode(Sha256::digest(token.as_bytes())))
}

/// Makes a new secret.
pub(crate) fn new_secret() -> String {
    hex::encode(rand::random::<[u8; 20]>())
}

fn same(a: &str, b: &str) -> bool {
    // Comparing hashes takes as long for a nearly right secret as for a wrong one.
    Sha256::digest(a.as_bytes()) == Sha256::digest(b.as_bytes())
}

impl Forge {
    /// Finds out who is asking. Wrong credentials are refused; none make somebody anonymous.
    pub(crate) fn actor(&self, rows: &Rows, headers: &HeaderMap, extensions: &Extensions) -> Result<Actor, ForgeError> {
        if let Some(caller) = extensions.get::<Caller>() {
            return match caller.name.as_str() {
                "forge-admin" => Ok(Actor::Admin),
                "forge-runner" => Ok(Actor::Runner),
                login => user(rows, login)?
                    .map(|user| Actor::User(Box::new(user)))
                    .ok_or_else(|| ForgeError::Forbidden(format!("there is no user {login}"))),
            };
        }
        let Some(value) = headers.get(header::AUTHORIZATION) else { return Ok(Actor::Anonymous) };
        let value = value.to_str().map_err(|_| ForgeError::Unauthenticated)?;
        let (scheme, rest) = value.split_once(' ').ok_or(ForgeError::Unauthenticated)?;
        let tokens = match scheme.to_ascii_lowercase().as_str() {
            "token" | "bearer" => vec![rest.trim().to_owned()],
            "basic" => {
                let decoded = base64::engine::general_purpose::STANDARD.decode(rest.trim()).map_err(|_| ForgeError::Unauthenticated)?;
                let text = String::from_utf8(decoded).map_err(|_| ForgeError::Unauthenticated)?;
                let (name, password) = text.split_once(':').unwrap_or((&text, ""));
                // The token is the password of whatever user, or the user without a password worth the name.
                if password.is_empty() || password == "x-oauth-basic" { vec![name.to_owned()] } else { vec![password.to_owned()] }
            }
            _ => return Err(ForgeError::Unauthenticated),
        };
        for token in tokens {
            if let Some(actor) = self.token_actor(rows, &token)? {
                return Ok(actor);
            }
        }
        Err(ForgeError::Unauthenticated)
    }

    fn token_actor(&self, rows: &Rows, token: &str) -> Result<Option<Actor>, ForgeError> {
        if self.0.options.admin_token.as_deref().is_some_and(|own| same(own, token)) {
            return Ok(Some(Actor::Admin));
        }
        if self.0.options.runner_token.as_deref().is_some_and(|own| same(own, token)) {
            return Ok(Some(Actor::Runner));
        }
        match rows.get::<Token>(&token_key(token))? {
            Some(Token::User(login)) => Ok(user(rows, &login)?.map(|user| Actor::User(Box::new(user)))),
            Some(Token::Job { job, .. }) => Ok(crate::runs::job(rows, job)?.map(|row| Actor::Job { repo: row.repo })),
            // An identity token proves a job to the issuer and opens nothing else.
            Some(Token::Identity { .. }) | None => Ok(None),
        }
    }
}

/// Returns the user of this name.
pub(crate) fn user(rows: &Rows, login: &str) -> Result<Option<UserRow>, ForgeError> {
    rows.get(&format!("user/{login}"))
}

/// Returns the repository of this name if the actor has this access. Without any, it does not exist.
pub(crate) fn repo(rows: &Rows, actor: &Actor, owner: &str, name: &str, needed: Access) -> Result<Repo, ForgeError> {
    let unknown = || ForgeError::NotFound(format!("the repository {owner}/{name}"));
    let found = rows.get::<Repo>(&format!("repo/{owner}/{name}"))?;
    let access = found.as_ref().map_or(Access::None, |repo| actor.access(repo));
    if access == Access::None {
        // Whoever has not said who they are is asked first: git sends credentials only then.
        return Err(if matches!(actor, Actor::Anonymous) { ForgeError::Unauthenticated } else { unknown() });
    }
    let repo = found.ok_or_else(unknown)?;
    if access < needed {
        return Err(match actor {
            Actor::Anonymous => ForgeError::Unauthenticated,
            _ => ForgeError::Forbidden(format!("{} may not do this in {owner}/{name}", actor.login())),
        });
    }
    if needed > Access::Read && repo.archived {
        return Err(ForgeError::Archived(format!("{owner}/{name}")));
    }
    Ok(repo)
}
