//! Our own administration: idempotent `PUT`s that make a user or a repository what the body says. For administrators only.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::access::token_key;
use crate::api::{Answer, Call};
use crate::records::{Access, Org, Repo, Token, User, UserRow};
use crate::rest::json as view;
use crate::rest::{bounded, repos};
use crate::rows::Rows;
use crate::{ForgeError, access};

/// Names that are the forge's own.
const RESERVED: [&str; 8] = ["api", "anonymous", "forge", "forge-admin", "forge-runner", "forge-job", "admin", "user"];

/// What a repository is to be. What is left out stays as it is, or as a new one is.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Wanted {
    private: Option<bool>,
    archived: Option<bool>,
    default_branch: Option<String>,
    description: Option<String>,
    collaborators: Option<BTreeMap<String, Access>>,
    policies: Option<Value>,
}

fn only_admin(call: &Call<'_>) -> Result<(), ForgeError> {
    if call.actor.is_admin() {
        return Ok(());
    }
    call.person()?;
    Err(ForgeError::Forbidden("only an administrator may do this".to_owned()))
}

/// Refuses what cannot be a name of a user, organisation or repository. Names become folders.
pub(super) fn check_name(field: &str, name: &str) -> Result<(), ForgeError> {
    let fits = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let start = name.chars().next().is_some_and(|c| c.is_ascii_alphanumeric() || c == '_');
    if !start || name.len() > 100 || !name.chars().all(fits) || name.ends_with('.') || name.ends_with(".git") || name.contains("..") {
        let name: String = name.chars().take(60).collect();
        return Err(ForgeError::Invalid(format!(
            "{field}: {name:?} is no name: letters, digits, -, _ and . only, starting with a letter or digit"
        )));
    }
    Ok(())
}

/// `PUT /admin/users/{login}`.
pub(super) fn user(call: &Call<'_>, login: &str) -> Result<Answer, ForgeError> {
    only_admin(call)?;
    let wanted: User = call.body()?;
    check_user(login, &wanted)?;
    let (row, new) = call.forge.write(|rows| put_user(call, rows, login, &wanted))?;
    let body = view::user(call.forge, &row);
    Ok(if new { Answer::created(body) } else { Answer::json(body) })
}

fn check_user(login: &str, wanted: &User) -> Result<(), ForgeError> {
    check_name("login", login)?;
    if RESERVED.contains(&login) {
        return Err(ForgeError::Invalid(format!("login: {login} is the forge's own name")));
    }
    if !wanted.login.is_empty() && wanted.login != login {
        return Err(ForgeError::Invalid(format!("login: the body says {:?}, the address {login:?}", wanted.login)));
    }
    bounded("email", &wanted.email, 320)?;
    bounded("full_name", &wanted.full_name, 255)?;
    if wanted.email.contains(['<', '>', '\n', '\r']) || (!wanted.email.is_empty() && !wanted.email.contains('@')) {
        return Err(ForgeError::Invalid("email: it is no address".to_owned()));
    }
    if wanted.tokens.iter().any(|token| token.trim().is_empty()) {
        return Err(ForgeError::Invalid("tokens: one is empty".to_owned()));
    }
    for key in &wanted.signing_keys {
        git::signature::fingerprint(&key.key).map_err(|error| ForgeError::Invalid(format!("signing_keys: {error}")))?;
    }
    Ok(())
}

fn put_user(call: &Call<'_>, rows: &Rows, login: &str, wanted: &User) -> Result<(UserRow, bool), ForgeError> {
    if rows.get::<Org>(&format!("org/{login}"))?.is_some() {
        return Err(ForgeError::Conflict(format!("{login} is an organisation")));
    }
    let old = access::user(rows, login)?;
    let mut tokens = Vec::new();
    for token in &wanted.tokens {
        let key = token_key(token);
        let own = Token::User(login.to_owned());
        if rows.get::<Token>(&key)?.is_some_and(|found| found != own) {
            return Err(ForgeError::Conflict("tokens: one belongs to somebody else".to_owned()));
        }
        rows.put(&key, &own);
        tokens.push(key);
    }
    for gone in old.iter().flat_map(|old| &old.tokens).filter(|key| !tokens.contains(key)) {
        rows.delete(gone);
    }
    let (id, created_at) = match &old {
        Some(old) => (old.id, old.created_at),
        None => (rows.next("id")?, call.forge.now()),
    };
    let row = UserRow {
        id,
        login: login.to_owned(),
        email: if wanted.email.is_empty() { format!("{login}@localhost") } else { wanted.email.clone() },
        full_name: wanted.full_name.clone(),
        admin: wanted.admin,
        teams: wanted.teams.clone(),
        signing_keys: wanted.signing_keys.clone(),
        tokens,
        created_at,
    };
    rows.put(&format!("user/{login}"), &row);
    Ok((row, old.is_none()))
}

/// `PUT /admin/repos/{owner}/{name}`. The owner becomes an organisation unless it is a user.
pub(super) fn repo(call: &Call<'_>, owner: &str, name: &str) -> Result<Answer, ForgeError> {
    only_admin(call)?;
    let wanted: Wanted = call.body()?;
    check_name("owner", owner)?;
    check_name("name", name)?;
    if RESERVED.contains(&owner) {
        return Err(ForgeError::Invalid(format!("owner: {owner} is the forge's own name")));
    }
    let (repo, new) = call.forge.write(|rows| {
        let old = rows.get::<Repo>(&format!("repo/{owner}/{name}"))?;
        let new = old.is_none();
        let mut repo = match old {
            Some(repo) => repo,
            None => {
                if access::user(rows, owner)?.is_none() && rows.get::<Org>(&format!("org/{owner}"))?.is_none() {
                    rows.put(&format!("org/{owner}"), &Org { id: rows.next("id")?, name: owner.to_owned() });
                }
                repos::new_row(call.forge, rows, owner, name)?
            }
        };
        apply(&mut repo, &wanted)?;
        repo.updated_at = call.forge.now();
        if new {
            call.forge.make_folder(&repo)?;
        }
        rows.put(&repo.key(), &repo);
        // HEAD may name another branch now, and what was forbidden may be allowed.
        rows.moved(repo.id);
        rows.recheck(repo.id);
        Ok((repo, new))
    })?;
    let body = view::repo(call.forge, &repo, &call.actor, call.exchange.host());
    Ok(if new { Answer::created(body) } else { Answer::json(body) })
}

fn apply(repo: &mut Repo, wanted: &Wanted) -> Result<(), ForgeError> {
    if let Some(branch) = &wanted.default_branch {
        repos::check_branch("default_branch", branch)?;
        repo.default_branch.clone_from(branch);
    }
    if let Some(description) = &wanted.description {
        bounded("description", description, 2_048)?;
        repo.description.clone_from(description);
    }
    if let Some(collaborators) = &wanted.collaborators {
        for who in collaborators.keys() {
            let team = who.strip_prefix("team:");
            let fits = team.map_or_else(|| check_name("collaborators", who).is_ok(), |team| !team.is_empty());
            if !fits {
                return Err(ForgeError::Invalid(format!("collaborators: {who:?} is neither LOGIN nor team:NAME")));
            }
        }
        repo.collaborators.clone_from(collaborators);
    }
    if let Some(policies) = &wanted.policies {
        repo.policies = review::parse_policies(&policies.to_string()).map_err(|error| ForgeError::Invalid(format!("policies: {error}")))?;
    }
    repo.private = wanted.private.unwrap_or(repo.private);
    repo.archived = wanted.archived.unwrap_or(repo.archived);
    Ok(())
}
