//! Pull requests: listing, opening, finding and editing them. Merging is in `merging`, reviewing in `reviews`.

use git::Objects as _;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::ForgeError;
use crate::api::Answer;
use crate::moves::{current, put_ref};
use crate::pulls::{Opening, issue, issue_key, open_pulls, pull as find, pull_key, save, touch};
use crate::records::{Access, Issue, Pull, Repo};
use crate::rest::{Place, bounded, commits, compare, issues, json as view, labels, parse, reviews, unknown};
use crate::rows::Rows;

#[derive(Debug, Deserialize)]
struct Create {
    head: String,
    base: String,
    title: String,
    #[serde(default)]
    body: String,
    #[serde(default)]
    labels: Vec<u64>,
    #[serde(default)]
    assignee: Option<String>,
    #[serde(default)]
    assignees: Option<Vec<String>>,
    #[serde(default)]
    reviewers: Option<Vec<String>>,
    #[serde(default)]
    team_reviewers: Option<Vec<String>>,
}

#[derive(Debug, Deserialize)]
struct Edit {
    title: Option<String>,
    body: Option<String>,
    state: Option<String>,
    base: Option<String>,
    labels: Option<Vec<u64>>,
    assignees: Option<Vec<String>>,
}

pub(super) fn answer(place: &Place<'_>, method: &str, path: &[&str]) -> Result<Answer, ForgeError> {
    match (method, path) {
        ("GET", ["pulls"]) => list(place),
        ("POST", ["pulls"]) => create(place),
        ("GET", ["pulls", number]) => get(place, parse(number)?),
        ("PATCH", ["pulls", number]) => edit(place, parse(number)?),
        ("GET", ["pulls", number, what @ ("files" | "commits")]) if number.parse::<u64>().is_ok() => content(place, parse(number)?, what),
        ("GET", ["pulls", base, head @ ..]) => between(place, base, &head.join("/")),
        _ => Err(unknown(method, path)),
    }
}

/// Answers with a pull request as it is now.
pub(super) fn get(place: &Place<'_>, number: u64) -> Result<Answer, ForgeError> {
    let (rows, repo) = place.look(Access::Read)?;
    let pull = find(&rows, &repo, number)?;
    Ok(Answer::json(view::pull(place.call.forge, &rows, &repo, &pull, place.actor(), place.host())?))
}

fn list(place: &Place<'_>) -> Result<Answer, ForgeError> {
    let (rows, repo) = place.look(Access::Read)?;
    let state = place.call.query("state").unwrap_or_else(|| "open".to_owned());
    let poster = place.call.query("poster");
    let wanted_labels: Vec<u64> =
        place.call.query("labels").map(|list| list.split(',').filter_map(|id| id.parse().ok()).collect()).unwrap_or_default();
    let all: Vec<Issue> = rows.list(&format!("issue/{}/", repo.id))?;
    let fits = |row: &Issue| {
        row.is_pull
            && (state == "all" || row.open == (state == "open"))
            && poster.as_ref().is_none_or(|poster| row.author == *poster)
            && wanted_labels.iter().all(|id| row.labels.contains(id))
    };
    let mut found: Vec<Issue> = all.into_iter().filter(fits).collect();
    match place.call.query("sort").as_deref() {
        Some("oldest") => found.sort_by_key(|row| row.number),
        Some("leastupdate") => found.sort_by_key(|row| (row.updated_at, row.number)),
        Some("recentupdate") => found.sort_by_key(|row| std::cmp::Reverse((row.updated_at, row.number))),
        _ => found.sort_by_key(|row| std::cmp::Reverse(row.number)),
    }
    let (page, headers) = place.call.page(found);
    let mut pulls = Vec::new();
    for row in page {
        let pull = find(&rows, &repo, row.number)?;
        pulls.push(view::pull(place.call.forge, &rows, &repo, &pull, place.actor(), place.host())?);
    }
    Ok(Answer { headers, ..Answer::json(Value::Array(pulls)) })
}

