//! The name `ctx.freight`, which does not exist.

use crate::rules::{Error, Everybody, Fix, Report, Repository, Rule};
use crate::steps::occurrences;

pub(crate) const RULE: Rule = Rule {
    id: "kargo/ctx-freight",
    severity: Error,
    scope: Everybody,
    upstream: "ctx.freight is nothing; asking it for a name fails while the promotion runs.",
    ours: "Read as ctx.targetFreight.",
    check,
};

fn check(repository: &Repository<'_>, report: &mut Report<'_>) {
    for stage in repository.stages() {
        let file = repository.edit(&stage.path);
        for at in occurrences(stage, file.text, "ctx.freight") {
            let end = at + "ctx.freight".len();
            if file.text[end..].starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_') {
                continue;
            }
            let fix = Fix::edit("write ctx.targetFreight", [file.splice(at, end, "ctx.targetFreight")]);
            report.add(&stage.path, at, "ctx.freight does not exist", fix);
        }
    }
}
