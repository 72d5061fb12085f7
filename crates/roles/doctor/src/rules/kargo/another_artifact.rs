//! A promotion that writes one artifact's tag into another artifact's pointer.

use crate::rules::{Error, Everybody, Fix, Look, Report, Repository, Rule};
use crate::steps::{held, images};

pub(crate) const RULE: Rule = Rule {
    id: "kargo/another-artifact",
    severity: Error,
    scope: Everybody,
    upstream: "The pointer gets a tag of another repository.",
    ours: "The same.",
    check,
};

fn check(repository: &Repository<'_>, report: &mut Report<'_>) {
    for target in &repository.targets {
        let stage = &repository.documents[target.stage];
        for (key, place, value) in target.updates.iter().filter(|(key, _, _)| key.ends_with("ref.tag")) {
            let pointer = repository.of_file(&target.file).find(|document| held(document, key).is_some());
            let Some(url) =
                pointer.map(|pointer| pointer.root.text_at("spec.url").trim_start_matches("oci://")).filter(|url| !url.is_empty())
            else {
                continue;
            };
            for image in images(stage, value).into_iter().filter(|image| image != url) {
                report.add(
                    &stage.path,
                    *place,
                    format!("{} points at {url}, the tag is that of {image}", target.file),
                    Fix::advice("use the artifact that the pointer names"),
                );
            }
        }
    }
}
