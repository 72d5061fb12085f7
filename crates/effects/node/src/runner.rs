//! The workflow runner: claims jobs from a forge, runs each in a sandbox of its own, and reports. An ordinary client of the
//! forge. Read first: [`Runner`].

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{Method, Request, header};
use model::Digest;
use ports::forge::ForgeError;
use ports::{Forge, Web};
use serde_json::{Value, json};
use tokio::process::Command;
use tokio::sync::{Semaphore, watch};

use crate::sandbox::{self, Ended, Lifeline, Mount, Root, Sandbox, SandboxError, supervise};
use crate::steps::{OUTCOME, Outcome, PLAN, Plan, STEPS};

/// How many jobs run at once.
const JOBS: usize = 4;
/// How long a job may take in all.
const TIMEOUT: Duration = Duration::from_secs(1_800);
/// Memory of a job, in bytes.
const MEMORY: i64 = 2 << 30;
/// Processes of a job.
const PROCESSES: i64 = 512;
/// As whom jobs run: nobody.
const USER: (u32, u32) = (65_534, 65_534);
/// Where jobs see their folder.
const INSIDE: &str = "/job";
/// Where jobs see this program and its names.
const BIN: &str = "/supercargo/bin";

/// Whether jobs may run outside a sandbox, where none can be made: as plain processes of this user.
#[derive(Debug, Clone)]
pub enum HostJobs {
    /// Never.
    Refused,
    /// Always.
    Allowed,
    /// Only these: workflow files by the digest of their content, images by digest. More may be added while it runs.
    Only(Arc<Mutex<BTreeSet<Digest>>>),
}

impl HostJobs {
    /// Tells whether the workflow file or image of this digest may run outside a sandbox.
    pub(crate) fn allow(&self, digest: &Digest) -> bool {
        match self {
            Self::Refused => false,
            Self::Allowed => true,
            Self::Only(known) => known.lock().expect("no holder panics").contains(digest),
        }
    }
}

/// What a runner is made of.
#[derive(Clone)]
pub struct Options {
    /// Its name: what it was running when it died is found again by it.
    pub name: String,
    /// The forge.
    pub forge: Forge,
    /// As whom it speaks to the forge.
    pub identity: String,
    /// The forge's name, such as `https://gitea.internal`.
    pub server: String,
    /// Where the forge answers on this machine, such as `http://127.0.0.1:3000`.
    pub address: String,
    /// Reaches the issuer of identity tokens.
    pub web: Web,
    /// Audience of the token that opens the registry.
    pub registry: String,
    /// Folder for the jobs' files.
    pub place: PathBuf,
    /// Names under which this program is called in jobs.
    pub links: Vec<String>,
    /// Variables that every step has, such as the table of host names.
    pub environment: BTreeMap<String, String>,
    /// Whether jobs may run outside a sandbox.
    pub host_jobs: HostJobs,
    /// Hears of every job that ended.
    pub told: Told,
}

/// Hears of a job that ended: which one, and how.
pub type Told = Arc<dyn Fn(&str, &Outcome) + Send + Sync>;

/// Runs workflow jobs. Cloning shares it.
#[derive(Clone)]
pub struct Runner(Arc<Options>);

/// Why a job has no outcome of its own.
#[derive(Debug, thiserror::Error)]
enum JobError {
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    #[error(
        "no job can run here: this process is not root and may not make user namespaces, and jobs outside a sandbox are not allowed (--allow-host-jobs)"
    )]
    NotAllowed,
    #[error("the job's folder {path} cannot be used")]
    File {
        path: String,
        #[source]
        source: std::io::Error,
    },
    #[error("{0}")]
    Other(String),
}

impl Runner {
    /// Makes a runner.
    pub fn new(options: Options) -> Self {
        Self(Arc::new(options))
    }

