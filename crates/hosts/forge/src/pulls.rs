//! Pull requests: their rows, whether they merge, merging them, and merging them later.

use git::{ObjectId, Objects, Overlay, Person};

use crate::access::{Actor, user};
use crate::merge::{Unmergeable, Words, prepare};
use crate::moves::{By, RefMove, current};
use crate::records::{AutoMerge, Issue, MergeHow, Merged, Method, Pull, Repo, is_draft};
use crate::rows::{REPOS, Rows};
use crate::{Forge, ForgeError};

/// What became of a wish to merge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The base branch is at this commit.
    Merged(ObjectId),
    /// It happens when what is missing has come.
    Waits(String),
    /// Not in this state.
    Refused(String),
    /// The branches do not fit together, or the head is another one.
    Conflict(String),
}

/// A pull request to be opened.
pub(crate) struct Opening<'a> {
    pub head: &'a str,
    pub base: &'a str,
    pub title: &'a str,
    pub body: &'a str,
}

pub(crate) fn pull_key(repo: &Repo, number: u64) -> String {
    format!("pull/{}/{number:08}", repo.id)
}

pub(crate) fn issue_key(repo: &Repo, number: u64) -> String {
    format!("issue/{}/{number:08}", repo.id)
}

pub(crate) fn issue(rows: &Rows, repo: &Repo, number: u64) -> Result<Issue, ForgeError> {
    rows.get(&issue_key(repo, number))?.ok_or_else(|| ForgeError::NotFound(format!("#{number} of {}", repo.full_name())))
}

pub(crate) fn pull(rows: &Rows, repo: &Repo, number: u64) -> Result<Pull, ForgeError> {
    rows.get(&pull_key(repo, number))?.ok_or_else(|| ForgeError::NotFound(format!("the pull request #{number} of {}", repo.full_name())))
}

pub(crate) fn save(rows: &Rows, repo: &Repo, pull: &Pull) {
    rows.put(&pull_key(repo, pull.number), pull);
    let open = format!("open/{}/{:08}", repo.id, pull.number);
    if rows.get::<Issue>(&issue_key(repo, pull.number)).ok().flatten().is_some_and(|issue| issue.open) {
        rows.put(&open, &pull.number);
    } else {
        rows.delete(&open);
    }
}

/// Notes that an issue or pull request changed just now.
pub(crate) fn touch(forge: &Forge, rows: &Rows, repo: &Repo, number: u64) -> Result<(), ForgeError> {
    let mut row = issue(rows, repo, number)?;
    row.updated_at = forge.now();
    rows.put(&issue_key(repo, number), &row);
    Ok(())
}

/// Returns the open pull requests, oldest first.
pub(crate) fn open_pulls(rows: &Rows, repo: &Repo) -> Result<Vec<Pull>, ForgeError> {
    let numbers: Vec<u64> = rows.list(&format!("open/{}/", repo.id))?;
    numbers.into_iter().map(|number| pull(rows, repo, number)).collect()
}

impl Forge {
    /// Tells whether the branches of a pull request fit together, now and not later.
    pub(crate) fn mergeable(&self, rows: &Rows, repo: &Repo, pull: &Pull) -> Result<bool, ForgeError> {
        let Some(base) = current(rows, repo, &format!("refs/heads/{}", pull.base_branch)) else { return Ok(false) };
        let objects = self.objects(rows, repo);
        let overlay = Overlay::over(&objects);
        let how = MergeHow { method: Method::Merge, title: None, message: None, delete_branch: false };
        let words = Words { how: &how, default_title: String::new(), committer: Person::new("", "", 0), key: None };
        Ok(!matches!(prepare(&overlay, &base, &pull.head, &words)?, Err(Unmergeable::Conflict(_))))
    }

    /// Closes a pull request, merged or not.
    pub(crate) fn close_pull(
        &self,
        rows: &Rows,
        repo: &Repo,
        pull: &mut Pull,
        merged: Option<Merged>,
        actor: &Actor,
    ) -> Result<(), ForgeError> {
        let now = self.now();
        let mut row = issue(rows, repo, pull.number)?;
        row.open = false;
        row.updated_at = now;
        row.closed_at = Some(now);
        rows.put(&issue_key(repo, pull.number), &row);
        pull.merged = merged;
        pull.auto_merge = None;
        save(rows, repo, pull);
        self.emit_pull(rows, repo, pull, "closed", actor)
    }

