//! Reviews, and whom to ask for one.

use git::ObjectId;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::ForgeError;
use crate::access::{Actor, user};
use crate::api::Answer;
use crate::pulls::{issue, pull as find, save, touch};
use crate::records::{Access, Pull, Repo, ReviewRow};
use crate::rest::{Place, bounded, issues, json as view, parse, pulls, unknown};
use crate::rows::Rows;

/// Most people and teams that are asked.
const REVIEWERS: usize = 100;

#[derive(Debug, Deserialize)]
struct Create {
    #[serde(alias = "state")]
    event: String,
    #[serde(default)]
    body: String,
    #[serde(default)]
    commit_id: String,
}

#[derive(Debug, Deserialize)]
struct Requested {
    #[serde(default)]
    reviewers: Vec<String>,
    #[serde(default)]
    team_reviewers: Vec<String>,
}

pub(super) fn answer(place: &Place<'_>, method: &str, path: &[&str]) -> Result<Answer, ForgeError> {
    match (method, path) {
        ("GET", ["pulls", number, "reviews"]) => list(place, parse(number)?),
        ("POST", ["pulls", number, "reviews"]) => create(place, parse(number)?),
        ("POST", ["pulls", number, "requested_reviewers"]) => request(place, parse(number)?, true),
        ("DELETE", ["pulls", number, "requested_reviewers"]) => request(place, parse(number)?, false),
        _ => Err(unknown(method, path)),
    }
}

fn prefix(repo: &Repo, number: u64) -> String {
    format!("review/{}/{number:08}/", repo.id)
}

fn review(place: &Place<'_>, rows: &Rows, repo: &Repo, pull: &Pull, row: &ReviewRow) -> Result<Value, ForgeError> {
    let official = match user(rows, &row.author)? {
        Some(found) => Actor::User(Box::new(found)).access(repo) >= Access::Write,
        None => false,
    };
    let html_url = format!("{}/{}/pulls/{}", place.call.base(), repo.full_name(), pull.number);
    Ok(json!({
        "id": row.id,
        "user": view::login(place.call.forge, rows, &row.author)?,
        "state": row.state,
        "body": row.body,
        "commit_id": row.commit,
        "official": official,
        "stale": row.commit != pull.head,
        "dismissed": false,
        "comments_count": 0,
        "submitted_at": view::instant(row.at),
        "updated_at": view::instant(row.at),
        "html_url": format!("{html_url}#review-{}", row.id),
        "pull_request_url": html_url,
    }))
}

fn list(place: &Place<'_>, number: u64) -> Result<Answer, ForgeError> {
    let (rows, repo) = place.look(Access::Read)?;
    let pull = find(&rows, &repo, number)?;
    let all: Vec<ReviewRow> = rows.list(&prefix(&repo, number))?;
    let all: Vec<Value> = all.iter().map(|row| review(place, &rows, &repo, &pull, row)).collect::<Result<_, _>>()?;
    Ok(place.call.list(all))
}

