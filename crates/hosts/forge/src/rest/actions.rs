//! Workflow runs, their jobs and logs, for reading.

use serde_json::{Value, json};

use crate::ForgeError;
use crate::api::Answer;
use crate::queue::{jobs_of, log};
use crate::records::{Access, Job, Repo, Run, RunState};
use crate::rest::{Place, json as view, parse, unknown};
use crate::runs::{job, run_key, run_view, status_of};

pub(super) fn answer(place: &Place<'_>, path: &[&str]) -> Result<Answer, ForgeError> {
    let (rows, repo) = place.look(Access::Read)?;
    let find = |id: &str| rows.get::<Run>(&run_key(repo.id, parse(id)?))?.ok_or_else(|| ForgeError::NotFound(format!("the run {id}")));
    match path {
        ["runs"] => list(place, &repo),
        ["runs", id] => Ok(Answer::json(run_view(place.call.forge, &repo, &find(id)?))),
        ["runs", id, "jobs"] => {
            let run = find(id)?;
            let jobs: Vec<Value> = jobs_of(&rows, &run)?.iter().map(|job| job_view(place, &repo, &run, job)).collect();
            Ok(Answer::json(json!({ "total_count": jobs.len(), "jobs": jobs })))
        }
        ["jobs", id, "logs"] => {
            let unknown = || ForgeError::NotFound(format!("a log of the job {id}"));
            let found = job(&rows, parse(id)?)?.filter(|job| job.repo == repo.id).ok_or_else(unknown)?;
            Ok(Answer::bytes(log(&rows, &found)?.ok_or_else(unknown)?))
        }
        ["jobs", id] => {
            let found =
                job(&rows, parse(id)?)?.filter(|job| job.repo == repo.id).ok_or_else(|| ForgeError::NotFound(format!("the job {id}")))?;
            Ok(Answer::json(job_view(place, &repo, &find(&found.run.to_string())?, &found)))
        }
        _ => Err(unknown("GET", path)),
    }
}

fn list(place: &Place<'_>, repo: &Repo) -> Result<Answer, ForgeError> {
    let query = |name: &str| place.call.query(name);
    let (sha, branch, status) = (query("head_sha"), query("branch"), query("status"));
    let mut runs: Vec<Run> = place.call.rows().list(&format!("run/{}/", repo.id))?;
    runs.retain(|run| {
        let (now, conclusion) = status_of(run.state);
        sha.as_ref().is_none_or(|sha| run.sha.to_string() == *sha)
            && branch.as_ref().is_none_or(|branch| run.reference == format!("refs/heads/{branch}"))
            && status.as_ref().is_none_or(|status| now == status || conclusion == Some(status))
    });
    runs.reverse();
    let total = runs.len();
    let (page, headers) = place.call.page(runs);
    let page: Vec<Value> = page.iter().map(|run| run_view(place.call.forge, repo, run)).collect();
    Ok(Answer { headers, ..Answer::json(json!({ "total_count": total, "workflow_runs": page })) })
}

fn job_view(place: &Place<'_>, repo: &Repo, run: &Run, job: &Job) -> Value {
    let (status, conclusion) = status_of(job.state);
    let url = format!("{}/api/v1/repos/{}/actions/jobs/{}", place.call.base(), repo.full_name(), job.id);
    json!({
        "id": job.id,
        "run_id": job.run,
        "run_attempt": job.attempt,
        "name": job.name,
        "status": if job.state == RunState::Queued && !job.needs.is_empty() { "waiting" } else { status },
        "conclusion": conclusion,
        "head_sha": run.sha,
        "runner_name": job.runner,
        "needs": job.needs,
        "context": job.context,
        "outputs": job.outputs,
        "url": url,
        "html_url": format!("{}/jobs/{}", place.call.forge.run_url(repo, run), job.id),
        "created_at": view::instant(job.created_at),
        "started_at": job.started_at.map(view::instant),
        "completed_at": job.finished_at.map(view::instant),
    })
}
