//! Webhooks of a repository.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::ForgeError;
use crate::api::Answer;
use crate::records::{Access, Hook, Repo};
use crate::rest::{Place, bounded, json as view, parse, unknown};
use crate::rows::Rows;

/// Most hooks of a repository.
const HOOKS: usize = 100;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Wanted {
    #[serde(rename = "type")]
    kind: Option<String>,
    config: Config,
    events: Option<Vec<String>>,
    branch_filter: Option<String>,
    active: Option<bool>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Config {
    url: Option<String>,
    content_type: Option<String>,
    secret: Option<String>,
}

pub(super) fn answer(place: &Place<'_>, method: &str, path: &[&str]) -> Result<Answer, ForgeError> {
    match (method, path) {
        ("GET", ["hooks"]) => {
            let (rows, repo) = place.look(Access::Admin)?;
            Ok(place.call.list(all(&rows, &repo)?.iter().map(hook).collect()))
        }
        ("POST", ["hooks"]) => create(place),
        ("GET", ["hooks", id]) => {
            let (rows, repo) = place.look(Access::Admin)?;
            Ok(Answer::json(hook(&find(&rows, &repo, parse(id)?)?)))
        }
        ("PATCH", ["hooks", id]) => edit(place, parse(id)?),
        ("DELETE", ["hooks", id]) => {
            let id = parse(id)?;
            place.change(Access::Admin, |rows, repo| {
                find(rows, repo, id)?;
                rows.delete(&key(repo, id));
                Ok(())
            })?;
            Ok(Answer::empty())
        }
        _ => Err(unknown(method, path)),
    }
}

fn key(repo: &Repo, id: u64) -> String {
    format!("hook/{}/{id:016}", repo.id)
}

fn all(rows: &Rows, repo: &Repo) -> Result<Vec<Hook>, ForgeError> {
    rows.list(&format!("hook/{}/", repo.id))
}

fn find(rows: &Rows, repo: &Repo, id: u64) -> Result<Hook, ForgeError> {
    rows.get(&key(repo, id))?.ok_or_else(|| ForgeError::NotFound(format!("the hook {id}")))
}

/// Describes a hook. Its secret is not told.
fn hook(hook: &Hook) -> Value {
    json!({
        "id": hook.id,
        "type": "gitea",
        "config": { "url": hook.url, "content_type": "json" },
        "events": hook.events,
        "branch_filter": hook.branch_filter,
        "active": hook.active,
        "created_at": view::instant(hook.created_at),
        "updated_at": view::instant(hook.created_at),
    })
}

fn apply(hook: &mut Hook, wanted: Wanted) -> Result<(), ForgeError> {
    if let Some(kind) = wanted.kind.filter(|kind| !matches!(kind.as_str(), "gitea" | "gogs" | "forgejo")) {
        return Err(ForgeError::Invalid(format!("type: {:?} is not gitea", kind.chars().take(40).collect::<String>())));
    }
    if wanted.config.content_type.is_some_and(|content| content != "json") {
        return Err(ForgeError::Invalid("config.content_type: only json is sent".to_owned()));
    }
    if let Some(url) = wanted.config.url {
        bounded("config.url", &url, 2_048)?;
        hook.url = url;
    }
    if !hook.url.starts_with("http://") && !hook.url.starts_with("https://") || hook.url.parse::<http::Uri>().is_err() {
        return Err(ForgeError::Invalid("config.url: it is no http or https URL".to_owned()));
    }
    if let Some(secret) = wanted.config.secret {
        bounded("config.secret", &secret, 1_024)?;
        hook.secret = secret;
    }
    if let Some(events) = wanted.events {
        if events.len() > 50 || events.iter().any(|event| event.is_empty() || event.len() > 60) {
            return Err(ForgeError::Invalid("events: one is no name of an event".to_owned()));
        }
        hook.events = events;
    }
    if let Some(filter) = wanted.branch_filter {
        bounded("branch_filter", &filter, 255)?;
        hook.branch_filter = filter;
    }
    hook.active = wanted.active.unwrap_or(hook.active);
    Ok(())
}

fn create(place: &Place<'_>) -> Result<Answer, ForgeError> {
    let wanted: Wanted = place.call.body()?;
    let made = place.change(Access::Admin, |rows, repo| {
        if all(rows, repo)?.len() >= HOOKS {
            return Err(ForgeError::Conflict(format!("there are {HOOKS} hooks already")));
        }
        let mut made = Hook {
            id: rows.next("id")?,
            url: String::new(),
            secret: String::new(),
            events: vec!["push".to_owned()],
            branch_filter: String::new(),
            // As in Gitea a hook that is not said to be active is not.
            active: false,
            created_at: place.call.forge.now(),
        };
        apply(&mut made, wanted)?;
        rows.put(&key(repo, made.id), &made);
        Ok(made)
    })?;
    Ok(Answer::created(hook(&made)))
}

fn edit(place: &Place<'_>, id: u64) -> Result<Answer, ForgeError> {
    let wanted: Wanted = place.call.body()?;
    let changed = place.change(Access::Admin, |rows, repo| {
        let mut found = find(rows, repo, id)?;
        apply(&mut found, wanted)?;
        rows.put(&key(repo, id), &found);
        Ok(found)
    })?;
    Ok(Answer::json(hook(&changed)))
}
