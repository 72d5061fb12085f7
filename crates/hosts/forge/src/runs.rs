//! Workflow runs: started in the same write as the push that triggers them, once per file, commit and ref; then a queue of
//! jobs that runners claim.

use std::collections::BTreeMap;

use git::{Kind, Mode, ObjectId, Objects, changed_paths, entry_at, merge_base, parse_tree, read_file};
use serde_json::{Value, json};

use crate::access::Actor;
use crate::moves::{RefMove, current};
use crate::records::{Job, Repo, Run, RunState, Status};
use crate::rest::json as view;
use crate::rows::Rows;
use crate::{Forge, ForgeError};

/// Where workflow files lie; the first folder that exists counts, as in Gitea.
const FOLDERS: [&str; 2] = [".gitea/workflows", ".github/workflows"];
/// Most bytes of a workflow file.
const FILE: usize = 1 << 20;
/// Most workflow files that are looked at.
const FILES: usize = 200;

/// A push, as workflow triggers see it.
#[derive(Debug, Clone, PartialEq)]
pub struct PushEvent {
    /// `OWNER/NAME`.
    pub repository: String,
    /// `refs/heads/main`, `refs/tags/v1`.
    pub reference: String,
    /// Where the ref was; 40 zeros when it is new.
    pub before: String,
    /// Where it is.
    pub after: String,
    /// The repository's default branch.
    pub default_branch: String,
    /// Paths that differ between before and after; for a new branch, since it left the default branch.
    pub changed: Vec<String>,
    /// Who pushed.
    pub pusher: String,
    /// The webhook's payload.
    pub payload: Value,
}

/// One job of a triggered workflow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobPlan {
    /// The workflow's name: its `name`, or its file's name.
    pub workflow: String,
    /// The job's key in the file.
    pub id: String,
    /// The job's name.
    pub name: String,
    /// Keys of the jobs that must succeed first.
    pub needs: Vec<String>,
    /// Whether it is granted `id-token: write`.
    pub id_token: bool,
}

/// Reads workflow files. The binary hands over the real one.
pub trait Workflows: Send + Sync {
    /// Returns the jobs that a push starts; none when the file's triggers do not fit. An error becomes a failed run.
    fn triggered(&self, path: &str, bytes: &[u8], event: &PushEvent) -> Result<Vec<JobPlan>, String>;
}

/// Returns the job of this number.
pub(crate) fn job(rows: &Rows, id: u64) -> Result<Option<Job>, ForgeError> {
    rows.get(&job_key(id))
}

pub(crate) fn job_key(id: u64) -> String {
    format!("job/{id:012}")
}

/// Where the jobs stand that are not over.
pub(crate) fn active_key(id: u64) -> String {
    format!("active/{id:012}")
}

pub(crate) fn run_key(repo: u64, id: u64) -> String {
    format!("run/{repo}/{id:012}")
}

impl Forge {
    pub(crate) fn start_runs(
        &self,
        rows: &Rows,
        repo: &Repo,
        objects: &dyn Objects,
        done: &RefMove,
        actor: &Actor,
    ) -> Result<(), ForgeError> {
        let Some(tip) = done.new else { return Ok(()) };
        let commit = objects.peel(&tip)?;
        if objects.get(&commit)?.is_none_or(|object| object.kind != Kind::Commit) {
            return Ok(());
        }
        let files = workflow_files(objects, &objects.commit(&commit)?.tree)?;
        if files.is_empty() {
            return Ok(());
        }
        let event = PushEvent {
            repository: repo.full_name(),
            reference: done.name.clone(),
            before: done.old.unwrap_or(ObjectId::ZERO).to_string(),
            after: tip.to_string(),
            default_branch: repo.default_branch.clone(),
            changed: changed(rows, repo, objects, done, &commit)?,
            pusher: actor.login().to_owned(),
            payload: self.push_payload(rows, repo, objects, done, actor)?,
        };
        for (path, bytes) in files {
            let once = format!("started/{}/{commit}/{}/{path}", repo.id, done.name);
            if rows.raw(&once).is_some() {
                continue;
            }
            let plans = self.0.options.workflows.triggered(&path, &bytes, &event);
            match plans.and_then(|plans| crate::queue::check_plans(&plans).map(|()| plans)) {
                Ok(plans) if plans.is_empty() => continue,
                Ok(plans) => self.start_run(rows, repo, &path, &bytes, commit, &event, plans, actor)?,
                Err(why) => self.fail_run(rows, repo, &path, &bytes, commit, &event, &why, actor)?,
            }
            rows.put_raw(&once, "started");
        }
        Ok(())
    }

