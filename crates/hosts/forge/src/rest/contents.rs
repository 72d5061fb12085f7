//! What files say: `contents` as JSON, `raw` as it is.

use base64::Engine as _;
use git::{Kind, Mode, ObjectId, Objects, entry_at, parse_tree};
use serde_json::{Value, json};

use crate::ForgeError;
use crate::api::{Answer, encode};
use crate::records::{Access, Repo};
use crate::rest::{Place, commit_of, unknown};

/// Where something lies: repository, the ref as it was asked for, path.
struct Spot<'a> {
    place: &'a Place<'a>,
    repo: &'a Repo,
    reference: &'a str,
    commit: ObjectId,
}

pub(super) fn answer(place: &Place<'_>, method: &str, path: &[&str]) -> Result<Answer, ForgeError> {
    let ("GET", [what, path @ ..]) = (method, path) else { return Err(unknown(method, path)) };
    let path = path.join("/");
    let (rows, repo) = place.look(Access::Read)?;
    let objects = place.call.forge.objects(&rows, &repo);
    let reference = place.call.query("ref").unwrap_or_else(|| repo.default_branch.clone());
    let commit = commit_of(&rows, &repo, &objects, &reference)?;
    let tree = objects.commit(&commit)?.tree;
    let missing = || ForgeError::NotFound(format!("{path} at {reference}"));
    let (mode, id) = entry_at(&objects, &tree, &path)?.ok_or_else(missing)?;
    if *what == "raw" {
        return match mode {
            Mode::File | Mode::Executable | Mode::Link => Ok(Answer::bytes(objects.need(&id, Kind::Blob)?.data)),
            Mode::Folder | Mode::Submodule => Err(missing()),
        };
    }
    let spot = Spot { place, repo: &repo, reference: &reference, commit };
    if mode != Mode::Folder {
        return Ok(Answer::json(entry(&spot, &objects, &path, mode, id, true)?));
    }
    let mut entries = Vec::new();
    for child in parse_tree(&objects.need(&id, Kind::Tree)?.data)? {
        let path = if path.is_empty() { child.name } else { format!("{}/{}", path.trim_matches('/'), child.name) };
        entries.push(entry(&spot, &objects, &path, child.mode, child.id, false)?);
    }
    Ok(Answer::json(Value::Array(entries)))
}

fn entry(spot: &Spot<'_>, objects: &dyn Objects, path: &str, mode: Mode, id: ObjectId, whole: bool) -> Result<Value, ForgeError> {
    let base = spot.place.call.base();
    let (at, reference) = (path.trim_matches('/').split('/').map(encode).collect::<Vec<_>>().join("/"), encode(spot.reference));
    let full_name = spot.repo.full_name();
    let kind = match mode {
        Mode::File | Mode::Executable => "file",
        Mode::Link => "symlink",
        Mode::Folder => "dir",
        Mode::Submodule => "submodule",
    };
    let blob = match mode {
        Mode::File | Mode::Executable | Mode::Link => Some(objects.need(&id, Kind::Blob)?.data),
        Mode::Folder | Mode::Submodule => None,
    };
    let content = blob.as_ref().filter(|_| whole && mode != Mode::Link).map(|data| base64::engine::general_purpose::STANDARD.encode(data));
    let target = blob.as_ref().filter(|_| mode == Mode::Link).map(|data| String::from_utf8_lossy(data).into_owned());
    Ok(json!({
        "name": path.rsplit('/').next().unwrap_or(path),
        "path": path.trim_matches('/'),
        "sha": id,
        "last_commit_sha": spot.commit,
        "type": kind,
        "size": blob.as_ref().map_or(0, bytes::Bytes::len),
        "encoding": content.as_ref().map(|_| "base64"),
        "content": content,
        "target": target,
        "url": format!("{base}/api/v1/repos/{full_name}/contents/{at}?ref={reference}"),
        "html_url": format!("{base}/{full_name}/src/{reference}/{at}"),
        "download_url": blob.as_ref().map(|_| format!("{base}/api/v1/repos/{full_name}/raw/{at}?ref={reference}")),
        "submodule_git_url": null,
    }))
}
