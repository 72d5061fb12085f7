//! The REST calls: Gitea's `/api/v1` as far as Renovate, Kargo, Flux and people use it, our administration beside it, and the
//! runners' `/api/actions/v1`. One file per area. Read first: [`answer`], [`Place`], [`json`].

mod actions;
mod admin;
mod branches;
mod commits;
mod compare;
mod contents;
mod hooks;
mod issues;
pub(crate) mod json;
mod labels;
mod merging;
mod pulls;
mod repos;
mod reviews;
mod runner;
mod statuses;
mod users;

use git::{Kind, ObjectId, Objects};
use serde_json::json;

use crate::ForgeError;
use crate::access::{self, Actor};
use crate::api::{Answer, Call};
use crate::moves::current;
use crate::records::{Access, Repo};
use crate::rows::Rows;

/// Answers one call.
pub(crate) fn answer(call: &Call<'_>) -> Result<Answer, ForgeError> {
    let path: Vec<&str> = call.exchange.path.iter().map(String::as_str).collect();
    let path = match path.as_slice() {
        [path @ .., ""] => path,
        path => path,
    };
    // A HEAD is a GET whose body the server leaves out.
    let method = match call.exchange.method.as_str() {
        "HEAD" => "GET",
        method => method,
    };
    match path {
        ["api", "v1", path @ ..] => gitea(call, method, path),
        ["api", "actions", "v1", path @ ..] => runner::answer(call, method, path),
        _ => Err(unknown(method, path)),
    }
}

fn gitea(call: &Call<'_>, method: &str, path: &[&str]) -> Result<Answer, ForgeError> {
    match (method, path) {
        ("GET", ["version"]) => Ok(Answer::json(json!({ "version": concat!("1.26.0+supercargo-", env!("CARGO_PKG_VERSION")) }))),
        ("GET", ["user"]) => users::me(call),
        ("GET", ["users", login]) => users::get(call, login),
        ("GET", ["orgs", name]) => users::org(call, name),
        ("PUT", ["admin", "users", login]) => admin::user(call, login),
        ("PUT", ["admin", "repos", owner, name]) => admin::repo(call, owner, name),
        ("GET", ["repos", "search"]) => repos::search(call),
        ("GET", ["orgs", name, "repos"]) => repos::of_org(call, name),
        ("POST", ["orgs", name, "repos"]) => repos::create(call, Some(name)),
        ("POST", ["user", "repos"]) => repos::create(call, None),
        (_, ["repos", owner, name, path @ ..]) => in_repo(&Place { call, owner, name }, method, path),
        _ => Err(unknown(method, path)),
    }
}

fn in_repo(place: &Place<'_>, method: &str, path: &[&str]) -> Result<Answer, ForgeError> {
    match (method, path) {
        ("GET", []) => repos::get(place),
        (_, ["contents" | "raw", ..]) => contents::answer(place, method, path),
        (_, ["branches" | "tags", ..]) => branches::answer(place, method, path),
        (_, ["statuses", ..]) | ("GET", ["commits", .., "status" | "statuses"]) => statuses::answer(place, method, path),
        ("GET", ["commits"] | ["git", ..]) => commits::answer(place, path),
        ("GET", ["compare", range @ ..]) => compare::answer(place, &range.join("/")),
        (_, ["pulls", number, "merge"]) => merging::answer(place, method, parse(number)?),
        (_, ["pulls", number, "reviews" | "requested_reviewers", ..]) if number.parse::<u64>().is_ok() => {
            reviews::answer(place, method, path)
        }
        (_, ["pulls", ..]) => pulls::answer(place, method, path),
        (_, ["labels", ..] | ["issues", _, "labels", ..]) => labels::answer(place, method, path),
        (_, ["issues", ..]) => issues::answer(place, method, path),
        (_, ["hooks", ..]) => hooks::answer(place, method, path),
        ("GET", ["actions", path @ ..]) => actions::answer(place, path),
        _ => Err(unknown(method, path)),
    }
}

fn unknown(method: &str, path: &[&str]) -> ForgeError {
    let path: String = path.join("/").chars().take(200).collect();
    ForgeError::NotFound(format!("the call {method} /{path}"))
}

/// Reads a number out of a path. Nothing has a number that is none.
fn parse(text: &str) -> Result<u64, ForgeError> {
    text.parse().map_err(|_| ForgeError::NotFound(format!("number {:?}", text.chars().take(40).collect::<String>())))
}

/// Refuses a text that is too long.
fn bounded(field: &str, text: &str, most: usize) -> Result<(), ForgeError> {
    if text.len() > most { Err(ForgeError::Invalid(format!("{field}: more than {most} bytes"))) } else { Ok(()) }
}

/// A repository that a call is about.
struct Place<'a> {
    call: &'a Call<'a>,
    owner: &'a str,
    name: &'a str,
}

impl Place<'_> {
    /// Returns the repository for reading, if the caller has this access.
    fn look(&self, needed: Access) -> Result<(Rows, Repo), ForgeError> {
        let rows = self.call.rows();
        let repo = access::repo(&rows, &self.call.actor, self.owner, self.name, needed)?;
        Ok((rows, repo))
    }

    /// Changes something of the repository, if the caller has this access at that moment.
    fn change<T>(&self, needed: Access, work: impl FnOnce(&Rows, &Repo) -> Result<T, ForgeError>) -> Result<T, ForgeError> {
        self.call.forge.write(|rows| {
            let repo = access::repo(rows, &self.call.actor, self.owner, self.name, needed)?;
            work(rows, &repo)
        })
    }

    fn host(&self) -> Option<&str> {
        self.call.exchange.host()
    }

    fn actor(&self) -> &Actor {
        &self.call.actor
    }
}

impl Call<'_> {
    /// Refuses everybody who is not a person or bot with a name of their own.
    fn person(&self) -> Result<&str, ForgeError> {
        match &self.actor {
            Actor::User(_) | Actor::Admin => Ok(self.actor.login()),
            Actor::Anonymous => Err(ForgeError::Unauthenticated),
            Actor::Runner | Actor::Job { .. } => Err(ForgeError::Forbidden(format!("{} does not take part in this", self.actor.login()))),
        }
    }

    /// Refuses everybody but the author and those who may write.
    fn author_or_writer(&self, repo: &Repo, author: &str) -> Result<(), ForgeError> {
        if self.person()? == author || self.actor.access(repo) >= Access::Write {
            return Ok(());
        }
        Err(ForgeError::Forbidden(format!("{} may not change what {author} wrote", self.actor.login())))
    }
}

/// Returns the commit that a name (branch, tag, ref, commit id) stands for.
fn commit_of(rows: &Rows, repo: &Repo, objects: &dyn Objects, name: &str) -> Result<ObjectId, ForgeError> {
    let unknown = || ForgeError::NotFound(format!("{:?} in {}", name.chars().take(100).collect::<String>(), repo.full_name()));
    let found = match name {
        "" | "HEAD" => current(rows, repo, &repo.default_ref()),
        _ => ["refs/heads/", "refs/tags/", ""].iter().find_map(|prefix| current(rows, repo, &format!("{prefix}{name}"))),
    };
    let id = found.or_else(|| name.parse().ok()).ok_or_else(unknown)?;
    if !objects.has(&id)? {
        return Err(unknown());
    }
    let commit = objects.peel(&id)?;
    match objects.get(&commit)? {
        Some(object) if object.kind == Kind::Commit => Ok(commit),
        _ => Err(unknown()),
    }
}