    /// Merges a pull request if nothing stands against it. Writes nothing otherwise.
    pub(crate) fn merge_pull(&self, rows: &Rows, repo: &Repo, mut pull: Pull, how: &MergeHow, doer: &Actor) -> Result<Outcome, ForgeError> {
        let row = issue(rows, repo, pull.number)?;
        if !row.open {
            return Ok(Outcome::Refused(format!("the pull request #{} is closed", pull.number)));
        }
        if is_draft(&row.title) {
            return Ok(Outcome::Refused(format!("the pull request #{} is a draft", pull.number)));
        }
        let base_ref = format!("refs/heads/{}", pull.base_branch);
        let Some(base) = current(rows, repo, &base_ref) else {
            return Ok(Outcome::Conflict(format!("the branch {} does not exist", pull.base_branch)));
        };
        let objects = self.objects(rows, repo);
        let overlay = Overlay::over(&objects);
        let committer = Person::new(doer.full_name(), &doer.email(), self.now().as_second());
        let default_title = match how.method {
            Method::Squash => format!("{} (#{})", row.title, pull.number),
            _ => format!("Merge pull request '{}' (#{}) from {} into {}", row.title, pull.number, pull.head_branch, pull.base_branch),
        };
        let words = Words { how, default_title, committer, key: self.0.options.instance_key.as_ref() };
        let new = match prepare(&overlay, &base, &pull.head, &words)? {
            Ok(new) => new,
            Err(why) => return Ok(Outcome::Conflict(why.to_string())),
        };
        let before = pull.clone();
        let by = By { actor: doer, merging: Some(&before) };
        let moves = [RefMove { name: base_ref, old: Some(base), new: Some(new) }];
        if let Some(Err(refused)) = self.move_refs(rows, repo, &overlay, &moves, true, &by)?.into_iter().next() {
            return Ok(if refused.waits { Outcome::Waits(refused.reason) } else { Outcome::Refused(refused.reason) });
        }
        let merged = Merged { commit: new, onto: base, by: doer.login().to_owned(), at: self.now() };
        self.close_pull(rows, repo, &mut pull, Some(merged), doer)?;
        if how.delete_branch {
            self.delete_head(rows, repo, &pull, doer)?;
        }
        Ok(Outcome::Merged(new))
    }

    /// Deletes the branch of a merged pull request, unless somebody still needs it or its own protection keeps it.
    fn delete_head(&self, rows: &Rows, repo: &Repo, pull: &Pull, doer: &Actor) -> Result<(), ForgeError> {
        let name = format!("refs/heads/{}", pull.head_branch);
        let needed =
            open_pulls(rows, repo)?.iter().any(|other| other.head_branch == pull.head_branch || other.base_branch == pull.head_branch);
        if needed || current(rows, repo, &name) != Some(pull.head) {
            return Ok(());
        }
        let objects = self.objects(rows, repo);
        let moves = [RefMove { name, old: Some(pull.head), new: None }];
        for refused in self
            .move_refs(rows, repo, &Overlay::over(&objects), &moves, true, &By { actor: doer, merging: None })?
            .into_iter()
            .filter_map(Result::err)
        {
            tracing::info!(pull = pull.number, branch = pull.head_branch, reason = refused.reason, "the merged branch stays");
        }
        Ok(())
    }

    /// Merges every pull request of a repository whose scheduled merge has become possible. Merging one may make another
    /// impossible or possible, so it looks again until nothing more happens.
    pub(crate) fn merge_what_is_ready(&self, repo: u64) -> Result<(), ForgeError> {
        loop {
            let rows = self.rows();
            let Some(row) = rows.list::<Repo>(REPOS)?.into_iter().find(|row| row.id == repo) else { return Ok(()) };
            let scheduled: Vec<u64> =
                open_pulls(&rows, &row)?.iter().filter(|pull| pull.auto_merge.is_some()).map(|pull| pull.number).collect();
            let mut merged = false;
            for number in scheduled {
                // The inner write looks again by itself when it merged something.
                if self.merge_scheduled(&row, number)? {
                    merged = true;
                    break;
                }
            }
            if !merged {
                return Ok(());
            }
        }
    }