fn create(place: &Place<'_>, number: u64) -> Result<Answer, ForgeError> {
    let wanted: Create = place.call.body()?;
    bounded("body", &wanted.body, issues::TEXT)?;
    let (state, event, kind) = match wanted.event.as_str() {
        "APPROVED" | "APPROVE" => ("APPROVED", "pull_request_review_approved", "pull_request_approved"),
        "REQUEST_CHANGES" => ("REQUEST_CHANGES", "pull_request_review_rejected", "pull_request_rejected"),
        "COMMENT" => ("COMMENT", "pull_request_review_comment", "pull_request_comment"),
        other => {
            let other: String = other.chars().take(40).collect();
            return Err(ForgeError::Invalid(format!("event: {other:?} is none of APPROVED, REQUEST_CHANGES, COMMENT")));
        }
    };
    let login = place.call.person()?.to_owned();
    let row = place.change(Access::Read, |rows, repo| {
        let pull = find(rows, repo, number)?;
        let about = issue(rows, repo, number)?;
        if !about.open {
            return Err(ForgeError::Invalid(format!("#{number} is closed")));
        }
        if about.author == login && state != "COMMENT" {
            return Err(ForgeError::Invalid("event: nobody reviews their own pull request".to_owned()));
        }
        // An approval is for what was looked at, and only the present head can be merged.
        if !wanted.commit_id.is_empty() && wanted.commit_id.parse::<ObjectId>().ok() != Some(pull.head) {
            return Err(ForgeError::Conflict(format!("commit_id: the head of #{number} is {}", pull.head)));
        }
        let row = ReviewRow {
            id: rows.next("id")?,
            author: login.clone(),
            state: state.to_owned(),
            body: wanted.body.clone(),
            commit: pull.head,
            at: place.call.forge.now(),
        };
        rows.put(&format!("{}{:016}", prefix(repo, number), row.id), &row);
        touch(place.call.forge, rows, repo, number)?;
        rows.recheck(repo.id);
        let payload = json!({
            "action": "reviewed",
            "number": number,
            "pull_request": view::pull(place.call.forge, rows, repo, &pull, place.actor(), None)?,
            "repository": view::repo(place.call.forge, repo, place.actor(), None),
            "sender": view::actor(place.call.forge, place.actor()),
            "review": { "type": event, "content": row.body },
            "commit_id": row.commit,
        });
        place.call.forge.emit(rows, repo, kind, Some(&pull.base_branch), &payload)?;
        Ok(row)
    })?;
    let (rows, repo) = place.look(Access::Read)?;
    let pull = find(&rows, &repo, number)?;
    Ok(Answer::json(review(place, &rows, &repo, &pull, &row)?))
}

/// Asks for reviews. `team:NAME` among the reviewers is a team: Renovate does not split them for Gitea.
pub(super) fn ask(rows: &Rows, repo: &Repo, number: u64, reviewers: &[String], teams: &[String]) -> Result<(), ForgeError> {
    let mut pull = find(rows, repo, number)?;
    let (people, teams) = split(reviewers, teams)?;
    for name in issues::known_users(rows, "reviewers", &people)? {
        if !pull.reviewers.contains(&name) {
            pull.reviewers.push(name);
        }
    }
    for team in teams {
        if !pull.team_reviewers.contains(&team) {
            pull.team_reviewers.push(team);
        }
    }
    if pull.reviewers.len() + pull.team_reviewers.len() > REVIEWERS {
        return Err(ForgeError::Invalid(format!("reviewers: more than {REVIEWERS}")));
    }
    save(rows, repo, &pull);
    Ok(())
}

fn split(reviewers: &[String], teams: &[String]) -> Result<(Vec<String>, Vec<String>), ForgeError> {
    let mut people = Vec::new();
    let mut found = teams.to_vec();
    for name in reviewers {
        match name.strip_prefix("team:") {
            Some(team) => found.push(team.to_owned()),
            None => people.push(name.clone()),
        }
    }
    if found.iter().any(|team| team.is_empty() || team.len() > 200) {
        return Err(ForgeError::Invalid("team_reviewers: one is no name of a team".to_owned()));
    }
    Ok((people, found))
}

fn request(place: &Place<'_>, number: u64, add: bool) -> Result<Answer, ForgeError> {
    let wanted: Requested = place.call.body()?;
    place.change(Access::Read, |rows, repo| {
        let about = issue(rows, repo, number)?;
        place.call.author_or_writer(repo, &about.author)?;
        if add {
            ask(rows, repo, number, &wanted.reviewers, &wanted.team_reviewers)?;
        } else {
            let (people, teams) = split(&wanted.reviewers, &wanted.team_reviewers)?;
            let mut pull = find(rows, repo, number)?;
            pull.reviewers.retain(|name| !people.contains(name));
            pull.team_reviewers.retain(|name| !teams.contains(name));
            save(rows, repo, &pull);
        }
        touch(place.call.forge, rows, repo, number)?;
        let action = if add { "review_requested" } else { "review_request_removed" };
        place.call.forge.emit_pull(rows, repo, &find(rows, repo, number)?, action, place.actor())
    })?;
    if !add {
        return Ok(Answer::empty());
    }
    Ok(pulls::get(place, number)?.with_status(http::StatusCode::CREATED))
}
