//! The steps of one workflow job, one after the other, in real shells. Runs inside the job's sandbox, as its first process.
//! Read first: [`Plan`], [`run`]. Follows actions/runner `src/Runner.Worker`.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use workflow::{Contexts, Kind, Step, condition, interpolate};

/// The word after the program's name that makes it the first process of a job.
pub const STEPS: &str = "__steps";
/// Where the plan lies in the job's folder.
pub const PLAN: &str = "plan.json";
/// Where the outcome lies in the job's folder.
pub const OUTCOME: &str = "outcome.json";
/// Most bytes of a file through which a step tells something.
const FILE: u64 = 1 << 20;

/// What is to be done.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Plan {
    /// Path of the workflow file.
    pub path: String,
    /// Its content.
    pub content: String,
    /// Key of the job in it.
    pub job: String,
    /// `github`, `secrets`, `needs`, …
    pub contexts: BTreeMap<String, Value>,
    /// Variables that every step has.
    pub environment: BTreeMap<String, String>,
    /// The folder that may be written, as the steps see it; the workspace lies below.
    pub folder: PathBuf,
    /// Where `actions/checkout` fetches from, and the header that lets it.
    pub checkout: (String, String),
}

/// How it ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// Whether all went well.
    pub success: bool,
    /// What the job gives to others.
    pub outputs: BTreeMap<String, String>,
    /// One line: which step failed, and how.
    pub description: String,
}

impl Plan {
    /// Returns the workspace, as the steps see it.
    pub fn workspace(&self) -> PathBuf {
        self.folder.join("workspace")
    }
}

/// Runs the plan in a folder, writes the outcome there, and returns the exit code of the process.
pub fn run(folder: &Path) -> i32 {
    let outcome = match read_plan(folder) {
        Ok(plan) => Runner::new(plan).run(),
        Err(why) => Outcome { success: false, outputs: BTreeMap::new(), description: why },
    };
    let code = i32::from(!outcome.success);
    let bytes = serde_json::to_vec(&outcome).expect("texts serialise");
    match std::fs::write(folder.join(OUTCOME), bytes) {
        Ok(()) => code,
        Err(error) => {
            eprintln!("the outcome was not written: {error}");
            1
        }
    }
}

fn read_plan(folder: &Path) -> Result<Plan, String> {
    let bytes = std::fs::read(folder.join(PLAN)).map_err(|error| format!("the plan cannot be read: {error}"))?;
    serde_json::from_slice(&bytes).map_err(|error| format!("the plan is malformed: {error}"))
}

struct Runner {
    plan: Plan,
    contexts: Contexts,
    environment: BTreeMap<String, String>,
    path: Vec<String>,
    secrets: Vec<String>,
}

impl Runner {
    fn new(plan: Plan) -> Self {
        let mut contexts = Contexts { values: plan.contexts.clone(), ..Contexts::default() };
        contexts.values.insert("steps".into(), json!({}));
        let secrets = plan.contexts.get("secrets").and_then(Value::as_object).into_iter().flatten();
        let secrets = secrets.filter_map(|(_, value)| value.as_str()).filter(|text| text.len() > 3).map(str::to_owned).collect();
        let path = plan.environment.get("PATH").map(|path| path.split(':').map(str::to_owned).collect()).unwrap_or_default();
        Self { contexts, environment: plan.environment.clone(), path, secrets, plan }
    }

