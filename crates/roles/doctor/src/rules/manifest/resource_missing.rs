//! A kustomization that names a file that is not there.

use crate::rules::{Error, Everybody, Fix, Look, Report, Repository, Rule};

pub(crate) const RULE: Rule = Rule {
    id: "kustomize/resource-missing",
    severity: Error,
    scope: Everybody,
    upstream: "The overlay does not render: no such file or directory.",
    ours: "The same.",
    check,
};

fn check(repository: &Repository<'_>, report: &mut Report<'_>) {
    for document in &repository.documents {
        let (folder, name) = document.path.rsplit_once('/').unwrap_or(("", &document.path));
        if !super::KUSTOMIZATIONS.contains(&name) {
            continue;
        }
        let lists = ["resources", "components", "bases", "patchesStrategicMerge", "crds", "configurations"];
        let named = lists
            .iter()
            .flat_map(|list| document.root.items_at(list))
            .chain(document.root.items_at("patches").iter().filter_map(|patch| patch.get("path")));
        for node in named {
            let text = node.text().unwrap_or_default();
            let elsewhere = text.is_empty()
                || text.contains("://")
                || text.contains("?ref=")
                || text.contains('\n')
                || text.contains("${")
                || text.starts_with("git@")
                || text.split('/').next().is_some_and(|host| host.contains('.') && !host.starts_with('.') && text.contains('/'));
            let whole = crate::repository::normal(&format!("{folder}/{text}"));
            if !elsewhere && repository.tree.get(&whole).is_none() && !repository.has_folder(&whole) {
                report.add(&document.path, node.start(), format!("there is no {whole}"), Fix::advice("add the file, or take its name out"));
            }
        }
    }
}
