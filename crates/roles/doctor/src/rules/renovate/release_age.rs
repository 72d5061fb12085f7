//! A minimum age for packages whose registry tells no age.

use crate::rules::{Fix, Look, Report, Repository, Rule, Upstream, Warning};

pub(crate) const RULE: Rule = Rule {
    id: "renovate/release-age",
    severity: Warning,
    scope: Upstream,
    upstream: "Registries other than Docker Hub give no time of release: such updates stay pending for ever.",
    ours: "The time is taken from the image's configuration.",
    check,
};

fn check(repository: &Repository<'_>, report: &mut Report<'_>) {
    let Some((path, Ok(root))) = &repository.renovate else { return };
    if super::blocks(root).any(|block| block.get("minimumReleaseAgeBehaviour").is_some()) {
        return;
    }
    for block in super::blocks(root) {
        let Some((key, _)) = block.pair("minimumReleaseAge") else { continue };
        let names = block.get("matchPackageNames").map(|names| names.texts()).unwrap_or_default();
        let hosted = names.iter().find(|name| {
            name.text().is_some_and(|text| {
                text.split('/').next().is_some_and(|host| host.contains('.') && host != "docker.io" && !text.starts_with('/'))
            })
        });
        if let Some(name) = hosted {
            let edit = repository.edit(path).insert(root, "minimumReleaseAgeBehaviour", "\"timestamp-optional\"");
            let message = format!("{} has no times of release", name.text().unwrap_or_default());
            report.add(path, key.start(), message, Fix::edit("set minimumReleaseAgeBehaviour to timestamp-optional", edit));
            return;
        }
    }
}
