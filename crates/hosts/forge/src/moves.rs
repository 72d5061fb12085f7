//! The only place where refs move. Push, merge, and every commit through the API come here: compare-and-swap, policy, then in
//! one write the refs, the pull requests they belong to, the events and the workflow runs.

use git::{Kind, ObjectId, Objects, Overlay, is_ancestor, missing_from};
use model::Verdict;

use crate::access::Actor;
use crate::evidence::Move;
use crate::records::{Access, Merged, Pull, Repo};
use crate::rows::Rows;
use crate::{Forge, ForgeError};

/// What clients recognise as "somebody else was faster": Kargo rebases and tries again.
pub(crate) const LOST_RACE: &str = "incorrect old value provided";

/// A ref that is to move. `None`: it does not exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RefMove {
    pub name: String,
    pub old: Option<ObjectId>,
    pub new: Option<ObjectId>,
}

/// Why a ref does not move: a reason in a line, and what else to tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NotMoved {
    pub reason: String,
    pub remedy: Option<String>,
    /// Whether waiting may help.
    pub waits: bool,
}

impl NotMoved {
    fn because(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), remedy: None, waits: false }
    }
}

/// On whose behalf refs move.
pub(crate) struct By<'a> {
    pub actor: &'a Actor,
    /// The pull request that this merges, with the login that is noted.
    pub merging: Option<&'a Pull>,
}

impl Forge {
    /// Moves refs. New objects come in the overlay. With `atomic` one refusal stops all.
    pub(crate) fn move_refs(
        &self,
        rows: &Rows,
        repo: &Repo,
        overlay: &Overlay<'_>,
        moves: &[RefMove],
        atomic: bool,
        by: &By<'_>,
    ) -> Result<Vec<Result<(), NotMoved>>, ForgeError> {
        let tips: Vec<ObjectId> = moves.iter().filter_map(|each| each.new).collect();
        if let Some(missing) = missing_from(overlay, &tips)? {
            return Err(ForgeError::Git(git::GitError::Missing(missing)));
        }
        let mut results = Vec::new();
        for each in moves {
            results.push(self.may_move(rows, repo, overlay, each, by)?);
        }
        if atomic && results.iter().any(Result::is_err) {
            for result in results.iter_mut().filter(|result| result.is_ok()) {
                *result = Err(NotMoved::because("atomic push failed: another ref was refused"));
            }
        }
        if results.iter().any(Result::is_ok) {
            self.accept(rows, repo, overlay)?;
        }
        for (each, _) in moves.iter().zip(&results).filter(|(_, result)| result.is_ok()) {
            self.moved(rows, repo, overlay, each, by)?;
        }
        Ok(results)
    }

    fn may_move(
        &self,
        rows: &Rows,
        repo: &Repo,
        objects: &dyn Objects,
        wanted: &RefMove,
        by: &By<'_>,
    ) -> Result<Result<(), NotMoved>, ForgeError> {
        if !is_ref_name(&wanted.name) {
            return Ok(Err(NotMoved::because("funny refname")));
        }
        if !["refs/heads/", "refs/tags/", "refs/renovate/"].iter().any(|prefix| wanted.name.starts_with(prefix)) {
            return Ok(Err(NotMoved::because("only refs/heads/, refs/tags/ and refs/renovate/ take pushes")));
        }
        if by.actor.access(repo) < Access::Write {
            return Ok(Err(NotMoved::because(format!("{} may not write to {}", by.actor.login(), repo.full_name()))));
        }
        if current(rows, repo, &wanted.name) != wanted.old {
            return Ok(Err(NotMoved::because(LOST_RACE)));
        }
        if wanted.old.is_none()
            && let Some(other) = clash(rows, repo, &wanted.name)
        {
            return Ok(Err(NotMoved::because(format!("cannot lock ref '{}': '{other}' exists", wanted.name))));
        }
        let Some(branch) = wanted.name.strip_prefix("refs/heads/") else { return Ok(Ok(())) };
        if let Some(new) = wanted.new
            && objects.get(&new)?.is_none_or(|object| object.kind != Kind::Commit)
        {
            return Ok(Err(NotMoved::because("a branch points at a commit")));
        }
        if wanted.new.is_none() && branch == repo.default_branch {
            return Ok(Err(NotMoved::because("deletion of the current branch prohibited")));
        }
        let asked = Move { branch, old: wanted.old, new: wanted.new, actor: by.actor, pull: by.merging };
        Ok(match self.judge(rows, repo, objects, &asked)? {
            Verdict::Pass => Ok(()),
            Verdict::Wait { why, .. } => Err(NotMoved { reason: why, remedy: None, waits: true }),
            Verdict::Refuse { why, remedy, .. } => Err(NotMoved { reason: why, remedy: Some(remedy), waits: false }),
        })
    }