    #[allow(clippy::too_many_arguments)] // As for a run that starts.
    fn new_run(
        &self,
        rows: &Rows,
        repo: &Repo,
        path: &str,
        bytes: &[u8],
        sha: ObjectId,
        event: &PushEvent,
        actor: &Actor,
    ) -> Result<Run, ForgeError> {
        let now = self.now();
        Ok(Run {
            id: rows.next("run")?,
            number: rows.next(&format!("run/{}/{path}", repo.id))?,
            repo: repo.id,
            path: path.to_owned(),
            name: path.rsplit('/').next().unwrap_or(path).to_owned(),
            content: String::from_utf8_lossy(bytes).into_owned(),
            sha,
            reference: event.reference.clone(),
            event: event.payload.clone(),
            actor: actor.login().to_owned(),
            state: RunState::Queued,
            jobs: Vec::new(),
            created_at: now,
            updated_at: now,
        })
    }

    #[allow(clippy::too_many_arguments)] // One call, all of them are what a run is made of.
    fn start_run(
        &self,
        rows: &Rows,
        repo: &Repo,
        path: &str,
        bytes: &[u8],
        sha: ObjectId,
        event: &PushEvent,
        plans: Vec<JobPlan>,
        actor: &Actor,
    ) -> Result<(), ForgeError> {
        let mut run = self.new_run(rows, repo, path, bytes, sha, event, actor)?;
        for plan in plans {
            run.name.clone_from(&plan.workflow);
            let job = Job {
                id: rows.next("job")?,
                repo: repo.id,
                run: run.id,
                context: format!("{} / {} (push)", plan.workflow, plan.name),
                job_id: plan.id,
                name: plan.name,
                needs: plan.needs,
                id_token: plan.id_token,
                state: RunState::Queued,
                runner: None,
                attempt: 0,
                outputs: BTreeMap::new(),
                tokens: Vec::new(),
                created_at: run.created_at,
                started_at: None,
                finished_at: None,
            };
            run.jobs.push(job.id);
            rows.put(&job_key(job.id), &job);
            rows.put(&active_key(job.id), &job.id);
            self.report_job(rows, repo, &run, &job, "pending", "Waiting to run")?;
            self.emit_job(rows, repo, &run, &job, if job.needs.is_empty() { "queued" } else { "waiting" }, actor)?;
        }
        rows.put(&run_key(repo.id, run.id), &run);
        Ok(())
    }

    #[allow(clippy::too_many_arguments)] // As for a run that starts.
    fn fail_run(
        &self,
        rows: &Rows,
        repo: &Repo,
        path: &str,
        bytes: &[u8],
        sha: ObjectId,
        event: &PushEvent,
        why: &str,
        actor: &Actor,
    ) -> Result<(), ForgeError> {
        let mut run = self.new_run(rows, repo, path, bytes, sha, event, actor)?;
        run.state = RunState::Failure;
        let context = format!("{} / parse (push)", run.name);
        rows.put(&run_key(repo.id, run.id), &run);
        let description: String = why.chars().take(1_000).collect();
        let status = Status {
            id: 0,
            state: "failure".to_owned(),
            context,
            description,
            target_url: self.run_url(repo, &run),
            creator: "forge".to_owned(),
            created_at: self.now(),
        };
        self.set_status(rows, repo, &sha, status, actor)?;
        self.emit_run(rows, repo, &run)
    }

    pub(crate) fn run_url(&self, repo: &Repo, run: &Run) -> String {
        self.external(&format!("/{}/actions/runs/{}", repo.full_name(), run.id))
    }

    /// Reports a job as a status of its commit.
    pub(crate) fn report_job(
        &self,
        rows: &Rows,
        repo: &Repo,
        run: &Run,
        job: &Job,
        state: &str,
        description: &str,
    ) -> Result<(), ForgeError> {
        let status = Status {
            id: 0,
            state: state.to_owned(),
            context: job.context.clone(),
            description: description.to_owned(),
            target_url: self.run_url(repo, run),
            creator: "forge-runner".to_owned(),
            created_at: self.now(),
        };
        self.set_status(rows, repo, &run.sha, status, &Actor::Runner).map(drop)
    }

