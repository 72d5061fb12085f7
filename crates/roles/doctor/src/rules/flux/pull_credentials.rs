//! A source in a private registry without credentials.

use crate::repository::public;
use crate::rules::{Fix, Look, Report, Repository, Rule, Upstream, Warning};

pub(crate) const RULE: Rule = Rule {
    id: "flux/pull-credentials",
    severity: Warning,
    scope: Upstream,
    upstream: "Without secretRef Flux pulls as nobody; without certSecretRef it knows the public certificate authorities alone.",
    ours: "Each cluster pulls with its own short-lived identity; the embedded registry's certificate is known.",
    check,
};

fn check(repository: &Repository<'_>, report: &mut Report<'_>) {
    for source in repository.kind("source.toolkit.fluxcd.io", "OCIRepository") {
        let Some(spec) = source.root.get("spec") else { continue };
        let url = spec.text_at("url");
        let given = ["secretRef", "serviceAccountName", "certSecretRef", "provider", "insecure"].iter().any(|key| spec.get(key).is_some());
        let host = url.trim_start_matches("oci://").split('/').next().unwrap_or_default();
        let cloud = [".amazonaws.com", ".azurecr.io", ".pkg.dev", ".cluster.local"].iter().any(|end| host.ends_with(end));
        if !given && !cloud && !public(url) && host.contains('.') {
            let fix = Fix::advice("name a Secret in secretRef and, for a certificate authority of your own, in certSecretRef");
            report.add(&source.path, source.place("spec.url"), format!("nothing says how to log in to {host}"), fix);
        }
    }
}
