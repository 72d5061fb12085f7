//! A secret in plain text.

use crate::rules::{Everybody, Fix, Look, Report, Repository, Rule, Warning};

pub(crate) const RULE: Rule = Rule {
    id: "secret/plain",
    severity: Warning,
    scope: Everybody,
    upstream: "Whoever may read the repository, now or later, has it.",
    ours: "The same.",
    check,
};

/// Ends of keys whose values are no secrets.
const OPEN: [&str; 9] = [".pub", ".sshpub", ".crt", ".pem.pub", "trusted_root.json", "known_hosts", ".asc", "username", "type"];

fn check(repository: &Repository<'_>, report: &mut Report<'_>) {
    for secret in repository
        .documents
        .iter()
        .filter(|document| document.kind == "Secret" && document.root.get("sops").is_none() && document.root.get("apiVersion").is_some())
    {
        let values = ["data", "stringData"].iter().filter_map(|key| secret.root.get(key)).flat_map(|values| values.pairs());
        let open = |key: &str| OPEN.iter().any(|end| key.ends_with(end));
        let placeholder = |text: &str| text.contains("${") || text.contains("ENC[") || text.contains("{{");
        let found =
            values.filter(|(key, value)| !open(key.text().unwrap_or_default()) && value.text().is_some_and(|text| !placeholder(text)));
        if let Some((key, _)) = found.into_iter().next() {
            let message = format!("the Secret {:?} holds {:?} in plain text", secret.name, key.text().unwrap_or_default());
            report.add(
                &secret.path,
                key.start(),
                message,
                Fix::advice("use External Secrets, a sealed Secret or SOPS, and change the value: it is in the history"),
            );
        }
    }
}
