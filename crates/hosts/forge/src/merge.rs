//! What merging a pull request would make, computed in memory. Moving the branch there is another matter.

use git::{NewCommit, ObjectId, Objects, Overlay, Person, SigningKey, is_ancestor, merge_base, merge_trees, rev_list};

use crate::ForgeError;
use crate::records::{MergeHow, Method};

/// Why two branches do not merge this way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Unmergeable {
    /// The base has commits that the head lacks.
    NotFastForward,
    /// Both changed these files.
    Conflict(Vec<String>),
    /// Everything is merged already.
    NothingToMerge,
}

impl std::fmt::Display for Unmergeable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NotFastForward => f.write_str("not fast-forward: the base branch has moved on, rebase the head onto it"),
            Self::Conflict(paths) => write!(f, "both branches changed {}", paths.join(", ")),
            Self::NothingToMerge => f.write_str("the base branch has all of the head's commits already"),
        }
    }
}

/// Who merges, and with what words.
pub(crate) struct Words<'a> {
    pub how: &'a MergeHow,
    pub default_title: String,
    pub committer: Person,
    pub key: Option<&'a SigningKey>,
}

/// Returns the commit that the base branch would point at; what is new lies in the overlay.
pub(crate) fn prepare(
    overlay: &Overlay<'_>,
    base: &ObjectId,
    head: &ObjectId,
    words: &Words<'_>,
) -> Result<Result<ObjectId, Unmergeable>, ForgeError> {
    if is_ancestor(overlay, head, base)? {
        return Ok(Err(Unmergeable::NothingToMerge));
    }
    let forward = is_ancestor(overlay, base, head)?;
    match words.how.method {
        Method::FastForwardOnly | Method::Rebase if forward => Ok(Ok(*head)),
        Method::FastForwardOnly => Ok(Err(Unmergeable::NotFastForward)),
        Method::Rebase => rebase(overlay, base, head, words),
        Method::Merge => commit_merge(overlay, base, head, words, &[*base, *head]),
        Method::Squash => commit_merge(overlay, base, head, words, &[*base]),
    }
}

fn merged_tree(
    overlay: &Overlay<'_>,
    common: Option<&ObjectId>,
    ours: &ObjectId,
    theirs: &ObjectId,
) -> Result<Result<ObjectId, Unmergeable>, ForgeError> {
    let tree = |commit: &ObjectId| overlay.commit(commit).map(|commit| commit.tree);
    let common = common.map(tree).transpose()?;
    let merged = merge_trees(overlay, common.as_ref(), &tree(ours)?, &tree(theirs)?)?;
    Ok(merged.map_err(|conflict| Unmergeable::Conflict(conflict.paths)))
}

fn commit_merge(
    overlay: &Overlay<'_>,
    base: &ObjectId,
    head: &ObjectId,
    words: &Words<'_>,
    parents: &[ObjectId],
) -> Result<Result<ObjectId, Unmergeable>, ForgeError> {
    let common = merge_base(overlay, base, head)?;
    let tree = match merged_tree(overlay, common.as_ref(), base, head)? {
        Ok(tree) => tree,
        Err(why) => return Ok(Err(why)),
    };
    let title = words.how.title.as_deref().unwrap_or(&words.default_title);
    let message = match words.how.message.as_deref().filter(|message| !message.is_empty()) {
        Some(message) => format!("{title}\n\n{message}"),
        None => title.to_owned(),
    };
    // A squashed commit keeps its author; a merge is the merger's.
    let author = if parents.len() == 1 { overlay.commit(head)?.author } else { words.committer.clone() };
    let commit = NewCommit { tree, parents: parents.to_vec(), author, committer: words.committer.clone(), message };
    Ok(Ok(overlay.put_commit(&commit, words.key)?))
}

fn rebase(overlay: &Overlay<'_>, base: &ObjectId, head: &ObjectId, words: &Words<'_>) -> Result<Result<ObjectId, Unmergeable>, ForgeError> {
    let mut onto = *base;
    for id in rev_list(overlay, &[*head], &[*base])?.into_iter().rev() {
        let commit = overlay.commit(&id)?;
        // Merges of the base into the head vanish, as with git rebase.
        let [parent] = commit.parents.as_slice() else { continue };
        let tree = match merged_tree(overlay, Some(parent), &onto, &id)? {
            Ok(tree) => tree,
            Err(why) => return Ok(Err(why)),
        };
        let new =
            NewCommit { tree, parents: vec![onto], author: commit.author, committer: words.committer.clone(), message: commit.message };
        onto = overlay.put_commit(&new, words.key)?;
    }
    Ok(Ok(onto))
}
