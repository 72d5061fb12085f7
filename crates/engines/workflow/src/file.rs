//! The file: known keys, each with its line.

use std::collections::BTreeMap;

use serde_json::Value;
use yaml::{Content, Node};

use crate::WorkflowError;
use crate::trigger::{Push, PushFilter, Triggers};

/// Longest file that is read, in bytes.
const LENGTH: usize = 1 << 20;

/// A workflow file.
#[derive(Debug, Clone, PartialEq)]
pub struct Workflow {
    /// Path inside the repository.
    pub path: String,
    /// Its name; the path where it has none.
    pub name: String,
    /// What starts it.
    pub on: Triggers,
    /// Variables for all jobs.
    pub env: BTreeMap<String, String>,
    /// The jobs, in the file's order.
    pub jobs: Vec<Job>,
}

/// One job.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    /// Its key.
    pub id: String,
    /// Its name; the key where it has none.
    pub name: String,
    /// Jobs that must succeed before.
    pub needs: Vec<String>,
    /// The label of the runner.
    pub runs_on: String,
    /// When it runs.
    pub condition: Option<String>,
    /// Variables for all steps.
    pub env: BTreeMap<String, String>,
    /// Whether it may ask for an identity token.
    pub id_token: bool,
    /// Outputs by name.
    pub outputs: BTreeMap<String, String>,
    /// Shell of `run` steps that name none.
    pub shell: Option<String>,
    /// Folder of `run` steps that name none.
    pub working_directory: Option<String>,
    /// The steps.
    pub steps: Vec<Step>,
}

/// One step.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// Its id, for `steps.<id>`.
    pub id: Option<String>,
    /// Its name.
    pub name: Option<String>,
    /// When it runs.
    pub condition: Option<String>,
    /// Its variables.
    pub env: BTreeMap<String, String>,
    /// Whether its failure is forgiven.
    pub continue_on_error: bool,
    /// After how many minutes it is ended.
    pub timeout_minutes: Option<u64>,
    /// What it does.
    pub kind: Kind,
    /// Its line in the file.
    pub line: usize,
}

/// What a step does.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// Runs a script.
    Run {
        /// The script.
        script: String,
        /// `bash`, `sh`, …
        shell: Option<String>,
        /// Where.
        working_directory: Option<String>,
    },
    /// Runs an action.
    Uses {
        /// `actions/checkout@v4`.
        action: String,
        /// Its inputs.
        with: BTreeMap<String, String>,
    },
}

impl Workflow {
    /// Tells whether a push starts this workflow.
    pub fn triggered_by(&self, push: &Push<'_>) -> bool {
        self.on.push.as_ref().is_some_and(|filter| filter.passes(push))
    }
}

/// Reads a workflow file.
pub fn parse(path: &str, bytes: &[u8]) -> Result<Workflow, WorkflowError> {
    let reader = Reader { path };
    let text = std::str::from_utf8(bytes).ok().filter(|text| text.len() <= LENGTH);
    let Some(text) = text else { return reader.refuse(1, "", "the file is not UTF-8, or longer than 1 MiB") };
    let wrap = |source| WorkflowError::Yaml { path: path.to_owned(), source };
    let documents = yaml::nodes(text).map_err(wrap)?;
    let [root] = documents.as_slice() else { return reader.refuse(1, "", "expected one YAML document") };
    // Aliases and merge keys would hide lines; reading the value refuses what is malformed.
    yaml::value_of(root, yaml::Dialect::Kyaml).map_err(wrap)?;
    reader.workflow(root)
}

struct Reader<'a> {
    path: &'a str,
}

type Entry<'n> = (&'n str, &'n Node);

