//! An image subscription with the old field `semverConstraint`.

use crate::rules::{Error, Everybody, Fix, Look, Report, Repository, Rule};

pub(crate) const RULE: Rule = Rule {
    id: "kargo/semver-constraint",
    severity: Error,
    scope: Everybody,
    upstream: "Kargo knows this field no more since 1.9: it is ignored without a word, so every version is taken.",
    ours: "Read as constraint.",
    check,
};

fn check(repository: &Repository<'_>, report: &mut Report<'_>) {
    for warehouse in repository.kind("kargo.akuity.io", "Warehouse") {
        let images = warehouse.root.items_at("spec.subscriptions").iter().filter_map(|subscription| subscription.get("image"));
        for image in images {
            let Some((key, _)) = image.pair("semverConstraint") else { continue };
            let file = repository.edit(&warehouse.path);
            let edit = if image.get("constraint").is_some() { file.remove(image, "semverConstraint") } else { file.set(key, "constraint") };
            let fix = Fix::edit("write constraint", edit);
            report.add(&warehouse.path, key.start(), "semverConstraint is no field of an image subscription", fix);
        }
    }
}
