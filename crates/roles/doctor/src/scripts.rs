//! The scripts of workflow files. Read first: [`scripts`], [`commands`].

use yaml::Node;

use crate::look::Look as _;
use crate::repository::{Document, Repository};

/// One `run` step of a workflow.
pub(crate) struct Script<'a> {
    pub workflow: &'a Document,
    pub job: &'a Node,
    pub run: &'a Node,
    pub text: &'a str,
}

/// Every `run` step of every workflow.
pub(crate) fn scripts<'a>(repository: &'a Repository<'_>) -> Vec<Script<'a>> {
    let mut found = Vec::new();
    for workflow in repository.workflows() {
        for (_, job) in workflow.root.get("jobs").map_or(&[][..], |jobs| jobs.pairs()) {
            for step in job.items_at("steps") {
                if let Some(run) = step.get("run")
                    && let Some(text) = run.text()
                {
                    found.push(Script { workflow, job, run, text });
                }
            }
        }
    }
    found
}

/// A script's commands as words, continued lines joined, comments left out.
pub(crate) fn commands(text: &str) -> Vec<Vec<String>> {
    let joined = tight(&text.replace("\\\n", " "));
    let lines = joined.lines().filter(|line| !line.trim_start().starts_with('#'));
    let parts = lines.flat_map(|line| line.split(['|', ';', '&']));
    let words = parts.map(|part| part.split_whitespace().map(str::to_owned).collect::<Vec<_>>());
    words.filter(|words| !words.is_empty()).collect()
}

impl Script<'_> {
    /// Where a text stands in the script, in bytes of the file.
    pub(crate) fn find(&self, file: &str, needle: &str) -> usize {
        let raw = file.get(self.run.span.clone()).unwrap_or_default();
        raw.find(needle).map_or(self.run.span.start, |at| self.run.span.start + at)
    }

    /// The commands that start with these words.
    pub(crate) fn calls(&self, program: &[&str]) -> Vec<Vec<String>> {
        commands(self.text)
            .into_iter()
            .filter(|words| words.len() >= program.len() && words.iter().zip(program).all(|(a, b)| a == b))
            .collect()
    }
}

/// A text whose `${{ … }}` have no blanks and no separators, so that they stay in their word.
fn tight(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("${{") {
        let Some(end) = rest[start..].find("}}").map(|end| start + end + 2) else { break };
        out.push_str(&rest[..start]);
        out.extend(rest[start..end].chars().filter(|c| !c.is_whitespace() && !"|;&".contains(*c)));
        rest = &rest[end..];
    }
    out.push_str(rest);
    out
}