    /// Tells runners that look for work, and whoever follows a run.
    pub(crate) fn emit_job(&self, rows: &Rows, repo: &Repo, run: &Run, job: &Job, action: &str, actor: &Actor) -> Result<(), ForgeError> {
        let (status, conclusion) = status_of(job.state);
        let payload = json!({
            "action": action,
            "workflow_job": {
                "id": job.id,
                "run_id": run.id,
                "run_attempt": job.attempt,
                "name": job.name,
                "status": status,
                "conclusion": conclusion,
                "head_sha": run.sha,
                "workflow_name": run.name,
                "runner_name": job.runner,
            },
            "repository": view::repo(self, repo, actor, None),
            "sender": view::actor(self, actor),
        });
        self.emit(rows, repo, "workflow_job", None, &payload)
    }

    /// Tells that a run is over.
    pub(crate) fn emit_run(&self, rows: &Rows, repo: &Repo, run: &Run) -> Result<(), ForgeError> {
        let payload = json!({
            "action": "completed",
            "workflow": { "id": run.path.rsplit('/').next(), "name": run.name, "path": run.path },
            "workflow_run": run_view(self, repo, run),
            "repository": view::repo(self, repo, &Actor::Runner, None),
            "sender": view::actor(self, &Actor::Runner),
        });
        self.emit(rows, repo, "workflow_run", run.reference.strip_prefix("refs/heads/"), &payload)
    }
}

/// Returns how Gitea says where a run or job stands: its status, and its conclusion once it is over.
pub(crate) fn status_of(state: RunState) -> (&'static str, Option<&'static str>) {
    match state {
        RunState::Queued => ("queued", None),
        RunState::Running => ("in_progress", None),
        RunState::Success => ("completed", Some("success")),
        RunState::Failure => ("completed", Some("failure")),
        RunState::Skipped => ("completed", Some("skipped")),
    }
}

/// Describes a run.
pub(crate) fn run_view(forge: &Forge, repo: &Repo, run: &Run) -> Value {
    let (status, conclusion) = status_of(run.state);
    json!({
        "id": run.id,
        "run_number": run.number,
        "run_attempt": 1,
        "display_title": run.name,
        "name": run.name,
        "path": format!("{}@{}", run.path, run.reference),
        "event": "push",
        "status": status,
        "conclusion": conclusion,
        "head_sha": run.sha,
        "head_branch": run.reference.strip_prefix("refs/heads/").unwrap_or(&run.reference),
        "actor": { "login": run.actor },
        "url": forge.external(&format!("/api/v1/repos/{}/actions/runs/{}", repo.full_name(), run.id)),
        "html_url": forge.run_url(repo, run),
        "started_at": view::instant(run.created_at),
        "completed_at": conclusion.map(|_| view::instant(run.updated_at)),
    })
}

fn workflow_files(objects: &dyn Objects, tree: &ObjectId) -> Result<Vec<(String, bytes::Bytes)>, ForgeError> {
    for folder in FOLDERS {
        let Some((Mode::Folder, id)) = entry_at(objects, tree, folder)? else { continue };
        let mut files = Vec::new();
        for entry in parse_tree(&objects.need(&id, Kind::Tree)?.data)? {
            let named = entry.name.ends_with(".yml") || entry.name.ends_with(".yaml");
            if !named || files.len() >= FILES {
                continue;
            }
            let path = format!("{folder}/{}", entry.name);
            if let Some(bytes) = read_file(objects, tree, &path)?.filter(|bytes| bytes.len() <= FILE) {
                files.push((path, bytes));
            }
        }
        return Ok(files);
    }
    Ok(Vec::new())
}

fn changed(rows: &Rows, repo: &Repo, objects: &dyn Objects, done: &RefMove, tip: &ObjectId) -> Result<Vec<String>, ForgeError> {
    let before = match done.old {
        Some(old) => Some(objects.peel(&old)?),
        None => match current(rows, repo, &repo.default_ref()).filter(|_| done.name != repo.default_ref()) {
            Some(main) => merge_base(objects, tip, &main)?,
            None => None,
        },
    };
    let before = match before {
        Some(before) if objects.get(&before)?.is_some_and(|object| object.kind == Kind::Commit) => Some(objects.commit(&before)?.tree),
        _ => None,
    };
    let after = objects.commit(tip)?.tree;
    Ok(changed_paths(objects, before.as_ref(), Some(&after))?.into_iter().map(|change| change.path).collect())
}
