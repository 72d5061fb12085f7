//! Everything that [`review::verdict`] looks at, gathered for one wanted move of a branch.

use std::collections::BTreeMap;

use git::{Kind, Mode, ObjectId, Objects, changed_paths, is_ancestor, read_file, rev_list};
use model::{CheckState, Code, Verdict};
use review::{Approval, Change, ChangedFile, Codeowners, Identity, NewCommit, PLACES, StatusEvidence, Update, policy_for, verdict};

use crate::access::{Actor, user};
use crate::records::{Pull, Repo, ReviewRow, Status};
use crate::rows::Rows;
use crate::signers::Signers;
use crate::{Forge, ForgeError};

/// A wanted move of a branch. At least one of `old` and `new` is there.
pub(crate) struct Move<'a> {
    pub branch: &'a str,
    pub old: Option<ObjectId>,
    pub new: Option<ObjectId>,
    pub actor: &'a Actor,
    /// The pull request that is being merged.
    pub pull: Option<&'a Pull>,
}

impl Forge {
    /// Decides whether a branch may move.
    pub(crate) fn judge(&self, rows: &Rows, repo: &Repo, objects: &dyn Objects, wanted: &Move<'_>) -> Result<Verdict, ForgeError> {
        let Some(policy) = policy_for(&repo.policies, wanted.branch) else { return Ok(Verdict::Pass) };
        let who = wanted.actor.identity();
        let update = match (wanted.old, wanted.new) {
            (_, None) => Update::Delete,
            (None, Some(_)) => Update::Create,
            (Some(old), Some(new)) if is_ancestor(objects, &old, &new)? => Update::FastForward,
            (Some(_), Some(_)) => Update::Forced,
        };
        let tree = |id: Option<ObjectId>| id.map(|id| objects.commit(&id)).transpose().map(|commit| commit.map(|commit| commit.tree));
        let (old_tree, new_tree) = (tree(wanted.old)?, tree(wanted.new)?);
        let shaped = policy.lanes.iter().any(|lane| lane.shape.is_some());
        let mut files = Vec::new();
        for change in changed_paths(objects, old_tree.as_ref(), new_tree.as_ref())? {
            files.push(changed_file(objects, change, shaped)?);
        }
        let mut commits = Vec::new();
        if let Some(new) = wanted.new {
            let signers = Signers::of(self, rows)?;
            for id in rev_list(objects, &[new], wanted.old.as_slice())? {
                let signature = if policy.require.signed { signers.judge(objects, &id)? } else { review::Signature::Missing };
                commits.push(NewCommit { id: id.to_string(), parents: objects.commit(&id)?.parents.len(), signature });
            }
        }
        let codeowners = match (policy.require.codeowners, old_tree) {
            (true, Some(tree)) => match owners(objects, &tree)? {
                Ok(found) => found,
                Err(why) => return Ok(unreadable(wanted.branch, &why)),
            },
            _ => None,
        };
        let pull = match wanted.pull {
            Some(pull) => Some(pull.clone()),
            None => self.pull_of(rows, repo, wanted)?,
        };
        let head = pull.as_ref().map(|pull| pull.head).or(wanted.new).unwrap_or(ObjectId::ZERO);
        let author = match &pull {
            Some(pull) => crate::pulls::issue(rows, repo, pull.number)?.author,
            None => who.login.clone(),
        };
        let approvals = match &pull {
            Some(pull) => approvals(rows, repo, pull)?,
            None => Vec::new(),
        };
        let statuses = evidence(&latest_statuses(rows, repo, &head)?);
        Ok(verdict(
            &repo.policies,
            &Change {
                branch: wanted.branch,
                who: &who,
                update,
                files: &files,
                commits: &commits,
                statuses: &statuses,
                approvals: &approvals,
                author: &author,
                head: &head.to_string(),
                codeowners: codeowners.as_ref(),
            },
        ))
    }

