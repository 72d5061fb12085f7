//! Issues and comments, as Renovate's dashboard and Flux's pull request comments need them. Pull requests are issues too.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::ForgeError;
use crate::access::user;
use crate::api::Answer;
use crate::pulls::{issue, issue_key, pull};
use crate::records::{Access, Comment, Issue, Pull, Repo};
use crate::rest::{Place, bounded, json as view, labels, parse, unknown};
use crate::rows::Rows;

/// Most bytes of what somebody writes.
pub(super) const TEXT: usize = 1 << 20;
/// Most people that an issue is given to.
const ASSIGNEES: usize = 100;

#[derive(Debug, Deserialize)]
struct Create {
    title: String,
    #[serde(default)]
    body: String,
    #[serde(default)]
    labels: Vec<u64>,
    #[serde(default)]
    assignees: Option<Vec<String>>,
}

#[derive(Debug, Deserialize)]
struct Edit {
    title: Option<String>,
    body: Option<String>,
    state: Option<String>,
    assignees: Option<Vec<String>>,
}

#[derive(Debug, Deserialize)]
struct Written {
    body: String,
}

pub(super) fn answer(place: &Place<'_>, method: &str, path: &[&str]) -> Result<Answer, ForgeError> {
    match (method, path) {
        ("GET", ["issues"]) => list(place),
        ("POST", ["issues"]) => create(place),
        ("GET", ["issues", number]) => get(place, parse(number)?),
        ("PATCH", ["issues", "comments", id]) => edit_comment(place, parse(id)?),
        ("DELETE", ["issues", "comments", id]) => delete_comment(place, parse(id)?),
        ("GET", ["issues", "comments", id]) => {
            let (rows, repo) = place.look(Access::Read)?;
            Ok(Answer::json(comment(place, &rows, &repo, &find_comment(&rows, &repo, parse(id)?)?)?))
        }
        ("PATCH", ["issues", number]) => edit(place, parse(number)?),
        ("GET", ["issues", number, "comments"]) => comments(place, parse(number)?),
        ("POST", ["issues", number, "comments"]) => write_comment(place, parse(number)?),
        _ => Err(unknown(method, path)),
    }
}

fn view_issue(place: &Place<'_>, rows: &Rows, repo: &Repo, row: &Issue) -> Result<Value, ForgeError> {
    let forge = place.call.forge;
    let base = place.call.base();
    let full_name = repo.full_name();
    let assignees: Vec<Value> = row.assignees.iter().map(|name| view::login(forge, rows, name)).collect::<Result<_, _>>()?;
    let comments = all_comments(rows, repo)?.iter().filter(|comment| comment.issue == row.number).count();
    let about = if row.is_pull { Some(pull(rows, repo, row.number)?) } else { None };
    let kind = if row.is_pull { "pulls" } else { "issues" };
    Ok(json!({
        "id": row.id,
        "number": row.number,
        "url": format!("{base}/api/v1/repos/{full_name}/issues/{}", row.number),
        "html_url": format!("{base}/{full_name}/{kind}/{}", row.number),
        "user": view::login(forge, rows, &row.author)?,
        "title": row.title,
        "body": row.body,
        "state": if row.open { "open" } else { "closed" },
        "labels": view::labels(rows, repo, &row.labels)?,
        "milestone": null,
        "assignee": assignees.first(),
        "assignees": assignees,
        "comments": comments,
        "is_locked": false,
        "created_at": view::instant(row.created_at),
        "updated_at": view::instant(row.updated_at),
        "closed_at": row.closed_at.map(view::instant),
        "pull_request": about.map(|pull: Pull| json!({ "merged": pull.merged.is_some(), "merged_at": pull.merged.map(|merged| view::instant(merged.at)) })),
        "repository": { "id": repo.id, "name": repo.name, "owner": repo.owner, "full_name": full_name },
    }))
}

fn get(place: &Place<'_>, number: u64) -> Result<Answer, ForgeError> {
    let (rows, repo) = place.look(Access::Read)?;
    Ok(Answer::json(view_issue(place, &rows, &repo, &issue(&rows, &repo, number)?)?))
}

