//! A job that signs without the permission to ask for an identity token.

use crate::rules::{Error, Everybody, Fix, Look, Report, Repository, Rule};
use crate::scripts::scripts;

pub(crate) const RULE: Rule = Rule {
    id: "workflow/id-token",
    severity: Error,
    scope: Everybody,
    upstream: "The job gets no identity token: keyless signing waits for somebody to log in by a browser, and fails.",
    ours: "The same: a job without the permission gets no token.",
    check,
};

fn check(repository: &Repository<'_>, report: &mut Report<'_>) {
    let mut seen = std::collections::BTreeSet::new();
    for script in scripts(repository) {
        let keyless = script
            .calls(&["cosign", "sign"])
            .iter()
            .any(|words| !words.iter().any(|word| word.starts_with("--key") || word.starts_with("--identity-token")));
        let permissions = script.job.get("permissions").or_else(|| script.workflow.root.get("permissions"));
        let granted = permissions.is_some_and(|p| p.text_at("id-token") == "write" || p.text() == Some("write-all"));
        if !keyless || granted || !seen.insert((script.workflow.path.as_str(), script.job.start())) {
            continue;
        }
        let file = repository.edit(&script.workflow.path);
        let edit = match permissions.filter(|permissions| !permissions.pairs().is_empty()) {
            Some(map) if map.get("id-token").is_none() => file.insert(map, "id-token", "write"),
            Some(map) => map.get("id-token").and_then(|value| file.set(value, "write")),
            None => file.insert(script.job, "permissions", "{ id-token: write, contents: read }"),
        };
        let at = script.find(file.text, "cosign sign");
        report.add(
            &script.workflow.path,
            at,
            "the job signs but may not ask for an identity token",
            Fix::edit("grant id-token: write", edit),
        );
    }
}
