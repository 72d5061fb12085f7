//! Whose signature a commit carries, and what it is worth.

use git::signature::{Finding, verify};
use git::{Kind, ObjectId, Objects, changed_paths};
use review::Signature;

use crate::records::{Key, UserRow};
use crate::rows::{Rows, USERS};
use crate::{Forge, ForgeError};

/// The keys that the forge knows.
pub(crate) struct Signers {
    lines: Vec<String>,
    /// `None` is the forge itself.
    owners: Vec<Option<(String, String, Key)>>,
}

impl Signers {
    pub(crate) fn of(forge: &Forge, rows: &Rows) -> Result<Self, ForgeError> {
        let mut all = Self { lines: Vec::new(), owners: Vec::new() };
        if let Some(key) = &forge.0.options.instance_key {
            all.lines.push(key.public_line());
            all.owners.push(None);
        }
        for user in rows.list::<UserRow>(USERS)? {
            for key in &user.signing_keys {
                all.lines.push(key.key.clone());
                all.owners.push(Some((user.login.clone(), user.email.clone(), key.clone())));
            }
        }
        Ok(all)
    }

    /// Returns what a commit's signature is worth: good is that of a registered key, made by the committer, on paths that
    /// the key is for. The forge's own key is good for every commit, because the forge signs only what it made itself.
    pub(crate) fn judge(&self, objects: &dyn Objects, id: &ObjectId) -> Result<Signature, ForgeError> {
        let lines: Vec<&str> = self.lines.iter().map(String::as_str).collect();
        let index = match verify(&objects.need(id, Kind::Commit)?.data, &lines)? {
            Finding::Unsigned => return Ok(Signature::Missing),
            Finding::Untrusted(why) => return Ok(Signature::Bad(why)),
            Finding::SignedBy(index) => index,
        };
        let Some((login, email, key)) = &self.owners[index] else { return Ok(Signature::Good) };
        let commit = objects.commit(id)?;
        if !commit.committer.email.eq_ignore_ascii_case(email) {
            return Ok(Signature::Bad(format!("its committer is {}, the key is that of {login} <{email}>", commit.committer.email)));
        }
        if key.paths.is_empty() {
            return Ok(Signature::Good);
        }
        for path in own_paths(objects, id)? {
            if !key.paths.iter().any(|pattern| covers(pattern, &path)) {
                return Ok(Signature::Bad(format!("the key of {login} is not for {path}")));
            }
        }
        Ok(Signature::Good)
    }

    /// Returns who made a signature, for the API's `verification`.
    pub(crate) fn signer(&self, objects: &dyn Objects, id: &ObjectId) -> Result<Option<String>, ForgeError> {
        let lines: Vec<&str> = self.lines.iter().map(String::as_str).collect();
        Ok(match verify(&objects.need(id, Kind::Commit)?.data, &lines)? {
            Finding::SignedBy(index) => Some(self.owners[index].as_ref().map_or("forge", |(login, _, _)| login).to_owned()),
            Finding::Unsigned | Finding::Untrusted(_) => None,
        })
    }
}

fn covers(pattern: &str, path: &str) -> bool {
    golang::glob(pattern, path)
}

/// The paths that a commit itself changes: for a merge those in which it differs from every parent.
fn own_paths(objects: &dyn Objects, id: &ObjectId) -> Result<Vec<String>, ForgeError> {
    let commit = objects.commit(id)?;
    let mut common: Option<Vec<String>> = None;
    for parent in commit.parents.iter().map(Some).chain(commit.parents.is_empty().then_some(None)) {
        let before = parent.map(|parent| objects.commit(parent)).transpose()?.map(|parent| parent.tree);
        let changed: Vec<String> =
            changed_paths(objects, before.as_ref(), Some(&commit.tree))?.into_iter().map(|change| change.path).collect();
        common = Some(match common {
            None => changed,
            Some(so_far) => so_far.into_iter().filter(|path| changed.contains(path)).collect(),
        });
    }
    Ok(common.unwrap_or_default())
}
