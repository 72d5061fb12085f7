//! The queue of workflow jobs: claiming, finishing, and what a running job may say about itself. Each is one durable write.
//!
//! A job is `Queued`, then `Running` in an attempt that has its own tokens, then over. Only the present attempt can finish it.
//! Read first: [`Forge::claim`], [`Forge::finish`].

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};

use bytes::Bytes;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use crate::access::{Actor, new_secret, token_key};
use crate::records::{Job, Repo, Run, RunState, Token};
use crate::rest::json as view;
use crate::rows::{REPOS, Rows};
use crate::runs::{JobPlan, active_key, job, job_key, run_key};
use crate::{Forge, ForgeError};

/// Most bytes of a log that are kept.
const LOG: usize = 4 << 20;
/// Most bytes of a job's outputs, as on GitHub.
const OUTPUTS: usize = 1 << 20;
/// Characters of a description.
const DESCRIPTION: usize = 1_000;

/// How an attempt ended, as its runner says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finish {
    pub attempt: u32,
    pub success: bool,
    pub outputs: BTreeMap<String, String>,
    pub description: String,
    pub log: String,
}

/// Refuses jobs that could never all run.
pub(crate) fn check_plans(plans: &[JobPlan]) -> Result<(), String> {
    let mut open: Vec<&JobPlan> = plans.iter().collect();
    if let Some(plan) = plans.iter().find(|plan| plans.iter().filter(|other| other.id == plan.id).count() > 1) {
        return Err(format!("the job {} is there twice", plan.id));
    }
    if let Some((plan, need)) =
        plans.iter().find_map(|plan| Some((plan, plan.needs.iter().find(|need| !plans.iter().any(|other| other.id == **need))?)))
    {
        return Err(format!("the job {} needs {need}, which does not exist", plan.id));
    }
    loop {
        let before = open.len();
        let waiting: Vec<String> = open.iter().map(|plan| plan.id.clone()).collect();
        open.retain(|plan| plan.needs.iter().any(|need| waiting.contains(need)));
        if open.is_empty() {
            return Ok(());
        }
        if open.len() == before {
            return Err(format!("the jobs {} need each other", waiting.join(", ")));
        }
    }
}

/// What the log of an attempt is kept under.
fn log_key(job: u64, attempt: u32) -> String {
    format!("log/{job:012}/{attempt:06}")
}

/// Returns the log of a job's last finished attempt.
pub(crate) fn log(rows: &Rows, job: &Job) -> Result<Option<Bytes>, ForgeError> {
    let key = log_key(job.id, job.attempt);
    let Some(packed) = rows.raw(&key) else { return Ok(None) };
    let mut text = Vec::new();
    // What was cut when it came is not longer now.
    let read = GzDecoder::new(packed.as_ref()).take(2 * LOG as u64).read_to_end(&mut text);
    read.map_err(|error| ForgeError::Row { key, text: error.to_string() })?;
    Ok(Some(text.into()))
}

fn pack_log(text: &str) -> Vec<u8> {
    let mut cut = text.len().min(LOG);
    while !text.is_char_boundary(cut) {
        cut -= 1;
    }
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    let mut write = |text: &str| encoder.write_all(text.as_bytes()).expect("memory takes every byte");
    write(&text[..cut]);
    if cut < text.len() {
        write(&format!("\n[the log was cut here: {} of {} bytes are kept]\n", cut, text.len()));
    }
    encoder.finish().expect("memory takes every byte")
}

/// Returns the repository of this number.
fn repo_of(rows: &Rows, id: u64) -> Result<Repo, ForgeError> {
    rows.list::<Repo>(REPOS)?.into_iter().find(|repo| repo.id == id).ok_or_else(|| ForgeError::NotFound(format!("the repository {id}")))
}

fn run_of(rows: &Rows, job: &Job) -> Result<Run, ForgeError> {
    rows.get(&run_key(job.repo, job.run))?.ok_or_else(|| ForgeError::NotFound(format!("the run {}", job.run)))
}

/// Returns the jobs of a run.
pub(crate) fn jobs_of(rows: &Rows, run: &Run) -> Result<Vec<Job>, ForgeError> {
    let mut jobs = Vec::new();
    for id in &run.jobs {
        jobs.extend(job(rows, *id)?);
    }
    Ok(jobs)
}

/// The jobs that this one needs, if all of them succeeded.
fn needed<'a>(job: &Job, all: &'a [Job]) -> Option<Vec<&'a Job>> {
    job.needs.iter().map(|need| all.iter().find(|other| other.job_id == *need && other.state == RunState::Success)).collect()
}

