//! Commits and trees as Git has them.

use git::{Kind, Mode, ObjectId, Objects, entry_at, parse_tree, rev_list};
use serde_json::{Value, json};

use crate::ForgeError;
use crate::api::Answer;
use crate::records::{Access, Repo};
use crate::rest::{Place, commit_of, json as view, unknown};
use crate::rows::Rows;
use crate::signers::Signers;

/// Most entries of a tree in one answer; `truncated` tells that there are more.
const ENTRIES: usize = 50_000;
/// Most folders inside each other.
const DEPTH: usize = 100;

pub(super) fn answer(place: &Place<'_>, path: &[&str]) -> Result<Answer, ForgeError> {
    let (rows, repo) = place.look(Access::Read)?;
    let objects = place.call.forge.objects(&rows, &repo);
    match path {
        ["commits"] => history(place, &rows, &repo, &objects),
        ["git", "commits", name @ ..] => {
            let id = commit_of(&rows, &repo, &objects, &name.join("/"))?;
            Ok(Answer::json(commit(place, &rows, &repo, &objects, &id)?))
        }
        ["git", "trees", name @ ..] => tree(place, &rows, &repo, &objects, &name.join("/")),
        _ => Err(unknown("GET", path)),
    }
}

fn history(place: &Place<'_>, rows: &Rows, repo: &Repo, objects: &dyn Objects) -> Result<Answer, ForgeError> {
    let start = place.call.query("sha").unwrap_or_else(|| repo.default_branch.clone());
    let tip = commit_of(rows, repo, objects, &start)?;
    let mut all = rev_list(objects, &[tip], &[])?;
    if let Some(path) = place.call.query("path") {
        let mut touching = Vec::new();
        for id in all {
            if touches(objects, &id, &path)? {
                touching.push(id);
            }
        }
        all = touching;
    }
    let (page, headers) = place.call.page(all);
    let page: Vec<Value> = page.iter().map(|id| commit(place, rows, repo, objects, id)).collect::<Result<_, _>>()?;
    Ok(Answer { headers, ..Answer::json(Value::Array(page)) })
}

/// Tells whether a commit changed a path: it differs there from all of its parents.
fn touches(objects: &dyn Objects, id: &ObjectId, path: &str) -> Result<bool, ForgeError> {
    let commit = objects.commit(id)?;
    let here = entry_at(objects, &commit.tree, path)?;
    for parent in &commit.parents {
        if entry_at(objects, &objects.commit(parent)?.tree, path)? == here {
            return Ok(false);
        }
    }
    Ok(!commit.parents.is_empty() || here.is_some())
}

/// Describes a commit.
pub(super) fn commit(place: &Place<'_>, rows: &Rows, repo: &Repo, objects: &dyn Objects, id: &ObjectId) -> Result<Value, ForgeError> {
    let base = place.call.base();
    let full_name = repo.full_name();
    let commit = objects.commit(id)?;
    let url = |kind: &str, id: &ObjectId| format!("{base}/api/v1/repos/{full_name}/git/{kind}/{id}");
    let person = |person: &git::Person| json!({ "name": person.name, "email": person.email, "date": view::time(person) });
    let parents: Vec<Value> = commit.parents.iter().map(|parent| json!({ "sha": parent, "url": url("commits", parent) })).collect();
    Ok(json!({
        "sha": id,
        "url": url("commits", id),
        "html_url": format!("{base}/{full_name}/commit/{id}"),
        "created": view::time(&commit.committer),
        "commit": {
            "url": url("commits", id),
            "author": person(&commit.author),
            "committer": person(&commit.committer),
            "message": commit.message,
            "tree": { "sha": commit.tree, "url": url("trees", &commit.tree), "created": view::time(&commit.committer) },
            "verification": verification(objects, &Signers::of(place.call.forge, rows)?, id)?,
        },
        "author": null,
        "committer": null,
        "parents": parents,
    }))
}

/// Tells who signed a commit.
pub(super) fn verification(objects: &dyn Objects, signers: &Signers, id: &ObjectId) -> Result<Value, ForgeError> {
    let signature = objects.commit(id)?.signature;
    // A signature that nobody can read is one that nobody trusts.
    let signer = signers.signer(objects, id).unwrap_or(None);
    let reason = match (&signature, &signer) {
        (None, _) => "gpg.error.not_signed_commit".to_owned(),
        (Some(_), None) => "gpg.error.no_gpg_keys_found".to_owned(),
        (Some(_), Some(login)) => login.clone(),
    };
    Ok(json!({
        "verified": signer.is_some(),
        "reason": reason,
        "signature": signature.unwrap_or_default(),
        "signer": signer.map(|login| json!({ "name": login, "username": login, "email": "" })),
        "payload": "",
    }))
}

fn tree(place: &Place<'_>, rows: &Rows, repo: &Repo, objects: &dyn Objects, name: &str) -> Result<Answer, ForgeError> {
    let own = name.parse::<ObjectId>().ok();
    let is_tree = |id: &ObjectId| objects.get(id).map(|object| object.is_some_and(|object| object.kind == Kind::Tree));
    let root = match own {
        Some(id) if is_tree(&id)? => id,
        _ => objects.commit(&commit_of(rows, repo, objects, name)?)?.tree,
    };
    let recursive = place.call.exchange.query("recursive").is_some_and(|value| !matches!(value.as_str(), "false" | "0"));
    let base = format!("{}/api/v1/repos/{}/git", place.call.base(), repo.full_name());
    let mut found = Vec::new();
    let mut folders = vec![(String::new(), root, 0)];
    let mut truncated = false;
    while let Some((prefix, id, depth)) = folders.pop() {
        for entry in parse_tree(&objects.need(&id, Kind::Tree)?.data)? {
            if found.len() >= ENTRIES {
                truncated = true;
                break;
            }
            let path = format!("{prefix}{}", entry.name);
            let (kind, size) = match entry.mode {
                Mode::Folder => ("tree", 0),
                Mode::Submodule => ("commit", 0),
                Mode::File | Mode::Executable | Mode::Link => ("blob", objects.need(&entry.id, Kind::Blob)?.data.len()),
            };
            if entry.mode == Mode::Folder && recursive {
                truncated |= depth >= DEPTH;
                if depth < DEPTH {
                    folders.push((format!("{path}/"), entry.id, depth + 1));
                }
            }
            let mode = if entry.mode == Mode::Folder { "040000" } else { entry.mode.as_str() };
            found.push((path.clone(), json!({ "path": path, "mode": mode, "type": kind, "size": size, "sha": entry.id, "url": format!("{base}/{kind}s/{}", entry.id) })));
        }
    }
    found.sort_by(|a, b| a.0.cmp(&b.0));
    let entries: Vec<Value> = found.into_iter().map(|(_, entry)| entry).collect();
    Ok(Answer::json(json!({
        "sha": root, "url": format!("{base}/trees/{root}"), "total_count": entries.len(), "page": 1, "truncated": truncated, "tree": entries,
    })))
}
