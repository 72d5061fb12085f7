//! Labels of a repository and of its issues.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::Value;

use crate::ForgeError;
use crate::api::Answer;
use crate::pulls::{issue, issue_key, pull};
use crate::records::{Access, Label, Repo};
use crate::rest::{Place, bounded, json as view, parse, unknown};
use crate::rows::Rows;

/// Most labels of a repository.
const LABELS: usize = 1_000;

#[derive(Debug, Deserialize)]
struct Create {
    name: String,
    color: String,
    #[serde(default)]
    description: String,
}

#[derive(Debug, Deserialize)]
struct Given {
    labels: Vec<Value>,
}

pub(super) fn answer(place: &Place<'_>, method: &str, path: &[&str]) -> Result<Answer, ForgeError> {
    match (method, path) {
        ("GET", ["labels"]) => {
            let (rows, repo) = place.look(Access::Read)?;
            Ok(place.call.list(all(&rows, &repo)?.iter().map(view::label).collect()))
        }
        ("POST", ["labels"]) => create(place),
        ("GET", ["issues", number, "labels"]) => of_issue(place, parse(number)?),
        ("POST" | "PUT", ["issues", number, "labels"]) => {
            let given: Given = place.call.body()?;
            set(place, parse(number)?, |rows, repo, old| {
                let new = resolve(rows, repo, &given.labels)?;
                Ok(if method == "PUT" { new } else { [old, new].concat() })
            })?;
            of_issue(place, parse(number)?)
        }
        ("DELETE", ["issues", number, "labels", id]) => {
            let id = parse(id)?;
            set(place, parse(number)?, |_, _, old| Ok(old.into_iter().filter(|label| *label != id).collect()))?;
            Ok(Answer::empty())
        }
        _ => Err(unknown(method, path)),
    }
}

fn all(rows: &Rows, repo: &Repo) -> Result<Vec<Label>, ForgeError> {
    rows.list(&format!("label/{}/", repo.id))
}

fn create(place: &Place<'_>) -> Result<Answer, ForgeError> {
    let wanted: Create = place.call.body()?;
    bounded("name", &wanted.name, 255)?;
    bounded("description", &wanted.description, 1_024)?;
    let color = wanted.color.trim_start_matches('#').to_ascii_lowercase();
    if wanted.name.trim().is_empty() {
        return Err(ForgeError::Invalid("name: it is empty".to_owned()));
    }
    if color.len() != 6 || !color.chars().all(|c| c.is_ascii_hexdigit()) {
        return Err(ForgeError::Invalid("color: it is not six hex digits".to_owned()));
    }
    place.call.person()?;
    let label = place.change(Access::Write, |rows, repo| {
        let known = all(rows, repo)?;
        if known.len() >= LABELS || known.iter().any(|label| label.name == wanted.name) {
            return Err(ForgeError::Conflict(format!("name: there is a label {:?}, or there are {LABELS} of them", wanted.name)));
        }
        let label = Label { id: rows.next("id")?, name: wanted.name.clone(), color, description: wanted.description.clone() };
        rows.put(&view::label_key(repo, label.id), &label);
        Ok(label)
    })?;
    Ok(Answer::created(view::label(&label)))
}

/// Refuses ids that no label has; each label counts once.
pub(super) fn known(rows: &Rows, repo: &Repo, ids: &[u64]) -> Result<Vec<u64>, ForgeError> {
    let ids: BTreeSet<u64> = ids.iter().copied().collect();
    for id in &ids {
        if rows.get::<Label>(&view::label_key(repo, *id))?.is_none() {
            return Err(ForgeError::Invalid(format!("labels: there is no label {id}")));
        }
    }
    Ok(ids.into_iter().collect())
}

/// Reads labels that are given by number or by name.
fn resolve(rows: &Rows, repo: &Repo, given: &[Value]) -> Result<Vec<u64>, ForgeError> {
    let all = all(rows, repo)?;
    let id = |value: &Value| match (value.as_u64(), value.as_str()) {
        (Some(id), _) => Ok(id),
        (None, Some(name)) => all
            .iter()
            .find(|label| label.name == name)
            .map(|label| label.id)
            .ok_or_else(|| ForgeError::Invalid(format!("labels: there is no label {name:?}"))),
        (None, None) => Err(ForgeError::Invalid("labels: neither number nor name".to_owned())),
    };
    given.iter().map(id).collect()
}

fn of_issue(place: &Place<'_>, number: u64) -> Result<Answer, ForgeError> {
    let (rows, repo) = place.look(Access::Read)?;
    let row = issue(&rows, &repo, number)?;
    Ok(Answer::json(Value::Array(view::labels(&rows, &repo, &row.labels)?)))
}

fn set(
    place: &Place<'_>,
    number: u64,
    change: impl FnOnce(&Rows, &Repo, Vec<u64>) -> Result<Vec<u64>, ForgeError>,
) -> Result<(), ForgeError> {
    place.change(Access::Read, |rows, repo| {
        let mut row = issue(rows, repo, number)?;
        place.call.author_or_writer(repo, &row.author)?;
        let old = row.labels.clone();
        let new = change(rows, repo, old.clone())?;
        row.labels = known(rows, repo, &new)?;
        if row.labels == old {
            return Ok(());
        }
        row.updated_at = place.call.forge.now();
        rows.put(&issue_key(repo, number), &row);
        if row.is_pull {
            place.call.forge.emit_pull(rows, repo, &pull(rows, repo, number)?, "label_updated", place.actor())?;
        }
        Ok(())
    })
}
