//! A promotion that asks for an image that its Warehouses do not subscribe to.

use crate::rules::{Error, Everybody, Fix, Look, Report, Repository, Rule};
use crate::steps::images;
use std::collections::BTreeSet;

pub(crate) const RULE: Rule = Rule {
    id: "kargo/image-not-subscribed",
    severity: Error,
    scope: Everybody,
    upstream: "The expression finds no image in the Freight: the promotion fails.",
    ours: "The same.",
    check,
};

fn check(repository: &Repository<'_>, report: &mut Report<'_>) {
    for target in &repository.targets {
        let stage = &repository.documents[target.stage];
        let mut subscribed = BTreeSet::new();
        let mut complete = true;
        for origin in stage.root.items_at("spec.requestedFreight") {
            match repository.named("Warehouse", origin.text_at("origin.name")).find(|other| other.namespace == stage.namespace) {
                Some(warehouse) => {
                    subscribed.extend(warehouse.root.items_at("spec.subscriptions").iter().map(|s| s.text_at("image.repoURL")))
                }
                None => complete = false,
            }
        }
        for (_, place, value) in target.updates.iter().filter(|_| complete) {
            for image in images(stage, value).into_iter().filter(|image| !subscribed.contains(image.as_str())) {
                report.add(
                    &stage.path,
                    *place,
                    format!("no Warehouse of the Stage {:?} subscribes to {image}", stage.name),
                    Fix::advice("name a subscribed image"),
                );
            }
        }
    }
}