    /// Claims and runs jobs whenever `wakeup` tells that there may be some. What ran when this runner's last life ended is
    /// run again. Ends when the sender is gone.
    pub async fn run(self, mut wakeup: watch::Receiver<u64>) {
        let room = Arc::new(Semaphore::new(JOBS));
        let _ = std::fs::remove_dir_all(&self.0.place);
        let mut fresh = true;
        loop {
            wakeup.borrow_and_update();
            loop {
                let Ok(permit) = room.clone().acquire_owned().await else { return };
                match self.claim(fresh).await {
                    Ok(Some(job)) => {
                        fresh = false;
                        let this = self.clone();
                        tokio::spawn(async move {
                            this.job(&job).await;
                            drop(permit);
                        });
                    }
                    Ok(None) => {
                        fresh = false;
                        break;
                    }
                    Err(error) => {
                        tracing::warn!(%error, "no job could be claimed");
                        drop(permit);
                        tokio::time::sleep(Duration::from_millis(500)).await;
                    }
                }
            }
            if wakeup.changed().await.is_err() {
                return;
            }
        }
    }

    async fn claim(&self, fresh: bool) -> Result<Option<Value>, ForgeError> {
        let asked = json!({"runner": self.0.name, "fresh": fresh});
        let claimed = self.call("/claim", asked).await?;
        Ok(claimed.is_object().then_some(claimed))
    }

    async fn call(&self, path: &str, body: Value) -> Result<Value, ForgeError> {
        self.0.forge.raw(&self.0.server, Method::POST, &format!("/api/actions/v1{path}"), Some(body), &self.0.identity).await
    }

    async fn job(&self, claimed: &Value) {
        let (id, attempt) = (claimed["job"]["id"].as_u64().unwrap_or_default(), claimed["job"]["attempt"].as_u64().unwrap_or_default());
        let folder = self.0.place.join(format!("job-{id}-{attempt}"));
        let result = self.run_job(claimed, &folder).await;
        let (outcome, log) = match result {
            Ok(done) => done,
            Err(error) => {
                let text = model::chain(&error);
                (Outcome { success: false, outputs: BTreeMap::new(), description: text.clone() }, text)
            }
        };
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let about = format!(
            "{} {} / {} #{}",
            text(&claimed["run"]["repository"]),
            text(&claimed["run"]["name"]),
            text(&claimed["job"]["name"]),
            claimed["run"]["number"]
        );
        (self.0.told)(&about, &outcome);
        let state = if outcome.success { "success" } else { "failure" };
        let report =
            json!({"attempt": attempt, "state": state, "outputs": outcome.outputs, "description": outcome.description, "log": log});
        let mut pause = Duration::from_millis(50);
        // The forge is in this process or will come back; the report is never dropped while the attempt is ours.
        loop {
            match self.call(&format!("/jobs/{id}/finish"), report.clone()).await {
                Ok(_) => break,
                Err(error) if error.status().is_some_and(|status| status < 500) => {
                    tracing::warn!(%error, id, "the outcome of a job was not wanted");
                    break;
                }
                Err(error) => {
                    tracing::warn!(%error, id, "the outcome of a job was not taken");
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(Duration::from_secs(10));
                }
            }
        }
        let _ = std::fs::remove_dir_all(&folder);
    }

    async fn run_job(&self, claimed: &Value, folder: &Path) -> Result<(Outcome, String), JobError> {
        let boxed = sandbox::is_possible();
        let content = claimed["run"]["content"].as_str().unwrap_or_default();
        if !boxed && !self.0.host_jobs.allow(&Digest::of(content.as_bytes())) {
            return Err(JobError::NotAllowed);
        }
        let _ = std::fs::remove_dir_all(folder);
        let files = folder.join("job");
        for name in ["workspace", "files", "home", "tmp"] {
            make(&files.join(name))?;
        }
        let inside = if boxed { PathBuf::from(INSIDE) } else { files.clone() };
        let bin = if boxed { PathBuf::from(BIN) } else { self.host_links(folder)? };
        let plan = self.plan(claimed, &inside, &bin).await?;
        write(&files.join(PLAN), &serde_json::to_vec(&plan).expect("texts serialise"))?;
        write(&files.join("files/event.json"), claimed["run"]["event"].to_string().as_bytes())?;
        let ended = if boxed { self.sandboxed(folder, &files, &plan).await? } else { plain(&files, &plan).await? };
        let told = std::fs::read(files.join(OUTCOME)).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let lost = || {
            let why = if ended.timed_out {
                "it took longer than 30 minutes".to_owned()
            } else {
                format!("its process ended with {}", ended.code)
            };
            Outcome { success: false, outputs: BTreeMap::new(), description: why }
        };
        Ok((told.filter(|_| !ended.timed_out).unwrap_or_else(lost), ended.output))
    }