    fn merge_scheduled(&self, repo: &Repo, number: u64) -> Result<bool, ForgeError> {
        let rows = self.rows();
        let found = pull(&rows, repo, number)?;
        let Some(wanted) = found.auto_merge.clone() else { return Ok(false) };
        let waiting = self.unready(&rows, repo, &found)?;
        if waiting.as_deref() == Some(wanted.waits_for.as_str()) {
            return Ok(false);
        }
        self.write(|rows| {
            let mut found = pull(rows, repo, number)?;
            let Some(wanted) = found.auto_merge.clone() else { return Ok(false) };
            let outcome = match self.unready(rows, repo, &found)? {
                Some(why) => Outcome::Waits(why),
                None => match user(rows, &wanted.doer)? {
                    _ if wanted.head != found.head => Outcome::Refused("the head has moved since the merge was scheduled".to_owned()),
                    _ if wanted.doer == "forge-admin" => self.merge_pull(rows, repo, found.clone(), &wanted.how, &Actor::Admin)?,
                    Some(doer) => self.merge_pull(rows, repo, found.clone(), &wanted.how, &Actor::User(Box::new(doer)))?,
                    None => Outcome::Refused(format!("there is no user {} any more", wanted.doer)),
                },
            };
            match outcome {
                Outcome::Merged(_) => Ok(true),
                Outcome::Waits(why) | Outcome::Refused(why) | Outcome::Conflict(why) => {
                    if why != wanted.waits_for {
                        tracing::info!(pull = number, reason = why, "a scheduled merge waits");
                        found.auto_merge = Some(AutoMerge { waits_for: why, ..wanted });
                        save(rows, repo, &found);
                    }
                    Ok(false)
                }
            }
        })
    }

    /// What a merge "when checks succeed" waits for besides the policy: every status that the head has is green.
    pub(crate) fn unready(&self, rows: &Rows, repo: &Repo, pull: &Pull) -> Result<Option<String>, ForgeError> {
        let open = crate::evidence::latest_statuses(rows, repo, &pull.head)?;
        let open: Vec<String> = open
            .into_iter()
            .filter(|status| !matches!(status.state.as_str(), "success" | "warning" | "skipped"))
            .map(|status| status.context)
            .collect();
        Ok((!open.is_empty()).then(|| format!("status checks are not green: {}", open.join(", "))))
    }

    /// Opens a pull request. An open one with the same branches is a conflict.
    pub(crate) fn open_pull(&self, rows: &Rows, repo: &Repo, actor: &Actor, wanted: &Opening<'_>) -> Result<Pull, ForgeError> {
        let Opening { head, base, title, body } = *wanted;
        let tip = |branch: &str| {
            let found = current(rows, repo, &format!("refs/heads/{branch}"));
            found.ok_or_else(|| ForgeError::NotFound(format!("the branch {branch} of {}", repo.full_name())))
        };
        let (head_tip, base_tip) = (tip(head)?, tip(base)?);
        if head == base || title.trim().is_empty() {
            return Err(ForgeError::Invalid("a pull request needs a title and two different branches".to_owned()));
        }
        if let Some(other) = open_pulls(rows, repo)?.iter().find(|other| other.head_branch == head && other.base_branch == base) {
            return Err(ForgeError::Conflict(format!(
                "pull request already exists for these targets [id: {}, issue_id: {}]",
                other.number, other.number
            )));
        }
        let objects = self.objects(rows, repo);
        let merge_base = git::merge_base(&objects as &dyn Objects, &base_tip, &head_tip)?;
        let now = self.now();
        let number = rows.next(&format!("index/{}", repo.id))?;
        let row = Issue {
            id: rows.next("id")?,
            number,
            author: actor.login().to_owned(),
            title: title.to_owned(),
            body: body.to_owned(),
            open: true,
            labels: Vec::new(),
            assignees: Vec::new(),
            created_at: now,
            updated_at: now,
            closed_at: None,
            is_pull: true,
        };
        rows.put(&issue_key(repo, number), &row);
        let pull = Pull {
            number,
            head_branch: head.to_owned(),
            head: head_tip,
            base_branch: base.to_owned(),
            merge_base,
            merged: None,
            auto_merge: None,
            reviewers: Vec::new(),
            team_reviewers: Vec::new(),
        };
        save(rows, repo, &pull);
        crate::moves::put_ref(rows, repo, &format!("refs/pull/{number}/head"), Some(head_tip));
        self.emit_pull(rows, repo, &pull, "opened", actor)?;
        Ok(pull)
    }
}