impl Reader<'_> {
    fn refuse<T>(&self, line: usize, key: &str, text: &str) -> Result<T, WorkflowError> {
        Err(WorkflowError::Key { path: self.path.to_owned(), line, key: key.to_owned(), text: text.to_owned() })
    }

    fn entries<'n>(&self, node: &'n Node, key: &str) -> Result<Vec<Entry<'n>>, WorkflowError> {
        match &node.content {
            Content::Map(pairs, _) => pairs
                .iter()
                .map(|(name, value)| match &name.content {
                    Content::Scalar(name, _) => Ok((name.as_str(), value)),
                    _ => self.refuse(name.line, key, "a key must be a string"),
                })
                .collect(),
            Content::Scalar(text, _) if text.is_empty() => Ok(Vec::new()),
            _ => self.refuse(node.line, key, "expected a map"),
        }
    }

    fn text(&self, node: &Node, key: &str) -> Result<String, WorkflowError> {
        match &node.content {
            Content::Scalar(text, _) => Ok(text.clone()),
            _ => self.refuse(node.line, key, "expected a string"),
        }
    }

    fn texts(&self, node: &Node, key: &str) -> Result<Vec<String>, WorkflowError> {
        match &node.content {
            Content::List(items, _) => items.iter().map(|item| self.text(item, key)).collect(),
            _ => Ok(vec![self.text(node, key)?]),
        }
    }

    fn map(&self, node: &Node, key: &str) -> Result<BTreeMap<String, String>, WorkflowError> {
        let entries = self.entries(node, key)?;
        entries.into_iter().map(|(name, value)| Ok((name.to_owned(), self.text(value, &format!("{key}.{name}"))?))).collect()
    }

    fn flag(&self, node: &Node, key: &str) -> Result<bool, WorkflowError> {
        match yaml::value_of(node, yaml::Dialect::Kyaml) {
            Ok(Value::Bool(flag)) => Ok(flag),
            _ => self.refuse(node.line, key, "expected true or false"),
        }
    }

    fn workflow(&self, root: &Node) -> Result<Workflow, WorkflowError> {
        let mut workflow = Workflow {
            path: self.path.to_owned(),
            name: self.path.to_owned(),
            on: Triggers::default(),
            env: BTreeMap::new(),
            jobs: Vec::new(),
        };
        let (mut id_token, mut shell, mut folder) = (false, None, None);
        let entries = self.entries(root, "")?;
        for (key, value) in &entries {
            match *key {
                "name" => workflow.name = self.text(value, key)?,
                "on" => workflow.on = self.triggers(value)?,
                "env" => workflow.env = self.map(value, key)?,
                "permissions" => id_token = self.permissions(value, key)?,
                "defaults" => (shell, folder) = self.defaults(value, key)?,
                "jobs" => {}
                _ => return self.refuse(value.line, key, "is not supported"),
            }
        }
        let Some((_, jobs)) = entries.iter().find(|(key, _)| *key == "jobs") else { return self.refuse(root.line, "jobs", "is missing") };
        for (id, node) in self.entries(jobs, "jobs")? {
            let mut job = Job {
                id: id.to_owned(),
                name: id.to_owned(),
                needs: Vec::new(),
                runs_on: String::new(),
                condition: None,
                env: BTreeMap::new(),
                id_token,
                outputs: BTreeMap::new(),
                shell: shell.clone(),
                working_directory: folder.clone(),
                steps: Vec::new(),
            };
            self.job(&mut job, node)?;
            workflow.jobs.push(job);
        }
        self.check_needs(&workflow, jobs)?;
        Ok(workflow)
    }

    fn check_needs(&self, workflow: &Workflow, jobs: &Node) -> Result<(), WorkflowError> {
        for (at, job) in workflow.jobs.iter().enumerate() {
            if let Some(missing) = job.needs.iter().find(|need| !workflow.jobs.iter().any(|other| other.id == **need)) {
                return self.refuse(jobs.line, &format!("jobs.{}.needs", job.id), &format!("there is no job {missing:?}"));
            }
            // Following needs for as many steps as there are jobs without an end means a circle.
            let mut open = vec![at];
            for _ in 0..=workflow.jobs.len() {
                open = open
                    .iter()
                    .flat_map(|at| &workflow.jobs[*at].needs)
                    .filter_map(|need| workflow.jobs.iter().position(|job| job.id == *need))
                    .collect();
            }
            if !open.is_empty() {
                return self.refuse(jobs.line, &format!("jobs.{}.needs", job.id), "needs itself");
            }
        }
        Ok(())
    }

    fn triggers(&self, node: &Node) -> Result<Triggers, WorkflowError> {
        let mut triggers = Triggers::default();
        let named: Vec<(String, Option<&Node>)> = match &node.content {
            Content::Map(..) => self.entries(node, "on")?.into_iter().map(|(name, value)| (name.to_owned(), Some(value))).collect(),
            _ => self.texts(node, "on")?.into_iter().map(|name| (name, None)).collect(),
        };
        for (name, filter) in named {
            match name.as_str() {
                "push" => triggers.push = Some(filter.map_or_else(|| Ok(PushFilter::default()), |node| self.filter(node))?),
                "workflow_dispatch" => triggers.dispatch = true,
                _ => return self.refuse(node.line, &format!("on.{name}"), "is not supported"),
            }
        }
        Ok(triggers)
    }

    fn filter(&self, node: &Node) -> Result<PushFilter, WorkflowError> {
        let mut filter = PushFilter::default();
        for (key, value) in self.entries(node, "on.push")? {
            let list = Some(self.texts(value, &format!("on.push.{key}"))?);
            match key {
                "branches" => filter.branches = list,
                "branches-ignore" => filter.branches_ignore = list,
                "tags" => filter.tags = list,
                "tags-ignore" => filter.tags_ignore = list,
                "paths" => filter.paths = list,
                "paths-ignore" => filter.paths_ignore = list,
                _ => return self.refuse(value.line, &format!("on.push.{key}"), "is not supported"),
            }
        }
        Ok(filter)
    }

    /// Everything a job may have is granted by name; only the identity token opens a door.
    fn permissions(&self, node: &Node, key: &str) -> Result<bool, WorkflowError> {
        if let Content::Scalar(text, _) = &node.content {
            return match text.as_str() {
                "read-all" => Ok(false),
                "write-all" => Ok(true),
                _ => self.refuse(node.line, key, "expected a map, read-all or write-all"),
            };
        }
        let granted = self.map(node, key)?;
        if let Some((name, value)) = granted.iter().find(|(_, value)| !matches!(value.as_str(), "read" | "write" | "none")) {
            return self.refuse(node.line, &format!("{key}.{name}"), &format!("{value:?} is none of read, write, none"));
        }
        Ok(granted.get("id-token").is_some_and(|value| value == "write"))
    }

    fn defaults(&self, node: &Node, key: &str) -> Result<(Option<String>, Option<String>), WorkflowError> {
        let (mut shell, mut folder) = (None, None);
        for (part, value) in self.entries(node, key)? {
            if part != "run" {
                return self.refuse(value.line, &format!("{key}.{part}"), "is not supported");
            }
            for (name, value) in self.entries(value, key)? {
                match name {
                    "shell" => shell = Some(self.text(value, name)?),
                    "working-directory" => folder = Some(self.text(value, name)?),
                    _ => return self.refuse(value.line, &format!("{key}.run.{name}"), "is not supported"),
                }
            }
        }
        Ok((shell, folder))
    }

    fn job(&self, job: &mut Job, node: &Node) -> Result<(), WorkflowError> {
        let at = format!("jobs.{}", job.id);
        for (key, value) in self.entries(node, &at)? {
            let place = format!("{at}.{key}");
            match key {
                "name" => job.name = self.text(value, &place)?,
                "needs" => job.needs = self.texts(value, &place)?,
                "runs-on" => job.runs_on = self.texts(value, &place)?.into_iter().next().unwrap_or_default(),
                "if" => job.condition = Some(self.text(value, &place)?),
                "env" => job.env = self.map(value, &place)?,
                "permissions" => job.id_token = self.permissions(value, &place)?,
                "outputs" => job.outputs = self.map(value, &place)?,
                "defaults" => {
                    let (shell, folder) = self.defaults(value, &place)?;
                    job.shell = shell.or(job.shell.take());
                    job.working_directory = folder.or(job.working_directory.take());
                }
                "steps" => job.steps = self.steps(value, &place)?,
                _ => return self.refuse(value.line, &place, "is not supported"),
            }
        }
        if job.runs_on.is_empty() {
            return self.refuse(node.line, &format!("{at}.runs-on"), "is missing");
        }
        if job.steps.is_empty() {
            return self.refuse(node.line, &format!("{at}.steps"), "is missing or empty");
        }
        Ok(())
    }

    fn steps(&self, node: &Node, at: &str) -> Result<Vec<Step>, WorkflowError> {
        let Content::List(items, _) = &node.content else { return self.refuse(node.line, at, "expected a list") };
        items.iter().enumerate().map(|(number, item)| self.step(item, &format!("{at}[{number}]"))).collect()
    }

    fn step(&self, node: &Node, at: &str) -> Result<Step, WorkflowError> {
        let mut step = Step {
            id: None,
            name: None,
            condition: None,
            env: BTreeMap::new(),
            continue_on_error: false,
            timeout_minutes: None,
            kind: Kind::Uses { action: String::new(), with: BTreeMap::new() },
            line: node.line,
        };
        let (mut run, mut uses, mut shell, mut folder, mut with) = (None, None, None, None, BTreeMap::new());
        for (key, value) in self.entries(node, at)? {
            let place = format!("{at}.{key}");
            match key {
                "id" => step.id = Some(self.text(value, &place)?),
                "name" => step.name = Some(self.text(value, &place)?),
                "if" => step.condition = Some(self.text(value, &place)?),
                "env" => step.env = self.map(value, &place)?,
                "continue-on-error" => step.continue_on_error = self.flag(value, &place)?,
                "timeout-minutes" => {
                    let minutes = self.text(value, &place)?.parse().ok().filter(|minutes| *minutes > 0);
                    step.timeout_minutes = Some(minutes.map_or_else(|| self.refuse(value.line, &place, "expected a whole number"), Ok)?);
                }
                "run" => run = Some(self.text(value, &place)?),
                "uses" => uses = Some(self.text(value, &place)?),
                "shell" => shell = Some(self.text(value, &place)?),
                "working-directory" => folder = Some(self.text(value, &place)?),
                "with" => with = self.map(value, &place)?,
                _ => return self.refuse(value.line, &place, "is not supported"),
            }
        }
        step.kind = match (run, uses) {
            (Some(script), None) => Kind::Run { script, shell, working_directory: folder },
            (None, Some(action)) => Kind::Uses { action, with },
            _ => return self.refuse(node.line, at, "needs either run or uses"),
        };
        Ok(step)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "name: build\non:\n  push:\n    branches: [main]\n    paths: ['apps/**', '!apps/**/README.md']\njobs:\n  build:\n    runs-on: ubuntu-latest\n    permissions: {id-token: write, contents: read}\n    steps:\n      - uses: actions/checkout@v4\n        with: { fetch-depth: 0 }\n      - name: Version\n        id: v\n        run: |\n          echo \"version=0.5.$(git rev-list --count HEAD)\" >> \"$GITHUB_OUTPUT\"\n";

    fn changed(paths: &[&str]) -> Vec<String> {
        paths.iter().map(|path| (*path).to_owned()).collect()
    }

    #[test]
    fn a_file_is_read() {
        let workflow = parse("w.yml", FILE.as_bytes()).expect("reads");
        let job = &workflow.jobs[0];
        assert!(job.id_token && job.runs_on == "ubuntu-latest" && job.steps.len() == 2);
        assert_eq!(job.steps[1].id.as_deref(), Some("v"));
        for (ref_name, paths, expected) in [
            ("refs/heads/main", vec!["apps/a/x.yaml"], true),
            ("refs/heads/main", vec!["clusters/dev/x.yaml"], false),
            ("refs/heads/main", vec!["apps/a/README.md"], false),
            ("refs/heads/other", vec!["apps/a/x.yaml"], false),
            ("refs/tags/v1", vec!["apps/a/x.yaml"], false),
        ] {
            assert_eq!(workflow.triggered_by(&Push { ref_name, changed: &changed(&paths) }), expected, "{ref_name} {paths:?}");
        }
        let tags = parse("t.yml", b"on: {push: {tags: ['v*']}}\njobs: {a: {runs-on: x, steps: [{run: 'true'}]}}").expect("reads");
        assert!(tags.triggered_by(&Push { ref_name: "refs/tags/v1.4.3", changed: &[] }));
        assert!(!tags.triggered_by(&Push { ref_name: "refs/heads/main", changed: &[] }));
    }

    #[test]
    fn what_is_not_known_is_named_with_its_line() {
        let check = |text: &str, expected: &str| {
            assert_eq!(parse("w.yml", text.as_bytes()).map_err(|error| error.to_string()), Err(expected.to_owned()))
        };
        check(&FILE.replace("    runs-on", "    container: x\n    runs-on"), "w.yml, line 8: jobs.build.container: is not supported");
        check(&FILE.replace("  push:", "  schedule:"), "w.yml, line 3: on.schedule: is not supported");
        check(&FILE.replace("    runs-on: ubuntu-latest\n", ""), "w.yml, line 8: jobs.build.runs-on: is missing");
        check("on: push\njobs:\n  a: {runs-on: x, needs: b, steps: [{run: x}]}", "w.yml, line 3: jobs.a.needs: there is no job \"b\"");
        check("on: push\njobs:\n  a: {runs-on: x, needs: a, steps: [{run: x}]}", "w.yml, line 3: jobs.a.needs: needs itself");
        check("on: push\njobs:\n  a: {runs-on: x, steps: [{run: x, uses: y}]}", "w.yml, line 3: jobs.a.steps[0]: needs either run or uses");
    }
}
