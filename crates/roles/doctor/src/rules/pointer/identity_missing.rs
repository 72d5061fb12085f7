//! A keyless signature check that names nobody.

use crate::rules::{Error, Everybody, Fix, Look, Report, Repository, Rule};

pub(crate) const RULE: Rule = Rule {
    id: "pointer/identity-missing",
    severity: Error,
    scope: Everybody,
    upstream: "Any signature of anybody will do: keyless signing is open to everyone.",
    ours: "Refused: no identity, no trust.",
    check,
};

fn check(repository: &Repository<'_>, report: &mut Report<'_>) {
    for source in repository.kind("source.toolkit.fluxcd.io", "OCIRepository") {
        let Some(verify) = source.root.at("spec.verify") else { continue };
        let identities = verify.items_at("matchOIDCIdentity");
        let named = identities.iter().all(|identity| !identity.text_at("issuer").is_empty() && !identity.text_at("subject").is_empty());
        let keyless = verify.text_at("provider") != "notation" && verify.get("secretRef").is_none();
        if keyless && (identities.is_empty() || !named) {
            let fix = Fix::advice("name issuer and subject in matchOIDCIdentity");
            report.add(&source.path, verify.start(), "the signature check names no identity", fix);
        }
    }
}