    /// The open pull request whose very head is being pushed to its base: its approvals count.
    fn pull_of(&self, rows: &Rows, repo: &Repo, wanted: &Move<'_>) -> Result<Option<Pull>, ForgeError> {
        let Some(new) = wanted.new else { return Ok(None) };
        let open = crate::pulls::open_pulls(rows, repo)?;
        Ok(open.into_iter().find(|pull| pull.head == new && pull.base_branch == wanted.branch))
    }
}

fn unreadable(branch: &str, why: &str) -> Verdict {
    Verdict::Refuse {
        code: Code::Malformed,
        why: format!("GH006: Protected branch update failed for refs/heads/{branch}: {why}"),
        remedy: "correct the CODEOWNERS file through an administrator's change of the policy".to_owned(),
    }
}

fn changed_file(objects: &dyn Objects, change: git::ChangedPath, with_content: bool) -> Result<ChangedFile, ForgeError> {
    let read = |entry: Option<(Mode, ObjectId)>| -> Result<Option<bytes::Bytes>, ForgeError> {
        match entry {
            None => Ok(None),
            Some((Mode::Submodule, id)) => Ok(Some(id.to_string().into())),
            Some(_) if !with_content => Ok(Some(bytes::Bytes::new())),
            Some((_, id)) => Ok(Some(objects.need(&id, Kind::Blob)?.data)),
        }
    };
    let mode_changed = change.old.is_some_and(|old| change.new.is_some_and(|new| old.0 != new.0));
    Ok(ChangedFile { old: read(change.old)?, new: read(change.new)?, path: change.path, mode_changed })
}

fn owners(objects: &dyn Objects, tree: &ObjectId) -> Result<Result<Option<Codeowners>, String>, ForgeError> {
    for (path, dialect) in PLACES {
        if let Some(bytes) = read_file(objects, tree, path)? {
            let text = String::from_utf8_lossy(&bytes);
            return Ok(Codeowners::parse(&text, dialect).map(Some).map_err(|error| format!("{path}: {error}")));
        }
    }
    Ok(Ok(None))
}

/// Returns the newest status of each context of a commit, by context.
pub(crate) fn latest_statuses(rows: &Rows, repo: &Repo, commit: &ObjectId) -> Result<Vec<Status>, ForgeError> {
    let mut newest: BTreeMap<String, Status> = BTreeMap::new();
    for status in rows.list::<Status>(&format!("status/{}/{commit}/", repo.id))? {
        newest.insert(status.context.clone(), status);
    }
    Ok(newest.into_values().collect())
}

fn evidence(statuses: &[Status]) -> Vec<StatusEvidence> {
    let state = |text: &str| match text {
        // A warning is a green light with a remark, as in Gitea.
        "success" | "warning" | "skipped" => CheckState::Success,
        "failure" => CheckState::Failure,
        "error" => CheckState::Error,
        _ => CheckState::Pending,
    };
    statuses.iter().map(|status| StatusEvidence { context: status.context.clone(), state: state(&status.state) }).collect()
}

/// The approvals that stand: each reviewer's last word, where it is an approval.
fn approvals(rows: &Rows, repo: &Repo, pull: &Pull) -> Result<Vec<Approval>, ForgeError> {
    let mut last: BTreeMap<String, ReviewRow> = BTreeMap::new();
    for review in rows.list::<ReviewRow>(&format!("review/{}/{:08}/", repo.id, pull.number))? {
        if review.state != "COMMENT" {
            last.insert(review.author.clone(), review);
        }
    }
    let mut found = Vec::new();
    for review in last.into_values().filter(|review| review.state == "APPROVED") {
        let Some(row) = user(rows, &review.author)? else { continue };
        let who: Identity = row.identity();
        // Who may not write cannot let anybody else write.
        if Actor::User(Box::new(row.clone())).access(repo) >= crate::Access::Write {
            found.push(Approval { who, email: row.email, commit: review.commit.to_string() });
        }
    }
    Ok(found)
}