fn between(place: &Place<'_>, base: &str, head: &str) -> Result<Answer, ForgeError> {
    let (rows, repo) = place.look(Access::Read)?;
    let fits = |pull: &Pull| pull.base_branch == base && own_branch(&repo, head) == Some(pull.head_branch.as_str());
    // An open one first, else the newest.
    let found = match open_pulls(&rows, &repo)?.into_iter().find(fits) {
        Some(pull) => Some(pull),
        None => rows.list::<Pull>(&format!("pull/{}/", repo.id))?.into_iter().rev().find(fits),
    };
    let pull = found.ok_or_else(|| ForgeError::NotFound(format!("a pull request from {head} into {base}")))?;
    Ok(Answer::json(view::pull(place.call.forge, &rows, &repo, &pull, place.actor(), place.host())?))
}

/// Reads `BRANCH` or `OWNER:BRANCH`; branches of other repositories are `None`.
fn own_branch<'a>(repo: &Repo, head: &'a str) -> Option<&'a str> {
    match head.split_once(':') {
        None => Some(head),
        Some((owner, branch)) => (owner == repo.owner || owner == repo.full_name()).then_some(branch),
    }
}

fn create(place: &Place<'_>) -> Result<Answer, ForgeError> {
    let mut wanted: Create = place.call.body()?;
    bounded("title", &wanted.title, 255)?;
    bounded("body", &wanted.body, issues::TEXT)?;
    place.call.person()?;
    let assignees: Vec<String> =
        wanted.assignees.take().unwrap_or_default().into_iter().chain(wanted.assignee.take()).filter(|name| !name.is_empty()).collect();
    // Who opens a pull request has pushed its branch: that takes the right to write.
    let number = place.change(Access::Write, |rows, repo| {
        let head = own_branch(repo, &wanted.head)
            .ok_or_else(|| ForgeError::Invalid(format!("head: {:?} is a branch of another repository", wanted.head)))?;
        let opening = Opening { head, base: &wanted.base, title: &wanted.title, body: &wanted.body };
        let pull = place.call.forge.open_pull(rows, repo, place.actor(), &opening)?;
        let mut row = issue(rows, repo, pull.number)?;
        row.labels = labels::known(rows, repo, &wanted.labels)?;
        row.assignees = issues::known_users(rows, "assignees", &assignees)?;
        rows.put(&issue_key(repo, pull.number), &row);
        let (reviewers, teams) = (wanted.reviewers.take().unwrap_or_default(), wanted.team_reviewers.take().unwrap_or_default());
        reviews::ask(rows, repo, pull.number, &reviewers, &teams)?;
        Ok(pull.number)
    })?;
    Ok(get(place, number)?.with_status(http::StatusCode::CREATED))
}

fn edit(place: &Place<'_>, number: u64) -> Result<Answer, ForgeError> {
    let wanted: Edit = place.call.body()?;
    place.change(Access::Read, |rows, repo| {
        let mut pull = find(rows, repo, number)?;
        let mut row = issue(rows, repo, number)?;
        place.call.author_or_writer(repo, &row.author)?;
        if repo.archived {
            return Err(ForgeError::Archived(repo.full_name()));
        }
        let before = row.clone();
        issues::edit_texts(&mut row, wanted.title.as_deref(), wanted.body.as_deref())?;
        if let Some(ids) = &wanted.labels {
            row.labels = labels::known(rows, repo, ids)?;
        }
        if let Some(assignees) = &wanted.assignees {
            row.assignees = issues::known_users(rows, "assignees", assignees)?;
        }
        row.updated_at = place.call.forge.now();
        rows.put(&issue_key(repo, number), &row);
        if let Some(base) = wanted.base.as_deref().filter(|base| *base != pull.base_branch) {
            retarget(place, rows, repo, &mut pull, base)?;
        }
        if before.title != row.title || before.body != row.body || wanted.base.is_some() {
            place.call.forge.emit_pull(rows, repo, &pull, "edited", place.actor())?;
        }
        if before.labels != row.labels {
            place.call.forge.emit_pull(rows, repo, &pull, "label_updated", place.actor())?;
        }
        match wanted.state.as_deref() {
            None | Some("") => {}
            Some("closed") if !row.open => {}
            Some("closed") => place.call.forge.close_pull(rows, repo, &mut pull, None, place.actor())?,
            Some("open") if row.open => {}
            Some("open") => reopen(place, rows, repo, &mut pull)?,
            Some(other) => return Err(ForgeError::Invalid(format!("state: {other:?} is neither open nor closed"))),
        }
        // A title that loses its `WIP:` may be all that a scheduled merge waits for.
        rows.recheck(repo.id);
        Ok(())
    })?;
    // Gitea answers a changed pull request with 201.
    Ok(get(place, number)?.with_status(http::StatusCode::CREATED))
}

