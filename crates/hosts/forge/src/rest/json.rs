//! What people, repositories and pull requests look like in Gitea's JSON. `host` is how the caller reached the forge: the
//! addresses that are given out must be reachable for them. In events it is `None`: the external address.

use git::Person;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::access::{Actor, user as find_user};
use crate::api::base_for;
use crate::moves::current;
use crate::pulls::issue;
use crate::records::{Access, Label, Org, Pull, Repo, UserRow, is_draft};
use crate::rows::Rows;
use crate::{Forge, ForgeError};

/// Writes a moment as Gitea does: whole seconds, UTC.
pub(crate) fn instant(at: Timestamp) -> String {
    seconds(at.as_second())
}

/// Writes when somebody did something.
pub(crate) fn time(person: &Person) -> String {
    seconds(person.seconds)
}

fn seconds(seconds: i64) -> String {
    // A commit may claim any time; what no calendar knows becomes the first second of ours.
    Timestamp::from_second(seconds).unwrap_or(Timestamp::UNIX_EPOCH).to_string()
}

/// Describes whoever acts.
pub(crate) fn actor(forge: &Forge, actor: &Actor) -> Value {
    match actor {
        Actor::User(row) => user(forge, row),
        Actor::Admin | Actor::Runner | Actor::Job { .. } | Actor::Anonymous => {
            person(forge, built_in(actor.login()), actor.login(), actor.full_name(), &actor.email(), actor.is_admin())
        }
    }
}

/// Numbers of those who have no row, negative as Gitea's own.
fn built_in(login: &str) -> i64 {
    match login {
        "forge-admin" => -10,
        "forge-runner" => -11,
        "forge-job" => -12,
        "forge" => -13,
        _ => -1,
    }
}

fn person(forge: &Forge, id: i64, login: &str, full_name: &str, email: &str, admin: bool) -> Value {
    json!({
        "id": id,
        "login": login,
        "login_name": "",
        "username": login,
        "full_name": full_name,
        "email": email,
        "avatar_url": "",
        "html_url": forge.external(&format!("/{login}")),
        "is_admin": admin,
        "active": true,
        "visibility": "public",
    })
}

/// Describes a user.
pub(crate) fn user(forge: &Forge, row: &UserRow) -> Value {
    let mut view = person(forge, i64::try_from(row.id).unwrap_or(i64::MAX), &row.login, &row.full_name, &row.email, row.admin);
    view["created"] = json!(instant(row.created_at));
    view
}

/// Describes whoever has this name, even if they are gone.
pub(crate) fn login(forge: &Forge, rows: &Rows, login: &str) -> Result<Value, ForgeError> {
    Ok(match find_user(rows, login)? {
        Some(row) => user(forge, &row),
        None => person(forge, built_in(login), login, login, &format!("{login}@localhost"), false),
    })
}

/// Describes an organisation.
pub(crate) fn org(forge: &Forge, org: &Org) -> Value {
    let mut view = person(forge, i64::try_from(org.id).unwrap_or(i64::MAX), &org.name, "", "", false);
    view["name"] = json!(org.name);
    view
}

fn owner(forge: &Forge, rows: &Rows, name: &str) -> Value {
    match rows.get::<Org>(&format!("org/{name}")) {
        Ok(Some(found)) => org(forge, &found),
        _ => login(forge, rows, name).unwrap_or_else(|_| json!({ "login": name })),
    }
}

/// Describes a repository to somebody.
pub(crate) fn repo(forge: &Forge, repo: &Repo, actor: &Actor, host: Option<&str>) -> Value {
    let rows = forge.rows();
    let base = base_for(forge, host);
    let full_name = repo.full_name();
    let access = actor.access(repo);
    json!({
        "id": repo.id,
        "owner": owner(forge, &rows, &repo.owner),
        "name": repo.name,
        "full_name": full_name,
        "description": repo.description,
        "private": repo.private,
        "internal": false,
        "fork": false,
        "parent": null,
        "template": false,
        "mirror": false,
        "archived": repo.archived,
        "empty": !rows.any(&format!("ref/{}/refs/heads/", repo.id)),
        "size": 0,
        "default_branch": repo.default_branch,
        "html_url": format!("{base}/{full_name}"),
        "url": format!("{base}/api/v1/repos/{full_name}"),
        "clone_url": format!("{base}/{full_name}.git"),
        "ssh_url": "",
        "permissions": { "admin": access >= Access::Admin, "push": access >= Access::Write, "pull": access >= Access::Read },
        "has_issues": true,
        "has_pull_requests": true,
        "has_actions": true,
        "has_wiki": false,
        "external_tracker": null,
        "allow_merge_commits": true,
        "allow_rebase": true,
        // `rebase-merge`: a rebase with a merge commit on top. Not made here.
        "allow_rebase_explicit": false,
        "allow_squash_merge": true,
        "allow_fast_forward_only_merge": true,
        "allow_rebase_update": false,
        "default_merge_style": "merge",
        "default_delete_branch_after_merge": false,
        "object_format_name": "sha1",
        "created_at": instant(repo.created_at),
        "updated_at": instant(repo.updated_at),
    })
}