    fn run(mut self) -> Outcome {
        let parsed = workflow::parse(&self.plan.path, self.plan.content.as_bytes()).map_err(|error| error.to_string());
        let found = parsed.and_then(|file| {
            let job = file.jobs.iter().find(|job| job.id == self.plan.job).cloned();
            job.map(|job| (file.env, job)).ok_or_else(|| format!("the workflow has no job {:?}", self.plan.job))
        });
        let failed = |description: String| Outcome { success: false, outputs: BTreeMap::new(), description };
        let (env, job) = match found {
            Ok(found) => found,
            Err(why) => return failed(why),
        };
        for variables in [&env, &job.env] {
            if let Err(why) = self.add_variables(variables) {
                return failed(why);
            }
        }
        let mut description = String::new();
        for (number, step) in job.steps.iter().enumerate() {
            let name = step.name.clone().unwrap_or_else(|| title(step));
            match self.step(number, step, &name, &job.shell, &job.working_directory) {
                Ok(()) => {}
                Err(why) => {
                    println!("::error::{name}: {}", self.masked(&why));
                    if !step.continue_on_error && description.is_empty() {
                        description = format!("step {name:?} failed: {}", self.masked(&why));
                    }
                    self.contexts.failed |= !step.continue_on_error;
                }
            }
        }
        let mut outputs = BTreeMap::new();
        for (name, text) in &job.outputs {
            match interpolate(text, &self.contexts) {
                Ok(value) => drop(outputs.insert(name.clone(), value)),
                Err(error) => return failed(format!("output {name:?}: {error}")),
            }
        }
        let success = !self.contexts.failed;
        Outcome { success, outputs, description: if success { format!("{} steps succeeded", job.steps.len()) } else { description } }
    }

    fn add_variables(&mut self, variables: &BTreeMap<String, String>) -> Result<(), String> {
        for (name, text) in variables {
            let value = interpolate(text, &self.contexts).map_err(|error| format!("env.{name}: {error}"))?;
            self.environment.insert(name.clone(), value);
        }
        self.contexts.values.insert("env".into(), json!(self.environment));
        Ok(())
    }

    fn step(&mut self, number: usize, step: &Step, name: &str, shell: &Option<String>, folder: &Option<String>) -> Result<(), String> {
        let wanted = condition(step.condition.as_deref(), &self.contexts).map_err(|error| format!("if: {error}"))?;
        let id = step.id.clone().unwrap_or_else(|| format!("__{number}"));
        if !wanted {
            self.tell(&id, "skipped", Map::new());
            return Ok(());
        }
        println!("::group::{name}");
        let result = self.run_step(number, step, shell, folder);
        println!("::endgroup::");
        match result {
            Ok(outputs) => {
                self.tell(&id, "success", outputs);
                Ok(())
            }
            Err(why) => {
                self.tell(&id, "failure", Map::new());
                Err(why)
            }
        }
    }

    fn tell(&mut self, id: &str, outcome: &str, outputs: Map<String, Value>) {
        let steps = self.contexts.values.entry("steps".into()).or_insert_with(|| json!({}));
        steps[id] = json!({"outputs": outputs, "outcome": outcome, "conclusion": outcome});
    }

    fn run_step(
        &mut self,
        number: usize,
        step: &Step,
        shell: &Option<String>,
        folder: &Option<String>,
    ) -> Result<Map<String, Value>, String> {
        let before = self.environment.clone();
        self.add_variables(&step.env)?;
        let result = match &step.kind {
            Kind::Run { script, shell: own, working_directory } => {
                let script = interpolate(script, &self.contexts).map_err(|error| error.to_string());
                let folder = working_directory.as_ref().or(folder.as_ref());
                script.and_then(|script| self.shell(number, &script, own.as_ref().or(shell.as_ref()), folder, step.timeout_minutes))
            }
            Kind::Uses { action, with } => {
                let with: Result<BTreeMap<String, String>, String> = with
                    .iter()
                    .map(|(key, text)| {
                        Ok((key.clone(), interpolate(text, &self.contexts).map_err(|error| format!("with.{key}: {error}"))?))
                    })
                    .collect();
                with.and_then(|with| self.uses(action, &with)).map(|()| (Map::new(), BTreeMap::new()))
            }
        };
        // A step's own variables end with it; what it wrote to GITHUB_ENV stays.
        self.environment = before;
        let (outputs, environment) = result?;
        self.environment.extend(environment);
        self.contexts.values.insert("env".into(), json!(self.environment));
        Ok(outputs)
    }

