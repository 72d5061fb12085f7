//! What was found out about commits.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::ForgeError;
use crate::api::Answer;
use crate::evidence::latest_statuses;
use crate::records::{Access, Repo, Status};
use crate::rest::{Place, bounded, commit_of, json as view, unknown};
use crate::rows::Rows;

/// The states that there are, best first; the worst decides about the whole.
const STATES: [&str; 6] = ["success", "skipped", "pending", "warning", "failure", "error"];
/// Characters of a description.
const DESCRIPTION: usize = 1_000;

#[derive(Debug, Deserialize)]
struct Create {
    state: String,
    #[serde(default)]
    context: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    target_url: String,
}

pub(super) fn answer(place: &Place<'_>, method: &str, path: &[&str]) -> Result<Answer, ForgeError> {
    match (method, path) {
        ("POST", ["statuses", sha]) => create(place, sha),
        ("GET", ["statuses", name @ ..] | ["commits", name @ .., "statuses"]) => list(place, &name.join("/")),
        ("GET", ["commits", name @ .., "status"]) => combined(place, &name.join("/")),
        _ => Err(unknown(method, path)),
    }
}

/// Describes a status.
fn status(place: &Place<'_>, rows: &Rows, repo: &Repo, sha: &git::ObjectId, status: &Status) -> Result<Value, ForgeError> {
    Ok(json!({
        "id": status.id,
        "status": status.state,
        "state": status.state,
        "context": status.context,
        "description": status.description,
        "target_url": status.target_url,
        "url": format!("{}/api/v1/repos/{}/statuses/{sha}", place.call.base(), repo.full_name()),
        "creator": view::login(place.call.forge, rows, &status.creator)?,
        "created_at": view::instant(status.created_at),
        "updated_at": view::instant(status.created_at),
    }))
}

fn list(place: &Place<'_>, name: &str) -> Result<Answer, ForgeError> {
    let (rows, repo) = place.look(Access::Read)?;
    let sha = commit_of(&rows, &repo, &place.call.forge.objects(&rows, &repo), name)?;
    let mut all: Vec<Status> = rows.list(&format!("status/{}/{sha}/", repo.id))?;
    all.reverse();
    let (page, headers) = place.call.page(all);
    let page: Vec<Value> = page.iter().map(|each| status(place, &rows, &repo, &sha, each)).collect::<Result<_, _>>()?;
    Ok(Answer { headers, ..Answer::json(Value::Array(page)) })
}

fn combined(place: &Place<'_>, name: &str) -> Result<Answer, ForgeError> {
    let (rows, repo) = place.look(Access::Read)?;
    let sha = commit_of(&rows, &repo, &place.call.forge.objects(&rows, &repo), name)?;
    let latest = latest_statuses(&rows, &repo, &sha)?;
    let rank = |state: &str| STATES.iter().position(|known| *known == state).unwrap_or(STATES.len() - 1);
    let worst = latest.iter().map(|each| rank(&each.state)).max();
    let statuses: Vec<Value> = latest.iter().map(|each| status(place, &rows, &repo, &sha, each)).collect::<Result<_, _>>()?;
    Ok(Answer::json(json!({
        // Nothing reported is nothing known yet.
        "state": worst.map_or("pending", |worst| STATES[worst]),
        "sha": sha,
        "total_count": statuses.len(),
        "statuses": statuses,
        "repository": view::repo(place.call.forge, &repo, place.actor(), place.host()),
        "url": format!("{}/api/v1/repos/{}/commits/{sha}/status", place.call.base(), repo.full_name()),
    })))
}

fn create(place: &Place<'_>, sha: &str) -> Result<Answer, ForgeError> {
    let wanted: Create = place.call.body()?;
    if !STATES.contains(&wanted.state.as_str()) {
        return Err(ForgeError::Invalid(format!(
            "state: {:?} is none of {}",
            wanted.state.chars().take(40).collect::<String>(),
            STATES.join(", ")
        )));
    }
    bounded("context", &wanted.context, 255)?;
    bounded("target_url", &wanted.target_url, 2_048)?;
    if !["", "http://", "https://"]
        .iter()
        .any(|start| if start.is_empty() { wanted.target_url.is_empty() } else { wanted.target_url.starts_with(start) })
    {
        return Err(ForgeError::Invalid("target_url: only http and https".to_owned()));
    }
    let context = if wanted.context.is_empty() { "default" } else { &wanted.context };
    let login = place.call.person()?.to_owned();
    let (sha, made) = place.change(Access::Write, |rows, repo| {
        let sha = commit_of(rows, repo, &place.call.forge.objects(rows, repo), sha)?;
        // What a workflow job says about a commit is not for others to overrule.
        let latest = latest_statuses(rows, repo, &sha)?.into_iter().find(|status| status.context == context);
        if latest.is_some_and(|status| matches!(status.creator.as_str(), "forge" | "forge-runner")) && !place.actor().is_admin() {
            return Err(ForgeError::Forbidden(format!("context: {context} is reported by a workflow job")));
        }
        let wanted = Status {
            id: 0,
            state: wanted.state.clone(),
            context: context.to_owned(),
            description: wanted.description.chars().take(DESCRIPTION).collect(),
            target_url: wanted.target_url.clone(),
            creator: login,
            created_at: place.call.forge.now(),
        };
        Ok((sha, place.call.forge.set_status(rows, repo, &sha, wanted, place.actor())?))
    })?;
    let (rows, repo) = place.look(Access::Read)?;
    Ok(Answer::created(status(place, &rows, &repo, &sha, &made)?))
}
