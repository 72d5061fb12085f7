//! A cluster's objects in place of a repository's files: the same rules, but for those that ask what files there are.

use model::Tree;

use crate::{Audience, Finding, examine_for};

/// Rules that ask for files, and what begins the ids of those that look at nothing else.
const OF_FILES: [&str; 19] = [
    "apps/",
    "codeowners/",
    "docs/",
    "flux/path",
    "kustomize/",
    "kargo/comment-lost",
    "kargo/path-outside-lane",
    "kargo/pointer-",
    "kargo/promotion-in-git",
    "kargo/shared-pointer",
    "kargo/update-",
    "kargo/needs-rollouts",
    "manifest/",
    "pointer/path",
    "pointer/wrong-overlay",
    "policy/",
    "renovate/",
    "secret/plain",
    "workflow/",
];

/// Returns what is wrong with the objects of one cluster; the tree holds each as a file of its own.
pub fn examine_cluster(tree: &Tree, audience: Audience) -> Vec<Finding> {
    let mut findings = examine_for(tree, audience);
    findings.retain(|finding| !OF_FILES.iter().any(|start| finding.rule.starts_with(start)));
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_examined_and_files_are_not_missed() {
        let mut tree = Tree::default();
        tree.put("prod/kargo-myapp/Stage/prod.yaml", "apiVersion: kargo.akuity.io/v1alpha1\nkind: Stage\nmetadata: {name: prod, namespace: kargo-myapp}\nspec:\n  requestedFreight: [{origin: {kind: Warehouse, name: none}, sources: {direct: true}}]\n  promotionTemplate: {spec: {steps: [{uses: git-clone, config: {repoURL: https://gitea.internal/org/d, checkout: [{branch: main, path: ./out}]}}, {uses: yaml-update, config: {path: ./out/clusters/prod/x.yaml, updates: [{key: spec.ref.tag, value: x}]}}]}}\n");
        let rules: Vec<&str> = examine_cluster(&tree, Audience::Supercargo).iter().map(|finding| finding.rule).collect();
        assert!(rules.contains(&"kargo/project-missing") && rules.contains(&"kargo/origin-missing"), "{rules:?}");
        assert!(!rules.contains(&"kargo/pointer-missing"), "{rules:?}");
    }
}
