//! Merging a pull request, now or when its checks are green.

use git::ObjectId;
use http::StatusCode;
use serde::Deserialize;

use crate::ForgeError;
use crate::api::Answer;
use crate::pulls::{Outcome, issue, pull as find, save};
use crate::records::{Access, AutoMerge, MergeHow, Method, Pull, Repo};
use crate::rest::{Place, bounded, issues, unknown};
use crate::rows::Rows;

#[derive(Debug, Deserialize)]
struct Merge {
    #[serde(rename = "Do", alias = "do", default)]
    method: String,
    #[serde(rename = "MergeTitleField", alias = "merge_title_field", default)]
    title: String,
    #[serde(rename = "MergeMessageField", alias = "merge_message_field", default)]
    message: String,
    #[serde(default)]
    head_commit_id: String,
    #[serde(default)]
    delete_branch_after_merge: Option<bool>,
    #[serde(default)]
    merge_when_checks_succeed: bool,
    #[serde(default)]
    force_merge: Option<bool>,
}

pub(super) fn answer(place: &Place<'_>, method: &str, number: u64) -> Result<Answer, ForgeError> {
    match method {
        "GET" => {
            let (rows, repo) = place.look(Access::Read)?;
            let merged = find(&rows, &repo, number)?.merged.is_some();
            if merged { Ok(Answer::empty()) } else { Err(ForgeError::NotFound(format!("a merge of #{number}"))) }
        }
        "POST" => merge(place, number),
        "DELETE" => cancel(place, number),
        _ => Err(unknown(method, &["pulls", &number.to_string(), "merge"])),
    }
}

fn read(place: &Place<'_>) -> Result<(Merge, MergeHow), ForgeError> {
    let wanted: Merge = place.call.body()?;
    let method = match wanted.method.as_str() {
        "merge" => Method::Merge,
        "rebase" => Method::Rebase,
        "squash" => Method::Squash,
        "fast-forward-only" => Method::FastForwardOnly,
        other => {
            let other: String = other.chars().take(40).collect();
            return Err(ForgeError::Invalid(format!("Do: {other:?} is none of merge, rebase, squash, fast-forward-only")));
        }
    };
    if wanted.force_merge == Some(true) {
        return Err(ForgeError::Forbidden("force_merge: nobody overrides the protection of a branch".to_owned()));
    }
    bounded("MergeTitleField", &wanted.title, 1_024)?;
    bounded("MergeMessageField", &wanted.message, issues::TEXT)?;
    let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let how = MergeHow {
        method,
        title: text(&wanted.title),
        message: text(&wanted.message),
        delete_branch: wanted.delete_branch_after_merge.unwrap_or(false),
    };
    Ok((wanted, how))
}

fn merge(place: &Place<'_>, number: u64) -> Result<Answer, ForgeError> {
    let (wanted, how) = read(place)?;
    place.call.person()?;
    let status = place.change(Access::Write, |rows, repo| {
        let pull = find(rows, repo, number)?;
        if !wanted.head_commit_id.is_empty() && wanted.head_commit_id != pull.head.to_string() {
            return Err(ForgeError::Conflict(format!("head_commit_id: the head of #{number} is {}", pull.head)));
        }
        if pull.merged.is_some() {
            // Asking again for what has happened is no mistake, if it is clear that the same is meant.
            return if wanted.head_commit_id.is_empty() {
                Err(ForgeError::NotReady(format!("#{number} is merged already")))
            } else {
                Ok(StatusCode::OK)
            };
        }
        let forge = place.call.forge;
        let unready = if wanted.merge_when_checks_succeed { forge.unready(rows, repo, &pull)? } else { None };
        let outcome = match unready {
            Some(why) if issue(rows, repo, number)?.open => Outcome::Waits(why),
            _ => forge.merge_pull(rows, repo, pull.clone(), &how, place.actor())?,
        };
        match outcome {
            Outcome::Merged(_) => Ok(StatusCode::OK),
            Outcome::Waits(why) if wanted.merge_when_checks_succeed => schedule(place, rows, repo, pull, how, why),
            Outcome::Waits(why) | Outcome::Refused(why) => Err(ForgeError::NotReady(why)),
            Outcome::Conflict(why) => Err(ForgeError::Conflict(why)),
        }
    })?;
    Ok(Answer { status, ..Answer::empty() })
}

fn schedule(
    place: &Place<'_>,
    rows: &Rows,
    repo: &Repo,
    mut pull: Pull,
    how: MergeHow,
    waits_for: String,
) -> Result<StatusCode, ForgeError> {
    let wanted = AutoMerge { doer: place.actor().login().to_owned(), how, head: pull.head, waits_for };
    let same = |old: &AutoMerge, head: ObjectId| old.doer == wanted.doer && old.how == wanted.how && old.head == head;
    match &pull.auto_merge {
        Some(old) if same(old, pull.head) => return Ok(StatusCode::CREATED),
        Some(old) => return Err(ForgeError::Conflict(format!("{} has scheduled a merge of #{} already", old.doer, pull.number))),
        None => {}
    }
    pull.auto_merge = Some(wanted);
    save(rows, repo, &pull);
    Ok(StatusCode::CREATED)
}

fn cancel(place: &Place<'_>, number: u64) -> Result<Answer, ForgeError> {
    place.call.person()?;
    place.change(Access::Write, |rows, repo| {
        let mut pull = find(rows, repo, number)?;
        if pull.auto_merge.take().is_none() {
            return Err(ForgeError::NotFound(format!("a scheduled merge of #{number}")));
        }
        save(rows, repo, &pull);
        Ok(())
    })?;
    Ok(Answer::empty())
}