fn revoke(rows: &Rows, job: &mut Job) {
    for key in job.tokens.drain(..) {
        rows.delete(&key);
    }
}

impl Forge {
    /// Hands a runner the oldest job that is ready. A fresh runner has forgotten what it was doing: that is queued again.
    pub(crate) fn claim(&self, runner: &str, fresh: bool) -> Result<Option<Value>, ForgeError> {
        self.write(|rows| {
            let mut active = Vec::new();
            for id in rows.list::<u64>("active/")? {
                active.extend(job(rows, id)?);
            }
            if fresh {
                for lost in active.iter_mut().filter(|job| job.state == RunState::Running && job.runner.as_deref() == Some(runner)) {
                    self.requeue(rows, lost)?;
                }
            }
            for found in active.into_iter().filter(|job| job.state == RunState::Queued) {
                let run = run_of(rows, &found)?;
                let all = jobs_of(rows, &run)?;
                if let Some(needs) = needed(&found, &all) {
                    return self.start(rows, found.clone(), run, &needs, runner).map(Some);
                }
            }
            Ok(None)
        })
    }

    fn requeue(&self, rows: &Rows, job: &mut Job) -> Result<(), ForgeError> {
        revoke(rows, job);
        job.state = RunState::Queued;
        job.runner = None;
        job.started_at = None;
        rows.put(&job_key(job.id), job);
        let (repo, run) = (repo_of(rows, job.repo)?, run_of(rows, job)?);
        self.report_job(rows, &repo, &run, job, "pending", "Waiting to run again: its runner was restarted")
    }

    fn start(&self, rows: &Rows, mut job: Job, mut run: Run, needs: &[&Job], runner: &str) -> Result<Value, ForgeError> {
        let repo = repo_of(rows, job.repo)?;
        let now = self.now();
        job.state = RunState::Running;
        job.runner = Some(runner.to_owned());
        job.attempt += 1;
        job.started_at = Some(now);
        let mut issue = |token: Token| {
            let secret = new_secret();
            let key = token_key(&secret);
            rows.put(&key, &token);
            job.tokens.push(key);
            secret
        };
        let (id, attempt) = (job.id, job.attempt);
        let token = issue(Token::Job { job: id, attempt });
        let identity = job.id_token.then(|| issue(Token::Identity { job: id, attempt }));
        rows.put(&job_key(job.id), &job);
        run.state = RunState::Running;
        run.updated_at = now;
        rows.put(&run_key(repo.id, run.id), &run);
        self.report_job(rows, &repo, &run, &job, "pending", "Has started running")?;
        self.emit_job(rows, &repo, &run, &job, "in_progress", &Actor::Runner)?;
        let needs: BTreeMap<&str, Value> =
            needs.iter().map(|need| (need.job_id.as_str(), json!({ "result": "success", "outputs": need.outputs }))).collect();
        Ok(json!({
            "job": { "id": job.id, "attempt": job.attempt, "job_id": job.job_id, "name": job.name, "needs": needs },
            "run": {
                "id": run.id,
                "number": run.number,
                "path": run.path,
                "name": run.name,
                "content": run.content,
                "sha": run.sha,
                "ref": run.reference,
                "event_name": "push",
                "event": run.event,
                "actor": run.actor,
                "repository": repo.full_name(),
                "default_branch": repo.default_branch,
            },
            "token": token,
            "identity_token": identity,
        }))
    }

    /// Ends an attempt. Saying the same again changes nothing; an attempt that is not the present one ends nothing.
    pub(crate) fn finish(&self, id: u64, finish: &Finish) -> Result<(), ForgeError> {
        let size: usize = finish.outputs.iter().map(|(name, value)| name.len() + value.len()).sum();
        if size > OUTPUTS {
            return Err(ForgeError::Invalid(format!("outputs: more than {OUTPUTS} bytes")));
        }
        let state = if finish.success { RunState::Success } else { RunState::Failure };
        self.write(|rows| {
            let mut found = job(rows, id)?.ok_or_else(|| ForgeError::NotFound(format!("the job {id}")))?;
            if found.attempt == finish.attempt && found.state == state {
                return Ok(());
            }
            if found.state != RunState::Running || found.attempt != finish.attempt {
                return Err(ForgeError::Conflict(format!("attempt {} of the job {id} is not running", finish.attempt)));
            }
            let (repo, run) = (repo_of(rows, found.repo)?, run_of(rows, &found)?);
            found.outputs.clone_from(&finish.outputs);
            rows.put_raw(&log_key(id, found.attempt), pack_log(&finish.log));
            let description: String = finish.description.chars().take(DESCRIPTION).collect();
            let description = match (description.is_empty(), finish.success) {
                (false, _) => description,
                (true, true) => "Successful".to_owned(),
                (true, false) => "Failing".to_owned(),
            };
            self.end(rows, &repo, &run, &mut found, state, &description)?;
            self.follow(rows, &repo, run)
        })
    }