fn retarget(place: &Place<'_>, rows: &Rows, repo: &Repo, pull: &mut Pull, base: &str) -> Result<(), ForgeError> {
    let tip = current(rows, repo, &format!("refs/heads/{base}")).ok_or_else(|| ForgeError::NotFound(format!("the branch {base}")))?;
    if base == pull.head_branch || pull.merged.is_some() {
        return Err(ForgeError::Invalid("base: it cannot be the head, and a merged pull request keeps its own".to_owned()));
    }
    if open_pulls(rows, repo)?
        .iter()
        .any(|other| other.number != pull.number && other.head_branch == pull.head_branch && other.base_branch == base)
    {
        return Err(ForgeError::Conflict(format!("a pull request from {} into {base} is open", pull.head_branch)));
    }
    pull.base_branch = base.to_owned();
    pull.merge_base = git::merge_base(&place.call.forge.objects(rows, repo), &tip, &pull.head)?;
    // Whoever scheduled the merge meant another branch.
    pull.auto_merge = None;
    save(rows, repo, pull);
    Ok(())
}

fn reopen(place: &Place<'_>, rows: &Rows, repo: &Repo, pull: &mut Pull) -> Result<(), ForgeError> {
    if pull.merged.is_some() {
        return Err(ForgeError::Invalid("state: a merged pull request is not opened again".to_owned()));
    }
    let tip = |branch: &str| {
        current(rows, repo, &format!("refs/heads/{branch}"))
            .ok_or_else(|| ForgeError::Invalid(format!("state: the branch {branch} is gone")))
    };
    pull.head = tip(&pull.head_branch)?;
    tip(&pull.base_branch)?;
    if open_pulls(rows, repo)?.iter().any(|other| other.head_branch == pull.head_branch && other.base_branch == pull.base_branch) {
        return Err(ForgeError::Conflict(format!("another pull request from {} into {} is open", pull.head_branch, pull.base_branch)));
    }
    let mut row = issue(rows, repo, pull.number)?;
    row.open = true;
    row.closed_at = None;
    rows.put(&issue_key(repo, pull.number), &row);
    save(rows, repo, pull);
    put_ref(rows, repo, &format!("refs/pull/{}/head", pull.number), Some(pull.head));
    touch(place.call.forge, rows, repo, pull.number)?;
    place.call.forge.emit_pull(rows, repo, pull, "reopened", place.actor())
}

fn content(place: &Place<'_>, number: u64, what: &str) -> Result<Answer, ForgeError> {
    let (rows, repo) = place.look(Access::Read)?;
    let pull = rows.get::<Pull>(&pull_key(&repo, number))?.ok_or_else(|| ForgeError::NotFound(format!("the pull request #{number}")))?;
    let objects = place.call.forge.objects(&rows, &repo);
    objects.commit(&pull.head)?;
    let (ids, start) = compare::of_pull(&rows, &repo, &objects, &pull)?;
    if what == "files" {
        return Ok(place.call.list(compare::files(&objects, start.as_ref(), &pull.head)?));
    }
    let (page, headers) = place.call.page(ids);
    let page: Vec<Value> = page.iter().map(|id| commits::commit(place, &rows, &repo, &objects, id)).collect::<Result<_, _>>()?;
    Ok(Answer { headers, ..Answer::json(json!(page)) })
}