    fn shell(
        &mut self,
        number: usize,
        script: &str,
        shell: Option<&String>,
        folder: Option<&String>,
        minutes: Option<u64>,
    ) -> Result<(Map<String, Value>, BTreeMap<String, String>), String> {
        let words: &[&str] = match shell.map(String::as_str) {
            None => &["bash", "-e"],
            Some("bash") => &["bash", "--noprofile", "--norc", "-eo", "pipefail"],
            Some("sh") => &["sh", "-e"],
            Some(other) => return Err(format!("shell {other:?} is not supported")),
        };
        let file = |name: &str| self.plan.folder.join("files").join(format!("{number}-{name}"));
        let [script_file, output, env, path, summary, state] = ["script.sh", "output", "env", "path", "summary", "state"].map(file);
        std::fs::write(&script_file, script).map_err(|error| format!("the script was not written: {error}"))?;
        for each in [&output, &env, &path, &summary, &state] {
            std::fs::write(each, "").map_err(|error| format!("{} was not made: {error}", each.display()))?;
        }
        let mut variables = self.environment.clone();
        variables.insert("PATH".into(), self.path.join(":"));
        for prefix in ["GITHUB", "GITEA"] {
            for (name, value) in [("OUTPUT", &output), ("ENV", &env), ("PATH", &path), ("STEP_SUMMARY", &summary), ("STATE", &state)] {
                variables.insert(format!("{prefix}_{name}"), value.display().to_string());
            }
        }
        let folder = folder.map_or_else(|| self.plan.workspace(), |folder| self.plan.workspace().join(folder));
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).arg(&script_file).env_clear().envs(&variables).current_dir(&folder);
        let code = self.spawn(command, Duration::from_secs(60 * minutes.unwrap_or(360)))?;
        if code != 0 {
            return Err(format!("exit code {code}"));
        }
        self.path.splice(0..0, read_file(&path)?.lines().map(str::to_owned));
        let outputs = pairs(&read_file(&output)?)?.into_iter().map(|(key, value)| (key, Value::String(value))).collect();
        Ok((outputs, pairs(&read_file(&env)?)?))
    }

    /// Runs a program to its end; every line it writes is told, without secrets.
    fn spawn(&self, mut command: Command, timeout: Duration) -> Result<i32, String> {
        let started = Instant::now();
        let (reader, writer) = std::io::pipe().map_err(|error| error.to_string())?;
        let second = writer.try_clone().map_err(|error| error.to_string())?;
        let mut child = command
            .stdin(Stdio::null())
            .stdout(writer)
            .stderr(second)
            .spawn()
            .map_err(|error| format!("{:?}: {error}", command.get_program()))?;
        drop(command);
        let secrets = self.secrets.clone();
        let telling = std::thread::spawn(move || {
            let mut lines = BufReader::new(reader);
            let mut line = Vec::new();
            while lines.read_until(b'\n', &mut line).is_ok_and(|count| count > 0) {
                let mut out = std::io::stdout().lock();
                let _ = out.write_all(mask(&secrets, &String::from_utf8_lossy(&line)).as_bytes());
                let _ = out.flush();
                line.clear();
            }
        });
        loop {
            match child.try_wait().map_err(|error| error.to_string())? {
                Some(status) => {
                    // What it left in the background holds the pipe open; it ends with the job, not before.
                    let patience = Instant::now();
                    while !telling.is_finished() && patience.elapsed() < Duration::from_millis(500) {
                        std::thread::sleep(Duration::from_millis(2));
                    }
                    return Ok(status.code().unwrap_or(137));
                }
                None if started.elapsed() > timeout => {
                    let _ = child.kill();
                    let _ = child.wait();
                    return Err(format!("it took longer than {} minutes", timeout.as_secs() / 60));
                }
                None => std::thread::sleep(Duration::from_millis(2)),
            }
        }
    }

    /// Runs a built-in action.
    fn uses(&mut self, action: &str, with: &BTreeMap<String, String>) -> Result<(), String> {
        let (name, _version) = action.split_once('@').ok_or_else(|| format!("uses: {action:?} names no version"))?;
        match name {
            "actions/checkout" => self.checkout(with),
            // What they install is on the path already.
            "sigstore/cosign-installer" | "fluxcd/flux2/action" => Ok(()),
            _ => Err(format!(
                "uses: {name:?} is not supported; built in are actions/checkout, sigstore/cosign-installer, fluxcd/flux2/action"
            )),
        }
    }

    fn checkout(&mut self, with: &BTreeMap<String, String>) -> Result<(), String> {
        if let Some(key) = with.keys().find(|key| !["fetch-depth", "ref", "persist-credentials"].contains(&key.as_str())) {
            return Err(format!("actions/checkout: with.{key} is not supported"));
        }
        let github = &self.plan.contexts["github"];
        let text = |name: &str| github[name].as_str().unwrap_or_default().to_owned();
        let wanted = with.get("ref").filter(|wanted| !wanted.is_empty()).cloned().unwrap_or_else(|| text("sha"));
        let depth = with.get("fetch-depth").map_or("1", String::as_str);
        let depth: u32 = depth.parse().map_err(|_| format!("actions/checkout: with.fetch-depth {depth:?} is no number"))?;
        let (url, header) = self.plan.checkout.clone();
        let real = format!("{}/{}", text("server_url"), text("repository"));
        let mut script = String::from("set -e\ngit init -q -b main .\n");
        script.push_str(&format!("git remote add origin {}\n", quote(&real)));
        script.push_str(&format!("git config {} {}\n", quote(&format!("url.{url}.insteadOf")), quote(&real)));
        script.push_str(&format!("git config {} {}\n", quote(&format!("http.{url}.extraHeader")), quote(&header)));
        let shallow = if depth == 0 { String::new() } else { format!("--depth {depth} ") };
        let what = if depth == 0 {
            format!("{} '+refs/heads/*:refs/remotes/origin/*' '+refs/tags/*:refs/tags/*'", quote(&wanted))
        } else {
            quote(&wanted)
        };
        script.push_str(&format!("git -c protocol.version=2 fetch -q --no-tags {shallow}origin {what}\n"));
        script.push_str(&format!("git checkout -q --detach {}\n", if depth == 0 { quote(&wanted) } else { "FETCH_HEAD".to_owned() }));
        if with.get("persist-credentials").is_some_and(|value| value == "false") {
            script.push_str(&format!("git config --unset {}\n", quote(&format!("http.{url}.extraHeader"))));
        }
        let mut command = Command::new("sh");
        command.arg("-c").arg(script).env_clear().envs(&self.environment).current_dir(self.plan.workspace());
        match self.spawn(command, Duration::from_secs(600))? {
            0 => Ok(()),
            code => Err(format!("actions/checkout: exit code {code}")),
        }
    }

    fn masked(&self, text: &str) -> String {
        mask(&self.secrets, text)
    }
}