fn list(place: &Place<'_>) -> Result<Answer, ForgeError> {
    let (rows, repo) = place.look(Access::Read)?;
    let query = |name: &str| place.call.query(name);
    let (state, kind) = (query("state").unwrap_or_else(|| "open".to_owned()), query("type"));
    let (author, text) = (query("created_by"), query("q").map(|text| text.to_lowercase()));
    let mut found: Vec<Issue> = rows.list(&format!("issue/{}/", repo.id))?;
    found.retain(|row| {
        (state == "all" || row.open == (state == "open"))
            && kind.as_deref().is_none_or(|kind| row.is_pull == (kind == "pulls"))
            && author.as_ref().is_none_or(|author| row.author == *author)
            && text.as_ref().is_none_or(|text| row.title.to_lowercase().contains(text))
    });
    found.reverse();
    let (page, headers) = place.call.page(found);
    let page: Vec<Value> = page.iter().map(|row| view_issue(place, &rows, &repo, row)).collect::<Result<_, _>>()?;
    Ok(Answer { headers, ..Answer::json(Value::Array(page)) })
}

/// Changes title and body.
pub(super) fn edit_texts(row: &mut Issue, title: Option<&str>, body: Option<&str>) -> Result<(), ForgeError> {
    if let Some(title) = title {
        bounded("title", title, 255)?;
        if title.trim().is_empty() {
            return Err(ForgeError::Invalid("title: it is empty".to_owned()));
        }
        row.title = title.to_owned();
    }
    if let Some(body) = body {
        bounded("body", body, TEXT)?;
        row.body = body.to_owned();
    }
    Ok(())
}

/// Refuses names that no user has; each counts once.
pub(super) fn known_users(rows: &Rows, field: &str, names: &[String]) -> Result<Vec<String>, ForgeError> {
    if names.len() > ASSIGNEES {
        return Err(ForgeError::Invalid(format!("{field}: more than {ASSIGNEES}")));
    }
    let mut found: Vec<String> = Vec::new();
    for name in names {
        if user(rows, name)?.is_none() {
            return Err(ForgeError::Invalid(format!("{field}: there is no user {:?}", name.chars().take(60).collect::<String>())));
        }
        if !found.contains(name) {
            found.push(name.clone());
        }
    }
    Ok(found)
}

/// Tells of an issue.
fn emit(place: &Place<'_>, rows: &Rows, repo: &Repo, row: &Issue, action: &str) -> Result<(), ForgeError> {
    let forge = place.call.forge;
    let payload = json!({
        "action": action,
        "number": row.number,
        "issue": view_issue(place, rows, repo, row)?,
        "repository": view::repo(forge, repo, place.actor(), None),
        "sender": view::actor(forge, place.actor()),
    });
    forge.emit(rows, repo, "issues", None, &payload)
}

fn create(place: &Place<'_>) -> Result<Answer, ForgeError> {
    let wanted: Create = place.call.body()?;
    let author = place.call.person()?.to_owned();
    let number = place.change(Access::Read, |rows, repo| {
        let now = place.call.forge.now();
        let mut row = Issue {
            id: rows.next("id")?,
            number: rows.next(&format!("index/{}", repo.id))?,
            author,
            title: String::new(),
            body: String::new(),
            open: true,
            // As in Gitea only those who may write sort what others report.
            labels: if place.actor().access(repo) >= Access::Write { labels::known(rows, repo, &wanted.labels)? } else { Vec::new() },
            assignees: known_users(rows, "assignees", wanted.assignees.as_deref().unwrap_or_default())?,
            created_at: now,
            updated_at: now,
            closed_at: None,
            is_pull: false,
        };
        edit_texts(&mut row, Some(&wanted.title), Some(&wanted.body))?;
        rows.put(&issue_key(repo, row.number), &row);
        emit(place, rows, repo, &row, "opened")?;
        Ok(row.number)
    })?;
    Ok(get(place, number)?.with_status(http::StatusCode::CREATED))
}

fn edit(place: &Place<'_>, number: u64) -> Result<Answer, ForgeError> {
    let wanted: Edit = place.call.body()?;
    place.change(Access::Read, |rows, repo| {
        let mut row = issue(rows, repo, number)?;
        place.call.author_or_writer(repo, &row.author)?;
        edit_texts(&mut row, wanted.title.as_deref(), wanted.body.as_deref())?;
        if let Some(assignees) = &wanted.assignees {
            row.assignees = known_users(rows, "assignees", assignees)?;
        }
        let open = match wanted.state.as_deref() {
            None | Some("") => row.open,
            Some("open") => true,
            Some("closed") => false,
            Some(other) => return Err(ForgeError::Invalid(format!("state: {other:?} is neither open nor closed"))),
        };
        if open != row.open && row.is_pull {
            return Err(ForgeError::Invalid(format!("state: #{number} is a pull request, PATCH …/pulls/{number} changes it")));
        }
        let action = match (row.open, open) {
            (true, false) => "closed",
            (false, true) => "reopened",
            _ => "edited",
        };
        row.updated_at = place.call.forge.now();
        if open != row.open {
            row.open = open;
            row.closed_at = (!open).then_some(row.updated_at);
        }
        rows.put(&issue_key(repo, number), &row);
        emit(place, rows, repo, &row, action)
    })?;
    Ok(get(place, number)?.with_status(http::StatusCode::CREATED))
}

