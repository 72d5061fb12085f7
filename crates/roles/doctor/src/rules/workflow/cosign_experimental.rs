//! The variable COSIGN_EXPERIMENTAL.

use crate::rules::{Everybody, Fix, Look, Report, Repository, Rule, Warning};
use yaml::Node;

pub(crate) const RULE: Rule = Rule {
    id: "workflow/cosign-experimental",
    severity: Warning,
    scope: Everybody,
    upstream: "Without effect since cosign 2: keyless signing needs no switch.",
    ours: "Ignored.",
    check,
};

fn check(repository: &Repository<'_>, report: &mut Report<'_>) {
    for workflow in repository.workflows() {
        let mut holders: Vec<&Node> = vec![&workflow.root];
        for (_, job) in workflow.root.get("jobs").map_or(&[][..], |jobs| jobs.pairs()) {
            holders.push(job);
            holders.extend(job.items_at("steps"));
        }
        for holder in holders {
            let Some(variables) = holder.get("env") else { continue };
            let Some((key, _)) = variables.pair("COSIGN_EXPERIMENTAL") else { continue };
            let file = repository.edit(&workflow.path);
            let edit =
                if variables.pairs().len() == 1 { file.remove(holder, "env") } else { file.remove(variables, "COSIGN_EXPERIMENTAL") };
            report.add(&workflow.path, key.start(), "COSIGN_EXPERIMENTAL does nothing", Fix::edit("take it out", edit));
        }
    }
}