    /// Notes that a job is over, whichever way.
    fn end(&self, rows: &Rows, repo: &Repo, run: &Run, job: &mut Job, state: RunState, description: &str) -> Result<(), ForgeError> {
        revoke(rows, job);
        job.state = state;
        job.finished_at = Some(self.now());
        rows.put(&job_key(job.id), job);
        rows.delete(&active_key(job.id));
        // A job that never ran has found nothing out: for the commit that is no green light.
        let status = if state == RunState::Success { "success" } else { "failure" };
        self.report_job(rows, repo, run, job, status, description)?;
        self.emit_job(rows, repo, run, job, "completed", &Actor::Runner)
    }

    /// Draws the consequences of a job's end for the others of its run: some can start, some never will, or it was the last.
    fn follow(&self, rows: &Rows, repo: &Repo, mut run: Run) -> Result<(), ForgeError> {
        loop {
            let all = jobs_of(rows, &run)?;
            let failed = |id: &str| all.iter().any(|job| job.job_id == id && matches!(job.state, RunState::Failure | RunState::Skipped));
            let Some((mut lost, need)) = all
                .iter()
                .filter(|job| job.state == RunState::Queued)
                .find_map(|job| Some((job.clone(), job.needs.iter().find(|need| failed(need))?.clone())))
            else {
                break;
            };
            self.end(rows, repo, &run, &mut lost, RunState::Skipped, &format!("Has been skipped: {need} did not succeed"))?;
        }
        let all = jobs_of(rows, &run)?;
        for ready in all.iter().filter(|job| job.state == RunState::Queued && !job.needs.is_empty() && needed(job, &all).is_some()) {
            self.emit_job(rows, repo, &run, ready, "queued", &Actor::Runner)?;
        }
        run.updated_at = self.now();
        let over = all.iter().all(|job| matches!(job.state, RunState::Success | RunState::Failure | RunState::Skipped));
        if over {
            let green = all.iter().all(|job| job.state == RunState::Success);
            run.state = if green { RunState::Success } else { RunState::Failure };
        }
        rows.put(&run_key(repo.id, run.id), &run);
        if over { self.emit_run(rows, repo, &run) } else { Ok(()) }
    }

    /// Returns what the issuer may put into a token for the running job whose request token this is.
    pub(crate) fn identity(&self, token: &str) -> Result<Value, ForgeError> {
        let rows = self.rows();
        let unknown = || ForgeError::NotFound("a running job with this token".to_owned());
        let Some(Token::Identity { job: id, attempt }) = rows.get(&token_key(token))? else { return Err(unknown()) };
        let job =
            job(&rows, id)?.filter(|job| job.state == RunState::Running && job.attempt == attempt && job.id_token).ok_or_else(unknown)?;
        let (repo, run) = (repo_of(&rows, job.repo)?, run_of(&rows, &job)?);
        let owner = view::repo(self, &repo, &Actor::Admin, None)["owner"]["id"].to_string();
        let workflow = format!("{}/{}@{}", repo.full_name(), run.path, run.reference);
        Ok(json!({
            "sub": format!("repo:{}:ref:{}", repo.full_name(), run.reference),
            "repository": repo.full_name(),
            "repository_id": repo.id.to_string(),
            "repository_owner": repo.owner,
            "repository_owner_id": owner,
            "repository_visibility": if repo.private { "private" } else { "public" },
            "ref": run.reference,
            "ref_type": if run.reference.starts_with("refs/tags/") { "tag" } else { "branch" },
            "sha": run.sha,
            "event_name": "push",
            "workflow": run.name,
            "workflow_ref": workflow,
            "workflow_sha": run.sha,
            "job_workflow_ref": workflow,
            "job_workflow_sha": run.sha,
            "run_id": run.id.to_string(),
            "run_number": run.number.to_string(),
            "run_attempt": job.attempt.to_string(),
            "runner_environment": "self-hosted",
            "actor": run.actor,
        }))
    }
}