fn comment_key(repo: &Repo, id: u64) -> String {
    format!("comment/{}/{id:016}", repo.id)
}

fn all_comments(rows: &Rows, repo: &Repo) -> Result<Vec<Comment>, ForgeError> {
    rows.list(&format!("comment/{}/", repo.id))
}

fn find_comment(rows: &Rows, repo: &Repo, id: u64) -> Result<Comment, ForgeError> {
    rows.get(&comment_key(repo, id))?.ok_or_else(|| ForgeError::NotFound(format!("the comment {id}")))
}

fn comment(place: &Place<'_>, rows: &Rows, repo: &Repo, comment: &Comment) -> Result<Value, ForgeError> {
    let url = format!("{}/{}/issues/{}", place.call.base(), repo.full_name(), comment.issue);
    Ok(json!({
        "id": comment.id,
        "html_url": format!("{url}#issuecomment-{}", comment.id),
        "issue_url": url,
        "pull_request_url": "",
        "user": view::login(place.call.forge, rows, &comment.author)?,
        "body": comment.body,
        "created_at": view::instant(comment.created_at),
        "updated_at": view::instant(comment.updated_at),
    }))
}

fn comments(place: &Place<'_>, number: u64) -> Result<Answer, ForgeError> {
    let (rows, repo) = place.look(Access::Read)?;
    issue(&rows, &repo, number)?;
    let all: Vec<Comment> = all_comments(&rows, &repo)?.into_iter().filter(|comment| comment.issue == number).collect();
    Ok(place.call.list(all.iter().map(|each| comment(place, &rows, &repo, each)).collect::<Result<_, _>>()?))
}

fn write_comment(place: &Place<'_>, number: u64) -> Result<Answer, ForgeError> {
    let wanted: Written = place.call.body()?;
    bounded("body", &wanted.body, TEXT)?;
    let author = place.call.person()?.to_owned();
    let body = place.change(Access::Read, |rows, repo| {
        let mut row = issue(rows, repo, number)?;
        let now = place.call.forge.now();
        let new = Comment { id: rows.next("id")?, issue: number, author, body: wanted.body.clone(), created_at: now, updated_at: now };
        rows.put(&comment_key(repo, new.id), &new);
        row.updated_at = now;
        rows.put(&issue_key(repo, number), &row);
        let body = comment(place, rows, repo, &new)?;
        let forge = place.call.forge;
        let payload = json!({
            "action": "created",
            "issue": view_issue(place, rows, repo, &row)?,
            "comment": body,
            "repository": view::repo(forge, repo, place.actor(), None),
            "sender": view::actor(forge, place.actor()),
            "is_pull": row.is_pull,
        });
        forge.emit(rows, repo, "issue_comment", None, &payload)?;
        Ok(body)
    })?;
    Ok(Answer::created(body))
}

fn edit_comment(place: &Place<'_>, id: u64) -> Result<Answer, ForgeError> {
    let wanted: Written = place.call.body()?;
    bounded("body", &wanted.body, TEXT)?;
    let body = place.change(Access::Read, |rows, repo| {
        let mut found = find_comment(rows, repo, id)?;
        place.call.author_or_writer(repo, &found.author)?;
        found.body.clone_from(&wanted.body);
        found.updated_at = place.call.forge.now();
        rows.put(&comment_key(repo, id), &found);
        comment(place, rows, repo, &found)
    })?;
    Ok(Answer::json(body))
}

fn delete_comment(place: &Place<'_>, id: u64) -> Result<Answer, ForgeError> {
    place.change(Access::Read, |rows, repo| {
        let found = find_comment(rows, repo, id)?;
        place.call.author_or_writer(repo, &found.author)?;
        rows.delete(&comment_key(repo, id));
        Ok(())
    })?;
    Ok(Answer::empty())
}
