//! What the forge tells others: payloads in Gitea's dialect, queued in the same write as what they tell of.

use git::{ObjectId, Objects, changed_paths, is_ancestor, rev_list};
use serde_json::{Value, json};

use crate::access::Actor;
use crate::moves::RefMove;
use crate::records::{Delivery, Hook, Pull, Repo, Status};
use crate::rest::json as view;
use crate::rows::Rows;
use crate::{Forge, ForgeError};

/// Most commits that a push's payload describes; `total_commits` counts all.
const COMMITS: usize = 100;

/// Tells whether a hook that wants something hears this event. Gitea has names for families and for their members.
fn hears(wanted: &str, event: &str) -> bool {
    let review = matches!(event, "pull_request_approved" | "pull_request_rejected" | "pull_request_comment");
    wanted == "*"
        || wanted == event
        || (review && (wanted == "pull_request_review" || wanted == event.replacen("request_", "request_review_", 1)))
}

impl Forge {
    /// Queues an event for everybody who wants to hear it.
    pub(crate) fn emit(&self, rows: &Rows, repo: &Repo, event: &str, branch: Option<&str>, payload: &Value) -> Result<(), ForgeError> {
        let mut targets: Vec<(String, String)> = self.0.options.system_hooks.iter().map(|url| (url.clone(), String::new())).collect();
        for hook in rows.list::<Hook>(&format!("hook/{}/", repo.id))? {
            let branch_fits = branch.is_none_or(|branch| hook.branch_filter.is_empty() || golang::glob(&hook.branch_filter, branch));
            if hook.active && branch_fits && hook.events.iter().any(|wanted| hears(wanted, event)) {
                targets.push((hook.url, hook.secret));
            }
        }
        for (url, secret) in targets {
            let number = rows.next("delivery")?;
            let uuid = format!("{:032x}", rand::random::<u128>());
            let body = payload.to_string();
            let delivery = Delivery { number, uuid, url, secret, event: event.to_owned(), body, attempts: 0, not_before: self.now() };
            rows.put(&format!("delivery/{number:016}"), &delivery);
            rows.after(|after| after.events = true);
        }
        Ok(())
    }

    pub(crate) fn emit_ref_events(
        &self,
        rows: &Rows,
        repo: &Repo,
        objects: &dyn Objects,
        done: &RefMove,
        actor: &Actor,
    ) -> Result<(), ForgeError> {
        let (kind, short) = match (done.name.strip_prefix("refs/heads/"), done.name.strip_prefix("refs/tags/")) {
            (Some(branch), _) => ("branch", branch),
            (_, Some(tag)) => ("tag", tag),
            _ => return Ok(()),
        };
        let branch = (kind == "branch").then_some(short);
        let about = json!({ "ref": short, "ref_type": kind, "repository": view::repo(self, repo, actor, None), "sender": view::actor(self, actor) });
        match (done.old, done.new) {
            (None, Some(new)) => {
                let mut about = about;
                about["sha"] = json!(new);
                self.emit(rows, repo, "create", branch, &about)?;
            }
            (_, None) => {
                let mut about = about;
                about["pusher_type"] = json!("user");
                return self.emit(rows, repo, "delete", branch, &about);
            }
            _ => {}
        }
        let payload = self.push_payload(rows, repo, objects, done, actor)?;
        self.emit(rows, repo, "push", branch, &payload)
    }

    /// Describes a push as Gitea does. For a new branch the commits are those that the default branch lacks.
    pub(crate) fn push_payload(
        &self,
        rows: &Rows,
        repo: &Repo,
        objects: &dyn Objects,
        done: &RefMove,
        actor: &Actor,
    ) -> Result<Value, ForgeError> {
        let (before, after) = (done.old.unwrap_or(ObjectId::ZERO), done.new.unwrap_or(ObjectId::ZERO));
        let known = done.old.or_else(|| crate::moves::current(rows, repo, &repo.default_ref()).filter(|tip| *tip != after));
        let mut commits = Vec::new();
        let mut total = 0;
        let is_commit = |id: &ObjectId| objects.get(id).map(|object| object.is_some_and(|object| object.kind == git::Kind::Commit));
        if is_commit(&after)? {
            let known = match known {
                Some(known) if is_commit(&known)? => vec![known],
                _ => Vec::new(),
            };
            let list = rev_list(objects, &[after], &known)?;
            total = list.len();
            for id in list.iter().take(COMMITS).rev() {
                commits.push(self.payload_commit(repo, objects, id)?);
            }
        }
        Ok(json!({
            "ref": done.name,
            "before": before,
            "after": after,
            "compare_url": self.external(&format!("/{}/compare/{before}...{after}", repo.full_name())),
            "head_commit": commits.last(),
            "commits": commits,
            "total_commits": total,
            "forced": match (done.old, done.new) {
                (Some(old), Some(new)) => !is_ancestor(objects, &old, &new)?,
                _ => false,
            },
            "repository": view::repo(self, repo, actor, None),
            "pusher": view::actor(self, actor),
            "sender": view::actor(self, actor),
        }))
    }

    fn payload_commit(&self, repo: &Repo, objects: &dyn Objects, id: &ObjectId) -> Result<Value, ForgeError> {
        let commit = objects.commit(id)?;
        let parent = commit.parents.first().map(|parent| objects.commit(parent)).transpose()?.map(|parent| parent.tree);
        let (mut added, mut removed, mut modified) = (Vec::new(), Vec::new(), Vec::new());
        for change in changed_paths(objects, parent.as_ref(), Some(&commit.tree))? {
            match (&change.old, &change.new) {
                (None, _) => added.push(change.path),
                (_, None) => removed.push(change.path),
                _ => modified.push(change.path),
            }
        }
        let person = |person: &git::Person| json!({ "name": person.name, "email": person.email, "username": "" });
        Ok(json!({
            "id": id,
            "message": commit.message,
            "url": self.external(&format!("/{}/commit/{id}", repo.full_name())),
            "author": person(&commit.author),
            "committer": person(&commit.committer),
            "timestamp": view::time(&commit.committer),
            "added": added,
            "removed": removed,
            "modified": modified,
        }))
    }

    pub(crate) fn emit_pull(&self, rows: &Rows, repo: &Repo, pull: &Pull, action: &str, actor: &Actor) -> Result<(), ForgeError> {
        let payload = json!({
            "action": action,
            "number": pull.number,
            "pull_request": view::pull(self, rows, repo, pull, actor, None)?,
            "repository": view::repo(self, repo, actor, None),
            "sender": view::actor(self, actor),
            "commit_id": pull.head,
        });
        self.emit(rows, repo, "pull_request", Some(&pull.base_branch), &payload)
    }

    /// Records a commit's status, tells of it, and looks again at what waits for it.
    pub(crate) fn set_status(
        &self,
        rows: &Rows,
        repo: &Repo,
        commit: &ObjectId,
        mut status: Status,
        actor: &Actor,
    ) -> Result<Status, ForgeError> {
        status.id = rows.next("id")?;
        status.created_at = self.now();
        rows.put(&format!("status/{}/{commit}/{:016}", repo.id, status.id), &status);
        rows.recheck(repo.id);
        let payload = json!({
            "sha": commit,
            "state": status.state,
            "context": status.context,
            "description": status.description,
            "target_url": status.target_url,
            "repository": view::repo(self, repo, actor, None),
            "sender": view::actor(self, actor),
        });
        self.emit(rows, repo, "status", None, &payload)?;
        Ok(status)
    }
}