/// Describes a label.
pub(crate) fn label(label: &Label) -> Value {
    json!({ "id": label.id, "name": label.name, "color": label.color, "description": label.description, "exclusive": false, "is_archived": false, "url": "" })
}

/// Describes the labels of these numbers; those that are gone are left out.
pub(crate) fn labels(rows: &Rows, repo: &Repo, ids: &[u64]) -> Result<Vec<Value>, ForgeError> {
    let mut found = Vec::new();
    for id in ids {
        found.extend(rows.get::<Label>(&label_key(repo, *id))?.as_ref().map(label));
    }
    Ok(found)
}

pub(crate) fn label_key(repo: &Repo, id: u64) -> String {
    format!("label/{}/{id:016}", repo.id)
}

/// Describes a pull request. Whether it merges is computed here and now.
pub(crate) fn pull(forge: &Forge, rows: &Rows, repo: &Repo, pull: &Pull, actor: &Actor, host: Option<&str>) -> Result<Value, ForgeError> {
    let row = issue(rows, repo, pull.number)?;
    let base = base_for(forge, host);
    let html_url = format!("{base}/{}/pulls/{}", repo.full_name(), pull.number);
    let about = self::repo(forge, repo, actor, host);
    let tip = current(rows, repo, &format!("refs/heads/{}", pull.base_branch)).or(pull.merged.as_ref().map(|merged| merged.commit));
    let people = |logins: &[String]| logins.iter().map(|name| login(forge, rows, name)).collect::<Result<Vec<_>, _>>();
    let assignees = people(&row.assignees)?;
    let teams: Vec<Value> = pull.team_reviewers.iter().map(|name| json!({ "id": 0, "name": name })).collect();
    let merged_by = pull.merged.as_ref().map(|merged| login(forge, rows, &merged.by)).transpose()?;
    let draft = is_draft(&row.title);
    let merge_base = match tip.filter(|_| row.open) {
        Some(tip) => git::merge_base(&forge.objects(rows, repo), &tip, &pull.head)?,
        None => pull.merge_base,
    };
    Ok(json!({
        "id": row.id,
        "number": pull.number,
        "url": html_url,
        "html_url": html_url,
        "diff_url": format!("{html_url}.diff"),
        "patch_url": format!("{html_url}.patch"),
        "user": login(forge, rows, &row.author)?,
        "title": row.title,
        "body": row.body,
        "state": if row.open { "open" } else { "closed" },
        "draft": draft,
        "is_locked": false,
        "merged": pull.merged.is_some(),
        "mergeable": row.open && !draft && forge.mergeable(rows, repo, pull)?,
        "merged_at": pull.merged.as_ref().map(|merged| instant(merged.at)),
        "merge_commit_sha": pull.merged.as_ref().map(|merged| merged.commit),
        "merged_by": merged_by,
        "merge_base": merge_base,
        "labels": labels(rows, repo, &row.labels)?,
        "milestone": null,
        "assignee": assignees.first(),
        "assignees": assignees,
        "requested_reviewers": people(&pull.reviewers)?,
        "requested_reviewers_teams": teams,
        "base": { "label": pull.base_branch, "ref": pull.base_branch, "sha": tip, "repo_id": repo.id, "repo": about },
        "head": { "label": pull.head_branch, "ref": pull.head_branch, "sha": pull.head, "repo_id": repo.id, "repo": about },
        "created_at": instant(row.created_at),
        "updated_at": instant(row.updated_at),
        "closed_at": row.closed_at.map(instant),
        // What Gitea does not tell: what a scheduled merge waits for.
        "auto_merge": pull.auto_merge.as_ref().map(|auto| json!({
            "doer": auto.doer, "method": auto.how.method.as_str(), "head": auto.head, "waits_for": auto.waits_for,
        })),
    }))
}