fn mask(secrets: &[String], text: &str) -> String {
    secrets.iter().fold(text.to_owned(), |text, secret| text.replace(secret.as_str(), "***"))
}

fn title(step: &Step) -> String {
    match &step.kind {
        Kind::Uses { action, .. } => action.clone(),
        Kind::Run { script, .. } => format!("Run {}", script.lines().next().unwrap_or_default()),
    }
}

fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

fn read_file(path: &Path) -> Result<String, String> {
    let length = std::fs::metadata(path).map_or(0, |found| found.len());
    if length > FILE {
        return Err(format!("{} is longer than 1 MiB", path.display()));
    }
    std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}

/// Reads `name=value` lines and `name<<END … END` blocks.
fn pairs(text: &str) -> Result<BTreeMap<String, String>, String> {
    let mut found = BTreeMap::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if line.trim().is_empty() {
            continue;
        }
        let (equals, block) = (line.find('='), line.find("<<"));
        match (equals, block) {
            (Some(at), block) if block.is_none_or(|block| at < block) => {
                drop(found.insert(line[..at].to_owned(), line[at + 1..].to_owned()))
            }
            (_, Some(at)) => {
                let end = &line[at + 2..];
                let mut value = Vec::new();
                loop {
                    let next = lines.next().ok_or_else(|| format!("the value of {:?} has no end {end:?}", &line[..at]))?;
                    if next == end {
                        break;
                    }
                    value.push(next);
                }
                found.insert(line[..at].to_owned(), value.join("\n"));
            }
            _ => return Err(format!("a line is neither name=value nor name<<END: {:?}", line.chars().take(100).collect::<String>())),
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(steps: &str) -> (Outcome, tempfile::TempDir) {
        let folder = tempfile::tempdir().expect("a folder");
        for name in ["workspace", "files"] {
            std::fs::create_dir(folder.path().join(name)).expect("a folder");
        }
        let content = format!(
            "on: push\njobs:\n  a:\n    runs-on: ubuntu-latest\n    outputs: {{x: '${{{{ steps.one.outputs.x }}}}'}}\n    steps:\n{steps}"
        );
        let plan = Plan {
            path: "w.yml".into(),
            content,
            job: "a".into(),
            contexts: BTreeMap::from([("secrets".to_owned(), json!({"TOKEN": "hush-hush"})), ("github".to_owned(), json!({"sha": "s"}))]),
            environment: BTreeMap::from([("PATH".to_owned(), "/usr/local/bin:/usr/bin:/bin".to_owned())]),
            folder: folder.path().to_owned(),
            checkout: (String::new(), String::new()),
        };
        std::fs::write(folder.path().join(PLAN), serde_json::to_vec(&plan).expect("serialises")).expect("written");
        run(folder.path());
        (serde_json::from_slice(&std::fs::read(folder.path().join(OUTCOME)).expect("an outcome")).expect("an outcome"), folder)
    }

    #[test]
    fn steps_hand_values_on_and_a_failure_stops_the_rest() {
        let (ended, folder) = outcome(concat!(
            "      - id: one\n        run: |\n          echo x=1 >> \"$GITHUB_OUTPUT\"\n          echo Y=2 >> $GITHUB_ENV\n",
            "      - run: test \"$Y\" = 2 && test '${{ steps.one.outputs.x }}' = 1 && echo '${{ secrets.TOKEN }}' > kept\n",
            "      - if: failure()\n        run: touch no\n",
        ));
        assert_eq!(
            ended,
            Outcome { success: true, outputs: BTreeMap::from([("x".to_owned(), "1".to_owned())]), description: "3 steps succeeded".into() }
        );
        assert!(folder.path().join("workspace/kept").exists() && !folder.path().join("workspace/no").exists());
        let (ended, folder) = outcome(
            "      - name: Break\n        run: exit 3\n      - run: touch after\n      - if: always()\n        run: touch always\n",
        );
        assert_eq!((ended.success, ended.description.as_str()), (false, "step \"Break\" failed: exit code 3"));
        assert!(!folder.path().join("workspace/after").exists() && folder.path().join("workspace/always").exists());
    }

    #[test]
    fn what_is_not_known_is_named() {
        let (ended, _folder) = outcome("      - uses: actions/setup-node@v4\n");
        assert!(ended.description.contains("\"actions/setup-node\" is not supported"), "{}", ended.description);
        let (ended, _folder) = outcome("      - uses: actions/checkout@v4\n        with: {submodules: true}\n");
        assert!(ended.description.contains("with.submodules is not supported"), "{}", ended.description);
        let (ended, _folder) = outcome("      - run: x\n        shell: pwsh\n");
        assert!(ended.description.contains("shell \"pwsh\" is not supported"), "{}", ended.description);
    }

    #[test]
    fn files_are_read() {
        assert_eq!(
            pairs("a=1\nb<<E\nx=\ny\nE\n").expect("reads").into_iter().collect::<Vec<_>>(),
            [("a".into(), "1".into()), ("b".into(), "x=\ny".into())]
        );
        assert!(pairs("b<<E\nx").is_err() && pairs("nonsense").is_err());
    }
}
