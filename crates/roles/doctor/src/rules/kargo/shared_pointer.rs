//! Two Stages that edit the same value.

use crate::rules::{Error, Everybody, Fix, Report, Repository, Rule};
use std::collections::BTreeMap;

pub(crate) const RULE: Rule = Rule {
    id: "kargo/shared-pointer",
    severity: Error,
    scope: Everybody,
    upstream: "Each of them overwrites what the other has promoted.",
    ours: "The same.",
    check,
};

fn check(repository: &Repository<'_>, report: &mut Report<'_>) {
    let mut owners: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for target in &repository.targets {
        for (key, _, _) in &target.updates {
            let first = *owners.entry((&target.file, key)).or_insert(target.stage);
            if first != target.stage {
                let (stage, other) = (&repository.documents[target.stage], &repository.documents[first]);
                let message = format!("{key} of {} is also edited by the Stage {:?}", target.file, other.name);
                report.add(&stage.path, target.place, message, Fix::advice("give each Stage a pointer of its own"));
            }
        }
    }
}