    async fn sandboxed(&self, folder: &Path, files: &Path, plan: &Plan) -> Result<Ended, JobError> {
        if nix::unistd::geteuid().is_root() {
            give_away(files)?;
        }
        let place = folder.join("sandbox");
        make(&place)?;
        let program = std::env::current_exe().map_err(|source| JobError::File { path: "/proc/self/exe".into(), source })?;
        let sandbox = Sandbox {
            place: place.join(folder.file_name().unwrap_or_default()),
            root: Root::Host,
            mounts: vec![
                Mount { source: files.to_owned(), target: INSIDE.into(), writable: true },
                Mount { source: program, target: "/supercargo/supercargo".into(), writable: false },
            ],
            links: self.0.links.iter().map(|name| (format!("{BIN}/{name}"), "../supercargo".to_owned())).collect(),
            arguments: ["/supercargo/supercargo", STEPS, INSIDE].map(str::to_owned).to_vec(),
            environment: plan.environment.clone(),
            folder: format!("{INSIDE}/workspace"),
            user: USER,
            processes: PROCESSES,
            memory: MEMORY,
            timeout: TIMEOUT,
        };
        make(&sandbox.place)?;
        Ok(sandbox.run().await?)
    }

    /// Without a sandbox the names lie in the job's own folder.
    fn host_links(&self, folder: &Path) -> Result<PathBuf, JobError> {
        let bin = folder.join("bin");
        make(&bin)?;
        let program = std::env::current_exe().map_err(|source| JobError::File { path: "/proc/self/exe".into(), source })?;
        for name in &self.0.links {
            let link = bin.join(name);
            std::os::unix::fs::symlink(&program, &link).map_err(|source| JobError::File { path: link.display().to_string(), source })?;
        }
        Ok(bin)
    }

    async fn plan(&self, claimed: &Value, inside: &Path, bin: &Path) -> Result<Plan, JobError> {
        let (job, run) = (&claimed["job"], &claimed["run"]);
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let token = text(&claimed["token"]);
        let repository = text(&run["repository"]);
        let reference = text(&run["ref"]);
        let (kind, short) = match (reference.strip_prefix("refs/heads/"), reference.strip_prefix("refs/tags/")) {
            (Some(branch), _) => ("branch", branch.to_owned()),
            (_, Some(tag)) => ("tag", tag.to_owned()),
            _ => ("", reference.clone()),
        };
        let request_token = claimed["identity_token"].as_str();
        let mut secrets = json!({"GITHUB_TOKEN": token, "GITEA_TOKEN": token});
        if let Some(request_token) = request_token {
            // Instead of a standing secret: the job's own identity, good for as long as the job.
            secrets["REGISTRY_TOKEN"] = json!(self.identity_token(request_token).await?);
        }
        let workspace = inside.join("workspace").display().to_string();
        let github = json!({
            "server_url": self.0.server, "api_url": format!("{}/api/v1", self.0.server), "repository": repository,
            "repository_owner": repository.split('/').next().unwrap_or_default(), "sha": run["sha"], "ref": reference, "ref_name": short, "ref_type": kind,
            "event_name": run["event_name"], "event": run["event"], "actor": run["actor"], "triggering_actor": run["actor"],
            "run_id": run["id"].to_string(), "run_number": run["number"].to_string(), "run_attempt": job["attempt"].to_string(),
            "workflow": run["name"], "workflow_ref": format!("{repository}/{}@{reference}", text(&run["path"])), "job": job["job_id"], "workspace": workspace,
            "token": token, "base_ref": "", "head_ref": "",
        });
        let mut environment = self.0.environment.clone();
        for (name, value) in [
            ("PATH", format!("{}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", bin.display())),
            ("HOME", inside.join("home").display().to_string()),
            ("TMPDIR", inside.join("tmp").display().to_string()),
            ("CI", "true".into()),
            ("GITHUB_ACTIONS", "true".into()),
            ("GITEA_ACTIONS", "true".into()),
            ("RUNNER_TEMP", inside.join("tmp").display().to_string()),
            ("RUNNER_OS", "Linux".into()),
            ("GIT_TERMINAL_PROMPT", "0".into()),
            ("GIT_CONFIG_NOSYSTEM", "1".into()),
        ] {
            environment.insert(name.into(), value);
        }
        for name in [
            "server_url",
            "api_url",
            "repository",
            "repository_owner",
            "sha",
            "ref",
            "ref_name",
            "ref_type",
            "event_name",
            "actor",
            "run_id",
            "run_number",
            "run_attempt",
            "workflow",
            "workflow_ref",
            "job",
            "workspace",
            "token",
        ] {
            for prefix in ["GITHUB", "GITEA"] {
                environment.insert(format!("{prefix}_{}", name.to_uppercase()), text(&github[name]));
            }
        }
        environment.insert("GITHUB_EVENT_PATH".into(), inside.join("files/event.json").display().to_string());
        if let Some(request_token) = request_token {
            environment.insert("ACTIONS_ID_TOKEN_REQUEST_URL".into(), format!("{}/api/actions/oidc/token?version=1", self.0.address));
            environment.insert("ACTIONS_ID_TOKEN_REQUEST_TOKEN".into(), request_token.to_owned());
        }
        let contexts = BTreeMap::from([
            ("github".to_owned(), github.clone()),
            ("gitea".to_owned(), github),
            ("secrets".to_owned(), secrets),
            ("needs".to_owned(), job["needs"].clone()),
            ("vars".to_owned(), json!({})),
            (
                "runner".to_owned(),
                json!({"os": "Linux", "name": self.0.name, "temp": environment["RUNNER_TEMP"], "arch": if cfg!(target_arch = "aarch64") { "ARM64" } else { "X64" }}),
            ),
            ("job".to_owned(), json!({"status": "success"})),
        ]);
        let header = format!("Authorization: Basic {}", STANDARD.encode(format!("x-access-token:{token}")));
        Ok(Plan {
            path: text(&run["path"]),
            content: text(&run["content"]),
            job: text(&job["job_id"]),
            contexts,
            environment,
            folder: inside.to_owned(),
            checkout: (format!("{}/{repository}", self.0.address), header),
        })
    }

