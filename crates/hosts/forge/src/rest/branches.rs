//! Branches and tags.

use git::{ObjectId, Objects, Overlay};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::ForgeError;
use crate::api::Answer;
use crate::moves::{By, RefMove, current};
use crate::records::{Access, Repo};
use crate::rest::{Place, commit_of, commits, json as view, repos, unknown};
use crate::rows::Rows;
use crate::signers::Signers;

#[derive(Debug, Deserialize)]
struct Create {
    new_branch_name: String,
    #[serde(default)]
    old_branch_name: String,
    #[serde(default)]
    old_ref_name: String,
}

pub(super) fn answer(place: &Place<'_>, method: &str, path: &[&str]) -> Result<Answer, ForgeError> {
    match (method, path) {
        ("GET", ["branches"]) => list(place),
        ("POST", ["branches"]) => create(place),
        ("GET", ["branches", name @ ..]) => get(place, &name.join("/")),
        ("DELETE", ["branches", name @ ..]) => delete(place, &name.join("/")),
        ("GET", ["tags"]) => tags(place),
        ("GET", ["tags", name @ ..]) => {
            let (rows, repo) = place.look(Access::Read)?;
            let name = name.join("/");
            let id = current(&rows, &repo, &format!("refs/tags/{name}")).ok_or_else(|| ForgeError::NotFound(format!("the tag {name}")))?;
            Ok(Answer::json(tag(place, &rows, &repo, &name, &id)?))
        }
        _ => Err(unknown(method, path)),
    }
}

fn missing(name: &str) -> ForgeError {
    ForgeError::NotFound(format!("the branch {}", name.chars().take(100).collect::<String>()))
}

fn get(place: &Place<'_>, name: &str) -> Result<Answer, ForgeError> {
    let (rows, repo) = place.look(Access::Read)?;
    let tip = current(&rows, &repo, &format!("refs/heads/{name}")).ok_or_else(|| missing(name))?;
    Ok(Answer::json(branch(place, &rows, &repo, name, &tip)?))
}

fn named(place: &Place<'_>, rows: &Rows, repo: &Repo, prefix: &str) -> Vec<(String, ObjectId)> {
    let refs = place.call.forge.refs(rows, repo).all;
    refs.into_iter().filter_map(|(name, id)| Some((name.strip_prefix(prefix)?.to_owned(), id))).collect()
}

fn list(place: &Place<'_>) -> Result<Answer, ForgeError> {
    let (rows, repo) = place.look(Access::Read)?;
    let (page, headers) = place.call.page(named(place, &rows, &repo, "refs/heads/"));
    let page: Vec<Value> = page.iter().map(|(name, tip)| branch(place, &rows, &repo, name, tip)).collect::<Result<_, _>>()?;
    Ok(Answer { headers, ..Answer::json(Value::Array(page)) })
}

fn branch(place: &Place<'_>, rows: &Rows, repo: &Repo, name: &str, tip: &ObjectId) -> Result<Value, ForgeError> {
    let forge = place.call.forge;
    let objects = forge.objects(rows, repo);
    let commit = objects.commit(tip)?;
    let policy = review::policy_for(&repo.policies, name);
    let writes = place.actor().access(repo) >= Access::Write;
    let person = |person: &git::Person| json!({ "name": person.name, "email": person.email, "username": "" });
    Ok(json!({
        "name": name,
        "commit": {
            "id": tip,
            "message": commit.message,
            "url": format!("{}/{}/commit/{tip}", place.call.base(), repo.full_name()),
            "author": person(&commit.author),
            "committer": person(&commit.committer),
            "timestamp": view::time(&commit.committer),
            "verification": commits::verification(&objects, &Signers::of(forge, rows)?, tip)?,
            "added": null,
            "removed": null,
            "modified": null,
        },
        "protected": policy.is_some(),
        "required_approvals": policy.map_or(0, |policy| policy.require.approvals),
        "enable_status_check": policy.is_some_and(|policy| !policy.require.statuses.is_empty()),
        "status_check_contexts": policy.map(|policy| policy.require.statuses.clone()).unwrap_or_default(),
        "user_can_push": writes,
        "user_can_merge": writes,
        "effective_branch_protection_name": policy.and_then(|policy| policy.branches.first().cloned()).unwrap_or_default(),
    }))
}

/// Moves one branch through the gate that pushes go through.
fn move_branch(place: &Place<'_>, rows: &Rows, repo: &Repo, moved: RefMove) -> Result<(), ForgeError> {
    let objects = place.call.forge.objects(rows, repo);
    let by = By { actor: place.actor(), merging: None };
    let results = place.call.forge.move_refs(rows, repo, &Overlay::over(&objects), &[moved], true, &by)?;
    match results.into_iter().find_map(Result::err) {
        Some(refused) => Err(ForgeError::Forbidden(refused.reason)),
        None => Ok(()),
    }
}

fn create(place: &Place<'_>) -> Result<Answer, ForgeError> {
    let wanted: Create = place.call.body()?;
    let name = &wanted.new_branch_name;
    repos::check_branch("new_branch_name", name)?;
    let start = if wanted.old_ref_name.is_empty() { &wanted.old_branch_name } else { &wanted.old_ref_name };
    let tip = place.change(Access::Write, |rows, repo| {
        let full = format!("refs/heads/{name}");
        if current(rows, repo, &full).is_some() {
            return Err(ForgeError::Conflict(format!("the branch {name} exists")));
        }
        let tip = commit_of(rows, repo, &place.call.forge.objects(rows, repo), start)?;
        move_branch(place, rows, repo, RefMove { name: full, old: None, new: Some(tip) })?;
        Ok(tip)
    })?;
    let (rows, repo) = place.look(Access::Read)?;
    Ok(Answer::created(branch(place, &rows, &repo, name, &tip)?))
}

fn delete(place: &Place<'_>, name: &str) -> Result<Answer, ForgeError> {
    place.change(Access::Write, |rows, repo| {
        let full = format!("refs/heads/{name}");
        let tip = current(rows, repo, &full).ok_or_else(|| missing(name))?;
        move_branch(place, rows, repo, RefMove { name: full, old: Some(tip), new: None })
    })?;
    Ok(Answer::empty())
}

fn tags(place: &Place<'_>) -> Result<Answer, ForgeError> {
    let (rows, repo) = place.look(Access::Read)?;
    let (page, headers) = place.call.page(named(place, &rows, &repo, "refs/tags/"));
    let page: Vec<Value> = page.iter().map(|(name, id)| tag(place, &rows, &repo, name, id)).collect::<Result<_, _>>()?;
    Ok(Answer { headers, ..Answer::json(Value::Array(page)) })
}

fn tag(place: &Place<'_>, rows: &Rows, repo: &Repo, name: &str, id: &ObjectId) -> Result<Value, ForgeError> {
    let objects = place.call.forge.objects(rows, repo);
    let target = objects.peel(id)?;
    let object = objects.get(&target)?;
    // A tag may name a file: then there is no commit to tell of.
    let commit = match object.filter(|object| object.kind == git::Kind::Commit) {
        Some(object) => Some(git::parse_commit(&object.data)?),
        None => None,
    };
    let url = format!("{}/api/v1/repos/{}/git/commits/{target}", place.call.base(), repo.full_name());
    Ok(json!({
        "name": name,
        "id": id,
        "message": commit.as_ref().map(|commit| commit.message.clone()).unwrap_or_default(),
        "commit": { "sha": target, "url": url, "created": commit.as_ref().map(|commit| view::time(&commit.committer)) },
        "zipball_url": "",
        "tarball_url": "",
    }))
}