    /// Writes the move and everything that follows from it.
    fn moved(&self, rows: &Rows, repo: &Repo, objects: &dyn Objects, done: &RefMove, by: &By<'_>) -> Result<(), ForgeError> {
        put_ref(rows, repo, &done.name, done.new);
        rows.moved(repo.id);
        if done.name.starts_with("refs/renovate/") {
            return Ok(());
        }
        self.emit_ref_events(rows, repo, objects, done, by.actor)?;
        if let Some(branch) = done.name.strip_prefix("refs/heads/") {
            self.follow_pulls(rows, repo, objects, branch, done, by)?;
            rows.recheck(repo.id);
        }
        self.start_runs(rows, repo, objects, done, by.actor)
    }

    /// Takes a branch's move over into the pull requests from and to it.
    fn follow_pulls(
        &self,
        rows: &Rows,
        repo: &Repo,
        objects: &dyn Objects,
        branch: &str,
        done: &RefMove,
        by: &By<'_>,
    ) -> Result<(), ForgeError> {
        for mut pull in crate::pulls::open_pulls(rows, repo)? {
            if by.merging.is_some_and(|merging| merging.number == pull.number) {
                continue;
            }
            if pull.head_branch == branch {
                let Some(new) = done.new else {
                    self.close_pull(rows, repo, &mut pull, None, by.actor)?;
                    continue;
                };
                pull.head = new;
                // Nobody has seen the new head: whoever scheduled the merge schedules it again.
                pull.auto_merge = None;
                put_ref(rows, repo, &format!("refs/pull/{}/head", pull.number), Some(new));
                crate::pulls::save(rows, repo, &pull);
                crate::pulls::touch(self, rows, repo, pull.number)?;
                self.emit_pull(rows, repo, &pull, "synchronized", by.actor)?;
            } else if pull.base_branch == branch
                && let (Some(old), Some(new)) = (done.old, done.new)
                && is_ancestor(objects, &pull.head, &new)?
                && !is_ancestor(objects, &pull.head, &old)?
            {
                // The push contained the whole pull request.
                let merged = Merged { commit: new, onto: old, by: by.actor.login().to_owned(), at: self.now() };
                self.close_pull(rows, repo, &mut pull, Some(merged), by.actor)?;
            }
        }
        Ok(())
    }
}

/// Returns where a ref is.
pub(crate) fn current(rows: &Rows, repo: &Repo, name: &str) -> Option<ObjectId> {
    let value = rows.raw(&format!("ref/{}/{name}", repo.id))?;
    std::str::from_utf8(&value).ok()?.parse().ok()
}

/// Writes a ref. Only for refs that no policy guards; all others go through [`Forge::move_refs`].
pub(crate) fn put_ref(rows: &Rows, repo: &Repo, name: &str, new: Option<ObjectId>) {
    let key = format!("ref/{}/{name}", repo.id);
    match new {
        Some(id) => rows.put_raw(&key, id.to_string()),
        None => rows.delete(&key),
    }
    rows.moved(repo.id);
}

/// A ref that makes another impossible, because in Git's folders one would be a file and a folder.
fn clash(rows: &Rows, repo: &Repo, name: &str) -> Option<String> {
    let prefix = format!("ref/{}/", repo.id);
    if let Some((below, _)) = rows.scan(&format!("{prefix}{name}/")).into_iter().next() {
        return Some(below[prefix.len()..].to_owned());
    }
    let mut parent = name;
    while let Some((shorter, _)) = parent.rsplit_once('/') {
        if current(rows, repo, shorter).is_some() {
            return Some(shorter.to_owned());
        }
        parent = shorter;
    }
    None
}

/// Tells whether Git would take this for the name of a ref (`git check-ref-format`).
pub(crate) fn is_ref_name(name: &str) -> bool {
    let forbidden = |c: char| c.is_ascii_control() || " ~^:?*[\\".contains(c);
    let part = |part: &str| !part.is_empty() && !part.starts_with('.') && !part.ends_with('.') && !part.ends_with(".lock");
    name.starts_with("refs/")
        && name.len() <= 250
        && name.split('/').count() >= 3
        && name.split('/').all(part)
        && !name.contains(forbidden)
        && !name.contains("..")
        && !name.contains("@{")
}