    async fn identity_token(&self, request_token: &str) -> Result<String, JobError> {
        let url = format!("{}/api/actions/oidc/token?version=1&audience={}", self.0.server, self.0.registry);
        let request = Request::get(&url).header(header::AUTHORIZATION, format!("Bearer {request_token}")).body(Bytes::new());
        let request = request.map_err(|error| JobError::Other(error.to_string()))?;
        let answer = self.0.web.send(request, None).await.map_err(|error| JobError::Other(error.to_string()))?;
        let value: Value = serde_json::from_slice(answer.body()).unwrap_or_default();
        value["value"]
            .as_str()
            .map(str::to_owned)
            .ok_or_else(|| JobError::Other(format!("the issuer gave no identity token: HTTP {}", answer.status())))
    }
}

/// Runs the steps as this user, in the open.
async fn plain(files: &Path, plan: &Plan) -> Result<Ended, JobError> {
    let program = std::env::current_exe().map_err(|source| JobError::File { path: "/proc/self/exe".into(), source })?;
    let mut command = Command::new(program);
    command.arg(STEPS).arg(files).env_clear().envs(&plan.environment).current_dir(plan.workspace());
    Ok(supervise(command, TIMEOUT, Lifeline::None, None).await?)
}

fn make(folder: &Path) -> Result<(), JobError> {
    std::fs::create_dir_all(folder).map_err(|source| JobError::File { path: folder.display().to_string(), source })
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), JobError> {
    std::fs::write(path, bytes).map_err(|source| JobError::File { path: path.display().to_string(), source })
}

/// Lets the job's user own its files.
fn give_away(folder: &Path) -> Result<(), JobError> {
    let fail = |path: &Path| {
        let path = path.display().to_string();
        move |source| JobError::File { path, source }
    };
    let mut open = vec![folder.to_owned()];
    while let Some(path) = open.pop() {
        std::os::unix::fs::lchown(&path, Some(USER.0), Some(USER.1)).map_err(fail(&path))?;
        if path.is_dir() {
            open.extend(std::fs::read_dir(&path).map_err(fail(&path))?.flatten().map(|entry| entry.path()));
        }
    }
    Ok(())
}
