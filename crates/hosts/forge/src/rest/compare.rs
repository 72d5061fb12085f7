//! What lies between two commits.

use git::{ObjectId, Objects, changed_paths, merge_base, rev_list};
use serde_json::{Value, json};

use crate::ForgeError;
use crate::api::Answer;
use crate::records::{Access, Repo};
use crate::rest::{Place, commit_of, commits};
use crate::rows::Rows;

/// Most commits that are described; `total_commits` counts all.
const COMMITS: usize = 250;

/// `GET …/compare/{a}...{b}`: what `b` has since it left `a`. With two dots: what differs between them.
pub(super) fn answer(place: &Place<'_>, range: &str) -> Result<Answer, ForgeError> {
    let (rows, repo) = place.look(Access::Read)?;
    let objects = place.call.forge.objects(&rows, &repo);
    let (from, to, three) = match (range.split_once("..."), range.split_once("..")) {
        (Some((from, to)), _) => (from, to, true),
        (None, Some((from, to))) => (from, to, false),
        (None, None) => return Err(ForgeError::Invalid("compare takes BASE...HEAD".to_owned())),
    };
    let (from, to) = (commit_of(&rows, &repo, &objects, from)?, commit_of(&rows, &repo, &objects, to)?);
    let common = merge_base(&objects, &from, &to)?;
    let start = if three { common } else { Some(from) };
    let ids = rev_list(&objects, &[to], &[from])?;
    Ok(Answer::json(json!({
        "total_commits": ids.len(),
        "merge_base": common,
        "commits": ids.iter().take(COMMITS).map(|id| commits::commit(place, &rows, &repo, &objects, id)).collect::<Result<Vec<_>, _>>()?,
        "files": files(&objects, start.as_ref(), &to)?,
    })))
}

/// Lists the files that differ between two commits.
pub(super) fn files(objects: &dyn Objects, from: Option<&ObjectId>, to: &ObjectId) -> Result<Vec<Value>, ForgeError> {
    let old = from.map(|id| objects.commit(id)).transpose()?.map(|commit| commit.tree);
    let new = objects.commit(to)?.tree;
    let view = |change: git::ChangedPath| {
        let status = match (&change.old, &change.new) {
            (None, _) => "added",
            (_, None) => "removed",
            _ => "changed",
        };
        json!({ "filename": change.path, "status": status, "sha": change.new.or(change.old).map(|(_, id)| id) })
    };
    Ok(changed_paths(objects, old.as_ref(), Some(&new))?.into_iter().map(view).collect())
}

/// Returns the commits of a pull request, newest first, and where it left its base.
pub(super) fn of_pull(
    rows: &Rows,
    repo: &Repo,
    objects: &dyn Objects,
    pull: &crate::records::Pull,
) -> Result<(Vec<ObjectId>, Option<ObjectId>), ForgeError> {
    let base = match &pull.merged {
        Some(merged) => Some(merged.onto),
        None => crate::moves::current(rows, repo, &format!("refs/heads/{}", pull.base_branch)),
    };
    let Some(base) = base else { return Ok((Vec::new(), pull.merge_base)) };
    let start = merge_base(objects, &base, &pull.head)?;
    Ok((rev_list(objects, &[pull.head], &[base])?, start))
}
