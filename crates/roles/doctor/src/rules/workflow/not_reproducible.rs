//! A version that is the same on each run, for an artifact that is not.

use crate::rules::{Fix, Report, Repository, Rule, Upstream, Warning};
use crate::scripts::scripts;

pub(crate) const RULE: Rule = Rule {
    id: "workflow/not-reproducible",
    severity: Warning,
    scope: Upstream,
    upstream: "The time of packing is part of the artifact: a job that runs again pushes other bytes under the same version.",
    ours: "Artifacts carry the commit's time: the same commit always makes the same digest.",
    check,
};

fn check(repository: &Repository<'_>, report: &mut Report<'_>) {
    let all = scripts(repository);
    for script in all.iter().filter(|script| script.text.contains("flux push artifact") && !script.text.contains("--reproducible")) {
        let counted = all
            .iter()
            .any(|other| other.workflow.path == script.workflow.path && other.text.contains("rev-list") && other.text.contains("--count"));
        if counted {
            let file = repository.edit(&script.workflow.path);
            let at = script.find(file.text, "flux push artifact");
            let end = at + "flux push artifact".len();
            let fix = Fix::edit("add --reproducible", [file.splice(end, end, " --reproducible")]);
            report.add(&script.workflow.path, at, "the version counts commits, the artifact has the time in it", fix);
        }
    }
}
