//! A signature check for a private issuer without trust root.

use crate::rules::{Error, Fix, Look, Report, Repository, Rule, Upstream};

pub(crate) const RULE: Rule = Rule {
    id: "flux/trusted-root",
    severity: Error,
    scope: Upstream,
    upstream: "The public Sigstore knows no such issuer: without trustedRootSecretRef nothing verifies.",
    ours: "The trust root of Supercargo's own authority is taken where none is named.",
    check,
};

/// Issuers that the public Fulcio trusts.
const PUBLIC: [&str; 9] = [
    "token.actions.githubusercontent.com",
    "gitlab.com",
    "accounts.google.com",
    "github.com/login/oauth",
    "oauth2.sigstore.dev",
    "buildkite.com",
    "circleci.com",
    "codefresh.io",
    "login.microsoftonline.com",
];

fn check(repository: &Repository<'_>, report: &mut Report<'_>) {
    for source in repository.kind("source.toolkit.fluxcd.io", "OCIRepository") {
        let Some(verify) = source.root.at("spec.verify").filter(|verify| verify.get("trustedRootSecretRef").is_none()) else { continue };
        let private = verify.items_at("matchOIDCIdentity").iter().filter_map(|identity| identity.get("issuer")).find(|issuer| {
            let plain = issuer.text().unwrap_or_default().replace('\\', "");
            plain.contains("://") && !PUBLIC.iter().any(|host| plain.contains(host))
        });
        if let Some(issuer) = private {
            let edit = repository.edit(&source.path).insert(verify, "trustedRootSecretRef", "{ name: sigstore-trusted-root }");
            let fix = Fix::edit("name a Secret whose key trusted_root.json holds the trust root of your authority", edit);
            report.add(&source.path, issuer.start(), "the issuer is private and no trust root is named", fix);
        }
    }
}
