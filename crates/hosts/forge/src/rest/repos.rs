//! Repositories: finding and making them.

use std::collections::BTreeMap;

use git::{NewCommit, Objects, Overlay, Person, apply_edits};
use serde::Deserialize;
use serde_json::json;

use crate::access::Actor;
use crate::api::{Answer, Call};
use crate::moves::{By, RefMove, is_ref_name};
use crate::records::{Access, Org, Repo};
use crate::rest::json as view;
use crate::rest::{Place, admin, bounded};
use crate::rows::{REPOS, Rows};
use crate::{Forge, ForgeError};

/// The team of an organisation whose members may make repositories in it, as in Gitea.
const OWNERS: &str = "owners";

#[derive(Debug, Deserialize)]
struct Create {
    name: String,
    #[serde(default)]
    private: bool,
    #[serde(default)]
    auto_init: bool,
    #[serde(default)]
    default_branch: String,
    #[serde(default)]
    description: String,
}

/// `GET /repos/{owner}/{name}`.
pub(super) fn get(place: &Place<'_>) -> Result<Answer, ForgeError> {
    let (_, repo) = place.look(Access::Read)?;
    Ok(Answer::json(view::repo(place.call.forge, &repo, place.actor(), place.host())))
}

fn visible(call: &Call<'_>, fits: impl Fn(&Repo) -> bool) -> Result<Vec<Repo>, ForgeError> {
    let all: Vec<Repo> = call.rows().list(REPOS)?;
    Ok(all.into_iter().filter(|repo| call.actor.access(repo) > Access::None && fits(repo)).collect())
}

/// `GET /repos/search`.
pub(super) fn search(call: &Call<'_>) -> Result<Answer, ForgeError> {
    let query = call.query("q").unwrap_or_default().to_lowercase();
    let archived = call.query("archived").and_then(|value| value.parse::<bool>().ok());
    // Repositories have no topics here: none has the one that is asked for.
    let topic = call.query("topic").is_some_and(|topic| topic != "false");
    let fits = |repo: &Repo| {
        !topic && archived.is_none_or(|archived| archived == repo.archived) && repo.full_name().to_lowercase().contains(&query)
    };
    let (page, headers) = call.page(visible(call, fits)?);
    let data: Vec<_> = page.iter().map(|repo| view::repo(call.forge, repo, &call.actor, call.exchange.host())).collect();
    Ok(Answer { headers, ..Answer::json(json!({ "ok": true, "data": data })) })
}

/// `GET /orgs/{org}/repos`.
pub(super) fn of_org(call: &Call<'_>, name: &str) -> Result<Answer, ForgeError> {
    if call.rows().get::<Org>(&format!("org/{name}"))?.is_none() {
        return Err(ForgeError::NotFound(format!("the organisation {name}")));
    }
    let (page, headers) = call.page(visible(call, |repo| repo.owner == name)?);
    let data: Vec<_> = page.iter().map(|repo| view::repo(call.forge, repo, &call.actor, call.exchange.host())).collect();
    Ok(Answer { headers, ..Answer::json(json!(data)) })
}

/// `POST /orgs/{org}/repos` and `POST /user/repos`.
pub(super) fn create(call: &Call<'_>, org: Option<&str>) -> Result<Answer, ForgeError> {
    let login = call.person()?;
    let wanted: Create = call.body()?;
    admin::check_name("name", &wanted.name)?;
    bounded("description", &wanted.description, 2_048)?;
    let branch = if wanted.default_branch.is_empty() { "main" } else { &wanted.default_branch };
    check_branch("default_branch", branch)?;
    let owner = org.unwrap_or(login);
    let repo = call.forge.write(|rows| {
        let no_account = org.is_none() && !matches!(call.actor, Actor::User(_));
        if no_account || (org.is_some() && rows.get::<Org>(&format!("org/{owner}"))?.is_none()) {
            return Err(ForgeError::NotFound(format!("the owner {owner}")));
        }
        let member = matches!(&call.actor, Actor::User(user) if user.teams.iter().any(|team| *team == format!("{owner}/{OWNERS}")));
        if org.is_some() && !member && !call.actor.is_admin() {
            return Err(ForgeError::Forbidden(format!("only the team {owner}/{OWNERS} may make repositories of {owner}")));
        }
        if rows.get::<Repo>(&format!("repo/{owner}/{}", wanted.name))?.is_some() {
            return Err(ForgeError::Conflict(format!("the repository {owner}/{} exists", wanted.name)));
        }
        let mut repo = new_row(call.forge, rows, owner, &wanted.name)?;
        repo.private = wanted.private;
        repo.description.clone_from(&wanted.description);
        repo.default_branch = branch.to_owned();
        if let Actor::User(user) = &call.actor {
            repo.collaborators = BTreeMap::from([(user.login.clone(), Access::Admin)]);
        }
        call.forge.make_folder(&repo)?;
        rows.put(&repo.key(), &repo);
        if wanted.auto_init {
            first_commit(call, rows, &repo)?;
        }
        Ok(repo)
    })?;
    Ok(Answer::created(view::repo(call.forge, &repo, &call.actor, call.exchange.host())))
}

/// Returns a repository as it is before anybody has said anything about it.
pub(super) fn new_row(forge: &Forge, rows: &Rows, owner: &str, name: &str) -> Result<Repo, ForgeError> {
    let now = forge.now();
    Ok(Repo {
        id: rows.next("id")?,
        owner: owner.to_owned(),
        name: name.to_owned(),
        private: false,
        archived: false,
        default_branch: "main".to_owned(),
        description: String::new(),
        policies: Vec::new(),
        collaborators: BTreeMap::new(),
        created_at: now,
        updated_at: now,
    })
}

/// Refuses what cannot be the name of a branch.
pub(super) fn check_branch(field: &str, branch: &str) -> Result<(), ForgeError> {
    if branch != "HEAD" && !branch.starts_with('-') && is_ref_name(&format!("refs/heads/{branch}")) {
        return Ok(());
    }
    Err(ForgeError::Invalid(format!("{field}: {:?} cannot be a branch", branch.chars().take(60).collect::<String>())))
}

fn first_commit(call: &Call<'_>, rows: &Rows, repo: &Repo) -> Result<(), ForgeError> {
    let objects = call.forge.objects(rows, repo);
    let overlay = Overlay::over(&objects);
    let text = format!("# {}\n\n{}", repo.name, repo.description);
    let tree = apply_edits(&overlay, None, [("README.md", Some(text.as_bytes()))])?;
    let who = Person::new(call.actor.full_name(), &call.actor.email(), call.forge.now().as_second());
    let commit = NewCommit { tree, parents: Vec::new(), author: who.clone(), committer: who, message: "Initial commit".to_owned() };
    let id = overlay.put_commit(&commit, call.forge.0.options.instance_key.as_ref())?;
    let moves = [RefMove { name: repo.default_ref(), old: None, new: Some(id) }];
    let results = call.forge.move_refs(rows, repo, &overlay, &moves, true, &By { actor: &call.actor, merging: None })?;
    match results.into_iter().find_map(Result::err) {
        Some(refused) => Err(ForgeError::Forbidden(refused.reason)),
        None => Ok(()),
    }
}
